"""Lesson 03."""

import numpy as np

from mutants import alternative, mutant

# 3.1: name the architecture.

RIGHT = (
    "one-to-one",
    "one-to-many",
    "many-to-one",
    "synchronised",
    "many-to-many",
    "many-to-one",
    "one-to-one",
    "one-to-many",
)


def _with(k, name):
    return [*RIGHT[: k - 1], name, *RIGHT[k:]]


@mutant("3.1", hint="Task 2: The picture comes in at once")
def caption_as_one():
    return _with(2, "one-to-one")


@mutant("3.1", hint="Task 4: Every word gets its own tag")
def tags_not_synchronised():
    return _with(4, "many-to-many")


@mutant("3.1", hint="Task 5: Both are sequences")
def translation_synchronised():
    return _with(5, "synchronised")


@mutant("3.1", hint="Task 6: Thirty numbers")
def forecast_synchronised():
    return _with(6, "synchronised")


@mutant("3.1", hint="Task 7: Three numbers, but no sequence")
def features_as_a_sequence():
    return _with(7, "many-to-one")


@mutant("3.1", hint="exactly as they are")
def another_word():
    return _with(4, "tagging")


@mutant("3.1", hint="one name for each")
def too_few():
    return list(RIGHT[:7])


@alternative("3.1")
def as_a_tuple():
    return RIGHT


# 3.2: the state after the last real position.


@mutant("3.2", hint="last position of the array")
def last_of_the_array(a, mask):
    return a[:, -1]


@mutant("3.2", hint="one position too late")
def counted_from_one(a, mask):
    return a[np.arange(len(a)), mask.sum(axis=1)]


@mutant("3.2", hint="one position too early")
def subtracted_two(a, mask):
    return a[np.arange(len(a)), mask.sum(axis=1) - 2]


@mutant("3.2", hint="long list of the real states of all examples")
def from_all_real_states(a, mask):
    return a[mask][mask.sum(axis=1) - 1]


@mutant("3.2", hint="mean over the real positions")
def mean_state(a, mask):
    return (a * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


@mutant("3.2", hint="a row for each pair of examples")
def every_pair(a, mask):
    return a[:, mask.sum(axis=1) - 1]


@mutant("3.2", hint="you returned zeros")
def multiplied(a, mask):
    return (a * mask[..., None])[:, -1]


@mutant("3.2", hint="length of its own")
def shortest(a, mask):
    return a[:, mask.sum(axis=1).min() - 1]


@mutant("3.2", hint="A batch of one is still a batch")
def squeezed(a, mask):
    return a[np.arange(len(a)), mask.sum(axis=1) - 1].squeeze()


@mutant("3.2", hint="counts the real positions of the whole batch")
def counted_together(a, mask):
    return a[np.arange(len(a)), mask.sum() - 1]


@mutant("3.2", hint="stands at the first axis")
def indexed_the_batch(a, mask):
    return a[mask.sum(axis=1) - 1]


@mutant("3.2", hint="two lists of different lengths")
def counted_the_other_axis(a, mask):
    return a[np.arange(len(a)), mask.sum(axis=0) - 1]


@mutant("3.2", hint="in one long list")
def all_real_states(a, mask):
    return a[mask]


@alternative("3.2")
def one_by_one(a, mask):
    return np.stack([states[: real.sum()][-1] for states, real in zip(a, mask, strict=True)])


@alternative("3.2")
def with_take_along_axis(a, mask):
    last = a.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    return np.take_along_axis(a, last[:, None, None], axis=1)[:, 0].astype("float32")


# 3.3: many to one.


def _review(n_words, n_e, n_a, n_y, use_mask=True, activation=None, loop=None, pool=None, own_mask=False, swap=False):
    import keras
    from keras import layers

    ids, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    if swap:
        n_e, n_a = n_a, n_e
    e = layers.Embedding(n_words, n_e)(ids)
    used = ids != 0 if own_mask else mask
    loop = loop or layers.SimpleRNN(n_a, recurrent_initializer="identity")
    a = loop(e, mask=used if use_mask else None)
    if pool:
        a = pool(a)
    return keras.Model([ids, mask], layers.Dense(n_y, activation=activation)(a))


@mutant("3.3", hint="reading behind the last word")
def without_the_mask(n_words, n_e, n_a, n_y):
    return _review(n_words, n_e, n_a, n_y, use_mask=False)


@mutant("3.3", hint="last layer has a softmax")
def with_softmax(n_words, n_e, n_a, n_y):
    return _review(n_words, n_e, n_a, n_y, activation="softmax")


@mutant("3.3", hint="leave out `return_sequences=True`")
def at_every_word(n_words, n_e, n_a, n_y):
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.SimpleRNN(n_a, return_sequences=True))


