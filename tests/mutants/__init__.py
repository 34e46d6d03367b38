"""Wrong answers that a check must catch with the right hint, and right answers written in another way.

One module a lesson. A mutant is an answer with one plausible mistake, and words of the hint that names it.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """An answer to an exercise.

    Attributes:
        number: The exercise.
        function: The answer.
        hint: Words of the hint that its mistake must bring; empty for a right answer.
    """

    number: str
    function: Callable
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.number}-{self.function.__name__}"


MUTANTS: list[Answer] = []
ALTERNATIVES: list[Answer] = []


def mutant(number: str, hint: str) -> Callable:
    """Registers a wrong answer to exercise `number`; `hint` stands in the hint that it must bring."""

    def register(function: Callable) -> Callable:
        MUTANTS.append(Answer(number, function, hint))
        return function

    return register


def alternative(number: str) -> Callable:
    """Registers a right answer to exercise `number` that is written in another way than the solution's."""

    def register(function: Callable) -> Callable:
        ALTERNATIVES.append(Answer(number, function))
        return function

    return register


for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")
