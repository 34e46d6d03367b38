"""From written rules with features to a plain weighted synchronous context-free grammar."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

from utils.datasets.grammar.files import near
from utils.datasets.grammar.written import SIDES, Entry, GrammarError, Rule, Symbol, Word, Written, word_links

_LIMIT = 200_000  # expanded rules; far above any grammar that a course needs, and reached by accident only

Key = tuple[str, tuple[tuple[str, ...], ...]]  # a category and the values that each of its features may take


@dataclass(frozen=True, slots=True)
class PlainRule:
    """A rule without features: symbols are numbers, probabilities sum to 1 over the rules of a symbol.

    Each item of a side is a word or the index of a child; links are pairs of items that are aligned words.
    """

    left: int
    probability: float
    children: tuple[int, ...]
    sides: tuple[tuple[str | int, ...], ...]
    links: tuple[tuple[int, int], ...]
    line: int

    def visible(self, side: int) -> tuple[int, ...]:
        """Return the children that stand on a side, in their order there."""
        return tuple(self.children[item] for item in self.sides[side] if isinstance(item, int))

    def words(self, side: int) -> tuple[str, ...]:
        """Return the words of a side."""
        return tuple(item for item in self.sides[side] if isinstance(item, str))


@dataclass(frozen=True)
class Plain:
    """A plain grammar, whose start is symbol 0; `rules[A]` are the rules of symbol A."""

    name: str
    symbols: tuple[str, ...]
    rules: tuple[tuple[PlainRule, ...], ...]
    sides: int


@dataclass(frozen=True, slots=True)
class _Draft:
    """An expanded rule before weights are shared; `written` is the index of its origin, None for a choice."""

    left: Key
    weight: float
    share: float
    children: tuple[Key, ...]
    sides: tuple[tuple[str | int, ...], ...]
    links: tuple[tuple[int, int], ...]
    line: int
    written: int | None


def expand(written: Written, start: Symbol | None = None) -> Plain:
    """Expand the features of a grammar, remove what cannot be completed, and normalise the weights.

    Args:
        written: The grammar as written.
        start: The category of a whole sentence, in place of the file's; unused rules are then no mistake.

    Returns:
        The plain grammar. Symbols and rules come in the order of the file.

    Raises:
        GrammarError: If a rule can never be used, a symbol is undefined, weights are missing or rules double.
    """
    line, symbol = (0, start) if start else _start(written)
    _check_categories(written, symbol, line)
    root: Key = (symbol.category, symbol.values)
    drafts = list(_drafts(written, root, line))
    by_left = _grouped(drafts)
    productive = _productive(drafts)
    if root not in productive:
        raise _unproductive(written, by_left, productive, root, line)
    complete = [draft for draft in drafts if productive.issuperset(draft.children)]
    rules = _grouped(complete)
    reached = {root: 0}
    agenda = [root]
    for key in agenda:  # grows while it is read
        for draft in rules[key]:
            for child in draft.children:
                if child not in reached:
                    reached[child] = len(reached)
                    agenda.append(child)
    if start is None:
        _check_used(written, by_left, productive, reached)
    _check_twins(written, complete)
    return Plain(
        written.name,
        tuple(_name(written, key) for key in agenda),
        tuple(_normalised(rules[key], reached) for key in agenda),
        2 if written.slashed else 1,
    )


def _grouped(drafts: list[_Draft]) -> dict[Key, list[_Draft]]:
    result: dict[Key, list[_Draft]] = {}
    for draft in drafts:
        result.setdefault(draft.left, []).append(draft)
    return result


def _start(written: Written) -> tuple[int, Symbol]:
    if written.start is None:
        first = written.rules[0].left.category
        raise GrammarError(f"{written.name} does not say what a sentence is: write a line such as start {first}")
    return written.start


def _check_categories(written: Written, start: Symbol, start_line: int) -> None:
    """Check that what is used is defined, and that a category's rules have all weights or none."""
    defined = dict.fromkeys(rule.left.category for rule in written.rules)
    for rule in written.rules:
        for child in rule.children if isinstance(rule, Rule) else ():
            if child.category not in defined:
                raise written.error(
                    rule.line,
                    f"{child.category} has no rule and no word{near(child.category, defined)}: write one, or put "
                    f'"{child.category}" in double quotes if it is a word',
                )
    if start.category not in defined:
        raise written.error(start_line, f"start {start.category} has no rule{near(start.category, defined)}")
    if any(isinstance(value, str) for value in start.values):
        raise written.error(start_line, "start has a variable: give a value, or leave the feature out")
    for category, line in written.declared.items():
        if category not in defined:
            raise written.error(line, f"category {category} has no rule and no word: write one, or remove its name")
    weighted: dict[str, Rule] = {}
    for rule in written.rules:
        if isinstance(rule, Rule):
            first = weighted.setdefault(rule.left.category, rule)
            if (first.weight is None) != (rule.weight is None):
                raise written.error(
                    (rule if rule.weight is None else first).line,
                    f"the weight is missing, but line {(first if rule.weight is None else rule).line} gives one: "
                    f"give one in every rule of {rule.left.category}, or in none",
                )


