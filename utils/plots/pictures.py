"""Small pictures in a row or a grid, each with words under it."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.plots.drawing import SMALL_SIZE, WIDTH, Drawing, blank, house_style, printable, text_height, wrapped
from utils.plots.words import counted, listed, plain

_MOST = 24
_LINE = 0.16  # inches between a picture and its words


def pictures(images: ArrayLike, captions: Sequence[str], *, title: str, columns: int = 4) -> Drawing:
    """Draws pictures with their captions.

    Args:
        images: shape `(n, height, width, 3)`, whole numbers from 0 to 255 or numbers from 0 to 1; n from 1 to 24.
        captions: n texts, one to stand under each picture.
        title: the finding.
        columns: pictures in a row, 1 to 6.

    Returns:
        The drawing; its description reads out the captions.

    Raises:
        ValueError: the images have another shape or range, or their number is not that of the captions.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3 or not 1 <= len(images) <= _MOST:
        raise ValueError(
            f"images has shape {images.shape}, but (n, height, width, 3) with n from 1 to {_MOST} is expected"
        )
    top = 255 if images.dtype.kind in "iu" else 1
    if images.dtype.kind not in "iuf" or not (images.min() >= 0 and images.max() <= top):  # NaN fails too
        raise ValueError(f"images of dtype {images.dtype} must be whole numbers from 0 to 255 or numbers from 0 to 1")
    if isinstance(captions, str) or len(captions) != len(images):
        raise ValueError(f"captions must be {len(images)} texts, one for each image, but got {captions!r:.60}")
    if not 1 <= columns <= 6:
        raise ValueError(f"columns is {columns}, but 1 to 6 is expected")
    rows, pitch = math.ceil(len(images) / columns), (WIDTH - 0.2) / columns
    words = [wrapped(printable(text), SMALL_SIZE, pitch - 0.15) for text in captions]
    side = min(pitch - 0.3, 1.5)
    below = max(text_height(text, SMALL_SIZE) for text in words) + _LINE
    with house_style():
        figure = blank(rows * (side + below), title)
        total = figure.get_figheight()
        for k, (image, text) in enumerate(zip(images, words, strict=True)):
            row, column = divmod(k, columns)
            x = 0.1 + column * pitch + (pitch - side) / 2
            y = (rows - row) * (side + below) - side
            axes = figure.add_axes((x / WIDTH, y / total, side / WIDTH, side / total))
            axes.imshow(image, interpolation="nearest")
            axes.set_axis_off()
            figure.text((x + side / 2) / WIDTH, (y - 0.05) / total, text, size=SMALL_SIZE, ha="center", va="top")
    said = listed([f"'{plain(text)}'" for text in captions])
    return Drawing(figure, f"{counted(len(images), 'picture')} with the words {said}.")
