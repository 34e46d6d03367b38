"""Checks of lesson 05: GRU and LSTM.

The oracles follow the equations for one example, one unit and one position at a time, in plain Python, or run what
came back: wired gates are put into a cell and lived with for 200 steps, weights into Keras' own layer. `n_a`, `n_x`
and the size of the batch differ, so that a weight used the wrong way round cannot fit by accident.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import AS_ARRAY, describe

Gates = dict[str, np.ndarray]


def _sigma(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def _sums(W: np.ndarray, b: np.ndarray, state: np.ndarray, x: np.ndarray) -> list[float]:
    """What goes into a gate, unit by unit, for one example: W [state, x] + b."""
    read = [*state, *x]
    return [math.fsum([b[k], *(W[k, j] * read[j] for j in range(len(read)))]) for k in range(len(b))]


def gru_step(x: np.ndarray, c: np.ndarray, W: Gates, b: Gates) -> np.ndarray:
    """The state of a GRU after one step, for one example.

    Args:
        x: Shape (n_x,).
        c: State before the step, shape (n_a,).
        W: "u", "r" and "c", each of shape (n_a, n_a + n_x).
        b: The same keys, each of shape (n_a,).

    Returns:
        Shape (n_a,), float64.
    """
    update, reset = ([_sigma(z) for z in _sums(W[key], b[key], c, x)] for key in "ur")
    kept = np.array([r * old for r, old in zip(reset, c, strict=True)])
    candidate = [math.tanh(z) for z in _sums(W["c"], b["c"], kept, x)]
    return np.array([u * new + (1 - u) * old for u, new, old in zip(update, candidate, c, strict=True)])


def lstm_step(x: np.ndarray, a: np.ndarray, c: np.ndarray, W: Gates, b: Gates) -> tuple[np.ndarray, np.ndarray]:
    """Both states of an LSTM after one step, for one example.

    Args:
        x: Shape (n_x,).
        a: Hidden state before the step, shape (n_a,).
        c: Cell state before the step, shape (n_a,).
        W: "f", "u", "c" and "o", each of shape (n_a, n_a + n_x).
        b: The same keys, each of shape (n_a,).

    Returns:
        a and c after the step, each of shape (n_a,), float64.
    """
    sums = {key: _sums(W[key], b[key], a, x) for key in "fuco"}
    forget, update, output = ([_sigma(z) for z in sums[key]] for key in "fuo")
    new = [f * old + u * math.tanh(z) for f, old, u, z in zip(forget, c, update, sums["c"], strict=True)]
    return np.array([o * math.tanh(z) for o, z in zip(output, new, strict=True)]), np.array(new)


def _gru(x_t, c_prev, W, b):
    return np.array([gru_step(x, c, W, b) for x, c in zip(x_t, c_prev, strict=True)])


def _lstm(x_t, a_prev, c_prev, W, b):
    steps = [lstm_step(x, a, c, W, b) for x, a, c in zip(x_t, a_prev, c_prev, strict=True)]
    return tuple(np.array(part) for part in zip(*steps, strict=True))


def _weights(rng: np.random.Generator, keys: str, n_a: int, n_x: int) -> tuple[Gates, Gates]:
    W = {key: rng.normal(size=(n_a, n_a + n_x)) for key in keys}
    return W, {key: rng.normal(size=n_a) for key in keys}


def _held(b: Gates, **values: float) -> Gates:
    """Biases with some gates held at one value for every unit: 50 is open, −50 is closed."""
    return b | {key: np.full_like(b[key], value) for key, value in values.items()}


def _exchanged(W: Gates, b: Gates, one: str, two: str) -> tuple[Gates, Gates]:
    """The same weights with two gates' rows exchanged."""
    return W | {one: W[two], two: W[one]}, b | {one: b[two], two: b[one]}


def _logistic(z):
    return 0.5 * (1 + np.tanh(z / 2))


_ORDER = (
    "The input stands before the state. The columns of `W` belong to `[state, x_t]`, the state first: "
    "`np.concatenate([state, x_t], axis=1)`."
)
_BATCH = "A batch of one is still a batch: the shape should be `(1, n_a)`. Leave out `squeeze`, `ravel` and `[0]`."
_SHAPES = {
    "You joined state and input along the batch. They stand side by side: `np.concatenate([...], axis=1)`.": (
        "all the input array dimensions except for the concatenation axis must match"
    ),
    "Two arrays in a product do not fit. Each `W` has shape `(n_a, n_a + n_x)`, and a batch stands on the left: "
    "`[state, x_t] @ W.T`.": "core dimension|not aligned",
    "Units and examples have changed places: `W @ [state, x_t].T` has shape `(n_a, batch)`. A batch stands on the "
    "left: `[state, x_t] @ W.T`.": r"broadcast together with shapes \(4,2\) \((4,|2,4)\)",
}


def _read(state: np.ndarray, x_t: np.ndarray) -> np.ndarray:
    return np.concatenate([state, x_t], axis=1)


def _without(b: Gates) -> Gates:
    return {key: np.zeros_like(one) for key, one in b.items()}


