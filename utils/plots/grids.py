"""Matrices as coloured squares: hidden states, one-hot vectors, padded batches, weights of attention."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from utils.plots.drawing import (
    GREY,
    INK,
    LABEL_SIZE,
    SMALL_SIZE,
    TICK_SIZE,
    WIDTH,
    Drawing,
    blank,
    fitting_size,
    house_style,
    printable,
    text_height,
    text_width,
    wrapped,
)
from utils.plots.notes import legible_ticks
from utils.plots.words import counted, ends, number, numbers, plain

_COLOUR_MAP = "cividis"  # even in lightness, and the same to readers with and without colour deficiencies
_MOST_NUMBERS = 120  # squares; more numbers than this cannot be read
_MOST_WORDS = 50  # squares; a sentence that reads out more of them cannot be followed
_MASKED = {"facecolor": "white", "edgecolor": "#9a9a9a", "hatch": "////", "linewidth": 0.6}


def hidden_states(
    a: ArrayLike,
    *,
    steps: Sequence[str],
    units: Sequence[str] | None = None,
    title: str,
    xlabel: str = "position t",
    ylabel: str = "unit of the state",
) -> Drawing:
    """Draws the states of a recurrent network over the positions of one sequence.

    Args:
        a: states, shape `(T, n_a)`, numbers.
        steps: T labels of the positions, such as the words that were read.
        units: n_a labels of the units; by default `1` to `n_a`.
        title: what the figure shows.
        xlabel: what the columns are.
        ylabel: what the rows are.

    Returns:
        A heat map with units as rows, on a scale from −1 to 1, or wider where a state leaves that range.

    Raises:
        ValueError: `a` is not a matrix of numbers with a finite one among them, or its labels do not match.
    """
    a = _matrix("a", a, "(T, n_a)")
    T, n_a = a.shape
    steps = _labels("steps", steps, T, f"a of shape {a.shape} has {T} positions (axis 0)")
    units = _labels("units", units, n_a, f"a of shape {a.shape} has {n_a} units (axis 1)")
    limit = max(1.0, np.nanmax(np.abs(a)))
    values = a.T
    with house_style():
        figure = _grid(values, units, steps, (-limit, limit), "value of the state", title, xlabel, ylabel)
    shown = f"{counted(n_a, 'row')} ({plain(ylabel)}) and {counted(T, 'column')} ({plain(xlabel)}: {ends(steps)})"
    if values.size <= _MOST_WORDS:
        said = _read_out(units, [[_word(value) for value in row] for row in values], ", ")
    else:
        said = _range(values, units, steps)
    return Drawing(figure, f"Heat map of hidden states with {shown}: {said}.")


def heat_map(
    values: ArrayLike,
    *,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    xlabel: str,
    ylabel: str,
    title: str,
    mask: ArrayLike | None = None,
    annotate: ArrayLike | None = None,
    value_label: str = "value",
) -> Drawing:
    """Draws a matrix as coloured squares.

    Args:
        values: shape `(rows, columns)`, numbers; NaN leaves a square empty.
        rows: labels of the rows; by default they are counted from 1.
        columns: labels of the columns; by default they are counted from 1.
        xlabel: what the columns are.
        ylabel: what the rows are.
        title: what the figure shows.
        mask: booleans of the shape of `values`, as Keras has them: True where there is a value, False where
            there is padding. A square with False is hatched.
        annotate: texts of the shape of `values`, written in the squares in place of the numbers; the colour
            bar is then left out.
        value_label: what the colours mean, with its unit; stands at the colour bar.

    Returns:
        The drawing; its squares hold their numbers when there are at most 120.

    Raises:
        ValueError: `values` is not a matrix of numbers with a finite one among them, labels, `mask` or
            `annotate` do not match its shape, or the mask is False everywhere.
    """
    values = _matrix("values", values, "(rows, columns)")
    shape = values.shape
    rows = _labels("rows", rows, shape[0], f"values of shape {shape} have {shape[0]} rows (axis 0)")
    columns = _labels("columns", columns, shape[1], f"values of shape {shape} have {shape[1]} columns (axis 1)")
    seen = _like("mask", mask, shape, bool)
    texts = _like("annotate", annotate, shape, str)
    if seen is not None and not np.isfinite(values[seen]).any():
        raise ValueError(f"mask of shape {shape} is False at every finite value: there is nothing to draw")
    kept = values if seen is None else np.where(seen, values, np.nan)
    low, high = np.nanmin(kept), np.nanmax(kept)
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low == high:
        low, high = low - 0.5, high + 0.5
    with house_style():
        figure = _grid(values, rows, columns, (low, high), value_label, title, xlabel, ylabel, seen=seen, texts=texts)

    size = f"{counted(shape[0], 'row')} ({plain(ylabel)}) and {counted(shape[1], 'column')} ({plain(xlabel)})"
    if texts is not None and values.size <= _MOST_WORDS:
        said = _read_out(rows, texts, " ")
    else:
        said = _range(kept, rows, columns)
    if seen is not None and not seen.all():
        said += f"; {counted(int((~seen).sum()), 'masked square is', 'masked squares are')} hatched"
    return Drawing(figure, f"Heat map with {size}: {said}.")


def _matrix(name: str, values: ArrayLike, shape: str) -> np.ndarray:
    """The values as a matrix of floats: finite, or NaN for nothing."""
    try:
        matrix = np.asarray(values).astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers of shape {shape}: {error}") from None
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(
            f"{name} has shape {matrix.shape}, but expects two axes {shape}, neither empty: "
            f"for one example of a batch, pass {name}[0]"
        )
    if not np.isfinite(matrix).any():
        raise ValueError(f"{name} of shape {matrix.shape} holds no finite number: there is nothing to draw")
    if np.isinf(matrix).any():
        raise ValueError(f"{name} of shape {matrix.shape} holds infinity, which has no colour: make it NaN")
    return matrix


def _labels(name: str, labels: Sequence[str] | None, count: int, expected: str) -> list[str]:
    if labels is None:
        return [str(index) for index in range(1, count + 1)]
    if isinstance(labels, str):
        raise ValueError(f"{name} must be a list of {count} labels, but got the text {labels!r}")
    labels = [str(label) for label in labels]
    if len(labels) != count:
        raise ValueError(f"{name} has {len(labels)} labels, but {expected}")
    return labels


def _like(name: str, given: ArrayLike | None, shape: tuple[int, int], kind: type) -> np.ndarray | None:
    if given is None:
        return None
    array = np.asarray(given)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, but values have shape {shape}: they must be the same")
    return array.astype(kind)


def _word(value: float) -> str:
    return "nothing" if np.isnan(value) else number(value)


def _read_out(rows: Sequence[str], texts: Sequence[Sequence[str]], between: str) -> str:
    """What stands in the squares, row by row."""
    return "; ".join(
        f"row '{plain(row)}' reads {between.join(plain(text) for text in line)}"
        for row, line in zip(rows, texts, strict=True)
    )


def _range(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """From what to what the values run, and where each row has its one highest."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high:
        return f"every value is {number(low)}"
    said = f"values run from {number(low)} to {number(high)}"
    peaks = []
    for row, line in zip(rows, values, strict=True):
        highest = np.flatnonzero(line == np.max(line, initial=-np.inf, where=np.isfinite(line)))
        if len(highest) == 1:
            peaks.append(f"'{plain(row)}' at '{plain(columns[highest[0]])}'")
    if peaks and len(rows) <= 12:
        said += f"; highest in its row: {', '.join(peaks)}"
    return said


