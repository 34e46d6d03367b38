"""The small interface through which a check touches what a learner made.

A check calls the learner's object with arrays and plain values, and compares what comes back. It never looks at
anything else, so the same check can judge a proxy of an object that lives in another process. Whatever comes back
is untrusted: only returned arrays and values earn points.
"""

import contextlib
import copy
import ctypes
import linecache
import re
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

SECONDS = 10.0
HIDDEN = {__file__}  # files whose lines do not belong into a traceback that a learner reads


class Subject(Protocol):
    """What a learner made, as a check sees it."""

    name: str

    def __call__(self, *arguments: Any) -> Any:
        """Calls it with copies of `arguments`; a callable that comes back is a `Subject` too.

        Raises:
            Complaint: If the call does not end with a value that can be judged.
        """

    def compiled(self, *arguments: Any) -> Any:
        """Like a call, but inside a function that TensorFlow compiles: arrays are placeholders there.

        A callable among `arguments` gets arrays and returns arrays, as in a call.
        """

    def get_weights(self) -> list[np.ndarray]:
        """The weights of a layer or model, in its order."""

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Replaces the weights of a layer or model."""

    def gradients(
        self, inputs: Sequence[np.ndarray], output_weights: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Gradients of the sum of `output_weights` × output, for the inputs and for the weights."""


class Complaint(Exception):
    """Why a call gave no value that can be judged: one sentence, what to do, and the learner's traceback if any."""

    def __init__(self, sentence: str, hint: str, trace: str = "", stop: bool = False) -> None:
        super().__init__(sentence)
        self.sentence, self.hint, self.trace = sentence, hint, trace
        self.stop = stop  # no later case can do better, so the check ends here


class NotSolved(Complaint):
    """The learner has not written this answer yet."""


