"""Checks of lesson 02: recurrent neural networks.

The oracles follow the formulas for one example and one unit at a time, in plain Python; the answers work on
whole batches. Sizes differ on every axis, so that a weight used the wrong way round cannot fit by accident.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import AS_ARRAY, describe
from utils.datasets.routine import CYCLE, REST, WEATHER, activities


def states(x: np.ndarray, a0: np.ndarray, Waa: np.ndarray, Wax: np.ndarray, ba: np.ndarray) -> np.ndarray:
    """States of the plain network as the formula has it: a column vector for each example, no batch.

    Args:
        x: Inputs, shape (batch, T_x, n_x).
        a0: States before the first position, shape (batch, n_a).
        Waa: Shape (n_a, n_a).
        Wax: Shape (n_a, n_x).
        ba: Shape (n_a,).

    Returns:
        Shape (batch, T_x, n_a), float64.
    """
    units = range(len(ba))
    result = np.zeros((len(x), x.shape[1], len(ba)))
    for i, t in np.ndindex(*x.shape[:2]):
        before = a0[i] if t == 0 else result[i, t - 1]
        for k in units:
            past = math.fsum(Waa[k, j] * before[j] for j in units)
            present = math.fsum(Wax[k, j] * x[i, t, j] for j in range(x.shape[2]))
            result[i, t, k] = math.tanh(past + present + ba[k])
    return result


def _weights(rng, n_x, n_a):
    return rng.normal(size=(n_a, n_a)), rng.normal(size=(n_a, n_x)), rng.normal(size=n_a)


@exercise("2.1", "One step of the network")
def rnn_cell_forward(rng: np.random.Generator) -> Iterator[Case]:
    """One step, with one term of the sum at a time."""
    m, n_x, n_a = 2, 3, 4
    x_t, a_prev = rng.normal(size=(m, n_x)), rng.normal(size=(m, n_a))
    Waa, Wax, ba = _weights(rng, n_x, n_a)

    def step(x_t, a_prev, ba):
        return states(x_t[:, None], a_prev, Waa, Wax, ba)[:, 0]

    no_x, no_a, no_b = np.zeros_like(x_t), np.zeros_like(a_prev), np.zeros_like(ba)
    column = (
        "You returned one column for each example, shape `(n_a, batch)`. The batch axis stays first: "
        "`x_t @ Wax.T`, not `Wax @ x_t.T`."
    )
    linear = "This is the sum itself. Pass it through `np.tanh`."
    logistic = "This is the sigmoid of the sum. Here the function `g` is `np.tanh`."
    untransposed = (
        "`Waa` is used the wrong way round. It is square, so NumPy does not complain: with the batch axis "
        "first the product is `a_prev @ Waa.T`."
    )
    forgets = "The previous state has no effect. Add `a_prev @ Waa.T` to the sum: it is the network's memory."
    outside = "`ba` came back as it is. Add it to the sum before `np.tanh`, inside the brackets."
    no_bias = "The bias has no effect. Add `ba` to the sum."
    apart = "You applied `np.tanh` to each term by itself. Add the three terms first, then apply `np.tanh` once."
    flat = "A batch of one is still a batch: the shape should be `(1, n_a)`. Leave out `squeeze`, `ravel` and `[0]`."
    shapes = (
        "Two arrays in a product do not fit. `x_t` has the shape `(batch, n_x)` and `Wax` has `(n_a, n_x)`, so the "
        "weight has to be transposed: `x_t @ Wax.T`. The same goes for `Waa`, where NumPy would not complain."
    )

    left = (
        "A weight stands on the left of a product, as in the formula for one column. In a batch each example is a row: "
        "put the batch on the left and transpose the weight, `a_prev @ Waa.T` and `x_t @ Wax.T`."
    )
    errors = {
        left: rf"size {m} is different from|\({n_a},{n_a}\) and \({m},{n_a}\) not aligned",
        shapes: "core dimension|not aligned",
        column: rf"broadcast.*\({n_a},{m}\) \({n_a},\)",
    }

    total = x_t @ Wax.T
    yield Case(
        "the input alone",
        (x_t, no_a, Waa, Wax, no_b),
        step(x_t, no_a, no_b),
        "Here `a_prev` and `ba` are 0, so only the input counts: `np.tanh(x_t @ Wax.T)`.",
        {column: step(x_t, no_a, no_b).T, linear: total, logistic: 1 / (1 + np.exp(-total))},
        errors=errors,
    )
    yield Case(
        "the previous state alone",
        (no_x, a_prev, Waa, Wax, no_b),
        step(no_x, a_prev, no_b),
        "Here `x_t` and `ba` are 0, so only the previous state counts: look at the term with `Waa`.",
        {untransposed: np.tanh(a_prev @ Waa), forgets: np.zeros((m, n_a))},
    )
    yield Case(
        "the bias alone",
        (no_x, no_a, Waa, Wax, ba),
        step(no_x, no_a, ba),
        "Here `x_t` and `a_prev` are 0, so every row is `np.tanh(ba)`.",
        {outside: np.tile(ba, (m, 1)), no_bias: np.zeros((m, n_a))},
    )
    yield Case(
        "all three together",
        (x_t, a_prev, Waa, Wax, ba),
        step(x_t, a_prev, ba),
        "Each term is right by itself, but not their sum: `np.tanh` takes the sum of all three.",
        {apart: np.tanh(x_t @ Wax.T) + np.tanh(a_prev @ Waa.T) + np.tanh(ba)},
    )
    one = (x_t[:1], a_prev[:1])
    yield Case("a batch of one", (*one, Waa, Wax, ba), step(*one, ba), flat)


@exercise("2.2", "The loop over the positions")
def rnn_forward(rng: np.random.Generator) -> Iterator[Case]:
    """The whole loop: first one position, then two, then many."""
    m, T_x, n_x, n_a = 2, 5, 3, 4
    x, a0 = rng.normal(size=(m, T_x, n_x)), rng.normal(size=(m, n_a))
    Waa, Wax, ba = weights = _weights(rng, n_x, n_a)
    zero = np.zeros_like(a0)

    each = (
        "Every position started from `a0` again. After each step the new state becomes the previous state of "
        "the next one: `a_prev = a_next`."
    )
    last = (
        "The time axis is missing. Do not return the last state alone, or states joined by `np.concatenate`: collect "
        "the state of every position, and `np.stack(states, axis=1)`."
    )
    time_first = (
        "Time is the first axis of what you returned. Put it second: `np.stack(states, axis=1)`, or fill `a[:, t]`."
    )
    unstacked = "You returned a list of states. `np.stack(states, axis=1)` makes one array of it."
    never = "Position 0 holds zeros: its step was never made. The loop begins at `t = 0`."
    over_batch = (
        "Your loop runs over the examples: `for x_t in x` and `x[t]` take one example each. Take one position of all "
        "examples: `x[:, t]`."
    )
    early = "You stored the state before the step. Position `t` holds the state *after* it has read `x[:, t]`."
    with_a0 = "`a0` itself came back too. The result has the states after positions 1 to T_x only."
    ignored = "`a0` has no effect: you start from zeros. Start the loop with `a_prev = a0`."
    wrong_step = (
        "The step uses `Waa` the wrong way round: it is `a_prev @ Waa.T`. If you call `rnn_cell_forward`, "
        "mend Exercise 2.1 first."
    )
    backwards = "You read the sequence from its end. Position 0 comes first."
    memoryless = "Each position forgot all earlier ones (it started from zeros). Keep the state: `a_prev = a_next`."

    errors = {
        "You ran over the examples: `len(x)` is the size of the batch. Positions: `x.shape[1]`.": "out of bounds",
        "Two arrays in a product do not fit. Mind the order of the arguments: "
        "`rnn_cell_forward(x[:, t], a_prev, Waa, Wax, ba)`.": "core dimension|not aligned",
    }
    right, one = states(x[:, :1], a0, *weights), x[:, :1]
    first_example = np.repeat(one[:1], m, axis=0)
    yield Case(
        "one position",
        (one, a0, *weights),
        right,
        "With one position the result is one step: `np.tanh(a0 @ Waa.T + x[:, 0] @ Wax.T + ba)`, with a time axis of "
        "length 1.",
        {
            unstacked: [right[:, 0]],
            last: right[:, 0],
            time_first: right.swapaxes(0, 1),
            early: a0[:, None],
            never: zero[:, None],
            with_a0: np.concatenate([a0[:, None], right], axis=1),
            ignored: states(one, zero, *weights),
            wrong_step: states(one, a0, Waa.T, Wax, ba),
            over_batch: states(first_example, a0, *weights),
            f"{over_batch} The result has one state for each example.": states(
                np.repeat(x[:, 0][None], m, axis=0), a0, *weights
            ),
        },
        errors=errors,
    )
    yield Case(
        "one position from a0 = 0",
        (one, zero, *weights),
        states(one, zero, *weights),
        "With `a0 = 0` the first step is `np.tanh(x[:, 0] @ Wax.T + ba)`.",
    )
    two = x[:, :2]
    yield Case(
        "two positions",
        (two, a0, *weights),
        states(two, a0, *weights),
        "The second step must start from the state that the first one made.",
        {
            each: np.concatenate([states(two[:, [t]], a0, *weights) for t in (0, 1)], axis=1),
            memoryless: np.concatenate([right, states(two[:, 1:], zero, *weights)], axis=1),
            backwards: states(two[:, ::-1], a0, *weights),
        },
    )
    right = states(x, a0, *weights)
    yield Case(
        "five positions",
        (x, a0, *weights),
        right,
        "Two positions work, five do not: run the loop over all of `x.shape[1]`.",
        {last: right[:, -1], backwards: states(x[:, ::-1], a0, *weights)},
    )
    yield Case(
        "a batch of one",
        (x[:1], a0[:1], *weights),
        right[:1],
        "A batch of one is still a batch: the shape should be `(1, T_x, n_a)`.",
    )


@exercise("2.3", "Two matrices as one")
def stack(rng: np.random.Generator) -> Iterator[Case]:
    """`Wa = [Waa | Wax]`; the square case first, where every wrong way also has a shape."""
    swapped = "`Wax` stands on the left. The state comes first in `[a, x]`, so `Waa` does in `[Waa | Wax]`."
    below = "You put one below the other. Side by side means along the columns: `axis=1`."
    layers = "You made a third axis. `np.stack` adds one; `np.concatenate` keeps two."
    turned = "This is the transpose. `Wa` has one row for each unit of the state: `(n_a, n_a + n_x)`."
    turned_parts = "`Waa` is transposed inside `Wa`. Put both in as they are."
    hint = "`Wa` holds the columns of `Waa`, and after them the columns of `Wax`: shape `(n_a, n_a + n_x)`."
    for name, n_x, n_a in (
        ("as many features as units", 3, 3),
        ("more units than features", 2, 4),
        ("one feature", 1, 3),
    ):
        Waa, Wax, _ = _weights(rng, n_x, n_a)
        right = np.array([[*row_a, *row_x] for row_a, row_x in zip(Waa, Wax, strict=True)])
        mistakes = {
            swapped: np.roll(right, n_x, axis=1),
            turned: right.T,
            turned_parts: np.concatenate([Waa.T, Wax], axis=1),
        }
        if n_x == n_a:
            mistakes |= {below: np.concatenate([Waa, Wax]), layers: np.stack([Waa, Wax])}
        yield Case(name, (Waa, Wax), right, hint, mistakes)

    x_t, a_prev = rng.normal(size=(5, 2)), rng.normal(size=(5, 4))
    Waa, Wax, _ = _weights(rng, 2, 4)

    def product(Wa):
        if np.shape(Wa) != (4, 6):
            raise Problem(f"returned {describe(Wa)}, expected an array of shape (4, 6)")
        return np.concatenate([a_prev, x_t], axis=1) @ np.asarray(Wa, float).T

    two = np.array([[Waa @ a + Wax @ x] for a, x in zip(a_prev, x_t, strict=True)])[:, 0]
    yield Case("one product does the work of two", (Waa, Wax), two, hint, measure=product)


@exercise("2.4", "How many parameters?")
def parameter_count(rng: np.random.Generator) -> Iterator[Case]:
    """The count; the oracle makes the arrays and counts their numbers."""
    texts = {
        "Waa": "`Waa` is missing: it joins every unit of the state to every other, `n_a * n_a` numbers.",
        "Wax": "`Wax` is missing: `n_a * n_x` numbers.",
        "biases": "Both biases are missing: `ba` has `n_a` numbers and `by` has `n_y`.",
        "ba": "`ba` is missing: `n_a` numbers.",
        "by": "`by` is missing: `n_y` numbers.",
        "output": "Only the loop is counted. The output has parameters too: `Wya` and `by`.",
        "skip": "You counted a matrix from the input to the output. `Wya` multiplies the state: `n_y * n_a`.",
        "one bias": "A bias has one number for each unit, not one in all: `n_a` in `ba`, `n_y` in `by`.",
    }
    hint = "Add up the sizes of `Waa (n_a, n_a)`, `Wax (n_a, n_x)`, `ba (n_a,)`, `Wya (n_y, n_a)`, `by (n_y,)`."
    for name, most in (("a small network", 9), ("a larger network", 40), ("a large network", 300)):
        found: list[int] = []
        while len(set(found)) < len(texts) + 1:  # sizes for which no two mistakes give the same number
            n_x, n_a, n_y = (int(n) for n in rng.integers(2, most, size=3))
            shapes = {"Waa": (n_a, n_a), "Wax": (n_a, n_x), "ba": (n_a,), "Wya": (n_y, n_a), "by": (n_y,)}
            size = {array: np.zeros(shape).size for array, shape in shapes.items()}
            right = sum(size.values())
            wrong = {
                "Waa": right - size["Waa"],
                "Wax": right - size["Wax"],
                "biases": right - size["ba"] - size["by"],
                "output": right - size["Wya"] - size["by"],
                "skip": right - size["Wya"] + n_y * n_x,
                "one bias": right - n_a - n_y + 2,
                "ba": right - size["ba"],
                "by": right - size["by"],
            }
            found = [right, *wrong.values()]
        here = f" (Here n_x = {n_x}, n_a = {n_a}, n_y = {n_y}.)"
        mistakes = {texts[key] + here: count for key, count in wrong.items()}
        yield Case(name, (n_x, n_a, n_y), right, hint + here, mistakes)


def _sequence_loss(y_hat, y, mask):
    """Losses one position at a time; a padded one is never looked at."""
    step = np.zeros(y.shape)
    for i, t in np.argwhere(mask):
        step[i, t] = -math.log(y_hat[i, t, y[i, t]])
    return step, np.array([math.fsum(row) for row in step])


@exercise("2.5", "The loss of a sequence")
def sequence_loss(rng: np.random.Generator) -> Iterator[Case]:
    """One position, then the sum over positions, then padding, then padding that would give infinity."""
    m, T_y, n_y = 3, 4, 5
    y_hat = rng.uniform(0.5, 1.5, size=(m, T_y, n_y))
    y = rng.integers(n_y, size=(m, T_y))
    y_hat[np.arange(m)[:, None], np.arange(T_y), y] *= 0.3  # so that the largest is never the right one
    y_hat /= y_hat.sum(axis=-1, keepdims=True)
    every = np.ones((m, T_y), dtype=bool)
    lengths = np.array([4, 1, 2])
    mask = np.arange(T_y) < lengths[:, None]

    texts = {
        "sign": "The sign is missing: the logarithm of a probability is not positive. The loss is `-np.log(...)`.",
        "no log": "This is the probability of the right class itself. The loss is minus its logarithm.",
        "base": "Take the natural logarithm, `np.log`, not `np.log2` or `np.log10`.",
        "largest": "You took the largest probability. Take the one of the class that is right, `y[i, t]`.",
        "mean": "`total` is the mean over the positions. Here it is the sum.",
        "batch": "You added over the batch. `total` has one number per example: add over time, `axis=1`.",
        "exchanged": "Every loss is 0: the arguments of `np.where` are exchanged. It takes the second one where the "
        "mask is True: `np.where(mask, p, 1.0)`.",
        "axis": "`take_along_axis` keeps the last axis, with length 1: remove it with `[..., 0]` before the mask.",
        "axes": "Both results have an axis too many at the end. `take_along_axis` returns three axes: remove the "
        "last one with `[..., 0]`.",
        "indices": "`take_along_axis` needs as many axes in `y` as in `y_hat`. Give `y` a third one: `y[..., None]`.",
        "infinite": "You put the probability 0 where the mask is False, and `-log 0` is infinite. Put 1: `-log 1 = 0`.",
        "one": "`total` is one number for the whole batch. Add over time alone, `axis=1`.",
        "padding": "The padded positions are counted. Where `mask` is False, `step_loss` must be 0.",
        "only total": "`step_loss` still holds the losses at padded positions. Put zeros there, then add.",
        "only steps": "`total` is missing. Return both: `return step_loss, total`.",
        "order": "`step_loss` comes first, then `total`.",
        "inverted": "The mask is the wrong way round: it is True at the *real* positions.",
    }
    nan = (
        "A padded position says 0, and `-log 0` is infinite: infinity times 0 is not a number. Choose with "
        "`np.where` *before* the logarithm: the right class's probability where the mask is True, else 1."
    )
    first = (y_hat[:, :1], y[:, :1], every[:, :1])
    step, total = _sequence_loss(*first)
    p = np.exp(-step)
    largest = -np.log(first[0].max(axis=-1))
    not_removed = np.repeat(step[:, None], m, axis=1)  # (batch, batch, 1): what the mask's shape then makes of it
    yield Case(
        "one position",
        first,
        (step, total),
        "For one position: `-np.log` of the number in `y_hat[i, 0]` at the place `y[i, 0]`. Return `step_loss, total`.",
        {
            texts["only steps"]: step,
            texts["order"]: (total, step),
            texts["sign"]: (-step, -total),
            texts["no log"]: (p, p.sum(axis=1)),
            texts["base"]: (step / math.log(2), total / math.log(2)),
            texts["largest"]: (largest, largest.sum(axis=1)),
            texts["batch"]: (step, step.sum(axis=0)),
            texts["one"]: (step, step.sum()),
            texts["exchanged"]: (0 * step, 0 * total),
            texts["axis"]: (not_removed, not_removed.sum(axis=1)),
            texts["axes"]: (step[..., None], total[..., None]),
        },
        errors={texts["indices"]: "same number of dimensions|could not be broadcast|does not match"},
    )
    step, total = _sequence_loss(y_hat, y, every)
    yield Case(
        "no padding",
        (y_hat, y, every),
        (step, total),
        "`total` is the sum of `step_loss` over time, shape `(batch,)`.",
        {
            texts["mean"]: (step, step.mean(axis=1)),
            texts["batch"]: (step, step.sum(axis=0)),
            texts["one"]: (step, step.sum()),
        },
    )
    masked, masked_total = _sequence_loss(y_hat, y, mask)
    yield Case(
        "padding",
        (y_hat, y, mask),
        (masked, masked_total),
        "Padded positions (`mask` False) have loss 0, and add nothing to `total`.",
        {
            texts["padding"]: (step, total),
            texts["infinite"]: (np.where(mask, step, np.inf), np.where(lengths < T_y, np.inf, total)),
            texts["only total"]: (step, masked_total),
            texts["mean"]: (masked, masked_total / lengths),
            texts["inverted"]: (step - masked, total - masked_total),
        },
    )
    certain = np.where(mask[..., None], y_hat, 0.0)
    yield Case("probability 0 at the padding", (certain, np.where(mask, y, 0), mask), (masked, masked_total), nan)


@exercise("2.6", "The weights for Keras", uses_keras=True)
def keras_weights(rng: np.random.Generator) -> Iterator[Case]:
    """The weights are put into a `SimpleRNN`, whose states must be those of the formula."""
    import keras

    m, n_x, n_a = 2, 3, 4
    x = rng.normal(size=(m, 3, n_x))
    Waa, Wax, ba = weights = _weights(rng, n_x, n_a)
    zero = np.zeros((m, n_a))

    def run(x: np.ndarray) -> Callable[[Any], np.ndarray]:
        shapes = {"kernel": (n_x, n_a), "recurrent_kernel": (n_a, n_a), "bias": (n_a,)}

        def measure(returned):
            if not isinstance(returned, tuple | list) or len(returned) != 3:
                hint = "End with `return` and a list: `[kernel, recurrent_kernel, bias]`."
                raise Problem(f"returned {describe(returned)}, expected a list of three arrays", hint)
            for array, (name, shape) in zip(returned, shapes.items(), strict=True):
                _check_array(array, name, shape)
            layer = keras.layers.SimpleRNN(n_a, return_sequences=True)
            layer.build(x.shape)
            layer.set_weights([np.asarray(array, "float32") for array in returned])
            return np.asarray(layer(x.astype("float32")))

        return measure

    as_they_are = "You returned the weights as the formula has them. Keras' matrices are the transposes."
    order = "The order is `[kernel, recurrent_kernel, bias]`: what multiplies the input comes first."
    recurrent = "`recurrent_kernel` is not transposed. It is square, so Keras takes it without complaint: `Waa.T`."
    kernel = "`kernel` is not transposed: Keras multiplies `x_t @ kernel`, so it is `Wax.T`, shape `(n_x, n_a)`."
    column = "`bias` has one axis, shape `(n_a,)`. Return `ba` as it is."
    names = {
        as_they_are: [Wax, Waa, ba],
        order: [Waa.T, Wax.T, ba],
        f"{order} And both matrices are transposed.": [Waa, Wax, ba],
        kernel: [Wax, Waa.T, ba],
        column: [Wax.T, Waa.T, ba[:, None]],
    }
    one = x[:, :1]
    yield Case(
        "one position: kernel and bias",
        weights,
        states(one, zero, *weights),
        "At the first position the state is `tanh(x_t @ kernel + bias)`: compare with `np.tanh(x_t @ Wax.T + ba)`.",
        names,
        measure=run(one),
    )
    yield Case(
        "three positions: recurrent_kernel",
        weights,
        states(x, zero, *weights),
        "From the second position on `a_prev @ recurrent_kernel` counts: compare with `a_prev @ Waa.T`.",
        {recurrent: [Wax.T, Waa, ba]} | names,
        measure=run(x),
    )


UNITS = ("run", "bike", "swim", "slept after run", "slept after bike", "slept after swim")


def wired_activities(weather: list[str], Waa: np.ndarray, Wax: np.ndarray, ba: np.ndarray) -> list[str]:
    """What a wired network says on each day: the one activity that fires, or "?" where none or several do.

    Args:
        weather: "sun" or "rain" for each day, length T_x.
        Waa: Shape (6, 6).
        Wax: Shape (6, 2); the columns are sun and rain.
        ba: Shape (6,).

    Returns:
        T_x activities or "?".
    """
    a = np.zeros(len(UNITS))
    said = []
    for sky in weather:
        x_t = np.array([sky == word for word in WEATHER], float)
        a = (Waa @ a + Wax @ x_t + ba > 0).astype(float)
        fired = [name for name, on in zip(CYCLE, a, strict=False) if on] + [REST] * bool(a[len(CYCLE) :].any())
        said.append(fired[0] if len(fired) == 1 else "?")
    return said


def _follows(weeks: list[list[str]]) -> Callable[[Any], bool]:
    """Measures whether wired weights do what David does in all these weeks."""

    def measure(returned):
        if not isinstance(returned, tuple | list) or len(returned) != 3:
            raise Problem(f"returned {describe(returned)}, expected Waa, Wax and ba", "End with `return Waa, Wax, ba`.")
        for array, name, shape in zip(returned, ("Waa", "Wax", "ba"), ((6, 6), (6, 2), (6,)), strict=True):
            _check_array(array, name, shape)
        weights = [np.asarray(array, float) for array in returned]
        for week in weeks:
            said, wanted = wired_activities(week, *weights), activities(week)
            if said != wanted:
                raise Problem(
                    f"wires a network that answers the weather `{' '.join(week)}` with `{' '.join(said)}`, "
                    f"expected `{' '.join(wanted)}`. {_first_slip(week, *weights)}"
                )
        return True

    return measure


def _check_array(array: Any, name: str, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray):
        raise Problem(f"returned {describe(array)} as {name}, expected an array of shape {shape}", AS_ARRAY)
    if array.shape != shape or array.dtype.kind not in "biuf":
        raise Problem(f"returned {describe(array)} as {name}, expected an array of shape {shape}")


def _first_slip(week: list[str], Waa: np.ndarray, Wax: np.ndarray, ba: np.ndarray) -> str:
    """On the first wrong day: the unit that fires and should not, or the one that should and does not."""
    a, sunny = np.zeros(len(UNITS)), 0
    for day, sky in enumerate(week, start=1):
        sunny += sky == WEATHER[0]
        right = (sunny - 1) % 3 + 3 * (sky != WEATHER[0])
        total = Waa @ a + Wax @ np.array([sky == word for word in WEATHER], float) + ba
        a = (total > 0).astype(float)
        if not a[right]:
            return f"On day {day} the unit `{UNITS[right]}` does not fire: its sum is {total[right]:g}, not above 0"
        if a.sum() > 1:
            extra = next(k for k in np.flatnonzero(a) if k != right)
            return f"On day {day} the unit `{UNITS[extra]}` fires too: its sum is {total[extra]:g}"
    return "Each unit fires when it should, but the read-out says something else"


def _wiring() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One right answer in ones and halves: each unit reads two units of the past (or their absence) and the sky."""
    Waa, Wax = np.zeros((6, 6)), np.zeros((6, 2))
    ba = np.full(6, -1.5)
    for unit in range(6):
        done, rainy = unit % 3, unit >= 3
        Wax[unit, int(rainy)] = 1
        before = done if rainy else done - 1  # in which states he was: how far he had come
        if before % 3 == 2:  # after swim is "not after run and not after bike", which the first day is too
            Waa[unit, [0, 1, 3, 4]] = -1
            ba[unit] = -0.5
        else:
            Waa[unit, [before, before + 3]] = 1
    return Waa, Wax, ba


