"""Tests of `utils.text`."""

import doctest
import pickle
import subprocess
import sys

import numpy as np
import pytest

from utils import text
from utils.text import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary


def test_docstring_examples():
    assert doctest.testmod(text).failed == 0


def test_import_brings_in_no_tensorflow():
    code = "import sys, utils.text; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("David's dog", ["david's", "dog"]),
        ("David’s dog", ["david's", "dog"]),
        ("Wait... what?!", ["wait", ".", ".", ".", "what", "?", "!"]),
        ("the boys' dog", ["the", "boys", "'", "dog"]),
        ("L'arbre déjà", ["l'arbre", "déjà"]),
        ("de\u0301ja\u0300", ["déjà"]),
        ("  \n", []),
        ("", []),
    ],
)
def test_tokenize(sentence, tokens):
    assert text.tokenize(sentence) == tokens


def test_tokenize_refuses_a_list():
    with pytest.raises(TypeError, match="list"):
        text.tokenize(["the dog"])


SENTENCES = [["the", "dog", "barks"], ["the", "cat"], ["a", "dog"]]


def test_vocabulary_orders_by_frequency_then_alphabet_after_the_specials():
    vocabulary = Vocabulary.build(SENTENCES)
    assert vocabulary.tokens == (*SPECIALS, "dog", "the", "a", "barks", "cat")
    assert [vocabulary.id_of(token) for token in (PAD, UNK, BOS, EOS)] == [0, 1, 2, 3]


def test_vocabulary_does_not_depend_on_the_order_of_the_sentences():
    assert Vocabulary.build(SENTENCES) == Vocabulary.build(SENTENCES[::-1])


def test_vocabulary_limits():
    assert Vocabulary.build(SENTENCES, min_count=2).tokens == (*SPECIALS, "dog", "the")
    assert Vocabulary.build(SENTENCES, max_size=5).tokens == (*SPECIALS, "dog")
    assert Vocabulary.build(SENTENCES, max_size=4).tokens == SPECIALS
    assert len(Vocabulary.build(SENTENCES, max_size=100)) == 9


def test_vocabulary_counts_a_special_in_the_data_once():
    assert Vocabulary.build([["<UNK>", "dog"]]).tokens == (*SPECIALS, "dog")


def test_vocabulary_encodes_and_decodes():
    vocabulary = Vocabulary.build(SENTENCES)
    ids = vocabulary.encode(["the", "bird"], bos=True, eos=True)
    assert ids.tolist() == [2, 5, 1, 3]
    assert ids.dtype == np.int32
    assert vocabulary.decode(ids) == ["the", UNK]
    assert vocabulary.decode([*ids, 0, 0], keep_specials=True) == [BOS, "the", UNK, EOS, PAD, PAD]


def test_vocabulary_encodes_and_decodes_nothing():
    ids = Vocabulary.build(SENTENCES).encode([])
    assert (ids.shape, ids.dtype) == ((0,), np.int32)
    assert Vocabulary.build(SENTENCES).decode([]) == []


def test_vocabulary_membership_and_unknown_tokens():
    vocabulary = Vocabulary.build(SENTENCES)
    assert "dog" in vocabulary
    assert "bird" not in vocabulary
    assert vocabulary.id_of("bird") == 1


def test_vocabulary_is_immutable_hashable_and_survives_pickling():
    vocabulary = Vocabulary.build(SENTENCES)
    with pytest.raises(AttributeError):
        vocabulary.tokens = ()
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert again.encode(["dog"]).tolist() == [4]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Vocabulary(("dog",)), ValueError, "Vocabulary.build"),
        (lambda: Vocabulary((*SPECIALS, "dog", "dog")), ValueError, "'dog' comes more than once"),
        (lambda: Vocabulary.build(["the dog"]), TypeError, "tokenize"),
        (lambda: Vocabulary.build("the dog"), TypeError, "tokenize"),
        (lambda: Vocabulary.build([[1, 2]]), TypeError, "int"),
        (lambda: Vocabulary.build([], min_count=0), ValueError, "min_count is 0"),
        (lambda: Vocabulary.build([], max_size=3), ValueError, "max_size is 3"),
        (lambda: Vocabulary.build(SENTENCES).encode("dog"), TypeError, "tokenize"),
        (lambda: Vocabulary.build(SENTENCES).decode([9]), ValueError, "holds 9, but 0 to 8"),
        (lambda: Vocabulary.build(SENTENCES).decode([-1]), ValueError, "holds -1"),
        (lambda: Vocabulary.build(SENTENCES).decode([[4]]), ValueError, r"shape \(1, 1\)"),
        (lambda: Vocabulary.build(SENTENCES).decode([4.0]), ValueError, "float64"),
    ],
)
def test_vocabulary_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_pad_to_the_longest():
    X, mask = text.pad([[5, 6], [], [7, 8, 9]], value=-1)
    assert X.tolist() == [[5, 6, -1], [-1, -1, -1], [7, 8, 9]]
    assert X.dtype == np.int32
    assert mask.tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert mask.dtype == bool


