"""Forms that words take before others: l' for le before a vowel, an for a.

A word's form depends on the next token as it finally stands, so a sentence is put into its surface form from
right to left, token by token; and conversely the words that may stand behind a surface token depend on that
token and the next one only. So the probability of a surface string is exact: the inside algorithm runs over
the set of words that each token may stand for.
"""

import itertools
from collections.abc import Iterable, Sequence

from utils.datasets.grammar.written import SIDES, TokenClass, Written


class Surface:
    """The alternations of one side.

    Args:
        written: The grammar as written.
        side: 0 for the source, 1 for the target.
        words: All words of that side of the grammar.
        partial: Whether the grammar starts elsewhere than its file says, so that words may be missing.

    Raises:
        GrammarError: If an alternation is for a word that the side does not have.
    """

    def __init__(self, written: Written, side: int, words: Iterable[str], partial: bool = False) -> None:
        self.words = dict.fromkeys(words)
        self._forms: dict[str, list[tuple[str, TokenClass | None]]] = {}
        for alternation in written.alternations:
            if alternation.side != side:
                continue
            before = None if alternation.before is None else written.classes[alternation.before]
            for word in alternation.words:
                if word not in self.words and partial:
                    continue
                if word not in self.words:
                    raise written.error(
                        alternation.line, f"{word} is no word of the {SIDES[side]} side: correct or remove it"
                    )
                forms = self._forms.setdefault(word, [])
                if forms and forms[-1][1] is None:
                    raise written.error(
                        alternation.line, f"{word} takes another form always by a line above: move that line down"
                    )
                forms.append((alternation.form, before))
        self._behind: dict[str, list[str]] = {word: [word] for word in self.words}
        for word, forms in self._forms.items():
            for form, _ in forms:
                behind = self._behind.setdefault(form, [])
                if word not in behind:
                    behind.append(word)

    def form(self, word: str, after: str | None) -> str:
        """Return the form of a word before a token, or at the end (None)."""
        for form, before in self._forms.get(word, ()):
            if before is None or (after is not None and after in before):
                return form
        return word

    def tokens(self, words: Sequence[str]) -> tuple[str, ...]:
        """Return the surface of a string of words, of the same length."""
        result: list[str] = []
        after = None
        for word in reversed(words):
            after = self.form(word, after)
            result.append(after)
        return tuple(reversed(result))

    def words_behind(self, tokens: Sequence[str]) -> list[list[str]]:
        """Return for each surface token the words that it may stand for; none where it can be of no sentence."""
        return [
            [word for word in self._behind.get(token, ()) if self.form(word, after) == token]
            for token, after in itertools.zip_longest(tokens, tokens[1:])
        ]

    def vocabulary(self) -> tuple[str, ...]:
        """Return words and forms, except those that no following token of this side, nor the end, would call for."""
        tokens = dict.fromkeys(self._behind)
        return tuple(
            token
            for token in tokens
            if any(self.form(word, after) == token for word in self._behind[token] for after in [None, *tokens])
        )
