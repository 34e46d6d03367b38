"""Filters, generation, beam search and Viterbi."""

import doctest
import itertools

import keras
import numpy as np
import pytest
from keras import ops

from utils import decoding
from utils import viterbi as tags
from utils.decoding import GREEDY, BeamSearch, Generator, Sampling, legal_bio, nucleus, scaled, top_k, viterbi

P = np.array([[0.5, 0.05, 0.25, 0.2], [0.1, 0.1, 0.1, 0.7]], dtype="float32")
LOGITS = np.log(P) + 3.0


def kept(logits):
    return np.isfinite(ops.convert_to_numpy(logits))


def test_examples_in_the_documentation():
    assert doctest.testmod(decoding).failed == 0
    assert doctest.testmod(tags).failed == 0


# Filters


def test_a_low_temperature_sharpens():
    cold, hot = (ops.convert_to_numpy(ops.softmax(scaled(LOGITS, t))) for t in (0.5, 2.0))
    np.testing.assert_allclose(cold, P**2 / (P**2).sum(-1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(hot, P**0.5 / (P**0.5).sum(-1, keepdims=True), rtol=1e-5)


def test_top_k_keeps_the_highest_unchanged():
    filtered = ops.convert_to_numpy(top_k(LOGITS, 2))
    np.testing.assert_array_equal(kept(filtered)[0], [True, False, True, False])
    np.testing.assert_array_equal(filtered[0, [0, 2]], LOGITS[0, [0, 2]])
    assert kept(top_k(LOGITS, 2))[1].all()  # ties with the second stay
    for k in (4, 1000):
        assert kept(top_k(LOGITS, k)).all()


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.4, [0]), (0.6, [0, 2]), (0.8, [0, 2, 3]), (0.97, [0, 1, 2, 3]), (1.0, [0, 1, 2, 3]), (1e-6, [0])],
)
def test_nucleus_keeps_the_smallest_set_that_holds_p(p, expected):
    assert np.flatnonzero(kept(nucleus(LOGITS, p))[0]).tolist() == expected


def test_nucleus_of_one_keeps_all_of_many():
    assert kept(nucleus(np.random.default_rng(0).normal(size=(3, 5000)).astype("float32") * 5, 1.0)).all()


@pytest.mark.parametrize(
    ("function", "value", "said"),
    [
        (scaled, 0.0, "temperature is 0.0.*sample greedily"),
        (scaled, -1, "number above 0"),
        (scaled, float("nan"), "number above 0"),
        (top_k, 0, "k is 0"),
        (top_k, 1.5, "k is 1.5"),
        (nucleus, 0.0, "p is 0.0"),
        (nucleus, 1.1, "p is 1.1"),
    ],
)
def test_settings_outside_their_range(function, value, said):
    with pytest.raises(ValueError, match=said):
        function(LOGITS, value)
    name = {scaled: "temperature", top_k: "k", nucleus: "p"}[function]
    with pytest.raises(ValueError, match=said):
        Sampling(**{name: value})


# Generation


def fixed(tokens, state):
    """The same distribution at every step; the state counts the steps."""
    return ops.broadcast_to(ops.convert_to_tensor(LOGITS[0]), (tokens.shape[0], 4)), {"n": state["n"] + 1}


def start(m):
    return {"n": np.zeros(m, dtype="int32")}


def test_draws_follow_the_distribution():
    generator = Generator(fixed)
    for sampling, expected in [
        (Sampling(), P[0]),
        (Sampling(0.5), P[0] ** 2 / (P[0] ** 2).sum()),
        (Sampling(k=2), np.array([2 / 3, 0, 1 / 3, 0])),
        (Sampling(p=0.6), np.array([2 / 3, 0, 1 / 3, 0])),
        (GREEDY, np.array([1, 0, 0, 0])),
    ]:
        ids = generator([0] * 100, start(100), length=100, sampling=sampling, seed=3).ids
        shares = np.bincount(ids.ravel(), minlength=4) / ids.size
        assert np.abs(shares - expected).max() < 0.02, sampling
        assert (shares[expected == 0] == 0).all()


def test_the_state_is_carried_and_given_back():
    made = Generator(fixed)([0, 1, 2], start(3), length=5)
    assert made.ids.shape == (3, 5)
    assert made.ids.dtype == np.int32
    assert ops.convert_to_numpy(made.state["n"]).tolist() == [5, 5, 5]
    assert made.lengths.tolist() == [5, 5, 5]


