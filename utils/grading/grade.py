"""A class: every submission judged once, and everything that is handed back written from the records."""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.grading import cluster, pages, pool, tables
from utils.grading.gradebook import write_gradebook
from utils.grading.judging import Marks, Place
from utils.grading.lessons import Lesson
from utils.grading.results import Record, Store, record, write_json
from utils.grading.sandbox import missing
from utils.grading.submissions import Submission
from utils.grading.task import Task
from utils.notebooks import write_text


class GradingError(Exception):
    """Grading cannot start: one sentence."""


@dataclass(frozen=True)
class Settings:
    """How a class is graded.

    Attributes:
        out: The folder for results.
        place: Limits, and whether there is no sandbox.
        jobs: Submissions at a time.
        seed: Decides the inputs of the checks; drawn, and kept in `out`, if `None`.
        scheduler: Address of a Dask scheduler; this machine alone if `None`.
    """

    out: Path
    place: Place
    jobs: int = 1
    seed: int | None = None
    scheduler: str | None = None


def grade(
    submissions: Sequence[Submission],
    lessons: Mapping[str, Lesson],
    settings: Settings,
    advance: Callable[[int], object] = lambda done: None,
) -> list[Record]:
    """Judges what was not judged before, and writes tables, gradebook and pages.

    Args:
        submissions: What was handed in.
        lessons: The released lessons, by number.
        settings: How.
        advance: Called with the number of submissions that have just been done.

    Returns:
        The records, in the order of the submissions.

    Raises:
        GradingError: If there is no sandbox, or `out` cannot be used.
    """
    if not settings.place.unsafe and settings.scheduler is None and (reason := missing()):
        raise GradingError(
            f"{reason}. Without a sandbox a submission can do what you can: read your files, and send them away. "
            "If you trust everything that was handed in, add --unsafe."
        )
    seed = _seed(settings)
    store = Store(settings.out / "submissions", seed)
    records: dict[int, Record] = {}
    tasks = []
    for key, each in enumerate(submissions):
        lesson = lessons.get(each.lesson)
        known = store.load(each, lesson)
        if known is None and each.refused:
            known = record(each, Marks("refused", each.refused), lesson)
            store.save(each, lesson, known)
        if known is None:
            tasks.append(Task(key, lesson, each.answers, each.helpers, seed))
        else:
            records[key] = known
    advance(len(records))
    run = cluster.run(tasks, settings.scheduler, settings.place) if settings.scheduler else None
    for task, marks in run or pool.run(tasks, settings.jobs, settings.place):
        made = record(submissions[task.key], marks, task.lesson)
        store.save(submissions[task.key], task.lesson, made)
        records[task.key] = made
        advance(1)
    ordered = [records[key] for key in range(len(submissions))]
    write(settings.out, ordered, lessons, seed)
    return ordered


def write(out: Path, records: Sequence[Record], lessons: Mapping[str, Lesson], seed: int) -> None:
    """Writes everything that is handed back."""
    write_json(out / "grades.json", records, seed)
    tables.write_csv(out / "grades.csv", records, lessons)
    tables.write_canvas(out / "canvas.csv", records, lessons)
    pages.write_feedback(out / "feedback", records, lessons)
    pages.write_summary(out / "summary.html", records, lessons)
    write_gradebook(out / "gradebook.db", records, lessons)


def _seed(settings):
    """The seed of this folder: the one that was asked for, else that of the run before, else a new one."""
    path = settings.out / "run.json"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["seed"] if path.exists() else None
    except (ValueError, KeyError, TypeError, OSError):
        raise GradingError(f"{path} is damaged: delete it, or choose another folder with --out") from None
    seed = settings.seed if settings.seed is not None else kept
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    try:
        write_text(path, json.dumps({"seed": seed}) + "\n")
    except OSError as error:
        raise GradingError(f"{settings.out} cannot be written: {error.strerror}") from None
    return seed
