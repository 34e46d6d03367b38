"""The real-data section of lesson 07, with data that `tensorflow_datasets` makes up in place of the public sets."""

import ast

import nbformat
import numpy as np
import pytest
from conftest import ROOT

from utils import datasets
from utils.datasets import public
from utils.datasets.files import read_conll

pytestmark = pytest.mark.slow  # trains taggers

SOLUTION = ROOT / "solutions" / "07_bidirectional_tagging.ipynb"
CONSTANTS = {"units", "MOST"}


@pytest.fixture(scope="module")
def lesson():
    """The lesson's functions, without running what it trains and draws."""
    namespace = {}
    for cell in nbformat.read(SOLUTION, as_version=4).cells:
        if cell.cell_type != "code" or "%pip" in cell.source:
            continue
        kept = [node for node in ast.parse(cell.source).body if _defines(node)]
        exec(compile(ast.Module(kept, []), SOLUTION.name, "exec"), namespace)
    return namespace


def _defines(node):
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Name) and node.targets[0].id in CONSTANTS
    # A decorated function is compiled for one of the trained models.
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.FunctionDef) and not node.decorator_list
    )


def _fitting(records):
    """Made-up records have as many tokens as it happens, and as many tags as it happens: cut both to the shorter."""
    lengths = [min(len(record["tokens"]), len(record["tags"])) for record in records]
    return [
        {key: record[key][:length] for key in ("tokens", "tags")}
        for record, length in zip(records, lengths, strict=True)
        if length
    ]


@pytest.mark.parametrize(
    ("name", "scores"),
    [
        ("wikiann/en", {"token accuracy", "entity F1"}),
        ("universal_dependencies/en_ewt", {"token accuracy"}),
    ],
)
def test_the_code_of_the_lesson_runs_on_the_public_sets(lesson, name, scores, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(public, "prepare", lambda name, data_dir, *_: public.maker(name)(data_dir=tmp_path))
    with tfds.testing.mock_data(num_examples=40):
        parts = [_fitting(datasets.records(name, split))[: lesson["MOST"]] for split in ("train", "test")]
    results = lesson["compare_directions"](name, *parts)
    assert set(results) == {False, True}
    assert all(set(found) == scores for found in results.values())
    assert all(0 <= value <= 1 for found in results.values() for value in found.values())


def test_the_code_of_the_lesson_runs_on_a_file_with_other_types(lesson, tmp_path):
    """The names of the entities are any, hyphens and all; what follows the name decides its type."""
    rng, rows = np.random.default_rng(0), []
    for _ in range(300):
        sings = rng.integers(2)
        kind, verb = ("creative-work", "sounds") if sings else ("person", "sings")
        rows.append(f"we\tO\nsay\tO\nAnn{rng.integers(5)}\tB-{kind}\nLee\tI-{kind}\n{verb}\tO\n")
    path = tmp_path / "own.conll"
    path.write_text("\n".join(rows), encoding="utf-8")
    own = read_conll(path)
    results = lesson["compare_directions"]("own", own[:250] * 4, own[250:])
    assert results[False]["entity F1"] < 0.8
    assert results[True]["entity F1"] > 0.95
