"""Pictures of networks that read one sequence and write another."""

from collections.abc import Sequence

from utils.plots.drawing import WIDTH, Drawing, fitting_size, house_style, printable
from utils.plots.networks import _INPUT, _OUTPUT, _PLAIN, _STATE, _at, _captions, _Sketch
from utils.plots.words import counted, plain

_MOST_STEPS = 10  # of both sides together
_CONTEXT = "#c9c0e4"
_BUS = {"color": "#5a4a9c", "linewidth": 1.4}  # the way of the context


def encoder_decoder(
    source: Sequence[str],
    target: Sequence[str],
    *,
    every_step: bool,
    title: str,
    beginning: str = "<BOS>",
    end: str = "<EOS>",
) -> Drawing:
    """Draws an encoder that reads a source into one context, and a decoder that writes the target from it.

    Args:
        source: the words that are read, at least one.
        target: the words that are written, at least one; the end follows them.
        every_step: whether the context enters every step of the decoder (Cho), or its first state alone (Sutskever).
        title: what the figure shows.
        beginning: what the decoder reads first.
        end: what the decoder says last.

    Returns:
        The drawing.

    Raises:
        ValueError: a side without words, or more than 10 steps together.

    >>> encoder_decoder(["he", "falls"], ["il", "tombe"], every_step=True, title="Cho").description[:44]
    'Encoder–decoder: 2 states h^<1> to h^<2> rea'
    """
    for name, words in (("source", source), ("target", target)):
        if isinstance(words, str) or not len(words):
            raise ValueError(f"{name} must be a list of at least one word, but got {words!r}")
    T_x, T_y = len(source), len(target) + 1
    if T_x + T_y > _MOST_STEPS:
        raise ValueError(f"encoder_decoder draws {_MOST_STEPS} steps, but source and target have {T_x} and {T_y}")
    read, said = [beginning, *target], [*target, end]

    pitch = min(1.15, (WIDTH - 0.4) / (T_x + T_y + 1))
    radius = min(0.27, 0.28 * pitch)
    below, room_below = _captions([*source, *read], pitch)
    above, room_above = _captions(said, pitch)
    y_x = room_below + radius + 0.08
    y_s = y_x + 2 * radius + 0.7
    y_y = y_s + 2 * radius + 0.5
    top = y_y + radius + room_above + 0.1
    bus = (y_x + y_s) / 2
    x_0 = (WIDTH - (T_x + T_y) * pitch) / 2
    x_C = x_0 + T_x * pitch
    places = [x_0 + t * pitch for t in range(T_x)], [x_C + t * pitch for t in range(1, T_y + 1)]
    symbols = [_at(r"\hat y", T_y), _at("s", T_y), _at("x", T_x), _at("y", T_y - 1)]
    size = fitting_size(symbols, 1.55 * radius, largest=12.5, smallest=1) or 1

    with house_style():
        sketch = _Sketch(top, title)

        def word(x: float, y: float, text: str, style: dict, rising: bool) -> None:
            side = "left" if rising else "right"
            slanted = {"ha": side if style.get("rotation") else "center", "va": "bottom" if rising else "top"}
            sketch.text((x, y + (radius + 0.06) * (1 if rising else -1)), printable(text), **slanted | style)

        for t, x in enumerate(places[0], 1):
            sketch.circle((x, y_x), radius, _INPUT, _at("x", t), size)
            sketch.box((x, y_s), 2 * radius, 2 * radius, _STATE, _at("h", t), size)
            sketch.arrow((x, y_x + radius), (x, y_s - radius))
            sketch.arrow((x + radius, y_s), (x + pitch - radius, y_s))
            word(x, y_x, source[t - 1], below, False)
        sketch.box((x_C, y_s), 2 * radius, 2 * radius, _CONTEXT, "$C$", size)
        sketch.arrow((x_C + radius, y_s), (x_C + pitch - radius, y_s))
        aside = 0.5 * radius
        for t, x in enumerate(places[1], 1):
            sketch.circle((x, y_x), radius, _PLAIN if t == 1 else _OUTPUT, _at("y", t - 1), size)
            sketch.box((x, y_s), 2 * radius, 2 * radius, _STATE, _at("s", t), size)
            sketch.circle((x, y_y), radius, _OUTPUT, _at(r"\hat y", t), size)
            sketch.arrow((x, y_x + radius), (x, y_s - radius))
            sketch.arrow((x, y_s + radius), (x, y_y - radius))
            if t < T_y:
                sketch.arrow((x + radius, y_s), (x + pitch - radius, y_s))
            if every_step:
                sketch.arrow((x - aside, bus), (x - aside, y_s - radius), **_BUS)
            word(x, y_x, read[t - 1], below, False)
            word(x, y_y, said[t - 1], above, True)
        if every_step:
            sketch.arrow((x_C, y_s - radius), (x_C, bus), (places[1][-1] - aside, bus), head=False, **_BUS)

    way = "enters every step" if every_step else "is the first state"
    description = (
        f"Encoder–decoder: {counted(T_x, 'state')} h^<1> to h^<{T_x}> read '{plain(' '.join(source))}'; the last is "
        f"the "
        f"context C, which {way} of the decoder; its {counted(T_y, 'state')} s^<1> to s^<{T_y}> read "
        f"'{plain(' '.join(read))}' and say '{plain(' '.join(said))}', each output the input of the next step."
    )
    return Drawing(sketch.figure, description)