def _gru_mistakes(x_t: np.ndarray, c_prev: np.ndarray, W: Gates, b: Gates) -> dict[str, np.ndarray]:
    """Hint → what the mistake that it names gives for these inputs."""
    n_a = c_prev.shape[1]

    def step(gate=_logistic, h=np.tanh, reset=lambda r, old: r * old, mix=None, swap=False):
        u, r = (gate((_read(x_t, c_prev) if swap else _read(c_prev, x_t)) @ W[key].T + b[key]) for key in "ur")
        kept = reset(r, c_prev)
        new = h((_read(x_t, kept) if swap else _read(kept, x_t)) @ W["c"].T + b["c"])
        return u * new + (1 - u) * c_prev if mix is None else mix(u, new, r)

    u, r = (_logistic(_read(c_prev, x_t) @ W[key].T + b[key]) for key in "ur")
    late = np.tanh(r * (c_prev @ W["c"][:, :n_a].T) + x_t @ W["c"][:, n_a:].T + b["c"])
    scaled = _read(r * c_prev, r[:, :1] * x_t)
    return {
        "The two roles of the update gate are exchanged. Where Γ_u is 1 the candidate is written, where it is 0 the "
        "old state stays: `u * candidate + (1 - u) * c_prev`.": step(mix=lambda u, new, r: u * c_prev + (1 - u) * new),
        "You returned the candidate. The new state mixes it with the old one, by the update gate.": step(
            mix=lambda u, new, r: new
        ),
        "You add all of the old state. What is kept is the rest, `(1 - u) * c_prev`.": step(
            mix=lambda u, new, r: u * new + c_prev
        ),
        "The old state that stays is multiplied by the reset gate. `(1 - u) * c_prev` takes it as it is.": step(
            mix=lambda u, new, r: u * new + (1 - u) * r * c_prev
        ),
        "The candidate lacks its `np.tanh`.": step(h=lambda z: z),
        "The candidate passes through the sigmoid. Gates take `sigmoid`, the candidate takes `np.tanh`.": step(
            h=_logistic
        ),
        "The reset gate has no effect. Multiply the old state by it before the candidate reads that state: "
        "`np.concatenate([r * c_prev, x_t], axis=1)`.": step(reset=lambda r, old: old),
        "The reset gate multiplies the input too. It belongs to the state alone: `[r * c_prev, x_t]`.": (
            u * np.tanh(scaled @ W["c"].T + b["c"]) + (1 - u) * c_prev
        ),
        'The reset gate comes after the product. Here it multiplies the state *before* the product with `W["c"]`. '
        "(The other order is Keras' `reset_after=True`; it comes later in the lesson.)": u * late + (1 - u) * c_prev,
        "The update and the reset gate are exchanged.": _gru(x_t, c_prev, *_exchanged(W, b, "u", "r")),
        "A gate must lie between 0 and 1: it takes `sigmoid`, not `np.tanh`.": step(gate=np.tanh),
        _ORDER: step(swap=True),
        'The biases have no effect. Add `b["u"]`, `b["r"]` and `b["c"]` inside the brackets.': _gru(
            x_t, c_prev, W, _without(b)
        ),
    }


@exercise("5.1", "One step of a GRU")
def gru_cell_forward(rng: np.random.Generator) -> Iterator[Case]:
    """One step with the gates held open or closed by their biases, then with every gate half open."""
    m, n_x, n_a = 2, 3, 4
    x_t, c_prev = rng.normal(size=(m, n_x)), rng.normal(size=(m, n_a))
    W, b = _weights(rng, "urc", n_a, n_x)

    def case(name, hint, b=b, **more):
        step = (x_t, c_prev, W, b)
        return Case(name, step, _gru(*step), hint, _gru_mistakes(*step), names=("x_t", "c_prev", "W", "b"), **more)

    yield case(
        "update gate closed",
        'Here `b["u"]` is −50, so Γ_u is 0: the new state is `c_prev`, unchanged.',
        _held(b, u=-50.0),
        errors=_SHAPES,
    )
    yield case(
        "both gates open",
        'Here Γ_u and Γ_r are 1: the new state is the candidate, `tanh` of `[c_prev, x_t] @ W["c"].T + b["c"]`.',
        _held(b, u=50.0, r=50.0),
    )
    yield case(
        "reset gate closed",
        "Here Γ_u is 1 and Γ_r is 0: the candidate reads the input alone, `[0, x_t]`.",
        _held(b, u=50.0, r=-50.0),
    )
    yield case(
        "both gates half open",
        "With gates that are open or closed the step is right, with gates in between it is not: look at where each "
        "gate multiplies.",
    )
    one = (x_t[:1], c_prev[:1], W, b)
    yield Case("a batch of one", one, _gru(*one), _BATCH, names=("x_t", "c_prev", "W", "b"))


