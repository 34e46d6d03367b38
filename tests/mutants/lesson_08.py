"""Lesson 08."""

from collections import Counter

import numpy as np

from mutants import alternative, mutant
from utils.text import pad

PAD, UNK, BOS, EOS = range(4)

# 8.1: teacher-forcing arrays.


def _arrays(sources, targets, reverse):
    read = [s[::-1] if reverse else s for s in sources]
    x, x_mask = pad(read)
    y_in, y_mask = pad([[BOS, *t] for t in targets])
    return x, x_mask, y_in, pad([[*t, EOS] for t in targets])[0], y_mask


@mutant("8.1", hint="`target_in` and `target_out` are exchanged")
def in_and_out_exchanged(sources, targets, reverse):
    x, x_mask, y_in, y_out, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, y_out, y_in, y_mask


@mutant("8.1", hint="does not begin with `<BOS>`")
def without_bos(sources, targets, reverse):
    x, x_mask, _, y_out, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, pad(targets)[0], y_out, y_mask


@mutant("8.1", hint="does not end with `<EOS>`")
def without_eos(sources, targets, reverse):
    x, x_mask, y_in, _, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, y_in, pad(targets, length=y_in.shape[1])[0], y_mask


@mutant("8.1", hint="What is said at a position is read at the *next* one")
def not_shifted(sources, targets, reverse):
    x, x_mask, y_in, _, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, y_in, y_in, y_mask


@mutant("8.1", hint="`target_mask` is one position too short")
def mask_of_the_bare_target(sources, targets, reverse):
    x, x_mask, y_in, y_out, _ = _arrays(sources, targets, reverse)
    return x, x_mask, y_in, y_out, pad(targets, length=y_in.shape[1])[1]


@mutant("8.1", hint="you cut the last column off padded rows")
def a_column_cut_off(sources, targets, reverse):
    x, x_mask, _, _, _ = _arrays(sources, targets, reverse)
    both, mask = pad([[BOS, *t, EOS] for t in targets])
    return x, x_mask, both[:, :-1], both[:, 1:], mask[:, 1:]


@mutant("8.1", hint="The source has `<BOS>` or `<EOS>`")
def eos_behind_the_source(sources, targets, reverse):
    return _arrays([[*s, EOS] for s in sources] if not reverse else [[EOS, *s] for s in sources], targets, reverse)


@mutant("8.1", hint="A mask is True everywhere")
def no_mask(sources, targets, reverse):
    x, x_mask, y_in, y_out, y_mask = _arrays(sources, targets, reverse)
    return x, np.ones_like(x_mask), y_in, y_out, y_mask


@mutant("8.1", hint="Both sides have the same width")
def one_width(sources, targets, reverse):
    width = max(len(row) + side for rows, side in ((sources, 0), (targets, 1)) for row in rows)
    x, x_mask = pad([s[::-1] if reverse else s for s in sources], length=width)
    y_in, y_mask = pad([[BOS, *t] for t in targets], length=width)
    return x, x_mask, y_in, pad([[*t, EOS] for t in targets], length=width)[0], y_mask


@mutant("8.1", hint="nothing is reversed")
def never_reversed(sources, targets, reverse):
    return _arrays(sources, targets, False)


@mutant("8.1", hint="although `reverse` is False")
def always_reversed(sources, targets, reverse):
    return _arrays(sources, targets, True)


@mutant("8.1", hint="the padding came to the front")
def reversed_after_padding(sources, targets, reverse):
    x, x_mask, *rest = _arrays(sources, targets, False)
    return (x[:, ::-1], x_mask[:, ::-1], *rest) if reverse else (x, x_mask, *rest)


@mutant("8.1", hint="the padding came to the front")
def ids_reversed_after_padding(sources, targets, reverse):
    x, x_mask, *rest = _arrays(sources, targets, False)
    return (x[:, ::-1] if reverse else x, x_mask, *rest)


@mutant("8.1", hint="The target is reversed, too")
def target_reversed(sources, targets, reverse):
    return _arrays(sources, [t[::-1] for t in targets] if reverse else targets, reverse)


@mutant("8.1", hint="The order of the pairs is reversed")
def pairs_reversed(sources, targets, reverse):
    x, x_mask, *rest = _arrays(sources, targets, False)
    return (x[::-1], x_mask[::-1], *rest) if reverse else (x, x_mask, *rest)


@mutant("8.1", hint="A mask stands where ids belong")
def mask_before_target_out(sources, targets, reverse):
    x, x_mask, y_in, y_out, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, y_in, y_mask, y_out


@mutant("8.1", hint="`target_in` ends with `<EOS>`")
def eos_in_what_is_read(sources, targets, reverse):
    x, x_mask, _, y_out, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, pad([[BOS, *t, EOS] for t in targets])[0], y_out, y_mask


@mutant("8.1", hint="`target_out` begins with `<BOS>`")
def bos_in_what_is_said(sources, targets, reverse):
    x, x_mask, y_in, _, _ = _arrays(sources, targets, reverse)
    return x, x_mask, y_in, *pad([[BOS, *t, EOS] for t in targets])


@mutant("8.1", hint="`<BOS>` and `<EOS>` are exchanged")
def specials_exchanged(sources, targets, reverse):
    x, x_mask, _, _, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, pad([[EOS, *t] for t in targets])[0], pad([[*t, BOS] for t in targets])[0], y_mask


@mutant("8.1", hint="The last word of the target is missing")
def last_word_not_read(sources, targets, reverse):
    x, x_mask, _, y_out, y_mask = _arrays(sources, targets, reverse)
    return x, x_mask, pad([[BOS, *t[:-1]] for t in targets])[0], y_out, y_mask


@mutant("8.1", hint="It and the mask are one column too narrow")
def bare_target_with_its_mask(sources, targets, reverse):
    x, x_mask, y_in, _, _ = _arrays(sources, targets, reverse)
    return x, x_mask, y_in, *pad(targets)


@mutant("8.1", hint="Return five arrays in this order")
def four_arrays(sources, targets, reverse):
    return _arrays(sources, targets, reverse)[:4]


@mutant("8.1", hint="`[BOS, *target]` is a new list")
def list_and_number(sources, targets, reverse):
    return pad([BOS + t for t in targets])


