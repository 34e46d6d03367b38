"""Tests of preparing data sets: what is broken, half written or in the way is never taken for whole."""

import os
import shutil
import subprocess
import sys

import pytest

from utils.datasets import load, names, overview, public, records, routine, sizes

pytestmark = pytest.mark.slow  # makes or prepares whole data sets

WEEKS = 255  # in the test split of routine


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A directory in which routine is prepared; to be copied, not changed."""
    directory = tmp_path_factory.mktemp("whole")
    load("routine", "test", data_dir=directory)
    return directory


@pytest.fixture
def prepared(whole, tmp_path):
    """A directory of its own in which routine is prepared, and the directory of the set."""
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data", tmp_path / "data" / "routine" / "1.0.0"


def loaded(directory):
    weeks = [example["weather"].numpy().tolist() for example in load("routine", "test", data_dir=directory)]
    return [[day.decode() for day in week] for week in weeks]


EXPECTED = [record["weather"] for record in records("routine", "test")]


def record_file(directory, split="test"):
    return directory / f"routine-{split}.tfrecord-00000-of-00001"


def halve(path):
    os.truncate(path, path.stat().st_size // 2)


BREAK = {
    "no description": lambda path: (path / "dataset_info.json").unlink(),
    "half a description": lambda path: halve(path / "dataset_info.json"),
    "empty description": lambda path: (path / "dataset_info.json").write_bytes(b""),
    "binary description": lambda path: (path / "dataset_info.json").write_bytes(b"\xff\xfe\x00"),
    "no records": lambda path: record_file(path).unlink(),
    "half the records": lambda path: halve(record_file(path)),
    "a byte missing": lambda path: os.truncate(record_file(path), record_file(path).stat().st_size - 1),
    "records are a directory": lambda path: (record_file(path).unlink(), record_file(path).mkdir()),
    "empty directory": lambda path: [file.unlink() for file in path.iterdir()],
    "a file in its place": lambda path: (shutil.rmtree(path), path.write_bytes(b"?")),
}


@pytest.mark.parametrize("fault", BREAK)
def test_a_broken_set_is_not_taken_for_whole_and_is_made_again(fault, prepared):
    directory, path = prepared
    BREAK[fault](path)
    assert not state("routine", directory).prepared
    assert loaded(directory) == EXPECTED
    assert state("routine", directory).prepared
    assert [left.name for left in path.parent.iterdir()] == ["1.0.0"]


def state(name, directory):
    return next(entry for entry in overview.entries(directory) if entry.name == name)


def test_what_is_whole_is_not_written_again(prepared, monkeypatch):
    directory, path = prepared
    before = record_file(path).stat().st_mtime_ns
    monkeypatch.setattr(routine, "examples", None)
    assert loaded(directory) == EXPECTED
    assert record_file(path).stat().st_mtime_ns == before


@pytest.mark.parametrize("inside", ["", "routine"])
def test_a_file_in_the_way_is_said_in_one_sentence(inside, tmp_path):
    directory = tmp_path / "data"
    if inside:
        directory.mkdir()
    (directory / inside).write_bytes(b"in the way")
    with pytest.raises(OSError, match=r"cannot prepare the data set in .*routine/1.0.0 .*set TFDS_DATA_DIR") as raised:
        load("routine", "test", data_dir=directory)
    assert "\n" not in str(raised.value)
    assert (directory / inside).read_bytes() == b"in the way"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_not_ours_to_write_to(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OSError, match=r"cannot prepare the data set in .*set TFDS_DATA_DIR"):
            load("routine", "test", data_dir=tmp_path)
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(28, "No space left on device")])
def test_a_disk_that_refuses_leaves_nothing(error, tmp_path, monkeypatch):
    real = routine.examples

    def refusing(split):
        if split == "validation":
            raise error
        return real(split)

    monkeypatch.setattr(routine, "examples", refusing)
    with pytest.raises(OSError, match=f"cannot prepare the data set in .*{error.strerror}"):
        load("routine", "test", data_dir=tmp_path)
    assert not list(tmp_path.glob("routine/*"))
    monkeypatch.setattr(routine, "examples", real)
    assert loaded(tmp_path) == EXPECTED


def test_a_disk_that_tensorflow_finds_full(tmp_path, monkeypatch):
    import tensorflow as tf

    def refusing(split):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(routine, "examples", refusing)
    with pytest.raises(OSError, match=r"cannot prepare the data set in .*No space left on device"):
        load("routine", "test", data_dir=tmp_path)


# Processes

PREPARE = """
import sys, time
from utils.datasets import load, routine
real = routine.examples
def slowly(split):
    print(split, file=sys.__stdout__, flush=True)  # the other is held back
    for number, example in enumerate(real(split)):
        if number == 100 and split in sys.argv[2:]:
            time.sleep(60)
        yield example
routine.examples = slowly
print(len(load("routine", "test", data_dir=sys.argv[1])), flush=True)
"""


def start(directory, *stops):
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(directory), *stops],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_killed_preparation_is_not_taken_for_whole_and_two_at_once_make_it_whole(tmp_path):
    process = start(tmp_path, "test")
    while (said := process.stdout.readline().strip()) != "test":
        assert said, process.stderr.read()
    process.kill()
    process.communicate()
    left = list(tmp_path.glob("routine/*"))
    assert left
    assert not state("routine", tmp_path).prepared
    left[0].rename(left[0].with_name("1.0.0"))  # as if it had been killed a moment later
    processes = [start(tmp_path) for _ in range(2)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert all(output.split()[-1] == str(WEEKS) for output, _ in outputs)
    assert loaded(tmp_path) == EXPECTED
    assert [path.name for path in tmp_path.glob("routine/*")] == ["1.0.0"]


# What is said


def test_preparing_says_nothing_on_stdout_and_shows_a_bar(tmp_path, capfd):
    load("routine", "test", data_dir=tmp_path)
    said = capfd.readouterr()
    assert said.out == ""
    assert "routine, train" in said.err
    assert str(tmp_path) not in said.err


def test_overview_lists_every_set_and_writes_nothing(tmp_path):
    entries = {entry.name: entry for entry in overview.entries(tmp_path)}
    assert list(entries) == [*names(), *public.names()]
    assert entries["routine"] == overview.Entry("routine", "made here", False, sizes("routine"), None)
    assert entries["imdb_reviews"].size == 84_125_825
    assert not any(entry.prepared for entry in entries.values())
    assert not list(tmp_path.iterdir())


def test_overview_needs_no_tensorflow():
    code = "import sys; from utils.datasets import overview; overview.entries(); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_prepared_set_is_listed_with_what_lies_on_disk(prepared):
    directory, path = prepared
    entry = state("routine", directory)
    assert entry.prepared
    assert entry.examples == {"train": 1530, "validation": 255, "test": 255}
    assert entry.size == sum(file.stat().st_size for file in path.iterdir())
    assert overview.prepare("routine", directory) == entry
    with pytest.raises(ValueError, match=r"data set is 'mnist', but one of .*routine.*wikiann/en is expected"):
        overview.prepare("mnist", directory)
