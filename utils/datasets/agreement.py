"""Sentences in which the number of the subject decides the form of a verb that comes 1 to 50 tokens later.

Between the two stand 0 to 4 attractors, nouns in the other number: "the dogs near the gate wag their tails .". Nothing
there agrees with the subject (verbs are in the past), and the article is always "the": only the subject's own form
tells the number. The distance is the number of tokens between the subject's noun and the verb, commas included;
attractors are the nouns among them in the other number, beside any in the same one.

Sizes: train 8830, validation 896, test 1792 sentences of 7 to 60 tokens. In each of the 224 cells of distance and
attractors (at most one attractor in three tokens) are 120 for train up to distance 12, 50 up to 25, 12 beyond; 4 for
validation, 8 for test; half of each cell singular, half plural, so "always plural" scores 50.0 % everywhere. No
sentence is twice. In half of test (marked `unseen`) the subject and the verb are a pair that train and validation do
not have, in the other half one that train has; each noun and each verb alone is in train. The verb has the number of
the nearest noun before it in 100.0, 77.1, 69.4, 47.9 and 36.2 % of test sentences with 0, 1, 2, 3 and 4 attractors.

540 words; 99.4 % of those of test, and 98.5 % of its tokens, are in the vocabulary of `tales`, all verb forms among
them. `sample` draws more sentences of any cell.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from utils.datasets import tales
from utils.datasets.grammar import Grammar
from utils.datasets.grammar.files import read
from utils.datasets.grammar.written import Entry
from utils.datasets.splits import SPLITS, check_split, digest

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Apache License 2.0, as the course."

MAX_DISTANCE, MAX_ATTRACTORS = 50, 4
SEED = 5

_FILE = Path(__file__).parent / "grammars" / "agreement.grammar"
_KINDS = {"person": 0.5, "animal": 0.3, "thing": 0.2}  # of subjects, and how often
_PER_CELL = {"train": ((12, 120), (25, 50), (50, 12)), "validation": ((50, 4),), "test": ((50, 8),)}  # up to distance
_TRIES = 3  # gaps that are drawn to find one that repeats no noun and no verb
_POSSESSIVES = {"its": "their", "tail": "tails", "head": "heads"}


def examples(split: str) -> list[dict]:
    """Return the records of a split, cells mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records as `sample` gives them.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    return [dict(record) for record in _records(split)]


def cells() -> list[tuple[int, int]]:
    """Return all pairs (distance, attractors) that there are sentences for, in rising order.

    Each attractor needs three tokens, such as "near the gates".

    >>> len(cells())
    224
    """
    return [(d, k) for d in range(1, MAX_DISTANCE + 1) for k in range(MAX_ATTRACTORS + 1) if 3 * k <= d]