def _lstm_mistakes(x_t: np.ndarray, a_prev: np.ndarray, c_prev: np.ndarray, W: Gates, b: Gates) -> dict[str, Any]:
    """Hint → what the mistake that it names gives for these inputs."""

    def step(gate=_logistic, h=np.tanh, read=None, kept=None, out=None):
        read = _read(a_prev, x_t) if read is None else read
        f, u, o = (gate(read @ W[key].T + b[key]) for key in "fuo")
        new = (f * c_prev if kept is None else kept(f, u)) + u * h(read @ W["c"].T + b["c"])
        return (o * np.tanh(new), new) if out is None else out(o, new)

    candidate = np.tanh(_read(a_prev, x_t) @ W["c"].T + b["c"])
    shown = (
        "`np.tanh(c_next)` is what `a_next` shows. The cell state itself is handed on as it is, without a `np.tanh`."
    )

    inputs = (x_t, a_prev, c_prev)
    a, c = _lstm(*inputs, W, b)
    return {
        "`c_next` came first. Return `a_next, c_next`, in this order.": (c, a),
        _BOTH: a,
        "The forget and the update gate are exchanged. Γ_f multiplies the old cell state, Γ_u the candidate.": _lstm(
            *inputs, *_exchanged(W, b, "f", "u")
        ),
        "The update and the output gate are exchanged.": _lstm(*inputs, *_exchanged(W, b, "u", "o")),
        "The forget and the output gate are exchanged.": _lstm(*inputs, *_exchanged(W, b, "f", "o")),
        "`a_next` lacks a `np.tanh`: it is `o * np.tanh(c_next)`.": step(out=lambda o, new: (o * new, new)),
        "The candidate or a gate reads the cell state. All four read `a_prev` and `x_t`: "
        "`np.concatenate([a_prev, x_t], axis=1)`.": step(read=_read(c_prev, x_t)),
        "The candidate lacks its `np.tanh`.": step(h=lambda z: z),
        "The candidate passes through the sigmoid. The three gates take `sigmoid`, the candidate takes `np.tanh`.": (
            step(h=_logistic)
        ),
        "The output gate has no effect. `a_next` is `o * np.tanh(c_next)`.": (np.tanh(c), c),
        "The output gate multiplies the cell state that is handed on. It belongs to `a_next` alone.": step(
            out=lambda o, new: (o * np.tanh(new), o * new)
        ),
        "`a_next` shows the cell state before the step. It takes the new one: `o * np.tanh(c_next)`.": step(
            out=lambda o, new: (o * np.tanh(c_prev), new)
        ),
        "You wrote `1 - u` in the place of the forget gate, as in a GRU. An LSTM has a forget gate of its own.": step(
            kept=lambda f, u: (1 - u) * c_prev
        ),
        "You wrote `1 - f`. A forget gate of 1 keeps: the old cell state is multiplied by Γ_f itself.": step(
            kept=lambda f, u: (1 - f) * c_prev
        ),
        "The forget gate multiplies the hidden state. What is kept is the cell state: `f * c_prev`.": step(
            kept=lambda f, u: f * a_prev
        ),
        "The output gate stands inside the `np.tanh`. First `np.tanh(c_next)`, then times the gate.": step(
            out=lambda o, new: (np.tanh(o * new), new)
        ),
        "`a_next` shows the candidate. It shows the cell state: `o * np.tanh(c_next)`.": step(
            out=lambda o, new: (o * candidate, new)
        ),
        shown: step(out=lambda o, new: (o * np.tanh(new), np.tanh(new))),
        f"{shown} ": step(out=lambda o, new: (o * np.tanh(np.tanh(new)), np.tanh(new))),
        "A gate must lie between 0 and 1: it takes `sigmoid`, not `np.tanh`.": step(gate=np.tanh),
        _ORDER: step(read=_read(x_t, a_prev)),
        'The biases have no effect. Each of the four has one: `b["f"]`, `b["u"]`, `b["c"]`, `b["o"]`.': _lstm(
            *inputs, W, _without(b)
        ),
    }


_BOTH = "An LSTM hands on two states. Return both: `return a_next, c_next`."


@exercise("5.2", "One step of an LSTM")
def lstm_cell_forward(rng: np.random.Generator) -> Iterator[Case]:
    """One step with gates held open or closed by their biases, then with every gate half open."""
    m, n_x, n_a = 2, 3, 4
    x_t, a_prev, c_prev = rng.normal(size=(m, n_x)), rng.normal(size=(m, n_a)), rng.normal(size=(m, n_a))
    W, b = _weights(rng, "fuco", n_a, n_x)

    def case(name, hint, b=b, **more):
        step = (x_t, a_prev, c_prev, W, b)
        return Case(
            name, step, _lstm(*step), hint, _lstm_mistakes(*step), names=("x_t", "a_prev", "c_prev", "W", "b"), **more
        )

    yield case(
        "forget gate open, update gate closed",
        "Here Γ_f and Γ_o are 1 and Γ_u is 0: `c_next` is `c_prev`, and `a_next` is `np.tanh(c_prev)`.",
        _held(b, f=50.0, u=-50.0, o=50.0),
        errors=_SHAPES | {_BOTH: "not enough values to unpack"},
    )
    yield case(
        "forget gate closed, update gate open",
        'Here Γ_f is 0 and Γ_u and Γ_o are 1: `c_next` is the candidate, `tanh` of `[a_prev, x_t] @ W["c"].T + '
        'b["c"]`.',
        _held(b, f=-50.0, u=50.0, o=50.0),
    )
    yield case(
        "output gate closed",
        "Here Γ_o is 0, so `a_next` is 0; the cell state does not care: it is `c_prev` plus the candidate.",
        _held(b, f=50.0, u=50.0, o=-50.0),
    )
    yield case(
        "all gates half open",
        "With gates that are open or closed the step is right, with gates in between it is not: check which `W` and "
        "`b` each gate uses, and what it reads.",
    )
    one = (x_t[:1], a_prev[:1], c_prev[:1], W, b)
    yield Case("a batch of one", one, _lstm(*one), _BATCH, names=("x_t", "a_prev", "c_prev", "W", "b"))


