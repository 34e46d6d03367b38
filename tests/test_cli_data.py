"""`course data` and `course data prepare`, as a person uses them."""

import os
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from utils.cli import app
from utils.datasets import names, overview, public

pytestmark = pytest.mark.slow  # makes or prepares whole data sets

REAL = Path(os.environ.get("COURSE_REAL_DATA", ROOT.parent / "shared" / "data"))


def course(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """The directory of all tfds data, which tfds takes from TFDS_DATA_DIR when it is imported."""
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def row(output, name):
    return next(line for line in output.splitlines() if line.startswith(f"{name} "))


def test_every_set_is_listed_with_its_size_and_state(home):
    listed = course()
    assert listed.exit_code == 0, listed.output
    for name in [*names(), *public.names()]:
        assert row(listed.output, name)
    assert row(listed.output, "routine").split()[1:4] == ["1,530", "255", "255"]
    assert "at first" in row(listed.output, "routine")
    assert "download" in row(listed.output, "imdb_reviews")
    assert "(84.1 MB)" in listed.output
    assert str(home) in listed.output
    assert not home.exists()


def test_preparing_an_embedded_set_twice(home):
    for _ in range(2):
        done = course("prepare", "routine")
        assert done.exit_code == 0, done.output
        assert "routine: prepared, 2,040 examples, 0.3 MB" in done.output
    assert (home / "routine" / "1.0.0" / "dataset_info.json").exists()
    assert "prepared" in row(course().output, "routine")


def test_a_public_set_is_prepared_from_a_folder(home):
    folder = REAL / "tiny_shakespeare"
    if not (folder / "input.txt").exists():
        pytest.skip(f"tiny_shakespeare is not in {REAL.name}/: set COURSE_REAL_DATA to the folder that holds it")
    done = course("prepare", "tiny_shakespeare", "--manual-dir", folder)
    assert done.exit_code == 0, done.output
    assert "tiny_shakespeare: prepared, 3 examples, 1.1 MB" in done.output
    assert (home / "tiny_shakespeare" / "1.0.0" / "dataset_info.json").exists()


def test_an_unknown_name_stops_before_anything_is_prepared(home):
    done = course("prepare", "routine", "mnist")
    assert done.exit_code == 1
    assert "there is no data set 'mnist'; there are: " in done.output
    assert "wikiann/en" in done.output
    assert not home.exists()


def test_what_cannot_be_had_is_said_and_the_rest_is_prepared(home, tmp_path):
    done = course("prepare", "imdb_reviews", "routine", "--manual-dir", tmp_path)
    assert done.exit_code == 1
    assert f"imdb_reviews cannot be had: there is no aclImdb_v1.tar.gz in {tmp_path}" in done.output
    assert "routine: prepared" in done.output
    assert "Traceback" not in done.output


def test_a_directory_that_cannot_be_written_is_said(home):
    home.write_bytes(b"in the way")
    done = course("prepare", "routine")
    assert done.exit_code == 1
    assert "set TFDS_DATA_DIR to another" in done.output
    assert "Traceback" not in done.output


def test_how_long_to_wait_is_an_option(monkeypatch):
    waited = []

    def prepare(name, manual_dir, wait):
        waited.append(wait)
        return overview.Entry(name, "text", True, {"train": 1}, 1)

    monkeypatch.setattr(overview, "prepare", prepare)
    assert course("prepare", "tiny_shakespeare", "--wait", "3").exit_code == 0
    assert course("prepare", "tiny_shakespeare").exit_code == 0
    assert waited == [3.0, public.WAIT]
