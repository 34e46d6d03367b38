"""What the charts are given: checked, and brought into one form."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Line = tuple[np.ndarray, np.ndarray]  # x, y
Band = tuple[np.ndarray, np.ndarray, np.ndarray]  # x, low, high


def mapping(name: str, given: Any) -> Mapping:
    """A dictionary that is not empty."""
    if not isinstance(given, Mapping) or not given:
        raise ValueError(f"{name} must be a dictionary with at least one entry, but got {given!r:.60}")
    return given


def numbers_of(name: str, values: ArrayLike) -> np.ndarray:
    """The values as an array of floats."""
    try:
        return np.asarray(values).astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers: {error}") from None


def line_of(name: str, line: Any) -> Line:
    """The x and y of a line, given as y or as (x, y)."""
    pair = isinstance(line, tuple) and len(line) == 2 and np.ndim(line[0]) > 0
    y = numbers_of(name, line[1] if pair else line)
    x = numbers_of(name, line[0]) if pair else np.arange(1.0, y.shape[0] + 1 if y.ndim else 1)
    if y.ndim != 1 or x.shape != y.shape or not y.size:
        raise ValueError(f"{name} has x of shape {x.shape} and y of shape {y.shape}, but expects (n,) for both, n ≥ 1")
    if not np.isfinite(x).all() or not np.isfinite(y).any():
        raise ValueError(f"{name} of shape {y.shape} must have finite x and at least one finite y")
    return x, y


def band_range(name: str, part: Any) -> Band:
    """The x, low and high of a band, all of one shape and finite."""
    if not isinstance(part, tuple | list) or len(part) != 3:
        raise ValueError(f"{name} must be (x, low, high), but got {part!r:.60}")
    x, low, high = (numbers_of(name, array) for array in part)
    if x.ndim != 1 or not x.size or not x.shape == low.shape == high.shape:
        raise ValueError(
            f"{name} has x, low and high of shapes {x.shape}, {low.shape} and {high.shape}, "
            "but expects (n,) for all three, n ≥ 1"
        )
    if not np.isfinite([x, low, high]).all() or (low > high).any():
        raise ValueError(f"{name} of shape {x.shape} must be finite, with low nowhere above high")
    return x, low, high


def levels_of(expected: Mapping[str, float] | None) -> dict[str, float]:
    """The labelled values of the dashed lines."""
    levels = {}
    for label, value in (expected or {}).items():
        level = numbers_of(f"expected[{label!r}]", value)
        if level.ndim or not np.isfinite(level):
            raise ValueError(f"expected[{label!r}] is {value!r:.60}, but must be one finite number")
        levels[str(label)] = float(level)
    return levels


def points_of(points: Any, lines: Mapping[str, Line]) -> list[tuple[str, str, float, float]]:
    """What is written at points of lines: (name of the line, text, x, y) for each text that is not empty."""
    found = []
    for name, texts in (points or {}).items():
        if name not in lines:
            raise ValueError(f"points names {name!r}, but lines has {list(lines)}")
        x, y = lines[name]
        if isinstance(texts, str) or len(texts) != len(x):
            raise ValueError(f"points[{name!r}] is {texts!r}, expected one text for each of {len(x)} points")
        found += [(name, str(t), float(a), float(b)) for t, a, b in zip(texts, x, y, strict=True) if t]
    return found


def refuse_nonpositive(
    lines: Mapping[str, Line],
    levels: Mapping[str, float],
    bands: Mapping[str, Band],
    theory: Mapping[str, Line],
) -> None:
    """Refuses what a logarithmic axis would leave out silently."""
    lowest = {f"lines[{name!r}]": np.nanmin(y) for name, (_, y) in lines.items()}
    lowest |= {f"expected[{name!r}]": value for name, value in levels.items()}
    lowest |= {f"band[{name!r}]": low.min() for name, (_, low, _) in bands.items()}
    lowest |= {f"theory[{name!r}]": np.nanmin(y) for name, (_, y) in theory.items()}
    for name, value in lowest.items():
        if value <= 0:
            raise ValueError(f"{name} reaches {value:g}, but log_y=True expects positive values: use log_y=False")


def table(name: str, groups: Any) -> tuple[np.ndarray, list[str], list[str]]:
    """Values as an array (groups, bars), with the names of both axes."""
    inner = {str(group): mapping(f"{name}[{group!r}]", row) for group, row in mapping(name, groups).items()}
    first, *others = inner
    series = list(inner[first])
    for group in others:
        if list(inner[group]) != series:
            raise ValueError(f"{name}[{group!r}] has bars {list(inner[group])}, but {name}[{first!r}] has {series}")
    values = numbers_of(name, [list(row.values()) for row in inner.values()])
    if values.ndim != 2 or not np.isfinite(values).all():
        raise ValueError(f"{name} has values of shape {values.shape[2:]}, but expects one finite number for each bar")
    return values, list(inner), [str(label) for label in series]
