"""Every exercise: its wrong answers fail with their own hint, its right ones get full points."""

import io
import json
from collections import defaultdict

import numpy as np
import pytest
from mutants import ALTERNATIVES, MUTANTS

from utils.checks import exercises_of
from utils.checks.cases import find_exercise, judge
from utils.checks.report import Result
from utils.checks.subject import Local, plain

SEEDS = [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]


def check(number, function, seed):
    exercise = find_exercise(number)
    return Result(exercise, tuple(judge(exercise, Local(function, exercise.answer), seed)), seed, exercise.answer)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_wrong_answer_loses_points_and_brings_the_hint_that_names_its_mistake(mutant, seed):
    result = check(mutant.number, mutant.function, seed)
    assert result.solved
    assert not result.passed
    assert mutant.hint in result.failure.hint, result


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("right", ALTERNATIVES, ids=str)
def test_a_right_answer_written_in_another_way_gets_full_points(right, seed):
    result = check(right.number, right.function, seed)
    assert result.passed, result


def test_every_exercise_has_three_mistakes_with_hints_of_their_own_and_another_right_answer():
    hints = defaultdict(list)
    for mutant in MUTANTS:
        hints[mutant.number].append(mutant.hint)
    # A new lesson's exercises count from the moment its module has any; `course release` compares them with the
    # notebook.
    lessons = {find_exercise(number).lesson for number in hints}
    for lesson in lessons:
        for exercise in exercises_of(lesson):
            found = hints[exercise.number]
            assert len(set(found)) >= 3, exercise.number  # one mistake may be written in several ways
            assert exercise.number in {a.number for a in ALTERNATIVES}, exercise.number


def over_the_wire(value):
    """The value after a journey as JSON and raw arrays: all that a proxy for another process may send.

    A callable stays where it is and is called back, again with what can travel.
    """
    if callable(value):
        return lambda *arguments: over_the_wire(value(*over_the_wire(plain(arguments))))
    if isinstance(value, np.ndarray | np.generic):
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        return np.load(io.BytesIO(buffer.getvalue()), allow_pickle=False)
    if isinstance(value, tuple | list):
        return type(value)(over_the_wire(v) for v in value)
    if isinstance(value, dict):
        return {key: over_the_wire(v) for key, v in value.items()}
    if callable(value):  # it stays where it is; calls of it go there and come back
        return lambda *arguments: over_the_wire(value(*over_the_wire(arguments)))
    return json.loads(json.dumps(value))


class Proxy(Local):
    """A subject that lives elsewhere: everything goes there and comes back over the wire."""

    def __call__(self, *arguments):
        value = super().__call__(*over_the_wire(arguments))
        return Proxy(value.answer, value.name) if isinstance(value, Local) else over_the_wire(value)

    def compiled(self, *arguments):
        return over_the_wire(super().compiled(*over_the_wire(arguments)))

    def get_weights(self):
        return over_the_wire(super().get_weights())

    def set_weights(self, weights):
        super().set_weights(over_the_wire(weights))


@pytest.mark.parametrize("right", ALTERNATIVES, ids=str)
def test_a_check_judges_a_proxy_like_the_answer_itself(right):
    exercise = find_exercise(right.number)
    outcomes = judge(exercise, Proxy(right.function, exercise.answer), seed=7)
    assert [failure for _, failure in outcomes if failure] == []
