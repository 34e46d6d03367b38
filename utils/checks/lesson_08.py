"""Checks of lesson 08: encoder–decoder.

The oracles go through one sentence, one position and one hypothesis at a time, in NumPy or in plain Python; BLEU's
counts come from `sacrebleu`.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain

import numpy as np

from utils.checks.cases import Case, exercise

PAD, UNK, BOS, EOS = range(4)
Weights = Mapping[str, np.ndarray]


def _different(mistakes: Mapping, right) -> dict:
    """The mistakes whose value is not the right one; where a value is, the mistake cannot be seen in this case."""

    def same(one, other):
        if isinstance(one, tuple | list) or isinstance(other, tuple | list):
            return (
                isinstance(one, tuple | list)
                and isinstance(other, tuple | list)
                and len(one) == len(other)
                and all(same(a, b) for a, b in zip(one, other, strict=True))
            )
        return np.shape(one) == np.shape(other) and np.allclose(one, other, equal_nan=True)

    return {hint: value for hint, value in mistakes.items() if not same(value, right)}


@exercise("8.1", "Teacher-forcing arrays")
def teacher_forcing(rng: np.random.Generator) -> Iterator[Case]:
    """One pair first, then pairs of different lengths on both sides, then the reversed source."""
    five = (
        "Return five arrays in this order: `source, source_mask, target_in, target_out, target_mask`. `pad` makes an "
        "array and its mask of a list of lists."
    )
    exchanged = (
        "`target_in` and `target_out` are exchanged: the decoder *reads* `<BOS>` and the words, and has to *say* the "
        "words and `<EOS>`."
    )
    sides = "The two sides are exchanged: the source comes first."
    no_bos = "`target_in` does not begin with `<BOS>`. The first word is said after `<BOS>`: put the id 2 in front."
    no_eos = (
        "`target_out` does not end with `<EOS>`. The decoder must learn where to stop: put the id 3 behind the last "
        "word of each target, before you pad."
    )
    not_shifted = "`target_in` and `target_out` are the same. What is said at a position is read at the *next* one."
    short = "`target_mask` is one position too short: `<EOS>` is to be said as well, so it counts."
    eos_read = (
        "`target_in` holds `<EOS>`: you cut the last column off padded rows, and in a shorter one that is padding. Pad "
        "`[BOS, *target]` by itself."
    )
    source_marked = "The source has `<BOS>` or `<EOS>`. Here it is encoded as it is: only the target gets them."
    all_true = "A mask is True everywhere. At padded positions it is False; `pad` returns it."
    one_width = (
        "Both sides have the same width. They are two arrays of their own: the source is as wide as the longest "
        "source, the target as the longest target and one more."
    )
    ignored = "With `reverse=True` nothing is reversed."
    always = "The sources are reversed although `reverse` is False."
    late = (
        "You reversed the padded array, so the padding came to the front. Reverse each list, `sentence[::-1]`, before "
        "you pad."
    )
    both = "The target is reversed, too. Only the source is read backwards; the target is said from its first word."
    order = "The order of the pairs is reversed. Keep the pairs where they are, and reverse each source by itself."
    misplaced = (
        "A mask stands where ids belong. The order is `source, source_mask, target_in, target_out, target_mask`."
    )
    eos_in = "`target_in` ends with `<EOS>`. That is said and not read: `target_in` is `<BOS>` and the words."
    bos_out = "`target_out` begins with `<BOS>`. That is read and not said: `target_out` is the words and `<EOS>`."
    specials = "`<BOS>` and `<EOS>` are exchanged: `target_in` begins with `BOS` (2), `target_out` ends with `EOS` (3)."
    cut = "The last word of the target is missing in `target_in`, which is `<BOS>` and *all* words."
    errors = {
        "A list and a number do not add: `[BOS, *target]` is a new list with `BOS` in front.": (
            "can only concatenate|unsupported operand"
        ),
        "The rows have different lengths, and NumPy makes no array of them. `pad` does.": "inhomogeneous",
    }

    def padded(rows, width):
        ids, mask = np.zeros((len(rows), width), int), np.zeros((len(rows), width), bool)
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = row, True
        return ids, mask

    def case(name, source_lengths, target_lengths, reverse, hint=five):
        sources = [rng.integers(4, 30, size=n).tolist() for n in source_lengths]
        targets = [rng.integers(4, 30, size=n).tolist() for n in target_lengths]
        T_x, T_y = max(source_lengths), max(target_lengths) + 1
        read = [s[::-1] if reverse else s for s in sources]
        x, x_mask = padded(read, T_x)
        y_in, y_mask = padded([[BOS, *t] for t in targets], T_y)
        y_out, _ = padded([[*t, EOS] for t in targets], T_y)
        bare, bare_mask = padded(targets, T_y)
        both_ends, both_mask = padded([[BOS, *t, EOS] for t in targets], T_y + 1)
        forward, forward_mask = padded(sources, T_x)
        backward, _ = padded([s[::-1] for s in sources], T_x)
        wide = max(T_x, T_y)
        alone = np.zeros_like(bare)
        alone[:, -1] = EOS
        x_eos, x_eos_mask = padded([[*s, EOS] for s in read], T_x + 1)
        x_bos, x_bos_mask = padded([[BOS, *s] for s in read], T_x + 1)
        x_both, x_both_mask = padded([[BOS, *s, EOS] for s in read], T_x + 2)
        right = (x, x_mask, y_in, y_out, y_mask)
        short_in, _ = padded([[BOS, *t[:-1]] for t in targets], T_y - 1)
        turned = [t[::-1] for t in targets]
        mistakes = {
            exchanged: (x, x_mask, y_out, y_in, y_mask),
            f"{exchanged} (The masks stand at the end.)": (x, x_mask, y_mask, y_in, y_out),
            f"{five} (The masks are not where they should be.)": (x, y_in, y_out, x_mask, y_mask),
            misplaced: (x, x_mask, y_in, y_mask, y_out),
            f"{misplaced} (The source and its mask are exchanged, in yours.)": (x_mask, x, y_in, y_out, y_mask),
            sides: (y_in, y_out, y_mask, x, x_mask),
            eos_in: (x, x_mask, both_ends, y_out, y_mask),
            f"{eos_in} (So the mask is too wide as well.)": (x, x_mask, both_ends, y_out, both_mask),
            bos_out: (x, x_mask, y_in, both_ends, y_mask),
            f"{bos_out} (So the mask is too wide as well.)": (x, x_mask, y_in, both_ends, both_mask),
            specials: (x, x_mask, np.where(y_in == BOS, EOS, y_in), np.where(y_out == EOS, BOS, y_out), y_mask),
            cut: (x, x_mask, y_in[:, :-1], y_out, y_mask),
            f"{cut} (Each target is cut by itself, in yours.)": (x, x_mask, short_in, y_out, y_mask),
            f"{cut} (And `<EOS>` is missing in `target_out`.)": (x, x_mask, short_in, bare[:, :-1], bare_mask[:, :-1]),
            no_bos: (x, x_mask, bare, y_out, y_mask),
            f"{no_bos} (And it is one column too narrow.)": (x, x_mask, bare[:, :-1], y_out, y_mask),
            no_eos: (x, x_mask, y_in, bare, y_mask),
            f"{no_eos} (And it is one column too narrow.)": (x, x_mask, y_in, bare[:, :-1], y_mask),
            f"{no_eos} (It and the mask are one column too narrow.)": (
                x,
                x_mask,
                y_in,
                bare[:, :-1],
                bare_mask[:, :-1],
            ),
            f"{no_eos} (It stands behind the padding.)": (x, x_mask, y_in, np.where(alone, alone, bare), y_mask),
            not_shifted: (x, x_mask, y_in, y_in, y_mask),
            f"{not_shifted} (`<BOS>` is only read, `<EOS>` only said.)": (x, x_mask, both_ends, both_ends, both_mask),
            f"{short} (It has the mask of the bare target.)": (x, x_mask, y_in, y_out, bare_mask),
            f"{short} (And it is one column too narrow.)": (x, x_mask, y_in, y_out, bare_mask[:, :-1]),
            eos_read: (x, x_mask, both_ends[:, :-1], y_out, y_mask),
            source_marked: (x_eos, x_eos_mask, y_in, y_out, y_mask),
            f"{source_marked} (Yours begins with `<BOS>`.)": (x_bos, x_bos_mask, y_in, y_out, y_mask),
            f"{source_marked} (Yours has both.)": (x_both, x_both_mask, y_in, y_out, y_mask),
            all_true: (x, np.ones_like(x_mask), y_in, y_out, y_mask),
            f"{all_true} (The source has such a mask, too.)": (x, x_mask, y_in, y_out, np.ones_like(y_mask)),
            f"{all_true} (Both are.)": (x, np.ones_like(x_mask), y_in, y_out, np.ones_like(y_mask)),
            one_width: (
                *padded(read, wide),
                *(padded(rows, wide)[0] for rows in ([[BOS, *t] for t in targets], [[*t, EOS] for t in targets])),
                padded([[BOS, *t] for t in targets], wide)[1],
            ),
            (ignored if reverse else always): (forward if reverse else backward, forward_mask, y_in, y_out, y_mask),
            late: (forward[:, ::-1], forward_mask, y_in, y_out, y_mask),
            f"{late} (And the mask as well.)": (forward[:, ::-1], forward_mask[:, ::-1], y_in, y_out, y_mask),
            both: (
                x,
                x_mask,
                padded([[BOS, *t] for t in turned], T_y)[0],
                padded([[*t, EOS] for t in turned], T_y)[0],
                y_mask,
            ),
            order: (forward[::-1], forward_mask[::-1], y_in, y_out, y_mask),
        }
        names = ("sources", "targets", "reverse")
        return Case(
            name, (sources, targets, reverse), right, hint, _different(mistakes, right), errors=errors, names=names
        )

    yield case("one pair", [3], [2], False)
    yield case("pairs of different lengths", [4, 2, 3], [2, 6, 3], False)
    yield case("reversed sources", [4, 4], [3, 2], True, ignored)
    yield case("sources of different lengths reversed", [2, 5, 3], [4, 3, 1], True, late)


def gru(x: np.ndarray, a: np.ndarray, weights: Weights) -> np.ndarray:
    """One step of a GRU for one example, in Keras' default form; x (n_x,), a (n_a,), in float64."""
    z_x, r_x, h_x = np.split(x.astype(float) @ weights["kernel"] + weights["bias"][0], 3)
    z_a, r_a, h_a = np.split(a.astype(float) @ weights["recurrent_kernel"] + weights["bias"][1], 3)
    z, r = 1 / (1 + np.exp(-z_x - z_a)), 1 / (1 + np.exp(-r_x - r_a))
    return z * a + (1 - z) * np.tanh(h_x + r * h_a)