@mutant("8.1", hint="NumPy makes no array of them")
def without_pad(sources, targets, reverse):
    y_in = np.array([[BOS, *t] for t in targets])
    y_out = np.array([[*t, EOS] for t in targets])
    x = np.array([s[::-1] if reverse else s for s in sources])
    return x, x > 0, y_in, y_out, y_in > 0


@alternative("8.1")
def row_by_row(sources, targets, reverse):
    T_x, T_y = max(map(len, sources)), max(map(len, targets)) + 1
    x, y_in, y_out = (np.zeros((len(sources), width), dtype=np.int64) for width in (T_x, T_y, T_y))
    for i, (source, target) in enumerate(zip(sources, targets, strict=True)):
        x[i, : len(source)] = list(reversed(source)) if reverse else source
        y_in[i, : len(target) + 1] = [BOS, *target]
        y_out[i, : len(target) + 1] = [*target, EOS]
    return x, x != PAD, y_in, y_out, y_in != PAD


# 8.2: the encoder.


def _gru(x, a, weights):
    from keras import ops

    from_x = ops.split(ops.matmul(x, weights["kernel"]) + weights["bias"][0], 3, axis=-1)
    from_a = ops.split(ops.matmul(a, weights["recurrent_kernel"]) + weights["bias"][1], 3, axis=-1)
    z, r = (ops.sigmoid(p + q) for p, q in zip(from_x[:2], from_a[:2], strict=True))
    return z * a + (1 - z) * ops.tanh(from_x[2] + r * from_a[2])


def _encode(source, mask, weights, *, masked=True, turned=False, erased=False, stuck=False, times=None, start=0.0):
    """All states of an encoder, a list; the keywords switch on mistakes."""
    from keras import ops

    h = ops.full((source.shape[0], weights["recurrent_kernel"].shape[0]), start)
    states = []
    for t in range(source.shape[1]) if times is None else times:
        new = _gru(ops.take(weights["table"], source[:, t], axis=0), h, weights)
        old = ops.zeros_like(h) if erased else h
        real = ops.ones_like(mask[:, t, None]) if not masked else mask[:, t, None]
        states.append(ops.where(real, old, new) if turned else ops.where(real, new, old))
        h = h if stuck else states[-1]
    return states


@mutant("8.2", hint="The padding was read")
def reads_the_padding(source, mask, weights):
    return _encode(source, mask, weights, masked=False)[-1]


@mutant("8.2", hint="It has to *stay*")
def erases(source, mask, weights):
    return _encode(source, mask, weights, erased=True)[-1]


@mutant("8.2", hint="Either the two sides of your `ops.where`")
def where_turned(source, mask, weights):
    return _encode(source, mask, weights, turned=True)[-1]


@mutant("8.2", hint="or the loop leaves a position out")
def first_position_left_out(source, mask, weights):
    from keras import ops

    n_a = weights["recurrent_kernel"].shape[0]
    return (_encode(source, mask, weights, times=range(1, source.shape[1])) or [ops.zeros((len(source), n_a))])[-1]


@mutant("8.2", hint="Is your first state `(batch, n_a)`?")
def three_states(source, mask, weights):
    from keras import ops

    h = ops.zeros((source.shape[0], weights["recurrent_kernel"].shape[1]))
    for t in range(source.shape[1]):
        h = ops.where(mask[:, t, None], _gru(ops.take(weights["table"], source[:, t], axis=0), h, weights), h)
    return h


@mutant("8.2", hint="the states of all positions")
def all_states(source, mask, weights):
    return np.stack(_encode(source, mask, weights), axis=1)


@mutant("8.2", hint="This is a mean of the states")
def mean_state(source, mask, weights):
    return np.mean(_encode(source, mask, weights), axis=0)


@mutant("8.2", hint="Only one position was read")
def first_position(source, mask, weights):
    return _encode(source, mask, weights)[0]


@mutant("8.2", hint="The last position was not read")
def one_position_too_few(source, mask, weights):
    return _encode(source, mask, weights, times=range(max(1, source.shape[1] - 1)))[-1]


@mutant("8.2", hint="Every step starts from the same state")
def state_not_carried(source, mask, weights):
    return _encode(source, mask, weights, stuck=True)[-1]


@mutant("8.2", hint="read from its end")
def backwards(source, mask, weights):
    return _encode(source, mask, weights, times=range(source.shape[1])[::-1])[-1]


@mutant("8.2", hint="The first state is not 0")
def starts_from_ones(source, mask, weights):
    return _encode(source, mask, weights, start=1.0)[-1]


@mutant("8.2", hint="look the words up first")
def words_not_looked_up(source, mask, weights):
    h = np.zeros((len(source), len(weights["recurrent_kernel"])))
    for t in range(source.shape[1]):
        h = np.where(mask[:, t, None], source[:, t] @ weights["kernel"] + h @ weights["recurrent_kernel"], h)
    return h


@mutant("8.2", hint="`np.zeros` makes float64")
def zeros_of_numpy(source, mask, weights):
    h = np.zeros((len(source), len(weights["recurrent_kernel"])))
    for t in range(source.shape[1]):
        h = np.where(mask[:, t, None], _gru(weights["table"][source[:, t]], h, weights), h)
    return h


@mutant("8.2", hint="Give the mask a last axis")
def mask_without_an_axis(source, mask, weights):
    h = np.zeros((len(source), len(weights["recurrent_kernel"])), "float32")
    for t in range(source.shape[1]):
        h = np.where(mask[:, t], _gru(weights["table"][source[:, t]], h, weights), h)
    return h


@alternative("8.2")
def one_by_one(source, mask, weights):
    contexts = []
    for words, real in zip(source, mask, strict=True):
        h = np.zeros((1, len(weights["recurrent_kernel"])), "float32")
        for k in words[real]:
            h = np.asarray(_gru(weights["table"][k][None], h, weights))
        contexts.append(h[0])
    return np.array(contexts)


@alternative("8.2")
def with_a_keras_layer(source, mask, weights):
    import keras

    layer = keras.layers.GRU(weights["recurrent_kernel"].shape[0])
    e = weights["table"][source]
    layer.build(e.shape)
    layer.set_weights([weights[name] for name in ("kernel", "recurrent_kernel", "bias")])
    return layer(e, mask=keras.ops.convert_to_tensor(mask))


