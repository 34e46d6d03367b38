"""The encoder–decoder: teacher forcing against single steps, invariances, gradients, files, other backends."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT
from keras import ops

from utils import probes
from utils.decoding import GREEDY, BeamSearch, Generator
from utils.layers import EncoderDecoder, attention_by_hand

VARIANTS = {
    "none": {"attention": None},
    "none, one direction, lstm": {"attention": None, "bidirectional": False, "cell": "lstm", "layers": 2},
    "bahdanau": {},
    "bahdanau, lstm, two layers": {"cell": "lstm", "layers": 2, "bidirectional": False},
    "luong": {"attention": "luong", "cell": "lstm"},
    "luong, fed, two layers": {"attention": "luong", "input_feeding": True, "layers": 2, "score": "concat"},
}
RNG = np.random.default_rng(0)
V_X, V_Y = 11, 13
SOURCE, TARGET = RNG.integers(4, V_X, size=(4, 6)), RNG.integers(4, V_Y, size=(4, 5))
MASK = np.arange(6) < np.array([6, 4, 2, 1])[:, None]


def make(name, seed=0, **changes):
    keras.utils.set_random_seed(seed)
    return EncoderDecoder(V_X, V_Y, **{"embedding": 5, "units": 8, **VARIANTS[name], **changes})


every_variant = pytest.mark.parametrize("name", VARIANTS)
two_variants_quickly = pytest.mark.parametrize(
    "name", [name if name in ("none", "bahdanau") else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS]
)
only_with_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs a GradientTape")


@every_variant
def test_steps_are_the_teacher_forced_call(name):
    model = make(name)
    logits = ops.convert_to_numpy(model(SOURCE, TARGET, MASK))
    assert logits.shape == (4, 5, V_Y)
    assert logits.dtype == np.float32
    state = model.start(SOURCE, MASK)
    shapes = {key: tuple(part.shape) for key, part in state.items()}
    for t in range(5):
        of_step, state = model.step(TARGET[:, t], state)
        np.testing.assert_allclose(ops.convert_to_numpy(of_step), logits[:, t], atol=1e-5)
    assert {key: tuple(part.shape) for key, part in state.items()} == shapes
    assert all(shape[0] == 4 for shape in shapes.values())


@pytest.mark.slow
@every_variant
def test_nothing_shows_through_that_must_not(name):
    model = make(name)

    def of_source(source, mask):
        return model(source, TARGET[: len(source)], mask)

    def of_target(target, mask):
        return model(SOURCE, target, MASK)

    assert probes.padding_invariance(lambda x, mask: model(x, TARGET, mask)[:, -1], SOURCE, MASK, values=range(V_X))
    # The targets go with their sources: each example has the same one here.
    one = np.tile(TARGET[:1], (4, 1))
    assert probes.batch_invariance(lambda x, mask: model(x, one[: len(x)], mask), SOURCE, MASK)
    assert probes.causality(of_target, TARGET, np.ones(TARGET.shape, dtype=bool))
    assert probes.source_dependence(of_source, SOURCE, MASK)


@every_variant
def test_the_first_loss_is_about_log_v(name):
    logits = ops.convert_to_numpy(make(name, units=32)(SOURCE, TARGET, MASK))
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    assert -log_p.mean() == pytest.approx(np.log(V_Y), abs=0.1)


@every_variant
def test_weights_are_a_distribution_over_the_real_positions(name):
    model = make(name)
    if model.attention is None:
        with pytest.raises(ValueError, match="no attention"):
            model.attention_weights(SOURCE, TARGET, MASK)
        return
    alpha = ops.convert_to_numpy(model.attention_weights(SOURCE, TARGET, MASK))
    assert alpha.shape == (4, 5, 6)
    np.testing.assert_allclose(alpha.sum(axis=-1), 1, atol=1e-5)
    assert (alpha[np.broadcast_to(~MASK[:, None], alpha.shape)] == 0).all()


@two_variants_quickly
def test_saved_and_loaded(name, tmp_path):
    model = make(name, dropout=0.1)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(*(ops.convert_to_numpy(one(SOURCE, TARGET, MASK)) for one in (model, loaded)))
    other = make(name, seed=1)
    model.save_weights(tmp_path / "only.weights.h5")
    other.load_weights(tmp_path / "only.weights.h5")
    np.testing.assert_array_equal(*(ops.convert_to_numpy(one(SOURCE, TARGET, MASK)) for one in (model, other)))


@two_variants_quickly
@pytest.mark.parametrize("policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_half_precision_gives_finite_float32_logits_near_the_full_ones(name, policy):
    model, half = make(name), make(name, dtype=policy)
    half.set_weights(model.get_weights())
    full, found = (ops.convert_to_numpy(one(SOURCE, TARGET, MASK)) for one in (model, half))
    assert found.dtype == np.float32
    assert np.abs(found - full).max() < (0.005 if policy == "mixed_float16" else 0.05)


def test_dropout_only_in_training():
    model = make("bahdanau", dropout=0.5)
    calls = [ops.convert_to_numpy(model(SOURCE, TARGET, MASK, training=t)) for t in (False, False, True, True)]
    np.testing.assert_array_equal(calls[0], calls[1])
    assert np.abs(calls[2] - calls[0]).max() > 1e-3
    assert np.abs(calls[3] - calls[2]).max() > 1e-3


def test_without_attention_the_first_state_and_one_context_are_all_that_is_known_of_the_source():
    model = make("none")
    state = model.start(SOURCE, MASK)
    assert {key: tuple(part.shape) for key, part in state.items()} == {"s_0": (4, 8), "context": (4, 16)}
    assert model.step(TARGET[:, 0], state)[1]["context"] is state["context"]
    state = make("none, one direction, lstm").start(SOURCE, MASK)
    assert {key: tuple(part.shape) for key, part in state.items()} == dict.fromkeys(
        ("s_0", "cell_0", "s_1", "cell_1", "context"), (4, 8)
    )


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_without_attention_the_context_is_the_last_hidden_state_of_each_direction(cell, bidirectional):
    model = make("none", cell=cell, bidirectional=bidirectional)
    h = ops.convert_to_numpy(model.encoder[0](model.source_embedding(SOURCE), mask=MASK)[0])
    last = h[np.arange(4), MASK.sum(axis=1) - 1, :8]
    expected = np.concatenate([last, h[:, 0, 8:]], axis=-1) if bidirectional else last
    context = ops.convert_to_numpy(model.start(SOURCE, MASK)["context"])
    np.testing.assert_allclose(context, expected, atol=1e-6)


def test_without_attention_it_is_bahdanaus_network_with_the_context_for_every_c():
    # One real position: attention can but read it, and it is the context.
    fixed, attending = make("none"), make("bahdanau")
    of_attention = {weight.path for weight in attending.attention.weights}
    shared = [weight for weight in attending.weights if weight.path not in of_attention]
    for weight, other in zip(fixed.weights, shared, strict=True):
        other.assign(weight)
    found = [ops.convert_to_numpy(model(SOURCE[:, :1], TARGET, MASK[:, :1])) for model in (fixed, attending)]
    np.testing.assert_allclose(*found, atol=1e-5)


def gradients(model, jit=False):
    import tensorflow as tf

    rng = np.random.default_rng(2)
    of_logits, of_alpha = rng.normal(size=(4, 5, V_Y)), rng.normal(size=(4, 5, 6))

    @tf.function(jit_compile=jit)
    def compute():
        with tf.GradientTape() as tape:
            logits = model(SOURCE, TARGET, MASK)
            total = tf.reduce_sum(logits * tf.constant(of_logits, logits.dtype))
            if model.attention is not None:
                alpha = model.attention_weights(SOURCE, TARGET, MASK)
                total += tf.cast(tf.reduce_sum(alpha * tf.constant(of_alpha, alpha.dtype)), logits.dtype)
        return total, tape.gradient(total, [weight.value for weight in model.trainable_variables])

    total, found = compute()
    return total.numpy(), [tf.convert_to_tensor(gradient).numpy() for gradient in found]


@pytest.mark.slow
@only_with_tensorflow
@every_variant
def test_a_gradient_reaches_every_weight(name):
    model = make(name)
    _, found = gradients(model)
    for weight, gradient in zip(model.trainable_variables, found, strict=True):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0, weight.path


@only_with_tensorflow
@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "xla"])
@pytest.mark.parametrize("cell", ["gru", pytest.param("lstm", marks=pytest.mark.slow)])
def test_the_gradient_by_hand_is_that_of_the_loop_in_keras_operations(cell, jit, monkeypatch):
    model = make("bahdanau", cell=cell, bidirectional=False, dtype="float64")
    for weight in model.trainable_variables:  # biases and all
        weight.assign(0.5 * np.random.default_rng(1).normal(size=weight.shape))
    found = []
    for by_hand in (True, False):
        monkeypatch.setattr(attention_by_hand, "available", lambda by_hand=by_hand: by_hand)
        found.append(gradients(model, jit and by_hand))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)  # the logits are float32
    for one, other in zip(found[0][1], found[1][1], strict=True):
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(other)


@pytest.mark.slow
@only_with_tensorflow
def test_it_learns_to_read_backwards():
    import tensorflow as tf

    model = make("bahdanau", units=32)
    source = np.random.default_rng(0).integers(4, V_X, size=(16, 5))
    bos = np.full((16, 1), 2)
    target_in, target = np.concatenate([bos, source[:, :0:-1]], axis=1), source[:, ::-1]
    optimizer, mask = keras.optimizers.Adam(0.02), np.ones(source.shape, dtype=bool)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(source, target_in, mask, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    for _ in range(150):
        loss = step()
    assert loss < 0.05
    made = Generator(model.step)(bos[:, 0], model.start(source, mask), length=5, sampling=GREEDY)
    np.testing.assert_array_equal(made.ids, target)
    found = BeamSearch(model.step, end=3)(bos[:, 0], model.start(source, mask), length=5, width=3)
    np.testing.assert_array_equal(found.ids[:, 0], target)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@every_variant
def test_on_jax_the_same_file_gives_the_same_numbers(name, tmp_path):
    model = make(name)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data", source=SOURCE, target=TARGET, mask=MASK, logits=model(SOURCE, TARGET, MASK))
    code = f"""
