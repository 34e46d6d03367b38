"""The two first encoder–decoders, of one layer each: all that the decoder knows of the source is a fixed context.

    Cho        GRU; s_0 = tanh(W C);  s_t = f(s_{t-1}, [y_{t-1}; C]);  the read-out sees s_t, y_{t-1} and C
    Sutskever  LSTM; the decoder starts from both states of the encoder;  the read-out sees s_t alone

In both the read-out is as wide as an embedding, and the score of a word its product with the word's embedding.
"""

from typing import Any

import keras
from keras import layers, ops

from utils.layers.lstm import GRU, LSTM

State = list[Any]


class _FixedContext(keras.Model):
    """What both have: the embeddings, and the scores that are products with them."""

    def __init__(self, V_x: int, V_y: int, n_e: int) -> None:
        super().__init__()
        # A recurrent network whose inputs are near 0 learns next to nothing in its first thousand steps. The table of
        # the target starts small all the same, because its products with the read-out are the scores.
        size_1 = keras.initializers.RandomNormal(stddev=1.0)
        self.source_table = layers.Embedding(V_x, n_e, embeddings_initializer=size_1)
        self.table = layers.Embedding(V_y, n_e)
        self.out_bias = self.add_weight(shape=(V_y,), initializer="zeros", name="out_bias")

    def scores(self, u: Any) -> Any:
        """Products of a read-out with the embedding of each word."""
        return ops.matmul(u, ops.transpose(self.table.embeddings)) + self.out_bias


class Cho(_FixedContext):
    """The encoder–decoder of Cho et al.: the context enters every step of the decoder.

    Args:
        V_x: Number of source tokens.
        V_y: Number of target tokens.
        n_e: Width of the embeddings.
        n_a: Units of encoder and decoder.
        directions: In which the encoder reads, 1 or 2; two share the units, so that the context is as wide.

    Source: Cho et al., Learning Phrase Representations using RNN Encoder–Decoder, EMNLP 2014.
    """

    def __init__(self, V_x: int, V_y: int, n_e: int, n_a: int, directions: int = 1) -> None:
        super().__init__(V_x, V_y, n_e)
        self.encoder = GRU(n_a) if directions == 1 else layers.Bidirectional(GRU(n_a // 2))
        self.first_state = layers.Dense(n_a, activation="tanh")
        self.decoder = GRU(n_a, return_sequences=True)
        self.readout = layers.Dense(n_e)

    def start(self, source: Any, mask: Any) -> State:
        """Read the source: the decoder's first state, and the context; each (batch, n_a)."""
        C = self.encoder(self.source_table(source), mask=mask)
        return [self.first_state(C), C]

    def call(self, source: Any, mask: Any, target_in: Any) -> Any:
        """Scores of the next word at every position, (batch, T_y, V_y)."""
        s, C = self.start(source, mask)
        e = self.table(target_in)  # (batch, T_y, n_e)
        C = C[:, None] + ops.zeros_like(e[..., :1])  # (batch, T_y, n_a)
        s = self.decoder(ops.concatenate([e, C], axis=-1), initial_state=s)
        return self.scores(self.readout(ops.concatenate([s, e, C], axis=-1)))

    def step(self, word: Any, state: State) -> tuple[Any, State]:
        """Scores after one more word (batch, V_y), and the state to go on from."""
        s, C = state
        e = self.table(word)  # (batch, n_e)
        s = self.decoder.cell(ops.concatenate([e, C], axis=-1), [s])[0]
        return self.scores(self.readout(ops.concatenate([s, e, C], axis=-1))), [s, C]


class Sutskever(_FixedContext):
    """The encoder–decoder of Sutskever, Vinyals & Le: the decoder starts where the encoder ended.

    Args and calls are those of `Cho`, in one direction.

    Source: Sutskever, Vinyals & Le, Sequence to Sequence Learning with Neural Networks, NIPS 2014.
    """

    def __init__(self, V_x: int, V_y: int, n_e: int, n_a: int) -> None:
        super().__init__(V_x, V_y, n_e)
        self.encoder = LSTM(n_a, return_state=True)
        self.decoder = LSTM(n_a, return_sequences=True)
        self.readout = layers.Dense(n_e)

    def start(self, source: Any, mask: Any) -> State:
        """Read the source: the encoder's last hidden state and cell state; each (batch, n_a)."""
        _, *state = self.encoder(self.source_table(source), mask=mask)
        return state

    def call(self, source: Any, mask: Any, target_in: Any) -> Any:
        """Scores of the next word at every position, (batch, T_y, V_y)."""
        s = self.decoder(self.table(target_in), initial_state=self.start(source, mask))
        return self.scores(self.readout(s))

    def step(self, word: Any, state: State) -> tuple[Any, State]:
        """Scores after one more word (batch, V_y), and the state to go on from."""
        s, state = self.decoder.cell(self.table(word), state)
        return self.scores(self.readout(s)), state
