"""A lesson is what its solution releases: nothing less, and nothing of an answer."""

import json
import re
import shutil

import nbformat
import pytest
from conftest import ROOT
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.utils import compute_checksum, determine_grade

from utils import release
from utils.notebooks import NotebookError
from utils.release import CourseError

SOLUTIONS = release.solutions(ROOT)
ADDRESS = "https://github.com/someone/somewhere"
ANSWER = 'def double(x):\n    """Twice x."""\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION'
ANSWER_2 = ANSWER.replace("double", "row_means").replace("2 * x", "x.mean(axis=1)")


def pair(path):
    """The cells of a solution and of its lesson, side by side."""
    read = [nbformat.read(ROOT / folder / path.name, as_version=4).cells for folder in ("solutions", "lessons")]
    return list(zip(*read, strict=True))


def solution_lines(source):
    """Lines between the markers."""
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", source, flags=re.S)
    return [line.strip() for region in regions for line in region.splitlines() if line.strip()]


def small_solution(*cells):
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# 00 · Small"),
            new_code_cell("set-up"),
            new_code_cell(ANSWER),
            new_code_cell('check("0.1", double)'),
            new_code_cell(ANSWER_2),
            new_code_cell('check("0.2", row_means)'),
            *cells,
        ]
    )
    return notebook


@pytest.fixture
def clone(tmp_path):
    """A small repository with one solution that is released."""
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("lessons", "solutions"):
        (tmp_path / folder).mkdir()
        shutil.copy(ROOT / folder / "00_start_here.ipynb", tmp_path / folder)
    return tmp_path


def test_every_lesson_is_what_its_solution_releases():
    assert release.problems(ROOT) == []


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_outside_the_answers_lesson_and_solution_are_the_same(path):
    for number, (solved, blank) in enumerate(pair(path)):
        assert (blank.id, blank.cell_type) == (solved.id, solved.cell_type)
        if number == 0:
            assert blank.source == solved.source.replace("main/solutions/", "main/lessons/")
        elif not release.is_answer(solved):
            assert blank.source == solved.source


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_no_line_of_an_answer_and_no_output_is_left_in_a_lesson(path):
    cells = pair(path)
    answers = [line for solved, _ in cells for line in solution_lines(solved.source)]
    assert answers
    code = [blank for _, blank in cells if blank.cell_type == "code"]
    left = {line.strip() for cell in code for line in cell.source.splitlines()}
    assert not [line for line in answers if line in left]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert not [cell for cell in code if "SOLUTION" in cell.source]


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_a_stub_names_its_exercise_and_a_learner_can_change_it(path):
    for solved, blank in pair(path):
        if release.is_answer(solved):
            number = solved.metadata.nbgrader.grade_id.removeprefix("answer-").replace("-", ".")
            assert f'raise NotImplementedError("Exercise {number} is not solved yet")' in blank.source
            assert blank.metadata.get("editable", True)
            assert not blank.metadata.deletable
            compile(blank.source, "cell", "exec")


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_a_check_cell_of_a_lesson_is_locked_and_its_checksum_holds(path):
    for _, blank in pair(path):
        if blank.metadata.get("nbgrader", {}).get("grade"):
            assert not blank.metadata.editable
            assert blank.metadata.nbgrader.checksum == compute_checksum(blank)
            assert "tags" not in blank.metadata


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda p: p.stem)
def test_nbgrader_reads_the_points_of_a_solution_as_its_full_grade(path):
    for solved, _ in pair(path):
        if solved.metadata.get("nbgrader", {}).get("grade"):
            points, most = determine_grade(solved)
            assert points == most > 0


def test_releasing_twice_gives_the_same_bytes():
    notebook = release.read(SOLUTIONS[0])
    assert release.lesson_from(notebook) == release.lesson_from(notebook)
    assert release.lesson_from(notebook) == (ROOT / "lessons" / SOLUTIONS[0].name).read_text(encoding="utf-8")


