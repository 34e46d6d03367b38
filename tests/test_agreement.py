"""Tests of the agreement sentences: number, distance and attractors are what the records say."""

import doctest
import re
from collections import Counter

import numpy as np
import pytest

from utils.datasets import SPLITS, agreement

pytestmark = pytest.mark.slow  # makes or prepares whole data sets

NOUNS = agreement.forms("Noun") | agreement.forms("Site")
PLURALS = set(NOUNS.values())
VERBS = agreement.forms("Verb")


@pytest.fixture(scope="module")
def splits():
    return {split: agreement.examples(split) for split in SPLITS}


def numbers(tokens):
    """The number of each noun among tokens."""
    return ["pl" if token in PLURALS else "sg" for token in tokens if token in PLURALS or token in NOUNS]


def assert_is_what_it_says(record):
    prefix = record["prefix"].split(" ")
    cut = len(prefix) - record["distance"]
    subject, gap = prefix[:cut], prefix[cut:]
    assert numbers(subject) == [record["number"]]
    assert subject[-1] in (NOUNS if record["number"] == "sg" else PLURALS)
    assert sum(number != record["number"] for number in numbers(gap)) == record["attractors"]
    right, wrong = record["right"], record["wrong"]
    assert VERBS[right if record["number"] == "sg" else wrong] == (wrong if record["number"] == "sg" else right)
    assert record["sentence"] == " ".join([record["prefix"], right, record["rest"]])
    # Nothing before the verb but the subject's own form tells the number.
    telling = {"a", "an", "two", "is", "are", "its", "their", "it", "they", "was", "were", "has", "have"}
    assert telling.isdisjoint(prefix)
    assert not (set(VERBS) | set(VERBS.values())) & (set(prefix) - set(NOUNS) - PLURALS)
    assert ("its" in record["rest"].split(" ")) <= (record["number"] == "sg")
    assert ("their" in record["rest"].split(" ")) <= (record["number"] == "pl")


def test_examples_in_docstrings():
    assert doctest.testmod(agreement).failed == 0


def test_no_form_is_both_singular_and_plural():
    assert PLURALS.isdisjoint(NOUNS)
    assert set(VERBS).isdisjoint(VERBS.values())


def test_number_distance_and_attractors_are_exact(splits):
    for records in splits.values():
        for record in records:
            assert_is_what_it_says(record)


def test_every_cell_is_balanced_and_of_the_stated_size(splits):
    for split, records in splits.items():
        counts = Counter((r["distance"], r["attractors"], r["unseen"], r["number"]) for r in records)
        marks = (True, False) if split == "test" else (False,)
        for distance, attractors in agreement.cells():
            wanted = {"train": 120 if distance <= 12 else 50 if distance <= 25 else 12, "validation": 4, "test": 8}
            for mark in marks:
                for number in ("sg", "pl"):
                    assert counts[distance, attractors, mark, number] == wanted[split] // len(marks) // 2
        assert sum(counts.values()) == len(records)
        assert 2 * sum(record["number"] == "pl" for record in records) == len(records)


def test_no_sentence_is_twice_and_marked_pairs_are_of_test_only(splits):
    sentences = [record["sentence"] for records in splits.values() for record in records]
    assert len(set(sentences)) == len(sentences)
    pairs = {split: {agreement.pair(record) for record in records} for split, records in splits.items()}
    for record in splits["test"]:
        pair = agreement.pair(record)
        if record["unseen"]:
            assert pair not in pairs["train"] | pairs["validation"]
        else:
            assert pair in pairs["train"]
    assert not any(record["unseen"] for split in ("train", "validation") for record in splits[split])


def test_every_word_of_test_is_in_train(splits):
    def words(records):
        return {word for r in records for word in [*r["sentence"].split(" "), r["wrong"]]}

    assert words(splits["test"]) <= words(splits["train"])


def test_card_states_what_is_measured(splits):
    card = " ".join(agreement.DESCRIPTION.split())
    sizes = ", ".join(f"{split} {len(splits[split])}" for split in SPLITS)
    assert sizes in card
    lengths = [len(r["sentence"].split(" ")) for records in splits.values() for r in records]
    assert f"sentences of {min(lengths)} to {max(lengths)} tokens" in card
    assert f"the {len(agreement.cells())} cells" in card
    words = {word for records in splits.values() for r in records for word in r["sentence"].split(" ")}
    assert f"{len(words)} words;" in card
    types, tokens = agreement.shared_vocabulary()
    assert f"{100 * types:.1f} % of those of test, and {100 * tokens:.1f} % of its tokens" in card
    stated = re.search(r"in ([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+) and ([\d.]+) % of test", card)
    assert [f"{100 * share:.1f}" for share in agreement.nearest_noun_score().values()] == list(stated.groups())


def test_verb_forms_are_in_the_vocabulary_of_tales():
    from utils.datasets import tales

    assert {*VERBS, *VERBS.values()} <= set(tales.grammar().vocabulary())


@pytest.mark.parametrize("cell", agreement.cells()[::9])
@pytest.mark.parametrize("unseen", [False, True])
def test_sample_gives_what_is_asked_for(cell, unseen):
    distance, attractors = cell
    records = agreement.sample(np.random.default_rng(2), distance=distance, attractors=attractors, n=4, unseen=unseen)
    assert [record["number"] for record in records] == ["sg", "pl", "sg", "pl"]
    for record in records:
        assert (record["distance"], record["attractors"], record["unseen"]) == (*cell, unseen)
        assert agreement.is_unseen(*agreement.pair(record)) == unseen
        assert_is_what_it_says(record)


def test_sample_gives_the_same_for_the_same_seed():
    first, second = (agreement.sample(np.random.default_rng(4), distance=9, attractors=2, n=6) for _ in range(2))
    assert first == second
    assert first != agreement.sample(np.random.default_rng(5), distance=9, attractors=2, n=6)


def test_frequency_adverbs_do_not_stand_before_is_and_old_things_are_not_called_old(splits):
    for records in splits.values():
        for record in records:
            if record["right"] in ("is", "are"):
                last = record["prefix"].split(" ")[-1]
                assert last not in {"often", "always", "never", "still", "sometimes"}
                subject = record["prefix"].split(" ")[: -record["distance"]]
                assert set(record["rest"].split(" ")).isdisjoint(subject[1:])


def test_articles_agree_with_the_sound_that_follows(splits):
    followers = [re.findall(r"\b(an?) (\w)", record["rest"]) for records in splits.values() for record in records]
    assert {article for found in followers for article, _ in found} == {"a", "an"}
    assert all((article == "an") == (letter in "aeiou") for found in followers for article, letter in found)


def test_arguments_are_checked():
    rng = np.random.default_rng(0)
    for wrong, message in (
        ({"distance": 0}, "distance is 0, but 1 to 50 is expected"),
        ({"distance": 51}, "distance is 51, but 1 to 50"),
        ({"distance": 20, "attractors": 5}, "attractors is 5, but 0 to 4"),
        ({"distance": 5, "attractors": 2}, "distance is 5, but at least 6 is expected for 2 attractors"),
        ({"distance": 5, "n": -1}, "n is -1, but 0 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            agreement.sample(rng, **wrong)
    with pytest.raises(TypeError, match="a generator is expected"):
        agreement.sample(0, distance=3)
    with pytest.raises(ValueError, match="category is 'Nouns', but one of"):
        agreement.forms("Nouns")
    with pytest.raises(ValueError, match="split is 'dev'"):
        agreement.examples("dev")
