"""Tests of `utils.probes` on NumPy models: correct ones pass, deliberately broken ones are named."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from utils.probes import Probe, batch_invariance, causality, padding_invariance, source_dependence

rng = np.random.default_rng(1)
VOCABULARY, N_A = 9, 5
Wax = rng.normal(size=(N_A, VOCABULARY))
Waa = rng.normal(size=(N_A, N_A)) / 3
IDS = np.array([[5, 6, 7, 8], [3, 4, 0, 0], [7, 0, 0, 0]])
MASK = IDS > 0
ONE_HOT = np.eye(VOCABULARY, dtype=np.float32)[IDS]
FLOATS = rng.normal(size=(3, 4, VOCABULARY)).astype(np.float32)
INPUTS = {
    "ids": IDS,
    "one-hot": ONE_HOT,
    "one-hot, zero padding": ONE_HOT * MASK[..., None],
    "floats": FLOATS,
}


@pytest.fixture(params=INPUTS)
def x(request):
    return INPUTS[request.param]


def features(x):
    return np.eye(VOCABULARY)[x] if x.ndim == 2 else x


def rnn(x, mask):
    """States at every position; a padded step keeps the state."""
    vectors = features(x)
    a = np.zeros((len(x), N_A))
    states = []
    for t in range(mask.shape[1]):
        a = np.where(mask[:, t, None], np.tanh(a @ Waa.T + vectors[:, t] @ Wax.T), a)
        states.append(a)
    return np.stack(states, axis=1)


def last_state(x, mask):
    return rnn(x, mask)[:, -1]


def mean_over_padding(x, mask):
    return (features(x) @ Wax.T).mean(axis=1)


def mean_over_real(x, mask):
    return ((features(x) @ Wax.T) * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)


def batch_normalising(x, mask):
    states = rnn(x, mask)
    return states - states.mean(axis=0)


def future_leak(x, mask):
    states = rnn(x, mask)
    states[:, :-1] += 1e-3 * states[:, 1:]
    return states


def backward(x, mask):
    """A right-to-left network that starts at the padding, where it does not belong."""
    return np.flip(rnn(np.flip(x, 1), np.ones_like(mask)), 1)


def test_import_brings_in_no_tensorflow():
    code = "import sys, utils.probes; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("model", [rnn, last_state, mean_over_real])
def test_correct_models_keep_out_padding_and_batch(model, x):
    for probe in (padding_invariance(model, x, MASK), batch_invariance(model, x, MASK)):
        assert probe, probe
        assert probe.largest_difference <= probe.tolerance == 1e-5
        assert "does not change" in repr(probe)


def test_correct_model_is_causal(x):
    assert causality(rnn, x, MASK)


@pytest.mark.parametrize("model", [mean_over_padding, backward])
def test_padding_that_counts_is_found(model, x):
    probe = padding_invariance(model, x, MASK)
    assert not probe
    assert probe.largest_difference > 1e-3


def test_padding_is_found_by_amount_alone_and_by_contents_alone():
    full = np.ones((1, 4), dtype=bool)
    assert "3 more padded positions" in repr(padding_invariance(mean_over_padding, IDS[:1], full))
    by_contents = padding_invariance(mean_over_padding, IDS, MASK, extra=0)
    assert "other contents at the padded positions" in repr(by_contents)
    assert "example 1" in repr(by_contents)


def test_padding_names_the_first_example_and_position():
    def spoilt(x, mask):
        states = rnn(x, mask)
        states[1, 1] += mask.shape[1]
        return states

    probe = padding_invariance(spoilt, IDS, MASK)
    assert not probe
    assert "example 1, position 1 differs by 3" in repr(probe)


def test_padded_outputs_may_change_but_classes_as_many_as_positions_all_count():
    def spoils_padded_outputs(x, mask):
        return rnn(x, mask) + ~mask[..., None] * x[..., None]

    assert padding_invariance(spoils_padded_outputs, IDS, MASK)

    def classes(x, mask):  # as many as positions, and wrong only where the mask is False
        scores = np.zeros((len(x), IDS.shape[1]))
        scores[:, -1] = x.sum(axis=1)
        return scores

    assert not padding_invariance(classes, IDS, MASK)


def test_nan_at_padded_outputs_is_no_difference_and_at_real_ones_is_an_error():
    assert padding_invariance(lambda x, mask: np.where(mask, 1.0, np.nan), IDS, MASK)
    assert causality(lambda x, mask: np.where(mask, 1.0, np.nan), IDS, MASK)
    for probe in (padding_invariance, batch_invariance, causality, source_dependence):
        with pytest.raises(ValueError, match="NaN at index"):
            probe(lambda x, mask: np.full(mask.shape, np.nan), IDS, MASK)


def test_a_result_that_becomes_nan_fails():
    def breaks_on_padding(x, mask):
        return np.where((x * ~mask == 0).all(axis=1), 1.0, np.nan)

    probe = padding_invariance(breaks_on_padding, IDS, MASK)
    assert not probe
    assert probe.largest_difference == np.inf


def test_equal_infinities_do_not_differ():
    def scores(x, mask):
        return np.where(mask[..., None], rnn(x, mask), -np.inf)

    assert padding_invariance(scores, IDS, MASK)
    assert batch_invariance(scores, IDS, MASK)


def test_batch_normalising_model_is_found(x):
    probe = batch_invariance(batch_normalising, x, MASK)
    assert not probe
    assert "example 0, position 0" in repr(probe)


def test_dependence_on_the_place_in_the_batch_is_found():
    def by_place(x, mask):
        return last_state(x, mask) + (np.arange(len(x)) % len(IDS))[:, None]

    assert not batch_invariance(by_place, IDS, MASK)

    def by_neighbour(x, mask):
        return mean_over_real(x, mask) + (np.roll(x[:, :1], 1) if len(x) > 1 else x[:, :1])

    probe = batch_invariance(by_neighbour, IDS, MASK)
    assert "alone in its batch, example 0, output [0]" in repr(probe)

    def only_in_a_batch(x, mask):  # neighbours matter, though an example alone agrees
        return last_state(x, mask) + (x[:, :1] < x[:1, :1] if x[0, 0] != IDS[0, 0] else 0)

    assert "in a shuffled batch" in repr(batch_invariance(only_in_a_batch, IDS, MASK))


@pytest.mark.parametrize("model", [future_leak, backward])
def test_future_leak_is_found(model, x):
    probe = causality(model, x, MASK)
    assert not probe
    assert "example 0, position 0" in repr(probe)


def test_future_leak_over_one_late_step_is_named():
    def late(x, mask):
        outputs = np.cumsum(x, axis=1).astype(float)
        outputs[:, 2] += x[:, 3]
        return outputs

    probe = causality(late, IDS, MASK)
    assert "after position 2, example 0, position 2" in repr(probe)


def test_causality_samples_long_sequences():
    calls = []

    def counting(x, mask):
        calls.append(len(x))
        return np.cumsum(x, axis=1)

    ids = np.arange(300).reshape(1, 300) % 7
    assert causality(counting, ids, np.ones((1, 300), bool))
    assert len(calls) < 20
    assert not causality(lambda x, mask: np.roll(x, -1, axis=1), ids, np.ones((1, 300), bool))


def decoder(source, target, mask=None):
    return np.cumsum(features(target), axis=1) @ Wax.T + features(source).mean(axis=1, keepdims=True) @ Wax.T


def test_source_dependence(x):
    target = IDS[:, ::-1]
    assert source_dependence(decoder, x, target)
    assert source_dependence(decoder, x, target, None)
    probe = source_dependence(lambda source, target: decoder(0 * source, target), x, target)
    assert not probe
    assert probe.largest_difference == 0
    assert "ignores its source" in repr(probe)


def test_tolerance_decides():
    def faint(x, mask):
        return last_state(x, mask) + 1e-4 * mask.shape[1]

    assert not padding_invariance(faint, IDS, MASK)
    assert padding_invariance(faint, IDS, MASK, tolerance=1e-3)


def test_results_are_deterministic_and_follow_the_seed():
    first, again, other = (padding_invariance(mean_over_padding, FLOATS, MASK, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("probe", [padding_invariance, batch_invariance, causality, source_dependence])
def test_inputs_stay_valid_and_untouched(probe, x):
    before, seen = x.copy(), []

    def in_place(x, mask):
        seen.append(x.copy())
        result = rnn(x, mask)
        x[...] = 0
        return result

    probe(in_place, x, MASK)
    np.testing.assert_array_equal(x, before)
    for inputs in seen:
        assert inputs.dtype == x.dtype
        if x.ndim == 2:
            assert set(np.unique(inputs)) <= set(np.unique(x))
        elif x is not FLOATS:
            assert np.isin(inputs, (0, 1)).all()
            assert (inputs.sum(axis=-1) <= 1).all()


def test_every_replaced_input_differs():
    seen = []
    source_dependence(lambda x: seen.append(x.copy()) or x.sum(axis=1), IDS)
    assert (seen[-1] != IDS).all()
    source_dependence(lambda x: seen.append(x.copy()) or x.sum(axis=1), ONE_HOT)
    assert (seen[-1].argmax(-1) != IDS).all()


def test_values_widen_what_replaces_ids():
    ones, mask = np.ones((2, 3), int), np.ones((2, 3), bool)
    with pytest.raises(ValueError, match="at least two different ids"):
        causality(rnn, ones, mask)
    seen = []
    causality(lambda x, mask: seen.append(x) or x, ones, mask, values=[2, 4])
    assert {int(v) for inputs in seen for v in inputs.flat} <= {1, 2, 4}


def test_probe_is_frozen_and_reads_as_its_sentence():
    probe = Probe("causality", False, 0.5, 1e-5, "The model sees the future.")
    assert repr(probe) == "The model sees the future."
    assert bool(probe) is False
    with pytest.raises(dataclasses.FrozenInstanceError):
        probe.passed = True


def noisy(x, mask, generator=np.random.default_rng(0)):  # noqa: B008  one stream on purpose
    return last_state(x, mask) + generator.normal()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: padding_invariance(rnn, IDS[0], MASK[0]), r"x has shape \(4,\)"),
        (lambda: padding_invariance(rnn, IDS, MASK.T), r"mask has shape \(4, 3\).*\(3, 4\) is expected"),
        (lambda: padding_invariance(rnn, IDS, MASK.astype(int)), "astype"),
        (lambda: padding_invariance(rnn, IDS, MASK[:, ::-1]), "start of row 1"),
        (
            lambda: padding_invariance(rnn, IDS[:1], np.array([[True, False, True, True]])),
            "row 0, but padding",
        ),
        (lambda: padding_invariance(rnn, IDS, MASK, extra=-1), "extra is -1"),
        (lambda: padding_invariance(rnn, IDS[:1], MASK[:1], extra=0), "no padding to probe"),
        (lambda: padding_invariance(rnn, IDS, MASK, tolerance=np.nan), "tolerance is nan"),
        (lambda: padding_invariance(rnn, FLOATS * np.nan, MASK), "NaN or infinity"),
        (lambda: padding_invariance(rnn, IDS.astype(str), MASK), "dtype"),
        (lambda: padding_invariance(rnn, FLOATS, MASK, values=[1, 2]), "leave it out"),
        (lambda: padding_invariance(lambda x, mask: (x, x), IDS, MASK), "tuple.*wrap it"),
        (lambda: padding_invariance(lambda x, mask: [x, x], IDS, MASK), "list.*wrap it"),
        (lambda: padding_invariance(lambda x, mask: x.sum(), IDS, MASK), "batch first"),
        (lambda: padding_invariance(noisy, IDS, MASK), "training=False"),
        (lambda: batch_invariance(rnn, IDS[:1], MASK[:1]), "at least 2"),
        (lambda: batch_invariance(lambda x, mask: np.ones((len(x), len(x))), IDS, MASK), "shape depend"),
        (lambda: causality(last_state, IDS, MASK), "return_sequences=True"),
        (lambda: causality(rnn, IDS[:, :1], MASK[:, :1]), "at least 2"),
        (lambda: source_dependence(decoder, IDS[0], IDS), r"source has shape \(4,\)"),
    ],
)
def test_errors(call, words):
    with pytest.raises(ValueError, match=words):
        call()