def lstm_states(
    x: np.ndarray, mask: np.ndarray, a0: np.ndarray, c0: np.ndarray, W: Gates, b: Gates
) -> tuple[np.ndarray, np.ndarray]:
    """Both states of an LSTM at all positions, one example at a time; held still where the mask is False.

    Args:
        x: Inputs, shape (batch, T_x, n_x).
        mask: True at real positions, shape (batch, T_x).
        a0: Shape (batch, n_a).
        c0: Shape (batch, n_a).
        W: As in `lstm_step`.
        b: As in `lstm_step`.

    Returns:
        a and c, each of shape (batch, T_x, n_a), float64.
    """
    states = np.zeros((2, *x.shape[:2], a0.shape[1]))
    for i in range(len(x)):
        a, c = a0[i], c0[i]
        for t in range(x.shape[1]):
            if mask[i, t]:
                a, c = lstm_step(x[i, t], a, c, W, b)
            states[:, i, t] = a, c
    return states[0], states[1]


@exercise("5.3", "The LSTM over all positions")
def lstm_forward(rng: np.random.Generator) -> Iterator[Case]:
    """The loop: one position, then two, then many, then padding."""
    m, T_x, n_x, n_a = 2, 5, 3, 4
    x = rng.normal(size=(m, T_x, n_x))
    a0, c0 = rng.normal(size=(m, n_a)), rng.normal(size=(m, n_a))
    weights = _weights(rng, "fuco", n_a, n_x)
    every = np.ones((m, T_x), dtype=bool)
    zero = np.zeros_like(a0)

    def joined(*parts):
        return tuple(np.concatenate(part, axis=1) for part in zip(*parts, strict=True))

    ignored = "`a0` and `c0` have no effect: you start from zeros. The loop begins with `a, c = a0, c0`."
    order = "`c` came first. Return the hidden states, then the cell states: `return a, c`."
    only_a = "Return both: the hidden states and the cell states, `return a, c`."
    last = "The time axis is missing: you returned the last states alone. Collect the states of every position."
    time_first = "Time is the first axis of what you returned. Put it second: `np.stack(states, axis=1)`."
    unstacked = "You returned lists of states. `np.stack(..., axis=1)` makes one array of each."
    restart = "Every position started from `a0` and `c0` again. The new states are the previous ones of the next step."
    lost_c = "The cell state is not carried on: every step started from `c0`. Both states go from step to step."
    lost_a = "The hidden state is not carried on: every step started from `a0`. Both states go from step to step."
    no_mask = (
        "The mask has no effect. Where it is False the states of that example stay what they were: "
        "`np.where(mask[:, t, None], new, old)`, for `a` and for `c`."
    )
    zeros = (
        "At padded positions you returned 0. The states are *held*: they stay what they were at the last real position."
    )
    only_a_held = "`a` is held still at padding, `c` is not. Choose between new and old for both states."
    only_c_held = "`c` is held still at padding, `a` is not. Choose between new and old for both states."
    inverted = "The mask is the wrong way round: it is True at the *real* positions."
    carried_on = (
        "What you store is held, what you carry on is not: the next step must start from the states that the mask has "
        "chosen, `a` and `c` after the `np.where`."
    )
    early = (
        "These are the states before the step. Where the mask is True, position `t` holds the states *after* it has "
        "read `x[:, t]`: `np.where(mask[:, t, None], new, old)`, and store what comes out."
    )
    errors = {
        "The mask at one position has shape `(batch,)`, a state `(batch, n_a)`: give the mask a second axis, "
        "`mask[:, t, None]`.": rf"shapes? \({m},\) ?\({m},{n_a}\)|operands could not be broadcast",
        "You ran over the examples: `len(x)` is the size of the batch. Positions: `x.shape[1]`.": "out of bounds",
        "Mind the order of the arguments: `lstm_cell_forward(x[:, t], a, c, W, b)`.": "core dimension|not aligned",
    }
    one, seen = x[:, :1], every[:, :1]
    first = lstm_states(one, seen, a0, c0, *weights)
    yield Case(
        "one position",
        (one, seen, a0, c0, *weights),
        first,
        "With one position the result is one step from `a0` and `c0`, with a time axis of length 1.",
        {
            order: first[::-1],
            only_a: first[0],
            last: tuple(part[:, 0] for part in first),
            time_first: tuple(part.swapaxes(0, 1) for part in first),
            unstacked: tuple([part[:, 0]] for part in first),
            ignored: lstm_states(one, seen, zero, zero, *weights),
            early: (a0[:, None], c0[:, None]),
        },
        errors=errors,
        names=("x", "mask", "a0", "c0", "W", "b"),
    )
    two, seen = x[:, :2], every[:, :2]
    right = lstm_states(two, seen, a0, c0, *weights)

    def second(a, c):
        return joined(first, lstm_states(two[:, 1:], seen[:, 1:], a, c, *weights))

    a1, c1 = (part[:, 0] for part in first)
    yield Case(
        "two positions",
        (two, seen, a0, c0, *weights),
        right,
        "The second step must start from both states that the first one made.",
        {restart: second(a0, c0), lost_c: second(a1, c0), lost_a: second(a0, c1)},
        names=("x", "mask", "a0", "c0", "W", "b"),
    )
    right = lstm_states(x, every, a0, c0, *weights)
    yield Case(
        "five positions",
        (x, every, a0, c0, *weights),
        right,
        "Two positions work, five do not: run the loop over all of `x.shape[1]`.",
        {last: tuple(part[:, -1] for part in right)},
        names=("x", "mask", "a0", "c0", "W", "b"),
    )
    mask = np.arange(T_x) < np.array([[T_x], [2]])
    held = lstm_states(x, mask, a0, c0, *weights)
    yield Case(
        "padding",
        (x, mask, a0, c0, *weights),
        held,
        "The second example has two real positions. From the third on both of its states stay what they were.",
        {
            no_mask: right,
            zeros: tuple(np.where(mask[..., None], part, 0) for part in right),
            only_a_held: _half_held(x, mask, a0, c0, weights, hold="a"),
            only_c_held: _half_held(x, mask, a0, c0, weights, hold="c"),
            inverted: lstm_states(x, ~mask, a0, c0, *weights),
            carried_on: tuple(np.where(mask[..., None], part, np.roll(part, 1, axis=1)) for part in right),
        },
        names=("x", "mask", "a0", "c0", "W", "b"),
    )
    gaps = np.array([[True, True, False, True, True], [False, True, False, False, True]])
    yield Case(
        "gaps in the mask",
        (x, gaps, a0, c0, *weights),
        lstm_states(x, gaps, a0, c0, *weights),
        "A False may stand anywhere, at the first position too. The step after it starts from the states that were "
        "held.",
        {no_mask: right, carried_on: _held_outside(x, gaps, a0, c0, weights)},
        names=("x", "mask", "a0", "c0", "W", "b"),
    )
    yield Case(
        "a batch of one",
        (x[:1], mask[:1], a0[:1], c0[:1], *weights),
        tuple(part[:1] for part in held),
        "A batch of one is still a batch: both shapes should be `(1, T_x, n_a)`.",
        names=("x", "mask", "a0", "c0", "W", "b"),
    )


