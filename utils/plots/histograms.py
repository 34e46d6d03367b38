"""How often values occur."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from utils.plots.drawing import COLOURS, LABEL_SIZE, TICK_SIZE, Drawing, blank, house_style, printable
from utils.plots.given import numbers_of
from utils.plots.notes import freeze_layout, legible_ticks
from utils.plots.words import counted, number, plain

_MOST_SETS = 6


def histogram(
    values: ArrayLike | Mapping[str, ArrayLike],
    *,
    bins: int | Sequence[float] | None = None,
    xlabel: str,
    ylabel: str = "number of values",
    title: str,
) -> Drawing:
    """Draws how often values occur; several sets of values stand below each other on the same axes.

    Args:
        values: numbers of any shape, or name → numbers, at most 6 names. Values that are not finite are left
            out, and the description says how many.
        bins: number of bins or their edges; by default one bin for each whole number if all values are whole
            and span at most 60, otherwise 30 bins.
        xlabel: what the values are, with their unit.
        ylabel: what is counted.
        title: the finding.

    Returns:
        The drawing.

    Raises:
        ValueError: no finite value, more than 6 names, fewer than 1 bin, edges that do not rise, or values
            outside the edges.
    """
    if not isinstance(values, Mapping):
        values = {"": values}
    sets = {
        str(name): np.ravel(numbers_of(f"values[{name!r}]" if name else "values", part))
        for name, part in values.items()
    }
    if not 1 <= len(sets) <= _MOST_SETS:
        raise ValueError(f"values has {len(sets)} sets, but expects 1 to {_MOST_SETS}")
    for name, part in sets.items():
        if not np.isfinite(part).any():
            raise ValueError(f"values {name!r} of shape {part.shape} hold no finite number: there is nothing to draw")
    left_out = {name: int((~np.isfinite(part)).sum()) for name, part in sets.items()}
    sets = {name: part[np.isfinite(part)] for name, part in sets.items()}
    together = np.concatenate(list(sets.values()))
    edges = _edges(bins, together)
    counts = {name: np.histogram(part, edges)[0] for name, part in sets.items()}

    with house_style():
        height = 3.5 if len(sets) == 1 else 0.7 + 1.35 * len(sets)
        figure = blank(height, title)
        figure.set_layout_engine("constrained", rect=(0.008, 0, 0.984, height / figure.get_figheight()), hspace=0.04)
        column = figure.subplots(len(sets), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, (name, count) in zip(column, counts.items(), strict=True):
            style = {"color": COLOURS[0], "edgecolor": "white", "linewidth": 0.6, "zorder": 2}
            axes.bar(edges[:-1], count, np.diff(edges), align="edge", **style)
            axes.grid(axis="y")
            axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
            if name:
                axes.set_title(printable(name), loc="left", size=TICK_SIZE, pad=3)
        column[-1].set_xlabel(printable(xlabel))
        figure.supylabel(printable(ylabel), size=LABEL_SIZE)
        legible_ticks(column[-1])
        freeze_layout(figure)

    said = []
    for name, part in sets.items():
        highest = int(counts[name].argmax())
        text = (
            f"{counted(len(part), 'value')} from {number(part.min())} to {number(part.max())} with median "
            f"{number(np.median(part))}, the fullest bin ({number(edges[highest])} to "
            f"{number(edges[highest + 1])}) with {counts[name][highest]}"
        )
        if left_out[name]:
            text += f" ({counted(left_out[name], 'value is', 'values are')} not finite and left out)"
        said.append(f"'{plain(name)}' has {text}" if name else text)
    return Drawing(figure, f"Histogram of {plain(xlabel)}: {'; '.join(said)}.")


def _edges(bins: int | Sequence[float] | None, values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    if bins is None and np.all(values == np.round(values)) and high - low <= 60:
        return np.arange(low - 0.5, high + 1.0)
    if bins is None or np.ndim(bins) == 0:
        count = 30 if bins is None else bins
        if not isinstance(count, int | np.integer) or count < 1:
            raise ValueError(f"bins is {count!r}, but must be a whole number from 1 up, or the edges")
        return np.histogram_bin_edges(values, count)
    edges = numbers_of("bins", bins)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise ValueError(f"bins of shape {edges.shape} must be two or more rising edges")
    if low < edges[0] or high > edges[-1]:
        raise ValueError(
            f"bins run from {edges[0]:g} to {edges[-1]:g}, but values from {low:g} to {high:g}: "
            "widen the edges, or clip the values first"
        )
    return edges
