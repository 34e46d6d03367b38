"""Perplexity, accuracy, entity F1, edit distance and error rates."""

import doctest
import math
import subprocess
import sys

import numpy as np
import pytest

from utils import metrics


def test_examples_in_the_documentation():
    for module in (metrics.intervals, metrics.language, metrics.sequences, metrics.tags):
        found = doctest.testmod(module)
        assert found.failed == 0
        assert found.attempted > 0


def test_importing_it_imports_neither_tensorflow_nor_seqeval_nor_sacrebleu():
    unwanted = ("tensorflow", "keras", "seqeval", "sacrebleu")
    code = f"import sys, utils.metrics; sys.exit(any(m in sys.modules for m in {unwanted}))"
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


# BLEU


REFERENCES = [["the cat is on the mat"], ["there is a dog in the old garden ."], ["he sleeps .", "he is asleep ."]]
HYPOTHESES = ["the cat is on a mat", "there is a dog in the garden .", "he sleeps ."]


def split(sentences):
    return [sentence.split() for sentence in sentences]


def test_bleu_is_its_formula():
    right, total = np.zeros(4), np.zeros(4)
    for answers, hypothesis in zip(map(split, REFERENCES), split(HYPOTHESES), strict=True):
        for n in range(1, 5):
            grams = [[tuple(t[i : i + n]) for i in range(len(t) - n + 1)] for t in (hypothesis, *answers)]
            counts = [{gram: its.count(gram) for gram in its} for its in grams]
            for gram, count in counts[0].items():
                right[n - 1] += min(count, max(its.get(gram, 0) for its in counts[1:]))
            total[n - 1] += len(grams[0])
    longer = len("the cat is on the mat there is a dog in the old garden . he sleeps .".split())
    length = sum(map(len, split(HYPOTHESES)))
    expected = 100 * math.exp(1 - longer / length) * math.exp(np.log(right / total).mean())
    assert metrics.bleu([split(answers) for answers in REFERENCES], split(HYPOTHESES)) == pytest.approx(expected)


def test_bleu_of_what_is_right_is_100_and_of_what_has_nothing_in_common_0():
    answers = [split(answers) for answers in REFERENCES[:2]]
    assert metrics.bleu(answers, [its[0] for its in answers]) == pytest.approx(100)
    assert metrics.bleu(answers, [["x"] * 6, ["y"] * 8]) == 0
    assert metrics.bleu([[["a", "b"]]], [["a", "b"]]) == 0  # no n-gram of 3 or 4: smoothing would tell
    assert metrics.bleu([[["a", "b", "c", "d"]]], [["a", "b", "x", "d"]], smooth="exp") > 0


def test_bleu_takes_tokens_as_they_are():
    assert metrics.bleu([[["l'", "arbre", "est", "ici", "."]]], [["l'arbre", "est", "ici", "."]]) < 100


@pytest.mark.parametrize(
    ("references", "hypotheses", "smooth", "said"),
    [
        ([], [], "none", "no BLEU"),
        ([[["a"]]], [["a"], ["b"]], "none", "hypotheses has 2 entries, but references has 1"),
        (["a b"], [["a"]], "none", "a list of right answers is expected"),
        ([[["a"]]], ["a"], "none", "hypotheses.0. is the string"),
        ([[["a b"]]], [["a"]], "none", "'a b' is empty or holds white space"),
        ([[["a"]]], [[""]], "none", "'' is empty or holds white space"),
        ([[["a"]]], [["a"]], "some", "smooth is 'some'"),
    ],
)
def test_bleu_of_what_does_not_fit(references, hypotheses, smooth, said):
    with pytest.raises(ValueError, match=said):
        metrics.bleu(references, hypotheses, smooth)


# Alignments


def test_the_alignment_error_rate_is_one_minus_f1_where_every_link_is_sure():
    sure = [[(0, 0), (1, 1), (2, 2)], [(0, 1)]]
    predicted = [[(0, 0), (1, 2)], [(0, 1), (1, 1)]]
    precision, recall = 2 / 4, 2 / 4
    f1 = 2 * precision * recall / (precision + recall)
    assert metrics.alignment_error_rate(sure, sure, predicted) == pytest.approx(1 - f1)
    assert metrics.alignment_error_rate(sure, sure, sure) == 0
    assert metrics.alignment_error_rate(sure, sure, [[], []]) == 1


def test_possible_links_do_no_harm_and_sure_ones_must_be_there():
    sure, possible = [[(0, 0)]], [[(0, 0), (0, 1)]]
    assert metrics.alignment_error_rate(sure, possible, [[(0, 0), (0, 1)]]) == 0
    assert metrics.alignment_error_rate(sure, possible, [[(0, 1)]]) == pytest.approx(1 - 1 / 2)
    assert metrics.alignment_error_rate(sure, [[(0, 1)]], [np.array([[0, 0], [0, 1]])]) == 0  # S is part of P


def test_alignments_that_do_not_fit():
    with pytest.raises(ValueError, match="sure has 1 sentences, possible 2"):
        metrics.alignment_error_rate([[]], [[], []], [[]])
    with pytest.raises(ValueError, match="no link"):
        metrics.alignment_error_rate([[]], [[]], [[]])


# How sure a number is


def test_wilsons_interval_holds_the_true_share_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for share in (0.03, 0.5, 0.9):
        ends = np.array([metrics.confidence_interval(rng.random(60) < share) for _ in range(1000)])
        assert 0.92 < ((ends[:, 0] <= share) & (share <= ends[:, 1])).mean() < 0.98
    low, high = metrics.confidence_interval(np.ones(20, dtype=bool))
    assert (low, high) == (pytest.approx(20 / (20 + 1.959964**2)), 1)


def test_the_bootstrap_holds_the_true_rate_about_as_often_as_it_says():
    rng, held = np.random.default_rng(0), 0
    for seed in range(300):
        sizes = rng.integers(1, 10, size=200)
        low, high = metrics.confidence_interval(rng.binomial(sizes, 0.2), sizes, samples=500, seed=seed)
        held += low <= 0.2 <= high
    assert 0.9 < held / 300 < 0.99


def test_a_higher_confidence_is_a_wider_interval_and_a_seed_repeats_it():
    values, sizes = np.arange(40) % 7, np.full(40, 9)
    narrow, wide = (metrics.confidence_interval(values, sizes, confidence=c) for c in (0.5, 0.99))
    assert wide[0] < narrow[0] < values.sum() / sizes.sum() < narrow[1] < wide[1]
    assert metrics.confidence_interval(values, sizes) == metrics.confidence_interval(values, sizes)
    assert metrics.confidence_interval(values, sizes) != metrics.confidence_interval(values, sizes, seed=1)


@pytest.mark.parametrize(
    ("values", "changes", "said"),
    [
        ([], {}, r"values has shape \(0,\)"),
        ([1.0, float("nan")], {}, "one finite number"),
        ([1, 2], {"sizes": [1]}, r"sizes has shape \(1,\)"),
        ([1, 2], {"sizes": [0, 0]}, "not all 0"),
        ([1, 2], {"confidence": 95}, "confidence is 95"),
        ([1, 2], {"samples": 0}, "samples is 0"),
    ],
)
def test_intervals_that_cannot_be(values, changes, said):
    with pytest.raises(ValueError, match=said):
        metrics.confidence_interval(values, **changes)
