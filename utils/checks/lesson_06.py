"""Checks of lesson 06: building a language model.

The oracles go through one sentence and one token at a time in plain Python; the answers work on whole batches.
"""

import math
from collections.abc import Iterator

import numpy as np

from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import describe

PAD, UNK, BOS, EOS = range(4)


@exercise("6.1", "Inputs and targets")
def inputs_and_targets(rng: np.random.Generator) -> Iterator[Case]:
    """Sentences in, three arrays out: of equal lengths first, then padded, then one alone."""
    three = "Return three arrays, `x, y, mask`, each of shape `(batch, longest sentence + 1)`."
    no_bos = "`x` does not begin with `<BOS>`. The first token is guessed from `<BOS>`: put the id 2 in front."
    no_eos = "`y` does not end with `<EOS>`. The end is predicted too: put the id 3 behind the last token of each row."
    at_the_end = (
        "`<EOS>` stands behind the padding, in the last column. Put it behind the last token of each sentence, before "
        "you pad."
    )
    not_shifted = "`x` and `y` are the same. The target of a position is the token *after* its input."
    backwards = (
        "Inputs and targets are exchanged: the model reads `<BOS>` and the words, and predicts words and `<EOS>`."
    )
    short = (
        "The mask is one too short: the prediction of `<EOS>` counts as well. A sentence of n tokens has n + 1 "
        "predictions."
    )
    long = "The mask is True at padded positions."
    eos_in_x = (
        "`x` holds `<EOS>` in the padding of the shorter sentences: you cut a column off a padded array. Pad "
        "`[BOS, *sentence]` by itself, and every sentence ends in zeros."
    )
    all_true = "The mask is True everywhere. Shorter sentences are padded, and there it has to be False."
    cut = "The last token of the longest sentence is gone. `x` is `<BOS>` and *all* tokens."
    specials = "`<BOS>` and `<EOS>` are exchanged: `<BOS>` is 2 and stands in `x`, `<EOS>` is 3 and stands in `y`."
    errors = {
        "`.insert`, `.append` and `+=` change the caller's lists. Write `[BOS, *sentence]`: that is a new list.": (
            "changed its argument"
        ),
        "A list and a number do not add: `[BOS, *sentence]` makes a list with `BOS` in front.": "can only concatenate",
        "The rows have different lengths, and NumPy makes no array of them. `pad` does.": "inhomogeneous",
    }

    def case(name, lengths, hint=three):
        sentences = [rng.integers(4, 30, size=n).tolist() for n in lengths]
        width, m = max(lengths) + 1, len(lengths)
        x, y, mask = np.zeros((m, width), int), np.zeros((m, width), int), np.zeros((m, width), bool)
        bare, alone = np.zeros((m, width), int), np.zeros((m, width), int)
        for i, sentence in enumerate(sentences):
            for t, token in enumerate(sentence):
                x[i, t + 1] = y[i, t] = bare[i, t] = token
            x[i, 0], y[i, len(sentence)], alone[i, -1] = BOS, EOS, EOS
            mask[i, : len(sentence) + 1] = True
        both_ends = np.concatenate([x, np.zeros((m, 1), int)], axis=1)
        both_ends[np.arange(m), lengths + np.ones(m, int)] = EOS
        wide = np.arange(width + 1) < np.array(lengths)[:, None] + 2
        shorter = np.arange(width) < np.array(lengths)[:, None]
        mistakes = {
            no_bos: (bare, y, mask),
            f"{no_bos} (And the mask ends too early.)": (bare[:, :-1], y[:, :-1], shorter[:, :-1]),
            f"{no_bos} (Without it `x` is a column too narrow.)": (bare[:, :-1], y, mask),
            f"{no_bos} (Without it `x` and the mask are a column too narrow.)": (bare[:, :-1], y, shorter[:, :-1]),
            specials: (np.where(x == BOS, EOS, x), np.where(y == EOS, BOS, y), mask),
            no_eos: (x, bare, mask),
            f"{no_eos} (`pad` alone does not do it.)": (x, bare, shorter),
            f"{no_eos} (`pad` gives it one column less.)": (x, bare[:, :-1], mask),
            at_the_end: (x, np.where(alone > 0, alone, bare), mask),
            not_shifted: (x, x, mask),
            f"{not_shifted} (`<BOS>` is only an input, `<EOS>` only a target.)": (both_ends, both_ends, wide),
            f"{backwards} (All three fit otherwise.)": (y, x, mask),
            short: (x, y, shorter),
            f"{short} (`x` and `y` are right.)": (x, y, shorter[:, :-1]),
            eos_in_x: (both_ends[:, :-1], y, mask),
            f"{eos_in_x} (The mask holds one position too many for the same reason.)": (
                both_ends[:, :-1],
                y,
                wide[:, :-1],
            ),
            all_true: (x, y, np.ones_like(mask)),
            long: (x, y, wide[:, :-1]),
            cut: (x[:, :-1], y[:, :-1], mask[:, :-1]),
        }
        if len(set(lengths)) == 1:  # nothing is padded, so these are no mistakes
            unpadded = (at_the_end, eos_in_x, all_true, long)
            mistakes = {k: v for k, v in mistakes.items() if not k.startswith(unpadded)}
        return Case(name, (sentences,), (x, y, mask), hint, mistakes, errors=errors, names=("sentences",))

    yield case("sentences of equal length", [3, 3])
    yield case("different lengths", [2, 5, 3])
    yield case("one sentence", [4], "A batch of one sentence has the shape `(1, time)`.")
    yield case("an empty sentence", [0, 2], "A sentence without tokens is `<BOS>` in, `<EOS>` out: one prediction.")


