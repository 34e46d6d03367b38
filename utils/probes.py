"""Invariance probes: what must not change, and what must, in every trained sequence model.

A model is any callable on arrays. Each probe calls it again with inputs changed where no change may show
(or where one must), and returns a `Probe` that says in one sentence what was found. A model that fails one is
wrong whatever its loss says: it averages over padding, sees its neighbours in the batch or the future, or
ignores its source.

Masks are True at the real positions and right-padded. Examples and positions are counted from 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Model = Callable[..., ArrayLike]

_MOST_POSITIONS = 16  # `causality` calls the model once a position, so it samples those of long sequences


@dataclass(frozen=True, repr=False)
class Probe:
    """The result of a probe; true when the model passes.

    Attributes:
        name: The probe's function.
        passed: Whether the model passes.
        largest_difference: Largest absolute difference between outputs that the probe compared.
        tolerance: The difference that decides.
        sentence: What was found, in words.
    """

    name: str
    passed: bool
    largest_difference: float
    tolerance: float
    sentence: str

    def __bool__(self) -> bool:
        """Return whether the model passes."""
        return self.passed

    def __repr__(self) -> str:
        """Return the sentence."""
        return self.sentence


def padding_invariance(
    model: Model,
    x: ArrayLike,
    mask: ArrayLike,
    extra: int = 3,
    tolerance: float = 1e-5,
    *,
    values: ArrayLike | None = None,
    seed: int = 0,
) -> Probe:
    """Probe that padding does not change a result: neither what it contains nor how much there is of it.

    Args:
        model: Called as model(x, mask); returns (batch, time, ...) or (batch, ...).
        x: Inputs, shape (batch, time) integer ids or (batch, time, features) floats.
        mask: Shape (batch, time), bool, right-padded.
        extra: Number of padded positions that are added on the right; 0 where the model's length is fixed.
        tolerance: Largest absolute difference that still passes.
        values: Ids that replace integer inputs; None for those that occur in `x`.
        seed: Seed of the replacements.

    Returns:
        The probe. Of an output with a time axis only real positions count; an axis that grows with
        `extra` is one (with extra=0: one as long as x's).

    Raises:
        ValueError: If a shape is wrong, or there is no padding to probe.
    """
    x, mask = _inputs(x, mask)
    if extra < 0:
        raise ValueError(f"extra is {extra}, but at least 0 padded positions are expected")
    if extra == 0 and mask.all():
        raise ValueError("mask has no padded position and extra is 0: there is no padding to probe")
    replace = _replacer(x, mask, values, seed)
    before = _reference(model, x, mask)
    filled = replace(x, ~mask)

    trials = []
    if not mask.all():
        trials.append(("with other contents at the padded positions", filled, mask))
    if extra:
        last = np.repeat(filled[:, -1:], extra, axis=1)  # (batch, extra, ...)
        longer = np.concatenate([filled, replace(last, np.ones(last.shape[:2], dtype=bool))], axis=1)
        longer_mask = np.pad(mask, ((0, 0), (0, extra)))
        trials.append((f"with {extra} more padded positions", longer, longer_mask))

    T_x = x.shape[1]
    has_time = _may_have_time(before, T_x)
    found = _Comparison(tolerance)
    outputs = [(how, _call(model, inputs, its_mask), its_mask.shape[1]) for how, inputs, its_mask in trials]
    if extra and has_time:  # a class axis as long as the sequence would not grow with it
        has_time = outputs[-1][1].shape[1:2] == (T_x + extra,)
    counted = mask if has_time else None
    _check_numbers(before, counted)
    for how, after, length in outputs:
        if has_time and after.shape[1:2] == (length,):
            after = after[:, :T_x]
        found.compare(how, before, after, counted)
    return found.probe("padding_invariance", "Padding does not change the result", "Padding changes the result")


def batch_invariance(
    model: Model,
    x: ArrayLike,
    mask: ArrayLike,
    tolerance: float = 1e-5,
    *,
    seed: int = 0,
) -> Probe:
    """Probe that an example's result does not depend on the batch it sits in.

    Each example is tried alone, and all of them in another order.

    Args:
        model: Called as model(x, mask); returns (batch, ...).
        x: Inputs, shape (batch, time, ...), at least two examples.
        mask: Shape (batch, time), bool, right-padded.
        tolerance: Largest absolute difference that still passes.
        seed: Seed of the order.

    Returns:
        The probe; all of the output counts.

    Raises:
        ValueError: If a shape is wrong, or there is only one example.
    """
    x, mask = _inputs(x, mask)
    m = len(x)
    if m < 2:
        raise ValueError(f"x has {m} example, but batch_invariance expects at least 2: is the batch axis first?")
    before = _reference(model, x, mask)
    _check_numbers(before, None)
    found = _Comparison(tolerance)
    for i in range(m):
        alone = _call(model, x[i : i + 1], mask[i : i + 1])
        found.compare("alone in its batch", before[i : i + 1], alone, T_x=x.shape[1], first_example=i)
    cycle = np.random.default_rng(seed).permutation(m)
    order = np.empty(m, dtype=int)
    order[cycle] = np.roll(cycle, 1)  # one cycle, so that no example stays in its place
    shuffled = _call(model, x[order], mask[order])
    found.compare("in a shuffled batch", before, shuffled[np.argsort(order)], T_x=x.shape[1])
    return found.probe(
        "batch_invariance", "The batch does not change an example's result", "The batch changes a result"
    )


def causality(
    model: Model,
    x: ArrayLike,
    mask: ArrayLike,
    tolerance: float = 1e-5,
    *,
    values: ArrayLike | None = None,
    seed: int = 0,
) -> Probe:
    """Probe that no output depends on a later input.

    For each position t the inputs after t are replaced, and the outputs up to and including t compared; of
    long sequences for 16 positions, evenly spread.

    Args:
        model: Called as model(x, mask); returns (batch, time, ...).
        x: Inputs, shape (batch, time) integer ids or (batch, time, features) floats, at least two positions.
        mask: Shape (batch, time), bool, right-padded.
        tolerance: Largest absolute difference that still passes.
        values: Ids that replace integer inputs; None for those that occur in `x`.
        seed: Seed of the replacements.

    Returns:
        The probe; only real positions count.

    Raises:
        ValueError: If a shape is wrong, the output has no time axis, or there is only one position.
    """
    x, mask = _inputs(x, mask)
    T_x = x.shape[1]
    if T_x < 2:
        raise ValueError(f"x has {T_x} position, but causality expects at least 2: is the time axis second?")
    replace = _replacer(x, mask, values, seed)
    before = _reference(model, x, mask)
    if not _may_have_time(before, T_x):
        raise ValueError(
            f"the model's output has shape {before.shape}, but ({len(x)}, {T_x}, ...) is expected: "
            "causality needs an output at every position (return_sequences=True)"
        )
    _check_numbers(before, mask)
    found = _Comparison(tolerance)
    positions = np.arange(T_x)
    for t in np.unique(np.linspace(0, T_x - 2, min(T_x - 1, _MOST_POSITIONS)).astype(int)):
        later = np.broadcast_to(positions > t, mask.shape)
        after = _call(model, replace(x, later), mask)
        found.compare(f"with other inputs after position {t}", before, after, mask & ~later)
    return found.probe("causality", "No output depends on a later input", "The model sees the future")


def source_dependence(
    model: Model,
    source: ArrayLike,
    *others: ArrayLike,
    tolerance: float = 1e-5,
    values: ArrayLike | None = None,
    seed: int = 0,
) -> Probe:
    """Probe that a sequence-to-sequence model's output depends on its source.

    Args:
        model: Called as model(source, *others); returns (batch, ...).
        source: Inputs, shape (batch, time) integer ids or (batch, time, features) floats; all of it is
            replaced.
        *others: Whatever else the model takes, passed on unchanged (masks, target inputs).
        tolerance: Smallest absolute difference that does not count as a change.
        values: Ids that replace integer sources; None for those that occur in `source`.
        seed: Seed of the replacements.

    Returns:
        The probe; it passes if an output changes by more than `tolerance`.

    Raises:
        ValueError: If a shape is wrong.
    """
    source = _sequences("source", source)
    everywhere = np.ones(source.shape[:2], dtype=bool)
    replace = _replacer(source, None, values, seed)

    def of_source(source: np.ndarray) -> ArrayLike:
        return model(source, *others)

    before = _reference(of_source, source)
    after = _call(of_source, replace(source, everywhere))
    _check_numbers(before, None)
    _check_numbers(after, None)  # a difference to NaN is no sign of dependence
    found = _Comparison(tolerance)
    found.compare("with another source", before, after)
    passed = found.largest > tolerance
    if passed:
        sentence = f"The output depends on its source: it changes by {found.largest:.2g} with another one"
    else:
        sentence = (
            f"The output ignores its source: with another one it changes by {found.largest:.2g} "
            f"in {len(before)} examples"
        )
    return Probe("source_dependence", passed, found.largest, tolerance, f"{sentence} (tolerance {tolerance:.2g}).")


class _Comparison:
    """The largest difference over several comparisons, and the first place beyond the tolerance."""

    def __init__(self, tolerance: float) -> None:
        if not 0 <= tolerance < np.inf:
            raise ValueError(f"tolerance is {tolerance}, but a finite number of at least 0 is expected")
        self.tolerance = tolerance
        self.largest = 0.0
        self.first = ""

    def compare(
        self,
        how: str,
        before: np.ndarray,
        after: np.ndarray,
        counted: np.ndarray | None = None,
        *,
        T_x: int | None = None,
        first_example: int = 0,
    ) -> None:
        """Compare two outputs, at the positions of `counted` (batch, time) where it is given.

        `T_x` lets an output of shape (batch, T_x, ...) name its positions though all of it counts.
        """
        if after.shape != before.shape:
            raise ValueError(
                f"the model's output has shape {after.shape} {how}, but was {before.shape} before: "
                "does its shape depend on the batch?"
            )
        same = before == after  # so that equal infinities (masked scores) do not differ by NaN
        with np.errstate(invalid="ignore"):
            difference = np.where(same, 0.0, np.abs(after - before))
        difference[np.isnan(difference)] = np.inf
        if counted is not None:
            difference[~counted] = 0.0
        if not difference.size:
            raise ValueError(f"the model's output has shape {before.shape}, but at least one number is expected")
        self.largest = max(self.largest, float(difference.max()))
        if not self.first and difference.max() > self.tolerance:
            index = tuple(int(n) for n in np.argwhere(difference > self.tolerance)[0])
            # A (batch, T_x) output may as well be (batch, classes): only a third axis settles it.
            named = counted is not None or (difference.ndim > 2 and difference.shape[1] == T_x)
            place = f"example {index[0] + first_example}"
            if named:
                place += f", position {index[1]}"
            elif len(index) > 1:
                place += f", output {list(index[1:])}"
            self.first = f"{how}, {place} differs by {difference[index]:.2g}"

    def probe(self, name: str, good: str, bad: str) -> Probe:
        passed = self.largest <= self.tolerance
        found = f"{good} (" if passed else f"{bad}: {self.first} ("
        sentence = f"{found}largest difference {self.largest:.2g}, tolerance {self.tolerance:.2g})."
        return Probe(name, passed, self.largest, self.tolerance, sentence)


def _sequences(name: str, x: ArrayLike) -> np.ndarray:
    x = np.asarray(x)
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"{name} has shape {x.shape}, but (batch, time, ...) without an empty axis is expected")
    if x.dtype.kind not in "iuf":
        raise ValueError(f"{name} has dtype {x.dtype}, but integer ids or floats are expected")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ValueError(f"{name} holds NaN or infinity, but finite numbers are expected")
    return x


def _inputs(x: ArrayLike, mask: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, mask = _sequences("x", x), np.asarray(mask)
    if mask.shape != x.shape[:2]:
        raise ValueError(f"mask has shape {mask.shape}, but x has shape {x.shape}, so {x.shape[:2]} is expected")
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}, but bool is expected: write mask.astype(bool)")
    if not mask[:, 0].all():
        i = int(np.argmin(mask[:, 0]))
        raise ValueError(f"mask is False at the start of row {i}, but every example has a real first position")
    if np.any(mask[:, 1:] & ~mask[:, :-1]):
        i = int(np.argmax((mask[:, 1:] & ~mask[:, :-1]).any(axis=1)))
        raise ValueError(f"mask has a True after a False in row {i}, but padding is expected on the right only")
    return x, mask


def _call(model: Model, *arrays: ArrayLike) -> np.ndarray:
    """Call the model on copies, so that one that works in place cannot change the next call."""
    output = model(*(np.array(array) for array in arrays))
    if isinstance(output, tuple | dict) or (
        isinstance(output, list) and any(hasattr(part, "shape") for part in output)
    ):
        raise ValueError(
            f"the model returns a {type(output).__name__}, but one array is expected: "
            "wrap it, for instance lambda x, mask: model(x, mask)[0]"
        )
    output = np.asarray(output, dtype=np.float64)
    m = len(arrays[0])
    if output.ndim < 1 or len(output) != m:
        raise ValueError(f"the model's output has shape {output.shape}, but ({m}, ...) is expected: batch first")
    return output


def _reference(model: Model, *arrays: ArrayLike) -> np.ndarray:
    """Return the model's output, if two calls agree on it: dropout would look like a dependence."""
    output, again = _call(model, *arrays), _call(model, *arrays)
    if output.shape != again.shape or not np.allclose(output, again, rtol=1e-5, atol=1e-5, equal_nan=True):
        raise ValueError(
            "the model gives two different results for the same input, but a probe expects one: "
            "switch dropout and sampling off (training=False)"
        )
    return output


def _may_have_time(output: np.ndarray, T_x: int) -> bool:
    return output.ndim > 1 and output.shape[1] == T_x


def _check_numbers(output: np.ndarray, counted: np.ndarray | None) -> None:
    """Refuse NaN where it counts: it is neither equal to nor different from anything."""
    missing = np.isnan(output)
    if counted is not None:
        missing[~counted] = False
    if missing.any():
        index = [int(n) for n in np.argwhere(missing)[0]]
        raise ValueError(f"the model's output is NaN at index {index}, but numbers are expected: mend that first")


def _replacer(
    x: np.ndarray, mask: np.ndarray | None, values: ArrayLike | None, seed: int
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return the function (array, where) -> copy of array with other valid inputs at `where` (batch, time).

    What is valid is read from `x`: ids that occur in it, one-hot rows, or floats of its scale.
    """
    rng = np.random.default_rng(seed)
    if x.dtype.kind in "iu":
        pool = np.unique(np.asarray(x if values is None else values))
        if len(pool) < 2 or pool.dtype.kind not in "iu":
            raise ValueError(
                f"the values to draw from are {pool.tolist()}, but at least two different ids are expected: "
                "pass values=range(size of the vocabulary)"
            )

        def other(old: np.ndarray) -> np.ndarray:
            place = np.searchsorted(pool, old).clip(max=len(pool) - 1)
            known = pool[place] == old
            drawn = rng.integers(len(pool) - known)
            return pool[drawn + (known & (drawn >= place))]  # all but the old one, equally likely

    elif values is not None:
        raise ValueError(f"values is for integer ids, but the input has dtype {x.dtype}: leave it out")
    elif _is_one_hot(x, mask):
        depth = x.shape[-1]

        def other(old: np.ndarray) -> np.ndarray:
            drawn = (old.argmax(axis=-1) + rng.integers(1, depth, size=old.shape[:-1])) % depth
            return np.eye(depth)[drawn]

    else:
        scale = float(x.std()) or 1.0

        def other(old: np.ndarray) -> np.ndarray:
            return old + rng.normal(scale=scale, size=old.shape)

    def replace(array: np.ndarray, where: np.ndarray) -> np.ndarray:
        result = array.copy()
        result[where] = other(array[where]).astype(array.dtype)
        return result

    return replace


def _is_one_hot(x: np.ndarray, mask: np.ndarray | None) -> bool:
    """Whether the last axis holds one-hot rows; padded ones may be zero."""
    if x.ndim < 3 or x.shape[-1] < 2 or not np.isin(x, (0, 1)).all():
        return False
    sums = x.sum(axis=-1)  # (batch, time)
    real = sums > 0 if mask is None else mask
    return bool(real.any() and (sums <= 1).all() and (sums[real] == 1).all())
