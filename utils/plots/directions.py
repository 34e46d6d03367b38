"""Pictures of networks that read a sequence in both directions."""

from collections.abc import Sequence

from utils.plots.drawing import SMALL_SIZE, WIDTH, Drawing, fitting_size, house_style, printable
from utils.plots.networks import _INPUT, _OUTPUT, _STATE, _captions, _Sketch
from utils.plots.words import counted, plain

_MOST_STEPS = 8
_BACKWARD = "#c9c0e4"  # the fill of the states that come from the right


def bidirectional(inputs: Sequence[str], outputs: Sequence[str], *, title: str) -> Drawing:
    """Draws a bidirectional network unrolled over its steps: two chains of states, and outputs that hear both.

    Args:
        inputs: a label for each step, 2 to 8 of them.
        outputs: the same for the outputs; `""` draws an output without a word.
        title: what the figure shows.

    Returns:
        The drawing.

    Raises:
        ValueError: fewer than 2 steps or more than 8, or lists of different lengths.

    >>> bidirectional(["Paris", "sold"], ["B-ORG", "O"], title="Both ways").description[:46]
    'Unrolled bidirectional network of 2 steps: one'
    """
    for name, labels in (("inputs", inputs), ("outputs", outputs)):
        if isinstance(labels, str):
            raise ValueError(f"{name} must be a list with one label for each step, but got the text {labels!r}")
    inputs, outputs = [str(label) for label in inputs], [str(label) for label in outputs]
    steps = len(inputs)
    if len(outputs) != steps or not 2 <= steps <= _MOST_STEPS:
        raise ValueError(
            f"bidirectional draws 2 to {_MOST_STEPS} steps, but inputs has {steps} and outputs {len(outputs)}"
        )

    pitch = min(1.3, (WIDTH - 0.2) / (steps + 1.35))
    radius = min(0.28, 0.24 * pitch)
    aside = min(0.22, 0.17 * pitch)  # the two states of a step stand beside its middle
    below, room_below = _captions(inputs, pitch)
    above, room_above = _captions(outputs, pitch)
    y_x = room_below + radius + 0.08
    y_forward = y_x + 2 * radius + 0.45
    y_backward = y_forward + 2 * radius + 0.3
    y_y = y_backward + 2 * radius + 0.45
    top = y_y + radius + room_above + 0.1
    forward, backward = r"\overrightarrow{a}", r"\overleftarrow{a}"
    symbols = [_at(symbol, steps) for symbol in (forward, backward, r"\hat y", "x")]
    size = fitting_size(symbols, 1.55 * radius, largest=12.5, smallest=1) or 1

    with house_style():
        sketch = _Sketch(top, title)
        x_0 = (WIDTH - (steps + 1) * pitch) / 2
        first, last = x_0 + 0.2 * pitch - aside, x_0 + (steps + 0.8) * pitch + aside
        sketch.box((first, y_forward), 2 * radius, 2 * radius, "white", "$0$", size, linestyle="--")
        sketch.box((last, y_backward), 2 * radius, 2 * radius, "white", "$0$", size, linestyle="--")
        for t in range(1, steps + 1):
            x = x_0 + t * pitch
            left, right = x - aside, x + aside
            sketch.circle((x, y_x), radius, _INPUT, _at("x", t), size)
            sketch.box((left, y_forward), 2 * radius, 2 * radius, _STATE, _at(forward, t), size)
            sketch.box((right, y_backward), 2 * radius, 2 * radius, _BACKWARD, _at(backward, t), size)
            sketch.circle((x, y_y), radius, _OUTPUT, _at(r"\hat y", t), size)
            before = first if t == 1 else left - pitch
            sketch.arrow((before + radius, y_forward), (left - radius, y_forward))
            after = last if t == steps else right + pitch
            sketch.arrow((after - radius, y_backward), (right + radius, y_backward))
            # Up the outer sides of the two states, so that no arrow crosses a box.
            sketch.arrow((left, y_x + 0.8 * radius), (left, y_forward - radius))
            sketch.arrow((right, y_x + 0.8 * radius), (right, y_backward - radius))
            sketch.arrow((left, y_forward + radius), (left, y_y - 0.8 * radius))
            sketch.arrow((right, y_backward + radius), (right, y_y - 0.8 * radius))
            slanted = {"ha": "right" if below.get("rotation") else "center", "va": "top"}
            sketch.text((x, y_x - radius - 0.06), printable(inputs[t - 1]), **slanted | below)
            slanted = {"ha": "left" if above.get("rotation") else "center", "va": "bottom"}
            sketch.text((x, y_y + radius + 0.06), printable(outputs[t - 1]), **slanted | above)
        sketch.text((0.05, y_forward + radius + 0.1), "left to right", SMALL_SIZE, ha="left", va="bottom")
        sketch.text((WIDTH - 0.05, y_backward + radius + 0.1), "right to left", SMALL_SIZE, ha="right", va="bottom")

    pairs = [
        f"'{plain(word)}'" + (f" → '{plain(tag)}'" if tag else "") for word, tag in zip(inputs, outputs, strict=True)
    ]
    description = (
        f"Unrolled bidirectional network of {counted(steps, 'step')}: one chain of states runs from left to right, "
        "another from right to left, no arrow leads from one chain to the other, and every output hears the two "
        f"states of its step; inputs and outputs: {', '.join(pairs)}."
    )
    return Drawing(sketch.figure, description)


def _at(symbol: str, step: int) -> str:
    space = r"\," if "arrow" in symbol else ""  # so that the exponent does not touch the arrow
    return rf"${symbol}{space}^{{\langle {step}\rangle}}$"
