"""Checks of lesson 09: attention.

The oracles follow the formulas for one example, one target position and one source position at a time, in plain
Python; the recurrent step of the decoder's cell is that of Keras' own GRU cell. Layers are judged with weights that
the check has put into them. All axes differ in size, so that nothing fits by accident.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import describe

Links = list[list[tuple[int, int]]]

_NAMES = ("s_prev", "h", "Wa", "Ua", "va")
_SIZES = ("n_s", "n_h", "n_v")
_ONE = "A batch of one is still a batch: the result keeps its first axis. Leave out `squeeze`, `ravel` and `[0]`."


def score(s: np.ndarray, h: np.ndarray, Wa: np.ndarray, Ua: np.ndarray, va: np.ndarray) -> float:
    """The additive score of one state and one annotation: v_a · tanh(W_a s + U_a h).

    Args:
        s: Shape (n_s,).
        h: Shape (n_h,).
        Wa: Shape (n_v, n_s).
        Ua: Shape (n_v, n_h).
        va: Shape (n_v,).

    Returns:
        The score.
    """
    return math.fsum(
        va[k]
        * math.tanh(
            math.fsum(Wa[k, a] * s[a] for a in range(len(s))) + math.fsum(Ua[k, a] * h[a] for a in range(len(h)))
        )
        for k in range(len(va))
    )


def weights_of(e: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The softmax of one row of scores over its real positions; 0 elsewhere."""
    real = [float(value) for value, is_real in zip(e, mask, strict=True) if is_real]
    powers = iter([math.exp(value - max(real)) for value in real])
    total = math.fsum(math.exp(value - max(real)) for value in real)
    return np.array([next(powers) / total if is_real else 0.0 for is_real in mask])


