"""Reading and writing notebook files: whole, or with one sentence that says why not."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode


class NotebookError(Exception):
    """A file that is no readable notebook: one sentence."""


def read(path: Path) -> NotebookNode:
    """Reads a notebook as nbformat 4.

    Raises:
        NotebookError: If the file is no notebook.
    """
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises whatever a malformed file makes it stumble over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NotebookError(f"{path} is not a readable notebook: {reason}") from None
    return notebook


def write_text(path: Path, text: str) -> bool:
    """Writes a text file whole or not at all; returns whether it changed."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    partial.replace(path)
    return True
