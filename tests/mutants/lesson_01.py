"""Lesson 01."""

from collections import Counter

import numpy as np

from mutants import alternative, mutant
from utils.text import SPECIALS

# 1.1


@mutant("1.1", hint="subtract 1 from both")
def counts_from_one(X, i, t):
    return X[i, t]


@mutant("1.1", hint="the example is one too far")
def example_counts_from_one(X, i, t):
    return X[i, t - 1]


@mutant("1.1", hint="the position is one too far")
def position_counts_from_one(X, i, t):
    return X[i - 1, t]


@mutant("1.1", hint="exchanged example and position")
def time_first(X, i, t):
    return X[t - 1, i - 1]


@mutant("1.1", hint="You used `X[t, i]`")
def time_first_from_one(X, i, t):
    return X[t, i]


@mutant("1.1", hint="leave out the third index")
def one_feature(X, i, t):
    return X[i - 1, t - 1, 0]


@mutant("1.1", hint="keeps its axis")
def sliced(X, i, t):
    return X[i - 1 : i, t - 1]


@mutant("1.1", hint="the whole example")
def whole_example(X, i, t):
    return X[i - 1]


@alternative("1.1")
def in_two_steps(X, i, t):
    example = X[i - 1]
    return list(example)[t - 1]


# 1.2


def counted(sequences):
    return Counter(token for sequence in sequences for token in sequence)


@mutant("1.2", hint="specials are missing")
def no_specials(sequences, min_count):
    counts = counted(sequences)
    return sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (-counts[w], w))


@mutant("1.2", hint="specials stand at the end")
def specials_last(sequences, min_count):
    return [*no_specials(sequences, min_count), *SPECIALS]


@mutant("1.2", hint="equal count must be in alphabetical order")
def ties_as_they_come(sequences, min_count):
    return [*SPECIALS, *(w for w, count in counted(sequences).most_common() if count >= min_count)]


@mutant("1.2", hint="tokens are in alphabetical order")
def alphabetical(sequences, min_count):
    counts = counted(sequences)
    return [*SPECIALS, *sorted(w for w in counts if counts[w] >= min_count)]


@mutant("1.2", hint="compare with `>=`")
def strictly_more(sequences, min_count):
    return [*SPECIALS, *no_specials(sequences, min_count + 1)]


@mutant("1.2", hint="rarest token comes first")
def rarest_first(sequences, min_count):
    counts = counted(sequences)
    return [*SPECIALS, *sorted((w for w in counts if counts[w] >= min_count), key=lambda w: (counts[w], w))]


@mutant("1.2", hint="`SPECIALS` is a tuple")
def adds_a_list_to_a_tuple(sequences, min_count):
    return SPECIALS + no_specials(sequences, min_count)


@mutant("1.2", hint="counts whole lists")
def counts_lists(sequences, min_count):
    return [*SPECIALS, *Counter(sequences)]


@mutant("1.2", hint="the first one alone")
def counts_one_sequence(sequences, min_count):
    return [*SPECIALS, *no_specials(sequences[:1], min_count)]


@mutant("1.2", hint="must be left out")
def keeps_everything(sequences, min_count):
    return [*SPECIALS, *no_specials(sequences, 1)]


@alternative("1.2")
def with_stable_sorts(sequences, min_count):
    counts = {}
    for sequence in sequences:
        for token in sequence:
            counts[token] = counts.get(token, 0) + 1
    tokens = sorted(token for token in counts if not counts[token] < min_count)
    return tuple(list(SPECIALS) + sorted(tokens, key=counts.get, reverse=True))


# 1.3


@mutant("1.3", hint="one too large")
def ids_from_one(tokens, vocabulary):
    return np.array([vocabulary.index(token) + 1 for token in tokens if token in vocabulary])


@mutant("1.3", hint="became `<PAD>`")
def unknown_is_padding(tokens, vocabulary):
    return np.array([vocabulary.index(token) if token in vocabulary else 0 for token in tokens])


@mutant("1.3", hint="disappeared")
def unknown_is_dropped(tokens, vocabulary):
    return np.array([vocabulary.index(token) for token in tokens if token in vocabulary])


@mutant("1.3", hint="`dtype=int`")
def ids_as_floats(tokens, vocabulary):
    return unknown_is_padding(tokens, vocabulary).astype(float)


@mutant("1.3", hint="a number in the place of every word")
def unknown_as_text(tokens, vocabulary):
    return np.array([vocabulary.index(token) if token in vocabulary else "<UNK>" for token in tokens])


@mutant("1.3", hint="`np.array(...)`")
def ids_in_a_list(tokens, vocabulary):
    return [vocabulary.index(token) for token in tokens]


@mutant("1.3", hint="An unknown token has the id 1")
def unknown_at_the_end(tokens, vocabulary):
    return np.array([vocabulary.index(token) if token in vocabulary else len(vocabulary) for token in tokens])


