"""An LSTM whose backpropagation through time is written by hand, because that is faster on a CPU.

Automatic differentiation adds up the gradient of the recurrent weights step by step, and keeps more of the forward
pass than it needs. By hand, the backward loop computes only what one step passes to the one before it, and the
gradient of the weights is one matrix product over all steps at the end. Values and gradients are those of
`keras.layers.LSTM` up to rounding.
"""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("sequence_course")
class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM` with the same arguments and weights, and a faster training step on a CPU.

    The faster way is taken on the TensorFlow backend without a GPU, with Keras' default activations, and without
    recurrent dropout, `stateful`, `unroll` or (in training) input dropout. Otherwise it is the layer of Keras, whose
    fused kernel is the fastest way on a GPU. Masks are right-padded.
    """

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Run over sequences, as `keras.layers.LSTM` does.

        Args:
            sequences: Shape (batch, time, features).
            initial_state: [h, c], each (batch, units); None for zeros.
            mask: Shape (batch, time), bool: the state stands still where it is False. None for no mask.
            training: Whether dropout applies.

        Returns:
            The last output, or with `return_sequences` all of them; with `return_state` also h and c.
        """
        # Keras gives zeros, not the initial state, as the output at padding that comes first.
        padded_first = self.go_backwards and mask is not None and initial_state is not None
        if padded_first or not self._by_hand(training):
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if initial_state is None:
            zeros = ops.zeros((ops.shape(sequences)[0], self.units), dtype=self.compute_dtype)
            initial_state = [zeros, zeros]
        x = ops.transpose(sequences, (1, 0, 2))  # (time, batch, features)
        mask = None if mask is None else ops.transpose(ops.cast(mask, "bool"))
        if self.go_backwards:
            x, mask = ops.flip(x, axis=0), None if mask is None else ops.flip(mask, axis=0)
        outputs, h, c = self.steps(self.before_gates(x), *initial_state, mask)
        result = ops.transpose(outputs, (1, 0, 2)) if self.return_sequences else h
        return (result, h, c) if self.return_state else result

    def before_gates(self, x: Any) -> Any:
        """Compute what the inputs contribute to the gates: shape (..., features) → (..., 4 units)."""
        z = ops.matmul(x, ops.cast(self.cell.kernel, self.compute_dtype))
        return z + ops.cast(self.cell.bias, self.compute_dtype) if self.use_bias else z

    def steps(self, z: Any, h: Any, c: Any, mask: Any = None) -> tuple[Any, Any, Any]:
        """Run over what `before_gates` returned, time first, with the gradient by hand (TensorFlow only).

        Args:
            z: Shape (time, batch, 4 units), in Keras' order: input, forget, candidate, output.
            h: State before the first step, shape (batch, units).
            c: Cell state before the first step, shape (batch, units).
            mask: Shape (time, batch), bool; None for no mask.

        Returns:
            The outputs, shape (time, batch, units), and h and c after the last step.
        """
        U = ops.cast(self.cell.recurrent_kernel, self.compute_dtype)
        z, h, c = (ops.cast(part, self.compute_dtype) for part in (z, h, c))
        return _recurrence(None if mask is None else ops.cast(mask, self.compute_dtype)[..., None])(z, h, c, U)

    def _by_hand(self, training: bool) -> bool:
        usual = self.activation is keras.activations.tanh and self.recurrent_activation is keras.activations.sigmoid
        plain = not (self.recurrent_dropout or self.stateful or self.unroll or (self.dropout and training))
        return usual and plain and runs_by_hand()


def runs_by_hand() -> bool:
    """Tell whether the faster way exists here: the TensorFlow backend, and no GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def _recurrence(mask: Any) -> Any:
    """Make the function (z, h, c, U) → (outputs, h, c) with its gradient; `mask` is (time, batch, 1) or None."""
    import tensorflow as tf

    @tf.custom_gradient
    def run(z, h, c, U):
        first_h, first_c = h, c
        T, n_a = tf.shape(z)[0], U.shape[0]

        def held(t, new, old):
            return new if mask is None else mask[t] * new + (1 - mask[t]) * old

        def forward(t, h, c, gates, cells, outputs):
            z_t = z[t] + tf.matmul(h, U)  # (batch, 4 n_a)
            both = tf.sigmoid(z_t[:, : 2 * n_a])
            candidate, output = tf.tanh(z_t[:, 2 * n_a : 3 * n_a]), tf.sigmoid(z_t[:, 3 * n_a :])
            c = held(t, both[:, n_a:] * c + both[:, :n_a] * candidate, c)
            h = held(t, output * tf.tanh(c), h)
            gates = gates.write(t, tf.concat([both, candidate, output], axis=1))
            return t + 1, h, c, gates, cells.write(t, c), outputs.write(t, h)

        def store(width):
            return tf.TensorArray(z.dtype, size=T, element_shape=[z.shape[1], width])

        start = (0, h, c, store(4 * n_a), store(n_a), store(n_a))
        _, h, c, *stored = tf.while_loop(lambda t, *_: t < T, forward, start, maximum_iterations=T)
        gates, cells, outputs = (array.stack() for array in stored)  # (time, batch, ...)

        def backward(d_outputs, dh, dc):
            cells_before = tf.concat([first_c[None], cells[:-1]], axis=0)
            outputs_before = tf.concat([first_h[None], outputs[:-1]], axis=0)
            U_transposed = tf.transpose(U)

            def step_back(t, dh, dc, d_z):
                i, f, g, o = tf.split(gates[t], 4, axis=1)
                dh = dh + d_outputs[t]
                new_dh, new_dc = (dh, dc) if mask is None else (mask[t] * dh, mask[t] * dc)
                tanh_c = tf.tanh(cells[t])
                of_c = new_dc + new_dh * o * (1 - tanh_c * tanh_c)
                d_i, d_f = of_c * g * i * (1 - i), of_c * cells_before[t] * f * (1 - f)
                d_g, d_o = of_c * i * (1 - g * g), new_dh * tanh_c * o * (1 - o)
                d_z_t = tf.concat([d_i, d_f, d_g, d_o], axis=1)  # (batch, 4 n_a)
                before_h, before_c = tf.matmul(d_z_t, U_transposed), of_c * f
                if mask is not None:
                    before_h, before_c = before_h + (1 - mask[t]) * dh, before_c + (1 - mask[t]) * dc
                return t - 1, before_h, before_c, d_z.write(t, d_z_t)

            start = (T - 1, dh, dc, store(4 * n_a))
            _, dh, dc, d_z = tf.while_loop(lambda t, *_: t >= 0, step_back, start, maximum_iterations=T)
            d_z = d_z.stack()
            rows = tf.reshape(outputs_before, [-1, n_a])
            d_U = tf.matmul(rows, tf.reshape(d_z, [-1, 4 * n_a]), transpose_a=True)
            return d_z, dh, dc, d_U

        return (outputs, h, c), backward

    return run
