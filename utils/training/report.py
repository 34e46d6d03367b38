"""What every report says besides its results: versions, device, profile, date."""

import datetime
import os
import platform
from typing import Any

from utils import runtime

_DISTRIBUTIONS = {"tensorflow": "tensorflow", "keras": "keras", "numpy": "numpy", "course": "sequence-course"}


def circumstances() -> dict[str, Any]:
    """Tell on what a run ran.

    Returns:
        `profile`, `device` (a GPU's name, or the number of CPU cores), `date` (UTC), and `versions` by name.
    """
    gpus = runtime.gpu_names()
    versions = {name: runtime.version(distribution) for name, distribution in _DISTRIBUTIONS.items()}
    return {
        "profile": runtime.profile(),
        "device": gpus[0] if gpus else f"CPU, {os.cpu_count() or 1} cores",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **versions},
    }