def _half_held(x, mask, a0, c0, weights, hold):
    """States where only one of the two is held still at padding."""
    a, c, states = a0, c0, []
    for t in range(x.shape[1]):
        new_a, new_c = _lstm(x[:, t], a, c, *weights)
        real = mask[:, t, None]
        a = np.where(real, new_a, a) if hold == "a" else new_a
        c = np.where(real, new_c, c) if hold == "c" else new_c
        states.append((a, c))
    return tuple(np.stack(part, axis=1) for part in zip(*states, strict=True))


def _held_outside(x, mask, a0, c0, weights):
    """States that are held in what is stored, while the loop itself goes on with the new ones."""
    a, c, states = a0, c0, [(a0, c0)]
    for t in range(x.shape[1]):
        a, c = _lstm(x[:, t], a, c, *weights)
        real = mask[:, t, None]
        states.append(tuple(np.where(real, new, old) for new, old in zip((a, c), states[-1], strict=True)))
    return tuple(np.stack(part, axis=1) for part in zip(*states[1:], strict=True))


_STEPS = 200
_NEAR = 0.02  # how far the cell may be from what it should hold, after up to 200 steps
_OPEN = {"remember": (1, 0), "forget": (0, 1)}  # what Γ_f and Γ_u should be


def _should_be(behaviour: str, flag: float) -> tuple[int, int]:
    """What the forget and the update gate should be at a step."""
    return _OPEN[behaviour] if behaviour in _OPEN else _OPEN["forget" if flag else "remember"]


def _lives(behaviour: str, values: np.ndarray, flags: np.ndarray, c0: float) -> Callable[[Any], bool]:
    """Measures whether a wired cell holds what it should after each step of one sequence."""

    def measure(returned):
        W, b = _wiring(returned)
        a, c, wanted = np.zeros(1), np.array([c0]), c0
        for t, x in enumerate(np.stack([values, flags], axis=1), start=1):
            forget, update = (_sigma(_sums(W[key], b[key], a, x)[0]) for key in "fu")
            a, c = lstm_step(x, a, c, W, b)
            if _should_be(behaviour, x[1]) == _OPEN["forget"]:
                wanted = math.tanh(x[0])
            if abs(c[0] - wanted) > _NEAR:
                raise Problem(
                    f"wires a cell that, told to {behaviour!r}, holds {c[0]:.2f} after step {t}, expected {wanted:.2f}"
                    f". In this step the flag is {x[1]:g}, Γ_f is {forget:.4f} and Γ_u is {update:.4f}",
                    _diagnosis(behaviour, x[1], forget, update, W, b),
                )
        return True

    return measure


