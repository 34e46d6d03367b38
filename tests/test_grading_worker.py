"""Answers that live in a sandbox are judged like those of a notebook: values over a wire, cells, what a worker sees."""

import ast
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path

import mutants
import numpy as np
import pytest
from grading_fixtures import ROOT, SEED, lesson, points, require_sandbox, said, solution

from utils.checks.cases import exercises_of, find_exercise, judge
from utils.checks.subject import Complaint, Local
from utils.grading import lessons, library
from utils.grading.proxy import CellError, Connection, Proxy, WorkerLost
from utils.grading.sandbox import FIRST_USER, USERS, Sandbox
from utils.grading.wire import BODY_BYTES, Channel, Closed, Expired, Foreign, WireError, decode, encode

LESSONS = lessons.numbers()
WITH_KERAS = ("02", "03", "05", "07", "08", "09")


def slow_but(*fast):
    """Every lesson; all but these are slow."""
    return [n if n in fast else pytest.param(n, marks=pytest.mark.slow) for n in LESSONS]


# Values over the wire.


def there_and_back(value):
    buffers = []
    header = json.loads(json.dumps(encode(value, buffers, lambda function: None)))
    return decode(header, [memoryview(b) for b in buffers], lambda reference: None)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, "ü", [1, (2, "a")], {"a": [1], (1, 2): None, 3: {}}, {1, 2}, 2 + 1j, (), [], {}, 10**30],
)
def test_a_plain_value_arrives_as_it_was(value):
    arrived = there_and_back(value)
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize("dtype", "bool int8 int64 uint16 float16 float32 float64 complex64 >f8 >i4 <U5".split())
def test_an_array_arrives_as_it_was(dtype):
    for shape in [(), (0,), (2, 3), (2, 0, 3)]:
        value = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        for given in (value, value.T, value[..., ::-1] if shape else value):
            arrived = there_and_back(given)
            assert np.array_equal(arrived, given)
            assert arrived.dtype.kind == given.dtype.kind
            assert arrived.flags.writeable


def test_a_numpy_number_stays_one():
    assert isinstance(there_and_back(np.float32(2.5)), np.float32)
    assert isinstance(there_and_back({"a": np.int64(2)})["a"], np.int64)
    assert there_and_back(np.str_("a")) == "a"


@pytest.mark.parametrize("value", [object(), (n for n in "a"), b"a", np.array([object()]), [{}.keys()]])
def test_what_has_no_plain_form_arrives_as_a_stand_in(value):
    arrived = there_and_back(value)
    stand_in = arrived[0] if isinstance(arrived, list) else arrived
    assert isinstance(stand_in, Foreign)
    assert not callable(stand_in)
    assert type(stand_in).__name__ == type(value[0] if isinstance(value, list) else value).__name__


def test_a_class_derived_from_a_plain_one_arrives_as_the_plain_one():
    class Equal(float):
        def __eq__(self, other):
            return True

        __hash__ = None

    assert type(there_and_back(Equal(2))) is float


def test_a_list_that_holds_itself_does_not_travel():
    own = []
    own.append(own)
    with pytest.raises(WireError, match="nested"):
        there_and_back(own)


def test_an_array_that_is_too_large_is_refused_before_it_is_copied():
    with pytest.raises(WireError, match="at most 64 MiB"):
        there_and_back(np.broadcast_to(np.zeros(1), (10**12,)))


def test_text_that_no_file_can_hold_is_cleaned():
    assert there_and_back("a\ud800b") == "a?b"
    assert there_and_back(np.array(["\ud800"])).tolist() == ["?"]


@pytest.mark.parametrize(
    "forged",
    [
        {},
        [],
        {"a": 0},
        {"a": 0, "dtype": "|O", "shape": [1]},
        {"a": 0, "dtype": "<f8", "shape": [2]},
        {"a": 0, "dtype": "<f8", "shape": [-1]},
        {"a": 0, "dtype": "<f8", "shape": [True]},
        {"a": 0, "dtype": "<f8", "shape": [2**40, 0]},
        {"a": 1, "dtype": "<f8", "shape": [1]},
        {"a": "x", "dtype": "<f8", "shape": [1]},
        {"a": 0, "dtype": ["<f8"], "shape": [1]},
        {"u": ["a"], "shape": [2]},
        {"u": [1], "shape": [1]},
        {"u": ["a" * 10**6] + [""] * 999, "shape": [1000]},
        {"l": "ab"},
        {"f": ["mine", 1.5, "f"]},
        {"f": ["ours", 1, "f"]},
        {"c": ["x"]},
        {"q": 1},
    ],
)
def test_what_encode_never_makes_is_refused(forged):
    with pytest.raises((WireError, TypeError)):
        decode(forged, [memoryview(bytes(8))], lambda reference: None)