class _Layout(NamedTuple):
    """Where everything stands, in inches, and how large the text is, in points."""

    left: float  # of the squares, from the edge of the figure
    bottom: float
    width: float  # of one square
    height: float
    row_size: float
    column_size: float
    level: bool  # whether the labels of the columns are level, not upright
    every: int  # one label for so many columns
    inside_size: float
    inside_level: bool
    ylabel: str  # broken into lines


def _lay_out(
    shape: tuple[int, int],
    rows: Sequence[str],
    columns: Sequence[str],
    inside: Sequence[str],
    xlabel: str,
    ylabel: str,
    has_bar: bool,
) -> _Layout:
    """Finds squares as large as the width allows, with room for what is written in and around them."""
    n_rows, n_columns = shape
    row_size = TICK_SIZE if n_rows <= 24 else SMALL_SIZE - 1
    left = 0.55 + max(text_width(label, row_size) for label in rows)
    right = 1.0 if has_bar else 0.15
    width = min(0.8, max(1.0, WIDTH - left - right) / n_columns)

    inside_size = fitting_size(inside, width - 0.08, largest=TICK_SIZE, smallest=7.0)
    inside_level = inside_size is not None
    height = 6.0 / n_rows if n_rows > 16 else min(max(width, 0.3), 0.45)
    if has_bar:
        height = max(height, min(0.8, 1.1 / n_rows))
    if inside_size is None:
        inside_size = 8.0
        height = max(height, 0.1 + max(text_width(text, inside_size) for text in inside))
    ylabel = wrapped(ylabel, LABEL_SIZE, max(0.8, n_rows * height))
    left += 0.19 * ylabel.count("\n")

    every = math.ceil(0.13 / width)  # columns may be narrower than a line of text
    column_size = fitting_size(columns, every * width - 0.06, largest=TICK_SIZE, smallest=SMALL_SIZE - 0.5)
    level = column_size is not None
    column_size = column_size or SMALL_SIZE
    ticks = text_height("", column_size) if level else max(text_width(label, column_size) for label in columns)
    bottom = 0.23 + ticks + text_height(xlabel, LABEL_SIZE)
    return _Layout(left, bottom, width, height, row_size, column_size, level, every, inside_size, inside_level, ylabel)


