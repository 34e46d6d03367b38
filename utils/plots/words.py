"""Numbers and sentences for descriptions and labels."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from utils.plots.drawing import is_math

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SYMBOLS = {r"\langle": "<", r"\rangle": ">", r"\times": "×", r"\rho": "rho", r"\quad": " ", r"\,": " "}


def number(value: float) -> str:
    """A number in at most three significant digits, never rounded to a whole number without showing it.

    >>> number(1.3863), number(0.9996), number(12345), number(-0.5), number(2.5e-7)
    ('1.39', '1.00', '12,345', '−0.5', '2.5×10⁻⁷')
    """
    value = float(value)
    if 1000 <= abs(value) < 1e7 or (abs(value) < 1e7 and value == int(value)):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
        if re.fullmatch(r"-?\d+", text):
            text = f"{value:#.3g}".rstrip(".")
    return _typeset(text)


def _typeset(text: str) -> str:
    """Proper minus signs, and powers of ten in place of Python's `e`."""
    mantissa, _, exponent = re.sub(r"^-(?=[0.]+$)", "", text).partition("e")
    power = f"×10{str(int(exponent)).translate(_SUPERSCRIPTS)}" if exponent else ""
    return mantissa.replace("-", "−") + power


def numbers(values: np.ndarray) -> list[str]:
    """Numbers that stand side by side in a figure: the same number of decimals for all of them."""
    flat = np.asarray(values, float).ravel()
    finite = flat[np.isfinite(flat)]
    largest = np.abs(finite).max(initial=0.0)
    smallest = np.abs(finite[finite != 0]).min(initial=largest)
    if np.all(finite == np.round(finite)) and largest < 1e6:
        decimals = 0
    elif largest >= 1e5 or largest < 1e-3 or (largest > 0 and smallest < 1e-3 and largest < 0.1):
        return [number(value) if np.isfinite(value) else "NaN" for value in flat]
    else:
        decimals = 0 if largest >= 1000 else 1 if largest >= 100 else 2 if largest >= 0.1 else 3
    while decimals > 1 and np.allclose(finite, np.round(finite, decimals - 1), rtol=0, atol=1e-9):
        decimals -= 1
    return [_typeset(f"{value:,.{decimals}f}") if np.isfinite(value) else "NaN" for value in flat]


def plain(text: object) -> str:
    r"""A label without its mathematical mark-up and line breaks.

    >>> plain(r"loss $\hat y^{\langle 1\rangle}$")
    'loss y-hat^<1>'
    """
    text = re.sub(r"[\n\u00a0]", " ", str(text))
    if not is_math(text):
        return text
    text = re.sub(r"\\hat\s*\{?(\w)\}?", r"\1-hat", text)
    for command, word in _SYMBOLS.items():
        text = text.replace(command, word)
    text = re.sub(r"\\(?:mathrm|operatorname|text)\s*|[${}\\]", "", text)
    return re.sub(r"(?<=<) | (?=>)", "", text)


def listed(items: Iterable[str]) -> str:
    """Items as a list in words: `a, b and c`."""
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """A number and its noun: `1 square`, `3 squares`."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def ends(labels: Sequence[str]) -> str:
    """All labels if they are few, otherwise the first and the last."""
    quoted = [f"'{plain(label)}'" for label in labels]
    return ", ".join(quoted) if len(quoted) <= 12 else f"{quoted[0]} to {quoted[-1]}"


def course(x: np.ndarray, y: np.ndarray, log: bool = False) -> str:
    """How a line runs, in words, with its turning point where it has a marked one; `log` on a logarithmic axis.

    >>> course(np.arange(1, 4), np.array([1.4, 0.5, 0.02]))
    'falls from 1.4 at 1 to 0.02 at 3'
    """
    first, last, low, high = y[0], y[-1], int(y.argmin()), int(y.argmax())
    if len(y) == 1:
        return f"is {number(first)} at {number(x[0])}"
    span = y[high] - y[low]
    if span == 0:
        return f"stays at {number(first)} from {number(x[0])} to {number(x[-1])}"
    start, end = f"from {number(first)} at {number(x[0])}", f"{number(last)} at {number(x[-1])}"
    height = np.log if log else np.asarray
    span = height(y[high]) - height(y[low])
    dips = height(min(first, last)) - height(y[low]) > 0.15 * span
    peaks = height(y[high]) - height(max(first, last)) > 0.15 * span
    if dips and peaks:
        return f"runs {start} to {end}, between {number(y[low])} and {number(y[high])}"
    if dips:
        return f"falls {start} to {number(y[low])} at {number(x[low])}, then rises to {end}"
    if peaks:
        return f"rises {start} to {number(y[high])} at {number(x[high])}, then falls to {end}"
    return f"{'rises' if last > first else 'falls'} {start} to {end}"
