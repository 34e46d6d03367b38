"""`course train seq2seq` and `course translate`: pairs as arrays, the run as a person uses it, what may go wrong."""

import doctest
import json
import random
import re
import time

import numpy as np
import pytest
from kills import kill_at_checkpoint
from typer.testing import CliRunner

from utils.cli import app
from utils.text import Vocabulary
from utils.training import checkpoint, pairs
from utils.training.folder import RunError
from utils.training.pairs import Batches, join_units, split_units
from utils.training.scores import scores

SIZES = {
    "embedding": 16,
    "units": 24,
    "batch": 16,
    "learning_rate": 0.01,
    "dropout": 0.0,
    "beam": 2,
    "ensemble": 1,
    "minutes": 0.1,
}


def course(*arguments, **options):
    return CliRunner().invoke(app, list(map(str, arguments)), **options)


# Pairs as arrays


@pytest.mark.parametrize("module", [pairs], ids=lambda module: module.__name__)
def test_examples_in_the_documentation(module):
    assert doctest.testmod(module).failed == 0


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_rows_with_one_source_are_its_answers_and_repeated_rows_count_once(tmp_path):
    rows = "été\tv ɛ\ndog\td ɔ g\ne\u0301te\u0301\tv ɛ\ndog\td ɑ g\ndog\td ɔ g\n"
    read = pairs.read(write(tmp_path / "p.tsv", rows), "char", "word")
    assert read.sources == [["e", "\u0301", "t", "e", "\u0301"], ["d", "o", "g"]]  # however é was written
    assert read.answers == [[["v", "ɛ"]], [["d", "ɔ", "g"], ["d", "ɑ", "g"]]]
    assert read.repeated == 2
    assert len(read.rows()) == 3


def test_korean_syllables_are_read_as_letters():
    assert len(split_units("한글", "char")) == 6
    assert join_units(split_units("한글", "char"), "char") == "한글"


def test_frequent_words_alone_have_ids_where_words_are_many():
    many = [[f"word{i}", "the"] for i in range(2000)]
    assert pairs.vocabulary(many, "word").tokens[4:] == ("the",)
    assert len(pairs.vocabulary(many, "char")) == 2005
    assert len(pairs.vocabulary(many[:20], "word")) == 25


