"""Checks of lesson 01: sequence data and notation."""

from collections.abc import Iterator

import numpy as np

from utils.checks.cases import Case, exercise
from utils.text import SPECIALS

WORDS = "ant bee cat dog eel fox gnu hen ibis jay koi lynx mole newt owl pig".split()


@exercise("1.1", "Index notation")
def element(rng: np.random.Generator) -> Iterator[Case]:
    """`element(X, i, t)` is the vector at example i, position t; every number in `X` says where it stands."""
    m, T_x, n_x = 5, 6, 3
    numbers = np.ogrid[1 : m + 1, 1 : T_x + 1, 1 : n_x + 1]
    X = 100 * numbers[0] + 10 * numbers[1] + numbers[2]  # (m, T_x, n_x)
    hint = "Example $i$ stands in row `i - 1`, and within it position $t$ stands at `t - 1`."
    both = "You used `X[i, t]`. The formula counts from 1 and the array from 0, so subtract 1 from both."
    only_t = "The position is right, but the example is one too far: the first example is `X[0]`."
    only_i = "The example is right, but the position is one too far: position 1 stands at index 0."
    swapped = "You exchanged example and position. The batch axis comes first: `X[example, position]`."
    exchanged = "You used `X[t, i]`: subtract 1 from both, and put the example first: `X[example, position]`."
    whole = "This is the whole example. Choose one position of it with a second index."
    one_feature = "This is one number. The vector has all features of the position: leave out the third index."
    sliced = "The shape should be `(features,)`: use plain indices, because a slice `i-1:i` keeps its axis."
    a, b = (int(k) for k in rng.permutation([2, 3, 4])[:2])
    pairs = {
        "some example and position": (a, b),
        "the first example, first position": (1, 1),
        "another example": (b, 1),
        "another position": (1, a),
    }
    for name, (i, t) in pairs.items():
        mistakes = {
            both: X[i, t],
            only_t: X[i, t - 1],
            only_i: X[i - 1, t],
            swapped: X[t - 1, i - 1],
            exchanged: X[t, i],
            whole: X[i - 1],
            one_feature: X[i - 1, t - 1, 0],
            sliced: X[i - 1 : i, t - 1],
        }
        yield Case(name, (X, i, t), 100 * i + 10 * t + np.arange(1, n_x + 1), hint, mistakes)


@exercise("1.2", "Build a vocabulary")
def build_vocabulary(rng: np.random.Generator) -> Iterator[Case]:
    """`build_vocabulary(sequences, min_count)` lists specials, then tokens by frequency; counts are chosen here."""
    specials = list(SPECIALS)
    forgotten = "The four specials are missing at the front: start the list with `SPECIALS`."
    behind = "The specials stand at the end. `<PAD>` must be id 0, so they come first."
    alphabetical = "The tokens are in alphabetical order. Sort by falling count first, and use the alphabet for ties."
    rising = "The rarest token comes first. Sort by *falling* count, for instance by `-count`."
    ties = "Tokens of equal count must be in alphabetical order: sort by the pair `(-count, token)`."
    threshold = "A token that occurs exactly `min_count` times stays in: compare with `>=`, not with `>`."
    ignored = "Tokens that occur fewer than `min_count` times must be left out."
    one_list = "Count over *all* sequences together, not over the first one alone."
    errors = {
        "`SPECIALS` is a tuple, and Python does not add a list to it: write `list(SPECIALS)`, or `[*SPECIALS, ...]`.": (
            "can only concatenate"
        ),
        "`Counter(sequences)` counts whole lists. Count the tokens inside each: `counts.update(tokens)`.": (
            "unhashable type: 'list'"
        ),
    }

    low, middle, high = sorted(rng.permutation(WORDS)[:3].tolist())
    a = middle
    yield Case(
        "one token: the specials come first",
        ([[a, a], [a]], 1),
        [*specials, a],
        "The list is the four `SPECIALS`, then the tokens.",
        {forgotten: [a], behind: [a, *specials]},
        errors=errors,
    )
    first, second, third = middle, high, low  # falling, rising and alphabetical order all differ
    begin, rest = [third, third, second], rng.permutation([first] * 5 + [second] * 2).tolist()
    yield Case(
        "frequency decides the order",
        ([begin, rest], 1),
        [*specials, first, second, third],
        "The most frequent token comes directly after the specials, and each token stands in the list once.",
        {
            forgotten: [first, second, third],
            alphabetical: [*specials, low, middle, high],
            rising: [*specials, third, second, first],
            one_list: [*specials, third, second],
        },
    )
    yield Case(
        "ties are in alphabetical order",
        ([[high, low], [middle, low, high, middle]], 1),
        [*specials, low, middle, high],
        ties,
    )
    tokens = rng.permutation([first] * 4 + [second] * 3 + [third] * 2).tolist()
    yield Case(
        "rare tokens are left out",
        ([tokens[:5], tokens[5:]], 3),
        [*specials, first, second],
        ignored,
        {threshold: [*specials, first], ignored: [*specials, first, second, third]},
    )


