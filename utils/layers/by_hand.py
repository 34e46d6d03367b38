"""Backpropagation through time written by hand, because that is faster on a CPU (TensorFlow only).

Automatic differentiation adds up the gradient of the recurrent weights step by step, and keeps more of the forward
pass than it needs. By hand, the backward loop computes only what one step passes to the one before it, and the
gradient of the weights is one matrix product over all steps at the end. Values and gradients are those of Keras'
layers up to rounding.
"""

from typing import Any

import keras
from keras import ops


def runs_by_hand() -> bool:
    """Tell whether the faster way is taken here: on the TensorFlow backend, without a GPU (which has fused kernels)."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


class LSTMStep:
    """One step of an LSTM forwards and backwards; `zx` and `zh` are what inputs and state contribute to its gates."""

    states, saved = 2, 4  # h and c; the width, in units, of what the way back needs
    biased = False  # its one bias stands beside the inputs

    @staticmethod
    def forward(zx: Any, zh: Any, h: Any, c: Any) -> tuple[list[Any], Any]:
        """Compute the next state, and what is saved."""
        import tensorflow as tf

        n_a, z = h.shape[-1], zx + zh
        both = tf.sigmoid(z[:, : 2 * n_a])  # update and forget gate
        candidate, output = tf.tanh(z[:, 2 * n_a : 3 * n_a]), tf.sigmoid(z[:, 3 * n_a :])
        c = both[:, n_a:] * c + both[:, :n_a] * candidate
        return [output * tf.tanh(c), c], tf.concat([both, candidate, output], axis=1)

    @staticmethod
    def backward(gates: Any, before: list[Any], after: list[Any], dh: Any, dc: Any) -> tuple[Any, Any, list[Any]]:
        """Compute the gradients of zx and zh, and those of the state before but for the way through zh."""
        import tensorflow as tf

        i, f, g, o = tf.split(gates, 4, axis=1)
        tanh_c = tf.tanh(after[1])
        dc = dc + dh * o * (1 - tanh_c * tanh_c)
        d_i, d_f = dc * g * i * (1 - i), dc * before[1] * f * (1 - f)
        dz = tf.concat([d_i, d_f, dc * i * (1 - g * g), dh * tanh_c * o * (1 - o)], axis=1)
        return dz, dz, [0.0, dc * f]


class GRUStep:
    """One step of a GRU in Keras' form (`reset_after`), like `LSTMStep`."""

    states, saved = 1, 4
    biased = True  # one bias beside the inputs, one beside the state

    @staticmethod
    def forward(zx: Any, zh: Any, h: Any) -> tuple[list[Any], Any]:
        """Compute the next state, and what is saved."""
        import tensorflow as tf

        n_a = h.shape[-1]
        both = tf.sigmoid(zx[:, : 2 * n_a] + zh[:, : 2 * n_a])  # update and reset gate
        from_state = zh[:, 2 * n_a :]
        candidate = tf.tanh(zx[:, 2 * n_a :] + both[:, n_a:] * from_state)
        return [candidate + both[:, :n_a] * (h - candidate)], tf.concat([both, candidate, from_state], axis=1)

    @staticmethod
    def backward(gates: Any, before: list[Any], after: list[Any], dh: Any) -> tuple[Any, Any, list[Any]]:
        """Compute the gradients of zx and zh, and that of the state before but for the way through zh."""
        import tensorflow as tf

        u, r, g, from_state = tf.split(gates, 4, axis=1)
        dg = dh * (1 - u) * (1 - g * g)
        d_both = tf.concat([dh * (before[0] - g) * u * (1 - u), dg * from_state * r * (1 - r)], axis=1)
        return tf.concat([d_both, dg], axis=1), tf.concat([d_both, dg * r], axis=1), [dh * u]


