"""Hostile and unlucky answers: none gains a point, none does harm outside, and the other exercises are judged.

Each is an answer to exercise 0.1 of lesson 00 (`double`), beside a right answer to 0.2, unless said otherwise.
"""

import json
import os
import socket
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from grading_fixtures import ROOT, SEED, points, said, solution

from utils.grading import proxy

pytestmark = pytest.mark.slow  # a sandbox for each

RIGHT = {"0.1": 3, "0.2": 3}
NOTHING = {"0.1": 0, "0.2": 3}
DOUBLE = "def double(x):\n    "


def case(name, source, also=NOTHING):
    return pytest.param(source, also, id=name)


def raising(statement):
    """An answer that tells what an expression gives, in the message of an error."""
    return f"{DOUBLE}import os, sys\n    raise ValueError('told ' + repr({statement}))"


FIND_SOCKET = """
import json, os, socket, stat, struct
def sockets():
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                yield socket.socket(fileno=os.dup(number))
        except OSError:
            pass
def frame(header, body=b""):
    text = json.dumps({"sizes": [], **header}).encode()
    return struct.pack("!4sIQ", b"SEQ1", len(text), len(body)) + text + body
def forge(data):
    for each in sockets():
        each.setblocking(True)
        each.sendall(data)
"""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        # ending the process
        case("sys.exit", f"{DOUBLE}import sys\n    sys.exit(0)"),
        case("exit in the cell", "exit()\ndef double(x): return 0", also=NOTHING),
        case("SystemExit in the cell", "raise SystemExit(0)"),
        case("os._exit at once", "import os\nos._exit(0)"),
        case("os._exit when called", f"{DOUBLE}import os\n    os._exit(0)"),
        case("killed by a signal", f"{DOUBLE}import os\n    os.kill(os.getpid(), 9)"),
        case("killing everything", f"{DOUBLE}import os\n    os.kill(-1, 9)"),
        case("a crash", f"{DOUBLE}import ctypes\n    ctypes.string_at(0)"),
        case("recursion", f"{DOUBLE}return double(x)"),
        case("recursion in C", f"{DOUBLE}import sys\n    sys.setrecursionlimit(10**9)\n    return double(x)"),
        case("KeyboardInterrupt", f"{DOUBLE}raise KeyboardInterrupt"),
        case("closing every file", f"{DOUBLE}import os\n    os.closerange(0, 256)\n    return 2 * x"),
        # too much of everything
        case("50 GB", f"{DOUBLE}import numpy as np\n    return np.ones(50 * 2**30, dtype='int8')"),
        case("memory, bit by bit", f"{DOUBLE}kept = []\n    while True:\n        kept.append(bytearray(10**7))"),
        case("memory in other processes",
             f"{DOUBLE}import os, time\n    for n in range(20):\n        if os.fork() == 0:\n"
             "            kept = bytearray(os.urandom(2**20)) * 500\n            time.sleep(30)\n    time.sleep(30)"),
        case("1 GB of output", f"{DOUBLE}for n in range(1000):\n        print('x' * 10**6)\n    return 3 * x"),
        case("output to every file",
             f"{DOUBLE}import os\n    for n in (0, 1, 2):\n        for k in range(100):\n            os.write(n, b'x' * 10**6)"),
        case("10 GB to disk",
             f"{DOUBLE}with open('/tmp/big', 'wb') as file:\n        for n in range(10_000):\n            file.write(bytes(10**6))"),
        case("10 GB in many files",
             f"{DOUBLE}for n in range(1000):\n        with open(f'/tmp/{{n}}', 'wb') as file:\n            file.write(bytes(10**7))"),
        case("a huge array", f"{DOUBLE}import numpy as np\n    return np.zeros(10**9, dtype='int8')"),
        case("an array that pretends to be huge", f"{DOUBLE}import numpy as np\n    return np.broadcast_to(2 * x, (10**15,))"),
        case("a huge list", f"{DOUBLE}return [0] * 10**7"),
        case("a huge text", f"{DOUBLE}return 'x' * 10**8"),
        case("a huge number", f"{DOUBLE}return 10**100_000"),
        case("a huge message", f"{DOUBLE}raise ValueError('x' * 10**8)"),
        case("a list that holds itself", f"{DOUBLE}own = []\n    own.append(own)\n    return own"),
        case("deep nesting", f"{DOUBLE}deep = 0\n    for n in range(10**5):\n        deep = [deep]\n    return deep"),
        case("many threads", f"{DOUBLE}import threading, time\n    for n in range(10**4):\n"
             "        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"),
        case("many open files", f"{DOUBLE}kept = [open('/dev/null') for n in range(10**5)]"),
        # values that are not what they seem
        case("None", f"{DOUBLE}return None"),
        case("NaN", f"{DOUBLE}return x * float('nan')"),
        case("infinity", f"{DOUBLE}return x * float('inf')"),
        case("text for numbers", f"{DOUBLE}return str(2 * x)"),
        case("a wrong dtype", f"{DOUBLE}import numpy as np\n    return np.asarray(2 * x).astype(complex)"),
        case("objects in an array", f"{DOUBLE}import numpy as np\n    return np.asarray(2 * x).astype(object)"),
        case("a generator", f"{DOUBLE}return (v for v in (2 * x,))"),
        case("a function", f"{DOUBLE}return lambda *anything: 2 * x"),
        case("an endless iterator", f"{DOUBLE}import itertools\n    return itertools.count()"),
        case("a masked array that hides what it holds", f"{DOUBLE}import numpy as np\n    return np.ma.masked_all(np.shape(x))"),
        case("equal to everything", "class Equal:\n    __eq__ = __le__ = __ge__ = lambda self, other: True\n"
             "    __hash__ = None\n    __array_priority__ = 1e9\ndef double(x):\n    return Equal()"),
        case("equal to everything, and an array", "import numpy as np\nclass Equal(np.ndarray):\n"
             "    __eq__ = lambda self, other: True\n    __array_ufunc__ = None\n"
             "def double(x):\n    return np.zeros(np.shape(x)).view(Equal)"),
        case("fails when it is read", "class Lazy:\n    def __array__(self, *a, **k): raise RuntimeError('no')\n"
             "def double(x):\n    return Lazy()"),
        case("hides its class", "class Odd:\n    @property\n    def __class__(self): raise RuntimeError('no')\n"
             "def double(x):\n    return Odd()"),
        case("an error that cannot be printed", "class Odd(Exception):\n    def __str__(self): raise RuntimeError('no')\n"
             "    __repr__ = __str__\ndef double(x):\n    raise Odd"),
        case("an error that is a group of itself", f"{DOUBLE}e = ValueError()\n    e.__cause__ = e\n    raise e"),
        case("text that no file holds", f"{DOUBLE}raise ValueError('\\ud800 \\x00 </script>')"),
        # patches: they change what the learner's own process does, and it judges nothing
        case("numpy patched", "import numpy as np\nnp.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
             "np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None\n"
             "def double(x): return 0 * x"),
        case("builtins patched", "import builtins\nbuiltins.all = builtins.any = lambda *a: True\n"
             "def double(x): return 0 * x", also={"0.1": 0, "0.2": 0}),
        case("isinstance patched", "import builtins\nbuiltins.isinstance = lambda *a: True\n"
             "def double(x): return 0 * x"),
        case("assertions patched", "import sys\nsys.flags = None\nAssertionError = None\ndef double(x): return 0 * x"),
        case("the check replaced", "import utils.checks\nutils.checks.check = check = lambda *a, **k: 3\n"
             "def double(x): return 0 * x"),
        case("points reported", "class Result:\n    points = max_points = 3\n    passed = True\n    def __float__(self): return 3.0\n"
             "def double(x): return Result()"),
        case("the worker's calls replaced", "import utils.checks.subject as s\n"
             "s.Local.__call__ = lambda self, *a: 0\ndef double(x): return 0", also={"0.1": 0, "0.2": 0}),
        case("hooks of IPython", "ip = get_ipython()\nip.events.register('pre_run_cell', lambda *a: 1 / 0)\n"
             "ip.set_custom_exc((BaseException,), lambda *a, **k: None)\ndef double(x): return 0 * x"),
        case("cells rewritten", "get_ipython().input_transformers_cleanup.append(lambda lines: ['check = print\\n'])\n"
             "def double(x): return 0 * x", also={"0.1": 0, "0.2": 0}),
        case("trees rewritten", "import ast\nclass All(ast.NodeTransformer):\n"
             "    def visit_Compare(self, node): return ast.Constant(True)\n"
             "get_ipython().ast_transformers.append(All())\ndef double(x): return 0 * x"),
        # messages
        case("bytes in the grader's socket", FIND_SOCKET + "forge(b'points: 1000')\ndef double(x): return 2 * x"),
        case("a pickle in the grader's socket", FIND_SOCKET + "import pickle\n"
             "class Run:\n    def __reduce__(self): return os.system, ('touch /tmp/harm',)\n"
             "forge(pickle.dumps(Run()))\ndef double(x): return 0"),
        case("replies ahead", FIND_SOCKET + "def double(x):\n"
             "    forge(b''.join(frame({'reply': n, 'value': 0}) for n in range(100)))\n    return 0"),
        case("a reply that claims points", FIND_SOCKET + "def double(x):\n"
             "    forge(frame({'reply': 0, 'points': 3, 'passed': True}))\n    return 0"),
        case("a reply that never ends", FIND_SOCKET + "def double(x):\n"
             "    forge(struct.pack('!4sIQ', b'SEQ1', 10**6, 0) + b'x')\n    import os; os._exit(0)"),
        case("a reply of 2**60 bytes", FIND_SOCKET + "forge(struct.pack('!4sIQ', b'SEQ1', 2**31, 2**60))\ndef double(x): return 0"),
        case("calling what was not given", FIND_SOCKET + "def double(x):\n"
             "    forge(frame({'ask': 1, 'function': 10**6, 'given': {'t': []}}))\n    return 0"),
        case("two processes that answer", f"{DOUBLE}import os\n    os.fork()\n    return 0 * x"),
    ],
)  # fmt: skip
def test_an_answer_gains_nothing(source, expected, graded):
    marks = graded("00", {"0.1": source})
    assert marks.state == "graded", marks.reason
    assert points(marks) == expected, marks
    json.dumps(marks.as_json(), ensure_ascii=False).encode("utf-8")
    assert all(len(m.html) < 20_000 for m in marks.exercises)


