"""Cho's and Sutskever's encoder–decoders on short translations, each with the source read forwards and backwards.

The networks of lesson 08, `utils.layers.fixed_context`, on the short sentences of the data set `translation`: equal
embeddings, equally many units, equal training.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import translation
from utils.experiments.training import Advance, fit, loss

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary

BOS, EOS = 2, 3

Pairs = list[dict[str, Any]]


@functools.cache
def pairs(split: str, lengths: tuple[int, int], first: int) -> Pairs:
    """Return the pairs of a split, as `translation.examples` gives them."""
    return translation.examples(split, lengths, first)


@functools.cache
def vocabularies(lengths: tuple[int, int], first: int) -> tuple["Vocabulary", "Vocabulary"]:
    """Return the vocabularies of source and target, with every word of the training pairs."""
    from utils.text import Vocabulary

    train = pairs("train", lengths, first)
    return tuple(Vocabulary.build(pair[side].split(" ") for pair in train) for side in ("source", "target"))


def fields(split: str, reverse: bool, settings: Mapping[str, Any]) -> dict[str, list[np.ndarray]]:
    """Return the pairs of a split as ids: the source, reversed or not, and the target as it is read and said.

    Args:
        split: "train", "validation" or "test".
        reverse: Whether the sources are read from their ends.
        settings: "lengths" and "first", as `pairs` takes them.
    """
    lengths, first = tuple(settings["lengths"]), settings["first"]
    of_source, of_target = vocabularies(lengths, first)
    chosen = pairs(split, lengths, first)
    way = -1 if reverse else 1
    return {
        "x": [of_source.encode(pair["source"].split(" "))[::way] for pair in chosen],
        "y": [of_target.encode(pair["target"].split(" "), bos=True, eos=True) for pair in chosen],
    }


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "keras.Model":
    """Build a network.

    Args:
        variant: "model", "Cho" or "Sutskever".
        settings: "embedding" and "n_a", the sizes, and those of `pairs`.

    Returns:
        The model; its weights are made at the first call.
    """
    from utils.layers import fixed_context

    sizes = [len(words) for words in vocabularies(tuple(settings["lengths"]), settings["first"])]
    return getattr(fixed_context, variant["model"])(*sizes, settings["embedding"], settings["n_a"])


def judge(model: "keras.Model", variant: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Translate the test sentences greedily.

    Args:
        model: A trained network.
        variant: "source", "forwards" or "reversed".
        settings: Those of `pairs`.

    Yields:
        Dicts with length (of the source; "all" for all together), exact (share of the translations that are right to
        the last token), bleu (0 to 100) and n (sentences).
    """
    import tensorflow as tf

    from utils.decoding import GREEDY, Generator
    from utils.metrics import bleu
    from utils.text import pad

    lengths, first = tuple(settings["lengths"]), settings["first"]
    _, of_target = vocabularies(lengths, first)
    tested = fields("test", variant["source"] == "reversed", settings)
    X, mask = pad(tested["x"])
    generator = Generator(model.step, end=EOS)
    made = generator([BOS] * len(X), tf.function(model.start)(X, mask), length=2 * lengths[1], sampling=GREEDY)
    guessed, wanted = ([of_target.decode(ids) for ids in part] for part in (made.ids, tested["y"]))
    right = np.array([guess == answer for guess, answer in zip(guessed, wanted, strict=True)])
    T_x = mask.sum(axis=1)
    for length in (*range(lengths[0], lengths[1] + 1), "all"):
        chosen = np.flatnonzero(np.full(len(X), True) if length == "all" else T_x == length)
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
        settings: As `network`, `training.fit` and `judge` take them; "batch", pairs in a batch; "variants".
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
