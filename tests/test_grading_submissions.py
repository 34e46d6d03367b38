"""Submissions are found in every usual form, answers in every usual state; what cannot be read is refused."""

import io
import json
import os
import stat
import zipfile
from pathlib import Path

import nbformat
import pytest
from grading_fixtures import ROOT, lesson, solution

from utils.grading import notebooks
from utils.grading.notebooks import Refused, answers, helpers, lesson_of, read
from utils.grading.submissions import SubmissionsError, collect

LESSONS = {"00": lesson("00"), "01": lesson("01")}


def released(number="00"):
    """A lesson as JSON, with the solution's answers filled in."""
    notebook = json.loads(next((ROOT / "lessons").glob(f"{number}_*.ipynb")).read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if grade_id.startswith("answer-"):
            cell["source"] = solution(number)[grade_id[7:].replace("-", ".")]
    return notebook


def text(number="00"):
    return json.dumps(released(number)).encode()


def cells_of(notebook):
    return read(json.dumps(notebook).encode())


def found_in(folder, only=None):
    return {(s.student, s.lesson): (s.refused or len(s.answers)) for s in collect(folder, LESSONS, only)}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# Answers in a notebook.


def test_answers_are_found_by_grade_id():
    assert answers(cells_of(released()), LESSONS["00"]) == solution("00")


@pytest.mark.parametrize("kept", ["cell id", "colab", "heading"])
def test_answers_are_found_without_grade_ids(kept):
    notebook = released()
    for cell in notebook["cells"]:
        cell["metadata"] = {"id": cell["id"]} if kept == "colab" else {}
        if kept != "cell id":
            cell.pop("id")
    assert answers(cells_of(notebook), LESSONS["00"]) == solution("00")


def test_answers_are_found_in_format_3():
    old = nbformat.convert(nbformat.reads(json.dumps(released()), as_version=4), 3)
    assert answers(read(nbformat.v3.writes_json(old).encode()), LESSONS["00"]) == solution("00")


def test_of_two_cells_for_one_answer_the_last_that_is_written_counts():
    notebook = released()
    place = next(i for i, cell in enumerate(notebook["cells"]) if cell["id"] == "answer-0-1")
    other = notebook["cells"][place] | {"source": "def double(x):\n    return 7"}
    stub = notebook["cells"][place] | {"source": LESSONS["00"].stubs["0.1"]}
    notebook["cells"] += [other, stub]
    assert answers(cells_of(notebook), LESSONS["00"])["0.1"] == other["source"]


def test_ids_that_were_interchanged_do_not_lead_to_the_wrong_cell():
    notebook = released()
    by_id = {cell["id"]: cell for cell in notebook["cells"]}
    for one, other in (("answer-0-1", "answer-0-2"), ("answer-0-2", "answer-0-1")):
        by_id[one]["metadata"]["nbgrader"] = {"grade_id": other}
        by_id[one]["id"] = "x"
    assert answers(cells_of(notebook), LESSONS["00"]) == solution("00")


def test_an_answer_with_a_syntax_error_is_still_found():
    notebook = released()
    next(c for c in notebook["cells"] if c["id"] == "answer-0-1")["source"] = "def double(x:\n  return"
    assert answers(cells_of(notebook), LESSONS["00"])["0.1"].startswith("def double(x:")


def test_a_deleted_answer_is_not_solved_and_the_others_stay():
    notebook = released()
    notebook["cells"] = [c for c in notebook["cells"] if c["id"] != "answer-0-1"]
    assert set(answers(cells_of(notebook), LESSONS["00"])) == {"0.2"}


def test_helpers_outside_the_answers_are_taken_along_but_nothing_that_computes():
    notebook = released()
    own = """import math, utils.text
from os import *
%timeit 1
SMALL = 1e-9
def helper(x): return x
def double(x): return 0  # an earlier try
np = None
total = helper(3)
print(total)"""
    notebook["cells"].insert(0, {"cell_type": "code", "source": own, "metadata": {}})
    notebook["cells"].append({"cell_type": "code", "source": "class Late: pass", "metadata": {}})
    cells = cells_of(notebook)
    found = helpers(cells, LESSONS["00"], answers(cells, LESSONS["00"]))
    assert found == (
        "import math, utils.text", "from os import *", "SMALL = 1e-09", "def helper(x):\n    return x",
        "class Late:\n    pass")  # fmt: skip
    assert helpers(cells_of(released()), LESSONS["00"], solution("00")) == ()


def test_the_order_of_cells_outputs_and_tags_do_not_matter():
    notebook = released()
    notebook["cells"].reverse()
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "demo", 5]
        cell["outputs"] = "nothing"
    assert answers(cells_of(notebook), LESSONS["00"]) == solution("00")