@mutant("3.3", hint="mean over the states")
def averaged(n_words, n_e, n_a, n_y):
    from keras import layers

    loop, pool = layers.SimpleRNN(n_a, return_sequences=True), layers.GlobalAveragePooling1D()
    return _review(n_words, n_e, n_a, n_y, loop=loop, pool=pool)


@mutant("3.3", hint="weights of an LSTM")
def lstm(n_words, n_e, n_a, n_y):
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.LSTM(n_a))


@mutant("3.3", hint="interchanged")
def sizes_interchanged(n_words, n_e, n_a, n_y):
    return _review(n_words, n_e, n_a, n_y, swap=True)


@mutant("3.3", hint="looks at the padded ids")
def mask_from_the_ids(n_words, n_e, n_a, n_y):
    return _review(n_words, n_e, n_a, n_y, own_mask=True)


@mutant("3.3", hint="both inputs")
def one_input(n_words, n_e, n_a, n_y):
    import keras
    from keras import layers

    ids = keras.Input((None,), dtype="int32")
    a = layers.SimpleRNN(n_a)(layers.Embedding(n_words, n_e, mask_zero=True)(ids))
    return keras.Model(ids, layers.Dense(n_y)(a))


@mutant("3.3", hint="keras.Model([first, mask], scores)")
def weights_without_a_model(n_words, n_e, n_a, n_y):
    return [np.zeros((n_words, n_e))]


@mutant("3.3", hint="Return the model and not its scores")
def scores_without_a_model(n_words, n_e, n_a, n_y):
    return _review(n_words, n_e, n_a, n_y).output


@mutant("3.3", hint="loop has another activation")
def with_relu(n_words, n_e, n_a, n_y):
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.SimpleRNN(n_a, activation="relu"))


@mutant("3.3", hint="The two inputs are interchanged")
def inputs_interchanged(n_words, n_e, n_a, n_y):
    import keras

    model = _review(n_words, n_e, n_a, n_y)
    return keras.Model(model.inputs[::-1], model.output)


@mutant("3.3", hint="should start as the identity")
def usual_start(n_words, n_e, n_a, n_y):
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.SimpleRNN(n_a))


@mutant("3.3", hint="not `kernel_initializer`")
def identity_in_the_wrong_place(n_words, n_e, n_a, n_y):
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.SimpleRNN(n_a, kernel_initializer="identity"))


@mutant("3.3", hint="The mask belongs into the call")
def mask_as_a_setting(n_words, n_e, n_a, n_y):
    import keras
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.SimpleRNN(n_a, mask=keras.Input((None,), dtype="bool")))


@mutant("3.3", hint="a row for each word")
def table_interchanged(n_words, n_e, n_a, n_y):
    import keras
    from keras import layers

    ids, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    a = layers.SimpleRNN(n_a)(layers.Embedding(n_e, n_words)(ids), mask=mask)
    return keras.Model([ids, mask], layers.Dense(n_y)(a))


@alternative("3.3")
def all_states_then_the_last(n_words, n_e, n_a, n_y):
    from keras import layers

    loop = layers.SimpleRNN(n_a, return_sequences=True, recurrent_initializer="identity")
    return _review(n_words, n_e, n_a, n_y, loop=loop, pool=lambda a: a[:, -1])


@alternative("3.3")
def a_cell_in_a_loop(n_words, n_e, n_a, n_y):
    from keras import layers

    return _review(n_words, n_e, n_a, n_y, loop=layers.RNN(layers.SimpleRNNCell(n_a, recurrent_initializer="identity")))


# 3.4: synchronised.


def _step(n_x, n_a, n_y, loop=None, use_mask=True, activation=None, after=None):
    import keras
    from keras import layers

    x, mask = keras.Input((None, n_x)), keras.Input((None,), dtype="bool")
    a = (loop or layers.SimpleRNN(n_a, return_sequences=True))(x, mask=mask if use_mask else None)
    if after:
        a = after(a)
    return keras.Model([x, mask], layers.Dense(n_y, activation=activation)(a))


