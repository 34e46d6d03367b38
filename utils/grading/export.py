"""A standard nbgrader course made from this one, for teachers who grade with nbgrader or JupyterHub."""

import secrets
from collections.abc import Sequence
from pathlib import Path

import nbformat

from utils.grading.lessons import ROOT
from utils.notebooks import read, write_text
from utils.release import CourseError, repository_address, solutions, stamp

CONFIG = '''\
"""Settings of nbgrader for the sequence course, made by `course export-nbgrader`."""

from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, ComputeChecksums, LockCells, SaveCells

from utils.release import ClearAnswers, ForLearners

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "sequence-course"
c.CourseDirectory.root = {root!r}
c.Exchange.root = {exchange!r}  # where JupyterHub's users hand in; make it a folder that all of them can write
# The course's own steps, so that the released notebooks are those in lessons/.
c.GenerateAssignment.preprocessors = [
    LockCells, ClearAnswers, ClearOutput, ForLearners, CheckCellMetadata, ComputeChecksums, SaveCells, CheckCellMetadata
]
c.ForLearners.enabled = True
# Lessons train small networks, some for a minute.
c.Execute.timeout = 600
# nbgrader gives full points to a check that did not run. This tag, which nobody knows, keeps submissions from skipping.
c.Execute.skip_cells_with_tag = {tag!r}
'''


def export(folder: Path, numbers: Sequence[str] = (), root: Path = ROOT) -> list[str]:
    """Lays out a course: settings, `source/`, `release/`, and the gradebook that `nbgrader autograde` needs.

    Args:
        folder: Where to. Settings that are there are kept.
        numbers: Lessons, by their two digits; all if empty.
        root: The clone of the course.

    Returns:
        The names of the assignments.

    Raises:
        CourseError: If this is no clone, there is no such lesson, or nbgrader does not take one.
    """
    known = {path.name[:2]: path for path in solutions(root)}
    for number in numbers:
        if number not in known:
            raise CourseError(f"there is no lesson {number!r}; there are: {', '.join(known) or 'none'}")
    address = repository_address(root)
    config = folder / "nbgrader_config.py"
    if not config.exists():
        exchange = folder.absolute() / "exchange"
        exchange.mkdir(parents=True, exist_ok=True)
        tag = f"skip-{secrets.token_hex(8)}"
        write_text(config, CONFIG.format(root=str(folder.absolute()), exchange=str(exchange), tag=tag))
    names = []
    for number in numbers or known:
        notebook = stamp(read(known[number]), known[number], address)
        name = known[number].stem
        write_text(folder / "source" / name / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
        names.append(name)
    _release(folder, config, names)
    return names


def _release(folder, config, names):
    """Has nbgrader release the assignments, which enters them into its gradebook."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    api = NbGraderAPI(config=PyFileConfigLoader(config.name, path=str(folder.absolute())).load_config())
    for name in names:
        result = api.generate_assignment(name, force=True)
        if not result["success"]:
            raise CourseError(f"nbgrader does not release {name}: {result.get('error') or result.get('log')}")
