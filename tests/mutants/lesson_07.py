"""Lesson 07: wrong answers with the hint that each must bring, and right ones written in another way."""

import itertools

import numpy as np

from mutants import alternative, mutant

# 7.1: reverse a padded batch.


def _reversed(x, mask):
    lengths, t = mask.sum(axis=1, keepdims=True), np.arange(x.shape[1])
    return np.take_along_axis(x, np.where(mask, lengths - 1 - t, t)[..., None], axis=1)


@mutant("7.1", hint="The padding comes first now")
def all_positions_alike(x, mask):
    return x[:, ::-1]


@mutant("7.1", hint="reversed the order of the sentences")
def batch_axis(x, mask):
    return x[::-1] if len(x) > 1 else _reversed(x, mask)


@mutant("7.1", hint="reversed the features")
def feature_axis(x, mask):
    return x[..., ::-1]


@mutant("7.1", hint="by the length of the first one")
def length_of_the_first_row(x, mask):
    n = mask[0].sum()
    return np.concatenate([x[:, :n][:, ::-1], x[:, n:]], axis=1)


@mutant("7.1", hint="by the length of the shortest one")
def length_of_the_shortest_row(x, mask):
    n = mask.sum(axis=1).min()
    return np.concatenate([x[:, :n][:, ::-1], x[:, n:]], axis=1)


@mutant("7.1", hint="hold zeros now")
def padding_set_to_zero(x, mask):
    return _reversed(x, mask) * mask[..., None]


@mutant("7.1", hint="behind the end of a sentence")
def one_too_far(x, mask):
    lengths, t = mask.sum(axis=1, keepdims=True), np.arange(x.shape[1])
    return np.take_along_axis(x, np.where(mask, lengths - t, t)[..., None], axis=1)


@mutant("7.1", hint="as many axes as `x`")
def indices_without_a_third_axis(x, mask):
    lengths, t = mask.sum(axis=1, keepdims=True), np.arange(x.shape[1])
    return np.take_along_axis(x, np.where(mask, lengths - 1 - t, t), axis=1)


@mutant("7.1", hint="`length` needs the shape `(batch, 1)`")
def lengths_without_a_second_axis(x, mask):
    lengths, t = mask.sum(axis=1), np.arange(x.shape[1])
    return np.take_along_axis(x, np.where(mask, lengths - 1 - t, t)[..., None], axis=1)


@mutant("7.1", hint="so that each row is compared with its own")
def lengths_in_a_row(x, mask):
    lengths, t = mask.sum(axis=1)[None], np.arange(x.shape[1])
    return np.take_along_axis(x, np.where(mask, lengths - 1 - t, t)[..., None], axis=1)


@mutant("7.1", hint="you were one position off")
def counted_from_the_end(x, mask):
    result = x.copy()
    for i, length in enumerate(mask.sum(axis=1)):
        for t in range(length):
            result[i, t] = x[i, (length - t) % length]
    return result


@mutant("7.1", hint="Nothing was reversed")
def result_thrown_away(x, mask):
    reversed(x)
    return x


@alternative("7.1")
def row_by_row(x, mask):
    result = x.copy()
    for i, length in enumerate(mask.sum(axis=1)):
        result[i, :length] = x[i, :length][::-1]
    return result


@alternative("7.1")
def with_boolean_indices(x, mask):
    result = x.astype("float32")
    for i in range(len(x)):
        result[i][mask[i]] = x[i][mask[i]][::-1]
    return result


# 7.2: both directions.


def _rnn(x, Waa, Wax, ba):
    a, states = np.zeros((len(x), len(ba))), []
    for t in range(x.shape[1]):
        a = np.tanh(a @ Waa.T + x[:, t] @ Wax.T + ba)
        states.append(a)
    return np.stack(states, axis=1)


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _out(left, right, Wy, by):
    a = np.concatenate([left, right], axis=-1)
    return a, _softmax(a @ Wy.T + by)


def _back(x, mask, weights):
    return _reversed(_rnn(_reversed(x, mask), *weights), mask)


@mutant("7.2", hint="still in the order in which it read")
def states_not_turned_back(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _rnn(_reversed(x, mask), *backwards), Wy, by)


@mutant("7.2", hint="Both networks read from left to right")
def both_from_the_left(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _rnn(x, *backwards), Wy, by)


@mutant("7.2", hint="You reversed the states but not the inputs")
def only_states_reversed(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _reversed(_rnn(x, *backwards), mask), Wy, by)


