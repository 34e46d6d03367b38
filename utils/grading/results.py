"""What came of a class: one record a submission, kept in a file each, so that a run that was killed goes on."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from utils.grading.judging import Mark, Marks
from utils.grading.lessons import Lesson
from utils.grading.submissions import Submission
from utils.notebooks import write_text

STATES = ("graded", "timeout", "refused", "error")


@dataclass(frozen=True)
class Record:
    """A submission and its marks.

    Attributes:
        student: Who handed it in.
        login: The number that Canvas or Moodle gave the student; often empty.
        lesson: The lesson's two digits; empty if it is not known.
        file: The notebook that was graded.
        state: One of `STATES`.
        reason: Why it is not `graded`.
        points: Points of all exercises; `None` after an error of the grader.
        max_points: What they could be.
        exercises: A mark for each exercise.
    """

    student: str
    login: str
    lesson: str
    file: str
    state: str
    reason: str
    points: int | None
    max_points: int
    exercises: tuple[Mark, ...]


def record(submission: Submission, marks: Marks, lesson: Lesson | None) -> Record:
    """The marks of a submission, with their sum."""
    most = lesson.total if lesson else 0
    points = None if marks.state == "error" else sum(mark.points for mark in marks.exercises)
    return Record(
        submission.student,
        submission.login,
        submission.lesson,
        submission.file,
        marks.state,
        marks.reason,
        points,
        most,
        marks.exercises,
    )


class Store:
    """The records of a run, one file each below a folder.

    Args:
        folder: Where they lie.
        seed: Part of what decides the marks, like the answers and the lesson.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed

    def load(self, submission: Submission, lesson: Lesson | None) -> Record | None:
        """What was found for the same answers before; nothing for another version, or after an error."""
        try:
            content = json.loads(self._path(submission).read_text(encoding="utf-8"))
            if content["digest"] != self._digest(submission, lesson):
                return None
            found = content["record"]
            found["exercises"] = tuple(
                Mark(**{**mark, "cases": tuple((name, passed) for name, passed in mark["cases"])})
                for mark in found["exercises"]
            )
            return Record(**found)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, submission: Submission, lesson: Lesson | None, made: Record) -> None:
        """Writes a record, whole or not at all; one of an error is not kept, so that it is tried again."""
        if made.state != "error":
            content = {"digest": self._digest(submission, lesson), "record": asdict(made)}
            write_text(self._path(submission), json.dumps(content, ensure_ascii=False))

    def _path(self, submission):
        return self.folder / f"{file_name(submission.student, submission.login)}-{submission.lesson or 'none'}.json"

    def _digest(self, submission, lesson):
        checks = Path(__file__).parents[1] / "checks"
        sources = [checks / "cases.py", checks / "values.py", checks / f"lesson_{submission.lesson}.py"]
        texts = [path.read_text(encoding="utf-8") for path in sources if path.exists()]
        parts = [self.seed, asdict(submission), [asdict(step) for step in lesson.steps] if lesson else None, texts]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_name(student: str, login: str = "") -> str:
    """A name for a student's file: readable, safe, and of nobody else."""
    readable = re.sub(r"[^\w.-]+", "_", student).strip("._")[:40]
    return f"{readable}-{hashlib.sha256(f'{student}/{login}'.encode()).hexdigest()[:8]}"


def write_json(path: Path, records: Iterable[Record], seed: int) -> None:
    """`grades.json`: every record without its pages; the same bytes for the same marks."""
    rows = []
    for each in records:
        row = asdict(each)
        for mark in row["exercises"]:
            del mark["html"]
        rows.append(row)
    write_text(path, json.dumps({"seed": seed, "submissions": rows}, indent=1, ensure_ascii=False) + "\n")
