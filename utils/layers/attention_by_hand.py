"""Bahdanau's decoder over all target positions, with its gradient by hand (TensorFlow only).

The loop holds only what one step needs of the one before it. What the inputs contribute to the gates is computed for
all steps before it, and so are the keys; in the backward pass the gradients of the weights are one product each over
all steps at the end. Values and gradients are those of `AdditiveAttention` and Keras' cells up to rounding.
"""

from typing import Any

import keras
from keras import ops

from utils.layers.by_hand import GRUStep, LSTMStep


def available() -> bool:
    """Tell whether this way exists here: on the TensorFlow backend, with a GPU or without."""
    return keras.backend.backend() == "tensorflow"


def all_steps(cell: Any, attention: Any, x: Any, state: list[Any], memory: Any, mask: Any, keys: Any) -> list[Any]:
    """Run attention and cell over all positions: c_i from s_{i-1}, then s_i = f(s_{i-1}, [x_i; c_i]).

    Args:
        cell: Keras' `GRUCell` or `LSTMCell` with its default activations; its inputs are [x_i; c_i].
        attention: `AdditiveAttention`.
        x: The embedded targets y_{i-1}, shape (batch, T_y, features).
        state: [s_0] of a GRU, [s_0, cell state] of an LSTM, each (batch, n_s).
        memory: h, shape (batch, T_x, n_h).
        mask: True at the real positions of the memory, shape (batch, T_x), bool.
        keys: `attention.project(memory)`.

    Returns:
        s (batch, T_y, n_s), c (batch, T_y, n_h) and α (batch, T_y, T_x).
    """
    kernel, U, bias, W_a, v_a = (
        ops.cast(weight, attention.compute_dtype)
        for weight in (cell.kernel, cell.recurrent_kernel, cell.bias, attention.W_a, attention.v_a)
    )
    z = ops.matmul(ops.transpose(x, (1, 0, 2)), kernel[: x.shape[-1]])  # (T_y, batch, gates)
    if len(bias.shape) == 2:  # a GRU: one bias beside the inputs, one beside the state
        z, bias = z + bias[0], bias[1]
    from_s = ops.concatenate([W_a, U], axis=1)  # query and gates in one product
    from_s_bias = ops.concatenate([ops.zeros_like(W_a[0]), bias], axis=0)
    run = _recurrence(GRUStep if len(state) == 1 else LSTMStep, mask)
    results = run(z, memory, keys, from_s, from_s_bias, kernel[x.shape[-1] :], v_a, *state)
    return [ops.transpose(result, (1, 0, 2)) for result in results]


def _recurrence(step: Any, mask: Any) -> Any:
    """Make the function (z, memory, keys, from_s, from_s_bias, C, v_a, *state) → (s, c, α), all time first."""
    import tensorflow as tf

    @tf.custom_gradient
    def run(z, memory, keys, from_s, from_s_bias, C, v_a, *state):
        T, m, units = tf.shape(z)[0], z.shape[1], keys.shape[-1]
        n_s, n_h, parts = from_s.shape[0], C.shape[0], len(state)
        wide = tf.float32 if z.dtype in (tf.float16, tf.bfloat16) else z.dtype
        real = tf.cast(mask, z.dtype)  # (batch, T_x)
        low = (1 - tf.cast(mask, wide)) * -1e9

        def store(*shape):
            return tf.TensorArray(z.dtype, size=T, element_shape=[m, *shape], clear_after_read=False)

        def forward(t, state, hiddens, gates, alphas, contexts, states):
            from_state = tf.matmul(state[0], from_s) + from_s_bias
            hidden = tf.tanh(from_state[:, None, :units] + keys)  # (batch, T_x, units)
            e = tf.cast(tf.linalg.matvec(hidden, v_a), wide)
            alpha = tf.cast(tf.nn.softmax(e + low), z.dtype) * real
            c = tf.matmul(alpha[:, None], memory)[:, 0]
            state, saved = step.forward(z[t] + tf.matmul(c, C), from_state[:, units:], *state)
            states = [array.write(t, part) for array, part in zip(states, state, strict=True)]
            stored = hiddens.write(t, hidden), gates.write(t, saved), alphas.write(t, alpha), contexts.write(t, c)
            return t + 1, state, *stored, states

        T_x = keys.shape[1]
        arrays = store(T_x, units), store(step.saved * n_s), store(T_x), store(n_h), [store(n_s) for _ in range(parts)]
        _, _, hiddens, gates, alphas, contexts, states = tf.while_loop(
            lambda t, *_: t < T, forward, (0, list(state), *arrays), maximum_iterations=T
        )
        alphas, contexts, *states = (array.stack() for array in (alphas, contexts, *states))

        def backward(d_s, d_contexts, d_alphas):
            before = [tf.concat([first[None], part[:-1]], axis=0) for first, part in zip(state, states, strict=True)]
            transposed, C_transposed = tf.transpose(from_s), tf.transpose(C)

            def step_back(t, d_state, d_keys, d_v, d_froms, d_zs, d_cs):
                d_state = [d_state[0] + d_s[t], *d_state[1:]]
                dz, dz_from_s, d_state = step.backward(
                    gates.read(t), [part[t] for part in before], [part[t] for part in states], *d_state
                )
                dc = d_contexts[t] + tf.matmul(dz, C_transposed)
                alpha, hidden = alphas[t], hiddens.read(t)
                d_alpha = d_alphas[t] + tf.linalg.matvec(memory, dc)
                de = alpha * (d_alpha - tf.reduce_sum(alpha * d_alpha, axis=1, keepdims=True))  # (batch, T_x)
                # The derivative of tanh in one pass; written out it would be three.
                d_hidden = tf.raw_ops.TanhGrad(y=hidden, dy=de[..., None] * v_a)
                d_from = tf.concat([tf.reduce_sum(d_hidden, axis=1), dz_from_s], axis=1)
                d_state = [d_state[0] + tf.matmul(d_from, transposed), *d_state[1:]]
                d_v += tf.linalg.matvec(tf.reshape(hidden, [-1, units]), tf.reshape(de, [-1]), transpose_a=True)
                stored = d_froms.write(t, d_from), d_zs.write(t, dz), d_cs.write(t, dc)
                return t - 1, d_state, d_keys + d_hidden, d_v, *stored

            start = [tf.zeros_like(part) for part in state], tf.zeros_like(keys), tf.zeros_like(v_a)
            arrays = store(from_s.shape[1]), store(C.shape[1]), store(n_h)
            _, d_state, d_keys, d_v, *arrays = tf.while_loop(
                lambda t, *_: t >= 0, step_back, (T - 1, *start, *arrays), maximum_iterations=T
            )
            d_from, dz, dc = (array.stack() for array in arrays)

            def product(a, b):  # of all steps and examples
                return tf.matmul(tf.reshape(a, [-1, a.shape[-1]]), tf.reshape(b, [-1, b.shape[-1]]), transpose_a=True)

            d_memory = tf.matmul(tf.transpose(alphas, (1, 2, 0)), tf.transpose(dc, (1, 0, 2)))
            d_bias = tf.reduce_sum(d_from, axis=(0, 1))
            return dz, d_memory, d_keys, product(before[0], d_from), d_bias, product(contexts, dz), d_v, *d_state

        return (states[0], contexts, alphas), backward

    return run