@exercise("1.3", "Tokens to ids")
def encode(rng: np.random.Generator) -> Iterator[Case]:
    """`encode(tokens, vocabulary)` inverts a list; the ids are drawn here and the tokens looked up."""
    vocabulary = [*SPECIALS, *rng.permutation(WORDS)[:8].tolist()]
    size = len(vocabulary)
    hint = "The id of a token is its place in the list `vocabulary`, counted from 0."
    from_one = "The ids are one too large: the first entry of the vocabulary, `<PAD>`, has the id 0."
    as_pad = "An unknown token became `<PAD>` (0). It has to become `<UNK>` (1): padding means that there is no token."
    missing = (
        "A token that is not in the vocabulary has no place in it, so Python raises an error. Ask first whether it is "
        "there (`token in vocabulary`), and give it the id 1 if not."
    )
    dropped = "An unknown token disappeared. Keep its place, with the id of `<UNK>`, or later tokens move forward."
    ids = rng.permutation(np.arange(4, size))[:5]
    known = [vocabulary[k] for k in ids]
    yield Case("known tokens", (known, vocabulary), ids, hint, {from_one: ids + 1})
    repeated = ids[[0, 1, 0, 2, 2]]
    yield Case("a token that comes twice", ([vocabulary[k] for k in repeated], vocabulary), repeated, hint)
    with_unknown = ids.copy()
    with_unknown[2] = 1
    tokens = [*known[:2], "zebra", *known[3:]]
    mistakes = {as_pad: np.where(with_unknown == 1, 0, with_unknown), dropped: np.delete(ids, 2)}
    yield Case(
        "an unknown token",
        (tokens, vocabulary),
        with_unknown,
        "An unknown token has the id 1.",
        mistakes,
        errors={missing: "is not in list|KeyError|not in tuple"},
    )
    ends = np.array([2, ids[0], 3])
    yield Case("special tokens are tokens too", (["<BOS>", known[0], "<EOS>"], vocabulary), ends, hint)


@exercise("1.4", "Ids to tokens")
def decode(rng: np.random.Generator) -> Iterator[Case]:
    """`decode(ids, vocabulary)` gives back the tokens that stand before `<EOS>`."""
    vocabulary = [*SPECIALS, *rng.permutation(WORDS)[:8].tolist()]
    a, b, c, d = (int(k) for k in rng.permutation(np.arange(4, len(vocabulary)))[:4])
    words = [vocabulary[k] for k in (a, b, c)]
    kept = "`<PAD>`, `<BOS>` and `<EOS>` are not part of the text: leave them out."
    unknown = "`<UNK>` stands for a real word that the vocabulary does not know, so it stays in the text."
    after = "The text ends at the first `<EOS>`. What a model writes after it must not be read."
    numbers = "These are ids. Look each one up: `vocabulary[k]`."
    yield Case("words", (np.array([a, b, c]), vocabulary), words, numbers)
    yield Case(
        "padding at the end",
        (np.array([a, b, c, 0, 0]), vocabulary),
        words,
        kept,
        {kept: [*words, "<PAD>", "<PAD>"]},
    )
    yield Case(
        "<BOS> and <EOS>",
        (np.array([2, a, b, c, 3, 0]), vocabulary),
        words,
        kept,
        {"`<BOS>` opens the text but is not a part of it: leave it out.": ["<BOS>", *words]},
    )
    yield Case(
        "an <UNK> stays",
        (np.array([2, a, 1, c, 3]), vocabulary),
        [words[0], "<UNK>", words[2]],
        unknown,
        {unknown: [words[0], words[2]]},
    )
    stops = "`<PAD>` is left out, but it does not end the text. Only `<EOS>` does: go on after a `<PAD>`."
    yield Case("padding before a word", (np.array([0, 2, a, 0, b, 3]), vocabulary), words[:2], stops)
    yield Case("nothing after <EOS>", (np.array([2, a, b, c, 3, d, a, 3]), vocabulary), words, after)


