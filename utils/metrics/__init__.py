"""How good a prediction is: perplexity, accuracy, entity F1, error rates, BLEU, alignment errors; and how sure that is.

Every function takes arrays or lists of what was expected and what was predicted, and divides only once, at the end:
a mean over batches of means would weight short batches too much. NumPy alone; entities are scored by `seqeval`,
BLEU by `sacrebleu`.
"""

from utils.metrics.intervals import confidence_interval
from utils.metrics.language import bits_per_token, distinct_ngrams, nats_per_token, perplexity, summed_nats
from utils.metrics.sequences import (
    ErrorRates,
    Tokens,
    alignment_error_rate,
    bleu,
    edit_distance,
    error_rates,
)
from utils.metrics.tags import EntityScore, entity_f1, illegal_tags, is_bio, token_accuracy

__all__ = [
    "EntityScore",
    "ErrorRates",
    "Tokens",
    "alignment_error_rate",
    "bits_per_token",
    "bleu",
    "confidence_interval",
    "distinct_ngrams",
    "edit_distance",
    "entity_f1",
    "error_rates",
    "illegal_tags",
    "is_bio",
    "nats_per_token",
    "perplexity",
    "summed_nats",
    "token_accuracy",
]
