"""A class is graded once, completely, and the same way every time; what goes wrong is named and is nobody's zero."""

import csv
import html.parser
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from grading_fixtures import ROOT, lesson, require_sandbox, solution
from test_grading_submissions import released, text
from typer.testing import CliRunner

from utils.cli import app
from utils.grading import grade as grading
from utils.grading import pool, tables
from utils.grading.grade import GradingError, Settings, grade
from utils.grading.judging import Mark, Marks, Place
from utils.grading.pages import write_feedback, write_summary
from utils.grading.results import Record, file_name
from utils.grading.sandbox import Limits
from utils.grading.submissions import collect

pytestmark = pytest.mark.slow  # judges classes, in sandboxes

LESSONS = {"00": lesson("00")}
WRONG = {"0.1": "def double(x):\n    return x * x"}


def notebook(changed=None):
    made = released()
    for cell in made["cells"]:
        number = cell["id"].removeprefix("answer-").replace("-", ".")
        cell["source"] = (changed or {}).get(number, cell["source"])
    return json.dumps(made).encode()


def write(folder, files):
    for student, data in files.items():
        path = folder / student / "00_start_here.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    """A class: right, wrong, hostile, unreadable, empty."""
    folder = tmp_path_factory.mktemp("class")
    write(
        folder,
        {
            "anna": text(),
            "ben": notebook(WRONG),
            "carl": notebook({"0.1": "import os\nos._exit(0)"}),
            "dora <b>&": b"{",
            "=emil": notebook(LESSONS["00"].stubs),
        },
    )
    (folder / "fred").mkdir()
    return folder


@pytest.fixture(scope="module")
def out(class_folder, tmp_path_factory):
    """What grading the class gives, once for all tests that read it."""
    require_sandbox()
    folder = tmp_path_factory.mktemp("out")
    settings = Settings(folder, Place(), jobs=2, seed=7)
    grade(collect(class_folder, LESSONS), LESSONS, settings)
    return folder


def by_student(out):
    content = json.loads((out / "grades.json").read_text(encoding="utf-8"))
    return {each["student"]: each for each in content["submissions"]}


def test_every_submission_has_a_state_and_its_points(out):
    found = {student: (r["state"], r["points"], r["max_points"]) for student, r in by_student(out).items()}
    assert found == {
        "=emil": ("graded", 0, 6),
        "anna": ("graded", 6, 6),
        "ben": ("graded", 3, 6),
        "carl": ("graded", 3, 6),
        "dora <b>&": ("refused", 0, 6),
        "fred": ("refused", 0, 0),
    }
    assert "not valid JSON" in by_student(out)["dora <b>&"]["reason"]
    assert "no notebook" in by_student(out)["fred"]["reason"]


def test_the_hint_that_a_learner_gets_is_the_notebooks_own(out):
    from utils.checks import check

    hint = by_student(out)["ben"]["exercises"][0]["hint"]
    assert hint == check("0.1", lambda x: x * x, seed=7).failure.hint


def test_the_tables_are_safe_for_spreadsheets_and_fit_canvas(out):
    rows = list(csv.DictReader((out / "grades.csv").open(encoding="utf-8")))
    graded = [" ".join((r["student"], r["points"], r["0.1"], r["0.2"])) for r in rows if r["state"] == "graded"]
    assert graded == ["'=emil 0 0 0", "anna 6 3 3", "ben 3 0 3", "carl 3 0 3"]
    canvas = list(csv.reader((out / "canvas.csv").open(encoding="utf-8")))
    assert canvas[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "00_start_here"]
    assert canvas[1] == ["Points Possible", "", "", "", "", "6"]
    assert [row[5] for row in canvas[2:]] == ["0", "6", "3", "3", "", ""]


def test_the_gradebook_opens_in_nbgrader_and_keeps_what_was_added_by_hand(out, class_folder):
    from nbgrader.api import Gradebook

    url = f"sqlite:///{out / 'gradebook.db'}"
    with Gradebook(url) as book:
        scores = {s.student.id: s.score for s in book.assignment_submissions("00_start_here")}
        assert scores == {"=emil": 0, "anna": 6, "ben": 3, "carl": 3, "dora <b>&": 0}
        assert book.find_assignment("00_start_here").max_score == 6
        assert book.find_submission("00_start_here", "dora <b>&").needs_manual_grade
        assert not book.find_submission("00_start_here", "ben").needs_manual_grade
        given = book.find_grade("check-0-1", "00_start_here", "00_start_here", "ben")
        given.manual_score = 2
        book.db.commit()
    grade(collect(class_folder, LESSONS), LESSONS, Settings(out, Place(), seed=7))
    with Gradebook(url) as book:
        assert book.find_submission("00_start_here", "ben").score == 5
        book.find_grade("check-0-1", "00_start_here", "00_start_here", "ben").manual_score = None
        book.db.commit()


class Outside(html.parser.HTMLParser):
    """Collects the tags of a page, and addresses that it would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.loads = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loads += [value for name, value in attributes if name in ("src", "href")]


