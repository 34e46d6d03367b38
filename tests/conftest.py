"""What several test modules share."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from grading_fixtures import graded, place_of  # noqa: E402, F401  fixtures


def pytest_collection_modifyitems(config, items):
    """Marks the cells that nbval runs as slow, and leaves nightly tests out unless -m names them."""
    for item in items:
        if item.path.suffix == ".ipynb" or item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.slow)
    if "nightly" not in config.option.markexpr:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("nightly")])
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]