def pair():
    ours, theirs = socket.socketpair()
    return Channel(ours), theirs


def test_a_message_arrives_whole_however_it_is_cut():
    ours, theirs = pair()
    there = Channel(theirs)
    big = bytes(5_000_000)
    sender = threading.Thread(target=ours.send, args=({"a": 1}, [big, b"xy"]))
    sender.start()
    header, buffers = there.receive(time.monotonic() + 10)
    sender.join()
    assert header == {"a": 1}
    assert [len(b) for b in buffers] == [len(big), 2]


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SEQ1" + (5 * 2**20).to_bytes(4, "big") + bytes(8),
        b"SEQ1" + (2).to_bytes(4, "big") + (BODY_BYTES + 1).to_bytes(8, "big") + b"{}",
        b"SEQ1" + (2).to_bytes(4, "big") + bytes(8) + b"{}",
        b"SEQ1" + (14).to_bytes(4, "big") + bytes(8) + b'{"sizes":[-1]}',
        b"SEQ1" + (14).to_bytes(4, "big") + bytes(8) + b'{"sizes":[99]}',
        b"SEQ1" + (3000).to_bytes(4, "big") + bytes(8) + b"[" * 3000,
        b"SEQ1" + (4).to_bytes(4, "big") + bytes(8) + b"\xff\xfe\x00\x00",
    ],
)
def test_bytes_that_are_no_message_are_refused(raw):
    ours, theirs = pair()
    theirs.sendall(raw)
    with pytest.raises(WireError):
        ours.receive(time.monotonic() + 1)


def test_a_silent_other_side_is_given_up():
    ours, theirs = pair()
    with pytest.raises(Expired):
        ours.receive(time.monotonic() + 0.1)
    theirs.close()
    with pytest.raises(Closed):
        ours.receive(time.monotonic() + 1)


@pytest.mark.parametrize(
    "reply",
    [
        {"reply": 1, "value": 1},
        {"reply": 0},
        {"reply": 0, "value": {"f": ["yours", 0, "f"]}},
        {"reply": 0, "complaint": ["only one"]},
        {"reply": 0, "complaint": [1, 2, 3, 4]},
        {"reply": 0, "error": 5},
        {"ask": 1, "function": 7, "given": {"t": []}},
        {"ask": 1, "function": "x", "given": {"t": []}},
        {"ask": 1, "function": 0, "given": 5},
        {"ask": 1},
        {},
    ],
)
def test_a_reply_that_no_worker_gives_ends_the_worker(reply):
    ours, theirs = pair()
    connection = Connection(ours)
    Channel(theirs).send(reply, [])
    with pytest.raises(WorkerLost, match="forged"):
        connection.ask("call", 0, (len,), seconds=1)
    with pytest.raises(WorkerLost):
        connection.ask("call", 0, (), seconds=1)


# A worker in its sandbox.


@pytest.fixture
def connection(place_of):
    sandbox = Sandbox(place_of("00").library)
    yield sandbox.connection
    sandbox.close()


def proxy(connection, source, name="answer"):
    connection.ask("cell", source, seconds=10)
    return connection.ask("answer", name, name, seconds=10)


def test_an_answer_is_called_with_copies_and_gives_values(connection):
    answer = proxy(connection, "def answer(x, pair, more): return x * 2, {'sum': sum(pair)}, [more, None]")
    x = np.arange(3.0)
    doubled, total, rest = answer(x, (1, 2), "a")
    assert doubled.tolist() == [0, 2, 4]
    assert total == {"sum": 3}
    assert rest == ["a", None]
    assert answer.name == "answer"


def test_an_answer_calls_functions_of_the_check_and_gives_functions(connection):
    answer = proxy(connection, "def answer(step):\n    y = step(2)\n    return lambda z: step(z) + y")
    made = answer(lambda v: 10 * v)
    assert made.name == "what answer returned"
    assert made(np.ones(2)).tolist() == [30, 30]