@exercise("1.5", "One-hot vectors")
def one_hot(rng: np.random.Generator) -> Iterator[Case]:
    """`one_hot(ids, depth)`: the oracle places each 1 with a loop."""
    m, T_x, depth = 2, 4, 7
    hint = "Each id becomes a vector of `depth` zeros with a single 1 at the place of the id."
    too_small = (
        "The vectors are only as long as the largest id of this batch asks for. Make them `depth` long: the next "
        "batch may hold larger ids."
    )
    transposed = "The axes are `(batch, time, depth)`: the axis of the vocabulary comes last."
    flat = "The batch axis and the time axis are merged into one. Keep the shape of `ids` and add one axis at the end."
    shifted = "The 1 stands one place too far to the left: id 0 belongs to place 0."
    first_axis = "The axis of the vocabulary comes first here. It belongs last: pick *rows* of `np.eye(depth)`."
    for name, ids in (
        ("one example", rng.integers(1, depth - 2, size=(1, T_x))),
        ("a batch", rng.integers(1, depth - 2, size=(m, T_x))),
        ("the id 0 and the largest id", np.array([[0, depth - 1, 1]])),
    ):
        expected = np.zeros((*ids.shape, depth))
        for place in np.ndindex(ids.shape):
            expected[(*place, ids[place])] = 1
        mistakes = {
            too_small: expected[..., : ids.max() + 1] if ids.max() + 1 < depth else None,
            transposed: expected.transpose(0, 2, 1),
            flat: expected.reshape(-1, depth),
            shifted: np.roll(expected, -1, axis=-1),
            first_axis: expected.transpose(2, 0, 1),
        }
        yield Case(name, (ids, depth), expected, hint, {h: v for h, v in mistakes.items() if v is not None})


@exercise("1.6", "Pad a batch, and its mask")
def pad(rng: np.random.Generator) -> Iterator[Case]:
    """`pad(sequences)` gives `(X, mask)`; the oracle cuts random arrays at known lengths."""
    shape = "Return two arrays of shape `(batch, time)`: the padded batch and its mask."
    left = "The padding stands on the left. Fill up on the right: each sequence begins at column 0."
    cut = "The batch is as long as its *shortest* sequence, so tokens are lost. Make it as long as the longest."
    inverted = "The mask is the wrong way round: True where there is a token, False where there is padding."
    by_value = (
        "The mask says False at a real 0. It must come from the lengths: a 0 can be a measured value, so `X != 0` "
        "does not tell padding from data."
    )
    all_true = "The mask is True everywhere, but the padded positions are not real."
    exchanged = "You returned the mask first. The order is `X, mask`."
    one_more = "The mask has one True too many in each row: position `length` is padding already. Compare with `<`."
    by_last = (
        "The batch is as long as its *last* sequence. Make it as long as the longest: take the `max` of all lengths."
    )

    def case(name, lengths, hint, zeros=False):
        T_x = max(lengths)
        mask = np.arange(T_x) < np.array(lengths)[:, None]  # (batch, time)
        X = np.where(mask, rng.integers(4, 30, size=mask.shape), 0)
        if zeros:
            X[:, 1] = 0
        sequences = [row[:length].tolist() for row, length in zip(X, lengths, strict=True)]
        flipped = np.array([np.roll(row, T_x - length) for row, length in zip(X, lengths, strict=True)])
        flipped_mask = np.array([np.roll(row, T_x - length) for row, length in zip(mask, lengths, strict=True)])
        short = min(lengths)
        mistakes = {
            left: (flipped, flipped_mask),
            cut: (X[:, :short], mask[:, :short]),
            inverted: (X, ~mask),
            by_value: (X, X != 0),
            all_true: (X, np.ones_like(mask)),
            exchanged: (mask, X),
            one_more: (X, np.arange(T_x) <= np.array(lengths)[:, None]),
            by_last: (X[:, : lengths[-1]], mask[:, : lengths[-1]]),
        }
        return Case(name, (sequences,), (X, mask), hint, mistakes)

    yield case("equal lengths", [3, 3], shape)
    yield case("different lengths", [2, 5, 3], shape)
    yield case("one sequence", [4], "A batch of one sequence has the shape `(1, time)`.")
    yield case("a real 0 inside", [3, 5], by_value, zeros=True)


