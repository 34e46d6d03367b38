"""English sentences and their French translations, with the true alignment of their words.

Both sides come at once from a synchronous grammar (`grammars/translation.grammar`): agreement in number, gender and
person, participles included; elision (l'arbre); contraction (du, aux); negation (ne … pas, plus, jamais); adjectives
before or after the noun (a small white house, une petite maison blanche); clitic pronouns (il le voit); reflexive
verbs; questions; relative clauses; tenses that depend on the conjunction (when he paints, quand il peindra). Each
English sentence has one French translation: "you" is tu, "they" is ils, a simple past is a passé composé or, of
states, an imparfait.

100 900 pairs, no English sentence twice, in splits by a fixed hash of the English: train 89 932, validation 5078,
test 5890. Train has 987 678 English tokens (3 to 60 a sentence, 11.0 on average, half of the sentences up to 9) and
1 031 290 French ones; 1041 English and 2281 French words. 7015 sentences of train and 1276 of test have more than 20
tokens; test has at least 30 of each length from 21 to 60, as it is filled up with sentences of these lengths. To train
on short sentences and test on long ones, take `examples(split, lengths)`. No English token of test is missing from
train, and 2 French ones are.

What it asks for: links of the alignment cross in 69 % of the test pairs up to 20 tokens and in 99 % of the longer ones.
6.8 and 5.0 % of their French tokens, 5.0 and 5.9 % of their English ones, are aligned with none (articles,
auxiliaries, que …). 40 % of test pairs are negated. Floors on test: each word by its most frequent translation gets
0.6 % of the sentences exactly right (2.7 % up to 6 tokens); alignments on the diagonal have an alignment error rate of
0.41 up to 20 tokens, of 0.56 beyond.

The scenes are invented and often odd, the grammar is not: samples of all lengths were read, and the grammar corrected,
until no fault was found. Pronouns may lack an antecedent, and a long sentence is a row of clauses.
"""

import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils.datasets.grammar import Grammar
from utils.datasets.splits import SPLITS, check_split, split_of

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Apache License 2.0, as the course."

GRAMMAR = Path(__file__).parent / "grammars" / "translation.grammar"
SHORTEST, LONGEST = 3, 60  # source tokens
LONG = range(21, LONGEST + 1)  # the test set holds at least `_AT_LEAST` sentences of each of these lengths

_SEED = 2008
_NUMBER = 100_000  # before the long sentences that the test set is filled up with
_AT_LEAST = 30

# Words that may come twice in a sentence; a second cat or a second "sleeps" would read like a mistake.
_FUNCTION_WORDS = frozenset(
    """
    . , ? ' 's I a an and any are at am be because behind but by can cannot did do does eight every five four from front
    had has he her him his if in is it last little longer many me must my near never next nine no not now of often on
    one our several seven she six some sometimes ten than that the their them there these they this those three to
    twelve two under us very was we were what when where which while who whom why will with you your begins begin hopes
    hope likes like tries try wants want refuses refuse day for gets got get getting up back
    """.split()
)


class _Pair(NamedTuple):
    """A pair as it is kept: the alignment as bytes i, j, i, j …, because lists would take ten times the memory."""

    source: str
    target: str
    alignment: bytes
    length: int


def examples(split: str, lengths: tuple[int, int] = (SHORTEST, LONGEST), first: int = _NUMBER) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".
        lengths: Least and largest number of source tokens, both included.
        first: Take only what is among so many pairs that the grammar writes first, which takes less time than all
            100,000; test then lacks the long sentences that it is filled up with.

    Returns:
        Records {"source": "the owl does not sleep .", "target": "le hibou ne dort pas .", "alignment": [[0, 0],
        [1, 1], [3, 2], [3, 4], [4, 3], [5, 5]], "length": 6}: tokens are separated by single blanks, a pair [i, j] of
        the alignment links source token i and target token j, counted from 0, "length" is the number of source tokens.

    Raises:
        ValueError: If the split is unknown, there are no such lengths, or `first` is not from 1 to 100,000.
    """
    check_split(split)
    shortest, longest = lengths
    if not 1 <= first <= _NUMBER:
        raise ValueError(f"first is {first}, but a number of pairs from 1 to {_NUMBER} is expected")
    if not SHORTEST <= shortest <= longest <= LONGEST:
        raise ValueError(
            f"lengths is {lengths}, but (shortest, longest) with numbers from {SHORTEST} to {LONGEST} is expected"
        )
    return [_record(pair) for pair in _everything(first)[split] if shortest <= pair.length <= longest]


@functools.cache
def _everything(first: int) -> dict[str, tuple[_Pair, ...]]:
    """Return the pairs of all splits; made together, because no source may occur in two of them."""
    grammar = Grammar.load(GRAMMAR)
    rng = np.random.default_rng(_SEED)
    targets: dict[str, str] = {}
    splits: dict[str, list[_Pair]] = {split: [] for split in SPLITS}
    for pair in itertools.islice(_new_pairs(grammar, rng, targets, None), first):
        splits[split_of(pair.source)].append(pair)
    if first < _NUMBER:
        return {split: tuple(pairs) for split, pairs in splits.items()}
    known = Counter(pair.length for pair in splits["test"])
    for length in LONG:
        missing = max(0, _AT_LEAST - known[length])
        splits["test"] += itertools.islice(_new_pairs(grammar, rng, targets, length), missing)
    order = rng.permutation(len(splits["test"])).tolist()
    splits["test"] = [splits["test"][i] for i in order]
    return {split: tuple(pairs) for split, pairs in splits.items()}


def _new_pairs(
    grammar: Grammar, rng: np.random.Generator, targets: dict[str, str], length: int | None
) -> Iterator[_Pair]:
    """Yield pairs without end whose source is not among the known ones, and add them to these."""
    while True:
        sentence = grammar.sample(rng, length=length)
        if not (SHORTEST <= len(sentence.source) <= LONGEST and _is_varied(sentence.source)):
            continue
        source, target = " ".join(sentence.source), " ".join(sentence.target)
        if source not in targets:
            targets[source] = target
            links = bytes(itertools.chain.from_iterable(sentence.alignment))
            yield _Pair(source, target, links, len(sentence.source))
        elif targets[source] != target:
            raise AssertionError(f"{GRAMMAR.name} gives {source!r} two translations: {targets[source]!r}, {target!r}")


def _is_varied(tokens: Sequence[str]) -> bool:
    """Return whether no word of content comes twice within 20 tokens."""
    last: dict[str, int] = {}
    for place, token in enumerate(tokens):
        if token not in _FUNCTION_WORDS:
            key = token[:4]  # for all forms of a word: wash, washes, washed; the prince and the princess go with it
            if place - last.get(key, -20) < 20:
                return False
            last[key] = place
    return True


def _record(pair: _Pair) -> dict:
    links = [list(link) for link in zip(pair.alignment[::2], pair.alignment[1::2], strict=True)]
    return {"source": pair.source, "target": pair.target, "alignment": links, "length": pair.length}
