"""Pictures of recurrent networks: folded, unrolled, and the inside of one cell."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from utils.plots.drawing import (
    GREY,
    INK,
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
)
from utils.plots.words import counted, listed, plain

_MOST_STEPS = 10
_INPUT, _STATE, _OUTPUT, _PLAIN = "#d6e6f4", "#f7c77e", "#d3ecd9", "#ffffff"  # fills of the nodes
_BACK: dict[str, object] = {"color": "#8c1c13", "linestyle": (0, (3, 1.5)), "linewidth": 1.5}  # a gradient's way
_Point = tuple[float, float]


class _Sketch:
    """A sheet measured in inches, with the origin at the bottom left, for nodes and arrows."""

    def __init__(self, height: float, title: str) -> None:
        self.figure = blank(height, title)
        self.axes: Axes = self.figure.add_axes((0, 0, 1, height / self.figure.get_figheight()))
        self.axes.set(xlim=(0, WIDTH), ylim=(0, height))
        self.axes.set_axis_off()

    def box(
        self,
        at: _Point,
        width: float,
        height: float,
        fill: str,
        text: str = "",
        size: float = 12,
        **line: object,
    ) -> None:
        corner = (at[0] - width / 2, at[1] - height / 2)
        style = f"round,pad=0,rounding_size={min(0.1, 0.18 * min(width, height))}"
        line = {"edgecolor": INK, "linewidth": 1.2, "zorder": 2} | line
        self.axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=fill, **line))
        self.text(at, text, size)

    def circle(self, at: _Point, radius: float, fill: str, text: str, size: float = 12) -> None:
        self.axes.add_patch(Circle(at, radius, facecolor=fill, edgecolor=INK, linewidth=1.2, zorder=2))
        self.text(at, text, size)

    def arrow(self, *corners: _Point, head: bool = True, **line: object) -> None:
        """A line through the corners, with an arrow's head at the last one."""
        self.curve(Path(list(corners)), head, **line)

    def curve(self, path: Path, head: bool = True, **line: object) -> None:
        line = {"mutation_scale": 11, "linewidth": 1.2, "color": INK, "zorder": 1.5} | line
        arrow = FancyArrowPatch(path=path, arrowstyle="-|>" if head else "-", fill=head, joinstyle="miter", **line)
        self.axes.add_patch(arrow)

    def text(self, at: _Point, text: str, size: float = 12, **place: object) -> None:
        place = {
            "ha": "center",
            "va": "center_baseline" if "$" not in text else "center",
            "zorder": 3,
        } | place
        self.axes.text(*at, text, size=size, **place)


def _at(symbol: str, step: int | str | None) -> str:
    """A symbol at a step in mathematics: `x`, 3 becomes `$x^{<3>}$`; without a step it stands alone."""
    return f"${symbol}$" if step is None else rf"${symbol}^{{\langle {step}\rangle}}$"


def _positions(name: str, labels: Sequence[str | None]) -> list[str | None]:
    if isinstance(labels, str):
        raise ValueError(f"{name} must be a list with one label for each step, but got the text {labels!r}")
    labels = list(labels)
    for label in labels:
        if label is not None and not isinstance(label, str):
            raise ValueError(f"{name} must hold texts or None, but holds {label!r} ({type(label).__name__})")
    return labels


def _numbering(inputs: list[str | None], outputs: list[str | None]) -> tuple[dict, dict]:
    """Numbers of inputs and outputs by step; outputs that begin where the inputs end count from 1."""
    x_at = [t for t, label in enumerate(inputs, 1) if label is not None]
    y_at = [t for t, label in enumerate(outputs, 1) if label is not None]
    x_numbers: dict[int, int | None] = {t: t for t in x_at}
    y_numbers: dict[int, int | None] = {t: t for t in y_at}
    if y_at and x_at and y_at[0] >= x_at[-1]:
        y_numbers = {t: t - y_at[0] + 1 for t in y_at}
        if len(y_at) == 1 and len(inputs) > 1:
            y_numbers = {y_at[0]: None}
    if x_at == [1] and len(inputs) > 1:
        x_numbers = {1: None}
    return x_numbers, y_numbers


def _captions(labels: Sequence[str | None], pitch: float) -> tuple[dict, float]:
    """How to set the words beside the nodes: level if they fit their columns, slanted otherwise.

    Returns:
        The properties of the texts and the height in inches that they need.
    """
    words = [printable(label) for label in labels if label]
    if not words:
        return {}, 0.0
    size = fitting_size(words, pitch - 0.08, largest=11, smallest=SMALL_SIZE)
    if size is not None:
        return {"size": size, "rotation": 0}, text_height("x", size) + 0.05
    slant = 0.71 * (max(text_width(word, SMALL_SIZE + 0.5) for word in words) + 0.12)
    return {"size": SMALL_SIZE + 0.5, "rotation": 45, "rotation_mode": "anchor"}, slant + 0.05


