"""Labels at the right of a chart, where they cover no data, each level with what it names."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from utils.plots.drawing import TICK_SIZE, WIDTH, blank, printable, text_height, text_width, wrapped

_NOTE_WIDTH = 1.75  # inches for the widest label
_KEY = 0.34  # inches for the piece of line in front of a label


class Note(NamedTuple):
    """A label to the right of the axes, level with a value, with the line or patch that it names."""

    level: float
    text: str
    key: Line2D | Rectangle


def axes_with_gutter(height: float, title: str, beside: Sequence[str]) -> tuple[Figure, Axes]:
    """Starts a chart that leaves room for its title above and for labels at its right."""
    figure, room = blank(max(height, 0.24 * len(beside) + 0.9), title)
    right = 1 - gutter_width(beside) / WIDTH
    figure.set_layout_engine("constrained", rect=(0, 0, right, room / figure.get_figheight()))
    return figure, figure.add_subplot()


def gutter_width(texts: Sequence[str]) -> float:
    """Width in inches that labels beside a chart need."""
    return _KEY + 0.16 + max(text_width(note_text(text), TICK_SIZE) for text in texts) if texts else 0.0


def note_text(text: str) -> str:
    return wrapped(printable(text), TICK_SIZE, _NOTE_WIDTH)


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
    texts = [note_text(note.text) for note in notes]
    sizes = np.array([text_height(text, TICK_SIZE) for text in texts])
    wanted = (
        np.array(
            [
                axes.transData.transform((0, note.level))[1]
                if axes.get_yscale() == "linear"
                else axes.transData.transform((1, note.level))[1]
                for note in notes
            ]
        )
        / inch
    )
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
    blocks: list[list[float]] = []  # mean of wanted - offset, and number of labels
    for target in wanted - offsets:
        blocks.append([target, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            previous = blocks[-1]
            previous[:] = [
                (previous[0] * previous[1] + mean * count) / (previous[1] + count),
                previous[1] + count,
            ]
    shifts = np.concatenate([np.full(int(count), mean) for mean, count in blocks])
    return np.clip(shifts, low, max(low, high - sizes.sum())) + offsets
