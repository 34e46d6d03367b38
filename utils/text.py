"""Text as arrays: tokens, vocabularies, padding, masks and length buckets.

Lesson 01 builds all of this by hand; later lessons import it from here. Arrays are batch-first, padding is
on the right, and a mask is True at the real positions.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

PAD, UNK, BOS, EOS = "<PAD>", "<UNK>", "<BOS>", "<EOS>"
SPECIALS = (PAD, UNK, BOS, EOS)  # a special's place here is its id in every vocabulary

_TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
_INT32 = np.iinfo(np.int32)


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words and single punctuation marks.

    An apostrophe inside a word belongs to the word; a typographic one (’) counts as a plain one.

    Args:
        text: Any text.

    Returns:
        The tokens, in order.

    Raises:
        TypeError: If `text` is not a string.

    >>> tokenize("David's dog barked, twice!")
    ["david's", 'dog', 'barked', ',', 'twice', '!']
    """
    if not isinstance(text, str):
        raise TypeError(f"text is a {type(text).__name__}, but tokenize expects one str: call it once a text")
    # Composed characters, because a combining accent alone is no letter and would split its word.
    return _TOKEN.findall(unicodedata.normalize("NFC", text).replace("’", "'").lower())


@dataclass(frozen=True, repr=False)
class Vocabulary:
    """An immutable list of tokens, each with its place as its id; the four specials come first.

    Args:
        tokens: All tokens: `SPECIALS`, then the others, each once.

    Raises:
        ValueError: If the specials do not come first, or a token comes twice.

    >>> vocabulary = Vocabulary.build([["the", "dog"], ["the", "cat"]])
    >>> vocabulary.tokens
    ('<PAD>', '<UNK>', '<BOS>', '<EOS>', 'the', 'cat', 'dog')
    >>> vocabulary.encode(["the", "bird"], eos=True)
    array([4, 1, 3], dtype=int32)
    >>> vocabulary.decode([4, 1, 3])
    ['the', '<UNK>']
    """

    tokens: tuple[str, ...]
    _ids: dict[str, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Check the tokens and number them."""
        tokens = tuple(_tokens("tokens", self.tokens))
        if tokens[: len(SPECIALS)] != SPECIALS:
            raise ValueError(
                f"tokens start with {list(tokens[: len(SPECIALS)])}, but a vocabulary starts with "
                f"{list(SPECIALS)}: make it with Vocabulary.build"
            )
        ids = {token: index for index, token in enumerate(tokens)}
        if len(ids) < len(tokens):
            twice = next(token for token, count in Counter(tokens).items() if count > 1)
            raise ValueError(f"token {twice!r} comes more than once, but each token has one id: remove it")
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "_ids", ids)

    @classmethod
    def build(cls, sequences: Iterable[Sequence[str]], min_count: int = 1, max_size: int | None = None) -> "Vocabulary":
        """Build a vocabulary from tokenised texts: specials, then tokens by falling frequency.

        Tokens of equal frequency come in alphabetical order.

        Args:
            sequences: Lists of tokens.
            min_count: A token that occurs less often gets no id of its own.
            max_size: Largest number of ids, the four specials included; None for no limit.

        Returns:
            The vocabulary.

        Raises:
            ValueError: If `min_count` is below 1 or `max_size` is below 4.
            TypeError: If a sequence is a string instead of a list of tokens.
        """
        if min_count < 1:
            raise ValueError(f"min_count is {min_count}, but expected at least 1: 1 keeps every token")
        if max_size is not None and max_size < len(SPECIALS):
            raise ValueError(f"max_size is {max_size}, but the specials alone are {len(SPECIALS)}: choose a larger one")
        if isinstance(sequences, str):
            raise TypeError("sequences is one str, but a list of token lists is expected: tokenize it first")
        counts = Counter(token for sequence in sequences for token in _tokens("a sequence", sequence))
        kept = [token for token, count in counts.items() if count >= min_count and token not in SPECIALS]
        kept.sort(key=lambda token: (-counts[token], token))
        return cls((*SPECIALS, *kept)[:max_size])

    def id_of(self, token: str) -> int:
        """Return the id of a token, which is the id of `<UNK>` for an unknown one."""
        return self._ids.get(token, self._ids[UNK])

    def encode(self, tokens: Sequence[str], bos: bool = False, eos: bool = False) -> np.ndarray:
        """Turn tokens into ids.

        Args:
            tokens: The tokens of one text; unknown ones become `<UNK>`.
            bos: Whether to put `<BOS>` in front.
            eos: Whether to put `<EOS>` at the end.

        Returns:
            The ids, shape (time,), int32.

        Raises:
            TypeError: If `tokens` is a string instead of a list of tokens.
        """
        body = list(_tokens("tokens", tokens))
        ids = [self.id_of(token) for token in [BOS] * bos + body + [EOS] * eos]
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: ArrayLike, keep_specials: bool = False) -> list[str]:
        """Turn ids back into tokens.

        Args:
            ids: The ids of one text, shape (time,), integers.
            keep_specials: Whether to keep `<PAD>`, `<BOS>` and `<EOS>`. `<UNK>` stands for a word, so it
                is always kept.

        Returns:
            The tokens.

        Raises:
            ValueError: If `ids` has another shape or dtype, or an id is not in the vocabulary.
        """
        array = _integers("ids", ids)
        if array.ndim != 1:
            raise ValueError(f"ids has shape {array.shape}, but (time,) is expected: decode one text at a time")
        _check_range("ids", array, len(self), "these ids come from another vocabulary")
        tokens = [self.tokens[index] for index in array]
        return tokens if keep_specials else [token for token in tokens if token not in (PAD, BOS, EOS)]

    def __len__(self) -> int:
        """Return the number of tokens, the specials included."""
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        """Return whether a token has an id of its own."""
        return token in self._ids

    def __repr__(self) -> str:
        """Return the size in words; the tokens would fill the screen."""
        return f"Vocabulary of {len(self)} tokens"


def pad(sequences: Sequence[ArrayLike], length: int | None = None, value: float = 0) -> tuple[np.ndarray, np.ndarray]:
    """Stack sequences of different lengths into one array, filled up on the right.

    Args:
        sequences: One-dimensional sequences of numbers, of lengths T_x.
        length: Number of positions of the result; None for the longest sequence's.
        value: What fills the padded positions.

    Returns:
        X, shape (batch, time), int32 for integers, else the sequences' floating dtype; and mask, shape
        (batch, time), bool, True at the real positions.

    Raises:
        ValueError: If there are no sequences, one is not one-dimensional, or one is longer than `length`.

    >>> X, mask = pad([[5, 6, 7], [8]])
    >>> X
    array([[5, 6, 7],
           [8, 0, 0]], dtype=int32)
    >>> mask
    array([[ True,  True,  True],
           [ True, False, False]])
    """
    rows = [np.asarray(sequence) for sequence in sequences]
    if not rows:
        raise ValueError("sequences is empty, but at least one sequence is expected")
    for i, row in enumerate(rows):
        if row.ndim != 1:
            raise ValueError(f"sequence {i} has shape {row.shape}, but (time,) is expected: pass a list of sequences")
        if row.size and row.dtype.kind not in "iuf":
            raise ValueError(f"sequence {i} has dtype {row.dtype}, but numbers are expected: encode it first")
    lengths = np.array([len(row) for row in rows])
    T_x = int(lengths.max()) if length is None else length
    if T_x < lengths.max():
        i = int(np.argmax(lengths > T_x))
        raise ValueError(
            f"sequence {i} has {lengths[i]} positions, but length is {T_x}: cut it, or choose a larger length"
        )
    # An empty list is a float array to NumPy, so it has no say in the dtype.
    dtype = np.result_type(*[row.dtype for row in rows if row.size] or [np.int32])
    if dtype.kind in "iu":
        low = min((int(row.min()) for row in rows if row.size), default=0)
        high = max((int(row.max()) for row in rows if row.size), default=0)
        if low < _INT32.min or high > _INT32.max:
            raise ValueError(f"sequences reach from {low} to {high}, but int32 is expected: pass floats instead")
        if value != int(value):
            raise ValueError(f"value is {value}, but the sequences hold integers: pad them with an integer")
        dtype = np.dtype(np.int32)
    X = np.full((len(rows), T_x), value, dtype=dtype)  # (batch, time)
    for i, row in enumerate(rows):
        X[i, : len(row)] = row
    return X, np.arange(T_x) < lengths[:, None]


def one_hot(ids: ArrayLike, depth: int) -> np.ndarray:
    """Turn each id into a vector of zeros with a one at the id's place.

    Args:
        ids: Integers in [0, depth), any shape.
        depth: Length of each vector.

    Returns:
        Shape `ids.shape + (depth,)`, float32.

    Raises:
        ValueError: If an id is outside [0, depth), or `ids` are not integers.

    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    array = _integers("ids", ids)
    _check_range("ids", array, depth, "depth is the number of different ids")
    result = np.zeros((*array.shape, depth), dtype=np.float32)
    np.put_along_axis(result, array[..., None], 1.0, axis=-1)
    return result


def masked_mean(values: ArrayLike, mask: ArrayLike, axis: int = 1) -> np.ndarray:
    """Average values over the positions where the mask is True.

    What stands at the other positions, NaN included, has no influence.

    Args:
        values: Shape (batch, time, ...), numbers.
        mask: Shape (batch, time), bool.
        axis: 1 averages over the time of each example, 0 over the batch at each position.

    Returns:
        `values` without that axis; float64 for integers, else the dtype of `values`.

    Raises:
        ValueError: If the shapes do not fit, `mask` is not bool, or a row (a column, for axis 0) of the
            mask has no True.

    >>> masked_mean([[1.0, 3.0, 9.0]], [[True, True, False]])
    array([2.])
    """
    values, mask = np.asarray(values), np.asarray(mask)
    if values.ndim < 2:
        raise ValueError(f"values has shape {values.shape}, but (batch, time, ...) is expected")
    if mask.shape != values.shape[:2]:
        raise ValueError(
            f"mask has shape {mask.shape}, but values has shape {values.shape}, so {values.shape[:2]} "
            "is expected: batch first, then time"
        )
    if mask.dtype != bool:
        raise ValueError(f"mask has dtype {mask.dtype}, but bool is expected: write mask.astype(bool)")
    if axis not in (0, 1):
        raise ValueError(f"axis is {axis}, but 0 (batch) or 1 (time) is expected")
    counts = mask.sum(axis=axis)
    if not counts.all():
        where = f"{'row' if axis == 1 else 'column'} {int(np.argmin(counts))}"
        raise ValueError(f"mask has no True in {where}, so its mean is not defined: leave it out")
    where = mask.reshape(mask.shape + (1,) * (values.ndim - 2))  # (batch, time, 1, ...)
    return np.mean(values, axis=axis, where=where)


def bucket_ids(lengths: ArrayLike, boundaries: ArrayLike) -> np.ndarray:
    """Assign each length to a bucket, so that a batch can hold sequences of similar length.

    Args:
        lengths: Shape (examples,), integers.
        boundaries: Shape (buckets - 1,), strictly rising: bucket b holds lengths up to and including
            boundaries[b], the last bucket all longer ones.

    Returns:
        The bucket of each example, shape (examples,), integers from 0.

    Raises:
        ValueError: If a shape is wrong, or `boundaries` do not rise.

    >>> bucket_ids([3, 5, 6, 40], [5, 10])
    array([0, 0, 1, 2])
    """
    lengths = _lengths(lengths)
    boundaries = np.asarray(boundaries)
    if boundaries.ndim != 1:
        raise ValueError(f"boundaries has shape {boundaries.shape}, but (buckets - 1,) is expected")
    if np.any(np.diff(boundaries) <= 0):
        raise ValueError(f"boundaries are {boundaries.tolist()}, but each must be larger than the one before")
    return np.searchsorted(boundaries, lengths, side="left")


def padding_share(lengths: ArrayLike, batches: Iterable[Sequence[int]]) -> float:
    """Compute the share of padded positions when each batch is padded to its longest sequence.

    Args:
        lengths: Shape (examples,), integers: the length of each example.
        batches: For each batch the indices of its examples.

    Returns:
        Padded positions divided by all positions, in [0, 1); 0.0 where there is no position at all.

    Raises:
        ValueError: If there is no batch, a batch is empty, or an index has no example.

    >>> padding_share([1, 3, 3, 1], [[0, 1], [2, 3]])
    0.3333333333333333
    >>> padding_share([1, 3, 3, 1], [[0, 3], [1, 2]])
    0.0
    """
    lengths = _lengths(lengths)
    batches = list(batches)
    if not batches:
        raise ValueError("batches is empty, but at least one batch is expected")
    real = positions = 0
    for number, batch in enumerate(batches):
        indices = np.asarray(batch)
        if indices.ndim != 1 or not indices.size:
            raise ValueError(f"batch {number} has shape {indices.shape}, but a list of at least one index is expected")
        _check_range(f"batch {number}", _integers(f"batch {number}", indices), len(lengths), "each is an example")
        real += int(lengths[indices].sum())
        positions += int(lengths[indices].max()) * len(indices)
    return (positions - real) / positions if positions else 0.0


def _tokens(name: str, tokens: Sequence[str]) -> Sequence[str]:
    """Return `tokens` if they are a list of strings rather than one string, else say what to do."""
    if isinstance(tokens, str):
        raise TypeError(
            f"{name} is the str {tokens[:40]!r}, but a list of tokens is expected: "
            "use tokenize(text) for words, list(text) for characters"
        )
    tokens = list(tokens)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(
                f"{name} holds {token!r} of type {type(token).__name__}, but every token is a str: pass lists of tokens"
            )
    return tokens


def _integers(name: str, values: ArrayLike) -> np.ndarray:
    """Return `values` as an integer array; an empty one has no dtype to complain about."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} has dtype {array.dtype}, but integers are expected: convert with astype(int)")
    return array.astype(np.int64)


def _lengths(lengths: ArrayLike) -> np.ndarray:
    array = _integers("lengths", lengths)
    if array.ndim != 1:
        raise ValueError(f"lengths has shape {array.shape}, but (examples,) is expected")
    if np.any(array < 0):
        raise ValueError(f"lengths holds {array.min()}, but a length is at least 0")
    return array


def _check_range(name: str, array: np.ndarray, stop: int, advice: str) -> None:
    outside = (array < 0) | (array >= stop)
    if outside.any():
        raise ValueError(f"{name} holds {array[outside][0]}, but 0 to {stop - 1} is expected: {advice}")
