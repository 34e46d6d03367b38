"""Matrices as coloured squares: hidden states, one-hot vectors, padded batches, weights of attention."""

from collections.abc import Sequence

import numpy as np
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
from utils.plots.words import counted, ends, number, numbers, plain

_COLOUR_MAP = "cividis"  # even in lightness, and the same to readers with and without colour deficiencies
_MOST_NUMBERS = 120  # squares; more numbers than this cannot be read


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
        ValueError: `a` is not a matrix of numbers with a finite one among them, or the labels do not match it.
    """
    a = _matrix("a", a, "(T, n_a)")
    T, n_a = a.shape
    steps = _labels("steps", steps, T, f"a of shape {a.shape} has {T} positions (axis 0)")
    units = _labels("units", units, n_a, f"a of shape {a.shape} has {n_a} units (axis 1)")
    limit = max(1.0, np.nanmax(np.abs(a)))
    values = a.T
    with house_style():
        figure = _grid(values, units, steps, (-limit, limit), "value of the state", title, xlabel, ylabel)
    shown = (
        f"{counted(n_a, 'row')} ({plain(ylabel)}) and {counted(T, 'column')} ({plain(xlabel)}: {ends(steps)})"
    )
    if n_a <= 6 and T <= 12:
        parts = [
            f"row '{plain(unit)}' reads {', '.join(number(value) for value in row)}"
            for unit, row in zip(units, values, strict=True)
        ]
        said = "; ".join(parts)
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
    columns = _labels(
        "columns", columns, shape[1], f"values of shape {shape} have {shape[1]} columns (axis 1)"
    )
    seen = _like("mask", mask, shape, bool)
    texts = _like("annotate", annotate, shape, str)
    if seen is not None and not np.isfinite(values[seen]).any():
        raise ValueError(f"mask of shape {shape} is False at every finite value: there is nothing to draw")
    kept = values if seen is None else np.where(seen, values, np.nan)
    low, high = np.nanmin(kept), np.nanmax(kept)
    if 0 <= low and high <= 1:
        low, high = 0.0, 1.0
    elif low == high:
        low, high = low - 0.5, high + 0.5
    with house_style():
        figure = _grid(
            values, rows, columns, (low, high), value_label, title, xlabel, ylabel, seen=seen, texts=texts
        )

    size = f"{counted(shape[0], 'row')} ({plain(ylabel)}) and {counted(shape[1], 'column')} ({plain(xlabel)})"
    if texts is not None and values.size <= 60:
        said = "; ".join(
            f"row '{plain(row)}' reads {' '.join(plain(text) for text in line)}"
            for row, line in zip(rows, texts, strict=True)
        )
    else:
        said = _range(kept, rows, columns)
    if seen is not None:
        said += f"; {counted(int((~seen).sum()), 'masked square is', 'masked squares are')} hatched"
    return Drawing(figure, f"Heat map with {size}: {said}.")


def _matrix(name: str, values: ArrayLike, shape: str) -> np.ndarray:
    """The values as a float matrix, in which whatever is not finite is NaN."""
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
    return np.where(np.isfinite(matrix), matrix, np.nan)


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
        raise ValueError(
            f"{name} has shape {array.shape}, but values have shape {shape}: they must be the same"
        )
    return array.astype(kind)


def _range(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """From what to what the values run, and where each row has its highest."""
    low, high = np.nanmin(values), np.nanmax(values)
    if low == high:
        return f"every value is {number(low)}"
    said = f"values run from {number(low)} to {number(high)}"
    places = []
    for label, line in zip(rows, values, strict=True):
        if np.isfinite(line).any() and (line == np.nanmax(line)).sum() == 1:
            places.append(f"'{plain(label)}' at '{plain(columns[int(np.nanargmax(line))])}'")
    if places and len(rows) <= 12:
        return f"{said}; highest in its row: {', '.join(places)}"
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    return f"{said}, the highest in row '{plain(rows[row])}', column '{plain(columns[column])}'"


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
    """Lays the squares out in inches, so that labels and numbers always have their room."""
    n_rows, n_columns = values.shape
    rows, columns = [[printable(label) for label in labels] for labels in (rows, columns)]
    has_bar = texts is None
    if texts is None and values.size <= _MOST_NUMBERS:
        inside = numbers(values)
    else:
        inside = [] if texts is None else [printable(text) for text in texts.ravel()]

    row_size = TICK_SIZE if n_rows <= 24 else SMALL_SIZE - 1
    left = 0.55 + min(2.0, max(text_width(label, row_size) for label in rows))
    right = 1.0 if has_bar else 0.15
    width = min(0.8, (WIDTH - left - right) / n_columns)  # of one square
    inside_size = fitting_size(inside, width - 0.08, largest=TICK_SIZE, smallest=7.0)
    upright = inside_size is not None
    height = min(max(width, 0.3), 0.45) if n_rows <= 16 else max(0.13, 6.0 / n_rows if n_rows < 47 else 0)
    if inside and not upright:
        inside_size = 8.0
        height = max(height, 0.1 + max(text_width(text, inside_size) for text in inside))
    if n_rows > 46:
        height = 6.0 / n_rows

    column_size = fitting_size(columns, width - 0.06, largest=TICK_SIZE, smallest=SMALL_SIZE - 0.5)
    every = max(
        1, int(np.ceil(0.15 / width))
    )  # label every n-th column, where columns are narrower than a line
    level = column_size is not None or all(
        text_width(label, TICK_SIZE) <= every * width - 0.06 for label in columns
    )
    column_size = column_size or (TICK_SIZE if level else SMALL_SIZE)
    ticks_height = (
        text_height("x", column_size)
        if level
        else min(2.0, max(text_width(label, column_size) for label in columns))
    )
    bottom = 0.12 + ticks_height + 0.06 + text_height(xlabel, LABEL_SIZE) + 0.05
    body = max(n_rows * height, text_width(printable(ylabel), LABEL_SIZE), 1.1 if has_bar else 0)
    height = max(height, min(0.8, body / n_rows))
    body = n_rows * height
    figure, room = blank(bottom + body + 0.08, title)
    total = figure.get_figheight()
    axes = figure.add_axes((left / WIDTH, bottom / total, n_columns * width / WIDTH, body / total))

    colours = Normalize(*limits)
    shown = values if seen is None else np.where(seen, values, np.nan)
    large = min(width, height) > 0.15
    mesh = axes.pcolormesh(
        shown,
        cmap=_COLOUR_MAP,
        norm=colours,
        edgecolors="white" if large else "none",
        linewidth=1.2 if large else 0,
    )
    axes.invert_yaxis()
    for spine in axes.spines.values():
        spine.set_visible(False)
    _squares(axes, shown, inside, inside_size, upright, mesh, seen)

    row_step = max(1, int(np.ceil(0.12 / height)))
    axes.set_xticks(np.arange(0, n_columns, every) + 0.5, columns[::every], size=column_size)
    if not level:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_yticks(np.arange(0, n_rows, row_step) + 0.5, rows[::row_step], size=row_size)
    axes.tick_params(length=0, pad=4)
    axes.set_xlabel(printable(xlabel), labelpad=5)
    axes.set_ylabel(printable(ylabel), labelpad=6)
    if has_bar:
        bar_left = left + n_columns * width + 0.18
        bar = figure.colorbar(
            mesh, cax=figure.add_axes((bar_left / WIDTH, bottom / total, 0.16 / WIDTH, body / total))
        )
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=SMALL_SIZE, length=2)
        bar.ax.locator_params(nbins=5)
        bar.set_label(wrapped(printable(value_label), LABEL_SIZE, body), size=LABEL_SIZE - 0.5)
    return figure


def _squares(axes, shown, inside, size, upright, mesh, seen) -> None:
    """Writes into the squares, dark on light or light on dark, and hatches the masked ones."""
    for (row, column), value in np.ndenumerate(shown):
        masked = seen is not None and not seen[row, column]
        if masked:
            style = {"hatch": "////", "facecolor": "white", "edgecolor": "#9a9a9a", "linewidth": 0.6}
            axes.add_patch(Rectangle((column, row), 1, 1, **style))
        if inside:
            text = inside[row * shown.shape[1] + column]
            lightness = (
                1.0 if np.isnan(value) else np.dot(mesh.cmap(mesh.norm(value))[:3], (0.299, 0.587, 0.114))
            )
            place = {"ha": "center", "va": "center", "size": size, "rotation": 0 if upright else 90}
            paper = {"boxstyle": "square,pad=0.12", "facecolor": "white", "edgecolor": "none"}
            axes.text(
                column + 0.5,
                row + 0.5,
                text,
                color=GREY if np.isnan(value) else INK if lightness > 0.5 else "white",
                bbox=paper if masked else None,
                **place,
            )