def _grid(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    limits: tuple[float, float],
    value_label: str,
    title: str,
    xlabel: str,
    ylabel: str,
    *,
    seen: np.ndarray | None = None,
    texts: np.ndarray | None = None,
) -> Figure:
    """Draws the squares with their labels and, unless they hold texts, a colour bar."""
    n_rows, n_columns = values.shape
    rows = [wrapped(printable(label), TICK_SIZE, 2.0) for label in rows]
    columns = [printable(label) for label in columns]
    xlabel, ylabel = printable(xlabel), printable(ylabel)
    if texts is not None:
        inside = [printable(text) for text in texts.ravel()]
    else:
        inside = numbers(values) if values.size <= _MOST_NUMBERS else []
    at = _lay_out(values.shape, rows, columns, inside, xlabel, ylabel, texts is None)
    across, body = n_columns * at.width, n_rows * at.height
    figure = blank(at.bottom + body + 0.1, title)
    total = figure.get_figheight()
    axes = figure.add_axes((at.left / WIDTH, at.bottom / total, across / WIDTH, body / total))

    shown = values if seen is None else np.where(seen, values, np.nan)
    edge = {"edgecolors": "white", "linewidth": 1.2} if min(at.width, at.height) > 0.15 else {}
    mesh = axes.pcolormesh(shown, cmap=_COLOUR_MAP, norm=Normalize(*limits), **edge)
    _write(axes, mesh, shown, inside, size=at.inside_size, rotation=0 if at.inside_level else 90)
    if seen is not None:
        for row, column in np.argwhere(~seen):
            axes.add_patch(Rectangle((column, row), 1, 1, **_MASKED))

    row_step = math.ceil(0.12 / at.height)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(0, n_columns, at.every) + 0.5, columns[:: at.every], size=at.column_size)
    axes.set_yticks(np.arange(0, n_rows, row_step) + 0.5, rows[::row_step], size=at.row_size)
    axes.tick_params(length=0, pad=4)
    axes.tick_params(axis="x", labelrotation=0 if at.level else 90)
    axes.set_xlabel(xlabel, labelpad=5)
    axes.set_ylabel(at.ylabel, labelpad=6)
    if texts is None:
        place = ((at.left + across + 0.18) / WIDTH, at.bottom / total, 0.16 / WIDTH, body / total)
        bar = figure.colorbar(mesh, cax=figure.add_axes(place))
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=SMALL_SIZE, length=2)
        bar.ax.locator_params(nbins=5)
        legible_ticks(bar.ax)
        bar.set_label(wrapped(printable(value_label), LABEL_SIZE, body), size=LABEL_SIZE - 0.5)
    return figure


def _write(axes: Axes, mesh: QuadMesh, shown: np.ndarray, inside: Sequence[str], **style: float) -> None:
    """Writes into the squares: light on dark, dark on light, and grey on white where there is no value."""
    for text, ((row, column), value) in zip(inside, np.ndenumerate(shown), strict=False):
        empty = np.isnan(value)
        lightness = 1.0 if empty else np.dot(mesh.cmap(mesh.norm(value))[:3], (0.299, 0.587, 0.114))
        colour = GREY if empty else INK if lightness > 0.5 else "white"
        paper = {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"} if empty else None
        axes.text(column + 0.5, row + 0.5, text, color=colour, ha="center", va="center", bbox=paper, **style)
