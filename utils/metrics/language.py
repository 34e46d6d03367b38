"""Language models: nats, bits and perplexity; how different their texts are."""

import math
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.metrics.tags import counted


def nats_per_token(negative_log_likelihood: float, tokens: int) -> float:
    """Divide a summed negative log-likelihood by the number of tokens it was summed over.

    Args:
        negative_log_likelihood: Sum of −ln p over all predicted tokens, in nats, at least 0.
        tokens: Number of predicted tokens (`<EOS>` counts where it is predicted, padding never).

    Returns:
        Nats per token: the cross-entropy.

    Raises:
        ValueError: If there is no token, or the sum is negative or NaN.

    >>> nats_per_token(2 * math.log(8), 2)
    2.0794415416798357
    """
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, but at least one predicted token is expected: is the mask all False?")
    if not negative_log_likelihood >= 0:
        raise ValueError(
            f"negative_log_likelihood is {negative_log_likelihood}, but a sum of −ln p is at least 0: is the sign "
            "wrong, or a logit NaN?"
        )
    return float(negative_log_likelihood) / tokens


def bits_per_token(negative_log_likelihood: float, tokens: int) -> float:
    """Divide a summed negative log-likelihood, given in nats, by the tokens and by ln 2.

    Args and errors are those of `nats_per_token`.

    >>> bits_per_token(2 * math.log(8), 2)
    3.0
    """
    return nats_per_token(negative_log_likelihood, tokens) / math.log(2)


def perplexity(negative_log_likelihood: float, tokens: int) -> float:
    """Compute exp of the nats per token: as hard as choosing among that many equally likely tokens.

    Args and errors are those of `nats_per_token`.

    Returns:
        The perplexity, at least 1; infinity where a token had probability 0.

    >>> round(perplexity(2 * math.log(8), 2), 6)
    8.0
    """
    nats = nats_per_token(negative_log_likelihood, tokens)
    return math.exp(nats) if nats < 709 else math.inf


def summed_nats(logits: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None) -> tuple[float, int]:
    """Sum −ln softmax(logits)[target] over the real positions.

    Args:
        logits: Scores, or log-probabilities, shape (..., classes); −inf is a probability of 0.
        targets: Ids in [0, classes), shape (...).
        mask: True at the positions that count, shape (...), bool; None for all.

    Returns:
        The sum in nats, computed in float64, and the number of positions it was summed over: what
        `nats_per_token`, `bits_per_token` and `perplexity` take. Sums of several batches may be added.

    Raises:
        ValueError: If the shapes do not fit, or a target is no class.

    >>> summed_nats([[0.0, 0.0]], [1])
    (0.6931471805599453, 1)
    """
    logits, targets = np.asarray(logits, dtype=np.float64), np.asarray(targets)
    if logits.ndim < 1 or targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets has shape {targets.shape}, but logits has shape {logits.shape}, so {logits.shape[:-1]} is "
            "expected: one id a position"
        )
    real = counted(targets.shape, mask)
    chosen, scores = targets[real], logits[real]
    if chosen.size and (chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= logits.shape[-1]):
        raise ValueError(f"targets must be ids in [0, {logits.shape[-1]}), the number of classes in logits")
    if not chosen.size:
        return 0.0, 0
    highest = scores.max(axis=-1, keepdims=True)
    log_normaliser = np.log(np.exp(scores - highest).sum(axis=-1)) + highest[:, 0]
    of_target = np.take_along_axis(scores, chosen[:, None], axis=-1)[:, 0]
    return float((log_normaliser - of_target).sum()), int(chosen.size)


def distinct_ngrams(sequences: Iterable[Sequence[Hashable]], n: int) -> float:
    """Compute the share of different n-grams among all n-grams of some texts ("distinct-n").

    It falls with the number of texts, so compare only equally many of them.

    Args:
        sequences: Lists of tokens.
        n: Length of an n-gram, at least 1.

    Returns:
        Different n-grams divided by all, in (0, 1]; 0.0 where no text has n tokens.

    Raises:
        ValueError: If `n` is below 1.

    Source: Li et al., A Diversity-Promoting Objective Function for Neural Conversation Models, NAACL 2016.

    >>> distinct_ngrams([["a", "b", "a", "b"]], 2)
    0.6666666666666666
    """
    if n < 1:
        raise ValueError(f"n is {n}, but an n-gram has at least 1 token")
    grams = [tuple(tokens[i : i + n]) for tokens in sequences for i in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0