def sample(
    rng: np.random.Generator, *, distance: int, attractors: int = 0, n: int = 1, unseen: bool = False
) -> list[dict]:
    """Draw sentences with a given distance between subject and verb and a given number of attractors.

    Singular and plural subjects take turns, so that an even number of sentences is balanced.

    Args:
        rng: The source of randomness; the same seed gives the same sentences.
        distance: Number of tokens between the subject's noun and its verb, 1 to 50.
        attractors: Number of nouns among them that are in the other number, 0 to 4; at most a third of the distance.
        n: Number of sentences.
        unseen: Whether subject and verb form one of the pairs that the train and validation splits do not have; all
            other sentences are of the other pairs.

    Returns:
        Records {"prefix": tokens before the verb, "right": its right form, "wrong": the other, "rest": tokens after
        it, "distance", "attractors", "number": "sg" or "pl" of the subject, "unseen": the argument, "sentence": all of
        it with the right form}; tokens are separated by blanks.

    Raises:
        TypeError: If `rng` is no generator.
        ValueError: If there are no such sentences.

    >>> record = sample(np.random.default_rng(3), distance=3, attractors=1)[0]
    >>> record["number"], record["distance"], record["attractors"]
    ('sg', 3, 1)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is {rng!r:.40}, but a generator is expected: pass np.random.default_rng(seed)")
    if not 0 <= attractors <= MAX_ATTRACTORS:
        raise ValueError(f"attractors is {attractors}, but 0 to {MAX_ATTRACTORS} is expected")
    if not 1 <= distance <= MAX_DISTANCE:
        raise ValueError(f"distance is {distance}, but 1 to {MAX_DISTANCE} is expected")
    if 3 * attractors > distance:
        raise ValueError(
            f"distance is {distance}, but at least {3 * attractors} is expected for {attractors} attractors: "
            "each needs three tokens"
        )
    if n < 0:
        raise ValueError(f"n is {n}, but 0 or more is expected")
    return [_draw(rng, distance, attractors, "sg pl".split()[i % 2], unseen) for i in range(n)]


def pair(record: dict) -> tuple[str, str]:
    """Return the subject's noun and the verb of a record, both in the singular.

    >>> pair({"prefix": "the dogs near the mill", "right": "wag", "wrong": "wags", "distance": 3, "number": "pl"})
    ('dog', 'wags')
    """
    noun = record["prefix"].split(" ")[-record["distance"] - 1]
    return (noun, record["right"]) if record["number"] == "sg" else (_other_number()[noun], record["wrong"])


def is_unseen(noun: str, verb: str) -> bool:
    """Return whether a subject and a verb, both in the singular, form a pair that training does not have.

    >>> is_unseen("sailor", "mends")
    False
    """
    return digest(f"{noun} {verb}") % 8 == 0


def forms(category: str) -> dict[str, str]:
    """Return the plural of each singular form of a category of the grammar.

    Args:
        category: "Noun", the nouns that subjects are and that may stand between subject and verb; "Site", those
            of places between them; or "Verb".

    Raises:
        ValueError: If there is no such category.

    >>> forms("Verb")["wags"]
    'wag'
    """
    known = _forms()
    if category not in known:
        raise ValueError(f"category is {category!r}, but one of {', '.join(known)} is expected")
    return dict(known[category])


def shared_vocabulary() -> tuple[float, float]:
    """Measure how much of the test split is in the vocabulary of `tales`.

    Returns:
        The share of its distinct words, and the share of its tokens.
    """
    known = set(tales.grammar().vocabulary())
    tokens = [token for record in examples("test") for token in record["sentence"].split(" ")]
    types = list(dict.fromkeys(tokens))
    return sum(t in known for t in types) / len(types), sum(t in known for t in tokens) / len(tokens)


def nearest_noun_score(split: str = "test") -> dict[int, float]:
    """Measure how often the verb's number is that of the noun nearest before it.

    Args:
        split: "train", "validation" or "test".

    Returns:
        The share of right answers by number of attractors.
    """
    singular = _forms()["Noun"] | _forms()["Site"]
    plural = set(singular.values())
    hits: dict[int, list[bool]] = {}
    for record in examples(split):
        nearest = next(t for t in reversed(record["prefix"].split(" ")) if t in singular or t in plural)
        hits.setdefault(record["attractors"], []).append((nearest in plural) == (record["number"] == "pl"))
    return {attractors: sum(found) / len(found) for attractors, found in sorted(hits.items())}


@functools.cache
def _records(split: str) -> list[dict]:
    """Return the records of a split: no sentence twice, and in each cell as many singulars as plurals."""
    earlier = SPLITS[: SPLITS.index(split)]
    known = {record["sentence"] for other in earlier for record in _records(other)}
    trained = {pair(record) for record in _records("train")} if split == "test" else set()
    rng = np.random.default_rng([SEED, len(earlier)])
    records = []
    for distance, attractors in cells():
        count = next(count for limit, count in _PER_CELL[split] if distance <= limit)
        for i in range(count):
            unseen = split == "test" and i % 4 >= 2
            while True:
                record = _draw(rng, distance, attractors, "sg pl".split()[i % 2], unseen)
                # A pair of the test split that is not marked is one that training has, not only might have.
                if record["sentence"] not in known and (split != "test" or unseen or pair(record) in trained):
                    break
            known.add(record["sentence"])
            records.append(record)
    return [records[i] for i in rng.permutation(len(records))]


def _draw(rng: np.random.Generator, distance: int, attractors: int, number: str, unseen: bool) -> dict:
    """Draw one sentence."""
    kind = list(_KINDS)[int(rng.choice(len(_KINDS), p=list(_KINDS.values())))]
    subject, predicate, gaps = (
        _grammar(f"{part}[{kind}{features}]")
        for part, features in (("Subject", ""), ("Predicate", ""), ("Gap", f" a{attractors}"))
    )
    while True:
        *before, noun = subject.sample(rng).source
        verb, *rest = predicate.sample(rng).source
        if is_unseen(noun, verb) != unseen or set(rest) & set(before) - {"the"}:  # that an old boat is old says little
            continue
        gap = _best((gaps.sample(rng, length=distance).source for _ in range(_TRIES)), noun)
        if verb != "is" or gap[-1] not in _adverbs():  # these follow "is"
            break
    right, wrong = verb, _forms()["Verb"][verb]
    if number == "pl":
        nouns = _other_number()
        noun, gap = nouns[noun], [nouns.get(token, token) for token in gap]
        right, wrong = wrong, right
        if rest[0] == "its":
            rest = [_POSSESSIVES.get(token, token) for token in rest]
    prefix = " ".join([*before, noun, *gap])
    return {
        "prefix": prefix,
        "right": right,
        "wrong": wrong,
        "rest": " ".join(rest),
        "distance": distance,
        "attractors": attractors,
        "number": number,
        "unseen": unseen,
        "sentence": f"{prefix} {right} {' '.join(rest)}",
    }


def _best(gaps: Iterator[tuple[str, ...]], noun: str) -> tuple[str, ...]:
    """Return the first gap that repeats no noun or verb, the subject included; else the one that repeats fewest."""
    best, fewest = (), 3 * MAX_DISTANCE
    for gap in gaps:
        words = [_content()[token] for token in (noun, *gap) if token in _content()]
        nouns = [word for word in words if word in _other_number()]
        repeats = len(words) - len(set(words)) + 2 * (len(nouns) - len(set(nouns)))  # a noun twice is worse
        if repeats < fewest:
            best, fewest = gap, repeats
        if not repeats:
            break
    return best


@functools.cache
def _grammar(start: str) -> Grammar:
    return Grammar.load(_FILE, start=start)


@functools.cache
def _forms() -> dict[str, dict[str, str]]:
    """Return the pairs of singular and plural of the categories that have them."""
    return {
        category: {first: second for first, second in cells if second}
        for category, cells in _lexicons().items()
        if any(second for _, second in cells)
    }


@functools.cache
def _adverbs() -> frozenset[str]:
    return frozenset(adverb.split(" ")[-1] for adverb, _ in _lexicons()["Often"])


@functools.cache
def _other_number() -> dict[str, str]:
    """Return the plural of each singular noun, and the singular of each plural one."""
    nouns = _forms()["Noun"] | _forms()["Site"]
    return nouns | {plural: singular for singular, plural in nouns.items()}


@functools.cache
def _content() -> dict[str, str]:
    """Return the verbs and nouns that a gap may have, each with its singular or only form."""
    nouns = _forms()["Noun"] | _forms()["Site"]
    verbs = [first for category in ("Saw", "Chased", "Danced", "Slept", "Met") for first, _ in _lexicons()[category]]
    return {verb: verb for verb in verbs} | {n: n for n in nouns} | {plural: n for n, plural in nouns.items()}


@functools.cache
def _lexicons() -> dict[str, list[tuple[str, str]]]:
    """Return the first and the second form of all entries by category; "" where there is one form only."""
    result: dict[str, list[tuple[str, str]]] = {}
    for entry in read(_FILE.read_text(encoding="utf-8"), _FILE.name).rules:
        if isinstance(entry, Entry):
            cells = [" ".join(word.text for word in cell.words) for cell in entry.cells[0]]
            result.setdefault(entry.left.category, []).append((cells[0], cells[1] if len(cells) > 1 else ""))
    return result
