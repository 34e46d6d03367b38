"""Several submissions at a time on this machine: processes that judge, each watched from here.

A process that judges is a program of its own, not a fork, because TensorFlow does not survive one. One that ends or
hangs is replaced, and its submission tried once more.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

from utils.grading.judging import Marks, Place
from utils.grading.task import Libraries, Task, judged
from utils.runtime import quiet_tensorflow

SPARE = 180.0  # seconds above a submission's own limit: starting, loading TensorFlow
ATTEMPTS = 2
DIE_WITH_PARENT = 1
THREADS = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class Judge:
    """A process that judges one task after another."""

    def __init__(self, place: Place) -> None:
        ours, theirs = socket.socketpair()
        environment = {**THREADS, **os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import main; main()", str(theirs.fileno()), str(os.getpid())],
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # it has ended: `take` will tell
            self.connection.send(place)
        self.seconds = place.limits.seconds + SPARE
        self.task: Task | None = None
        self.until = 0.0

    def give(self, task: Task) -> None:
        """Hands it a task."""
        self.task, self.until = task, time.monotonic() + self.seconds
        with contextlib.suppress(OSError):  # it has ended: `take` will tell
            self.connection.send(task)

    def take(self) -> Marks | None:
        """The marks of its task; `None` if it has ended instead."""
        self.task = None
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        """Ends it, with the worker that it has."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


def run(tasks: Iterable[Task], jobs: int, place: Place) -> Iterator[tuple[Task, Marks]]:
    """Judges tasks, several at a time; gives each with its marks as soon as it is done."""
    waiting = [(task, 1) for task in tasks][::-1]
    attempts: dict[int, int] = {}
    judges: list[Judge] = []
    try:
        while waiting or any(judge.task for judge in judges):
            while waiting and len(judges) < jobs:
                judges.append(Judge(place))
            for judge in judges:
                if judge.task is None and waiting:
                    task, attempt = waiting.pop()
                    attempts[task.key] = attempt
                    judge.give(task)
            busy = [judge for judge in judges if judge.task]
            ready = set(wait([judge.connection for judge in busy], timeout=1.0))
            for judge in busy:
                task, late = judge.task, time.monotonic() > judge.until
                if judge.connection not in ready and not late:
                    continue
                marks = judge.take() if judge.connection in ready else None
                if marks is None:
                    judge.end()
                    judges.remove(judge)
                    if attempts[task.key] < ATTEMPTS:
                        waiting.append((task, attempts[task.key] + 1))
                        continue
                    what = "took too long" if late else "ended"
                    marks = Marks("error", f"the process that judged it {what}")
                yield task, marks
    finally:
        for judge in judges:
            judge.end()


def main() -> None:
    """What a process that judges does: takes tasks from the socket whose number is its argument, and gives marks."""
    quiet_tensorflow()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with its parent
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != int(sys.argv[2]):
            return
    connection, libraries = Connection(int(sys.argv[1])), Libraries()
    try:
        place = connection.recv()
        while True:
            connection.send(judged(connection.recv(), place, libraries))
    except (EOFError, OSError):
        return
    finally:
        libraries.close()