def _drafts(written: Written, root: Key, line: int) -> Iterator[_Draft]:
    """Yield the expansions of all rules in order, then the free choices that they make."""
    choices: dict[Key, int] = {}
    count = 0
    for index, rule in enumerate(written.rules):
        expanded = _from_rule(written, rule, index) if isinstance(rule, Rule) else _from_entry(written, rule, index)
        for draft in expanded:
            count += 1
            if count > _LIMIT:
                raise written.error(
                    rule.line,
                    f"the grammar has more than {_LIMIT} rules with its features expanded: give rules fewer variables",
                )
            for child in draft.children:
                choices.setdefault(child, rule.line)
            yield draft
    choices.setdefault(root, line)
    for (category, values), place in choices.items():
        if any(len(allowed) > 1 for allowed in values):
            features = written.categories[category]
            for full in itertools.product(*values):
                share = math.prod(written.features[f][value] for f, value in zip(features, full, strict=True))
                child = (category, tuple((value,) for value in full))
                links: tuple[tuple[int, int], ...] = ()
                yield _Draft((category, values), 1.0, share, (child,), ((0,), (0,)), links, place, None)


def _from_rule(written: Written, rule: Rule, index: int) -> Iterator[_Draft]:
    """Yield a draft for each assignment of the rule's variables and of what its left side leaves open."""
    domains: dict[str, tuple[str, tuple[str, ...]]] = {}
    for symbol in (rule.left, *rule.children):
        for feature, value in zip(written.categories.get(symbol.category, ()), symbol.values, strict=True):
            if isinstance(value, str):
                known = tuple(written.features[feature])
                owner, domain = domains.setdefault(value, (feature, known))
                if domain != known:
                    raise written.error(
                        rule.line, f"variable {value} stands for {owner} and for {feature}, which differ in values"
                    )
    fixed = [(f"left {i}", value) for i, value in enumerate(rule.left.values) if not isinstance(value, str)]
    on_left = {value for value in rule.left.values if isinstance(value, str)}
    names = [*domains, *(name for name, _ in fixed)]
    for values in itertools.product(*(domain for _, domain in domains.values()), *(value for _, value in fixed)):
        assigned = dict(zip(names, values, strict=True))
        left = tuple(
            (assigned[value if isinstance(value, str) else f"left {i}"],) for i, value in enumerate(rule.left.values)
        )
        children = tuple(
            (child.category, tuple((assigned[v],) if isinstance(v, str) else v for v in child.values))
            for child in rule.children
        )
        share = math.prod(
            written.features[feature][assigned[name]] for name, (feature, _) in domains.items() if name not in on_left
        )
        weight = 1.0 if rule.weight is None else rule.weight
        key = (rule.left.category, left)
        yield _Draft(key, weight, share, children, rule.sides, rule.links, rule.line, index)


def _from_entry(written: Written, entry: Entry, index: int) -> Iterator[_Draft]:
    """Yield a draft for each combination of features for which the entry has a form on every side."""
    for full in itertools.product(*entry.left.values):
        chosen: list[tuple[Word, ...] | None] = []
        for cells in entry.cells:
            fitting = (
                cell.words
                for cell in cells
                if all(value in allowed for value, allowed in zip(full, cell.values, strict=True))
            )
            chosen.append(next(fitting, None) if cells else ())
        if None not in chosen:
            left = (entry.left.category, tuple((value,) for value in full))
            sides = tuple(tuple(word.text for word in words) for words in chosen)
            yield _Draft(left, entry.weight, 1.0, (), sides, word_links(chosen), entry.line, index)


def _productive(drafts: list[_Draft]) -> set[Key]:
    """Return the symbols that yield at least one string of words."""
    waiting: dict[Key, list[int]] = {}
    open_children = [len(set(draft.children)) for draft in drafts]
    for number, draft in enumerate(drafts):
        for child in dict.fromkeys(draft.children):
            waiting.setdefault(child, []).append(number)
    agenda = [draft.left for draft, count in zip(drafts, open_children, strict=True) if not count]
    found: set[Key] = set()
    while agenda:
        key = agenda.pop()
        if key not in found:
            found.add(key)
            for number in waiting.get(key, ()):
                open_children[number] -= 1
                if not open_children[number]:
                    agenda.append(drafts[number].left)
    return found