def _diagnosis(behaviour: str, flag: float, forget: float, update: float, W: Gates, b: Gates) -> str:
    """The hint for a cell whose gates were `forget` and `update` when it held something wrong."""
    keep, write = _should_be(behaviour, flag)
    where = f" where the flag is {flag:g}" if behaviour == "copy" else ""
    if not np.array_equal(W["c"], [[0, 1, 0]]) or b["c"][0] != 0:
        return 'The candidate is given: it reads the value. Leave `W["c"]` and `b["c"]` as they are.'
    if behaviour == "copy" and any(W[key][0, 1] for key in "fu"):
        return 'A gate reads the value, which is column 1 of `W`. The flag is column 2: `W["u"][0, 2]`.'
    for key, name, gate in (("f", "Γ_f", forget), ("u", "Γ_u", update)):
        if 0.49 < gate < 0.51 and b[key][0] == 0:
            return f'{name} is 0.5{where}: its bias is not set. Both gates need one, `b["f"][0]` and `b["u"][0]`.'
    if abs(forget - keep) > 0.51 and abs(update - write) > 0.51:
        return f"Both gates do the opposite of what they should{where}: have you exchanged `f` and `u`, or the signs?"
    if behaviour == "copy" and flag and any(0.49 < gate < 0.51 for gate in (forget, update)):
        return "Where the flag is 1 its weight must overcome the bias, not cancel it: 24 against 12, for instance."
    if forget - keep > 0.51:
        return f"The old value does not go: Γ_f must be 0{where}, or the new value is added to the old one."
    if keep - forget > 0.51:
        return f"The cell forgets: Γ_f must be 1{where}, so that what it holds stays."
    if abs(update - write) > 0.51:
        state = "1, so that the candidate is written" if write else "0, so that nothing is added"
        return f"Look at the update gate alone: Γ_u must be {state}{where}."
    return (
        "A gate that is nearly open or nearly closed leaks at every step: 0.99 to the power of 200 is 0.13. Use "
        "numbers of a size at which the sigmoid is 0 or 1 to four digits, such as 12."
    )


def _wiring(returned: Any) -> tuple[Gates, Gates]:
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Problem(f"returned {describe(returned)}, expected W and b", "End with `return W, b`.")
    for part, name, shape in zip(returned, ("W", "b"), ((1, 3), (1,)), strict=True):
        if not isinstance(part, dict) or set(part) != set("fuco"):
            hint = "`W` and `b` are dicts with the keys `f`, `u`, `c` and `o`, as the function begins them."
            raise Problem(f"returned {describe(part)} as {name}, expected a dict with the keys f, u, c, o", hint)
        for key, array in part.items():
            where = f'{name}["{key}"]'
            if not isinstance(array, np.ndarray):
                raise Problem(f"returned {describe(array)} as {where}, expected an array of shape {shape}", AS_ARRAY)
            if array.shape != shape or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
                hint = f"Put numbers into the array, `{where}[...] = …`, and leave its shape as it is."
                raise Problem(f"returned {describe(array)} as {where}, expected {shape} finite numbers", hint)
    W, b = ({key: np.asarray(array, float) for key, array in part.items()} for part in returned)
    return W, b


@exercise("5.4", "Gates set by hand")
def wire_memory(rng: np.random.Generator) -> Iterator[Case]:
    """The wired cell lives through random values and flags, first for one step, then for 200."""

    def case(name, behaviour, steps, hint, flags=None, points=1):
        values = rng.uniform(-2, 2, size=steps)
        values = np.where(np.abs(values) < 0.5, 1.0, values)
        flags = rng.integers(2, size=steps) if flags is None else np.asarray(flags)
        c0 = float(rng.uniform(0.5, 0.9)) * (-1 if values[0] > 0 else 1)
        return Case(name, (behaviour,), True, hint, measure=_lives(behaviour, values, flags, c0), points=points)

    yield case("remember, one step", "remember", 1, "Γ_f is 1 and Γ_u is 0 whatever the input: two biases do it.")
    yield case("remember, 200 steps", "remember", _STEPS, "After 200 steps the cell must still hold what it held.")
    yield case("forget, one step", "forget", 1, "Γ_f is 0 and Γ_u is 1 whatever the input: two biases do it.")
    yield case("forget, 200 steps", "forget", _STEPS, "After each step the cell holds tanh of the newest value.")
    yield case("copy, the flag is 0", "copy", 1, "Without a flag the cell remembers: only the biases count.", [0])
    yield case("copy, the flag is 1", "copy", 1, "Where the flag is 1, Γ_f must be 0 and Γ_u 1.", [1])
    rare = (np.arange(_STEPS) % 50 == 3).astype(int)
    yield case("copy, 200 steps, a flag now and then", "copy", _STEPS, "Hold between flags, copy at flags.", rare, 2)


