"""The embedded data sets of the course, as plain records or as `tf.data` datasets.

`records` needs neither TensorFlow nor a disk; `load` goes through `tensorflow_datasets`. Both give the same
examples, in the same order, of the splits train, validation and test, which have no example in common.

To add a set:
1. Write `utils/datasets/NAME.py` with `examples(split)`, `DESCRIPTION` (with the sizes), `CITATION` and
   `LICENSE`. It must not import TensorFlow, and give the same records in the same order every time.
2. Write its builder class in `utils/datasets/builders.py` (CamelCase of the name) and add it to `BUILDERS`.
3. Add the module to `_SETS` below. `tests/test_datasets.py` then tests what every set must hold.
"""

import os
import re
from types import ModuleType
from typing import TYPE_CHECKING

from utils.datasets import pronunciation, routine
from utils.datasets.splits import SPLITS, check_split

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["SPLITS", "load", "names", "records"]

_SETS: dict[str, ModuleType] = {"pronunciation": pronunciation, "routine": routine}


def names() -> list[str]:
    """Return the names of the data sets, in alphabetical order."""
    return sorted(_SETS)


def records(name: str, split: str) -> list[dict]:
    """Return a split as plain Python records, without TensorFlow and without touching the disk.

    Args:
        name: Name of the set, one of `names()`.
        split: "train", "validation" or "test".

    Returns:
        One dict an example, new at each call; its keys are those that `load` gives.

    Raises:
        ValueError: If the set or the split is unknown.

    >>> len(records("routine", "train"))
    1530
    """
    return list(_module(name).examples(split))


def load(
    name: str, split: str | None = None, data_dir: str | os.PathLike | None = None
) -> "tf.data.Dataset | dict[str, tf.data.Dataset]":
    """Return a split as a `tf.data.Dataset`, writing the set to disk on first use.

    Args:
        name: Name of the set, one of `names()`.
        split: "train", "validation" or "test", or a part in tfds' notation ("train[:10%]"); None for all.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.

    Returns:
        A dataset of dicts of tensors (strings as UTF-8 bytes), or for None a dict of such datasets by split.

    Raises:
        ValueError: If the set or the split is unknown.
    """
    _module(name)
    if split is not None:
        for part in split.split("+"):
            check_split(re.sub(r"\[[^\[\]]*\]$", "", part.strip()))
    from utils.datasets import builders  # here, because it imports tensorflow_datasets

    return builders.prepared(name, data_dir).as_dataset(split=split)


def _module(name: str) -> ModuleType:
    if name not in _SETS:
        raise ValueError(f"data set is {name!r}, but one of {', '.join(names())} is expected")
    return _SETS[name]