@exercise("2.7", "David's week, wired by hand")
def wire_week(rng: np.random.Generator) -> Iterator[Case]:
    """The network is run on weeks that need one unit after the other, then on every week up to seven days."""
    Waa, Wax, ba = _wiring()
    both = np.isin(np.arange(6), (2, 3, 4))  # the learner's units that need two inputs
    loose, strict = np.where(both, -0.5, ba), np.where(both, -2.0, ba)
    named = {
        "`Waa` is transposed. A row belongs to the unit that is produced, a column to the unit that it "
        "reads: `Waa[BIKE, RUN]` is what bike hears from run.": (Waa.T, Wax, ba),
        "The columns of `Wax` are swapped: column 0 is sun, column 1 is rain.": (Waa, Wax[:, ::-1], ba),
        "A unit fires when its sum is *greater* than 0. With a bias of −2 two inputs of 1 give exactly 0, "
        "which is not enough: use −1.5.": (Waa, Wax, strict),
        "With a bias of −0.5 one input of 1 is enough, so the unit fires on the weather alone. It needs two: "
        "use −1.5.": (Waa, Wax, loose),
    }
    hears_rain = Wax.copy()
    hears_rain[2] = 1
    named["`SWIM` hears the rain too. On a rainy day he sleeps: `SWIM` reads the sun alone."] = (Waa, hears_rain, ba)
    sun, rain = WEATHER

    def case(name, hint, *weeks, points=1):
        measure = _follows([list(week) for week in weeks])
        return Case(name, (), True, hint, named, measure, points=points)

    yield case("the shapes", "Return `Waa, Wax, ba` with the shapes `(6, 6)`, `(6, 2)` and `(6,)`.")
    yield case(
        "first day sunny",
        "The first sunny day starts from a state of zeros, and only `run` may fire. Look at the given rows, "
        "and at which of your units fires on sun without a past.",
        [sun],
    )
    yield case(
        "first day rain",
        "On a first day with rain the state is all zeros. `slept after swim` must fire then, as `run` does "
        "on a sunny one: *not* after run, *not* after bike.",
        [rain],
    )
    yield case(
        "three sunny days",
        "Look at the row of the unit that the sentence above names: which units of yesterday and which weather does it "
        "read, and what does its bias ask for? (After `bike` and sun comes `swim`: row `SWIM` reads `BIKE`, "
        "`SLEPT_BIKE` and the sun.)",
        [sun] * 3,
    )
    yield case(
        "the cycle goes round",
        "After `swim` and sun he runs again. Row `RUN` is given: it must not be held down by `swim` or "
        "`slept after swim`.",
        [sun] * 7,
    )
    yield case(
        "one rainy day",
        "After a rainy day he must still know where he was: `slept after run` fires when `run` was on and it "
        "rains, and so on; and on the next sunny day he goes on from there. "
        "Mind that a sum of exactly 0 does not fire.",
        [sun, rain, sun],
        [sun, sun, rain, sun],
        [sun, sun, sun, rain, sun],
    )
    yield case(
        "rain for several days",
        "The second rainy day loses his place. A slept unit must also keep itself on: row `SLEPT_RUN` reads "
        "`RUN` *and* `SLEPT_RUN`.",
        [sun, rain, rain, sun],
        [sun, sun, rain, rain, rain, sun],
        [sun, sun, sun, rain, rain, sun],
        [rain, rain, sun, sun],
    )
    every = [week for days in range(1, 8) for week in itertools.product(WEATHER, repeat=days)]
    yield case(
        "every week of up to seven days",
        "Follow the week in the sentence above day by day: on the first day with the wrong answer, which "
        "unit should have fired, and what did it read?",
        *every,
        points=2,
    )