def mixture(alpha: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The sum of the rows of `h` (T_x, n_h), each times its weight."""
    return np.array([math.fsum(alpha[j] * h[j, k] for j in range(len(alpha))) for k in range(h.shape[1])])


def _scores(s_prev, h, Wa, Ua, va):
    return np.array([[score(s, h_j, Wa, Ua, va) for h_j in rows] for s, rows in zip(s_prev, h, strict=True)])


def _attend(e, h, mask):
    alpha = np.array([weights_of(*row) for row in zip(e, mask, strict=True)])
    return np.array([mixture(*row) for row in zip(alpha, h, strict=True)]), alpha


def _softmax(e, axis=-1):
    powers = np.exp(e - e.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# 9.1


@exercise("9.1", "Alignment scores")
def alignment_scores(rng: np.random.Generator) -> Iterator[Case]:
    """The annotations alone, the state alone, then both."""
    m, T_x, n_s, n_v, n_h = 2, 3, 4, 5, 6
    s_prev, h = rng.normal(size=(m, n_s)), rng.normal(size=(m, T_x, n_h))
    Wa, Ua, va = rng.normal(size=(n_v, n_s)), rng.normal(size=(n_v, n_h)), rng.normal(size=n_v)

    no_axis = (
        "The state's part has the shape `(batch, n_v)`, the annotations' part `(batch, T_x, n_v)`. Give the first one "
        "an axis for the positions: `(s_prev @ Wa.T)[:, None]`."
    )
    errors = {
        no_axis: "operands could not be broadcast together",
        "Two arrays in a product do not fit. `Wa` has shape `(n_v, n_s)` and `Ua` `(n_v, n_h)`; with the batch on the "
        "left a product is `s_prev @ Wa.T` and `h @ Ua.T`.": "core dimension|not aligned|shapes .* mismatch",
    }

    def mistakes(s_prev, h):
        of_s, of_h = (s_prev @ Wa.T)[:, None], h @ Ua.T  # (batch, 1, n_v), (batch, T_x, n_v)
        e = np.tanh(of_s + of_h) @ va
        return {
            "The `tanh` is missing: it stands around the sum of the two parts, before `va`.": (of_s + of_h) @ va,
            "The `tanh` is in the wrong place. First the sum of the two parts, then `tanh`, then the product with "
            "`va`.": np.tanh((of_s + of_h) @ va),
            "Each part has a `tanh` of its own. Add the two parts first, then take one `tanh` of the sum.": (
                np.tanh(of_s) + np.tanh(of_h)
            )
            @ va,
            "`va` has no effect: the last step is the product with it, which adds up the `n_v` numbers weighted.": (
                np.tanh(of_s + of_h).sum(axis=-1)
            ),
            "The annotations have no effect where the state is 0. Add `h @ Ua.T` to the state's part (a product of the "
            "two parts would be 0 here).": np.tanh(of_s + 0 * of_h) @ va,
            "The state has no effect. Add `(s_prev @ Wa.T)[:, None]`.": np.tanh(of_h) @ va,
            "These are weights already. The softmax is the next exercise; here return the scores.": _softmax(e),
            "The result has an axis too many at its end. `va` has shape `(n_v,)`: `np.tanh(...) @ va` gives one "
            "number for each position.": e[..., None],
            "Positions and examples have changed places: the result has shape `(batch, T_x)`.": e.T,
            "The `n_v` numbers of each position are still there. The product with `va` adds them up: `@ va`, not "
            "`* va`.": np.tanh(of_s + of_h) * va,
        }

    def case(name, hint, s_prev, h, **more):
        right = _scores(s_prev, h, Wa, Ua, va)
        known = {
            text: value
            for text, value in mistakes(s_prev, h).items()
            if value.shape != right.shape or not np.allclose(value, right)
        }
        return Case(name, (s_prev, h, Wa, Ua, va), right, hint, known, names=_NAMES, **more)

    yield case(
        "the annotations alone",
        "Here the state is 0, so the score of position j is `va` times `tanh(Ua h_j)`.",
        0 * s_prev,
        h,
        errors=errors,
    )
    yield case(
        "the state alone",
        "Here all annotations are 0, so every position of a sentence has the same score, `va` times `tanh(Wa s)`.",
        s_prev,
        0 * h,
        errors=errors,
    )
    yield case(
        "both",
        "Each part alone is right, both together are not: is the `tanh` taken of their sum?",
        s_prev,
        h,
        errors=errors,
    )
    yield case("a batch of one", _ONE, s_prev[:1], h[:1], errors=errors)


# 9.2


def _checked_weights(mask: np.ndarray, not_a_number: str) -> Callable[[Any], Any]:
    """Measures weights: no NaN, and exactly 0 at padding; leaves other kinds of values to the comparison."""

    def measure(value):
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
        if array.shape != mask.shape or array.dtype.kind != "f":
            return value
        if np.isnan(array).any():
            raise Problem("returned nan (not a number)", not_a_number)
        small = (array != 0) & ~mask
        if small.any() and np.abs(array[small]).max() < 1e-3:
            raise Problem(
                f"returned {array[small][0]:.3g} at a padded position, expected exactly 0",
                "Nearly 0 is not 0: a hundred padded positions would add up. Give padding the score `-np.inf`, so that "
                "its power is 0.",
            )
        return value

    return measure


@exercise("9.2", "The masked softmax")
def masked_softmax(rng: np.random.Generator) -> Iterator[Case]:
    """Rows without padding, then with; scores that overflow, at real positions and at padded ones."""
    m, T_x = 3, 5
    e = 2 * rng.normal(size=(m, T_x))
    every = np.ones((m, T_x), dtype=bool)
    mask = np.arange(T_x) < np.array([5, 2, 3])[:, None]

    def right(e, mask):
        return np.array([weights_of(*row) for row in zip(e, mask, strict=True)])

    batch = "The weights of each *sentence* add up to 1: the softmax goes along the last axis (`axis=-1`)."
    whole = "All numbers of the batch together add up to 1. Each sentence has a sum of its own: `axis=-1`, with "
    whole += "`keepdims=True`."
    multiplied = (
        "The weights of a padded sentence do not add up to 1: you put 0 in the place of padding *after* the softmax. "
        "Take padding out before: its score is `-np.inf`."
    )
    zeros = (
        "The padded scores were set to 0, and exp(0) is 1: padding gets a weight. Set them to `-np.inf`, whose power "
        "is 0."
    )
    ignored = "The mask has no effect: padding has weights of its own here."
    inverted = "The mask is used the wrong way round: True stands for a real position, False for padding."
    logarithm = "These are logarithms of weights. Return the weights themselves."
    no_sum = "The powers are not divided by their sum, so the weights do not add up to 1."
    nan = (
        "Somewhere you have 0 times infinity, or a row in which every score is minus infinity. Choose with "
        "`np.where(mask, e, -np.inf)`, in this order, as True marks a real position. Do not multiply with the mask."
    )
    overflow = (
        "exp(1000) is too large for a computer. A softmax does not change if the same number is taken off every score "
        "of a row: take off the largest one."
    )
    each_row = (
        "The largest score of the whole batch was taken off. It lies so far above the scores of another row that all "
        "powers of that row become 0. Take off the largest of *each* row: `e.max(axis=-1, keepdims=True)`."
    )
    largest = (
        "The largest score of the row stands at padding here. Taken off, it leaves powers of 0 at the real positions, "
        "and 0 divided by 0. Mask first, then look for the largest."
    )

    def mistakes(e, mask):
        powers = np.exp(e - e.max())
        return {
            batch: _softmax(np.where(mask, e, -1e30), axis=0) * mask,
            f"{batch} ": _softmax(e, axis=0),
            whole: np.where(mask, powers, 0) / max(np.where(mask, powers, 0).sum(), 1e-300),
            f"{whole} ": powers / powers.sum(),
            multiplied: _softmax(e) * mask,
            zeros: _softmax(np.where(mask, e, 0)),
            f"{zeros} ": _softmax(np.where(mask, e, 0)) * mask,
            ignored: _softmax(e),
            inverted: right(e, ~mask) if not mask.all(axis=1).any() else np.full(e.shape, np.inf),
            no_sum: np.where(mask, np.exp(np.minimum(e, 50)), 0),
            logarithm: np.log(np.maximum(right(e, mask), 1e-300)),
        }

    def case(name, e, mask, hint, not_a_number):
        expected = right(e, mask)
        known = {text: value for text, value in mistakes(e, mask).items() if not np.allclose(value, expected)}
        return Case(
            name,
            (e, mask),
            expected,
            hint,
            known,
            measure=_checked_weights(mask, not_a_number),
            names=("e", "mask"),
            errors={
                "Keep the two axes when you add up and look for the largest: `keepdims=True`.": (
                    "could not be broadcast together"
                )
            },
        )

    hint = "exp of each score, divided by the sum of its row."
    yield case("no padding", e, every, hint, nan)
    padded = np.where(mask, e, 1.5)
    two = mask.copy()
    two[0, -1] = False
    yield case(
        "sentences of different lengths",
        padded,
        two,
        "Only real positions count: padding gets exactly 0, and the rest of the row adds up to 1.",
        nan,
    )
    yield case("large scores", 1000 + e, every, overflow, overflow)
    yield case("rows far apart", e + np.array([[0.0], [2000.0], [-2000.0]]), every, each_row, each_row)
    yield case("a large score at padding", np.where(mask, e, 2000.0), mask, largest, largest)
    first = np.arange(T_x)[None] < 1
    yield case("one word", e[:1], first, "The only real position gets all the weight: 1.", nan)


# 9.3


@exercise("9.3", "The context")
def context(rng: np.random.Generator) -> Iterator[Case]:
    """All the weight at one position, equal weights, then a mixture."""
    m, T_x, n_h = 2, 3, 4
    h = rng.normal(size=(m, T_x, n_h))
    alpha = _softmax(2 * rng.normal(size=(m, T_x)))

    def right(alpha, h):
        return np.array([mixture(*row) for row in zip(alpha, h, strict=True)])

    def mistakes(alpha, h):
        products = alpha[..., None] * h
        return {
            "The weights have no effect: this is the plain sum over the positions.": h.sum(axis=1),
            "The weights have no effect: this is the mean over the positions.": h.mean(axis=1),
            "You divided by the number of positions. The weights add up to 1 already: add up, and no more.": (
                products.mean(axis=1)
            ),
            "The weights add up over the examples. Each sentence has a context of its own: sum over axis 1, the "
            "positions.": products.sum(axis=0),
            "You added up the numbers of each annotation. The sum goes over the positions, axis 1; the `n_h` numbers "
            "stay apart.": products.sum(axis=2),
            "The products are there, but they were not added up. Sum them over the positions, `axis=1`.": products,
            "`alpha @ h` mixes every sentence with the weights of every other one. Give the weights an axis: "
            "`alpha[..., None] * h`, or write `np.einsum`.": np.matmul(alpha, h),
            "The context has an axis too many, of size 1. It has shape `(batch, n_h)`.": products.sum(
                axis=1, keepdims=True
            ),
            "You took the annotation with the largest weight. The context is a mixture of all of them.": (
                h[np.arange(len(h)), alpha.argmax(axis=1)]
            ),
            "Every sentence was mixed with the weights of the first one.": (alpha[:1, :, None] * h).sum(axis=1),
        }

    errors = {
        "`alpha` has two axes and `h` three. Give the weights an axis for the `n_h` numbers: `alpha[..., None] * h`.": (
            "could not be broadcast together|core dimension|not aligned"
        )
    }

    def case(name, alpha, h, hint):
        expected = right(alpha, h)
        known = {
            text: value
            for text, value in mistakes(alpha, h).items()
            if value.shape != expected.shape or not np.allclose(value, expected)
        }
        return Case(name, (alpha, h), expected, hint, known, names=("alpha", "h"), errors=errors)

    one = np.zeros((m, T_x))
    one[0, 2] = one[1, 0] = 1
    yield case("all the weight at one position", one, h, "With the weight 1 at one position, the context is its `h_j`.")
    equal = np.full((m, T_x), 1 / T_x)
    yield case("equal weights", equal, h, "With equal weights, the context is the mean of the annotations.")
    yield case("a mixture", alpha, h, "Each annotation times its weight, added up over the positions (axis 1).")
    yield case("a batch of one", alpha[:1], h[:1], _ONE)


# 9.4


def _shapes(weights: Sequence[np.ndarray]) -> str:
    return ", ".join(str(np.shape(w)) for w in weights) or "no weights at all"


def _give(layer: Any, weights: Sequence[np.ndarray]) -> None:
    """Puts weights into a layer, each where one of its shape is; all shapes differ."""
    got = [np.shape(w) for w in layer.get_weights()]
    by_shape = {w.shape: w.astype("float32") for w in weights}
    if sorted(got) != sorted(by_shape):
        raise Problem(
            f"has weights of the shapes {_shapes(layer.get_weights())}, expected {_shapes(weights)}",
            "Leave `__init__` and `build` as they are given; in `call` make no layer and no weight.",
        )
    layer.set_weights([by_shape[shape] for shape in got])


def _pair(value: Any, first: str) -> None:
    """Refuses what is not a pair of results."""
    if value is None:
        raise Problem("returned None from `call`: is the `return` missing?", "End `call` with `return`.")
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise Problem(f"returned {describe(value)} from `call`, expected two values", f"`call` returns {first}.")


@exercise("9.4", "The layer", uses_keras=True)
def AdditiveAttention(rng: np.random.Generator) -> Iterator[Case]:  # noqa: N802  the name of the answer, a class
    """The layer with given weights: no padding, padding, a mask of floats, keys from outside; compiled."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    m, T_x, n_s, n_v, n_h = 2, 3, 4, 5, 6
    sizes = (n_s, n_h, n_v)
    s_prev, h = (rng.normal(size=shape).astype("float32") for shape in ((m, n_s), (m, T_x, n_h)))
    Wa, Ua, va = (rng.normal(size=shape) for shape in ((n_v, n_s), (n_v, n_h), (n_v,)))
    other = rng.normal(size=(m, T_x, n_v)).astype("float32")  # keys that are not Ua h
    every = np.ones((m, T_x), dtype=bool)
    mask = np.arange(T_x) < np.array([3, 2])[:, None]

    def scores(keys, g=np.tanh):
        return g((s_prev @ Wa.T)[:, None] + keys) @ va

    def right(mask, keys):
        return _attend(scores(keys), h, mask)

    def mistakes(mask, keys):
        e = scores(keys)
        c, alpha = _attend(e, h, mask)
        known = {
            "The weights came first. Return the context, then the weights: `return c, alpha`.": (alpha, c),
            "These are scores, not weights: the softmax is missing.": ((e[..., None] * h).sum(axis=1), e),
            "The second value is the scores. Return the weights, `alpha`.": (c, e),
            "The mask has no effect. Give padding the score minus infinity before the softmax: `ops.where(mask, e, "
            "-np.inf)`.": _attend(e, h, every),
            "The padding's weight is set to 0 after the softmax, so the others do not add up to 1. Mask the scores, "
            "before it.": (
                ((_softmax(e) * mask)[..., None] * h).sum(axis=1),
                _softmax(e) * mask,
            ),
            "The mask is the wrong way round: True stands for a real position.": _attend(e, h, ~mask)
            if (~mask).any(axis=1).all()
            else (e, e),
            "The softmax goes along the batch. Each sentence's weights add up to 1: `axis=-1`, which is the default.": (
                (_softmax(e, 0)[..., None] * h).sum(axis=1),
                _softmax(e, 0),
            ),
            "The `tanh` is missing.": _attend(scores(keys, lambda z: z), h, mask),
            "The padded scores were set to 0, and exp(0) is 1. Set them to minus infinity.": _attend(
                np.where(mask, e, 0), h, every
            ),
            "`va` has no effect.": _attend(np.tanh((s_prev @ Wa.T)[:, None] + keys).sum(axis=-1), h, mask),
            "The state has no effect on the scores. Add the product of `s_prev` and `Wa`.": _attend(
                np.tanh(keys) @ va, h, mask
            ),
            "The context has an axis of size 1 too many: its shape is `(batch, n_h)`.": (c[:, None], alpha),
            "The context is one number: the sum went over everything. Sum over the positions alone, `axis=1`.": (
                np.asarray((alpha[..., None] * h).sum()),
                alpha,
            ),
        }
        if n_v != n_h:
            known["You mixed the keys. The context is a mixture of the annotations `h`."] = (
                (alpha[..., None] * keys).sum(axis=1),
                alpha,
            )
        own = h @ Ua.T
        if not np.allclose(own, keys):
            known[
                "The keys that were handed over were not used: `call` computes `Ua h` again. Project only if `keys` is "
                "None."
            ] = _attend(scores(own), h, mask)
        return known

    given = (
        "Two shapes do not fit. The weights have the shapes of the formula, so a product is `ops.matmul(s_prev, "
        "ops.transpose(self.Wa))`; and the state's part needs an axis for the positions, `[:, None]`. `keys` has the "
        "shape `(batch, T_x, n_v)`: it is projected already, so add it as it is."
    )
    errors = {
        "The `n_v` numbers of each position are still there. The product with `va` adds them up: `ops.matmul(..., "
        "self.va)`, not `*`.": "must be broadcastable",
        "Ask `if keys is None`: an array of several numbers has no truth value.": "truth value|Python `bool`",
        'A mask of 1.0 and 0.0 is no condition. Make booleans of it first: `ops.cast(mask, "bool")`.': (
            "(bool|boolean).*(float|expected)|float.*bool|condition"
        ),
        "NumPy cannot compute with the placeholders of a compiled function. Inside a layer use `keras.ops`: "
        "`ops.matmul`, `ops.tanh`, `ops.softmax`, …": "symbolic|NumPy array|__array__|numpy\\(\\)",
        "`keys` was None: nothing was handed over. Compute it then: `self.project(h)`.": "NoneType|None values",
        given: "ncompatible|must be equal|broadcast|In\\[0\\]|Matrix size",
        "A weight of Keras has no `.T`: write `ops.transpose(self.Wa)`. (The functions of 9.1 to 9.3 use it, too: they "
        "are NumPy, and cannot be called here.)": "attribute 'T'",
        "There is no weight of this name. They are called `self.Wa`, `self.Ua` and `self.va`.": "has no attribute",
    }

    def measured(inputs, compiled=False):
        def measure(layer):
            if not callable(layer):
                raise Problem(f"is {describe(layer)}, expected a Keras layer", "Leave the first lines as given.")
            _give(layer, (Wa, Ua, va))
            value = layer.compiled(*inputs) if compiled else layer(*inputs)
            _pair(value, "the context and the weights: `return c, alpha`")
            real = inputs[2].astype(bool)
            alpha = np.asarray(value[1])
            if alpha.shape == real.shape and not np.isnan(alpha).any():
                small = (alpha != 0) & ~real
                if small.any() and np.abs(alpha[small]).max() < 1e-3:
                    raise Problem(
                        f"gave a padded position the weight {alpha[small][0]:.3g}, expected exactly 0",
                        "Nearly 0 is not 0. Give padding the score minus infinity, so that its power is 0.",
                    )
            return tuple(value)

        return measure

    def case(name, hint, inputs, compiled=False):
        real = inputs[2].astype(bool)
        keys = inputs[3].astype(float) if len(inputs) > 3 else h @ Ua.T
        expected = right(real, keys)
        known = {
            text: pair
            for text, pair in mistakes(real, keys).items()
            if any(a.shape != b.shape or not np.allclose(a, b, atol=1e-4) for a, b in zip(pair, expected, strict=True))
        }
        measure = measured(inputs, compiled)
        return Case(name, sizes, expected, hint, known, measure, errors, names=_SIZES, tolerance=1e-4)

    together = "The scores of exercise 9.1, the masked softmax of 9.2, the context of 9.3, in `keras.ops`."
    yield case("no padding", together, (s_prev, h, every))
    yield case(
        "padding",
        "Padding gets exactly the weight 0: `ops.where(mask, e, -np.inf)` before the softmax.",
        (s_prev, h, mask),
    )
    yield case(
        "a mask of 1.0 and 0.0",
        'Make booleans of the mask first: `ops.cast(mask, "bool")`.',
        (s_prev, h, mask.astype("float32")),
    )
    yield case(
        "keys from outside", "If `keys` is given, use it in the place of `self.project(h)`.", (s_prev, h, mask, other)
    )
    yield case(
        "inside a compiled function",
        "Use `keras.ops` and nothing of NumPy but `np.inf`.",
        (s_prev, h, mask),
        compiled=True,
    )


# 9.5


@exercise("9.5", "The decoder's cell", uses_keras=True)
def AttentionCell(rng: np.random.Generator) -> Iterator[Case]:  # noqa: N802  the name of the answer, a class
    """One step with given weights: no padding, padding; then inside a compiled function."""
    import keras

    m, T_x, n_e, n_s, n_v, n_h = 2, 4, 3, 4, 5, 6
    sizes = (n_s, n_h, n_v)
    y_prev, s_prev, h, keys = (
        rng.normal(size=shape).astype("float32") for shape in ((m, n_e), (m, n_s), (m, T_x, n_h), (m, T_x, n_v))
    )
    Wa, Ua, va = (rng.normal(size=shape) for shape in ((n_v, n_s), (n_v, n_h), (n_v,)))
    gru = keras.layers.GRUCell(n_s)
    gru.build((None, n_e + n_h))
    of_gru = [rng.normal(size=w.shape) for w in gru.get_weights()]
    gru.set_weights(of_gru)
    every = np.ones((m, T_x), dtype="float32")
    padded = (np.arange(T_x) < np.array([4, 2])[:, None]).astype("float32")

    def attend(s, mask, keys=keys):
        e = np.tanh((s @ Wa.T)[:, None] + keys) @ va
        return _attend(e, h, mask.astype(bool))

    def step(y, c, s=s_prev, order=(0, 1)):
        both = [y, c]
        joined = np.concatenate([both[k] for k in order], axis=-1).astype("float32")
        return np.asarray(gru(joined, [s])[0])

    def joined(*parts):
        return np.concatenate([part.astype(float) for part in parts], axis=-1)

    def right(mask):
        c, alpha = attend(s_prev, mask)
        s = step(y_prev, c)
        return joined(s, c, alpha), [s, h, keys, mask]

    def mistakes(mask):
        c, alpha = attend(s_prev, mask)
        s = step(y_prev, c)
        out, rest = joined(s, c, alpha), [h, keys, mask]
        c_new, alpha_new = attend(s, mask)
        c_all, alpha_all = attend(s_prev, np.ones_like(mask))
        s_all = step(y_prev, c_all)
        c_own, alpha_own = attend(s_prev, mask, h @ Ua.T)
        s_own = step(y_prev, c_own)
        swapped = step(y_prev, c, order=(1, 0))
        zero = step(y_prev, 0 * c)
        from_zero = step(y_prev, c, s=0 * s_prev)
        states = (
            "`call` hands on four states, in the order in which they came: `[s, h, keys, mask]`. What does not change "
            "is handed on too; this is how the memory travels."
        )
        order = "The output holds three parts in this order: the new state, the context, the weights."
        return {
            states: (out, [s]),
            f"{states} ": (out, s),
            order: (joined(c, s, alpha), [s, *rest]),
            f"{order} ": (joined(s, alpha, c), [s, *rest]),
            f"{order}  ": (joined(alpha, c, s), [s, *rest]),
            "The output is the new state alone. Put the context and the weights beside it: `ops.concatenate([s, c, "
            "alpha], axis=-1)`.": (s, [s, *rest]),
            "The weights are missing in the output.": (joined(s, c), [s, *rest]),
            "The output holds the state before the step. It shows the new one.": (joined(s_prev, c, alpha), [s, *rest]),
            "The state before the step was handed on. Hand on the new one, or the decoder stands still.": (
                out,
                [s_prev, *rest],
            ),
            "The GRU reads the context first. It reads the word and then the context: `ops.concatenate([y_prev, c], "
            "axis=-1)`.": (joined(swapped, c, alpha), [swapped, *rest]),
            "The context and the weights in the output were computed from the *new* state. Attention comes first, and "
            "asks with `s_prev`.": (joined(s, c_new, alpha_new), [s, *rest]),
            "The mask has no effect. Hand it to the attention: `self.attention(s_prev, h, mask, keys)`.": (
                joined(s_all, c_all, alpha_all),
                [s_all, *rest],
            ),
            "The keys that travel among the states were not used. Hand them to the attention: `self.attention(s_prev, "
            "h, mask, keys)`.": (joined(s_own, c_own, alpha_own), [s_own, *rest]),
            "The context has no effect on the new state: the GRU has to read it.": (
                joined(zero, c, alpha),
                [zero, *rest],
            ),
            "The GRU starts from zeros at every step. It needs the state before it: `self.gru(..., [s_prev])`.": (
                joined(from_zero, c, alpha),
                [from_zero, *rest],
            ),
            "The context took the place of the annotations among the states. `h` is handed on as it came.": (
                out,
                [s, c, keys, mask],
            ),
            "Output and states came in the wrong order: `return output, [s, h, keys, mask]`.": ([s, *rest], out),
        }

    errors = {
        "A cell of Keras returns two things, its output and a list of its states, and so does `self.gru`: `s, _ = "
        "self.gru(..., [s_prev])`.": (
            "(tuple|list)' object|list.*(shape|dtype|concatenate)|inhomogeneous|too many values|Ragged|different shapes"
        ),
        "The attention got its arguments in another order: `self.attention(s_prev, h, mask, keys)`, the mask before "
        "the keys. (Among the states the keys come first.)": "\\[2,1,5\\]",
        "The GRU reads the last word and the context side by side, `n_e + n_h` numbers: `ops.concatenate([y_prev, c], "
        "axis=-1)`. (`self.attention` returns the context first.)": (
            "ncompatible|In\\[0\\]|must be equal|Matrix size|broadcast|axis"
        ),
    }

    def measured(mask, compiled=False):
        def measure(cell):
            if not callable(cell):
                raise Problem(f"is {describe(cell)}, expected a Keras layer", "Leave the first lines as given.")
            states = [s_prev, h, keys, mask]
            cell(y_prev, states)  # makes the weights
            _give(cell, (Wa, Ua, va, *of_gru))
            value = cell.compiled(y_prev, states) if compiled else cell(y_prev, states)
            _pair(value, "the output and the list of states: `return output, [s, h, keys, mask]`")
            return tuple(value)

        return measure

    def case(name, mask, hint, compiled=False):
        measure = measured(mask, compiled)
        return Case(name, sizes, right(mask), hint, mistakes(mask), measure, errors, names=_SIZES, tolerance=1e-4)

    hint = "Attention with `s_prev` first; then the GRU reads the last word and the context; then output and states."
    yield case("one step without padding", every, hint)
    yield case("one step with padding", padded, "Hand the mask on to the attention.")
    yield case("inside a compiled function", padded, "Use `keras.ops` and the two layers, nothing of NumPy.", True)


# 9.6


@exercise("9.6", "Luong's scores", uses_keras=True)
def luong_scores(rng: np.random.Generator) -> Iterator[Case]:
    """The three scores for all pairs of positions; then inside a compiled function."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    m, T_y, T_x, n_s, n_h, n_v = 2, 3, 4, 5, 8, 7
    s, h = (rng.normal(size=shape).astype("float32") for shape in ((m, T_y, n_s), (m, T_x, n_h)))
    same = h[..., :n_s].copy()
    W = rng.normal(size=(n_s, n_h)).astype("float32")
    Wa, va = (rng.normal(size=shape).astype("float32") for shape in ((n_v, n_s + n_h), (n_v,)))

    def pairs(s, h, one):
        return np.array([[[one(a, b) for b in row_h] for a in row_s] for row_s, row_h in zip(s, h, strict=True)])

    def dot(a, b):
        return math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True))

    def concat(a, b, g=math.tanh):
        z = [*map(float, a), *map(float, b)]
        return math.fsum(float(va[k]) * g(math.fsum(float(Wa[k, j]) * z[j] for j in range(len(z)))) for k in range(n_v))

    turned = (
        "Source and target have changed places. The scores have the shape `(batch, T_y, T_x)`: a row for each target "
        "position."
    )
    weights = "These are weights already. Return the scores; the softmax comes later."
    scaled = (
        "You divided by the root of the size. That is the Transformer's score (lesson 10); Luong's dot score has none."
    )
    shapes = {
        "dot": "`ops.matmul(s, h)` wants the annotations turned, `(batch, n_h, T_x)`: `ops.transpose(h, (0, 2, 1))`.",
        "general": "`Wa` has the shape `(n_s, n_h)`: `ops.matmul(s, Wa)`, not transposed, is `(batch, T_y, n_h)`. Then "
        "the scalar products, as in *dot*.",
        "concat": "The first `n_s = s.shape[-1]` columns of `Wa` belong to the state, the others to the annotation. "
        "The state's part needs `[:, :, None]`, the annotations' part `[:, None]`.",
    }
    errors = {
        "NumPy cannot compute with the placeholders of a compiled function. Use `keras.ops`.": (
            "symbolic|NumPy array|__array__|numpy\\(\\)"
        ),
    }

    def case(name, inputs, right, hint, mistakes, **more):
        known = {weights: _softmax(right), turned: right.transpose(0, 2, 1), **mistakes}
        known = {
            text: value
            for text, value in known.items()
            if value.shape != right.shape or not np.allclose(value, right, atol=1e-3)
        }
        fits = {
            shapes[inputs[2]]: "ncompatible|In\\[0\\]|must be equal|Matrix size|core|broadcast|Dimensions|dimension"
        }
        named = ("s", "h", "score", "Wa", "va")[: len(inputs)]
        return Case(name, inputs, right, hint, known, errors=errors | fits, tolerance=1e-4, names=named, **more)

    of_dot = pairs(s, same, dot)
    yield case(
        "dot",
        (s, same, "dot"),
        of_dot,
        "The scalar product of each state and each annotation: `ops.matmul(s, ops.transpose(h, (0, 2, 1)))`.",
        {
            scaled: of_dot / math.sqrt(n_s),
            "The numbers of the vectors are multiplied but not added up.": s[:, :, None] * same[:, None],
        },
    )
    of_general = pairs(s @ W, h, dot)
    yield case(
        "general",
        (s, h, "general", W),
        of_general,
        "`Wa` has the shape `(n_s, n_h)`: first `ops.matmul(s, Wa)`, then the scalar product with each annotation.",
        {"There is no `tanh` in the general score.": np.tanh(of_general)},
    )
    of_concat = pairs(s, h, concat)
    both = np.concatenate(
        [np.repeat(h[:, None], T_y, axis=1), np.repeat(s[:, :, None], T_x, axis=2)], axis=-1
    )  # the wrong order
    inner = (s @ Wa[:, :n_s].T)[:, :, None] + (h @ Wa[:, n_s:].T)[:, None]
    yield case(
        "concat",
        (s, h, "concat", Wa, va),
        of_concat,
        "The first `n_s` columns of `Wa` read the state, the others the annotation; then `tanh`, then `va`.",
        {
            "The `tanh` is missing in the concat score.": inner @ va,
            "`va` has no effect on the concat score.": np.tanh(inner).sum(axis=-1),
            "The annotation stands before the state. The columns of `Wa` belong to `[s_i, h_j]`, the state first.": (
                np.tanh(both @ Wa.T) @ va
            ),
            "Each half has a `tanh` of its own. Add the two halves, then take one `tanh`.": (
                np.tanh(s @ Wa[:, :n_s].T)[:, :, None] + np.tanh(h @ Wa[:, n_s:].T)[:, None]
            )
            @ va,
            "The result has an axis of size 1 too many at its end.": of_concat[..., None],
        },
    )
    for name, inputs, right in (
        ("dot, compiled", (s, same, "dot"), of_dot),
        ("concat, compiled", (s, h, "concat", Wa, va), of_concat),
    ):
        yield case(name, inputs, right, "Use `keras.ops` and nothing of NumPy.", {}, compiled=True)


# 9.7


def _drawn_links(rng: np.random.Generator, T_x: int, T_y: int) -> np.ndarray:
    """Which links are sure, possible and predicted, at random: booleans (3, T_x, T_y); sure ones are possible."""
    sure, possible, predicted = rng.random((3, T_x, T_y)) < np.array([0.3, 0.3, 0.45])[:, None, None]
    return np.array([sure, possible | sure, predicted])


def _as_links(tables: Sequence[np.ndarray]) -> Links:
    return [[(int(j), int(i)) for j, i in np.argwhere(table)] for table in tables]


@exercise("9.7", "Alignment error rate")
def alignment_error_rate(rng: np.random.Generator) -> Iterator[Case]:
    """Links drawn as tables of booleans, where they can be counted without any set."""

    def rate(tables):
        sure, possible, predicted = (np.concatenate([t[k].ravel() for t in tables]) for k in range(3))
        below = predicted.sum() + sure.sum()
        return 1 - ((predicted & sure).sum() + (predicted & possible).sum()) / below if below else 0.0

    def mistakes(tables):
        sure, possible, predicted = (np.concatenate([t[k].ravel() for t in tables]) for k in range(3))
        S, P, A = sure.sum(), possible.sum(), predicted.sum()
        in_sure, in_possible = (predicted & sure).sum(), (predicted & possible).sum()
        merged = [np.zeros((3, 12, 12), dtype=bool)]
        for t in tables:
            merged[0][:, : t.shape[1], : t.shape[2]] |= t
        shown = [rate([t]) for t in tables]
        return {
            "This is the share of what is right. The error rate is 1 minus it.": 1 - rate(tables),
            "You took the mean of the sentences' rates. Count over all sentences, and divide once.": np.mean(shown),
            "Links of different sentences fell together: all went into one set. Compare sentence by sentence.": rate(
                merged
            ),
            "Of the right links only the sure ones were counted. A predicted link earns once for each set it is in, "
            "sure and possible.": 1 - in_sure / max(1, A + S),
            "Sure links were counted twice, possible ones not at all. It is |A ∩ S| + |A ∩ P|.": (
                1 - 2 * in_sure / max(1, A + S)
            ),
            "Possible links were counted twice. It is |A ∩ S| + |A ∩ P|.": 1 - 2 * in_possible / max(1, A + S),
            "The denominator is |A| + |S|: what is possible may be missing without a loss.": (
                1 - (in_sure + in_possible) / max(1, A + P)
            ),
            "The denominator is the number of predicted links alone. Add the number of sure ones.": (
                1 - (in_sure + in_possible) / max(1, A)
            ),
        }

    errors = {
        "There is nothing to divide by: no link was predicted and none is sure. Return 0.0 then.": "division",
        "A list cannot be an element of a set, a tuple can: `set(map(tuple, links))`.": "unhashable",
        "Lists have no `&`. Make sets of them: `set(a) & set(b)`.": "unsupported operand",
    }

    def case(name, tables, hint, instead=None):
        right = float(rate(tables))
        known = {text: float(value) for text, value in mistakes(tables).items() if abs(value - right) > 1e-4}
        if right in (0.0, 1.0):  # many mistakes give the other of the two
            known = {instead: 1 - right} if instead else {}
        links = tuple(_as_links([t[k] for t in tables]) for k in range(3))
        return Case(name, links, right, hint, known, names=("sure", "possible", "predicted"), errors=errors)

    small = np.zeros((3, 3, 3), dtype=bool)
    for j, i in ((0, 0), (1, 2), (2, 1)):
        small[:2, j, i] = True
    for j, i in ((0, 0), (1, 1), (2, 1), (2, 2)):
        small[2, j, i] = True
    yield case(
        "one sentence, all links sure",
        [small],
        "Three sure links, four predicted, two of these right: 1 − (2 + 2) / (4 + 3).",
    )
    perfect = small.copy()
    perfect[2] = perfect[0]
    yield case("everything right", [perfect], "Predicted and true links are the same: the error rate is 0.")
    more = small.copy()
    more[1, 1, 1] = True
    yield case(
        "a link that is possible",
        [more],
        "The predicted link (1, 1) is possible here, but not sure: it counts once, in |A ∩ P|.",
    )
    several = [_drawn_links(rng, *rng.integers(2, 6, size=2)) for _ in range(6)]
    while len({round(float(value), 3) for value in (rate(several), *mistakes(several).values())}) < 9:
        several = [_drawn_links(rng, *rng.integers(2, 6, size=2)) for _ in range(6)]
    yield case("several sentences", several, "Count over all sentences, and divide once.")
    none = small.copy()
    none[2] = False
    missed = (
        "No link was predicted, but some are sure: all of them were missed, so the rate is 1. Only where there is no "
    )
    missed += "sure link either it is 0."
    yield case("nothing predicted", [none], "Without a predicted link nothing is right: the error rate is 1.", missed)
    nothing = "No link is predicted and none is sure: nothing was wrong, so return 0.0."
    yield case("an empty page", [small & False], nothing, nothing)
