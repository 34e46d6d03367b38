"""What can be said of a plain grammar as a whole: its recursions, and how often each symbol occurs."""

import math

import numpy as np

from utils.datasets.grammar.expansion import Plain
from utils.datasets.grammar.written import SIDES, GrammarError

_ENDLESS = 1e6  # symbols that one symbol leads to on average, from which on a sentence counts as never ending


def components(successors: list[list[int]]) -> list[list[int]]:
    """Return the strongly connected components of a graph, each after all that it leads to.

    Args:
        successors: For each node the nodes that it leads to.

    Returns:
        The components, each a rising list of nodes. Source: Tarjan (1972), without recursion.
    """
    order: list[int | None] = [None] * len(successors)
    low = [0] * len(successors)
    stack: list[int] = []
    on_stack = [False] * len(successors)
    result: list[list[int]] = []
    count = 0
    for root in range(len(successors)):
        if order[root] is not None:
            continue
        work = [(root, 0)]
        while work:
            node, edge = work.pop()
            if edge == 0:
                order[node] = low[node] = count
                count += 1
                stack.append(node)
                on_stack[node] = True
            else:
                low[node] = min(low[node], low[successors[node][edge - 1]])
            while edge < len(successors[node]):
                after = successors[node][edge]
                edge += 1
                if order[after] is None:
                    work += [(node, edge), (after, 0)]
                    break
                if on_stack[after]:
                    low[node] = min(low[node], order[after])
            else:
                if low[node] == order[node]:
                    cut = stack.index(node)
                    for member in stack[cut:]:
                        on_stack[member] = False
                    result.append(sorted(stack[cut:]))
                    del stack[cut:]
    return result


def expected_counts(plain: Plain) -> np.ndarray:
    """Compute how often each symbol occurs in a derivation, on average.

    With M[A, B] the mean number of B that one A is rewritten into, the counts are the row of the start in
    (I - M)⁻¹; they are finite if the spectral radius of M is below 1 (Booth & Thompson 1973).

    Args:
        plain: The grammar.

    Returns:
        Shape (symbols,), float64.

    Raises:
        GrammarError: If sentences would be infinitely long on average.
    """
    successors = [list(dict.fromkeys(c for rule in rules for c in rule.children)) for rules in plain.rules]
    counts = np.zeros(len(plain.symbols))
    counts[0] = 1.0
    for members in reversed(components(successors)):
        place = {symbol: i for i, symbol in enumerate(members)}
        if len(members) > 1 or members[0] in successors[members[0]]:
            M = np.zeros((len(members), len(members)))
            for symbol in members:
                for rule in plain.rules[symbol]:
                    for child in rule.children:
                        if child in place:
                            M[place[symbol], place[child]] += rule.probability
            identity = np.eye(len(members))
            try:
                total = np.linalg.solve(identity - M, np.ones(len(members)))
            except np.linalg.LinAlgError:
                total = np.full(len(members), np.inf)
            # A positive solution x of (I - M) x = 1 proves the radius below 1, as then M x < x (Collatz, Wielandt).
            if not np.all((total > 0) & (total < _ENDLESS)):
                raise _endless(plain, members, np.abs(np.linalg.eigvals(M)).max())
            counts[members] = np.linalg.solve((identity - M).T, counts[members])
        for symbol in members:
            for rule in plain.rules[symbol]:
                for child in rule.children:
                    if child not in place:
                        counts[child] += counts[symbol] * rule.probability
    return counts


def _endless(plain: Plain, members: list[int], radius: float) -> GrammarError:
    inside = set(members)
    lines = [r.line for symbol in members for r in plain.rules[symbol] if inside & set(r.children)]
    names = ", ".join(plain.symbols[symbol] for symbol in members[:4]) + (" …" if len(members) > 4 else "")
    return GrammarError(
        f"{plain.name}, line {min(lines)}: {names} leads to {radius:.6g} of its kind at each step on average, so "
        f"sentences grow without end (the recursive rules are in lines {', '.join(map(str, sorted(set(lines))))}): "
        "lower their weights until it is below 1"
    )


def empty_probabilities(plain: Plain, side: int) -> tuple[list[float], list[int]]:
    """Compute how probable it is that each symbol has no word at all on a side.

    Args:
        plain: The grammar.
        side: 0 for the source, 1 for the target.

    Returns:
        The probability for each symbol; and all symbols in an order in which each comes after those that
        may be all that it consists of.

    Raises:
        GrammarError: If a symbol can lead to itself without a word on this side, so that a sentence has
            infinitely many derivations.
    """
    nullable: set[int] = set()
    size = -1
    while len(nullable) > size:
        size = len(nullable)
        for rules in plain.rules:
            for rule in rules:
                if not rule.words(side) and nullable.issuperset(rule.visible(side)):
                    nullable.add(rule.left)
    alone: list[list[int]] = []  # for each symbol those that may be all it consists of
    for rules in plain.rules:
        found: dict[int, None] = {}
        for rule in rules:
            if not rule.words(side):
                children = rule.visible(side)
                solid = [child for child in children if child not in nullable]
                found.update(dict.fromkeys(children if not solid else solid if len(solid) == 1 else ()))
        alone.append(list(found))
    order: list[int] = []
    for members in components(alone):
        if len(members) > 1 or members[0] in alone[members[0]]:
            inside = set(members)
            line = min(r.line for m in members for r in plain.rules[m] if inside & set(r.visible(side)))
            raise GrammarError(
                f"{plain.name}, line {line}: {plain.symbols[members[0]]} leads back to itself without a word on the "
                f"{SIDES[side]} side, so the same sentence has endlessly many derivations: give the rule a word "
                "there, or let it lead elsewhere"
            )
        order += members
    empty = [0.0] * len(plain.symbols)
    for symbol in order:
        empty[symbol] = math.fsum(
            rule.probability * math.prod(empty[child] for child in rule.visible(side))
            for rule in plain.rules[symbol]
            if not rule.words(side)
        )
    return empty, order