@exercise("5.5", "The weights for Keras", uses_keras=True)
def keras_gru_weights(rng: np.random.Generator) -> Iterator[Case]:
    """The weights are put into a `GRU`, whose states must be those of the equations."""
    import keras

    m, n_x, n_a, T_x = 2, 3, 4, 3
    x = rng.normal(size=(m, T_x, n_x))
    W, b = _weights(rng, "urc", n_a, n_x)

    def run(x, W, b):
        c, states = np.zeros((len(x), n_a)), []
        for t in range(x.shape[1]):
            c = _gru(x[:, t], c, W, b)
            states.append(c)
        return np.stack(states, axis=1)

    def measured(x):
        def measure(returned):
            if not isinstance(returned, tuple | list) or len(returned) != 3:
                hint = "End with `return` and a list: `[kernel, recurrent_kernel, bias]`."
                raise Problem(f"returned {describe(returned)}, expected a list of three arrays", hint)
            shapes = {"kernel": (n_x, 3 * n_a), "recurrent_kernel": (n_a, 3 * n_a), "bias": (3 * n_a,)}
            for array, (name, shape) in zip(returned, shapes.items(), strict=True):
                if not isinstance(array, np.ndarray):
                    raise Problem(f"returned {describe(array)} as {name}, expected an array of shape {shape}", AS_ARRAY)
                if array.shape != shape or array.dtype.kind not in "biuf":
                    raise Problem(
                        f"returned {describe(array)} as {name}, expected an array of shape {shape}", shape_hint
                    )
            layer = keras.layers.GRU(n_a, return_sequences=True, reset_after=False)
            layer.build(x.shape)
            layer.set_weights([np.asarray(array, "float32") for array in returned])
            return np.asarray(layer(x.astype("float32")))

        return measure

    shape_hint = (
        "Each of Keras' arrays holds z, r and h side by side along its last axis, `3 * n_a` columns; the rows of "
        "`kernel` belong to the input, those of `recurrent_kernel` to the state. Cut each `W` after `n_a` columns, and "
        "transpose both parts."
    )

    def keras_list(keys="zrh", cut=n_a, flip=("u",), turn=np.transpose, bias_flip=("u",)):
        names = {"z": "u", "r": "r", "h": "c"}
        order = [names[key] for key in keys]
        signed = {key: -W[key] if key in flip else W[key] for key in W}
        shifts = {key: -b[key] if key in bias_flip else b[key] for key in b}
        return [
            np.concatenate([signed[key][:, cut:].T for key in order], axis=1),
            np.concatenate([turn(signed[key][:, :cut]) for key in order], axis=1),
            np.concatenate([shifts[key] for key in order]),
        ]

    no_flip = (
        "Keras' z is 1 − Γ_u: it says how much of the old state *stays*. Since 1 − σ(v) = σ(−v), the update gate's "
        "matrix and bias change their sign."
    )
    half_flip = (
        "The update gate's bias changes its sign too, not only its matrix: 1 − σ(v) = σ(−v), and b is part of v."
    )
    order = "Keras' order is z, r, h: the update gate, the reset gate, the candidate."
    untransposed = "`recurrent_kernel` is made of square blocks that are not transposed: `W[key][:, :n_a].T`."
    one_minus = (
        "You took 1 minus the *weights*. It is the gate that becomes 1 − Γ_u, and its weights change their sign."
    )
    input_first = (
        "You cut after `n_x` columns, as if the input stood first. In each `W` the state's `n_a` columns come first: "
        "`W[key][:, :n_a]` belongs to the state."
    )
    flipped = keras_list()
    ones = [
        np.concatenate([1 - W["u"][:, n_a:].T, flipped[0][:, n_a:]], axis=1),
        np.concatenate([1 - W["u"][:, :n_a].T, flipped[1][:, n_a:]], axis=1),
        np.concatenate([1 - b["u"], flipped[2][n_a:]]),
    ]
    names = {
        no_flip: keras_list(flip=(), bias_flip=()),
        half_flip: keras_list(bias_flip=()),
        "The matrix of the update gate changes its sign too, not only its bias.": keras_list(flip=()),
        one_minus: ones,
        order: keras_list("rzh"),
        f"{order} And the update gate changes its sign.": keras_list("rzh", flip=(), bias_flip=()),
        f"{order} Here the candidate stands first.": keras_list("hzr"),
        f"{order} Here h and r are exchanged.": keras_list("zhr"),
        untransposed: keras_list(turn=lambda block: block),
        input_first: keras_list(cut=n_x)[1::-1] + flipped[2:],
        f"{input_first} ": [*keras_list(cut=n_x, flip=(), bias_flip=())[1::-1], np.concatenate([*b.values()])],
    }
    one = x[:, :1]
    yield Case(
        "one position: kernel and bias",
        (W, b),
        run(one, W, b),
        "From a state of 0 the new state is Γ_u times the candidate: check the order of the blocks, and the sign of "
        "the update gate's.",
        names,
        measure=measured(one),
        names=("W", "b"),
    )
    yield Case(
        "three positions: recurrent_kernel",
        (W, b),
        run(x, W, b),
        "From the second position on `recurrent_kernel` counts: the first `n_a` columns of each `W`, transposed.",
        names,
        measure=measured(x),
        names=("W", "b"),
    )


