"""What a check says of good and bad answers: one sentence, and never an error of its own."""

import contextlib
import html
import json
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import utils.checks
from utils.checks import check, exercises_of, progress
from utils.checks.cases import Case, Exercise, Problem, find_exercise, judge
from utils.checks.report import Result
from utils.checks.subject import Complaint, Local, TimeLimitReached, time_limit
from utils.checks.values import compare, describe


def stub(X):
    raise NotImplementedError("Exercise 0.2 is not solved yet")


def result_of(function, *cases, seconds=10.0):
    exercise = Exercise("9.9", "Nothing", "answer", lambda rng: iter(cases))
    return Result(exercise, tuple(judge(exercise, Local(function, "answer", seconds), 0)), 0, "answer")


def sentence(function, expected, *inputs, seconds=10.0):
    """What is said of a wrong answer; it always comes with something to do."""
    result = result_of(function, Case("case", inputs, expected, "Look here."), seconds=seconds)
    assert not result.passed
    assert result.failure.hint
    assert "\n" not in result.failure.sentence
    return result.failure.sentence


# Bad answers, each with the one sentence that names what is wrong.


@pytest.mark.parametrize(
    ("returned", "expected", "said"),
    [
        (None, np.zeros(3), "answer returned None, expected an array of shape (3,): is the `return` missing?"),
        ([0.0, 0.0], np.zeros(2), "answer returned a list of 2, expected an array of shape (2,)"),
        ("no", np.zeros(2), "answer returned the string 'no', expected an array of shape (2,)"),
        (np.zeros((3, 2)), np.zeros((2, 3)), "answer returned shape (3, 2), expected (2, 3)"),
        (np.zeros((2, 1)), np.zeros(2), "answer returned shape (2, 1), expected (2,)"),
        (np.array(["a"]), np.zeros(1), "answer returned an array of dtype <U1, expected numbers"),
        (np.array([1.0, np.nan]), np.ones(2), "answer returned nan at [1], expected only finite numbers"),
        (np.array([1.0, -np.inf]), np.ones(2), "answer returned -inf at [1], expected only finite numbers"),
        (np.array([1.0, 3.0]), np.ones(2), "answer returned 3 at [1], expected 1 (1 of 2 values differ)"),
        (np.array([1.0, 3.0j]), np.ones(2), "answer returned an array of dtype complex128, expected numbers"),
        (2.5, 2.0, "answer returned 2.5, expected 2"),
        (np.array([1.0]), np.array([1]), "answer returned an array of dtype float64, expected whole numbers"),
        (np.array([1, 0]), np.array([True, False]), "answer returned an array of dtype int64, expected booleans"),
        ("a b", ["a", "b"], "answer returned the string 'a b', expected a list of 2"),
        ([2], 2, "answer returned a list of 1, expected the number 2"),
        (7, "seven", "answer returned the number 7, expected the string 'seven'"),
        ("six", "seven", "answer returned 'six', expected 'seven'"),
        (["a"], ["a", "b"], "answer returned 1 values, expected 2"),
        (["a", "c"], ["a", "b"], "answer returned 'c', expected 'b' (value 2 of 2)"),
        ((1, ["a", "c"]), (1, ["a", "b"]), "answer returned 'c', expected 'b' (value 2 of 2, in value 2 of 2)"),
        ({"a": 1}, {"b": 1}, "answer returned a dict that lacks 'b' and has 'a' too many"),
        (np.zeros(2), (np.zeros(2), np.ones(2)), "answer returned an array of shape (2,), expected a tuple of 2"),
        ((n for n in range(3)), np.arange(3), "answer returned an object of type generator, expected an array"),
        (object(), np.zeros(1), "answer returned an object of type object, expected an array of shape (1,)"),
        ({1, 2}, [1, 2], "answer returned a set of 2, expected a list of 2"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(returned, expected, said):
    assert sentence(lambda: returned, expected).startswith(said)


class Odd:
    """Equal to everything, and fails when it is looked at."""

    __hash__ = None

    def __eq__(self, other):
        return True

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no")


def test_an_object_that_fails_when_it_is_read_is_a_wrong_answer():
    assert "answer raised RuntimeError: no" in sentence(Odd, np.zeros(2))


def test_an_object_that_is_equal_to_everything_is_a_wrong_answer():
    class Equal:
        __hash__ = None

        def __eq__(self, other):
            return True

    assert "an object of type Equal" in sentence(Equal, ["a"])
    assert "an object of type Equal" in sentence(Equal, "a")


@pytest.mark.parametrize("given", [np.zeros(2), 3, "double", None, [1]])
def test_what_is_not_a_function_is_named(given):
    result = check("0.1", given)
    assert result.points == 0
    assert result.failure.sentence.endswith("not a function")
    assert 'check("0.1", double)' in result.failure.hint


def test_an_answer_that_changes_its_input_is_named():
    def change(x, y):
        y[0] = 5
        return x

    assert sentence(change, np.ones(2), np.ones(2), np.zeros(2)) == "answer changed its argument number 2 (ndarray)"


def test_an_answer_that_changes_a_list_inside_a_list_is_named():
    def change(rows):
        rows[0].sort()
        return rows

    assert "argument number 1 (list)" in sentence(change, [[1, 2]], [[2, 1]])


def test_the_caller_keeps_its_input_even_if_the_answer_changes_it():
    x = np.zeros(2)
    sentence(lambda x: x.__iadd__(1), np.zeros(3), x)
    assert (x == 0).all()


def test_a_loop_without_end_is_interrupted_and_ends_the_check():
    calls = []

    def endless(x):
        calls.append(x)
        while True:
            pass

    case = Case("case", (1,), 1, "hint")
    result = result_of(endless, case, case, case, seconds=0.2)
    assert result.failure.sentence == "answer was still running after 0.2 seconds and was interrupted"
    assert "while" in result.failure.hint
    assert len(calls) == 1
    assert result.points == 0


def test_a_loop_that_ignores_errors_is_interrupted_too():
    def stubborn():
        while True:
            try:
                sum(range(100))
            except Exception:
                continue

    assert "still running" in sentence(stubborn, 1, seconds=0.2)


def test_the_time_limit_works_in_another_thread():
    outcome = []

    def work():
        try:
            with time_limit(0.1):
                while True:
                    pass
        except TimeLimitReached:
            outcome.append("interrupted")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert outcome == ["interrupted"]


def test_an_interrupt_never_arrives_after_the_call():
    for _ in range(200):
        with contextlib.suppress(TimeLimitReached), time_limit(0.001):
            sum(range(20_000))
        sum(range(1_000))  # an interrupt that comes late would be raised here


@pytest.mark.parametrize("error", [SystemExit(1), RecursionError("deep"), MemoryError("much"), ZeroDivisionError("x")])
def test_an_error_in_the_answer_is_shown_and_does_not_end_the_lesson(error):
    def answer():
        raise error

    assert sentence(answer, 1).startswith(f"answer raised {type(error).__name__}")


def test_an_interrupt_by_the_learner_passes_through():
    def answer():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        result_of(answer, Case("case", (), 1, "hint"))


def test_the_traceback_begins_in_the_learners_code_and_has_its_line():
    source = "def answer(x):\n    y = x + 1\n    return y[5]\n"
    namespace = {}
    exec(compile(source, "<cell>", "exec"), namespace)
    result = result_of(namespace["answer"], Case("case", (np.zeros(2),), np.zeros(1), "hint"))
    trace = result.failure.trace
    assert trace.splitlines()[1] == '  File "your cell", line 3, in answer'
    assert "IndexError" in trace.splitlines()[-1]
    assert "subject.py" not in trace
    assert "IndexError" in html.unescape(result.html())


def test_an_error_of_keras_is_told_by_what_went_wrong_and_not_by_its_list_of_arguments():
    def answer():
        raise ValueError(
            "Exception encountered.\n\n\x1b[1mThe shapes differ.\x1b[0m\n\nArguments received by A:\n  • x=1"
        )

    assert sentence(answer, 1) == "answer raised ValueError: The shapes differ."


def test_an_answer_with_the_wrong_number_of_arguments_is_told_so():
    assert "takes 0 positional arguments but 1 was given" in sentence(lambda: 1, 1, 5)


def test_warnings_of_the_answer_stay_off_stderr(capfd):
    assert "nan at [0]" in sentence(lambda x: x / x, np.ones(1), np.zeros(1))
    assert capfd.readouterr().err == ""


# What comes back may be written in many ways.


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        (np.float32([1, 2]), np.array([1.0, 2.0])),
        (np.array([True, False]), np.array([1.0, 0.0])),
        (np.uint8([1, 2]), np.array([1, 2])),
        (np.array([1.0 + 1e-7]), np.ones(1)),
        (np.int64(3), 3),
        (np.array(3.0), 3),
        (3, np.asarray(3.0)),
        (("a", "b"), ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        ([np.ones(2), 1], (np.ones(2), 1)),
        ({"a": np.ones(1)}, {"a": np.ones(1)}),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_equal_values_agree(returned, expected):
    assert compare(returned, expected, 1e-5) is None


def test_an_array_is_described_by_its_shape():
    assert describe(np.zeros((2, 3))) == "an array of shape (2, 3)"
    assert describe([1, 2]) == "a list of 2"


# Points, hints, seeds.


@pytest.mark.parametrize(
    ("returned", "expected", "hint"),
    [
        ([1.0], np.ones(1), "np.array(...)"),
        (np.ones(1), np.array([1]), "dtype=int"),
        (np.ones(1), np.array([True]), "dtype=bool"),
        ("ab", ["a", "b"], "do not join"),
        (np.array(["a"]), np.array([1]), "a number in the place of every word"),
        ((np.ones(1), np.ones(1)), np.ones(1), "only what the exercise asks for"),
        ([np.ones(1), np.ones(1)], np.ones((2, 1)), "np.stack"),
        ([1.0, 1.0], 1.0, "about the content"),
        (np.array([True, True]), np.array([True, False]), "about the content"),
        (None, np.ones(1), "`return`"),
    ],
)
def test_a_value_of_the_wrong_kind_brings_a_hint_of_its_own(returned, expected, hint):
    result = result_of(lambda: returned, Case("case", (), expected, "about the content"))
    assert hint in result.failure.hint


def test_a_failure_shows_the_inputs_and_the_name_of_the_function():
    def first_try(x):
        return x**2

    shown = repr(check("0.1", first_try, seed=0))
    assert "first_try returned" in shown
    assert "inputs:" in shown
    assert 'check("0.1", first_try, seed=0)' in shown
    assert "The inputs of this case" in check("0.2", lambda X: X).html()
    assert "double returned" in repr(check("0.1", lambda x: x))


def test_a_dict_of_arrays_is_shown_key_by_key_to_four_digits():
    case = Case("case", ({"u": np.array([1 / 3]), "r": np.ones((2, 2))},), np.ones(1), "hint")
    shown = result_of(lambda W: W["u"], case).failure.inputs
    assert "'u':\n[0.3333]" in shown
    assert "'r':\n[[1. 1.]\n [1. 1.]]" in shown


def test_of_a_long_dict_of_weights_the_report_shows_the_shapes():
    weights = {"f": np.zeros((6, 7)), "u": np.zeros((6, 7))}
    result = result_of(lambda W: 0, Case("case", (weights,), 1, "h", names=("W",)))
    assert result.failure.inputs == "W = a dict of arrays of these shapes: 'f' (6, 7), 'u' (6, 7)"


def test_inputs_are_shown_under_their_names():
    result = result_of(lambda X, n: 0, Case("case", (np.eye(2), 3), 1, "h", names=("X", "n")))
    assert result.failure.inputs == "X =\n[[1. 0.]\n [0. 1.]]\n\nn = 3"


def test_points_are_the_sum_over_the_cases_that_pass():
    cases = [Case("a", (1,), 1, "h", points=2), Case("b", (2,), 2, "h"), Case("c", (3,), 4, "hint of c", points=3)]
    result = result_of(lambda x: x, *cases)
    assert (result.points, result.max_points, result.passed) == (3, 6, False)
    assert result.failure.hint == "hint of c"


def test_a_known_mistake_brings_its_own_hint():
    case = Case("case", (3,), 9, "generic", mistakes={"you doubled": 6, "you added": 5})
    assert result_of(lambda x: x + 2, case).failure.hint == "you added"
    assert result_of(lambda x: 2 * x, case).failure.hint == "you doubled"
    assert result_of(lambda x: 0, case).failure.hint == "generic"


def test_a_measure_judges_what_an_answer_does_and_may_refuse_it():
    def measure(value):
        if value < 0:
            raise Problem("returned a negative number")
        return value * 10

    case = Case("case", (), 30, "hint", measure=measure)
    assert result_of(lambda: 3, case).passed
    assert result_of(lambda: -3, case).failure.sentence == "answer returned a negative number"


def test_a_value_that_a_measure_stumbles_over_is_a_wrong_answer():
    case = Case("case", (), 1, "hint", measure=lambda value: np.shape(value)[0])
    result = result_of(lambda: [np.zeros((2, 2)), np.zeros((2, 3))], case)
    assert result.failure.sentence == "answer returned a list of 2 that cannot be used here"
    assert result_of(lambda: (np.zeros(1), np.zeros(1)), Case("case", (), np.zeros(1), "hint")).failure.hint.startswith(
        "Return one array"
    )


def test_a_stub_is_not_solved_and_gets_nothing():
    result = check("0.2", stub)
    assert (result.points, result.solved) == (0, False)
    assert "not solved yet" in repr(result)


def test_an_answer_that_calls_an_unsolved_one_names_it():
    def answer(x):
        raise NotImplementedError("Exercise 0.1 is not solved yet")

    result = check("0.2", answer)
    assert not result.solved
    assert "It calls an earlier answer: Exercise 0.1 is not solved yet." in repr(result)
    assert "Exercise 0.1 is not solved yet" in result.html()


def test_an_error_that_a_mistake_is_known_to_raise_brings_its_hint():
    case = Case("case", (np.zeros((2, 3)),), 0, "hint", errors={"Transpose it.": "mismatch in its core dimension"})
    result = result_of(lambda x: x @ x, case)
    assert result.failure.hint == "Transpose it."
    assert "ValueError" in result.failure.trace
    assert "Python's message is below" in result_of(lambda x: x[9], case).failure.hint


def test_another_not_implemented_error_is_an_ordinary_error():
    def answer():
        raise NotImplementedError("not like this")

    assert "NotImplementedError" in sentence(answer, 1)


def test_the_seed_decides_the_inputs():
    seen = []

    def spy(x):
        seen.append(np.array(x))
        return 2 * x

    for seed in (1, 1, 2):
        check("0.1", spy, seed=seed)
    first, second, third = seen[2], seen[5], seen[8]
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_a_failed_check_names_the_call_that_repeats_it():
    result = check("0.2", lambda X: X.sum(axis=1))
    again = re.search(r'check\("0.2", row_means, seed=(\d+)\)', repr(result))
    assert repr(check("0.2", lambda X: X.sum(axis=1), seed=int(again[1]))) == repr(result)


@pytest.mark.parametrize("number", ["0.9", "77.1"])
def test_an_unknown_exercise_lists_the_known_ones(number):
    with pytest.raises(ValueError, match=f"there is no exercise {number}"):
        check(number, stub)


@pytest.mark.parametrize("number", ["x", "2", 2.1, None])
def test_what_is_no_exercise_number_is_told_how_to_write_one(number):
    with pytest.raises(ValueError, match="no exercise number"):
        check(number, stub)


def test_points_do_not_depend_on_the_seed():
    for lesson in ("00", "01"):
        for exercise in exercises_of(lesson):
            totals = {sum(c.points for c in exercise.cases(np.random.default_rng(seed))) for seed in range(5)}
            assert totals == {exercise.points}


# What is shown.


class FakeKernelShell:
    kernel = object()


def test_in_a_notebook_the_plain_text_is_one_number(monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", FakeKernelShell)
    bundle = check("0.2", lambda X: X.mean(axis=0))._repr_mimebundle_()
    assert bundle["text/plain"] == "0.0"
    assert "Hint" in bundle["text/html"]
    assert progress("00")._repr_mimebundle_()["text/plain"].startswith("Lesson 00")


def test_in_a_terminal_the_plain_text_is_words():
    bundle = check("0.1", lambda x: 2 * x)._repr_mimebundle_()
    assert bundle["text/plain"].startswith("✓ Exercise 0.1")


def test_a_passing_result_is_the_same_every_time():
    shown = {check("0.1", lambda x: 2 * x).html() for _ in range(5)}
    assert len(shown) == 1


def test_what_an_answer_returns_is_escaped():
    result = result_of(lambda: "<script>x</script>", Case("case", (), "a", "hint"))
    assert "<script>" not in result.html()


def test_a_hint_shows_code_and_stress():
    shown = result_of(lambda: 2, Case("case", (), 1, "It is *not* `a * b` or `b*c*d`, but 2 * x.")).html()
    assert "It is <em>not</em> <code>a * b</code> or <code>b*c*d</code>, but 2 * x." in shown


def test_progress_tallies_the_latest_results(monkeypatch):
    monkeypatch.setattr(utils.checks, "_latest", {})
    with pytest.raises(ValueError, match="nothing has been checked yet"):
        progress()
    check("0.2", stub)
    check("0.1", lambda x: x)
    check("0.1", lambda x: 2 * x)
    assert progress().words().splitlines() == [
        "Lesson 00: 1 of 2 exercises solved",
        "  ✓ 0.1 A first answer: 3 of 3",
        "  … 0.2 Mean of each row: 0 of 3",
    ]
    with pytest.raises(ValueError, match="no exercises"):
        progress("77")


def test_importing_the_checks_imports_no_tensorflow():
    code = (
        "import sys, utils.checks, utils.text, utils.probes, utils.datasets, utils.runtime, utils.plots\n"
        "for n in range(3): utils.checks.exercises_of(f'{n:02}')\n"
        "import json; print(json.dumps([m in sys.modules for m in ('tensorflow', 'keras', 'tensorflow_datasets')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, False, False]


# Answers that are Keras layers.


@pytest.mark.slow
def test_a_layer_is_called_and_gives_weights_and_gradients():
    import keras

    layer = keras.layers.Dense(3)
    layer.build((None, 2))
    subject = Local(layer)
    kernel, bias = np.arange(6.0).reshape(2, 3), np.ones(3)
    subject.set_weights([kernel, bias])
    x, w = np.array([[1.0, 2.0]], "float32"), np.array([[1.0, 0.0, 2.0]], "float32")
    assert np.allclose(subject(x), x @ kernel + bias)
    assert np.allclose(subject.get_weights()[0], kernel)
    (d_x,), (d_kernel, d_bias) = subject.gradients([x], w)
    assert np.allclose(d_x, w @ kernel.T)
    assert np.allclose(d_kernel, x.T @ w)
    assert np.allclose(d_bias, w[0])
    with pytest.raises(Complaint, match=r"output_weights has shape \(3,\), but the output has \(1, 3\)"):
        subject.gradients([x], w[0])


def test_a_function_that_returns_a_function_gives_a_subject():
    twice = Local(lambda: lambda x: 2 * x, "make")()
    assert twice(np.ones(2)).tolist() == [2, 2]
    assert twice.name == "what make returned"


def test_every_exercise_of_lesson_00_is_found_by_its_number():
    assert [e.number for e in exercises_of("00")] == ["0.1", "0.2"]
    assert find_exercise("0.1").answer == "double"


def test_compiled_calls_inside_a_compiled_function_with_placeholders():
    from keras import ops

    x = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)
    step = lambda y: (2 * y, y.sum(axis=1))  # noqa: E731  on arrays, even where the caller has placeholders
    answer = Local(lambda step, pair, n: [ops.tanh(step(pair[0])[0]) + n, step(pair[1])[1]], "answer")
    doubled, sums = answer.compiled(step, [x, x], 3)
    np.testing.assert_allclose(doubled, np.tanh(2 * x) + 3, rtol=1e-6)
    np.testing.assert_allclose(sums, x.sum(axis=1), rtol=1e-6)
    with pytest.raises(Complaint, match="symbolic"):
        Local(lambda x: np.tanh(np.asarray(x)), "answer").compiled(x)
