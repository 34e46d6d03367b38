"""Grammar files: from text to written rules. Every mistake is named by file and line."""

import difflib
import itertools
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

from utils.datasets.grammar.written import (
    SIDES,
    Alternation,
    Cell,
    Entry,
    GrammarError,
    Rule,
    Symbol,
    TokenClass,
    Values,
    Word,
    Written,
    unpaired_marks,
    word_links,
)

_RAW = re.compile(r';|(?:"(?:\\.|[^"\\])*"|\[[^\[\]"]*\]|[^\s"\[\];])+')  # blanks divide, except within [...] and "..."
_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|#.*')
_QUOTED = re.compile(r'"((?:\\.|[^"\\])+)"(?:~(\w*))?')
_SYMBOL = re.compile(r"(\w+)(?:\[([^\]]*)\])?(?:~(\w+))?")
_WORD = re.compile(r"([^~\"\[\]]+)(?:~(\w*))?")
_NAME = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)")
_RESERVED = {"/", "->", ";", "-"}


def read(text: str, name: str) -> Written:
    """Read a grammar file.

    Args:
        text: The file's text.
        name: What to call the file in messages.

    Returns:
        The file's declarations, rules and entries, in the order of the file.

    Raises:
        GrammarError: If a line cannot be understood.
    """
    reader = _Reader(name)
    for number, line in enumerate(unicodedata.normalize("NFC", text).splitlines(), start=1):
        reader.read_line(number, line)
    written = reader.written
    if reader.start:
        reader.number, symbol = reader.start
        written.start = (reader.number, reader.symbol(symbol))
    if not written.rules:
        raise GrammarError(f"{name} holds no rules: write at least one, such as S -> hello")
    return written


def read_symbol(written: Written, text: str) -> Symbol:
    """Read a category with features, such as "S[sg]", that stands outside the file.

    Raises:
        GrammarError: If it is none, or has a feature or value that the file does not declare.
    """
    reader = _Reader(written.name)
    reader.written = written
    return reader.symbol(text)


