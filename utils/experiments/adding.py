"""The adding problem: which cell learns to keep two numbers over T positions, at which learning rate.

Each sequence has T random values and two marks, one in each half; the target is the sum of the two marked values
(Hochreiter & Schmidhuber, 1997, in the form of Le, Jaitly & Hinton, 2015). To answer 1 always costs 1/6, the variance.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

CELLS = ("plain", "GRU", "LSTM")


def sequences(rng: np.random.Generator, m: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw examples of the adding problem.

    Args:
        rng: The source of randomness.
        m: Number of examples.
        T: Length, at least 2.

    Returns:
        x, shape (m, T, 2): values from 0 to 1, and marks; y, shape (m, 1): the sum of the two marked values. float32.

    Raises:
        ValueError: If `T` is less than 2.
    """
    if T < 2:
        raise ValueError(f"T is {T}, but two marks need at least 2 positions")
    values = rng.uniform(size=(m, T))
    marks = np.zeros((m, T))
    rows = np.arange(m)
    marks[rows, rng.integers(T // 2, size=m)] = 1
    marks[rows, rng.integers(T // 2, T, size=m)] = 1
    y = (values * marks).sum(axis=1, keepdims=True)
    return np.stack([values, marks], axis=-1).astype("float32"), y.astype("float32")


def network(cell: str, n_a: int, forget_bias: float | str = 1.0, T: int = 100, seed: int = 0) -> "keras.Model":
    """Build one recurrent layer with a number at its last state.

    Args:
        cell: "plain", "GRU" or "LSTM".
        n_a: Units of the state.
        forget_bias: For an LSTM: what its forget gates' biases start at; or "spread", log of a number drawn from 1 to
            T − 1 for each unit, and minus that for the update gate (Tallec & Ollivier, 2018).
        T: Length of the sequences.
        seed: Decides the spread biases.

    Returns:
        A model from (batch, T, 2) to (batch, 1), not compiled.

    Raises:
        ValueError: If the cell is unknown.
    """
    import keras

    layers = {"plain": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}
    if cell not in layers:
        raise ValueError(f"cell is {cell!r}, but one of {', '.join(layers)} is expected")
    inputs = keras.Input((T, 2))
    layer = layers[cell](n_a)
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
    if cell == "LSTM" and forget_bias != 1.0:
        kernel, recurrent_kernel, bias = layer.get_weights()  # Keras' order: update, forget, candidate, output
        if forget_bias == "spread":
            bias[n_a : 2 * n_a] = np.log(np.random.default_rng(seed).uniform(1, T - 1, size=n_a))
            bias[:n_a] = -bias[n_a : 2 * n_a]
        else:
            bias[n_a : 2 * n_a] = forget_bias
        layer.set_weights([kernel, recurrent_kernel, bias])
    return model


def learn(
    model: "keras.Model",
    seed: int,
    learning_rate: float,
    settings: Mapping[str, Any],
    draw: Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]] = sequences,
) -> Iterator[tuple[int, float]]:
    """Train a network on fresh examples, and measure it now and then.

    Args:
        model: What `network` gives.
        seed: Decides the examples.
        learning_rate: Of Adam.
        settings: "T", "batch", "steps", "every" (steps between two measurements), "clipnorm", "test".
        draw: Called with a generator, the number of examples and T; returns x and y.

    Yields:
        Steps made, and mean squared error on the test examples, which are the same for every network.
    """
    import keras

    T, batch, every = settings["T"], settings["batch"], settings["every"]
    test = draw(np.random.default_rng(10_000), settings["test"], T)
    optimizer = keras.optimizers.Adam(learning_rate, clipnorm=settings["clipnorm"])
    model.compile(optimizer=optimizer, loss="mse")
    rng = np.random.default_rng(seed)
    yield 0, float(model.evaluate(*test, batch_size=500, verbose=0))
    for step in range(every, settings["steps"] + 1, every):
        x, y = draw(rng, every * batch, T)
        model.fit(x, y, batch_size=batch, verbose=0, shuffle=False)
        yield step, float(model.evaluate(*test, batch_size=500, verbose=0))


def rows(
    seed: int, settings: Mapping[str, Any], variants: list[dict[str, Any]], advance: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """Train one network for each variant.

    Args:
        seed: Decides weights and examples.
        settings: As `learn` takes them, and "n_a".
        variants: Dicts with "cell", "learning_rate" and, for an LSTM, "forget_bias".
        advance: Called with the steps that were made since its last call.

    Yields:
        Rows with seed, cell, learning_rate, forget_bias ("" where there is none), step, error.
    """
    from utils.runtime import seed_everything

    for variant in variants:
        seed_everything(seed)
        bias = variant.get("forget_bias", 1.0 if variant["cell"] == "LSTM" else "")
        model = network(variant["cell"], settings["n_a"], bias, settings["T"], seed)
        for step, error in learn(model, seed, variant["learning_rate"], settings):
            advance(settings["every"] if step else 0)
            yield {
                "seed": seed,
                "cell": variant["cell"],
                "learning_rate": variant["learning_rate"],
                "forget_bias": bias,
                "step": step,
                "error": error,
            }
