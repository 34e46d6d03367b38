"""Tests of `utils.datasets.pipeline`: batches by length, padded, with masks."""

import doctest
import subprocess
import sys

import numpy as np
import pytest

from utils.datasets import pipeline, records
from utils.datasets.pipeline import batches
from utils.text import padding_share


def sequences(count=1000, longest=30, seed=1):
    random = np.random.default_rng(seed)
    return [random.integers(1, 100, size).astype(np.int32) for size in random.integers(1, longest + 1, count)]


def listed(dataset):
    return [{name: values.numpy() for name, values in batch.items()} for batch in dataset]


def indices(dataset):
    return [batch["index"].tolist() for batch in listed(dataset)]


def test_docstring_examples():
    assert doctest.testmod(pipeline).failed == 0


def test_import_needs_no_tensorflow():
    code = "import sys, utils.datasets.pipeline; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_example_comes_once_an_epoch_whole_and_masked():
    source, target = sequences(seed=1), sequences(seed=2)
    data = batches({"source": source, "target": target, "index": range(1000)}, batch_size=64)
    for _ in range(2):
        seen = []
        for batch in listed(data):
            for row, i in enumerate(batch["index"]):
                for name, whole in (("source", source), ("target", target)):
                    mask = batch[f"{name}_mask"][row]
                    assert mask[: len(whole[i])].all()
                    assert not mask[len(whole[i]) :].any()
                    assert batch[name][row][mask].tolist() == whole[i].tolist()
                    assert not batch[name][row][~mask].any()
            seen += batch["index"].tolist()
        assert sorted(seen) == list(range(1000))


def test_shapes_and_dtypes_are_declared():
    fields = {"ids": sequences(10), "signal": [np.zeros((3, 2)), np.ones((1, 2))] * 5, "label": [True, False] * 5}
    data = batches(fields, batch_size=4)
    spec = {name: (value.shape.as_list(), value.dtype.name) for name, value in data.element_spec.items()}
    assert spec == {
        "ids": ([None, None], "int32"),
        "ids_mask": ([None, None], "bool"),
        "signal": ([None, None, 2], "float32"),
        "signal_mask": ([None, None], "bool"),
        "label": ([None], "int32"),
    }
    for batch in listed(data):
        assert batch["signal"].shape == (*batch["signal_mask"].shape, 2)
        assert (batch["signal"][..., 0] == (batch["signal_mask"] & (batch["label"] == 0)[:, None])).all()


def test_a_constant_batch_size():
    data = batches({"x": sequences()}, batch_size=64)
    assert len(data) == 16
    for _ in range(2):
        assert sorted(len(batch["x"]) for batch in listed(data)) == [40] + [64] * 15


def test_a_constant_number_of_tokens():
    fields = {"source": sequences(seed=1), "target": sequences(seed=2)}
    data = batches(fields, tokens=300)
    made = listed(data)
    assert len(made) == len(data)
    sizes = [max(batch["source"].size, batch["target"].size) for batch in made]
    assert max(sizes) <= 300
    assert np.mean(sizes) > 230
    assert max(len(batch["source"]) for batch in made) > 3 * min(len(batch["source"]) for batch in made)


def test_batches_by_length_have_little_padding():
    lengths = [len(x) for x in sequences()]
    data = batches({"x": sequences(), "index": range(1000)}, batch_size=50)
    by_chance = padding_share(lengths, np.random.default_rng(0).permutation(1000).reshape(20, 50))
    assert by_chance > 0.4
    assert padding_share(lengths, indices(data)) < 0.1


def test_pairs_are_bucketed_by_both_lengths():
    source = sequences(20_000, seed=1)
    target = [
        np.ones(max(1, len(x) + shift))
        for x, shift in zip(source, np.random.default_rng(2).integers(-3, 4, 20_000), strict=True)
    ]
    data = batches({"source": source, "target": target, "index": range(20_000)}, batch_size=50)
    order = indices(data)
    assert padding_share([len(x) for x in source], order) < 0.06
    assert padding_share([len(x) for x in target], order) < 0.06


def test_the_seed_decides_every_epoch():
    import tensorflow as tf

    fields = {"x": sequences(200), "index": range(200)}
    first, again, other = (batches(fields, batch_size=16, seed=seed) for seed in (3, 3, 4))
    epochs = [indices(first) for _ in range(3)]
    tf.random.set_seed(99)
    np.random.seed(99)
    assert [indices(again) for _ in range(3)] == epochs
    assert epochs[0] != epochs[1] != epochs[2]
    assert {tuple(sorted(batch)) for batch in epochs[0]} != {tuple(sorted(batch)) for batch in epochs[1]}
    assert indices(other) != epochs[0]