@exercise("6.2", "Bigram probabilities")
def bigram_probabilities(rng: np.random.Generator) -> Iterator[Case]:
    """Pairs that come once, pairs that repeat, padding, and a token that never comes."""
    once = (
        "A pair that occurs several times was counted once. `counts[j, k] += 1` with arrays adds 1 to each place once: "
        "use `np.add.at(counts, (j, k), 1)`, or a loop."
    )
    padding = "Padded positions were counted: the pair (0, 0) never really occurs. Take `x[mask]` and `y[mask]`."
    turned = "Rows and columns are exchanged. The row is the input (the token before), the column the target."
    columns = (
        "You divided by the sums of the columns. Each *row* is a distribution: sum over axis 1, with `keepdims=True`."
    )
    joint = "You divided by the number of all pairs. Divide each row by the sum of that row."
    raw = "These are the counts. Divide each row by its sum."
    even = "The row of a token that never came has to stay all 0; here it is uniform."
    added = "Every count is 1 too large. Here nothing is added to the counts: what never occurred has probability 0."
    size = "The table has to be `(V, V)`, also when the largest ids do not occur."
    hint = (
        "`P[j, k]` is the number of real positions with input j and target k, divided by those with input j. A row "
        "without any count stays all 0: divide by `np.maximum(total, 1)`."
    )

    def case(name, x, y, mask, V, hint=hint):
        counts = np.zeros((V, V))
        padded, single = np.zeros((V, V)), np.zeros((V, V))
        for i, t in np.ndindex(x.shape):
            padded[x[i, t], y[i, t]] += 1
            if mask[i, t]:
                counts[x[i, t], y[i, t]] += 1
                single[x[i, t], y[i, t]] = 1

        def rows(table):
            return np.array([row / row.sum() if row.sum() else row for row in table])

        right, total = rows(counts), counts.sum(axis=1, keepdims=True)
        mistakes = {
            padding: rows(padded),
            once: rows(single),
            f"{once} (And pairs at padded positions do not count.)": rows((padded > 0).astype(float)),
            turned: rows(counts.T),
            columns: counts / np.maximum(counts.sum(axis=0), 1),
            f"{columns} (The sum has lost its axis; keep it.)": counts / np.maximum(total[:, 0], 1),
            joint: counts / counts.sum(),
            raw: counts,
            added: rows(counts + 1),
            even: np.where(total > 0, right, 1 / V),
        }
        mistakes = {k: v for k, v in mistakes.items() if not np.allclose(v, right)}
        return Case(name, (x, y, mask, V), right, hint, mistakes, names=("x", "y", "mask", "V"))

    V = 6
    x, y = np.array([[2, 4, 5], [2, 5, 4]]), np.array([[4, 5, 3], [5, 4, 3]])
    yield case("two short sentences", x, y, np.ones((2, 3), bool), V)
    body = rng.integers(4, 6, size=(4, 7))
    x, y = np.concatenate([np.full((4, 1), 2), body], axis=1), np.concatenate([body, np.full((4, 1), 3)], axis=1)
    every = np.ones(x.shape, bool)
    yield case("pairs that occur several times", x, y, every, V, once)
    lengths = np.array([8, 3, 5, 2])
    mask = np.arange(8) < lengths[:, None]
    x, y = np.where(mask, x, 0), np.where(mask, y, 0)
    yield case("padding", x, y, mask, V, padding)

    def sums_of_rows(value):
        if np.shape(value) != (9, 9):
            raise Problem(f"returned {describe(value)}, expected an array of shape (9, 9)", size)
        return np.asarray(value, float).sum(axis=1)

    sums = np.isin(np.arange(9), x[mask]).astype(float)
    yield Case(
        "tokens that never came", (x, y, mask, 9), sums, even, measure=sums_of_rows, names=("x", "y", "mask", "V")
    )