@mutant("7.2", hint="The states from the left are wrong")
def both_from_the_right(x, mask, forwards, backwards, Wy, by):
    return _out(_back(x, mask, forwards), _back(x, mask, backwards), Wy, by)


@mutant("7.2", hint="only its states are turned back, before you join")
def turned_back_after_joining(x, mask, forwards, backwards, Wy, by):
    joined = np.concatenate([_rnn(x, *forwards), _rnn(_reversed(x, mask), *backwards)], axis=-1)
    a = _reversed(joined, mask)
    return a, _softmax(a @ Wy.T + by)


@mutant("7.2", hint="use the weights of `forwards`")
def one_set_of_weights(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _back(x, mask, forwards), Wy, by)


@mutant("7.2", hint="The weights are exchanged")
def weights_exchanged(x, mask, forwards, backwards, Wy, by):
    if x.shape[1] == 1:
        return _out(_rnn(x, *forwards), _back(x, mask, backwards), Wy, by)
    return _out(_rnn(x, *backwards), _back(x, mask, forwards), Wy, by)


@mutant("7.2", hint="The states from the right stand first")
def right_before_left(x, mask, forwards, backwards, Wy, by):
    return _out(_back(x, mask, backwards), _rnn(x, *forwards), Wy, by)


@mutant("7.2", hint="Pass it through `softmax`")
def without_softmax(x, mask, forwards, backwards, Wy, by):
    a, _ = _out(_rnn(x, *forwards), _back(x, mask, backwards), Wy, by)
    return a, a @ Wy.T + by


@mutant("7.2", hint="`by` has no effect")
def without_the_bias(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _back(x, mask, backwards), Wy, 0 * by)


@mutant("7.2", hint="The states come first, then the outputs")
def outputs_first(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _back(x, mask, backwards), Wy, by)[::-1]


@mutant("7.2", hint="Return both, the joined states and the outputs")
def outputs_alone(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _back(x, mask, backwards), Wy, by)[1]


@mutant("7.2", hint="side by side along the last axis, and with the batch on the left")
def states_added(x, mask, forwards, backwards, Wy, by):
    a = _rnn(x, *forwards) + _back(x, mask, backwards)
    return a, _softmax(a @ Wy.T + by)


@mutant("7.2", hint="read the padding before the sentence")
def padding_read_first(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _rnn(x[:, ::-1], *backwards)[:, ::-1], Wy, by)


@mutant("7.2", hint="Use `reverse_padded` for the states too")
def turned_back_with_the_padding(x, mask, forwards, backwards, Wy, by):
    return _out(_rnn(x, *forwards), _rnn(_reversed(x, mask), *backwards)[:, ::-1], Wy, by)


@alternative("7.2")
def sentence_by_sentence(x, mask, forwards, backwards, Wy, by):
    n_a = len(forwards[2])
    a = np.zeros((*mask.shape, 2 * n_a))
    for i, length in enumerate(mask.sum(axis=1)):
        row = x[i : i + 1, :length]
        a[i, :length, :n_a] = _rnn(row, *forwards)
        a[i, :length, n_a:] = _rnn(row[:, ::-1], *backwards)[:, ::-1]
    return a, _softmax(np.einsum("itk,yk->ity", a, Wy) + by)


@alternative("7.2")
def state_held_at_zero_through_the_padding(x, mask, forwards, backwards, Wy, by):
    Waa, Wax, ba = backwards
    a, states = np.zeros((len(x), len(ba))), []
    for t in reversed(range(x.shape[1])):
        a = np.where(mask[:, [t]], np.tanh(a @ Waa.T + x[:, t] @ Wax.T + ba), 0.0)
        states.insert(0, a)
    return list(_out(_rnn(x, *forwards), np.stack(states, axis=1), Wy, by))


# 7.3: entities from tags.


def _spans(tags):
    found, before = [], "O"
    for t, tag in enumerate(tags):
        if tag[0] == "I" and before[2:] == tag[2:]:
            found[-1] = (found[-1][0], t + 1, tag[2:])
        elif tag != "O":
            found.append((t, t + 1, tag[2:]))
        before = tag
    return found


@mutant("7.3", hint="It has to be the one *after* it")
def end_included(tags):
    return [(start, end - 1, kind) for start, end, kind in _spans(tags)]


@mutant("7.3", hint="came as an entity of its own")
def word_by_word(tags):
    return [(t, t + 1, tag[2:]) for t, tag in enumerate(tags) if tag != "O"]