# Time.


@pytest.fixture
def hurried(monkeypatch):
    """Calls and cells end soon."""
    monkeypatch.setattr(proxy, "CALL_SECONDS", 0.5)
    monkeypatch.setattr(proxy, "GRACE", 0.5)
    monkeypatch.setattr("utils.grading.judging.GRACE", 0.5)


IGNORES = "while True:\n        try:\n            while True: pass\n        except BaseException: pass"


@pytest.mark.parametrize(
    "source",
    [
        f"{DOUBLE}{IGNORES}",
        f"{DOUBLE}import time\n    time.sleep(1000)",
        f"{DOUBLE}import signal, os\n    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\n    {IGNORES}",
        f"{DOUBLE}return sum(range(10**15))",
        "while True: pass\ndef double(x): return 2 * x",
        "class Slow:\n    def __array__(self, *a, **k):\n        import time; time.sleep(1000)\ndef double(x): return Slow()",
    ],
    ids=["ignores interrupts", "sleeps", "blocks signals", "in C", "in the cell", "when it is read"],
)
def test_what_never_ends_is_ended_and_the_others_keep_their_points(source, graded, hurried):
    marks = graded("00", {"0.1": source}, cell_seconds=0.5)
    assert marks.state == "graded"
    assert points(marks) == NOTHING
    assert "still running" in said(marks, "0.1")


