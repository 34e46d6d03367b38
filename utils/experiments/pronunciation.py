"""How a word is pronounced, with and without attention: the same words, the same training.

Without: lesson 08's network, Cho's encoder–decoder, as it is and with an encoder that reads in both directions. With:
Bahdanau's, somewhat narrower, so that it has fewer parameters than the first. Decoded greedily; a word counts as right
if it is exactly one of its pronunciations.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import pronunciation

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary

GROUPS = (4, 6, 8, 10, 13, 30)  # the largest number of letters of each group of words
_LONGEST = 30  # letters of a word, and phonemes of a pronunciation


@functools.cache
def vocabularies() -> tuple["Vocabulary", "Vocabulary"]:
    """Return the vocabularies of the letters and of the phonemes."""
    from utils.text import Vocabulary

    train = pronunciation.examples("train")
    letters = Vocabulary.build([list(record["word"]) for record in train])
    return letters, Vocabulary.build([p.split() for record in train for p in record["pronunciations"]])


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "keras.Model":
    """Build an encoder–decoder of gated recurrent units.

    Args:
        variant: "attention", "none" for Cho's network or "bahdanau" for Bahdanau's; "directions", 1 or 2, in which
            the encoder reads (Bahdanau's always reads in both); "units" of the decoder. In Cho's network the two
            directions share them, so that the context is as wide as with one.
        settings: "embedding", the width of the embeddings.

    Returns:
        The model; Cho's makes its weights at the first call.
    """
    import keras

    from utils.layers import GRU, EncoderDecoder
    from utils.layers.fixed_context import Cho

    sizes, units = [*map(len, vocabularies()), settings["embedding"]], variant["units"]
    if variant["attention"] != "none":
        return EncoderDecoder(*sizes, units, variant["attention"])
    model = Cho(*sizes, units)
    if variant["directions"] == 2:
        model.encoder = keras.layers.Bidirectional(GRU(units // 2))
    return model


def scores(model: "keras.Model", source: Any, mask: Any, target_in: Any) -> Any:
    """Return the logits (batch, T_y, V_y) of a network of either form."""
    from utils.layers.fixed_context import Cho

    return model(source, mask, target_in) if isinstance(model, Cho) else model(source, target_in, mask)


def learn(model: "keras.Model", seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> list[float]:
    """Train a network on the first pronunciation of the training words.

    Args:
        model: What `network` gives.
        seed: Decides the batches.
        settings: "words", how many; "batch"; "epochs"; "learning_rate" of Adam, which falls along a cosine to 0;
            "clipnorm".
        advance: Called with 1 after each epoch.

    Returns:
        The mean loss of each epoch's batches, in nats a phoneme.
    """
    import keras
    import tensorflow as tf

    from utils.datasets.pipeline import batches

    letters, phonemes = vocabularies()
    chosen = pronunciation.examples("train")[: settings["words"]]
    x = [letters.encode(list(record["word"])) for record in chosen]
    y = [phonemes.encode(record["pronunciations"][0].split(), bos=True, eos=True) for record in chosen]
    fed = batches({"x": x, "y": y}, batch_size=settings["batch"], seed=seed)
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
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(y[:, 1:], scores(model, x, x_mask, y[:, :-1]))
            loss = tf.reduce_mean(tf.boolean_mask(nats, y_mask[:, 1:]))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    losses = []
    for _ in range(settings["epochs"]):
        losses.append(float(np.mean([step(*(batch[name] for name in names)) for batch in fed])))
        advance(1)
    return losses


def judge(model: "keras.Model", number: int | None) -> Iterator[dict[str, Any]]:
    """Pronounce test words.

    Args:
        model: A trained network.
        number: How many words, from the first; None for all. Each group needs one.

    Yields:
        Dicts with letters ("all", or the largest number of letters of a group of words), per and wer (phoneme and
        word error rate, shares) and n (words).
    """
    import tensorflow as tf

    from utils.decoding import GREEDY, Generator
    from utils.metrics import error_rates
    from utils.text import BOS, EOS, PAD, UNK, pad

    letters, phonemes = vocabularies()
    bos, eos, *never = (phonemes.id_of(token) for token in (BOS, EOS, PAD, UNK))
    shapes = [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "bool")]
    start = tf.function(model.start, input_signature=shapes)
    generator = Generator(model.step, end=eos, never=[bos, *never])
    tested = pronunciation.examples("test")[:number]
    guessed = []
    for first in range(0, len(tested), 1000):
        part = tested[first : first + 1000]
        X, mask = pad([letters.encode(list(record["word"])) for record in part], _LONGEST)
        made = generator([bos] * len(X), start(X, mask), length=_LONGEST + 1, sampling=GREEDY)
        guessed += [phonemes.decode(ids) for ids in made.ids]
    answers = [[answer.split() for answer in record["pronunciations"]] for record in tested]
    sizes = np.array([len(record["word"]) for record in tested])
    for shortest, longest in [(1, "all"), *zip([1, *(size + 1 for size in GROUPS)], GROUPS, strict=False)]:
        within = np.flatnonzero((sizes >= shortest) & (sizes <= (_LONGEST if longest == "all" else longest)))
        rates = error_rates([answers[i] for i in within], [guessed[i] for i in within])
        yield {"letters": longest, "per": rates.token, "wer": rates.sequence, "n": len(within)}


def rows(seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network` and `learn` take them; "tested", as `judge` takes it; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, attention, directions, units, parameters, and what `judge` gives.
    """
    import keras

    from utils.runtime import seed_everything

    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(variant, settings)
        learn(model, seed, settings, advance)
        size = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
        for line in judge(model, settings["tested"]):
            yield {"seed": seed, **variant, "parameters": size, **line}
        keras.backend.clear_session()