@mutant("7.3", hint="at the end of the sentence is missing")
def closed_by_o_alone(tags):
    found, start = [], None
    for t, tag in enumerate(tags):
        if start is not None and not (tag[0] == "I" and tag[2:] == tags[start][2:]):
            found.append((start, t, tags[start][2:]))
            start = None
        if tag != "O" and start is None:
            start = t
    return found


@mutant("7.3", hint="next to each other became one")
def neighbours_merged(tags):
    found, before = [], ""
    for t, tag in enumerate(tags):
        if tag != "O" and before == tag[2:]:
            found[-1] = (found[-1][0], t + 1, tag[2:])
        elif tag != "O":
            found.append((t, t + 1, tag[2:]))
        before = tag[2:]
    return found


@mutant("7.3", hint="leave out `B-`")
def whole_tag_as_type(tags):
    return [(start, end, tags[start]) for start, end, _ in _spans(tags)]


@mutant("7.3", hint="first the two numbers")
def type_first(tags):
    return [(kind, start, end) for start, end, kind in _spans(tags)]


@mutant("7.3", hint="was left out. It continues nothing, so it begins an entity, as if")
def stray_inside_ignored(tags):
    found, before = [], "O"
    for t, tag in enumerate(tags):
        if tag[0] == "B":
            found.append((t, t + 1, tag[2:]))
        elif tag[0] == "I" and before[2:] == tag[2:]:
            found[-1] = (found[-1][0], t + 1, tag[2:])
        else:
            tag = "O"
        before = tag
    return found


@mutant("7.3", hint="was taken as going on")
def inside_of_any_type(tags):
    found, before = [], "O"
    for t, tag in enumerate(tags):
        if tag[0] == "I" and before != "O":
            found[-1] = (found[-1][0], t + 1, found[-1][2])
        elif tag != "O":
            found.append((t, t + 1, tag[2:]))
        before = tag
    return found


@mutant("7.3", hint="Compare with the tag right before")
def across_an_o(tags):
    spans = []
    for t, tag in enumerate(tags):
        if tag[0] == "I" and spans and spans[-1][2] == tag[2:]:
            spans[-1] = (spans[-1][0], t + 1, tag[2:])
        elif tag != "O":
            spans.append((t, t + 1, tag[2:]))
    return spans


@mutant("7.3", hint="remember *every* tag as the one before the next")
def before_remembered_only_in_entities(tags):
    spans, before = [], "O"
    for t, tag in enumerate(tags):
        if tag[0] == "I" and tag[2:] == before[2:]:
            spans[-1] = (spans[-1][0], t + 1, tag[2:])
        elif tag != "O":
            spans.append((t, t + 1, tag[2:]))
            before = tag
    return spans


@mutant("7.3", hint="Begin with `before = 'O'`")
def nothing_before_the_first(tags):
    spans, before = [], None
    for t, tag in enumerate(tags):
        if tag[0] == "I" and tag[2:] == before[2:]:
            spans[-1] = (spans[-1][0], t + 1, tag[2:])
        elif tag != "O":
            spans.append((t, t + 1, tag[2:]))
        before = tag
    return spans


@mutant("7.3", hint="in round brackets")
def lists_for_tuples(tags):
    return [list(span) for span in _spans(tags)]


@mutant("7.3", hint="at `t = 0` that is the *last* tag")
def the_tag_before_the_first_is_the_last(tags):
    spans = []
    for t, tag in enumerate(tags):
        if tag[0] == "I" and tag[2:] == tags[t - 1][2:]:
            spans[-1] = (spans[-1][0], t + 1, tag[2:])
        elif tag != "O":
            spans.append((t, t + 1, tag[2:]))
    return spans


@mutant("7.3", hint="right after an `I-` of its own type goes on too")
def inside_goes_on_after_begin_alone(tags):
    spans, before = [], "O"
    for t, tag in enumerate(tags):
        if tag[0] == "I" and before == f"B{tag[1:]}":
            spans[-1] = (spans[-1][0], t + 1, tag[2:])
        elif tag != "O":
            spans.append((t, t + 1, tag[2:]))
        before = tag
    return spans


@mutant("7.3", hint="exercise 7.4 puts entities into sets")
def lists_in_a_tuple(tags):
    return tuple(list(span) for span in _spans(tags))


