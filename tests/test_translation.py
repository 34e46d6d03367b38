"""English–French pairs: what must hold for every one of them, and the figures of the data card."""

import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from utils.datasets import translation
from utils.datasets.splits import SPLITS

pytestmark = pytest.mark.slow  # the pairs take 20 seconds to make

VOWEL = "aeiouyàâéèêîôû"


@pytest.fixture(scope="module")
def splits():
    return {split: translation.examples(split) for split in SPLITS}


@pytest.fixture(scope="module")
def pairs(splits):
    return [pair for split in SPLITS for pair in splits[split]]


def lengths(records, side="source"):
    return [len(record[side].split()) for record in records]


def vocabulary(records, side):
    return {token for record in records for token in record[side].split()}


def test_sizes_and_vocabularies_are_those_of_the_card(splits, pairs):
    assert {split: len(part) for split, part in splits.items()} == {"train": 89932, "validation": 5078, "test": 5890}
    assert len({pair["source"] for pair in pairs}) == len(pairs) == 100_900
    train = splits["train"]
    assert (sum(lengths(train)), sum(lengths(train, "target"))) == (987_678, 1_031_290)
    assert (len(vocabulary(train, "source")), len(vocabulary(train, "target"))) == (1041, 2281)
    assert not vocabulary(splits["test"], "source") - vocabulary(train, "source")
    assert len(vocabulary(splits["test"], "target") - vocabulary(train, "target")) <= 2


def test_lengths_reach_from_3_to_60_and_test_has_30_of_each_long_one(splits):
    count = Counter(lengths(splits["test"]))
    assert (min(count), max(count)) == (3, 60)
    assert min(count[length] for length in range(21, 61)) >= 30
    assert sum(length > 20 for length in lengths(splits["train"])) == 7015
    assert all(record["length"] == len(record["source"].split()) for record in splits["test"])


def test_a_range_of_lengths_can_be_asked_for(splits):
    short = translation.examples("test", (3, 20))
    assert short == [record for record in splits["test"] if record["length"] <= 20]
    with pytest.raises(ValueError, match="split is 'dev'"):
        translation.examples("dev")
    with pytest.raises(ValueError, match=r"lengths is \(20, 3\), but .* 3 to 60"):
        translation.examples("test", (20, 3))


def test_the_first_pairs_can_be_asked_for_and_are_the_first_of_all(splits):
    for split in ("train", "validation"):
        few = translation.examples(split, first=2000)
        assert few == splits[split][: len(few)]
    assert sum(len(translation.examples(split, first=2000)) for split in SPLITS) == 2000
    assert {record["source"] for record in translation.examples("test", first=2000)} <= {
        record["source"] for record in splits["test"]
    }
    with pytest.raises(ValueError, match="first is 0"):
        translation.examples("test", first=0)


def test_french_elides_and_contracts(pairs):
    for pair in pairs:
        assert not re.search(rf"\b(le|la|de|ne|que|je|me|te|se) [{VOWEL}]", pair["target"]), pair
        assert not re.search(r"\bsi ils?\b", pair["target"]), pair
        if re.search(r"\b(de|à) les?\b", pair["target"]):  # a pronoun: "he begins to follow him"
            assert {"him", "it", "them"} & set(pair["source"].split()), pair


def test_negation_is_complete(pairs):
    for pair in pairs:
        tokens = set(pair["target"].split())
        if tokens & {"ne", "n'"}:
            assert tokens & {"pas", "plus", "jamais"}, pair


def test_alignments_are_true_links_and_those_of_names_link_the_same_name(pairs):
    for pair in pairs:
        source, target = pair["source"].split(), pair["target"].split()
        assert len({tuple(link) for link in pair["alignment"]}) == len(pair["alignment"])
        for i, j in pair["alignment"]:
            assert 0 <= i < len(source)
            assert 0 <= j < len(target)
            if source[i] != "I" and source[i][0].isupper() and source[i].lower() == target[j].lower():
                assert source[i] == target[j]
        for i, token in enumerate(source):
            if token in {"Paul", "Marie", "Sophie"}:
                assert [target[j] for k, j in pair["alignment"] if k == i] == [token], pair


def test_word_by_word_and_diagonal_floors_are_those_of_the_card(splits):
    counts = defaultdict(Counter)
    for record in splits["train"]:
        target = record["target"].split()
        linked = defaultdict(list)
        for i, j in record["alignment"]:
            linked[i].append(target[j])
        for i, token in enumerate(record["source"].split()):
            counts[token][" ".join(linked[i])] += 1
    best = {token: count.most_common(1)[0][0] for token, count in counts.items()}
    test = splits["test"]
    right = [" ".join(filter(None, map(best.get, record["source"].split()))) == record["target"] for record in test]
    assert np.mean(right) == pytest.approx(0.006, abs=0.0005)
    assert np.mean([r for r, n in zip(right, lengths(test), strict=True) if n <= 6]) == pytest.approx(0.027, abs=5e-4)
    for shortest, longest, error_rate, crossing in ((3, 20, 0.41, 0.69), (21, 60, 0.56, 0.99)):
        part = translation.examples("test", (shortest, longest))
        assert diagonal_error_rate(part) == pytest.approx(error_rate, abs=0.006)
        assert np.mean([crosses(record["alignment"]) for record in part]) == pytest.approx(crossing, abs=0.006)


def diagonal_error_rate(records):
    drawn = true = shared = 0
    for record in records:
        T_x, T_y = record["length"], len(record["target"].split())
        links = {(min(T_x - 1, int((j + 0.5) * T_x / T_y)), j) for j in range(T_y)}
        truth = {tuple(link) for link in record["alignment"]}
        drawn, true, shared = drawn + len(links), true + len(truth), shared + len(links & truth)
    return 1 - 2 * shared / (drawn + true)


def crosses(alignment):
    return any(i < k and j > l for i, j in alignment for k, l in alignment)  # noqa: E741