def test_a_function_of_the_check_that_calls_the_answer_is_served(connection):
    answer = proxy(connection, "def answer(step, n): return step(n)")

    def down(n):
        return answer(down, n - 1) + 1 if n else 0

    assert answer(down, 4) == 4


def test_an_error_of_a_function_of_the_check_is_pythons_own_in_the_answer(connection):
    answer = proxy(
        connection, "def answer(step):\n    try:\n        step()\n    except ValueError as e:\n        return str(e)"
    )

    def refuse():
        raise ValueError("no such word")

    assert answer(refuse) == "no such word"


def test_complaints_are_those_of_a_notebook(connection):
    change = proxy(connection, "def answer(x): x[0] = 5")
    with pytest.raises(Complaint, match="answer changed its argument number 1") as caught:
        change(np.ones(2))
    assert "copy" in caught.value.hint
    wrong = proxy(connection, "def answer(x):\n    return x.nothing")
    with pytest.raises(Complaint, match="answer raised AttributeError") as caught:
        wrong(np.ones(2))
    assert 'File "your cell", line 2, in answer' in caught.value.trace
    assert "worker" not in caught.value.trace


def test_an_error_in_a_cell_shows_the_learners_lines_alone(connection):
    with pytest.raises(CellError, match="ZeroDivisionError") as caught:
        connection.ask("cell", "x = 1\nx / 0", seconds=10)
    assert caught.value.trace.splitlines()[1] == '  File "your cell", line 2, in <module>'


def test_a_cell_may_have_magics(connection):
    connection.ask("cell", "%precision 3\nfiles = !echo one", seconds=10)
    assert connection.ask("answer", "list(files)", "files", seconds=10) == ["one"]


@pytest.mark.slow
def test_a_layer_gives_weights_and_gradients(connection):
    connection.ask("load", ["keras"], seconds=120)
    layer = proxy(connection, "import keras\nanswer = keras.layers.Dense(3)\nanswer.build((None, 2))")
    kernel, bias = np.arange(6.0).reshape(2, 3), np.ones(3)
    layer.set_weights([kernel, bias])
    x, w = np.array([[1.0, 2.0]], "float32"), np.array([[1.0, 0.0, 2.0]], "float32")
    assert np.allclose(layer(x), x @ kernel + bias)
    assert np.allclose(layer.get_weights()[0], kernel)
    (d_x,), (d_kernel, d_bias) = layer.gradients([x], w)
    assert np.allclose(d_x, w @ kernel.T)
    assert np.allclose(d_kernel, x.T @ w)
    assert np.allclose(d_bias, w[0])
    squared = proxy(connection, "def answer(step, x): return keras.ops.square(step(x)[0])")
    assert np.allclose(squared.compiled(lambda v: (v + 1,), x), (x + 1) ** 2)


# The library that a worker sees.


@pytest.mark.parametrize("number", LESSONS)
def test_a_worker_sees_no_check_and_nothing_of_what_grades(number, tmp_path):
    library.build(tmp_path, number, [step.source for step in lesson(number).steps])
    there = {path.relative_to(tmp_path / "utils").as_posix() for path in tmp_path.rglob("*.py")}
    assert {p for p in there if p.startswith("checks/")} == {"checks/__init__.py", "checks/subject.py"}
    grading = {p for p in there if p.startswith("grading/")}
    assert grading == {"grading/__init__.py", "grading/wire.py", "grading/worker.py"}
    assert not there & {"release.py", "cli.py", "notebooks.py"}


def test_what_a_lesson_teaches_is_withheld_until_the_lesson_after_it(tmp_path):
    source = (ROOT / "utils" / "text.py").read_text(encoding="utf-8")
    assert "def pad(*arguments" in library.withheld(source, "utils.text", "01")
    assert library.withheld(source, "utils.text", "02") == source
    layers = (ROOT / "utils" / "layers" / "__init__.py").read_text(encoding="utf-8")
    assert "layers.lstm import" not in library.withheld(layers, "utils.layers", "05")
    assert "layers.lstm import" in library.withheld(layers, "utils.layers", "06")


