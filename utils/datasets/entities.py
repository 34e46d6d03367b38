"""Sentences with names of persons, places and organisations, tagged; where the clue to the type stands is known.

Most names may be of any type ("Paris"), and only their surroundings decide. A sentence has at most one such name;
its clue stands to the left ("Mr Paris was mentioned again"), to the right ("we talked about Paris , a painter" or
"Paris is a city in the north"), or on both sides ("the bank Paris announced a loss"). Other names tell their type
with their first word ("Anna Melford", "Port Melford", "Radio Melford", "Norway"). Besides BIO tags (titles such as
"Mr" are outside) each word has its universal part of speech. Names are built from syllables, well known ("Norway",
"Nokia") or common to persons, towns and firms; what is said of them is invented.

Sizes: train 8100, validation 900, test 1500; 5 to 24 tokens, 11.2 on average; 1572 different tokens in training,
1212 of them in names, where many are rare. No sentence occurs twice. Clues of the sentences: left 26 %, right 33 %
(34 % in test), both 15 %, name 26 %. In test, entities are PER 40.3 %, LOC 31.4 %, ORG 28.3 %; 42.5 % of the
entities of test are unseen: they hold a word that training has nowhere (validation 40.0 %, with other words).
Within each split and clue, every ambiguous name has each type equally often.

Measured on test (`baselines`): "always O" 85.0 % of the tokens; "tag of the name" 33.3 % of the ambiguous names
that training has; "tag of the word" 30.2 % entity F1. With the clue on the right, the type cannot be told better
than by chance (1/3) from the words up to the name and the name itself: counted in 40 000 sentences
(`left_context_bound`), the best guess is right for between 33.1 % and 36.6 %. A GRU of 64 units
(tests/benchmarks/entities_models.py) finds 27.8 % of these entities from left to right and 100.0 % in both
directions; of all other entities 99.9 % and 100.0 %.
"""

import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from utils.datasets.grammar import Grammar
from utils.datasets.splits import SPLITS, check_split, digest

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Made by this course and licensed as the course is."

TYPES = ("PER", "LOC", "ORG")
CLUES = ("left", "right", "both", "name")
TAGS = ("O", *(f"{place}-{kind}" for kind in TYPES for place in "BI"))

_GRAMMAR = Path(__file__).parent / "grammars" / "entities.grammar"
_SEED = 20_07
# Sentences of each clue and type.
_COUNTS = {
    "train": {"left": 700, "right": 900, "both": 400, "name": 700},
    "validation": {"left": 80, "right": 100, "both": 40, "name": 80},
    "test": {"left": 130, "right": 170, "both": 70, "name": 130},
}
_SLOTS = ("X", "PERSON", "PLACE", "COUNTRY", "FIRM")
_LENGTHS = range(5, 36)

# Names that people, places and firms share.
_SHARED = tuple(
    """Washington Lincoln Jackson Houston Wellington Stanford Bradford Lancaster Kent Warwick Hamilton Preston
    Halifax Windsor Hudson Derby Austin Darwin Carlisle Burton Paris Florence Sydney Madison Marlow Sutton
    Chester Clayton Milton Newton Sheffield York Wells Hastings Denver Dallas Orlando Verona Valencia Medina
    Toledo Lyon Nash Melbourne Victoria Berlin Vienna Bristol Cordoba Montgomery""".split()
)
_STEMS = """Al Ash Bal Bar Bel Ben Bex Bor Bran Bren Bris Bur Cal Cam Car Cas Chal Clo Cor Cran Cres Cul Dal Dar Del Den
    Dor Dran Dun Ech El Em Ers Fal Far Fel Fen Fer Fin Gal Gar Gil Gles Gor Gran Gren Hal Har Has Hav Hel Her
    Hol Hor Ick Ins Jas Kel Ken Kes Kil Kir Lan Lar Led Lin Lis Lor Lus Mal Man Mar Mel Mer Mil Mor Nar Nes Nor
    Ol Or Os Pel Pen Pol Quar Ral Ran Ret Ros Rud Sal San Sel Shal Sher Sil Sol Stan Tal Tan Tar Tel Thor Til
    Tor Tre Tul Ul Val Van Ver Vin Wal War Wes Wil Win Wor Yal Yar Zan Zel""".split()