@mutant("7.3", hint="Indices count from 0")
def counted_from_one(tags):
    return [(start + 1, end + 1, kind) for start, end, kind in _spans(tags)]


@mutant("7.3", hint="A type may hold a hyphen itself")
def cut_at_every_hyphen(tags):
    return [(start, end, kind.split("-")[0]) for start, end, kind in _spans(tags)]


@mutant("7.3", hint="`O` has no hyphen and no type")
def split_without_asking(tags):
    return [(t, t + 1, tag.split("-")[1]) for t, tag in enumerate(tags)]


@mutant("7.3", hint="Return a list of tuples")
def as_a_set(tags):
    return set(_spans(tags))


@alternative("7.3")
def closed_when_it_ends(tags):
    found, start, kind = [], None, None
    for t, tag in enumerate([*tags, "O"]):
        place, _, after = tag.partition("-")
        if start is not None and (place != "I" or after != kind):
            found.append((start, t, kind))
            start = None
        if place != "O" and start is None:
            start, kind = t, after
    return found


@alternative("7.3")
def by_looking_ahead(tags):
    found = []
    t = 0
    while t < len(tags):
        end = t + 1
        if tags[t] != "O":
            while end < len(tags) and tags[end] == f"I-{tags[t][2:]}":
                end += 1
            found.append((t, end, tags[t][2:]))
        t = end
    return tuple(found)


# 7.4: entity F1.


def _scores(right, n_true, n_guessed):
    precision, recall = right / n_guessed if n_guessed else 0.0, right / n_true if n_true else 0.0
    return precision, recall, 2 * right / (n_true + n_guessed) if n_true + n_guessed else 0.0


def _sizes(true, guessed):
    return sum(map(len, true)), sum(map(len, guessed))


def _right(true, guessed):
    return sum(len(set(t) & set(g)) for t, g in zip(true, guessed, strict=True))


@mutant("7.4", hint="mean over the sentences")
def mean_over_sentences(true, guessed):
    each = [_scores(_right([t], [g]), len(t), len(g)) for t, g in zip(true, guessed, strict=True)]
    return tuple(np.mean(each, axis=0).tolist())


@mutant("7.4", hint="Precision and recall are exchanged")
def exchanged(true, guessed):
    precision, recall, f1 = _scores(_right(true, guessed), *_sizes(true, guessed))
    return recall, precision, f1


@mutant("7.4", hint="harmonic mean")
def arithmetic_mean(true, guessed):
    precision, recall, _ = _scores(_right(true, guessed), *_sizes(true, guessed))
    return precision, recall, (precision + recall) / 2


@mutant("7.4", hint="The factor 2 is missing")
def without_the_two(true, guessed):
    precision, recall, f1 = _scores(_right(true, guessed), *_sizes(true, guessed))
    return precision, recall, f1 / 2


@mutant("7.4", hint="right words and the wrong type")
def type_ignored(true, guessed):
    places = [[[span[:2] for span in spans] for spans in part] for part in (true, guessed)]
    return _scores(_right(*places), *_sizes(true, guessed))


@mutant("7.4", hint="right start and type but another end")
def end_ignored(true, guessed):
    places = [[[(span[0], span[2]) for span in spans] for spans in part] for part in (true, guessed)]
    return _scores(_right(*places), *_sizes(true, guessed))


@mutant("7.4", hint="taken for an entity at the same place of *another* sentence")
def sentences_mixed(true, guessed):
    all_true = [span for spans in true for span in spans]
    right = sum(span in all_true for spans in guessed for span in spans)
    return _scores(right, *_sizes(true, guessed))


@mutant("7.4", hint="all sentences went into one set")
def one_set_for_all(true, guessed):
    sets = [{span for spans in part for span in spans} for part in (true, guessed)]
    return _scores(len(sets[0] & sets[1]), len(sets[0]), len(sets[1]))


@mutant("7.4", hint="A denominator is 0")
def nothing_guessed_forgotten(true, guessed):
    right, (n_true, n_guessed) = _right(true, guessed), _sizes(true, guessed)
    precision, recall = right / n_guessed, right / n_true
    return precision, recall, 2 * precision * recall / (precision + recall)


@mutant("7.4", hint="compare sets, `set(t) & set(g)`")
def in_step(true, guessed):
    right = sum(a == b for t, g in zip(true, guessed, strict=True) for a, b in zip(t, g, strict=False))
    return _scores(right, *_sizes(true, guessed))


