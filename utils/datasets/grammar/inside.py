"""The inside algorithm: the probability of a string, summed over all its derivations.

The grammar's one side is freed of empty rules and chains of unit rules beforehand, both exactly. Then a chart
is filled column by column (j, the end), in each column from the last start to the first, so that a span is
complete before a longer one uses it. Rules with a common beginning share their states (a trie), and only what
can begin at a place is kept there (left corners). All sums are of logarithms: no string is too long.
Source: Baker (1979), Trainable grammars for speech recognition; Stolcke (1995), An efficient probabilistic
context-free parsing algorithm that computes prefix probabilities.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from utils.datasets.grammar.analysis import components, empty_probabilities
from utils.datasets.grammar.expansion import Plain


class Inside:
    """The tables of one side of a grammar.

    Args:
        plain: The grammar.
        side: 0 for the source, 1 for the target.

    Raises:
        GrammarError: If a symbol leads back to itself without a word on this side.
    """

    def __init__(self, plain: Plain, side: int) -> None:
        empty, order = empty_probabilities(plain, side)
        self._empty = empty[0]
        size = len(plain.symbols)
        solid = _without_empty(plain, side, empty)
        lexical: dict[str, list[tuple[int, float]]] = {}
        parents: list[list[tuple[int, float]]] = [[] for _ in range(size)]  # of unit rules, by child
        self._next: list[dict[int, int]] = [{}]  # trie of longer rules: state 0 is the root
        self._ends: list[list[tuple[int, float]]] = [[]]  # rules that are complete at a state
        self._word_ids: dict[str, int] = {}  # words in longer rules are symbols as well
        corners: list[list[int]] = [[] for _ in range(size)]  # what a rule of the symbol may begin with
        for left, rules in enumerate(solid):
            for items, probability in rules.items():
                if len(items) > 1:
                    corners[left].append(self._add(items, left, probability, size))
                elif isinstance(items[0], str):
                    lexical.setdefault(items[0], []).append((left, probability))
                else:
                    parents[items[0]].append((left, probability))
                    corners[left].append(items[0])
        self._corners = _closure(corners + [[] for _ in self._word_ids])
        # Sums over chains of unit rules that end in each symbol, itself included.
        chains: list[dict[int, float]] = [{} for _ in range(size)]
        for symbol in reversed(order):
            chains[symbol][symbol] = 1.0
            for parent, probability in parents[symbol]:
                for top, upper in chains[parent].items():
                    chains[symbol][top] = chains[symbol].get(top, 0.0) + probability * upper
        self._chains = [_logarithms(chain) for chain in chains]
        self._lexical: dict[str, list[tuple[int, float]]] = {}
        for word, found in lexical.items():
            total: dict[int, float] = {}
            for symbol, probability in found:
                for top, upper in chains[symbol].items():
                    total[top] = total.get(top, 0.0) + probability * upper
            self._lexical[word] = _logarithms(total)

    def _add(self, items: tuple[str | int, ...], left: int, probability: float, size: int) -> int:
        """Add a rule with several items to the trie, and return its first symbol."""
        symbols = [
            self._word_ids.setdefault(item, size + len(self._word_ids)) if isinstance(item, str) else item
            for item in items
        ]
        state = 0
        for symbol in symbols:
            if symbol not in self._next[state]:
                self._next[state][symbol] = len(self._next)
                self._next.append({})
                self._ends.append([])
            state = self._next[state][symbol]
        self._ends[state].append((left, math.log(probability)))
        return symbols[0]

    def log_probability(self, words: Sequence[Sequence[str]]) -> float:
        """Compute the log-probability of a string.

        Args:
            words: For each position the words that may stand there.

        Returns:
            Natural logarithm of the sum over all derivations; -inf where there is none.
        """
        n = len(words)
        if n == 0:
            return math.log(self._empty) if self._empty else -math.inf
        word_ids, trie, ends, chains, root = self._word_ids, self._next, self._ends, self._chains, self._next[0]
        waiting: list[dict[int, list[tuple[int, int, float]]]] = [{} for _ in range(n + 1)]
        allowed = self._corners[0].tobytes()  # whether each symbol may begin at a place, a byte each
        allowed_at = [allowed]
        complete: dict[int, float] = {}
        for j in range(1, n + 1):
            states: list[dict[int, float]] = [{} for _ in range(j)]  # by start, then by state
            waiting_j = waiting[j]
            for k in range(j - 1, -1, -1):
                if not states[k] and k < j - 1:
                    complete = {}
                    continue
                allowed = allowed_at[k]
                complete = {}
                if k == j - 1:
                    for word in words[k]:
                        for symbol, score in self._lexical.get(word, ()):
                            if allowed[symbol]:
                                _log_add(complete, symbol, score)
                        if word in word_ids and allowed[word_ids[word]]:
                            complete[word_ids[word]] = 0.0
                base: dict[int, float] = {}
                for state, score in states[k].items():
                    for left, rule_score in ends[state]:
                        if allowed[left]:
                            _log_add(base, left, score + rule_score)
                    for symbol, after in trie[state].items():
                        waiting_j.setdefault(symbol, []).append((k, after, score))
                for symbol, score in base.items():
                    for top, chain_score in chains[symbol]:
                        if allowed[top]:
                            _log_add(complete, top, score + chain_score)
                waiting_k = waiting[k]
                for symbol, score in complete.items():
                    if symbol in root:
                        for after, following in trie[root[symbol]].items():
                            waiting_j.setdefault(after, []).append((k, following, score))
                    for i, after, before_score in waiting_k.get(symbol, ()):
                        _log_add(states[i], after, before_score + score)
            if not waiting_j and j < n:
                return -math.inf
            allowed_at.append(self._corners[list(waiting_j)].any(axis=0).tobytes())
        return complete.get(0, -math.inf)


def _log_add(scores: dict[int, float], key: int, value: float) -> None:
    """Add exp(value) to an entry of logarithms."""
    old = scores.get(key)
    if old is None:
        scores[key] = value
    else:
        high, low = (old, value) if old > value else (value, old)
        scores[key] = high + math.log1p(math.exp(low - high))


def _logarithms(values: dict[int, float]) -> list[tuple[int, float]]:
    return [(key, math.log(value)) for key, value in values.items()]


def _without_empty(plain: Plain, side: int, empty: list[float]) -> list[dict[tuple[str | int, ...], float]]:
    """Return the rules of each symbol with at least one item, equal ones added.

    A symbol that may be empty occurs in one variant of the rule and is left out of another, whose
    probability is multiplied by that of its being empty.
    """
    result: list[dict[tuple[str | int, ...], float]] = []
    for rules in plain.rules:
        found: dict[tuple[str | int, ...], float] = {}
        for rule in rules:
            options = []
            for item in rule.sides[side]:
                if isinstance(item, str):
                    options.append([((item,), 1.0)])
                else:
                    child = rule.children[item]
                    options.append([((child,), 1.0)] + ([((), empty[child])] if empty[child] else []))
            for variant in itertools.product(*options):
                items = tuple(itertools.chain.from_iterable(part for part, _ in variant))
                if items:
                    value = rule.probability * math.prod(factor for _, factor in variant)
                    found[items] = found.get(items, 0.0) + value
        result.append(found)
    return result


def _closure(successors: list[list[int]]) -> np.ndarray:
    """Return which nodes each node leads to, itself included, shape (nodes, nodes), bool."""
    masks = [0] * len(successors)
    for members in components(successors):
        mask = 0
        for member in members:
            mask |= 1 << member
            for after in successors[member]:
                mask |= masks[after]
        for member in members:
            masks[member] = mask
    width = (len(successors) + 7) // 8
    rows = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in masks), dtype=np.uint8)
    bits = np.unpackbits(rows.reshape(len(successors), width), axis=1, bitorder="little")
    return bits[:, : len(successors)].astype(bool)
