"""Lesson 09: wrong answers with the hint that each must bring, and right ones written in another way."""

import keras
import numpy as np
from keras import ops

from mutants import alternative, mutant

# 9.1: alignment scores.


def _parts(s_prev, h, Wa, Ua):
    return (s_prev @ Wa.T)[:, None], h @ Ua.T


@mutant("9.1", hint="The `tanh` is missing")
def scores_without_tanh(s_prev, h, Wa, Ua, va):
    return sum(_parts(s_prev, h, Wa, Ua)) @ va


@mutant("9.1", hint="`tanh` is in the wrong place")
def tanh_around_everything(s_prev, h, Wa, Ua, va):
    return np.tanh(sum(_parts(s_prev, h, Wa, Ua)) @ va)


@mutant("9.1", hint="Each part has a `tanh` of its own")
def tanh_of_each_part(s_prev, h, Wa, Ua, va):
    of_s, of_h = _parts(s_prev, h, Wa, Ua)
    return (np.tanh(of_s) + np.tanh(of_h)) @ va


@mutant("9.1", hint="`va` has no effect")
def scores_without_va(s_prev, h, Wa, Ua, va):
    return np.tanh(sum(_parts(s_prev, h, Wa, Ua))).sum(axis=-1)


@mutant("9.1", hint="The state has no effect")
def annotations_alone(s_prev, h, Wa, Ua, va):
    return np.tanh(h @ Ua.T) @ va


@mutant("9.1", hint="The annotations have no effect")
def state_alone(s_prev, h, Wa, Ua, va):
    of_s, of_h = _parts(s_prev, h, Wa, Ua)
    return np.tanh(of_s + 0 * of_h) @ va


@mutant("9.1", hint="Give the first one an axis for the positions")
def state_without_an_axis(s_prev, h, Wa, Ua, va):
    return np.tanh(s_prev @ Wa.T + h @ Ua.T) @ va


@mutant("9.1", hint="Two arrays in a product do not fit")
def without_transposing(s_prev, h, Wa, Ua, va):
    return np.tanh((s_prev @ Wa)[:, None] + h @ Ua) @ va


@mutant("9.1", hint="These are weights already")
def scores_with_softmax(s_prev, h, Wa, Ua, va):
    e = np.exp(np.tanh(sum(_parts(s_prev, h, Wa, Ua))) @ va)
    return e / e.sum(axis=1, keepdims=True)


@mutant("9.1", hint="an axis too many at its end")
def va_as_a_column(s_prev, h, Wa, Ua, va):
    return np.tanh(sum(_parts(s_prev, h, Wa, Ua))) @ va[:, None]


@mutant("9.1", hint="`@ va`, not `* va`")
def va_times(s_prev, h, Wa, Ua, va):
    return np.tanh(sum(_parts(s_prev, h, Wa, Ua))) * va


@mutant("9.1", hint="A batch of one is still a batch")
def scores_squeezed(s_prev, h, Wa, Ua, va):
    return (np.tanh(sum(_parts(s_prev, h, Wa, Ua))) @ va).squeeze()


@alternative("9.1")
def scores_in_loops(s_prev, h, Wa, Ua, va):
    return np.array([[va @ np.tanh(Wa @ s + Ua @ h_j) for h_j in rows] for s, rows in zip(s_prev, h, strict=True)])


@alternative("9.1")
def scores_by_concat(s_prev, h, Wa, Ua, va):
    both = np.concatenate([np.repeat(s_prev[:, None], h.shape[1], axis=1), h], axis=-1)
    return np.einsum("k,bjk->bj", va, np.tanh(both @ np.concatenate([Wa, Ua], axis=1).T))


# 9.2: the masked softmax.