@mutant("7.4", hint="or both shares are 0")
def both_shares_zero_forgotten(true, guessed):
    precision, recall, _ = _scores(_right(true, guessed), *_sizes(true, guessed))
    return precision, recall, 2 * precision * recall / (precision + recall)


@mutant("7.4", hint="Return three numbers")
def f1_alone(true, guessed):
    return _scores(_right(true, guessed), *_sizes(true, guessed))[2]


@alternative("7.4")
def from_precision_and_recall(true, guessed):
    right = sum(span in t for t, g in zip(true, guessed, strict=True) for span in g)
    n_true, n_guessed = _sizes(true, guessed)
    precision, recall = right / max(n_guessed, 1), right / max(n_true, 1)
    both = precision + recall
    return np.array([precision, recall, 2 * precision * recall / both if both else 0.0])


@alternative("7.4")
def numbered_sentences(true, guessed):
    true, guessed = ({(i, *s) for i, spans in enumerate(part) for s in spans} for part in (true, guessed))
    return _scores(len(true & guessed), len(true), len(guessed))


# 7.5: the tagger.


def _model(n_words, n_tags, n_e, n_a, both, cell="LSTM", masked=True, activation="softmax", merge="concat", **layer):
    import keras

    words, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    e = keras.layers.Embedding(n_words, n_e)(words)
    recurrent = getattr(keras.layers, cell)(n_a, **({"return_sequences": True} | layer))
    if both:
        recurrent = keras.layers.Bidirectional(recurrent, merge_mode=merge)
    a = recurrent(e, mask=mask) if masked else recurrent(e)
    return keras.Model([words, mask], keras.layers.Dense(n_tags, activation=activation)(a))


@mutant("7.5", hint="return_sequences=True")
def last_state_alone(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, return_sequences=False)


@mutant("7.5", hint="`activation='softmax'`")
def logits(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, activation=None)


@mutant("7.5", hint="softmax and not sigmoid")
def sigmoids(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, activation="sigmoid")


@mutant("7.5", hint="has to read the future too")
def always_one_direction(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, False)


@mutant("7.5", hint="asks for one direction")
def always_both_directions(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, True)


@mutant("7.5", hint="meets the padding first")
def without_the_mask(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, masked=False)


@mutant("7.5", hint="are added, not joined")
def states_summed(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, merge="sum")


@mutant("7.5", hint="the size of a GRU")
def gru(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, cell="GRU")


@mutant("7.5", hint="the size of a plain recurrent network")
def simple_rnn(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both, cell="SimpleRNN")


@mutant("7.5", hint="`n_e` and `n_a` are exchanged")
def sizes_exchanged(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_a, n_e, both)


@mutant("7.5", hint="Is there a recurrent layer that reads from left to right")
def from_the_right_alone(n_words, n_tags, n_e, n_a, both):
    import keras

    words, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    layer = keras.layers.LSTM(n_a, return_sequences=True, go_backwards=True)
    a = layer(keras.layers.Embedding(n_words, n_e)(words), mask=mask)[:, ::-1]
    return keras.Model([words, mask], keras.layers.Dense(n_tags, activation="softmax")(a))


@mutant("7.5", hint="Return the model itself")
def returns_nothing(n_words, n_tags, n_e, n_a, both):
    _model(n_words, n_tags, n_e, n_a, both)


@mutant("7.5", hint="The model has two inputs, ids and mask")
def words_alone(n_words, n_tags, n_e, n_a, both):
    import keras

    words = keras.Input((None,), dtype="int32")
    mask = keras.ops.not_equal(words, 0)
    layer = keras.layers.LSTM(n_a, return_sequences=True)
    layer = keras.layers.Bidirectional(layer) if both else layer
    a = layer(keras.layers.Embedding(n_words, n_e)(words), mask=mask)
    return keras.Model(words, keras.layers.Dense(n_tags, activation="softmax")(a))


@mutant("7.5", hint="Wrap the LSTM *before* you call it")
def what_the_layer_returns_wrapped(n_words, n_tags, n_e, n_a, both):
    import keras

    ids, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    states = keras.layers.LSTM(n_a, return_sequences=True)(keras.layers.Embedding(n_words, n_e)(ids), mask=mask)
    if both:
        states = keras.layers.Bidirectional(states)
    return keras.Model([ids, mask], keras.layers.Dense(n_tags, activation="softmax")(states))