def _gru_weights(rng: np.random.Generator, n_x: int, n_a: int) -> dict[str, np.ndarray]:
    return {
        "kernel": rng.normal(size=(n_x, 3 * n_a)).astype("float32"),
        "recurrent_kernel": rng.normal(size=(n_a, 3 * n_a)).astype("float32"),
        "bias": rng.normal(size=(2, 3 * n_a)).astype("float32"),
    }


def _read(source: np.ndarray, mask: np.ndarray, weights: Weights, start: float = 0.0) -> np.ndarray:
    """Every state of an encoder, one sentence at a time; the mask decides what is read, the others keep the state."""
    n_a = len(weights["recurrent_kernel"])
    states = np.zeros((*source.shape, n_a))
    for i, t in np.ndindex(*source.shape):
        before = states[i, t - 1] if t else np.full(n_a, start)
        states[i, t] = gru(weights["table"][source[i, t]], before, weights) if mask[i, t] else before
    return states


@exercise("8.2", "The encoder")
def encode(rng: np.random.Generator) -> Iterator[Case]:
    """One position, several, and padding; the oracle reads one sentence at a time and stops at its end."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    n_words, n_e, n_a = 9, 3, 4
    weights = {
        "table": rng.normal(size=(n_words, n_e)).astype("float32"),
        **_gru_weights(rng, n_e, n_a),
    }
    hint = (
        "Start from a state of zeros, `(batch, n_a)`. At each position look the words up, make one `gru_step`, and "
        "keep "
        "the old state where the mask is False. Return the last state."
    )
    padding = (
        "The padding was read. Where the mask is False the old state stays: `ops.where(mask[:, t, None], new, h)`."
    )
    erased = (
        "At padded positions your state becomes 0, and the sentence is forgotten. It has to *stay*: choose between the "
        "new and the old state with `ops.where`."
    )
    turned = (
        "No step was made: the result is the first state. Either the two sides of your `ops.where` are exchanged (the "
        "*new* state where the mask is True, the old one elsewhere), or the loop leaves a position out: it goes over "
        "`range(source.shape[1])`."
    )
    every = "These are the states of all positions. The context is the last one alone."
    mean = "This is a mean of the states. The context is the *last* state."
    first = "Only one position was read. The loop goes over all of them: `for t in range(source.shape[1])`."
    early = "The last position was not read: `range(source.shape[1])` ends with it."
    stuck = (
        "Every step starts from the same state. The state that a step returns goes into the next one: `h = ` the new "
        "state, at the end of each turn."
    )
    backwards = "The sentence was read from its end. Here `t` runs from 0 upwards."
    ones = "The first state is not 0."
    errors = {
        "Two kinds of numbers do not mix: `np.zeros` makes float64. `ops.zeros` makes float32, as the weights are.": (
            "double|float64"
        ),
        "One position of all sentences is `source[:, t]`, its mask `mask[:, t]`.": "is not in \\[|out of bounds",
        "The mask of one position has the shape `(batch,)`, a state `(batch, n_a)`. Give the mask a last axis: "
        "`mask[:, "
        "t, None]`.": rf"Incompatible shapes|broadcast|dimensions must be equal, but are \d and {n_a}",
        "Is your first state `(batch, n_a)`? `n_a` is `weights['recurrent_kernel'].shape[0]`; the second number is "
        "`3 n_a`.": rf"\[\d+, ?{3 * n_a}\], ?(In\[1\]: )?\[{n_a}, ?{3 * n_a}\]|{3 * n_a} vs\.? {n_a}\b",
        "A product does not fit. What goes into `gru_step` is `(batch, n_e)` and `(batch, n_a)`: look the words up "
        "first, `ops.take(weights['table'], source[:, t], axis=0)`.": (
            "matmul|core dimension|not aligned|dimension|Matrix size|ndims"
        ),
    }

    def case(name, lengths, hint=hint):
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        source = np.where(mask, rng.integers(4, n_words, size=mask.shape), PAD)
        states = _read(source, mask, weights)
        right = states[:, -1]
        all_read = _read(source, np.ones_like(mask), weights)
        last = np.ones(mask.shape[1], bool)
        last[:-1] = False
        zeros = np.zeros_like(right)
        for t in range(mask.shape[1]):
            new = np.array([gru(weights["table"][k], h, weights) for k, h in zip(source[:, t], zeros, strict=True)])
            zeros = np.where(mask[:, t, None], new, 0)
        mistakes = {
            padding: all_read[:, -1],
            every: states,
            f"{every} (The mask of a position is `mask[:, t, None]`.)": all_read,
            erased: zeros,
            turned: _read(source, ~mask, weights)[:, -1],
            mean: states.mean(axis=1),
            f"{mean} (Of all positions, padding as well.)": all_read.mean(axis=1),
            first: states[:, 0],
            early: states[:, -2] if mask.shape[1] > 1 else states[:, 0],
            stuck: _read(source[:, -1:], mask[:, -1:], weights)[:, -1],
            backwards: _read(source[:, ::-1], mask[:, ::-1], weights)[:, -1],
            ones: _read(source, mask, weights, start=1.0)[:, -1],
        }
        return Case(
            name,
            (source.astype("int32"), mask, weights),
            right,
            hint,
            _different(mistakes, right),
            errors=errors,
            tolerance=1e-4,
            names=("source", "mask", "weights"),
        )

    yield case("one word", [1, 1])
    yield case("sentences of equal length", [4, 4, 4])
    yield case("padding", [2, 5, 3], padding)
    yield case("one sentence", [3], "One sentence is still a batch: the context has the shape `(1, n_a)`.")


COMPILED = (
    "With arrays it works; inside a compiled function it does not. There the arrays are placeholders: use the "
    "functions of `ops` (`ops.take`, `ops.concatenate`, `ops.transpose`, `ops.where` …), and neither NumPy, nor "
    "`table[word]`, nor `.T`, nor methods of arrays such as `.argmax()`."
)


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _decode(
    word: np.ndarray,
    s: np.ndarray,
    C: np.ndarray,
    weights: Weights,
    *,
    into: str = "eC",
    out: str = "seC",
    old: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the read-out, the scores and the new state are; the keywords put parts in another order, or in as 0."""
    reads, scores, states = [], [], []
    for k, s_i, C_i in zip(word, s.astype(float), C.astype(float), strict=True):
        parts = {"s": s_i, "e": weights["table"][k].astype(float), "C": C_i}
        parts |= {key.lower() if key == "C" else key.upper(): 0 * part for key, part in parts.items()}
        new = gru(np.concatenate([parts[key] for key in into]), s_i, weights)
        parts["s"] = s_i if old else new
        u = np.concatenate([parts[key] for key in out]) @ weights["readout"] + weights["readout_bias"]
        reads.append(u)
        scores.append(weights["table"] @ u + weights["out_bias"])
        states.append(new)
    return np.array(reads), np.array(scores), np.array(states)