def test_the_address_comes_from_pyproject(clone):
    settings = clone / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace(release.repository_address(ROOT), ADDRESS), encoding="utf-8")
    assert len(release.problems(clone)) == 3
    changed = release.release(clone / "solutions" / "00_start_here.ipynb", root=clone)
    assert [path.relative_to(clone).parts[0] for path in changed] == ["solutions", "lessons", "README.md"]
    assert release.problems(clone) == []
    for folder in ("solutions", "lessons"):
        cells = json.loads((clone / folder / "00_start_here.ipynb").read_text(encoding="utf-8"))["cells"]
        head, setup = "".join(cells[0]["source"]), next("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        assert f"{ADDRESS.replace('github.com', 'colab.research.google.com/github')}/blob/main/{folder}/" in head
        assert f"git+{ADDRESS}" in setup


def test_the_readme_lists_every_lesson_and_links_to_the_address():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    colab = release.repository_address(ROOT).replace("github.com", "colab.research.google.com/github")
    for path in SOLUTIONS:
        assert f"(lessons/{path.name})" in text
        assert f"({colab}/blob/main/lessons/{path.name})" in text


def test_a_change_of_either_notebook_is_found(clone):
    for folder, said in (("lessons", "is not what its solution releases"), ("solutions", "out of date")):
        path = clone / folder / "00_start_here.ipynb"
        before = path.read_text(encoding="utf-8")
        path.write_text(before.replace("0.1", "0.1 "), encoding="utf-8")
        if folder == "solutions":
            path.write_text(before + "\n", encoding="utf-8")
        assert any(said in sentence for sentence in release.problems(clone))
        path.write_text(before, encoding="utf-8")
    (clone / "lessons" / "01_stray.ipynb").write_text(before, encoding="utf-8")
    assert release.problems(clone) == [
        "lessons/01_stray.ipynb has no solution: delete it or add solutions/01_stray.ipynb"
    ]


def test_a_solution_that_was_not_run_or_failed_is_found(clone):
    path = clone / "solutions" / "00_start_here.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[1].execution_count = None
    code[2].outputs = [nbformat.v4.new_output("error", ename="E", evalue="e", traceback=[])]
    nbformat.write(notebook, path)
    found = " ".join(release.problems(clone))
    assert "is not executed: run `course release --execute 00`" in found
    assert "holds an error" in found


def test_releasing_fills_in_what_follows_from_elsewhere(tmp_path):
    path = tmp_path / "solutions" / "00_small.ipynb"
    notebook = release.stamp(small_solution(), path, ADDRESS)
    head, setup, answer, check = notebook.cells[:4]
    assert "colab-badge.svg" in head.source
    assert setup.source.endswith('start("00")')
    assert answer.metadata.nbgrader.grade_id == "answer-0-1"
    assert (check.metadata.nbgrader.points, check.metadata.nbgrader.locked) == (3, True)
    assert check.metadata.tags == [release.COMPARED]
    again = nbformat.writes(notebook)
    assert nbformat.writes(release.stamp(notebook, path, ADDRESS)) == again


def test_an_answer_without_a_check_is_refused(tmp_path):
    with pytest.raises(CourseError, match="an answer has no check cell after it"):
        release.stamp(small_solution(new_code_cell(ANSWER)), tmp_path / "00_small.ipynb", ADDRESS)


def test_an_exercise_without_an_answer_is_refused(tmp_path):
    notebook = small_solution()
    del notebook.cells[4:]
    with pytest.raises(CourseError, match=r"it has the exercises \['0.1'\], but utils.checks.lesson_00 has"):
        release.stamp(notebook, tmp_path / "00_small.ipynb", ADDRESS)


@pytest.mark.parametrize("content", ["", "{", '{"cells": 3}', "[]"])
def test_what_is_no_notebook_is_refused_by_name_and_nothing_is_written(clone, content):
    path = clone / "solutions" / "00_start_here.ipynb"
    path.write_text(content, encoding="utf-8")
    lesson = (clone / "lessons" / path.name).read_bytes()
    with pytest.raises(NotebookError, match=re.escape(f"{path} is not a readable notebook")):
        release.release(path, root=clone)
    assert path.read_text(encoding="utf-8") == content
    assert (clone / "lessons" / path.name).read_bytes() == lesson


def test_without_a_clone_the_sentence_says_so(tmp_path):
    with pytest.raises(CourseError, match="run this in a clone of the course"):
        release.repository_address(tmp_path)


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ('check("2.1", f)', "2.1"),
        ('x = 1\ncheck("2.1", f, seed=3)', "2.1"),
        ('check("2.1", f);', "2.1"),
        ('r = check("2.1", f)', None),
        ('check("2.1", f)\nprint(1)', None),
        ("%pip install x", None),
        ("", None),
        ("check()", None),
    ],
)
def test_a_check_cell_is_known_by_its_last_statement(source, number):
    assert release.exercise_number(source) == number


@pytest.mark.slow
def test_nbgrader_gives_partial_credit_for_an_executed_lesson(tmp_path):
    notebook = nbformat.read(ROOT / "lessons" / "00_start_here.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.id == "answer-0-1":
            cell.source = "def double(x):\n    return 2 * abs(x)"
    NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}).execute()
    graded = {c.id: determine_grade(c) for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")}
    assert graded == {"check-0-1": (2.0, 3.0), "check-0-2": (0.0, 3.0)}


@pytest.mark.slow
def test_executing_stores_outputs_and_what_it_took(clone):
    path = clone / "solutions" / "00_start_here.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells[0].source = release.MEASURED.sub("runs in 0 s and 0.0 GiB", notebook.cells[0].source)
    nbformat.write(notebook, path)
    release.release(path, run=True, root=clone)
    assert release.problems(clone) == []
    assert not re.search(r"runs in 0 s", nbformat.read(path, as_version=4).cells[0].source)
