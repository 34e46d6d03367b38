"""A label for each token: accuracy, and the F1 of entities in BIO tags."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


def token_accuracy(expected: ArrayLike, predicted: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Compute the share of positions where the prediction is right.

    Args:
        expected: Ids or labels, any shape.
        predicted: Ids or labels, the same shape.
        mask: True at the positions that count, the same shape, bool; None for all.

    Returns:
        The accuracy, in [0, 1].

    Raises:
        ValueError: If the shapes differ, or no position counts.

    >>> token_accuracy([[1, 2, 0]], [[1, 3, 9]], [[True, True, False]])
    0.5
    """
    expected, predicted = np.asarray(expected), np.asarray(predicted)
    if expected.shape != predicted.shape:
        raise ValueError(
            f"predicted has shape {predicted.shape}, but expected has shape {expected.shape}: they must be alike"
        )
    real = counted(expected.shape, mask)
    if not real.any():
        raise ValueError("no position counts, so there is no accuracy: is the mask all False?")
    return float((expected == predicted)[real].mean())


@dataclass(frozen=True)
class EntityScore:
    """How well entities were found; an entity counts only if its type and both of its ends are right.

    Attributes:
        precision: Share of the predicted entities that are right; 0 where none is predicted.
        recall: Share of the true entities that were found; 0 where there is none.
        f1: Harmonic mean of the two; 0 where both are 0.
        entities: Number of true entities.
    """

    precision: float
    recall: float
    f1: float
    entities: int


def entity_f1(expected: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityScore:
    """Score entities in BIO tags, as the shared tasks of CoNLL do.

    An I- tag without a B- tag before it begins an entity (`seqeval` in its default mode, like `conlleval`).

    Args:
        expected: For each sentence its true tags, like ["B-PER", "I-PER", "O"].
        predicted: For each sentence its predicted tags, equally many.

    Returns:
        The score, over all entities of all sentences.

    Raises:
        ValueError: If the numbers of sentences or of tags differ, or a tag is no BIO tag.

    >>> entity_f1([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]).f1
    0.5
    """
    expected, predicted = [list(tags) for tags in expected], [list(tags) for tags in predicted]
    if len(expected) != len(predicted):
        raise ValueError(f"predicted has {len(predicted)} sentences, but expected has {len(expected)}")
    for i, (true, guess) in enumerate(zip(expected, predicted, strict=True)):
        if len(true) != len(guess):
            raise ValueError(f"sentence {i} has {len(guess)} predicted tags, but {len(true)} expected ones")
    if strange := sorted({tag for tags in (*expected, *predicted) for tag in tags if not _is_bio_tag(tag)}):
        raise ValueError(f"{strange[0]!r} is no BIO tag: a tag is 'O', or 'B-' or 'I-' and a type")
    from seqeval.metrics.sequence_labeling import get_entities

    # An empty sentence would let seqeval join the last entity before it to the first one after it.
    true, guess = (
        {(i, *entity) for i, tags in enumerate(part) if tags for entity in get_entities(tags)}
        for part in (expected, predicted)
    )
    right = len(true & guess)
    precision, recall = right / max(1, len(guess)), right / max(1, len(true))
    f1 = 2 * right / (len(true) + len(guess)) if right else 0.0
    return EntityScore(precision, recall, f1, len(true))


def is_bio(tags: Iterable[str]) -> bool:
    """Tell whether tags mark entities: every one is `O`, or `B-` or `I-` and a type, and one is not `O`.

    >>> is_bio(["O", "B-PER", "I-PER"]), is_bio(["NOUN", "VERB"])
    (True, False)
    """
    different = set(tags)
    return bool(different - {"O"}) and all(map(_is_bio_tag, different))


def illegal_tags(sequences: Iterable[Sequence[str]]) -> int:
    """Count the I- tags that continue nothing: not after a B- or I- tag of the same type.

    >>> illegal_tags([["O", "I-PER", "I-PER", "I-LOC"]])
    2
    """
    return sum(
        tag.startswith("I-") and before[1:] != tag[1:]
        for tags in sequences
        for before, tag in zip(["O", *tags], tags, strict=False)
    )


def counted(shape: tuple[int, ...], mask: ArrayLike | None) -> np.ndarray:
    """Return which positions count: those of `mask`, or all."""
    if mask is None:
        return np.ones(shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.shape != shape:
        raise ValueError(f"mask has shape {mask.shape}, but {shape} is expected, one value a position")
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}, but bool is expected: write mask.astype(bool)")
    return mask


def _is_bio_tag(tag: str) -> bool:
    return tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2)
