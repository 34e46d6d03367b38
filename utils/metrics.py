"""How good a prediction is: perplexity, accuracy, entity F1, edit distance and error rates, diversity.

Every function takes arrays or lists of what was expected and what was predicted, and divides only once, at the end:
a mean over batches of means would weight short batches too much. NumPy alone; entities are scored by `seqeval`.
"""

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

Tokens = Sequence[Hashable]


# Language models


def nats_per_token(negative_log_likelihood: float, tokens: int) -> float:
    """Divide a summed negative log-likelihood by the number of tokens it was summed over.

    Args:
        negative_log_likelihood: Sum of −ln p over all predicted tokens, in nats, at least 0.
        tokens: Number of predicted tokens (`<EOS>` counts where it is predicted, padding never).

    Returns:
        Nats per token: the cross-entropy.

    Raises:
        ValueError: If there is no token, or the sum is negative or NaN.

    >>> nats_per_token(2 * math.log(8), 2)
    2.0794415416798357
    """
    if tokens < 1:
        raise ValueError(f"tokens is {tokens}, but at least one predicted token is expected: is the mask all False?")
    if not negative_log_likelihood >= 0:
        raise ValueError(
            f"negative_log_likelihood is {negative_log_likelihood}, but a sum of −ln p is at least 0: is the sign "
            "wrong, or a logit NaN?"
        )
    return float(negative_log_likelihood) / tokens


def bits_per_token(negative_log_likelihood: float, tokens: int) -> float:
    """Divide a summed negative log-likelihood, given in nats, by the tokens and by ln 2.

    Args and errors are those of `nats_per_token`.

    >>> bits_per_token(2 * math.log(8), 2)
    3.0
    """
    return nats_per_token(negative_log_likelihood, tokens) / math.log(2)


def perplexity(negative_log_likelihood: float, tokens: int) -> float:
    """Compute exp of the nats per token: as hard as choosing among that many equally likely tokens.

    Args and errors are those of `nats_per_token`.

    Returns:
        The perplexity, at least 1; infinity where a token had probability 0.

    >>> round(perplexity(2 * math.log(8), 2), 6)
    8.0
    """
    nats = nats_per_token(negative_log_likelihood, tokens)
    return math.exp(nats) if nats < 709 else math.inf


def summed_nats(logits: ArrayLike, targets: ArrayLike, mask: ArrayLike | None = None) -> tuple[float, int]:
    """Sum −ln softmax(logits)[target] over the real positions.

    Args:
        logits: Scores, or log-probabilities, shape (..., classes); −inf is a probability of 0.
        targets: Ids in [0, classes), shape (...).
        mask: True at the positions that count, shape (...), bool; None for all.

    Returns:
        The sum in nats, computed in float64, and the number of positions it was summed over: what
        `nats_per_token`, `bits_per_token` and `perplexity` take. Sums of several batches may be added.

    Raises:
        ValueError: If the shapes do not fit, or a target is no class.

    >>> summed_nats([[0.0, 0.0]], [1])
    (0.6931471805599453, 1)
    """
    logits, targets = np.asarray(logits, dtype=np.float64), np.asarray(targets)
    if logits.ndim < 1 or targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets has shape {targets.shape}, but logits has shape {logits.shape}, so {logits.shape[:-1]} is "
            "expected: one id a position"
        )
    counted = _counted(targets.shape, mask)
    chosen, scores = targets[counted], logits[counted]
    if chosen.size and (chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= logits.shape[-1]):
        raise ValueError(f"targets must be ids in [0, {logits.shape[-1]}), the number of classes in logits")
    if not chosen.size:
        return 0.0, 0
    highest = scores.max(axis=-1, keepdims=True)
    log_normaliser = np.log(np.exp(scores - highest).sum(axis=-1)) + highest[:, 0]
    of_target = np.take_along_axis(scores, chosen[:, None], axis=-1)[:, 0]
    return float((log_normaliser - of_target).sum()), int(chosen.size)