# 8.3: one step of the decoder.


def _decode(word, state, weights, into="eC", out="seC", old=False, readout_bias=True, out_bias=True, tanh=False):
    from keras import ops

    s, C = state
    e = ops.take(weights["table"], word, axis=0)
    parts = {"s": s, "e": e, "C": ops.convert_to_tensor(C)}
    new = _gru(ops.concatenate([parts[key] for key in into], axis=-1), s, weights)
    parts["s"] = s if old else new
    u = ops.matmul(ops.concatenate([parts[key] for key in out], axis=-1), weights["readout"])
    u = u + weights["readout_bias"] if readout_bias else u
    u = ops.tanh(u) if tanh else u
    logits = ops.matmul(u, ops.transpose(weights["table"]))
    return (logits + weights["out_bias"] if out_bias else logits), [new, C]


@mutant("8.3", hint="You returned the state first")
def state_first(word, state, weights):
    return _decode(word, state, weights)[::-1]


@mutant("8.3", hint="The context is missing from what you returned as state")
def state_without_context(word, state, weights):
    logits, (s, _) = _decode(word, state, weights)
    return logits, s


@mutant("8.3", hint="two of them belong together")
def three_values(word, state, weights):
    logits, (s, C) = _decode(word, state, weights)
    return logits, s, C


@mutant("8.3", hint="holds the new state twice")
def state_for_context(word, state, weights):
    logits, (s, _) = _decode(word, state, weights)
    return logits, [s, s]


@mutant("8.3", hint="is turned round: first the new state")
def context_before_state(word, state, weights):
    logits, (s, C) = _decode(word, state, weights)
    return logits, [C, s]


@mutant("8.3", hint="You gave it the state a second time")
def readout_of_the_state_twice(word, state, weights):
    return _decode(word, state, weights, out="ses")


@mutant("8.3", hint="You returned the old state")
def old_state(word, state, weights):
    return _decode(word, state, weights)[0], state


@mutant("8.3", hint="You returned the scores alone")
def scores_alone(word, state, weights):
    return _decode(word, state, weights)[0]


@mutant("8.3", hint="the state *before* the step")
def readout_of_the_old_state(word, state, weights):
    return _decode(word, state, weights, old=True)


@mutant("8.3", hint="The input of the cell is in another order")
def context_first_in_the_cell(word, state, weights):
    return _decode(word, state, weights, into="Ce")


@mutant("8.3", hint="The parts of the read-out are in another order")
def word_first_in_the_readout(word, state, weights):
    return _decode(word, state, weights, out="esC")


@mutant("8.3", hint="The context does not enter the cell")
def cell_without_context(word, state, weights):
    s, C = state
    logits, (new, _) = _decode(word, [s, C], weights | {"kernel": _blind(weights)})
    return logits, [new, C]


def _blind(weights):
    kernel = weights["kernel"].copy()
    kernel[weights["table"].shape[1] :] = 0
    return kernel


@mutant("8.3", hint="The context is missing in the read-out")
def readout_without_context(word, state, weights):
    readout = weights["readout"].copy()
    readout[-state[1].shape[1] :] = 0
    return _decode(word, state, weights | {"readout": readout})


@mutant("8.3", hint="These are the numbers of the read-out")
def readout_alone(word, state, weights):
    n_e = weights["table"].shape[1]
    logits, state = _decode(word, state, weights | {"table": weights["table"]}, out_bias=False)
    u = np.linalg.lstsq(weights["table"].astype(float), np.asarray(logits).T.astype(float), rcond=None)[0].T
    assert u.shape[1] == n_e
    return u, state


@mutant("8.3", hint="add `out_bias`")
def without_out_bias(word, state, weights):
    return _decode(word, state, weights, out_bias=False)


@mutant("8.3", hint="add `readout_bias`")
def without_readout_bias(word, state, weights):
    return _decode(word, state, weights, readout_bias=False)


@mutant("8.3", hint="The read-out has a `tanh`")
def readout_with_tanh(word, state, weights):
    return _decode(word, state, weights, tanh=True)


@mutant("8.3", hint="These are probabilities")
def probabilities(word, state, weights):
    from keras import ops

    logits, state = _decode(word, state, weights)
    return ops.softmax(logits), state


@mutant("8.3", hint="The word is chosen later")
def chosen(word, state, weights):
    from keras import ops

    logits, state = _decode(word, state, weights)
    return ops.argmax(logits, axis=-1), state


@mutant("8.3", hint="The scores need the table transposed")
def table_not_transposed(word, state, weights):
    from keras import ops

    s, C = state
    e = ops.take(weights["table"], word, axis=0)
    s = _gru(ops.concatenate([e, C], axis=-1), s, weights)
    u = ops.matmul(ops.concatenate([s, e, C], axis=-1), weights["readout"]) + weights["readout_bias"]
    return ops.matmul(u, weights["table"]) + weights["out_bias"], [s, C]


@mutant("8.3", hint="Put the parts side by side")
def word_alone_into_the_cell(word, state, weights):
    return _decode(word, state, weights, into="e")


@mutant("8.3", hint="inside a compiled function")
def with_numpy(word, state, weights):
    s, C = state
    e = weights["table"][word]
    s = np.asarray(_gru(np.concatenate([e, C], axis=-1), s, weights))
    u = np.concatenate([s, e, C], axis=-1) @ weights["readout"] + weights["readout_bias"]
    return u @ weights["table"].T + weights["out_bias"], [s, C]


@alternative("8.3")
def with_sums_of_products(word, state, weights):
    from keras import ops

    s, C = state
    n_e, n_a = weights["table"].shape[1], C.shape[1]
    e = ops.matmul(ops.one_hot(word, weights["table"].shape[0]), weights["table"])
    s = _gru(ops.concatenate([e, C], axis=1), s, weights)
    W = weights["readout"]
    u = ops.matmul(s, W[:n_a]) + ops.matmul(e, W[n_a : n_a + n_e]) + ops.matmul(C, W[n_a + n_e :])
    return ops.einsum("be,ve->bv", u + weights["readout_bias"], weights["table"]) + weights["out_bias"], (s, C)


# 8.4: the masked loss.


