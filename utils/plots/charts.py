"""Charts of numbers: curves, bars and histograms."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from utils.plots.given import (
    Line,
    band_range,
    bin_edges,
    line_of,
    levels_of,
    mapping,
    numbers_of,
    refuse_nonpositive,
    table,
)
from utils.plots.notes import Note, axes_with_gutter, freeze_layout, gutter_width, place_notes
from utils.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    SMALL_SIZE,
    TICK_SIZE,
    WIDTH,
    Drawing,
    blank,
    house_style,
    printable,
    text_height,
    text_width,
    wrapped,
)
from utils.plots.words import counted, course, listed, number, numbers, plain

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----")
_DASHES = ((0, (5, 3)), (0, (1.5, 2)), (0, (7, 2, 1.5, 2)))
_MOST_LINES, _MOST_MARKERS = 12, 12


def curves(
    lines: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    expected: Mapping[str, float] | None = None,
    band: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]] | None = None,
    log_y: bool = False,
) -> Drawing:
    """Draws lines against one horizontal axis, each named at its right end.

    Args:
        lines: name → y, shape `(n,)`, drawn against 1, 2, …, n; or name → `(x, y)`, both of shape `(n,)`.
            Values that are not finite leave gaps.
        xlabel: horizontal axis, with its unit.
        ylabel: vertical axis, with its unit.
        title: the finding.
        expected: label → value of a dashed horizontal line.
        band: name → `(x, low, high)`, each of shape `(n,)`: a shaded range; with the name of a line it takes
            that line's colour, otherwise it is grey and labelled.
        log_y: whether the vertical axis is logarithmic.

    Returns:
        The drawing.

    Raises:
        ValueError: no line or more than 12; shapes differ or are not `(n,)`; nothing finite; `low` above `high`;
            or, with `log_y`, a value that is not positive.
    """
    parsed = {str(name): line_of(f"lines[{name!r}]", line) for name, line in mapping("lines", lines).items()}
    if len(parsed) > _MOST_LINES:
        raise ValueError(f"lines has {len(parsed)} lines, but at most {_MOST_LINES} can be told apart")
    levels = levels_of(expected)
    ranges = {str(name): band_range(f"band[{name!r}]", part) for name, part in (band or {}).items()}
    if log_y:
        refuse_nonpositive(parsed, levels, ranges)

    with house_style():
        notes: list[Note] = []
        figure, axes = axes_with_gutter(
            3.7, title, [*parsed, *_with_value(levels), *(set(ranges) - set(parsed))]
        )
        axes.set_yscale("log" if log_y else "linear")
        for name, (x, low, high) in ranges.items():
            notes += _shade(axes, name, x, low, high, list(parsed))
        for index, (name, (x, y)) in enumerate(parsed.items()):
            notes.append(_draw_line(axes, index, len(parsed), name, x, y))
        notes += _draw_levels(axes, levels)
        every_x = np.concatenate([x for x, *_ in [*parsed.values(), *ranges.values()]])
        if np.all(every_x == np.round(every_x)):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
        if len(np.unique(every_x)) == 1:
            axes.set_xlim(every_x[0] - 1, every_x[0] + 1)
        axes.grid(axis="y")
        _label(axes, xlabel, ylabel)
        place_notes(figure, axes, notes)

    said = []
    for name, (x, y) in parsed.items():
        finite = np.isfinite(y)
        said.append(f"'{plain(name)}' {course(x[finite], y[finite])}")
        if not finite.all():
            said[-1] += (
                f" ({counted(int((~finite).sum()), 'value is', 'values are')} not finite and left out)"
            )
    said += [_band_in_words(name, *part, of_line=name in parsed) for name, part in ranges.items()]
    said += _levels_in_words(levels)
    scale = " on a logarithmic axis" if log_y else ""
    return Drawing(figure, f"Curves of {plain(ylabel)} against {plain(xlabel)}{scale}: {'; '.join(said)}.")


def bars(
    groups: Mapping[str, Mapping[str, float]],
    *,
    ylabel: str,
    title: str,
    expected: Mapping[str, float] | None = None,
    spread: Mapping[str, Mapping[str, float]] | None = None,
) -> Drawing:
    """Draws groups of bars with their values written on them.

    Args:
        groups: name of a group → name of a bar → its height; every group has the same bars, at most 6.
        ylabel: what the bars measure, with its unit.
        title: the finding.
        expected: label → value of a dashed horizontal line.
        spread: half-widths of error bars, with the same names as `groups`.

    Returns:
        The drawing.

    Raises:
        ValueError: no group, groups with different bars, more than 6 bars in a group or 36 in all, a height that
            is not finite, a half-width that is negative or not finite, or a `spread` with other names.
    """
    heights, names, series = table("groups", groups)
    if len(series) > len(_HATCHES) or heights.size > 36:
        raise ValueError(
            f"groups has {len(names)} groups of {len(series)} bars, but at most {len(_HATCHES)} bars in a group "
            "and 36 in all can be told apart"
        )
    halves = np.zeros_like(heights)
    if spread is not None:
        halves, spread_names, spread_series = table("spread", spread)
        if (spread_names, spread_series) != (names, series):
            raise ValueError(
                f"spread has groups {spread_names} of {spread_series}, but groups has {names} of {series}: "
                "give the same names in the same order"
            )
        if (halves < 0).any():
            raise ValueError(f"spread holds {halves.min()}, but a half-width cannot be negative")
    levels = levels_of(expected)

    with house_style():
        figure, axes = axes_with_gutter(3.7, title, _with_value(levels))
        width = 0.8 / len(series)
        texts = np.reshape(numbers(heights), heights.shape)
        centres = np.arange(len(names))[:, None] + width * (np.arange(len(series)) - (len(series) - 1) / 2)
        for index, label in enumerate(series):
            axes.bar(
                centres[:, index],
                heights[:, index],
                width * 0.92,
                label=printable(label),
                yerr=halves[:, index] if spread is not None else None,
                error_kw={"ecolor": INK, "elinewidth": 1.3, "capsize": 3},
                **_fill(index),
            )
        if (heights < 0).any():
            axes.axhline(0, color=GREY, linewidth=0.8)
        notes = _draw_levels(axes, levels)
        axes.margins(y=0.12)
        if (heights >= 0).all() and all(value >= 0 for value in levels.values()):
            axes.set_ylim(bottom=0)
        room = (WIDTH - 0.9 - (gutter_width(_with_value(levels)))) / len(names)  # inches for one group
        axes.set_xticks(
            range(len(names)), [wrapped(printable(name), TICK_SIZE, room - 0.1) for name in names]
        )
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        _label(axes, "", ylabel)
        figure.legend(
            *axes.get_legend_handles_labels(),
            loc="outside upper left",
            ncols=_legend_columns(series),
            frameon=False,
            fontsize=TICK_SIZE,
            handlelength=1.8,
            columnspacing=1.4,
        )
        level = max(text_width(text, SMALL_SIZE) for text in texts.ravel()) <= room * width
        for (group, bar), height in np.ndenumerate(heights):
            down = height < 0
            axes.annotate(
                texts[group, bar],
                (centres[group, bar], height + (-1 if down else 1) * halves[group, bar]),
                (0, -3 if down else 3),
                textcoords="offset points",
                ha="center",
                va="top" if down else "bottom",
                size=SMALL_SIZE,
                rotation=0 if level else 90,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"},
                zorder=4,
            )
        place_notes(figure, axes, notes)

    said = []
    for name, row, half in zip(names, heights, halves, strict=True):
        values = (
            f"{number(value)}{f' ± {number(error)}' if spread is not None else ''} for '{plain(label)}'"
            for label, value, error in zip(series, row, half, strict=True)
        )
        said.append(f"'{plain(name)}' has {listed(values)}")
    said += _levels_in_words(levels)
    return Drawing(figure, f"Bars of {plain(ylabel)}: {'; '.join(said)}.")


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
    if not 1 <= len(sets) <= len(COLOURS):
        raise ValueError(f"values has {len(sets)} sets, but expects 1 to {len(COLOURS)}")
    for name, part in sets.items():
        if not np.isfinite(part).any():
            raise ValueError(
                f"values {name!r} of shape {part.shape} holds no finite number: there is nothing to draw"
            )
    left_out = {name: int((~np.isfinite(part)).sum()) for name, part in sets.items()}
    sets = {name: part[np.isfinite(part)] for name, part in sets.items()}
    together = np.concatenate(list(sets.values()))
    edges = bin_edges(bins, together)
    counts = {name: np.histogram(part, edges)[0] for name, part in sets.items()}

    with house_style():
        figure, room = blank(3.5 if len(sets) == 1 else 0.7 + 1.35 * len(sets), title)
        figure.set_layout_engine("constrained", rect=(0, 0, 1, room / figure.get_figheight()), hspace=0.04)
        column = figure.subplots(len(sets), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for index, (axes, (name, count)) in enumerate(zip(column, counts.items(), strict=True)):
            axes.bar(edges[:-1], count, np.diff(edges), align="edge", **_fill(index))
            axes.grid(axis="y")
            axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
            if name:
                axes.set_title(printable(name), loc="left", size=TICK_SIZE, pad=3)
        column[-1].set_xlabel(printable(xlabel))
        figure.supylabel(printable(ylabel), size=LABEL_SIZE)
        freeze_layout(figure)

    said = []
    for name, part in sets.items():
        highest = int(counts[name].argmax())
        text = (
            f"{counted(len(part), 'value')} from {number(part.min())} to {number(part.max())} with median "
            f"{number(np.median(part))}, most of them ({counts[name][highest]}) between "
            f"{number(edges[highest])} and {number(edges[highest + 1])}"
        )
        if left_out[name]:
            text += f" ({counted(left_out[name], 'value is', 'values are')} not finite and left out)"
        said.append(f"'{plain(name)}' has {text}" if name else text)
    return Drawing(figure, f"Histogram of {plain(xlabel)}: {'; '.join(said)}.")


def _label(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set_xlabel(printable(xlabel))
    axes.set_ylabel(wrapped(printable(ylabel), LABEL_SIZE, 3.0))


def _draw_line(axes: Axes, index: int, count: int, name: str, x: np.ndarray, y: np.ndarray) -> Note:
    step = -(-len(x) // _MOST_MARKERS)
    style = {
        "color": COLOURS[index % len(COLOURS)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markersize": 6,
        "markeredgecolor": "white",
        "markeredgewidth": 0.7,
        "linewidth": 1.8,
    }
    # Thinned markers of neighbouring lines start at different points, so that they do not hide each other.
    axes.plot(x, y, markevery=(index * step // count, step), clip_on=False, zorder=3, **style)
    return Note(y[np.isfinite(y)][-1], name, Line2D([], [], **style))


def _shade(
    axes: Axes, name: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, lines: list[str]
) -> list[Note]:
    colour = COLOURS[lines.index(name) % len(COLOURS)] if name in lines else GREY
    axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0, zorder=1)
    for edge in (low, high):
        axes.plot(x, edge, color=colour, linewidth=0.7, alpha=0.7, zorder=1)
    if name in lines:
        return []
    key = Rectangle((0, 0), 1, 1, facecolor=colour, alpha=0.3, edgecolor=colour)
    return [Note((low[-1] + high[-1]) / 2, name, key)]


def _draw_levels(axes: Axes, levels: Mapping[str, float]) -> list[Note]:
    notes = []
    for index, (text, value) in enumerate(zip(_with_value(levels), levels.values(), strict=True)):
        style = {"color": INK, "linewidth": 1.3, "linestyle": _DASHES[index % len(_DASHES)]}
        axes.axhline(value, zorder=2.5, **style)
        notes.append(Note(value, text, Line2D([], [], **style)))
    return notes


def _with_value(levels: Mapping[str, float]) -> list[str]:
    return [f"{label} = {number(value)}" for label, value in levels.items()]


def _fill(index: int) -> dict[str, Any]:
    """Colour and hatch of a set of bars; the hatch is drawn in the colour of the edge."""
    plain_fill = not _HATCHES[index]
    return {
        "facecolor": COLOURS[index],
        "edgecolor": COLOURS[index] if plain_fill else "white",
        "hatch": _HATCHES[index],
        "linewidth": 0.6,
        "zorder": 2,
    }


def _legend_columns(labels: Sequence[str]) -> int:
    widest = max(text_width(printable(label), TICK_SIZE) for label in labels) + 0.6
    return max(1, min(len(labels), int((WIDTH - 0.3) / widest)))


def _levels_in_words(levels: Mapping[str, float]) -> list[str]:
    return [f"a dashed line marks {plain(text)}" for text in _with_value(levels)]


def _band_in_words(name: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, *, of_line: bool) -> str:
    subject = f"the band around '{plain(name)}'" if of_line else f"the band '{plain(name)}'"
    return (
        f"{subject} spans {number(low[0])} to {number(high[0])} at {number(x[0])} "
        f"and {number(low[-1])} to {number(high[-1])} at {number(x[-1])}"
    )