def test_what_is_listed_as_taught_exists():
    for name in library.TAUGHT:
        module, _, last = name.rpartition(".")
        path = ROOT.joinpath(*module.split("."))
        source = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
        if not (path / f"{last}.py").exists() and library.TAUGHT[name] in LESSONS:
            names = {getattr(node, "name", None) for node in ast.parse(source.read_text(encoding="utf-8")).body}
            assert last in names, name


@cache
def public_functions(module):
    """Names that a module of the library defines, without those that only start with an underscore."""
    path = library._file(module, library.PACKAGE)
    found = [getattr(node, "name", "_") for node in ast.parse(path.read_text(encoding="utf-8")).body]
    return [name for name in found if not name.startswith("_")]


def no_answer_in(modules, number, place):
    """Gives every public function of these modules to every exercise of a lesson."""
    sandbox = Sandbox(place.library)
    try:
        for module in sorted(modules):
            sandbox.connection.ask("cell", f"import {module} as module", seconds=60)
            for name in public_functions(module):
                answer = sandbox.connection.ask("answer", f"module.{name}", name, seconds=10)
                for exercise in exercises_of(number):
                    outcomes = judge(exercise, answer, SEED)
                    assert any(failure for _, failure in outcomes), f"{module}.{name} answers {exercise.number}"
    finally:
        sandbox.close()


def modules_of(number, *, data):
    """Modules that a lesson's worker sees: those of data sets, or the others."""
    seen = library.needed([step.source for step in lesson(number).steps]) - set(library.INSTEAD)
    ours = ("utils.grading", "utils.checks", "utils.datasets.builders")
    return [name for name in seen if not name.startswith(ours) and name.startswith("utils.datasets") == data]


@pytest.mark.parametrize("number", slow_but("01"))
def test_nothing_in_the_library_of_a_lesson_answers_an_exercise(number, place_of):
    no_answer_in(modules_of(number, data=False), number, place_of(number))


@pytest.mark.nightly
@pytest.mark.parametrize("number", LESSONS)
def test_nothing_in_the_data_sets_of_a_lesson_answers_an_exercise(number, place_of):
    no_answer_in(modules_of(number, data=True), number, place_of(number))


# Whole lessons.


@pytest.mark.parametrize("number", slow_but("00", "04"))
def test_a_solution_gets_every_point_and_a_blank_lesson_none(number, graded):
    marks = graded(number)
    assert marks.state == "graded"
    assert points(marks) == dict(lesson(number).points), [m for m in marks.exercises if m.state != "passed"]
    blank = graded(number, dict.fromkeys(solution(number)))
    assert blank.state == "graded"
    assert {m.state for m in blank.exercises} == {"not solved"}
    assert {m.points for m in blank.exercises} == {0}