@mutant("3.4", hint="makes the loop return all its states")
def last_state_only(n_x, n_a, n_y):
    from keras import layers

    return _step(n_x, n_a, n_y, loop=layers.SimpleRNN(n_a))


@mutant("3.4", hint="reads in both directions")
def bidirectional(n_x, n_a, n_y):
    from keras import layers

    return _step(n_x, n_a, n_y, loop=layers.Bidirectional(layers.SimpleRNN(n_a, return_sequences=True)))


@mutant("3.4", hint="reads from the end")
def backwards(n_x, n_a, n_y):
    from keras import layers

    return _step(n_x, n_a, n_y, loop=layers.SimpleRNN(n_a, return_sequences=True, go_backwards=True))


@mutant("3.4", hint="keeps its state at padded positions")
def step_without_the_mask(n_x, n_a, n_y):
    return _step(n_x, n_a, n_y, use_mask=False)


@mutant("3.4", hint="last layer has a softmax")
def step_with_softmax(n_x, n_a, n_y):
    return _step(n_x, n_a, n_y, activation="softmax")


@mutant("3.4", hint="The loop is missing")
def without_a_loop(n_x, n_a, n_y):
    return _step(n_x, n_a, n_y, loop=lambda x, mask: x)


@mutant("3.4", hint="`return_state=True`")
def states_and_state(n_x, n_a, n_y):
    from keras import layers

    return _step(n_x, n_a, n_y, loop=layers.SimpleRNN(n_a, return_sequences=True, return_state=True))


@mutant("3.4", hint="in this order")
def step_inputs_interchanged(n_x, n_a, n_y):
    import keras

    model = _step(n_x, n_a, n_y)
    return keras.Model(model.inputs[::-1], model.output)


@mutant("3.4", hint="the last one repeated")
def last_repeated(n_x, n_a, n_y):
    from keras import ops

    return _step(n_x, n_a, n_y, after=lambda a: ops.zeros_like(a) + a[:, -1:])


@alternative("3.4")
def cell_at_every_step(n_x, n_a, n_y):
    from keras import layers

    return _step(n_x, n_a, n_y, loop=layers.RNN(layers.SimpleRNNCell(n_a), return_sequences=True))


# 3.5: one step of the decoder.


def _decode(word, a_prev, weights):
    table, kernel, recurrent, bias, out, out_bias = weights
    a = np.tanh(table[word] @ kernel + a_prev @ recurrent + bias)
    return a @ out + out_bias, a


@mutant("3.5", hint="You returned the state first")
def state_first(word, a_prev, weights):
    return _decode(word, a_prev, weights)[::-1]


@mutant("3.5", hint="You returned one value")
def scores_only(word, a_prev, weights):
    return _decode(word, a_prev, weights)[0]


@mutant("3.5", hint="state *before* the step")
def scores_of_the_old_state(word, a_prev, weights):
    return a_prev @ weights[4] + weights[5], _decode(word, a_prev, weights)[1]


@mutant("3.5", hint="previous state has no effect")
def forgets(word, a_prev, weights):
    return _decode(word, np.zeros_like(a_prev), weights)


@mutant("3.5", hint="`recurrent_kernel` is transposed")
def turned(word, a_prev, weights):
    return _decode(word, a_prev, [*weights[:2], weights[2].T, *weights[3:]])


@mutant("3.5", hint="lacks its `tanh`")
def without_tanh(word, a_prev, weights):
    table, kernel, recurrent, bias, out, out_bias = weights
    a = table[word] @ kernel + a_prev @ recurrent + bias
    return a @ out + out_bias, a


@mutant("3.5", hint="These are probabilities")
def probabilities(word, a_prev, weights):
    scores, a = _decode(word, a_prev, weights)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), a


@mutant("3.5", hint="The scores have a `tanh`")
def scores_with_tanh(word, a_prev, weights):
    scores, a = _decode(word, a_prev, weights)
    return np.tanh(scores), a


@mutant("3.5", hint="with `axis=0`")
def taken_from_the_flat_table(word, a_prev, weights):
    from keras import ops

    table, kernel, recurrent, bias, out, out_bias = weights
    a = ops.tanh(ops.take(table, word) @ kernel + a_prev @ recurrent + bias)
    return a @ out + out_bias, a


