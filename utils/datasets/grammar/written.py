"""What a grammar file says, as plain records, and the error that names file and line."""

from collections.abc import Sequence
from dataclasses import dataclass, field

SIDES = ("source", "target")

Values = tuple[str, ...] | str  # the values that a feature may take, or the name of a variable


class GrammarError(ValueError):
    """A mistake in a grammar file: the message names the file, the line, and what to do."""


@dataclass(frozen=True)
class Word:
    """A word; mark None aligns it with all unmarked words of the other side, "" with none."""

    text: str
    mark: str | None = None


@dataclass(frozen=True)
class Symbol:
    """A category with what is said of each of its features, in the order of their declaration."""

    category: str
    values: tuple[Values, ...] = ()
    mark: str | None = None


@dataclass(frozen=True)
class Rule:
    """A rule as written. Each item of a side is a word or the index of a child; links are pairs of items."""

    line: int
    weight: float | None
    left: Symbol
    children: tuple[Symbol, ...]
    sides: tuple[tuple[str | int, ...], ...]
    links: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Cell:
    """A form of a lexicon's entry and the features it stands for; None where there is no such form."""

    values: tuple[Values, ...]
    words: tuple[Word, ...] | None


@dataclass(frozen=True)
class Entry:
    """One entry of a lexicon: on each side its cells, of which the first that fits counts."""

    line: int
    weight: float
    left: Symbol
    cells: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Alternation:
    """A form that words take before tokens of a class; always, if the class is None."""

    line: int
    side: int
    words: tuple[str, ...]
    form: str
    before: str | None


@dataclass(frozen=True)
class TokenClass:
    """Tokens by their beginning or as a whole, with exceptions."""

    line: int
    beginnings: tuple[str, ...]
    words: frozenset[str]
    exceptions: frozenset[str]

    def __contains__(self, token: str) -> bool:
        """Return whether the class holds a token."""
        return token not in self.exceptions and (token in self.words or token.startswith(self.beginnings))


@dataclass
class Written:
    """All that a grammar file says."""

    name: str
    start: tuple[int, Symbol] | None = None
    features: dict[str, dict[str, float]] = field(default_factory=dict)
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    declared: dict[str, int] = field(default_factory=dict)
    rules: list[Rule | Entry] = field(default_factory=list)
    classes: dict[str, TokenClass] = field(default_factory=dict)
    alternations: list[Alternation] = field(default_factory=list)
    slashed: bool | None = None

    def error(self, line: int, message: str) -> GrammarError:
        """Return the error that says what is wrong in a line; line 0 is what stands outside the file."""
        return GrammarError(f"{self.name}{f', line {line}' if line else ''}: {message}")

    def feature_values(self, category: str) -> list[tuple[str, ...]]:
        """Return the values of each feature of a category."""
        return [tuple(self.features[feature]) for feature in self.categories.get(category, ())]


def unpaired_marks(sides: Sequence[Sequence[Word | Symbol]]) -> list[str]:
    """Return the marks of words that only one of the two sides has."""
    given = [{item.mark for item in side if isinstance(item, Word) and item.mark} for side in sides]
    return sorted(given[0] ^ given[1])


def word_links(sides: Sequence[Sequence[Word | Symbol]]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of items (i of the source, j of the target) that are words with the same mark."""
    words = [
        [(place, item.mark) for place, item in enumerate(side) if isinstance(item, Word) and item.mark != ""]
        for side in sides
    ]
    return tuple((i, j) for i, mark in words[0] for j, other in words[1] if mark == other)