def test_a_lesson_is_known_by_its_ids_then_its_headings_then_its_name():
    notebook = released()
    assert lesson_of(cells_of(notebook), "07_x.ipynb") == "00"
    for cell in notebook["cells"]:
        cell.pop("id")
        cell["metadata"] = {}
    assert lesson_of(cells_of(notebook), "07_x.ipynb") == "00"
    code = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    assert lesson_of(cells_of({"cells": code}), "a/07_x.ipynb") == "07"
    assert lesson_of(cells_of({"cells": code}), "a/mine.ipynb") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<html>", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"9" * 10_000, "not valid JSON"),
        (b"[]", "no notebook"),
        (b'{"cells": []}', "no cells"),
        (b'{"cells": 5}', "no cells"),
        (b'{"cells": [5, null]}', "no cells"),
        (b'{"worksheets": [{"cells": {}}]}', "no cells"),
        (b'{"metadata": {"kernelspec": {"language": "R"}}, "cells": [{}]}', "written in R"),
        (b'{"metadata": {"language_info": {"name": "julia"}}, "cells": [{}]}', "written in julia"),
        (b" " * (notebooks.MOST_BYTES + 1), "clear the outputs"),
    ],
    ids=range(14),
)
def test_what_is_no_notebook_is_refused_in_words(data, reason):
    with pytest.raises(Refused, match=reason):
        read(data)


def test_odd_metadata_is_no_reason_to_refuse():
    odd = {"metadata": 5, "cells": [{"cell_type": "code", "source": ["def double(x):\n", 5, "  return 2*x"],
                                     "metadata": [], "id": 7}, {"cell_type": 3}]}  # fmt: skip
    cells = cells_of(odd)
    assert cells[0].source == "def double(x):\n  return 2*x"
    with pytest.raises(Refused, match="none of the answers"):
        answers(cells, LESSONS["00"])


# Where submissions stand.


def test_a_folder_of_students(tmp_path):
    write(tmp_path, {"anna/00_start_here.ipynb": text(), "anna/01_sequence_data.ipynb": text("01"),
                     "Bjørn Åse/lesson00/00_start_here.ipynb": text(), "carl/notes.txt": b"I am ill"})  # fmt: skip
    (tmp_path / "dora").mkdir()
    none = "there is no notebook in it"
    full = {("anna", "00"): 2, ("anna", "01"): 8, ("Bjørn Åse", "00"): 2, ("carl", ""): none, ("dora", ""): none}
    assert found_in(tmp_path) == full
    assert found_in(tmp_path, "00")["anna", "00"] == 2
    assert found_in(tmp_path, "01")["Bjørn Åse", "01"] == "it is lesson 00, not lesson 01"


def test_a_zip_is_read_like_a_folder(tmp_path):
    files = {"anna/00_start_here.ipynb": text(), "ben/00.ipynb": text()}
    assert found_in(zipped(tmp_path / "a.zip", files)) == {("anna", "00"): 2, ("ben", "00"): 2}
    around = {f"class/{name}": data for name, data in files.items()}
    assert found_in(zipped(tmp_path / "b.zip", around)) == {("anna", "00"): 2, ("ben", "00"): 2}


def test_a_download_of_canvas(tmp_path):
    files = {"doejane_1234_5678_00_start_here.ipynb": text(), "roejim_LATE_99_5679_00_start_here-2.ipynb": text(),
             "poejoe_77_1_notes.pdf": b"%PDF"}  # fmt: skip
    collected = collect(zipped(tmp_path / "submissions.zip", files), LESSONS, "00")
    assert [(s.student, s.login, len(s.answers)) for s in collected] == [
        ("doejane", "1234", 2), ("poejoe", "77", 0), ("roejim", "99", 2)]  # fmt: skip
    assert collected[1].refused == "there is no notebook in it"


def test_a_download_of_moodle(tmp_path):
    files = {"Jane Doe_1234_assignsubmission_file_/00_start_here.ipynb": text(),
             "Jim Roe_1235_assignsubmission_file/mine.ipynb": text(),
             "Jim Roe_1235_assignsubmission_onlinetext_/onlinetext.html": b"",
             "Ann Poe_12_assignsubmission_file_00_start_here.ipynb": text()}  # fmt: skip
    collected = collect(write(tmp_path, files), LESSONS)
    assert [(s.student, s.login, len(s.answers)) for s in collected] == [
        ("Ann Poe", "12", 2), ("Jane Doe", "1234", 2), ("Jim Roe", "1235", 2)]  # fmt: skip


def test_clones_of_github_classroom(tmp_path):
    files = {}
    for name in ("week-1-anna", "week-1-ann-kathrin"):
        files |= {f"{name}/lessons/00_start_here.ipynb": text(), f"{name}/README.md": b"", f"{name}/.git/config": b"",
                  f"{name}/solutions/00_start_here.ipynb": b"not looked at"}  # fmt: skip
    assert found_in(write(tmp_path, files)) == {("anna", "00"): 2, ("ann-kathrin", "00"): 2}
    assert found_in(write(tmp_path / "new", {f"clones/{k}": v for k, v in files.items()})) == {
        ("anna", "00"): 2, ("ann-kathrin", "00"): 2}  # fmt: skip


