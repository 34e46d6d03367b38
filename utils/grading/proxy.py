"""A learner's answer, as a check outside the sandbox sees it.

Everything that comes from the worker is untrusted. A check compares the values that come back; what the worker says
of itself (a name, a message) is only shown, cut to size.
"""

import itertools
import math
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from utils.checks.subject import Complaint, NotSolved
from utils.grading.wire import CALL_SECONDS, Channel, Closed, Expired, Reference, WireError, clean, decode, encode

GRACE = 5.0  # seconds that an interrupted call has to end
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
NESTED = 20


class WorkerLost(Exception):
    """The worker has gone, or has to go; `reason` is one of `time`, `memory`, `ended`, `forged`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CellError(Exception):
    """What Python said when a cell ran, or when a name was looked up."""

    def __init__(self, kind: str, message: str, trace: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.trace = kind, trace


class Connection:
    """Requests to one worker.

    Args:
        channel: The way there.
        watch: Called now and then during a request; returns a reason to end the worker, or `None`.
        deadline: Of `time.monotonic`: when the time of the whole submission is over.
    """

    def __init__(
        self, channel: Channel, watch: Callable[[], str | None] = lambda: None, deadline: float = math.inf
    ) -> None:
        self.channel, self.watch, self.deadline = channel, watch, deadline
        self.lost: str | None = None
        self.functions: list[Callable] = []
        self.numbers = itertools.count()
        self.depth = 0

    def ready(self, seconds: float) -> None:
        """Waits until the worker is there."""
        header, _ = self._receive(time.monotonic() + seconds)
        if header.get("ready") is not True:
            raise self._lose("forged")

    def ask(self, what: str, *given: Any, seconds: float) -> Any:
        """Has the worker do something, and gives back the value that it replies with.

        Args:
            what: One of the worker's `do_` functions.
            given: Its arguments.
            seconds: How long it may take.

        Raises:
            Complaint: If a call gave no value that can be judged.
            CellError: If a cell failed.
            WorkerLost: If there is no reply.
        """
        number, until = next(self.numbers), time.monotonic() + seconds
        sent: list[bytes] = []
        header = {"id": number, "do": what, "given": encode(given, sent, self._refer)}
        self._send(header, sent, until)
        while True:
            header, buffers = self._receive(until)
            if "ask" not in header:
                break
            self._serve(header, buffers, until)
        try:
            return self._read(header, buffers, number)
        except (WireError, KeyError, TypeError, ValueError, IndexError, RecursionError):
            raise self._lose("forged") from None

    def _read(self, header, buffers, number):
        if header.get("reply") != number:
            raise WireError("a reply to something else")
        if "value" in header:
            return decode(header["value"], buffers, self._resolve)
        if "unfit" in header:
            raise Complaint(f"returned {_text(header['unfit'], 200)}", "Return only what the exercise asks for.")
        if "error" in header:
            kind, message, trace = header["error"]
            raise CellError(_text(kind, 80), _text(message, 500), _text(trace, 4000))
        kind = NotSolved if "not solved" in header else Complaint
        sentence, hint, trace, stop = header["not solved" if kind is NotSolved else "complaint"]
        line = " ".join(_text(sentence, 2000).split())
        raise kind(line, _text(hint, 1000), _text(trace, 4000), stop is True)

    def _serve(self, header, buffers, until):
        """Calls a function of the check for the worker."""
        sent: list[bytes] = []
        try:
            key, number = header["function"], header["ask"]
            if type(key) is not int or not 0 <= key < len(self.functions) or type(number) is not int:
                raise WireError("no such function")
            arguments = decode(header["given"], buffers, self._resolve)
            if not isinstance(arguments, tuple) or self.depth >= NESTED:
                raise WireError("no arguments")
        except (WireError, KeyError, TypeError, ValueError, RecursionError):
            raise self._lose("forged") from None
        self.depth += 1
        try:
            reply = {"value": encode(self.functions[key](*arguments), sent, self._refer)}
        except Exception as error:  # what the learner's arguments make of a function of the check
            if isinstance(error, WorkerLost):
                raise
            reply, sent = {"error": [type(error).__name__, str(error)[:500]]}, []
        finally:
            self.depth -= 1
        self._send({"answer": number, **reply}, sent, until)

    def _refer(self, value):
        if isinstance(value, Proxy):
            return Reference("yours", value.key)
        self.functions.append(value)
        return Reference("mine", len(self.functions) - 1, getattr(value, "__name__", "function"))

    def _resolve(self, reference):
        if reference.owner != "mine" or reference.key < 0:
            raise WireError("a reference to nothing")
        return Proxy(self, reference.key, reference.name)

    def _send(self, header, sent, until):
        self._guard(lambda: self.channel.send(header, sent, min(until, self.deadline), self._tick))

    def _receive(self, until):
        return self._guard(lambda: self.channel.receive(min(until, self.deadline), self._tick))

    def _guard(self, transfer):
        if self.lost:
            raise WorkerLost(self.lost)
        try:
            return transfer()
        except Expired:
            raise self._lose("time") from None
        except Closed:
            raise self._lose(self.watch() or "ended") from None
        except WireError:
            raise self._lose("forged") from None

    def _tick(self):
        reason = self.watch()
        if reason:
            raise self._lose(reason)

    def _lose(self, reason):
        self.lost = self.lost or reason
        return WorkerLost(self.lost)


class Proxy:
    """A `utils.checks.subject.Subject` that lives in a worker.

    Args:
        connection: The way to the worker.
        key: The object's number there.
        name: What the sentences call it.
    """

    def __init__(self, connection: Connection, key: int, name: str) -> None:
        self.connection, self.key = connection, key
        self.name = " ".join(name.split()) or "the answer"

    def __call__(self, *arguments: Any) -> Any:
        """As in `Subject`."""
        return self._ask("call", arguments)

    def compiled(self, *arguments: Any) -> Any:
        """As in `Subject`."""
        return self._ask("compiled", arguments)

    def get_weights(self) -> list[np.ndarray]:
        """As in `Subject`."""
        return _arrays(self._ask("get_weights"), self.name)

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """As in `Subject`."""
        self._ask("set_weights", list(weights))

    def gradients(
        self, inputs: Sequence[np.ndarray], output_weights: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """As in `Subject`."""
        value = self._ask("gradients", list(inputs), output_weights)
        if not isinstance(value, tuple) or len(value) != 2:
            raise Complaint(f"{self.name} gave no gradients", "Its output has to depend on its inputs and weights.")
        return _arrays(value[0], self.name), _arrays(value[1], self.name)

    def _ask(self, what, *given):
        try:
            return self.connection.ask(what, self.key, *given, seconds=CALL_SECONDS + GRACE)
        except WorkerLost as lost:
            sentence, hint = LOSSES[lost.reason]
            raise Complaint(f"{self.name} {sentence}", hint, stop=True) from None
        except CellError as error:
            raise Complaint(f"{self.name} raised {error}", "Python's message is below.", error.trace) from None
        except Complaint as told:
            if told.sentence.startswith("returned "):  # said by the worker, which does not know the name
                told.sentence = f"{self.name} {told.sentence}"
            raise


LOSSES = {
    "time": (
        "was still running when its time was over, and could not be interrupted",
        "Look for a loop that never ends: a `while` whose condition never becomes False.",
    ),
    "memory": (
        "needed more memory than there is for one submission",
        "Look for an array that is far too large, or a list that grows without end.",
    ),
    "ended": ("ended Python", "An answer must not call `exit()`, `quit()`, `os._exit()` or `os.kill()`."),
    "forged": (
        "sent something that is no answer",
        "An answer must only return its value, and leave the grader's connection alone.",
    ),
}


def _arrays(value, name):
    if not isinstance(value, list) or not all(isinstance(v, np.ndarray) for v in value):
        raise Complaint(f"{name} gave no list of arrays", "Return a Keras layer or model.")
    return value


def _text(value, limit):
    """Text from the worker: of a type, cut, and the same in every run."""
    if not isinstance(value, str):
        raise WireError("something that is no text")
    return ADDRESS.sub("0x…", clean(value))[:limit]
