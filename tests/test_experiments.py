"""`utils.experiments`: small runs of each, the stored results, and the files they stand in."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from typer.testing import CliRunner

from utils import experiments
from utils.cli import app
from utils.datasets import entities, records
from utils.datasets.translation import examples
from utils.experiments import adding, language, pronunciation, storage, tagging, translation
from utils.experiments.storage import Result

ROWS = tuple(
    {"seed": seed, "cell": cell, "step": step, "error": (seed + 1) / (step + 1)}
    for seed in (0, 1)
    for cell in ("GRU", "plain")
    for step in (0, 10)
)
RESULT = Result("adding", {"T": 3, "cells": ["GRU"]}, (0, 1), "CPU, 2 cores (x)", "2026-01-31", "Python 3", 0.1, ROWS)

SMALL_ADDING = {
    "T": 6,
    "n_a": 3,
    "batch": 4,
    "steps": 4,
    "every": 2,
    "test": 10,
    "variants": [{"cell": "plain", "learning_rate": 0.1}],
}
SMALL_AGREEMENT = {
    "n_a": 3,
    "embedding": 2,
    "sentences": 40,
    "epochs": 1,
    "variants": [{"cell": "plain", "learning_rate": 0.01}],
}
SMALL_TAGGING = {
    "sentences": 64,
    "epochs": 1,
    "variants": [{"tagger": "small", "both": True, "n_a": 3, "min_count": 4}],
}

SMALL_LANGUAGE = {"embedding": 4, "n_a": 3}


# Stored results


@pytest.mark.parametrize("name", experiments.names())
def test_the_stored_result_was_made_by_the_current_settings_and_has_every_column_of_every_seed(name):
    found, experiment = experiments.stored(name), experiments.find(name)
    assert found.experiment == name
    assert found.settings == dict(experiment.settings)
    assert found.seeds == tuple(range(len(found.seeds)))
    assert len(found.seeds) >= 3
    assert all(tuple(row) == experiment.columns for row in found.rows)
    by_seed = [[row for row in found.rows if row["seed"] == seed] for seed in found.seeds]
    assert len({len(rows) for rows in by_seed}) == 1
    assert sum(map(len, by_seed)) == len(found.rows)
    assert all(np.isfinite(value) for row in found.rows for value in row.values() if isinstance(value, float))
    assert found.hardware
    assert found.versions.startswith("Python 3.")
    assert experiments.path(name).stat().st_size < 100_000


def test_stored_results_come_with_the_package():
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"**/*.csv"' in settings


def test_a_stored_agreement_result_counts_every_test_sentence_in_each_way_of_grouping():
    for name in ("agreement", "agreement-every-word"):
        found = experiments.stored(name)
        one = found.where(seed=0, cell="GRU", objective=found.rows[0]["objective"])
        for by in ("all", "distance", "attractors"):
            assert sum(row["n"] for row in one if row["by"] == by) == 1792


def test_a_stored_tagging_result_counts_every_test_entity_in_each_way_of_grouping():
    found = experiments.stored("tagging")
    for variant in found.settings["variants"]:
        for decoding in tagging.DECODINGS:
            one = found.where(seed=0, tagger=variant["tagger"], decoding=decoding)
            for by in ("all", "clue", "name"):
                assert sum(row["n"] for row in one if row["by"] == by) == 1838
    assert all(row["illegal"] == 0 for row in found.where(decoding="legal"))


# Running


def test_a_small_run_of_the_adding_problem_has_its_rows_and_counts_every_step():
    made = []
    found = experiments.run("adding", [3], made.append, **SMALL_ADDING)
    assert found.seeds == (3,)
    assert [row["step"] for row in found.rows] == [0, 2, 4]
    assert all(tuple(row) == experiments.find("adding").columns for row in found.rows)
    assert found.settings["T"] == 6
    assert found.settings["clipnorm"] == 1.0
    assert sum(made) == experiments.find("adding").work(found.settings) == 4


@pytest.mark.slow
def test_a_run_repeats_and_another_seed_gives_other_numbers():
    variants = [{"cell": "LSTM", "learning_rate": 0.01, "forget_bias": "spread"}, {"cell": "GRU", "learning_rate": 0.1}]
    runs = [experiments.run("forget-bias", [seed], **SMALL_ADDING | {"variants": variants}) for seed in (3, 3, 4)]
    assert runs[0].rows == runs[1].rows
    assert [row["forget_bias"] for row in runs[0].rows] == ["spread"] * 3 + [""] * 3
    assert runs[0].rows[-1]["error"] != runs[2].rows[-1]["error"]


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["every word", "the verb", "the number"])
def test_a_small_run_of_agreement_reports_its_progress(objective):
    made = []
    found = experiments.run("agreement", [0], made.append, **SMALL_AGREEMENT, objectives=[objective])
    assert sum(made) == experiments.find("agreement").work(found.settings) == 1
    assert len(found.rows) == 1 + 5 + 5
    assert all(0 <= row["accuracy"] <= 1 for row in found.rows)
    assert all(tuple(row) == experiments.find("agreement").columns for row in found.rows)


@pytest.mark.slow
def test_a_small_run_of_the_taggers_reports_its_progress():
    made = []
    found = experiments.run("tagging", [0], made.append, **SMALL_TAGGING)
    assert sum(made) == experiments.find("tagging").work(found.settings) == 1
    assert len(found.rows) == 2 * (1 + 4 + 2)
    assert all(0 <= row[column] <= 1 for row in found.rows for column in ("accuracy", "f1", "recall"))
    assert all(tuple(row) == experiments.find("tagging").columns for row in found.rows)


@pytest.mark.slow
def test_a_small_run_of_pronunciation_judges_the_network_with_and_without_attention():
    made = []
    variants = [{**variant, "units": 4} for variant in experiments.find("pronunciation").settings["variants"]]
    small = {"embedding": 2, "words": 60, "epochs": 1, "tested": 400, "variants": variants}
    found = experiments.run("pronunciation", [0], made.append, **small)
    assert sum(made) == experiments.find("pronunciation").work(found.settings) == 3
    assert all(tuple(row) == experiments.find("pronunciation").columns for row in found.rows)
    for variant in variants:
        whole, *groups = found.where(**variant)
        assert [row["letters"] for row in (whole, *groups)] == ["all", *pronunciation.GROUPS]
        assert sum(row["n"] for row in groups) == whole["n"] == 400
        assert np.isclose(sum(row["n"] * row["wer"] for row in groups), 400 * whole["wer"])
        assert all(0 <= row["wer"] <= 1 and row["per"] >= 0 for row in groups)


def test_a_stored_pronunciation_result_judges_every_test_word_and_attention_has_the_fewest_parameters():
    found = experiments.stored("pronunciation")
    sizes = {}
    for variant in found.settings["variants"]:
        for seed in found.seeds:
            whole, *groups = found.where(seed=seed, **variant)
            assert sum(row["n"] for row in groups) == whole["n"] == found.settings["tested"]
            sizes[variant["attention"], variant["directions"]] = whole["parameters"]
    assert sizes["bahdanau", 2] < min(sizes["none", 1], sizes["none", 2])


def test_entities_of_another_group_neither_help_nor_harm_a_score():
    test = records("entities", "test")
    right = [list(record["tags"]) for record in test]
    assert all(row["accuracy"] == row["f1"] == row["recall"] == 1 for row in tagging.summary(right))
    wrong = [list(tags) for tags in right]
    other = {"PER": "LOC", "LOC": "ORG", "ORG": "PER"}
    for record, tags in zip(test, wrong, strict=True):
        for (start, end, kind), clue in zip(entities.spans(record["tags"]), record["clues"], strict=True):
            if clue == "right":
                tags[start:end] = [f"{tag[:2]}{other[kind]}" for tag in tags[start:end]]
    f1 = {row["value"]: row["f1"] for row in tagging.summary(wrong) if row["by"] == "clue"}
    assert f1 == {"left": 1, "right": 0, "both": 1, "name": 1}


def test_a_tag_that_continues_nothing_begins_an_entity_and_is_counted():
    test = records("entities", "test")
    opened = [[tag.replace("B-", "I-") for tag in record["tags"]] for record in test]
    found = {row["value"]: row for row in tagging.summary(opened)}
    assert found["all"]["f1"] > 0.99  # two names of one type are nowhere side by side
    assert found["all"]["illegal"] == sum(set(record["tags"]) > {"O"} for record in test)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes", "rows"),
    [
        ("language-model", {"sentences": 64, "epochs": 2}, 4),
        ("tying", {"sentences": 64, "epochs": 1}, 4),
        ("carried-state", {"passes": 1, "lengths": [200]}, 4),
        ("variants", {"first": 3000, "epochs": 1}, 28),
    ],
)
def test_a_small_run_of_what_predicts_words_reports_its_progress(name, changes, rows):
    made = []
    found = experiments.run(name, [0], made.append, **SMALL_LANGUAGE, **changes)
    assert sum(made) == experiments.find(name).work(found.settings)
    assert len(found.rows) == rows
    assert all(tuple(row) == experiments.find(name).columns for row in found.rows)
    nats = [value for row in found.rows for key, value in row.items() if key in ("train", "validation", "test", "nats")]
    assert all(4 < value < 8 for value in nats)  # it starts at log 1480 = 7.3


SMALL_TRANSLATION = {"embedding": 4, "lengths": [24, 25], "epochs": 2, "tested": 3}


def test_a_stored_translation_result_judges_every_length():
    for name in ("bottleneck", "attention", "extrapolation"):
        found = experiments.stored(name)
        for variant in found.settings["variants"]:
            for seed in found.seeds:
                one = found.where(seed=seed, **variant)
                assert [row["length"] for row in one] == list(translation.GROUPS)
                assert all(90 <= row["n"] <= found.settings["tested"] for row in one)  # there are few of the longest
                assert all(0 <= row["exact"] <= 1 and 0 <= row["bleu"] <= 100 for row in one)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bottleneck", "extrapolation"])
def test_a_small_run_of_the_translators_reports_its_progress(name):
    made = []
    variants = [{**variant, "units": 3} for variant in experiments.find(name).settings["variants"][-2:]]
    found = experiments.run(name, [0], made.append, **SMALL_TRANSLATION, variants=variants)
    assert sum(made) == experiments.find(name).work(found.settings) == 4
    assert len(found.rows) == 2 * len(translation.GROUPS)
    assert all(tuple(row) == experiments.find(name).columns for row in found.rows)
    assert {row["n"] for row in found.rows} == {3}


@pytest.mark.slow  # the pairs take 20 seconds to make
def test_translators_read_the_lengths_that_they_are_given():
    of_source, of_target = words = translation.vocabularies()
    sources, targets = translation.encoded(examples("test", (21, 25))[:7], words)
    assert len(sources) == len(targets) == 7
    assert all(21 <= len(source) <= 25 for source in sources)
    assert all(target[0] == 2 and target[-1] == 3 for target in targets)
    assert (len(of_source), len(of_target)) == (1041 + 4, 2281 + 4)


@pytest.mark.slow
def test_running_text_goes_on_from_row_to_row():
    x, y = language.running("test", 5, 4)
    assert x.shape == y.shape
    assert x.shape[0] == 4
    assert (x[:, 1:] == y[:, :-1])[y[:, :-1] != 3].all()
    assert (x[:, 1:][y[:, :-1] == 3] == 2).all()  # after the end of a sentence comes the beginning of the next


def test_an_experiment_that_does_not_exist_a_wrong_setting_and_wrong_seeds_are_refused():
    with pytest.raises(ValueError, match=r"there is no experiment 'x'; there are: adding"):
        experiments.run("x")
    with pytest.raises(ValueError, match="has no setting 'colour'"):
        experiments.run("adding", colour=1)
    for seeds in ([], [1, 1]):
        with pytest.raises(ValueError, match="none twice"):
            experiments.run("adding", seeds)
    with pytest.raises(ValueError, match="at least 2 positions"):
        adding.sequences(np.random.default_rng(0), 3, 1)
    with pytest.raises(ValueError, match="one of plain, GRU, LSTM"):
        adding.network("Elman", 3)


def test_the_adding_problem_marks_one_position_in_each_half():
    x, y = adding.sequences(np.random.default_rng(0), 50, 7)
    assert x.dtype == y.dtype == np.float32
    assert (x[:, :3, 1].sum(axis=1) == 1).all()
    assert (x[:, 3:, 1].sum(axis=1) == 1).all()
    assert np.allclose((x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True), y)


def test_spread_biases_give_memories_from_one_step_to_the_whole_length():
    layer = adding.network("LSTM", 200, "spread", T=100).layers[1]
    bias = layer.get_weights()[2]
    assert 0 <= bias[200:400].min() < 2
    assert 4 < bias[200:400].max() <= np.log(99)
    assert (bias[:200] == -bias[200:400]).all()


def test_naming_an_experiment_needs_no_tensorflow():
    code = "import sys; from utils.experiments import stored; stored('adding'); assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# The files


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "new" / "a.csv"
    storage.write(path, RESULT)
    found = storage.read(path)
    assert found.settings == RESULT.settings
    assert found == replace(RESULT, rows=found.rows)
    assert [row["error"] for row in found.rows] == pytest.approx([row["error"] for row in ROWS], rel=1e-5)
    assert [item.name for item in path.parent.iterdir()] == ["a.csv"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    storage.write(path, RESULT)
    before = path.read_bytes()

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        storage.write(path, replace(RESULT, seeds=(5,)))
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("# seeds", "# Seeds"), r"line 3: expected '# seeds"),
        (lambda text: text.rsplit(",", 1)[0], "cut off"),
        (lambda text: "\n".join(text.splitlines()[:8]), "cut off"),
        (lambda text: "", "cut off"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change, said):
    path = tmp_path / "a.csv"
    storage.write(path, RESULT)
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        storage.read(path)


def test_no_rows_or_rows_with_different_columns_are_not_written(tmp_path):
    for rows, said in (((), "no row"), (({"seed": 0}, {"seed": 1, "b": 2}), "row 1 has the columns")):
        with pytest.raises(ValueError, match=said):
            storage.write(tmp_path / "a.csv", replace(RESULT, rows=rows))
    assert not list(tmp_path.iterdir())


def test_a_band_is_mean_smallest_and_largest_over_the_seeds():
    x, mean, low, high = RESULT.band("step", "error", cell="GRU")
    assert x.tolist() == [0, 10]
    assert mean == pytest.approx([1.5, 1.5 / 11])
    assert low == pytest.approx([1, 1 / 11])
    assert high == pytest.approx([2, 2 / 11])
    with pytest.raises(ValueError, match="has no column 'kind'; it has: seed, cell"):
        RESULT.where(kind="GRU")
    with pytest.raises(ValueError, match="no row of adding"):
        RESULT.band("step", "error", cell="LSTM")
    assert "2 seeds, 0.1 minutes on CPU" in str(RESULT)


# The command


def course(*arguments):
    return CliRunner().invoke(app, ["experiment", *arguments])


def test_the_command_lists_the_experiments():
    done = course()
    assert done.exit_code == 0, done.output
    for name in experiments.names():
        assert name in done.output


def test_the_command_writes_a_csv_with_the_seeds_that_it_was_given(tmp_path, monkeypatch):
    def rows(seed, settings, advance):
        advance(settings["steps"])
        yield {"seed": seed, "error": 0.5}

    small = replace(experiments.EXPERIMENTS["adding"], rows=rows)
    monkeypatch.setitem(experiments.EXPERIMENTS, "adding", small)
    target = tmp_path / "adding.csv"
    done = course("adding", "--seeds", "4,5", "--out", str(target))
    assert done.exit_code == 0, done.output
    assert "wrote" in done.output
    assert storage.read(target).seeds == (4, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "there is no experiment 'nothing'; there are: adding"),
        (("adding", "--seeds", "a"), "write it like 0,1,2"),
        (("adding", "--seeds", "1,1"), "none twice"),
        (("adding", "--out", "no/such/folder/a.csv"), "name a file in a folder that exists"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, said):
    done = course(*arguments)
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