def test_without_shuffling_batches_go_from_short_to_long():
    x = [[1] * length for length in (3, 1, 2, 1, 3, 2)]
    data = batches({"x": x, "index": range(6)}, batch_size=2, shuffle=False)
    assert indices(data) == indices(data) == [[1, 3], [2, 5], [0, 4]]


def test_padding_to_a_multiple_and_with_another_value():
    data = batches({"x": sequences(100)}, batch_size=10, multiple_of=8, pad_value=-1)
    for batch in listed(data):
        assert batch["x"].shape[1] % 8 == 0
        assert batch["x"].shape == batch["x_mask"].shape
        assert (batch["x"][~batch["x_mask"]] == -1).all()
    tokens = batches({"x": sequences(100)}, tokens=64, multiple_of=8)
    assert max(batch["x"].size for batch in listed(tokens)) <= 64


def test_empty_sequences_have_a_mask_without_true():
    made = listed(batches({"x": [[], [5], []], "index": range(3)}, batch_size=3))
    assert made[0]["x_mask"].sum() == 1
    assert made[0]["x_mask"].shape == (3, 1)
    assert listed(batches({"x": [[], []]}, batch_size=2))[0]["x"].shape == (2, 0)


def test_numbers_alone_make_batches_too():
    made = listed(batches({"y": [1.5, 2.5, 3.5]}, batch_size=2, shuffle=False))
    assert [batch["y"].tolist() for batch in made] == [[1.5, 2.5], [3.5]]


def test_keras_trains_on_them():
    import keras

    data = batches({"x": sequences(64, 8), "y": [0.0, 1.0] * 32}, batch_size=16)
    x, mask = keras.Input([None], dtype="int32"), keras.Input([None], dtype="bool")
    state = keras.layers.GRU(4)(keras.layers.Embedding(100, 4)(x), mask=mask)
    model = keras.Model([x, mask], keras.layers.Dense(1)(state))
    model.compile("adam", "mse")
    history = model.fit(
        data.map(lambda batch: ((batch["x"], batch["x_mask"]), batch["y"])), epochs=2, verbose=0, shuffle=False
    )
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("fields", "options", "said"),
    [
        ({}, {"batch_size": 2}, "fields is empty"),
        ({"x": []}, {"batch_size": 2}, "field 'x' has no examples"),
        ({"x": [[1]], "y": [[1], [2]]}, {"batch_size": 2}, "field 'y' has 2 examples, but 'x' has 1"),
        ({"x": [[1]]}, {}, "batch_size is None and tokens None, but one of them"),
        ({"x": [[1]]}, {"batch_size": 2, "tokens": 2}, "batch_size is 2 and tokens 2, but one of them"),
        ({"x": [[1]]}, {"batch_size": 0}, "batch_size is 0, but a whole number of at least 1"),
        ({"x": [[1]]}, {"tokens": 2.5}, "tokens is 2.5, but a whole number"),
        ({"x": [[1]]}, {"batch_size": 1, "multiple_of": 0}, "multiple_of is 0, but a whole number"),
        ({"x": [[1], [1] * 9]}, {"tokens": 8}, r"example 1 of x has 9 positions \(9 after padding\), but tokens is 8"),
        ({"x": [[1] * 5]}, {"tokens": 6, "multiple_of": 4}, r"5 positions \(8 after padding\), but tokens is 6"),
        ({"x": [["a"]]}, {"batch_size": 1}, "example 0 of 'x' has dtype <U1, but numbers are expected: encode"),
        ({"x": [[1], 2]}, {"batch_size": 1}, r"example 1 of 'x' has shape \(\), but \(time\) is expected"),
        ({"x": [[[1, 2]], [[1]]]}, {"batch_size": 1}, r"example 1 of 'x' has shape \(1, 1\), but \(time, 2\)"),
        ({"x": [[2**31]]}, {"batch_size": 1}, "field 'x' reaches 2147483648, but int32 is expected"),
        ({"x": [[1]], "x_mask": [[1]]}, {"batch_size": 1}, "that is the name of the mask: rename it"),
    ],
)
def test_wrong_arguments_are_named(fields, options, said):
    with pytest.raises(ValueError, match=said):
        batches(fields, **options)


@pytest.mark.slow
def test_pronunciation_has_hardly_any_padding():
    words = records("pronunciation", "train")
    fields = {
        "source": [[1] * len(word["word"]) for word in words],
        "target": [[1] * (word["pronunciations"][0].count(" ") + 1) for word in words],
        "index": range(len(words)),
    }
    order = indices(batches(fields, batch_size=128))
    for name in ("source", "target"):
        assert padding_share([len(x) for x in fields[name]], order) < 0.02