import numpy as np, keras, jax
from utils.layers import EncoderDecoder
from utils.decoding import BeamSearch, Generator, GREEDY
assert keras.backend.backend() == "jax"
data = np.load({str(tmp_path / "data.npz")!r})
model = keras.saving.load_model({str(tmp_path / "model.keras")!r})
inputs = data["source"], data["target"], data["mask"]
assert np.abs(np.asarray(model(*inputs)) - data["logits"]).max() < 1e-5
def loss(weights):
    logits, _ = model.stateless_call(weights, [v.value for v in model.non_trainable_variables], *inputs)
    return (logits ** 2).mean()
slopes = jax.jit(jax.grad(loss))([v.value for v in model.trainable_variables])
assert all(np.isfinite(slope).all() for slope in slopes)
begin, state = data["target"][:, 0], model.start(data["source"], data["mask"])
greedy = Generator(model.step, end=3)(begin, state, length=6, sampling=GREEDY)
beams = BeamSearch(model.step, end=3)(begin, state, length=6, width=1)
assert (beams.ids[:, 0] == greedy.ids).all()
assert BeamSearch(model.step, end=3)(begin, state, length=6, width=4).ids.shape == (4, 4, 6)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "jax"}, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"units": 0}, "units is 0"),
        ({"attention": "dot"}, "attention is 'dot'"),
        ({"cell": "plain"}, "cell is 'plain'"),
        ({"input_feeding": True}, "input_feeding is True, but attention is 'bahdanau'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        EncoderDecoder(V_X, V_Y, **changes)
