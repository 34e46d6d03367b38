"""Translation by the length of the source: what a context of fixed size can hold, and what attention changes.

Cho's encoder–decoder, whose decoder sees one context at every step, and Bahdanau's, whose decoder computes a new one at
every step, on the data set `translation`: the comparison of RNNencdec and RNNsearch in Bahdanau, Cho & Bengio (ICLR
2015). Each is trained on sentences of all lengths, or of the short ones alone, and judged on test sentences in groups
of similar length, decoded greedily.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import translation
from utils.experiments.encoder_decoders import Advance, fit, network, translator

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary

GROUPS = range(5, 30, 3)  # the largest source length of each group: 3 to 5, 6 to 8, …, 27 to 29 tokens

Vocabularies = tuple["Vocabulary", "Vocabulary"]


@functools.cache
def vocabularies(*chosen: Any) -> Vocabularies:
    """Return the vocabularies of source and target, with every word of the training pairs.

    Args:
        chosen: Which training pairs, as `utils.datasets.translation.examples` takes it; nothing for all.
    """
    from utils.text import Vocabulary

    train = translation.examples("train", *chosen)
    return tuple(Vocabulary.build(pair[side].split(" ") for pair in train) for side in ("source", "target"))


def encoded(pairs: list[dict[str, Any]], words: Vocabularies) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return pairs as ids: sources as they are, targets from `<BOS>` to `<EOS>`."""
    of_source, of_target = words
    sources = [of_source.encode(pair["source"].split(" ")) for pair in pairs]
    return sources, [of_target.encode(pair["target"].split(" "), bos=True, eos=True) for pair in pairs]


def judge(model: "keras.Model", tested: int) -> Iterator[dict[str, Any]]:
    """Translate test sentences of each group of lengths.

    Args:
        model: A trained network.
        tested: Most sentences of each group.

    Yields:
        Dicts with length (the largest of the group), exact (share of the translations that are right to the last
        token), bleu (0 to 100) and n (sentences).
    """
    from utils.metrics import bleu

    words = vocabularies()
    translate = translator(model, words[1], GROUPS[-1], GROUPS[-1] * 3 // 2)
    for longest in GROUPS:
        shortest = max(longest - GROUPS.step + 1, translation.SHORTEST)
        sources, targets = encoded(translation.examples("test", (shortest, longest))[:tested], words)
        guessed, wanted = translate(sources), [words[1].decode(ids) for ids in targets]
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
        settings: As `network` and `fit` take them; "lengths", least and largest source length of the pairs
            to train on; "tokens", most positions in a batch; "tested", as `judge` takes it; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, attention, units, and what `judge` gives.
    """
    from utils.datasets.pipeline import batches
    from utils.runtime import seed_everything

    words = vocabularies()
    sources, targets = encoded(translation.examples("train", settings["lengths"]), words)
    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(words, variant, settings)
        fed = batches({"x": sources, "y": targets}, tokens=settings["tokens"], seed=seed)
        for _ in fit(model, fed, settings, advance):
            pass
        for line in judge(model, settings["tested"]):
            yield {"seed": seed, **variant, **line}
