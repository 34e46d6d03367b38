"""What a report says of outputs: error rates and BLEU, each with a 95 % interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from utils import metrics

_RESAMPLES = 1000


def scores(answers: Sequence[Sequence[Sequence[str]]], outputs: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score outputs against their right answers.

    Args:
        answers: For each source its right answers, lists of tokens.
        outputs: For each source the output, a list of tokens.

    Returns:
        `word_error_rate` (the share of outputs that are no right answer), `token_error_rate` (edits divided by the
        tokens of the nearest answers) and `bleu`; and to each, under its name and `_interval`, [low, high].
    """
    each = [metrics.error_rates([some], [output]) for some, output in zip(answers, outputs, strict=True)]
    edits, tokens = ([getattr(rates, name) for rates in each] for name in ("edits", "tokens"))
    wrong = np.array(edits) > 0
    # BLEU parts tokens by spaces, so a space that is a token needs another sign.
    answers = [[[_visible(token) for token in answer] for answer in some] for some in answers]
    outputs = [[_visible(token) for token in output] for output in outputs]
    return {
        "word_error_rate": float(wrong.mean()),
        "word_error_rate_interval": list(metrics.confidence_interval(wrong)),
        "token_error_rate": sum(edits) / sum(tokens),
        "token_error_rate_interval": list(metrics.confidence_interval(edits, tokens)),
        "bleu": metrics.bleu(answers, outputs),
        "bleu_interval": _bleu_interval(answers, outputs),
    }


def _visible(token: str) -> str:
    return "".join("\u2423" if character.isspace() else character for character in token)


def _bleu_interval(answers: Sequence[Sequence[Sequence[str]]], outputs: Sequence[Sequence[str]]) -> list[float]:
    """The bootstrap's middle 95 %: sources are drawn again, and the n-grams of their outputs counted together."""
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", force=True, effective_order=True)
    counts = []
    for some, output in zip(answers, outputs, strict=True):
        score = metric.sentence_score(" ".join(output), [" ".join(answer) for answer in some])
        counts.append([*score.counts, *score.totals, score.sys_len, score.ref_len])
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=_RESAMPLES)
    sums = drawn @ np.array(counts)  # (resamples, 10)
    found = [
        BLEU.compute_bleu(list(row[:4]), list(row[4:8]), int(row[8]), int(row[9]), smooth_method="none").score
        for row in sums
    ]
    return np.quantile(found, [0.025, 0.975]).tolist()
