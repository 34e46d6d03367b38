"""Cho's and Sutskever's encoder–decoders on short translations, each with the source read forwards and backwards.

The networks of lesson 08, `utils.layers.fixed_context`, on the short sentences of the data set `translation`: equal
embeddings, equally many units, equal training.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import translation
from utils.experiments.encoder_decoders import Advance, fit, loss, translator
from utils.experiments.translation import encoded, vocabularies

if TYPE_CHECKING:
    import keras


def fields(split: str, reverse: bool, settings: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
    """Return the pairs of a split as ids: x the sources, reversed or not, y the targets from `<BOS>` to `<EOS>`.

    Args:
        split: "train", "validation" or "test".
        reverse: Whether the sources are read from their ends.
        settings: "lengths" and "first": which pairs, as `utils.datasets.translation.examples` takes them.
    """
    chosen = _chosen(settings)
    sources, targets = encoded(translation.examples(split, *chosen), vocabularies(*chosen))
    return {"x": [source[:: -1 if reverse else 1] for source in sources], "y": targets}


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "keras.Model":
    """Build a network.

    Args:
        variant: "model", "Cho" or "Sutskever".
        settings: "embedding" and "n_a", the sizes, and those of `fields`.

    Returns:
        The model; its weights are made at the first call.
    """
    from utils.layers import fixed_context

    sizes = map(len, vocabularies(*_chosen(settings)))
    return getattr(fixed_context, variant["model"])(*sizes, settings["embedding"], settings["n_a"])


def judge(model: "keras.Model", variant: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Translate the test sentences greedily.

    Args:
        model: A trained network.
        variant: "source", "forwards" or "reversed".
        settings: Those of `fields`.

    Yields:
        Dicts with length (of the source; "all" for all together), exact (share of the translations that are right to
        the last token), bleu (0 to 100) and n (sentences).
    """
    from utils.metrics import bleu

    shortest, longest = settings["lengths"]
    _, of_target = vocabularies(*_chosen(settings))
    tested = fields("test", variant["source"] == "reversed", settings)
    guessed = translator(model, of_target, longest, 2 * longest)(tested["x"])
    wanted = [of_target.decode(ids) for ids in tested["y"]]
    right = np.array([guess == answer for guess, answer in zip(guessed, wanted, strict=True)])
    T_x = np.array([len(source) for source in tested["x"]])
    for length in (*range(shortest, longest + 1), "all"):
        chosen = np.flatnonzero(np.full(len(T_x), True) if length == "all" else T_x == length)
        yield {
            "length": length,
            "exact": float(right[chosen].mean()),
            "bleu": bleu([[wanted[i]] for i in chosen], [guessed[i] for i in chosen]),
            "n": len(chosen),
        }


def rows(seed: int, settings: Mapping[str, Any], advance: Advance) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network`, `fit` and `judge` take them; "batch", pairs in a batch; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, model, source, parameters, validation (nats a token at the end), and what `judge` gives.
    """
    from utils.datasets.pipeline import batches
    from utils.runtime import seed_everything

    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(variant, settings)
        reverse = variant["source"] == "reversed"
        fed = batches(fields("train", reverse, settings), batch_size=settings["batch"], seed=seed)
        for _ in fit(model, fed, settings, advance):
            pass
        held_out = batches(fields("validation", reverse, settings), batch_size=256, shuffle=False)
        stated = {"parameters": model.count_params(), "validation": loss(model, held_out)}
        for line in judge(model, variant, settings):
            yield {"seed": seed, **variant, **stated, **line}


def _chosen(settings: Mapping[str, Any]) -> tuple[tuple[int, int], int]:
    """Which pairs: their lengths, and among how many."""
    return tuple(settings["lengths"]), settings["first"]
