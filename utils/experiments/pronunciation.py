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
from utils.experiments.encoder_decoders import Advance, fit, network, translator

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
    from utils.metrics import error_rates

    letters, phonemes = vocabularies()
    tested = pronunciation.examples("test")[:number]
    pronounce = translator(model, phonemes, _LONGEST, _LONGEST + 1)
    guessed = pronounce([letters.encode(list(record["word"])) for record in tested])
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
        settings: As `network` and `fit` take them; "words", how many to train on; "batch", how many at a
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
        model = network(vocabularies(), variant, settings)
        for _ in fit(model, batches({"x": spelt, "y": spoken}, settings["batch"], seed=seed), settings, advance):
            pass
        size = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
        for line in judge(model, settings["tested"]):
            yield {"seed": seed, **variant, "parameters": size, **line}
        keras.backend.clear_session()
