"""Tests of the entities: tags are legal, clues stand where they are said to, names tell nothing unless they should."""

import doctest
import re
from collections import Counter

import pytest

from utils.datasets import SPLITS, entities, records, sizes
from utils.datasets.entities import CLUES, TAGS, TYPES, spans

pytestmark = pytest.mark.slow  # makes or prepares whole data sets


@pytest.fixture(scope="module")
def parts():
    return {split: entities.examples(split) for split in SPLITS}


def found(part):
    """Each entity as name, type, clue, unseen, and the tokens before and after it."""
    for record in part:
        tokens = record["tokens"]
        for (start, end, kind), clue, unseen in zip(
            spans(record["tags"]), record["clues"], record["unseen"], strict=True
        ):
            yield " ".join(tokens[start:end]), kind, clue, unseen, tokens[:start], tokens[end:]


def test_docstring_examples():
    assert doctest.testmod(entities).failed == 0


def test_sizes_lengths_and_vocabulary_are_those_of_the_card(parts):
    card = " ".join(entities.DESCRIPTION.split())
    assert (
        sizes("entities")
        == {split: len(part) for split, part in parts.items()}
        == {"train": 8100, "validation": 900, "test": 1500}
    )
    lengths = [len(record["tokens"]) for part in parts.values() for record in part]
    assert min(lengths) >= 5
    assert max(lengths) <= 35
    assert f"{min(lengths)} to {max(lengths)} tokens, {sum(lengths) / len(lengths):.1f} on average" in card
    vocabulary = {token for record in parts["train"] for token in record["tokens"]}
    assert f"{len(vocabulary)} different tokens in training" in card


def test_shares_are_those_of_the_card(parts):
    card = " ".join(entities.DESCRIPTION.split())
    test = list(found(parts["test"]))
    types = Counter(kind for _, kind, *_ in test)
    stated = ", ".join(f"{kind} {100 * types[kind] / len(test):.1f} %" for kind in TYPES)
    assert stated in card
    new = 100 * sum(unseen for *_, unseen, _, _ in test) / len(test)
    assert f"{new:.1f} % of the entities of test are unseen" in card


def test_baselines_are_those_of_the_card():
    card = " ".join(entities.DESCRIPTION.split())
    baselines = entities.baselines()
    for name, stated in re.findall(r'"([a-zA-Z ]+)" ([\d.]+) %', card):
        assert f"{100 * baselines.pop(name):.1f}" == stated
    assert baselines == {}


@pytest.mark.slow
def test_left_context_alone_leaves_chance():
    low, high = entities.left_context_bound()
    assert low < 1 / 3 + 0.01
    assert 1 / 3 - 0.01 < high < 0.38
    card = " ".join(entities.DESCRIPTION.split())
    assert f"between {100 * low:.1f} % and {100 * high:.1f} %" in card


def test_tags_parts_of_speech_and_tokens_go_together(parts):
    for part in parts.values():
        for record in part:
            assert len(record["tokens"]) == len(record["tags"]) == len(record["pos"])
            assert set(record["tags"]) <= set(TAGS)
            assert len(spans(record["tags"])) == len(record["clues"]) == len(record["unseen"])
            for token, tag, pos in zip(record["tokens"], record["tags"], record["pos"], strict=True):
                assert tag == "O" or (pos == "PROPN" and token[0].isupper())
                assert token.strip()
                assert " " not in token
    tagset = {pos for part in parts.values() for record in part for pos in record["pos"]}
    assert tagset <= set("ADJ ADP ADV AUX DET NOUN NUM PART PRON PROPN PUNCT SCONJ VERB".split())


def test_a_word_has_the_right_part_of_speech(parts):
    by_word = {}
    for record in parts["train"]:
        for token, pos in zip(record["tokens"], record["pos"], strict=True):
            by_word.setdefault(token.lower(), set()).add(pos)
    assert by_word["the"] == by_word["a"] == {"DET"}
    assert by_word["."] == by_word[","] == {"PUNCT"}
    assert by_word["by"] == by_word["from"] == by_word["with"] == {"ADP"}
    assert by_word["painter"] == by_word["town"] == by_word["bank"] == {"NOUN"}
    assert by_word["has"] == {"AUX", "VERB"}


def test_no_sentence_twice(parts):
    sentences = [" ".join(record["tokens"]) for part in parts.values() for record in part]
    assert len(set(sentences)) == len(sentences)