def test_the_pages_need_nothing_else_and_show_nothing_as_code(out):
    pages = {
        path.name: path.read_text(encoding="utf-8") for path in [*(out / "feedback").iterdir(), out / "summary.html"]
    }
    assert len(pages) == 7
    for page in pages.values():
        parser = Outside()
        parser.feed(page)
        assert not parser.loads
        assert not {"script", "iframe", "img", "link"} & set(parser.tags)
        assert "default-src 'none'" in page
    assert "<h1>dora &lt;b&gt;&amp;</h1>" in pages[f"{file_name('dora <b>&')}.html"]
    mine = pages[f"{file_name('ben')}.html"]
    assert "3 of 6 points" in mine
    assert "Hint:" in mine
    assert "anna" not in mine
    summary = pages["summary.html"]
    assert "Hints given most often" in summary
    assert "Mean 3.0, median 3, from 0 to 6, of 6 points" in summary


def snapshot(out):
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.suffix != ".db"
    }


def rows_of(out):
    """What the gradebook says, without its own identifiers."""
    with sqlite3.connect(out / "gradebook.db") as book:
        query = """select student_id, base_cell.name, auto_score, needs_manual_grade from grade
            join submitted_notebook on grade.notebook_id = submitted_notebook.id
            join submitted_assignment on assignment_id = submitted_assignment.id
            join base_cell on cell_id = base_cell.id order by 1, 2"""
        return book.execute(query.replace("assignment_id =", "submitted_notebook.assignment_id =")).fetchall()


def test_grading_again_judges_nothing_and_changes_nothing(out, class_folder, monkeypatch):
    before, book = snapshot(out), rows_of(out)
    given = []
    monkeypatch.setattr(pool, "run", lambda tasks, jobs, place: given.extend(tasks) or iter(()))
    grade(collect(class_folder, LESSONS), LESSONS, Settings(out, Place()))  # the seed is kept in the folder
    assert given == []
    assert snapshot(out) == before
    assert rows_of(out) == book


def test_grading_elsewhere_gives_the_same_marks(out, class_folder, tmp_path):
    grade(collect(class_folder, LESSONS), LESSONS, Settings(tmp_path, Place(), jobs=1, seed=7))
    assert snapshot(tmp_path) == snapshot(out)


def test_a_changed_answer_and_another_seed_are_judged_again(out, class_folder, tmp_path, monkeypatch):
    given = []
    out = shutil.copytree(out, tmp_path / "out")  # it is written to, and other tests read the one that all share

    def run(tasks, jobs, place):
        given.append([task.answers["0.1"] for task in tasks])
        return iter([(task, Marks("error", "not run")) for task in tasks])

    monkeypatch.setattr(pool, "run", run)
    monkeypatch.setattr(grading, "write", lambda *arguments: None)
    submissions = collect(class_folder, LESSONS)
    changed = [
        s if s.student != "ben" else type(s)(**{**vars(s), "answers": s.answers | {"0.1": "new"}}) for s in submissions
    ]
    grade(changed, LESSONS, Settings(out, Place()))
    assert given.pop() == ["new"]
    (out / "run.json").write_text('{"seed": 7}\n')
    grade(submissions, LESSONS, Settings(out, Place(), seed=8))
    assert len(given.pop()) == 4
    (out / "run.json").write_text('{"seed": 7}\n')


# What goes wrong in the grader.


def fails(task, place, libraries):
    raise AssertionError("never called")


def test_an_error_of_the_grader_is_nobodys_mark(tmp_path, class_folder, monkeypatch):
    def run(tasks, jobs, place):
        for task in tasks:
            yield task, Marks("error", "the process that judged it ended")

    monkeypatch.setattr(pool, "run", run)
    monkeypatch.setattr(grading, "missing", lambda: None)
    records = grade(collect(class_folder / "anna", LESSONS), LESSONS, Settings(tmp_path, Place(), seed=1))
    assert [(r.state, r.points) for r in records] == [("error", None)]
    assert not list((tmp_path / "submissions").glob("*"))  # tried again next time
    row = next(csv.DictReader((tmp_path / "grades.csv").open()))
    assert (row["state"], row["points"]) == ("error", "")
    assert "not your fault" in next((tmp_path / "feedback").iterdir()).read_text()


