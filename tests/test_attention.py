"""Bahdanau's and Luong's attention against their formulas and the layers of Keras."""

import keras
import numpy as np
import pytest
from keras import ops

from utils.layers import AdditiveAttention, LuongAttention

RNG = np.random.default_rng(0)
MASK = np.arange(5) < np.array([5, 3, 1])[:, None]
QUERY, QUERIES = RNG.normal(size=(3, 4)).astype("float32"), RNG.normal(size=(3, 6, 4)).astype("float32")
MEMORY = RNG.normal(size=(3, 5, 7)).astype("float32")
SAME = RNG.normal(size=(3, 5, 4)).astype("float32")  # a memory as wide as the queries
SCORES = ("dot", "general", "concat")


def arrays(results):
    return [ops.convert_to_numpy(result) for result in results]


def softmax(e):
    return np.exp(e - e.max()) / np.exp(e - e.max()).sum()


def by_formula(score, s, h, mask):
    """Contexts and weights of single queries s (batch, n_s), example by example and position by position."""
    c, alpha = np.zeros((len(s), h.shape[-1])), np.zeros(mask.shape)
    for b, real in enumerate(mask.sum(axis=1)):
        alpha[b, :real] = softmax(np.array([score(s[b], h[b, j]) for j in range(real)]))
        for j in range(real):
            c[b] += alpha[b, j] * h[b, j]
    return c, alpha


def test_additive_attention_is_its_formula():
    layer = AdditiveAttention(6)
    found = arrays(layer(QUERY, MEMORY, MASK))
    assert {weight.name: tuple(weight.shape) for weight in layer.weights} == {"W_a": (4, 6), "U_a": (7, 6), "v_a": (6,)}
    W_a, U_a, v_a = arrays([layer.W_a, layer.U_a, layer.v_a])
    expected = by_formula(lambda s, h: v_a @ np.tanh(W_a.T @ s + U_a.T @ h), QUERY, MEMORY, MASK)
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)


def test_additive_attention_with_unit_matrices_is_that_of_keras():
    layer, theirs = AdditiveAttention(4), keras.layers.AdditiveAttention()
    layer.build((3, 4), (3, 5, 4))
    theirs.build([(3, 1, 4), (3, 5, 4)])
    v_a = RNG.normal(size=4)
    layer.set_weights([np.eye(4), np.eye(4), v_a])
    theirs.set_weights([v_a])
    context, weights = theirs([QUERY[:, None], SAME], mask=[None, MASK], return_attention_scores=True)
    found = arrays(layer(QUERY, SAME, MASK))
    np.testing.assert_allclose(found[0], ops.convert_to_numpy(context)[:, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], ops.convert_to_numpy(weights)[:, 0], atol=1e-6)


def test_keys_projected_once_serve_every_query():
    layer = AdditiveAttention(6)
    with pytest.raises(ValueError, match="no weights yet"):
        layer.project(MEMORY)
    without = arrays(layer(QUERY, MEMORY, MASK))
    keys = layer.project(MEMORY)
    assert keys.shape == (3, 5, 6)
    for value, other in zip(arrays(layer(QUERY, MEMORY, MASK, keys=keys)), without, strict=True):
        np.testing.assert_array_equal(value, other)
    changed = arrays(layer(QUERY, MEMORY, MASK, keys=ops.zeros_like(keys)))[1]  # nothing is left to tell them apart
    np.testing.assert_allclose(changed, MASK / MASK.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_luongs_scores_are_their_formulas(score):
    memory = SAME if score == "dot" else MEMORY
    layer = LuongAttention(score, units=6 if score == "concat" else None)
    found = arrays(layer(QUERY, memory, MASK))
    W_a = ops.convert_to_numpy(layer.W_a) if score != "dot" else None
    formula = {
        "dot": lambda s, h: s @ h,
        "general": lambda s, h: s @ W_a @ h,
        "concat": lambda s, h: ops.convert_to_numpy(layer.v_a) @ np.tanh(W_a.T @ np.concatenate([s, h])),
    }[score]
    for value, other in zip(found, by_formula(formula, QUERY, memory, MASK), strict=True):
        np.testing.assert_allclose(value, other, atol=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_all_queries_at_once_are_one_after_the_other(score):
    layer = LuongAttention(score)
    memory = SAME if score == "dot" else MEMORY
    contexts, weights = arrays(layer(QUERIES, memory, MASK))
    assert contexts.shape == (3, 6, memory.shape[-1])
    assert weights.shape == (3, 6, 5)
    for i in range(6):
        context, weight = arrays(layer(QUERIES[:, i], memory, MASK))
        np.testing.assert_allclose(contexts[:, i], context, atol=1e-6)
        np.testing.assert_allclose(weights[:, i], weight, atol=1e-6)


def test_the_dot_product_is_the_attention_of_keras():
    found = arrays(LuongAttention()(QUERIES, SAME, MASK))
    theirs = keras.layers.Attention()([QUERIES, SAME], mask=[None, MASK], return_attention_scores=True)
    for value, other in zip(found, arrays(theirs), strict=True):
        np.testing.assert_allclose(value, other, atol=1e-6)


LAYERS = [AdditiveAttention(6), *(LuongAttention(score) for score in SCORES)]


@pytest.mark.parametrize("layer", LAYERS, ids=["additive", *SCORES])
def test_padding_gets_no_weight_and_its_content_no_influence(layer):
    context, alpha = arrays(layer(QUERY, SAME, MASK))
    assert (alpha[~MASK] == 0).all()
    np.testing.assert_allclose(alpha.sum(axis=1), 1, atol=1e-6)
    filled = np.where(MASK[..., None], SAME, 100 * RNG.normal(size=SAME.shape)).astype("float32")
    for value, other in zip(arrays(layer(QUERY, filled, MASK)), (context, alpha), strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("kind", ["additive", *SCORES])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_half_precision_and_rows_without_a_real_position_give_no_nan(kind, policy):
    layer = AdditiveAttention(6, dtype=policy) if kind == "additive" else LuongAttention(kind, dtype=policy)
    mask = MASK & np.array([True, True, False])[:, None]
    context, alpha = (np.asarray(ops.cast(part, "float32")) for part in layer(30 * QUERY, 30 * SAME, mask))
    assert np.isfinite(context).all()
    assert (alpha[~mask] == 0).all()
    assert (context[2] == 0).all()
    np.testing.assert_allclose(alpha[:2].sum(axis=1), 1, atol=0.02)


@pytest.mark.parametrize("kind", ["additive", "concat"])
def test_a_model_with_it_is_saved_and_loaded(kind, tmp_path):
    layer = AdditiveAttention(6) if kind == "additive" else LuongAttention("concat", units=3)
    inputs = [keras.Input((4,)), keras.Input((None, 7)), keras.Input((None,), dtype="bool")]
    model = keras.Model(inputs, layer(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for value, other in zip(loaded([QUERY, MEMORY, MASK]), model([QUERY, MEMORY, MASK]), strict=True):
        np.testing.assert_array_equal(*arrays([value, other]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="score is 'sum'"):
        LuongAttention("sum")
    with pytest.raises(ValueError, match="'dot' has no hidden layer"):
        LuongAttention("dot", units=3)
    with pytest.raises(ValueError, match=r"queries have 4 features and the memory 7.*take 'general'"):
        LuongAttention("dot")(QUERY, MEMORY, MASK)
    with pytest.raises(ValueError, match="units is 0"):
        AdditiveAttention(0)
