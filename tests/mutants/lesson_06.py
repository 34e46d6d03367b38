"""Lesson 06."""

import math

import numpy as np

from mutants import alternative, mutant
from utils.text import pad

PAD, UNK, BOS, EOS = range(4)

# 6.1: inputs and targets.


@mutant("6.1", hint="`x` does not begin with `<BOS>`")
def without_bos(sentences):
    y, mask = pad([[*s, EOS] for s in sentences])
    x, _ = pad([list(s) for s in sentences], length=y.shape[1])
    return x, y, mask


@mutant("6.1", hint="`y` does not end with `<EOS>`")
def without_eos(sentences):
    x, mask = pad([[BOS, *s] for s in sentences])
    y, _ = pad([list(s) for s in sentences], length=x.shape[1])
    return x, y, mask


@mutant("6.1", hint="`<EOS>` stands behind the padding")
def eos_after_the_padding(sentences):
    x, mask = pad([[BOS, *s] for s in sentences])
    y, _ = pad([list(s) for s in sentences], length=x.shape[1])
    y[:, -1] = EOS
    return x, y, mask


@mutant("6.1", hint="`x` and `y` are the same")
def target_is_input(sentences):
    x, mask = pad([[BOS, *s] for s in sentences])
    return x, x, mask


@mutant("6.1", hint="`<BOS>` is only an input")
def specials_on_both_sides(sentences):
    x, mask = pad([[BOS, *s, EOS] for s in sentences])
    return x, x, mask


@mutant("6.1", hint="Inputs and targets are exchanged")
def exchanged(sentences):
    x, y, mask = by_hand(sentences)
    return y, x, mask


@mutant("6.1", hint="The mask is one too short")
def eos_is_not_counted(sentences):
    x, y, _ = by_hand(sentences)
    lengths = np.array([len(s) for s in sentences])
    return x, y, np.arange(x.shape[1]) < lengths[:, None]


@mutant("6.1", hint="you cut a column off a padded array")
def cut_from_one_array(sentences):
    both, mask = pad([[BOS, *s, EOS] for s in sentences])
    return both[:, :-1], both[:, 1:], mask[:, 1:]


@mutant("6.1", hint="The mask is True everywhere")
def nothing_is_masked(sentences):
    x, y, mask = by_hand(sentences)
    return x, y, np.ones_like(mask)


@mutant("6.1", hint="True at padded positions")
def mask_one_too_long(sentences):
    x, y, _ = by_hand(sentences)
    lengths = np.array([len(s) for s in sentences])
    return x, y, np.arange(x.shape[1]) < lengths[:, None] + 2


@mutant("6.1", hint="A list and a number do not add")
def adds_a_number(sentences):
    return pad([s + EOS for s in sentences])


@mutant("6.1", hint="NumPy makes no array of them")
def not_padded(sentences):
    x = np.array([[BOS, *s] for s in sentences])
    return x, np.array([[*s, EOS] for s in sentences]), np.ones(x.shape, bool)


@mutant("6.1", hint="`dtype=bool`")
def numbers_as_a_mask(sentences):
    x, y, mask = by_hand(sentences)
    return x, y, mask.astype(int)


@mutant("6.1", hint="one position too many for the same reason")
def cut_from_one_array_with_its_mask(sentences):
    both, mask = pad([[BOS, *s, EOS] for s in sentences])
    return both[:, :-1], both[:, 1:], mask[:, :-1]


@mutant("6.1", hint="`<BOS>` is 2 and stands in `x`")
def specials_exchanged(sentences):
    x, mask = pad([[EOS, *s] for s in sentences])
    return x, pad([[*s, BOS] for s in sentences])[0], mask


@mutant("6.1", hint="`x` is a column too narrow")
def only_y_has_a_special(sentences):
    y, mask = pad([[*s, EOS] for s in sentences])
    return pad(sentences)[0], y, mask


@mutant("6.1", hint="change the caller's lists")
def inserts_and_appends(sentences):
    for s in sentences:
        s.insert(0, BOS)
    x, mask = pad(sentences)
    for s in sentences:
        s.append(EOS)
    return x, pad([s[1:] for s in sentences])[0], mask


