"""What all figures share: the `Drawing` that is returned, the house style and the measuring of text."""

import base64
import io
import math
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.textpath import text_to_path
from PIL import Image

WIDTH = 7.6  # inches; shown 760 pixels wide
SHOWN_DPI = 100  # pixels on the page for one inch
STORED_DPI = 200  # twice as many in the file, for sharp text on dense screens
TITLE_SIZE, LABEL_SIZE, TICK_SIZE, SMALL_SIZE = 13.0, 11.0, 10.0, 9.0  # points

INK, GREY, PALE = "#1a1a1a", "#6b6b6b", "#dddddd"
# The colours alternate between dark and light, so that neighbours differ in greyscale too. The hues are told
# apart with the common colour vision deficiencies (after Okabe & Ito, "Color Universal Design", 2008).
COLOURS = ("#0b3c6f", "#e07b00", "#007a5e", "#cc79a7", "#4d4d4d", "#56b4e9", "#8c1c13", "#b3a100")

_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": TICK_SIZE,
    "mathtext.fontset": "dejavusans",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": LABEL_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "hatch.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Applies the course's style, whatever the user has set, and puts the user's settings back afterwards."""
    with matplotlib.style.context(["default", _STYLE]):
        yield


@dataclass(frozen=True, eq=False, repr=False)
class Drawing:
    """A figure together with one sentence that says in words what it shows.

    A notebook displays the figure; nbconvert's `classic` template writes the sentence as the picture's `alt`
    text, and the plain-text form of the output is the sentence.

    Attributes:
        figure: a matplotlib `Figure` that no pyplot knows of.
        description: one sentence for those who cannot see the figure.
    """

    figure: Figure
    description: str

    def png(self) -> bytes:
        """Renders the figure.

        Returns:
            A PNG file of 200 dots an inch on white; the same figure always gives the same bytes.
        """
        file = io.BytesIO()
        with house_style():
            self.figure.savefig(file, format="png", dpi=STORED_DPI, facecolor="white", pil_kwargs={"compress_level": 1})
        # A palette halves the size of the file; nothing but the pixels goes into it, no date and no program.
        picture = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        small = io.BytesIO()
        picture.save(small, format="png", optimize=True)
        return small.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the figure to a PNG file, whole or not at all.

        Args:
            path: name of the file; it ends in `.png`, and its folder exists.

        Returns:
            The path that was written.

        Raises:
            ValueError: the name does not end in `.png`.
        """
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise ValueError(f"a drawing is saved as PNG, but got the name {path.name!r}: end it in '.png'")
        content = self.png()
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".drawing-") as folder:
            unfinished = Path(folder, path.name)
            unfinished.write_bytes(content)
            unfinished.replace(path)
        return path

    def __repr__(self) -> str:
        """The description, which is also what a terminal shows."""
        return self.description

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        width, height = (round(SHOWN_DPI * inches) for inches in self.figure.get_size_inches())
        picture = base64.b64encode(self.png()).decode("ascii")
        data = {"image/png": picture, "text/plain": self.description}
        return data, {"image/png": {"alt": self.description, "width": width, "height": height}}


def is_math(text: str) -> bool:
    """Whether matplotlib can set this text as mathematics (`"$x^2$"`); the token `"$$"`, say, it cannot."""
    if text.count("$") - text.count(r"\$") < 2:
        return False
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True


def printable(text: object) -> str:
    """Text that matplotlib draws as it stands: dollar signs that do not enclose mathematics are escaped."""
    text = str(text)
    return text if is_math(text) else re.sub(r"(?<!\\)\$", r"\$", text)


def text_width(text: str, size: float) -> float:
    """Width in inches of the widest line of a text set at `size` points."""
    font = FontProperties(family="DejaVu Sans", size=size)
    lines = [line.replace(r"\$", "$") if not is_math(line) else line for line in text.split("\n")]
    return max(text_to_path.get_text_width_height_descent(line, font, is_math(line))[0] / 72 for line in lines)


def text_height(text: str, size: float) -> float:
    """Height in inches of a text of one or more lines set at `size` points."""
    return 1.25 * size / 72 * (text.count("\n") + 1)


def wrapped(text: str, size: float, width: float) -> str:
    """Breaks a text at plain spaces outside `$...$`, so that lines stay within `width` inches."""
    words = re.findall(r"(?:\$[^$]*\$|[^ \n])+" if is_math(text) else r"[^ \n]+", text)
    lines: list[str] = []
    for word in words:
        if lines and text_width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def fitting_size(texts: Sequence[str], width: float, *, largest: float, smallest: float) -> float | None:
    """Size in points, at most `largest`, at which all texts fit in `width` inches; None below `smallest`."""
    widest = max((text_width(text, largest) for text in texts), default=0.0)
    size = largest if widest <= max(width, 0.0) else largest * width / widest
    return size if size >= smallest else None


def blank(height: float, title: str) -> Figure:
    """Starts a figure with its title at the top left.

    Args:
        height: height in inches of what comes below the title.
        title: the finding, wrapped at the figure's width.

    Returns:
        The figure: as wide as every other, and as high as `height` and the title together.

    Raises:
        ValueError: the title is empty.
    """
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"title must be a text that states what the figure shows, but got {title!r}")
    title = wrapped(printable(title), TITLE_SIZE, WIDTH - 0.2)
    band = text_height(title, TITLE_SIZE) + 0.18
    total = math.ceil(SHOWN_DPI * (height + band)) / SHOWN_DPI  # whole pixels are drawn most sharply
    figure = Figure(figsize=(WIDTH, total), facecolor="white")
    figure.text(0.1 / WIDTH, 1 - 0.08 / total, title, size=TITLE_SIZE, ha="left", va="top")
    return figure
