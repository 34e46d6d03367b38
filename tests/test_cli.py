"""The `course` command, as a person uses it."""

import nbformat
import pytest
from conftest import ROOT
from typer.testing import CliRunner

from utils import doctor
from utils.cli import app
from utils.doctor import Finding


def course(*arguments):
    return CliRunner().invoke(app, list(arguments))


def test_release_check_is_content_with_this_repository():
    done = course("release", "--check")
    assert done.exit_code == 0, done.output
    assert "Every lesson is what its solution releases." in done.output


def test_release_of_an_unknown_lesson_lists_the_known_ones():
    done = course("release", "77")
    assert done.exit_code == 1
    assert "there is no solution '77'; there are: 00, 01" in done.output


def test_progress_counts_saved_results(tmp_path):
    notebook = nbformat.read(ROOT / "solutions" / "00_start_here.ipynb", as_version=4)
    checks = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    checks[1].outputs = []
    nbformat.write(notebook, tmp_path / "00_start_here.ipynb")
    done = course("progress", str(tmp_path))
    assert done.exit_code == 0
    assert "1 of 2" in done.output
    assert "3 of 6" in done.output
    assert "✓…" in done.output


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no folder"), ("", "is not a readable notebook"), ("none", "no notebook in")]
)
def test_progress_says_what_is_wrong_with_a_folder(tmp_path, content, said):
    folder = tmp_path / "lessons"
    if content is not None:
        folder.mkdir()
    if content == "":
        (folder / "00.ipynb").write_text(content, encoding="utf-8")
    done = course("progress", str(folder))
    assert done.exit_code == 1
    assert said in done.output


@pytest.mark.slow
def test_doctor_finds_this_machine_well():
    done = course("doctor")
    assert done.exit_code == 0, done.output
    assert "The lessons run here." in done.output


def test_doctor_says_what_to_do_about_what_is_missing(monkeypatch):
    wrong = [Finding("keras", "2.0 (needs >=3.13)", False, advice="pip install -r requirements.txt")]
    monkeypatch.setattr(doctor, "findings", lambda: [*wrong, Finding("Chromium", "missing", False, required=False)])
    done = course("doctor")
    assert done.exit_code == 1
    assert "needs >=3.13" in done.output
    assert "1 thing(s) to mend" in done.output


def test_doctor_compares_versions_with_the_ranges(monkeypatch):
    monkeypatch.setattr("utils.runtime.version", {"keras": "2.15.0", "numpy": "2.1.0"}.get)
    found = {finding.what: finding for finding in doctor._packages()}
    assert (found["keras"].well, found["keras"].found) == (False, "2.15.0 (needs >=3.13)")
    assert found["numpy"].well
    assert (found["tensorflow"].well, found["tensorflow"].found) == (False, "missing")
    assert found["tensorflow"].advice == "pip install -r requirements.txt"
