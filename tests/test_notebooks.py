"""Solutions give full points, blank lessons none; both fail only in the ways that a learner is told of."""

import ast
import json
import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

from utils.checks import exercises_of
from utils.release import COMPARED, exercise_number

SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
LESSONS = [ROOT / "lessons" / path.name for path in SOLUTIONS]
# TensorFlow and Keras put it into longer messages of their own, as a line that may be indented or bold.
NOT_SOLVED = re.compile(
    r"^ *(NotImplementedError: )?(\x1b\[1m)?Exercise \d+\.\d+ is not solved yet(\x1b\[0m)?$", re.MULTILINE
)
SECONDS, GIBIBYTES = 150, 2


def run(path, *without):
    command = [sys.executable, str(ROOT / "tests" / "cells.py"), str(path), *without]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=path.parent)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.fixture
def without_keras_checks(tmp_path):
    """A copy of a notebook without the checks whose oracle is Keras."""

    def copy(path):
        notebook = nbformat.read(path, as_version=4)
        keras_exercises = {e.number for e in exercises_of(path.name[:2]) if e.uses_keras}
        notebook.cells = [
            c for c in notebook.cells if c.cell_type != "code" or exercise_number(c.source) not in keras_exercises
        ]
        nbformat.write(notebook, tmp_path / path.name)
        return tmp_path / path.name

    return copy


@pytest.mark.slow
@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_a_solution_gets_full_points_and_without_its_demos_needs_keras_only_where_it_imports_it(
    path, without_keras_checks
):
    found = run(without_keras_checks(path), "demo")
    asks = any(
        re.search(r"^(import|from) (keras|tensorflow)\b", cell.source, re.M)
        for cell in code_cells(path)
        if "demo" not in cell.metadata.get("tags", [])
    )
    assert found["errors"] == []
    assert set(found["points"]) == {e.number for e in exercises_of(path.name[:2]) if not e.uses_keras}
    assert all(points == most for points, most in found["points"].values())
    assert found["tensorflow"] == asks


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_a_blank_lesson_gets_no_points(path, without_keras_checks):
    found = run(without_keras_checks(path), "demo")
    assert set(found["points"]) == {e.number for e in exercises_of(path.name[:2]) if not e.uses_keras}
    assert all(points == 0 for points, _ in found["points"].values())


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_a_blank_lesson_fails_only_where_an_answer_is_missing(path):
    missing = set()
    for kind, message, name, assigned in run(path)["errors"]:
        if kind == "NameError":
            assert name in missing, message
        else:
            assert kind == "NotImplementedError", f"{kind}: {message}"
            assert NOT_SOLVED.search(message), message
        missing.update(assigned)


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_a_check_cell_ends_with_the_bare_call(path):
    # nbgrader gives full marks for a check cell whose value is not one number: after a trailing semicolon or an
    # assignment, for instance.
    for cell in code_cells(path):
        if re.search(r"\bcheck\(", cell.source):
            last = ast.parse(cell.source).body[-1]
            assert exercise_number(cell.source), cell.source
            assert cell.source.rstrip().endswith(")")
            assert isinstance(last, ast.Expr)
            assert COMPARED in cell.metadata.tags


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_a_check_shows_nbgrader_one_number(path):
    for cell in code_cells(path):
        if cell.metadata.get("nbgrader", {}).get("grade"):
            shown = [o.data["text/plain"] for o in cell.outputs if o.output_type == "execute_result"]
            assert [float(text) for text in shown] == [cell.metadata.nbgrader.points]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_a_solution_states_its_measured_time_and_keeps_to_the_limits(path):
    head = nbformat.read(path, as_version=4).cells[0].source
    stated = re.search(r"runs in ([\d.]+) s and ([\d.]+) GiB on 2 CPU cores", head)
    assert stated, "state the measured time in the first cell"
    assert 0 < float(stated[1]) <= SECONDS
    assert 0 < float(stated[2]) <= GIBIBYTES


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_stored_outputs_are_clean(path):
    assert path.stat().st_size < 1_500_000
    for number, cell in enumerate(code_cells(path), start=1):
        assert cell.execution_count == number, "run the solution from its first to its last cell"
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
            assert not re.search(r"/(root|home|tmp|work|content)/|Warning:", json.dumps(output.get("data", output)))


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_every_lesson_has_its_parts(path):
    prose = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
    for part in ("Quiz", "Summary", "Glossary", "References"):
        assert re.search(rf"^## {part}", prose, re.M), part
    for number in {e.number for e in exercises_of(path.name[:2])}:
        assert f"**Exercise {number} — " in prose