@mutant("1.3", hint="so Python raises an error")
def unknown_raises(tokens, vocabulary):
    return np.array([vocabulary.index(token) for token in tokens])


@alternative("1.3")
def with_a_dictionary(tokens, vocabulary):
    ids = dict(zip(vocabulary, range(len(vocabulary)), strict=True))
    return np.fromiter((ids.get(token, ids["<UNK>"]) for token in tokens), dtype=np.int64)


# 1.4


@mutant("1.4", hint="leave them out")
def keeps_padding(ids, vocabulary):
    words = [vocabulary[k] for k in ids]
    return words[: words.index("<EOS>")] if "<EOS>" in words else words


@mutant("1.4", hint="opens the text")
def keeps_bos(ids, vocabulary):
    words = [vocabulary[k] for k in ids]
    words = words[: words.index("<EOS>")] if "<EOS>" in words else words
    return [word for word in words if word != "<PAD>"]


@mutant("1.4", hint="stands for a real word")
def drops_every_special(ids, vocabulary):
    words = [vocabulary[k] for k in ids]
    words = words[: words.index("<EOS>")] if "<EOS>" in words else words
    return [word for word in words if word not in SPECIALS]


@mutant("1.4", hint="must not be read")
def reads_on_after_eos(ids, vocabulary):
    return [vocabulary[k] for k in ids if vocabulary[k] not in ("<PAD>", "<BOS>", "<EOS>")]


@mutant("1.4", hint="Only `<EOS>` does")
def ends_at_padding(ids, vocabulary):
    words = [vocabulary[k] for k in ids if k != 2]
    return words[: next((n for n, word in enumerate(words) if word in ("<PAD>", "<EOS>")), len(words))]


@mutant("1.4", hint="do not join")
def joined(ids, vocabulary):
    return " ".join(with_a_loop_and_break(ids, vocabulary))


@mutant("1.4", hint="Look each one up")
def returns_ids(ids, vocabulary):
    return [int(k) for k in ids]


@alternative("1.4")
def with_a_loop_and_break(ids, vocabulary):
    words = []
    for k in ids:
        if k == 3:
            break
        if k not in (0, 2):
            words.append(vocabulary[k])
    return words


# 1.5


@mutant("1.5", hint="only as long as the largest id")
def depth_from_the_batch(ids, depth):
    return np.eye(ids.max() + 1)[ids]


@mutant("1.5", hint="comes last")
def depth_in_the_middle(ids, depth):
    return np.eye(depth)[ids].transpose(0, 2, 1)


@mutant("1.5", hint="merged into one")
def batch_and_time_merged(ids, depth):
    return np.eye(depth)[ids.ravel()]


@mutant("1.5", hint="pick *rows*")
def columns_of_the_identity(ids, depth):
    return np.eye(depth)[:, ids]


@mutant("1.5", hint="too far to the left")
def ids_counted_from_one(ids, depth):
    return np.eye(depth)[ids - 1]


@alternative("1.5")
def by_comparison(ids, depth):
    return ids[..., None] == np.arange(depth)


@alternative("1.5")
def by_assignment(ids, depth):
    out = np.zeros((ids.shape[0], ids.shape[1], depth), dtype=np.float32)
    for i in range(ids.shape[0]):
        out[i, np.arange(ids.shape[1]), ids[i]] = 1
    return out


# 1.6


@mutant("1.6", hint="padding stands on the left")
def pads_left(sequences):
    T_x = max(map(len, sequences))
    X = np.array([[0] * (T_x - len(s)) + list(s) for s in sequences])
    return X, np.array([[False] * (T_x - len(s)) + [True] * len(s) for s in sequences])


@mutant("1.6", hint="*shortest* sequence")
def cuts_to_the_shortest(sequences):
    T_x = min(map(len, sequences))
    X = np.array([s[:T_x] for s in sequences])
    return X, np.ones_like(X, dtype=bool)


def padded(sequences):
    X = np.zeros((len(sequences), max(map(len, sequences))), dtype=int)
    for row, s in zip(X, sequences, strict=True):
        row[: len(s)] = s
    return X


@mutant("1.6", hint="`X != 0`")
def mask_from_values(sequences):
    X = padded(sequences)
    return X, X != 0


@mutant("1.6", hint="one True too many")
def mask_one_too_long(sequences):
    X = padded(sequences)
    return X, np.arange(X.shape[1]) <= np.array([len(s) for s in sequences])[:, None]


@mutant("1.6", hint="its *last* sequence")
def as_long_as_the_last(sequences):
    X, mask = mask_from_lengths(sequences)
    return X[:, : len(sequences[-1])], mask[:, : len(sequences[-1])]