def unrolled(
    inputs: Sequence[str | None],
    outputs: Sequence[str | None],
    *,
    state: str = "a",
    title: str,
    backward: bool = False,
    cuts: Sequence[int] = (),
) -> Drawing:
    """Draws a recurrent network unrolled over its steps, with the shared weights on the arrows.

    The longer list gives the number of steps, 1 to 10. Outputs that begin where the inputs end (an
    encoder–decoder, one-to-many) are numbered from 1; a single input or output of a longer network has no
    number; all others carry the number of their step.

    Args:
        inputs: a label for each step; `""` draws the input without a word, None means no input at this step.
        outputs: the same for the outputs.
        state: the letter of the state, `"a"` in this course, `"h"` in others.
        title: what the figure shows.
        backward: whether dashed arrows show the way of the gradient, from the outputs back along the states, and
            down to the inputs.
        cuts: steps after which the gradient stops on its way back (truncated backpropagation); with `backward`.

    Returns:
        The drawing.

    Raises:
        ValueError: no step, more than 10, neither input nor output, `state` is not one letter, or a cut that is
            not between two steps, or `cuts` without `backward`.

    >>> unrolled(["not", "bad"], [None, "positive"], title="Many to one").description[:45]
    'Unrolled recurrent network of 2 steps: the st'
    """
    inputs, outputs = _positions("inputs", inputs), _positions("outputs", outputs)
    steps = max(len(inputs), len(outputs))
    if not 1 <= steps <= _MOST_STEPS:
        raise ValueError(
            f"unrolled draws 1 to {_MOST_STEPS} steps, but inputs has {len(inputs)}, outputs {len(outputs)}"
        )
    if not (len(state) == 1 and state.isalpha()):
        raise ValueError(f"state must be one letter such as 'a' or 'h', but got {state!r}")
    inputs, outputs = (labels + [None] * (steps - len(labels)) for labels in (inputs, outputs))
    if all(label is None for label in inputs + outputs):
        raise ValueError(f"inputs and outputs are None at all {steps} steps: give at least one label")
    if cuts and not (backward and all(1 <= cut < steps for cut in cuts)):
        raise ValueError(f"cuts is {list(cuts)}, but expects steps from 1 to {steps - 1}, and backward=True")
    x_numbers, y_numbers = _numbering(inputs, outputs)

    margin = 0.32  # holds the weights' names at the right, and the ends of slanted words
    pitch = min(1.35, (WIDTH - 2 * margin) / (steps + 0.5))
    radius = min(0.29, 0.275 * pitch)
    gap = pitch - 2 * radius  # between neighbouring states
    below, room_below = _captions(inputs, pitch)
    above, room_above = _captions(outputs, pitch)
    rise = 2 * radius + 0.55  # from one row of nodes to the next
    y_x = room_below + radius + 0.08
    y_a = y_x + rise if x_numbers else radius + 0.1
    y_y = y_a + rise
    top = y_y + radius + room_above + 0.1 if y_numbers else y_a + radius + 0.12

    symbols = [_at(r"\hat y", number) for number in y_numbers.values()] + [_at(state, steps)]
    node_size = fitting_size(symbols, 1.55 * radius, largest=12.5, smallest=1) or 1
    weight = {key: f"$W_{{{key}}}$" for key in (f"{state}x", f"{state}{state}", f"y{state}")}
    weight_size = fitting_size(list(weight.values()), gap - 0.06, largest=10.5, smallest=1) or 1

    with house_style():
        sketch = _Sketch(top, title)
        x_0 = (WIDTH - steps * pitch) / 2
        sketch.box((x_0, y_a), 2 * radius, 2 * radius, _PLAIN, _at(state, 0), node_size, linestyle="--")
        for t in range(1, steps + 1):
            x = x_0 + t * pitch
            sketch.box((x, y_a), 2 * radius, 2 * radius, _STATE, _at(state, t), node_size)
            sketch.arrow((x - pitch + radius, y_a), (x - radius, y_a))
            sketch.text((x - pitch / 2, y_a + 0.05), weight[state * 2], weight_size, va="bottom")
            if t in x_numbers:
                sketch.circle((x, y_x), radius, _INPUT, _at("x", x_numbers[t]), node_size)
                sketch.arrow((x, y_x + radius), (x, y_a - radius))
                sketch.text((x + 0.06, (y_x + y_a) / 2), weight[f"{state}x"], weight_size, ha="left")
                slanted = {"ha": "right" if below.get("rotation") else "center", "va": "top"}
                sketch.text((x, y_x - radius - 0.06), printable(inputs[t - 1]), **slanted | below)
            if t in y_numbers:
                sketch.circle((x, y_y), radius, _OUTPUT, _at(r"\hat y", y_numbers[t]), node_size)
                sketch.arrow((x, y_a + radius), (x, y_y - radius))
                sketch.text((x + 0.06, (y_a + y_y) / 2), weight[f"y{state}"], weight_size, ha="left")
                slanted = {"ha": "left" if above.get("rotation") else "center", "va": "bottom"}
                sketch.text((x, y_y + radius + 0.06), printable(outputs[t - 1]), **slanted | above)
            aside = 0.5 * radius  # between the arrow forwards and the one back
            if backward and t in y_numbers:
                sketch.arrow((x - aside, y_y - 0.87 * radius), (x - aside, y_a + radius), **_BACK)
            if not backward:
                continue
            asked = t <= max(y_numbers, default=steps)  # a state after the last output is asked for nothing
            if asked and t in x_numbers:
                sketch.arrow((x - aside, y_a - radius), (x - aside, y_x + 0.87 * radius), **_BACK)
            if t - 1 in cuts:
                middle, low, high = x - pitch / 2, 0.05, top - room_above - 0.05
                cut = {"head": False, "color": GREY, "linewidth": 3}
                sketch.arrow((middle, low), (middle, y_a - 0.12), **cut)
                sketch.arrow((middle, y_a + 0.3), (middle, high), **cut)
            elif asked:
                sketch.arrow((x - radius, y_a - aside), (x - pitch + radius, y_a - aside), **_BACK)

    used = [f"W_{state}x"] * bool(x_numbers) + [f"W_{state}{state}"] + [f"W_y{state}"] * bool(y_numbers)
    shared = f"every step uses the same {listed(used)}" if steps > 1 else f"the weights are {listed(used)}"
    parts = [
        f"the state passes from {state}^<0> to {state}^<{steps}>",
        _said("input", "x", x_numbers, inputs),
        _said("output", "y-hat", y_numbers, outputs),
        shared,
    ]
    if backward:
        parts.append(f"dashed arrows lead back from the outputs and along the states to {state}^<0>")
        if x_numbers:
            parts[-1] += ", and down to the inputs"
    if cuts:
        parts[-1] += f", but not across a bar after {'step' if len(cuts) == 1 else 'steps'} {listed(map(str, cuts))}"
    return Drawing(sketch.figure, f"Unrolled recurrent network of {counted(steps, 'step')}: {'; '.join(parts)}.")