@exercise("5.6", "The adding problem and its baseline")
def adding_problem(rng: np.random.Generator) -> Iterator[Case]:
    """Inputs, targets and baseline, one example at a time in plain Python."""
    m, T = 4, 6
    values = rng.uniform(size=(m, T))
    first, second = rng.integers(0, 3, size=m), rng.integers(3, T, size=m)

    def right(values, first, second):
        x = np.zeros((*values.shape, 2))
        y = np.zeros((len(values), 1))
        for i, (j, k) in enumerate(zip(first, second, strict=True)):
            for t in range(values.shape[1]):
                x[i, t] = values[i, t], float(t in (j, k))
            y[i, 0] = values[i, j] + values[i, k]
        centre = math.fsum(y[:, 0]) / len(y)
        return x, y, math.fsum((total - centre) ** 2 for total in y[:, 0]) / len(y)

    three = "Return three things: `return x, y, baseline`."
    flat = "`y` has one axis. A network's output has shape `(batch, 1)`, so the targets have too: `y[:, None]`."
    channels = "The features stand on the wrong axis. `np.stack([values, marks], axis=-1)` puts them last."
    features = "The marks are feature 0 and the values feature 1. It is the other way round."
    every_row = (
        "Marks in one row stand at the positions of all rows: `marks[:, first] = 1` sets whole columns. Each row has "
        "its own two: `marks[np.arange(m), first] = 1`."
    )
    product = "This is the product of the two marked values. It is called the adding problem."
    all_values = "`y` is the sum of all values. Only the two that are marked count."
    spread = "The baseline is the standard deviation. A squared error is compared with its square, the variance."
    around_one = (
        "The baseline is the error of the answer 1. The best constant answer for these examples is the mean of `y`."
    )
    unbiased = "The baseline divides by m − 1. A mean squared error is a mean: it divides by m (`ddof=0`)."
    zero = "The baseline is the error of the answer 0. The best constant answer is the mean of `y`."
    absolute = "The baseline is a mean *absolute* error. The loss is the mean of squares."
    in_theory = (
        "The baseline is 1/6, the variance over all possible examples. Here it is the error of the best constant "
        "answer for the examples that you were given: the variance of `y`."
    )
    copied = "The baseline is the 0.1767 of some papers. Compute it from `y`: the variance of the sums you were given."
    mean = "The baseline is the mean of `y`: that is the best constant answer. The baseline is the *error* of it."
    swapped = "These are the right three things in another order: `return x, y, baseline`."
    from_one = "The positions are counted from 0, as in every array: do not subtract 1."
    x, y, baseline = right(values, first, second)
    one = right(values[:1], first[:1], second[:1])
    whole = x.copy()
    whole[..., 1] = np.isin(np.arange(T), [*first, *second])
    errors = {
        "An array is indexed with arrays of different sizes: `np.arange(len(values))` gives one row number for each "
        "example.": "shape mismatch|could not be broadcast",
    }
    yield Case(
        "one example",
        (values[:1], first[:1], second[:1]),
        one,
        "`x[0, t]` holds the value at t and a mark that is 1 at the two positions, else 0; `y[0, 0]` is the sum of the "
        "two marked values. With one example the best constant answer is that sum, and the baseline is 0.",
        {
            three: one[:2],
            flat: (one[0], one[1][:, 0], 0.0),
            channels: (one[0].swapaxes(1, 2), *one[1:]),
            f"{channels} ": (np.moveaxis(one[0], -1, 0), *one[1:]),
            features: (one[0][..., ::-1], *one[1:]),
            product: (one[0], (values[0, first[0]] * values[0, second[0]]).reshape(1, 1), 0.0),
            all_values: (one[0], values[:1].sum(axis=1, keepdims=True), 0.0),
            around_one: (one[0], one[1], float((one[1][0, 0] - 1) ** 2)),
            zero: (one[0], one[1], float(one[1][0, 0] ** 2)),
            in_theory: (one[0], one[1], 1 / 6),
            copied: (one[0], one[1], 0.1767),
            mean: (one[0], one[1], float(one[1][0, 0])),
            swapped: (one[1], one[0], one[2]),
            f"{swapped} ": (one[0], one[2], one[1]),
            from_one: right(values[:1], (first[:1] - 1) % T, (second[:1] - 1) % T),
        },
        errors=errors,
        names=("values", "first", "second"),
    )
    yield Case(
        "four examples",
        (values, first, second),
        (x, y, baseline),
        "Each row has its own two marks, its own sum, and all rows share one baseline: the variance of `y`.",
        {
            every_row: (whole, y, baseline),
            f"{every_row} ": (
                whole,
                (whole[..., 0] * whole[..., 1]).sum(axis=1, keepdims=True),
                float((whole[..., 0] * whole[..., 1]).sum(axis=1).var()),
            ),
            spread: (x, y, math.sqrt(baseline)),
            around_one: (x, y, float(((y - 1) ** 2).mean())),
            unbiased: (x, y, baseline * m / (m - 1)),
            absolute: (x, y, float(np.abs(y - y.mean()).mean())),
            zero: (x, y, float((y**2).mean())),
            in_theory: (x, y, 1 / 6),
        },
        errors=errors,
        names=("values", "first", "second"),
    )
