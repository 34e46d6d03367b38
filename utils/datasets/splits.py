"""The splits that every embedded data set has, and the fixed hash that decides them.

The hash depends on nothing but the example, so the same example lands in the same split on every machine and
in every version of Python (`hash()` would not do: it differs from one process to the next).
"""

import hashlib

SPLITS = ("train", "validation", "test")


def digest(key: str) -> int:
    """Return a fixed, evenly spread number in [0, 2^256) for a key (SHA-256).

    >>> digest("tomato") % 20
    12
    """
    return int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest(), "big")


def split_of(key: str) -> str:
    """Return the split of a key: a twentieth of all keys are test, a twentieth validation, the rest train."""
    return {0: "test", 1: "validation"}.get(digest(key) % 20, "train")


def check_split(split: str) -> None:
    """Raise a ValueError that lists the known splits unless `split` is one."""
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, but one of {', '.join(SPLITS)} is expected")