def _nats(logits, targets):
    from keras import ops

    log_p = ops.log_softmax(logits, axis=-1)
    return -ops.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0]


def _total(values, mask):
    from keras import ops

    return ops.sum(ops.where(mask, values, 0.0))


def _count(mask):
    from keras import ops

    return ops.sum(ops.cast(mask, "float32"))


@mutant("8.4", hint="You did not divide")
def summed(logits, targets, mask):
    return _total(_nats(logits, targets), mask)


@mutant("8.4", hint="Padded positions were counted, in the sum and in the number")
def mean_of_everything(logits, targets, mask):
    from keras import ops

    return ops.mean(_nats(logits, targets))


@mutant("8.4", hint="divided by the number of *all* positions")
def divided_by_all(logits, targets, mask):
    return _total(_nats(logits, targets), mask) / mask.size


@mutant("8.4", hint="Padded positions were counted in the sum")
def padding_in_the_sum(logits, targets, mask):
    from keras import ops

    return ops.sum(_nats(logits, targets)) / _count(mask)


@mutant("8.4", hint="a word of a short sentence counts more")
def sentence_by_sentence(logits, targets, mask):
    return np.mean([np.asarray(row)[real].mean() for row, real in zip(_nats(logits, targets), mask, strict=True)])


@mutant("8.4", hint="by the number of sentences")
def divided_by_sentences(logits, targets, mask):
    return _total(_nats(logits, targets), mask) / len(mask)


@mutant("8.4", hint="a loss is never below 0")
def wrong_sign(logits, targets, mask):
    return -_total(_nats(logits, targets), mask) / _count(mask)


@mutant("8.4", hint="You added up scores")
def scores_picked(logits, targets, mask):
    picked = np.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
    return -_total(picked, mask) / _count(mask)


@mutant("8.4", hint="You added up probabilities")
def probabilities_added(logits, targets, mask):
    from keras import ops

    return _total(ops.exp(-_nats(logits, targets)), mask) / _count(mask)


@mutant("8.4", hint="The softmax runs over the wrong axis")
def softmax_over_time(logits, targets, mask):
    from keras import ops

    log_p = ops.log_softmax(logits, axis=1)
    return -_total(ops.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0], mask) / _count(mask)


@mutant("8.4", hint="Return one number for the whole batch")
def of_each_sentence(logits, targets, mask):
    from keras import ops

    values = ops.where(mask, _nats(logits, targets), 0.0)
    return ops.sum(values, axis=1) / ops.sum(ops.cast(mask, "float32"), axis=1)


@mutant("8.4", hint="This is one number for each position")
def of_each_position(logits, targets, mask):
    from keras import ops

    return ops.where(mask, _nats(logits, targets), 0.0)


@mutant("8.4", hint="Large scores break it")
def overflowing(logits, targets, mask):
    from keras import ops

    e = ops.exp(logits)
    p = e / ops.sum(e, axis=-1, keepdims=True)
    picked = ops.take_along_axis(ops.log(p), targets[..., None], axis=-1)[..., 0]
    return -_total(picked, mask) / _count(mask)


@mutant("8.4", hint="a tiny probability is rounded to 0")
def logarithm_of_softmax(logits, targets, mask):
    from keras import ops

    picked = ops.take_along_axis(ops.log(ops.softmax(logits)), targets[..., None], axis=-1)[..., 0]
    return -_total(picked, mask) / _count(mask)


@mutant("8.4", hint="as many axes in the indices")
def indices_without_an_axis(logits, targets, mask):
    from keras import ops

    picked = ops.take_along_axis(ops.log_softmax(logits), targets, axis=-1)
    return -_total(picked, mask) / _count(mask)


@mutant("8.4", hint="inside a compiled function")
def with_numpy_alone(logits, targets, mask):
    z = logits.astype(float)
    z = z - z.max(axis=-1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, targets[..., None], axis=-1)[..., 0][mask].mean()


@alternative("8.4")
def with_tensorflow(logits, targets, mask):
    import tensorflow as tf

    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return tf.reduce_mean(tf.boolean_mask(nats, mask))


@alternative("8.4")
def with_one_hot(logits, targets, mask):
    from keras import ops

    log_p = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    right = ops.one_hot(targets, logits.shape[-1])
    weight = ops.cast(mask, "float32")
    return -ops.sum(ops.sum(right * log_p, axis=-1) * weight) / ops.sum(weight)


# 8.5: greedy decoding.


def _greedy(
    step, state, batch, length, *, first=2, feeds=True, carries=True, stops=True, gains="before", kind="log", axis=-1
):
    """The loop in `ops`; the keywords switch on mistakes. Returns a list of words and the sum."""
    from keras import ops

    word, finished, total, words = ops.full((batch,), first, dtype="int32"), ops.zeros((batch,), "bool"), 0.0, []
    for _ in range(length):
        logits, after = step(word, state)
        log_p = logits if kind == "score" else ops.log_softmax(logits, axis=-1)
        gained = ops.max(ops.exp(log_p) if kind == "p" else log_p, axis=-1)
        chosen = ops.cast(ops.argmax(logits, axis=axis), "int32")
        chosen = ops.where(finished, 0, chosen) if stops else chosen
        now = ops.logical_or(finished, chosen == 3)
        counted = {"before": finished, "after": now, "always": ops.zeros_like(finished)}[gains]
        total = ops.where(counted, 0.0, gained) if kind == "last" else total + ops.where(counted, 0.0, gained)
        finished, state = now, after if carries else state
        word = chosen if feeds else word
        words.append(chosen)
    return words, total


def _stacked(words, total):
    from keras import ops

    return ops.stack(words, axis=1), total


@mutant("8.5", hint="You returned the ids alone")
def ids_alone(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length))[0]


@mutant("8.5", hint="the ids come first")
def sum_first(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length))[::-1]


@mutant("8.5", hint="Every step read `<BOS>`")
def always_bos(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, feeds=False))


@mutant("8.5", hint="Every step started from the first state")
def always_the_first_state(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, carries=False))


@mutant("8.5", hint="The first input is not `<BOS>`")
def starts_from_padding(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, first=0))


@mutant("8.5", hint="go on behind their `<EOS>`")
def never_stops(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, stops=False, gains="always"))


