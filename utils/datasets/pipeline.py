"""Batches of sequences of similar length, padded, shuffled and prefetched, with explicit masks.

Where batches are drawn at random, each is as long as its longest sequence, and much of what a network computes is
padding. Here the examples of an epoch are shuffled, sorted by bucket of length, cut into batches, and the batches
shuffled: each batch holds sequences of similar length, and no two epochs have the same batches.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from utils.text import bucket_ids

if TYPE_CHECKING:
    import tensorflow as tf

_GROWTH = 1.1  # a bucket's longest sequence to its shortest: at most about a tenth of a row is padding


def batches(
    fields: Mapping[str, Sequence[ArrayLike]],
    batch_size: int | None = None,
    tokens: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    pad_value: float = 0,
    multiple_of: int = 1,
) -> "tf.data.Dataset":
    """Make length-bucketed, padded batches with explicit masks.

    The encoded examples are kept in memory, so each is encoded once however many epochs follow. Each pass over the
    dataset is an epoch with an order of its own, which depends on `seed` and on the number of the pass alone. The
    last batch of an epoch's plan may be smaller.

    Args:
        fields: For each name its values, one an example: sequences of shape (time, ...) of any lengths, or single
            numbers, which stay as they are. Two fields of sequences, like source and target, are bucketed by both.
            To find the examples again, add a field {"index": range(number of examples)}.
        batch_size: Examples in a batch; give this or `tokens`.
        tokens: Most positions, padding included, that a field of a batch may have: short sequences come in large
            batches, long ones in small ones.
        shuffle: Whether to shuffle; otherwise batches go from short to long, and examples of one bucket keep their
            order.
        seed: Decides all that is random.
        pad_value: What fills the padded positions.
        multiple_of: Pad to a multiple of this many positions, so that fewer shapes occur (each new shape is compiled
            anew on JAX and XLA).

    Returns:
        A dataset of dicts: for a field of sequences NAME, shape (batch, time, ...), and NAME_mask, shape (batch,
        time), bool, True at the real positions; for a field of numbers NAME, shape (batch,). Integers are int32,
        other numbers float32.

    Raises:
        ValueError: If fields differ in their number of examples, a value is no number, neither or both of
            `batch_size` and `tokens` are given, or one sequence alone has more than `tokens` positions.

    >>> data = batches({"x": [[5, 6, 7], [8]], "y": [1, 0]}, batch_size=2)
    >>> batch = next(iter(data.map(lambda batch: batch["x_mask"])))
    >>> sorted(batch.numpy().sum(axis=1).tolist())
    [1, 3]
    """
    import tensorflow as tf

    columns = _columns(fields)
    lengths = {name: column.lengths for name, column in columns.items() if column.lengths is not None}
    plan = _plan(lengths, len(next(iter(columns.values()))), batch_size, tokens, multiple_of)
    for name in lengths:
        if f"{name}_mask" in fields:
            raise ValueError(f"fields has {name!r} and '{name}_mask', but that is the name of the mask: rename it")
    values = {
        name: tf.constant(column.values)
        if column.lengths is None
        else tf.RaggedTensor.from_row_lengths(column.values, column.lengths)
        for name, column in columns.items()
    }

    def gathered(indices: "tf.Tensor") -> dict:
        batch = {}
        for name, column in values.items():
            rows = tf.gather(column, indices)
            if name not in lengths:
                batch[name] = rows
                continue
            row_lengths = rows.row_lengths()
            width = tf.reduce_max(row_lengths)
            width = -(-width // multiple_of) * multiple_of
            fill = tf.cast(pad_value, rows.dtype)
            batch[name] = rows.to_tensor(fill, shape=tf.stack([-1, width, *column.shape[2:]]))
            batch[f"{name}_mask"] = tf.sequence_mask(row_lengths, width)
        return batch

    epochs = itertools.count()

    def orders() -> Iterator["tf.RaggedTensor"]:
        # One element a pass: what follows is TensorFlow's own code, and holds no lock of Python's.
        order, sizes = plan.epoch(np.random.default_rng([seed, next(epochs)]) if shuffle else None)
        yield tf.RaggedTensor.from_row_lengths(order, sizes)

    planned = tf.data.Dataset.from_generator(
        orders, output_signature=tf.RaggedTensorSpec([None, None], tf.int64, ragged_rank=1)
    )
    return (
        planned.flat_map(tf.data.Dataset.from_tensor_slices)
        .map(gathered, num_parallel_calls=tf.data.AUTOTUNE)
        .apply(tf.data.experimental.assert_cardinality(len(plan.sizes)))
        .prefetch(tf.data.AUTOTUNE)
    )


@dataclass(frozen=True)
class _Column:
    """One field: `values` of all examples in a row, and the length of each, or None for a field of numbers."""

    values: np.ndarray
    lengths: np.ndarray | None

    def __len__(self) -> int:
        return len(self.values) if self.lengths is None else len(self.lengths)


@dataclass(frozen=True)
class _Plan:
    """How examples become batches: their `cells` in order of length, and the `sizes` of the batches cut from it."""

    cells: np.ndarray
    sizes: np.ndarray

    def epoch(self, random: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        """Return all examples in the order of an epoch, and the sizes of the batches they are cut into."""
        if random is None:
            return np.argsort(self.cells, kind="stable"), self.sizes
        order = np.lexsort((random.random(len(self.cells)), self.cells))  # by cell, in each cell by chance
        chosen = random.permutation(len(self.sizes))
        parts = np.split(order, np.cumsum(self.sizes)[:-1])
        return np.concatenate([parts[batch] for batch in chosen]), self.sizes[chosen]


def _plan(
    lengths: Mapping[str, np.ndarray], examples: int, batch_size: int | None, tokens: int | None, multiple_of: int
) -> _Plan:
    if (batch_size is None) == (tokens is None):
        raise ValueError(f"batch_size is {batch_size} and tokens {tokens}, but one of them is expected, and one alone")
    for name, value in (("batch_size", batch_size), ("tokens", tokens), ("multiple_of", multiple_of)):
        if value is not None and (not isinstance(value, (int, np.integer)) or value < 1):
            raise ValueError(f"{name} is {value!r}, but a whole number of at least 1 is expected")
    cells = np.zeros(examples, dtype=np.int64)
    widths = np.zeros(examples, dtype=np.int64)  # of the longest field, after padding to the end of the bucket
    for name, field_lengths in lengths.items():
        buckets = bucket_ids(field_lengths, _boundaries(int(field_lengths.max())))
        # To and fro like a plough, so that neighbours in the order differ little in every field.
        cells = cells * (buckets.max() + 1) + np.where(cells % 2, buckets.max() - buckets, buckets)
        longest = np.zeros(buckets.max() + 1, dtype=np.int64)
        np.maximum.at(longest, buckets, field_lengths)
        longest = -(-longest // multiple_of) * multiple_of
        widths = np.maximum(widths, longest[buckets])
        if tokens is not None and longest.max() > tokens:
            i = int(np.argmax(field_lengths))
            raise ValueError(
                f"example {i} of {name} has {field_lengths[i]} positions ({longest.max()} after padding), but tokens "
                f"is {tokens}: cut it, or allow more tokens"
            )
    if tokens is None:
        sizes = [min(batch_size, examples - start) for start in range(0, examples, batch_size)]
    else:
        sizes = _sizes(widths[np.argsort(cells, kind="stable")], tokens)
    return _Plan(cells, np.array(sizes, dtype=np.int64))


def _sizes(widths: np.ndarray, tokens: int) -> list[int]:
    """Cut a row of examples of these widths into batches of at most `tokens` positions."""
    sizes, size, widest = [], 0, 0
    for width in widths.tolist():
        if size and (size + 1) * max(widest, width) > tokens:
            sizes.append(size)
            size, widest = 0, 0
        size, widest = size + 1, max(widest, width)
    return [*sizes, size]


def _boundaries(longest: int) -> list[int]:
    """Return the last length of each bucket but the last: 1, 2, …, 10, 11, 13, …, each a tenth above the one before."""
    boundaries = [1]
    while boundaries[-1] < longest:
        boundaries.append(max(boundaries[-1] + 1, int(boundaries[-1] * _GROWTH)))
    return boundaries


def _columns(fields: Mapping[str, Sequence[ArrayLike]]) -> dict[str, _Column]:
    columns = {name: _column(name, values) for name, values in fields.items()}
    if not columns:
        raise ValueError("fields is empty, but at least one field is expected")
    first = next(iter(columns))
    for name, column in columns.items():
        if len(column) != len(columns[first]):
            raise ValueError(
                f"field {name!r} has {len(column)} examples, but {first!r} has {len(columns[first])}: "
                "every field has one value an example"
            )
    return columns


def _column(name: str, values: Sequence[ArrayLike]) -> _Column:
    rows = [np.asarray(value) for value in values]
    if not rows:
        raise ValueError(f"field {name!r} has no examples, but at least one is expected")
    shape = next((row.shape for row in rows if row.size), rows[0].shape)
    for i, row in enumerate(rows):
        if row.size and row.dtype.kind not in "iufb":
            raise ValueError(
                f"example {i} of {name!r} has dtype {row.dtype}, but numbers are expected: encode the tokens first"
            )
        empty = shape and row.shape == (0,)  # a list without elements does not tell of further axes
        if not empty and (row.ndim != len(shape) or row.shape[1:] != shape[1:]):
            expected = f"({', '.join(['time', *map(str, shape[1:])])})" if shape else "()"
            raise ValueError(f"example {i} of {name!r} has shape {row.shape}, but {expected} is expected, as before it")
    filled = [row for row in rows if row.size] or [np.zeros((0, *shape[1:]), dtype=np.int32)]
    whole = all(row.dtype.kind in "iub" for row in filled)
    joined = np.stack(rows) if not shape else np.concatenate(filled)
    if whole and joined.size and not np.array_equal(joined, joined.astype(np.int32)):
        raise ValueError(f"field {name!r} reaches {joined.max()}, but int32 is expected: pass floats instead")
    joined = joined.astype(np.int32 if whole else np.float32)
    return _Column(joined, np.array([len(row) for row in rows], dtype=np.int64) if shape else None)
