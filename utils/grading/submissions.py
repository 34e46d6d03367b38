"""Submissions in whatever form they come: folders by student, a zip, downloads of Canvas and Moodle, clones.

Nothing is unpacked. An archive's files are read one by one, so that no name in it can lead anywhere.
"""

import io
import itertools
import os
import re
import stat
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from utils.grading import notebooks
from utils.grading.lessons import Lesson
from utils.grading.notebooks import MOST_BYTES, Refused
from utils.grading.wire import clean

CANVAS = re.compile(r"(?P<student>[^_/]+)(?:_LATE)?_(?P<id>\d+)_\d+_(?P<file>.+)")
MOODLE = re.compile(r"(?P<student>[^/]+?)_(?P<id>\d+)_assignsubmission_file_?/?(?P<file>.*)")
ONLINE_TEXT = re.compile(r"_assignsubmission_onlinetext_?(/|$)")
SKIPPED = {".ipynb_checkpoints", ".git", "__MACOSX", "solutions", "node_modules", ".venv"}
MOST_FILES = 50_000
LINK = "it is a link to somewhere else"
MOST_DEPTH = 2  # a zip in a zip


class SubmissionsError(Exception):
    """There is nothing to grade: one sentence."""


@dataclass(frozen=True)
class Found:
    """A file that somebody handed in.

    Attributes:
        path: Where it stood below the submissions, with `/`.
        load: Reads its content; raises `Refused`. `None` for what is no notebook.
    """

    path: str
    load: Callable[[], bytes] | None = None


def _refused(path: str, why: str) -> Found:
    """A file that is not read."""

    def load() -> bytes:
        raise Refused(why)

    return Found(path, load)


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one lesson.

    Attributes:
        student: The student's name, or name of account.
        lesson: The lesson's two digits; empty if it is not known.
        file: The notebook's path below the submissions.
        answers: Source of each answer's cell, by exercise.
        helpers: Imports and definitions outside the answers.
        refused: Why it cannot be graded; empty if it can.
        login: The number that Canvas or Moodle gave the student.
    """

    student: str
    lesson: str
    file: str
    answers: dict[str, str] = field(default_factory=dict)
    helpers: tuple[str, ...] = ()
    refused: str = ""
    login: str = ""


def collect(path: Path, lessons: dict[str, Lesson], only: str | None = None) -> list[Submission]:
    """Everything that was handed in, in the order of students and lessons.

    Args:
        path: A folder, a zip, or a notebook.
        lessons: The lessons that can be graded.
        only: Grade this lesson alone.

    Raises:
        SubmissionsError: If there is nothing.
    """
    if not path.exists():
        raise SubmissionsError(f"there is no {path}")
    by_student: dict[tuple[str, str], list[Found]] = defaultdict(list)
    names = _Names(list(_files(path)))
    for found in names.files:
        student, login, file = names.split(found.path)
        if student:
            by_student[student, login].append(Found(file, found.load))
    if not by_student:
        raise SubmissionsError(f"there is no submission in {path}")
    collected = []
    for (student, login), files in sorted(by_student.items()):
        collected += _of_student(student, login, files, lessons, only)
    return collected


def _of_student(student, login, files, lessons, only):
    """The submissions of a student: one a lesson."""
    read: dict[str, list[tuple[Found, dict, tuple, str]]] = defaultdict(list)
    for found in files:
        if found.load is None:
            continue
        lesson, answers, helpers, refused = "", {}, (), ""
        try:
            cells = notebooks.read(found.load())
            lesson = notebooks.lesson_of(cells, found.path) or ""
            if lesson not in lessons:
                raise Refused(f"it is no lesson of this course{f' ({lesson})' if lesson else ''}")
            answers = notebooks.answers(cells, lessons[lesson])
            helpers = notebooks.helpers(cells, lessons[lesson], answers)
        except Refused as why:
            refused = str(why)
            lesson = lesson or notebooks.lesson_of([], found.path) or ""
        read[lesson if lesson in lessons else ""].append((found, answers, helpers, refused))
    if only:
        others = [lesson for lesson in read if lesson and lesson != only]
        unreadable = read.pop("", [])
        read = {only: read.get(only, []) or unreadable}
        if not read[only] and others:
            why = f"it is lesson {', '.join(sorted(others))}, not lesson {only}"
            return [Submission(student, only, "", refused=why, login=login)]
    elif len(read) > 1:
        read.pop("", None)  # a stray file beside notebooks that can be graded
    if not any(read.values()):
        return [Submission(student, only or "", "", refused="there is no notebook in it", login=login)]
    return [
        Submission(student, lesson, *_one(versions, lessons.get(lesson)), login=login)
        for lesson, versions in sorted(read.items())
    ]


def _one(versions, lesson):
    """The notebook that counts: one that can be graded, under the lesson's own name, else the last."""

    def rank(version):
        found, _, _, refused = version
        name = found.path.rpartition("/")[2]
        return not refused, lesson is not None and name == f"{lesson.name}.ipynb", _natural(found.path)

    found, answers, helpers, refused = max(versions, key=rank)
    return found.path, answers, helpers, refused


