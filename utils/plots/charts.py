"""Charts of numbers: curves and bars."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from utils.plots.drawing import (
    COLOURS,
    GREY,
    INK,
    LABEL_SIZE,
    SMALL_SIZE,
    TICK_SIZE,
    WIDTH,
    Drawing,
    house_style,
    printable,
    text_width,
    wrapped,
)
from utils.plots.given import band_range, levels_of, line_of, mapping, points_of, refuse_nonpositive, table
from utils.plots.notes import Note, chart, gutter, legible_ticks, name_points, place_notes
from utils.plots.words import counted, course, listed, number, numbers, plain

_MARKERS = ("o", "s", "^", "D", "v", "p", "<", "X")
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "----")
_DASHES = ((0, (5, 3)), (0, (1.5, 2)), (0, (7, 2, 1.5, 2)))
_MOST_MARKERS = 12  # on one line


def curves(
    lines: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    expected: Mapping[str, float] | None = None,
    band: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]] | None = None,
    theory: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike]] | None = None,
    log_y: bool = False,
    coloured_theory: bool = False,
    points: Mapping[str, Sequence[str]] | None = None,
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
        theory: name → y or `(x, y)` of a dashed black line; with the name of a line it has no label of its own.
        log_y: whether the vertical axis is logarithmic.
        coloured_theory: whether a theory with the name of a line is drawn in that line's colour, where theory and
            line lie apart, in the place of black.
        points: name of a line → what to write at each of its points, "" for nothing.

    Returns:
        The drawing.

    Raises:
        ValueError: no line or more than 8; shapes that differ or are not `(n,)`; nothing finite; `low` above
            `high`; `points` that fit no line; or, with `log_y`, a value that is not positive.
    """
    parsed = {str(name): line_of(f"lines[{name!r}]", line) for name, line in mapping("lines", lines).items()}
    if len(parsed) > len(_MARKERS):
        raise ValueError(f"lines has {len(parsed)} lines, but at most {len(_MARKERS)} can be told apart")
    levels = levels_of(expected)
    ranges = {str(name): band_range(f"band[{name!r}]", part) for name, part in (band or {}).items()}
    predicted = {str(name): line_of(f"theory[{name!r}]", line) for name, line in (theory or {}).items()}
    written = points_of(points, parsed)
    if log_y:
        refuse_nonpositive(parsed, levels, ranges, predicted)

    with house_style():
        notes: list[Note] = []
        others = [name for name in [*ranges, *predicted] if name not in parsed]
        figure, axes = chart(3.7, title, [*parsed, *_with_value(levels), *others])
        axes.set_yscale("log" if log_y else "linear")
        for name, (x, low, high) in ranges.items():
            notes += _shade(axes, name, x, low, high, list(parsed))
        for index, (name, (x, y)) in enumerate(parsed.items()):
            notes.append(_draw_line(axes, index, len(parsed), name, x, y))
        for index, (name, (x, y)) in enumerate(predicted.items()):
            notes += _draw_theory(axes, index, name, x, y, list(parsed), coloured_theory)
        notes += _draw_levels(axes, levels)
        every_x = np.concatenate([x for x, *_ in [*parsed.values(), *ranges.values(), *predicted.values()]])
        if np.all(every_x == np.round(every_x)):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
        if len(np.unique(every_x)) == 1:
            axes.set_xlim(every_x[0] - 1, every_x[0] + 1)
        axes.grid(axis="y")
        _label(axes, xlabel, ylabel)
        legible_ticks(axes)
        place_notes(figure, axes, notes)
        name_points(axes, [(COLOURS[list(parsed).index(name)], *point) for name, *point in written], parsed.values())

    said = []
    for name, (x, y) in parsed.items():
        finite = np.isfinite(y)
        said.append(f"'{plain(name)}' {course(x[finite], y[finite], log_y)}")
        if not finite.all():
            said[-1] += f" ({counted(int((~finite).sum()), 'value is', 'values are')} not finite and left out)"
    said += [f"'{plain(name)}' has '{plain(text)}' at ({number(x)}, {number(y)})" for name, text, x, y in written]
    said += [_band_in_words(name, *part, of_line=name in parsed) for name, part in ranges.items()]
    for name, (x, y) in predicted.items():
        finite = np.isfinite(y)
        of_line = "the theory of " if name in parsed else ""
        said.append(f"dashed, {of_line}'{plain(name)}' {course(x[finite], y[finite], log_y)}")
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
        ValueError: no group, groups with different bars, more than 6 bars in a group or 36 in all, a height
            that is not finite, a half-width that is negative or not finite, or a `spread` with other names.
    """
    heights, names, series = table("groups", groups)
    if len(series) > len(_HATCHES) or heights.size > 36:
        raise ValueError(
            f"groups has {len(names)} groups of {len(series)} bars, but at most {len(_HATCHES)} in a group "
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
        columns = _legend_columns(series)
        # Inches for the legend; a single series needs none, because the axis says what it is.
        above = 0.24 * math.ceil(len(series) / columns) + 0.08 if len(series) > 1 else 0.0
        figure, axes = chart(3.5, title, _with_value(levels), above=above)
        room = (WIDTH - 0.9 - gutter(_with_value(levels))) / len(names)  # inches for one group
        width = min(0.8 / len(series), 1.1 / room)
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
        level = max(text_width(text, SMALL_SIZE) for text in texts.ravel()) <= room * width - 0.02
        axes.margins(y=0.1 if level else 0.2)
        axes.set_xlim(-0.55, len(names) - 0.45)
        if (heights >= 0).all() and all(value >= 0 for value in levels.values()):
            axes.set_ylim(bottom=0)
        axes.set_xticks(range(len(names)), [wrapped(printable(name), TICK_SIZE, room - 0.1) for name in names])
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        _label(axes, "", ylabel)
        legible_ticks(axes)
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
        left, top = axes.get_position().get_points()[[0, 1], [0, 1]]
        if len(series) > 1:
            figure.legend(
                *axes.get_legend_handles_labels(),
                loc="lower left",
                bbox_to_anchor=(left * WIDTH, top * figure.get_figheight() + 0.06),
                bbox_transform=figure.dpi_scale_trans,
                borderaxespad=0,
                borderpad=0,
                ncols=columns,
                frameon=False,
                fontsize=TICK_SIZE,
                handlelength=1.8,
                columnspacing=1.4,
            )

    said = []
    for name, row, half in zip(names, heights, halves, strict=True):
        values = (
            f"{number(value)}{f' ± {number(error)}' if spread is not None else ''} for '{plain(label)}'"
            for label, value, error in zip(series, row, half, strict=True)
        )
        said.append(f"'{plain(name)}' has {listed(values)}")
    said += _levels_in_words(levels)
    return Drawing(figure, f"Bars of {plain(ylabel)}: {'; '.join(said)}.")


def _label(axes: Axes, xlabel: str, ylabel: str) -> None:
    axes.set_xlabel(printable(xlabel))
    axes.set_ylabel(wrapped(printable(ylabel), LABEL_SIZE, 3.0))


def _draw_line(axes: Axes, index: int, count: int, name: str, x: np.ndarray, y: np.ndarray) -> Note:
    step = math.ceil(len(x) / _MOST_MARKERS)
    thin = index / max(1, count - 1)  # later lines are thinner, so that a line under another still shows
    style = {
        "color": COLOURS[index],
        "marker": _MARKERS[index],
        "markersize": 7.0 - 1.8 * thin,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
        "linewidth": 2.4 - 0.9 * thin,
    }
    # Thinned markers of neighbouring lines start at different points, so that they do not hide each other.
    axes.plot(x, y, markevery=(index * step // count, step), clip_on=False, zorder=3, **style)
    return Note(y[np.isfinite(y)][-1], name, Line2D([], [], **style))


def _shade(axes: Axes, name: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, lines: list[str]) -> list[Note]:
    colour = COLOURS[lines.index(name)] if name in lines else GREY
    axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0, zorder=1)
    for edge in (low, high):
        axes.plot(x, edge, color=colour, linewidth=0.7, alpha=0.7, zorder=1)
    if name in lines:
        return []
    key = Rectangle((0, 0), 1, 1, facecolor=colour, alpha=0.3, edgecolor=colour)
    return [Note((low[-1] + high[-1]) / 2, name, key)]


def _draw_theory(
    axes: Axes, index: int, name: str, x: np.ndarray, y: np.ndarray, lines: list[str], coloured: bool
) -> list[Note]:
    own = name not in lines
    style: dict[str, Any] = {"color": INK, "linewidth": 1.2, "linestyle": _DASHES[index % len(_DASHES) if own else 0]}
    if coloured and not own:
        style |= {"color": COLOURS[lines.index(name)], "linewidth": 1.6}
    axes.plot(x, y, clip_on=False, zorder=3.5, **style)
    return [Note(y[np.isfinite(y)][-1], name, Line2D([], [], **style))] if own else []


def _draw_levels(axes: Axes, levels: Mapping[str, float]) -> list[Note]:
    notes = []
    for index, (text, value) in enumerate(zip(_with_value(levels), levels.values(), strict=True)):
        style = {"color": INK, "linewidth": 1.3, "linestyle": _DASHES[index % len(_DASHES)]}
        halo = [Stroke(linewidth=3.0, foreground="white"), Normal()]  # so that it shows on dark bars
        axes.axhline(value, zorder=2.5, path_effects=halo, **style)
        notes.append(Note(value, text, Line2D([], [], **style)))
    return notes


def _with_value(levels: Mapping[str, float]) -> list[str]:
    """Labels with their values, which a no-break space keeps on one line with the equals sign."""
    return [f"{label} =\u00a0{number(value)}" for label, value in levels.items()]


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
    """Columns of a legend that has as few rows as fit, filled evenly."""
    needed = sum(text_width(printable(label), TICK_SIZE) + 0.55 for label in labels)
    rows = math.ceil(needed / (WIDTH - 0.9))
    return math.ceil(len(labels) / rows)


def _levels_in_words(levels: Mapping[str, float]) -> list[str]:
    return [f"a dashed line marks {plain(text)}" for text in _with_value(levels)]


def _band_in_words(name: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, *, of_line: bool) -> str:
    subject = f"the band around '{plain(name)}'" if of_line else f"the band '{plain(name)}'"
    return (
        f"{subject} spans {number(low[0])} to {number(high[0])} at {number(x[0])} "
        f"and {number(low[-1])} to {number(high[-1])} at {number(x[-1])}"
    )
