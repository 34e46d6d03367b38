"""A submission as work for a process, on this machine or another one."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from utils.grading import library
from utils.grading.judging import Marks, Place, mark
from utils.grading.lessons import Lesson
from utils.grading.sandbox import SandboxError


@dataclass(frozen=True)
class Task:
    """One submission to judge.

    Attributes:
        key: Its place in the list of submissions.
        lesson: The released lesson.
        answers: Source of each answer's cell, by exercise.
        helpers: Imports and definitions outside the answers.
        seed: Decides the inputs of the checks.
    """

    key: int
    lesson: Lesson
    answers: dict[str, str]
    helpers: tuple[str, ...]
    seed: int


class Libraries:
    """The copies of the library that workers see, one a lesson, as long as this object lives."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="course-library-")
        self._built: dict[str, Path] = {}

    def of(self, lesson: Lesson) -> Path:
        """The folder for a lesson."""
        if lesson.number not in self._built:
            folder = Path(self._folder.name, lesson.number)
            folder.mkdir()
            self._built[lesson.number] = library.build(folder, lesson.number, [step.source for step in lesson.steps])
        return self._built[lesson.number]

    def close(self) -> None:
        """Deletes the copies."""
        self._folder.cleanup()


def judged(task: Task, place: Place, libraries: Libraries) -> Marks:
    """The marks of a task. What goes wrong in the grader itself is the state `error`, and nobody's mark."""
    try:
        return mark(
            task.lesson, task.answers, task.seed, replace(place, library=libraries.of(task.lesson)), task.helpers
        )
    except SandboxError as error:
        return Marks("error", str(error))
    except Exception as error:  # a mistake of a check or of the grader
        return Marks("error", f"the grader failed: {type(error).__name__}: {error}"[:300])