def _said(noun: str, symbol: str, numbers: dict[int, int | None], labels: Sequence[str | None]) -> str:
    """Inputs or outputs in words: their symbols, the steps where these differ, and their labels."""
    if not numbers:
        return f"no {noun}s"
    names = [symbol if number is None else f"{symbol}^<{number}>" for number in numbers.values()]
    steps = list(numbers)
    in_a_row = len(steps) > 2 and steps == list(range(steps[0], steps[-1] + 1))
    said = f"{noun if len(names) == 1 else noun + 's'} "
    said += f"{names[0]} to {names[-1]}" if in_a_row else listed(names)
    if steps != list(numbers.values()):
        places = f"{steps[0]} to {steps[-1]}" if in_a_row else listed(map(str, steps))
        said += f" at {'step' if len(steps) == 1 else 'steps'} {places}"
    words = [f"'{plain(labels[t - 1])}'" for t in steps if labels[t - 1]]
    return f"{said} ({', '.join(words)})" if words else said


def folded(title: str) -> Drawing:
    """Draws a recurrent network as a loop: what it remembers comes back to it one step later.

    Args:
        title: what the figure shows.

    Returns:
        The drawing.

    Raises:
        ValueError: the title is empty.
    """
    half, rise = 0.36, 1.2
    x, y_x = WIDTH / 2 - 0.5, 0.45
    y_a, y_y = y_x + rise, y_x + 2 * rise
    with house_style():
        sketch = _Sketch(y_y + half + 0.1, title)
        sketch.circle((x, y_x), half, _INPUT, _at("x", "t"), 14)
        sketch.box((x, y_a), 2 * half, 2 * half, _STATE, _at("a", "t"), 14)
        sketch.circle((x, y_y), half, _OUTPUT, _at(r"\hat y", "t"), 14)
        sketch.arrow((x, y_x + half), (x, y_a - half))
        sketch.arrow((x, y_a + half), (x, y_y - half))
        sketch.text((x - 0.08, y_x + rise / 2), "$W_{ax}$", 12, ha="right")
        sketch.text((x - 0.08, y_a + rise / 2), "$W_{ya}$", 12, ha="right")
        edge, out = x + half, x + half + 1.25
        loop = [(edge, y_a + 0.2), (out, y_a + 0.95), (out, y_a - 0.95), (edge, y_a - 0.2)]
        sketch.curve(Path(loop, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]))
        sketch.text((x + half + 0.55, y_a), "$W_{aa}$", 12)
        memory = f"{_at('a', 't')} comes back\nas {_at('a', 't-1')}\none step later"
        sketch.text((x + half + 1.1, y_a), memory, TICK_SIZE + 0.5, ha="left", linespacing=1.35)
    description = (
        "Recurrent network as a loop: the input x^<t> enters the state a^<t> through W_ax, the output "
        "y-hat^<t> leaves it through W_ya, and the state comes back to itself through W_aa one step later."
    )
    return Drawing(sketch.figure, description)