def _softmax(e, axis=-1):
    powers = np.exp(e - e.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


@mutant("9.2", hint="The weights of each *sentence* add up to 1")
def softmax_over_the_batch(e, mask):
    return _softmax(np.where(mask, e, -1e30), axis=0)


@mutant("9.2", hint="All numbers of the batch together add up to 1")
def softmax_over_everything(e, mask):
    powers = np.where(mask, np.exp(e - e[mask].max()), 0)
    return powers / powers.sum()


@mutant("9.2", hint="*after* the softmax")
def zero_after_the_softmax(e, mask):
    return _softmax(e) * mask


@mutant("9.2", hint="exp(0) is 1")
def zero_scores(e, mask):
    return _softmax(e * mask)


@mutant("9.2", hint="The mask has no effect")
def without_the_mask(e, mask):
    return _softmax(e)


@mutant("9.2", hint="Nearly 0 is not 0")
def minus_ten(e, mask):
    return _softmax(np.where(mask, e, e - 12))


@mutant("9.2", hint="too large for a computer")
def without_taking_off_the_largest(e, mask):
    powers = np.where(mask, np.exp(e), 0)
    return powers / powers.sum(axis=1, keepdims=True)


@mutant("9.2", hint="The largest score of the row stands at padding")
def largest_of_all(e, mask):
    powers = np.where(mask, np.exp(e - e.max(axis=1, keepdims=True)), 0)
    return powers / powers.sum(axis=1, keepdims=True)


@mutant("9.2", hint="Take off the largest of *each* row")
def largest_of_the_batch(e, mask):
    e = np.where(mask, e, -np.inf)
    powers = np.exp(e - e.max())
    return powers / powers.sum(axis=1, keepdims=True)


@mutant("9.2", hint="0 times infinity")
def infinity_times_the_mask(e, mask):
    return _softmax(e + (1 - mask) * -np.inf)


@mutant("9.2", hint="not divided by their sum")
def powers_alone(e, mask):
    return np.where(mask, np.exp(e), 0)


@mutant("9.2", hint="`keepdims=True`")
def without_keepdims(e, mask):
    powers = np.where(mask, np.exp(e), 0)
    return powers / powers.sum(axis=1)


@alternative("9.2")
def row_by_row(e, mask):
    alpha = np.zeros_like(e)
    for i in range(len(e)):
        alpha[i, mask[i]] = _softmax(e[i, mask[i]])
    return alpha


@alternative("9.2")
def with_a_large_negative_number(e, mask):
    return _softmax(np.where(mask, e, -1e9)).astype("float32")


# 9.3: the context.


@mutant("9.3", hint="this is the plain sum")
def plain_sum(alpha, h):
    return h.sum(axis=1)


@mutant("9.3", hint="this is the mean over the positions")
def plain_mean(alpha, h):
    return h.mean(axis=1)


@mutant("9.3", hint="You divided by the number of positions")
def mean_of_products(alpha, h):
    return (alpha[..., None] * h).mean(axis=1)


@mutant("9.3", hint="add up over the examples")
def sum_over_the_batch(alpha, h):
    return (alpha[..., None] * h).sum(axis=0)


@mutant("9.3", hint="added up the numbers of each annotation")
def sum_over_the_features(alpha, h):
    return (alpha[..., None] * h).sum(axis=2)


@mutant("9.3", hint="mixes every sentence with the weights of every other one")
def product_of_matrices(alpha, h):
    return alpha @ h


@mutant("9.3", hint="annotation with the largest weight")
def largest_weight(alpha, h):
    return h[np.arange(len(h)), alpha.argmax(axis=1)]


@mutant("9.3", hint="an axis too many, of size 1")
def with_an_axis_of_one(alpha, h):
    return alpha[:, None] @ h


@mutant("9.3", hint="not added up")
def products(alpha, h):
    return alpha[..., None] * h


@mutant("9.3", hint="`alpha` has two axes and `h` three")
def without_an_axis(alpha, h):
    return (alpha * h).sum(axis=1)


@alternative("9.3")
def with_einsum(alpha, h):
    return np.einsum("bj,bjk->bk", alpha, h)


@alternative("9.3")
def one_sentence_at_a_time(alpha, h):
    return np.stack([a @ rows for a, rows in zip(alpha, h, strict=True)])


# 9.4: the layer.


class _Layer(keras.layers.Layer):
    """What the lesson gives; `attend` is the answer."""

    def __init__(self, n_s, n_h, n_v):
        super().__init__()
        self.Wa = self.add_weight(shape=(n_v, n_s), name="Wa")
        self.Ua = self.add_weight(shape=(n_v, n_h), name="Ua")
        self.va = self.add_weight(shape=(n_v,), name="va")

    def project(self, h):
        return ops.matmul(h, ops.transpose(self.Ua))

    def scores(self, s_prev, keys, g=ops.tanh):
        of_s = ops.matmul(s_prev, ops.transpose(self.Wa))[:, None]
        return ops.matmul(g(of_s + keys), self.va)

    def attend(self, e, h, mask, axis=-1):
        alpha = ops.softmax(ops.where(ops.cast(mask, "bool"), e, -np.inf), axis=axis)
        return ops.sum(alpha[..., None] * h, axis=1), alpha

    def call(self, s_prev, h, mask, keys=None):
        return self.attend(self.scores(s_prev, self.project(h) if keys is None else keys), h, mask)


class _Attentive(_Layer):
    """The right layer, under a name of its own."""


@mutant("9.4", hint="The weights came first")
class WeightsFirst(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return super().call(s_prev, h, mask, keys)[::-1]


@mutant("9.4", hint="The mask has no effect")
class WithoutMask(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return super().call(s_prev, h, ops.ones_like(mask), keys)


@mutant("9.4", hint="The keys that were handed over were not used")
class AlwaysProjects(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return super().call(s_prev, h, mask)


@mutant("9.4", hint="`keys` was None")
class NeverProjects(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return self.attend(self.scores(s_prev, keys), h, mask)


@mutant("9.4", hint="The context is a mixture of the annotations")
class MixesKeys(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        keys = self.project(h) if keys is None else keys
        return self.attend(self.scores(s_prev, keys), keys, mask)


@mutant("9.4", hint="The `tanh` is missing")
class LayerWithoutTanh(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        keys = self.project(h) if keys is None else keys
        return self.attend(self.scores(s_prev, keys, lambda z: z), h, mask)


@mutant("9.4", hint="The second value is the scores")
class ReturnsScores(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        e = self.scores(s_prev, self.project(h) if keys is None else keys)
        return self.attend(e, h, mask)[0], e


@mutant("9.4", hint="The softmax goes along the batch")
class SoftmaxOverTheBatch(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return self.attend(self.scores(s_prev, self.project(h) if keys is None else keys), h, mask, axis=0)


@mutant("9.4", hint="set to 0 after the softmax")
class MaskedAfterwards(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        alpha = ops.softmax(self.scores(s_prev, self.project(h) if keys is None else keys))
        alpha = alpha * ops.cast(mask, "float32")
        return ops.sum(alpha[..., None] * h, axis=1), alpha


@mutant("9.4", hint="is no condition. Make booleans of it first")
class MaskAsItCame(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        import tensorflow as tf

        e = self.scores(s_prev, self.project(h) if keys is None else keys)
        alpha = tf.nn.softmax(tf.where(mask, e, -np.inf))
        return ops.sum(alpha[..., None] * h, axis=1), alpha


@mutant("9.4", hint="NumPy cannot compute with the placeholders")
class InNumPy(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        keys = self.project(h) if keys is None else keys
        e = np.tanh((np.asarray(s_prev) @ np.asarray(self.Wa).T)[:, None] + np.asarray(keys)) @ np.asarray(self.va)
        return self.attend(ops.convert_to_tensor(e.astype("float32")), h, mask)


@mutant("9.4", hint="`call` returns the context and the weights")
class ContextAlone(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return super().call(s_prev, h, mask, keys)[0]


@mutant("9.4", hint="Two shapes do not fit")
class WeightsNotTransposed(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        keys = self.project(h) if keys is None else keys
        return self.attend(ops.matmul(ops.tanh(ops.matmul(s_prev, self.Wa)[:, None] + keys), self.va), h, mask)


@mutant("9.4", hint="A weight of Keras has no `.T`")
class TransposedAsInNumPy(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        keys = self.project(h) if keys is None else keys
        return self.attend(ops.matmul(ops.tanh((s_prev @ self.Wa.T)[:, None] + keys), self.va), h, mask)


@mutant("9.4", hint="`ops.matmul(..., self.va)`, not `*`")
class TimesVa(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        keys = self.project(h) if keys is None else keys
        of_s = ops.matmul(s_prev, ops.transpose(self.Wa))[:, None]
        return self.attend(ops.tanh(of_s + keys) * self.va, h, mask)


@mutant("9.4", hint="Ask `if keys is None`")
class KeysOrProjected(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        return super().call(s_prev, h, mask, keys or self.project(h))


@mutant("9.4", hint="the sum went over everything")
class SumOverEverything(_Layer):
    def attend(self, e, h, mask, axis=-1):
        _, alpha = super().attend(e, h, mask)
        return ops.sum(alpha[..., None] * h), alpha


@alternative("9.4")
class WithEinsum(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        if keys is None:
            keys = ops.einsum("bjh,vh->bjv", h, self.Ua)
        z = ops.tanh(ops.expand_dims(ops.einsum("bs,vs->bv", s_prev, self.Wa), 1) + keys)
        e = ops.einsum("bjv,v->bj", z, self.va)
        real = ops.cast(mask, "float32")
        e = e - ops.max(ops.where(real > 0, e, -1e9), axis=-1, keepdims=True)
        powers = ops.where(real > 0, ops.exp(e), 0.0)
        alpha = powers / ops.sum(powers, axis=-1, keepdims=True)
        return ops.einsum("bj,bjh->bh", alpha, h), alpha


@alternative("9.4")
class WithALargeNegativeNumber(_Layer):
    def call(self, s_prev, h, mask, keys=None):
        if keys is None:
            keys = self.project(h)
        alpha = ops.softmax(self.scores(s_prev, keys) - 1e9 * (1 - ops.cast(mask, "float32")))
        return ops.squeeze(ops.matmul(alpha[:, None], h), axis=1), alpha


# 9.5: the decoder's cell.


class _Cell(keras.layers.Layer):
    """What the lesson gives, and the right step."""

    def __init__(self, n_s, n_h, n_v):
        super().__init__()
        self.attention = _Attentive(n_s, n_h, n_v)
        self.gru = keras.layers.GRUCell(n_s)
        self.n_h, self.state_size = n_h, [n_s, n_h, n_v, 1]

    def build(self, y_shape):
        self.gru.build((None, y_shape[-1] + self.n_h))

    def step(self, y_prev, c, s_prev):
        return self.gru(ops.concatenate([y_prev, c], axis=-1), [s_prev])[0]

    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        c, alpha = self.attention(s_prev, h, mask, keys)
        s = self.step(y_prev, c, s_prev)
        return ops.concatenate([s, c, alpha], axis=-1), [s, h, keys, mask]


@mutant("9.5", hint="hands on four states")
class OneState(_Cell):
    def call(self, y_prev, states):
        output, states = super().call(y_prev, states)
        return output, [states[0]]


@mutant("9.5", hint="in this order: the new state, the context, the weights")
class ContextFirst(_Cell):
    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        c, alpha = self.attention(s_prev, h, mask, keys)
        s = self.step(y_prev, c, s_prev)
        return ops.concatenate([c, s, alpha], axis=-1), [s, h, keys, mask]


@mutant("9.5", hint="The output is the new state alone")
class StateAlone(_Cell):
    def call(self, y_prev, states):
        _, states = super().call(y_prev, states)
        return states[0], states


@mutant("9.5", hint="The weights are missing in the output")
class WithoutWeights(_Cell):
    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        c, _ = self.attention(s_prev, h, mask, keys)
        s = self.step(y_prev, c, s_prev)
        return ops.concatenate([s, c], axis=-1), [s, h, keys, mask]


@mutant("9.5", hint="The state before the step was handed on")
class OldState(_Cell):
    def call(self, y_prev, states):
        return super().call(y_prev, states)[0], states


@mutant("9.5", hint="The GRU reads the context first")
class ContextBeforeWord(_Cell):
    def step(self, y_prev, c, s_prev):
        return self.gru(ops.concatenate([c, y_prev], axis=-1), [s_prev])[0]


@mutant("9.5", hint="computed from the *new* state")
class AsksWithTheNewState(_Cell):
    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        c, alpha = self.attention(s_prev, h, mask, keys)
        s = self.step(y_prev, c, s_prev)
        c, alpha = self.attention(s, h, mask, keys)
        return ops.concatenate([s, c, alpha], axis=-1), [s, h, keys, mask]


@mutant("9.5", hint="The mask has no effect")
class CellWithoutMask(_Cell):
    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        output, states = super().call(y_prev, [s_prev, h, keys, ops.ones_like(mask)])
        return output, [*states[:3], mask]


@mutant("9.5", hint="The keys that travel among the states were not used")
class ProjectsAgain(_Cell):
    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        c, alpha = self.attention(s_prev, h, mask)
        s = self.step(y_prev, c, s_prev)
        return ops.concatenate([s, c, alpha], axis=-1), [s, h, keys, mask]


@mutant("9.5", hint="The context has no effect on the new state")
class ContextNotFed(_Cell):
    def step(self, y_prev, c, s_prev):
        return super().step(y_prev, 0 * c, s_prev)


@mutant("9.5", hint="The GRU starts from zeros at every step")
class StartsFromZeros(_Cell):
    def step(self, y_prev, c, s_prev):
        return super().step(y_prev, c, 0 * s_prev)


@mutant("9.5", hint="A cell of Keras returns two things")
class BothResultsOfTheGRU(_Cell):
    def step(self, y_prev, c, s_prev):
        return self.gru(ops.concatenate([y_prev, c], axis=-1), [s_prev])


@mutant("9.5", hint="reads the last word and the context side by side")
class WordAlone(_Cell):
    def step(self, y_prev, c, s_prev):
        return self.gru(y_prev, [s_prev])[0]


@mutant("9.5", hint="Among the states the keys come first")
class KeysInThePlaceOfTheMask(_Cell):
    def call(self, y_prev, states):
        s_prev, h, keys, mask = states
        c, alpha = self.attention(s_prev, h, keys, mask)
        return ops.concatenate([self.step(y_prev, c, s_prev), c, alpha], axis=-1), states


@mutant("9.5", hint="`call` returns the output and the list of states")
class OutputAlone(_Cell):
    def call(self, y_prev, states):
        return super().call(y_prev, states)[0]


@alternative("9.5")
class StatesAsTheyCame(_Cell):
    def call(self, y_prev, states):
        c, alpha = self.attention(states[0], states[1], states[3], keys=states[2])
        _, [s] = self.gru(ops.concatenate((y_prev, c), axis=1), states[:1])
        return ops.concatenate((s, c, alpha), axis=1), [s, *states[1:]]


@alternative("9.5")
class ATupleOfStates(_Cell):
    def call(self, y_prev, states):
        output, states = super().call(y_prev, states)
        return output, tuple(states)


# 9.6: Luong's scores.


def _turned(h):
    return ops.transpose(h, (0, 2, 1))


def _luong(s, h, score, Wa=None, va=None, g=ops.tanh):
    if score == "dot":
        return ops.matmul(s, _turned(h))
    if score == "general":
        return ops.matmul(ops.matmul(s, Wa), _turned(h))
    n_s = s.shape[-1]
    of_s, of_h = (ops.matmul(x, ops.transpose(W)) for x, W in ((s, Wa[:, :n_s]), (h, Wa[:, n_s:])))
    return ops.matmul(g(of_s[:, :, None] + of_h[:, None]), va)


@mutant("9.6", hint="Source and target have changed places")
def source_first(s, h, score, Wa=None, va=None):
    return _turned(_luong(s, h, score, Wa, va))


@mutant("9.6", hint="That is the Transformer's score")
def scaled_scores(s, h, score, Wa=None, va=None):
    e = _luong(s, h, score, Wa, va)
    return e / s.shape[-1] ** 0.5 if score == "dot" else e


@mutant("9.6", hint="These are weights already")
def scores_and_softmax(s, h, score, Wa=None, va=None):
    return ops.softmax(_luong(s, h, score, Wa, va))


@mutant("9.6", hint="There is no `tanh` in the general score")
def tanh_in_general(s, h, score, Wa=None, va=None):
    e = _luong(s, h, score, Wa, va)
    return ops.tanh(e) if score == "general" else e


@mutant("9.6", hint="The `tanh` is missing in the concat score")
def concat_without_tanh(s, h, score, Wa=None, va=None):
    return _luong(s, h, score, Wa, va, g=lambda z: z)


@mutant("9.6", hint="the state first")
def annotation_before_state(s, h, score, Wa=None, va=None):
    if score != "concat":
        return _luong(s, h, score, Wa, va)
    n_h = h.shape[-1]
    of_h, of_s = (ops.matmul(x, ops.transpose(W)) for x, W in ((h, Wa[:, :n_h]), (s, Wa[:, n_h:])))
    return ops.matmul(ops.tanh(of_s[:, :, None] + of_h[:, None]), va)


@mutant("9.6", hint="`va` has no effect on the concat score")
def concat_without_va(s, h, score, Wa=None, va=None):
    return _luong(s, h, score, Wa, None if va is None else ops.ones_like(va))


@mutant("9.6", hint="wants the annotations turned")
def annotations_not_turned(s, h, score, Wa=None, va=None):
    return ops.matmul(s, h)


@mutant("9.6", hint="`ops.matmul(s, Wa)`, not transposed")
def general_transposed(s, h, score, Wa=None, va=None):
    return _luong(ops.matmul(s, ops.transpose(Wa)), h, "dot") if score == "general" else _luong(s, h, score, Wa, va)


@mutant("9.6", hint="columns of `Wa` belong to the state, the others to the annotation")
def split_in_halves(s, h, score, Wa=None, va=None):
    if score != "concat":
        return _luong(s, h, score, Wa, va)
    half = Wa.shape[1] // 2
    of_s, of_h = (ops.matmul(x, ops.transpose(W)) for x, W in ((s, Wa[:, :half]), (h, Wa[:, half:])))
    return ops.matmul(ops.tanh(of_s[:, :, None] + of_h[:, None]), va)


@mutant("9.6", hint="NumPy cannot compute with the placeholders")
def scores_in_numpy(s, h, score, Wa=None, va=None):
    if score == "concat":
        return _luong(s, h, score, Wa, va)
    s = np.asarray(s) if Wa is None else np.asarray(s) @ np.asarray(Wa)
    return s @ np.swapaxes(np.asarray(h), 1, 2)


@alternative("9.6")
def scores_with_einsum(s, h, score, Wa=None, va=None):
    if score == "dot":
        return ops.einsum("bis,bjs->bij", s, h)
    if score == "general":
        return ops.einsum("bis,sh,bjh->bij", s, Wa, h)
    T_y, T_x = s.shape[1], h.shape[1]
    s, h = ops.repeat(s[:, :, None], T_x, axis=2), ops.repeat(h[:, None], T_y, axis=1)
    return ops.einsum("v,bijv->bij", va, ops.tanh(ops.einsum("bijk,vk->bijv", ops.concatenate([s, h], -1), Wa)))


@alternative("9.6")
def scores_by_recursion(s, h, score, Wa=None, va=None):
    return _luong(s @ Wa, h, "dot") if score == "general" else _luong(s, h, score, Wa, va)


# 9.7: the alignment error rate.


def _sets(sure, possible, predicted):
    return [[set(map(tuple, links)) for links in part] for part in (sure, possible, predicted)]


def _counts(sure, possible, predicted):
    S, P, A = _sets(sure, possible, predicted)
    in_sure, in_possible = (sum(len(a & b) for a, b in zip(A, B, strict=True)) for B in (S, P))
    return in_sure, in_possible, *(sum(map(len, part)) for part in (S, P, A))


def _rate(above, below):
    return 1 - above / below if below else 0.0


@mutant("9.7", hint="This is the share of what is right")
def share_right(sure, possible, predicted):
    in_sure, in_possible, S, _, A = _counts(sure, possible, predicted)
    return 1 - _rate(in_sure + in_possible, A + S)


@mutant("9.7", hint="the mean of the sentences' rates")
def mean_of_sentences(sure, possible, predicted):
    rates = []
    for one in zip(sure, possible, predicted, strict=True):
        in_sure, in_possible, S, _, A = _counts(*([part] for part in one))
        rates.append(_rate(in_sure + in_possible, A + S))
    return np.mean(rates)


@mutant("9.7", hint="all went into one set")
def one_set_for_all(sure, possible, predicted):
    parts = ([[link for links in part for link in links]] for part in (sure, possible, predicted))
    in_sure, in_possible, S, _, A = _counts(*parts)
    return _rate(in_sure + in_possible, A + S)


@mutant("9.7", hint="only the sure ones were counted")
def sure_links_alone(sure, possible, predicted):
    in_sure, _, S, _, A = _counts(sure, possible, predicted)
    return _rate(in_sure, A + S)


@mutant("9.7", hint="Sure links were counted twice")
def sure_links_twice(sure, possible, predicted):
    in_sure, _, S, _, A = _counts(sure, possible, predicted)
    return _rate(2 * in_sure, A + S)


@mutant("9.7", hint="Possible links were counted twice")
def possible_links_twice(sure, possible, predicted):
    _, in_possible, S, _, A = _counts(sure, possible, predicted)
    return _rate(2 * in_possible, A + S)


@mutant("9.7", hint="what is possible may be missing without a loss")
def divided_by_the_possible(sure, possible, predicted):
    in_sure, in_possible, _, P, A = _counts(sure, possible, predicted)
    return _rate(in_sure + in_possible, A + P)


@mutant("9.7", hint="all of them were missed")
def nothing_predicted_nothing_wrong(sure, possible, predicted):
    in_sure, in_possible, S, _, A = _counts(sure, possible, predicted)
    return _rate(in_sure + in_possible, A + S) if A else 0.0


@mutant("9.7", hint="nothing was wrong, so return 0.0")
def all_wrong_on_an_empty_page(sure, possible, predicted):
    in_sure, in_possible, S, _, A = _counts(sure, possible, predicted)
    return _rate(in_sure + in_possible, A + S) if A + S else 1.0


@mutant("9.7", hint="There is nothing to divide by")
def empty_page_forgotten(sure, possible, predicted):
    in_sure, in_possible, S, _, A = _counts(sure, possible, predicted)
    return 1 - (in_sure + in_possible) / (A + S)


@mutant("9.7", hint="Lists have no `&`")
def lists_without_sets(sure, possible, predicted):
    return 1 - sum(len(a & s) for a, s in zip(predicted, sure, strict=True))


@alternative("9.7")
def counted_in_a_loop(sure, possible, predicted):
    right = total = 0
    for S, P, A in zip(sure, possible, predicted, strict=True):
        right += sum((link in S) + (link in P) for link in A)
        total += len(A) + len(S)
    return 1 - right / max(total, 1) if total else 0


@alternative("9.7")
def with_sets(sure, possible, predicted):
    in_sure, in_possible, S, _, A = _counts(sure, possible, predicted)
    return _rate(in_sure + in_possible, A + S)