@mutant("8.5", hint="the steps *after* it are `<PAD>`")
def without_the_end(step, state, batch, length):
    ids, total = _stacked(*_greedy(step, state, batch, length))
    return np.where(np.asarray(ids) == EOS, PAD, ids), total


@mutant("8.5", hint="Its log-probability is missing, too")
def finished_too_early(step, state, batch, length):
    ids, total = _stacked(*_greedy(step, state, batch, length, gains="after"))
    return np.where(np.asarray(ids) == EOS, PAD, ids), total


@mutant("8.5", hint="`<BOS>` is not part of the result")
def begins_with_bos(step, state, batch, length):
    from keras import ops

    words, total = _greedy(step, state, batch, length)
    return ops.stack([ops.full((batch,), BOS, dtype="int32"), *words], axis=1), total


@mutant("8.5", hint="There is one step too few")
def one_step_too_few(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length - 1))


@mutant("8.5", hint="There is one step too many")
def one_step_too_many(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length + 1))


@mutant("8.5", hint="You forget who finished two steps ago")
def remembers_one_step(step, state, batch, length):
    from keras import ops

    word, total, words = ops.full((batch,), BOS, dtype="int32"), 0.0, []
    for _ in range(length):
        finished = word == EOS
        logits, state = step(word, state)
        total = total + ops.where(finished, 0.0, ops.max(ops.log_softmax(logits, axis=-1), axis=-1))
        word = ops.where(finished, PAD, ops.cast(ops.argmax(logits, axis=-1), "int32"))
        words.append(word)
    return _stacked(words, total)


@mutant("8.5", hint="Time is the first axis")
def time_first(step, state, batch, length):
    from keras import ops

    words, total = _greedy(step, state, batch, length)
    return ops.stack(words), total


@mutant("8.5", hint="The log-probability goes on behind `<EOS>`")
def gains_for_ever(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, gains="always"))


@mutant("8.5", hint="The log-probability of `<EOS>` is missing")
def end_for_free(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, gains="after"))


@mutant("8.5", hint="You added up the scores")
def scores_added(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, kind="score"))


@mutant("8.5", hint="You added up probabilities")
def sum_of_probabilities(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, kind="p"))


@mutant("8.5", hint="This is the probability of the sentence")
def probability_of_the_sentence(step, state, batch, length):
    ids, total = _stacked(*_greedy(step, state, batch, length))
    return ids, np.exp(total)


@mutant("8.5", hint="You divided by the length")
def per_word(step, state, batch, length):
    ids, total = _stacked(*_greedy(step, state, batch, length))
    return ids, total / (np.asarray(ids) != PAD).sum(axis=1)


@mutant("8.5", hint="Only the last step counts")
def only_the_last(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, kind="last"))


@mutant("8.5", hint="without `axis` it chooses one for the whole batch")
def one_word_for_the_batch(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, axis=None))


@mutant("8.5", hint="you chose along the batch")
def chosen_along_the_batch(step, state, batch, length):
    return _stacked(*_greedy(step, state, batch, length, axis=0))


@mutant("8.5", hint="inside a compiled function")
def with_numpy_in_the_loop(step, state, batch, length):
    words, total = _greedy(step, state, batch, length)
    return np.stack([np.array(word) for word in words], axis=1), np.array(total)


@alternative("8.5")
def cut_afterwards(step, state, batch, length):
    from keras import ops

    words, gains, word = [], [], ops.full((batch,), 2)
    for _ in range(length):
        logits, state = step(word, state)
        word = ops.cast(ops.argmax(logits, axis=1), "int32")
        words.append(word)
        gains.append(ops.max(logits, axis=1) - ops.logsumexp(logits, axis=1))
    words, gains = ops.stack(words, axis=1), ops.stack(gains, axis=1)
    said = ops.cast(words == 3, "int32")
    behind = ops.cumsum(said, axis=1) - said > 0
    return [ops.where(behind, 0, words), ops.sum(ops.where(behind, 0.0, gains), axis=1)]


# 8.6: one step of beam search.


def _row(V, at=0, free=np.inf, others=-np.inf):
    return np.where(np.arange(V) == at, free, others)


def _beam(total, score, finished, divisor=None, put_back=True):
    """The k largest of each sentence; a finished parent gets its score back."""
    k, V = score.shape[1], total.shape[-1]
    flat = total.reshape(len(total), -1)
    place = np.argsort(-flat, axis=1, kind="stable")[:, :k]
    best, parent = np.take_along_axis(flat, place, axis=1), place // V
    if put_back:
        kept = np.take_along_axis(finished, parent, axis=1)
        best = np.where(kept, np.take_along_axis(score, parent, axis=1), best)
    divisor = V if divisor is None else divisor
    return best, place // divisor, place % divisor


def _closed(log_p, score, finished, row):
    return np.where(finished[..., None], row, score[..., None] + log_p)


def _right(log_p, score, finished):
    return _beam(_closed(log_p, score, finished, _row(log_p.shape[-1])), score, finished)


@mutant("8.6", hint="The score of what was said before is missing")
def score_forgotten(log_p, score, finished):
    return _beam(np.where(finished[..., None], _row(log_p.shape[-1]), log_p), score, finished)


@mutant("8.6", hint="Every hypothesis was continued once")
def each_continued_once(log_p, score, finished):
    total = score[..., None] + log_p
    parent = np.tile(np.arange(score.shape[1]), (len(score), 1))
    return np.where(finished, score, total.max(axis=-1)), parent, np.where(finished, PAD, total.argmax(axis=-1))


@mutant("8.6", hint="`word` holds places in the row")
def places_for_words(log_p, score, finished):
    best, parent, word = _right(log_p, score, finished)
    return best, parent, parent * log_p.shape[-1] + word


@mutant("8.6", hint="You divided by k")
def divided_by_k(log_p, score, finished):
    return _beam(_closed(log_p, score, finished, _row(log_p.shape[-1])), score, finished, score.shape[1])


@mutant("8.6", hint="Parents and words are exchanged")
def parents_and_words_exchanged(log_p, score, finished):
    best, parent, word = _right(log_p, score, finished)
    return best, word, parent


@mutant("8.6", hint="was continued as if it were open")
def finished_go_on(log_p, score, finished):
    return _beam(score[..., None] + log_p, score, finished, put_back=False)


