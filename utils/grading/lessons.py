"""A released lesson as the steps that a grader takes: cells to run, and exercises to judge."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class NoLessonError(Exception):
    """There is no such lesson: one sentence."""


@dataclass(frozen=True)
class Step:
    """A cell of a lesson.

    Attributes:
        kind: `cell` for one that comes with the lesson, `answer`, or `check`.
        source: Its code; the stub for an answer, the expression that is checked for a check.
        exercise: The number, for an answer or a check.
        points: What the exercise is worth, for a check.
    """

    kind: str
    source: str
    exercise: str = ""
    points: float = 0


@dataclass(frozen=True)
class Lesson:
    """A released lesson.

    Attributes:
        number: Two digits.
        name: The file's name without its ending.
        steps: Its code cells without demonstrations, in order.
        sources: The code of all its cells.
    """

    number: str
    name: str
    steps: tuple[Step, ...]
    sources: frozenset[str] = frozenset()

    @cached_property
    def points(self) -> Mapping[str, float]:
        """What each exercise is worth, in order."""
        return {step.exercise: step.points for step in self.steps if step.kind == "check"}

    @property
    def total(self) -> int:
        """What all exercises are worth."""
        return int(sum(self.points.values()))

    @cached_property
    def stubs(self) -> Mapping[str, str]:
        """The answer cells as they are released."""
        return {step.exercise: step.source for step in self.steps if step.kind == "answer"}

    @cached_property
    def answer_names(self) -> Mapping[str, str]:
        """What each check is given."""
        return {step.exercise: step.source for step in self.steps if step.kind == "check"}


def find(number: str, root: Path = ROOT) -> Lesson:
    """The lesson with this number.

    Raises:
        NoLessonError: If there is none, or this is no clone of the course.
    """
    known = {path.name[:2]: path for path in sorted((root / "lessons").glob("[0-9][0-9]_*.ipynb"))}
    if not known:
        raise NoLessonError(f"there are no lessons in {root}: grade from a clone of the course")
    if number not in known:
        raise NoLessonError(f"there is no lesson {number!r}; there are: {', '.join(known)}")
    from utils.notebooks import read  # here, because nbformat takes longer to load than a submission to judge

    path = known[number]
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    sources = frozenset(cell.source for cell in cells)
    return Lesson(number, path.stem, tuple(filter(None, map(_step, cells))), sources)


def numbers(root: Path = ROOT) -> list[str]:
    """The numbers of all lessons."""
    return [path.name[:2] for path in sorted((root / "lessons").glob("[0-9][0-9]_*.ipynb"))]


def _step(cell):
    if "demo" in cell.metadata.get("tags", []):
        return None
    mark = cell.metadata.get("nbgrader", {})
    part, _, rest = mark.get("grade_id", "").partition("-")
    number = rest.replace("-", ".")
    if part == "answer":
        return Step("answer", cell.source, number)
    if part == "check":
        call = ast.parse(cell.source).body[-1].value
        return Step("check", ast.unparse(call.args[1]), number, mark.points)
    return Step("cell", cell.source)
