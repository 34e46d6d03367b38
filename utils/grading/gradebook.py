"""Grades in nbgrader's gradebook, so that its own tools show, change and export them."""

import contextlib
import os
import sqlite3
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from utils.grading.lessons import Lesson
from utils.grading.results import Record


def write_gradebook(path: Path, records: Sequence[Record], lessons: Mapping[str, Lesson]) -> None:
    """Writes records into a gradebook, and leaves in it what a teacher has added by hand.

    What was refused, or met an error of the grader, is marked as "needs manual grade", because nbgrader exports it as
    0 like an answer that is worth nothing.

    Raises:
        ImportError: If nbgrader is not installed.
    """
    from nbgrader.api import Gradebook

    persons = Counter(name for name, _ in {(each.student, each.login) for each in records})
    # In memory, and whole: nbgrader commits every entry by itself, and a disk would take longer than the grading.
    memory = f"file:gradebook-{os.getpid()}-{time.monotonic_ns()}?mode=memory&cache=shared"
    with contextlib.closing(sqlite3.connect(memory, uri=True)) as held, _programs(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbgrader's own use of its database
        if path.exists():
            with contextlib.closing(sqlite3.connect(path)) as before:
                before.backup(held)
        with Gradebook(f"sqlite:///{memory}&uri=true") as book:
            for number in sorted({each.lesson for each in records} & set(lessons)):
                _assignment(book, lessons[number])
            for each in records:
                if each.lesson in lessons:
                    same = persons[each.student] > 1
                    student = f"{each.student} ({each.login})" if same else each.student
                    _submission(book, each, student[:128], lessons[each.lesson].name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(partial)) as after:
            after.execute("PRAGMA synchronous=OFF")
            held.backup(after)
        partial.replace(path)


@contextlib.contextmanager
def _programs() -> Iterator[None]:
    """Puts the environment's programs on the path: nbgrader calls `alembic` for a new gradebook."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _assignment(book, lesson):
    book.update_or_create_assignment(lesson.name)
    book.update_or_create_notebook(lesson.name, lesson.name)
    for exercise, points in lesson.points.items():
        book.update_or_create_grade_cell(
            _cell(exercise), lesson.name, lesson.name, max_score=float(points), cell_type="code"
        )


def _submission(book, each, student, name):
    book.update_or_create_student(student)
    submission = book.update_or_create_submission(name, student)
    judged = each.state in ("graded", "timeout")
    points = {_cell(mark.exercise): mark.points for mark in each.exercises}
    for grade in submission.notebooks[0].grades:
        grade.auto_score = float(points[grade.name]) if judged else None
        grade.needs_manual_grade = not judged and grade.manual_score is None
    book.db.commit()


def _cell(exercise):
    return f"check-{exercise.replace('.', '-')}"
