"""From solution to lesson: what a learner opens is made from the one notebook that has the answers.

A solution marks its answers with `### BEGIN SOLUTION` and `### END SOLUTION`. What follows from elsewhere is
written into it by `stamp`: the address of the repository (from pyproject.toml), nbgrader's metadata, and points
(from the checks). `lesson_from` then takes the answers out with nbgrader's own preprocessors.
"""

import ast
import re
import sys
import time
import tomllib
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.preprocessors import Preprocessor
from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor
from nbformat import NotebookNode
from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, ClearSolutions, ComputeChecksums, LockCells

from utils.checks import exercises_of, find_exercise
from utils.notebooks import read, write_text

COMPARED = "nbval-check-output"
ROOT = Path(__file__).resolve().parents[1]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SETUP = """\
import sys

if "google.colab" in sys.modules:  # Colab starts without the course's library
    %pip install --quiet "sequence-course @ git+{address}"

from utils.runtime import start

start("{lesson}")"""
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({link})"
MEASURED = re.compile(r"runs in [\d.]+ s and [\d.]+ GiB")


class CourseError(Exception):
    """Something in the repository that has to be mended before a lesson can be released: one sentence."""


def repository_address(root: Path = ROOT) -> str:
    """The repository's address, from `[project.urls]` of pyproject.toml.

    Raises:
        CourseError: If there is no pyproject.toml: releasing needs a clone, not an installed package.
    """
    try:
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"there is no pyproject.toml in {root}: run this in a clone of the course") from None
    return settings["project"]["urls"]["Repository"]


def solutions(root: Path = ROOT) -> list[Path]:
    """The solution notebooks, in order."""
    return sorted((root / "solutions").glob("[0-9][0-9]_*.ipynb"))


def exercise_number(source: str) -> str | None:
    """The exercise that a check cell checks: a cell whose last statement is the bare call `check("2.1", ...)`."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a cell with a magic is no check cell
        return None
    call = getattr(body[-1], "value", None) if body and isinstance(body[-1], ast.Expr) else None
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check"):
        return None
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) else None


def is_answer(cell: NotebookNode) -> bool:
    """Whether the cell holds an answer that a lesson must not show."""
    return cell.cell_type == "code" and "### BEGIN SOLUTION" in cell.source


def stamp(notebook: NotebookNode, path: Path, address: str) -> NotebookNode:
    """Writes into a solution what has its source elsewhere, in place.

    That is: the Colab badge and the set-up cell (address), the kernel's name, nbgrader's metadata and points of
    answer and check cells, the tag that has nbval compare check results.

    Args:
        notebook: A solution.
        path: Its file: decides the lesson's number and the badge's link.
        address: The repository's address.

    Returns:
        The same notebook.

    Raises:
        CourseError: If an answer has no check after it, or the checks and the exercises differ.
    """
    lesson = path.name[:2]
    notebook.metadata = NotebookNode(kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python"))
    _stamp_head(notebook, lesson, f"{address}/blob/main/{path.parent.name}/{path.name}", address)
    pending: NotebookNode | None = None
    checked = []
    for cell in notebook.cells:
        if is_answer(cell):
            if pending is not None:
                raise CourseError(f"{path.name}: an answer has no check cell after it: {pending.source[:60]!r}")
            pending = cell
        number = exercise_number(cell.source) if cell.cell_type == "code" else None
        if number is None:
            continue
        points = find_exercise(number).points
        if pending is not None:
            _grade(pending, f"answer-{number}", solution=True)
            checked.append(number)
            _grade(cell, f"check-{number}", grade=True, locked=True, points=points)
            pending = None
        _tag(cell, COMPARED)
    if pending is not None:
        raise CourseError(f"{path.name}: an answer has no check cell after it: {pending.source[:60]!r}")
    known = [e.number for e in exercises_of(lesson)]
    if checked != known:
        raise CourseError(f"{path.name}: it has the exercises {checked}, but utils.checks.lesson_{lesson} has {known}")
    return notebook


def _stamp_head(notebook, lesson, link, address):
    first, setup = notebook.cells[0], next(c for c in notebook.cells if c.cell_type == "code")
    badge = BADGE.format(link=link.replace("https://github.com", "https://colab.research.google.com/github"))
    first.source = re.sub(r"^\[!\[Open in Colab\].*$", lambda _: badge, first.source, flags=re.M)
    if badge not in first.source:
        first.source += f"\n\n{badge}"
    setup.source = SETUP.format(address=address, lesson=lesson)
    _grade(setup, f"setup-{lesson}", locked=True)


def _grade(cell, grade_id, *, grade=False, solution=False, locked=False, points=None):
    cell.id = grade_id.replace(".", "-")
    cell.metadata.nbgrader = NotebookNode(
        grade=grade, grade_id=cell.id, locked=locked, schema_version=3, solution=solution, task=False
    )
    if points is not None:
        cell.metadata.nbgrader.points = points


def _tag(cell, tag):
    cell.metadata.tags = sorted({*cell.metadata.get("tags", []), tag})


class ClearAnswers(ClearSolutions):
    """nbgrader's preprocessor, with a stub that names the exercise."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Replaces the answers of one cell by the stub."""
        if is_answer(cell):
            number = cell.metadata.nbgrader.grade_id.removeprefix("answer-").replace("-", ".")
            self.code_stub = {"python": f'raise NotImplementedError("Exercise {number} is not solved yet")'}
        return super().preprocess_cell(cell, resources, cell_index)