_ENDINGS = "ton ford ley by den wick well mont more stead ham ville low ster wood dale ridge mere".split()
_PREFIXES = ("St", "Van", "San", "La", "De")
_FIRST_NAMES = """Anna Peter Maria John Clara David Elena Frank Grace Henry Irene James Julia Karl Laura Lucas Mark Nina
    Oscar Paula Rachel Robert Sarah Simon Sofia Thomas Ursula Walter Alice Bruno Carmen Daniel Emma Felix Hannah Ivan
    Jane Kevin Linda Martin Nora Olga Paul Rosa Samuel Teresa Victor Wendy""".split()
_COUNTRIES = """Norway Portugal Egypt Brazil Japan Iceland Kenya Scotland Poland Ireland Morocco Chile Canada Peru
    Greece Finland Vietnam Nepal Cuba Denmark""".split()
_PLACE_WORDS = ("Port", "Cape", "Fort", "North", "South", "New")
_FIRMS = """UNESCO NATO IBM BMW Renault IKEA SAP Siemens Microsoft Toyota Nokia Sony Philips Nestlé Unilever""".split()
_FIRM_WORDS = ("Radio", "FC", "Team", "Studio", "Dynamo", "Air")


def examples(split: str) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"tokens": ["Mr", "Paris", "phoned", "me", "."], "tags": ["O", "B-PER", "O", "O", "O"], "pos":
        ["PROPN", "PROPN", "VERB", "PRON", "PUNCT"], "clue": "both", "clues": ["both"], "unseen": [False]}: `tags` are
        BIO tags, `pos` universal parts of speech, one a token. `clues` and `unseen` have a value for each entity,
        in order: where its clue is, and whether it holds a word that the training split has nowhere. `clue` is that
        of the sentence's ambiguous entity, "name" if there is none.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    return [
        {key: list(value) if isinstance(value, list) else value for key, value in record.items()}
        for record in _everything()[split]
    ]


def spans(tags: list[str]) -> list[tuple[int, int, str]]:
    """Return the entities that BIO tags mark, as (first token, token after the last, type).

    Args:
        tags: Tags of one sentence, length T_x.

    Returns:
        One triple an entity, in order.

    Raises:
        ValueError: If a tag is unknown or continues what has not begun.

    >>> spans(["O", "B-PER", "I-PER", "O", "B-LOC"])
    [(1, 3, 'PER'), (4, 5, 'LOC')]
    """
    found: list[tuple[int, int, str]] = []
    for t, tag in enumerate(tags):
        if tag not in TAGS:
            raise ValueError(f"tag is {tag!r} at position {t}, but one of {', '.join(TAGS)} is expected")
        if tag.startswith("B"):
            found.append((t, t + 1, tag[2:]))
        elif tag.startswith("I"):
            if not found or found[-1][1:] != (t, tag[2:]):
                raise ValueError(f"tag is {tag} at position {t}, but it continues nothing: B-{tag[2:]} is expected")
            found[-1] = (found[-1][0], t + 1, tag[2:])
    return found


def grammar() -> Grammar:
    """Return the grammar: sentences with slots for names, then clue and type; parts of speech as target."""
    return Grammar.load(_GRAMMAR)


