"""Translation by the length of the source: what a last state of fixed size can hold, and what attention changes.

Encoder–decoders of the library on the data set `translation`. Each is trained on sentences of all lengths, or of the
short ones alone, and judged on test sentences in groups of similar length, decoded greedily.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import translation

if TYPE_CHECKING:
    from utils.layers import EncoderDecoder
    from utils.text import Vocabulary

WIDTH = 5  # source lengths in a group: up to 5, 6 to 10, …, 56 to 60
_PADDED_TO = 20  # few different shapes, because each is compiled anew

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


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "EncoderDecoder":
    """Build an encoder–decoder whose encoder reads in both directions.

    Args:
        variant: "attention", "none" or a form that `EncoderDecoder` knows; "units", of the decoder's state and of
            each direction of the encoder.
        settings: "cell", "embedding" (its width) and "dropout".

    Returns:
        The model, with its weights.
    """
    from utils.layers import EncoderDecoder

    of_source, of_target = vocabularies()
    return EncoderDecoder(
        len(of_source),
        len(of_target),
        embedding=settings["embedding"],
        units=variant["units"],
        attention=None if variant["attention"] == "none" else variant["attention"],
        cell=settings["cell"],
        dropout=settings["dropout"],
    )


def learn(
    model: "EncoderDecoder", seed: int, settings: Mapping[str, Any], advance: Advance = lambda epochs: None
) -> list[float]:
    """Train a network on the first pairs of the training split.

    Args:
        model: What `network` gives.
        seed: Decides the batches.
        settings: "lengths", least and largest, of the sources; "pairs", how many; "tokens", positions in a batch;
            "epochs"; "learning_rate" of Adam, which falls along a cosine to 0; "clipnorm".
        advance: Called with 1 after each epoch.

    Returns:
        The loss of each epoch, in nats a target token.
    """
    import keras
    import tensorflow as tf

    from utils.datasets.pipeline import batches

    x, y = encoded("train", tuple(settings["lengths"]), settings["pairs"])
    fed = batches({"x": x, "y": y}, tokens=settings["tokens"], seed=seed)
    falling = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["epochs"] * len(fed))
    optimizer = keras.optimizers.Adam(falling, global_clipnorm=settings["clipnorm"])
    optimizer.build(model.trainable_variables)
    weights = model.trainable_variables

    @tf.function(input_signature=[fed.element_spec[name] for name in ("x", "x_mask", "y", "y_mask")])
    def step(x, x_mask, y, y_mask):
        with tf.GradientTape() as tape:
            logits = model(x, y[:, :-1], x_mask, training=True)
            real = tf.cast(y_mask[:, 1:], "float32")
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(y[:, 1:], logits) * real
            loss = tf.reduce_sum(nats) / tf.reduce_sum(real)
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return tf.reduce_sum(nats), tf.reduce_sum(real)

    losses = []
    for _ in range(settings["epochs"]):
        sums = [step(*(batch[name] for name in ("x", "x_mask", "y", "y_mask"))) for batch in fed]
        nats, tokens = np.sum(np.array(sums, dtype=np.float64), axis=0)
        losses.append(float(nats / tokens))
        advance(1)
    return losses


def judge(model: "EncoderDecoder", tested: int) -> Iterator[dict[str, Any]]:
    """Translate test sentences of every length.

    Args:
        model: A trained network.
        tested: Sentences of each group of lengths.

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
    for length in range(WIDTH, translation.LONGEST + 1, WIDTH):
        sources, targets = encoded("test", (max(length - WIDTH + 1, translation.SHORTEST), length), tested)
        T_x = -(-length // _PADDED_TO) * _PADDED_TO
        X, mask = pad(sources, T_x)
        made = generator([bos] * len(X), start(X, mask), length=T_x * 3 // 2, sampling=GREEDY)
        guessed = [of_target.decode(ids) for ids in made.ids]
        wanted = [of_target.decode(ids) for ids in targets]
        yield {
            "length": length,
            "exact": float(np.mean([guess == right for guess, right in zip(guessed, wanted, strict=True)])),
            "bleu": bleu([[right] for right in wanted], guessed),
            "n": len(wanted),
        }


def rows(seed: int, settings: Mapping[str, Any], advance: Advance) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each variant.

    Args:
        seed: Decides weights, batches and dropout.
        settings: As `network` and `learn` take them; "tested", as `judge` takes it; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, attention, units, and what `judge` gives.
    """
    from utils.runtime import seed_everything

    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(variant, settings)
        learn(model, seed, settings, advance)
        for line in judge(model, settings["tested"]):
            yield {"seed": seed, **variant, **line}