@exercise("6.3", "Masked perplexity")
def perplexity(rng: np.random.Generator) -> Iterator[Case]:
    """One sentence, many, and padding that holds anything; the oracle is a product and a root."""
    hint = "exp of minus the mean of `log_p` over the real positions of all sentences together."
    no_exp = "This is the loss, the mean number of nats. The perplexity is its exponential: `np.exp(...)`."
    sign = "The sign is wrong: a perplexity is at least 1. Take `np.exp` of *minus* the mean."
    base = "Your base is 2, but `log_p` holds natural logarithms: use `np.exp`."
    padding = "Padded positions were counted. Take the mean over `log_p[mask]` alone."
    divided = "You divided the sum by the number of *all* positions, padding included. Divide it by `mask.sum()`."
    by_sentence = (
        "You took the mean of each sentence first, so short sentences count as much as long ones. Take one mean over "
        "all real positions together."
    )
    mean_of_exp = (
        "You took the exponential of each position (or sentence) before the mean. First one mean, then one exp."
    )
    total = "You did not divide: this is the exponential of the sum. Take the mean."
    infinite = (
        "What stands at padded positions has entered: 0 · inf and nan spoil every sum. Choose with `log_p[mask]`; do "
        "not multiply by the mask."
    )
    each = "Return one number for the whole batch, not one for each sentence."
    impossible = (
        "A right token to which the model gives probability 0 makes the perplexity infinite: do not filter it out, "
        "and do not replace it."
    )

    def case(name, lengths, junk=0.0, hint=hint):
        T = max(lengths)
        mask = np.arange(T) < np.array(lengths)[:, None]
        p = rng.uniform(0.02, 0.9, size=mask.shape)
        log_p = np.where(mask, np.log(p), junk)
        count, product = int(mask.sum()), math.prod(p[mask].tolist())
        right = product ** (-1 / count)
        safe = np.where(mask, log_p, 0.0)
        means = safe.sum(axis=1) / mask.sum(axis=1)
        with np.errstate(all="ignore"):
            mistakes = {
                each: np.exp(-means),
                no_exp: -math.log(product) / count,
                sign: 1 / right,
                base: 2 ** (-math.log(product) / count),
                padding: float(np.exp(-log_p.mean())),
                divided: float(np.exp(-safe.mean())),
                by_sentence: float(np.exp(-means.mean())),
                mean_of_exp: float(np.exp(-log_p[mask]).mean()),
                f"{mean_of_exp} (The sentences count alike here, too.)": float(np.exp(-means).mean()),
                total: 1 / product,
            }
        kept = {k: v for k, v in mistakes.items() if np.ndim(v) or (np.isfinite(v) and not np.isclose(v, right))}
        return Case(name, (log_p, mask), right, hint, kept, tolerance=1e-6, names=("log_p", "mask"))

    yield case("one sentence", [5])
    yield case("three sentences of different length", [6, 2, 3], junk=-3.0)
    yield case("zeros at padded positions", [2, 5, 3], hint=padding)
    yield case("minus infinity at padded positions", [4, 1], junk=-np.inf, hint=infinite)
    yield case("nan at padded positions", [1, 4], junk=np.nan, hint=infinite)
    log_p, mask = np.array([[-1.2, -np.inf], [-0.5, np.nan]]), np.array([[True, True], [True, False]])
    yield Case("a right token with probability 0", (log_p, mask), np.inf, impossible, names=("log_p", "mask"))