class ForLearners(Preprocessor):
    """Points the badge at the lesson and takes out the tag that only nbval reads."""

    def preprocess_cell(self, cell, resources, cell_index):
        """Changes one cell."""
        tags = [t for t in cell.metadata.get("tags", []) if t != COMPARED]
        cell.metadata.pop("tags", None)
        if tags:
            cell.metadata.tags = tags
        if cell_index == 0:
            cell.source = cell.source.replace("/blob/main/solutions/", "/blob/main/lessons/")
        return cell, resources


def lesson_from(notebook: NotebookNode) -> str:
    """The text of the lesson that a stamped solution releases; the same bytes every time."""
    steps = [ClearAnswers, ClearOutput, ForLearners, LockCells, ComputeChecksums, CheckCellMetadata]
    exporter = NotebookExporter()
    for step in steps:
        exporter.register_preprocessor(step, enabled=True)
    text, _ = exporter.from_notebook_node(notebook)
    return text.rstrip("\n") + "\n"


def execute(notebook: NotebookNode, folder: Path) -> tuple[float, float]:
    """Runs a solution from its first to its last cell, in place, and writes what it took into its first cell.

    Args:
        notebook: The solution.
        folder: Where it runs.

    Returns:
        Seconds and peak memory in GiB.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    from nbclient import NotebookClient

    probe = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    notebook.cells.append(nbformat.v4.new_code_cell(probe))
    client = NotebookClient(notebook, timeout=600, record_timing=False, resources={"metadata": {"path": str(folder)}})
    started = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - started
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes there, KiB elsewhere
    memory = int(notebook.cells.pop().outputs[0].text) / unit
    CoalesceStreamsPreprocessor().preprocess(notebook, {})
    first = notebook.cells[0]
    first.source = MEASURED.sub(f"runs in {seconds:.0f} s and {memory:.1f} GiB", first.source)
    return seconds, memory


def release(path: Path, *, run: bool = False, root: Path = ROOT) -> list[Path]:
    """Stamps a solution and the README's links, and writes the lesson that the solution releases.

    Args:
        path: The solution.
        run: Execute the solution first, from its first to its last cell.
        root: The repository.

    Returns:
        The files that changed.

    Raises:
        CourseError: If the solution cannot be released.
        NotebookError: If it is no readable notebook.
    """
    notebook, address = read(path), repository_address(root)
    stamp(notebook, path, address)
    if run:
        execute(notebook, path.parent)
        stamp(notebook, path, address)
    targets = {
        path: nbformat.writes(notebook) + "\n",
        root / "lessons" / path.name: lesson_from(notebook),
        root / "README.md": readme_with_address(root, address),
    }
    return [target for target, text in targets.items() if write_text(target, text)]


def readme_with_address(root: Path, address: str) -> str:
    """The text of README.md with every link to the course's repository under this address."""
    text = (root / "README.md").read_text(encoding="utf-8")
    path = address.removeprefix("https://github.com/")
    text = re.sub(r"(colab\.research\.google\.com/github)/[^/]+/[^/]+(/blob/main/lessons/)", rf"\1/{path}\2", text)
    return re.sub(r"https://github\.com/[^/]+/[^/]+/issues", f"{address}/issues", text)


def problems(root: Path = ROOT) -> list[str]:
    """What keeps lessons and solutions from belonging together: one sentence each; empty when all is well."""
    found = []
    address = repository_address(root)
    for path in solutions(root):
        text = path.read_text(encoding="utf-8")
        notebook = read(path)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        if any(cell.execution_count is None for cell in code):
            found.append(f"solutions/{path.name} is not executed: run `course release --execute {path.name[:2]}`")
        if any(output.output_type == "error" for cell in code for output in cell.outputs):
            found.append(f"solutions/{path.name} holds an error: mend it and run it again")
        stamp(notebook, path, address)
        if nbformat.writes(notebook) + "\n" != text:
            found.append(f"solutions/{path.name} is out of date: run `course release {path.name[:2]}`")
        lesson = root / "lessons" / path.name
        if not lesson.exists() or lesson.read_text(encoding="utf-8") != lesson_from(notebook):
            found.append(f"lessons/{path.name} is not what its solution releases: run `course release`")
    readme = root / "README.md"
    if readme.read_text(encoding="utf-8") != readme_with_address(root, address):
        found.append("README.md links to another address than pyproject.toml's: run `course release`")
    known = {path.name for path in solutions(root)}
    for lesson in sorted((root / "lessons").glob("*.ipynb")):
        if lesson.name not in known:
            found.append(f"lessons/{lesson.name} has no solution: delete it or add solutions/{lesson.name}")
    return found
