"""How a lesson starts: a quiet TensorFlow, seeds, the profile, and one line on what the lesson runs on.

Nothing here imports TensorFlow by itself, so a NumPy lesson starts in under a second.
"""

import contextlib
import importlib.abc
import importlib.machinery
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata

PROFILES = ("quick", "full")


def start(lesson: str) -> None:
    """Prepares a lesson's kernel and prints one line: lesson, device, versions, profile.

    Args:
        lesson: The lesson's two digits, for instance `"02"`.

    Raises:
        ValueError: If `COURSE_PROFILE` holds neither `quick` nor `full`.
    """
    quiet_tensorflow()
    print(f"Lesson {lesson} · {report()}")


def quiet_tensorflow() -> None:
    """Keeps the first import of TensorFlow, and its first operation, from writing to stderr.

    TensorFlow's C++ code reports missing GPU drivers before any Python setting can reach it. In a notebook that
    looks like an error, and nbgrader counts any stderr as a failed check. If the import itself fails, what was
    held back is printed. Also asks TensorFlow to take GPU memory as it needs it instead of all at once.
    Call it before TensorFlow is imported; calling it again changes nothing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if "tensorflow" not in sys.modules and not any(isinstance(f, _QuietFinder) for f in sys.meta_path):
        sys.meta_path.insert(0, _QuietFinder())


class _QuietFinder(importlib.abc.MetaPathFinder):
    """Finds `tensorflow`, and has its loader run with stderr held back."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                with _stderr_held_back():
                    execute(module)

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Sends the process's stderr (file descriptor 2) to a file; prints that file if the block raises."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and Keras, so that a training run repeats on one machine (not across machines).

    Args:
        seed: Any whole number from 0 to 2³² − 1.

    Raises:
        ValueError: If `seed` is outside that range.
    """
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed is {seed}; expected a whole number from 0 to 2**32 - 1")
    import keras

    keras.utils.set_random_seed(seed)


def profile() -> str:
    """The size of what a lesson trains: `quick` on a CPU, `full` on a GPU, or what `COURSE_PROFILE` says.

    Raises:
        ValueError: If `COURSE_PROFILE` holds neither `quick` nor `full`.
    """
    chosen = os.environ.get("COURSE_PROFILE") or ("full" if gpu_names() else "quick")
    if chosen not in PROFILES:
        raise ValueError(f"COURSE_PROFILE is {chosen!r}; set it to 'quick' or 'full', or leave it out")
    return chosen


@cache
def gpu_names() -> tuple[str, ...]:
    """Names of the NVIDIA GPUs that the driver lists, without loading TensorFlow; empty where there is none."""
    if shutil.which("nvidia-smi") is None:
        return ()
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())


def version(distribution: str) -> str | None:
    """The installed version of a distribution, read without importing it; `None` where it is missing."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def report() -> str:
    """One line: device, versions of Python, TensorFlow and Keras, and the profile."""
    gpus = gpu_names()
    cores = os.cpu_count() or 1
    device = f"GPU {gpus[0]}" + (f" (and {len(gpus) - 1} more)" if len(gpus) > 1 else "") if gpus else "CPU"
    parts = [device if gpus else f"CPU, {cores} core{'s' if cores > 1 else ''}", f"Python {platform.python_version()}"]
    for name, distribution in (("TensorFlow", "tensorflow"), ("Keras", "keras")):
        parts.append(f"{name} {version(distribution) or 'is missing: run course doctor'}")
    return " · ".join([*parts, f"profile {profile()}"])