def _sentence(logits, y, mask):
    """Sums of log-probabilities, one position at a time; a padded one is never looked at."""
    result = []
    for rows, right, real in zip(logits, y, mask, strict=True):
        nats = 0.0
        for z, k in zip(rows[real].astype(float), right[real], strict=True):
            m = max(z)
            nats += z[k] - m - math.log(math.fsum(math.exp(v - m) for v in z))
        result.append(nats)
    return np.array(result)


@exercise("6.4", "The log-probability of a sentence")
def sentence_log_probability(rng: np.random.Generator) -> Iterator[Case]:
    """One token, several, padding, and scores that overflow."""
    hint = "For each sentence the sum over its real positions of log softmax at the right token."
    raw = "You added up the scores themselves. Turn them into log-probabilities first: subtract log of the sum of exp."
    probability = "This is a probability. Return its logarithm: the sum of the log-probabilities."
    sign = "The sign is wrong. The logarithm of a probability is never above 0; this is the loss."
    mean = "You took the mean over the positions. The log-probability of a sentence is the *sum*."
    largest = "You took the likeliest token of each position. Take the one that is right, `y[i, t]`."
    padding = "Padded positions were counted. Put 0 in their place before you add up."
    each = "This is one number for each position. Add up over time: `.sum(axis=1)`."
    one = "Return one number for each sentence, not one for the whole batch."
    batch_axis = "You added up over the batch. Add over time, axis 1."
    over_time = "The softmax runs over the wrong axis. It runs over the vocabulary, the last axis."
    no_sum = (
        "The logarithm of the sum is missing: subtract `np.log(np.exp(shifted).sum(...))` from the shifted scores too."
    )
    no_log = "You subtracted the sum of the exponentials itself. Subtract its *logarithm*."
    half_shifted = (
        "The largest score was subtracted in the sum, but not in the first term: `(z - m)` minus the log of the sum. "
        "The same m has to go from both."
    )
    product = (
        "A product of many small probabilities underflows to 0, and its logarithm is -inf. Take the logarithm of each "
        "position first, and *add*."
    )
    softmax_first = (
        "The probability of this token is about e to the power of -1000: as a number it is 0, and its logarithm -inf. "
        "Do not compute the softmax first: `(z - m)` minus the log of the sum needs no division."
    )
    whole_max = (
        "`logits.max()` is the largest score of the whole batch; where all scores are far below it, every exponential "
        "is 0. Each position has a largest score of its own: `axis=-1`."
    )
    overflow = (
        "Large scores overflow: `np.exp(1000)` is infinite. Subtract the largest score of each position first, "
        "`logits - logits.max(axis=-1, keepdims=True)`; it changes nothing else."
    )
    infinite = (
        "A padded position has spoilt the sum: 0 · inf is nan. Choose with `np.where(mask, picked, 0.0)`; do not "
        "multiply by the mask."
    )
    errors = {
        "`np.take_along_axis` needs as many axes in the indices as in the array: `y[..., None]`.": "same number of dim",
        "Two arrays do not fit: keep the last axis of a maximum or sum with `keepdims=True`.": "could not be broadcast",
    }

    def case(name, lengths, hint=hint, V=5, shift=0.0, below=0.0, junk=None):
        T = max(lengths)
        mask = np.arange(T) < np.array(lengths)[:, None]
        logits = rng.normal(size=(*mask.shape, V)) + np.broadcast_to(shift, mask.shape)[..., None]
        logits[..., 0] += 0.7
        y = rng.integers(1, V, size=mask.shape)
        logits[(*np.indices(y.shape), y)] -= below
        if junk is not None:
            logits[~mask] = junk
        right = _sentence(logits, y, mask)
        every = np.ones_like(mask)
        log_p = np.array([_sentence(logits[:, [t]], y[:, [t]], every[:, [t]]) for t in range(T)]).T
        best = np.array([_sentence(logits[:, [t]], logits[:, [t]].argmax(-1), every[:, [t]]) for t in range(T)]).T
        picked = np.take_along_axis(logits, y[..., None], axis=-1)[..., 0]
        m = logits.max(axis=-1)
        with np.errstate(all="ignore"):
            total = np.exp(logits - m[..., None]).sum(axis=-1)
            e = np.exp(logits)
            wrong_axis = np.take_along_axis(np.log(e / e.sum(axis=1, keepdims=True)), y[..., None], axis=-1)[..., 0]
            real = np.where(mask, log_p, 0.0)
            mistakes = {
                each: real,
                one: float(real.sum()),
                f"{one} (And padding does not count.)": float(log_p.sum()),
                raw: np.where(mask, picked, 0.0).sum(axis=1),
                probability: np.exp(right),
                sign: -right,
                mean: right / mask.sum(axis=1),
                f"{mean} (Of all positions here, padding included.)": real.mean(axis=1),
                largest: np.where(mask, best, 0.0).sum(axis=1),
                padding: log_p.sum(axis=1),
                batch_axis: real.sum(axis=0),
                over_time: np.where(mask, wrong_axis, 0.0).sum(axis=1),
                no_sum: np.where(mask, picked - m, 0.0).sum(axis=1),
                no_log: np.where(mask, picked - m - total, 0.0).sum(axis=1),
                f"{no_log} (And the largest score goes from both terms.)": (
                    np.where(mask, picked - total, 0.0).sum(axis=1)
                ),
                half_shifted: np.where(mask, picked - np.log(total), 0.0).sum(axis=1),
            }
        mistakes = {
            k: v
            for k, v in mistakes.items()
            if np.isfinite(v).all() and (np.shape(v) != right.shape or not np.allclose(v, right))
        }
        return Case(name, (logits, y, mask), right, hint, mistakes, errors=errors, names=("logits", "y", "mask"))

    yield case("one token", [1])
    yield case("four tokens", [4, 4])
    yield case("padding", [2, 4, 3], padding)
    yield case("scores of several thousand", [3, 2], overflow, shift=2000.0)
    yield case("a very unlikely sentence", [5, 4], product, below=250.0)
    yield case("a very unlikely token", [1, 1], softmax_first, below=1000.0)
    levels = np.array([[0.0, -5000.0, 10.0], [-3000.0, 0.0, 0.0]])
    yield case("positions of very different level", [3, 2], whole_max, shift=levels)
    yield case("scores of minus infinity at padded positions", [1, 3], infinite, junk=np.array([-np.inf] * 4 + [0.0]))