def test_a_notebook_alone_and_notebooks_named_by_student(tmp_path):
    write(tmp_path, {"anna.ipynb": text(), "ben.ipynb": b"{"})
    assert found_in(tmp_path) == {("anna", "00"): 2, ("ben", ""): "the file is no notebook: it is not valid JSON"}
    assert found_in(tmp_path / "anna.ipynb") == {("anna", "00"): 2}


def test_the_notebook_under_the_lessons_name_counts_else_the_last(tmp_path):
    write(tmp_path, {"anna/00_start_here.ipynb": text(), "anna/z.ipynb": text(), "ben/00-9.ipynb": text(),
                     "ben/00-10.ipynb": text(), "carl/00_start_here.ipynb": b"{", "carl/00-a.ipynb": text(),
                     "anna/.ipynb_checkpoints/00_start_here-checkpoint.ipynb": text()})  # fmt: skip
    files = {s.student: s.file for s in collect(tmp_path, LESSONS)}
    assert files == {"anna": "00_start_here.ipynb", "ben": "00-10.ipynb", "carl": "00-a.ipynb"}


def test_a_zip_that_a_student_handed_in_is_read(tmp_path):
    inner = zipped(tmp_path / "x.zip", {"work/00_start_here.ipynb": text()}).read_bytes()
    assert found_in(write(tmp_path / "all", {"anna/x.zip": inner})) == {("anna", "00"): 2}


def test_what_is_no_submission_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SubmissionsError, match="there is no"):
            collect(path, LESSONS)


# Files that are not what they seem.


def test_names_in_a_zip_that_lead_out_of_it_are_refused_and_nothing_is_written(tmp_path):
    outside = tmp_path / "deep" / "er"
    outside.mkdir(parents=True)
    files = {"../../anna/00.ipynb": text(), "/ben/00.ipynb": text(), "C:/carl/00.ipynb": text(),
             "..\\dora\\00.ipynb": text(), "emil/00.ipynb": text()}  # fmt: skip
    found = found_in(zipped(outside / "a.zip", files))
    assert found.pop(("emil", "00")) == 2
    assert set(found.values()) == {"its path in the archive leads out of the archive"}
    assert len(found) == 4
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["a.zip"]


def test_links_are_not_followed(tmp_path):
    write(tmp_path, {"anna/00.ipynb": text(), "secret/00.ipynb": text()})
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "00.ipynb").symlink_to(tmp_path / "anna" / "00.ipynb")
    (tmp_path / "carl").mkdir()
    (tmp_path / "carl" / "all").symlink_to(tmp_path / "anna")
    os.mkfifo(tmp_path / "carl" / "00.ipynb")
    found = found_in(tmp_path)
    assert found["ben", ""] == "it is a link to somewhere else"
    assert found["carl", ""] in ("it is a link to somewhere else", "it is no ordinary file")
    entry = zipfile.ZipInfo("dora/00.ipynb")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert found_in(tmp_path / "l.zip") == {("dora", ""): "it is a link to somewhere else"}


def test_a_zip_bomb_is_refused(tmp_path):
    bomb = zipped(tmp_path / "b.zip", {"anna/00.ipynb": bytes(100 * 2**20), "ben/00.ipynb": text()})
    assert bomb.stat().st_size < 2**20
    found = found_in(bomb)
    assert "16 MiB" in found["anna", ""]
    assert found["ben", "00"] == 2
    nested = io.BytesIO()
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("carl.zip", bomb.read_bytes())
    once = zipped(tmp_path / "c.zip", {"c.zip": nested.getvalue()})
    assert "archive in an archive" in next(
        iter(found_in(zipped(tmp_path / "d.zip", {"d.zip": once.read_bytes()})).values())
    )


def test_broken_and_locked_archives_are_refused(tmp_path):
    whole = zipped(tmp_path / "a.zip", {"anna/00.ipynb": text()}).read_bytes()
    write(tmp_path / "s", {"anna/a.zip": b"PK\x03\x04 no", "ben/b.zip": whole[:-40], "carl/c.zip": whole[100:]})
    assert set(found_in(tmp_path / "s").values()) <= {
        "it is no zip archive, or a broken one", "it cannot be unpacked: broken, or with a password"}  # fmt: skip
    damaged = bytearray(whole)
    damaged[60:90] = bytes(30)
    assert "cannot be unpacked" in next(iter(found_in(write(tmp_path / "t", {"anna/a.zip": bytes(damaged)})).values()))


def test_a_notebook_of_200_mb_is_not_read(tmp_path):
    path = tmp_path / "anna" / "00.ipynb"
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(200 * 10**6)
    assert found_in(tmp_path) == {("anna", ""): "the file has 200 MB: clear the outputs and save it again"}
    # A file that cannot be named in a lesson asked for is still somebody's submission.
    assert found_in(tmp_path, "00") == {("anna", "00"): "the file has 200 MB: clear the outputs and save it again"}


def test_names_with_unicode_and_control_characters_are_kept_readable(tmp_path):
    write(tmp_path, {"Ünïcödé 名前 😀/00.ipynb": text(), "a\tb\nc/00.ipynb": text()})
    assert {student for student, _ in found_in(tmp_path)} == {"Ünïcödé 名前 😀", "a b c"}
