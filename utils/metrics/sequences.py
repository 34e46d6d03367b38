"""Sequences of different lengths: edit distance, error rates, BLEU, alignment error rate."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

Tokens = Sequence[Hashable]
Links = Iterable[tuple[int, int]]

_SMOOTHINGS = ("none", "floor", "add-k", "exp")


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
    _check_answers(references, hypotheses, "error rate")
    edits = tokens = wrong = 0
    for answers, hypothesis in zip(references, hypotheses, strict=True):
        fewest, length = min((edit_distance(answer, hypothesis), -len(answer)) for answer in answers)
        edits, tokens, wrong = edits + fewest, tokens - length, wrong + (fewest > 0)
    if not tokens:
        raise ValueError("references has no token at all, so there is no error rate")
    return ErrorRates(edits / tokens, wrong / len(hypotheses), edits, tokens, len(hypotheses))


def bleu(references: Sequence[Sequence[Tokens]], hypotheses: Sequence[Tokens], smooth: str = "none") -> float:
    """Compute the BLEU of a corpus: n-grams of 1 to 4 tokens that a reference has too, and a penalty for brevity.

    Computed by `sacrebleu` on the tokens as they are (`tokenize="none"`), so it compares only with results on the
    same tokens.

    Args:
        references: For each translation its right answers, at least one, each a list of tokens.
        hypotheses: The translations, lists of tokens.
        smooth: What to do where not one n-gram of some length is right: "none" (BLEU is 0), "floor", "add-k", "exp";
            the last is sacrebleu's default.

    Returns:
        BLEU, from 0 to 100.

    Raises:
        ValueError: If the numbers differ, there is no translation, one has no right answer, an answer is a string, a
            token holds white space, or the smoothing is unknown.

    Source: Papineni et al., BLEU: a Method for Automatic Evaluation of Machine Translation, ACL 2002; Post, A Call for
    Clarity in Reporting BLEU Scores, WMT 2018.

    >>> round(bleu([["the cat is on the mat".split()]], ["the cat is on a mat".split()]), 2)
    53.73
    """
    if smooth not in _SMOOTHINGS:
        raise ValueError(f"smooth is {smooth!r}, but one of {', '.join(_SMOOTHINGS)} is expected")
    _check_answers(references, hypotheses, "BLEU")
    most = max(map(len, references))
    # sacrebleu takes the first answers of all sentences, then the second ones, with None where there is none.
    streams = [[_joined(answers[i]) if i < len(answers) else None for answers in references] for i in range(most)]
    from sacrebleu.metrics import BLEU

    metric = BLEU(smooth_method=smooth, tokenize="none", force=True)
    return float(metric.corpus_score([_joined(tokens) for tokens in hypotheses], streams).score)


def _joined(tokens: Tokens) -> str:
    words = [str(token) for token in tokens]
    for word in words:
        if word.split() != [word]:
            raise ValueError(f"the token {word!r} is empty or holds white space, but white space parts tokens")
    return " ".join(words)


def alignment_error_rate(sure: Sequence[Links], possible: Sequence[Links], predicted: Sequence[Links]) -> float:
    """Compute 1 − (|A∩S| + |A∩P|) / (|A| + |S|) of predicted links A, over all sentences.

    Args:
        sure: For each pair of sentences its sure links S, pairs (source position, target position).
        possible: Links P that may be there; the sure ones count among them in any case. Where nobody told sure from
            possible links, pass the same twice.
        predicted: The links A to judge.

    Returns:
        The alignment error rate, in [0, 1]; 0 where every sure link is predicted, and no link that is not possible.

    Raises:
        ValueError: If the numbers of sentences differ, or there is no link at all.

    Source: Och & Ney, A Systematic Comparison of Various Statistical Alignment Models, Computational Linguistics 2003.

    >>> alignment_error_rate([[(0, 0), (1, 2)]], [[(1, 1)]], [[(0, 0), (1, 1)]])
    0.25
    """
    if not len(sure) == len(possible) == len(predicted):
        raise ValueError(
            f"sure has {len(sure)} sentences, possible {len(possible)} and predicted {len(predicted)}: "
            "they must be equally many"
        )
    right = size = 0
    for links in zip(sure, possible, predicted, strict=True):
        S, P, A = ({(int(i), int(j)) for i, j in part} for part in links)
        right += len(A & S) + len(A & (S | P))
        size += len(A) + len(S)
    if not size:
        raise ValueError("there is no link, neither sure nor predicted, so there is no alignment error rate")
    return 1 - right / size


def _check_answers(references: Sequence[Sequence[Tokens]], hypotheses: Sequence[Tokens], what: str) -> None:
    if len(references) != len(hypotheses):
        raise ValueError(f"hypotheses has {len(hypotheses)} entries, but references has {len(references)}")
    if not len(hypotheses):
        raise ValueError(f"hypotheses is empty, so there is no {what}")
    for i, (answers, hypothesis) in enumerate(zip(references, hypotheses, strict=True)):
        if isinstance(answers, str) or not len(answers) or any(isinstance(answer, str) for answer in answers):
            raise ValueError(
                f"references[{i}] is {answers!r:.60}, but a list of right answers is expected, each a list of tokens: "
                "write [answer] for a single one, and split a string"
            )
        if isinstance(hypothesis, str):
            raise ValueError(f"hypotheses[{i}] is the string {hypothesis!r:.60}, but a list of tokens is expected")