@exercise("6.5", "Temperature")
def temperature_probabilities(rng: np.random.Generator) -> Iterator[Case]:
    """Temperature 1, warmer, colder, and so cold that exp overflows."""
    hint = "Softmax of `logits / tau`, along the last axis."
    ignored = "The temperature has no effect. Divide the scores by `tau`."
    times = "You multiplied by `tau`. Divide: a small temperature makes the differences larger."
    after = "You divided the probabilities. Divide the scores, *before* the softmax."
    unnormalised = "The rows do not add up to 1. Divide by the sum of each row."
    batch = "The probabilities of one token add up to 1 over the batch. Each *row* is a distribution: axis -1."
    everything = "All rows together add up to 1. Each row is a distribution of its own: sum over axis -1."
    logs = "These are logarithms. Return probabilities."
    overflow = (
        "At a low temperature the exponential overflows. Divide by `tau` first, then subtract the largest number of "
        "each row, then take `np.exp`."
    )
    whole_max = (
        "`z.max()` without an axis is the largest score of the whole batch. In a row far below it every exponential "
        "is 0, and 0/0 is nan. Subtract from each row its own largest: `axis=-1, keepdims=True`."
    )
    errors = {
        "Two arrays do not fit: keep the last axis of the maximum and of the sum, with `keepdims=True`.": (
            "could not be broadcast"
        )
    }

    def softmax(z):
        rows = [[math.exp(v - max(row)) for v in row] for row in z]
        return np.array([[v / math.fsum(row) for v in row] for row in rows])

    def case(name, tau, hint=hint, m=2, V=5, largest=None):
        logits = rng.normal(size=(m, V)) * 2
        if largest is not None:
            logits += largest - logits.max(axis=1, keepdims=True)
        right, p = softmax(logits / tau), softmax(logits)
        with np.errstate(all="ignore"):
            e = np.exp(logits / tau)
            mistakes = {
                ignored: p,
                times: softmax(logits * tau),
                f"{after} (And the rows must add up to 1.)": p / tau,
                after: softmax(p / tau),
                unnormalised: e,
                f"{unnormalised} (`p ** (1 / tau)` is nearly there.)": p ** (1 / tau),
                batch: e / e.sum(axis=0),
                everything: e / e.sum(),
                logs: np.log(right),
            }
        mistakes = {k: v for k, v in mistakes.items() if np.isfinite(v).all() and not np.allclose(v, right)}
        return Case(name, (logits, tau), right, hint, mistakes, errors=errors, names=("logits", "tau"))

    yield case("τ = 1 is the softmax", 1.0)
    yield case("τ = 2", 2.0)
    yield case("τ = 0.5", 0.5)
    yield case("τ = 0.002", 0.002, overflow, largest=3.0)  # of each row: one maximum for all will do here
    yield case("rows of very different level", 0.8, whole_max, largest=np.array([[3.0], [-5000.0]]))
    yield case("one row", 1.5, "One row is a batch of one: the shape is `(1, V)`.", m=1)


