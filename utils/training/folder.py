"""The folder of a run: its settings, its checkpoint, and in the end its report."""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from utils.training.files import write_json

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

SETTINGS, CHECKPOINT, REPORT = "settings.json", "checkpoint.npz", "report.json"


class RunError(ValueError):
    """A run cannot start or go on; the message is one sentence that says what to do."""


@contextlib.contextmanager
def reading(path: str | os.PathLike) -> Iterator[None]:
    """Turn a file that is not there, or cannot be read, into one sentence.

    Args:
        path: The file that the block reads.

    Raises:
        RunError: In the place of an `OSError`.
    """
    try:
        yield
    except FileNotFoundError:
        raise RunError(f"there is no file {path}: check the name and the folder") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror})") from None


class RunFolder:
    """A folder that holds one run and nothing else.

    Args:
        path: The folder; it is made by `begin`, not before.

    Attributes:
        path: The folder.
        checkpoint: Where the state of an unfinished run lies.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.checkpoint = self.path / CHECKPOINT

    def report(self) -> dict | None:
        """The report of a finished run; None where the run is not finished, or there is none."""
        file = self.path / REPORT
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def finished(self, settings: Mapping[str, Any]) -> dict | None:
        """The report of a finished run with these settings; None where they may still be run.

        Raises:
            RunError: If the folder must not be written into; see `check`.
        """
        self.check(settings)
        return self.report()

    @contextlib.contextmanager
    def begin(self, settings: Mapping[str, Any]) -> Iterator[bool]:
        """Make the folder, or enter that of an earlier run with the same settings, and keep others out meanwhile.

        Args:
            settings: What decides the run's result: plain values, by name.

        Yields:
            Whether there is a checkpoint to go on from.

        Raises:
            RunError: If the folder holds a run with other settings, or other files, or a run that is under way, or
                cannot be written.
        """
        self.check(settings)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open(self.path / ".lock", "w")  # noqa: SIM115 (closed below, which unlocks it)
        except OSError as error:
            raise RunError(
                f"{self.path} cannot be written ({error.strerror}): choose another folder with --out"
            ) from None
        with lock:
            try:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(f"a run is under way in {self.path}: wait for it, or choose another folder") from None
            if not (self.path / SETTINGS).exists():
                write_json(self.path / SETTINGS, settings)
            yield self.checkpoint.exists()

    def check(self, settings: Mapping[str, Any]) -> None:
        """Refuse a folder that these settings must not write into; changes nothing.

        Raises:
            RunError: If the folder is a file, holds a run with other settings, or other files.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise RunError(f"{self.path} is a file: name a folder with --out")
        file = self.path / SETTINGS
        if not file.exists():
            # A run that was killed before its settings were complete leaves only hidden files.
            if any(not inside.name.startswith(".") for inside in self.path.iterdir()):
                raise RunError(f"{self.path} holds other files, and no run: choose a new folder with --out")
            return
        earlier = json.loads(file.read_text(encoding="utf-8"))
        now = json.loads(json.dumps(settings))
        for name in {**earlier, **now}:
            if earlier.get(name) != now.get(name):
                raise RunError(
                    f"{self.path} holds a run with {name} {_short(earlier.get(name))}, not {_short(now.get(name))}: "
                    "choose another folder with --out, or remove this one"
                )

    def finish(self, report: Mapping[str, Any]) -> None:
        """Write the report, by which a run counts as finished, and remove the checkpoints."""
        write_json(self.path / REPORT, report)
        for number in itertools.count(1):
            file = self.checkpoint_of(number)
            if not file.exists():
                break
            file.unlink()

    def checkpoint_of(self, number: int) -> Path:
        """Where the state of one of several models lies that a run trains one after another, from 1."""
        return self.checkpoint if number == 1 else self.path / f"checkpoint-{number}.npz"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