def test_the_log_probability_is_the_models_own():
    made = Generator(fixed)([0] * 4, start(4), length=3, sampling=Sampling(0.7, k=3))
    np.testing.assert_allclose(made.log_probability, np.log(P[0])[made.ids].sum(axis=1), rtol=1e-5)


def test_a_sequence_ends_with_its_end_token():
    made = Generator(fixed, end=2)([0] * 50, start(50), length=12, seed=1)
    for ids, length, log_p in zip(made.ids, made.lengths, made.log_probability, strict=True):
        assert (ids[length:] == 2).all()
        assert (ids[: length - 1] != 2).all()
        assert ids[length - 1] == 2 or length == 12
        assert log_p == pytest.approx(np.log(P[0])[ids[:length]].sum(), rel=1e-4)
    assert set(made.lengths) > {1, 2, 3}


def test_the_loop_stops_when_all_have_ended():
    def ends(tokens, state):
        return 100.0 * ops.one_hot(ops.ones_like(tokens), 3), {"n": state["n"] + 1}

    made = Generator(ends, end=1)([0, 0], start(2), length=1000)
    assert made.lengths.tolist() == [1, 1]
    assert ops.convert_to_numpy(made.state["n"]).tolist() == [1, 1]


def test_what_is_never_chosen():
    ids = Generator(fixed, never=[0, 3])([0] * 20, start(20), length=50).ids
    assert set(ids.ravel()) == {1, 2}
    assert set(Generator(fixed, never=[0])([0], start(1), length=5, sampling=GREEDY).ids.ravel()) == {2}
    with pytest.raises(ValueError, match="could not end"):
        Generator(fixed, end=2, never=[2])


