"""Pictures of gated cells: the inside of a GRU and of an LSTM."""

from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from utils.plots.drawing import GREY, INK, WIDTH, Drawing, house_style
from utils.plots.networks import _INPUT, _PLAIN, _STATE, _at, _Point, _Sketch

_GATE = "#d3ecd9"
_NODE = 0.34  # radius of a state or an input
_SIGN = 0.17  # radius of × and +
_LINE = 3.3  # height of the line of the state
_ROW, _BUS = 1.5, 0.85  # heights of the gates, and of the line that feeds them
_HALF = 0.22  # of a box's height


def _thick(sketch: _Sketch, *corners: _Point) -> None:
    """The line of the state, with an arrow's head at the last corner."""
    style = {"arrowstyle": "-|>", "mutation_scale": 16, "linewidth": 3.2, "color": INK, "zorder": 1.5}
    sketch.axes.add_patch(FancyArrowPatch(path=Path(list(corners)), joinstyle="miter", **style))


def _sign(sketch: _Sketch, at: _Point, text: str) -> None:
    sketch.circle(at, _SIGN, _PLAIN, text, 14)


def _joint(sketch: _Sketch, at: _Point) -> None:
    sketch.circle(at, 0.035, INK, "")


def _box(sketch: _Sketch, at: _Point, text: str, fill: str = _GATE) -> None:
    sketch.box(at, 0.62, 2 * _HALF, fill, text, 13)


def _frame(title: str) -> _Sketch:
    sketch = _Sketch(_LINE + 0.55, title)
    sketch.box((WIDTH / 2, 2.1), WIDTH - 2.2, 3.0, "#f4f4f4", edgecolor=GREY, zorder=0)
    return sketch


def gru_cell(title: str) -> Drawing:
    """Draws the inside of a GRU.

    Args:
        title: what the figure shows.

    Returns:
        The drawing of c^<t> = Γ_u c̃^<t> + (1 − Γ_u) c^<t−1>, with the reset gate before the candidate's product.

    Raises:
        ValueError: the title is empty.
    """
    x_in, x_r, x_c, x_u, x_add, right = 1.5, 2.3, 3.5, 4.7, 5.7, WIDTH - 0.5
    y_mid = 2.4
    with house_style():
        sketch = _frame(title)
        sketch.circle((0.5, _LINE), _NODE, _STATE, _at("c", "t-1"), 12)
        sketch.circle((right, _LINE), _NODE, _STATE, _at("c", "t"), 12)
        sketch.circle((0.5, _BUS), _NODE, _INPUT, _at("x", "t"), 12)
        _thick(sketch, (0.5 + _NODE, _LINE), (right - _NODE, _LINE))
        _sign(sketch, (x_u, _LINE), r"$\times$")
        _sign(sketch, (x_add, _LINE), "$+$")

        _joint(sketch, (x_in, _LINE))  # the state and the input feed both gates
        sketch.arrow((x_in, _LINE), (x_in, _BUS), head=False)
        _joint(sketch, (x_in, _BUS))
        sketch.arrow((0.5 + _NODE, _BUS), (x_u, _BUS), (x_u, _ROW - _HALF))
        _joint(sketch, (x_r, _BUS))
        sketch.arrow((x_r, _BUS), (x_r, _ROW - _HALF))
        _box(sketch, (x_r, _ROW), r"$\Gamma_r$")
        _box(sketch, (x_u, _ROW), r"$\Gamma_u$")

        _joint(sketch, (x_r, _LINE))  # the reset state and the input make the candidate
        sketch.arrow((x_r, _LINE), (x_r, y_mid + _SIGN))
        sketch.arrow((x_r, _ROW + _HALF), (x_r, y_mid - _SIGN))
        _sign(sketch, (x_r, y_mid), r"$\times$")
        sketch.arrow((x_r + _SIGN, y_mid), (x_c - 0.31, y_mid))
        sketch.circle((x_c, _ROW), 0.27, _INPUT, _at("x", "t"), 10)
        sketch.arrow((x_c, _ROW + 0.27), (x_c, y_mid - _HALF))
        _box(sketch, (x_c, y_mid), r"$\tilde c^{\langle t\rangle}$", _STATE)

        sketch.arrow((x_u, _ROW + _HALF), (x_u, 2.62))
        sketch.box((x_u, 2.8), 0.72, 0.36, _PLAIN, r"$1-\Gamma_u$", 11)
        sketch.arrow((x_u, 2.98), (x_u, _LINE - _SIGN))
        sketch.arrow((x_u + 0.31, _ROW), (x_add, _ROW), (x_add, y_mid - _SIGN))
        sketch.arrow((x_c + 0.31, y_mid), (x_add - _SIGN, y_mid))
        _sign(sketch, (x_add, y_mid), r"$\times$")
        sketch.arrow((x_add, y_mid + _SIGN), (x_add, _LINE - _SIGN))
    description = (
        "Inside of a GRU: the state c^<t-1> runs straight through to c^<t>; on its way it is multiplied by 1 minus the "
        "update gate, and the candidate times the update gate is added. Both gates read state and input; the candidate "
        "reads the input and the state times the reset gate."
    )
    return Drawing(sketch.figure, description)