def test_a_loop_that_never_ends_is_interrupted_without_losing_the_worker(graded):
    marks = graded("00", {"0.2": "def row_means(X):\n    while True: pass"})
    assert points(marks) == {"0.1": 3, "0.2": 0}
    assert "was interrupted" in said(marks, "0.2")


def test_a_submission_that_takes_all_its_time_keeps_what_was_judged(graded):
    later = f"calls = []\ndef row_means(X):\n    calls.append(X)\n    if len(calls) < 2: return X.mean(axis=1)\n    {IGNORES}"
    marks = graded("00", {"0.2": later}, seconds=3.0)
    assert marks.state == "timeout"
    assert marks.reason == "the time of a submission (3 s) was over at exercise 0.2"
    assert points(marks) == {"0.1": 3, "0.2": 1}


def test_a_process_that_ends_later_costs_only_what_it_interrupts(graded):
    later = "import os, threading\nthreading.Timer(0.3, os._exit, (0,)).start()\n"
    slow = "import time\ndef row_means(X):\n    time.sleep(1)\n    return X.mean(axis=1)"
    marks = graded("00", {"0.1": later + solution("00")["0.1"], "0.2": slow})
    assert marks.state == "graded"
    assert points(marks) == {"0.1": 3, "0.2": 0}


def test_a_worker_that_dies_again_and_again_is_given_up(graded, monkeypatch):
    monkeypatch.setattr("utils.grading.judging.MOST_WORKERS", 1)
    marks = graded("00", {"0.1": "import os\nos._exit(0)"})
    assert marks.state == "timeout"
    assert "had ended 1 workers" in marks.reason


