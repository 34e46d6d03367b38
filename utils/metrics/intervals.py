"""How sure a measured number is."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike


def confidence_interval(
    values: ArrayLike, sizes: ArrayLike | None = None, confidence: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Compute where a share or a rate probably lies, given the examples it was measured on.

    Of a share (`values` are bool) it is Wilson's interval. Of a rate it is a bootstrap: the examples are drawn again
    with replacement, and the middle part of the rates of all draws is the interval.

    Args:
        values: For each example whether it is right, bool; or a number, such as its edits; shape (examples,).
        sizes: For each example what the number is divided by, such as its tokens: the rate is Σ values / Σ sizes.
            None for 1.
        confidence: How probable it is that such an interval holds the true value, above 0 and below 1.
        samples: Draws of the bootstrap.
        seed: Decides the draws.

    Returns:
        The lower and the upper end.

    Raises:
        ValueError: If there is no example, the shapes differ, a number is not finite, or `confidence` is out of its
            range.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927; Efron, Bootstrap
    Methods, 1979.

    >>> [round(end, 3) for end in confidence_interval([True] * 8 + [False] * 2)]
    [0.49, 0.943]
    """
    values = np.asarray(values)
    if values.ndim != 1 or not values.size or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError(
            f"values has shape {values.shape} and dtype {values.dtype}, but one finite number or bool for each of at "
            "least one example is expected"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, but a number between 0 and 1 is expected, such as 0.95")
    n = len(values)
    if values.dtype == bool and sizes is None:
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        share = values.mean()
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return max(0.0, float(middle - reach)), min(1.0, float(middle + reach))
    sizes = np.ones(n) if sizes is None else np.asarray(sizes, dtype=float)
    if sizes.shape != values.shape or not (np.isfinite(sizes) & (sizes >= 0)).all() or not sizes.sum() > 0:
        raise ValueError(
            f"sizes has shape {sizes.shape}, but one number of at least 0 for each of {n} values is expected, not all 0"
        )
    if samples < 1:
        raise ValueError(f"samples is {samples}, but at least 1 is expected")
    # How often each example is drawn is all that a draw needs; in pieces, so that it takes little memory.
    rng, rates = np.random.default_rng(seed), []
    for piece in np.array_split(np.arange(samples), max(1, samples * n // 10_000_000)):
        counts = rng.multinomial(n, np.full(n, 1 / n), size=len(piece))
        rates.append((counts @ values.astype(float)) / np.maximum(counts @ sizes, np.finfo(float).tiny))
    low, high = np.quantile(np.concatenate(rates), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
