"""Tags under constraints: the best sequence of tags in which every tag may follow the one before it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def viterbi(scores: ArrayLike, mask: ArrayLike, legal: ArrayLike, legal_first: ArrayLike) -> np.ndarray:
    """Find the tag sequence of the highest summed score among those in which every tag may follow the one before.

    Args:
        scores: Log-probability of each tag, shape (batch, time, tags).
        mask: True at the real positions, shape (batch, time), bool, right-padded, no row without one.
        legal: legal[i, j] tells whether tag j may follow tag i, shape (tags, tags), bool.
        legal_first: Whether a sequence may begin with the tag, shape (tags,), bool.

    Returns:
        The best tags, shape (batch, time), int32; 0 at padded positions.

    Raises:
        ValueError: If the shapes do not fit, or nothing is legal.

    Source: Viterbi, Error bounds for convolutional codes and an asymptotically optimum decoding algorithm, 1967.
    """
    scores, mask = np.asarray(scores, dtype=np.float64), np.asarray(mask)
    legal, legal_first = np.asarray(legal, dtype=bool), np.asarray(legal_first, dtype=bool)
    if scores.ndim != 3 or mask.shape != scores.shape[:2] or mask.dtype != bool:
        raise ValueError(
            f"scores has shape {scores.shape} and mask {mask.shape} ({mask.dtype}), but (batch, time, tags) and "
            "(batch, time) of bool are expected"
        )
    tags = scores.shape[-1]
    if legal.shape != (tags, tags) or legal_first.shape != (tags,):
        raise ValueError(
            f"legal has shape {legal.shape} and legal_first {legal_first.shape}, but scores has {tags} tags"
        )
    if not legal_first.any() or not legal.any(axis=1).all():
        raise ValueError("some tag has no legal follower, or no tag may begin a sequence: allow at least one")
    m, T_x = mask.shape
    allowed = np.where(legal, 0.0, -np.inf)
    best = scores[:, 0] + np.where(legal_first, 0.0, -np.inf)  # (batch, tags)
    back = np.tile(np.arange(tags), (m, T_x, 1))  # at padded positions each tag points to itself
    for t in range(1, T_x):
        through = best[:, :, None] + allowed  # (batch, before, after)
        real = mask[:, t, None]
        back[:, t] = np.where(real, through.argmax(axis=1), back[:, t])
        best = np.where(real, through.max(axis=1) + scores[:, t], best)
    path = np.empty((m, T_x), dtype=np.int32)
    path[:, -1] = best.argmax(axis=-1)
    for t in range(T_x - 1, 0, -1):
        path[:, t - 1] = np.take_along_axis(back[:, t], path[:, t, None], axis=-1)[:, 0]
    return np.where(mask, path, 0).astype(np.int32)


def legal_bio(tags: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Tell which BIO tag may follow which: I- only a B- or I- of the same type.

    Args:
        tags: All tags, like ["O", "B-PER", "I-PER"].

    Returns:
        legal, shape (tags, tags), bool: legal[i, j] tells whether tag j may follow tag i; and legal_first, shape
        (tags,), bool: whether a sentence may begin with the tag.

    >>> legal_bio(["O", "B-PER", "I-PER"])[0].tolist()
    [[True, True, False], [True, True, True], [True, True, True]]
    """
    first = np.array([not tag.startswith("I-") for tag in tags])
    same_type = np.array([[before[1:] == tag[1:] for tag in tags] for before in tags])
    return same_type | first, first
