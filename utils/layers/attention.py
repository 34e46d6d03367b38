"""Attention: for each query a mean of the memory, weighted by how well each of its positions fits the query.

The memory holds the annotations h_j of the source. With the score a and the query s_{i-1} (in Luong's form s_i),

    e_ij = a(s_{i-1}, h_j),    α_ij = softmax_j(e_ij),    c_i = Σ_j α_ij h_j.

Masks are explicit: True at the real positions. The weight of a padded position is exactly 0.
"""

from typing import Any

import keras
from keras import ops

_LOW = -1e9  # added to a score, it leaves nothing of it; −inf would give NaN where all positions are padded


def masked_softmax(scores: Any, mask: Any) -> Any:
    """Compute the softmax over the real positions of the last axis, in float32 or better.

    Args:
        scores: e, shape (..., T_x).
        mask: True at the real positions, bool, broadcastable to the shape of `scores`.

    Returns:
        α, of the shape and dtype of `scores`: exactly 0 at padding, and everywhere if nothing is real.
    """
    dtype = keras.backend.standardize_dtype(scores.dtype)
    if dtype in ("float16", "bfloat16"):
        scores = ops.cast(scores, "float32")
    weights = ops.softmax(ops.where(mask, scores, _LOW), axis=-1)
    return ops.cast(ops.where(mask, weights, 0.0), dtype)


