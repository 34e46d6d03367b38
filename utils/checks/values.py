"""What a learner's function returned, compared with what was expected: in one sentence, with shapes."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

KINDS = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "numbers"}


@dataclass(frozen=True)
class Mismatch:
    """How a value differs from the expected one.

    Attributes:
        sentence: What is wrong, in one sentence that continues the function's name.
        expected: The expected value, printed; empty where the sentence says it all.
        got: The value that came, printed.
        hint: What to do, where the kind of value is wrong and not its content.
    """

    sentence: str
    expected: str = ""
    got: str = ""
    hint: str = ""


RETURN = "Every way through the function has to end with `return` and the value."
AS_ARRAY = "Turn it into an array with `np.array(...)` before you return it."
AS_INTEGERS = (
    "These numbers count or index something: make the array with `dtype=int`, or convert it with `.astype(int)`."
)
AS_BOOLEANS = "Make the array with `dtype=bool`, or by a comparison; `.astype(bool)` converts one."
ONE_ARRAY = "Return one array, not several values: only what the exercise asks for."
JOINED = "Return one array, not a list of several: `np.stack` or `np.concatenate` puts arrays together."
AS_NUMBERS = "It holds text. Put a number in the place of every word."
AS_LIST = "Return the list itself: do not join it into one string."


def compare(got: Any, expected: Any, tolerance: float) -> Mismatch | None:
    """Compares a returned value with the expected one.

    Arrays must agree in shape, and in value within `tolerance` (absolute, plus relative to the expected value).
    Where numbers are expected any numeric dtype will do; whole numbers and booleans must be of such a dtype, because
    later cells use them as indices and masks. Where a tuple or list is expected,
    either will do, and so will a one-dimensional array in place of a list of numbers or strings.

    Args:
        got: What came: an array (or a tensor), a number, a string, a tuple, list or dict of these, or `None`.
        expected: What should have come, of the same kinds.
        tolerance: Largest allowed difference of two numbers.

    Returns:
        `None` where they agree, else the first difference.
    """
    if isinstance(expected, np.ndarray):
        return _compare_array(got, expected, tolerance)
    if isinstance(expected, dict):
        return _compare_dict(got, expected, tolerance)
    if isinstance(expected, tuple | list):
        return _compare_sequence(got, expected, tolerance)
    if isinstance(expected, str) or expected is None:
        if got is None and expected is not None:
            return Mismatch("returned None: is the `return` missing?", hint=RETURN)
        if not isinstance(got, type(expected)):
            return Mismatch(f"returned {describe(got)}, expected {describe(expected)}")
        if got == expected:
            return None
        return Mismatch(f"returned {show(got, 40)}, expected {show(expected, 40)}")
    scalar = _as_array(got)
    if got is None:
        return Mismatch("returned None: is the `return` missing?", hint=RETURN)
    if scalar is None or scalar.dtype.kind not in "biuf" or scalar.shape != ():
        return Mismatch(f"returned {describe(got)}, expected {describe(expected)}")
    return _compare_array(scalar, np.asarray(expected), tolerance)


def _compare_array(got, expected, tolerance):
    wanted = f"an array of shape {expected.shape}" if expected.shape else "one number"
    if got is None:
        return Mismatch(f"returned None, expected {wanted}: is the `return` missing?", hint=RETURN)
    array = _as_array(got)
    regular = isinstance(got, np.ndarray | np.generic | int | float) or hasattr(got, "__array__")
    if array is None or not regular:
        return Mismatch(f"returned {describe(got)}, expected {wanted}", hint=_one_array(got, expected))
    kind = expected.dtype.kind if expected.shape else "f"  # a single whole number may well come as 3.0
    if array.dtype.kind not in {"b": "b", "i": "iu", "u": "iu"}.get(kind, "biuf"):
        hint = {"b": AS_BOOLEANS, "i": AS_INTEGERS, "u": AS_INTEGERS}.get(kind, "")
        hint = AS_NUMBERS if array.dtype.kind in "US" else hint
        return Mismatch(f"returned an array of dtype {array.dtype}, expected {KINDS[kind]}", hint=hint)
    if array.shape != expected.shape:
        return Mismatch(f"returned shape {array.shape}, expected {expected.shape}", show(expected), show(array))
    bad = ~np.isfinite(array) & np.isfinite(expected)
    if bad.any():
        place = _index(bad)
        return Mismatch(f"returned {array[place]} at {list(place)}, expected only finite numbers")
    wrong = ~np.isclose(array.astype(float), expected.astype(float), rtol=tolerance, atol=tolerance)
    if not wrong.any():
        return None
    if array.shape == ():
        return Mismatch(f"returned {array:.6g}, expected {expected:.6g}")
    place = _index(wrong)
    one, wanted = (str(v) if v.dtype == bool else f"{v:.6g}" for v in (array[place], expected[place]))
    sentence = f"returned {one} at {list(place)}, expected {wanted} ({wrong.sum()} of {wrong.size} values differ)"
    return Mismatch(sentence, show(expected), show(array))


def _one_array(got, expected):
    """What to do with a value that should be an array and is none."""
    if isinstance(got, tuple):
        return ONE_ARRAY
    if isinstance(got, list) and expected.shape:
        return JOINED if any(isinstance(v, np.ndarray) for v in got) else AS_ARRAY
    return ""


def _compare_dict(got, expected, tolerance):
    if not isinstance(got, dict):
        return Mismatch(f"returned {describe(got)}, expected a dict with the keys {', '.join(map(repr, expected))}")
    missing, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
    if missing or extra:
        parts = [f"lacks {missing[0]!r}"] if missing else []
        parts += [f"has {extra[0]!r} too many"] if extra else []
        return Mismatch(f"returned a dict that {' and '.join(parts)}", show(expected), show(got))
    for key in expected:
        found = compare(got[key], expected[key], tolerance)
        if found:
            return replace(found, sentence=f"{found.sentence} (at {key!r})")
    return None


def _compare_sequence(got, expected, tolerance):
    kind = type(expected).__name__
    if isinstance(got, np.ndarray) and got.ndim == 1 and not any(isinstance(e, np.ndarray) for e in expected):
        got = got.tolist()
    if got is None:
        return Mismatch(f"returned None, expected a {kind} of {len(expected)}: is the `return` missing?", hint=RETURN)
    if not isinstance(got, tuple | list):
        hint = AS_LIST if isinstance(got, str) else ""
        return Mismatch(f"returned {describe(got)}, expected a {kind} of {len(expected)}", hint=hint)
    if len(got) != len(expected):
        return Mismatch(f"returned {len(got)} values, expected {len(expected)}", show(expected), show(got))
    for number, (one, wanted) in enumerate(zip(got, expected, strict=True), start=1):
        found = compare(one, wanted, tolerance)
        if found:
            nested = isinstance(wanted, tuple | list) and "(value " in found.sentence
            place = f"value {number} of {len(expected)})"
            sentence = f"{found.sentence[:-1]}, in {place}" if nested else f"{found.sentence} ({place}"
            return Mismatch(sentence, found.expected or show(expected), found.got or show(got), found.hint)
    return None


def describe(value: Any) -> str:
    """A value in a few words: its type, and its shape or length."""
    if value is None:
        return "None"
    if isinstance(value, bool | int | float | str):
        text = repr(value)
        return f"{'the number ' if not isinstance(value, str) else 'the string '}{text[:40]}"
    if isinstance(value, np.ndarray | np.generic):
        return f"an array of shape {value.shape}" if value.shape else f"the number {value}"
    if isinstance(value, list | tuple | dict | set):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an object of type {type(value).__name__}"


def show(value: Any, limit: int = 600) -> str:
    """A value printed small: arrays to four digits, long ones cut in the middle; a dict of arrays key by key."""
    if inspect.isfunction(value):
        return "a function"
    if isinstance(value, dict) and any(isinstance(v, np.ndarray) for v in value.values()):
        return "\n".join(f"{key!r}:\n{show(v, limit)}" for key, v in value.items())
    if isinstance(value, np.ndarray):
        text = np.array2string(value, precision=4, suppress_small=True, threshold=40, edgeitems=2)
    elif isinstance(value, tuple | list) and any(isinstance(v, np.ndarray | np.generic) for v in value):
        text = "\n".join(show(v, limit) for v in value)
    else:
        text = str(value) if isinstance(value, np.generic) else repr(value)
    return text if len(text) <= limit else f"{text[:limit]} …"


def _as_array(value):
    """The value as a NumPy array; `None` where it is not a regular array of anything."""
    try:
        return np.asarray(value)
    except Exception:  # whatever an odd object raises when asked for its array
        return None


def _index(wrong):
    return tuple(int(i) for i in np.argwhere(wrong)[0])
