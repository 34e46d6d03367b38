"""What a learner handed in: cells of a notebook in any state, and the answers among them.

Nothing here trusts the file. It is read as plain JSON, without nbformat, and only the text of cells is used: outputs,
tags, points and everything else that somebody may have edited are not looked at.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from utils.grading.lessons import Lesson
from utils.grading.wire import clean

MOST_BYTES = 16 * 2**20
HEADING = re.compile(r"\bExercise\s+(\d{1,2}\.\d{1,2})\b")
HEADING_LINE = re.compile(rf"^\W*{HEADING.pattern}", re.M)
ANSWER_ID = re.compile(r"answer-(\d{1,2})-(\d{1,2})")
LESSON_FILE = re.compile(r"(\d\d)[_-]")


class Refused(Exception):
    """A file that cannot be graded: one sentence."""


@dataclass(frozen=True)
class Cell:
    """A cell of a submission.

    Attributes:
        code: Whether it holds code.
        source: Its text.
        ids: What it calls itself: nbgrader's grade id, the cell's id.
    """

    code: bool
    source: str
    ids: tuple[str, ...] = ()


def read(data: bytes) -> list[Cell]:
    """The cells of a notebook.

    Raises:
        Refused: If this is no Python notebook.
    """
    if len(data) > MOST_BYTES:
        raise Refused(f"the file has {len(data) / 1e6:.0f} MB: clear the outputs and save it again")
    if not data.strip():
        raise Refused("the file is empty")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Refused("the file is no notebook: it is not valid JSON") from None
    if not isinstance(content, dict):
        raise Refused("the file is no notebook")
    metadata = _dict(content.get("metadata"))
    language = _dict(metadata.get("kernelspec")).get("language") or _dict(metadata.get("language_info")).get("name")
    if isinstance(language, str) and language.lower() not in ("python", "ipython", "python3"):
        raise Refused(f"the notebook is written in {clean(language)[:30]}, not in Python")
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):  # format 3
        cells = [cell for sheet in content["worksheets"] for cell in _list(_dict(sheet).get("cells"))]
    found = [_cell(cell) for cell in _list(cells) if isinstance(cell, dict)]
    if not found:
        raise Refused("the file is no notebook: it has no cells")
    return found


def lesson_of(cells: Iterable[Cell], file: str) -> str | None:
    """The two digits of the lesson that a notebook is, from its answers' ids, its headings, or its name."""
    cells = list(cells)
    by_id = Counter(m[1].zfill(2) for cell in cells for name in cell.ids if (m := ANSWER_ID.fullmatch(name)))
    by_heading = Counter(
        m[1].split(".")[0].zfill(2) for c in cells if not c.code for m in HEADING_LINE.finditer(c.source)
    )
    for votes in (by_id, by_heading):
        if votes:
            return votes.most_common(1)[0][0]
    named = LESSON_FILE.match(file.rpartition("/")[2])
    return named[1] if named else None


def answers(cells: Sequence[Cell], lesson: Lesson) -> dict[str, str]:
    """The source of each answer's cell: by grade id, else by cell id, else by the heading above it.

    Where several cells claim to be an answer, one that defines the name counts, and among those the last one that is
    not the released stub, as in a notebook that is run from its first to its last cell.

    Returns:
        By exercise; without those that were not found.

    Raises:
        Refused: If none was found.
    """
    found = {}
    headings = _below_headings(cells)
    for number, name in lesson.answer_names.items():
        grade_id = f"answer-{number.replace('.', '-')}"
        named = [cell.source for cell in cells if cell.code and grade_id in cell.ids]
        ways = ([source for source in way if defines(source, name)] for way in (named, headings.get(number, [])))
        good = next(filter(None, ways), named)
        if good:
            stub = lesson.stubs[number].strip()
            found[number] = next((source for source in reversed(good) if source.strip() != stub), good[0])
    if not found:
        raise Refused(f"none of the answers of lesson {lesson.number} was found in it")
    return found


def helpers(cells: Iterable[Cell], lesson: Lesson, answers: Mapping[str, str]) -> tuple[str, ...]:
    """What a learner wrote outside the answers and an answer may need: imports, functions, classes, constants.

    Nothing that has a name of the lesson's own, and nothing that computes.

    Args:
        cells: The submission.
        lesson: The released lesson.
        answers: The answers that were found.

    Returns:
        The source of each statement, in order.
    """
    known = lesson.sources | set(answers.values())
    taken = set(lesson.answer_names.values())
    for step in lesson.steps:
        taken |= {name for node in _statements(step.source) for name in _names(node)} if step.kind == "cell" else set()
    found = {}
    for cell in cells:
        if not cell.code or cell.source in known:
            continue
        for node in _statements(cell.source):
            names = _names(node)
            if _is_plain(node) and names and not names & taken:
                found.setdefault(ast.unparse(node))
    return tuple(found)


def _statements(source):
    """The statements of a cell, without lines of IPython's own."""
    kept = [line for line in source.splitlines() if not line.startswith(("%", "!"))]
    try:
        return ast.parse("\n".join(kept)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _names(node):
    """Names that a statement makes."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _is_plain(node):
    """Whether a statement imports, defines, or names a constant."""
    if isinstance(node, ast.Assign):
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
            return False
        return True
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def defines(source: str, name: str) -> bool:
    """Whether a cell makes this name; a cell that Python cannot read counts if it looks so."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.search(rf"^\s*(def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*=", source, re.M) is not None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return True
        stored = (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) and name in stored:
            return True
    return False


def _below_headings(cells):
    """The code cells between the heading of an exercise and the next one."""
    found: dict[str, list[str]] = {}
    number = None
    for cell in cells:
        if not cell.code:
            heading = HEADING_LINE.search(cell.source)
            number = heading[1] if heading else number
            if heading:
                found.setdefault(number, [])
        elif number:
            found[number].append(cell.source)
    return found


def _cell(cell):
    source = cell.get("source", cell.get("input", ""))
    lines = source if isinstance(source, list) else [source]
    metadata = _dict(cell.get("metadata"))
    ids = (_dict(metadata.get("nbgrader")).get("grade_id"), cell.get("id"), metadata.get("id"))
    text = clean("".join(line for line in lines if isinstance(line, str)))
    return Cell(cell.get("cell_type") == "code", text, tuple(i for i in ids if isinstance(i, str)))


def _dict(value):
    return value if isinstance(value, dict) else {}


def _list(value):
    return value if isinstance(value, list) else []
