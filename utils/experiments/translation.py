"""Translation by the length of the source: what a context of fixed size can hold, and what attention changes.

Cho's encoder–decoder, whose decoder sees one context at every step, and Bahdanau's, whose decoder computes a new one at
every step, on the data set `translation`: the comparison of RNNencdec and RNNsearch in Bahdanau, Cho & Bengio (ICLR
2015). Each is trained on sentences of all lengths, or of the short ones alone, and judged on test sentences in groups
of similar length, decoded greedily.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import translation

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary

GROUPS = range(5, 30, 3)  # the largest source length of each group: 3 to 5, 6 to 8, …, 27 to 29 tokens

Advance = Callable[[int], None]
Pairs = tuple[list[np.ndarray], list[np.ndarray]]


@functools.cache
def vocabularies() -> tuple["Vocabulary", "Vocabulary"]:
    """Return the vocabularies of the source and of the target, with every word of the training split."""
    from utils.text import Vocabulary

    train = translation.examples("train")
    return tuple(Vocabulary.build(pair[side].split(" ") for pair in train) for side in ("source", "target"))


def encoded(split: str, lengths: tuple[int, int], number: int | None = None) -> Pairs:
    """Return pairs as ids: sources as they are, targets from `<BOS>` to `<EOS>`.

    Args:
        split: "train", "validation" or "test".
        lengths: Least and largest number of source tokens.
        number: How many pairs, from the first; None for all.
    """
    of_source, of_target = vocabularies()
    chosen = translation.examples(split, lengths)[:number]
    sources = [of_source.encode(pair["source"].split(" ")) for pair in chosen]
    return sources, [of_target.encode(pair["target"].split(" "), bos=True, eos=True) for pair in chosen]


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "keras.Model":
    """Build an encoder–decoder.

    Args:
        variant: "attention", "none" for Cho's network or "bahdanau" for Bahdanau's, whose encoder reads in both
            directions; "units", of the decoder's state and of each direction of the encoder.
        settings: "embedding", the width of the embeddings.

    Returns:
        The model; Cho's makes its weights at the first call.
    """
    from utils.layers import EncoderDecoder
    from utils.layers.fixed_context import Cho

    sizes = [len(vocabulary) for vocabulary in vocabularies()]
    if variant["attention"] == "none":
        return Cho(*sizes, settings["embedding"], variant["units"])
    return EncoderDecoder(*sizes, settings["embedding"], variant["units"], variant["attention"])


def scores(model: "keras.Model", source: Any, mask: Any, target_in: Any) -> Any:
    """Return the logits (batch, T_y, V_y) of a network of either form."""
    from utils.layers.fixed_context import Cho

    return model(source, mask, target_in) if isinstance(model, Cho) else model(source, target_in, mask)


def learn(
    model: "keras.Model", seed: int, settings: Mapping[str, Any], advance: Advance = lambda epochs: None
) -> Iterator[float]:
    """Train a network on pairs of the training split.

    Args:
        model: What `network` gives.
        seed: Decides the batches.
        settings: "lengths", least and largest source length of the pairs; "tokens", positions in a batch; "epochs";
            "learning_rate" of Adam, which falls along a cosine to 0; "clipnorm".
        advance: Called with 1 after each epoch.

    Yields:
        The loss of each epoch, in nats a target token.
    """
    import keras
    import tensorflow as tf

    from utils.datasets.pipeline import batches

    x, y = encoded("train", settings["lengths"])
    fed = batches({"x": x, "y": y}, tokens=settings["tokens"], seed=seed)
    falling = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["epochs"] * len(fed))
    optimizer = keras.optimizers.Adam(falling, global_clipnorm=settings["clipnorm"])
    names = ("x", "x_mask", "y", "y_mask")
    for batch in fed.take(1):
        scores(model, batch["x"], batch["x_mask"], batch["y"][:, :-1])  # makes the weights
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(input_signature=[fed.element_spec[name] for name in names])
    def step(x, x_mask, y, y_mask):
        with tf.GradientTape() as tape:
            logits = scores(model, x, x_mask, y[:, :-1])
            real = tf.cast(y_mask[:, 1:], "float32")
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(y[:, 1:], logits) * real
            loss = tf.reduce_sum(nats) / tf.reduce_sum(real)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return tf.reduce_sum(nats), tf.reduce_sum(real)

    for _ in range(settings["epochs"]):
        sums = [step(*(batch[name] for name in names)) for batch in fed]
        nats, tokens = np.sum(np.array(sums, dtype=np.float64), axis=0)
        advance(1)
        yield float(nats / tokens)


def judge(model: "keras.Model", tested: int, split: str = "test") -> Iterator[dict[str, Any]]:
    """Translate sentences of each group of lengths.

    Args:
        model: A trained network.
        tested: Most sentences of each group.
        split: "test", or "validation" to choose settings.

    Yields:
        Dicts with length (the largest of the group), exact (share of the translations that are right to the last
        token), bleu (0 to 100) and n (sentences).
    """
    import tensorflow as tf

    from utils.decoding import GREEDY, Generator
    from utils.metrics import bleu
    from utils.text import BOS, EOS, PAD, pad

    _, of_target = vocabularies()
    bos, eos = of_target.id_of(BOS), of_target.id_of(EOS)
    shapes = [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "bool")]
    start = tf.function(model.start, input_signature=shapes)
    generator = Generator(model.step, end=eos, never=[of_target.id_of(PAD), bos])
    for longest in GROUPS:
        shortest = max(longest - GROUPS.step + 1, translation.SHORTEST)
        sources, targets = encoded(split, (shortest, longest), tested)
        X, mask = pad(sources, GROUPS[-1])  # one shape for all groups: it is compiled once
        made = generator([bos] * len(X), start(X, mask), length=GROUPS[-1] * 3 // 2, sampling=GREEDY)
        guessed = [of_target.decode(ids) for ids in made.ids]
        wanted = [of_target.decode(ids) for ids in targets]
        yield {
            "length": longest,
            "exact": float(np.mean([guess == right for guess, right in zip(guessed, wanted, strict=True)])),
            "bleu": bleu([[right] for right in wanted], guessed),
            "n": len(wanted),
        }


def rows(seed: int, settings: Mapping[str, Any], advance: Advance) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network` and `learn` take them; "tested", as `judge` takes it; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, attention, units, and what `judge` gives.
    """
    from utils.runtime import seed_everything

    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(variant, settings)
        for _ in learn(model, seed, settings, advance):
            pass
        for line in judge(model, settings["tested"]):
            yield {"seed": seed, **variant, **line}
