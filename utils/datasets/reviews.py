"""Reviews of films, novels, plays, concerts, restaurants and hotels: positive, negative or neutral.

A review has one to four clauses; negation and the order of the words decide. The rule of every label:

1. What the writer says of the whole thing, as it stands in the end, is the verdict, whatever the parts are like.
2. If nothing is said of the whole, the parts count: all good is positive, all bad negative, good and bad neutral.
3. Neutral are also the verdicts that it is average, that it is good and bad, or neither, and reviews without one.

What was expected, and what other people think, does not count; a quality that is denied counts as its opposite
("not dull" praises). So "I expected the film to be boring , but it was wonderful ." is positive, "I expected the
film to be wonderful , but it was boring ." negative, and "the acting was good , the music was not ." neutral.
`kind` names the construction that carries the verdict.

Sizes: train 12 000, validation 1500, test 1500, a third of each label; no text occurs twice. 5 to 39 tokens, 18.1
on average; 343 different tokens in training, and no others in the other splits.

Measured on test, chance being 33.3 %: a logistic regression on counts of words 66.1 %, on presence of words 63.0 %
(`bag_of_words_accuracy`, trained to convergence, λ = 1; with λ = 0.1 and 10 from 61.6 % to 66.0 %); on counts of
words and of pairs of neighbours 83.7 %. A GRU of 64 units, which reads the order, reaches 99.8 % after 12 epochs
(about 40 s on two cores), an LSTM 99.9 % (tests/benchmarks/reviews_models.py).
"""

import functools
import itertools
from collections import Counter
from pathlib import Path

import numpy as np

from utils.datasets.grammar import Grammar
from utils.datasets.splits import SPLITS, check_split, digest

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Made by this course and licensed as the course is."

LABELS = ("negative", "neutral", "positive")
# The constructions that carry the verdict, as the grammar names them.
KINDS = (
    *("plain", "negation", "correction", "expectation", "others", "whole"),
    *("parts", "change", "comparison", "condition", "advice", "facts"),
)

_GRAMMAR = Path(__file__).parent / "grammars" / "reviews.grammar"
_SEED = 20_04
_SIZES = {"train": 12_000, "validation": 1500, "test": 1500}
_LENGTHS = range(5, 41)
# A review that says a word twice reads badly, except one of these.
_REPEATABLE = frozenset(
    """. , the it was I found not my were did at would times could but no in hotel that neither concert play
    nobody call novel film restaurant nor liked loved disliked hated as have been to half is from on is by enjoy like
    enjoyed very a so me in was all said""".split()
)


def examples(split: str) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"text": "the film was not dull at all .", "label": 2, "label_name": "positive", "kind":
        "negation"}: tokens separated by single spaces; `label` is the place of `label_name` in `LABELS`, `kind` one
        of `KINDS`.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    return [dict(record) for record in _everything()[split]]


def grammar() -> Grammar:
    """Return the grammar; its sentences are a review, "=", the name of its label and its kind."""
    return Grammar.load(_GRAMMAR)


@functools.cache
def _everything() -> dict[str, tuple[dict, ...]]:
    """Return the records of all splits, each split with as many of every label."""
    source, rng = grammar(), np.random.default_rng(_SEED)
    parts: dict[str, list[dict]] = {split: [] for split in SPLITS}
    missing = {(split, label): size // len(LABELS) for split, size in _SIZES.items() for label in LABELS}
    known: dict[str, None] = {}
    while any(missing.values()):
        *tokens, _, label, kind = source.sample(rng).source
        text = " ".join(tokens)
        repeated = any(n > 1 and word not in _REPEATABLE for word, n in Counter(tokens).items())
        if text in known or repeated or len(tokens) not in _LENGTHS:
            continue
        known[text] = None
        split = {0: "test", 1: "validation"}.get(digest(text) % 10, "train")
        if missing[split, label]:
            missing[split, label] -= 1
            parts[split].append({"text": text, "label": LABELS.index(label), "label_name": label, "kind": kind})
    return {split: tuple(sorted(part, key=lambda record: digest(record["text"]))) for split, part in parts.items()}


def bag_of_words_accuracy(
    presence: bool = False, penalty: float = 1.0, bigrams: bool = False, least: int = 1
) -> dict[str, float]:
    """Return how well a multinomial logistic regression on a bag of words does, trained to convergence.

    Args:
        presence: Whether features say that a word occurs, in place of how often.
        penalty: Factor λ of the squared weights (λ/2 · |W|² beside the sum of the cross-entropies).
        bigrams: Whether pairs of neighbouring words are features too; no longer a bag of words.
        least: Features that occur in fewer training texts are left out.

    Returns:
        "train", "validation" and "test": accuracy.

    Raises:
        ValueError: If the penalty is not positive.

    The Hessian never exceeds XᵀX/2 (Böhning 1992, "Multinomial logistic regression algorithm"), so that steps with
    this fixed matrix always lower the loss; they are accelerated by Nesterov's momentum, restarted where it overshoots.
    """
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty}, but a positive number is expected")
    texts = {split: [_features(r["text"].split(), bigrams) for r in _everything()[split]] for split in SPLITS}
    frequency = Counter(feature for text in texts["train"] for feature in dict.fromkeys(text))
    column = {feature: j for j, feature in enumerate(sorted(f for f, n in frequency.items() if n >= least), start=1)}
    X = {}
    for split in SPLITS:
        X[split] = np.zeros((len(texts[split]), 1 + len(column)))
        X[split][:, 0] = 1.0  # the bias
        for row, text in zip(X[split], texts[split], strict=True):
            for feature, n in Counter(text).items():
                if feature in column:
                    row[column[feature]] = 1 if presence else n
    y = {split: np.array([record["label"] for record in _everything()[split]]) for split in SPLITS}
    W = _logistic_regression(X["train"], y["train"], penalty)
    return {split: float(np.mean((X[split] @ W).argmax(1) == y[split])) for split in SPLITS}


def _features(tokens: list[str], bigrams: bool) -> list[str]:
    return tokens + [f"{a} {b}" for a, b in itertools.pairwise(tokens)] if bigrams else tokens


def _logistic_regression(X: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the weights with the least loss; X is (examples, features), y holds labels, W is (features, labels)."""
    Y = np.eye(len(LABELS))[y]
    shrink = np.full(X.shape[1], penalty)
    shrink[0] = 1e-6  # the bias is free
    step = np.linalg.inv(X.T @ X / 2 + np.diag(shrink))
    W = ahead = np.zeros((X.shape[1], len(LABELS)))
    momentum = 1.0
    for _ in range(20_000):
        scores = X @ ahead
        P = np.exp(scores - scores.max(1, keepdims=True))
        P /= P.sum(1, keepdims=True)
        gradient = X.T @ (P - Y) + shrink[:, None] * ahead
        if np.abs(gradient).max() < 1e-2:  # of a sum over all examples
            return ahead
        W_next = ahead - step @ gradient
        if np.sum(gradient * (W_next - W)) > 0:
            momentum = 1.0
        momentum_next = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = W_next + (momentum - 1) / momentum_next * (W_next - W)
        W, momentum = W_next, momentum_next
    raise RuntimeError("the regression has not converged within 20000 steps: raise the penalty")
