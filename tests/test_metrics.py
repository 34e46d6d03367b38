"""Perplexity, accuracy, entity F1, edit distance and error rates."""

import doctest
import math
import subprocess
import sys

import numpy as np
import pytest

from utils import metrics


def test_examples_in_the_documentation():
    assert doctest.testmod(metrics).failed == 0


def test_importing_it_imports_neither_tensorflow_nor_seqeval():
    code = "import sys, utils.metrics; sys.exit(any(m in sys.modules for m in ('tensorflow', 'keras', 'seqeval')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Language models


def test_uniform_predictions_have_the_vocabulary_as_their_perplexity():
    nats, tokens = metrics.summed_nats(np.zeros((2, 3, 50)), np.ones((2, 3), dtype=int))
    assert tokens == 6
    assert metrics.perplexity(nats, tokens) == pytest.approx(50)
    assert metrics.nats_per_token(nats, tokens) == pytest.approx(math.log(50))
    assert metrics.bits_per_token(nats, tokens) == pytest.approx(math.log2(50))


def test_sums_of_batches_add_up_and_padding_has_no_influence():
    rng = np.random.default_rng(0)
    logits, targets = 100 * rng.normal(size=(4, 5, 7)), rng.integers(7, size=(4, 5))
    mask = np.arange(5) < np.array([5, 3, 1, 2])[:, None]
    whole = metrics.summed_nats(logits, targets, mask)
    parts = [metrics.summed_nats(logits[i : i + 2], targets[i : i + 2], mask[i : i + 2]) for i in (0, 2)]
    assert np.sum(parts, axis=0) == pytest.approx(whole)
    logits[~mask], targets[~mask] = np.nan, -1
    assert metrics.summed_nats(logits, targets, mask) == whole
    log_p = logits - np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1, keepdims=True))
    assert whole[0] == pytest.approx(
        sum((logits.max(-1) - np.take_along_axis(log_p, targets[..., None], -1)[..., 0])[mask])
    )


def test_a_token_of_probability_zero_has_infinite_perplexity():
    assert metrics.perplexity(*metrics.summed_nats([[0.0, -np.inf]], [1])) == math.inf


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((1.0, 0), "at least one predicted token"), ((-1.0, 2), "at least 0"), ((math.nan, 2), "at least 0")],
)
def test_sums_that_cannot_be(arguments, said):
    with pytest.raises(ValueError, match=said):
        metrics.perplexity(*arguments)


def test_targets_that_do_not_fit():
    with pytest.raises(ValueError, match=r"targets has shape \(2,\), but logits has shape \(3, 4\)"):
        metrics.summed_nats(np.zeros((3, 4)), [1, 2])
    with pytest.raises(ValueError, match=r"ids in \[0, 4\)"):
        metrics.summed_nats(np.zeros((1, 4)), [4])
    with pytest.raises(ValueError, match="mask has dtype int64"):
        metrics.summed_nats(np.zeros((1, 4)), [3], [1])
    with pytest.raises(ValueError, match=r"mask has shape \(2,\)"):
        metrics.token_accuracy([1], [1], [True, False])


def test_distinct_ngrams():
    assert metrics.distinct_ngrams([["a", "b"], ["a", "b"], ["c"]], 1) == 3 / 5
    assert metrics.distinct_ngrams([["a", "b"], ["a", "b"], ["c"]], 2) == 1 / 2
    assert metrics.distinct_ngrams([["a"]], 2) == 0.0
    with pytest.raises(ValueError, match="n is 0"):
        metrics.distinct_ngrams([["a"]], 0)


# Tags


def test_accuracy_counts_the_mask_only():
    assert (
        metrics.token_accuracy([["A", "B"], ["A", "x"]], [["A", "A"], ["A", "y"]], [[True, True], [True, False]])
        == 2 / 3
    )
    with pytest.raises(ValueError, match="no position counts"):
        metrics.token_accuracy([1], [1], [False])
    with pytest.raises(ValueError, match="must be alike"):
        metrics.token_accuracy([1, 2], [1])


