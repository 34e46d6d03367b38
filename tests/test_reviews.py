"""Tests of the reviews: one rule gives every label, and a bag of words does not find it."""

import doctest
import re
from collections import Counter

import pytest

from utils.datasets import SPLITS, records, reviews, sizes
from utils.datasets.reviews import KINDS, LABELS

pytestmark = pytest.mark.slow  # makes or prepares whole data sets


@pytest.fixture(scope="module")
def parts():
    return {split: reviews.examples(split) for split in SPLITS}


@pytest.fixture(scope="module")
def grammar():
    return reviews.grammar()


def test_docstring_examples():
    assert doctest.testmod(reviews).failed == 0


def test_card_states_what_is_there(parts):
    card = " ".join(reviews.DESCRIPTION.split())
    assert (
        sizes("reviews")
        == {split: len(part) for split, part in parts.items()}
        == {"train": 12_000, "validation": 1500, "test": 1500}
    )
    lengths = [len(record["text"].split(" ")) for part in parts.values() for record in part]
    mean = sum(lengths) / len(lengths)
    assert f"{min(lengths)} to {max(lengths)} tokens, {mean:.1f} on average" in card
    vocabulary = {word for record in parts["train"] for word in record["text"].split(" ")}
    assert f"{len(vocabulary)} different tokens in training" in card
    known = [set(record["text"].split(" ")) <= vocabulary for split in SPLITS for record in parts[split]]
    assert all(known)


def test_classes_are_balanced_and_labels_named(parts):
    for part in parts.values():
        assert Counter(record["label"] for record in part) == dict.fromkeys(range(3), len(part) // 3)
        assert all(record["label_name"] == LABELS[record["label"]] for record in part)
        assert {record["kind"] for record in part} == set(KINDS)


def test_every_kind_but_facts_has_every_label(parts):
    found = {(record["kind"], record["label_name"]) for record in parts["train"]}
    assert found == {(kind, label) for kind in KINDS if kind != "facts" for label in LABELS} | {("facts", "neutral")}


def test_no_text_twice(parts):
    texts = [record["text"] for part in parts.values() for record in part]
    assert len(set(texts)) == len(texts)


def test_the_grammar_allows_no_other_label(parts, grammar):
    for record in parts["test"][:150]:
        tokens = record["text"].split(" ")
        possible = [
            label for label in LABELS if any(grammar.is_grammatical([*tokens, "=", label, kind]) for kind in KINDS)
        ]
        assert possible == [record["label_name"]], record["text"]


def test_words_are_lower_case_except_names_and_i(parts):
    words = {word for part in parts.values() for record in part for word in record["text"].split(" ")}
    capitals = {word for word in words if word != word.lower()}
    assert "I" in capitals
    assert all(re.fullmatch(r"I|[A-Z][a-z]+", word) for word in capitals)
    assert all(re.fullmatch(r"[A-Za-z]+|[.,]", word) for word in words)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("the film was not bad at all .", "positive"),
        ("I expected the film to be boring , but it was wonderful .", "positive"),
        ("I expected the film to be wonderful , but it was boring .", "negative"),
        ("the music was good , the story was not .", "neutral"),
        ("I liked the music , but I did not like the film .", "negative"),
        ("I liked the film , but I did not like the music .", "positive"),
        ("I liked the music , but I did not like the story .", "neutral"),
        ("my brother liked the film , but I did not .", "negative"),
        ("I liked the film , but my brother did not .", "positive"),
        ("my brother found the film boring , but I have not seen it yet .", "neutral"),
        ("nobody could say that the film was not dull .", "negative"),
    ],
)
def test_label_of_sentences_that_differ_in_order_only(text, label, grammar):
    tokens = text.split(" ")
    assert [k for k in LABELS if any(grammar.is_grammatical([*tokens, "=", k, kind]) for kind in KINDS)] == [label]


@pytest.mark.slow
def test_a_bag_of_words_stays_far_below_three_quarters():
    card = " ".join(reviews.DESCRIPTION.split())
    for presence, name in ((False, "counts"), (True, "presence")):
        accuracy = reviews.bag_of_words_accuracy(presence, penalty=1.0)
        assert accuracy["test"] < 0.7
        stated = float(re.search(rf"{name} of words ([\d.]+) %", card)[1])
        assert 100 * accuracy["test"] == pytest.approx(stated, abs=0.4)  # near ties differ between machines


def test_a_penalty_is_needed():
    with pytest.raises(ValueError, match="penalty is 0, but a positive number"):
        reviews.bag_of_words_accuracy(penalty=0)


def test_records_are_the_examples(parts):
    assert records("reviews", "validation") == parts["validation"]
    with pytest.raises(ValueError, match="split is 'dev'"):
        reviews.examples("dev")
