"""A lesson starts quietly, says what it runs on, and trains the size that fits."""

import subprocess
import sys

import pytest

from utils import runtime


def python(code, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_tensorflow_starts_without_a_word_on_stderr():
    done = python(
        "from utils.runtime import start; start('02')\n"
        "import sys; assert 'tensorflow' not in sys.modules\n"
        "import importlib.util; assert importlib.util.find_spec('tensorflow')  # some packages look first\n"
        "import tensorflow as tf; print(int(tf.constant(1) + 1))\n"
        "import os; os.write(2, b'stderr is back')"
    )
    assert done.returncode == 0
    assert done.stderr == "stderr is back"
    assert done.stdout.startswith("Lesson 02 · ")
    assert done.stdout.endswith("profile quick\n2\n") or "profile full" in done.stdout


def test_an_import_that_fails_shows_what_was_held_back(tmp_path):
    package = tmp_path / "tensorflow"
    package.mkdir()
    (package / "__init__.py").write_text("import os; os.write(2, b'the reason'); raise ImportError('broken')")
    done = python(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from utils.runtime import quiet_tensorflow; quiet_tensorflow(); import tensorflow"
    )
    assert done.returncode == 1
    assert "the reason" in done.stderr
    assert "ImportError: broken" in done.stderr


def test_quieting_twice_changes_nothing_more():
    before = list(sys.meta_path)
    try:
        runtime.quiet_tensorflow()
        once = list(sys.meta_path)
        runtime.quiet_tensorflow()
        assert sys.meta_path == once
    finally:
        sys.meta_path[:] = before


def test_the_profile_is_quick_on_a_cpu_and_full_on_a_gpu(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(runtime, "gpu_names", lambda: ())
    assert runtime.profile() == "quick"
    monkeypatch.setattr(runtime, "gpu_names", lambda: ("NVIDIA X", "NVIDIA X"))
    assert runtime.profile() == "full"
    assert runtime.report().startswith("GPU NVIDIA X (and 1 more)")
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    assert runtime.profile() == "quick"


def test_an_unknown_profile_is_told_the_known_ones(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="set it to 'quick' or 'full'"):
        runtime.profile()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(runtime, "version", lambda name: None)
    assert "Keras is missing: run course doctor" in runtime.report()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=f"seed is {seed}; expected a whole number from 0"):
        runtime.seed_everything(seed)