def test_pad_to_a_length_and_nothing_but_empty_sequences():
    X, mask = text.pad([[5]], length=3)
    assert (X.tolist(), mask.tolist()) == ([[5, 0, 0]], [[True, False, False]])
    X, mask = text.pad([[], []])
    assert (X.shape, X.dtype, mask.shape) == ((2, 0), np.int32, (2, 0))


def test_pad_keeps_floating_dtypes_and_real_zeros():
    X, mask = text.pad([np.zeros(1, np.float32), np.ones(2, np.float32)])
    assert X.dtype == np.float32
    assert mask[0].tolist() == [True, False]


@pytest.mark.parametrize(
    ("sequences", "options", "words"),
    [
        ([], {}, "empty"),
        ([[1], [1, 2, 3]], {"length": 2}, "sequence 1 has 3 positions, but length is 2"),
        ([[[1]]], {}, r"sequence 0 has shape \(1, 1\)"),
        ([1, 2], {}, r"shape \(\)"),
        ([["dog"]], {}, "encode"),
        ([[2**40]], {}, "int32"),
        ([[1]], {"value": 0.5}, "value is 0.5"),
    ],
)
def test_pad_errors(sequences, options, words):
    with pytest.raises(ValueError, match=words):
        text.pad(sequences, **options)


def test_one_hot_of_any_shape():
    ids = np.array([[0, 2], [1, 1]])
    vectors = text.one_hot(ids, 3)
    assert vectors.shape == (2, 2, 3)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors.argmax(axis=-1), ids)
    np.testing.assert_array_equal(vectors.sum(axis=-1), 1)
    assert text.one_hot(2, 3).tolist() == [0, 0, 1]


@pytest.mark.parametrize(("ids", "words"), [([3], "holds 3, but 0 to 2"), ([-1], "-1"), ([0.5], "float64")])
def test_one_hot_errors(ids, words):
    with pytest.raises(ValueError, match=words):
        text.one_hot(ids, 3)


def test_masked_mean_is_the_mean_of_the_real_part():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 4, 2))
    lengths = [4, 1, 3]
    mask = np.arange(4) < np.array(lengths)[:, None]
    values[~mask] = np.nan
    expected = [values[i, :length].mean(axis=0) for i, length in enumerate(lengths)]
    np.testing.assert_allclose(text.masked_mean(values, mask), expected)
    by_position = [[values[mask[:, t], t].mean(axis=0)] for t in range(4)]
    np.testing.assert_allclose(text.masked_mean(values, mask, axis=0), np.concatenate(by_position))


def test_masked_mean_keeps_float32():
    assert text.masked_mean(np.ones((1, 2), np.float32), np.ones((1, 2), bool)).dtype == np.float32


@pytest.mark.parametrize(
    ("values", "mask", "axis", "words"),
    [
        (np.ones((2, 2)), [[True, False], [False, False]], 1, "no True in row 1"),
        (np.ones((2, 2)), [[True, False], [True, False]], 0, "no True in column 1"),
        (np.ones((2, 3)), [[True, False]], 1, r"shape \(1, 2\).*\(2, 3\) is expected"),
        (np.ones((1, 2)), [[1, 0]], 1, "astype"),
        (np.ones(2), [True, True], 1, r"values has shape \(2,\)"),
        (np.ones((1, 2)), [[True, True]], 2, "axis is 2"),
    ],
)
def test_masked_mean_errors(values, mask, axis, words):
    with pytest.raises(ValueError, match=words):
        text.masked_mean(values, mask, axis=axis)


def test_bucket_boundaries_are_inclusive():
    assert text.bucket_ids([0, 5, 6, 10, 11], [5, 10]).tolist() == [0, 0, 1, 1, 2]
    assert text.bucket_ids([1, 99], []).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("lengths", "boundaries", "words"),
    [
        ([1], [5, 5], "larger than the one before"),
        ([1], 5, r"boundaries has shape \(\)"),
        ([[1]], [5], r"lengths has shape \(1, 1\)"),
        ([-1], [5], "-1"),
        ([1.5], [5], "float64"),
    ],
)
def test_bucket_errors(lengths, boundaries, words):
    with pytest.raises(ValueError, match=words):
        text.bucket_ids(lengths, boundaries)


def test_padding_share_is_what_pad_pads():
    lengths = [3, 1, 7, 2]
    batches = [[0, 2], [1, 3]]
    masks = [text.pad([[1] * lengths[i] for i in batch])[1] for batch in batches]
    expected = sum((~mask).sum() for mask in masks) / sum(mask.size for mask in masks)
    assert text.padding_share(lengths, batches) == pytest.approx(expected)
    assert text.padding_share([0, 0], [[0, 1]]) == 0.0


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "at least one batch"),
        ([[0], []], "batch 1"),
        ([[0, 2]], "batch 0 holds 2, but 0 to 1"),
        ([[-1]], "-1"),
        ([[0.0]], "float64"),
    ],
)
def test_padding_share_errors(batches, words):
    with pytest.raises(ValueError, match=words):
        text.padding_share([3, 4], batches)
