"""The LSTM with its gradient by hand against the one of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.layers import LSTM
from utils.layers.lstm import runs_by_hand

pytestmark = pytest.mark.skipif(not runs_by_hand(), reason="on a GPU, or another backend, it is the layer of Keras")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 7, 4)).astype("float32")
STATE = RNG.normal(size=(2, 3, 5)).astype("float32")
WEIGHTS = [RNG.normal(size=shape).astype("float32") for shape in ((3, 7, 5), (3, 5), (3, 5))]


def values_and_gradients(layer, mask, state, jit):
    x = tf.constant(X)
    states = [tf.constant(part) for part in STATE] if state else None

    @tf.function(jit_compile=jit)
    def compute():
        with tf.GradientTape() as tape:
            tape.watch([x, *(states or [])])
            results = layer(x, initial_state=states, mask=mask)
            total = sum(tf.reduce_sum(weight * result) for weight, result in zip(WEIGHTS, results, strict=True))
        weights = [variable.value for variable in layer.trainable_variables]
        return [*results, *tape.gradient(total, [x, *(states or []), *weights])]

    return [value.numpy() for value in compute()]


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("state", [False, True], ids=["zeros", "state"])
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_values_and_gradients_are_those_of_keras(backwards, masked, state, jit):
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    reference, layer = keras.layers.LSTM(5, use_cudnn=False, **options), LSTM(5, **options)
    for made in (reference, layer):
        made.build(X.shape)
    reference.cell.bias.assign(RNG.normal(size=20))
    layer.set_weights(reference.get_weights())
    mask = tf.constant(np.arange(7) < np.array([7, 4, 2])[:, None]) if masked else None
    expected = values_and_gradients(reference, mask, state, False)
    found = values_and_gradients(layer, mask, state, jit)
    for value, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, value, atol=1e-5)


def test_the_fast_way_is_taken(monkeypatch):
    monkeypatch.setattr(keras.layers.LSTM, "call", lambda *_, **__: pytest.fail("the layer of Keras was called"))
    assert LSTM(5)(X).shape == (3, 5)
    assert LSTM(5, return_state=True, return_sequences=True)(X)[0].shape == (3, 7, 5)


@pytest.mark.parametrize(
    "options", [{"unroll": True}, {"stateful": True}, {"activation": "relu"}, {"recurrent_dropout": 0.1}], ids=str
)
def test_what_it_does_not_offer_it_leaves_to_keras(options, monkeypatch):
    monkeypatch.setattr(LSTM, "steps", lambda *_, **__: pytest.fail("the fast way was taken"))
    assert LSTM(5, **options)(X).shape == (3, 5)


def test_a_model_with_it_is_saved_and_loaded(tmp_path):
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, keras.layers.Bidirectional(LSTM(5, return_sequences=True))(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(X), model(X), atol=1e-6)
    assert isinstance(loaded.layers[-1].forward_layer, LSTM)
