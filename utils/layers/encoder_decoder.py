"""An encoder–decoder with or without attention: p(y | x) as a product over the target's tokens.

The encoder reads the source into annotations h_j and a last state. The decoder starts from that state and predicts
each target token from the ones before it:

    attention=None         c from the encoder's last states;  s_i and t_i as in Bahdanau's form, with c for every c_i
    attention="bahdanau"   c_i from s_{i-1};  s_i = f(s_{i-1}, y_{i-1}, c_i);  t_i = tanh(W [s_i; y_{i-1}; c_i])
    attention="luong"      s_i = f(s_{i-1}, y_{i-1});  c_i from s_i;  t_i = tanh(W [s_i; c_i])

and the logits of y_i are a linear function of t_i. Without attention it is the network that Bahdanau, Cho & Bengio
call RNNencdec, with attention their RNNsearch. The same functions of one step serve training, where all targets are
known, and decoding, where each token chosen is the next input.
"""

from typing import Any

import keras
from keras import ops

from utils.layers import attention_by_hand
from utils.layers.attention import AdditiveAttention, LuongAttention
from utils.layers.lstm import GRU, LSTM

_LAYERS = {"gru": GRU, "lstm": LSTM}
_PARTS = {"gru": ("s",), "lstm": ("s", "cell")}  # of a layer's state
_OF_SOURCE = ("memory", "mask", "keys")  # the parts of a state that stay as they are, with Bahdanau's attention
_ATTENTIONS = (None, "bahdanau", "luong")

State = dict[str, Any]


