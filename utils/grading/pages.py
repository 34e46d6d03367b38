"""What goes back: a page for each student, and one on the class for the teacher. Each is a file that needs no other."""

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from utils.checks.report import formatted
from utils.grading.lessons import Lesson
from utils.grading.results import STATES, Record, file_name
from utils.notebooks import write_text

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222;
       background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; background: #f6f6f6; padding: .4rem; } .bar { background: #2e7d32; height: .8rem; }
.note { border-left: 4px solid #b26a00; padding: .3rem .8rem; }
"""
PYTHON_SAYS = "Python's message is below"  # the hint for any error, which tells less than the error
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_feedback(folder: Path, records: Sequence[Record], lessons: Mapping[str, Lesson]) -> list[Path]:
    """A page for each student.

    Returns:
        The pages, in the order of the students.
    """
    students: dict[tuple[str, str], list[Record]] = {}
    for each in records:
        students.setdefault((each.student, each.login), []).append(each)
    pages = []
    for (student, login), theirs in students.items():
        path = folder / f"{file_name(student, login)}.html"
        parts = [f"<h1>{_safe(student)}</h1>", *(_lesson(each, lessons) for each in theirs)]
        write_text(path, _page(f"Feedback for {student}", parts))
        pages.append(path)
    return pages


def write_summary(path: Path, records: Sequence[Record], lessons: Mapping[str, Lesson]) -> None:
    """The page on the class: states, points, exercises, and the hints that were given most often."""
    parts = ["<h1>The class</h1>"]
    for number in sorted({each.lesson for each in records}):
        theirs = [each for each in records if each.lesson == number]
        lesson = lessons.get(number)
        parts.append(f"<h2>{_safe(lesson.name if lesson else 'No lesson')}</h2>")
        counts = Counter(each.state for each in theirs)
        parts.append(f"<p>{len(theirs)} submissions: {', '.join(f'{counts[s]} {s}' for s in STATES if counts[s])}.</p>")
        judged = [each for each in theirs if each.state in ("graded", "timeout")]
        if judged and lesson:
            parts += [_distribution(judged, lesson), _exercises(judged), _hints(judged)]
        others = [each for each in theirs if each.state != "graded"]
        if others:
            rows = [(_safe(each.student), each.state, _safe(each.reason)) for each in others]
            parts.append(_table("To look at", ("student", "state", "reason"), rows))
    write_text(path, _page("The class", parts))


def _lesson(each, lessons):
    """A student's marks for one lesson."""
    name = lessons[each.lesson].name if each.lesson in lessons else "What you handed in"
    parts = [f"<h2>{_safe(name)}</h2>"]
    if each.points is not None and each.exercises:
        parts.append(f"<p><b>{each.points} of {each.max_points} points.</b></p>")
    if each.state == "error":
        reason = "The grader failed here. That is not your fault, and costs no points: your teacher has been told."
        parts.append(f'<p class="note">{reason}</p>')
    elif each.reason:
        parts.append(f'<p class="note">{_safe(_sentence(each.reason))}</p>')
    parts += [mark.html or f"<p>{_safe(f'Exercise {mark.exercise} · {mark.title}: {mark.state}')}</p>"
              for mark in each.exercises]  # fmt: skip
    return "\n".join(parts)


def _distribution(judged, lesson):
    """How many submissions have how many points."""
    most = lesson.total
    width = max(most / 10, 1)  # a row a point, where there are few
    bins = Counter(int(each.points / width) for each in judged)
    highest = max(bins.values())
    rows = []
    for row in range(int(most / width) + 1):
        bar = f'<div class="bar" style="width:{round(240 * bins[row] / highest)}px"></div>'
        rows.append((f"{row * width:g}" + (" or more" if width > 1 and row * width < most else ""), bins[row], bar))
    points = sorted(each.points for each in judged)
    middle = (points[(len(points) - 1) // 2] + points[len(points) // 2]) / 2
    mean = sum(points) / len(points)
    text = f"<p>Mean {mean:.1f}, median {middle:g}, from {points[0]} to {points[-1]}, of {most:g} points.</p>"
    return text + _table("Points", ("points", "submissions", ""), rows)


def _exercises(judged):
    """How each exercise went."""
    rows = []
    for marks in zip(*(each.exercises for each in judged), strict=True):
        counts = Counter(mark.state for mark in marks)
        mean = sum(mark.points for mark in marks) / len(marks)
        title = f"{marks[0].exercise} {_safe(marks[0].title)}"
        rows.append((title, counts["passed"], counts["failed"], counts["not solved"] + counts["not judged"],
                     f"{mean:.1f} of {marks[0].max_points}"))  # fmt: skip
    return _table("Exercises", ("exercise", "solved", "failed", "not solved", "mean points"), rows)


def _hints(judged):
    """Where the class is stuck."""
    counts = Counter(
        (mark.exercise, mark.sentence if mark.hint.startswith(PYTHON_SAYS) else mark.hint)
        for each in judged
        for mark in each.exercises
        if mark.hint
    )
    if not counts:
        return ""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:15]
    rows = [(number, exercise, formatted(hint)) for (exercise, hint), number in ranked]
    return _table("Hints given most often", ("times", "exercise", "hint"), rows)


def _table(caption, heads, rows):
    """A table; numbers to the right."""
    head = "".join(f"<th>{text}</th>" for text in heads)
    body = "".join(
        "<tr>" + "".join(f'<td class="n">{v}</td>' if isinstance(v, int) else f"<td>{v}</td>" for v in row) + "</tr>"
        for row in rows
    )
    return f"<h3>{caption}</h3><table><tr>{head}</tr>{body}</table>"


def _page(title, parts):
    content = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{_safe(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n{content}\n</body></html>\n"
    )


def _sentence(text):
    """A reason as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def _safe(text):
    return html.escape(text)
