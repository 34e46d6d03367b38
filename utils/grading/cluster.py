"""The same work on a Dask cluster, for classes that one machine cannot serve.

Every machine of the cluster needs this version of the course, and a sandbox. Needs the extra `cluster`
(`pip install 'sequence-course[cluster]'`).
"""

import threading
from collections.abc import Iterable, Iterator

from utils.grading.judging import Marks, Place
from utils.grading.sandbox import missing
from utils.grading.task import Libraries, Task, judged

_libraries: Libraries | None = None
_one_at_a_time = threading.Lock()


def run(tasks: Iterable[Task], scheduler: str, place: Place) -> Iterator[tuple[Task, Marks]]:
    """Judges tasks on a cluster; gives each with its marks as soon as it is done.

    Args:
        tasks: What to judge.
        scheduler: The scheduler's address, like `tcp://10.0.0.1:8786`.
        place: Limits, and whether there is no sandbox.

    Raises:
        ImportError: If `distributed` is not installed.
        OSError: If there is no scheduler at the address.
    """
    from distributed import Client, as_completed

    tasks = {task.key: task for task in tasks}
    with Client(scheduler, timeout=20) as client:
        futures = {client.submit(_remote, task, place, pure=False, retries=1): key for key, task in tasks.items()}
        for future in as_completed(futures):
            error = future.exception()
            marks = Marks("error", f"a machine of the cluster failed: {error}"[:300]) if error else future.result()
            yield tasks[futures[future]], marks
            future.release()


def _remote(task, place):
    """Judges a task in a process of the cluster."""
    global _libraries
    with _one_at_a_time:  # TensorFlow's seeds belong to the process
        if not place.unsafe and (reason := missing()):
            return Marks("error", f"a machine of the cluster has no sandbox: {reason}")
        _libraries = _libraries or Libraries()
        return judged(task, place, _libraries)
