"""Runs that are killed at a checkpoint, for the tests that take them up again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import ROOT


def kill_at_checkpoint(code: str, out: Path, *arguments: object, checkpoint: str = "checkpoint.npz") -> None:
    """Run a program that trains into `out`, and kill it soon after it has written a checkpoint."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=environment)
    while not (out / checkpoint).exists():
        assert process.poll() is None, "the run ended before it wrote a checkpoint"
        time.sleep(0.01)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (out / "report.json").exists()