def distinct_ngrams(sequences: Iterable[Tokens], n: int) -> float:
    """Compute the share of different n-grams among all n-grams of some texts ("distinct-n").

    It falls with the number of texts, so compare only equally many of them.

    Args:
        sequences: Lists of tokens.
        n: Length of an n-gram, at least 1.

    Returns:
        Different n-grams divided by all, in (0, 1]; 0.0 where no text has n tokens.

    Raises:
        ValueError: If `n` is below 1.

    Source: Li et al., A Diversity-Promoting Objective Function for Neural Conversation Models, NAACL 2016.

    >>> distinct_ngrams([["a", "b", "a", "b"]], 2)
    0.6666666666666666
    """
    if n < 1:
        raise ValueError(f"n is {n}, but an n-gram has at least 1 token")
    grams = [tuple(tokens[i : i + n]) for tokens in sequences for i in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


# Tags


def token_accuracy(expected: ArrayLike, predicted: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Compute the share of positions where the prediction is right.

    Args:
        expected: Ids or labels, any shape.
        predicted: Ids or labels, the same shape.
        mask: True at the positions that count, the same shape, bool; None for all.

    Returns:
        The accuracy, in [0, 1].

    Raises:
        ValueError: If the shapes differ, or no position counts.

    >>> token_accuracy([[1, 2, 0]], [[1, 3, 9]], [[True, True, False]])
    0.5
    """
    expected, predicted = np.asarray(expected), np.asarray(predicted)
    if expected.shape != predicted.shape:
        raise ValueError(
            f"predicted has shape {predicted.shape}, but expected has shape {expected.shape}: they must be alike"
        )
    counted = _counted(expected.shape, mask)
    if not counted.any():
        raise ValueError("no position counts, so there is no accuracy: is the mask all False?")
    return float((expected == predicted)[counted].mean())


@dataclass(frozen=True)
class EntityScore:
    """How well entities were found; an entity counts only if its type and both of its ends are right.

    Attributes:
        precision: Share of the predicted entities that are right; 0 where none is predicted.
        recall: Share of the true entities that were found; 0 where there is none.
        f1: Harmonic mean of the two; 0 where both are 0.
        entities: Number of true entities.
    """

    precision: float
    recall: float
    f1: float
    entities: int


def entity_f1(expected: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> EntityScore:
    """Score entities in BIO tags, as the shared tasks of CoNLL do.

    An I- tag without a B- tag before it begins an entity (`seqeval` in its default mode, like `conlleval`).

    Args:
        expected: For each sentence its true tags, like ["B-PER", "I-PER", "O"].
        predicted: For each sentence its predicted tags, equally many.

    Returns:
        The score, over all entities of all sentences.

    Raises:
        ValueError: If the numbers of sentences or of tags differ, or a tag is no BIO tag.

    >>> entity_f1([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]]).f1
    0.5
    """
    expected, predicted = [list(tags) for tags in expected], [list(tags) for tags in predicted]
    if len(expected) != len(predicted):
        raise ValueError(f"predicted has {len(predicted)} sentences, but expected has {len(expected)}")
    for i, (true, guess) in enumerate(zip(expected, predicted, strict=True)):
        if len(true) != len(guess):
            raise ValueError(f"sentence {i} has {len(guess)} predicted tags, but {len(true)} expected ones")
    if strange := sorted({tag for tags in (*expected, *predicted) for tag in tags if not _is_bio_tag(tag)}):
        raise ValueError(f"{strange[0]!r} is no BIO tag: a tag is 'O', or 'B-' or 'I-' and a type")
    from seqeval.metrics.sequence_labeling import get_entities

    # An empty sentence would let seqeval join the last entity before it to the first one after it.
    true, guess = (
        {(i, *entity) for i, tags in enumerate(part) if tags for entity in get_entities(tags)}
        for part in (expected, predicted)
    )
    right = len(true & guess)
    precision, recall = right / max(1, len(guess)), right / max(1, len(true))
    f1 = 2 * right / (len(true) + len(guess)) if right else 0.0
    return EntityScore(precision, recall, f1, len(true))


def is_bio(tags: Iterable[str]) -> bool:
    """Tell whether tags mark entities: every one is `O`, or `B-` or `I-` and a type, and one is not `O`.

    >>> is_bio(["O", "B-PER", "I-PER"]), is_bio(["NOUN", "VERB"])
    (True, False)
    """
    different = set(tags)
    return bool(different - {"O"}) and all(map(_is_bio_tag, different))


def illegal_tags(sequences: Iterable[Sequence[str]]) -> int:
    """Count the I- tags that continue nothing: not after a B- or I- tag of the same type.

    >>> illegal_tags([["O", "I-PER", "I-PER", "I-LOC"]])
    2
    """
    return sum(
        tag.startswith("I-") and before[1:] != tag[1:]
        for tags in sequences
        for before, tag in zip(["O", *tags], tags, strict=False)
    )


# Sequences of different lengths


def edit_distance(reference: Tokens, hypothesis: Tokens) -> int:
    """Count the fewest insertions, deletions and substitutions that turn one sequence into the other.

    Args:
        reference: Tokens, or a string, which counts as its characters.
        hypothesis: The same.

    Returns:
        The Levenshtein distance.

    >>> edit_distance("kitten", "sitting")
    3
    """
    previous = list(range(len(hypothesis) + 1))
    for i, token in enumerate(reference, start=1):
        row = [i]
        for j, other in enumerate(hypothesis, start=1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (token != other)))
        previous = row
    return previous[-1]


@dataclass(frozen=True)
class ErrorRates:
    """Two error rates of the same predictions.

    Attributes:
        token: Edits divided by the tokens of the references: the phoneme error rate of pronunciations, the word
            error rate of sentences. It may exceed 1.
        sequence: Share of the predictions that are not exactly a reference: the word error rate of pronunciations.
        edits: Number of edits.
        tokens: Number of tokens in the references.
        sequences: Number of predictions.
    """

    token: float
    sequence: float
    edits: int
    tokens: int
    sequences: int


def error_rates(references: Sequence[Sequence[Tokens]], hypotheses: Sequence[Tokens]) -> ErrorRates:
    """Compare predictions with one or several right answers each.

    Of several answers the one counts that has the fewest edits, and of those the longest, so that the order of the
    answers does not matter.

    Args:
        references: For each prediction its right answers, at least one, each a list of tokens.
        hypotheses: The predictions, lists of tokens.

    Returns:
        The error rates.

    Raises:
        ValueError: If the numbers differ, there is no prediction, one has no right answer, or an answer is a string
            (its letters would count as tokens; for a single answer write [answer]).

    >>> error_rates([[["d", "ɔ", "g"], ["d", "ɑ", "g"]], [["k", "æ", "t"]]], [["d", "ɑ", "g"], ["k", "t"]])
    ErrorRates(token=0.16666666666666666, sequence=0.5, edits=1, tokens=6, sequences=2)
    """
    if len(references) != len(hypotheses):
        raise ValueError(f"hypotheses has {len(hypotheses)} entries, but references has {len(references)}")
    if not len(hypotheses):
        raise ValueError("hypotheses is empty, so there is no error rate")
    edits = tokens = wrong = 0
    for i, (answers, hypothesis) in enumerate(zip(references, hypotheses, strict=True)):
        if isinstance(answers, str) or not len(answers) or any(isinstance(answer, str) for answer in answers):
            raise ValueError(
                f"references[{i}] is {answers!r:.60}, but a list of right answers is expected, each a list of tokens: "
                "write [answer] for a single one, and split a string"
            )
        if isinstance(hypothesis, str):
            raise ValueError(f"hypotheses[{i}] is the string {hypothesis!r:.60}, but a list of tokens is expected")
        fewest, length = min((edit_distance(answer, hypothesis), -len(answer)) for answer in answers)
        edits, tokens, wrong = edits + fewest, tokens - length, wrong + (fewest > 0)
    if not tokens:
        raise ValueError("references has no token at all, so there is no error rate")
    return ErrorRates(edits / tokens, wrong / len(hypotheses), edits, tokens, len(hypotheses))


def _counted(shape: tuple[int, ...], mask: ArrayLike | None) -> np.ndarray:
    if mask is None:
        return np.ones(shape, dtype=bool)
    mask = np.asarray(mask)
    if mask.shape != shape:
        raise ValueError(f"mask has shape {mask.shape}, but {shape} is expected, one value a position")
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}, but bool is expected: write mask.astype(bool)")
    return mask


def _is_bio_tag(tag: str) -> bool:
    return tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2)
