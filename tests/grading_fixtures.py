"""What the tests of grading share: lessons, their solutions' answers, and a place to run them in."""

import os
from functools import cache
from pathlib import Path

import pytest

from utils.grading import lessons, library, sandbox
from utils.grading.judging import Marks, Place, mark
from utils.notebooks import read

ROOT = Path(__file__).parents[1]
SEED = 4


@cache
def lesson(number):
    return lessons.find(number)


@cache
def solution(number):
    """The answers of a solution, by exercise."""
    notebook = read(next((ROOT / "solutions").glob(f"{number}_*.ipynb")))
    ids = ((cell.metadata.get("nbgrader", {}).get("grade_id", ""), cell.source) for cell in notebook.cells)
    return {grade_id[7:].replace("-", "."): source for grade_id, source in ids if grade_id.startswith("answer-")}


def require_sandbox():
    """Skips where there is no sandbox, unless `COURSE_REQUIRE` asks for one."""
    reason = sandbox.missing()
    if reason and "sandbox" in os.environ.get("COURSE_REQUIRE", ""):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def place_of(tmp_path_factory):
    """Gives the place for a lesson."""
    require_sandbox()

    @cache
    def place(number, **limits):
        folder = tmp_path_factory.mktemp("library")
        library.build(folder, number, [step.source for step in lesson(number).steps])
        return Place(folder, limits=sandbox.Limits(**limits))

    return place


@pytest.fixture(scope="session")
def graded(place_of):
    """Judges the solution of a lesson with some answers replaced."""

    def judge(number="00", changed=None, helpers=(), **limits) -> Marks:
        answers = {k: v for k, v in {**solution(number), **(changed or {})}.items() if v is not None}
        return mark(lesson(number), answers, SEED, place_of(number, **limits), helpers)

    return judge


def points(marks):
    """Points by exercise."""
    return {m.exercise: m.points for m in marks.exercises}


def said(marks, number):
    """What was said of an exercise."""
    return next(m.sentence for m in marks.exercises if m.exercise == number)
