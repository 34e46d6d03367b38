"""What a machine needs to run the course, what it has, and what to do about the difference."""

import importlib.metadata as metadata
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass

from packaging.requirements import Requirement

from utils import runtime

DISTRIBUTION = "sequence-course"
INSTALL = "pip install -r requirements.txt"


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: What was looked at.
        found: What was found.
        well: Whether it will do.
        required: Whether the lessons cannot run without it.
        advice: What to do; empty when all is well.
    """

    what: str
    found: str
    well: bool = True
    required: bool = True
    advice: str = ""

    @property
    def mark(self) -> str:
        """One sign: fine, to be mended, or missing but not needed by the lessons."""
        return "✓" if self.well else "✗" if self.required else "–"


def findings() -> list[Finding]:
    """Looks at Python, packages, devices, Jupyter and the tools that only grading and tests need."""
    return [_python(), *_packages(), *_devices(), *_optional()]


def _python() -> Finding:
    well = (3, 11) <= sys.version_info[:2] <= (3, 13)
    advice = "" if well else "make a virtual environment with Python 3.11, 3.12 or 3.13"
    return Finding("Python", platform.python_version(), well, advice=advice)


def _packages() -> list[Finding]:
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return [Finding("the course's library", "not installed", False, advice=INSTALL)]
    found = []
    for line in requirements:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = runtime.version(requirement.name)
        well = version is not None and requirement.specifier.contains(version, prereleases=True)
        wanted = f" (needs {requirement.specifier})" if version and not well else ""
        found.append(Finding(requirement.name, f"{version or 'missing'}{wanted}", well, advice="" if well else INSTALL))
    return found


def _devices() -> list[Finding]:
    """Has TensorFlow list its devices in a process of its own, so that a broken installation breaks only that."""
    script = (
        "from utils.runtime import quiet_tensorflow; quiet_tensorflow(); import tensorflow as tf; tf.constant(1) + 1;"
        "print(len(tf.config.list_physical_devices('GPU')))"
    )
    try:
        answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        return [Finding("TensorFlow starts", "not within 180 s", False, advice=f"install again: {INSTALL}")]
    if answer.returncode != 0:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        return [Finding("TensorFlow starts", last, False, advice=f"install again: {INSTALL}")]
    gpus, names = int(answer.stdout.split()[-1]), runtime.gpu_names()
    rows = [Finding("TensorFlow starts", f"yes, profile {runtime.profile()}")]
    if names and not gpus:
        advice = 'the driver lists a GPU that TensorFlow cannot use: pip install "tensorflow[and-cuda]"'
        rows.append(Finding("GPU", ", ".join(names), False, required=False, advice=advice))
    else:
        rows.append(Finding("device", f"GPU: {', '.join(names)}" if gpus else f"CPU, {os.cpu_count()} cores"))
    return rows


def _optional() -> list[Finding]:
    rows = []
    for what, command, use, advice in (
        ("JupyterLab", "jupyter-lab", "to open the lessons", INSTALL),
        ("nbgrader", "nbgrader", "to release lessons and to grade", INSTALL),
        ("Chromium", "chromium", "only for the test of JupyterLab in a browser", "apt-get install chromium"),
    ):
        # A virtual environment's programs stand beside its Python, whether or not it is activated.
        place = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
        well = shutil.which(command, path=place) is not None
        found = "yes" if well else f"missing ({use})"
        rows.append(Finding(what, found, well, required=False, advice="" if well else advice))
    return rows
