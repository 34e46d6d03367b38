"""Running text from a weighted grammar, every sentence with its exact log-probability.

So the best perplexity that a language model can be expected to reach is known. The sentences are little scenes of a
village, the sea, a forest, a workshop, a kitchen, a farm, a castle and the mountains.

24 000 sentences are drawn one by one, each without regard to those before it; repeated ones (214) are left out, and
the rest is split by a fixed hash of the sentence, in the order of the draws: train 19 825, validation 1927, test
2034 sentences, none twice. Train has 261 051 tokens (1.30 MB), test 26 464. A sentence has 5 to 39 tokens, 13.2 on
average. The vocabulary has 1504 words, all of them in train; names and "I" have their capitals, nothing else has.
“ and ”, commas and full stops are tokens.

Perplexity per token on test, the end of each sentence (<EOS>) counted as a token: uniform 1505, unigram 203.1,
interpolated bigram 27.01, exact 5.858. The grammar's own, exp of its entropy (24.885 nats a sentence) over its mean
length (14.131 with <EOS>), is 5.818; test's is higher because leaving out repeats leaves out short sentences, and by
chance. Had repeats been kept, a sentence would have 24.840 nats on average instead of 24.966. A model that knew all of
train and that test has none of it could gain 0.013 nats a sentence, as a new sentence is in train with probability
0.013: this is 0.1 % of the perplexity.

Verbs agree with their subjects over relative clauses, pronouns and possessives with their nouns, and each sentence
keeps to one scene; no sentence has two derivations. A sentence does not follow from the one before, and now and then
says a thing twice ("the carpenters in the workshop work in the workshop").

Over a vocabulary in which rare words are <UNK> the exact probability is `log_probability(tokens, vocabulary)`.
"""

import functools
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.datasets.grammar import Grammar
from utils.datasets.grammar.expansion import expand
from utils.datasets.grammar.files import read
from utils.datasets.grammar.inside import Inside
from utils.datasets.grammar.surface import Surface
from utils.datasets.splits import check_split, digest

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Apache License 2.0, as the course."

DRAWS = 24_000  # sentences drawn from the grammar, before repeats are left out
SEED = 1
UNK, BOS, EOS = "<UNK>", "<BOS>", "<EOS>"

_FILE = Path(__file__).parent / "grammars" / "tales.grammar"
_DIGITS = 9  # of a log-probability; what follows may differ between machines
_NO_BLANK_BEFORE = {".", ",", "?", "!", "”"}


def examples(split: str) -> list[dict]:
    """Return the sentences of a split in the order of the running text.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"text": "the cook stirs the soup .", "log_probability": -21.5}: tokens separated by blanks, and
        the natural logarithm of the sentence's probability under the grammar.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    return [
        {"text": text, "log_probability": log_probability} for text, log_probability in _sentences()[0][split].items()
    ]


@functools.cache
def grammar() -> Grammar:
    """Return what all sentences are drawn from, which also says whether tokens are a sentence of it.

    >>> "an owl waited near the brook .".split() in grammar()
    True
    >>> "an owl wait near the brook .".split() in grammar()
    False
    """
    return Grammar.load(_FILE)


def log_probability(tokens: Sequence[str], vocabulary: Iterable[str] | None = None) -> float:
    """Compute the exact probability of a sentence, also over a vocabulary in which rare words are collapsed.

    Over a collapsed vocabulary, the probability of a sentence with <UNK> is the sum of those of all sentences that
    become it: the inside algorithm runs with all words outside the vocabulary at each <UNK>, before "a" and "an"
    with those that the article allows.

    Args:
        tokens: The tokens; each that is not in the vocabulary counts as <UNK>.
        vocabulary: The words that are kept, which must include "a" and "an"; None for all.

    Returns:
        Natural logarithm (nats) of the probability, the end of the sentence included; -inf if there is no such
        sentence.

    Raises:
        TypeError: If `tokens` is one string.
        ValueError: If the vocabulary lacks "a" or "an".

    >>> sentence = "the owl sleeps near the brook .".split()
    >>> log_probability(sentence, grammar().vocabulary()) == log_probability(sentence)
    True
    >>> kept = set(grammar().vocabulary()) - {"owl", "fox"}
    >>> log_probability(sentence, kept) > log_probability(sentence)
    True
    """
    if vocabulary is None:
        return grammar().log_probability(tokens)
    if isinstance(tokens, str):
        raise TypeError(f"tokens is {tokens!r:.60}, but a list of strings is expected: split the text first")
    kept = frozenset(vocabulary)
    if not {"a", "an"} <= kept:
        raise ValueError('vocabulary lacks "a" or "an", whose form depends on the next word: keep both')
    surface, inside = _parts()
    rare = _rare(kept)
    tokens = [token if token in kept else UNK for token in tokens]
    words: list[Sequence[str]] = []
    for t, token in enumerate(tokens):
        after = tokens[t + 1] if t + 1 < len(tokens) else None
        if token == UNK:
            article = tokens[t - 1] if t else ""
            words.append(rare[article] if article in ("a", "an") else rare[""])
        elif after == UNK:
            words.append(["a"] if token in ("a", "an") else [token])
        else:
            words.append(surface.words_behind([token] if after is None else [token, after])[0])
    return inside.log_probability(words) if all(words) else -math.inf


def perplexity(split: str = "test") -> float:
    """Measure the perplexity per token of a split under its own grammar: no model can be expected to do better.

    The end of each sentence counts as a token, <EOS>.

    Args:
        split: "train", "validation" or "test".

    Returns:
        exp of the mean number of nats per token.
    """
    records = examples(split)
    tokens = sum(len(record["text"].split(" ")) + 1 for record in records)
    return math.exp(-math.fsum(record["log_probability"] for record in records) / tokens)


def expected_perplexity() -> float:
    """Compute the grammar's own perplexity per token, <EOS> included: exp of its entropy over its mean length."""
    return math.exp(grammar().entropy / (grammar().expected_length() + 1))


