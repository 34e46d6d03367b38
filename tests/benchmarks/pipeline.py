"""What length buckets save: share of padding and tokens per second, before and after.

Run by hand: `python tests/benchmarks/pipeline.py [BATCHES]`. The data are the training words of `pronunciation`; a
token is a real letter or phoneme. "Drawn at random" is what `shuffle` and `padded_batch` of tf.data give.
"Reading" makes batches and does nothing with them; "training" passes them through an embedding, a GRU of 128 units
on each side and a softmax, forward and backward, one compiled function for all shapes.
"""

import sys
import time

import keras
import tensorflow as tf
from rich.console import Console
from rich.progress import track
from rich.table import Table

from utils.datasets import pipeline, records
from utils.text import Vocabulary

BATCH_SIZE = 128
TOKENS = 1280  # as many tokens as an average batch of 128 words has
UNITS = 128


def encoded() -> tuple[dict, int, int]:
    """Return the encoded sources and targets, and the sizes of their vocabularies."""
    pairs = [
        (list(record["word"]), record["pronunciations"][0].split(" ")) for record in records("pronunciation", "train")
    ]
    letters = Vocabulary.build(source for source, _ in pairs)
    phonemes = Vocabulary.build(target for _, target in pairs)
    fields = {
        "source": [letters.encode(source, eos=True) for source, _ in pairs],
        "target": [phonemes.encode(target, bos=True, eos=True) for _, target in pairs],
    }
    return fields, len(letters), len(phonemes)


def random_batches(fields: dict) -> tf.data.Dataset:
    """Return batches as tf.data makes them where nobody looks at lengths."""
    columns = {
        name: tf.RaggedTensor.from_row_lengths(tf.concat(values, 0), [len(value) for value in values])
        for name, values in fields.items()
    }
    size = len(fields["source"])
    data = tf.data.Dataset.from_tensor_slices(columns).map(dict).cache().shuffle(size, seed=0)
    data = data.padded_batch(BATCH_SIZE).map(
        lambda batch: {**batch, **{f"{name}_mask": values > 0 for name, values in batch.items()}}
    )
    return data.prefetch(tf.data.AUTOTUNE)


def training_step(sources: int, targets: int):
    """Return a compiled function that takes a batch and makes one step of training."""
    source, source_mask = keras.Input([None], dtype="int32"), keras.Input([None], dtype="bool")
    target, target_mask = keras.Input([None], dtype="int32"), keras.Input([None], dtype="bool")
    x = keras.layers.Embedding(sources, UNITS)(source)
    _, state = keras.layers.GRU(UNITS, return_state=True)(x, mask=source_mask)
    y = keras.layers.Embedding(targets, UNITS)(target)
    y = keras.layers.GRU(UNITS, return_sequences=True)(y, mask=target_mask, initial_state=state)
    model = keras.Model([source, source_mask, target, target_mask], keras.layers.Dense(targets)(y))
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(batch):
        with tf.GradientTape() as tape:
            logits = model([batch["source"], batch["source_mask"], batch["target"], batch["target_mask"]])
            losses = keras.losses.sparse_categorical_crossentropy(
                batch["target"][:, 1:], logits[:, :-1], from_logits=True
            )
            loss = tf.reduce_mean(tf.boolean_mask(losses, batch["target_mask"][:, 1:]))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step


def counted(batch: dict) -> tuple[int, int]:
    """Return the real tokens and all positions of a batch."""
    masks = [batch[f"{name}_mask"].numpy() for name in ("source", "target")]
    return sum(int(mask.sum()) for mask in masks), sum(mask.size for mask in masks)


def measured(data: tf.data.Dataset, step, steps: int) -> tuple[float, float, float]:
    """Return the share of padding, and the tokens per second of reading and of training."""
    real = positions = 0
    for batch in data:  # the first pass fills the cache, and is not timed
        tokens, size = counted(batch)
        real, positions = real + tokens, positions + size
    start = time.perf_counter()
    for _ in data:
        pass
    reading = real / (time.perf_counter() - start)
    trained = seconds = 0.0
    for number, batch in enumerate(track(data.take(steps + 10), "training", total=steps + 10, transient=True)):
        start = time.perf_counter()
        step(batch).numpy()
        if number >= 10:  # the first steps compile
            seconds += time.perf_counter() - start
            trained += counted(batch)[0]
    return (positions - real) / positions, reading, trained / seconds


def main(steps: int) -> None:
    """Measure and print."""
    fields, sources, targets = encoded()
    table = Table("batches", "padding", "reading, tokens/s", "training, tokens/s")
    for name, data in (
        (f"{BATCH_SIZE} examples, drawn at random", random_batches(fields)),
        (f"{BATCH_SIZE} examples, by length", pipeline.batches(fields, batch_size=BATCH_SIZE)),
        (f"{TOKENS} tokens, by length", pipeline.batches(fields, tokens=TOKENS)),
    ):
        padding, reading, training = measured(data, training_step(sources, targets), steps)
        table.add_row(name, f"{padding:.1%}", f"{reading:,.0f}", f"{training:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
