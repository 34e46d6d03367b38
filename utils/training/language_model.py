"""A recurrent language model: embedding → LSTM → softmax, whose state is carried from call to call."""

from typing import Any

import keras
import numpy as np
from keras import ops

from utils.layers.lstm import LSTM, runs_by_hand

_SMALL_VOCABULARY = 1024


@keras.saving.register_keras_serializable("sequence_course")
class LanguageModel(keras.Model):
    """Predicts each next token from all before it.

    Args:
        vocabulary_size: Number of tokens V.
        embedding: Width of the embedding.
        width: Units n_a of each LSTM layer.
        layers: Number of LSTM layers.
        dropout: Share of the outputs of each layer (and of the embedding, where V > 1024) that is dropped in
            training.
        tied: Whether the embedding's weights are the softmax's too, through a linear layer of their width.
        scale: What the embedding is multiplied by before it is read.
        direct: Whether the last token's embedding also goes straight to the tied softmax, past the LSTM.
        locked: Whether a unit that is dropped stays so for all steps of a call (Gal & Ghahramani, A theoretically
            grounded application of dropout in recurrent neural networks, NIPS 2016). It also needs far fewer random
            numbers, which are the slowest part of a compiled step on a CPU.

    Raises:
        ValueError: If a size is below 1, or `direct` comes without `tied`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding: int,
        width: int,
        layers: int = 1,
        dropout: float = 0.0,
        tied: bool = False,
        scale: float = 1.0,
        direct: bool = False,
        locked: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        sizes = {"vocabulary_size": vocabulary_size, "embedding": embedding, "width": width, "layers": layers}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} is {size}, but at least 1 is expected")
        if direct and not tied:
            raise ValueError("direct is True, but tied is False: the direct way leads to a tied softmax")
        self._config = {**sizes, "dropout": dropout, "tied": tied, "scale": scale, "direct": direct,
                        "locked": locked}  # fmt: skip
        self.vocabulary_size, self.width, self.scale = vocabulary_size, width, scale
        start = keras.initializers.RandomNormal(stddev=embedding**-0.5 if tied else 0.5 / scale)
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding, embeddings_initializer=start)
        self.recurrent = [LSTM(width, return_sequences=True, return_state=True) for _ in range(layers)]
        between = (1, None, None) if runs_by_hand() else (None, 1, None)  # by hand, time comes first between layers
        shapes = [(None, 1, None), *[between] * (layers - 1), (None, 1, None)]
        self.drops = [keras.layers.Dropout(dropout, shape if locked else None) for shape in shapes]
        self.narrow = keras.layers.Dense(embedding) if tied else None
        zeros = {"kernel_initializer": "zeros", "use_bias": False}
        self.direct = keras.layers.Dense(embedding, **zeros) if direct else None
        self.softmax = None if tied else keras.layers.Dense(vocabulary_size)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights."""
        self.embedding.build((None, None))
        features = self._config["embedding"]
        for layer in self.recurrent:
            layer.build((None, None, features))
            features = self.width
        if self.softmax is None:
            self.narrow.build((None, None, self.width))
            if self.direct is not None:
                self.direct.build((None, None, self._config["embedding"]))
            self.bias = self.add_weight(shape=(self.vocabulary_size,), initializer="zeros", name="softmax_bias")
        else:
            self.softmax.build((None, None, self.width))
        self.built = True

    def initial_state(self, batch: int) -> list[list[Any]]:
        """Zeros: for each layer [h, c], each of shape (batch, width)."""
        return [[ops.zeros((batch, self.width), dtype=self.compute_dtype) for _ in "hc"] for _ in self.recurrent]

    def call(self, ids: Any, state: Any = None, training: bool = False) -> tuple[Any, list[list[Any]]]:
        """Read tokens.

        Args:
            ids: Shape (batch, time), integers.
            state: What an earlier call returned; None for zeros.
            training: Whether dropout applies.

        Returns:
            Logits of each next token, shape (batch, time, V), and the state after the last token.
        """
        state = self.initial_state(ops.shape(ids)[0]) if state is None else state
        read = self._read_time_first if runs_by_hand() else self._read
        x, embedded, after = read(ids, state, training)
        x = self.drops[-1](x, training=training)
        if self.softmax is not None:
            return ops.cast(self.softmax(x), "float32"), after
        table = ops.cast(self.embedding.embeddings, self.compute_dtype)
        x = self.narrow(x) if self.direct is None else self.narrow(x) + self.direct(embedded)
        logits = ops.matmul(x, ops.transpose(table)) + ops.cast(self.bias, self.compute_dtype)
        return ops.cast(logits, "float32"), after

    def _embedded(self, ids: Any, training: bool) -> Any:
        e = self.scale * self.embedding(ids)
        return self.drops[0](e, training=training) if self.vocabulary_size > _SMALL_VOCABULARY else e

    def _read(self, ids: Any, state: Any, training: bool) -> tuple[Any, Any, list[list[Any]]]:
        """The last layer's outputs, the embedded tokens, and the states."""
        x = embedded = self._embedded(ids, training)
        after = []
        for i, (layer, before) in enumerate(zip(self.recurrent, state, strict=True)):
            x = self.drops[i](x, training=training) if i else x
            x, *new = layer(x, initial_state=list(before), training=training)
            after.append(new)
        return x, embedded, after

    def _read_time_first(self, ids: Any, state: Any, training: bool) -> tuple[Any, Any, list[list[Any]]]:
        """The same with the recurrence by hand, and without transposing between the layers."""
        ids, after, x, embedded = ops.transpose(ids), [], None, None
        first = self.recurrent[0]
        if self.vocabulary_size <= _SMALL_VOCABULARY and self.direct is None:
            # What each token contributes to the gates is the same wherever it stands: one product for each of V.
            z = ops.take(first.before_gates(self.scale * self.embedding.embeddings), ids, axis=0)
        else:
            embedded = self._embedded(ids, training)
            z = first.before_gates(embedded)  # (time, batch, 4 width)
        for i, (layer, before) in enumerate(zip(self.recurrent, state, strict=True)):
            if i:
                z = layer.before_gates(self.drops[i](x, training=training))
            x, *new = layer.steps(z, *before)
            after.append(new)
        embedded = None if embedded is None else ops.transpose(embedded, (1, 0, 2))
        return ops.transpose(x, (1, 0, 2)), embedded, after

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), **self._config}

    def state_arrays(self, state: Any) -> list[np.ndarray]:
        """The state as NumPy arrays in a flat list."""
        return [ops.convert_to_numpy(part) for pair in state for part in pair]