def baselines() -> dict[str, float]:
    """Measure the perplexity per token, <EOS> included, of three simple models on the test split.

    All are over the grammar's vocabulary and <EOS>: every token alike ("uniform"); frequencies of the train split,
    mixed with the uniform model ("unigram"); and frequencies after the token before, mixed with both ("bigram").
    The weights of the mixtures are fitted on the validation split by EM (Jelinek & Mercer 1980).

    Returns:
        Perplexities by name of the model.
    """
    train, validation, test = (_pairs(split) for split in ("train", "validation", "test"))
    uniform = 1 / (len(grammar().vocabulary()) + 1)
    unigrams, befores = Counter(token for _, token in train), Counter(before for before, _ in train)
    bigrams = Counter(train)

    def features(pairs: list[tuple[str, str]]) -> np.ndarray:
        return np.array(
            [
                (uniform, unigrams[token] / len(train), bigrams[before, token] / befores[before])
                for before, token in pairs
            ]
        )

    held_out, final = features(validation), features(test)
    result = {"uniform": 1 / uniform}
    for name, size in (("unigram", 2), ("bigram", 3)):
        weights = np.full(size, 1 / size)
        for _ in range(50):
            shares = held_out[:, :size] * weights
            weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        result[name] = float(np.exp(-np.log(final[:, :size] @ weights).mean()))
    return result


def repeats() -> dict[str, float]:
    """Measure what leaving out repeated sentences changes.

    Returns:
        "left out": drawn sentences that were left out; "mean of drawn" and "mean of kept": mean log-probability in
        nats; "mass of train": the probability that a new sentence is one of the train split.
    """
    kept, drawn = _sentences()
    values = [value for split in kept.values() for value in split.values()]
    return {
        "left out": len(drawn) - len(values),
        "mean of drawn": math.fsum(drawn) / len(drawn),
        "mean of kept": math.fsum(values) / len(values),
        "mass of train": math.fsum(math.exp(value) for value in kept["train"].values()),
    }


def readable(text: str) -> str:
    """Return a sentence as it would be printed.

    Args:
        text: Tokens separated by blanks.

    >>> readable("“ where is the net ? ” asked the sailor .")
    '“Where is the net?” asked the sailor.'
    """
    result, after_quote = "", True
    for token in text.split(" "):
        if not after_quote and token not in _NO_BLANK_BEFORE:
            result += " "
        # What is said begins with a capital, as does the sentence.
        result += token[:1].upper() + token[1:] if not result or result.endswith("“") else token
        after_quote = token == "“"
    return result


@functools.cache
def _sentences() -> tuple[dict[str, dict[str, float]], list[float]]:
    """Return the sentences by split with their log-probabilities, and those of all draws."""
    rng = np.random.default_rng(SEED)
    kept: dict[str, dict[str, float]] = {"train": {}, "validation": {}, "test": {}}
    drawn = []
    for _ in range(DRAWS):
        sentence = grammar().sample(rng)
        text = " ".join(sentence.source)
        value = round(sentence.log_probability, _DIGITS)  # that of the sentence, as it has no other derivation
        drawn.append(value)
        kept[{0: "test", 1: "validation"}.get(digest(text) % 12, "train")].setdefault(text, value)
    return kept, drawn


def _pairs(split: str) -> list[tuple[str, str]]:
    """Return each token of a split with the one before it in its sentence."""
    sentences = ([BOS, *record["text"].split(" "), EOS] for record in examples(split))
    return [pair for tokens in sentences for pair in itertools.pairwise(tokens)]


@functools.cache
def _parts() -> tuple[Surface, Inside]:
    """Return the grammar's alternations, and its inside algorithm, which takes several words at a place."""
    written = read(_FILE.read_text(encoding="utf-8"), _FILE.name)
    plain = expand(written)
    words = (word for rules in plain.rules for rule in rules for word in rule.words(0))
    return Surface(written, 0, words), Inside(plain, 0)


@functools.lru_cache(maxsize=4)
def _rare(kept: frozenset[str]) -> dict[str, list[str]]:
    """Return the words that a vocabulary leaves out: all, and those that may follow "a" and "an"."""
    surface, _ = _parts()
    rare = [word for word in surface.words if word not in kept]
    articles = {article: [w for w in rare if surface.words_behind([article, w])[0]] for article in ("a", "an")}
    return {"": rare, **articles}