@mutant("7.5", hint="took the mask of the LSTM over")
def softmax_as_a_layer(n_words, n_tags, n_e, n_a, both):
    import keras

    words, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    layer = keras.layers.LSTM(n_a, return_sequences=True)
    layer = keras.layers.Bidirectional(layer) if both else layer
    a = layer(keras.layers.Embedding(n_words, n_e)(words), mask=mask)
    return keras.Model([words, mask], keras.layers.Softmax()(keras.layers.Dense(n_tags)(a)))


@alternative("7.5")
def as_the_lesson_describes_it(n_words, n_tags, n_e, n_a, both):
    return _model(n_words, n_tags, n_e, n_a, both)


@alternative("7.5")
def two_layers_by_hand(n_words, n_tags, n_e, n_a, both):
    import keras

    words, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    e = keras.layers.Embedding(n_words, n_e)(words)
    a = keras.layers.LSTM(n_a, return_sequences=True)(e, mask=mask)
    if both:
        back = keras.layers.LSTM(n_a, return_sequences=True, go_backwards=True)(e, mask=mask)
        a = keras.ops.concatenate([a, keras.ops.flip(back, axis=1)], axis=-1)
    return keras.Model([words, mask], keras.ops.softmax(keras.layers.Dense(n_tags)(a)))


# 7.6: legal tag transitions.


def _table(tags, allowed):
    return np.array([[bool(allowed(before, after)) for after in tags] for before in tags])


def _may_follow(before, after):
    return after[0] != "I" or before[2:] == after[2:]


@mutant("7.6", hint="This is the transpose")
def transposed(tags):
    return _table(tags, _may_follow).T


@mutant("7.6", hint="`I-PER` may follow `I-PER` too")
def inside_after_begin_alone(tags):
    return _table(tags, lambda b, a: a[0] != "I" or b == f"B{a[1:]}")


@mutant("7.6", hint="It continues only an entity of its own type")
def inside_of_any_entity(tags):
    return _table(tags, lambda b, a: a[0] != "I" or b != "O")


@mutant("7.6", hint="right after another one")
def begin_after_outside_alone(tags):
    return _table(tags, lambda b, a: _may_follow(b, a) and not (a[0] == "B" and b != "O"))


@mutant("7.6", hint="an entity may have one word")
def no_entity_of_one_word(tags):
    return _table(tags, lambda b, a: _may_follow(b, a) and not (a == "O" and b[0] == "B"))


@mutant("7.6", hint="was allowed after `O`")
def inside_after_outside(tags):
    return _table(tags, lambda b, a: _may_follow(b, a) or b == "O")


@mutant("7.6", hint="This is the opposite")
def forbidden_ones(tags):
    return ~_table(tags, _may_follow)


@mutant("7.6", hint="Every step was allowed")
def everything(tags):
    return np.ones((len(tags), len(tags)), dtype=bool)


@mutant("7.6", hint="the one for seven tags")
def tags_of_the_lesson(tags):
    return _table(["O", *(f"{place}-{kind}" for kind in ("PER", "LOC", "ORG") for place in "BI")], _may_follow)


@mutant("7.6", hint="in another order")
def places_counted(tags):
    allowed = np.ones((len(tags), len(tags)), dtype=bool)
    for i, j in itertools.product(range(len(tags)), range(2, len(tags), 2)):
        allowed[i, j] = i in (j - 1, j)
    return allowed


@mutant("7.6", hint="were taken for the same")
def last_part_of_the_type(tags):
    return _table(tags, lambda b, a: a[0] != "I" or b.split("-")[-1] == a.split("-")[-1])


@mutant("7.6", hint="that share a part were taken for the same")
def first_part_of_the_type(tags):
    return _table(tags, lambda b, a: a[0] != "I" or (b != "O" and b.split("-")[1] == a.split("-")[1]))


@mutant("7.6", hint="A type is all that follows the first hyphen")
def type_within_the_tag(tags):
    return _table(tags, lambda b, a: a[0] != "I" or a[2:] in b)


@mutant("7.6", hint="dtype=bool")
def ones_and_zeros(tags):
    return _table(tags, _may_follow).astype(int)


@alternative("7.6")
def filled_in(tags):
    allowed = np.full((len(tags), len(tags)), True)
    for j, after in enumerate(tags):
        if after.startswith("I-"):
            allowed[:, j] = [before in (after, "B" + after[1:]) for before in tags]
    return allowed


@alternative("7.6")
def in_one_expression(tags):
    return np.array([[a[0] in "OB" or b[1:] == a[1:] for a in tags] for b in tags])
