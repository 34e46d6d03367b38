"""Runs a learner's cells inside the sandbox, and calls what they made when the grader asks.

It holds no expected value and judges nothing. Whatever it reports may be the work of a learner's code, which runs in
the same process; the grader (`utils.grading.proxy`) trusts nothing but the values that it gets.
"""

import ast
import builtins
import importlib
import os
import random
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from utils.checks import subject
from utils.checks.subject import Complaint, Local, NotSolved, plain
from utils.grading.wire import CALL_SECONDS, Channel, Reference, WireError, decode, encode


class Worker:
    """The process that runs one submission.

    Args:
        connection: The socket to the grader.
    """

    def __init__(self, connection: socket.socket) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        settings = Config()
        settings.HistoryManager.enabled = False
        self.channel = Channel(connection)
        self.shell = InteractiveShell.instance(config=settings)
        self.shell.showtraceback = self.shell.showsyntaxerror = lambda *arguments, **options: None
        self.shell.enable_matplotlib = lambda gui=None: ("agg", "agg")  # %matplotlib inline
        self.objects: list[Local] = []
        self.asked = 0
        self.lock = threading.RLock()  # TensorFlow calls back from threads of its own
        subject.HIDDEN.update({__file__, sys.modules["IPython.core.interactiveshell"].__file__})

    def serve(self) -> None:
        """Answers requests until the grader has no more."""
        self.channel.send({"ready": True}, [])
        while True:
            self._answer(*self.channel.receive())

    def _answer(self, header: dict, buffers: list) -> None:
        """Does what one request asks for, and replies."""
        sent: list[bytes] = []
        try:
            given = decode(header.get("given"), buffers, self._resolve)
            reply = {"value": encode(getattr(self, f"do_{header['do']}")(*given), sent, self._refer)}
        except Complaint as told:
            kind = "not solved" if isinstance(told, NotSolved) else "complaint"
            reply, sent = {kind: [told.sentence, told.hint, told.trace, told.stop]}, []
        except WireError as error:
            reply, sent = {"unfit": str(error)}, []
        except BaseException as error:
            reply, sent = {"error": [type(error).__name__, str(error), _traceback(error)]}, []
        self.channel.send({"reply": header.get("id"), **reply}, sent)

    # What the grader can ask for.

    def do_load(self, names: list[str]) -> None:
        """Imports modules ahead, so that their loading is not counted as the learner's time."""
        for name in names:
            _warm_up(importlib.import_module(name))

    def do_cell(self, source: str) -> None:
        """Runs a cell, as a notebook would."""
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  an earlier cell may have closed them
        outcome = self.shell.run_cell(source, store_history=False)
        error = outcome.error_before_exec or outcome.error_in_exec
        if error is not None:
            raise error

    def do_answer(self, expression: str, name: str) -> Any:
        """What stands in the call of a check: the learner's function or class."""
        value = eval(compile(ast.parse(expression, mode="eval"), "<check>", "eval"), self.shell.user_ns)
        if not callable(value):
            return value
        own = getattr(value, "__name__", "")
        return Local(value, own if isinstance(own, str) and own.isidentifier() else name, CALL_SECONDS)

    def do_call(self, key: int, arguments: tuple) -> Any:
        """Calls an object with arrays and plain values."""
        return self.objects[key](*arguments)

    def do_compiled(self, key: int, arguments: tuple) -> Any:
        """Calls an object inside a function that TensorFlow compiles."""
        return self.objects[key].compiled(*arguments)

    def do_get_weights(self, key: int) -> list:
        """The weights of a layer or model."""
        return self.objects[key].get_weights()

    def do_set_weights(self, key: int, weights: list) -> None:
        """Replaces the weights of a layer or model."""
        self.objects[key].set_weights(weights)

    def do_gradients(self, key: int, inputs: list, output_weights: Any) -> tuple:
        """Gradients of a weighted sum of outputs."""
        return self.objects[key].gradients(inputs, output_weights)

    # Objects that live on one side and are used on the other.

    def _refer(self, value: Callable) -> Reference:
        if not isinstance(value, Local):
            value = Local(value, seconds=CALL_SECONDS)
        self.objects.append(value)
        return Reference("mine", len(self.objects) - 1, value.name)

    def _resolve(self, reference: Reference) -> Callable:
        if reference.owner == "yours":
            return self.objects[reference.key].answer

        def call(*arguments):
            return self._ask(reference.key, plain(arguments))

        call.__name__ = reference.name
        return call

    def _ask(self, key: int, arguments: tuple) -> Any:
        """Calls a function of the grader; meanwhile the grader may ask for more."""
        with self.lock:
            sent: list[bytes] = []
            given = encode(arguments, sent, self._refer)
            self.asked += 1
            number = self.asked
            self.channel.send({"ask": number, "function": key, "given": given}, sent)
            while True:
                header, buffers = self.channel.receive()
                if header.get("answer") == number:
                    break
                self._answer(header, buffers)
            if "error" in header:
                kind, message = header["error"]
                raise _error(kind, message)
            return decode(header["value"], buffers, self._resolve)


def _warm_up(module: Any) -> None:
    """Has TensorFlow or Keras do once what takes long the first time."""
    if module.__name__ == "tensorflow":
        module.function(lambda x: module.numpy_function(abs, [x], x.dtype))(module.zeros(1))
    elif module.__name__ == "keras":
        module.utils.set_random_seed(0)
        module.layers.Dense(1)(module.ops.zeros((1, 1)))


def _error(kind: str, message: str) -> Exception:
    """Python's own error of this kind; a `RuntimeError` where there is none that takes a message alone."""
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            return known(message)
        except TypeError:
            pass
    return RuntimeError(f"{kind}: {message}")


def _traceback(error: BaseException) -> str:
    try:
        return subject.own_traceback(error)
    except BaseException:  # an error class of the learner's that cannot be printed
        return ""


def main() -> None:
    """Serves the grader on the socket whose number is the first argument."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    random.seed(0)
    worker = Worker(connection)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):  # nothing that a cell prints is kept
        os.dup2(nowhere, stream)
    worker.serve()
