"""Exercises as lists of small named cases, and running a learner's answer through them."""

import importlib
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from utils.checks.subject import Complaint, Local, NotSolved, Subject
from utils.checks.values import compare, describe, show


@dataclass(frozen=True)
class Case:
    """One small question that isolates one mistake.

    Attributes:
        name: What is tried, in a few words ("the bias alone").
        inputs: Arguments of the call.
        expected: The right value: from a property, from another way to compute it, or from the framework.
        hint: What to look at when the case fails.
        mistakes: Values that known mistakes would give, each with the hint that names the mistake. The first one
            that equals what came, or what `measure` made of it, replaces `hint`.
        measure: Applied to the returned value before it is compared: for answers that are judged by what they do
            (weights are put into a network, a batch plan is applied). Raises `Problem` for a value it cannot use.
        errors: Mistakes that make the call fail: hint → pattern (regular expression) of Python's message.
        points: What the case is worth.
        tolerance: Largest difference of two numbers, absolute and relative.
        names: What the inputs are called; printed above them, where there are many.
        compiled: Whether the call happens inside a function that TensorFlow compiles.
    """

    name: str
    inputs: tuple
    expected: Any
    hint: str
    mistakes: Mapping[str, Any] = field(default_factory=dict)
    measure: Callable[[Any], Any] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    points: int = 1
    tolerance: float = 1e-5
    names: tuple[str, ...] = ()
    compiled: bool = False


class Problem(Exception):
    """A returned value that a case's `measure` cannot use.

    Args:
        sentence: What is wrong; it continues the function's name.
        hint: What to do, where it is not the case's own hint.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint


@dataclass(frozen=True)
class Failure:
    """Why a case failed: the sentence, the hint, and what to show under them.

    Attributes:
        sentence: What went wrong.
        hint: What to do.
        expected: The expected value, printed; empty where the sentence says it all.
        got: The value that came, printed.
        trace: Python's traceback, for an error in the answer.
        inputs: The arguments of the call, printed.
        solved: False if the answer is not written yet.
    """

    sentence: str
    hint: str
    expected: str = ""
    got: str = ""
    trace: str = ""
    inputs: str = ""
    solved: bool = True


@dataclass(frozen=True)
class Exercise:
    """A numbered exercise: its title, the name of its answer, and its cases made from random numbers."""

    number: str
    title: str
    answer: str
    cases: Callable[[np.random.Generator], Iterable[Case]]
    uses_keras: bool = False

    @property
    def lesson(self) -> str:
        """The lesson's two digits."""
        return lesson_of(self.number)

    @property
    def points(self) -> int:
        """What all cases together are worth; the same for every seed. Makes the cases, so it may load Keras."""
        return sum(case.points for case in self.cases(np.random.default_rng(0)))


EXERCISES: dict[str, Exercise] = {}


def exercise(number: str, title: str, *, uses_keras: bool = False) -> Callable:
    """Registers a function of a random generator that yields the cases of exercise `number`.

    The function has the name of the answer that it judges.
    """

    def register(cases: Callable[[np.random.Generator], Iterable[Case]]) -> Callable:
        EXERCISES[number] = Exercise(number, title, cases.__name__, cases, uses_keras)
        return cases

    return register


def lesson_of(number: str) -> str:
    """The two digits of the lesson that holds exercise `number`: `"2.1"` → `"02"`."""
    if not isinstance(number, str) or not re.fullmatch(r"\d{1,2}\.\d{1,2}", number):
        raise ValueError(f'{number!r} is no exercise number; write it like check("2.1", your_function)')
    return number.split(".")[0].zfill(2)


def exercises_of(lesson: str) -> list[Exercise]:
    """The exercises of a lesson (`"02"`) in their order; empty for a lesson that has none."""
    module = f"{__package__}.lesson_{lesson}"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    found = [e for e in EXERCISES.values() if e.lesson == lesson]
    return sorted(found, key=lambda e: int(e.number.split(".")[1]))


def find_exercise(number: str) -> Exercise:
    """The exercise with this number.

    Raises:
        ValueError: If there is none; the message lists those of the lesson.
    """
    lesson = lesson_of(number)
    known = {e.number: e for e in exercises_of(lesson)}
    if number not in known:
        listed = ", ".join(known) or "none"
        raise ValueError(f"there is no exercise {number}; lesson {lesson} has: {listed}")
    return known[number]


