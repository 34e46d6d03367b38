"""The English–French grammar: what must hold for every pair that it gives.

Read from the grammar itself; the data set with its splits is still to be made of it.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import utils.datasets
from utils.datasets.grammar import Grammar

pytestmark = pytest.mark.slow  # reading the grammar takes seconds

FILE = Path(utils.datasets.__file__).parent / "grammars" / "translation.grammar"
VOWEL = "aeiouyàâéèêîôû"


@pytest.fixture(scope="module")
def grammar():
    return Grammar.load(FILE)


@pytest.fixture(scope="module")
def pairs(grammar):
    rng = np.random.default_rng(3)
    return [grammar.sample(rng, length=(3, 40)) for _ in range(2000)]


def test_both_vocabularies_have_600_words(grammar):
    assert len(grammar.vocabulary("source")) >= 600
    assert len(grammar.vocabulary("target")) >= 600


def test_french_elides(pairs):
    for pair in pairs:
        target = " ".join(pair.target)
        assert not re.search(rf"\b(le|la|de|ne|que|je|me|te|se) [{VOWEL}]", target), target


def test_negation_is_complete(pairs):
    for pair in pairs:
        if {"ne", "n'"} & set(pair.target):
            assert {"pas", "plus", "jamais", "rien", "personne", "aucun", "aucune"} & set(pair.target), pair.target


def test_alignments_are_within_the_pair_and_link_most_words(pairs):
    linked = total = 0
    for pair in pairs:
        assert all(0 <= i < len(pair.source) and 0 <= j < len(pair.target) for i, j in pair.alignment)
        linked += len({j for _, j in pair.alignment})
        total += len(pair.target)
    assert linked / total > 0.9


def test_a_source_has_one_target(pairs):
    targets = defaultdict(set)
    for pair in pairs:
        targets[pair.source].add(pair.target)
    assert max(map(len, targets.values())) == 1


def test_lengths_from_3_to_60_can_be_asked_for(grammar):
    rng = np.random.default_rng(1)
    for length in (3, 10, 30, 60):
        assert len(grammar.sample(rng, length=length).source) == length