def _kept(p, top_k, top_p):
    """Which tokens both rules keep, row by row in plain Python; the rest 0, and each row adds up to 1."""
    result = np.zeros(p.shape)
    for row, out in zip(p, result, strict=True):
        before = 0.0
        for rank, k in enumerate(sorted(range(len(row)), key=lambda k: -row[k])):
            if rank < top_k and before < top_p:
                out[k] = row[k]
            before += row[k]
        out /= out.sum()
    return result


@exercise("6.6", "Top-k and nucleus")
def keep_likely(rng: np.random.Generator) -> Iterator[Case]:
    """Neither rule, each alone, both."""
    V = 7
    # A sure row, one in between and a very unsure one, in 64ths, so that no sum of them is rounded.
    shares = ([46, 8, 4, 3, 1.5, 1, 0.5], [21, 15, 11, 7, 5, 3, 2], [13, 12, 10, 9.5, 8.5, 6, 5])
    general = np.array([rng.permutation(row) / 64 for row in shares])
    halves = np.array([rng.permutation([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125, 0.0]) for _ in range(2)])

    sorted_out = "The row came back in the order of probability. Each token stays in its place: put the decision back."
    unnormalised = "What is kept does not add up to 1. Divide each row by its sum."
    smallest = "You kept the *unlikeliest* tokens. Sort from the likeliest: `np.argsort(-p, axis=-1)`."
    first_k = (
        "You kept the first places of each row. A decision by rank has to go back to the places of the tokens: "
        "`np.put_along_axis(stays, order, decision, axis=-1)`."
    )
    short = (
        "The nucleus is one token too small: the token with which the sum reaches `top_p` belongs to it. Compare the "
        "sum *before* a token with `top_p`."
    )
    inclusive = (
        "The token with which the sum *reaches* `top_p` stays: compare the sum *before* a token with `top_p`, not the "
        "sum that holds it."
    )
    exactly = (
        "Here two tokens reach `top_p` exactly, so the third is out: the sum before a token has to be *less* than "
        "`top_p`, `<` and not `<=`."
    )
    read = (
        "You read with `order` where you have to write: `np.put_along_axis(stays, order, decision, axis=-1)` brings "
        "each decision back to the place of its token."
    )
    long = "One token too many stays: ranks count from 0, so compare with `<`."
    threshold = "You kept the tokens whose own probability reaches `top_p`. It is their *sum*, from the likeliest on."
    ignored_k = "`top_k` has no effect."
    ignored_p = "`top_p` has no effect."
    either = "A token stays only if *both* rules keep it: join them with `&`, not with `|`."
    renormalised = (
        "The nucleus was measured after top-k had been divided by its sum. Apply both rules to `p` as it came in."
    )
    one_set = (
        "All rows keep the same tokens. Each row has likeliest tokens of its own: sort all rows, along the last axis."
    )
    changed = "With `top_k = V` and `top_p = 1` nothing is cut off: the probabilities come back as they are."
    hint = "Of each row the likeliest tokens stay, in their places, and are divided by their sum."

    def sums(q):
        return q / q.sum(axis=-1, keepdims=True)

    def wrong(p, top_k, top_p):
        right = _kept(p, top_k, top_p)
        order = np.argsort(-p, axis=-1)
        ranked = np.take_along_axis(p, order, axis=-1)
        before = ranked.cumsum(axis=-1) - ranked
        decision = (np.arange(V) < top_k) & (before < top_p)
        tail = np.array([_kept_from_below(row, top_k, top_p) for row in p])
        short_p = np.array([_by_rank(row, top_k, lambda b, v: b + v <= top_p) for row in p])
        strict = np.array([_by_rank(row, top_k, lambda b, v: b + v < top_p) for row in p])
        at_most = np.array([_by_rank(row, top_k, lambda b, v: b <= top_p) for row in p])
        long_k = _kept(p, top_k + 1, top_p)
        either_one = np.array([_by_rank(row, either=lambda rank, b: rank < top_k or b < top_p) for row in p])
        after_k = _kept(_kept(p, top_k, 1.0), V, top_p)
        with np.errstate(invalid="ignore"):
            candidates = {
                ignored_k: _kept(p, V, top_p),
                ignored_p: _kept(p, top_k, 1.0),
                sorted_out: sums(np.where(decision, ranked, 0.0)),
                unnormalised: np.where(right > 0, p, 0.0),
                smallest: tail,
                first_k: np.nan_to_num(sums(np.where(decision, p, 0.0))),
                read: sums(np.where(np.take_along_axis(decision, order, axis=-1), p, 0.0)),
                short: short_p,
                inclusive: strict,
                exactly: at_most,
                long: long_k,
                threshold: np.nan_to_num(sums(np.where(p >= top_p, p, 0.0))),
                either: either_one,
                renormalised: after_k,
                one_set: sums(np.where(right[:1] > 0, p, 0.0)),
            }
        return right, {k: v for k, v in candidates.items() if not np.allclose(v, right)}

    for name, p, top_k, top_p, own in (
        ("both rules off", general, V, 1.0, changed),
        ("both rules", general, 3, 0.7, hint),
        (
            "top-k alone",
            general,
            3,
            1.0,
            "The three likeliest tokens of each row stay, in their places, and add up to 1.",
        ),
        ("nucleus alone", general, V, 0.7, "The nucleus of the sure row is one token, of the others three and five."),
        ("greedy: top-1", general, 1, 1.0, "The likeliest token gets probability 1."),
        ("a small nucleus", general, V, 0.1, "At least the likeliest token stays, however small `top_p` is."),
        ("a sum that is exactly top_p", halves, V, 0.75, exactly),
    ):
        right, mistakes = wrong(p, top_k, top_p)
        if top_k == V and top_p == 1.0:
            mistakes.pop(unnormalised, None)
        yield Case(name, (p, top_k, top_p), right, own, mistakes, names=("p", "top_k", "top_p"))


