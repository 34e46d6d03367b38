"""The state of an unfinished run in one file: arrays and a few plain values."""

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from utils.training.files import whole_file

_PLAIN = "plain"


class CheckpointError(ValueError):
    """A checkpoint cannot be read, or belongs to another model."""


def save(path: str | os.PathLike, arrays: Mapping[str, Sequence[ArrayLike]], plain: Mapping[str, Any]) -> None:
    """Write a checkpoint, which replaces the one before it only once it is complete.

    Args:
        path: The file, ending in .npz.
        arrays: Lists of arrays by name, like the model's weights and the optimizer's.
        plain: What JSON can hold.
    """
    flat = {f"{name}/{i}": np.asarray(array) for name, group in arrays.items() for i, array in enumerate(group)}
    with whole_file(path) as unfinished:
        np.savez(unfinished, **flat, **{_PLAIN: np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8)})


def load(path: str | os.PathLike) -> tuple[dict[str, list[np.ndarray]], dict[str, Any]]:
    """Read what `save` wrote.

    Returns:
        The lists of arrays by name (a name whose list was empty is missing), and the plain values.

    Raises:
        CheckpointError: If the file is no checkpoint.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as content:
            plain = json.loads(content[_PLAIN].tobytes())
            arrays: dict[str, list[np.ndarray]] = {}
            for key in content.files:  # in the order in which they were written
                if key != _PLAIN:
                    arrays.setdefault(key.rpartition("/")[0], []).append(content[key])
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is no readable checkpoint ({error}): remove its folder and start again"
        ) from None
    return arrays, plain


def assign(variables: Sequence[Any], arrays: Sequence[np.ndarray], where: str) -> None:
    """Give Keras variables the values of a checkpoint.

    Raises:
        CheckpointError: If their number or shapes differ; then no variable is changed.
    """
    shapes = [tuple(variable.shape) for variable in variables]
    saved = [array.shape for array in arrays]
    if shapes != saved:
        raise CheckpointError(f"{where} holds arrays of shapes {saved}, but the model has {shapes}")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
