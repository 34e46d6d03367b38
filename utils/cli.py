"""The `course` command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from utils import cli_grade, cli_train

app = typer.Typer(
    help="Work with the sequence course: check it, see your progress, prepare data, train models, run experiments, "
    "release lessons, grade a class.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Lists the data sets; `course data prepare` prepares them.")
app.add_typer(data, name="data")
app.add_typer(cli_train.train, name="train")
app.command()(cli_train.sample)
app.command()(cli_train.translate)
console = Console()


@app.command()
def doctor() -> None:
    """Tells whether this machine can run the course, and what to do where it cannot."""
    from utils.doctor import findings

    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    with console.status("Looking at Python, packages and devices (TensorFlow takes some seconds) …"):
        rows = findings()
    for finding in rows:
        table.add_row(finding.mark, finding.what, finding.found, finding.advice)
    console.print(table)
    missing = [finding for finding in rows if finding.required and not finding.well]
    if missing:
        console.print(f"\n{len(missing)} thing(s) to mend before the lessons run.")
        raise typer.Exit(1)
    console.print("\nThe lessons run here.")


@app.command()
def progress(
    folder: Annotated[Path, typer.Argument(help="Where your lessons are.")] = Path("lessons"),
) -> None:
    """Shows which exercises are solved, read from the saved outputs of your lessons."""
    from utils.notebooks import NotebookError
    from utils.progress import tally

    if not folder.is_dir():
        _stop(f"there is no folder {folder}: run this in the course's folder, or name the folder of your lessons")
    table = Table(box=None, pad_edge=False)
    for heading in ("lesson", "solved", "points", "exercises"):
        table.add_column(heading)
    for path in sorted(folder.glob("*.ipynb")):
        try:
            row = tally(path)
        except NotebookError as error:
            _stop(str(error))
        table.add_row(path.stem, f"{row.solved} of {row.exercises}", f"{row.points:g} of {row.max_points:g}", row.marks)
    if not table.row_count:
        _stop(f"there is no notebook in {folder}")
    console.print(table)
    console.print("✓ solved   ✗ not right yet   … not solved or not run   (save a notebook to have it counted)")


@data.callback(invoke_without_command=True)
def list_data(context: typer.Context) -> None:
    """Lists the data sets, embedded and public: their sizes, and whether they are prepared."""
    if context.invoked_subcommand:
        return
    from utils.datasets import builders, overview

    table = Table(box=None, pad_edge=False)
    table.add_column("data set", no_wrap=True)
    for heading in ("train", "validation", "test"):
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    table.add_column("state", no_wrap=True)
    for entry in overview.entries():
        examples = [f"{number:,}" for number in entry.examples.values()] if entry.examples else [""] * 3
        state = "prepared" if entry.prepared else "at first use" if entry.kind == "made here" else "download"
        size = "" if entry.size is None else f" ({entry.size / 1e6:.1f} MB)"
        table.add_row(entry.name, *examples, state + size)
    console.print(table)
    console.print(f"\nPrepared sets lie in {builders.root()}. To prepare one: course data prepare NAME", soft_wrap=True)


@data.command("prepare")
def prepare_data(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Names that `course data` lists.")],
    manual_dir: Annotated[Path | None, typer.Option(help="Folder with the files of a public set.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds without progress until a download is given up.")] = 20.0,
) -> None:
    """Prepares data sets: makes embedded ones, and reads public ones from files or downloads them."""
    from utils.datasets import PublicDataUnavailable, overview
    from utils.runtime import quiet_tensorflow

    for name in names:
        if name not in overview.names():
            _stop(f"there is no data set {name!r}; there are: {', '.join(overview.names())}")
    quiet_tensorflow()
    failed = False
    for name in names:
        try:
            entry = overview.prepare(name, manual_dir=manual_dir, wait=wait)
        except (PublicDataUnavailable, OSError) as error:
            failed = True
            Console(stderr=True).print(str(error), soft_wrap=True, markup=False)
        else:
            total = sum(entry.examples.values())
            console.print(f"{name}: prepared, {total:,} examples, {entry.size / 1e6:.1f} MB", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def experiment(
    name: Annotated[str | None, typer.Argument(help="Which; without a name they are listed.")] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, with commas between them; each is a run of its own.")] = "0,1,2",
    out: Annotated[Path | None, typer.Option(help="The CSV to write; by default NAME.csv, here.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Replace the result that comes with the course.")] = False,
) -> None:
    """Runs an experiment of a lesson again: several seeds, minutes; the result is a small CSV."""
    from utils import experiments
    from utils.runtime import quiet_tensorflow

    if name is None:
        table = Table(box=None, pad_edge=False)
        for heading in ("experiment", "question", "stored result"):
            table.add_column(heading, no_wrap=heading == "experiment")
        for each in experiments.EXPERIMENTS.values():
            found = experiments.path(each.name)
            table.add_row(each.name, each.question, str(experiments.stored(each.name)) if found.exists() else "none")
        console.print(table)
        return
    try:
        chosen = experiments.find(name)
        numbers = [int(seed) for seed in seeds.split(",")]
    except ValueError as error:
        _stop(str(error) if name not in experiments.EXPERIMENTS else f"seeds is {seeds!r}; write it like 0,1,2")
    target = experiments.path(name) if store else out or Path(f"{name}.csv")
    if target.is_dir() or not target.parent.is_dir():
        _stop(f"{target} cannot be written: name a file in a folder that exists")
    quiet_tensorflow()
    console.print(chosen.question)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"{len(numbers)} seeds", total=chosen.work(chosen.settings) * len(numbers))
        try:
            result = experiments.run(name, numbers, lambda units: bar.advance(task, units))
        except ValueError as error:
            _stop(str(error))
    experiments.write(target, result)
    console.print(f"wrote {target} ({len(result.rows)} rows, {result.minutes:g} minutes)", soft_wrap=True)


@app.command()
def release(
    lessons: Annotated[list[str] | None, typer.Argument(help="Numbers, like 02; all if none is given.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; tell what is out of date.")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="Run the solutions first and store outputs.")] = False,
) -> None:
    """Makes lessons/ from solutions/: answers out, badge, set-up cell and points in."""
    from utils import release as releasing
    from utils.notebooks import NotebookError
    from utils.runtime import quiet_tensorflow

    quiet_tensorflow()  # some checks need Keras to make their cases
    try:
        if check:
            found = releasing.problems()
            for sentence in found:
                console.print(sentence, soft_wrap=True)
            if found:
                raise typer.Exit(1)
            console.print("Every lesson is what its solution releases.")
            return
        paths = releasing.solutions()
        for number in lessons or []:
            if not any(path.name.startswith(f"{number}_") for path in paths):
                listed = ", ".join(path.name[:2] for path in paths) or "none"
                _stop(f"there is no solution {number!r}; there are: {listed}")
        for path in paths:
            if lessons and path.name[:2] not in lessons:
                continue
            with console.status(f"{path.name}: {'running and releasing' if execute else 'releasing'} …"):
                changed = releasing.release(path, run=execute)
            names = ", ".join(str(target.relative_to(releasing.ROOT)) for target in changed)
            console.print(f"{path.name}: {f'wrote {names}' if changed else 'nothing to change'}", soft_wrap=True)
    except (releasing.CourseError, NotebookError) as error:
        _stop(str(error))


app.command()(cli_grade.grade)
app.command("export-nbgrader")(cli_grade.export_nbgrader)


def _stop(sentence: str) -> None:
    """Ends the command with one sentence on stderr and exit code 1."""
    Console(stderr=True).print(sentence, soft_wrap=True, markup=False)
    raise typer.Exit(1)
