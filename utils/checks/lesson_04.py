"""Checks of lesson 04: backpropagation through time.

The oracles are numerical: each number of an argument is moved a little both ways, and a network that only
runs forwards says what that does. What known mistakes return is made by moving the same
numbers in a network with that mistake: one that starts each step from a state that is held fixed, for instance.
"""

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import describe

CELL = ("da_prev", "dx_t", "dWaa", "dWax", "dba")
LOOP = ("dx", "da0", "dWaa", "dWax", "dba")
WEIGHTS = ("dWaa", "dWax", "dba")
Weights = tuple[np.ndarray, np.ndarray, np.ndarray]  # Waa, Wax, ba


def slope(f: Callable[[np.ndarray], float], w: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of f at w by differences, of the shape of `w`; the error is about 1e-10."""
    result = np.zeros(w.shape)
    for index in np.ndindex(*w.shape):
        up, down = (w.astype(float) for _ in range(2))
        up[index] += step
        down[index] -= step
        result[index] = (f(up) - f(down)) / (up[index] - down[index])
    return result


def run(
    x: np.ndarray, a0: np.ndarray, Waa: np.ndarray, Wax: np.ndarray, ba: np.ndarray, push: Any = None
) -> np.ndarray:
    """States (batch, T_x, n_a) of the plain network; `push`, of that shape, is added inside tanh."""
    a, made = a0, []
    for t in range(x.shape[1]):
        z = np.einsum("kj,ij->ik", Waa, a) + np.einsum("kj,ij->ik", Wax, x[:, t]) + ba
        a = np.tanh(z if push is None else z + push[:, t])
        made.append(a)
    return np.stack(made, axis=1)


def _weights(rng: np.random.Generator, n_x: int, n_a: int) -> Weights:
    scale = 0.7  # so that tanh is neither flat nor straight
    return tuple(scale * rng.normal(size=shape) for shape in ((n_a, n_a), (n_a, n_x), (n_a,)))


def _named(*keys: str, of: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Measures a dictionary of gradients with the keys `of`: nothing but what `keys` hold."""

    def measure(returned):
        wanted = ", ".join(map(repr, of or keys))
        if not isinstance(returned, dict):
            hint = f"End with `return` and a dictionary, `{{{keys[0]!r}: {keys[0]}, …}}`, that has the keys {wanted}."
            raise Problem(f"returned {describe(returned)}, expected a dict with the keys {wanted}", hint)
        missing = [key for key in keys if key not in returned]
        if missing:
            hint = f"The dictionary has no entry {missing[0]!r}. Its keys are the names in the exercise's table."
            raise Problem(f"returned a dict with the keys {', '.join(map(repr, returned))}", hint)
        return returned[keys[0]] if len(keys) == 1 else {key: returned[key] for key in keys}

    return measure


# 4.1


@exercise("4.1", "The numerical gradient")
def numerical_gradient(rng: np.random.Generator) -> Iterator[Case]:
    """Functions whose derivative everybody knows; a cube with a large step tells both differences apart."""
    v, matrix = rng.uniform(1, 2, size=3), rng.uniform(1, 2, size=(2, 3))
    c = rng.uniform(1, 2, size=3)

    def linear(w):
        return float(c @ w)

    def cubes(w):
        return float((np.asarray(w) ** 3).sum())

    twice = "Twice the right value: the two points lie 2ε apart, so divide by `2 * epsilon`."
    undivided = "This is the difference itself. Divide it by the distance of the two points, `2 * epsilon`."
    total = (
        "All numbers were moved at once, so every entry holds the sum of the whole gradient. Move one number at a time "
        "and leave the others alone."
    )
    sign = "The sign is wrong: it is f at `w + ε` minus f at `w - ε`."
    one_sided = (
        "This is a one-sided difference, f(w + ε) − f(w). Step to both sides: the error then shrinks with ε² "
        "and not with ε."
    )
    stays_moved = (
        "The numbers moved earlier were not moved back. Start from a fresh `w.copy()` for every number and direction."
    )
    flat = "The gradient has the shape of `w`. Begin with `np.zeros_like(w)` and fill the place that you moved."
    rows = (
        "A whole row was moved at a time: `w[i]` of a matrix is a row. Run over all places with "
        "`for index in np.ndindex(w.shape)`."
    )
    ignored = "`epsilon` has no effect. Move by the epsilon that the function is given."
    once = "You returned one number. The gradient has one for each number of `w`, moved one at a time."
    brackets = "A pair of brackets is missing: `(f(up) - f(down)) / (2 * epsilon)`."
    alias = (
        "Everything is 0: f was called twice at the same point. `up = w` makes a second name, not a copy, so that both "
        "moves act on one array: write `w.copy()`."
    )
    times = "`/ 2 * epsilon` divides by 2 and then *multiplies* by ε. Put the product in brackets: `/ (2 * epsilon)`."
    outside = (
        "Each entry holds the sum of all entries up to it: the two copies were made once, outside the loop, and "
        "numbers moved earlier stay moved. Make fresh copies of `w` for every place."
    )
    counted = (
        "You counted through the numbers of a matrix with one index. `for index in np.ndindex(w.shape)` gives each "
        "place its pair of indices."
    )
    error = {
        counted: "out of bounds",
        rows: "setting an array element with a sequence|only .*scalar|could not be broadcast|too many indices",
    }

    step = 0.01  # so large that its square is not taken for 0
    yield Case(
        "a linear function of three numbers",
        (linear, v, step),
        c,
        "f(w) = c₁w₁ + c₂w₂ + c₃w₃ here, so the gradient is c: move one number at a time by ε, up and down, and divide "
        "the difference of f by 2ε.",
        {
            twice: 2 * c,
            undivided: 2 * step * c,
            once: c.sum(),
            alias: 0 * c,
            times: step**2 * c,
            outside: np.cumsum(c),
            brackets: np.array([linear(v + one) - linear(v - one) / 2 * step for one in step * np.eye(3)]),
            sign: -c,
            total: np.full(3, c.sum()),
            total + " (And divide by `2 * epsilon`.)": np.full(3, 2 * c.sum()),
        },
        errors=error,
        tolerance=1e-7,
    )
    big = 0.1
    right = 3 * v**2 + big**2  # (w+ε)³ − (w−ε)³ = 2ε(3w² + ε²), exactly
    kept_up = np.array([((v[k] + big) ** 3 - (v[k] - big) ** 3) / (2 * big) for k in range(3)])
    yield Case(
        "cubes, with a large step",
        (cubes, v, big),
        right,
        "With ε = 0.1 the difference of the cubes is 3w² + ε²: only a step of the given size to both sides gives it.",
        {
            one_sided: 3 * v**2 + 3 * v * big + big**2,
            one_sided + " (You stepped down.)": 3 * v**2 - 3 * v * big + big**2,
            twice: 2 * kept_up,
            ignored: 3 * v**2,
        },
        tolerance=1e-6,
    )
    yield Case(
        "a product, in which every number matters for the others",
        (lambda w: float(np.prod(w)), v, 1e-4),
        np.prod(v) / v,
        stays_moved,
        tolerance=1e-7,
    )
    yield Case(
        "a matrix",
        (cubes, matrix, 1e-4),
        3 * matrix**2,
        "For a matrix too, each single number is moved, and the gradient has the matrix' shape.",
        {
            flat: (3 * matrix**2).ravel(),
            rows: np.repeat((3 * matrix**2).sum(axis=1, keepdims=True), 3, axis=1),
        },
        errors=error,
        tolerance=1e-6,
    )


# 4.2


@exercise("4.2", "Back through one step")
def rnn_cell_backward(rng: np.random.Generator) -> Iterator[Case]:
    """One gradient at a time, from the bias, whose gradient is the simplest, to the previous state."""
    m, n_x, n_a = 3, 2, 4
    x_t, a_prev, da_next = (rng.normal(size=(m, n)) for n in (n_x, n_a, n_a))
    Waa, Wax, ba = _weights(rng, n_x, n_a)

    def cases_of(x_t, a_prev, da_next):
        def loss(x_t=x_t, a_prev=a_prev, Waa=Waa, Wax=Wax, ba=ba):
            return float((da_next * run(x_t[:, None], a_prev, Waa, Wax, ba)[:, 0]).sum())

        a_next = run(x_t[:, None], a_prev, Waa, Wax, ba)[:, 0]
        right = {
            "da_prev": slope(lambda w: loss(a_prev=w), a_prev),
            "dx_t": slope(lambda w: loss(x_t=w), x_t),
            "dWaa": slope(lambda w: loss(Waa=w), Waa),
            "dWax": slope(lambda w: loss(Wax=w), Wax),
            "dba": slope(lambda w: loss(ba=w), ba),
        }
        return (da_next, x_t, a_prev, a_next, Waa, Wax), right

    inputs, right = cases_of(x_t, a_prev, da_next)
    a_next = inputs[3]
    dz = np.stack([cases_of(*(v[[i]] for v in (x_t, a_prev, da_next)))[1]["dba"] for i in range(m)])  # (m, n_a)

    no_slope = "The slope of tanh is missing: `dz = da_next * (1 - a_next**2)`."
    slope_of_a = (
        "`a_next` is already tanh(z), and the slope is 1 − tanh(z)² = `1 - a_next**2`. You took tanh once more, "
        "`1 - np.tanh(a_next)**2`."
    )
    square = "The slope of tanh is `1 - a_next**2`: the square belongs to `a_next` alone, not to the bracket."
    sigmoid = "`a_next * (1 - a_next)` is the slope of the sigmoid. The slope of tanh is `1 - a_next**2`."
    no_bias = (
        "You computed the state once more, without its bias. There is no need: the slope is `1 - a_next**2`, and "
        "`a_next` is given."
    )
    by_number = "You multiplied number by number. The sum over the batch needs `@`: `dz.T @ a_prev`, `dz.T @ x_t`."
    old_state = "The slope uses `a_prev`. It belongs to the state that the step made: `1 - a_next**2`."
    rows = "`dba` has one number for each unit, shape `(n_a,)`: add the rows of `dz` over the batch, `dz.sum(axis=0)`."
    mean = (
        "You took the mean over the batch. Every example used the same weights, and what they say adds up: the sum. "
        "The 1/m of the cost is already inside `da_next`."
    )
    over_units = f"You added over the units. {rows}"
    all_added = f"You added everything up to one number. {rows}"
    kept_axis = f"`dba` has one axis too many. {rows}"
    columns = "You returned one column for each example. The batch stays first, on the left: `dz @ Waa`, `dz @ Wax`."
    turned = (
        "This is the transpose. `dWaa` has the shape of `Waa`, and a row belongs to the unit of dz: `dz.T @ a_prev`."
    )
    turned_x = "This is the transpose. `dWax` has the shape of `Wax`: `dz.T @ x_t`."
    other_factor = "`dWaa` multiplies `dz` with the new state. What `Waa` multiplied in this step is `a_prev`."
    untransposed = (
        "`Waa` is used the wrong way round. Forwards the product was `a_prev @ Waa.T`; backwards it is `dz @ Waa`, "
        "without `.T`. Both have a shape, only one is right."
    )
    before_tanh = "`da_prev` starts from `da_next`. It has to pass the tanh first: `dz @ Waa`."
    x_before_tanh = "`dx_t` starts from `da_next`. It has to pass the tanh first: `dz @ Wax`."
    shapes = (
        "Two arrays in a product do not fit. `dz` has the shape `(batch, n_a)`: `dz @ Waa` and `dz @ Wax` go back to "
        "state and input, `dz.T @ a_prev` and `dz.T @ x_t` to the matrices."
    )

    arguments = ("da_next", "x_t", "a_prev", "a_next", "Waa", "Wax")

    def one(key, hint, mistakes):
        measure, errors = _named(key, of=CELL), {shapes: "core dimension|not aligned|broadcast"}
        return Case(f"{key} alone", inputs, right[key], hint, mistakes, measure, errors, names=arguments)

    def of_bias(wrong_dz):
        return wrong_dz.sum(axis=0)

    tanh_slope = dz / da_next
    yield one(
        "dba",
        "`dba` is the sum of `dz` over the batch, where `dz = da_next * (1 - a_next**2)`.",
        {
            no_slope: of_bias(da_next),
            slope_of_a: of_bias(da_next * (1 - np.tanh(a_next) ** 2)),
            square: of_bias(da_next * (1 - a_next) ** 2),
            sigmoid: of_bias(da_next * a_next * (1 - a_next)),
            no_bias: of_bias(da_next * (1 - run(x_t[:, None], a_prev, Waa, Wax, 0 * ba)[:, 0] ** 2)),
            old_state: of_bias(da_next * (1 - a_prev**2)),
            rows: dz,
            over_units: dz.sum(axis=1),
            all_added: dz.sum(),
            kept_axis: dz.sum(axis=0, keepdims=True),
            mean: right["dba"] / m,
            "You divided by the slope of tanh: the chain rule multiplies.": of_bias(da_next / tanh_slope),
        },
    )
    yield one(
        "dWax",
        "`dWax[k, j]` adds up `dz[i, k] * x_t[i, j]` over the examples i: a product of two matrices.",
        {turned_x: right["dWax"].T, mean: right["dWax"] / m},
    )
    yield one(
        "dWaa",
        "`dWaa[k, j]` adds up `dz[i, k] * a_prev[i, j]` over the examples i: a product of two matrices.",
        {turned: right["dWaa"].T, mean: right["dWaa"] / m, other_factor: dz.T @ a_next, by_number: dz * a_prev},
    )
    yield one(
        "dx_t",
        "`dx_t` has the shape of `x_t`; unit k passes back `dz[i, k] * Wax[k, j]`, and the units add up.",
        {x_before_tanh: da_next @ Wax, columns: right["dx_t"].T},
    )
    yield one(
        "da_prev",
        "`da_prev` has the shape of `a_prev`; unit k passes back `dz[i, k] * Waa[k, j]`, and the units add up.",
        {
            untransposed: dz @ Waa.T,
            before_tanh: da_next @ Waa,
            columns: right["da_prev"].T,
            f"{untransposed} And the batch stays first.": Waa @ dz.T,
        },
    )
    inputs, right = cases_of(x_t[:1], a_prev[:1], da_next[:1])
    yield Case(
        "a batch of one",
        inputs,
        right,
        "A batch of one is still a batch: `da_prev` has the shape `(1, n_a)`. Leave out `squeeze`, `ravel` and `[0]`.",
        measure=_named(*CELL),
        names=arguments,
    )


# 4.3


class _Loop:
    """A small network over T_x positions, and its gradients by differences, right and with known mistakes.

    Args:
        rng: Decides the numbers.
        T_x: Positions.
        at: Positions that the loss looks at; None for all of them.
        m: Examples.
    """

    def __init__(self, rng: np.random.Generator, T_x: int, at: list[int] | None = None, m: int = 3) -> None:
        n_x, n_a = 2, 4
        self.x, self.a0, self.da = (rng.normal(size=s) for s in ((m, T_x, n_x), (m, n_a), (m, T_x, n_a)))
        if at is not None:
            self.da[:, [t for t in range(T_x) if t not in at]] = 0
        self.Waa, self.Wax, self.ba = _weights(rng, n_x, n_a)
        self.push = np.zeros_like(self.da)  # added inside tanh, to ask for the gradient there
        self.a = run(self.x, self.a0, self.Waa, self.Wax, self.ba)

    @property
    def positions(self) -> int:
        """Positions."""
        return self.x.shape[1]

    @property
    def inputs(self) -> tuple:
        """The arguments of `rnn_backward`."""
        return (self.da, self.x, self.a0, self.a, self.Waa, self.Wax)

    def segment(self, begin: int, length: int) -> "_Loop":
        """The same network over some of the positions, from the state before them."""
        part = copy.copy(self)
        for name in ("x", "da", "push", "a"):
            setattr(part, name, getattr(self, name)[:, begin : begin + length])
        part.a0 = self.before(begin)
        return part

    def before(self, t: int) -> np.ndarray:
        """The state before step t."""
        return self.a[:, t - 1] if t else self.a0

    def slope_of(self, name: str) -> np.ndarray:
        """The gradient of the sum of `da` × state with respect to one array."""

        def loss(moved):
            names = ("x", "a0", "Waa", "Wax", "ba", "push")
            arrays = [moved if n == name else getattr(self, n) for n in names]
            return float((self.da * run(*arrays)).sum())

        return slope(loss, getattr(self, name))

    def gradients(self, keys: tuple[str, ...] = LOOP) -> dict[str, np.ndarray]:
        """The right answer."""
        return {key: self.slope_of(key[1:]) for key in keys}

    def with_losses_at(self, *positions: int) -> "_Loop":
        """The same network with a loss that looks at some of the positions."""
        other = copy.copy(self)
        other.da = np.where(np.isin(np.arange(self.positions), positions)[:, None], self.da, 0)
        return other

    def of_steps(self, *steps: int) -> dict[str, np.ndarray]:
        """What some of the steps add to the gradients of the weights."""
        dz = self.slope_of("push")
        return {
            "dWaa": sum(np.einsum("ik,ij->kj", dz[:, t], self.before(t)) for t in steps),
            "dWax": np.einsum("itk,itj->kj", dz[:, steps], self.x[:, steps]),
            "dba": dz[:, steps].sum(axis=(0, 1)),
        }

    def with_state(self, wrong: Callable[[int], np.ndarray]) -> np.ndarray:
        """dWaa, if step t multiplied with `wrong(t)` in the place of the state before it."""
        dz = self.slope_of("push")
        return sum(np.einsum("ik,ij->kj", dz[:, t], wrong(t)) for t in range(self.positions))

    def piled_up(self) -> dict[str, np.ndarray]:
        """The gradients if each step were asked by all later steps directly, and not by the next one alone."""
        found: list[dict[str, np.ndarray]] = []
        for t in reversed(range(self.positions)):
            part = self.segment(t, 1)
            part.da = part.da + sum(later["da0"] for later in found)[:, None] if found else part.da
            found.insert(0, part.gradients())
        total = {key: sum(one[key] for one in found) for key in (*WEIGHTS, "da0")}
        return {"dx": np.concatenate([one["dx"] for one in found], axis=1)} | total

    def apart(self) -> dict[str, np.ndarray]:
        """The gradients if none went from one step to the step before."""
        found = [self.segment(t, 1).gradients() for t in range(self.positions)]
        total = {key: sum(one[key] for one in found) for key in WEIGHTS}
        return {"dx": np.concatenate([one["dx"] for one in found], axis=1), "da0": found[0]["da0"]} | total


@exercise("4.3", "Back through time")
def rnn_backward(rng: np.random.Generator) -> Iterator[Case]:
    """One position; then a loss at the end, which has to travel; then losses everywhere."""
    measure = _named(*LOOP)
    shapes = (
        "Two arrays do not fit. Take one position of all examples, `da[:, t]` and `x[:, t]`, and mind the order of the "
        "arguments: `rnn_cell_backward(da_next, x_t, a_prev, a_next, Waa, Wax)`."
    )
    examples = "You ran over the examples: `len(x)` is the size of the batch. Positions: `x.shape[1]`."
    errors = {examples: "out of bounds", shapes: "core dimension|not aligned|broadcast"}
    from_a0 = "Every step used `a0` as the state before it. That is right at position 0 only; else it is `a[:, t - 1]`."
    piled_up = (
        "What comes from the right piled up: `da_prev` of one step *replaces* that of the step after. The sum "
        "`da[:, t] + da_prev` has exactly two parts."
    )
    nothing = (
        "Nothing came back: `da[:, t]` was never added, or the step at position 0 was never made. "
        "(`reversed(range(T_x))` and `range(T_x - 1, -1, -1)` both end with 0.)"
    )
    before = "At position 0 the state before is `a0`. `a[:, t - 1]` with t = 0 is `a[:, -1]`, the *last* state."
    after = "`a_prev` is the state *before* the step: `a[:, t - 1]`, and `a0` at position 0."
    either = (
        "In `dWaa` stands the state *after* step 0: you used `a[:, t]`, or `a[:, t - 1]`, which at t = 0 is "
        "`a[:, -1]`, the *last* state. The state before position 0 is `a0`."
    )
    a0_missing = "`da0` is zero, or not the gradient at the very start: it is the `da_prev` that leaves position 0."
    not_through = (
        "`da0` has not passed the step at position 0. Carry on what `rnn_cell_backward` returns as `da_prev`; what "
        "leaves position 0 is `da0`."
    )
    axes = "The axes of `dx` are in another order: time comes second, `(batch, T_x, n_x)`. `np.stack` needs `axis=1`."
    names = ("da", "x", "a0", "a", "Waa", "Wax")

    one = _Loop(rng, 1)
    right = one.gradients()
    yield Case(
        "one position",
        one.inputs,
        right,
        "With one position the result is what `rnn_cell_backward(da[:, 0], x[:, 0], a0, a[:, 0], Waa, Wax)` returns, "
        "with a time axis of length 1 in `dx`. Does check 4.2 still pass?",
        {
            "`dx` has no time axis. It has the shape of `x`: fill `dx[:, t]`.": right | {"dx": right["dx"][:, 0]},
            axes: right | {"dx": right["dx"].swapaxes(0, 1)},
            either: right | {"dWaa": one.with_state(lambda t: one.a[:, -1])},
            not_through: right | {"da0": one.da[:, 0]},
            a0_missing: right | {"da0": np.zeros_like(right["da0"])},
            nothing: {key: np.zeros_like(value) for key, value in right.items()},
        },
        measure,
        errors,
        names=names,
    )
    last = _Loop(rng, 3, at=[2])
    right = last.gradients()
    stays = last.apart()
    first_step = right | last.of_steps(0)
    backwards_x = right | {"dx": right["dx"][:, ::-1]}
    stuck = (
        "The gradient does not travel: only the last step has one. What `rnn_cell_backward` returns as `da_prev` goes "
        "on to the step before: `da_next = da[:, t] + da_prev`."
    )
    overwritten = (
        "Only the step at position 0 is left: each step overwrote what the later ones said. The weights are shared, "
        "so the steps add up: `dWaa += …`."
    )
    reverse = "`dx` runs backwards in time. You walk from the last position, so put each one in its place: `dx[:, t]`."
    mean = "You took the mean over the positions. The steps share their weights, and what they say adds up: the sum."
    averaged = right | {key: right[key] / 3 for key in WEIGHTS}
    forwards = "Your loop runs from the first position to the last. Go back: `for t in reversed(range(x.shape[1]))`."
    yield Case(
        "three positions, the loss at the last one",
        last.inputs,
        right,
        "The loss looks at the last state only; its gradient has to travel back step by step. `da_next` is "
        "`da[:, t]` plus the `da_prev` of the step after.",
        {
            stuck: stays,
            forwards: stays | {"da0": last.segment(2, 1).slope_of("a0")},
            overwritten: first_step,
            reverse: backwards_x,
            mean: averaged,
            piled_up: last.piled_up(),
            from_a0: right | {"dWaa": last.with_state(lambda t: last.a0)},
            before: right | {"dWaa": last.with_state(lambda t: last.a[:, t - 1])},
            after: right | {"dWaa": last.with_state(lambda t: last.a[:, t])},
            a0_missing: right | {"da0": np.zeros_like(right["da0"])},
        },
        measure,
        errors,
        names=names,
    )
    many = _Loop(rng, 4)
    right = many.gradients()
    end_only, apart = many.with_losses_at(3).gradients(), many.apart()
    yield Case(
        "four positions, a loss at each",
        many.inputs,
        right,
        "Each state is asked twice: by its own output (`da[:, t]`) and by the next state (`da_prev` of the step "
        "after). Add both before you go back through the step.",
        {
            "Only the loss at the last position counts. At every position `da[:, t]` is added to what comes from the "
            "right: `da_next = da[:, t] + da_prev`.": end_only,
            "Each position was treated by itself: the gradient of later positions does not reach it. Add the "
            "`da_prev` of the step after to `da[:, t]`.": apart,
            overwritten: right | many.of_steps(0),
            reverse: right | {"dx": right["dx"][:, ::-1]},
        },
        measure,
        errors,
        names=names,
    )
    single = _Loop(rng, 3, m=1)
    yield Case(
        "a batch of one",
        single.inputs,
        single.gradients(),
        "A batch of one is still a batch: `dx` has the shape `(1, T_x, n_x)`.",
        measure=measure,
        names=names,
    )


# 4.4


@exercise("4.4", "The norm of a product of Jacobians")
def jacobian_norms(rng: np.random.Generator) -> Iterator[Case]:
    """The Jacobian by moving each number of an earlier state, on its way through the network."""
    T, n_a = 4, 3
    x, a0 = rng.normal(size=(1, T, 2)), rng.normal(size=(1, n_a))
    Waa, *_ = weights = _weights(rng, 2, n_a)
    a = run(x, a0, *weights)[0]  # (T, n_a)
    slopes = np.array([[slope(lambda w: float(np.tanh(w[0])), np.arctanh(v)[None])[0] for v in row] for row in a])

    def last_state(k, start):
        return start[0] if k == 0 else run(x[:, T - k :], start, *weights)[0, -1]

    def jacobian(k):  # of the last state by the state k steps before it
        start = (a[T - 1 - k] if k < T else a0[0])[None]
        return np.array([slope(lambda w, u=u: float(last_state(k, w)[u]), start)[0] for u in range(n_a)])

    every = [jacobian(k) for k in range(T + 1)]
    right = np.array([np.linalg.norm(J, 2) for J in every])
    single = np.array([np.linalg.norm(np.diag(s) @ Waa, 2) for s in slopes[::-1]])
    frobenius = np.array([np.linalg.norm(J) for J in every])

    flat_tail = (
        "You left out distance 0. The list begins with 1, the norm of the identity: the last state by itself. "
        "It has T + 1 numbers."
    )
    frob = (
        "These are Frobenius norms, which `np.linalg.norm(J)` gives. What a gradient can at most grow by is the "
        "largest singular value: `np.linalg.norm(J, 2)`."
    )
    product = (
        "You multiplied the norms of the steps. That is only an upper bound. Multiply the matrices first, then take "
        "the norm of their product."
    )
    alone = "These are the norms of single steps. Multiply each step's Jacobian to the product of those after it."
    rows = (
        "The slopes multiply the columns of `Waa`, or `Waa` is transposed. They belong to the units that the step "
        "*makes*, which are its rows: `slopes[t][:, None] * Waa`."
    )
    no_slopes = "The slopes have no effect. The Jacobian of a step is diag(slopes[t]) Waa."
    from_first = "You began at the first step. Distance 1 is the *last* step: go through `slopes` from the end."
    turned_order = (
        "The new factor stands on the wrong side. Going back in time it comes on the right: `J = J @ step`, because "
        "the earlier state is what the product is applied to."
    )
    by_number = "You multiplied number by number. Matrices are multiplied with `@`: `J = J @ step`."
    position = "The list is the wrong way round: it begins with distance 0, the last state, and ends with distance T."
    twice = (
        "`slopes` holds the slopes of g already, `1 - a**2` for tanh. Use them as they are: `slopes[t][:, None] * Waa`."
    )
    averaged = "Every unit has a slope of its own, and you used their mean. Each multiplies its row of `Waa`."
    zero = "At distance 0 the Jacobian is the identity: it changes nothing, and its norm is 1, not 0."
    radius = "These are the largest absolute eigenvalues. Take the largest singular value, `np.linalg.norm(J, 2)`."

    def norms(steps, on_right=True):
        J, out = np.eye(n_a), [1.0]
        for step in steps:
            J = J @ step if on_right else step @ J
            out.append(np.linalg.norm(J, 2))
        return np.array(out)

    steps = [np.diag(s) @ Waa for s in slopes[::-1]]
    first = slopes[-1:]
    yield Case(
        "one step",
        (first, Waa),
        right[:2],
        "For one step: the number 1, and then the largest singular value of diag(slopes[0]) Waa.",
        {
            flat_tail: right[1:2],
            frob: np.array([1.0, frobenius[1]]),
            f"{frob} (Of the identity too.)": frobenius[:2],
            rows: norms([Waa @ np.diag(first[0])]),  # its transpose has the same norm
            no_slopes: norms([Waa]),
            twice: norms([np.diag(1 - first[0] ** 2) @ Waa]),
            averaged: norms([first[0].mean() * Waa]),
            zero: np.array([0.0, right[1]]),
            position: right[1::-1],
            by_number: np.array([1.0, np.abs(np.diag(steps[0])).max()]),
            radius: np.array([1.0, np.abs(np.linalg.eigvals(steps[0])).max()]),
        },
        tolerance=1e-6,
    )
    yield Case(
        "four steps through tanh",
        (slopes, Waa),
        right,
        "From the last step backwards: `J = J @ step`, with `step = slopes[t][:, None] * Waa`, and the norm of J after "
        "each.",
        {
            product: np.cumprod([1.0, *single]),
            alone: np.array([1.0, *single]),
            from_first: norms(steps[::-1]),
            turned_order: norms(steps, on_right=False),
            f"{from_first} (Or put the new factor on the right.)": norms(steps[::-1], on_right=False),
            position: right[::-1],
            no_slopes: norms([Waa] * T),
            by_number: np.array([1.0, *(np.linalg.norm(J, 2) for J in np.cumprod(steps, axis=0))]),
        },
        tolerance=1e-6,
    )
    Q = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    yield Case(
        "a linear network with an orthogonal matrix times 0.5",
        (np.ones((6, 5)), 0.5 * Q),
        0.5 ** np.arange(7),
        "Every step halves here, so the norms are 1, 1/2, 1/4, …: one for each distance from 0 to T.",
        {product: np.cumprod([1.0] + [0.5] * 6) * 1.0000001},
        tolerance=1e-8,
    )


# 4.5


@exercise("4.5", "Clipping by the global norm")
def clip_by_global_norm(rng: np.random.Generator) -> Iterator[Case]:
    """A norm above the limit, one below, one spread over several arrays, and zeros."""
    gradients = {"dWaa": rng.normal(size=(3, 3)), "dba": rng.normal(size=3), "dWax": rng.normal(size=(3, 2))}
    norm = math.sqrt(math.fsum(float(v) ** 2 for g in gradients.values() for v in g.ravel()))

    def scaled(factor, of=gradients):
        return {name: factor * g for name, g in of.items()}

    def norms_of(of):
        return {name: math.sqrt(math.fsum(float(v) ** 2 for v in g.ravel())) for name, g in of.items()}

    limit = norm / 4
    each = {name: g * min(1, limit / norms_of(gradients)[name]) for name, g in gradients.items()}
    by_value = {name: np.clip(g, -limit, limit) for name, g in gradients.items()}
    sum_of_norms = sum(norms_of(gradients).values())

    tuple_hint = "Return both: `return clipped, norm`, the new dictionary and the norm before clipping."
    alone = (
        "Each array was clipped by its own norm. That changes the direction of the step. There is one norm, of all "
        "numbers together, and one factor for all."
    )
    values = (
        "Each number was clipped by itself, as `np.clip` does. That changes the direction. Multiply all of them by one "
        "factor."
    )
    added = "You added the norms of the arrays. Add their *squares*, and take the root of the sum."
    squared = "The root is missing: the norm is the square root of the sum of all squares."
    after = "The second value is the norm *before* clipping. It tells you whether there was anything to clip."
    enlarged = "A gradient below the limit must stay as it is. The factor is `max_norm / norm`, but never above 1."
    unit = "The gradients were scaled to norm 1. Scale them to `max_norm`."
    as_list = (
        "`clipped` is a list. It has to be a dictionary with the names that came in: "
        "`{name: g * factor for name, g in derivatives.items()}`."
    )
    upside_down = "The factor is upside down: the gradients grew. It is `max_norm / norm`, which is below 1 here."
    largest = "You took the largest of the arrays' norms. There is one norm, of all numbers of all arrays together."
    kept = "Nothing was clipped: the norm is above `max_norm`, so every array shrinks by the factor `max_norm / norm`."
    zero = "All gradients are 0 here, and 0 / 0 is not a number. Divide only when the norm exceeds `max_norm`."

    long = {name: 10 * g for name, g in gradients.items()}
    flat = {name: g.ravel() for name, g in long.items()}
    yield Case(
        "one array, above the limit",
        ({"dba": np.array([3.0, 4.0])}, 1.0),
        ({"dba": np.array([0.6, 0.8])}, 5.0),
        "(3, 4) has the norm 5; with the limit 1 it becomes (0.6, 0.8). Return the dictionary and the 5.",
        {
            tuple_hint: {"dba": np.array([0.6, 0.8])},
            f"{tuple_hint} Mind the order.": (5.0, {"dba": np.array([0.6, 0.8])}),
            squared: ({"dba": np.array([3.0, 4.0]) / 25}, 25.0),
            after: ({"dba": np.array([0.6, 0.8])}, 1.0),
            kept: ({"dba": np.array([3.0, 4.0])}, 5.0),
            values: ({"dba": np.array([1.0, 1.0])}, 5.0),
            as_list: ([np.array([0.6, 0.8])], 5.0),
            upside_down: ({"dba": np.array([15.0, 20.0])}, 5.0),
        },
        errors={"`derivatives` is a dictionary: `for name, g in derivatives.items()`.": "'str'"},
    )
    yield Case(
        "three arrays together above the limit",
        (gradients, limit),
        (scaled(limit / norm), norm),
        "The norm is the root of the sum of the squares of all numbers; all arrays shrink by one factor.",
        {
            alone: (each, norm),
            f"{alone} (The second value is the norm of all of them.)": (each, sum_of_norms),
            values: (by_value, norm),
            added: (scaled(limit / sum_of_norms), sum_of_norms),
            unit: (scaled(1 / norm), norm),
            largest: (scaled(limit / max(norms_of(gradients).values())), max(norms_of(gradients).values())),
            squared: (scaled(limit / norm**2), norm**2),
            after: (scaled(limit / norm), limit),
            f"The arrays have lost their shapes. {tuple_hint}": (flat, norm),
        },
    )
    yield Case(
        "below the limit",
        (gradients, 3 * norm),
        (gradients, norm),
        enlarged,
        {enlarged: (scaled(3.0), norm)},
    )
    nothing = scaled(0.0)
    yield Case("zeros", (nothing, 1.0), (nothing, 0.0), zero)


# 4.6


@exercise("4.6", "Truncated segments")
def truncated_backward(rng: np.random.Generator) -> Iterator[Case]:
    """The same numerical gradient, of a network whose segments start from states that are held fixed."""
    measure = _named(*WEIGHTS)
    uncut = (
        "The gradient crosses the cuts: this is full backpropagation. Call `rnn_backward` for each segment by itself."
    )
    from_a0 = (
        "Every segment starts from `a0`. Forwards nothing is cut: the state before the segment from `begin` on is "
        "`a[:, begin - 1]`."
    )
    from_last = "The first segment starts from `a0`. `a[:, begin - 1]` with `begin = 0` is the *last* state."
    after = (
        "A segment starts from the state *before* it, `a[:, begin - 1]`. `a[:, begin]` is made by its own first step."
    )
    last_only = "Only the last segment counts. Add up the gradients of all segments."
    first_only = "Only the first segment counts. Add up the gradients of all segments; no `return` inside the loop."
    dropped = (
        "The last segment, which is shorter, is missing. `range(0, x.shape[1], length)` gives every start; a slice "
        "that runs beyond the end is no problem."
    )
    mean = "You took the mean over the segments. They share their weights: add up."
    along = (
        "Two arrays do not fit. Cut `da`, `x` and `a` along the time axis, all in the same way: "
        "`x[:, begin : begin + length]`."
    )
    errors = {along: "core dimension|not aligned|broadcast|out of bounds"}
    from_zeros = (
        "A segment starts from zeros. It has to start from the state before it: `a[:, begin - 1]`, and `a0` at "
        "position 0."
    )
    overlap = (
        "Your segments overlap: each has one position too many. A slice ends *before* its second number: "
        "`x[:, begin : begin + length]`."
    )
    window = (
        "You went `length` steps back from each position, a sliding window. Here the cuts are fixed: each position "
        "belongs to one segment, and its gradient stops at the start of that segment."
    )
    names = ("da", "x", "a0", "a", "Waa", "Wax", "length")

    def of_segments(loop, length, begins, start=None):
        """The gradients of some segments, added; `start(begin)` is another state before a segment."""
        total = dict.fromkeys(WEIGHTS, 0.0)
        for begin in begins:
            part = loop.segment(begin, length)
            found = part.gradients(WEIGHTS)
            if start is not None:
                found["dWaa"] = part.with_state(lambda t, begin=begin, part=part: part.before(t) if t else start(begin))
            total = {key: total[key] + found[key] for key in WEIGHTS}
        return total

    def of_windows(loop, length):
        """The gradients if the loss at each position went back over `length` positions."""
        total = dict.fromkeys(WEIGHTS, 0.0)
        for t in range(loop.positions):
            begin = max(0, t - length + 1)
            part = loop.with_losses_at(t).segment(begin, t - begin + 1)
            total = {key: total[key] + value for key, value in part.gradients(WEIGHTS).items()}
        return total

    loop = _Loop(rng, 3)
    right = loop.gradients(WEIGHTS)
    yield Case(
        "one segment as long as the sequence",
        (*loop.inputs, 3),
        right,
        "Nothing is cut here, so the result is that of `rnn_backward`: its `dWaa`, `dWax` and `dba`. Does check 4.3 "
        "still pass?",
        {
            f"{from_last} (Does check 4.3 still pass?)": of_segments(loop, 3, (0,), lambda begin: loop.a[:, -1]),
            from_zeros: of_segments(loop, 3, (0,), lambda begin: 0 * loop.a0),
        },
        measure,
        errors,
        names=names,
    )
    loop = _Loop(rng, 4)
    right = of_segments(loop, 2, (0, 2))
    known = {
        uncut: loop.gradients(WEIGHTS),
        from_a0: of_segments(loop, 2, (0, 2), lambda begin: loop.a0),
        from_last: of_segments(loop, 2, (0, 2), lambda begin: loop.a[:, begin - 1]),
        after: of_segments(loop, 2, (0, 2), lambda begin: loop.a[:, begin] if begin else loop.a0),
        last_only: of_segments(loop, 2, (2,)),
        first_only: of_segments(loop, 2, (0,)),
        mean: {key: value / 2 for key, value in right.items()},
        f"{from_zeros} (The first one is right.)": of_segments(
            loop, 2, (0, 2), lambda begin: 0 * loop.a0 if begin else loop.a0
        ),
        overlap: of_segments(loop, 3, (0, 2)),
        window: of_windows(loop, 2),
        "The segments are cut into single steps: each has `length` positions.": of_segments(loop, 1, range(4)),
    }
    yield Case(
        "two segments of two",
        (*loop.inputs, 2),
        right,
        "Positions 0 and 1 are one segment, 2 and 3 the other. The second starts from the state `a[:, 1]`, and its "
        "gradient stops there.",
        known,
        measure,
        errors,
        names=names,
    )
    loop = _Loop(rng, 5)
    right = of_segments(loop, 2, (0, 2, 4))
    yield Case(
        "the last segment is shorter",
        (*loop.inputs, 2),
        right,
        "Five positions in segments of two: 0–1, 2–3, and 4 alone.",
        {dropped: of_segments(loop, 2, (0, 2)), uncut: loop.gradients(WEIGHTS)},
        measure,
        errors,
        names=names,
    )