def judge(exercise: Exercise, subject: Subject | Failure, seed: int) -> list[tuple[Case, Failure | None]]:
    """Runs an answer through every case of an exercise.

    Args:
        exercise: The exercise.
        subject: The answer: of this process, or a proxy; or why there is none, which then fails every case.
        seed: Decides the random inputs.

    Returns:
        Each case with `None` if it passed, else why it failed.
    """
    rng = np.random.default_rng([seed, zlib.crc32(exercise.number.encode())])
    outcomes: list[tuple[Case, Failure | None]] = []
    stopped = subject if isinstance(subject, Failure) else None
    for case in exercise.cases(rng):
        failure = stopped
        if failure is None:
            try:
                failure = _try(case, subject)
            except Complaint as complaint:
                solved = not isinstance(complaint, NotSolved)
                named = (hint for hint, pattern in case.errors.items() if re.search(pattern, complaint.sentence))
                hint = next(named, complaint.hint)
                failure = Failure(complaint.sentence, hint, trace=complaint.trace, inputs=_inputs(case), solved=solved)
                stopped = failure if complaint.stop else None
        outcomes.append((case, failure))
    return outcomes


def _try(case: Case, subject: Subject) -> Failure | None:
    value = subject.compiled(*case.inputs) if case.compiled else subject(*case.inputs)
    try:
        measured = value if case.measure is None else case.measure(value)
    except Complaint:  # what the answer returned, a model say, failed when it was called
        raise
    except Problem as problem:
        return Failure(f"{subject.name} {problem}", _hint(case, value, problem.hint), inputs=_inputs(case))
    except Exception:  # whatever else a value may be that nobody thought of
        return Failure(f"{subject.name} returned {describe(value)} that cannot be used here", case.hint)
    mismatch = compare(measured, case.expected, case.tolerance)
    if mismatch is None:
        return None
    made = callable(value)  # a model: what counts is what it answers
    hint = _hint(case, measured, mismatch.hint)
    hint = hint if made else _hint(case, value, hint)
    sentence = f"{'the model from ' if made else ''}{subject.name} {mismatch.sentence}"
    return Failure(sentence, hint, mismatch.expected, mismatch.got, inputs=_inputs(case))


def _hint(case: Case, value: Any, general: str) -> str:
    """The hint of the first known mistake whose value came, else the general one, else the case's own."""
    for hint, mistaken in case.mistakes.items():
        if compare(value, mistaken, case.tolerance) is None:
            return hint
    return general or case.hint


def _inputs(case: Case) -> str:
    """The arguments of a case's call, printed; a short one in one line."""
    texts = [show(value) for value in case.inputs]
    if case.names:
        texts = [
            _shapes(value) if text.count("\n") > 10 else text for value, text in zip(case.inputs, texts, strict=True)
        ]
        named = zip(case.names, texts, strict=True)
        return "\n\n".join(f"{name} =\n{text}" if "\n" in text else f"{name} = {text}" for name, text in named)
    in_one_line = ", ".join(texts)
    return in_one_line if len(in_one_line) <= 60 and "\n" not in in_one_line else "\n\n".join(texts)


def _shapes(value: Any) -> str:
    """A long input, printed; of a dict of arrays only the shapes, since nobody reads that many numbers."""
    if isinstance(value, dict) and all(isinstance(part, np.ndarray) for part in value.values()):
        return "a dict of arrays of these shapes: " + ", ".join(f"{key!r} {part.shape}" for key, part in value.items())
    return show(value)


def local_subject(exercise: Exercise, answer: Any) -> Subject | Failure:
    """The answer as a `Subject`, or why it cannot be one."""
    if not callable(answer):
        return Failure(
            f"the check was given {describe(answer)}, not a function",
            f'Give it the function itself, without calling it: check("{exercise.number}", {exercise.answer})',
        )
    name = getattr(answer, "__name__", "")
    return Local(answer, name if isinstance(name, str) and name.isidentifier() else exercise.answer)