@mutant("8.6", hint="Finished hypotheses have died out")
def finished_die(log_p, score, finished):
    return _beam(_closed(log_p, score, finished, -np.inf), score, finished, put_back=False)


@mutant("8.6", hint="had to compete with open ones")
def finished_compete(log_p, score, finished):
    row = score[..., None] + _row(log_p.shape[-1], free=0.0)
    return _beam(np.where(finished[..., None], row, score[..., None] + log_p), score, finished)


@mutant("8.6", hint="with other words than `<PAD>`")
def everything_free(log_p, score, finished):
    return _beam(_closed(log_p, score, finished, np.inf), score, finished)


@mutant("8.6", hint="not with `<EOS>` (id 3)")
def end_again(log_p, score, finished):
    return _beam(_closed(log_p, score, finished, _row(log_p.shape[-1], at=3)), score, finished)


@mutant("8.6", hint="came out as ∞")
def infinite_scores(log_p, score, finished):
    return _beam(_closed(log_p, score, finished, _row(log_p.shape[-1])), score, finished, put_back=False)


@mutant("8.6", hint="is found at its parent")
def put_back_by_place(log_p, score, finished):
    total = _closed(log_p, score, finished, _row(log_p.shape[-1]))
    best, parent, word = _beam(total, score, finished, put_back=False)
    return np.where(finished, score, best), parent, word


@mutant("8.6", hint="The old scores were; who has finished was not")
def finished_by_place(log_p, score, finished):
    total = _closed(log_p, score, finished, _row(log_p.shape[-1]))
    best, parent, word = _beam(total, score, finished, put_back=False)
    return np.where(finished, np.take_along_axis(score, parent, axis=1), best), parent, word


@mutant("8.6", hint="Who has finished was; the old scores were not")
def score_by_place(log_p, score, finished):
    total = _closed(log_p, score, finished, _row(log_p.shape[-1]))
    best, parent, word = _beam(total, score, finished, put_back=False)
    return np.where(np.take_along_axis(finished, parent, axis=1), score, best), parent, word


@mutant("8.6", hint="The score comes first")
def score_at_the_end(log_p, score, finished):
    best, parent, word = _right(log_p, score, finished)
    return parent, word, best


@mutant("8.6", hint="`place // V` is the parent, `place % V` the word")
def quotient_and_remainder_exchanged(log_p, score, finished):
    from keras import ops

    k, V = log_p.shape[1:]
    total = ops.where(finished[..., None], _row(V).astype("float32"), score[..., None] + log_p)
    best, place = ops.top_k(ops.reshape(total, (-1, k * V)), k)
    parent, word = place % V, place // V
    kept = ops.take_along_axis(finished, parent, axis=1)
    return ops.where(kept, ops.take_along_axis(score, parent, axis=1), best), parent, word


@mutant("8.6", hint="the *worst* continuations")
def the_worst(log_p, score, finished):
    total = _closed(log_p, score, finished, _row(log_p.shape[-1]))
    worst, parent, word = _beam(-np.where(np.isinf(total), np.inf, total), score, finished, put_back=False)
    return -worst, parent, word


@mutant("8.6", hint="Choose for each sentence by itself")
def across_the_batch(log_p, score, finished):
    total = _closed(log_p, score, finished, _row(log_p.shape[-1]))
    if len(total) == 1:
        return _beam(total, score, finished)
    place = np.argsort(-total.reshape(-1), kind="stable")[: score.shape[1]]
    return total.reshape(-1)[place], place // total.shape[-1], place % total.shape[-1]


@mutant("8.6", hint="Logarithms are added")
def multiplied(log_p, score, finished):
    total = score[..., None] * log_p
    return _beam(np.where(finished[..., None], _row(log_p.shape[-1]), total), score, finished)


@mutant("8.6", hint="Return three arrays")
def two_arrays(log_p, score, finished):
    return _right(log_p, score, finished)[:2]


@mutant("8.6", hint="inside a compiled function")
def with_numpy_sort(log_p, score, finished):
    return _right(np.array(log_p), np.array(score), np.array(finished))


@mutant("8.6", hint="returns two arrays")
def top_k_unpacked_wrongly(log_p, score, finished):
    from keras import ops

    total = ops.reshape(_closed(log_p, score, finished, _row(log_p.shape[-1])), (len(score), -1))
    best, parent, word = ops.top_k(total, score.shape[1])
    return best, parent, word


@alternative("8.6")
def with_argsort(log_p, score, finished):
    from keras import ops

    k, V = log_p.shape[1:]
    is_pad = ops.one_hot(0, V) > 0  # (V,)
    closed = ops.where(finished[..., None], ops.where(is_pad, 1e9, -1e9), score[..., None] + log_p)
    place = ops.argsort(-ops.reshape(closed, (-1, k * V)), axis=-1)[:, :k]
    score_after = ops.where(finished[..., None], score[..., None], score[..., None] + log_p)
    best = ops.take_along_axis(ops.reshape(score_after, (-1, k * V)), place, axis=-1)
    return [best, ops.floor_divide(place, V), ops.mod(place, V)]


@alternative("8.6")
def with_tensorflow_alone(log_p, score, finished):
    import tensorflow as tf

    k, V = log_p.shape[1], log_p.shape[2]
    row = tf.constant([np.inf] + [-np.inf] * (V - 1), "float32")
    total = tf.where(finished[:, :, None], row, tf.convert_to_tensor(score)[:, :, None] + log_p)
    best, place = tf.math.top_k(tf.reshape(total, (-1, k * V)), k)
    parent = place // V
    kept = tf.gather(finished, parent, batch_dims=1)
    best = tf.where(kept, tf.gather(score, parent, batch_dims=1), best)
    return best[:, ::-1], parent[:, ::-1], (place % V)[:, ::-1]


# 8.7: BLEU's pieces.


def _grams(tokens, n):
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _shares(references, hypotheses, match, total=lambda wanted, found: found.total()):
    """Precisions from two functions of the Counters of reference and hypothesis."""
    shares = []
    for n in range(1, 5):
        pairs = [(_grams(r, n), _grams(h, n)) for r, h in zip(references, hypotheses, strict=True)]
        shares.append(sum(match(*pair) for pair in pairs) / max(1, sum(total(*pair) for pair in pairs)))
    return np.array(shares)