# What there is to see and to reach.


def told(graded, statement):
    return said(graded("00", {"0.1": raising(statement)}), "0.1")


def test_nothing_of_this_machine_is_visible(graded, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_OF_THE_TEACHER", "hidden")
    secret = tmp_path / "other" / "00.ipynb"
    secret.parent.mkdir()
    secret.write_text("of somebody else")
    assert "hidden" not in told(graded, "dict(os.environ)")
    assert "SECRET" not in told(graded, "[open(f'/proc/{p}/environ').read() for p in os.listdir('/proc') if p.isdigit() "
                                        "and os.access(f'/proc/{p}/environ', os.R_OK)]")  # fmt: skip
    for path in (secret, ROOT / "solutions", ROOT / "tests", ROOT / "utils" / "checks" / "lesson_00.py", Path.home()):
        assert "FileNotFoundError" in told(graded, f"os.listdir({str(path)!r})") or path == Path.home()
    assert "solutions" not in told(graded, "sorted(sum((f + d for _, d, f in os.walk('/course')), []))")
    assert str(SEED) * 3 not in told(
        graded, "[open(f'/proc/{p}/cmdline').read() for p in os.listdir('/proc') if p.isdigit()]"
    )


def test_the_checks_and_what_grades_cannot_be_imported(graded):
    for module in ("utils.checks.lesson_00", "utils.checks.cases", "utils.grading.grade", "utils.release", "mutants"):
        assert "ModuleNotFoundError" in told(graded, f"__import__({module!r})")


def test_it_runs_as_nobody_without_privileges(graded):
    assert "told '0\\n'" not in told(graded, "str(os.getuid()) + '\\n'")
    status = told(graded, "open('/proc/self/status').read()")
    for line in ("CapEff:\\t0000000000000000", "CapBnd:\\t0000000000000000", "NoNewPrivs:\\t1"):
        assert line in status
    libc = "__import__('ctypes').CDLL(None, use_errno=True)"
    assert "told -1" in told(graded, f"{libc}.unshare(0x10000000)")  # a user namespace
    assert "told -1" in told(graded, f"{libc}.mount(b'none', b'/tmp', b'tmpfs', 0, None)")
    assert "PermissionError" in told(graded, "os.memfd_create('x')")
    assert "PermissionError" in told(graded, "os.setuid(0)")


def test_there_is_no_network(graded):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    for address in (("127.0.0.1", port), ("10.0.0.1", 80), ("1.1.1.1", 53)):
        sentence = told(graded, f"__import__('socket').create_connection({address}, 2)")
        assert "Error" in sentence
        assert "told" not in sentence
    server.close()


def test_nothing_is_written_outside(graded, tmp_path):
    for path in (
        tmp_path / "harm",
        "/harm",
        "/usr/harm",
        "/course/harm",
        "/course/utils/harm",
        "/etc/harm",
        "/dev/harm",
    ):
        assert "Error" in told(graded, f"open({str(path)!r}, 'w')")
        assert not Path(path).exists()
    marks = graded("00", {"0.1": f"{DOUBLE}open('/tmp/harm-of-a-test', 'w').write('x')\n    return 2 * x"})
    assert points(marks) == RIGHT
    assert not Path("/tmp/harm-of-a-test").exists()


def test_one_worker_leaves_nothing_for_the_next(graded):
    leave = "import os\nopen('/tmp/left', 'w').write('x')\n"
    graded("00", {"0.1": leave + solution("00")["0.1"]})
    assert "'left'" not in told(graded, "os.listdir('/tmp')")


def test_a_gradebook_is_out_of_reach(graded, tmp_path):
    path = tmp_path / "gradebook.db"
    with sqlite3.connect(path) as book:
        book.execute("create table grade (points real)")
        book.execute("insert into grade values (0)")
    source = (
        f"import sqlite3\nwith sqlite3.connect({str(path)!r}) as b:\n    b.execute('update grade set points = 3')\n"
    )
    assert points(graded("00", {"0.1": source + "def double(x): return 0 * x"})) == NOTHING
    with sqlite3.connect(path) as book:
        assert book.execute("select points from grade").fetchall() == [(0.0,)]


def running(word):
    """Processes of this machine with a word in their command."""
    found = []
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{number}/cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in command and b"pytest" not in command:
            found.append(command)
    return found


@pytest.mark.parametrize("number", [1, 200])
def test_no_process_outlives_its_submission(number, graded):
    nap = f"98{os.getpid()}{number}"
    spawn = (
        f"import subprocess, os\nkept = []\nfor n in range({number}):\n    try:\n        kept.append(subprocess.Popen(['sleep', "
        f"'{nap}'], start_new_session=True))\n    except OSError:\n        break\n"
    )
    most, over = [0], threading.Event()

    def watch():
        while not over.wait(0.02):
            most[0] = max(most[0], len(running(nap)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    slow = "import time\ntime.sleep(0.5)\n" + solution("00")["0.2"]
    marks = graded("00", {"0.1": spawn + solution("00")["0.1"], "0.2": slow})
    over.set()
    watcher.join()
    assert points(marks) == RIGHT if number == 1 else sum(points(marks).values()) <= 6
    assert 1 <= most[0] <= 64
    until = time.monotonic() + 5
    while running(nap) and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(nap)


def test_a_process_that_forks_without_end_is_held(graded):
    marks = graded("00", {"0.1": f"{DOUBLE}import os\n    while True: os.fork()"}, seconds=20.0)
    assert points(marks)["0.1"] == 0
    assert points(marks)["0.2"] == 3


# Right answers in unusual dress: full marks.


@pytest.mark.parametrize(
    "source",
    [
        "double = lambda x: x + x",
        "class Double:\n    def __call__(self, x): return x * 2\ndouble = Double()",
        "import functools, operator\ndouble = functools.partial(operator.mul, 2)",
        "import numpy as np\ndouble = np.vectorize(lambda v: v * 2.0, otypes=[float])",
        "from numpy import *\ndef double(x):\n    print('debugging', x)\n    return add(x, x)",
        "%matplotlib inline\n!echo working\ndef double(x):\n    import warnings\n    warnings.warn('odd')\n    return 2 * x",
        "def double(x: 'anything', /, *, factor=2) -> object:\n    return factor * x\ndouble(3)",
        "def outer():\n    def double(x): return x * 2\n    return double\ndouble = outer()",
        "async def helper(): return 2\nfactor = await helper()\ndef double(x): return factor * x",
        "Ünï = 2\ndef double(x): return Ünï * x  # 😀",
        "def double(x):\r\n\treturn 2*x\r\n",
        "import sys\nsys.stdout = None\nsys.stderr.close()\ndef double(x): return 2 * x",
        "import numpy as np\ndef double(x): return np.asarray(x, dtype='float32') * 2",
        "import numpy as np\ndef double(x): return np.asarray(np.asarray(x).T * 2, order='F').T",
        "import numpy as np\ndef double(x): return np.asarray(x) * np.longdouble(2)",
    ],
)
def test_a_right_answer_in_unusual_dress_gets_every_point(source, graded):
    marks = graded("00", {"0.1": source})
    assert points(marks) == RIGHT, said(marks, "0.1")


# Keras: what comes back are arrays, and no model is ever saved, loaded, or run outside.


def test_models_are_judged_by_their_answers_alone(graded, tmp_path):
    harm = tmp_path / "harm"
    fake = """
import numpy as np
def step_model(n_x, n_a, n_y):
    class Fake:
        def get_weights(self):
            return [np.zeros(s) for s in [(n_x, n_a), (n_a, n_a), (n_a,), (n_a, n_y), (n_y,)]]
        def set_weights(self, weights): pass
        def __call__(self, inputs): return np.zeros((*np.shape(inputs[0])[:2], n_y))
    return Fake()
"""
    custom = f"""
import keras
@keras.saving.register_keras_serializable()
class Harm(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        try: open({str(harm)!r}, "w")
        except OSError: pass
    def call(self, x): return x
    def __reduce__(self): return open, ({str(harm)!r}, "w")
def review_model(n_words, n_e, n_a, n_y):
    ids, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    e = Harm()(keras.layers.Embedding(n_words, n_e)(ids))
    e = keras.layers.Lambda(lambda x: x)(e)
    a = keras.layers.SimpleRNN(n_a, recurrent_initializer="identity")(e, mask=mask)
    return keras.Model([ids, mask], keras.layers.Dense(n_y)(a))
"""
    marks = graded("03", {"3.4": fake, "3.3": custom})
    assert marks.state == "graded"
    assert points(marks)["3.4"] == 0
    assert points(marks)["3.3"] == 5  # a right model, whatever it is made of
    assert not harm.exists()