@mutant("3.5", hint="inside a compiled function")
def with_numpy_functions(word, a_prev, weights):
    return _decode(word, a_prev, weights)


@mutant("3.5", hint="nor `table[word]`")
def row_by_index(word, a_prev, weights):
    from keras import ops

    table, kernel, recurrent, bias, out, out_bias = weights
    a = ops.tanh(table[word] @ kernel + a_prev @ recurrent + bias)
    return a @ out + out_bias, a


@mutant("3.5", hint="add `out_bias`")
def without_out_bias(word, a_prev, weights):
    return _decode(word, a_prev, [*weights[:5], 0])


@mutant("3.5", hint="Look the word up in the table first")
def word_not_looked_up(word, a_prev, weights):
    kernel, recurrent, bias, out, out_bias = weights[1:]
    a = np.tanh(word @ kernel + a_prev @ recurrent + bias)
    return a @ out + out_bias, a


@mutant("3.5", hint="The word is chosen later")
def word_chosen(word, a_prev, weights):
    scores, a = _decode(word, a_prev, weights)
    return scores.argmax(axis=1), a


@alternative("3.5")
def with_keras_ops(word, a_prev, weights):
    from keras import ops

    table, kernel, recurrent, bias, out, out_bias = weights
    one_hot = ops.one_hot(word, len(table))
    a = ops.tanh(ops.matmul(ops.matmul(one_hot, table), kernel) + ops.matmul(a_prev, recurrent) + bias)
    return ops.matmul(a, out) + out_bias, a


@alternative("3.5")
def with_tensorflow(word, a_prev, weights):
    import tensorflow as tf

    table, kernel, recurrent, bias, out, out_bias = weights
    a = tf.tanh(tf.gather(table, word) @ kernel + tf.convert_to_tensor(a_prev) @ recurrent + bias)
    return a @ out + out_bias, a


# 3.6: the generation loop.


def _generate(step, a0, length, first=2, feeds=True, carries=True, stops=True, keeps_eos=True):
    a, word = a0, np.full(len(a0), first)
    done, words = np.zeros(len(a0), bool), []
    for _ in range(length):
        scores, a_next = step(word, a)
        chosen = np.asarray(scores).argmax(axis=1)
        if stops:
            if not keeps_eos:
                done |= chosen == 3
            chosen = np.where(done, 0, chosen)
            done |= chosen == 3
        words.append(chosen)
        word = chosen if feeds else word
        a = a_next if carries else a
    return np.stack(words, axis=1)


@mutant("3.6", hint="Every step read `<BOS>`")
def always_bos(step, a0, length):
    return _generate(step, a0, length, feeds=False)


@mutant("3.6", hint="Every step started from `a0`")
def always_a0(step, a0, length):
    return _generate(step, a0, length, carries=False)


@mutant("3.6", hint="go on behind their `<EOS>`")
def never_stops(step, a0, length):
    return _generate(step, a0, length, stops=False)


@mutant("3.6", hint="first input is not `<BOS>`")
def starts_from_padding(step, a0, length):
    return _generate(step, a0, length, first=0)


@mutant("3.6", hint="`<BOS>` stands in the result")
def keeps_bos(step, a0, length):
    return np.concatenate([np.full((len(a0), 1), 2), _generate(step, a0, length)], axis=1)


@mutant("3.6", hint="Put it second")
def time_first(step, a0, length):
    return _generate(step, a0, length).T


@mutant("3.6", hint="`<EOS>` itself is missing")
def without_eos(step, a0, length):
    return _generate(step, a0, length, keeps_eos=False)


@mutant("3.6", hint="makes one array of your list")
def unstacked(step, a0, length):
    return list(_generate(step, a0, length).T)


@mutant("3.6", hint="A step needs one word for each example")
def one_start_for_all(step, a0, length):
    words, word, a = [], np.full(1, 2), a0
    for _ in range(length):
        scores, a = step(word, a)
        word = np.asarray(scores).argmax(axis=1)
        words.append(word)
    return np.stack(words, axis=1)


@mutant("3.6", hint="chooses a word for each example")
def one_word_for_all(step, a0, length):
    words, word, a = [], np.full(len(a0), 2), a0
    for _ in range(length):
        scores, a = step(word, a)
        word = np.asarray(scores).argmax()
        words.append(word)
    return np.stack(words, axis=1)


