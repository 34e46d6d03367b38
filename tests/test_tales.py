"""Tests of the tales: exact probabilities, the card's figures, and what the sentences may not be."""

import doctest
import math
import re
from collections import Counter

import numpy as np
import pytest

from utils.datasets import SPLITS, tales

pytestmark = pytest.mark.slow  # makes or prepares whole data sets


@pytest.fixture(scope="module")
def texts():
    return {split: tales.examples(split) for split in SPLITS}


def card(pattern):
    """The numbers that the card states where the pattern fits."""
    found = re.search(pattern, " ".join(tales.DESCRIPTION.split()))
    assert found, pattern
    return [float(number.replace(" ", "")) for number in found.groups()]


def words(record):
    return record["text"].split(" ")


def test_examples_in_docstrings():
    assert doctest.testmod(tales).failed == 0


def test_sizes_are_those_of_the_card(texts):
    number = r"(\d+(?: \d{3})*)"
    stated = card(rf"train {number}, validation {number}, test {number} sentences")
    assert [len(texts[split]) for split in SPLITS] == stated
    tokens = [sum(len(words(record)) for record in texts[split]) for split in ("train", "test")]
    assert card(rf"Train has {number} tokens \(1\.30 MB\), test {number}") == tokens
    assert sum(len(record["text"].encode()) + 1 for record in texts["train"]) == pytest.approx(1.30e6, rel=0.005)
    lengths = [len(words(record)) for split in SPLITS for record in texts[split]]
    assert card(r"has (\d+) to (\d+) tokens, ([\d.]+) on average") == [
        min(lengths),
        max(lengths),
        round(np.mean(lengths), 1),
    ]


def test_every_word_of_the_grammar_is_in_train(texts):
    counts = Counter(word for record in texts["train"] for word in words(record))
    assert set(counts) == set(tales.grammar().vocabulary())
    assert card(r"vocabulary has (\d+) words") == [len(counts)]
    assert {word for word in counts if word[0].isupper()} == {
        *("Anna", "Clara", "Emma", "Hugo", "I", "Leo", "Lucy", "Nora", "Oscar", "Peter", "Ruth", "Simon", "Tom")
    }


def test_no_sentence_is_twice(texts):
    everything = [record["text"] for part in texts.values() for record in part]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("split", [pytest.param("validation", marks=pytest.mark.slow), "test"])
def test_log_probabilities_are_those_of_the_inside_algorithm(texts, split):
    for record in texts[split]:
        assert tales.grammar().log_probability(words(record)) == pytest.approx(record["log_probability"], abs=1e-8)


def test_exact_perplexity_is_that_of_the_card(texts):
    tokens = sum(len(words(record)) + 1 for record in texts["test"])
    by_hand = math.exp(-sum(record["log_probability"] for record in texts["test"]) / tokens)
    assert tales.perplexity("test") == pytest.approx(by_hand)
    assert card(r"exact ([\d.]+)\. The") == [round(by_hand, 3)]


def test_grammar_s_own_perplexity_is_that_of_the_card_and_near_test():
    entropy, length, perplexity = card(r"\(([\d.]+) nats a sentence\).*\(([\d.]+) with <EOS>\), is ([\d.]+);")
    assert round(tales.grammar().entropy, 3) == entropy
    assert round(tales.grammar().expected_length() + 1, 3) == length
    assert round(tales.expected_perplexity(), 3) == perplexity
    assert tales.perplexity("train") == pytest.approx(perplexity, rel=0.01)
    assert tales.perplexity("test") == pytest.approx(perplexity, rel=0.02)


def test_baselines_are_those_of_the_card_and_leave_something_to_learn():
    uniform, unigram, bigram = card(r"uniform (\d+), unigram ([\d.]+), interpolated bigram ([\d.]+)")
    measured = tales.baselines()
    assert measured["uniform"] == pytest.approx(uniform)
    assert round(measured["unigram"], 1) == unigram
    assert round(measured["bigram"], 2) == bigram
    assert measured["uniform"] > measured["unigram"] > measured["bigram"] > 2 * tales.perplexity("test")


def test_repeats_are_those_of_the_card_and_hardly_matter():
    measured = tales.repeats()
    assert card(r"repeated ones \((\d+)\)") == [measured["left out"]]
    assert card(r"would have ([\d.]+) nats on average instead of ([\d.]+)\.") == [
        round(-measured["mean of drawn"], 3),
        round(-measured["mean of kept"], 3),
    ]
    assert card(r"gain ([\d.]+) nats.* probability ([\d.]+):") == [
        round(-math.log1p(-measured["mass of train"]), 3),
        round(measured["mass of train"], 3),
    ]