@alternative("6.1")
def by_hand(sentences):
    width = max(map(len, sentences)) + 1
    x, y = np.zeros((len(sentences), width), int), np.zeros((len(sentences), width), int)
    for i, s in enumerate(sentences):
        x[i, : len(s) + 1] = [BOS, *s]
        y[i, : len(s) + 1] = [*s, EOS]
    return x, y, np.arange(width) <= np.array([len(s) for s in sentences])[:, None]


@alternative("6.1")
def from_one_array(sentences):
    both, mask = pad([[BOS, *s, EOS] for s in sentences])
    return np.where(mask[:, 1:], both[:, :-1], 0), both[:, 1:], mask[:, 1:]


# 6.2: bigram probabilities.


def _rows(counts):
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


@mutant("6.2", hint="counted once")
def adds_one_once(x, y, mask, V):
    counts = np.zeros((V, V))
    counts[x[mask], y[mask]] += 1
    return _rows(counts)


@mutant("6.2", hint="Padded positions were counted")
def counts_padding(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x, y), 1)
    return _rows(counts)


@mutant("6.2", hint="Rows and columns are exchanged")
def target_in_the_row(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (y[mask], x[mask]), 1)
    return _rows(counts)


@mutant("6.2", hint="sums of the columns")
def by_columns(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    return counts / np.maximum(counts.sum(axis=0), 1)


@mutant("6.2", hint="its axis; keep it")
def without_keepdims(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    return counts / np.maximum(counts.sum(axis=1), 1)


@mutant("6.2", hint="number of all pairs")
def joint_probabilities(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    return counts / mask.sum()


@mutant("6.2", hint="These are the counts")
def counts_alone(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    return counts


@mutant("6.2", hint="stays all 0: divide by")
def divides_by_zero_at_once(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    with np.errstate(all="ignore"):
        return counts / counts.sum(axis=1, keepdims=True)


@mutant("6.2", hint="1 too large")
def adds_one_to_all(x, y, mask, V):
    counts = np.ones((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    return _rows(counts)


@mutant("6.2", hint="here it is uniform")
def uniform_where_unknown(x, y, mask, V):
    counts = np.zeros((V, V))
    np.add.at(counts, (x[mask], y[mask]), 1)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 1 / V)


@alternative("6.2")
def with_a_loop(x, y, mask, V):
    counts = np.zeros((V, V), dtype=int)
    for i, t in np.argwhere(mask):
        counts[x[i, t], y[i, t]] += 1
    return np.array([row / row.sum() if row.any() else np.zeros(V) for row in counts])


@alternative("6.2")
def with_bincount(x, y, mask, V):
    counts = np.bincount(x[mask] * V + y[mask], minlength=V * V).reshape(V, V)
    total = counts.sum(axis=1)
    return counts / np.where(total == 0, 1, total)[:, None]


# 6.3: masked perplexity.


@mutant("6.3", hint="Its exponential".lower())
def mean_nats(log_p, mask):
    return -log_p[mask].mean()


@mutant("6.3", hint="a perplexity is at least 1")
def forgot_the_sign(log_p, mask):
    return np.exp(log_p[mask].mean())


@mutant("6.3", hint="Your base is 2")
def in_base_two(log_p, mask):
    return 2 ** -log_p[mask].mean()


@mutant("6.3", hint="Padded positions were counted")
def with_padding(log_p, mask):
    return np.exp(-log_p.mean())


@mutant("6.3", hint="by the number of *all* positions")
def mean_of_the_product(log_p, mask):
    return np.exp(-(np.where(mask, log_p, 0)).mean())


@mutant("6.3", hint="mean of each sentence first")
def mean_of_means(log_p, mask):
    return np.exp(-np.mean([row[real].mean() for row, real in zip(log_p, mask, strict=True)]))


@mutant("6.3", hint="the exponential of each position")
def mean_of_inverses(log_p, mask):
    return np.exp(-log_p[mask]).mean()


@mutant("6.3", hint="did not divide")
def of_the_sum(log_p, mask):
    return np.exp(-log_p[mask].sum())


@mutant("6.3", hint="not one for each sentence")
def for_each_sentence(log_p, mask):
    return np.exp(-np.array([row[real].mean() for row, real in zip(log_p, mask, strict=True)]))


@mutant("6.3", hint="do not multiply by the mask")
def multiplies(log_p, mask):
    return np.exp(-(log_p * mask).sum() / mask.sum())


@mutant("6.3", hint="do not filter it out")
def without_the_impossible(log_p, mask):
    return np.exp(-log_p[mask & np.isfinite(log_p)].mean())


@mutant("6.3", hint="do not replace it")
def replaces_minus_infinity(log_p, mask):
    return np.exp(-np.nan_to_num(log_p[mask], neginf=-100).mean())


@alternative("6.3")
def by_logs(log_p, mask):
    return float(np.exp(-np.where(mask, log_p, 0).sum(dtype=float) / mask.sum()))


@alternative("6.3")
def by_a_root(log_p, mask):
    return math.prod(np.exp(-log_p[mask])) ** (1 / mask.sum())


# 6.4: the log-probability of a sentence.


def _log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _pick(log_p, y):
    return np.take_along_axis(log_p, y[..., None], axis=-1)[..., 0]


@mutant("6.4", hint="the scores themselves")
def raw_scores(logits, y, mask):
    return np.where(mask, _pick(logits, y), 0).sum(axis=1)


@mutant("6.4", hint="This is a probability")
def as_probability(logits, y, mask):
    return np.exp(np.where(mask, _pick(_log_softmax(logits), y), 0).sum(axis=1))


@mutant("6.4", hint="this is the loss")
def as_loss(logits, y, mask):
    return -np.where(mask, _pick(_log_softmax(logits), y), 0).sum(axis=1)


@mutant("6.4", hint="mean over the positions")
def mean_log_probability(logits, y, mask):
    return np.where(mask, _pick(_log_softmax(logits), y), 0).sum(axis=1) / mask.sum(axis=1)


@mutant("6.4", hint="the likeliest token of each position")
def of_the_likeliest(logits, y, mask):
    return np.where(mask, _log_softmax(logits).max(axis=-1), 0).sum(axis=1)


@mutant("6.4", hint="Padded positions were counted")
def sums_padding(logits, y, mask):
    return _pick(_log_softmax(logits), y).sum(axis=1)


@mutant("6.4", hint="one number for each position")
def one_for_each_position(logits, y, mask):
    return np.where(mask, _pick(_log_softmax(logits), y), 0)


@mutant("6.4", hint="not one for the whole batch")
def one_for_all(logits, y, mask):
    return np.where(mask, _pick(_log_softmax(logits), y), 0).sum()


@mutant("6.4", hint="Large scores overflow")
def overflows(logits, y, mask):
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        return np.where(mask, np.log(_pick(p, y)), 0).sum(axis=1)


@mutant("6.4", hint="0 · inf is nan")
def multiplies_by_the_mask(logits, y, mask):
    with np.errstate(all="ignore"):
        return (_pick(_log_softmax(logits), y) * mask).sum(axis=1)


@mutant("6.4", hint="`y[..., None]`")
def forgets_the_axis(logits, y, mask):
    return np.take_along_axis(_log_softmax(logits), y, axis=-1).sum(axis=1)


@mutant("6.4", hint="with `keepdims=True`")
def drops_the_axis(logits, y, mask):
    return np.where(mask, _pick(_log_softmax(logits - logits.max(axis=-1)), y), 0).sum(axis=1)


def _summed(log_p, y, mask):
    return np.where(mask, _pick(log_p, y), 0).sum(axis=1)


@mutant("6.4", hint="The logarithm of the sum is missing")
def without_the_sum(logits, y, mask):
    return _summed(logits - logits.max(axis=-1, keepdims=True), y, mask)


@mutant("6.4", hint="Subtract its *logarithm*")
def without_the_logarithm(logits, y, mask):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return _summed(shifted - np.exp(shifted).sum(axis=-1, keepdims=True), y, mask)


@mutant("6.4", hint="but not in the first term")
def shifts_one_term(logits, y, mask):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return _summed(logits - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), y, mask)


@mutant("6.4", hint="A product of many small probabilities")
def multiplies_probabilities(logits, y, mask):
    with np.errstate(all="ignore"):
        return np.log(np.where(mask, np.exp(_pick(_log_softmax(logits), y)), 1).prod(axis=1))


@mutant("6.4", hint="Do not compute the softmax first")
def logarithm_of_the_softmax(logits, y, mask):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    with np.errstate(all="ignore"):
        return _summed(np.log(e / e.sum(axis=-1, keepdims=True)), y, mask)


@mutant("6.4", hint="the largest score of the whole batch")
def shifts_by_one_maximum(logits, y, mask):
    shifted = logits - logits.max()
    with np.errstate(all="ignore"):
        return _summed(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), y, mask)


@alternative("6.4")
def sentence_by_sentence(logits, y, mask):
    out = []
    for z, right, real in zip(logits, y, mask, strict=True):
        n = int(real.sum())
        log_p = _log_softmax(z[:n])
        out.append(log_p[np.arange(n), right[:n]].sum())
    return np.array(out)


@alternative("6.4")
def with_logaddexp(logits, y, mask):
    log_p = _pick(logits, y) - np.logaddexp.reduce(logits, axis=-1)
    return np.sum(log_p, axis=1, where=mask)


# 6.5: temperature.


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@mutant("6.5", hint="has no effect")
def ignores_tau(logits, tau):
    return _softmax(logits)


@mutant("6.5", hint="You multiplied by `tau`")
def multiplies_by_tau(logits, tau):
    return _softmax(logits * tau)


@mutant("6.5", hint="And the rows must add up")
def divides_probabilities(logits, tau):
    return _softmax(logits) / tau


@mutant("6.5", hint="Divide the scores, *before* the softmax.")
def softmax_of_probabilities(logits, tau):
    return _softmax(_softmax(logits) / tau)


@mutant("6.5", hint="Divide by the sum of each row")
def not_normalised(logits, tau):
    return np.exp(logits / tau)


@mutant("6.5", hint="is nearly there")
def power_without_normalising(logits, tau):
    return _softmax(logits) ** (1 / tau)


@mutant("6.5", hint="add up to 1 over the batch")
def over_the_batch(logits, tau):
    e = np.exp(logits / tau)
    return e / e.sum(axis=0)


@mutant("6.5", hint="All rows together")
def over_everything(logits, tau):
    e = np.exp(logits / tau)
    return e / e.sum()


@mutant("6.5", hint="the exponential overflows")
def without_the_shift(logits, tau):
    with np.errstate(all="ignore"):
        e = np.exp(logits / tau)
        return e / e.sum(axis=-1, keepdims=True)


@mutant("6.5", hint="keep the last axis")
def without_keeping_the_axis(logits, tau):
    z = logits / tau
    e = np.exp(z - z.max(axis=-1))
    return e / e.sum(axis=-1)


@mutant("6.5", hint="without an axis is the largest score")
def one_maximum_for_all(logits, tau):
    z = logits / tau
    with np.errstate(all="ignore"):
        e = np.exp(z - z.max())
        return e / e.sum(axis=-1, keepdims=True)


@alternative("6.5")
def by_powers(logits, tau):
    best = logits.max(axis=-1, keepdims=True)
    p = np.exp(logits - best) ** (1 / tau)
    return p / p.sum(axis=1, keepdims=True)


@alternative("6.5")
def through_logarithms(logits, tau):
    return np.exp(_log_softmax(logits / tau))


# 6.6: top-k and nucleus.


def _likely(p, top_k, top_p, decide=None):
    order = np.argsort(-p, axis=-1)
    ranked = np.take_along_axis(p, order, axis=-1)
    before, rank = ranked.cumsum(axis=-1) - ranked, np.arange(p.shape[-1])
    decision = decide(rank, before, ranked) if decide else (rank < top_k) & (before < top_p)
    stays = np.zeros(p.shape, dtype=bool)
    np.put_along_axis(stays, order, np.broadcast_to(decision, p.shape), axis=-1)
    return np.where(stays, p, 0.0)


def _normal(q):
    return q / q.sum(axis=-1, keepdims=True)


@mutant("6.6", hint="does not add up to 1")
def not_renormalised(p, top_k, top_p):
    return _likely(p, top_k, top_p)


@mutant("6.6", hint="came back in the order of probability")
def sorted_rows(p, top_k, top_p):
    ranked = -np.sort(-p, axis=-1)
    before = ranked.cumsum(axis=-1) - ranked
    return _normal(np.where((np.arange(p.shape[-1]) < top_k) & (before < top_p), ranked, 0))


@mutant("6.6", hint="*unlikeliest* tokens")
def smallest_first(p, top_k, top_p):
    order = np.argsort(p, axis=-1)
    ranked = np.take_along_axis(p, order, axis=-1)
    decision = (np.arange(p.shape[-1]) < top_k) & (ranked.cumsum(axis=-1) - ranked < top_p)
    stays = np.zeros(p.shape, dtype=bool)
    np.put_along_axis(stays, order, decision, axis=-1)
    return _normal(np.where(stays, p, 0))


@mutant("6.6", hint="one token too small")
def nucleus_one_too_small(p, top_k, top_p):
    kept = _likely(p, top_k, top_p, lambda rank, before, v: (rank < top_k) & (before + v <= top_p + 1e-12))
    return kept / np.maximum(kept.sum(axis=-1, keepdims=True), 1e-9)


@mutant("6.6", hint="ranks count from 0")
def one_rank_too_many(p, top_k, top_p):
    return _normal(_likely(p, top_k + 1, top_p))


@mutant("6.6", hint="whose own probability reaches")
def own_probability(p, top_k, top_p):
    kept = np.where(p >= top_p, p, 0)
    return kept / np.maximum(kept.sum(axis=-1, keepdims=True), 1e-9) if top_p < 1 else _normal(_likely(p, top_k, 1))


@mutant("6.6", hint="`top_k` has no effect")
def without_top_k(p, top_k, top_p):
    return _normal(_likely(p, p.shape[-1], top_p))


@mutant("6.6", hint="`top_p` has no effect")
def without_top_p(p, top_k, top_p):
    return _normal(_likely(p, top_k, 1.0))


@mutant("6.6", hint="*both* rules")
def either_rule(p, top_k, top_p):
    return _normal(_likely(p, top_k, top_p, lambda rank, before, v: (rank < top_k) | (before < top_p)))


@mutant("6.6", hint="divided by its sum. Apply both rules")
def one_after_the_other(p, top_k, top_p):
    return _normal(_likely(_normal(_likely(p, top_k, 1.0)), p.shape[-1], top_p))


@mutant("6.6", hint="You kept the first places of each row")
def decision_by_rank(p, top_k, top_p):
    ranked = -np.sort(-p, axis=-1)
    before = ranked.cumsum(axis=-1) - ranked
    return _normal(np.where((np.arange(p.shape[-1]) < top_k) & (before < top_p), p, 0))


@mutant("6.6", hint="All rows keep the same tokens")
def the_same_for_all_rows(p, top_k, top_p):
    first = _likely(p[:1], top_k, top_p)
    return _normal(np.where(first > 0, p, 0))


@mutant("6.6", hint="not the sum that holds it")
def inclusive_sum(p, top_k, top_p):
    kept = _likely(p, top_k, top_p, lambda rank, before, v: (rank < top_k) & (v.cumsum(axis=-1) < top_p))
    with np.errstate(all="ignore"):
        return _normal(kept)


@mutant("6.6", hint="has to be *less* than")
def at_most_top_p(p, top_k, top_p):
    return _normal(_likely(p, top_k, top_p, lambda rank, before, v: (rank < top_k) & (before <= top_p)))


@mutant("6.6", hint="where you have to write")
def reads_the_decision(p, top_k, top_p):
    order = np.argsort(-p, axis=-1)
    ranked = np.take_along_axis(p, order, axis=-1)
    decision = (np.arange(p.shape[-1]) < top_k) & (ranked.cumsum(axis=-1) - ranked < top_p)
    return _normal(np.where(np.take_along_axis(decision, order, axis=-1), p, 0.0))


@alternative("6.6")
def sums_shifted_by_one(p, top_k, top_p):
    order = np.argsort(-p, axis=-1)
    before = np.pad(np.take_along_axis(p, order, axis=-1).cumsum(axis=-1), ((0, 0), (1, 0)))[:, :-1]
    rank = order.argsort(axis=-1)
    return _normal(p * (rank < top_k) * (np.take_along_axis(before, rank, axis=-1) < top_p))


@alternative("6.6")
def row_by_row(p, top_k, top_p):
    out = []
    for row in p.tolist():
        kept, total = [0.0] * len(row), 0.0
        for k in sorted(range(len(row)), key=row.__getitem__, reverse=True)[:top_k]:
            if total >= top_p:
                break
            kept[k] = row[k]
            total += row[k]
        out.append([v / sum(kept) for v in kept])
    return np.array(out)


@alternative("6.6")
def by_ranks(p, top_k, top_p):
    rank = (p[:, None, :] > p[:, :, None]).sum(axis=-1)
    before = np.where(p[:, None, :] > p[:, :, None], p[:, None, :], 0).sum(axis=-1)
    return _normal(p * ((rank < top_k) & (before < top_p)))


# 6.7: generation with state.


def _loop(step, state, choose, batch, length, how=""):
    ids, done = np.zeros((batch, length), int), np.zeros(batch, bool)
    x_t, first = np.full(batch, EOS if how == "starts at the end" else BOS), state
    for t in range(length):
        p, state = step(x_t, first if how == "no state" else state)
        chosen = choose(p) if how != "argmax" else p.argmax(axis=-1)
        if how == "eos first":
            done = done | (chosen == EOS)
        ids[:, t] = chosen if how == "talks on" else np.where(done, EOS if how == "eos again" else PAD, chosen)
        done = (chosen == EOS) if how == "wakes up" else done | (chosen == EOS)
        if how != "always bos":
            x_t = p.argmax(axis=-1) if how == "feeds argmax" else chosen
        if how == "any" and done.any():
            break
    return ids


@mutant("6.7", hint="Every step got the first state")
def forgets_the_state(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "no state")


@mutant("6.7", hint="Every step got `<BOS>`")
def always_bos(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "always bos")


@mutant("6.7", hint="id 2, in every row; here it was")
def starts_from_padding(step, state, choose, batch, length):
    ids, x_t, done = np.zeros((batch, length), int), np.zeros(batch, int), np.zeros(batch, bool)
    for t in range(length):
        p, state = step(x_t, state)
        x_t = choose(p)
        ids[:, t] = np.where(done, PAD, x_t)
        done = done | (x_t == EOS)
    return ids


@mutant("6.7", hint="here it was `<EOS>`")
def starts_from_the_end(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "starts at the end")


@mutant("6.7", hint="woke up again")
def forgets_who_has_ended(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "wakes up")


@mutant("6.7", hint="no second axis")
def feeds_columns(step, state, choose, batch, length):
    ids, x_t = np.zeros((batch, length), int), np.full((batch, 1), BOS)
    for t in range(length):
        p, state = step(x_t, state)
        x_t = choose(p)[:, None]
        ids[:, t] = x_t[:, 0]
    return ids


@mutant("6.7", hint="start with `np.full(batch, BOS)`")
def begins_with_a_number(step, state, choose, batch, length):
    p, state = step(BOS, state)
    return choose(p)


@mutant("6.7", hint="did not ask `choose`")
def always_greedy(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "argmax")


@mutant("6.7", hint="You fed back the likeliest")
def feeds_back_the_likeliest(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "feeds argmax")


@mutant("6.7", hint="A row went on after")
def talks_on(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "talks on")


@mutant("6.7", hint="The `<EOS>` itself is missing")
def loses_eos(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "eos first")


@mutant("6.7", hint="not `<EOS>` again")
def repeats_eos(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "eos again")


@mutant("6.7", hint="as soon as *one* row")
def stops_at_the_first(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length, "any")


@mutant("6.7", hint="a part of what was written")
def begins_with_bos(step, state, choose, batch, length):
    return np.concatenate([np.full((batch, 1), BOS), _loop(step, state, choose, batch, length)[:, :-1]], axis=1)


@mutant("6.7", hint="Time comes first")
def time_first(step, state, choose, batch, length):
    return _loop(step, state, choose, batch, length).T


@mutant("6.7", hint="also when all rows end early")
def only_as_long_as_needed(step, state, choose, batch, length):
    ids = _loop(step, state, choose, batch, length)
    return ids[:, : max(1, int((ids > 0).sum(axis=1).max()))]


@mutant("6.7", hint="`step` returns two things")
def forgets_to_unpack(step, state, choose, batch, length):
    p = step(np.full(batch, BOS), state)
    return choose(p[0, 0])


@alternative("6.7")
def with_a_list(step, state, choose, batch, length):
    rows, x_t = [[] for _ in range(batch)], np.array([BOS] * batch)
    for _ in range(length):
        p, state = step(x_t, state)
        x_t = choose(p)
        for row, token in zip(rows, x_t, strict=True):
            row.append(PAD if EOS in row else int(token))
    return np.array(rows)


@alternative("6.7")
def feeds_padding_to_ended_rows(step, state, choose, batch, length):
    ids, x_t, t = np.full((batch, length), PAD), np.full(batch, BOS), 0
    while t < length and not (ids == EOS).any(axis=1).all():
        p, state = step(x_t, state)
        x_t = np.where((ids == EOS).any(axis=1), PAD, choose(p))
        ids[:, t], t = x_t, t + 1
    return ids