@mutant("1.6", hint="wrong way round")
def mask_inverted(sequences):
    X = padded(sequences)
    return X, X == 0


@mutant("1.6", hint="True everywhere")
def mask_all_true(sequences):
    X = padded(sequences)
    return X, np.ones_like(X, dtype=bool)


@mutant("1.6", hint="Return two arrays")
def no_mask(sequences):
    return padded(sequences)


@mutant("1.6", hint="the mask first")
def mask_first(sequences):
    return mask_from_lengths(sequences)[::-1]


@mutant("1.6", hint="`dtype=int`")
def float_ids(sequences):
    X, mask = mask_from_lengths(sequences)
    return X.astype(float), mask


@mutant("1.6", hint="`dtype=bool`")
def float_mask(sequences):
    X, mask = mask_from_lengths(sequences)
    return X, mask.astype(float)


@alternative("1.6")
def mask_from_lengths(sequences):
    lengths = np.array([len(s) for s in sequences])
    return [padded(sequences), np.arange(lengths.max()) < lengths[:, None]]


@alternative("1.6")
def in_small_integers(sequences):
    T_x = max(len(s) for s in sequences)
    X = np.array([list(s) + [0] * (T_x - len(s)) for s in sequences], dtype=np.int16)
    return X, np.array([[True] * len(s) + [False] * (T_x - len(s)) for s in sequences])


# 1.7


@mutant("1.7", hint="Padding was averaged in")
def ignores_the_mask(values, mask):
    return values.mean(axis=1)


@mutant("1.7", hint="divided by the padded length")
def mean_of_the_product(values, mask):
    return (values * mask[..., None]).mean(axis=1)


@mutant("1.7", hint="in the whole batch")
def one_count_for_all(values, mask):
    return (values * mask[..., None]).sum(axis=1) / mask.sum()


@mutant("1.7", hint="averaged over the batch")
def over_the_batch(values, mask):
    return values.mean(axis=0)


@mutant("1.7", hint="Divide it by how many")
def masked_sum(values, mask):
    return (values * mask[..., None]).sum(axis=1)


@mutant("1.7", hint="Give the mask a third axis")
def mask_without_a_third_axis(values, mask):
    return (values * mask).sum(axis=1) / mask.sum(axis=1, keepdims=True)


@mutant("1.7", hint="Give the counts a second axis")
def counts_without_a_second_axis(values, mask):
    return (values * mask[..., None]).sum(axis=1) / mask.sum(axis=1)


@mutant("1.7", hint="leave out `keepdims`")
def keeps_the_time_axis(values, mask):
    return (values * mask[..., None]).sum(axis=1, keepdims=True) / mask.sum(axis=1)[:, None, None]


@alternative("1.7")
def example_by_example(values, mask):
    return np.stack([v[k].mean(axis=0) for v, k in zip(values, mask, strict=True)])


@alternative("1.7")
def as_einsum(values, mask):
    return np.einsum("itn,it->in", values, mask / mask.sum(axis=1, keepdims=True))


# 1.8


@mutant("1.8", hint="not to the next one")
def boundary_belongs_above(lengths, boundaries):
    return np.searchsorted(boundaries, lengths, side="right")


@mutant("1.8", hint="a bucket of their own")
def no_bucket_for_the_rest(lengths, boundaries):
    return np.minimum(np.searchsorted(boundaries, lengths), len(boundaries) - 1)


@mutant("1.8", hint="counted from 0")
def buckets_from_one(lengths, boundaries):
    return np.searchsorted(boundaries, lengths) + 1


@mutant("1.8", hint="that are *smaller*")
def counts_larger_boundaries(lengths, boundaries):
    return (lengths[:, None] <= boundaries).sum(axis=1)


@mutant("1.8", hint="are exchanged")
def searches_the_lengths(lengths, boundaries):
    return np.searchsorted(lengths, boundaries)


@mutant("1.8", hint="over the examples")
def counts_examples(lengths, boundaries):
    return (lengths[:, None] > boundaries).sum(axis=0)


@mutant("1.8", hint="Make a column")
def without_a_column(lengths, boundaries):
    return (lengths > boundaries).sum()


@mutant("1.8", hint="Count them: sum over axis 1")
def comparison_alone(lengths, boundaries):
    return lengths[:, None] > boundaries


@mutant("1.8", hint="up to and including")
def nearest_boundary(lengths, boundaries):
    return np.abs(lengths[:, None] - np.append(boundaries, boundaries[-1] + 4)).argmax(axis=1)


@alternative("1.8")
def by_counting(lengths, boundaries):
    return (lengths[:, None] > boundaries).sum(axis=1)


@alternative("1.8")
def with_next(lengths, boundaries):
    last = len(boundaries)
    return np.array([next((b for b, edge in enumerate(boundaries) if n <= edge), last) for n in lengths])