REGISTER = """
import sys, types
found = {}
def _mutant(number, hint=""):
    def register(function):
        found[len(found)] = function
        return function
    return register
sys.modules["mutants"] = types.ModuleType("mutants")
sys.modules["mutants"].mutant = sys.modules["mutants"].alternative = _mutant
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [n for n in LESSONS if find_exercise(f"{int(n)}.1")])
def test_every_mutant_is_judged_as_in_a_notebook(number, place_of):
    place_of("00")  # skips where there is no sandbox
    module = inspect.getmodule(next(m.function for m in mutants.MUTANTS if find_exercise(m.number).lesson == number))
    order = [n for n in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(n, ast.FunctionDef)]
    names = [
        n.name for n in order if any("mutant" in ast.dump(d) or "alternative" in ast.dump(d) for d in n.decorator_list)
    ]
    sandbox = Sandbox(ROOT)
    try:
        sandbox.connection.ask("load", ["keras"] if number in WITH_KERAS else ["numpy"], seconds=120)
        sandbox.connection.ask("cell", REGISTER, seconds=60)
        sandbox.connection.ask("cell", inspect.getsource(module), seconds=60)
        for answer in (*mutants.MUTANTS, *mutants.ALTERNATIVES):
            if find_exercise(answer.number).lesson != number or answer.function.__name__ not in names:
                continue
            exercise = find_exercise(answer.number)
            key = f"next(f for f in found.values() if f.__qualname__ == {answer.function.__qualname__!r})"
            there = sandbox.connection.ask("answer", key, exercise.answer, seconds=10)
            assert isinstance(there, Proxy)
            there.name = exercise.answer
            for (case, here), (_, far) in zip(
                judge(exercise, Local(answer.function, exercise.answer), SEED),
                judge(exercise, there, SEED),
                strict=True,
            ):
                assert (here is None) == (far is None), (str(answer), case.name, here, far)
                assert here is None or here.hint == far.hint, (str(answer), case.name)
    finally:
        sandbox.close()


def test_a_cell_that_fails_costs_its_own_exercise_alone(graded):
    marks = graded("00", {"0.1": "def double(x:"})
    assert points(marks) == {"0.1": 0, "0.2": 3}
    assert said(marks, "0.1").startswith("the cell of your answer raised SyntaxError")


def test_an_answer_under_another_name_is_told(graded):
    marks = graded("00", {"0.1": "def twice(x):\n    return 2 * x"})
    assert said(marks, "0.1") == "the check found no answer: NameError: name 'double' is not defined"


def test_an_answer_that_is_no_function_is_told(graded):
    assert said(graded("00", {"0.1": "double = 3"}), "0.1") == "the check was given the number 3, not a function"


def test_helpers_run_before_the_first_answer_and_a_broken_one_costs_nothing(graded):
    needs = {"0.1": "def double(x):\n    return helper(x) * math.floor(2.5)"}
    marks = graded(
        "00", needs, ("import no_such_module", "import os; os._exit(0)", "import math", "def helper(x): return x")
    )
    assert points(marks) == {"0.1": 3, "0.2": 3}, said(marks, "0.1")


def test_marks_are_the_same_every_time(graded):
    wrong = {
        "0.1": "def double(x):\n    raise ValueError(f'{object()}')",
        "0.2": "def row_means(X): return X.sum(axis=0)",
    }
    first, second = (graded("00", wrong).as_json() for _ in range(2))
    assert first == second


# An ordinary user's sandbox.

AS_ORDINARY_USER = """
import json, sys, tempfile
from pathlib import Path
from utils.grading import lessons, library, sandbox
from utils.grading.judging import Place, mark
assert sandbox.missing() is None, sandbox.missing()
lesson = lessons.find("00", Path(sys.argv[1]))
with tempfile.TemporaryDirectory() as folder:
    library.build(Path(folder), "00", [step.source for step in lesson.steps])
    marks = mark(lesson, json.loads(sys.argv[2]), 1, Place(Path(folder)))
print(json.dumps([[m.points, m.sentence] for m in marks.exercises]))
"""


def test_an_ordinary_user_has_a_sandbox_too(tmp_path):
    require_sandbox()
    if os.geteuid():
        pytest.skip("the other tests run as an ordinary user already")
    answers = {"0.1": "def double(x):\n    import os\n    raise ValueError([os.getuid(), sorted(os.listdir('/'))])"}
    # Where a folder above Python or this clone is closed to others, as root's home is, they see an empty one instead,
    # with Python, its environment and the clone in their places.
    needed = [Path(p) for p in (sys.base_prefix, sys.prefix, ROOT)]
    closed = {p for folder in needed for p in folder.parents if not p.stat().st_mode & 0o001}
    hidden = [p for p in closed if not closed & set(p.parents)]
    kept = {folder: tmp_path / str(n) for n, folder in enumerate(needed)}
    for copy in kept.values():
        copy.mkdir()
    opened = "".join(
        f"{command} && "
        for command in [
            *(f"mount --bind {folder} {copy}" for folder, copy in kept.items()),
            *(f"mount -t tmpfs -o mode=755 none {folder}" for folder in hidden),
            *(f"mkdir -p {folder} && mount --bind {copy} {folder}" for folder, copy in kept.items()),
        ]
    )
    become = "exec setpriv --reuid 12345 --regid 12345 --clear-groups --inh-caps=-all"
    program = [sys.executable, "-c", AS_ORDINARY_USER, str(ROOT), json.dumps(answers)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{opened}{become} "$@"', "sh", *program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd="/",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (points_of_first, sentence), second = json.loads(done.stdout)
    assert points_of_first == 0
    assert second[0] == 0  # not solved
    user = int(re.search(r"double raised ValueError: \[(\d+)", sentence)[1])
    assert FIRST_USER <= user < FIRST_USER + USERS
    assert "'course'" in sentence
    assert "'home'" not in sentence