def _natural(text):
    """Sorts numbers in names by their value: 9 before 10."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", text)]


class _Names:
    """Who handed a file in, from where it stands."""

    def __init__(self, files: list[Found]) -> None:
        self.files = files
        paths = [found.path for found in files]
        self.flat = [p for p in paths if "/" not in p and p.lower().endswith(".ipynb")]
        tops = {path.split("/")[0] for path in paths}
        below = {path.split("/")[1] for path in paths if path.count("/") > 1}
        direct = any(path.count("/") == 1 for path in paths)
        # one folder around everything: the folder of a zip, or of all clones
        self.around = f"{tops.pop()}/" if len(tops) == 1 and not direct and len(below) > 1 and not self.flat else ""
        first = sorted({self._inner(path).split("/")[0] for path in paths if "/" in self._inner(path)})
        clones = [name for name in first if any(p.startswith(f"{self.around}{name}/lessons/") for p in paths)]
        same = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*clones, strict=False))
        common = "".join(letters[0] for letters in same) if len(clones) > 1 else ""
        self.prefix = common[: common.rfind("-") + 1]

    def _inner(self, path):
        return path.removeprefix(self.around)

    def split(self, path: str) -> tuple[str, str, str]:
        """Student, number of the student, and the file; no student for what nobody handed in."""
        inner = self._inner(path)
        top, _, rest = inner.partition("/")
        if ONLINE_TEXT.search(inner):
            return "", "", ""
        for pattern in (MOODLE, CANVAS):
            match = pattern.fullmatch(top) if not rest else pattern.fullmatch(f"{top}/") if pattern is MOODLE else None
            if match:
                return _student(match["student"]), match["id"], rest or match["file"]
        if rest:
            return _student(top.removeprefix(self.prefix) or top), "", rest
        if top.lower().endswith((".ipynb", ".zip")):
            return _student(top.rpartition(".")[0]), "", top
        return "", "", ""


def _student(name):
    """A name without what no table or page should hold."""
    text = unicodedata.normalize("NFC", clean(name))
    return "".join(c if c.isprintable() else " " for c in text).strip()[:120] or "nameless"


def _files(path: Path) -> Iterator[Found]:
    """Every file below a folder, in a zip, or the notebook alone."""
    if path.is_file():
        if path.suffix.lower() == ".zip":
            yield from _zipped(path.read_bytes(), "", 0)
        else:
            yield from _read(path, path.name)
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        below = os.path.relpath(folder, path).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        for name in [f for f in folders if os.path.islink(os.path.join(folder, f))]:
            folders.remove(name)
            yield _refused(f"{prefix}{name}", LINK)
        if prefix and not files and not folders:
            yield Found(f"{prefix}.")
        for name in sorted(files):
            yield from _read(Path(folder, name), f"{prefix}{name}")


def _read(path: Path, name: str) -> Iterator[Found]:
    """A file of the disk; one that is no notebook is named without being read."""
    ending = path.suffix.lower()
    if ending not in (".ipynb", ".zip"):
        yield Found(name)
        return
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            yield _refused(name, LINK)
        elif not stat.S_ISREG(status.st_mode):
            yield _refused(name, "it is no ordinary file")
        elif status.st_size > (MOST_BYTES if ending == ".ipynb" else 32 * MOST_BYTES):
            size = f"{status.st_size / 1e6:.0f} MB"
            yield _refused(name, f"the file has {size}: clear the outputs and save it again")
        elif ending == ".zip":
            yield from _zipped(path.read_bytes(), f"{name}/", 1)
        else:
            yield Found(name, path.read_bytes)
    except OSError as error:
        yield _refused(name, f"it cannot be read: {error.strerror}")


def _zipped(data: bytes, prefix: str, depth: int) -> Iterator[Found]:
    """The files of an archive, read one by one and never written."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        yield _refused(prefix.rstrip("/") or "archive.zip", "it is no zip archive, or a broken one")
        return
    if len(entries) > MOST_FILES:
        yield _refused(prefix.rstrip("/") or "archive.zip", f"the archive has {len(entries)} files")
        return
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        parts = name.split("/")
        if entry.is_dir() or SKIPPED & set(parts):
            continue
        if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
            inside = "/".join(part for part in parts if part not in ("", "..", "."))
            yield _refused(f"{prefix}{inside}", "its path in the archive leads out of the archive")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            yield _refused(f"{prefix}{name}", LINK)
        else:
            yield from _entry(archive, entry, f"{prefix}{name}", depth)


def _entry(archive, entry, name, depth):
    ending = Path(name).suffix.lower()
    if ending == ".ipynb":
        yield Found(name, partial(_unpacked, archive, entry, MOST_BYTES))
    elif ending != ".zip":
        yield Found(name)
    elif depth == MOST_DEPTH:
        yield _refused(name, "it is an archive in an archive in an archive")
    else:
        try:
            data = _unpacked(archive, entry, 4 * MOST_BYTES)
        except Refused as why:
            yield _refused(name, str(why))
        else:
            yield from _zipped(data, f"{name}/", depth + 1)


def _unpacked(archive, entry, most):
    """The content of a file in an archive, whatever the archive says of its size."""
    try:
        with archive.open(entry) as file:
            data = file.read(most + 1)
    except Exception:  # what a broken or encrypted entry raises is not documented
        raise Refused("it cannot be unpacked: broken, or with a password") from None
    if len(data) > most:
        raise Refused(f"the file has more than {most // 2**20} MiB: clear the outputs and save it again")
    return data