def lstm_cell(title: str) -> Drawing:
    """Draws the inside of an LSTM.

    Args:
        title: what the figure shows.

    Returns:
        The drawing of c^<t> = Γ_f c^<t−1> + Γ_u c̃^<t> and a^<t> = Γ_o tanh c^<t>.

    Raises:
        ValueError: the title is empty.
    """
    x_f, x_u, x_add, x_c, x_o, x_out, right = 1.9, 2.8, 3.4, 4.0, 5.0, 5.9, WIDTH - 0.5
    y_mid = 2.4
    with house_style():
        sketch = _frame(title)
        sketch.circle((0.5, _LINE), _NODE, _STATE, _at("c", "t-1"), 12)
        sketch.circle((right, _LINE), _NODE, _STATE, _at("c", "t"), 12)
        sketch.circle((0.5, 1.2), _NODE, _STATE, _at("a", "t-1"), 12)
        sketch.circle((0.5, 0.4), _NODE, _INPUT, _at("x", "t"), 12)
        sketch.circle((right, _BUS), _NODE, _STATE, _at("a", "t"), 12)
        _thick(sketch, (0.5 + _NODE, _LINE), (right - _NODE, _LINE))
        _sign(sketch, (x_f, _LINE), r"$\times$")
        _sign(sketch, (x_add, _LINE), "$+$")

        sketch.arrow((0.5 + _NODE, 1.2), (1.3, 1.2), (1.3, _BUS), head=False)
        sketch.arrow((0.5 + _NODE, 0.4), (1.3, 0.4), (1.3, _BUS), head=False)
        _joint(sketch, (1.3, _BUS))
        sketch.arrow((1.3, _BUS), (x_o, _BUS), (x_o, _ROW - _HALF))
        for x in (x_f, x_u, x_c):
            _joint(sketch, (x, _BUS))
            sketch.arrow((x, _BUS), (x, _ROW - _HALF))
        for x, text in ((x_f, r"$\Gamma_f$"), (x_u, r"$\Gamma_u$"), (x_o, r"$\Gamma_o$")):
            _box(sketch, (x, _ROW), text)
        _box(sketch, (x_c, _ROW), r"$\tilde c^{\langle t\rangle}$", _STATE)

        sketch.arrow((x_f, _ROW + _HALF), (x_f, _LINE - _SIGN))
        sketch.arrow((x_u, _ROW + _HALF), (x_u, y_mid), (x_add - _SIGN, y_mid))
        sketch.arrow((x_c, _ROW + _HALF), (x_c, y_mid), (x_add + _SIGN, y_mid))
        _sign(sketch, (x_add, y_mid), r"$\times$")
        sketch.arrow((x_add, y_mid + _SIGN), (x_add, _LINE - _SIGN))

        _joint(sketch, (x_out, _LINE))
        sketch.arrow((x_out, _LINE), (x_out, y_mid + _HALF))
        _box(sketch, (x_out, y_mid), "tanh", _PLAIN)
        sketch.arrow((x_out, y_mid - _HALF), (x_out, _ROW + _SIGN))
        sketch.arrow((x_o + 0.31, _ROW), (x_out - _SIGN, _ROW))
        _sign(sketch, (x_out, _ROW), r"$\times$")
        sketch.arrow((x_out, _ROW - _SIGN), (x_out, _BUS), (right - _NODE, _BUS))
    description = (
        "Inside of an LSTM: the cell state c^<t-1> runs along the top to c^<t>; on its way it is multiplied by the "
        "forget gate, and the candidate times the update gate is added. The hidden state a^<t> is tanh of the cell "
        "state times the output gate. The three gates and the candidate read a^<t-1> and x^<t>."
    )
    return Drawing(sketch.figure, description)
