"""Cho's and Sutskever's encoder–decoders: one step after the other is what all positions give in one pass."""

import numpy as np
import pytest
import tensorflow as tf

from utils import probes
from utils.layers.fixed_context import Cho, Sutskever

RNG = np.random.default_rng(0)
LENGTHS = np.array([5, 2, 4])
MASK = np.arange(5) < LENGTHS[:, None]
SOURCE = np.where(MASK, RNG.integers(4, 12, size=MASK.shape), 0)
TARGET = np.concatenate([np.full((3, 1), 2), RNG.integers(4, 15, size=(3, 6))], axis=1)


@pytest.fixture(params=[Cho, Sutskever])
def model(request):
    model = request.param(12, 15, 4, 6)
    model(SOURCE, MASK, TARGET)
    for weight in model.trainable_variables:
        weight.assign(RNG.normal(size=weight.shape, scale=0.5))
    return model


def test_steps_give_what_one_pass_gives(model):
    state, stepped = model.start(SOURCE, MASK), []
    for t in range(TARGET.shape[1]):
        logits, state = model.step(TARGET[:, t], state)
        stepped.append(logits)
    np.testing.assert_allclose(np.stack(stepped, axis=1), model(SOURCE, MASK, TARGET), atol=1e-5)


def test_the_models_pass_the_probes(model):
    call = tf.function(lambda source, mask, target: model(source, mask, target), reduce_retracing=True)

    def of_source(source, mask):
        return call(source, mask, np.repeat(TARGET[:1], len(source), axis=0))

    def of_target(target, mask):
        return call(np.repeat(SOURCE[:1], len(target), axis=0), np.repeat(MASK[:1], len(target), axis=0), target)

    assert probes.padding_invariance(of_source, SOURCE, MASK)
    assert probes.batch_invariance(of_source, SOURCE, MASK)
    assert probes.causality(of_target, TARGET, np.ones(TARGET.shape, bool))
    assert probes.source_dependence(call, SOURCE, MASK, TARGET)


def test_untrained_the_models_give_every_word_the_same_probability():
    for kind in (Cho, Sutskever):
        logits = kind(12, 15, 4, 6)(SOURCE, MASK, TARGET)
        assert np.abs(np.asarray(tf.nn.softmax(logits)) - 1 / 15).max() < 0.02