def _clipped(wanted, found):
    return (wanted & found).total()


def _lengths(references, hypotheses):
    return sum(map(len, references)), sum(map(len, hypotheses))


def _penalty(references, hypotheses):
    r, c = _lengths(references, hypotheses)
    return min(1.0, float(np.exp(1 - r / c)))


@mutant("8.7", hint="Clip: it counts at most as often")
def unclipped(references, hypotheses):
    def match(wanted, found):
        return sum(count for gram, count in found.items() if gram in wanted)

    return _shares(references, hypotheses, match), _penalty(references, hypotheses)


@mutant("8.7", hint="You counted *different* n-grams")
def with_sets(references, hypotheses):
    shares = _shares(
        references, hypotheses, lambda wanted, found: len(set(wanted) & set(found)), lambda wanted, found: len(found)
    )
    return shares, _penalty(references, hypotheses)


@mutant("8.7", hint="A precision is a share of the *hypothesis'* n-grams")
def recall(references, hypotheses):
    shares = _shares(references, hypotheses, _clipped, lambda wanted, found: wanted.total())
    return shares, _penalty(references, hypotheses)


@mutant("8.7", hint="the mean of the sentences' precisions")
def mean_of_precisions(references, hypotheses):
    rows = [_shares([r], [h], _clipped) for r, h in zip(references, hypotheses, strict=True)]
    return np.mean(rows, axis=0), _penalty(references, hypotheses)


@mutant("8.7", hint="The brevity penalty is above 1")
def rewarded(references, hypotheses):
    r, c = _lengths(references, hypotheses)
    return _shares(references, hypotheses, _clipped), np.exp(1 - r / c)


@mutant("8.7", hint="upside down")
def fraction_upside_down(references, hypotheses):
    r, c = _lengths(references, hypotheses)
    return _shares(references, hypotheses, _clipped), min(1.0, np.exp(1 - c / r))


@mutant("8.7", hint="This is c/r")
def ratio(references, hypotheses):
    r, c = _lengths(references, hypotheses)
    return _shares(references, hypotheses, _clipped), min(1.0, c / r)


@mutant("8.7", hint="There is no penalty")
def without_penalty(references, hypotheses):
    return _shares(references, hypotheses, _clipped), 1.0


@mutant("8.7", hint="for each sentence. It is one number")
def penalty_of_each(references, hypotheses):
    each = [_penalty([r], [h]) for r, h in zip(references, hypotheses, strict=True)]
    return _shares(references, hypotheses, _clipped), np.mean(each)


@mutant("8.7", hint="These are percentages")
def in_percent(references, hypotheses):
    return 100 * _shares(references, hypotheses, _clipped), _penalty(references, hypotheses)


@mutant("8.7", hint="These are the numbers of matches")
def counts(references, hypotheses):
    return _shares(references, hypotheses, _clipped, lambda wanted, found: 0), _penalty(references, hypotheses)


@mutant("8.7", hint="the precisions come first")
def penalty_first(references, hypotheses):
    return _penalty(references, hypotheses), _shares(references, hypotheses, _clipped)


@mutant("8.7", hint="n runs from 1 to 4")
def three_precisions(references, hypotheses):
    return _shares(references, hypotheses, _clipped)[:3], _penalty(references, hypotheses)


@mutant("8.7", hint="You put the pieces together already")
def whole_bleu(references, hypotheses):
    shares = _shares(references, hypotheses, _clipped)
    with np.errstate(divide="ignore"):
        return float(_penalty(references, hypotheses) * np.exp(np.log(shares).mean()))


@mutant("8.7", hint="run across the end of a sentence")
def all_sentences_in_one(references, hypotheses):
    joined = [[token for sentence in part for token in sentence] for part in (references, hypotheses)]
    return _shares([joined[0]], [joined[1]], _clipped), _penalty(references, hypotheses)


@mutant("8.7", hint="Then the precision is 0, not nan")
def nothing_by_nothing(references, hypotheses):
    pairs = list(zip(references, hypotheses, strict=True))
    matches = [sum(_clipped(_grams(r, n), _grams(h, n)) for r, h in pairs) for n in range(1, 5)]
    totals = [sum(_grams(h, n).total() for _, h in pairs) for n in range(1, 5)]
    with np.errstate(invalid="ignore"):
        return np.array(matches) / np.array(totals), _penalty(references, hypotheses)


@mutant("8.7", hint="A hypothesis without any n-gram")
def divided_by_nothing(references, hypotheses):
    rows = []
    for r, h in zip(references, hypotheses, strict=True):
        rows.append([_clipped(_grams(r, n), _grams(h, n)) / _grams(h, n).total() for n in range(1, 5)])
    shares = _shares(references, hypotheses, _clipped)
    return (shares if len(rows) == 1 else np.mean(rows, axis=0)), _penalty(references, hypotheses)


@alternative("8.7")
def by_hand(references, hypotheses):
    matches, totals = [0] * 4, [0] * 4
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        for n in range(1, 5):
            left = [tuple(reference[i : i + n]) for i in range(len(reference) - n + 1)]
            for i in range(len(hypothesis) - n + 1):
                gram = tuple(hypothesis[i : i + n])
                totals[n - 1] += 1
                if gram in left:
                    left.remove(gram)
                    matches[n - 1] += 1
    r, c = _lengths(references, hypotheses)
    shares = np.array([match / max(total, 1) for match, total in zip(matches, totals, strict=True)])
    return shares, 1.0 if c >= r else float(np.exp(1 - r / c))


# 8.8: phoneme error rate.


def _edits(reference, hypothesis, substitute=1, insert=1, delete=1):
    row = [j * insert for j in range(len(hypothesis) + 1)]
    for i, phoneme in enumerate(reference, 1):
        before, row = row, [i * delete]
        for j, other in enumerate(hypothesis, 1):
            row.append(min(before[j] + delete, row[j - 1] + insert, before[j - 1] + (phoneme != other) * substitute))
    return row[-1]


def _pairs(references, hypotheses):
    return list(zip(references, hypotheses, strict=True))


def _tokens(references):
    return sum(map(len, references))


