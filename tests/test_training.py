"""Budgets, checkpoints, run folders, progress, and texts read in streams."""

import contextlib
import doctest
import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from rich.console import Console

from utils.text import UNK
from utils.training import budget, checkpoint, corpus, files, progress
from utils.training.budget import Budget, cosine
from utils.training.checkpoint import CheckpointError
from utils.training.corpus import Streams, join_tokens, read_corpus, split_text
from utils.training.folder import RunError, RunFolder
from utils.training.report import circumstances


@pytest.mark.parametrize("module", [budget, corpus, progress], ids=lambda module: module.__name__)
def test_examples_in_the_documentation(module):
    assert doctest.testmod(module).failed == 0


# Budgets


def test_a_budget_of_time_goes_on_where_an_interrupted_run_was():
    now = [100.0]
    spent = Budget(seconds=60, used=15, clock=lambda: now[0])
    assert spent.fraction(step=10**6) == 0.25
    now[0] += 30
    assert spent.used() == 45
    assert spent.fraction(step=0) == 0.75
    now[0] += 30
    assert spent.fraction(step=0) == 1.0


@pytest.mark.parametrize("limit", [{}, {"seconds": 1, "steps": 1}, {"seconds": 0}, {"steps": 0}, {"seconds": -1.0}])
def test_a_budget_has_one_limit_above_zero(limit):
    with pytest.raises(ValueError, match="limit"):
        Budget(**limit)


def test_the_rate_rises_to_its_peak_and_falls_to_its_floor():
    rates = [cosine(fraction, 2.0, warmup=0.1, floor=0.25) for fraction in np.linspace(0, 1, 101)]
    assert rates[0] > 0
    assert max(rates) == rates[10] == 2.0
    assert rates[-1] == pytest.approx(0.5)
    assert np.all(np.diff(rates[:11]) > 0)
    assert np.all(np.diff(rates[10:]) < 0)
    assert cosine(0.0, 2.0, warmup=0.0) == 2.0


# Files and checkpoints


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with contextlib.suppress(KeyError), files.whole_file(path) as unfinished:
        unfinished.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, float("nan"))
    assert [inside.name for inside in tmp_path.iterdir()] == ["a.txt"]
    files.write_json(path, {"é": 1})
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1}


def test_a_checkpoint_gives_back_what_was_saved(tmp_path):
    arrays = {"a": [np.arange(6, dtype="float32").reshape(2, 3), np.int64(7)], "b": [np.arange(i) for i in range(12)]}
    checkpoint.save(tmp_path / "c.npz", arrays, {"step": 3, "history": [{"x": 0.5}]})
    loaded, plain = checkpoint.load(tmp_path / "c.npz")
    assert plain == {"step": 3, "history": [{"x": 0.5}]}
    assert list(loaded) == ["a", "b"]
    for name, group in arrays.items():
        for saved, found in zip(group, loaded[name], strict=True):
            np.testing.assert_array_equal(saved, found)
            assert np.asarray(saved).dtype == found.dtype


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"text"])
def test_a_broken_checkpoint_is_told(tmp_path, content):
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(CheckpointError, match="is no readable checkpoint"):
        checkpoint.load(tmp_path / "c.npz")


def test_a_checkpoint_of_another_model_changes_nothing():
    class Variable:
        shape = (2,)

        def assign(self, value):
            pytest.fail("was assigned")

    with pytest.raises(CheckpointError, match=r"shapes \[\(2,\), \(3,\)\]"):
        checkpoint.assign([Variable(), Variable()], [np.zeros(2), np.zeros(3)], "c.npz")


def test_a_checkpoint_survives_a_kill_at_any_moment(tmp_path):
    code = (
        "import sys, itertools, numpy as np; from utils.training import checkpoint\n"
        "for i in itertools.count():\n"
        "    checkpoint.save(sys.argv[1], {'a': [np.full(200_000, i)]}, {'i': i})\n"
    )
    path = tmp_path / "c.npz"
    for wait in (0.0, 0.003, 0.007):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)])
        while not path.exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        arrays, plain = checkpoint.load(path)
        assert (arrays["a"][0] == plain["i"]).all()
        path.unlink()


# Folders


SETTINGS = {"unit": "char", "steps": 5, "recipe": {"width": 8}}


def test_a_folder_takes_up_the_run_that_it_holds(tmp_path):
    folder = RunFolder(tmp_path / "new" / "run")
    with folder.begin(SETTINGS) as resumed:
        assert not resumed
        assert folder.report() is None
        folder.checkpoint.write_bytes(b"x")
    with folder.begin(SETTINGS) as resumed:
        assert resumed
        folder.finish({"nats": 1.5})
    assert folder.report() == {"nats": 1.5}
    assert not folder.checkpoint.exists()