def test_a_process_that_judges_is_replaced_when_it_ends_or_hangs(monkeypatch):
    require_sandbox()
    started = []

    class Judge(pool.Judge):
        def __init__(self, place):
            super().__init__(place)
            started.append(self)

    monkeypatch.setattr(pool, "Judge", Judge)
    tasks = [grading.Task(key, LESSONS["00"], solution("00"), (), 1) for key in range(3)]
    run = pool.run(tasks, 1, Place())
    _, marks = next(run)
    assert marks.state == "graded"
    started[-1].process.send_signal(signal.SIGKILL)
    assert [m.state for _, m in run] == ["graded", "graded"]
    assert len(started) == 2
    monkeypatch.setattr(pool, "SPARE", -Limits.seconds)
    endless = "def double(x):\n while True:\n  try:\n   while True: pass\n  except BaseException: pass"
    late = list(pool.run([grading.Task(0, LESSONS["00"], {"0.1": endless}, (), 1)], 1, Place()))
    assert [(m.state, m.reason) for _, m in late] == [("error", "the process that judged it took too long")]


def test_without_a_sandbox_nothing_is_graded_unless_asked(tmp_path, class_folder, monkeypatch):
    monkeypatch.setattr(grading, "missing", lambda: "the program bwrap is missing")
    submissions = collect(class_folder / "anna", LESSONS)
    with pytest.raises(GradingError, match=r"bwrap is missing.*--unsafe"):
        grade(submissions, LESSONS, Settings(tmp_path, Place()))
    records = grade(submissions, LESSONS, Settings(tmp_path, Place(unsafe=True), seed=1))
    assert [r.points for r in records] == [6]


def test_a_damaged_folder_of_results_is_told(tmp_path, class_folder):
    require_sandbox()
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(GradingError, match="damaged"):
        grade(collect(class_folder / "anna", LESSONS), LESSONS, Settings(tmp_path, Place()))


# Pages and tables of any class.


def made(student, points, hint="Look here.", state="graded", number="00"):
    states = {3: ("passed", "")}
    marks = tuple(
        Mark(number, f"Title {number}", p, 3, *states.get(p, ("failed", hint)), "said", (), "<p>x</p>")
        for number, p in zip(("0.1", "0.2"), points, strict=True)
    )
    return Record(student, "", number, "f.ipynb", state, "", sum(points), 6, marks)


def test_the_summary_ranks_hints_and_counts_exercises(tmp_path):
    records = [made(f"s{n}", (3, 0), "The *first* hint") for n in range(5)] + [
        made("t", (0, 3), "Another"),
        made("u", (3, 3)),
    ]
    write_summary(tmp_path / "s.html", records, LESSONS)
    page = (tmp_path / "s.html").read_text()
    assert page.index("The <em>first</em> hint") < page.index("Another")
    assert "7 submissions: 7 graded" in page
    assert '<td>0.1 Title 0.1</td><td class="n">6</td><td class="n">1</td>' in page


def test_students_with_one_name_have_pages_and_lines_of_their_own(tmp_path):
    pair = [Record(**{**vars(made("Kim", (p, 0))), "login": str(n)}) for n, p in enumerate((0, 3))]
    assert len({path.name for path in write_feedback(tmp_path, pair, LESSONS)}) == 2
    tables.write_canvas(tmp_path / "c.csv", pair, LESSONS)
    assert [(row[1], row[5]) for row in list(csv.reader((tmp_path / "c.csv").open()))[2:]] == [("0", "0"), ("1", "3")]


# The command.


