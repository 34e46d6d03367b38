"""The checks of every exercise, and the feedback they show.

A lesson's check cell calls `check("2.1", rnn_cell_forward)`; its last cell calls `progress()`. Each lesson's
exercises stand in `utils.checks.lesson_NN` as small named cases (`cases`), which touch an answer through one
interface (`subject`), compare what comes back (`values`) and show it (`report`).
"""

import random
from typing import Any

from utils.checks.cases import exercises_of, find_exercise, judge, local_subject
from utils.checks.report import Result, Tally

_latest: dict[str, Result] = {}  # by exercise, the one checked last at the end


def check(number: str, answer: Any = None, *, seed: int | None = None) -> Result:
    """Checks a learner's answer to an exercise; call it as the last line of a cell.

    Args:
        number: The exercise, for instance `"2.1"`.
        answer: The function or class that the exercise asks for, not called.
        seed: Decides the random inputs; a fresh one each time if left out. A failed check names its seed.

    Returns:
        The result: rich HTML in a notebook, where its plain text is the points alone; words in a terminal.

    Raises:
        ValueError: If there is no such exercise. A learner's mistake never raises.
    """
    exercise = find_exercise(number)
    seed = random.SystemRandom().randrange(10_000) if seed is None else seed
    subject = local_subject(exercise, answer)
    outcomes = judge(exercise, subject, seed)
    result = Result(exercise, tuple(outcomes), seed, getattr(subject, "name", exercise.answer))
    _latest.pop(number, None)
    _latest[number] = result
    return result


def progress(lesson: str | None = None) -> Tally:
    """The tally of a lesson's exercises in this kernel; of the lesson checked last, if none is named.

    Raises:
        ValueError: If no lesson is named and nothing has been checked yet, or the lesson has no exercises.
    """
    if lesson is None and _latest:
        lesson = next(reversed(_latest.values())).exercise.lesson
    if lesson is None:
        raise ValueError("nothing has been checked yet: run the check of an exercise first")
    exercises = exercises_of(lesson)
    if not exercises:
        raise ValueError(f"lesson {lesson!r} has no exercises; name a lesson by its two digits, like '02'")
    return Tally(lesson, tuple((e, _latest.get(e.number)) for e in exercises))
