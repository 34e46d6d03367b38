"""A text file as one long sequence of ids, cut into a training and a held-out part, and read in streams."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.text import EOS, Vocabulary, tokenize
from utils.training.folder import RunError, reading

UNITS = ("char", "word")
LEAST_TOKENS = 200  # of the training part: less is no language
_FORGETS = 1 / 32  # probability that a stream begins from zeros at a segment
_WORD_LIMITS = {"min_count": 2, "max_size": 10_000}


@dataclass(frozen=True)
class Corpus:
    """A text as ids.

    Attributes:
        vocabulary: Built from the training part alone.
        ids: All tokens, the held-out ones last, shape (tokens,), int32.
        train: Number of training tokens.
        unit: "char" or "word".
        digest: SHA-256 of the file.
    """

    vocabulary: Vocabulary
    ids: np.ndarray
    train: int
    unit: str
    digest: str

    @property
    def heldout(self) -> int:
        """Number of held-out tokens."""
        return len(self.ids) - self.train


def read_corpus(path: str | os.PathLike, unit: str, holdout: float) -> Corpus:
    """Read a text file; its last part is held out.

    Args:
        path: A text file in UTF-8.
        unit: "char" for characters; "word" for lower-case words and punctuation marks, with `<EOS>` at each line's
            end. Words that occur once in the training part, or come after the 10 000 most frequent, become `<UNK>`.
        holdout: Part of the characters that is held out, in (0, 1).

    Returns:
        The corpus.

    Raises:
        RunError: If the file is missing, not UTF-8 or too short, or nothing is left for one of the parts.
    """
    if unit not in UNITS:
        raise RunError(f"the unit is {unit!r}, but 'char' or 'word' is expected")
    if not 0 < holdout < 1:
        raise RunError(f"holdout is {holdout}, but a part between 0 and 1 is expected, like 0.1")
    text, digest = _read_text(Path(path))
    cut = round(len(text) * (1 - holdout))
    parts = [split_text(part, unit) for part in (text[:cut], text[cut:])]
    what = "characters" if unit == "char" else "words and line ends"
    if len(parts[0]) < LEAST_TOKENS:
        raise RunError(
            f"{path} gives {len(parts[0])} {what} to train on, but at least {LEAST_TOKENS} are needed: give more text"
            + (" or a smaller --holdout" if holdout > 0.2 else "")
        )
    if not parts[1]:
        raise RunError(f"the held-out part of {path} is empty: give a longer text or a larger --holdout")
    vocabulary = Vocabulary.build([parts[0]], **(_WORD_LIMITS if unit == "word" else {}))
    # <EOS> is a special, so the vocabulary has it also where no line ends.
    ids = np.concatenate([vocabulary.encode(part) for part in parts])
    return Corpus(vocabulary, ids, len(parts[0]), unit, digest)


def split_text(text: str, unit: str) -> list[str]:
    r"""Split a text into characters, or into words with `<EOS>` at the end of each line that has any.

    >>> split_text("The dog barks.\n\nAnn", "word")
    ['the', 'dog', 'barks', '.', '<EOS>', 'ann']
    """
    if unit == "char":
        return list(text)
    tokens: list[str] = []
    for line in text.splitlines(keepends=True):
        words = tokenize(line)
        tokens += [*words, EOS] if words and line[-1:].isspace() else words
    return tokens


def join_tokens(tokens: Sequence[str], unit: str) -> str:
    r"""Put tokens together again: characters as they are, words with spaces between them.

    >>> join_tokens(["the", "dog", ",", "too", ".", "<EOS>", "ann"], "word")
    'the dog, too.\nann'
    """
    if unit == "char":
        return "".join(tokens)
    text = " ".join("\n" if token == EOS else token for token in tokens)
    return re.sub(r" ?\n ?", "\n", re.sub(r" ([,.;:!?)\]}])", r"\1", text))


class Streams:
    """The training part as parallel streams, read segment after segment, so that a state can be carried on.

    Each pass over the text begins at another place, so that the segments are cut differently. Now and then a stream
    forgets its past: a network that always carries on need not work from the zeros with which a sample begins.

    Args:
        ids: The training tokens, shape (tokens,).
        streams: Number of streams; fewer if the text is short.
        length: Tokens of a segment; fewer if the text is short.
        seed: Decides where each pass begins, and which streams forget where.
    """

    def __init__(self, ids: np.ndarray, streams: int, length: int, seed: int) -> None:
        self.length = min(length, max(8, len(ids) // 16))
        self.streams = max(1, min(streams, len(ids) // (2 * self.length)))
        self.segments = (len(ids) // self.streams - 1) // self.length  # of a stream in each pass
        self._ids = ids
        self._seed = seed

    def batches(self, step: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Read on from a step, without end.

        Args:
            step: How many segments have been read before.

        Yields:
            Inputs and targets, shape (streams, length), int32, and which streams begin from a state of zeros, shape
            (streams,), bool: all where a pass begins, otherwise one in 32.
        """
        while True:
            number, segment = divmod(step, self.segments)
            forgets = np.random.default_rng([self._seed, number, 1]).random((self.segments, self.streams)) < _FORGETS
            forgets[0] = True
            rotated = np.roll(self._ids, -int(np.random.default_rng([self._seed, number]).integers(len(self._ids))))
            rows = rotated[: len(rotated) // self.streams * self.streams].reshape(self.streams, -1)
            for i in range(segment, self.segments):
                part = rows[:, i * self.length : (i + 1) * self.length + 1]
                yield part[:, :-1], part[:, 1:], forgets[i]
            step = (number + 1) * self.segments


def _read_text(path: Path) -> tuple[str, str]:
    with reading(path):
        data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RunError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8: save the file as UTF-8 (in an editor, "
            "or with iconv)"
        ) from None
    if not text.strip():
        raise RunError(f"{path} is empty: give a text")
    return text.replace("\r\n", "\n").replace("\r", "\n"), hashlib.sha256(data).hexdigest()