@exercise("8.3", "One step of the decoder")
def decoder_step(rng: np.random.Generator) -> Iterator[Case]:
    """One step, from the word alone to all together; the oracle takes one sentence at a time."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    n_words, n_e, n_a, m = 9, 3, 4, 5
    weights = {
        "table": rng.normal(size=(n_words, n_e)),
        **_gru_weights(rng, n_e + n_a, n_a),
        "readout": rng.normal(size=(2 * n_a + n_e, n_e)),
        "readout_bias": rng.normal(size=n_e),
        "out_bias": rng.normal(size=n_words),
    }
    weights = {name: w.astype("float32") for name, w in weights.items()}
    word = rng.integers(2, n_words, size=m).astype("int32")
    s, C = (rng.normal(size=(m, n_a)).astype("float32") for _ in range(2))
    nothing = np.zeros_like(s)

    form = (
        "Return two things: the scores `(batch, n_words)`, and the list `[s, C]` with the new state and the context, "
        "which the next step needs."
    )
    swapped = "You returned the state first. The scores come first: `return scores, [s, C]`."
    no_context = "The context is missing from what you returned as state. The next step needs it too: `[s, C]`."
    old_returned = "You returned the old state. The next step has to go on from the new one."
    only = "You returned the scores alone. The loop also needs the state, to go on: `return scores, [s, C]`."
    from_old = "The read-out uses the state *before* the step. Make the step first, and read out the new state."
    cell_order = (
        "The input of the cell is in another order. It is the word's row first, then the context: `ops.concatenate([e, "
        "C], axis=-1)`."
    )
    out_order = "The parts of the read-out are in another order. They are the new state, the word's row, the context."
    cell_blind = "The context does not enter the cell. Its input is the word's row *and* `C`."
    out_blind = "The context is missing in the read-out: `ops.concatenate([s, e, C], axis=-1)`."
    out_wordless = "The word before is missing in the read-out: `ops.concatenate([s, e, C], axis=-1)`."
    readout_only = (
        "These are the numbers of the read-out, one for each number of an embedding. The score of a word is their "
        "product with its row of the table: `u @ ops.transpose(table) + out_bias`."
    )
    no_out_bias = "The bias of the scores has no effect: add `out_bias`."
    no_readout_bias = "The bias of the read-out has no effect: add `readout_bias`."
    with_tanh = "The read-out has a `tanh`. Here it is a product and a sum, nothing more."
    context_lost = (
        "The list that you returned holds the new state twice. Its second entry is the context `C`, as it came in."
    )
    list_turned = "The list that you returned is turned round: first the new state, then the context, `[s, C]`."
    probabilities = (
        "These are probabilities. Return the scores as they are; whoever needs probabilities applies the softmax."
    )
    chosen = "The word is chosen later, in the loop. Return the scores of all words."
    errors = {
        "A word is a row of the table: `ops.take(weights['table'], word, axis=0)`.": r"is not in \[|out of bounds",
        "The scores need the table transposed: `u` is `(batch, n_e)`, the table `(n_words, n_e)`. Write "
        "`ops.transpose(weights['table'])`.": rf"(?=.*\b{n_e}\b)(?=.*\b{n_words}\b)",
        "A product does not fit. Put the parts side by side along the last axis before you multiply: the cell reads "
        "`[e, C]` with `n_e + n_a` numbers, the read-out `[s, e, C]` with `2 n_a + n_e`.": (
            "matmul|core dimension|not aligned|dimension|incompatible|Matrix size|ndims|shape"
        ),
    }

    def wrong(s, C):
        u, scores, new = _decode(word, s, C, weights)
        good = [new, C]

        def other(**how):
            _, its_scores, its_state = _decode(word, s, C, weights, **how)
            return its_scores, [its_state, C]

        table, out_bias = weights["table"], weights["out_bias"]
        mistakes = {
            swapped: (good, scores),
            f"{swapped} (And it is a list of two.)": (new, scores),
            no_context: (scores, new),
            f"{no_context} (Yours is a list of one.)": (scores, [new]),
            f"{no_context} (You returned three values; two of them belong together.)": (scores, new, C),
            old_returned: (scores, [s, C]),
            context_lost: (scores, [new, new]),
            list_turned: (scores, [C, new]),
            only: scores,
            from_old: other(old=True),
            cell_order: other(into="Ce"),
            f"{cell_order} (And so it is in the read-out.)": other(into="Ce", out="sCe"),
            out_order: other(out="sCe"),
            f"{out_order} (Yours begins with the word.)": other(out="esC"),
            f"{out_order} (Yours begins with the context.)": other(out="Cse"),
            f"{out_order} (Yours is turned round.)": other(out="Ces"),
            f"{out_order} (Word, context, state are yours.)": other(out="eCs"),
            cell_blind: other(into="ec"),
            f"{cell_blind} (You gave it the state a second time.)": (
                _decode(word, s, s, weights, out="seC")[1],
                [_decode(word, s, s, weights)[2], C],
            ),
            out_blind: other(out="sec"),
            f"{out_blind} (You gave it the state a second time.)": other(out="ses"),
            out_wordless: other(out="sEC"),
            readout_only: (u, good),
            no_out_bias: (scores - out_bias, good),
            no_readout_bias: ((u - weights["readout_bias"]) @ table.T + out_bias, good),
            with_tanh: (np.tanh(u) @ table.T + out_bias, good),
            probabilities: (_softmax(scores), good),
            f"{probabilities} (Yours are their logarithms.)": (np.log(_softmax(scores)), good),
            chosen: (scores.argmax(axis=-1), good),
        }
        return (scores, good), _different(mistakes, (scores, good))

    names = ("word", "state", "weights")
    for name, s_0, C_0, hint in (
        ("the word alone", nothing, nothing, f"Here state and context are 0, so only the word counts. {form}"),
        ("a word and a state", s, nothing, "The step starts from the state `s` that came in, and returns the new one."),
        ("word, state and context", s, C, f"The context enters the cell *and* the read-out. {form}"),
    ):
        right, mistakes = wrong(s_0, C_0)
        yield Case(name, (word, [s_0, C_0], weights), right, hint, mistakes, errors=errors, tolerance=1e-4, names=names)
    _, scores, new = _decode(word[:1], s[:1], C[:1], weights)
    yield Case(
        "a batch of one",
        (word[:1], [s[:1], C[:1]], weights),
        (scores, [new, C[:1]]),
        "A batch of one is still a batch: scores `(1, n_words)`, state and context `(1, n_a)`.",
        tolerance=1e-4,
        names=names,
    )
    _, scores, new = _decode(word, s, C, weights)
    yield Case(
        "inside a compiled function",
        (word, [s, C], weights),
        (scores, [new, C]),
        COMPILED,
        errors={COMPILED: ""},
        tolerance=1e-4,
        compiled=True,
        names=names,
    )


@exercise("8.4", "The masked loss")
def masked_loss(rng: np.random.Generator) -> Iterator[Case]:
    """One position, many, padding, large scores, and compiled; the oracle adds up real positions one by one."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    hint = "Minus the mean of log softmax at the right word, over the real positions of all sentences together."
    total = "You did not divide: this is the sum over the real positions. Divide by the number of True in the mask."
    padding = (
        "Padded positions were counted, in the sum and in the number. Put 0 in their place, and divide by `mask`'s sum."
    )
    divided = "The sum is right, but it was divided by the number of *all* positions. Divide by the sum of the mask."
    numerator = (
        "Padded positions were counted in the sum. Put 0 in their place before you add up: `ops.where(mask, …, 0.0)`."
    )
    by_sentence = (
        "You took the mean of each sentence first, so a word of a short sentence counts more. Add everything up, then "
        "divide once."
    )
    sentences = "You divided by the number of sentences. Divide by the number of real positions."
    sign = "The sign is wrong: a loss is never below 0. Take *minus* the logarithm of the probability."
    scores = "You added up scores, not logarithms of probabilities. `ops.log_softmax(logits, axis=-1)` makes them."
    probability = "You added up probabilities. Take their logarithms: `ops.log_softmax(logits, axis=-1)`."
    over_time = "The softmax runs over the wrong axis. It runs over the vocabulary, the last axis."
    each = "Return one number for the whole batch: add up over both axes."
    positions = "This is one number for each position. Add them up, and divide by the number of real ones."
    overflow = (
        "Large scores break it: a tiny probability is rounded to 0, and its logarithm is −∞; and `exp(1000)` is "
        "infinite. `ops.log_softmax` does both at once, safely."
    )
    errors = {
        "`ops.take_along_axis` needs as many axes in the indices as in the array: `targets[..., None]`.": (
            "same number of dim|dimensions|ndim|rank"
        ),
        "A mask of booleans cannot be multiplied as it is. Choose with `ops.where(mask, …, 0.0)`, and count with "
        '`ops.sum(ops.cast(mask, "float32"))`.': "bool|type",
        "Two arrays do not fit. What you picked is `(batch, T_y)` after `[..., 0]`.": "broadcast|Incompatible|shape",
    }

    def case(name, lengths, hint=hint, scale=1.0, compiled=False, V=5):
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        logits = (scale * rng.normal(size=(*mask.shape, V))).astype("float32")
        targets = np.where(mask, rng.integers(1, V, size=mask.shape), PAD).astype("int32")
        nats = np.zeros(mask.shape)
        for i, t in np.ndindex(*mask.shape):
            z = logits[i, t].astype(float)
            nats[i, t] = math.log(math.fsum(np.exp(z - z.max()))) + z.max() - z[targets[i, t]]
        real = np.where(mask, nats, 0.0)
        count = int(mask.sum())
        right = real.sum() / count
        picked = np.take_along_axis(logits.astype(float), targets[..., None], axis=-1)[..., 0]
        with np.errstate(all="ignore"):
            e = np.exp(logits.astype(float))
            across = np.take_along_axis(-np.log(e / e.sum(axis=1, keepdims=True)), targets[..., None], axis=-1)[..., 0]
            mistakes = {
                total: real.sum(),
                padding: nats.mean(),
                divided: real.mean(),
                numerator: nats.sum() / count,
                by_sentence: (real.sum(axis=1) / mask.sum(axis=1)).mean(),
                sentences: real.sum() / len(mask),
                sign: -right,
                scores: -np.where(mask, picked, 0).sum() / count,
                f"{scores} (And the sign is wrong.)": np.where(mask, picked, 0).sum() / count,
                probability: np.where(mask, np.exp(-nats), 0).sum() / count,
                f"{probability} (And the sign is wrong.)": -np.where(mask, np.exp(-nats), 0).sum() / count,
                over_time: np.where(mask, across, 0).sum() / count,
                each: real.sum(axis=1) / mask.sum(axis=1),
                f"{each} (These are the sums of the sentences.)": real.sum(axis=1),
                positions: real,
                f"{positions} (And the padding does not count.)": nats,
            }
        kept = {k: v for k, v in _different(mistakes, right).items() if np.isfinite(v).all()}
        return Case(
            name,
            (logits, targets, mask),
            right,
            COMPILED if compiled else hint,
            {} if compiled else kept,
            errors={COMPILED: ""} if compiled else errors,
            tolerance=1e-4,
            names=("logits", "targets", "mask"),
            compiled=compiled,
        )

    yield case("one word", [1])
    yield case("two sentences of equal length", [4, 4])
    yield case("padding", [2, 5, 3], padding)
    yield case("scores of several hundred", [3, 2], overflow, scale=300.0)
    yield case("inside a compiled function", [4, 2, 3], compiled=True)