class ByHand:
    """What Keras' LSTM and GRU inherit from first, to take the faster way where there is one.

    It is taken on the TensorFlow backend without a GPU, with Keras' default activations, and without recurrent
    dropout, `stateful`, `unroll` or (in training) input dropout. Otherwise it is the layer of Keras, whose fused
    kernel is the fastest way on a GPU. Masks are right-padded.
    """

    step: type[LSTMStep] | type[GRUStep]

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Run over sequences, as Keras' layer does.

        Args:
            sequences: Shape (batch, time, features).
            initial_state: The parts of the state, each (batch, units); None for zeros.
            mask: Shape (batch, time), bool: the state stands still where it is False. None for no mask.
            training: Whether dropout applies.

        Returns:
            The last output, or with `return_sequences` all of them; with `return_state` also the last state.
        """
        # Keras gives zeros, not the initial state, as the output at padding that comes first.
        padded_first = self.go_backwards and mask is not None and initial_state is not None
        if padded_first or not self._by_hand(training):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if initial_state is None:
            initial_state = [ops.zeros((ops.shape(sequences)[0], self.units), dtype=self.compute_dtype)]
            initial_state = initial_state * self.step.states
        elif not isinstance(initial_state, (list, tuple)):
            initial_state = [initial_state]
        x = ops.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        mask = None if mask is None else ops.transpose(ops.cast(mask, "bool"))
        if self.go_backwards:
            x, mask = ops.flip(x, axis=0), None if mask is None else ops.flip(mask, axis=0)
        outputs, *state = self.steps(self.before_gates(x), *initial_state, mask=mask)
        result = ops.transpose(outputs, (1, 0, 2)) if self.return_sequences else state[0]
        return (result, *state) if self.return_state else result

    def before_gates(self, x: Any) -> Any:
        """Compute what the inputs contribute to the gates: shape (..., features) → (..., gates)."""
        z = ops.matmul(x, ops.cast(self.cell.kernel, self.compute_dtype))
        if not self.use_bias:
            return z
        bias = self.cell.bias[0] if self.step.biased else self.cell.bias
        return z + ops.cast(bias, self.compute_dtype)

    def steps(self, z: Any, *state: Any, mask: Any = None) -> tuple[Any, ...]:
        """Run over what `before_gates` returned, time first, with the gradient by hand (TensorFlow only).

        Args:
            z: Shape (time, batch, gates), in Keras' order of the gates.
            *state: The parts of the state before the first step, each (batch, units).
            mask: Shape (time, batch), bool; None for no mask.

        Returns:
            The outputs, shape (time, batch, units), and the parts of the state after the last step.
        """
        weights = [self.cell.recurrent_kernel, *([self.cell.bias[1]] if self.step.biased else [])]
        tensors = [ops.cast(part, self.compute_dtype) for part in (z, *weights, *state)]
        return _recurrence(self.step, None if mask is None else ops.cast(mask, self.compute_dtype)[..., None])(*tensors)

    def _by_hand(self, training: bool) -> bool:
        usual = self.activation is keras.activations.tanh and self.recurrent_activation is keras.activations.sigmoid
        plain = not (self.recurrent_dropout or self.stateful or self.unroll or (self.dropout and training))
        usual_bias = not self.step.biased or (self.use_bias and self.reset_after)
        return usual and plain and usual_bias and runs_by_hand()


def _recurrence(step: Any, mask: Any) -> Any:
    """Make the function (z, U, *bias, *state) → (outputs, *state) with its gradient.

    `mask` is (time, batch, 1) or None; there is a bias beside the state if the step has one.
    """
    import tensorflow as tf

    @tf.custom_gradient
    def run(z, U, *rest):
        bias, first = rest[: step.biased], rest[step.biased :]
        T, n_a = tf.shape(z)[0], U.shape[0]

        def held(t, new, old):
            return new if mask is None else mask[t] * new + (1 - mask[t]) * old

        def store(width):
            return tf.TensorArray(z.dtype, size=T, element_shape=[z.shape[1], width])

        def forward(t, state, gates, stored):
            zh = tf.matmul(state[0], U)
            after, saved = step.forward(z[t], zh + bias[0] if bias else zh, *state)
            state = [held(t, new, old) for new, old in zip(after, state, strict=True)]
            stored = [array.write(t, part) for array, part in zip(stored, state, strict=True)]
            return t + 1, state, gates.write(t, saved), stored

        start = (0, list(first), store(step.saved * n_a), [store(n_a) for _ in first])
        _, state, gates, stored = tf.while_loop(lambda t, *_: t < T, forward, start, maximum_iterations=T)
        gates, *states = (array.stack() for array in (gates, *stored))  # (time, batch, ...)

        def backward(d_outputs, *d_last):
            before = [tf.concat([part[None], its[:-1]], axis=0) for part, its in zip(first, states, strict=True)]
            U_transposed = tf.transpose(U)

            def step_back(t, d_state, d_z):
                d_state = [d_state[0] + d_outputs[t], *d_state[1:]]
                new = d_state if mask is None else [mask[t] * part for part in d_state]
                at = [part[t] for part in before], [part[t] for part in states]
                d_zx, d_zh, through = step.backward(gates[t], *at, *new)
                new = [tf.matmul(d_zh, U_transposed) + through[0], *through[1:]]
                if mask is not None:
                    new = [part + (1 - mask[t]) * old for part, old in zip(new, d_state, strict=True)]
                d_z = [array.write(t, part) for array, part in zip(d_z, (d_zx, d_zh), strict=False)]
                return t - 1, new, d_z

            # Without a bias beside the state, both gradients are the same.
            start = (T - 1, list(d_last), [store(U.shape[1]) for _ in range(1 + step.biased)])
            _, d_state, d_z = tf.while_loop(lambda t, *_: t >= 0, step_back, start, maximum_iterations=T)
            d_z = [array.stack() for array in d_z]
            rows, d_rows = tf.reshape(before[0], [-1, n_a]), tf.reshape(d_z[-1], [-1, U.shape[1]])
            d_U = tf.matmul(rows, d_rows, transpose_a=True)
            return d_z[0], d_U, *([tf.reduce_sum(d_rows, axis=0)] if bias else []), *d_state

        return (states[0], *state), backward

    return run