@exercise("1.7", "Masked mean")
def masked_mean(rng: np.random.Generator) -> Iterator[Case]:
    """`masked_mean(values, mask)`: the oracle averages each example's real part by itself."""
    T_x, n = 6, 3
    all_positions = "Padding was averaged in. Multiply by the mask first, so that padded positions add 0."
    wrong_count = (
        "The sum is right, but you divided by the padded length. Divide by the number of real positions of each "
        "example: `mask.sum(axis=1)`."
    )
    batch_count = (
        "You divided by the number of real positions in the whole batch. Each example has a count of its own: "
        "sum the mask over axis 1 only."
    )
    batch_axis = "You averaged over the batch (axis 0). Average over the time (axis 1)."
    no_mean = "This is the sum over the real positions. Divide it by how many there are."
    kept = "The shape should be `(batch, n)`, not `(batch, 1, n)`: leave out `keepdims` when you sum the values."
    errors = {
        "`mask` has the shape `(batch, time)` and `values` has `(batch, time, n)`. Give the mask a third axis, so that "
        "it multiplies all features of a position: `mask[..., None]`.": rf"broadcast.*\d+,{T_x},{n}\) \(\d+,{T_x}\)",
        "The sums have the shape `(batch, n)` and the counts `(batch,)`. Give the counts a second axis: "
        "`mask.sum(axis=1, keepdims=True)`.": rf"broadcast.*\(\d+,{n}\) \(\d+,\)",
    }
    hint = "Sum `values` over the real positions, and divide by their number, example by example."

    def case(name, lengths, junk=1.0):
        m = len(lengths)
        mask = np.arange(T_x) < np.array(lengths)[:, None]  # (batch, time)
        values = rng.normal(size=(m, T_x, n)).round(2)
        values[~mask] = junk
        expected = np.array([row[:length].mean(axis=0) for row, length in zip(values, lengths, strict=True)])
        total = np.array([row[:length].sum(axis=0) for row, length in zip(values, lengths, strict=True)])
        mistakes = {
            all_positions: values.mean(axis=1),
            wrong_count: total / T_x,
            batch_count: total / sum(lengths),
            batch_axis: values.mean(axis=0),
            no_mean: total,
            kept: expected[:, None],
        }
        return Case(name, (values, mask), expected, hint, mistakes, errors=errors)

    yield case("no padding, one example", [T_x])
    yield case("padding", [4, 3])
    yield case("large numbers in the padding", [3, 5, 4], junk=1e4)
    yield case("one real position", [1, T_x])


@exercise("1.8", "Length buckets")
def bucket_ids(rng: np.random.Generator) -> Iterator[Case]:
    """`bucket_ids(lengths, boundaries)`: lengths are drawn inside buckets chosen here."""
    boundaries = np.cumsum(rng.integers(2, 5, size=3)) + 2
    edges = [0, *boundaries.tolist(), int(boundaries[-1]) + 6]
    hint = "Bucket 0 holds the lengths up to and including `boundaries[0]`, bucket 1 the next ones, and so on."
    exclusive = "A length equal to a boundary still belongs to that bucket (`<=`), not to the next one."
    no_last = (
        "Lengths above the last boundary need a bucket of their own: with 3 boundaries there are 4 buckets, 0 to 3."
    )
    from_one = "Buckets are counted from 0."
    larger = "You counted the boundaries that are larger. The bucket is the number of boundaries that are *smaller*."
    swapped = "The arguments of `np.searchsorted` are exchanged: the sorted boundaries come first, then the lengths."
    over_examples = "You counted over the examples. Each example needs its own number: sum over axis 1."
    column = (
        "Lengths and boundaries do not fit together. Make a column of the lengths: `lengths[:, None] > boundaries` "
        "has the shape `(examples, buckets - 1)`."
    )
    not_summed = "This says for each boundary whether it is smaller. Count them: sum over axis 1."
    chosen = rng.permutation([0, 0, 1, 1, 2, 2])
    lengths = np.array([int(rng.integers(edges[b] + 1, edges[b + 1])) for b in chosen])
    smaller = np.arange(3) < chosen[:, None]  # whether a boundary is smaller than a length: (examples, 3)
    mistakes = {
        from_one: chosen + 1,
        larger: 3 - chosen,
        not_summed: smaller,
        over_examples: smaller.sum(axis=0),
        swapped: np.searchsorted(lengths, boundaries),
    }
    yield Case(
        "inside the buckets", (lengths, boundaries), chosen, hint, mistakes, errors={column: "could not be broadcast"}
    )
    order = rng.permutation(3)
    yield Case("exactly on a boundary", (boundaries[order], boundaries), order, exclusive)
    above = boundaries[-1] + rng.integers(1, 9, size=2)
    yield Case("longer than every boundary", (above, boundaries), np.array([3, 3]), no_last)