@keras.saving.register_keras_serializable("sequence_course")
class AdditiveAttention(keras.layers.Layer):
    """Scores by a small feed-forward network: e_ij = v_aᵀ tanh(W_a s_{i-1} + U_a h_j).

    Its weights have the names of the paper, and Keras' orientation, so that they stand on the right of a product:
    W_a (n_s, units), U_a (n_h, units), v_a (units,).

    Args:
        units: Width of the feed-forward network.

    Source: Bahdanau, Cho & Bengio, Neural Machine Translation by Jointly Learning to Align and Translate, ICLR 2015.
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units is {units}, but at least 1 is expected")
        self.units = units

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Make the weights, from the shapes of a query, (batch, n_s), and of the memory, (batch, T_x, n_h)."""
        self.W_a = self.add_weight(shape=(query_shape[-1], self.units), name="W_a")
        self.U_a = self.add_weight(shape=(memory_shape[-1], self.units), name="U_a")
        # Like a matrix with one column: Glorot's range for a vector would depend on its length twice.
        bound = (6 / (self.units + 1)) ** 0.5
        self.v_a = self.add_weight(
            shape=(self.units,), initializer=keras.initializers.RandomUniform(-bound, bound), name="v_a"
        )

    def project(self, memory: Any) -> Any:
        """Compute the keys U_a h_j, which are the same for every query.

        Args:
            memory: h, shape (batch, T_x, n_h).

        Returns:
            Shape (batch, T_x, units).

        Raises:
            ValueError: If the layer has no weights yet.
        """
        if not self.built:
            raise ValueError("the layer has no weights yet: call it once, or build(query_shape, memory_shape)")
        return ops.matmul(memory, ops.cast(self.U_a, self.compute_dtype))

    def call(self, query: Any, memory: Any, mask: Any, keys: Any = None) -> tuple[Any, Any]:
        """Attend with one query an example.

        Args:
            query: s_{i-1}, shape (batch, n_s).
            memory: h, shape (batch, T_x, n_h).
            mask: True at the real positions of the memory, shape (batch, T_x), bool.
            keys: What `project(memory)` gave; None to compute it.

        Returns:
            The context c_i, shape (batch, n_h), and the weights α_i, shape (batch, T_x).
        """
        keys = self.project(memory) if keys is None else keys
        query = ops.matmul(query, ops.cast(self.W_a, self.compute_dtype))
        hidden = ops.tanh(query[:, None] + keys)  # (batch, T_x, units)
        e = ops.matmul(hidden, ops.cast(self.v_a, self.compute_dtype)[:, None])[..., 0]
        alpha = masked_softmax(e, mask)
        return ops.matmul(alpha[:, None], memory)[:, 0], alpha

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("sequence_course")
class LuongAttention(keras.layers.Layer):
    """Scores by a product, so that all queries can be scored at once.

    "dot": e_ij = s_iᵀ h_j. "general": e_ij = s_iᵀ W_a h_j. "concat": e_ij = v_aᵀ tanh(W_a [s_i; h_j]). Weights, in
    Keras' orientation: W_a (n_s, n_h) or, of "concat", (n_s + n_h, units), and v_a (units,).

    Args:
        score: "dot", "general" or "concat".
        units: Width of the hidden layer of "concat"; None for the others, and for n_s.

    Source: Luong, Pham & Manning, Effective Approaches to Attention-based Neural Machine Translation, EMNLP 2015.
    """

    def __init__(self, score: str = "dot", units: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if score not in ("dot", "general", "concat"):
            raise ValueError(f"score is {score!r}, but 'dot', 'general' or 'concat' is expected")
        if units is not None and score != "concat":
            raise ValueError(f"units is {units}, but score {score!r} has no hidden layer: leave it out")
        self.score, self.units = score, units

    def build(self, query_shape: Any, memory_shape: Any) -> None:
        """Make the weights, from the shapes of the queries, (..., n_s), and of the memory, (batch, T_x, n_h).

        Raises:
            ValueError: If the score is "dot", and n_s is not n_h.
        """
        n_s, n_h = query_shape[-1], memory_shape[-1]
        if self.score == "dot" and n_s != n_h:
            raise ValueError(
                f"queries have {n_s} features and the memory {n_h}, but 'dot' multiplies one with the other: make "
                "them equal, or take 'general'"
            )
        if self.score == "general":
            self.W_a = self.add_weight(shape=(n_s, n_h), name="W_a")
        if self.score == "concat":
            units = self.units or n_s
            self.W_a = self.add_weight(shape=(n_s + n_h, units), name="W_a")
            bound = (6 / (units + 1)) ** 0.5
            self.v_a = self.add_weight(
                shape=(units,), initializer=keras.initializers.RandomUniform(-bound, bound), name="v_a"
            )

    def call(self, query: Any, memory: Any, mask: Any) -> tuple[Any, Any]:
        """Attend with one query an example, or with all of them at once.

        Args:
            query: s_i, shape (batch, n_s), or s, shape (batch, T_y, n_s).
            memory: h, shape (batch, T_x, n_h).
            mask: True at the real positions of the memory, shape (batch, T_x), bool.

        Returns:
            The context, shape (batch, n_h) or (batch, T_y, n_h), and the weights, (batch, T_x) or (batch, T_y, T_x).
        """
        single = len(query.shape) == 2
        alpha = masked_softmax(self._scores(query[:, None] if single else query, memory), mask[:, None])
        context = ops.matmul(alpha, memory)
        return (context[:, 0], alpha[:, 0]) if single else (context, alpha)

    def _scores(self, query: Any, memory: Any) -> Any:
        if self.score == "concat":
            W_a, v_a = ops.cast(self.W_a, self.compute_dtype), ops.cast(self.v_a, self.compute_dtype)
            n_s = query.shape[-1]
            of_query, of_memory = ops.matmul(query, W_a[:n_s]), ops.matmul(memory, W_a[n_s:])
            hidden = ops.tanh(of_query[:, :, None] + of_memory[:, None])  # (batch, T_y, T_x, units)
            return ops.matmul(hidden, v_a[:, None])[..., 0]
        if self.score == "general":
            query = ops.matmul(query, ops.cast(self.W_a, self.compute_dtype))  # (batch, T_y, n_h)
        return ops.matmul(query, ops.transpose(memory, (0, 2, 1)))  # (batch, T_y, T_x)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), "score": self.score, "units": self.units}