@keras.saving.register_keras_serializable("sequence_course")
class EncoderDecoder(keras.Model):
    """Embedding → recurrent encoder → recurrent decoder with attention → logits.

    All weights are made at once. Masks are explicit, True at the real positions, right-padded.

    Args:
        source_size: Number of source tokens V_x.
        target_size: Number of target tokens V_y.
        embedding: Width of both embeddings.
        units: Units of each direction of the encoder, and of the decoder.
        attention: "bahdanau", "luong", or None for one context at all steps: the last hidden state of the encoder's
            last layer (with two directions [→h; ←h]).
        bidirectional: Whether the encoder reads in both directions. Then s_0 = tanh(W [→h; ←h]) of its last states
            (and the cell state of an LSTM a linear function of its cell states); otherwise s_0 is its last state.
        cell: "gru" or "lstm".
        layers: Layers of the encoder and of the decoder; the first layer of the decoder is the one that attends in
            Bahdanau's form, the last one in Luong's.
        dropout: Share of what is dropped in training: of the embeddings, of what the encoder's layers hand on, of
            what goes into the decoder's further layers, and of t_i.
        score: Luong's score, "dot", "general" or "concat".
        input_feeding: Whether t_{i-1} is an input of the decoder's first layer (Luong's form only).

    Raises:
        ValueError: If a size is below 1, or a name is unknown.

    Source: Cho et al., Learning Phrase Representations using RNN Encoder–Decoder, EMNLP 2014 (None); Bahdanau, Cho &
    Bengio, ICLR 2015; Luong, Pham & Manning, EMNLP 2015.
    """

    def __init__(
        self,
        source_size: int,
        target_size: int,
        embedding: int = 64,
        units: int = 128,
        attention: str | None = "bahdanau",
        bidirectional: bool = True,
        cell: str = "gru",
        layers: int = 1,
        dropout: float = 0.0,
        score: str = "general",
        input_feeding: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        sizes = {
            "source_size": source_size, "target_size": target_size, "embedding": embedding, "units": units,
            "layers": layers,
        }  # fmt: skip
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} is {size}, but at least 1 is expected")
        if attention not in _ATTENTIONS:
            raise ValueError(f"attention is {attention!r}, but 'bahdanau', 'luong' or None is expected")
        if cell not in _LAYERS:
            raise ValueError(f"cell is {cell!r}, but 'gru' or 'lstm' is expected")
        if input_feeding and attention != "luong":
            raise ValueError(f"input_feeding is True, but attention is {attention!r}: it belongs to 'luong'")
        self._config = {
            **sizes, "attention": attention, "bidirectional": bidirectional, "cell": cell, "dropout": dropout,
            "score": score, "input_feeding": input_feeding,
        }  # fmt: skip
        self.form, self.bidirectional, self.input_feeding = attention, bidirectional, input_feeding
        self.units, self._parts = units, _PARTS[cell]
        policy = {"dtype": self.dtype_policy}

        def recurrent():
            return _LAYERS[cell](units, return_sequences=True, return_state=True, **policy)

        # From Keras' own start, numbers below 0.05, it learnt far more slowly to reverse sequences.
        tables = {"embeddings_initializer": keras.initializers.RandomNormal(stddev=1.0), **policy}
        self.source_embedding = keras.layers.Embedding(source_size, embedding, **tables)
        self.target_embedding = keras.layers.Embedding(target_size, embedding, **tables)
        self.encoder = [
            keras.layers.Bidirectional(recurrent(), **policy) if bidirectional else recurrent() for _ in range(layers)
        ]
        self.bridges = {
            name: keras.layers.Dense(units, activation="tanh" if name.startswith("s") else "linear", **policy)
            for i in range(layers if bidirectional else 0)
            for name in self._names(i)
        }
        self.decoder = [recurrent() for _ in range(layers)]
        self.attention = None
        if attention == "bahdanau":
            self.attention = AdditiveAttention(units, **policy)
        elif attention == "luong":
            self.attention = LuongAttention(score, **policy)
        self.readout = keras.layers.Dense(units, activation="tanh", **policy)
        self.output_layer = keras.layers.Dense(target_size, **policy)
        self.encoder_drops = [keras.layers.Dropout(dropout, **policy) for _ in range(layers + 1)]
        self.decoder_drops = [keras.layers.Dropout(dropout, **policy) for _ in range(layers + 1)]
        self.build()

    def build(self, source_shape: Any = None, target_in_shape: Any = None, source_mask_shape: Any = None) -> None:
        """Make the weights; their shapes do not depend on those of the inputs."""
        if self.built:
            return
        embedding, n_s = self._config["embedding"], self.units
        n_h = (1 + self.bidirectional) * n_s
        for table in (self.source_embedding, self.target_embedding):
            table.build((None, None))
        for i, layer in enumerate(self.encoder):
            layer.build((None, None, n_h if i else embedding))
        for bridge in self.bridges.values():
            bridge.build((None, n_h))
        of_luong = self.form == "luong"
        beside = n_s * self.input_feeding if of_luong else n_h  # t_{i-1}, or c_i
        for i, layer in enumerate(self.decoder):
            layer.build((None, None, n_s if i else embedding + beside))
        if self.attention is not None:
            self.attention.build((None, n_s), (None, None, n_h))
        self.readout.build((None, None, n_s + n_h + (0 if of_luong else embedding)))
        self.output_layer.build((None, None, n_s))
        self.built = True

    def call(self, source: Any, target_in: Any, source_mask: Any, training: bool = False) -> Any:
        """Predict every target token from the source and the tokens before it (teacher forcing).

        Args:
            source: Ids, shape (batch, T_x).
            target_in: `<BOS>` and the target's tokens, ids, shape (batch, T_y).
            source_mask: True at the real positions of the source, shape (batch, T_x), bool.
            training: Whether dropout applies.

        Returns:
            Logits of the target's tokens and `<EOS>`, shape (batch, T_y, V_y), float32.
        """
        x, s, c, _ = self._all_steps(source, target_in, source_mask, training)
        t = self.decoder_drops[-1](self._read_out(x, s, c), training=training)
        return ops.cast(self.output_layer(t), "float32")

    def attention_weights(self, source: Any, target_in: Any, source_mask: Any) -> Any:
        """Return α, shape (batch, T_y, T_x), for the arguments of `call`.

        Raises:
            ValueError: If the model has no attention.
        """
        if self.attention is None:
            raise ValueError("the model has no attention, so there are no weights: choose attention='bahdanau'")
        return self._all_steps(source, target_in, source_mask, False)[3]

    def start(self, source: Any, source_mask: Any) -> State:
        """Read the source.

        Args:
            source: Ids, shape (batch, T_x).
            source_mask: True at the real positions, shape (batch, T_x), bool.

        Returns:
            The decoder's state before the first token: a dictionary of tensors with the batch first.
        """
        return self._encode(source, source_mask, False)

    def step(self, tokens: Any, state: State) -> tuple[Any, State]:
        """Predict the next token.

        Args:
            tokens: The last token of each sequence (`<BOS>` at first), ids, shape (batch,).
            state: What `start`, or the last `step`, returned.

        Returns:
            Logits of the next token, shape (batch, V_y), float32, and the state after it.
        """
        x = self.target_embedding(tokens)
        s, c, _, state = self._advance(x, state, len(self.decoder))
        t = state["fed"] if self.input_feeding else self._read_out(x, s, c)
        return ops.cast(self.output_layer(t), "float32"), state

    def get_config(self) -> dict[str, Any]:
        """Return the arguments."""
        return {**super().get_config(), **self._config}

    def _encode(self, source: Any, mask: Any, training: bool) -> State:
        """The decoder's first state: what is left of the source."""
        state: State = {}
        h = self.encoder_drops[0](self.source_embedding(source), training=training)
        for i, layer in enumerate(self.encoder):
            h, *last = layer(h, mask=mask, training=training)
            h = self.encoder_drops[i + 1](h, training=training)
            for part, name in enumerate(self._names(i)):
                if self.bidirectional:
                    both = ops.concatenate([last[part], last[len(self._parts) + part]], axis=-1)
                    state[name] = self.bridges[name](both)
                else:
                    state[name] = last[part]
        if self.attention is None:
            state["context"] = ops.concatenate(last[:: len(self._parts)], axis=-1)  # each direction's hidden state
        else:
            state |= {"memory": h, "mask": ops.convert_to_tensor(mask)}
        if self.form == "bahdanau":
            state["keys"] = self.attention.project(h)
        if self.input_feeding:
            state["fed"] = ops.zeros_like(state["s_0"])
        return state

    def _advance(self, x: Any, state: State, depth: int) -> tuple[Any, Any, Any, State]:
        """One step of the first `depth` layers: s_i, c_i, α_i (None without attention), and the state after it."""
        c, alpha, after, s = state.get("context"), None, dict(state), x
        if self.form == "bahdanau":
            c, alpha = self.attention(state["s_0"], state["memory"], state["mask"], state["keys"])
        if self.form != "luong":
            s = ops.concatenate([x, c], axis=-1)
        elif self.input_feeding:
            s = ops.concatenate([x, state["fed"]], axis=-1)
        for i, layer in enumerate(self.decoder[:depth]):
            s, new = layer.cell(s, [state[name] for name in self._names(i)])
            after |= zip(self._names(i), new, strict=True)
        if self.form == "luong":
            c, alpha = self.attention(s, state["memory"], state["mask"])
            if self.input_feeding:
                after["fed"] = self._read_out(x, s, c)
        return s, c, alpha, after

    def _all_steps(self, source: Any, target_in: Any, mask: Any, training: bool) -> tuple[Any, Any, Any, Any]:
        """The embedded targets, and s, c and α of all steps, batch first; α is None without attention."""
        state = self._encode(source, mask, training)
        x = self.decoder_drops[0](self.target_embedding(target_in), training=training)
        s, c, alpha, done = x, None, None, 0
        if self.form is None:
            c = state["context"][:, None] + ops.zeros_like(x[..., :1])  # (batch, T_y, n_h)
            s = ops.concatenate([x, c], axis=-1)
        elif self.form == "bahdanau":  # what attends runs step by step; what does not, as an ordinary layer
            done = 1
        elif self.input_feeding:
            done = len(self.decoder)
        if done:
            s, c, alpha = self._loop(x, state, done)
        for i, layer in enumerate(self.decoder[done:], start=done):
            s = self.decoder_drops[i](s, training=training) if i else s
            s = layer(s, initial_state=[state[name] for name in self._names(i)], training=training)[0]
        if self.form == "luong" and not done:
            c, alpha = self.attention(s, state["memory"], mask)
        return x, s, c, alpha

    def _loop(self, x: Any, state: State, depth: int) -> tuple[Any, Any, Any]:
        """Run `_advance` over all positions of x (batch, T_y, features); return s, c and α of all."""
        if self.form == "bahdanau" and attention_by_hand.available():
            first, source = [state[name] for name in self._names(0)], [state[name] for name in _OF_SOURCE]
            return attention_by_hand.all_steps(self.decoder[0].cell, self.attention, x, first, *source)
        names = [name for i in range(depth) for name in self._names(i)] + ["fed"] * self.input_feeding
        moving = {name: state[name] for name in names}
        memory = state["memory"]

        def one(carry, x_t):
            s, c, alpha, after = self._advance(x_t, state | carry[0], depth)
            carry = ({name: after[name] for name in moving}, s, c, alpha)
            return carry, carry

        zeros = (ops.zeros_like(state["s_0"]), ops.zeros_like(memory[:, 0]), ops.zeros_like(memory[..., 0]))
        _, (_, *results) = ops.scan(one, (moving, *zeros), ops.transpose(x, (1, 0, 2)))
        return tuple(ops.transpose(result, (1, 0, 2)) for result in results)

    def _read_out(self, x: Any, s: Any, c: Any) -> Any:
        """Compute t_i, of one step or of all."""
        return self.readout(ops.concatenate([s, c] if self.form == "luong" else [s, x, c], axis=-1))

    def _names(self, layer: int) -> list[str]:
        return [f"{part}_{layer}" for part in self._parts]
