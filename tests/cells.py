"""Runs the code cells of a notebook in IPython, without a kernel. A program of its own, so that it starts clean.

usage: python cells.py NOTEBOOK TAG...     leaves out the cells with one of these tags; prints JSON
"""

import ast
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

import nbformat
from IPython.core.interactiveshell import InteractiveShell


def assigned(source: str) -> list[str]:
    """Names that a cell would set: by assignment, import, definition or loop."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.alias):
            names.append((node.asname or node.name).split(".")[0])
    return names


def run(path: Path, without: list[str]) -> dict:
    """Points of each check, errors with what the failing cells would have set, and whether TensorFlow was loaded."""
    shell = InteractiveShell.instance()
    shell.showtraceback = lambda *arguments, **options: None
    points, errors = {}, []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or set(cell.metadata.get("tags", [])) & set(without):
            continue
        outcome = shell.run_cell(cell.source, store_history=False)
        error = outcome.error_before_exec or outcome.error_in_exec
        if error:
            errors.append([type(error).__name__, str(error), getattr(error, "name", None), assigned(cell.source)])
        elif type(outcome.result).__name__ == "Result":
            points[outcome.result.exercise.number] = [outcome.result.points, outcome.result.max_points]
    return {"points": points, "errors": errors, "tensorflow": "tensorflow" in sys.modules}


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):
        found = run(Path(sys.argv[1]), sys.argv[2:])
    print(json.dumps(found))
