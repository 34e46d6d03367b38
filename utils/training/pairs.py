"""Sources and their right answers as arrays: units, vocabularies, and batches of few shapes."""

import hashlib
import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.datasets.files import alternatives, read_pairs
from utils.text import UNK, Vocabulary
from utils.training.folder import RunError, reading

UNITS = ("char", "word")
LEAST_SOURCES = 10  # to train on
_CLOSED = 1000  # so many different words may be a closed set, like phonemes; of more, those that occur once are <UNK>
_MOST_WORDS = 20_000
_QUANTILES = (0.25, 0.5, 0.75, 0.95)


def split_units(text: str, unit: str) -> list[str]:
    """Split a source or a target into tokens.

    Args:
        text: The text.
        unit: "char" for the characters of its canonical decomposition (NFD), so that é is two and a Korean syllable
            is its letters; "word" for what stands between spaces, in composed characters (NFC).

    Returns:
        The tokens.

    >>> split_units("né", "char"), split_units("n e", "word")
    (['n', 'e', '\u0301'], ['n', 'e'])
    """
    if unit == "char":
        return list(unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", text).split()


def join_units(tokens: Sequence[str], unit: str) -> str:
    """Put tokens together again, in composed characters.

    >>> join_units(["n", "e", "\u0301"], "char"), join_units(["n", "e"], "word")
    ('né', 'n e')
    """
    return unicodedata.normalize("NFC", ("" if unit == "char" else " ").join(tokens))


@dataclass(frozen=True)
class Pairs:
    """The different sources of a file, in its order, each with its different right answers.

    Attributes:
        sources: Lists of tokens.
        answers: For each source a list of answers, each a list of tokens.
        repeated: Number of rows that repeat an earlier one.
        digest: SHA-256 of the file.
    """

    sources: list[list[str]]
    answers: list[list[list[str]]]
    repeated: int
    digest: str

    def __len__(self) -> int:
        """Number of different sources."""
        return len(self.sources)

    def rows(self) -> list[tuple[list[str], list[str]]]:
        """All different pairs (source, answer)."""
        return [(source, answer) for source, some in zip(self.sources, self.answers, strict=True) for answer in some]


def read(path: str | os.PathLike, source_unit: str, target_unit: str) -> Pairs:
    """Read a file with a source, a tab and a target in each line.

    Args:
        path: The file, in UTF-8.
        source_unit: "char" or "word".
        target_unit: "char" or "word".

    Returns:
        The pairs.

    Raises:
        RunError: If a unit is none, or the file is missing.
        DataFileError: If the file does not hold pairs.
    """
    for unit in (source_unit, target_unit):
        if unit not in UNITS:
            raise RunError(f"the unit is {unit!r}, but 'char' or 'word' is expected")
    with reading(path):
        records = read_pairs(path)
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    # Texts that differ only in how their characters are composed are alike.
    tokens = [
        {"source": "\0".join(split_units(record["source"], source_unit)),
         "target": "\0".join(split_units(record["target"], target_unit))}
        for record in records
    ]  # fmt: skip
    grouped = alternatives(tokens)
    different = sum(map(len, grouped.values()))
    sources = [source.split("\0") for source in grouped]
    answers = [[answer.split("\0") for answer in some] for some in grouped.values()]
    return Pairs(sources, answers, len(records) - different, digest)


def vocabulary(sequences: Sequence[Sequence[str]], unit: str) -> Vocabulary:
    """Build a vocabulary from the training part: all characters; all words, or where they are many the usual ones."""
    every = Vocabulary.build(sequences)
    if unit == "char" or len(every) <= _CLOSED:
        return every
    return Vocabulary.build(sequences, min_count=2, max_size=_MOST_WORDS)


class Ragged:
    """Sequences of ids of different lengths, from which padded batches are taken at once."""

    def __init__(self, sequences: Sequence[np.ndarray]) -> None:
        self.lengths = np.array([len(sequence) for sequence in sequences])
        self._flat = np.concatenate([*sequences, np.zeros(1, dtype=np.int32)])
        self._first = np.cumsum(self.lengths) - self.lengths

    def padded(self, rows: np.ndarray, length: int) -> np.ndarray:
        """Take some sequences, filled up with 0 on the right to `length`; shape (rows, length), int32."""
        position = np.arange(length)
        real = position < self.lengths[rows][:, None]
        return np.where(real, self._flat[np.where(real, self._first[rows][:, None] + position, -1)], 0)


def shapes(source_lengths: np.ndarray, target_lengths: np.ndarray) -> list[tuple[int, int]]:
    """Choose few shapes (T_x, T_y) that hold all pairs without much padding, each at least as large as the one before.

    >>> shapes(np.array([2, 3, 4, 5, 500]), np.array([1, 2, 2, 3, 3]))
    [(3, 2), (4, 2), (5, 3), (20, 3), (80, 3), (320, 3), (500, 3)]
    """
    columns = []
    for lengths in (source_lengths, target_lengths):
        column = [int(value) for value in np.quantile(lengths, _QUANTILES, method="higher")]
        columns.append([*column, int(lengths.max())])
    chosen = sorted(set(zip(*columns, strict=True)))
    # A few very long sequences must not make all others of the last shape long.
    while len(chosen) > 1 and 4 * max(chosen[-2]) < max(chosen[-1]):
        chosen.insert(-1, tuple(min(4 * size, largest) for size, largest in zip(chosen[-2], chosen[-1], strict=True)))
    return chosen


class Batches:
    """Batches of pairs, all of one size and of few shapes, so that few programs are compiled.

    In each pass every pair comes once; to fill the last batch, some come twice.

    Args:
        pairs: (source, answer) as tokens.
        source: The vocabulary of the sources.
        target: The vocabulary of the targets.
        size: Pairs of a batch; fewer if there are not so many.
        seed: Decides the order.
        unknown: Share of the source tokens that are taken for unknown ones, so that `<UNK>` means something.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Sequence[str], Sequence[str]]],
        source: Vocabulary,
        target: Vocabulary,
        size: int,
        seed: int,
        unknown: float = 0.0,
    ) -> None:
        self._sources = Ragged([source.encode(tokens) for tokens, _ in pairs])
        self._targets = Ragged([target.encode(tokens, bos=True, eos=True) for _, tokens in pairs])
        self.size = min(size, len(pairs))
        self.each_pass = math.ceil(len(pairs) / self.size)
        self.shapes = shapes(self._sources.lengths, self._targets.lengths)
        fits = [(self._sources.lengths <= T_x) & (self._targets.lengths <= T_y) for T_x, T_y in self.shapes]
        self._bucket = np.argmax(fits, axis=0)  # the first that fits
        self._seed, self._unknown, self._unknown_id = seed, unknown, source.id_of(UNK)

    def from_step(self, step: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Read on from a step, without end.

        Args:
            step: How many batches have been read before.

        Yields:
            Sources, shape (batch, T_x), and targets from `<BOS>` to `<EOS>`, shape (batch, T_y + 1), both int32,
            filled up with 0.
        """
        while True:
            batches = self._pass(step // self.each_pass)
            for rows, (T_x, T_y) in batches[step % self.each_pass :]:
                sources = self._sources.padded(rows, T_x)
                if self._unknown:
                    chosen = np.random.default_rng([self._seed, 1, step]).random(sources.shape) < self._unknown
                    sources = np.where(chosen & (sources != 0), np.int32(self._unknown_id), sources)
                yield sources, self._targets.padded(rows, T_y)
                step += 1

    def _pass(self, number: int) -> list[tuple[np.ndarray, tuple[int, int]]]:
        """The batches of a pass: rows and shape. What is left of a bucket fits into the next one."""
        rng = np.random.default_rng([self._seed, 0, number])
        order = rng.permutation(len(self._bucket))
        left, batches = order[:0], []
        for bucket, shape in enumerate(self.shapes):
            rows = np.concatenate([left, order[self._bucket[order] == bucket]])
            full = len(rows) // self.size * self.size
            batches += [(part, shape) for part in rows[:full].reshape(-1, self.size)]
            left = rows[full:]
        if len(left):
            others = rng.choice(np.setdiff1d(order, left), self.size - len(left), replace=False)
            batches.append((np.concatenate([left, others]), self.shapes[-1]))
        return [batches[i] for i in rng.permutation(len(batches))]


def check(parts: dict[str, Pairs], train_file: str | os.PathLike) -> None:
    """Refuse pairs from which nothing can be learnt.

    Raises:
        RunError: If the training part has too few sources.
    """
    if len(parts["train"]) < LEAST_SOURCES:
        number = len(parts["train"])
        raise RunError(
            f"{train_file} has {number} different source{'s' * (number != 1)}, but at least {LEAST_SOURCES} are "
            "needed to learn from: give more pairs"
        )
