"""Labels at the right of a chart, where they cover no data, each level with what it names."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import StrMethodFormatter

from utils.plots.drawing import SMALL_SIZE, TICK_SIZE, WIDTH, blank, printable, text_height, text_width, wrapped

_NOTE_WIDTH = 1.75  # inches for the widest label
_KEY = 0.34  # inches for the piece of line in front of a label


class Note(NamedTuple):
    """A label to the right of the axes, level with a value, with the line or patch that it names."""

    level: float
    text: str
    key: Line2D | Rectangle


def chart(height: float, title: str, beside: Sequence[str], *, above: float = 0.0) -> tuple[Figure, Axes]:
    """Starts a chart with room for the labels at its right and for `above` inches between title and axes."""
    height = max(height, 0.24 * len(beside) + 0.9)
    figure = blank(height + above, title)
    width = 0.984 - gutter(beside) / WIDTH
    figure.set_layout_engine("constrained", rect=(0.008, 0, width, height / figure.get_figheight()))
    return figure, figure.add_subplot()


def gutter(texts: Sequence[str]) -> float:
    """Width in inches that labels at the right of a chart need."""
    return _KEY + 0.2 + max(text_width(_set(text), TICK_SIZE) for text in texts) if texts else 0.0


def _set(text: str) -> str:
    return wrapped(printable(text), TICK_SIZE, _NOTE_WIDTH)


def legible_ticks(*every: Axes) -> None:
    """Writes large numbers at the axes with a comma between thousands, as everywhere in the course."""
    for axes in every:
        for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
            if scale == "linear" and 1e4 <= max(map(abs, axis.get_view_interval())) < 1e8:
                axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def freeze_layout(figure: Figure) -> None:
    """Lays the figure out once and for all, so that it looks the same however often it is drawn."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def place_notes(figure: Figure, axes: Axes, notes: Sequence[Note]) -> None:
    """Writes each label beside the axes as near to its value as its neighbours allow."""
    freeze_layout(figure)
    if not notes:
        return
    box = axes.get_window_extent()
    inch = figure.dpi
    notes = sorted(notes, key=lambda note: note.level)
    texts = [_set(note.text) for note in notes]
    sizes = np.array([text_height(text, TICK_SIZE) for text in texts])
    anchor = axes.get_xlim()[0]  # any x that a logarithmic axis has
    wanted = np.array([axes.transData.transform((anchor, note.level))[1] for note in notes]) / inch
    heights = _spread_out(wanted, sizes, box.y0 / inch, box.y1 / inch)
    x = box.x1 / inch + 0.1
    for note, text, y in zip(notes, texts, heights, strict=True):
        if isinstance(note.key, Line2D):
            note.key.set(xdata=[x, x + _KEY / 2, x + _KEY], ydata=[y] * 3, markevery=[1])
        else:
            note.key.set(bounds=(x, y - 0.06, _KEY, 0.12))
        note.key.set_transform(figure.dpi_scale_trans)
        figure.add_artist(note.key)
        figure.text(x + _KEY + 0.06, y, text, transform=figure.dpi_scale_trans, va="center", size=TICK_SIZE)


def name_points(
    axes: Axes, points: Sequence[tuple[str, str, float, float]], lines: Iterable[tuple[np.ndarray, np.ndarray]]
) -> None:
    """Writes a text (colour, text, x, y) at each point, on the side where lines and other texts leave most room."""
    if not points:
        return
    steps, box = np.linspace(0, 1, 20), axes.get_window_extent().get_points() / axes.figure.dpi
    taken = [np.empty((0, 2))]  # what a text should keep away from, in inches
    for x, y in lines:
        ends = axes.transData.transform(np.stack([x, y], axis=1)) / axes.figure.dpi
        taken += [ends] + [a + steps[:, None] * (b - a) for a, b in pairwise(ends)]
    for colour, text, x, y in points:
        width, height = text_width(printable(text), SMALL_SIZE), text_height(printable(text), SMALL_SIZE)
        at = axes.transData.transform((x, y)) / axes.figure.dpi
        sides = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]
        centres = at + np.array(sides) * [width / 2 + 0.1, height / 2 + 0.1]
        other = np.concatenate(taken)
        other = other[np.isfinite(other).all(axis=1)]
        gaps = np.maximum(np.abs(other - centres[:, None]) - np.array([width, height]) / 2, 0)
        room = np.hypot(*np.moveaxis(gaps, -1, 0)).min(axis=1, initial=1.0).round(2)
        half = np.array([width, height]) / 2
        inside = ((centres - half >= box[0]) & (centres + half <= box[1])).all(axis=1)
        centre = centres[np.where(inside, room, room - 1).argmax()]
        taken.append(centre + np.stack([(steps - 0.5) * width, np.zeros(20)], axis=1))
        halo = [Stroke(linewidth=3.0, foreground="white"), Normal()]
        style = {"color": colour, "size": SMALL_SIZE, "ha": "center", "va": "center", "path_effects": halo}
        axes.text(*centre, printable(text), transform=axes.figure.dpi_scale_trans, zorder=4, **style)


def _spread_out(wanted: np.ndarray, sizes: np.ndarray, low: float, high: float) -> np.ndarray:
    """Centres of labels, in rising order, that do not overlap and lie as near as can be to the wanted ones.

    Labels that would overlap form a block centred on the mean of what they want (pool-adjacent-violators).
    """
    offsets = np.cumsum(sizes) - sizes / 2  # centres, if all labels were stacked from 0
    blocks: list[tuple[float, int]] = []  # mean of wanted - offset, and number of labels
    for target in wanted - offsets:
        blocks.append((target, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (mean, count), (mean_before, count_before) = blocks.pop(), blocks.pop()
            both = count + count_before
            blocks.append(((mean * count + mean_before * count_before) / both, both))
    shifts = np.concatenate([np.full(count, mean) for mean, count in blocks])
    return np.clip(shifts, low, max(low, high - sizes.sum())) + offsets