def _speaker(m: int, n_words: int, rng: np.random.Generator) -> Callable:
    """A decoder step whose scores depend on the word, on the state, and on how many steps have been made."""
    table = rng.normal(size=(3 * n_words * 5, n_words)) * 2
    table[:, [PAD, BOS]] = -30

    def step(word, state):
        word, state = np.asarray(word).astype(int).reshape(-1), np.asarray(state)
        if state.shape != (len(word), 2):
            raise ValueError(f"got {len(word)} words and a state of shape {state.shape}: one word for each sentence")
        count = state[:, 0].round().astype(int)
        rows = (word * 5 + count * 7 + state[:, 1].round().astype(int)) % len(table)
        scores = table[rows].copy()
        # The sentences end one after the other.
        scores[np.arange(len(word)), EOS] = np.where(count >= state[:, 1], 6.0, -30.0)
        after = state.copy()
        after[:, 0] += 1
        return scores.astype("float32"), after.astype("float32")

    return step


def _spoken(
    step: Callable,
    state: np.ndarray,
    length: int,
    *,
    feeds: bool = True,
    carries: bool = True,
    stops: bool = True,
    first: int = BOS,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids, and for each step log p and score of the chosen word, one sentence at a time; keywords are mistakes."""
    said = np.zeros((len(state), length), dtype=int)
    log_p, chosen = np.zeros(said.shape), np.zeros(said.shape)
    for i in range(len(state)):
        word, a = np.array([first]), state[i : i + 1]
        for t in range(length):
            scores, after = step(word, a)
            z = scores[0].astype(float)
            said[i, t], chosen[i, t] = z.argmax(), z.max()
            log_p[i, t] = -math.log(math.fsum(np.exp(z - z.max())))
            if said[i, t] == EOS and stops:
                break
            word = said[i, t : t + 1] if feeds else word
            a = after if carries else a
    return said, log_p, chosen


@exercise("8.5", "Greedy decoding")
def greedy(rng: np.random.Generator) -> Iterator[Case]:
    """A step with known answers, driven by the loop; the oracle drives it one sentence at a time."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    m, n_words, length = 4, 8, 6
    step = _speaker(m, n_words, rng)
    state = np.stack([np.zeros(m), [9.0, 2.0, 4.0, 1.0]], axis=1).astype("float32")
    longest = np.stack([np.zeros(m), np.full(m, 9.0)], axis=1).astype("float32")

    two = "Return two arrays: the ids `(batch, length)`, and for each sentence the sum of the log-probabilities."
    ids_only = "You returned the ids alone. The second value is the log-probability of each sentence."
    exchanged = "The two values are exchanged: the ids come first."
    always_bos = (
        "Every step read `<BOS>`. The word that was chosen is the input of the next step: `word = ` the chosen words."
    )
    stuck = (
        "Every step started from the first state. The state that a step returns goes into the next one: `logits, state "
        "= "
        "step(word, state)`."
    )
    wrong_start = 'The first input is not `<BOS>` (id 2): start with `ops.full((batch,), 2, dtype="int32")`.'
    runs_on = (
        "Your sentences go on behind their `<EOS>`. Once a sentence has said `<EOS>` (3), it says `<PAD>` (0) at every "
        "later step; remember who has finished."
    )
    lost_eos = "`<EOS>` itself is missing from the ids. It is still written; the steps *after* it are `<PAD>`."
    time_first = "Time is the first axis of your ids. Put it second: `ops.stack(words, axis=1)`."
    counted_on = (
        "The log-probability goes on behind `<EOS>`. A sentence that has finished gains nothing: add "
        "`ops.where(finished, 0.0, gained)`, with `finished` as it was *before* this step."
    )
    eos_free = (
        "The log-probability of `<EOS>` is missing. A sentence gains it in the step in which it ends: update "
        "`finished` "
        "*after* you have added."
    )
    raw = "You added up the scores. Turn them into log-probabilities first: `ops.log_softmax(logits, axis=-1)`."
    probability = "You added up probabilities. The probability of a sentence is a product, so add up *logarithms*."
    product = "This is the probability of the sentence. Return its logarithm: the sum of the log-probabilities."
    mean = "You divided by the length. Return the sum; the beam search below divides."
    sign = "The sign is wrong: the logarithm of a probability is never above 0."
    last = "Only the last step counts in your log-probability. Add up over all steps: `total = total + …`."
    with_bos = "`<BOS>` is not part of the result. It is only read; the first column is the first word that was *said*."
    too_few = "There is one step too few: `range(length)` makes `length` steps."
    too_many = "There is one step too many: `range(length)` makes `length` steps."
    forgets = (
        "You forget who finished two steps ago: `word == EOS` is true in one step only. `ops.logical_or(finished, word "
        "== EOS)` remembers."
    )
    one_for_all = (
        "`ops.argmax(logits, axis=-1)` chooses a word for each sentence; without `axis` it chooses one for the whole "
        "batch."
    )
    errors = {
        one_for_all: r"axis.{0,4}=? ?1 (not in range|is out of bounds)",
        "The scores are `(batch, n_words)`, and you chose along the batch. The words are the last axis: "
        "`ops.argmax(logits, axis=-1)`.": rf"got {n_words} words|\[{m}\].*\[{n_words}\]|\[{n_words}\].*\[{m}\]"
        rf"|\({m},\).*\({n_words},\)|\({n_words},\).*\({m},\)",
        'A step needs one word for each sentence: start with `ops.full((batch,), 2, dtype="int32")`.': (
            r"one word for each sentence"
        ),
        "There is nothing to stack: the loop has made no step. `length` steps are `range(length)`.": (
            r"IndexError: list index|at least one array|empty"
        ),
    }
    names = ("step", "state", "batch", "length")

    def variants(state, length):
        ids, log_p, scores = _spoken(step, state, length)
        right = (ids, log_p.sum(axis=1))
        alive = np.cumsum(ids == EOS, axis=1) - (ids == EOS) == 0
        on, on_log_p, _ = _spoken(step, state, length, stops=False)
        lengths = alive.sum(axis=1)
        more, more_log_p, _ = _spoken(step, state, length + 1)

        def pair(**how):
            its_ids, its_log_p, _ = _spoken(step, state, length, **how)
            return its_ids, its_log_p.sum(axis=1)

        mistakes = {
            ids_only: ids,
            exchanged: right[::-1],
            one_for_all: _one_for_all(step, state, length),
            wrong_start: pair(first=PAD),
            f"{wrong_start} It is 1 in your loop.": pair(first=UNK),
            f"{wrong_start} It is 3 in your loop.": pair(first=EOS),
            with_bos: (np.insert(ids, 0, BOS, axis=1), right[1]),
            f"{with_bos} (And the last word is cut off.)": (np.insert(ids, 0, BOS, axis=1)[:, :-1], right[1]),
            too_few: (ids[:, :-1], log_p[:, :-1].sum(axis=1)),
            f"{too_few} (And `<BOS>` is not part of the result.)": (
                np.insert(ids, 0, BOS, axis=1)[:, :-1],
                log_p[:, :-1].sum(axis=1),
            ),
            too_many: (more, more_log_p.sum(axis=1)),
            forgets: _forgetful(step, state, length),
            always_bos: pair(feeds=False),
            stuck: pair(carries=False),
            runs_on: (on, on_log_p.sum(axis=1)),
            f"{runs_on} (In the log-probability it is right.)": (on, right[1]),
            lost_eos: (np.where(ids == EOS, PAD, ids), right[1]),
            f"{lost_eos} (Its log-probability is missing, too: update `finished` at the end of the step.)": (
                np.where(ids == EOS, PAD, ids),
                np.where(ids == EOS, 0.0, log_p).sum(axis=1),
            ),
            time_first: (ids.T, right[1]),
            counted_on: (ids, _on_padding(step, state, ids)),
            f"{counted_on} (The words are right.)": (ids, on_log_p.sum(axis=1)),
            eos_free: (ids, np.where(ids == EOS, 0.0, log_p).sum(axis=1)),
            raw: (ids, np.where(alive, scores, 0).sum(axis=1)),
            probability: (ids, np.where(alive, np.exp(log_p), 0).sum(axis=1)),
            product: (ids, np.exp(right[1])),
            mean: (ids, right[1] / lengths),
            f"{mean} (Yours is divided by `length`.)": (ids, right[1] / length),
            sign: (ids, -right[1]),
            last: (ids, log_p[np.arange(len(ids)), lengths - 1]),
            f"{last} (And a sentence that has finished gains 0.)": (ids, log_p[:, -1]),
        }
        return right, _different(mistakes, right)

    right, mistakes = variants(longest, 2)
    yield Case(
        "the first two words",
        (step, longest, m, 2),
        right,
        f"The first step reads `<BOS>` (id 2), the second one the word that was chosen. {two}",
        mistakes,
        errors=errors,
        names=names,
    )
    right, mistakes = variants(longest, 4)
    yield Case(
        "four words, nobody has finished",
        (step, longest, m, 4),
        right,
        "Each step reads the word that the step before has chosen, and the state that it has left.",
        mistakes,
        errors=errors,
        names=names,
    )
    right, mistakes = variants(state, length)
    yield Case(
        "each ends at its own time",
        (step, state, m, length),
        right,
        "After its `<EOS>` (3) a sentence says `<PAD>` (0) and gains nothing more. The others go on.",
        mistakes,
        errors=errors,
        points=2,
        names=names,
    )
    one, _ = variants(state[1:2], length)
    yield Case(
        "a batch of one",
        (step, state[1:2], 1, length),
        one,
        "A batch of one is still a batch: ids `(1, length)`, one log-probability `(1,)`; and `length` columns, also "
        "where every sentence has ended early.",
        errors=errors,
        names=names,
    )
    right, _ = variants(state, 4)
    yield Case(
        "inside a compiled function",
        (step, state, m, 4),
        right,
        COMPILED,
        errors={COMPILED: ""},
        compiled=True,
        names=names,
    )


def _one_for_all(step: Callable, state: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """What a loop says that chooses one word for the whole batch: the place of the largest of all scores."""
    word, total, words = np.full(len(state), BOS), np.zeros(len(state)), []
    finished = np.zeros(len(state), dtype=bool)
    for _ in range(length):
        scores, state = step(word, state)
        total += np.where(finished, 0.0, np.log(_softmax(scores.astype(float)).max(axis=-1)))
        word = np.where(finished, PAD, scores.argmax())
        finished |= word == EOS
        words.append(word)
    return np.stack(words, axis=1), total


def _forgetful(step: Callable, state: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """What a loop says that takes only those for finished who said `<EOS>` in the step before."""
    word, total, words = np.full(len(state), BOS), np.zeros(len(state)), []
    for _ in range(length):
        finished = word == EOS
        scores, state = step(word, state)
        total += np.where(finished, 0.0, np.log(_softmax(scores.astype(float)).max(axis=-1)))
        word = np.where(finished, PAD, scores.argmax(axis=-1))
        words.append(word)
    return np.stack(words, axis=1), total


def _on_padding(step: Callable, state: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Summed log-probability of a loop that feeds back `ids` and goes on adding the largest one behind `<EOS>`."""
    word, total = np.full(len(ids), BOS), np.zeros(len(ids))
    for t in range(ids.shape[1]):
        scores, state = step(word, state)
        total += np.log(_softmax(scores.astype(float)).max(axis=-1))
        word = ids[:, t]
    return total


def _chosen(totals: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Parents and words of the k largest of each sentence's hypotheses × words, found by sorting in plain Python."""
    parent, word = np.zeros((len(totals), k), int), np.zeros((len(totals), k), int)
    for i, rows in enumerate(totals):
        triples = [(-value, j, w) for j, row in enumerate(rows) for w, value in enumerate(row)]
        for r, (_, j, w) in enumerate(sorted(triples)[:k]):
            parent[i, r], word[i, r] = j, w
    return parent, word


def _in_order(value):
    """Scores, parents and words of each sentence in the order of parents and words: which comes first is free."""
    parts = [np.asarray(part) for part in value] if isinstance(value, tuple | list) and len(value) == 3 else []
    if not parts or parts[0].ndim != 2 or any(part.shape != parts[0].shape for part in parts):
        return value
    if any(part.dtype.kind not in "biuf" for part in parts):
        return value
    order = np.array([np.lexsort((word, parent)) for parent, word in zip(parts[1], parts[2], strict=True)])
    return tuple(np.take_along_axis(part, order, axis=1) for part in parts)


@exercise("8.6", "One step of beam search")
def beam_step(rng: np.random.Generator) -> Iterator[Case]:
    """From one hypothesis, from several, with finished ones; the oracle sorts all continuations in plain Python."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    V, k, m = 7, 3, 2
    three = "Return three arrays `(batch, k)`: the new scores, the parents, the words."
    alone = "The score of what was said before is missing: add `score[..., None]` to the log-probabilities."
    own = (
        "Every hypothesis was continued once. The k best are chosen among *all* k·V continuations of a sentence; "
        "several "
        "may come from the same hypothesis, and another one dies out."
    )
    flat = "`word` holds places in the row of k·V numbers. The remainder modulo `V` is the word."
    by_k = "You divided by k. A hypothesis has V continuations: parent `place // V`, word `place % V`."
    exchanged = (
        "Parents and words are exchanged: `place // V` is the parent, `place % V` the word; return `score, parent, "
        "word`."
    )
    score_last = "The score comes first: return `score, parent, word`."
    goes_on = (
        "A finished hypothesis was continued as if it were open. It has one continuation, `<PAD>`: its row is +∞ at "
        "`<PAD>` and −∞ everywhere else."
    )
    dies = "Finished hypotheses have died out. Each of them keeps its place, with `<PAD>` as its word."
    competes = (
        "A finished hypothesis had to compete with open ones and lost its place. Their sums are not of equal lengths: "
        "it "
        "stays whatever its sum is. Put +∞ at its `<PAD>` before you choose."
    )
    copies = (
        "A finished hypothesis was continued with other words than `<PAD>`. Everything but `<PAD>` is −∞ in its row."
    )
    end_again = "A finished hypothesis goes on with `<PAD>` (id 0), not with `<EOS>` (id 3)."
    infinite = (
        "The score of a finished hypothesis came out as ∞. The ∞ only decides the choice: afterwards put the old score "
        "back where the parent is finished. Both are found at the parent: `ops.take_along_axis(score, parent, axis=1)`."
    )
    by_place = (
        "Old scores were put back at the wrong places. Whether a *chosen* hypothesis is a finished one, and what its "
        "score was, is found at its parent: `ops.take_along_axis(finished, parent, axis=1)`, and `score` alike."
    )
    worst = "These are the *worst* continuations. The largest sums are the best; a log-probability is negative."
    across = "Choose for each sentence by itself: flatten hypotheses and words, `(batch, k * V)`, and keep the batch."
    product = "You multiplied score and log-probability. Logarithms are added."
    errors = {
        "A parent is a number from 0 to k − 1: `place // V` is the parent, `place % V` the word. And each sentence is "
        "flattened by itself, `(-1, k * V)`, or places run on over the batch.": (
            rf"is not in \[0, {k}\)|out of bounds for axis"
        ),
        "`ops.top_k(total, k)` returns two arrays: the values, and their places.": "unpack",
        "Flatten the last two axes before you choose: `ops.reshape(total, (-1, k * V))`.": r"reshape|into shape",
        "The scores are `(batch, k)`, the log-probabilities `(batch, k, V)`: write `score[..., None]`.": (
            "broadcast|Incompatible|shape"
        ),
    }

    def case(name, m, finished, start=False, hint=three, compiled=False, favour=False, low=False):
        log_p = np.log(_softmax(rng.normal(size=(m, k, V)) * 2))
        score = -np.sort(rng.uniform(1, 4, size=(m, k)), axis=1)
        done = np.tile(np.asarray(finished, bool), (m, 1))
        if start:
            score = np.tile([0.0] + [-np.inf] * (k - 1), (m, 1))
        if favour:  # the best continuations come from the best hypothesis
            score[:, 1:] -= 9
        if any(finished):  # a finished hypothesis would go on before all others, or lose its place to open ones
            score = np.where(done, score - 20 if low else -0.1, score - 3)
        log_p, score = log_p.astype("float32"), score.astype("float32")
        old, z = score.astype(float), log_p.astype(float)
        total = old[..., None] + z

        def row(at, others=-np.inf, free=np.inf):
            return np.where(np.arange(V) == at, free, others)

        def taken(choice, values=None, put_back=True):
            """The k best by `choice`, with their scores; those of finished parents are put back."""
            parent, word = _chosen(choice, k)
            where = np.arange(m)[:, None]
            best = (total if values is None else values)[where, parent, word]
            best = np.where(done[where, parent], old[where, parent], best) if put_back else best
            return best, parent, word

        def closed(its_row, open_ones=total):
            return np.where(done[..., None], its_row, open_ones)

        right = taken(closed(row(PAD)))
        _, parent, word = right
        place = parent * V + word
        rivals = closed(old[..., None] + row(PAD, free=0.0))
        only = closed(row(PAD))
        with_inf = taken(only, only, put_back=False)[0]
        with np.errstate(invalid="ignore"):
            product_of_both = old[..., None] * z
            mistakes = {
                competes: taken(rivals, rivals, put_back=False),
                alone: taken(closed(row(PAD), z), z),
                own: (
                    np.where(done, old, total.max(axis=-1)),
                    np.tile(np.arange(k), (m, 1)),
                    np.where(done, PAD, total.argmax(axis=-1)),
                ),
                flat: (right[0], parent, place),
                f"{flat} (The quotient is the parent.)": (right[0], place, word),
                by_k: (right[0], place // k, place % k),
                f"{by_k} (The parents are right.)": (right[0], parent, place % k),
                f"{by_k} (The words are right.)": (right[0], place // k, word),
                exchanged: (right[0], word, parent),
                score_last: (parent, word, right[0]),
                goes_on: taken(total, put_back=False),
                f"{goes_on} (Its score was kept.)": taken(total),
                dies: taken(np.where(done[..., None], -np.inf, total), put_back=False),
                copies: taken(closed(old[..., None]), closed(old[..., None]), put_back=False),
                f"{copies} (The ∞ belongs to `<PAD>` alone.)": taken(closed(np.inf)),
                end_again: taken(closed(row(EOS))),
                f"{end_again} (And it competes, in yours.)": taken(
                    closed(old[..., None] + row(EOS, free=0.0)), closed(old[..., None] + row(EOS, free=0.0))
                ),
                infinite: taken(only, only, put_back=False),
                by_place: (np.where(done, old, with_inf), parent, word),
                f"{by_place} (The old scores were; who has finished was not.)": (
                    np.where(done, np.take_along_axis(old, parent, axis=1), with_inf),
                    parent,
                    word,
                ),
                f"{by_place} (Who has finished was; the old scores were not.)": (
                    np.where(np.take_along_axis(done, parent, axis=1), old, with_inf),
                    parent,
                    word,
                ),
                worst: taken(-np.where(np.isinf(closed(row(PAD))), np.inf, closed(row(PAD))), put_back=False),
                product: taken(closed(row(PAD), product_of_both), product_of_both),
                three: right[0],
                f"{three} (The words are missing.)": right[:2],
                f"{three} (The parents are missing.)": (right[0], word),
            }
            if m > 1:
                everything = closed(row(PAD)).reshape(-1)
                top = np.argsort(-everything, kind="stable")[:k]
                mistakes[across] = (everything[top], top // V, top % V)
        mistakes = {hint: _in_order(value) for hint, value in mistakes.items()}
        return Case(
            name,
            (log_p, score, done),
            _in_order(right),
            COMPILED if compiled else hint,
            {} if compiled else _different(mistakes, _in_order(right)),
            measure=_in_order,
            errors={COMPILED: ""} if compiled else errors,
            tolerance=1e-4,
            names=("log_p", "score", "finished"),
            compiled=compiled,
        )

    open_ = [False] * k
    first = (
        "At the start only the first hypothesis is real; the others have the score −∞. So all k continuations come "
        "from "
        "it: the sum with the score decides."
    )
    yield case("the first step", 1, open_, start=True, hint=first)
    yield case("two continuations of one hypothesis", 1, open_, favour=True, hint=own)
    yield case("several sentences", m, open_, hint=across)
    yield case("one hypothesis has finished", 1, [False, True, False], hint=goes_on)
    yield case("a finished one with a low score", 1, [False, False, True], hint=competes, low=True)
    yield case("two have finished, in several sentences", m, [True, False, True], hint=goes_on)
    yield case("inside a compiled function", m, [False, True, False], compiled=True)


def _sacrebleu(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]):
    from sacrebleu.metrics import BLEU

    metric = BLEU(tokenize="none", smooth_method="none", force=True)
    return metric.corpus_score([" ".join(h) for h in hypotheses], [[" ".join(r) for r in references]])


def _grams(tokens: Sequence[str], n: int) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


@exercise("8.7", "BLEU's pieces")
def bleu_pieces(rng: np.random.Generator) -> Iterator[Case]:
    """Single sentences, each with one difficulty, then several; the counts and the penalty are sacrebleu's."""
    form = "Return two things: an array of four shares, for n = 1, 2, 3, 4, and the brevity penalty, one number."
    unclipped = (
        "An n-gram was counted more often than the reference has it. Clip: it counts at most as often as it stands in "
        "the reference. `said & wanted` of two Counters takes the smaller count."
    )
    distinct = (
        "You counted *different* n-grams. If the reference has a word twice, and so has the hypothesis, both count: "
        "use "
        "Counters, not sets."
    )
    recall = "You divided by the n-grams of the reference. A precision is a share of the *hypothesis'* n-grams."
    mean = (
        "You took the mean of the sentences' precisions. Add up matches and totals over all sentences, and divide once."
    )
    bonus = "The brevity penalty is above 1. It punishes short hypotheses, and rewards nothing: at most 1."
    inverted = (
        "The fraction in the penalty is upside down: exp(1 − r/c), with r tokens in the references and c in the "
        "hypotheses."
    )
    linear = "This is c/r. The penalty is exp(1 − r/c)."
    none = "There is no penalty for hypotheses that are too short."
    each = "The penalty was computed for each sentence. It is one number, from the summed lengths."
    percent = "These are percentages. Return shares between 0 and 1."
    counts = "These are the numbers of matches. Divide by the number of the hypotheses' n-grams."
    exchanged = "The two values are exchanged: the precisions come first."
    only = f"You returned one value. {form}"
    combined = f"You put the pieces together already. {form}"
    few = "There are four precisions: n runs from 1 to 4."
    positions = "You compared position by position. A match may stand anywhere in the reference."
    across = "Your n-grams run across the end of a sentence. Count in each sentence by itself, and add the counts up."
    two_words = (
        "A hypothesis of two words has no run of three. Then the precision is 0, not nan: divide by "
        "`np.maximum(totals, 1)`."
    )
    errors = {
        "A hypothesis without any n-gram of that length has a total of 0. Divide by `np.maximum(total, 1)`.": (
            "division by zero|ZeroDivision"
        ),
        "A list cannot be counted; `ngrams` of the cell above makes tuples.": "unhashable",
    }

    def case(name, references, hypotheses, hint=form):
        found = _sacrebleu(references, hypotheses)
        matches, totals = np.array(found.counts, float), np.array(found.totals, float)
        right = (matches / np.maximum(totals, 1), float(found.bp))
        r, c = sum(map(len, references)), sum(map(len, hypotheses))
        pairs = list(zip(references, hypotheses, strict=True))

        def shares(match, total):
            """Precisions from two functions of the Counters of reference and hypothesis."""
            grams = [[(_grams(a, n), _grams(b, n)) for a, b in pairs] for n in range(1, 5)]
            return np.array([sum(match(*g) for g in row) / max(1, sum(total(*g) for g in row)) for row in grams])

        def clipped(a, b):
            return (a & b).total()

        bp, precisions = right[1], right[0]
        run_on = [list(chain.from_iterable(part)) for part in (references, hypotheses)]
        joined = [tuple(_grams(tokens, n) for tokens in run_on) for n in range(1, 5)]
        single = np.array(
            [
                [clipped(_grams(a, n), _grams(b, n)) / max(1, _grams(b, n).total()) for n in range(1, 5)]
                for a, b in pairs
            ]
        )
        mistakes = {
            unclipped: (shares(lambda a, b: sum(v for g, v in b.items() if g in a), lambda a, b: b.total()), bp),
            distinct: (shares(lambda a, b: len(a.keys() & b.keys()), lambda a, b: len(b)), bp),
            f"{distinct} (The totals are right.)": (
                shares(lambda a, b: len(a.keys() & b.keys()), lambda a, b: b.total()),
                bp,
            ),
            recall: (shares(clipped, lambda a, b: a.total()), bp),
            across: (np.array([clipped(*g) / max(1, g[1].total()) for g in joined]), bp),
            mean: (single.mean(axis=0), bp),
            positions: (
                np.array(
                    [
                        sum(
                            tuple(a[i : i + n]) == tuple(b[i : i + n])
                            for a, b in pairs
                            for i in range(min(len(a), len(b)) - n + 1)
                        )
                        / max(1, sum(max(0, len(b) - n + 1) for _, b in pairs))
                        for n in range(1, 5)
                    ]
                ),
                bp,
            ),
            none: (precisions, 1.0),
            bonus: (precisions, math.exp(1 - r / c)),
            inverted: (precisions, min(1.0, math.exp(1 - c / r))),
            f"{inverted} (And it is at most 1.)": (precisions, math.exp(1 - c / r)),
            linear: (precisions, c / r),
            f"{linear} (At most 1 it is.)": (precisions, min(1.0, c / r)),
            each: (precisions, float(np.mean([min(1.0, math.exp(1 - len(a) / len(b))) for a, b in pairs]))),
            percent: (100 * precisions, bp),
            f"{percent} (Both of them.)": (100 * precisions, 100 * bp),
            counts: (matches, bp),
            exchanged: (bp, precisions),
            only: precisions,
            few: (precisions[:3], bp),
            f"{few} (It must not begin with 0.)": (np.concatenate([[1.0], precisions[:3]]), bp),
        }
        if (precisions > 0).all():
            mistakes[combined] = float(bp * np.exp(np.log(precisions).mean()))
            mistakes[f"{combined} (In percent, even.)"] = 100 * mistakes[combined]
        return Case(
            name,
            (references, hypotheses),
            right,
            hint,
            _different(mistakes, right),
            errors=errors,
            tolerance=1e-6,
            names=("references", "hypotheses"),
        )

    words = np.array([f"w{k}" for k in range(40)])
    text = rng.permutation(words).tolist()
    yield case("one word is wrong", [text[:8]], [[*text[:5], "oh", *text[6:8]]])
    a, b = text[:2]
    yield case("a word too often", [[a, b, *text[2:6]]], [[a, a, b, a, "oh", *text[2:6]]], unclipped)
    yield case("a word that the reference has twice", [[a, b, a, *text[2:6]]], [[a, b, a, *text[2:5], "oh"]], distinct)
    yield case("words in another order", [text[:8]], [[*text[4:8], *text[:4]]], positions)
    yield case("a hypothesis that is too long", [text[:5]], [[*text[:5], "oh", "no"]], bonus)
    yield case("a hypothesis that is too short", [text[:9]], [text[:6]], none)
    yield case("a hypothesis of two words", [text[:3]], [text[:2]], two_words)
    yield case(
        "several sentences",
        [text[:10], text[10:14], text[14:23], text[23:26]],
        [[*text[:4], "oh", *text[5:9]], [text[10], "no", text[13]], text[14:23], text[23:25]],
        mean,
    )


@exercise("8.8", "Phoneme error rate")
def phoneme_error_rate(rng: np.random.Generator) -> Iterator[Case]:
    """One kind of error at a time, then several words; the oracle is the recursion, remembered."""
    sounds = np.array(["AA", "B", "CH", "D", "EH", "F", "G", "IY", "K", "L", "M", "N"])
    places = (
        "This comes out if positions are compared one by one, or if one of the three terms of the minimum is missing "
        "or turned round. One missing phoneme shifts all later ones; the three terms line them up again."
    )
    terms = (
        "Go through the table by hand. The three terms are `before[j] + 1`, `row[j - 1] + 1` and `before[j - 1] + "
        "(phoneme != other)`; each new row begins with its number, and `before` is the row that came before it."
    )
    whole = (
        "Your rate is 1, as if the word were counted as a whole (that is a word error rate), or as if every phoneme "
        f"were wrong. {terms}"
    )
    once = "Each wrong word counts once in yours. Add up its edits: the last number of its table."
    in_percent = "A share is asked for, not a percentage."
    by_word = "You took the mean of the words' rates. Add up edits and phonemes over all words, and divide once."
    by_said = "You divided by the phonemes that were *said*. Divide by those of the right answers."
    by_longest = "You divided by the longer of the two. Divide by the phonemes of the right answers."
    words = "This is a word error rate: the share of the words that are not exactly right. Count edits."
    edits = "These are the edits. Divide by the number of phonemes of the right answers."
    each = "You divided by the number of words. Divide by the number of phonemes of the right answers."
    double = "A substitution counts 2 in yours. Each of the three edits counts 1."
    no_insertions = "Phonemes that are too many do not count in yours. Insertions are edits."
    no_deletions = "Phonemes that are missing do not count in yours. Deletions are edits."
    difference = "You counted the difference of the lengths alone. Wrong phonemes are edits, too."
    bags = "You compared which phonemes occur, without their order."
    accuracy = "This is the share that is right. The rate of errors is asked for."
    capped = "More edits than phonemes are possible: the rate may be above 1."
    edge = (
        "The edge of your table is wrong. Its first row holds 0, 1, 2 …, and each later row begins with its own "
        "number: so many phonemes are missing as long as nothing has been said."
    )
    shifted = (
        "Your columns are off by one. `before[j - 1]` and `row[j - 1]` stand to the left of `before[j]`, so j begins "
        "with 1: `enumerate(hypothesis, 1)`."
    )
    errors = {
        "A row has `len(hypothesis) + 1` numbers: one for each phoneme that was said, and one for nothing said yet.": (
            "IndexError|index out of range"
        ),
        "You divided for each word, or by what was said. Divide once, at the end.": "ZeroDivision|division by zero",
    }

    def distance(reference, hypothesis, substitute=1, insert=1, delete=1):
        @cache
        def of(i, j):
            if not i or not j:
                return i * delete + j * insert
            if reference[i - 1] == hypothesis[j - 1]:
                return of(i - 1, j - 1)
            return min(of(i - 1, j - 1) + substitute, of(i, j - 1) + insert, of(i - 1, j) + delete)

        return of(len(reference), len(hypothesis))

    def by_rows(reference, hypothesis, top=1, left=1, first=1, column=1):
        """The last number of a table whose edge, or whose place of a column, may be wrong."""
        row = [j * top for j in range(len(hypothesis) + 1)]
        for i, phoneme in enumerate(reference):
            before, row = row, [(i + first) * left]
            for j, other in enumerate(hypothesis, column):
                row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (phoneme != other)))
        return row[-1]

    def case(name, references, hypotheses, hint=terms):
        pairs = list(zip(references, hypotheses, strict=True))
        found = [distance(tuple(a), tuple(b)) for a, b in pairs]
        said, right_ones = sum(map(len, hypotheses)), sum(map(len, references))
        right = sum(found) / right_ones

        def of(count, total=right_ones):
            return sum(count(a, b) for a, b in pairs) / max(1, total)

        mistakes = {
            capped: min(1.0, right),
            places: of(lambda a, b: sum(x != y for x, y in zip(a, b, strict=False))),
            f"{places} (The difference of the lengths is counted, in yours.)": of(
                lambda a, b: sum(x != y for x, y in zip(a, b, strict=False)) + abs(len(a) - len(b))
            ),
            by_word: float(np.mean([d / len(a) for d, (a, _) in zip(found, pairs, strict=True)])),
            by_longest: of(lambda a, b: distance(tuple(a), tuple(b)), sum(max(len(a), len(b)) for a, b in pairs)),
            by_said: sum(found) / max(1, said),
            in_percent: 100 * right,
            edits: float(sum(found)),
            each: sum(found) / len(pairs),
            edge: of(lambda a, b: by_rows(a, b, top=0, left=0)),
            f"{edge} (The first number of each later row is 0, in yours.)": of(lambda a, b: by_rows(a, b, left=0)),
            f"{edge} (The first row is 0, in yours.)": of(lambda a, b: by_rows(a, b, top=0)),
            f"{edge} (Count the rows from 1: `enumerate(reference, 1)`.)": of(lambda a, b: by_rows(a, b, first=0)),
            shifted: of(lambda a, b: by_rows(a, b, column=0)),
            double: of(lambda a, b: distance(tuple(a), tuple(b), substitute=2)),
            no_insertions: of(lambda a, b: distance(tuple(a), tuple(b), insert=0)),
            no_deletions: of(lambda a, b: distance(tuple(a), tuple(b), delete=0)),
            difference: of(lambda a, b: abs(len(a) - len(b))),
            once: sum(d > 0 for d in found) / right_ones,
            words if len(pairs) > 1 else whole: float(np.mean([d > 0 for d in found])),
            bags: of(lambda a, b: (Counter(a) - Counter(b)).total()),
            accuracy: 1 - right,
        }
        return Case(
            name,
            (references, hypotheses),
            right,
            hint,
            _different(mistakes, right),
            errors=errors,
            tolerance=1e-6,
            names=("references", "hypotheses"),
        )

    word = rng.permutation(sounds).tolist()
    yield case("two wrong phonemes", [word[:7]], [[*word[:2], "ZH", *word[3:6], "ZH"]])
    yield case("a phoneme too few", [word[:6]], [[*word[:2], *word[3:6]]], places)
    yield case("a phoneme too many", [word[:4]], [[*word[:1], "ZH", *word[1:4]]], places)
    yield case(
        "two too few at the beginning, two too many",
        [word[:8], word[8:12]],
        [[*word[2:5], *word[6:8]], ["ZH", "ZH", *word[8:10], "ZH", *word[10:12]]],
    )
    yield case("all three", [word[:8]], [[*word[1:4], "ZH", *word[5:8], "ZH", "ZH"]])
    yield case("other order, same phonemes", [word[:5]], [[word[1], word[0], *word[2:5]]], bags)
    yield case(
        "several words",
        [word[:9], word[9:11], word[3:6]],
        [[*word[:3], "ZH", *word[4:9]], ["ZH", word[10], "ZH"], word[3:6]],
        by_word,
    )
    yield case("nothing said, and far too much", [word[:3], word[3:5]], [[], ["ZH"] * 6], capped)