def test_a_folder_with_another_run_is_left_alone(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.begin(SETTINGS):
        pass
    before = sorted(path.name for path in tmp_path.iterdir())
    for changed, said in [
        ({"unit": "word"}, 'holds a run with unit "char", not "word"'),
        ({"seed": 1}, "with seed null, not 1"),
        ({"recipe": {"width": 9}}, "with recipe"),
    ]:
        with pytest.raises(RunError, match=said), folder.begin({**SETTINGS, **changed}):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_folders_that_cannot_hold_a_run(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("x")
    for name, said in [("file", "is a file"), ("full", "holds other files"), ("file/run", "cannot be written")]:
        with pytest.raises(RunError, match=said), RunFolder(tmp_path / name).begin(SETTINGS):
            pass
    assert (tmp_path / "full" / "thesis.txt").exists()


def test_two_runs_at_once_in_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    other = RunFolder(tmp_path).begin(SETTINGS)
    with RunFolder(tmp_path).begin(SETTINGS), pytest.raises(RunError, match="a run is under way"), other:
        pass
    with RunFolder(tmp_path).begin(SETTINGS):
        pass


def test_a_report_says_on_what_it_was_made():
    said = circumstances()
    assert set(said) == {"profile", "device", "date", "versions"}
    assert set(said["versions"]) == {"python", "tensorflow", "keras", "numpy", "course"}
    json.dumps(said, allow_nan=False)


def test_progress_is_a_bar_in_a_terminal_and_few_lines_in_a_file():
    def shown(terminal):
        output = io.StringIO()
        with progress.ProgressBar("Training", Console(file=output, force_terminal=terminal, width=100)) as bar:
            for step in range(101):
                bar.show(step / 100, f"step [{step}]")
        return output.getvalue()

    assert "100 %" in shown(True)
    assert 9 <= len(shown(False).splitlines()) <= 11
    assert "Training: 0 %, step [0]" in shown(False)


# Texts


def write(tmp_path, content):
    path = tmp_path / "text.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_the_end_of_a_text_is_held_out(tmp_path):
    text = "abcdefghij" * 100 + "é" * 100
    read = read_corpus(write(tmp_path, text), "char", 0.2)
    assert read.train == 880
    assert read.heldout == 220
    assert "é" not in read.vocabulary  # the vocabulary knows the training part alone
    assert read.vocabulary.decode(read.ids[:10]) == list("abcdefghij")
    assert read.vocabulary.decode(read.ids[-1:]) == [UNK]


def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path):
    text = "one line\nanother\n" * 30
    plain = read_corpus(write(tmp_path, text), "char", 0.1)
    marked = read_corpus(write(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()), "char", 0.1)
    np.testing.assert_array_equal(plain.ids, marked.ids)


def test_words_end_with_their_line_and_rare_ones_are_unknown(tmp_path):
    text = "The dog barks.\n\nThe cat, too!\n" * 60
    read = read_corpus(write(tmp_path, "Once upon.\n" + text), "word", 0.1)
    assert read.vocabulary.decode(read.ids[:9], keep_specials=True) == [
        *(UNK, UNK, ".", "<EOS>"),
        *("the", "dog", "barks", ".", "<EOS>"),
    ]
    assert join_tokens(split_text(text, "word"), "word") == text.lower().replace("\n\n", "\n")


@pytest.mark.parametrize(
    ("content", "unit", "holdout", "said"),
    [
        (b"", "char", 0.1, "is empty"),
        (b" \n\n", "char", 0.1, "is empty"),
        (b"one line", "char", 0.1, "gives 7 characters to train on, but at least 200"),
        (b"one line\n" * 30, "word", 0.1, "words and line ends to train on"),
        (b"x" * 300, "char", 0.5, "a smaller --holdout"),
        (b"x" * 300, "char", 0.0, "holdout is 0.0"),
        (b"x" * 300, "char", 1.0, "holdout is 1.0"),
        (b"x" * 300, "char", 0.001, "held-out part .* is empty"),
        (b"fine\nd\xe9j\xe0", "char", 0.1, "line 2: byte 0xe9 is not UTF-8"),
        ("text".encode("utf-16"), "char", 0.1, "byte 0xff is not UTF-8"),
        (b"x" * 300, "syllable", 0.1, "'char' or 'word'"),
    ],
)
def test_texts_that_cannot_be_used(tmp_path, content, unit, holdout, said):
    with pytest.raises(RunError, match=said):
        read_corpus(write(tmp_path, content), unit, holdout)


def test_a_text_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match="there is no file"):
        read_corpus(tmp_path / "none.txt", "char", 0.1)
    with pytest.raises(RunError, match="cannot be read"):
        read_corpus(tmp_path, "char", 0.1)


def test_streams_run_through_the_text_and_targets_are_one_ahead():
    ids = np.arange(1000)
    streams = Streams(ids, streams=4, length=20, seed=0)
    batches = streams.batches()
    passes = [[next(batches) for _ in range(streams.segments)] for _ in range(2)]
    for one in passes:
        x = np.concatenate([x for x, _, _ in one], axis=1)
        y = np.concatenate([y for _, y, _ in one], axis=1)
        assert one[0][2].all()
        assert x.shape[0] == 4
        assert ((x + 1) % 1000 == y).all()
        assert ((x[:, :-1] + 1) % 1000 == x[:, 1:]).all()  # the state fits from segment to segment
        assert len(np.unique(x)) == x.size > 900
    assert passes[0][0][0][0, 0] != passes[1][0][0][0, 0]


def test_streams_go_on_from_any_step():
    streams = Streams(np.arange(1000), streams=4, length=20, seed=3)
    batches = streams.batches()
    everything = [next(batches) for _ in range(3 * streams.segments)]
    for step in (0, 1, streams.segments, streams.segments + 5):
        for expected, found in zip(everything[step : step + 9], streams.batches(step), strict=False):
            np.testing.assert_array_equal(expected[0], found[0])
            np.testing.assert_array_equal(expected[2], found[2])


def test_now_and_then_a_stream_forgets_its_past():
    streams = Streams(np.arange(100_000), streams=10, length=10, seed=0)
    batches = streams.batches()
    forgets = np.stack([next(batches)[2] for _ in range(streams.segments)])
    assert forgets.shape == (streams.segments, 10)
    assert forgets[0].all()
    assert 0.02 < forgets[1:].mean() < 0.045


@pytest.mark.parametrize("tokens", [200, 300, 1000, 5000])
def test_a_short_text_gets_fewer_and_shorter_streams(tokens):
    streams = Streams(np.arange(tokens), streams=64, length=128, seed=0)
    x, y, _ = next(streams.batches())
    assert x.shape == y.shape == (streams.streams, streams.length)
    assert streams.segments >= 1
