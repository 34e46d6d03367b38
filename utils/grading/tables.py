"""Grades as tables: one for people, one for Canvas."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.grading.lessons import Lesson
from utils.grading.results import Record
from utils.notebooks import write_text


def write_csv(path: Path, records: Sequence[Record], lessons: Mapping[str, Lesson]) -> None:
    """`grades.csv`: a line a submission, a column an exercise. An error of the grader has no points."""
    numbers = [n for lesson in sorted({r.lesson for r in records} & set(lessons)) for n in lessons[lesson].points]
    rows: list[list] = [["student", "login", "lesson", "state", "points", "max_points", *numbers, "reason", "file"]]
    for each in records:
        marks = {mark.exercise: mark.points for mark in each.exercises}
        points = "" if each.points is None else each.points
        columns = [marks.get(number, "") for number in numbers]
        start = [each.student, each.login, each.lesson, each.state, points, each.max_points]
        rows.append([*start, *columns, each.reason, each.file])
    write_text(path, _text(rows))


def write_canvas(path: Path, records: Sequence[Record], lessons: Mapping[str, Lesson]) -> None:
    """`canvas.csv`: a line a student, a column a lesson, as Canvas imports it.

    Canvas matches lines by `ID`, which its own downloads carry in their file names, and assignments by name. What
    could not be graded is left empty, which Canvas takes for "no change".
    """
    shown = [lessons[number] for number in sorted({r.lesson for r in records} & set(lessons))]
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    rows: list[list] = [[*head, *(lesson.name for lesson in shown)]]
    rows.append(["Points Possible", "", "", "", "", *(lesson.total for lesson in shown)])
    for student, login in sorted({(each.student, each.login) for each in records}):
        points = {
            each.lesson: each.points
            for each in records
            if (each.student, each.login) == (student, login) and each.state in ("graded", "timeout")
        }
        columns = [points.get(lesson.number, "") for lesson in shown]
        rows.append([student, login, "", "" if login else student, "", *columns])
    write_text(path, _text(rows))


def _text(rows):
    """Rows as CSV, in which no cell is a formula to a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        writer.writerow([f"'{v}" if isinstance(v, str) and v[:1] in ("=", "+", "-", "@") and v else v for v in row])
    return file.getvalue()
