"""How well models that read the order of the words do on `reviews`, beside bags of words and of bigrams.

Run by hand: `python tests/benchmarks/reviews_models.py [EPOCHS]`. Prints the accuracies on validation and test and the
seconds of training; the figures in the data card come from here.
"""

import sys
import time
from collections import Counter

import keras
import numpy as np

from utils.datasets import records, reviews
from utils.text import Vocabulary

LENGTH = max(len(r["text"].split()) for split in ("train", "validation", "test") for r in records("reviews", split))


def encoded(vocabulary: Vocabulary, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the padded word indices, shape (examples, LENGTH), and the labels."""
    part = records("reviews", split)
    X = np.zeros((len(part), LENGTH), dtype="int32")
    for row, record in zip(X, part, strict=True):
        ids = vocabulary.encode(record["text"].split())
        row[: len(ids)] = ids
    return X, np.array([record["label"] for record in part])


def recurrent(size: int, layer: type, seed: int) -> keras.Model:
    """Return a model of one recurrent layer on 32-dimensional embeddings; padding is masked."""
    keras.utils.set_random_seed(seed)
    words = keras.Input((LENGTH,), dtype="int32")
    x = keras.layers.Embedding(size, 32)(words)
    x = layer(64)(x, mask=keras.ops.not_equal(words, 0))
    return keras.Model(words, keras.layers.Dense(len(reviews.LABELS), activation="softmax")(x))


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    vocabulary = Vocabulary.build(r["text"].split() for r in records("reviews", "train"))
    data = {split: encoded(vocabulary, split) for split in ("train", "validation", "test")}
    for layer in (keras.layers.GRU, keras.layers.LSTM):
        model = recurrent(len(vocabulary), layer, seed=0)
        steps = epochs * len(data["train"][0]) // 64
        rate = keras.optimizers.schedules.CosineDecay(5e-3, steps)
        model.compile(
            keras.optimizers.Adam(rate, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        start = time.perf_counter()
        model.fit(*data["train"], batch_size=64, epochs=epochs, verbose=0)
        seconds = time.perf_counter() - start
        scores = {split: model.evaluate(*data[split], verbose=0, batch_size=512)[1] for split in data}
        print(layer.__name__, {split: round(score, 4) for split, score in scores.items()}, f"{seconds:.0f} s")
        wrong = model.predict(data["test"][0], verbose=0, batch_size=512).argmax(1) != data["test"][1]
        print(Counter(r["kind"] for r, w in zip(records("reviews", "test"), wrong, strict=True) if w).most_common(6))
        for r in [r for r, w in zip(records("reviews", "test"), wrong, strict=True) if w][:5]:
            print("  ", r["label_name"], "|", r["text"])
    if epochs == 12:
        for presence in (False, True):
            for penalty in (0.1, 1.0, 10.0):
                print("bag of words", presence, penalty, reviews.bag_of_words_accuracy(presence, penalty))
        print("bag of bigrams", reviews.bag_of_words_accuracy(penalty=1.0, bigrams=True, least=3))


if __name__ == "__main__":
    main()
