"""What a tagger that reads in one direction reaches on `entities`, and one that reads in both, by where the clue is.

Run by hand: `python tests/benchmarks/entities_models.py [EPOCHS]`. The share of test entities with the right span and
type, by clue and by whether the name is new; the figures in the data card come from here. Words that training has
fewer than four times are `<UNK>`, among them many names, so that the models learn to do without the name.
"""

import sys
import time

import keras
import numpy as np

from utils.datasets import entities, records
from utils.text import Vocabulary

LENGTH, RARE = 35, 4


def encoded(vocabulary: Vocabulary, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return word indices, tags and weights (1 at real positions), each of shape (examples, LENGTH)."""
    part = records("entities", split)
    X, Y, weights = (np.zeros((len(part), LENGTH), dtype=kind) for kind in ("int32", "int32", "float32"))
    for i, record in enumerate(part):
        T_x = len(record["tokens"])
        X[i, :T_x] = vocabulary.encode(record["tokens"])
        Y[i, :T_x] = [entities.TAGS.index(tag) for tag in record["tags"]]
        weights[i, :T_x] = 1
    return X, Y, weights


def tagger(size: int, both: bool) -> keras.Model:
    """Return a tagger with one GRU layer, in one direction or in both."""
    keras.utils.set_random_seed(0)
    words = keras.Input((LENGTH,), dtype="int32")
    mask = keras.ops.not_equal(words, 0)
    layer = keras.layers.GRU(64, return_sequences=True)
    layer = keras.layers.Bidirectional(layer) if both else layer
    a = layer(keras.layers.Embedding(size, 32)(words), mask=mask)
    return keras.Model(words, keras.layers.Dense(len(entities.TAGS), activation="softmax")(a))


def main() -> None:
    """Train both taggers and print their shares."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    train = records("entities", "train")
    vocabulary = Vocabulary.build((record["tokens"] for record in train), min_count=RARE)
    data = {split: encoded(vocabulary, split) for split in ("train", "test")}
    for both in (False, True):
        model = tagger(len(vocabulary), both)
        model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy")
        start = time.perf_counter()
        X, Y, weights = data["train"]
        model.fit(X, Y, sample_weight=weights, batch_size=64, epochs=epochs, verbose=0)
        print("both directions" if both else "left to right", f"{time.perf_counter() - start:.0f} s")
        guess = model.predict(data["test"][0], batch_size=512, verbose=0).argmax(-1)
        shares: dict[tuple, list[bool]] = {}
        tokens = data["test"][2] > 0
        print("  token accuracy", np.mean((guess == data["test"][1])[tokens]).round(4))
        for record, row in zip(records("entities", "test"), guess, strict=True):
            tags = [entities.TAGS[tag] for tag in row[: len(record["tokens"])]] + ["O"]
            for (a, b, kind), clue, new in zip(
                entities.spans(record["tags"]), record["clues"], record["unseen"], strict=True
            ):
                hit = tags[a:b] == record["tags"][a:b] and tags[b] != f"I-{kind}"
                shares.setdefault((clue, new), []).append(hit)
        for key in sorted(shares):
            print(
                f"  clue {key[0]:<6} {'new' if key[1] else 'known':<6} {np.mean(shares[key]):.3f} of {len(shares[key])}"
            )


if __name__ == "__main__":
    main()