def course(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_tells_what_it_did(class_folder, tmp_path):
    require_sandbox()
    done = course("grade", class_folder, "--lesson", "00", "--jobs", "1", "--seed", "7", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert re.search(r"00 +graded +4 +3\.0 of 6", done.output)
    assert re.search(r"00 +refused +2", done.output)


def test_the_command_says_nothing_of_tensorflows_own(tmp_path):
    require_sandbox()
    (tmp_path / "anna").mkdir()
    shutil.copy(ROOT / "solutions" / "02_recurrent_networks.ipynb", tmp_path / "anna")
    environment = {**{k: v for k, v in os.environ.items() if not k.startswith("TF_")}, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", COMMAND, "grade", tmp_path, "--lesson", "02", "--out", tmp_path / "out"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no nowhere"),
        ([".", "--lesson", "77"], "there is no lesson '77'"),
        ([ROOT / "docs", "--lesson", "00", "--out", "/proc/no"], "there is no submission in"),
    ],
)
def test_the_command_stops_with_one_sentence(arguments, message):
    done = course("grade", *arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert "Traceback" not in done.output


# A run that is killed.

COMMAND = "import sys; sys.argv[0] = 'course'; from utils.cli import app; app()"


def killed_and_resumed(students, moments, tmp_path):
    """Results of a run that is killed at some moments, and of one that is not."""
    answers = [None, WRONG, {"0.1": "import os\nos._exit(0)"}, {"0.2": "def row_means(X): return X"}]
    folder = write(tmp_path / "class", {f"s{n:03}": notebook(answers[n % 4]) for n in range(students)})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = [sys.executable, "-c", COMMAND, "grade", str(folder), "--seed", "5", "--jobs", "2", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, str(whole)], check=True, env=environment, capture_output=True)
    started = time.monotonic()
    done = 0
    for share in moments:
        process = subprocess.Popen([*command, str(broken)], env=environment, stdout=subprocess.DEVNULL)
        while process.poll() is None and done < share * students:
            done = len(list((broken / "submissions").glob("*.json")))
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert time.monotonic() - started < 500
    assert 0 < done < students
    subprocess.run([*command, str(broken)], check=True, env=environment, capture_output=True)
    return whole, broken


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path):
    require_sandbox()
    whole, broken = killed_and_resumed(12, (0.1, 0.6), tmp_path)
    assert snapshot(broken) == snapshot(whole)
    assert rows_of(broken) == rows_of(whole)


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_a_run_of_a_hundred_that_is_killed_five_times_gives_the_same(tmp_path):
    require_sandbox()
    moments = sorted(random.Random().uniform(0, 0.95) for _ in range(5))
    whole, broken = killed_and_resumed(100, moments, tmp_path)
    assert snapshot(broken) == snapshot(whole)
    assert rows_of(broken) == rows_of(whole)


# A cluster.


def test_a_cluster_gives_the_same_marks(out, class_folder, tmp_path):
    pytest.importorskip("distributed")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    address = tmp_path / "scheduler.json"
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(address), "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(address), "--nthreads", "1",
              "--no-dashboard"]  # fmt: skip
    processes = [subprocess.Popen([*dask, "--port", "0"], **quiet)]
    try:
        until = time.monotonic() + 60
        while not address.exists() and time.monotonic() < until:
            time.sleep(0.1)
        processes += [subprocess.Popen(worker, **quiet) for _ in range(2)]
        scheduler = json.loads(address.read_text())["address"]
        settings = Settings(tmp_path / "out", Place(), seed=7, scheduler=scheduler)
        grade(collect(class_folder, LESSONS), LESSONS, settings)
        assert snapshot(tmp_path / "out") == snapshot(out)
    finally:
        for process in processes[::-1]:
            process.terminate()
        for process in processes:
            process.wait(20)


def test_a_cluster_without_its_package_is_told(class_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = course("grade", class_folder, "--scheduler", "tcp://127.0.0.1:1", "--out", tmp_path)
    assert done.exit_code == 1
    assert "sequence-course[cluster]" in done.output


# nbgrader.


def scores(folder, assignment):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        return {s.student.id: s.score for s in book.assignment_submissions(assignment)}


def exported(tmp_path, number):
    """A course for nbgrader with a solution and a blank lesson handed in; the name of the assignment."""
    done = course("export-nbgrader", tmp_path, number)
    assert done.exit_code == 0, done.output
    name = lesson(number).name
    submissions = {
        "solution": ROOT / "solutions" / f"{name}.ipynb",
        "blank": tmp_path / "release" / name / f"{name}.ipynb",
    }
    for student, source in submissions.items():
        target = tmp_path / "submitted" / student / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_bytes(source.read_bytes())
    return name


def autograde(folder, name):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "nbgrader", "autograde", name]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("number", ["00", pytest.param("03", marks=pytest.mark.nightly)])
def test_plain_nbgrader_gives_a_solution_every_point_and_a_blank_lesson_none(number, tmp_path):
    name = exported(tmp_path, number)
    released_there = (tmp_path / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8")
    ours = json.loads((ROOT / "lessons" / f"{name}.ipynb").read_text(encoding="utf-8"))
    theirs = json.loads(released_there)
    assert [c["source"] for c in theirs["cells"]] == [c["source"] for c in ours["cells"]]
    autograde(tmp_path, name)
    assert scores(tmp_path, name) == {"solution": lesson(number).total, "blank": 0}
