"""`course train language-model`, `course train tagger` and `course sample`, as a person uses them."""

import json
import math
import random
import re

import keras
import numpy as np
import pytest
from kills import kill_at_checkpoint
from typer.testing import CliRunner

from utils.cli import app
from utils.datasets import records
from utils.metrics import summed_nats
from utils.training import language_recipe, tagging_recipe
from utils.training.language_model import LanguageModel
from utils.training.tagger import TagEncoder, Tagger

pytestmark = pytest.mark.slow  # compiles and trains models

FULL_SIZE = {**language_recipe.RECIPES, "tagger": tagging_recipe.RECIPES["quick"]}
SMALL = language_recipe.Recipe(embedding=8, width=16, streams=4, length=16, dropout=0.1)
SMALL_TAGGER = tagging_recipe.Recipe(word_width=8, character_width=8, width=8, batch=8, learning_rate=0.02)


def course(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for unit in ("char", "word"):
        monkeypatch.setitem(language_recipe.RECIPES, ("quick", unit), SMALL)
    monkeypatch.setitem(tagging_recipe.RECIPES, "quick", SMALL_TAGGER)
    monkeypatch.setenv("COURSE_PROFILE", "quick")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    chosen = random.Random(0)
    lines = (f"{chosen.choice(['The dog', 'A cat'])} {chosen.choice(['barks', 'sees me'])}.\n" for _ in range(300))
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    folder, chosen = tmp_path_factory.mktemp("tags"), random.Random(0)
    for part, number in (("train", 150), ("dev", 30), ("test", 30)):
        blocks = []
        for i in range(number):
            name = chosen.choice(["Ann", "Rome", f"Zed{part}{i}"])
            place = chosen.choice(["Rome", "New York"]).split()
            rows = [(name, "NOUN", "B-PER"), ("likes", "VERB", "O")]
            rows += [(word, "NOUN", f"{'I' if j else 'B'}-LOC") for j, word in enumerate(place)]
            blocks.append("".join("\t".join(row) + "\n" for row in rows))
        (folder / f"{part}.conll").write_text("\n".join(blocks), encoding="utf-8")
    return [f"--{part}={folder / part}.conll" for part in ("train", "dev", "test")]


# Language models


@pytest.mark.parametrize("unit", ["char", "word"])
def test_a_language_model_learns_reports_and_samples(text, tmp_path, unit):
    out = tmp_path / "run"
    done = course("train", "language-model", "--text", text, "--unit", unit, "--steps", 60, "--out", out)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["nats_per_token"] < report["nats_per_token_unigram"] < report["nats_per_token_uniform"]
    assert report["perplexity"] == pytest.approx(math.exp(report["nats_per_token"]))
    assert report["bits_per_token"] == pytest.approx(report["nats_per_token"] / math.log(2))
    assert report["history"][0]["train_nats"] == pytest.approx(report["nats_per_token_uniform"], abs=0.2)
    assert (report["steps"], report["seed"], report["unit"], report["profile"]) == (60, 0, unit, "quick")
    assert f"{report['nats_per_token']:.4f} nats" in done.output
    assert {path.name for path in out.iterdir() if path.name[0] != "."} == {
        *("report.json", "settings.json", "model.keras", "vocabulary.json", "curves.png", "samples.txt")
    }
    assert "=== greedy" in (out / "samples.txt").read_text(encoding="utf-8")

    prompt = "The dog" if unit == "char" else "the dog"
    made = [course("sample", out, "--prompt", prompt, "--length", 30, "--seed", seed).output for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert made[0].startswith(prompt)
    assert course("sample", out, "--greedy", "--count", 2, "--length", 5).exit_code == 0
    for options, said in [
        (["--prompt", "Ω dog"], "'Ω'" if unit == "char" else "'ω'"),
        (["--temperature", 0], "temperature is 0"),
        (["--top-k", 0], "k is 0"),
        (["--top-p", 1.5], "p is 1.5"),
        (["--length", 0], "length is 0"),
    ]:
        refused = course("sample", out, *options)
        assert refused.exit_code == 1
        assert said in refused.output
        assert len(refused.output.strip().splitlines()) == 1

    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again = course("train", "language-model", "--text", text, "--unit", unit, "--steps", 60, "--out", out)
    assert again.exit_code == 0
    other = course("train", "language-model", "--text", text, "--unit", unit, "--steps", 61, "--out", out)
    assert other.exit_code == 1
    assert "holds a run with steps 60, not 61" in other.output
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_the_budget_is_wall_time(text, tmp_path):
    report = language_recipe.train(text, tmp_path / "run", minutes=0.1)
    assert 6.0 <= report["seconds"] <= 12.0  # one step, which may be the one that compiles, is finished in any case
    assert report["steps"] > 1


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, [], "there is no file"),
        (b"", [], "is empty"),
        (b"one line\n", [], "characters to train on"),
        (b"\xff\xfe" * 300, [], "is not UTF-8"),
        (b"abc " * 300, ["--holdout", 0], "holdout is 0.0"),
        (b"abc " * 300, ["--unit", "letter"], "'char' or 'word'"),
        (b"abc " * 300, ["--minutes", 0], "the limit must be above 0"),
        (b"abc " * 300, ["--steps", 0], "the limit must be above 0"),
        (b"abc " * 300, ["--seed", -1], "seed is -1"),
    ],
)
def test_a_language_model_that_cannot_be_trained_leaves_nothing(tmp_path, content, options, said):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    done = course("train", "language-model", "--text", path, "--out", tmp_path / "run", *options)
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_model(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        done = course("sample", folder)
        assert done.exit_code == 1
        assert "holds no finished language model" in done.output


def test_both_ways_through_the_model_agree(monkeypatch):
    keras.utils.set_random_seed(0)
    ids = np.random.default_rng(0).integers(11, size=(3, 8))
    for options in ({}, {"tied": True}, {"tied": True, "scale": 2.0, "direct": True}):
        model = LanguageModel(11, 6, 5, layers=2, **options)
        model.build()
        model.set_weights([weight + 0.1 for weight in model.get_weights()])  # none is 0
        logits, state = model(ids)
        monkeypatch.setattr("utils.training.language_model.runs_by_hand", lambda: False)
        other, other_state = model(ids)
        monkeypatch.undo()
        np.testing.assert_allclose(logits, other, atol=1e-5)
        np.testing.assert_allclose(model.state_arrays(state), model.state_arrays(other_state), atol=1e-5)
        half, state = model(ids[:, :4])
        rest, _ = model(ids[:, 4:], state)
        np.testing.assert_allclose(np.concatenate([half, rest], axis=1), logits, atol=1e-5)


def test_the_direct_way_adds_what_the_last_token_says_to_the_scores():
    keras.utils.set_random_seed(0)
    ids = np.random.default_rng(0).integers(11, size=(3, 8))
    model = LanguageModel(11, 6, 5, tied=True, scale=2.0, direct=True)
    before, _ = model(ids)
    W = np.random.default_rng(1).normal(size=(6, 6)).astype("float32")
    model.direct.kernel.assign(W)
    after, _ = model(ids)
    E = np.asarray(model.embedding.embeddings)
    np.testing.assert_allclose(after - before, 2 * E[ids] @ W @ E.T, atol=1e-5)
    with pytest.raises(ValueError, match="leads to a tied softmax"):
        LanguageModel(11, 6, 5, direct=True)


@pytest.mark.parametrize(("start", "tokens"), [(500, 300), (10, 700), (1, 64), (900, 100)])
def test_the_evaluation_is_that_of_reading_the_text_in_one_go(start, tokens):
    keras.utils.set_random_seed(0)
    model = LanguageModel(11, 6, 5)
    model.embedding.build(None)
    ids = np.random.default_rng(0).integers(11, size=1000).astype("int32")
    logits, _ = model(ids[None, :-1])
    exact, counted = summed_nats(logits[0], ids[1:], np.isin(np.arange(1, 1000), np.arange(start, start + tokens)))
    nats, said = language_recipe.evaluate(model, ids, start, tokens)
    assert counted == said == tokens
    assert nats == pytest.approx(exact, rel=1e-4)


# Taggers


def test_a_tagger_learns_and_reports(sentences, tmp_path):
    out = tmp_path / "run"
    done = course("train", "tagger", *sentences, "--steps", 120, "--out", out)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["entity_f1"] > 0.9
    assert report["accuracy"] > report["most_frequent_tag_accuracy"]
    assert report["unknown_word_accuracy"] > 0.8
    assert 0 < report["unknown_share"] < 0.3
    assert report["tags"] == ["B-LOC", "B-PER", "I-LOC", "O"]
    assert {path.name for path in out.iterdir() if path.name[0] != "."} == {
        *("report.json", "settings.json", "model.keras", "vocabulary.json", "curves.png", "predictions.conll")
    }
    rows = (out / "predictions.conll").read_text(encoding="utf-8").splitlines()
    right = [len(set(row.split("\t")[1:])) == 1 for row in rows if row]
    assert np.mean(right) == pytest.approx(report["accuracy"])
    model = keras.saving.load_model(out / "model.keras")
    assert isinstance(model, Tagger)


def test_tags_that_mark_no_entities_have_no_f1(sentences, tmp_path):
    done = course("train", "tagger", *sentences, "--column", 1, "--steps", 3, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["entity_f1"] is None
    assert report["tags"] == ["NOUN", "VERB"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"column": "7"}, "the tag is expected in column 7"),
        ({"dev": "missing.conll"}, "there is no file"),
        ({"test": "empty.conll"}, "no sentence"),
        ({"train": "latin.conll"}, "is not UTF-8"),
        ({"train": "same.conll"}, "every tag in .* is 'O'"),
        ({"train": "many.conll"}, "600 different tags"),
    ],
    ids=str,
)
def test_a_tagger_that_cannot_be_trained_leaves_nothing(sentences, tmp_path, monkeypatch, changed, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.conll").write_text("\n")
    (tmp_path / "latin.conll").write_bytes(b"Jos\xe9\tB-PER\n")
    (tmp_path / "same.conll").write_text("Ann\tO\n")
    (tmp_path / "many.conll").write_text("".join(f"Ann\t{i}\n" for i in range(600)))
    options = [*sentences, *(f"--{name}={value}" for name, value in changed.items())]
    done = course("train", "tagger", *options, "--out", tmp_path / "run")
    assert done.exit_code == 1
    assert re.search(said, done.output)
    assert not (tmp_path / "run").exists()


def test_neither_padding_nor_neighbours_change_a_tag():
    keras.utils.set_random_seed(0)
    records = [
        {"tokens": ["Ann", "likes", "incomprehensibilities"], "tags": list("ABC")},
        {"tokens": ["Yes"], "tags": ["A"]},
    ]
    encoder = TagEncoder.build(records * 2)
    model = Tagger(len(encoder.words), len(encoder.characters), len(encoder.tags), 5, 6, 7)
    model.build()
    both = model(*encoder.inputs([record["tokens"] for record in records]))
    for i, record in enumerate(records):
        alone = model(*encoder.inputs([record["tokens"]]))
        np.testing.assert_allclose(both[i, : len(record["tokens"])], alone[0], atol=1e-5)


# Killed


RUN = """
import sys
from utils.runtime import quiet_tensorflow
quiet_tensorflow()
from test_train import SMALL, SMALL_TAGGER
from utils.training import language_recipe, run, tagging_recipe
module, recipe = {"language": (language_recipe, SMALL), "tagger": (tagging_recipe, SMALL_TAGGER)}[sys.argv[1]]
run.CHECKPOINT_SECONDS = 0.0
module.train(*sys.argv[3:], sys.argv[2], steps=STEPS, recipe=recipe)
"""


@pytest.mark.parametrize("kind", ["language", "tagger"])
def test_a_killed_run_goes_on_where_it_was(kind, text, sentences, tmp_path):
    paths = [text] if kind == "language" else [option.partition("=")[2] for option in sentences]
    module, recipe = (language_recipe, SMALL) if kind == "language" else (tagging_recipe, SMALL_TAGGER)
    steps, out = 80, tmp_path / "killed"
    kill_at_checkpoint(RUN.replace("STEPS", str(steps)), out, kind, out, *paths)

    seen = []
    resumed = module.train(*paths, out, steps=steps, recipe=recipe, show=lambda done, words: seen.append(done))
    assert 0 < seen[0] < 1
    assert resumed["interruptions"] == 1
    whole = module.train(*paths, tmp_path / "whole", steps=steps, recipe=recipe)
    assert whole["interruptions"] == 0
    assert resumed["steps"] == whole["steps"] == steps
    key = "nats_per_token" if kind == "language" else "accuracy"
    assert resumed[key] == pytest.approx(whole[key], abs=1e-3)
    first, second = (run["history"][-1]["train_nats"] for run in (resumed, whole))
    assert first == pytest.approx(second, rel=0.02)


# With the recipes as they are


@pytest.mark.nightly
def test_the_recipe_beats_the_bigram_on_the_tales(tmp_path):
    texts = [record["text"] for split in ("train", "test") for record in records("tales", split)]
    path = tmp_path / "tales.txt"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    recipe = FULL_SIZE["quick", "word"]
    report = language_recipe.train(path, tmp_path / "run", unit="word", steps=700, recipe=recipe)
    assert report["nats_per_token"] < math.log(27.01)  # the interpolated bigram's perplexity (utils.datasets.tales)


@pytest.mark.nightly
def test_the_recipe_learns_the_entities(tmp_path):
    paths = []
    for split in ("train", "validation", "test"):
        sentences = (zip(record["tokens"], record["tags"], strict=True) for record in records("entities", split))
        paths.append(tmp_path / f"{split}.conll")
        blocks = ("".join(f"{token}\t{tag}\n" for token, tag in sentence) for sentence in sentences)
        paths[-1].write_text("\n".join(blocks), encoding="utf-8")
    report = tagging_recipe.train(*paths, tmp_path / "run", steps=1500, recipe=FULL_SIZE["tagger"])
    assert report["entity_f1"] > max(0.85, report["most_frequent_tag_entity_f1"])
