"""The data sets of the course, embedded and public, as plain records or as `tf.data` datasets.

Of an embedded set `records` needs neither TensorFlow nor a disk; `load` goes through `tensorflow_datasets`. Both
give the same examples, in the same order, of the splits train, validation and test, which have no example in common.
Public sets (`utils.datasets.public`) are loaded in the same way, where they can be had. Files of your own are read by
`utils.datasets.files`; `utils.datasets.pipeline` makes batches.

To add a set:
1. Write `utils/datasets/NAME.py` with `examples(split)`, `DESCRIPTION` (with the sizes, written as "train 1530,
   validation 255, test 255"), `CITATION` and `LICENSE`. It must not import TensorFlow, and give the same records in
   the same order every time.
2. Write its builder class in `utils/datasets/builders.py` (CamelCase of the name) and add it to `BUILDERS`.
3. Add the module to `_SETS` below. `tests/test_datasets.py` then tests what every set must hold.
"""

import os
import re
from types import ModuleType
from typing import TYPE_CHECKING

from utils.datasets import (
    agreement,
    captions,
    entities,
    melodies,
    pronunciation,
    public,
    reviews,
    routine,
    tales,
    translation,
)
from utils.datasets.public import PublicDataUnavailable
from utils.datasets.splits import SPLITS, check_split

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["SPLITS", "PublicDataUnavailable", "load", "names", "records", "sizes"]

_SETS: dict[str, ModuleType] = {
    "agreement": agreement,
    "captions": captions,
    "entities": entities,
    "melodies": melodies,
    "pronunciation": pronunciation,
    "reviews": reviews,
    "routine": routine,
    "tales": tales,
    "translation": translation,
}


def names() -> list[str]:
    """Return the names of the embedded data sets, in alphabetical order."""
    return sorted(_SETS)


def sizes(name: str) -> dict[str, int] | None:
    """Return the number of examples of each split of an embedded set as its description states them.

    Args:
        name: Name of the set, one of `names()`.

    Returns:
        Examples by split, or None where the description does not state them.

    Raises:
        ValueError: If the set is unknown.

    >>> sizes("routine")
    {'train': 1530, 'validation': 255, 'test': 255}
    """
    description = _module(name).DESCRIPTION
    stated = [re.search(rf"\b{split}\s+(\d+(?:[\s,]\d{{3}})*)\b", description) for split in SPLITS]
    if not all(stated):
        return None
    return {split: int(re.sub(r"\D", "", match[1])) for split, match in zip(SPLITS, stated, strict=True)}


def records(name: str, split: str) -> list[dict]:
    """Return a split as plain Python records; of an embedded set without TensorFlow and without touching the disk.

    Args:
        name: Name of the set, one of `names()` or `public.names()`.
        split: "train", "validation" or "test".

    Returns:
        One dict an example, new at each call; its keys are those that `load` gives.

    Raises:
        ValueError: If the set or the split is unknown.
        PublicDataUnavailable: If a public set cannot be had here.

    >>> len(records("routine", "train"))
    1530
    """
    if name in public.SETS:
        return public.records(name, split)
    return list(_module(name).examples(split))


def load(
    name: str, split: str | None = None, data_dir: str | os.PathLike | None = None
) -> "tf.data.Dataset | dict[str, tf.data.Dataset]":
    """Return a split as a `tf.data.Dataset`, writing the set to disk on first use.

    Args:
        name: Name of the set, one of `names()` or `public.names()`.
        split: "train", "validation" or "test", or of an embedded set a part in tfds' notation ("train[:10%]");
            None for all.
        data_dir: Directory of all tfds data; None for TFDS_DATA_DIR or tfds' default.

    Returns:
        A dataset of dicts of tensors (strings as UTF-8 bytes), or for None a dict of such datasets by split.

    Raises:
        ValueError: If the set or the split is unknown.
        PublicDataUnavailable: If a public set cannot be had here.
        OSError: If the data cannot be written.
    """
    if name in public.SETS:
        return public.load(name, split, data_dir)
    _module(name)
    if split is not None:
        for part in split.split("+"):
            check_split(re.sub(r"\[[^\[\]]*\]$", "", part.strip()))
    from utils.datasets import builders  # here, because it imports tensorflow_datasets

    return builders.prepared(name, data_dir).as_dataset(split=split)


def _module(name: str) -> ModuleType:
    if name not in _SETS:
        raise ValueError(
            f"data set is {name!r}, but one of {', '.join(names())} is expected, "
            f"or one of the public sets {', '.join(public.names())}"
        )
    return _SETS[name]
