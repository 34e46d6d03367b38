"""The grammar that the rest of the course uses: sampling, probabilities, membership."""

import functools
import math
import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from utils.datasets.grammar.analysis import expected_counts
from utils.datasets.grammar.expansion import Plain, PlainRule, check_sides, expand
from utils.datasets.grammar.files import read, read_symbol
from utils.datasets.grammar.inside import Inside
from utils.datasets.grammar.lengths import Lengths, draw
from utils.datasets.grammar.surface import Surface
from utils.datasets.grammar.written import SIDES, GrammarError


@dataclass(frozen=True)
class Sentence:
    """A pair of token sequences that one derivation yields.

    Args:
        source: The tokens of the source, length T_x.
        target: The tokens of the target, length T_y; none for a one-sided grammar.
        alignment: Pairs (i, j), rising: source token i is aligned with target token j, counted from 0.
        log_probability: Natural logarithm of the derivation's probability, whatever length was asked for.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    alignment: tuple[tuple[int, int], ...]
    log_probability: float


class Grammar:
    r"""A weighted synchronous grammar; `utils.datasets.grammar` describes its files.

    Make one with `Grammar.load` or `Grammar.parse`.

    >>> grammar = Grammar.parse("start S\nS -> the~1 owl~2 sleeps~3 / le~1 hibou~2 dort~3")
    >>> grammar.sample(np.random.default_rng(0)).target
    ('le', 'hibou', 'dort')
    """

    def __init__(self, plain: Plain, surfaces: tuple[Surface, ...]) -> None:
        self._plain = plain
        self._surfaces = surfaces
        check_sides(plain)
        self._counts = expected_counts(plain)
        self._lengths = Lengths(plain, lambda rule: rule.probability)
        self._insides: dict[int, Inside] = {}  # by side, made on first use
        self._cumulative = [list(accumulate(rule.probability for rule in rules)) for rules in plain.rules]

    @classmethod
    def load(cls, path: str | os.PathLike, start: str | None = None) -> "Grammar":
        """Read a grammar from a file (UTF-8).

        Args:
            path: The file.
            start: Category of a sentence, such as "S[plural]", in place of the one that the file gives.

        Returns:
            The grammar.

        Raises:
            GrammarError: If the file has a mistake; the message names its line.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise GrammarError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from None
        return cls.parse(text, start=start, name=Path(path).name)

    @classmethod
    def parse(cls, text: str, start: str | None = None, name: str = "grammar") -> "Grammar":
        """Read a grammar from a text.

        Args:
            text: What a grammar file holds.
            start: As for `load`.
            name: What to call the text in messages.

        Returns:
            The grammar.

        Raises:
            GrammarError: If the text has a mistake; the message names its line.
        """
        written = read(text, name)
        plain = expand(written, None if start is None else read_symbol(written, start))
        words = [
            [w for rules in plain.rules for rule in rules for w in rule.words(side)] for side in range(plain.sides)
        ]
        surfaces = tuple(Surface(written, side, words[side], start is not None) for side in range(plain.sides))
        return cls(plain, surfaces)

    def sample(self, rng: np.random.Generator, *, length: int | tuple[int, int] | None = None) -> Sentence:
        """Draw a sentence, or one of a given length, from exactly the grammar's distribution.

        Args:
            rng: The source of randomness; the same seed gives the same sentences.
            length: Number of source tokens, or the least and the largest number; None for any. Sentences are
                then drawn from the grammar's distribution given that length: none is drawn and rejected.

        Returns:
            The sentence.

        Raises:
            TypeError: If `rng` is no generator, or a length no whole number.
            ValueError: If the grammar has no sentence of that length.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"rng is {rng!r:.40}, but a generator is expected: pass np.random.default_rng(seed)")
        size = None if length is None else self._draw_length(rng, length)
        rules: list[PlainRule] = []
        children: list[list[int]] = []  # for each node of the derivation its children
        agenda: list[tuple[int, int | None, int]] = [(0, size, -1)]  # symbol, source words, parent
        while agenda:
            symbol, size, parent = agenda.pop()
            node = len(rules)
            if parent >= 0:
                children[parent].append(node)
            if size is None:
                rule = self._draw_rule(rng, symbol)
                sizes: dict[int, int] = {}
            else:
                row = self._lengths.choose_rule(rng, symbol, size)
                rule = row.rule
                places = (item for item in rule.sides[0] if isinstance(item, int))
                sizes = dict(zip(places, self._lengths.choose_lengths(rng, row, size), strict=True))
            rules.append(rule)
            children.append([])
            for i in range(len(rule.children) - 1, -1, -1):
                agenda.append((rule.children[i], sizes.get(i), node))
        yields = [_yield(rules, children, side) for side in range(2)]
        alignment = sorted(
            (yields[0][1][node, i], yields[1][1][node, j]) for node, rule in enumerate(rules) for i, j in rule.links
        )
        tokens = [surface.tokens(words) for surface, (words, _) in zip(self._surfaces, yields, strict=False)]
        return Sentence(
            tokens[0],
            tokens[1] if len(tokens) > 1 else (),
            tuple(alignment),
            math.fsum(math.log(rule.probability) for rule in rules),
        )

    def log_probability(self, tokens: Sequence[str], side: str = "source") -> float:
        """Compute the probability of a string of one side, summed over all derivations.

        Args:
            tokens: The tokens, as they finally stand.
            side: "source" or "target".

        Returns:
            Natural logarithm (nats) of the probability; -inf if the string is not in the language.

        Raises:
            TypeError: If `tokens` is one string.
            GrammarError: If a symbol leads back to itself without a word on this side.
        """
        number = self._side(side)
        if isinstance(tokens, str) or not all(isinstance(token, str) for token in tokens):
            raise TypeError(f"tokens is {tokens!r:.60}, but a list of strings is expected: split the text first")
        words = self._surfaces[number].words_behind(tokens)
        if not all(words):
            return -math.inf
        if number not in self._insides:
            self._insides[number] = Inside(self._plain, number)
        return self._insides[number].log_probability(words)

    def is_grammatical(self, tokens: Sequence[str], side: str = "source") -> bool:
        """Return whether a string of one side is in the language; arguments as for `log_probability`."""
        return self.log_probability(tokens, side) > -math.inf

    def __contains__(self, tokens: Sequence[str]) -> bool:
        """Return whether tokens are a source sentence of the grammar."""
        return self.is_grammatical(tokens)

    def vocabulary(self, side: str = "source") -> tuple[str, ...]:
        """Return the tokens of a side, in alphabetical order, the forms of its alternations among them.

        All tokens of all sentences are there. A word or form whose neighbours the rules never let it meet is
        listed as well: whether a token calls for it is judged by the token alone.
        """
        return tuple(sorted(self._surfaces[self._side(side)].vocabulary()))

    def length_probability(self, length: int) -> float:
        """Compute how probable a sentence of `length` source tokens is."""
        return self._lengths.sum(0, _whole(length)) if length >= 0 else 0.0

    def count(self, length: int) -> int:
        """Count the derivations with `length` source tokens, exactly.

        This is the number of sentence pairs of that length if no pair has two derivations.
        """
        return int(self._numbers.sum(0, _whole(length))) if length >= 0 else 0

    @property
    def sides(self) -> int:
        """Number of sides: 2, or 1."""
        return self._plain.sides

    @property
    def size(self) -> tuple[int, int]:
        """Numbers of symbols and of rules, after the features are expanded."""
        return len(self._plain.symbols), sum(len(rules) for rules in self._plain.rules)

    @functools.cached_property
    def entropy(self) -> float:
        """Entropy of a derivation in nats: the expected value of `-sample().log_probability`, exactly.

        It is the entropy of a sentence pair if no pair has two derivations, else an upper bound of it.
        """
        return math.fsum(
            float(count) * -rule.probability * math.log(rule.probability)
            for count, rules in zip(self._counts, self._plain.rules, strict=True)
            for rule in rules
        )

    def expected_length(self, side: str = "source") -> float:
        """Compute the mean number of tokens on a side, exactly."""
        number = self._side(side)
        return math.fsum(
            float(count) * rule.probability * len(rule.words(number))
            for count, rules in zip(self._counts, self._plain.rules, strict=True)
            for rule in rules
        )

    def __repr__(self) -> str:
        """Return the sizes in words."""
        symbols, rules = self.size
        return f"Grammar {self._plain.name} of {rules} rules for {symbols} symbols, with features expanded"

    @functools.cached_property
    def _numbers(self) -> Lengths:
        return Lengths(self._plain, lambda rule: 1)

    def _side(self, side: str) -> int:
        if side not in SIDES[: self._plain.sides]:
            expected = " or ".join(SIDES[: self._plain.sides])
            raise ValueError(f"side is {side!r}, but {expected} is expected of this grammar")
        return SIDES.index(side)

    def _draw_rule(self, rng: np.random.Generator, symbol: int) -> PlainRule:
        rules = self._plain.rules[symbol]
        if len(rules) == 1:
            return rules[0]
        return rules[draw(rng, self._cumulative[symbol])]

    def _draw_length(self, rng: np.random.Generator, length: int | tuple[int, int]) -> int:
        low, high = (length, length) if not isinstance(length, tuple | list) else length
        low, high = _whole(low), _whole(high)
        if not 0 <= low <= high:
            raise ValueError(f"length is {length}, but a number or (low, high) with 0 <= low <= high is expected")
        cumulative = list(accumulate(self._lengths.sum(0, n) for n in range(low, high + 1)))
        if not cumulative[-1]:
            raise ValueError(f"the grammar has no sentence of {low} to {high} source tokens: choose other lengths")
        return low + draw(rng, cumulative)


def _whole(number: int) -> int:
    """Return a whole number as an int."""
    try:
        return operator.index(number)
    except TypeError:
        raise TypeError(f"length is {number!r}, but a whole number is expected") from None


def _yield(
    rules: list[PlainRule], children: list[list[int]], side: int
) -> tuple[list[str], dict[tuple[int, int], int]]:
    """Return the words of a derivation on a side, and where each node's items that are words stand."""
    words: list[str] = []
    places: dict[tuple[int, int], int] = {}
    agenda: list[tuple[int, int]] = [(0, 0)]  # nodes whose items are being read, and the next item
    while agenda:
        node, place = agenda.pop()
        items = rules[node].sides[side]
        end = len(items)
        while place < end:
            item = items[place]
            if isinstance(item, int):
                if place + 1 < end:
                    agenda.append((node, place + 1))
                node, place = children[node][item], 0
                items = rules[node].sides[side]
                end = len(items)
            else:
                places[node, place] = len(words)
                words.append(item)
                place += 1
    return words, places
