"""Labels at the right of a chart, where they cover no data, each level with what it names."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import StrMethodFormatter

from utils.plots.drawing import TICK_SIZE, WIDTH, blank, printable, text_height, text_width, wrapped

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
