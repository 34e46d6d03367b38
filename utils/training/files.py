"""Files that are written whole or not at all, also when the process is killed meanwhile."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` when the block ends without an error.

    Args:
        path: The file to write; its folder exists.

    Yields:
        A path in a hidden folder beside it, with the same name.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-") as folder:
        unfinished = Path(folder, path.name)
        yield unfinished
        with open(unfinished, "rb+") as file:
            os.fsync(file.fileno())  # or a crash of the machine could leave the new name with no content
        unfinished.replace(path)


def write_json(path: str | os.PathLike, content: Any) -> None:
    """Write JSON, indented, in UTF-8, whole or not at all.

    Raises:
        ValueError: If a number is NaN or infinite, which JSON does not know.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