@pytest.fixture
def some_pairs():
    chosen = random.Random(0)
    rows = [[chosen.choice("abcde") for _ in range(chosen.choice([2, 3, 5, 8, 30]))] for _ in range(150)]
    return [(row, row[: len(row) // 2 + 1]) for row in rows], Vocabulary.build(rows)


def test_each_pass_has_every_pair_in_few_shapes(some_pairs):
    some, known = some_pairs
    batches = Batches(some, known, known, 16, seed=3)
    reading = batches.from_step(0)
    for _ in range(3):
        seen = []
        for _ in range(batches.each_pass):
            sources, targets = next(reading)
            assert (sources.shape[1], targets.shape[1] - 1) in {(T_x, T_y - 1) for T_x, T_y in batches.shapes}
            assert len(sources) == 16
            for source, target in zip(sources, targets, strict=True):
                tokens, answer = known.decode(source[source != 0]), known.decode(target, keep_specials=True)
                assert answer[0] == "<BOS>"
                assert answer[len(known.decode(target)) + 1] == "<EOS>"
                assert known.decode(target) == tokens[: len(tokens) // 2 + 1]
                seen.append(tuple(tokens))
        assert set(seen) == {tuple(source) for source, _ in some}
        assert len(seen) - len(some) < 16
    assert len(batches.shapes) <= 6


def test_batches_go_on_from_any_step(some_pairs):
    some, known = some_pairs
    batches = Batches(some, known, known, 16, seed=3, unknown=0.1)
    reading = batches.from_step(0)
    everything = [next(reading) for _ in range(3 * batches.each_pass)]
    assert any((sources == 1).any() for sources, _ in everything)
    for step in (0, 1, batches.each_pass, batches.each_pass + 5):
        for expected, found in zip(everything[step : step + 9], batches.from_step(step), strict=False):
            np.testing.assert_array_equal(expected[0], found[0])
            np.testing.assert_array_equal(expected[1], found[1])


# Scores


def test_scores_have_intervals_that_hold_them():
    pytest.importorskip("sacrebleu")
    answers = [[list("abcde"), list("abc")], [list("ab cd")], [list("fghij")]] * 40
    outputs = [list("abc"), list("ab cx"), list("fghij")] * 40
    found = scores(answers, outputs)
    assert found["word_error_rate"] == pytest.approx(1 / 3)
    assert found["token_error_rate"] == pytest.approx(1 / 13)
    assert 70 < found["bleu"] < 100
    for name in ("word_error_rate", "token_error_rate", "bleu"):
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high
    perfect = scores(answers[:1], outputs[:1])
    assert perfect["word_error_rate"] == perfect["token_error_rate"] == 0
    assert 0 == perfect["word_error_rate_interval"][0] < perfect["word_error_rate_interval"][1] < 1


# The command


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Words of three to five letters, and the same in capitals and reversed, as tokens."""
    folder, chosen = tmp_path_factory.mktemp("pairs"), random.Random(0)
    words = {"".join(chosen.choice("abcdef") for _ in range(chosen.choice([3, 4, 5]))) for _ in range(900)}
    words = sorted(words)
    chosen.shuffle(words)
    parts = {"train": words[:500], "dev": words[500:540], "test": words[540:580]}
    for name, some in parts.items():
        (folder / f"{name}.tsv").write_text("".join(f"{word}\t{' '.join(reversed(word.upper()))}\n" for word in some))
    return folder


def options_of(folder, **changed):
    paths = {name: folder / f"{name}.tsv" for name in ("train", "dev", "test")} | changed
    return [*(f"--{name}={path}" for name, path in paths.items()), "--target-unit=word"]


@pytest.fixture
def small(monkeypatch):
    from utils.training import seq2seq_recipe

    for name in ("quick", "full"):
        monkeypatch.setitem(seq2seq_recipe.RECIPES, name, seq2seq_recipe.Recipe(**SIZES))
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    return seq2seq_recipe


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["bahdanau", "luong", "none"])
def test_a_model_learns_reports_and_translates(files, tmp_path, small, attention):
    out = tmp_path / "run"
    options = [*options_of(files), "--attention", attention, "--steps", 400]
    done = course("train", "seq2seq", *options, "--out", out)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    # Without attention, so small a model in so few steps learns little more than which tokens there are.
    assert report["word_error_rate"] <= (1.0 if attention == "none" else 0.25)
    assert report["token_error_rate"] <= (0.8 if attention == "none" else 0.1)
    assert report["token_error_rate"] <= report["word_error_rate"]
    low, high = report["word_error_rate_interval"]
    assert low - 1e-9 <= report["word_error_rate"] <= high + 1e-9
    assert (
        report["token_error_rate_interval"][0] <= report["token_error_rate"] <= report["token_error_rate_interval"][1]
    )
    assert attention == "none" or report["bleu"] > 60
    assert report["history"][0]["train_nats"] > report["history"][-1]["train_nats"]
    assert report["sources"] == {"train": 500, "dev": 40, "test": 40}
    assert (report["seed"], report["ensemble"], report["attention"]) == (0, 1, attention)
    assert report["test_sources_seen_in_training"] == 0
    names = {path.name for path in out.iterdir() if path.name[0] != "."}
    maps = {name for name in names if name.startswith("attention-")}
    assert names - maps == {
        *("report.json", "settings.json", "model.keras", "vocabulary.json", "predictions.tsv"),
        *("curves.png", "losses.png"),
    }
    assert bool(maps) == (attention != "none")
    rows = [line.split("\t") for line in (out / "predictions.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["source", "output", "right answers", "judgement"]
    assert np.mean([row[3] == "wrong" for row in rows[1:]]) == pytest.approx(report["word_error_rate"])
    assert all((row[1] == row[2]) == (row[3] == "right") for row in rows[1:])

    # the same sources give the same outputs, whatever stands beside them
    lines = [row[0] for row in rows[1:6]]
    translated = course("translate", out, input="\n".join(lines) + "\n")
    assert translated.exit_code == 0, translated.output
    assert translated.stdout.splitlines() == [row[1] for row in rows[1:6]]
    strange = course("translate", out, input=f"{lines[0]}\n\nxyz\nabc\n")
    assert strange.stdout.splitlines()[:2] == [rows[1][1], ""]
    assert len(strange.stdout.splitlines()) == 4
    assert "never saw these tokens, which count as <UNK>: 'x' 'y' 'z'" in strange.stderr

    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert course("train", "seq2seq", *options, "--out", out).exit_code == 0
    other = course("train", "seq2seq", *options, "--out", out, "--seed", 1)
    assert other.exit_code == 1
    assert "holds a run with seed 0, not 1" in other.output
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.slow
def test_an_ensemble_decides_together(files, tmp_path, small):
    report = small.train(
        *(files / f"{name}.tsv" for name in ("train", "dev", "test")), tmp_path, target_unit="word", steps=40,
        ensemble=2,
    )  # fmt: skip
    assert (report["ensemble"], report["steps"], len(report["histories"])) == (2, 80, 1)
    assert report["history"] != report["histories"][0]
    assert {"model-1.keras", "model-2.keras"} < {path.name for path in tmp_path.iterdir()}
    from utils.training import translator

    both, _ = translator.load(tmp_path)
    languages = both.languages
    ids = languages.source.encode(list("abc"))[None]
    alone = [translator.Translator([model], languages) for model in both.models]
    first = np.array([languages.target.id_of("<BOS>")])
    together, *single = (np.asarray(each._step(first, each._start(ids))[0]) for each in (both, *alone))
    probabilities = [np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True) for logits in single]
    np.testing.assert_allclose(np.exp(together), np.mean(probabilities, axis=0), atol=1e-6)


@pytest.mark.slow
def test_long_sources_strange_characters_and_repeated_rows(files, tmp_path, small):
    train = (files / "train.tsv").read_text()
    write(tmp_path / "train.tsv", train + train[: train.index("\n") + 1] * 3 + "ab" * 250 + "\tA B\n")
    test = "ab" * 250 + "\tA B\n" + "aßb\tB A\n" + "ab\tB A\nab\tA B\nab\tB A\n"
    write(tmp_path / "test.tsv", test)
    options = options_of(files, train=tmp_path / "train.tsv", test=tmp_path / "test.tsv")
    done = course("train", "seq2seq", *options, "--steps", 30, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["repeated_rows"] == {"train": 3, "dev": 0, "test": 1}
    assert report["sources"]["test"] == 3
    assert report["test_tokens_never_seen"] == ["ß"]
    assert report["test_sources_seen_in_training"] >= 1
    assert "tokens that training never saw: 'ß'" in done.output
    assert len(course("translate", tmp_path / "run", input="ab" * 300 + "\n").stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("changed", "options", "said"),
    [
        ({"dev": b""}, [], "no line with a source and a target"),
        ({"train": b"one\tt u\n"}, [], "has 1 different source, but at least 10"),
        ({"train": b"one\tt u\n" * 30}, [], "has 1 different source, but at least 10"),
        ({"test": b"ab\tA B\ncd\t\n"}, [], "line 2: the target is empty"),
        ({"test": b"ab\tA B\n\tA\n"}, [], "line 2: the source is empty"),
        ({"train": b"ab\tA\nJos\xe9\tB\n"}, [], "line 2: byte 0xe9 is not UTF-8"),
        ({"train": "ab\tA\n".encode("utf-16")}, [], "UTF-16"),
        ({"dev": b"ab A B\n"}, [], "1 column"),
        ({"dev": b"ab\tA B\ncd\n"}, [], "line 2: 1 column, but the first line has 2"),
        ({"test": None}, [], "there is no file"),
        ({}, ["--source-unit", "letter"], "'char' or 'word'"),
        ({}, ["--attention", "all"], "attention is 'all'"),
        ({}, ["--profile", "huge"], "profile is 'huge'"),
        ({}, ["--ensemble", 0], "ensemble is 0"),
        ({}, ["--minutes", 0], "the limit must be above 0"),
        ({}, ["--steps", 0], "the limit must be above 0"),
        ({}, ["--seed", -1], "seed is -1"),
    ],
    ids=range(17),
)
@pytest.mark.slow  # imports TensorFlow
def test_what_cannot_be_trained_leaves_nothing(files, tmp_path, small, changed, options, said):
    paths = {name: tmp_path / f"{name}.tsv" for name in changed}
    for name, content in changed.items():
        if content is not None:
            write(paths[name], content)
    done = course("train", "seq2seq", *options_of(files, **paths), *options, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert re.search(said, done.output)
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_folders_that_cannot_be_written_or_read(files, tmp_path, small):
    write(tmp_path / "file", "x")
    (tmp_path / "full").mkdir()
    write(tmp_path / "full" / "thesis.txt", "x")
    for name, said in [("file", "is a file"), ("full", "holds other files"), ("file/run", "cannot be written")]:
        done = course("train", "seq2seq", *options_of(files), "--steps", 1, "--out", tmp_path / name)
        assert done.exit_code == 1
        assert said in done.output
        assert len(done.output.strip().splitlines()) == 1
    for folder in (tmp_path / "full", tmp_path / "none"):
        done = course("translate", folder, input="ab\n")
        assert done.exit_code == 1
        assert "holds no finished encoder–decoder" in done.output


@pytest.mark.slow  # imports TensorFlow
def test_few_minutes_are_for_fewer_models():
    from utils.training import run, seq2seq_recipe

    models = [
        seq2seq_recipe._chosen(None, "quick", None, minutes, None)[0].ensemble for minutes in (0.5, 2.9, None, 60)
    ]
    assert models == [1, 2, 4, 4]
    assert seq2seq_recipe._chosen(None, "quick", None, 0.5, 3)[0].ensemble == 3
    assert doctest.testmod(run).failed == 0


@pytest.mark.slow  # imports TensorFlow
def test_when_one_model_fails_the_others_stop_and_save():
    from utils.training.run import train_all

    class Stub:
        stopped, saved = False, False

        def __init__(self, fails):
            self.fails = fails

        def train(self, show):
            if self.fails:
                raise KeyboardInterrupt
            begin = time.monotonic()
            while not self.stopped:
                assert time.monotonic() - begin < 60
                show(0.5, "step 1")
                time.sleep(0.01)
            self.saved = True

    runs, seen = [Stub(True), Stub(False), Stub(False)], []
    with pytest.raises(KeyboardInterrupt):
        train_all(runs, 2, lambda done, words: seen.append((done, words)))
    assert [run.saved for run in runs[1:]] == [True, True]
    assert all(done <= 1 / 3 and words.startswith("model ") for done, words in seen)


RUN = """
import sys
from utils.runtime import quiet_tensorflow
quiet_tensorflow()
from test_seq2seq import SIZES
from utils.training import run, seq2seq_recipe
run.CHECKPOINT_SECONDS = 0.0
seq2seq_recipe.train(*sys.argv[2:], sys.argv[1], target_unit="word", steps=STEPS, ensemble=2,
                     recipe=seq2seq_recipe.Recipe(**SIZES | {"dropout": 0.2}))
"""
VARIES = {"seconds", "seconds_of_this_process", "date", "interruptions"}


def without_times(report):
    kept = {key: value for key, value in report.items() if key not in VARIES}
    for history in (kept["history"], *kept["histories"]):
        for point in history:
            del point["seconds"]
    return kept


@pytest.mark.slow
def test_a_killed_run_gives_the_report_of_an_unbroken_one(files, tmp_path, small):
    paths = [files / f"{name}.tsv" for name in ("train", "dev", "test")]
    steps, out = 24, tmp_path / "killed"
    kill_at_checkpoint(RUN.replace("STEPS", str(steps)), out, out, *paths, checkpoint="checkpoint-2.npz")
    _, saved = checkpoint.load(out / "checkpoint-2.npz")
    assert 0 < saved["step"] < steps

    recipe = small.Recipe(**SIZES | {"dropout": 0.2})
    options = {"target_unit": "word", "steps": steps, "ensemble": 2, "recipe": recipe}
    resumed = small.train(*paths, out, **options)
    assert resumed["interruptions"] == 1
    whole = small.train(*paths, tmp_path / "whole", **options)
    assert whole["interruptions"] == 0
    assert without_times(resumed) == without_times(whole)
    for name in ("predictions.tsv", "vocabulary.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_unit_that_is_none(tmp_path):
    with pytest.raises(RunError, match="the unit is 'syllable'"):
        pairs.read(tmp_path / "p.tsv", "char", "syllable")
