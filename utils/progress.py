"""A learner's progress, read from the saved outputs of the check cells of a lesson."""

from dataclasses import dataclass
from pathlib import Path

from utils.notebooks import read


@dataclass(frozen=True)
class Row:
    """How far a lesson is.

    Attributes:
        solved: Exercises with all their points.
        exercises: Exercises of the lesson.
        points: Points that the saved outputs show.
        max_points: Points of the lesson.
        marks: One sign an exercise, in order.
    """

    solved: int
    exercises: int
    points: float
    max_points: float
    marks: str


def tally(path: Path) -> Row:
    """Counts the points that a notebook's saved check cells show.

    It trusts the file: it is for the learner's own eyes. Grades are made by running the checks again.

    Raises:
        NotebookError: If the file is no readable notebook.
    """
    got, available = [], []
    for cell in read(path).cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            available.append(float(cell.metadata.nbgrader.points))
            got.append(_points(cell))
    solved = [g is not None and g >= a for g, a in zip(got, available, strict=True)]
    marks = "".join("✓" if s else "✗" if g else "…" for s, g in zip(solved, got, strict=True))
    return Row(sum(solved), len(available), sum(g or 0 for g in got), sum(available), marks)


def _points(cell) -> float | None:
    for output in cell.outputs:
        text = output.get("data", {}).get("text/plain", "")
        try:
            return float("".join(text))
        except ValueError:
            continue
    return None