def cell(title: str) -> Drawing:
    """Draws the inside of one plain recurrent cell.

    Args:
        title: what the figure shows.

    Returns:
        The drawing of a^<t> = tanh(W_aa a^<t-1> + W_ax x^<t> + b_a) and y-hat^<t> = g_y(W_ya a^<t> + b_y).

    Raises:
        ValueError: the title is empty.
    """
    y_a, x_sum, x_branch = 2.15, 3.1, 5.2
    y_weight, y_sum, y_g, y_out = y_a + 0.7, y_a + 1.3, y_a + 1.9, y_a + 2.85
    width, height, plus = 0.72, 0.44, 0.19
    with house_style():
        sketch = _Sketch(y_out + 0.45, title)
        frame = ((1.4 + 6.0) / 2, (1.0 + y_g + 0.4) / 2)
        sketch.box(frame, 6.0 - 1.4, y_g + 0.4 - 1.0, "#f4f4f4", edgecolor=GREY, zorder=0)

        sketch.circle((0.65, y_a), 0.36, _STATE, _at("a", "t-1"), 13)
        sketch.circle((x_sum, 0.42), 0.36, _INPUT, _at("x", "t"), 13)
        sketch.circle((7.05, y_a), 0.36, _STATE, _at("a", "t"), 13)
        sketch.circle((x_branch, y_out), 0.36, _OUTPUT, _at(r"\hat y", "t"), 13)

        sketch.box((2.1, y_a), width, height, _PLAIN, "$W_{aa}$")
        sketch.box((x_sum, 1.4), width, height, _PLAIN, "$W_{ax}$")
        sketch.circle((x_sum, y_a), plus, _PLAIN, "$+$", 14)
        sketch.box((4.2, y_a), width, height, _STATE, "tanh")
        sketch.box((x_branch, y_weight), width, height, _PLAIN, "$W_{ya}$")
        sketch.circle((x_branch, y_sum), plus, _PLAIN, "$+$", 14)
        sketch.box((x_branch, y_g), width, height, _OUTPUT, "$g_y$")
        sketch.text((x_sum, y_weight), "$b_a$", 12)
        sketch.text((4.3, y_sum), "$b_y$", 12)

        sketch.arrow((1.01, y_a), (2.1 - width / 2, y_a))
        sketch.arrow((2.1 + width / 2, y_a), (x_sum - plus, y_a))
        sketch.arrow((x_sum, 0.78), (x_sum, 1.4 - height / 2))
        sketch.arrow((x_sum, 1.4 + height / 2), (x_sum, y_a - plus))
        sketch.arrow((x_sum, y_weight - 0.17), (x_sum, y_a + plus))
        sketch.arrow((x_sum + plus, y_a), (4.2 - width / 2, y_a))
        sketch.arrow((4.2 + width / 2, y_a), (6.69, y_a))
        sketch.circle((x_branch, y_a), 0.035, INK, "")
        sketch.arrow((x_branch, y_a), (x_branch, y_weight - height / 2))
        sketch.arrow((x_branch, y_weight + height / 2), (x_branch, y_sum - plus))
        sketch.arrow((4.5, y_sum), (x_branch - plus, y_sum))
        sketch.arrow((x_branch, y_sum + plus), (x_branch, y_g - height / 2))
        sketch.arrow((x_branch, y_g + height / 2), (x_branch, y_out - 0.36))
    description = (
        "Inside of one recurrent cell: a^<t-1> times W_aa, x^<t> times W_ax and b_a are added and pass "
        "through tanh to give a^<t>, which goes on to the right and up, where W_ya, b_y and g_y "
        "make y-hat^<t> of it."
    )
    return Drawing(sketch.figure, description)