def near(name: str, names: Iterable[str]) -> str:
    """Return " (did you mean …?)" if a name is close to one of the known ones, else nothing."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


class _Reader:
    """Reads a file line by line; `number` is the current line."""

    def __init__(self, name: str) -> None:
        self.written = Written(name)
        self.number = 0
        self.slash_line = 0
        self.start: tuple[int, str] | None = None  # read at the end, as it may stand above all declarations
        self.used: set[str] = set()
        self.lexicon: tuple[Symbol, list[list[tuple[Values, ...]]] | None] | None = None

    def fail(self, message: str) -> GrammarError:
        return self.written.error(self.number, message)

    def read_line(self, number: int, line: str) -> None:
        self.number = number
        line = _COMMENT.sub(lambda match: match[0] if match[0].startswith('"') else "", line).rstrip()
        if not line.strip():
            return
        if rest := _RAW.sub("", line).strip():
            raise self.fail(f"{rest[0]!r} has no partner: close quotes and brackets, or quote it with a backslash")
        tokens = _RAW.findall(line)
        if line[0].isspace():
            self.read_entries(tokens)
            return
        self.lexicon = None
        readers = {
            "start": self.read_start,
            "feature": self.read_feature,
            "category": self.read_category,
            "class": self.read_class,
            "source": self.read_alternation,
            "target": self.read_alternation,
            "lexicon": self.read_lexicon,
        }
        if tokens[0] in readers:
            readers[tokens[0]](tokens)
        elif "->" in tokens:
            self.read_rule(tokens)
        else:
            raise self.fail(
                f"{tokens[0]!r} starts no line that is known: a rule has '->', an entry of a lexicon is indented, "
                f"any other line starts with {', '.join(readers)}"
            )

    def read_start(self, tokens: list[str]) -> None:
        if self.start:
            raise self.fail(f"start is given in line {self.start[0]} already: remove one of them")
        if len(tokens) != 2:
            raise self.fail("start is followed by one category, such as: start S")
        self.start = (self.number, tokens[1])

    def read_feature(self, tokens: list[str]) -> None:
        names, values = self.declaration(tokens)
        weights: dict[str, float] = {}
        for value in values:
            name, star, weight = value.partition("*")
            self.check_name(name)
            if name in weights:
                raise self.fail(f"value {name} comes twice: remove one of them")
            weights[name] = self.weight(weight) if star else 1.0
        known = {value for feature in self.written.features.values() for value in feature}
        for name in names:
            if name in self.written.features:
                raise self.fail(f"feature {name} is declared above already: remove one of the lines")
            self.written.features[name] = weights
        for name in self.written.features:
            if name in known or name in weights:
                raise self.fail(f"{name} is both a feature and a value: rename one of them")

    def read_category(self, tokens: list[str]) -> None:
        names, features = self.declaration(tokens)
        for feature in features:
            if feature not in self.written.features:
                raise self.fail(
                    f"feature {feature} is not declared above{near(feature, self.written.features)}: "
                    f"write a line such as feature {feature}: value1 value2"
                )
        if len(set(features)) < len(features):
            raise self.fail("a feature comes twice: remove one of them")
        for name in names:
            if not name[0].isupper():
                raise self.fail(f"category {name} starts with a small letter, but a capital is expected")
            if name in self.written.declared:
                raise self.fail(f"category {name} is declared in line {self.written.declared[name]} already")
            if name in self.used:
                raise self.fail(f"category {name} is used above its declaration: move this line up")
            self.written.categories[name] = tuple(features)
            self.written.declared[name] = self.number

    def read_class(self, tokens: list[str]) -> None:
        (name, *more), patterns = self.declaration(tokens)
        if more or name in self.written.classes:
            raise self.fail("class is followed by one new name and a colon, such as class vowel: a* e* i* o* u*")
        cut = patterns.index("except") if "except" in patterns else len(patterns)
        whole = [pattern for pattern in patterns[:cut] if not pattern.endswith("*")]
        beginnings = tuple(pattern[:-1] for pattern in patterns[:cut] if pattern.endswith("*"))
        exceptions = frozenset(patterns[cut + 1 :])
        self.written.classes[name] = TokenClass(self.number, beginnings, frozenset(whole), exceptions)

    def read_alternation(self, tokens: list[str]) -> None:
        before = None
        if "before" in tokens:
            if len(tokens) - tokens.index("before") != 2:
                raise self.fail("before is followed by one class, such as: before vowel")
            before = tokens[-1]
            tokens = tokens[:-2]
            if before not in self.written.classes:
                raise self.fail(f"class {before} is not declared above{near(before, self.written.classes)}")
        arrow = tokens.index("->") if "->" in tokens else 0
        if arrow < 2 or len(tokens) != arrow + 2:
            raise self.fail(f"expected: {tokens[0]} WORDS -> FORM before CLASS, with one word as the form")
        *words, form = (self.word(token).text for token in [*tokens[1:arrow], tokens[-1]])
        side = SIDES.index(tokens[0])
        self.written.alternations.append(Alternation(self.number, side, tuple(words), form, before))

    def read_rule(self, tokens: list[str]) -> None:
        weight = self.weight(tokens.pop(0)) if _NUMBER.fullmatch(tokens[0]) else None
        if tokens.index("->") != 1 or tokens.count("->") > 1:
            raise self.fail("expected: WEIGHT LEFT -> SOURCE / TARGET, with one category on the left")
        left = self.symbol(tokens[0])
        if left.mark is not None:
            raise self.fail(f"{left.category} on the left has a mark: remove it")
        texts = self.sides(tokens[2:])
        sides = [[self.item(token) for token in side] for side in texts]
        keys = [[(item.category, item.mark) for item in side if isinstance(item, Symbol)] for side in sides]
        shared = set(keys[0]) & set(keys[1])
        for key in itertools.chain(*keys):
            if key in shared and max(side.count(key) for side in keys) > 1:
                raise self.fail(f"{key[0]} comes twice on a side: tell them apart as {key[0]}~1 and {key[0]}~2")
        children: list[Symbol] = []
        places: dict[tuple[str, str | None], int] = {}
        plain: list[tuple[str | int, ...]] = []
        for items, raw in zip(sides, texts, strict=True):
            result: list[str | int] = []
            for item, token in zip(items, raw, strict=True):
                if isinstance(item, Word):
                    result.append(item.text)
                    continue
                key = (item.category, item.mark)
                if key not in shared or key not in places:
                    places[key] = len(children)
                    children.append(item)
                elif "[" in token:
                    raise self.fail(f"{token} has brackets again: give features at the first mention only")
                result.append(places[key])
            plain.append(tuple(result))
        rule = Rule(self.number, weight, left, tuple(children), tuple(plain), self.links(sides))
        uses = [name for symbol in (left, *children) for name in symbol.values if isinstance(name, str)]
        for name in uses:
            if uses.count(name) == 1:
                raise self.fail(
                    f"variable {name} is unbound, as it occurs only once: repeat it where it shall agree, "
                    "or leave the feature out if any value will do"
                )
        self.written.rules.append(rule)

    def read_lexicon(self, tokens: list[str]) -> None:
        name, _, text = " ".join(tokens[1:]).partition(":")
        category = self.symbol(name.strip())
        if category.mark is not None or "[" in name:
            raise self.fail(f"{name.strip()} is expected without brackets or mark: features are given by entries")
        columns = None
        if text.strip():
            columns = []
            for side in self.sides(_RAW.findall(text)):
                if any(not re.fullmatch(r"\[.*\]", column) for column in side):
                    raise self.fail("columns are lists of features in brackets, such as [sg] [pl] or []")
                columns.append([self.constants(category.category, column) for column in side])
        self.lexicon = (category, columns)

    def read_entries(self, tokens: list[str]) -> None:
        if self.lexicon is None:
            raise self.fail("the line is indented, but stands under no lexicon: remove the blanks in front")
        for last, group in itertools.groupby(tokens, key=lambda token: token == ";"):
            if not last:
                self.read_entry(list(group))

    def read_entry(self, tokens: list[str]) -> None:
        category, columns = self.lexicon
        weight = self.weight(tokens.pop(0)) if _NUMBER.fullmatch(tokens[0]) else 1.0
        values = category.values
        if tokens and tokens[0].startswith("["):
            values = self.constants(category.category, tokens.pop(0))
        slash = "/" in tokens
        sides = self.sides(tokens, check=slash or columns is None)
        if columns is None:
            anything = self.constants(category.category, "[]")
            columns = [[anything], [anything] if slash else []]
        cells = []
        for side, (texts, wanted) in enumerate(zip(sides, columns, strict=True)):
            if len(texts) != len(wanted):
                raise self.fail(
                    f"{len(texts)} cells on the {SIDES[side]} side, but the lexicon has {len(wanted)} columns "
                    "there: join the words of one cell by _, write - where there is no form"
                )
            cells.append(tuple(Cell(column, self.cell(text)) for column, text in zip(wanted, texts, strict=True)))
        for pair in itertools.product(*(side or [Cell((), ())] for side in cells)):
            self.links([cell.words or () for cell in pair] if all(cell.words for cell in pair) else [(), ()])
        self.written.rules.append(Entry(self.number, weight, Symbol(category.category, values), tuple(cells)))

    def declaration(self, tokens: list[str]) -> tuple[list[str], list[str]]:
        names, colon, values = " ".join(tokens[1:]).partition(":")
        if not (colon and names.split() and values.split()):
            raise self.fail(f"expected: {tokens[0]} NAMES: VALUES, with at least one of each")
        for name in names.split():
            self.check_name(name)
        return names.split(), values.split()

    def check_name(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise self.fail(f"{name!r} is no name: letters, digits and _ are expected, with a letter first")

    def weight(self, text: str) -> float:
        if not _NUMBER.fullmatch(text):
            raise self.fail(f"weight is {text!r}, but a number above 0 is expected")
        value = float(text)
        if not (math.isfinite(value) and value > 0):
            raise self.fail(f"weight is {text}, but a number above 0 is expected: a rule that never applies is removed")
        return value

    def sides(self, tokens: list[str], check: bool = True) -> list[list[str]]:
        """Divide tokens at the slash; one-sided ones get an empty second side."""
        count = tokens.count("/")
        if count > 1:
            raise self.fail("there are two /, but it divides source from target: quote it if it is a word")
        if check:
            if self.written.slashed is None:
                self.written.slashed, self.slash_line = bool(count), self.number
            elif self.written.slashed != bool(count):
                numbers = ("one side", "a / for two sides")
                raise self.fail(
                    f"here is {numbers[count]}, but line {self.slash_line} has {numbers[1 - count]}: "
                    "write a / in every rule or in none"
                )
        cut = tokens.index("/") if count else len(tokens)
        return [tokens[:cut], tokens[cut + 1 :]]

    def item(self, token: str) -> Word | Symbol:
        return self.symbol(token) if token[0].isupper() else self.word(token)

    def word(self, token: str) -> Word:
        match = _QUOTED.fullmatch(token)
        if match:
            text = re.sub(r"\\(.)", r"\1", match[1])
            if any(char.isspace() for char in text):
                raise self.fail(f"{token} holds a blank, but a word has none: write the words one by one")
            return Word(text, match[2])
        match = _WORD.fullmatch(token)
        if not match or match[1] in _RESERVED:
            raise self.fail(f'{token} is no word: write it in double quotes, "{token}", if it is meant as one')
        return Word(match[1], match[2])

    def cell(self, text: str) -> tuple[Word, ...] | None:
        if text == "-":
            return None
        if text.startswith('"'):
            return (self.word(text),)
        return tuple(self.word(part or "/") for part in text.split("_"))

    def symbol(self, token: str) -> Symbol:
        match = _SYMBOL.fullmatch(token)
        if not match or not token[0].isupper():
            raise self.fail(
                f"{token} is no category: a capitalised name is expected, then features in brackets, then a mark; "
                "a word goes in double quotes"
            )
        self.used.add(match[1])
        return Symbol(match[1], self.values(match[1], match[2] or ""), match[3])

    def values(self, category: str, text: str) -> tuple[Values, ...]:
        """Return for each feature of a category what a bracket says of it."""
        features = self.written.categories.get(category, ())
        result: dict[str, Values] = {}
        for part in text.replace(",", " ").split():
            name, equals, value = part.partition("=")
            if equals:
                found = self.value(name, value) if name in features else None
            elif name in features:
                found = name
            else:
                value = part
                owners = [
                    feature for feature in features if set(part.split("|")) <= set(self.written.features[feature])
                ]
                if len(owners) > 1:
                    raise self.fail(f"{part} may be of {' or '.join(owners)}: write {owners[0]}={part}")
                name, found = (owners[0], self.value(owners[0], part)) if owners else (part, None)
            if found is None:
                known = [*features, *(value for feature in features for value in self.written.features[feature])]
                has = f"has {', '.join(known)}" if known else f"has none: write a line category {category}: … above"
                raise self.fail(
                    f"{name} in [{text}] is no feature or value of {category}{near(name, known)}, which {has}"
                )
            if name in result:
                raise self.fail(f"{name} comes twice in [{text}]: remove one of them")
            result[name] = found
        return tuple(result.get(feature, tuple(self.written.features[feature])) for feature in features)

    def constants(self, category: str, bracket: str) -> tuple[Values, ...]:
        """Return what the bracket of a column or an entry says, which has no variables."""
        values = self.values(category, bracket[1:-1])
        if any(isinstance(value, str) for value in values):
            raise self.fail(f"{bracket} holds a variable, but values are expected here, such as [sg] or []")
        return values

    def value(self, feature: str, text: str) -> Values:
        """Return the values that `text` names, or the name of the variable that it is."""
        known = self.written.features[feature]
        parts = text.split("|")
        if all(part in known for part in parts):
            return tuple(value for value in known if value in parts)
        if len(parts) > 1 or not _NAME.fullmatch(text):
            raise self.fail(f"{feature}={text} names no value; known are {', '.join(known)}")
        return text

    def links(self, sides: Sequence[Sequence[Word | Symbol]]) -> tuple[tuple[int, int], ...]:
        for mark in unpaired_marks(sides):
            raise self.fail(
                f"mark ~{mark} is on one side only: give it to the words of both sides that belong together, "
                "or write a bare ~ for a word without a partner"
            )
        return word_links(sides)