def left_context_bound(samples: int = 40_000) -> tuple[float, float]:
    """Return how often the type of a name whose clue is on the right can be told without that clue, at best.

    A cell of the generator is all that stands to the left of the name; the name itself tells nothing, as each has
    every type equally often. The best guess is the most frequent type of the cell. Its accuracy is estimated by
    counting twice: in the sentences that are guessed, where it is too high as the cells are finite, and in others,
    where it is too low.

    Args:
        samples: Sentences with the clue on the right to draw from the grammar.

    Returns:
        Shares of names between which the bound lies: low and high.
    """
    source, rng = Grammar.load(_GRAMMAR, start="Text[right]"), np.random.default_rng(_SEED)
    halves: tuple[dict, dict] = ({}, {})
    for i in range(samples):
        pair = source.sample(rng)
        place = pair.source.index("X")
        halves[i % 2].setdefault(pair.source[:place], Counter())[pair.target[place]] += 1
    best = {cell: counts.most_common(1)[0][0] for cell, counts in halves[0].items()}
    low = sum(counts[best.get(cell, TYPES[0])] for cell, counts in halves[1].items())
    high = sum(max(counts.values()) for counts in halves[1].values())
    return 2 * low / samples, 2 * high / samples


def baselines() -> dict[str, float]:
    """Return what can be had without reading the sentence, measured on the test split.

    Returns:
        "always O": share of the tokens that are outside of entities; "tag of the name": accuracy on the ambiguous
        names that training has (its most frequent type there), as a share of these names; "tag of the word":
        entity F1 if each word gets its most frequent tag of training, unknown words O.
    """
    train, test = _everything()["train"], _everything()["test"]
    by_name: dict[str, Counter] = {}
    by_word: dict[str, Counter] = {}
    for record in train:
        for word, tag in zip(record["tokens"], record["tags"], strict=True):
            by_word.setdefault(word, Counter())[tag] += 1
        for name, kind in _ambiguous(record):
            by_name.setdefault(name, Counter())[kind] += 1
    tokens = [tag for record in test for tag in record["tags"]]
    names = [(name, kind) for record in test for name, kind in _ambiguous(record) if name in by_name]
    found = right = 0
    for record in test:
        tags = [by_word[w].most_common(1)[0][0] if w in by_word else "O" for w in record["tokens"]]
        # A tag that continues nothing begins an entity.
        fixed = [
            "B" + tag[1:] if tag[0] == "I" and (t == 0 or tags[t - 1][1:] != tag[1:]) else tag
            for t, tag in enumerate(tags)
        ]
        guessed = spans(fixed)
        found += len(guessed)
        right += len(set(guessed) & set(spans(record["tags"])))
    true = sum(len(record["clues"]) for record in test)
    return {
        "always O": tokens.count("O") / len(tokens),
        "tag of the name": sum(by_name[name].most_common(1)[0][0] == kind for name, kind in names) / len(names),
        "tag of the word": 2 * right / (found + true),
    }


def _ambiguous(record: dict) -> Iterator[tuple[str, str]]:
    """Yield the name and the type of each entity whose name does not tell its type."""
    for (start, end, kind), clue in zip(spans(record["tags"]), record["clues"], strict=True):
        if clue != "name":
            yield " ".join(record["tokens"][start:end]), kind


