"""The commands for teachers: `course grade` and `course export-nbgrader`."""

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console()


def grade(
    submissions: Annotated[
        Path, typer.Argument(help="A folder of students, a zip, a download of Canvas or Moodle, or clones.")
    ],
    lesson: Annotated[str | None, typer.Option(help="Two digits, like 02; every lesson if left out.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Submissions at a time; by default one a core.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Decides the checks' inputs; drawn once if left out.", min=0)] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("grades"),
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler, like tcp://10.0.0.1:8786.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds that one submission may take.", min=1)] = 300,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Run without a sandbox: only what you trust.")] = False,
) -> None:
    """Grades a class: runs the checks from outside, on answers in a sandbox, and writes what to hand back.

    The same command again goes on where it was stopped, and changes nothing that is done.
    """
    from utils.grading import lessons
    from utils.grading.grade import GradingError, Settings
    from utils.grading.grade import grade as grade_all
    from utils.grading.judging import Place
    from utils.grading.sandbox import Limits
    from utils.grading.submissions import SubmissionsError, collect

    try:
        known = {number: lessons.find(number) for number in (lessons.numbers() or [""])}
        if lesson is not None:
            lessons.find(lesson)
        with console.status("Reading the submissions …"):
            found = collect(submissions, known, lesson)
        place = Place(limits=Limits(seconds=time_limit), unsafe=unsafe, hidden=(submissions.absolute(), out.absolute()))
        settings = Settings(out, place, jobs or os.cpu_count() or 1, seed, scheduler)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("Grading", total=len(found))
            records = grade_all(found, known, settings, lambda done: bar.advance(task, done))
    except (GradingError, SubmissionsError, lessons.NoLessonError) as error:
        _stop(str(error))
    except ImportError as error:
        _stop(f"{error.name} is not installed: {_advice(error.name)}")
    except OSError as error:
        _stop(f"grading stopped: {error}")
    except KeyboardInterrupt:
        _stop("stopped: the same command goes on from here")
    table = Table(box=None, pad_edge=False)
    for heading in ("lesson", "state", "submissions", "mean points"):
        table.add_column(heading, justify="right" if heading in ("submissions", "mean points") else "left")
    for (number, state), count in sorted(Counter((r.lesson, r.state) for r in records).items()):
        points = [
            r.points for r in records if (r.lesson, r.state) == (number, state) and state in ("graded", "timeout")
        ]
        mean = f"{sum(points) / len(points):.1f} of {known[number].total}" if points else ""
        table.add_row(number or "unknown", state, str(count), mean)
    console.print(table)
    console.print(
        f"\n{out}: summary.html · feedback/ · grades.csv · canvas.csv · grades.json · gradebook.db", soft_wrap=True
    )
    if any(r.state == "error" for r in records):
        _stop("The grader failed on some submissions (state error): they have no mark. Run the same command again.")


def export_nbgrader(
    folder: Annotated[Path, typer.Argument(help="The folder of the new course.")],
    lessons: Annotated[list[str] | None, typer.Argument(help="Numbers, like 02; all if none is given.")] = None,
) -> None:
    """Makes a standard nbgrader course, for teachers who grade with nbgrader or JupyterHub."""
    from utils.notebooks import NotebookError
    from utils.runtime import quiet_tensorflow

    quiet_tensorflow()  # some checks need Keras to make their cases
    try:
        from utils.grading.export import export
        from utils.release import CourseError
    except ImportError as error:
        _stop(f"{error.name} is not installed: {_advice(error.name)}")
    try:
        with console.status("Releasing with nbgrader …"):
            names = export(folder, lessons or [])
    except (CourseError, NotebookError) as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{folder} cannot be written: {error.strerror}")
    console.print(f"{folder}: {', '.join(names)}", soft_wrap=True)
    console.print(
        "Put submissions into submitted/STUDENT/ASSIGNMENT/, then run in that folder: nbgrader autograde ASSIGNMENT"
    )


def _advice(module: str | None) -> str:
    """How to get a module that is missing."""
    return (
        "pip install 'sequence-course[cluster]'"
        if module in ("distributed", "dask")
        else "pip install -r requirements.txt"
    )


def _stop(sentence: str) -> None:
    """Ends the command with one sentence on stderr and exit code 1."""
    Console(stderr=True).print(sentence, soft_wrap=True, markup=False)
    raise typer.Exit(1)
