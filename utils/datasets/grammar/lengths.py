"""How probable each length is, by dynamic programming, and choices on the way to a given length."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate

import numpy as np

from utils.datasets.grammar.analysis import components, empty_probabilities
from utils.datasets.grammar.expansion import Plain, PlainRule


class Lengths:
    """Sums over the derivations of each symbol with n source words, for rising n.

    With `weigh` a rule's probability the sums are probabilities, with 1 they are numbers of derivations (as
    exact integers). Plain Python throughout, in a fixed order, so that sums are the same on every machine.

    Args:
        plain: The grammar; no symbol leads to itself without a source word.
        weigh: Gives each rule's factor.
    """

    def __init__(self, plain: Plain, weigh: Callable[[PlainRule], float]) -> None:
        _, self._order = empty_probabilities(plain, 0)
        self._lexical: list[dict[int, float]] = [{} for _ in plain.symbols]
        self._structural: list[list[_Row]] = [[] for _ in plain.symbols]
        self.rows: list[list[_Row]] = []  # for each symbol, all its rules
        for symbol, rules in enumerate(plain.rules):
            rows = [_Row(rule, weigh(rule)) for rule in rules]
            self.rows.append(rows)
            for row in rows:
                if row.children:
                    self._structural[symbol].append(row)
                else:
                    lexical = self._lexical[symbol]
                    lexical[row.words] = lexical.get(row.words, 0) + row.weight
        self._longest = self._longest_yields()
        self._growing = []  # rules and their prefixes of children that may have more words than the tables reach
        for rows in self._structural:
            for row in rows:
                row.longest = list(accumulate(self._longest[child] for child in row.children))
                self._growing += [(row, i) for i in range(1, len(row.children))]
        self._table: list[list[float]] = [[] for _ in plain.symbols]
        self._support: list[list[int]] = [[] for _ in plain.symbols]  # lengths with a sum above 0
        self._choices: dict[tuple[int, int], tuple[list[_Row], list[float]]] = {}
        self._splits: dict[tuple[int, int, int], tuple[list[int], list[float]]] = {}

    def sum(self, symbol: int, length: int) -> float:
        """Return the sum over the derivations of a symbol with `length` source words."""
        while len(self._table[symbol]) <= length:
            self._extend()
        return self._table[symbol][length]

    def _extend(self) -> None:
        """Add the next length to all tables."""
        n = len(self._table[0])
        for table in self._table:
            table.append(0)
        for symbol in self._order:  # those that may be all of another come before it
            if n > self._longest[symbol]:
                continue
            total = self._lexical[symbol].get(n, 0)
            for row in self._structural[symbol]:
                if row.words <= n:
                    total += row.weight * self._sum_of_children(row, n - row.words)
            if total:
                self._table[symbol][n] = total
                self._support[symbol].append(n)
        self._growing = [(row, i) for row, i in self._growing if n <= row.longest[i]]
        for row, i in self._growing:  # a prefix comes before those that it begins
            row.prefixes[i - 1].append(self._convolve(row, i, n))

    def _longest_yields(self) -> list[float]:
        """Return how many source words a symbol can have at most, infinity if it may lead to itself."""
        successors = [list(dict.fromkeys(c for row in rows for c in row.children)) for rows in self.rows]
        longest = [math.inf] * len(self.rows)
        for members in components(successors):
            symbol = members[0]
            if len(members) == 1 and symbol not in successors[symbol]:
                longest[symbol] = max(row.words + sum(longest[c] for c in row.children) for row in self.rows[symbol])
        return longest

    def _sum_of_children(self, row: "_Row", n: int) -> float:
        """Return the sum over all ways in which the children of a rule have n words together."""
        last = len(row.children) - 1
        if last == 0:
            return self._table[row.children[0]][n]
        if len(row.prefixes[-1]) > n:
            return row.prefixes[-1][n]
        return self._convolve(row, last, n)

    def _convolve(self, row: "_Row", i: int, n: int) -> float:
        """Return the sum for the children up to the i-th, of n words together."""
        if n > row.longest[i]:
            return 0
        table = self._table[row.children[i]]
        known = self._table[row.children[0]] if i == 1 else row.prefixes[i - 2]
        total = 0
        for length in self._support[row.children[i]]:
            if length > n:
                break
            left = n - length
            total += (known[left] if left < len(known) else self._prefix(row, i - 1, left)) * table[length]
        return total

    def _prefix(self, row: "_Row", i: int, n: int) -> float:
        if i == 0:
            return self._table[row.children[0]][n]
        if len(row.prefixes[i - 1]) > n:
            return row.prefixes[i - 1][n]
        return self._convolve(row, i, n)

    def choose_rule(self, rng: np.random.Generator, symbol: int, length: int) -> "_Row":
        """Draw the rule of a symbol, given that it yields `length` source words."""
        key = (symbol, length)
        if key not in self._choices:
            self.sum(symbol, length)
            found = []
            for row in self.rows[symbol]:
                left = length - row.words
                factor = (left == 0) if not row.children else left >= 0 and self._sum_of_children(row, left)
                if factor:
                    found.append((row, row.weight * factor))
            self._choices[key] = ([row for row, _ in found], list(accumulate(weight for _, weight in found)))
        rows, cumulative = self._choices[key]
        return rows[draw(rng, cumulative)]

    def choose_lengths(self, rng: np.random.Generator, row: "_Row", length: int) -> list[int]:
        """Draw how many source words each child of a rule has, given the rule's own sum."""
        left = length - row.words
        result = [0] * len(row.children)
        for i in range(len(row.children) - 1, 0, -1):
            key = (id(row), i, left)
            if key not in self._splits:
                child = row.children[i]
                table = self._table[child]
                found = []
                for size in self._support[child]:
                    if size > left:
                        break
                    weight = self._prefix(row, i - 1, left - size) * table[size]
                    if weight:
                        found.append((size, weight))
                self._splits[key] = ([size for size, _ in found], list(accumulate(weight for _, weight in found)))
            sizes, cumulative = self._splits[key]
            result[i] = sizes[draw(rng, cumulative)]
            left -= result[i]
        if row.children:
            result[0] = left
        return result


class _Row:
    """A rule as lengths see it: its source words, the children that stand on the source, sums by prefix."""

    __slots__ = ("children", "longest", "prefixes", "rule", "weight", "words")

    def __init__(self, rule: PlainRule, weight: float) -> None:
        self.rule = rule
        self.weight = weight
        self.words = len(rule.words(0))
        self.children = rule.visible(0)
        self.prefixes: list[list[float]] = [[] for _ in self.children[1:]]
        self.longest: list[float] = []  # for each prefix of the children, the most words that they can have


def draw(rng: np.random.Generator, cumulative: list[float]) -> int:
    """Draw an index in proportion to the steps of a list of rising sums."""
    index = bisect_right(cumulative, rng.random() * cumulative[-1])
    if index == len(cumulative):  # the product is rounded up to the last sum
        return bisect_left(cumulative, cumulative[-1])
    return index
