"""How fast a class is graded: submissions a minute, memory of a worker, and nbgrader on the same submissions.

usage: python tests/benchmarks/grading.py LESSON [NUMBER …] [--jobs N] [--nbgrader]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
COURSE = "import sys; sys.argv[0] = 'course'; from utils.cli import app; app()"


def class_of(lesson: str, number: int, folder: Path) -> Path:
    """A class that hands in solutions, every third with one answer missing and one wrong."""
    source = next((ROOT / "solutions").glob(f"{lesson}_*.ipynb"))
    for student in range(number):
        notebook = json.loads(source.read_text(encoding="utf-8"))
        answers = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
        if student % 3 == 2:
            missing, wrong = answers[student % len(answers)], answers[(student + 1) % len(answers)]
            missing["source"] = "pass"
            wrong["source"] = "".join(wrong["source"]).replace("return ", "return None and ")
        path = folder / f"student-{student:03}" / source.stem / source.name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")
    return folder


def peak(stop: threading.Event, found: dict[str, int]) -> None:
    """Keeps the largest resident memory in MiB of a process that judges, and of one that is judged."""
    page = os.sysconf("SC_PAGE_SIZE")
    while not stop.wait(0.2):
        for number in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = Path(f"/proc/{number}/cmdline").read_bytes()
                resident = int(Path(f"/proc/{number}/statm").read_text().split()[1]) * page // 2**20
            except OSError:
                continue
            kind = (
                "judge" if b"utils.grading.pool" in command else "worker" if b"utils.grading.worker" in command else ""
            )
            if kind:
                found[kind] = max(found.get(kind, 0), resident)


def course(*arguments: object) -> None:
    """Runs the `course` command of this clone."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(
        [sys.executable, "-c", COURSE, *map(str, arguments)], check=True, env=environment, stdout=subprocess.DEVNULL
    )


def graded(lesson: str, number: int, jobs: int) -> float:
    """Seconds that `course grade` takes for a class."""
    with tempfile.TemporaryDirectory() as folder:
        submissions = class_of(lesson, number, Path(folder, "class"))
        stop, found = threading.Event(), {}
        watch = threading.Thread(target=peak, args=(stop, found))
        watch.start()
        begin = time.perf_counter()
        course("grade", submissions, "--lesson", lesson, "--jobs", jobs, "--seed", 1, "--out", Path(folder, "out"))
        seconds = time.perf_counter() - begin
        stop.set()
        watch.join()
        states = [r["state"] for r in json.loads(Path(folder, "out", "grades.json").read_text())["submissions"]]
        assert states == ["graded"] * number, states
    memory = ", ".join(f"{kind} {found[kind]} MiB" for kind in sorted(found))
    print(
        f"course grade: {number} × lesson {lesson}: {seconds:.1f} s, {60 * number / seconds:.0f} a minute; {memory}",
        flush=True,
    )
    return seconds


def autograded(lesson: str, number: int) -> float:
    """Seconds that plain `nbgrader autograde` takes for the same class."""
    with tempfile.TemporaryDirectory() as folder:
        course("export-nbgrader", folder, lesson)
        class_of(lesson, number, Path(folder, "submitted"))
        name = next((ROOT / "lessons").glob(f"{lesson}_*.ipynb")).stem
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        begin = time.perf_counter()
        command = [sys.executable, "-m", "nbgrader", "autograde", name]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        seconds = time.perf_counter() - begin
    print(
        f"nbgrader autograde: {number} × lesson {lesson}: {seconds:.1f} s, {60 * number / seconds:.1f} a minute",
        flush=True,
    )
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lesson")
    parser.add_argument("numbers", nargs="*", type=int, default=[10])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--nbgrader", action="store_true", help="compare with nbgrader on the same submissions")
    chosen = parser.parse_args()
    for each in chosen.numbers:
        ours = graded(chosen.lesson, each, chosen.jobs)
        if chosen.nbgrader:
            print(f"{autograded(chosen.lesson, each) / ours:.1f} times as fast as nbgrader", flush=True)