@mutant("3.6", hint="`length` words for each example")
def ends_early(step, a0, length):
    words = _generate(step, a0, length)
    return words[:, : 1 + np.flatnonzero((words > 0).any(axis=0))[-1]]


@mutant("3.6", hint="inside a compiled function")
def with_numpy(step, a0, length):
    return _generate(step, a0, length)


@mutant("3.6", hint="The words are the last axis")
def chosen_along_the_batch(step, a0, length):
    return _generate_ops(step, a0, length, axis=0)


@mutant("3.6", hint="without `axis` it chooses one for the whole batch")
def one_word_for_the_batch(step, a0, length):
    return _generate_ops(step, a0, length, axis=None)


@mutant("3.6", hint="which begins at 0")
def from_the_second_step(step, a0, length):
    return _generate_ops(step, a0, length, begin=1)


@mutant("3.6", hint="whoever finished earlier is finished still")
def forgets_who_has_finished(step, a0, length):
    return _generate_ops(step, a0, length, remembers=False)


def _generate_ops(step, a0, length, axis=-1, begin=0, remembers=True):
    from keras import ops

    a, word = a0, ops.full((a0.shape[0],), 2, dtype="int32")
    finished, words = word == 3, []
    for _ in range(begin, length):
        scores, a = step(word, a)
        word = ops.where(finished, 0, ops.argmax(scores, axis=axis))
        finished = ops.logical_or(finished, word == 3) if remembers else word == 3
        words.append(word)
    return ops.stack(words, axis=1)


@alternative("3.6")
def padded_afterwards(step, a0, length):
    from keras import ops

    words, word, a = [], ops.full((len(a0),), 2), a0
    for _ in range(length):
        scores, a = step(word, a)
        word = ops.cast(ops.argmax(scores, axis=1), "int32")
        words.append(word)
    words = ops.stack(words, axis=1)
    said = ops.cast(words == 3, "int32")
    return ops.where(ops.cumsum(said, axis=1) - said > 0, 0, words)


# 3.7: find the broken model.


def _probes(model, x, mask, names=("padding_invariance", "batch_invariance", "causality")):
    from utils import probes

    return [getattr(probes, name)(model, x, mask) for name in names]


@mutant("3.7", hint="run `probes.causality`")
def without_causality(model, x, mask):
    return [p.name for p in _probes(model, x, mask, ("padding_invariance", "batch_invariance")) if not p]


@mutant("3.7", hint="run `probes.padding_invariance`")
def without_padding(model, x, mask):
    return [p.name for p in _probes(model, x, mask, ("batch_invariance", "causality")) if not p]


@mutant("3.7", hint="run `probes.batch_invariance`")
def without_batch(model, x, mask):
    return [p.name for p in _probes(model, x, mask, ("padding_invariance", "causality")) if not p]


@mutant("3.7", hint="This model passes all three probes")
def those_that_pass(model, x, mask):
    return [p.name for p in _probes(model, x, mask) if p]


@mutant("3.7", hint="`if not found.passed`")
def all_three(model, x, mask):
    return [p.name for p in _probes(model, x, mask)]


@mutant("3.7", hint="only with the mask that you were given")
def without_the_given_mask(model, x, mask):
    return [p.name for p in _probes(model, x, np.ones_like(mask)) if not p]


@mutant("3.7", hint="whether it passed")
def truth_values(model, x, mask):
    return [p.passed for p in _probes(model, x, mask)]


@mutant("3.7", hint="collect `found.name`")
def whole_probes(model, x, mask):
    return [repr(p) and p for p in _probes(model, x, mask)]


@mutant("3.7", hint="collect that")
def sentences(model, x, mask):
    return [p.sentence for p in _probes(model, x, mask)]


@mutant("3.7", hint="Do not stop at the first one")
def first_only(model, x, mask):
    return [p.name for p in _probes(model, x, mask) if not p][:1]


@mutant("3.7", hint="Call it first")
def not_called(model, x, mask):
    from utils import probes

    three = (probes.padding_invariance, probes.batch_invariance, probes.causality)
    return [probe.name for probe in three if not probe.passed]


@alternative("3.7")
def in_another_order(model, x, mask):
    return [p.name for p in reversed(_probes(model, x, mask)) if not p]