class Local:
    """A `Subject` for an object of this process: a function, a class, a Keras layer or a Keras model.

    Args:
        answer: What the learner made.
        name: What the sentences call it.
        seconds: How long one call may take before it is interrupted.
    """

    def __init__(self, answer: Callable, name: str | None = None, seconds: float = SECONDS) -> None:
        self.answer, self.seconds = answer, seconds
        self.name = name or getattr(answer, "__name__", type(answer).__name__)

    def __call__(self, *arguments: Any) -> Any:
        """As in `Subject`."""
        given = copy.deepcopy(arguments)
        value = self._run(lambda: plain(self.answer(*given)))
        for number, (before, after) in enumerate(zip(arguments, given, strict=True), start=1):
            if not same(before, after):
                raise Complaint(
                    f"{self.name} changed its argument number {number} ({type(before).__name__})",
                    "The caller still needs its inputs. Work on a copy (`x = x.copy()`), or write an expression "
                    "that makes a new value, instead of assigning to `x[...]`, `x += ...` or calling `.sort()`.",
                )
        return Local(value, f"what {self.name} returned", self.seconds) if callable(value) else value

    def compiled(self, *arguments: Any) -> Any:
        """As in `Subject`; needs TensorFlow."""
        import tensorflow as tf

        def at_run_time(function):
            def call(*inputs):
                trial = function(*(np.zeros(x.shape, tf.as_dtype(x.dtype).as_numpy_dtype) for x in inputs))
                kinds = [tf.as_dtype(v.dtype) for v in trial]
                results = tf.numpy_function(lambda *arrays: list(function(*arrays)), inputs, kinds)
                for result, v in zip(results, trial, strict=True):
                    result.set_shape(v.shape)
                return tuple(results)

            return call

        def passed(value):
            if isinstance(value, np.ndarray):
                return tf.convert_to_tensor(value)
            return at_run_time(value) if callable(value) else value

        given = tf.nest.map_structure(passed, list(arguments))
        level = tf.get_logger().level
        # A check that is run again and again would be told that it compiles too often.
        tf.get_logger().setLevel("ERROR")
        try:
            return self._run(lambda: plain(tf.function(lambda *inputs: self.answer(*inputs))(*given)))
        finally:
            tf.get_logger().setLevel(level)

    def get_weights(self) -> list[np.ndarray]:
        """As in `Subject`."""
        return [np.array(w) for w in self._run(self.answer.get_weights)]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """As in `Subject`."""
        self._run(lambda: self.answer.set_weights([np.array(w) for w in weights]))

    def gradients(
        self, inputs: Sequence[np.ndarray], output_weights: np.ndarray
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """As in `Subject`; needs TensorFlow."""
        import tensorflow as tf

        tensors = [tf.convert_to_tensor(x) for x in inputs]

        def derive():
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                output = self.answer(*tensors)
                if tuple(output.shape) != np.shape(output_weights):
                    raise ValueError(
                        f"output_weights has shape {np.shape(output_weights)}, but the output has {tuple(output.shape)}"
                    )
                total = tf.reduce_sum(tf.cast(output_weights, output.dtype) * output)
            sources = (tensors, [w.value for w in self.answer.trainable_weights])
            return tape.gradient(total, sources, unconnected_gradients="zero")

        for_inputs, for_weights = self._run(derive)
        return [np.asarray(g) for g in for_inputs], [np.asarray(g) for g in for_weights]

    def _run(self, function: Callable[[], Any]) -> Any:
        """Calls within the time limit; turns whatever goes wrong into a `Complaint`."""
        try:
            with time_limit(self.seconds), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a warning on stderr would cost all points in nbgrader
                return function()
        except KeyboardInterrupt:
            raise
        except TimeLimitReached:
            raise Complaint(
                f"{self.name} was still running after {self.seconds:g} seconds and was interrupted",
                "Look for a loop that never ends: a `while` whose condition never becomes False.",
                stop=True,
            ) from None
        except NotImplementedError as error:
            # Keras puts what went wrong in a layer's call into a longer message.
            if stub := re.search(r"Exercise \d+\.\d+ is not solved yet", str(error)):
                raise NotSolved(stub[0], "", stop=True) from None
            raise self._complaint(error) from None
        except BaseException as error:  # SystemExit too: a learner's exit() must not end the lesson
            raise self._complaint(error) from None

    def _complaint(self, error: BaseException) -> Complaint:
        last = traceback.TracebackException.from_exception(error).format_exception_only()
        # Keras puts what went wrong, in bold type, between two lines on where it did.
        told = re.sub(r"\x1b\[\d*m", "", "".join(last)).split("Arguments received by")[0]
        message, kind = told.strip().splitlines()[-1], type(error).__name__
        return Complaint(
            f"{self.name} raised {message if kind in message else f'{kind}: {message}'}",
            "Python's message is below. Its last line says what went wrong; the lines under `your cell` show where.",
            own_traceback(error),
        )


def plain(value: Any) -> Any:
    """The value with tensors turned into NumPy arrays, inside tuples, lists and dicts too."""
    if isinstance(value, tuple | list):
        return type(value)(plain(v) for v in value) if type(value) in (tuple, list) else list(map(plain, value))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "__array__") and not callable(value) and not isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    return value


def same(before: Any, after: Any) -> bool:
    """Whether two argument values are equal, arrays compared by shape and value."""
    if isinstance(before, np.ndarray):
        return (
            isinstance(after, np.ndarray)
            and before.shape == after.shape
            and np.array_equal(before, after, equal_nan=before.dtype.kind == "f")
        )
    if isinstance(before, tuple | list):
        return len(before) == len(after) and all(map(same, before, after))
    if isinstance(before, dict):
        return list(before) == list(after) and all(same(before[k], after[k]) for k in before)
    return callable(before) or before == after


def own_traceback(error: BaseException) -> str:
    """Python's traceback without the frames of this library: it starts in the learner's code."""
    report = traceback.TracebackException.from_exception(error)
    kept = [frame for frame in report.stack if frame.filename not in HIDDEN]
    for frame in kept:
        if not frame.filename.endswith(".py") or "ipykernel" in frame.filename:
            linecache.checkcache(frame.filename)
            frame.filename = "your cell"
    report.stack = traceback.StackSummary.from_list(kept)
    return "".join(report.format())


class TimeLimitReached(BaseException):
    """Raised inside a learner's call that takes too long; no `except Exception` catches it."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeLimitReached` in this thread if the block runs longer than `seconds`.

    It interrupts Python code, in any thread and on every platform. A single long call into compiled code is
    interrupted when it returns.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    finished = threading.Event()

    def interrupt():
        if not finished.wait(seconds):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TimeLimitReached))

    watch = threading.Thread(target=interrupt, daemon=True)
    watch.start()
    try:
        yield
    finally:
        finished.set()
        watch.join()
        # If the limit was reached at the very end, the exception may still wait to be raised: withdraw it.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)