def _by_rank(row, top_k=0, fits=None, either=None):
    """What stays of a row by a rule about the sum before a token and its own probability."""
    out, before = np.zeros(len(row)), 0.0
    for rank, k in enumerate(sorted(range(len(row)), key=lambda k: -row[k])):
        if either(rank, before) if either else rank < top_k and fits(before, row[k]):
            out[k] = row[k]
        before += row[k]
    return out / out.sum() if out.sum() else out


def _kept_from_below(row, top_k, top_p):
    """What stays of a row when the unlikeliest tokens come first."""
    out, before = np.zeros(len(row)), 0.0
    for rank, k in enumerate(sorted(range(len(row)), key=lambda k: row[k])):
        if rank < top_k and before < top_p:
            out[k] = row[k]
        before += row[k]
    return out / out.sum()


@exercise("6.7", "Generation with state")
def generate(rng: np.random.Generator) -> Iterator[Case]:
    """A model that is a table: its state counts, so that what the loop carries shows in what it writes."""
    V, states = 9, 11
    table = rng.integers(4, V, size=(states, V))  # the likeliest next token for each state and last token
    other = 4 + (table - 4 + rng.integers(1, V - 4, size=table.shape)) % (V - 4)  # the second likeliest

    def model(ends):
        """A step and a first state; row i says <EOS> as its token number ends[i]."""

        def step(x_t, state):
            x_t, state = np.asarray(x_t), np.asarray(state)
            if x_t.shape != (len(ends),):
                raise ValueError(f"step expects the last tokens with shape ({len(ends)},), got {x_t.shape}")
            place = (state[:, 0] % states, x_t)
            following = np.where(state[:, 0] == state[:, 1], EOS, table[place])
            p, rows = np.full((len(x_t), V), 0.1 / (V - 2)), np.arange(len(x_t))
            p[rows, other[place]], p[rows, following] = 0.3, 0.6
            return p, state + np.array([1, 0])

        starts = 3 * np.arange(len(ends))
        return step, np.stack([starts, starts + ends - 1], axis=1)

    def likeliest(p):
        return np.asarray(p).argmax(axis=-1)

    def second(p):
        return np.argsort(np.asarray(p), axis=-1)[:, -2]

    def run(step, state, choose, batch, length, how="right"):
        ids, x_t, done = (
            np.zeros((batch, length), int),
            np.full(batch, {"starts at 0": PAD, "starts at <EOS>": EOS}.get(how, BOS)),
            [False] * batch,
        )
        first = state
        for t in range(length):
            p, new = step(x_t, first if how == "no state" else state)
            state = new
            chosen = np.asarray(choose(p))
            for i in range(batch):
                if how == "talks on":
                    ids[i, t] = chosen[i]
                elif how == "without <EOS>":
                    ids[i, t] = PAD if done[i] or chosen[i] == EOS else chosen[i]
                elif how == "<EOS> again":
                    ids[i, t] = EOS if done[i] else chosen[i]
                else:
                    ids[i, t] = PAD if done[i] else chosen[i]
                done[i] = chosen[i] == EOS or (done[i] and how != "wakes up")
            if how == "always <BOS>":
                continue
            x_t = likeliest(p) if how == "feeds the likeliest" else chosen
            if how == "stops at the first" and any(done):
                break
        return ids

    texts = {
        "no state": "Every step got the first state. Pass on the state that `step` returned.",
        "always <BOS>": "Every step got `<BOS>` as its input. The token that was chosen is the next input.",
        "starts at 0": "The first input is `<BOS>`, id 2, in every row; here it was something else.",
        "starts at <EOS>": "The first input is `<BOS>`, id 2, in every row; here it was `<EOS>`, 3.",
        "feeds the likeliest": (
            "You fed back the likeliest token. Feed back the one that `choose` chose, whatever it is."
        ),
        "talks on": "A row went on after its `<EOS>`. Later places of this row are `<PAD>`, 0.",
        "without <EOS>": (
            "The `<EOS>` itself is missing. It is the last token of its row: store it, and mark the row as done "
            "*after* that."
        ),
        "<EOS> again": "After the first `<EOS>` of a row comes `<PAD>` (0), not `<EOS>` again.",
        "wakes up": "A row woke up again after its `<EOS>`. Who has ended stays so: `done = done | (x_t == EOS)`.",
        "stops at the first": (
            "You stopped as soon as *one* row had ended. Go on until all have: `done.all()`, not `done.any()`."
        ),
    }
    with_bos = "`<BOS>` stands in the result. It is the first input, not a part of what was written."
    narrow = "The result has to be `(batch, length)` also when all rows end early: fill up with `<PAD>`."
    greedy = "You did not ask `choose`: the likeliest token was taken. Call `choose(p)`."
    turned = "Time comes first in what you returned. The batch comes first: `np.stack(rows, axis=1)`, or `ids[:, t]`."
    hint = "Each row holds what it wrote, up to and including its `<EOS>`, and `<PAD>` after it."
    errors = {
        "`step` returns two things: `p, state = step(x_t, state)`.": "unpack|indices must be integers|tuple",
        "`step` takes the last token of every row, shape `(batch,)`: start with `np.full(batch, BOS)`, and give it no "
        "second axis.": "step expects the last tokens",
    }

    def case(name, ends, length, choose=likeliest, hint=hint):
        step, state = model(ends)
        batch = len(ends)
        arguments = (step, state, choose, batch, length)
        right = run(*arguments)
        mistakes = {}
        if choose is not likeliest:
            mistakes[greedy] = run(step, state, likeliest, batch, length)
        mistakes |= {text: run(*arguments, how) for how, text in texts.items()}
        mistakes[with_bos] = np.concatenate([np.full((batch, 1), BOS), right[:, :-1]], axis=1)
        mistakes[f"{with_bos} (It makes the result one token too long.)"] = np.concatenate(
            [np.full((batch, 1), BOS), right], axis=1
        )
        mistakes[turned] = right.T
        width = int((right > 0).sum(axis=1).max())
        if width < length:
            mistakes[narrow] = right[:, :width]
        kept = {k: v for k, v in mistakes.items() if v.shape != right.shape or not np.array_equal(v, right)}
        return Case(
            name, arguments, right, hint, kept, errors=errors, names=("step", "state", "choose", "batch", "length")
        )

    yield case("one token", [9, 9, 9], 1)
    yield case("four tokens, no end", [9, 9, 9], 4)
    yield case("the second likeliest is chosen", [9, 9, 9], 4, second)
    yield case("rows that end at different times", [2, 6, 4], 7)
    yield case("no row reaches its end", [20, 30], 6)
    yield case("all rows end early", [2, 3], 6, hint=narrow)