def test_an_entity_counts_only_whole_and_with_its_type():
    true = [["B-PER", "I-PER", "O", "B-LOC", "B-LOC"]]
    for guess, right, predicted in [
        (["B-PER", "I-PER", "O", "B-LOC", "B-LOC"], 3, 3),
        (["B-PER", "I-PER", "I-PER", "B-LOC", "B-LOC"], 2, 3),
        (["B-LOC", "I-LOC", "O", "B-LOC", "I-LOC"], 0, 2),
        (["O", "O", "O", "O", "O"], 0, 0),
    ]:
        score = metrics.entity_f1(true, [guess])
        assert score.entities == 3
        assert score.recall == right / 3
        assert score.precision == (right / predicted if predicted else 0)
        assert score.f1 == pytest.approx(2 * right / (3 + predicted))


def test_entities_end_with_their_sentence():
    assert metrics.entity_f1([["B-PER"], [], ["I-PER"]], [["B-PER"], [], ["I-PER"]]).entities == 2


def test_entity_f1_is_that_of_seqeval():
    from seqeval.metrics import f1_score, precision_score, recall_score

    rng = np.random.default_rng(0)
    tags = np.array(["O", "B-A", "I-A", "B-B", "I-B"])
    true, guess = ([rng.choice(tags, size=n).tolist() for n in (7, 1, 12, 3)] for _ in range(2))
    score = metrics.entity_f1(true, guess)
    assert score.f1 == pytest.approx(f1_score(true, guess))
    assert score.precision == pytest.approx(precision_score(true, guess))
    assert score.recall == pytest.approx(recall_score(true, guess))


@pytest.mark.parametrize(
    ("true", "guess", "said"),
    [
        ([["O"]], [["O"], ["O"]], "predicted has 2 sentences, but expected has 1"),
        ([["O"], ["O", "O"]], [["O"], ["O"]], "sentence 1 has 1 predicted tags, but 2"),
        ([["NOUN"]], [["O"]], "'NOUN' is no BIO tag"),
    ],
)
def test_tags_that_cannot_be_scored(true, guess, said):
    with pytest.raises(ValueError, match=said):
        metrics.entity_f1(true, guess)


def test_what_counts_as_bio_and_what_is_illegal():
    assert metrics.is_bio(["O", "I-LOC"])
    assert not metrics.is_bio(["O", "O"])
    assert not metrics.is_bio(["O", "B-"])
    assert metrics.illegal_tags([["B-A", "I-A", "I-A"], ["I-A"], ["B-A", "I-B", "I-B"], []]) == 2


# Error rates


def test_edit_distance_is_a_metric():
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list("abc"), size=n)) for n in (0, 1, 4, 5, 6, 6)]
    for a in words:
        assert metrics.edit_distance(a, a) == 0
        for b in words:
            assert metrics.edit_distance(a, b) == metrics.edit_distance(b, a)
            assert abs(len(a) - len(b)) <= metrics.edit_distance(a, b) <= max(len(a), len(b))
            for c in words:
                assert metrics.edit_distance(a, c) <= metrics.edit_distance(a, b) + metrics.edit_distance(b, c)


def test_the_nearest_of_several_answers_counts_in_any_order():
    near, far = list("abc"), list("xyzw")
    for answers in ([near, far], [far, near]):
        rates = metrics.error_rates([answers], [list("abd")])
        assert (rates.edits, rates.tokens, rates.sequence) == (1, 3, 1.0)
    same = [list("ab"), list("abcd")]  # both one edit away from "abc"
    for answers in (same, same[::-1]):
        assert metrics.error_rates([answers], [list("abc")]).token == 1 / 4


def test_rates_divide_once_over_everything():
    rates = metrics.error_rates([[list("abcd")], [["a"]]], [list("abcd"), []])
    assert (rates.token, rates.sequence) == (1 / 5, 1 / 2)
    assert metrics.error_rates([[["a"]]], [list("abc")]).token == 2.0


@pytest.mark.parametrize(
    ("references", "hypotheses", "said"),
    [
        ([[["a"]]], [], "hypotheses has 0 entries, but references has 1"),
        ([], [], "hypotheses is empty"),
        ([[]], [["a"]], r"references\[0\] is \[\]"),
        ([["dog"]], [["d"]], "split a string"),
        ([[["a"]]], ["a"], r"hypotheses\[0\] is the string"),
        ([[[]]], [["a"]], "no token at all"),
    ],
)
def test_error_rates_of_what_they_cannot_compare(references, hypotheses, said):
    with pytest.raises(ValueError, match=said):
        metrics.error_rates(references, hypotheses)