def test_seeds_decide_the_draws():
    generator = Generator(fixed)
    one, again, other = (generator([0] * 5, start(5), length=20, seed=seed).ids for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_new_settings_compile_nothing_again():
    calls = []

    def counted(tokens, state):
        calls.append(1)
        return fixed(tokens, state)

    generator = Generator(counted)
    for sampling in (Sampling(), Sampling(0.5, k=2), Sampling(p=0.5), GREEDY):
        generator([0], start(1), length=4, sampling=sampling)
    assert len(calls) <= 2


def test_a_recurrent_model_goes_on_as_it_would_by_hand():
    keras.utils.set_random_seed(0)
    embedding, cell, dense = keras.layers.Embedding(9, 6), keras.layers.GRUCell(5), keras.layers.Dense(9)

    def step(tokens, state):
        output, state = cell(embedding(tokens), state)
        return dense(output) * 20, state

    state = [np.zeros((2, 5), dtype="float32")]
    made = Generator(step)([3, 4], state, length=6, sampling=GREEDY)
    tokens = ops.convert_to_tensor(np.array([3, 4]))
    for t in range(6):
        logits, state = step(tokens, state)
        tokens = ops.argmax(logits, axis=-1)
        np.testing.assert_array_equal(ops.convert_to_numpy(tokens), made.ids[:, t])
    np.testing.assert_allclose(ops.convert_to_numpy(state[0]), ops.convert_to_numpy(made.state[0]), atol=1e-5)


def test_first_tokens_and_lengths_that_do_not_fit():
    with pytest.raises(ValueError, match=r"tokens has shape \(1, 1\)"):
        Generator(fixed)([[0]], start(1), length=3)
    with pytest.raises(ValueError, match="dtype float"):
        Generator(fixed)([0.0], start(1), length=3)
    with pytest.raises(ValueError, match="length is 0"):
        Generator(fixed)([0], start(1), length=0)


# Beam search


END, V = 0, 4
TABLE = np.random.default_rng(5).normal(size=(3, V, V)).astype("float32")  # of every example and last token


def of_table(tokens, state):
    """Each example has transitions of its own; the state counts the steps, and holds what is never changed."""
    rows = ops.take_along_axis(state["table"], tokens[:, None, None] + ops.zeros((1, 1, V), dtype="int32"), axis=1)
    return rows[:, 0], {"table": state["table"], "n": state["n"] + 1}


def its_state(table=TABLE):
    return {"table": table, "n": np.zeros(len(table), dtype="int32")}


def all_sequences(table, first, length):
    """Every sequence up to its end token or the length, with its log-probability."""
    log_p = table - np.log(np.exp(table).sum(axis=-1, keepdims=True))
    found = {}
    for path in itertools.product(range(V), repeat=length):
        path = path[: path.index(END) + 1] if END in path else path
        found[path] = sum(log_p[a, b] for a, b in itertools.pairwise((first, *path)))
    return found


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
def test_a_beam_that_holds_everything_finds_the_best_of_all_sequences(length_penalty):
    found = BeamSearch(of_table, END)([1, 2, 3], its_state(), length=4, width=3**4 + 40, length_penalty=length_penalty)
    for i in range(3):
        expected = all_sequences(TABLE[i], i + 1, 4)
        scores = {path: log_p / len(path) ** length_penalty for path, log_p in expected.items()}
        ranked = sorted(scores, key=lambda path: (path[-1] != END, -scores[path]))
        assert len(ranked) == 121
        hypotheses = zip(found.ids[i].tolist(), found.lengths[i], strict=True)
        paths = [tuple(ids[:length]) for ids, length in hypotheses]
        assert set(paths) == set(ranked)
        assert [path[-1] == END for path in paths] == [path[-1] == END for path in ranked]
        np.testing.assert_allclose(found.log_probability[i], [expected[path] for path in paths], atol=1e-5)
        np.testing.assert_allclose(found.score[i], [scores[path] for path in ranked], atol=1e-5)  # some score alike
        assert all(
            ids[length:] == [END] * (4 - length)
            for ids, length in zip(found.ids[i].tolist(), found.lengths[i], strict=True)
        )


def test_a_beam_of_one_is_greedy():
    table = np.random.default_rng(0).normal(size=(40, V, V)).astype("float32")
    first = np.arange(40) % V
    greedy = Generator(of_table, end=END)(first, its_state(table), length=9, sampling=GREEDY)
    beams = BeamSearch(of_table, END)(first, its_state(table), length=9, width=1)
    np.testing.assert_array_equal(beams.ids[:, 0], greedy.ids)
    np.testing.assert_array_equal(beams.lengths[:, 0], greedy.lengths)
    np.testing.assert_allclose(beams.log_probability[:, 0], greedy.log_probability, atol=1e-5)
    assert set(greedy.lengths) > {1, 2, 9}


def test_a_wider_beam_finds_what_greedy_misses_and_keeps_what_has_ended():
    # From 1: 0.6 to token 2, from where every end is unlikely; 0.4 to token 3, which ends for certain.
    p = np.full((V, V), 1e-6)
    p[1, [2, 3]], p[2, [1, 2, 3, 0]], p[3, 0], p[0, 0] = (0.6, 0.4), (0.3, 0.3, 0.3, 0.1), 1, 1
    table = np.log(p / p.sum(axis=-1, keepdims=True)).astype("float32")[None]
    search = BeamSearch(of_table, END)
    greedy, wider = (search([1], its_state(table), length=6, width=width) for width in (1, 2))
    assert wider.ids[0, 0].tolist() == [3, 0, 0, 0, 0, 0]
    assert wider.lengths[0, 0] == 2
    assert wider.log_probability[0, 0] == pytest.approx(np.log(0.4), abs=1e-4)
    assert greedy.log_probability[0, 0] < wider.log_probability[0, 0]


def test_what_ended_comes_before_what_was_cut_off_even_if_that_scores_higher():
    p = np.full((V, V), 1e-6)
    p[1, [1, 0]] = 0.9, 0.1
    table = np.log(p / p.sum(axis=-1, keepdims=True)).astype("float32")[None]
    found = BeamSearch(of_table, END)([1], its_state(table), length=8, width=2)
    assert found.ids[0].tolist() == [[0] * 8, [1] * 8]
    assert found.score[0, 1] > found.score[0, 0]


def test_each_source_keeps_its_own_hypotheses_and_states():
    search = BeamSearch(of_table, END)
    together = search([1, 2, 3], its_state(), length=5, width=3)
    for i in range(3):
        alone = search([i + 1], its_state(TABLE[i : i + 1]), length=5, width=3)
        np.testing.assert_array_equal(alone.ids[0], together.ids[i])
        np.testing.assert_allclose(alone.score[0], together.score[i], atol=1e-6)


def test_the_state_follows_its_hypothesis():
    def step(tokens, state):  # the state sums what was read; the logits tell it, and prefer token 3 after 3 + 3
        total = state["total"] + tokens
        logits = ops.where(total[:, None] >= 6, [0.0, 0.0, 0.0, 5.0], [-9.0, 0.1, 0.0, 0.05])
        return logits, {"total": total}

    found = BeamSearch(step, END)([1], {"total": np.zeros(1, dtype="int32")}, length=3, width=6)
    for ids, length, log_p in zip(found.ids[0], found.lengths[0], found.log_probability[0], strict=True):
        total, expected = 0, 0.0
        for last, token in zip([1, *ids], ids[:length], strict=False):
            total += last
            logits = np.array([0.0, 0.0, 0.0, 5.0] if total >= 6 else [-9.0, 0.1, 0.0, 0.05])
            expected += logits[token] - np.log(np.exp(logits).sum())
        assert log_p == pytest.approx(expected, abs=1e-5)


def test_ids_that_a_beam_never_chooses_and_places_without_a_hypothesis():
    found = BeamSearch(of_table, END, never=[2, 3])([1], its_state(TABLE[:1]), length=3, width=6)
    real = np.isfinite(found.log_probability[0])
    assert real.tolist() == [True] * 4 + [False] * 2  # 0 · 10 · 110 · 111
    assert set(found.ids[0][real].ravel()) == {0, 1}
    assert np.isneginf(found.score[0][~real]).all()
    with pytest.raises(ValueError, match="could not end"):
        BeamSearch(of_table, END, never=[END])


def test_another_penalty_compiles_nothing_again():
    calls = []

    def counted(tokens, state):
        calls.append(1)
        return of_table(tokens, state)

    search = BeamSearch(counted, END)
    search([1], its_state(TABLE[:1]), length=3, width=2)
    once = len(calls)
    search([2], its_state(TABLE[1:2]), length=3, width=2, length_penalty=0.3)
    assert len(calls) == once


@pytest.mark.parametrize(
    ("tokens", "changes", "said"),
    [
        ([[1]], {}, r"tokens has shape \(1, 1\)"),
        ([1.0], {}, "dtype float"),
        ([1], {"length": 0}, "length is 0"),
        ([1], {"width": 0}, "width is 0"),
        ([1], {"width": 1.5}, "width is 1.5"),
        ([1], {"length_penalty": -1}, "length_penalty is -1"),
    ],
)
def test_a_search_that_cannot_be_is_refused(tokens, changes, said):
    with pytest.raises(ValueError, match=said):
        BeamSearch(of_table, END)(tokens, its_state(TABLE[:1]), **{"length": 3, **changes})


# Viterbi


def test_viterbi_finds_the_best_of_all_legal_sequences():
    rng = np.random.default_rng(0)
    tags = ["O", "B-A", "I-A", "B-B", "I-B"]
    legal, first = legal_bio(tags)
    scores = rng.normal(size=(6, 5, 5)) * 3
    mask = np.arange(5) < np.array([5, 4, 3, 2, 1, 5])[:, None]
    found = viterbi(scores, mask, legal, first)
    for i, length in enumerate(mask.sum(axis=1)):
        best = max(
            (
                path
                for path in itertools.product(range(5), repeat=int(length))
                if first[path[0]] and all(legal[a, b] for a, b in itertools.pairwise(path))
            ),
            key=lambda path, i=i: sum(scores[i, t, tag] for t, tag in enumerate(path)),
        )
        assert found[i, :length].tolist() == list(best)
        assert (found[i, length:] == 0).all()


def test_viterbi_without_constraints_is_argmax():
    scores = np.random.default_rng(0).normal(size=(3, 4, 5))
    everything = np.ones((5, 5), dtype=bool), np.ones(5, dtype=bool)
    np.testing.assert_array_equal(viterbi(scores, np.ones((3, 4), dtype=bool), *everything), scores.argmax(-1))


def test_viterbi_of_what_does_not_fit():
    ones = np.ones((2, 2), dtype=bool)
    with pytest.raises(ValueError, match=r"scores has shape \(2, 2\)"):
        viterbi(np.zeros((2, 2)), ones, ones, ones[0])
    with pytest.raises(ValueError, match="scores has 3 tags"):
        viterbi(np.zeros((2, 2, 3)), ones, ones, ones[0])
    with pytest.raises(ValueError, match="no legal follower"):
        viterbi(np.zeros((2, 2, 2)), ones, ~ones, ones[0])