def test_articles_fit_what_follows(parts):
    for part in parts.values():
        for record in part:
            for token, after in zip(record["tokens"], record["tokens"][1:], strict=False):
                if token.lower() in ("a", "an"):
                    assert (token.lower() == "an") == (after[0] in "aeioI"), record["tokens"]


def test_unseen_names_have_a_word_that_training_lacks(parts):
    training = {token for record in parts["train"] for token in record["tokens"]}
    for split in SPLITS:
        for name, _, _, unseen, _, _ in found(parts[split]):
            assert unseen == (not set(name.split()) <= training)
    for split in ("validation", "test"):
        new = {
            clue: [unseen for _, _, found_clue, unseen, _, _ in found(parts[split]) if found_clue == clue]
            for clue in CLUES
        }
        for clue in CLUES:
            assert 0.2 < sum(new[clue]) / len(new[clue]) < 0.75
    validation, test = (
        {word for name, *_ in found(parts[split]) for word in name.split()} - training
        for split in ("validation", "test")
    )
    assert not validation & test


@pytest.mark.parametrize("split", SPLITS)
def test_ambiguous_names_have_each_type_equally_often(parts, split):
    counts = {}
    for name, kind, clue, *_ in found(parts[split]):
        if clue != "name":
            counts.setdefault((clue, name), Counter())[kind] += 1
    for by_type in counts.values():
        assert len({by_type[kind] for kind in TYPES}) == 1


def test_what_precedes_a_clue_on_the_right_goes_with_every_type(parts):
    before = {}
    for part in parts.values():
        for record in part:
            if record["clue"] == "right":
                place = record["clues"].index("right")
                (start, _, kind) = spans(record["tags"])[place]
                if place == 0:
                    before.setdefault(" ".join(record["tokens"][:start]), Counter())[kind] += 1
    frequent = [counter for counter in before.values() if counter.total() >= 60]
    assert len(frequent) > 5
    assert all(set(counter) == set(TYPES) for counter in frequent)
    assert all(max(counter.values()) < 0.5 * counter.total() for counter in frequent)


def test_what_follows_a_clue_on_the_left_goes_with_every_type(parts):
    after = {}
    for _, kind, clue, _, _, right in found(parts["train"]):
        if clue == "left":
            after.setdefault(" ".join(right), Counter())[kind] += 1
    frequent = [counter for counter in after.values() if counter.total() >= 60]
    assert len(frequent) > 5
    assert all(set(counter) == set(TYPES) for counter in frequent)


def test_names_that_tell_their_type_do_so_with_their_first_word(parts):
    every = [entity for part in parts.values() for entity in found(part)]
    telling = {(name.split()[0], kind) for name, kind, clue, *_ in every if clue == "name"}
    first = Counter(word for word, _ in telling)
    assert max(first.values()) == 1
    assert not set(first) & {name.split()[0] for name, _, clue, *_ in every if clue != "name"}


def test_the_clue_of_a_record_is_that_of_its_ambiguous_entity(parts):
    for part in parts.values():
        for record in part:
            assert record["clue"] in CLUES
            assert [clue for clue in record["clues"] if clue != "name"] == [record["clue"]] * (record["clue"] != "name")
        for clue in CLUES:
            kinds = [
                kind
                for record in part
                if record["clue"] == clue
                for (_, _, kind), found_clue in zip(spans(record["tags"]), record["clues"], strict=True)
                if found_clue == clue
            ]
            if clue != "name":  # a sentence may hold further entities whose name tells
                assert len(set(Counter(kinds).values())) == 1


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["O", "I-PER"], "I-PER at position 1, but it continues nothing: B-PER"),
        (["B-LOC", "I-PER"], "I-PER at position 1"),
        (["B-PER", "O", "I-PER"], "I-PER at position 2"),
        (["B-MISC"], "'B-MISC' at position 0, but one of O, B-PER"),
    ],
)
def test_spans_refuses_what_is_no_tagging(tags, message):
    with pytest.raises(ValueError, match=message):
        spans(tags)


def test_spans_of_neighbours():
    assert spans(["B-PER", "B-PER", "I-PER", "B-LOC"]) == [(0, 1, "PER"), (1, 3, "PER"), (3, 4, "LOC")]
    assert spans([]) == []


def test_records_are_the_examples(parts):
    assert records("entities", "test") == parts["test"]
    with pytest.raises(ValueError, match="split is 'dev'"):
        entities.examples("dev")
