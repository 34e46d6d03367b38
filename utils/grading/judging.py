"""One submission, from its answers to its points.

Cells run in order in a worker, and each exercise is judged when its check comes. A worker that hangs or dies is
replaced: a new one runs the same cells without the one that is to blame, so that the other exercises keep their points.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from utils.checks.cases import Failure, exercises_of, find_exercise, judge, local_subject
from utils.checks.report import Result
from utils.checks.subject import Complaint
from utils.grading.lessons import Lesson, Step
from utils.grading.proxy import GRACE, LOSSES, CellError, Proxy, WorkerLost
from utils.grading.sandbox import Limits, Sandbox, SandboxError

LOADING = 120.0  # seconds that TensorFlow may need until it is there
MOST_WORKERS = 20
NEEDS_KERAS = re.compile(r"^\s*(import|from)\s+(keras|tensorflow)\b", re.M)


@dataclass(frozen=True)
class Mark:
    """What came of one exercise.

    Attributes:
        exercise: Its number.
        title: Its title.
        points: Points that the answer got.
        max_points: Points that it could get.
        state: `passed`, `failed`, `not solved`, or `not judged`, when the time of the submission was over before.
        hint: The hint of the first failure.
        sentence: What the first failure was.
        cases: Each case's name, and whether it passed.
        html: What the check shows in a notebook.
    """

    exercise: str
    title: str
    points: int
    max_points: int
    state: str
    hint: str = ""
    sentence: str = ""
    cases: tuple[tuple[str, bool], ...] = ()
    html: str = ""


@dataclass(frozen=True)
class Marks:
    """What came of a submission.

    Attributes:
        state: `graded`, `timeout`, `refused`, or `error`.
        reason: Why it is not `graded`: one sentence.
        exercises: A mark for each exercise.
    """

    state: str
    reason: str = ""
    exercises: tuple[Mark, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The same in plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Place:
    """Where a submission is run.

    Attributes:
        library: The folder with the lesson's copy of the library; `utils.grading.task` fills it in.
        limits: What a submission may use.
        unsafe: Whether there is no sandbox.
        hidden: What must not be seen from inside.
    """

    library: Path = Path()
    limits: Limits = field(default_factory=Limits)
    unsafe: bool = False
    hidden: tuple[Path, ...] = ()


class Stopped(Exception):
    """The rest of the submission is not judged; why, in a few words, and the mark that was just made, if any."""

    mark: Mark | None = None


def mark(lesson: Lesson, answers: Mapping[str, str], seed: int, place: Place, helpers: Sequence[str] = ()) -> Marks:
    """Judges the answers of one submission.

    Args:
        lesson: The released lesson.
        answers: Source of the answer's cell, by exercise; an exercise without one is not solved.
        seed: Decides the inputs of the checks.
        place: Where it is run.
        helpers: Imports and definitions outside the answers; they run before the first answer.

    Returns:
        The marks: those of `timeout` have points for what was judged in time.

    Raises:
        SandboxError: If no worker starts.
    """
    steps = [
        Step("answer", answers.get(s.exercise, s.source), s.exercise) if s.kind == "answer" else s for s in lesson.steps
    ]
    first = next(i for i, step in enumerate(steps) if step.kind == "answer")
    steps[first:first] = [Step("cell", source) for source in helpers]
    prepare(lesson.number)
    run = _Run(steps, lesson.stubs, place)
    marks: list[Mark] = []
    state, reason = "graded", ""
    try:
        for position, step in enumerate(steps):
            try:
                if step.kind == "check":
                    marks.append(run.judge(position, seed))
                else:
                    run.cell(position)
            except Stopped as why:
                number = next(s.exercise for s in steps[position:] if s.kind == "check")
                state, reason = "timeout", f"{why} at exercise {number}"
                marks += [why.mark] if why.mark else []
                break
    finally:
        run.close()
    marks += [_not_judged(number, lesson.points[number]) for number in list(lesson.points)[len(marks) :]]
    return Marks(state, reason, tuple(marks))


class _Run:
    """The steps of a submission, in a worker that is replaced when it is lost."""

    def __init__(self, steps, stubs, place):
        self.steps, self.stubs, self.place = steps, stubs, place
        self.deadline = time.monotonic() + place.limits.seconds
        self.sandbox = None
        self.workers = 0
        self.left_out: dict[int, str] = {}  # position of a cell that cost a worker → why
        self.errors: dict[int, CellError] = {}
        code = "\n".join(step.source for step in steps if step.kind != "check")
        self.modules = ["tensorflow", "keras"] if NEEDS_KERAS.search(code) else ["numpy"]

    def cell(self, position):
        """Runs one cell; what goes wrong is kept for the exercise that it belongs to."""
        self._reach(position)
        self._cell(position)

    def judge(self, position, seed):
        """Judges one exercise."""
        step = self.steps[position]
        exercise = find_exercise(step.exercise)
        self._reach(position)
        subject = self._subject(position, exercise)
        outcomes = tuple(judge(exercise, subject, seed))
        made = _marked(Result(exercise, outcomes, seed, getattr(subject, "name", exercise.answer)))
        if self.sandbox and self.sandbox.connection.lost:
            try:
                self._lost(self._answer_before(position))
            except Stopped as why:
                why.mark = made
                raise
        return made

    def _subject(self, position, exercise):
        """The answer as a check takes it, or why there is none."""
        own = self._answer_before(position)
        if own in self.left_out:
            sentence, hint = LOSSES[self.left_out[own]]
            return Failure(f"the cell of your answer {sentence}", hint)
        if own in self.errors:
            error = self.errors[own]
            return Failure(f"the cell of your answer raised {error}", "Python's message is below.", trace=error.trace)
        try:
            connection = self.sandbox.connection
            found = connection.ask("answer", self.steps[position].source, exercise.answer, seconds=10)
        except CellError as error:
            hint = (
                "Only the cells of answers are graded: define there, and under this name, what the exercise asks for."
            )
            return Failure(f"the check found no answer: {error}", hint)
        except WorkerLost as lost:
            sentence, hint = LOSSES[lost.reason]
            return Failure(f"{exercise.answer} {sentence}", hint)
        except Complaint as told:
            return Failure(f"{exercise.answer} is no function: the name stands for {told.sentence}", told.hint)
        return found if isinstance(found, Proxy) else local_subject(exercise, found)

    def _answer_before(self, position):
        number = self.steps[position].exercise
        return next(i for i, s in enumerate(self.steps) if s.kind == "answer" and s.exercise == number)

    def _reach(self, position):
        """A worker that has run every cell before this position."""
        while self.sandbox is None:
            self._check_time()
            if self.workers >= MOST_WORKERS:
                raise Stopped(f"the answers had ended {MOST_WORKERS} workers")
            self.workers += 1
            place = self.place
            self.sandbox = Sandbox(
                place.library, place.limits, unsafe=place.unsafe, hidden=place.hidden, deadline=self.deadline
            )
            try:
                self.sandbox.connection.ask("load", self.modules, seconds=LOADING)
            except (WorkerLost, CellError) as error:
                raise SandboxError(f"the worker could not load {self.modules[-1]}: {error}") from None
            for earlier in range(position):
                if self.steps[earlier].kind != "check" and not self._cell(earlier):
                    break

    def _cell(self, position):
        """Runs a cell in the worker that is there; returns whether that survived it."""
        source = self.steps[position].source
        if position in self.left_out:  # other cells may need the name
            source = self.stubs.get(self.steps[position].exercise, "")
        try:
            self.sandbox.connection.ask("cell", source, seconds=self.place.limits.cell_seconds + GRACE)
            self.errors.pop(position, None)
        except CellError as error:
            self.errors[position] = error
        except (WorkerLost, Complaint):
            self._lost(position)
            return False
        return True

    def _lost(self, position):
        """Puts the worker away, and leaves the cell that cost it out from now on."""
        self.left_out[position] = self.sandbox.connection.lost or "forged"
        self.close()
        self._check_time()

    def _check_time(self):
        if time.monotonic() >= self.deadline:
            raise Stopped(f"the time of a submission ({self.place.limits.seconds:g} s) was over")

    def close(self):
        """Ends the worker."""
        if self.sandbox:
            self.sandbox.close()
            self.sandbox = None


def _marked(result):
    failure = result.failure
    state = "passed" if result.passed else "failed" if result.solved else "not solved"
    cases = tuple((case.name, found is None) for case, found in result.outcomes)
    hint, sentence = (failure.hint, failure.sentence) if failure and result.solved else ("", "")
    return Mark(
        result.exercise.number,
        result.exercise.title,
        result.points,
        result.max_points,
        state,
        hint,
        sentence,
        cases,
        result.html(),
    )


def _not_judged(number, points):
    return Mark(number, find_exercise(number).title, 0, int(points), "not judged")


@cache
def prepare(lesson: str) -> None:
    """Loads what the checks of a lesson need (Keras, for some), once, before anybody's time is counted."""
    for exercise in exercises_of(lesson):
        next(iter(exercise.cases(np.random.default_rng(0))), None)
