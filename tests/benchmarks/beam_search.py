"""What a step of the compiled beam search costs, next to the loop of `model.predict` that many tutorials write.

Run by hand: `python tests/benchmarks/beam_search.py [UNITS]`. Both take the same number of steps with the same model
(attention in Bahdanau's form, with a bias that lets no hypothesis end) and as many hypotheses.
"""

import sys
import time

import keras
import numpy as np

from utils.decoding import BeamSearch
from utils.layers import EncoderDecoder

V, WIDTH, T_X, LENGTH = 60, 4, 20, 30


class Step(keras.Model):
    """One step of the decoder, for `predict`."""

    def __init__(self, model: EncoderDecoder) -> None:
        super().__init__()
        self.model = model

    def call(self, inputs):
        """Return logits and state."""
        return self.model.step(inputs["tokens"], {name: part for name, part in inputs.items() if name != "tokens"})


def by_predict(step: Step, state: dict, rows: int) -> None:
    """A beam search in NumPy with one call of `predict` a step."""
    tokens, log_p = np.full(rows, 2), np.zeros(rows)
    for _ in range(LENGTH):
        logits, state = step.predict({"tokens": tokens, **state}, batch_size=rows, verbose=0)
        total = log_p[:, None] + logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        best = np.argsort(-total.reshape(rows // WIDTH, -1), axis=1)[:, :WIDTH]
        origin = (np.arange(rows // WIDTH)[:, None] * WIDTH + best // V).ravel()
        tokens, log_p = (best % V).ravel(), np.take_along_axis(total.reshape(rows // WIDTH, -1), best, axis=1).ravel()
        state = {name: part[origin] for name, part in state.items()}


def milliseconds(run, times: int) -> float:
    """The shortest of several runs, a step."""
    run()
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return 1000 * min(seconds) / LENGTH


def main(units: int = 128) -> None:
    """Print milliseconds a step of both."""
    model = EncoderDecoder(V, V, units=units)
    search, step = BeamSearch(model.step, end=3, never=[0, 2]), Step(model)
    model.output_layer.bias.assign(np.where(np.arange(V) == 3, -100.0, 0.0))  # nothing ends
    for examples in (1, 32):
        source, mask = np.random.default_rng(0).integers(4, V, (examples, T_X)), np.ones((examples, T_X), dtype=bool)
        state = model.start(source, mask)
        tiled = {name: np.repeat(np.asarray(part), WIDTH, axis=0) for name, part in state.items()}
        tokens = np.full(examples, 2)
        compiled = milliseconds(lambda t=tokens, s=state: search(t, s, length=LENGTH, width=WIDTH), 5)
        predicted = milliseconds(lambda s=tiled, n=examples: by_predict(step, s, n * WIDTH), 2)
        print(
            f"{examples:3} sources, width {WIDTH}: {compiled:6.2f} ms a step compiled, {predicted:7.2f} ms by predict",
            end="",
        )
        print(f", {predicted / compiled:.0f} times as much")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