def test_draws_are_the_grammar_s_own_order(texts):
    rng = np.random.default_rng(tales.SEED)
    drawn = [" ".join(tales.grammar().sample(rng).source) for _ in range(300)]
    place = {text: i for i, text in reversed(list(enumerate(drawn)))}
    for part in texts.values():
        found = [place[record["text"]] for record in part if record["text"] in place]
        assert found == sorted(found)
    assert sum(record["text"] in place for part in texts.values() for record in part) == len(place)


@pytest.mark.parametrize(
    "text",
    [
        "an owl waits near the brook .",
        "the sailors who mend the net wait on the quay .",
        "when the miller hummed a tune , he walked to the church .",
        "“ where is the lantern ? ” asked the explorer .",
        "no sailor has ever mended her net .",
    ],
)
def test_grammatical_sentences_and_their_spoilt_twins(text):
    good = text.replace("has ever mended her", "has ever mended his").split(" ")
    assert good in tales.grammar()
    spoilt = {"an": "a", "wait": "waits", "he": "she", "is": "are", "his": "their"}
    wrong = [spoilt.get(word, word) for word in good]
    assert wrong != good
    assert wrong not in tales.grammar()


def test_articles_agree_with_the_sound_that_follows(texts):
    pairs = {
        pair
        for part in texts.values()
        for record in part
        for pair in zip(words(record), words(record)[1:], strict=False)
    }
    after = {article: {second for first, second in pairs if first == article} for article in ("a", "an")}
    assert after["a"].isdisjoint(after["an"])
    assert {"unicorn"} <= after["a"]
    assert {"honest", "owl", "old"} <= after["an"]
    assert all(word[0] in "aeiouh" for word in after["an"])
    assert all(word[0] not in "aeiou" for word in after["a"] - {"unicorn"})


def test_verbs_keep_their_number_and_negation_has_no_some(texts):
    everything = [words(record) for part in texts.values() for record in part]
    for tokens in everything:
        text = " ".join(tokens)
        assert not re.search(r"\b(do|does|did|has|have|had) not some\b|\bnever \w+ some\b", text)
        assert not re.search(
            r"\b(two|three|many|several) \w+(?<!s)(?<!men)(?<!mice)(?<!geese)(?<!oxen) (is|was)\b", text
        )
        assert text.count("“") == text.count("”") <= 1
        assert tokens[-1] == "." or tokens[-2:] == [".", "”"]


def test_readable():
    assert tales.readable("Anna said , “ I will wait . ”") == "Anna said, “I will wait.”"
    assert tales.readable("the sun was shining , but Tom slept .") == "The sun was shining, but Tom slept."


def test_collapsed_probabilities_sum_those_of_all_words_that_become_unk():
    sentence = "an old sailor saw that the hungry owl slept ."  # not of the grammar, as it mixes scenes
    assert tales.log_probability(sentence.split(" ")) == -math.inf
    vocabulary = set(tales.grammar().vocabulary())
    birds = {"owl", "fox", "wolf", "bear", "squirrel", "badger", "hedgehog"}
    kept = vocabulary - birds
    for text, fitting in (("an {} slept near the brook .", {"owl"}), ("a {} slept near the brook .", birds - {"owl"})):
        exact = math.log(sum(math.exp(tales.log_probability(text.format(bird).split(" "))) for bird in sorted(fitting)))
        for name in ("<UNK>", "owl"):
            assert tales.log_probability(text.format(name).split(" "), kept) == pytest.approx(exact, rel=1e-12)
    assert tales.log_probability("the owl slept .".split(" "), kept) == -math.inf


def test_collapsed_probabilities_of_the_test_split_are_higher_where_words_are_rare(texts):
    counts = Counter(word for record in texts["train"] for word in words(record))
    kept = {word for word, count in counts.items() if count >= 50}
    gains = []
    for record in texts["test"][:200]:
        collapsed = tales.log_probability(words(record), kept)
        assert collapsed >= record["log_probability"] - 1e-8
        if kept.issuperset(words(record)):
            assert collapsed == pytest.approx(record["log_probability"], abs=1e-8)
        gains.append(collapsed - record["log_probability"])
    assert np.mean(gains) > 0.1


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="split is 'dev'"):
        tales.examples("dev")
    with pytest.raises(ValueError, match="keep both"):
        tales.log_probability(["a"], ["the"])
    with pytest.raises(TypeError, match="split the text first"):
        tales.log_probability("the owl", ["a", "an"])