@functools.cache
def _everything() -> dict[str, tuple[dict, ...]]:
    """Return the records of all splits."""
    source, rng = grammar(), np.random.default_rng(_SEED)
    drawn: dict[tuple[str, str], list[tuple]] = {(clue, kind): [] for clue in CLUES for kind in TYPES}
    needed = {clue: 2 * sum(counts[clue] for counts in _COUNTS.values()) for clue in CLUES}  # some will be twice
    while any(len(found) < needed[clue] for (clue, _), found in drawn.items()):
        pair = source.sample(rng)
        drawn[pair.source[-2], pair.source[-1]].append((pair.source[:-2], pair.target[:-2]))
    known: dict[tuple[str, ...], None] = {}
    training: dict[str, None] = {}  # words of the training split
    result = {}
    for split in SPLITS:
        names = _Names(rng, split, training)
        records = []
        for clue, number in _COUNTS[split].items():
            # The same names for each type, so that a name says nothing of the type.
            shared = [names.any_type() for _ in range(number)]
            for kind in TYPES:
                order = [shared[i] for i in rng.permutation(number)]
                frames = iter(drawn[clue, kind])
                for name in order:
                    record = None
                    while record is None or tuple(record["tokens"]) in known or len(record["tokens"]) not in _LENGTHS:
                        record = _filled(*next(frames), name, names, clue)
                    known[tuple(record["tokens"])] = None
                    records.append(record)
                drawn[clue, kind] = list(frames)
        if split == "train":
            training.update(dict.fromkeys(word for record in records for word in record["tokens"]))
        for record in records:
            record["unseen"] = [
                any(word not in training for word in record["tokens"][start:end])
                for start, end, _ in spans(record["tags"])
            ]
        result[split] = tuple(sorted(records, key=lambda record: digest(" ".join(record["tokens"]))))
    return result


class _Names:
    """Draws names for a split; in validation and test half of them hold a word that only this split has."""

    def __init__(self, rng: np.random.Generator, split: str, training: dict[str, None]) -> None:
        self.rng = rng
        self.fresh_share = 0 if split == "train" else 0.5
        coined = [stem + ending for stem in _STEMS for ending in _ENDINGS]
        own = {0: "test", 1: "test", 2: "validation"}
        by_split: dict[str, list[str]] = {name: [] for name in SPLITS}
        for word in sorted(coined, key=digest):
            by_split[own.get(digest(word) % 10, "train")].append(word)
        self.fresh = by_split[split]
        self.seen = [word for word in by_split["train"] if split == "train" or word in training]

    def any_type(self) -> str:
        """Return a name that a person, a place and a firm may have."""
        word = self._coined()
        draw = self.rng.integers(100)
        if draw < 20:
            return f"{self._one_of(_PREFIXES)} {word}"
        return self._one_of(_SHARED) if draw >= 60 and word in self.seen else word

    def of_type(self, kind: str) -> str:
        """Return a name that tells its type with its first word."""
        long = self.rng.integers(100) < 60
        if kind == "PER":
            first = self._one_of(_FIRST_NAMES)
            return f"{first} {self._coined()}" if long else first
        if kind == "LOC":
            return f"{self._one_of(_PLACE_WORDS)} {self._coined()}" if long else self.country()
        return f"{self._one_of(_FIRM_WORDS)} {self._coined()}" if long else self._one_of(_FIRMS)

    def country(self) -> str:
        """Return the name of a country, which the training split has as well."""
        return self._one_of(_COUNTRIES)

    def _coined(self) -> str:
        pool = self.fresh if self.rng.random() < self.fresh_share else self.seen
        return pool[self.rng.integers(self.rng.integers(len(pool)) + 1)]  # some are frequent, many are rare

    def _one_of(self, options: tuple[str, ...] | list[str]) -> str:
        return options[self.rng.integers(len(options))]


def _filled(words: tuple[str, ...], marks: tuple[str, ...], name: str, names: _Names, clue: str) -> dict:
    """Return the record of a sentence, names in place of its slots."""
    tokens: list[str] = []
    tags: list[str] = []
    pos: list[str] = []
    clues: list[str] = []
    for word, mark in zip(words, marks, strict=True):
        if word not in _SLOTS:
            tokens.append(word)
            tags.append("O")
            pos.append(mark)
            continue
        parts = (name if word == "X" else names.country() if word == "COUNTRY" else names.of_type(mark)).split()
        tokens += parts
        tags += [f"B-{mark}"] + [f"I-{mark}"] * (len(parts) - 1)
        pos += ["PROPN"] * len(parts)
        clues.append(clue if word == "X" else "name")
    tokens[0] = tokens[0][0].upper() + tokens[0][1:]
    return {"tokens": tokens, "tags": tags, "pos": pos, "clue": clue, "clues": clues}
