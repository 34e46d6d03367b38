"""How a word is pronounced, with and without attention: the same words, the same training.

Without: lesson 08's network, Cho's encoder–decoder, as it is and with an encoder that reads in both directions. With:
Bahdanau's, somewhat narrower, so that it has fewer parameters than the first. Decoded greedily; a word counts as right
if it is exactly one of its pronunciations.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import pronunciation
from utils.experiments.training import Advance, fit

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
        del model.encoder  # or Keras would go on waiting for its weights
        model.encoder = keras.layers.Bidirectional(GRU(units // 2))
    return model


def encoded(number: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return training words as ids of their letters, and their first pronunciations from `<BOS>` to `<EOS>`."""
    letters, phonemes = vocabularies()
    chosen = pronunciation.examples("train")[:number]
    spelt = [letters.encode(list(record["word"])) for record in chosen]
    return spelt, [phonemes.encode(record["pronunciations"][0].split(), bos=True, eos=True) for record in chosen]


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


def rows(seed: int, settings: Mapping[str, Any], advance: Advance) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network` and `training.fit` take them; "words", how many to train on; "batch", how many at a
            time; "tested", as `judge` takes it; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, attention, directions, units, parameters, and what `judge` gives.
    """
    import keras

    from utils.datasets.pipeline import batches
    from utils.runtime import seed_everything

    spelt, spoken = encoded(settings["words"])
    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(variant, settings)
        for _ in fit(model, batches({"x": spelt, "y": spoken}, settings["batch"], seed=seed), settings, advance):
            pass
        size = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
        for line in judge(model, settings["tested"]):
            yield {"seed": seed, **variant, "parameters": size, **line}
        keras.backend.clear_session()
