"""The LSTM and the GRU with their gradient by hand against those of Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from utils.layers import GRU, LSTM
from utils.layers.lstm import runs_by_hand

pytestmark = pytest.mark.skipif(not runs_by_hand(), reason="on a GPU, or another backend, it is the layer of Keras")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 7, 4)).astype("float32")
STATE = RNG.normal(size=(2, 3, 5)).astype("float32")
LAYERS = {"LSTM": (LSTM, keras.layers.LSTM), "GRU": (GRU, keras.layers.GRU)}
every_layer = pytest.mark.parametrize("kind", LAYERS)
WEIGHTS = [RNG.normal(size=shape).astype("float32") for shape in ((3, 7, 5), (3, 5), (3, 5))]


def values_and_gradients(layer, mask, state, jit):
    x = tf.constant(X)
    parts = 2 if isinstance(layer, keras.layers.LSTM) else 1
    states = [tf.constant(part) for part in STATE[:parts]] if state else None

    @tf.function(jit_compile=jit)
    def compute():
        with tf.GradientTape() as tape:
            tape.watch([x, *(states or [])])
            results = layer(x, initial_state=states, mask=mask)
            total = sum(tf.reduce_sum(weight * result) for weight, result in zip(WEIGHTS, results, strict=False))
        weights = [variable.value for variable in layer.trainable_variables]
        return [*results, *tape.gradient(total, [x, *(states or []), *weights])]

    return [value.numpy() for value in compute()]


@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "xla"])
@pytest.mark.parametrize("state", [pytest.param(False, marks=pytest.mark.slow), True], ids=["zeros", "state"])
@pytest.mark.parametrize("masked", [pytest.param(False, marks=pytest.mark.slow), True], ids=["whole", "padded"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@every_layer
def test_values_and_gradients_are_those_of_keras(kind, backwards, masked, state, jit):
    options = {"return_sequences": True, "return_state": True, "go_backwards": backwards}
    ours, theirs = LAYERS[kind]
    reference, layer = theirs(5, use_cudnn=False, **options), ours(5, **options)
    for made in (reference, layer):
        made.build(X.shape)
    reference.cell.bias.assign(RNG.normal(size=reference.cell.bias.shape))
    layer.set_weights(reference.get_weights())
    mask = tf.constant(np.arange(7) < np.array([7, 4, 2])[:, None]) if masked else None
    expected = values_and_gradients(reference, mask, state, False)
    found = values_and_gradients(layer, mask, state, jit)
    for value, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(other, value, atol=1e-5)


@every_layer
def test_the_fast_way_is_taken(kind, monkeypatch):
    ours, theirs = LAYERS[kind]
    monkeypatch.setattr(theirs, "call", lambda *_, **__: pytest.fail("the layer of Keras was called"))
    assert ours(5)(X).shape == (3, 5)
    assert ours(5, return_state=True, return_sequences=True)(X)[0].shape == (3, 7, 5)
    assert ours(5)(X, initial_state=STATE[0] if kind == "GRU" else list(STATE)).shape == (3, 5)


@pytest.mark.parametrize(
    "options", [{"unroll": True}, {"stateful": True}, {"activation": "relu"}, {"recurrent_dropout": 0.1}], ids=str
)
@every_layer
def test_what_it_does_not_offer_it_leaves_to_keras(kind, options, monkeypatch):
    ours = LAYERS[kind][0]
    monkeypatch.setattr(ours, "steps", lambda *_, **__: pytest.fail("the fast way was taken"))
    assert ours(5, **options)(X).shape == (3, 5)


def test_a_gru_in_another_form_is_left_to_keras(monkeypatch):
    monkeypatch.setattr(GRU, "steps", lambda *_, **__: pytest.fail("the fast way was taken"))
    for options in ({"reset_after": False}, {"use_bias": False}):
        assert GRU(5, **options)(X).shape == (3, 5)


@every_layer
def test_a_model_with_it_is_saved_and_loaded(kind, tmp_path):
    ours = LAYERS[kind][0]
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, keras.layers.Bidirectional(ours(5, return_sequences=True))(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(X), model(X), atol=1e-6)
    assert isinstance(loaded.layers[-1].forward_layer, ours)
