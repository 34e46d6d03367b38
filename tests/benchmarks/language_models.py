"""What `course train language-model` reaches in some minutes, next to the GRU of TensorFlow's tutorial on text.

Run by hand: `python tests/benchmarks/language_models.py TEXT [MINUTES] [SEEDS]`. Both train for the same wall time on
the first 90 % of the text and are evaluated in the same way, with carried state, on the last 10 %. The tutorial's model
is a Keras GRU with 1024 units, an embedding of 256, batches of 64 shuffled pieces of 100 characters, and Adam.
"""

import sys
import tempfile
import time
from pathlib import Path

import keras
import tensorflow as tf
from keras import ops

from utils.training.corpus import Corpus, read_corpus
from utils.training.language_recipe import evaluate, train

UNITS, EMBEDDING, BATCH, LENGTH = 1024, 256, 64, 100


class Tutorial(keras.Model):
    """The tutorial's model; called like `LanguageModel`."""

    def __init__(self, vocabulary_size: int) -> None:
        super().__init__()
        self.embedding = keras.layers.Embedding(vocabulary_size, EMBEDDING)
        self.gru = keras.layers.GRU(UNITS, return_sequences=True, return_state=True)
        self.dense = keras.layers.Dense(vocabulary_size)

    def initial_state(self, batch: int) -> list:
        """Zeros."""
        return [ops.zeros((batch, UNITS))]

    def call(self, ids, state=None, training=False):
        """Return logits and the state."""
        state = self.initial_state(ids.shape[0]) if state is None else state
        x, *state = self.gru(self.embedding(ids), initial_state=state[0], training=training)
        return self.dense(x), state


def tutorial(corpus: Corpus, minutes: float, seed: int) -> tuple[float, int]:
    """Train the tutorial's model; return its nats per character on the held-out part, and its steps."""
    keras.utils.set_random_seed(seed)
    ids = corpus.ids[: corpus.train // (LENGTH + 1) * (LENGTH + 1)].reshape(-1, LENGTH + 1)
    batches = tf.data.Dataset.from_tensor_slices(ids).shuffle(len(ids), seed=seed).batch(BATCH, drop_remainder=True)
    model, optimizer = Tutorial(len(corpus.vocabulary)), keras.optimizers.Adam()
    begin = time.monotonic()
    model(ids[:1, :-1])
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            logits, _ = model(batch[:, :-1], training=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch[:, 1:], logits=logits)
            loss = tf.reduce_mean(loss)
        weights = [variable.value for variable in model.trainable_variables]
        optimizer.apply(tape.gradient(loss, weights), model.trainable_variables)

    steps, endless = 0, iter(batches.repeat().prefetch(2))
    while time.monotonic() - begin < 60 * minutes:
        step(next(endless))
        steps += 1
    nats, tokens = evaluate(model, corpus.ids, corpus.train, corpus.heldout)
    return nats / tokens, steps


def main() -> None:
    """Train both for each seed and print their nats per character."""
    text = Path(sys.argv[1])
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 3.0
    for seed in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
        with tempfile.TemporaryDirectory() as folder:
            report = train(text, folder, minutes=minutes, seed=seed)
        ours, steps = report["nats_per_token"], report["steps"]
        print(f"seed {seed}: course train, {minutes:g} minutes, {steps} steps: {ours:.4f} nats a character", flush=True)
        theirs, steps = tutorial(read_corpus(text, "char", 0.1), minutes, seed)
        print(
            f"seed {seed}: GRU {UNITS}, {minutes:g} minutes, {steps} steps: {theirs:.4f} nats a character", flush=True
        )


if __name__ == "__main__":
    main()