@mutant("8.8", hint="positions are compared one by one")
def by_position(references, hypotheses):
    pairs = _pairs(references, hypotheses)
    wrong = sum(a != b for r, h in pairs for a, b in zip(r, h, strict=False))
    return (wrong + sum(abs(len(r) - len(h)) for r, h in pairs)) / _tokens(references)


@mutant("8.8", hint="the mean of the words' rates")
def mean_of_rates(references, hypotheses):
    return np.mean([_edits(r, h) / len(r) for r, h in _pairs(references, hypotheses)])


@mutant("8.8", hint="the phonemes that were *said*")
def divided_by_what_was_said(references, hypotheses):
    return sum(_edits(r, h) for r, h in _pairs(references, hypotheses)) / max(1, _tokens(hypotheses))


@mutant("8.8", hint="the longer of the two")
def divided_by_the_longer(references, hypotheses):
    pairs = _pairs(references, hypotheses)
    return sum(_edits(r, h) for r, h in pairs) / sum(max(len(r), len(h)) for r, h in pairs)


@mutant("8.8", hint="as if the word were counted as a whole")
def word_error_rate(references, hypotheses):
    return np.mean([r != h for r, h in _pairs(references, hypotheses)])


@mutant("8.8", hint="These are the edits")
def edits_alone(references, hypotheses):
    return sum(_edits(r, h) for r, h in _pairs(references, hypotheses))


@mutant("8.8", hint="A substitution counts 2")
def substitution_twice(references, hypotheses):
    return sum(_edits(r, h, substitute=2) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="Insertions are edits")
def insertions_free(references, hypotheses):
    return sum(_edits(r, h, insert=0) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="Deletions are edits")
def deletions_free(references, hypotheses):
    return sum(_edits(r, h, delete=0) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="the difference of the lengths alone")
def lengths_alone(references, hypotheses):
    return sum(abs(len(r) - len(h)) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="share that is right")
def right_share(references, hypotheses):
    return 1 - sum(_edits(r, h) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="the rate may be above 1")
def at_most_one(references, hypotheses):
    return min(1.0, sum(_edits(r, h) for r, h in _pairs(references, hypotheses)) / _tokens(references))


def _three(reference, hypothesis, *, delete=True, insert=True, turned=False, forgets=False, diagonal=None):
    """The last number of the table; the keywords switch on mistakes."""
    row = list(range(len(hypothesis) + 1))
    before = row
    for i, phoneme in enumerate(reference, 1):
        before, row = before if forgets else row, [i]
        for j, other in enumerate(hypothesis, 1):
            terms = [before[j - 1] + ((phoneme == other) if turned else (phoneme != other))]
            terms = [before[j - 1] + diagonal] if diagonal is not None else terms
            terms += [before[j] + 1] * delete + [row[j - 1] + 1] * insert
            row.append(min(terms))
    return row[-1]


@mutant("8.8", hint="one of the three terms of the minimum is missing")
def without_insertions(references, hypotheses):
    return sum(_three(r, h, insert=False) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="as if every phoneme were wrong")
def first_row_for_ever(references, hypotheses):
    return sum(_three(r, h, forgets=True) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="Go through the table by hand")
def diagonal_always_one(references, hypotheses):
    return sum(_three(r, h, diagonal=1) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="Each wrong word counts once")
def words_by_phonemes(references, hypotheses):
    return sum(r != h for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="not a percentage")
def rate_in_percent(references, hypotheses):
    return 100 * sum(_edits(r, h) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="A row has `len(hypothesis) + 1` numbers")
def first_row_of_the_reference(references, hypotheses):
    edits = 0
    for reference, hypothesis in _pairs(references, hypotheses):
        row = list(range(len(reference)))
        for i, phoneme in enumerate(reference, 1):
            before, row = row, [i]
            for j, other in enumerate(hypothesis, 1):
                row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (phoneme != other)))
        edits += row[-1]
    return edits / _tokens(references)


@mutant("8.8", hint="The edge of your table is wrong")
def table_of_zeros(references, hypotheses):
    edits = 0
    for reference, hypothesis in _pairs(references, hypotheses):
        D = np.zeros((len(reference) + 1, len(hypothesis) + 1), int)
        for i, j in np.ndindex(len(reference), len(hypothesis)):
            D[i + 1, j + 1] = min(D[i, j + 1] + 1, D[i + 1, j] + 1, D[i, j] + (reference[i] != hypothesis[j]))
        edits += D[-1, -1]
    return edits / _tokens(references)


def _rows(reference, hypothesis, i_from=1, j_from=1):
    row = list(range(len(hypothesis) + 1))
    for i, phoneme in enumerate(reference, i_from):
        before, row = row, [i]
        for j, other in enumerate(hypothesis, j_from):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (phoneme != other)))
    return row[-1]


@mutant("8.8", hint="Count the rows from 1")
def rows_from_0(references, hypotheses):
    return sum(_rows(r, h, i_from=0) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@mutant("8.8", hint="Your columns are off by one")
def columns_from_0(references, hypotheses):
    return sum(_rows(r, h, j_from=0) for r, h in _pairs(references, hypotheses)) / _tokens(references)


@alternative("8.8")
def with_a_table(references, hypotheses):
    edits = 0
    for reference, hypothesis in _pairs(references, hypotheses):
        D = np.zeros((len(reference) + 1, len(hypothesis) + 1), int)
        D[:, 0], D[0] = range(len(reference) + 1), range(len(hypothesis) + 1)
        for i, j in np.ndindex(len(reference), len(hypothesis)):
            D[i + 1, j + 1] = min(D[i, j + 1] + 1, D[i + 1, j] + 1, D[i, j] + (reference[i] != hypothesis[j]))
        edits += D[-1, -1]
    return edits / _tokens(references)


@alternative("8.8")
def with_recursion(references, hypotheses):
    from functools import cache

    @cache
    def distance(r, h):
        if not r or not h:
            return len(r) + len(h)
        return min(distance(r[1:], h) + 1, distance(r, h[1:]) + 1, distance(r[1:], h[1:]) + (r[0] != h[0]))

    return np.float64(
        sum(distance(tuple(r), tuple(h)) for r, h in _pairs(references, hypotheses)) / _tokens(references)
    )
