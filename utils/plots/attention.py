"""A picture of one step of a decoder with attention."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.plots.drawing import GREY, INK, SMALL_SIZE, WIDTH, Drawing, fitting_size, house_style, printable
from utils.plots.networks import _INPUT, _OUTPUT, _PLAIN, _STATE, _captions, _Sketch
from utils.plots.words import number, plain

_MOST_WORDS = 9
_ANNOTATION = "#c9c0e4"  # the fill of what the encoder says of a word
_HALF = 0.25  # of a box's side
_THICKEST = 9.0  # points: the line of the weight 1


def attention(words: Sequence[str], weights: ArrayLike, *, before: str, output: str, title: str) -> Drawing:
    """Draws one step of a decoder with attention: who asks, which weights come out, and what is made of them.

    Args:
        words: the source, 2 to 9 words.
        weights: shape `(T_x,)`, one weight for each word, not negative, with the sum 1.
        before: the target word of the step before, y_(i-1).
        output: the target word of this step, y_i.
        title: what the figure shows.

    Returns:
        The drawing; the thickness of a line is the weight.

    Raises:
        ValueError: fewer than 2 words or more than 9, another number of weights, or weights that are negative or do
            not add up to 1.

    >>> attention(["white", "house"], [0.1, 0.9], before="la", output="maison", title="A look back").description[:60]
    "One step of a decoder with attention, from 'la' to 'maison':"
    """
    if isinstance(words, str):
        raise ValueError(f"words must be a list with one label for each position, but got the text {words!r}")
    words, alpha = [str(word) for word in words], np.asarray(weights, dtype=float)
    if not 2 <= len(words) <= _MOST_WORDS or alpha.shape != (len(words),):
        raise ValueError(
            f"attention draws 2 to {_MOST_WORDS} words with one weight each, but words has {len(words)} and weights "
            f"the shape {alpha.shape}"
        )
    if not (alpha >= 0).all() or abs(alpha.sum() - 1) > 1e-3:
        raise ValueError(f"weights must be at least 0 and add up to 1, but their sum is {alpha.sum():.4g}")

    left = 1.05  # the column of the decoder's last state
    pitch = min(1.0, (WIDTH - left - 0.35) / len(words))
    first = left + (WIDTH - left - len(words) * pitch) / 2 + pitch / 2
    x = [first + j * pitch for j in range(len(words))]
    below, room = _captions(words, pitch)
    y_h = room + _HALF + 0.1
    y_scores = y_h + 0.95
    y_c = y_scores + 1.15
    y_s = y_c + 0.75
    x_c, x_s = (x[0] + x[-1]) / 2, min((x[0] + x[-1]) / 2 + 1.7, WIDTH - 0.5)
    said = [f"{value:.2f}" for value in alpha]
    size = fitting_size(said, pitch - 0.1, largest=10.5, smallest=6) or 6

    with house_style():
        sketch = _Sketch(y_s + 1.35, title)
        middle, wide = (0.3 + x[-1] + pitch / 2) / 2, x[-1] + pitch / 2 - 0.3
        sketch.box((middle, y_scores), wide, 0.36, _PLAIN, r"scores $e_{ij} = a(s_{i-1}, h_j)$, then softmax", 11)
        for j, (place, word) in enumerate(zip(x, words, strict=True), start=1):
            sketch.box((place, y_h), 2 * _HALF, 2 * _HALF, _ANNOTATION, f"$h_{{{j}}}$", 12)
            sketch.arrow((place, y_h + _HALF), (place, y_scores - 0.18))
            line = {"linewidth": max(0.4, _THICKEST * alpha[j - 1]), "color": INK if alpha[j - 1] > 0.02 else GREY}
            sketch.arrow((place, y_scores + 0.5), (x_c, y_c), head=False, capstyle="round", zorder=1, **line)
            sketch.text((place, y_scores + 0.34), said[j - 1], size)
            slanted = {"ha": "right" if below.get("rotation") else "center", "va": "top"}
            sketch.text((place, y_h - _HALF - 0.06), printable(word), **slanted | below)
        sketch.circle((x_c, y_c), _HALF, _PLAIN, "$c_i$", 12)
        sketch.box((0.6, y_s), 2 * _HALF, 2 * _HALF, _STATE, "$s_{i-1}$", 11)
        sketch.box((x_s, y_s), 2 * _HALF, 2 * _HALF, _STATE, "$s_i$", 12)
        sketch.arrow((0.6, y_s - _HALF), (0.6, y_scores + 0.18), linestyle=(0, (3, 1.5)))
        sketch.text((0.68, y_c - 0.1), "asks", SMALL_SIZE, ha="left")
        sketch.arrow((0.6 + _HALF, y_s), (x_s - _HALF, y_s))
        sketch.arrow((x_c + _HALF, y_c), (x_s, y_c), (x_s, y_s - _HALF))
        x_y = x_s - 1.0
        for place, symbol, word, fill in ((x_y, "y_{i-1}", before, _INPUT), (x_s, "y_i", output, _OUTPUT)):
            sketch.circle((place, y_s + 0.8), _HALF, fill, f"${symbol}$", 11)
            sketch.text((place, y_s + 0.8 + _HALF + 0.06), printable(word), 11, va="bottom")
        sketch.arrow((x_y, y_s + 0.8 - _HALF), (x_y, y_s + 0.1), (x_s - _HALF, y_s + 0.1))
        sketch.arrow((x_s, y_s + _HALF), (x_s, y_s + 0.8 - _HALF))
    pairs = ", ".join(f"'{plain(word)}' {number(value)}" for word, value in zip(words, alpha, strict=True))
    description = (
        f"One step of a decoder with attention, from '{plain(before)}' to '{plain(output)}': the last state scores the "
        f"annotation of every source word, the softmax makes weights of the scores ({pairs}), the annotations are "
        "mixed into the context, and the last state, the last word and the context make the new state."
    )
    return Drawing(sketch.figure, description)