def _unproductive(
    written: Written, by_left: dict[Key, list[_Draft]], productive: set[Key], key: Key, line: int
) -> GrammarError:
    """Return the error that tells why a symbol, used in a line, yields nothing: no rules, or none that ends."""
    seen, agenda = {key}, [(key, line)]
    for missing, place in agenda:  # grows while it is read
        if missing not in by_left:
            return written.error(place, f"nothing matches {_name(written, missing)}: write a rule or a word for it")
        for draft in by_left[missing]:
            for child in draft.children:
                if child not in productive and child not in seen:
                    seen.add(child)
                    agenda.append((child, draft.line))
    return written.error(
        by_left[key][0].line,
        f"{_name(written, key)} never ends, as all its rules lead back to it: write one that ends in words",
    )


def _check_used(
    written: Written, by_left: dict[Key, list[_Draft]], productive: set[Key], reached: dict[Key, int]
) -> None:
    """Check that each written rule has an expansion that can be completed and is reached from the start."""
    expansions: dict[int | None, list[_Draft]] = {}
    for drafts in by_left.values():
        for draft in drafts:
            expansions.setdefault(draft.written, []).append(draft)
    categories = {category for category, _ in reached}
    for index, rule in enumerate(written.rules):
        name = rule.left.category
        if index not in expansions:
            raise written.error(rule.line, "no column of the lexicon fits this entry's features: add a column")
        complete = [draft for draft in expansions[index] if productive.issuperset(draft.children)]
        if not complete:
            first = expansions[index][0]
            missing = next(child for child in first.children if child not in productive)
            raise _unproductive(written, by_left, productive, missing, rule.line)
        if name not in categories:
            raise written.error(rule.line, f"{name} is never reached from the start: use it in a rule, or remove it")
        if not any(draft.left in reached for draft in complete):
            raise written.error(
                rule.line, f"no rule asks for {name} with these features, so this one is never reached: remove it"
            )


def _check_twins(written: Written, drafts: list[_Draft]) -> None:
    seen: dict[tuple, _Draft] = {}
    for draft in drafts:
        twin = seen.setdefault((draft.left, draft.children, draft.sides, draft.links), draft)
        if twin is not draft:
            raise written.error(
                draft.line,
                f"this is a second time what line {twin.line} says of {_name(written, draft.left)}: remove one of "
                "them, or add their weights",
            )


def _normalised(drafts: list[_Draft], numbers: dict[Key, int]) -> tuple[PlainRule, ...]:
    """Return the rules of one symbol, their weights shared within each written rule, with sum 1."""
    shares: dict[int | None, float] = {}
    for draft in drafts:
        shares[draft.written] = shares.get(draft.written, 0.0) + draft.share
    weights = [draft.weight * draft.share / shares[draft.written] for draft in drafts]
    total = math.fsum(weights)
    return tuple(
        PlainRule(
            numbers[draft.left],
            weight / total,
            tuple(numbers[child] for child in draft.children),
            draft.sides,
            draft.links,
            draft.line,
        )
        for draft, weight in zip(drafts, weights, strict=True)
    )


def _name(written: Written, key: Key) -> str:
    """Return a symbol's name, such as NP[sg *]."""
    known = written.feature_values(key[0])
    said = [
        "*" if values == full and len(full) > 1 else "|".join(values)
        for values, full in zip(key[1], known, strict=True)
    ]
    return f"{key[0]}[{' '.join(said)}]" if said else key[0]


def check_sides(plain: Plain) -> None:
    """Check that a category that stands on one side only has no words on the other.

    Raises:
        GrammarError: With the line of a rule that breaks this.
    """
    for side in range(plain.sides):
        wordy: dict[int, int] = {}  # symbols with a rule below them that has words on this side, and its line
        changed = True
        while changed:
            changed = False
            for rules in plain.rules:
                for rule in rules:
                    line = rule.line if rule.words(side) else next((wordy[c] for c in rule.children if c in wordy), 0)
                    if line and rule.left not in wordy:
                        wordy[rule.left] = line
                        changed = True
        for rules in plain.rules:
            for rule in rules:
                for place, child in enumerate(rule.children):
                    if place not in rule.sides[side] and child in wordy:
                        raise GrammarError(
                            f"{plain.name}, line {rule.line}: {plain.symbols[child]} stands on the {SIDES[1 - side]} "
                            f"side only, but line {wordy[child]} gives it words on the {SIDES[side]} side: write it "
                            "on both sides of this rule, or leave that side empty there"
                        )
