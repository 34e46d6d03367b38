"""Language models of the data set `tales`: how near they come to the grammar, and what each of their parts does.

`language-model` trains on all sentences, `tying` on few, with one matrix or two at input and output. `carried-state`
reads the sentences end to end in segments, and starts each from zeros or from the state that the one before left. The
network is the library's, `utils.training.language_model`.
"""

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import records

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary
    from utils.training.language_model import LanguageModel

Advance = Callable[[int], None]


@functools.cache
def vocabulary(min_count: int) -> "Vocabulary":
    """Return the vocabulary of the training words that occur at least so often; the others are `<UNK>`."""
    from utils.text import Vocabulary

    return Vocabulary.build([record["text"].split(" ") for record in records("tales", "train")], min_count=min_count)


@functools.cache
def sentences(split: str, min_count: int) -> list[np.ndarray]:
    """Return the sentences of a split as ids, each from `<BOS>` to `<EOS>`."""
    words = vocabulary(min_count)
    return [words.encode(record["text"].split(" "), bos=True, eos=True) for record in records("tales", split)]


def network(settings: Mapping[str, Any], variant: Mapping[str, Any]) -> "LanguageModel":
    """Build embedding, LSTM and softmax.

    Args:
        settings: "min_count", as `vocabulary` takes it, "embedding" and "n_a", the sizes.
        variant: "weights", "tied" where one matrix serves at input and output, else "untied"; "direct", "yes" where
            the last word's embedding goes straight to the softmax too, if that is tied; "dropout", the share.

    Returns:
        The model, with its weights.
    """
    from utils.training.language_model import LanguageModel

    size, tied = settings["embedding"], variant["weights"] == "tied"
    model = LanguageModel(
        len(vocabulary(settings["min_count"])),
        size,
        settings["n_a"],
        dropout=variant["dropout"],
        tied=tied,
        scale=size**0.5,  # of both, so that steps of the same size change the inputs equally much
        direct=variant["direct"] == "yes",
    )
    model.build()
    return model


def optimizer_of(model: "keras.Model", steps: int, settings: Mapping[str, Any]) -> "keras.optimizers.Optimizer":
    """Make Adam with a rate that falls along a cosine to 0, from "learning_rate", and clips at "clipnorm"."""
    import keras

    falling = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], steps)
    optimizer = keras.optimizers.Adam(falling, global_clipnorm=settings["clipnorm"])
    optimizer.build(model.trainable_variables)
    return optimizer


def learn(
    model: "LanguageModel", seed: int, settings: Mapping[str, Any], advance: Advance = lambda epochs: None
) -> Iterator[dict[str, float]]:
    """Train on single sentences.

    Args:
        model: What `network` gives.
        seed: Decides the batches.
        settings: "sentences", how many of the training split; "batch", "epochs", "judged_on", splits; and those of
            `optimizer_of`.
        advance: Called with 1 after each epoch.

    Yields:
        After each epoch "train", the mean loss of its training steps, and that on the splits, in nats a token.
    """
    import tensorflow as tf

    from utils.datasets.pipeline import batches

    train = sentences("train", settings["min_count"])[: settings["sentences"]]
    fed = batches({"s": train}, batch_size=settings["batch"], seed=seed)
    optimizer = optimizer_of(model, settings["epochs"] * math.ceil(len(train) / settings["batch"]), settings)

    def losses(ids: Any, mask: Any, training: bool) -> Any:
        logits, _ = model(ids[:, :-1], training=training)
        real = mask[:, 1:]
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.boolean_mask(ids[:, 1:], real), tf.boolean_mask(logits, real)
        )

    shapes = [fed.element_spec[name] for name in ("s", "s_mask")]

    @tf.function(input_signature=shapes)
    def step(ids, mask):
        with tf.GradientTape() as tape:
            nats = losses(ids, mask, True)
            loss = tf.reduce_mean(nats)
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return tf.reduce_sum(nats), tf.size(nats)

    @tf.function(input_signature=shapes)
    def read(ids, mask):
        nats = losses(ids, mask, False)
        return tf.reduce_sum(nats), tf.size(nats)

    parts = {"train": (step, fed)}
    for split in settings["judged_on"]:
        ids = sentences(split, settings["min_count"])
        parts[split] = (read, batches({"s": ids}, batch_size=256, shuffle=False))
    for _ in range(settings["epochs"]):
        yield {name: _mean(take(b["s"], b["s_mask"]) for b in part) for name, (take, part) in parts.items()}
        advance(1)


def _mean(sums: Iterator[tuple[Any, Any]]) -> float:
    total, count = np.sum([(float(nats), int(size)) for nats, size in sums], axis=0)
    return float(total / count)


def rows(seed: int, settings: Mapping[str, Any], advance: Advance) -> Iterator[dict[str, Any]]:
    """Train one network for each variant.

    Args:
        seed: Decides weights, batches and dropout.
        settings: As `network` and `learn` take them, and "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, those of the variant, epoch, train, and the splits.
    """
    from utils.runtime import seed_everything

    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(settings, variant)
        for epoch, nats in enumerate(learn(model, seed, settings, advance), start=1):
            yield {"seed": seed, **variant, "epoch": epoch, **nats}


# Running text


@functools.cache
def running(split: str, min_count: int, streams: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of all sentences end to end, cut into equally long rows, (streams, positions)."""
    text = sentences(split, min_count)
    x, y = (np.concatenate([ids[part] for ids in text]) for part in (slice(None, -1), slice(1, None)))
    whole = len(x) // streams * streams
    return x[:whole].reshape(streams, -1), y[:whole].reshape(streams, -1)


def carried_rows(seed: int, settings: Mapping[str, Any], advance: Advance) -> Iterator[dict[str, Any]]:
    """Train networks on running text in segments, with the state carried or reset, and read the test text both ways.

    Args:
        seed: Decides the weights.
        settings: As `network` and `optimizer_of` take them, and "streams", "passes" over the text, "lengths" of the
            segments, "trained" (some of "carried", "reset").
        advance: Called with 1 after each pass.

    Yields:
        Rows with seed, length, trained, read, nats: a token of the test text, in segments of the same length.
    """
    import tensorflow as tf

    from utils.runtime import seed_everything

    text = {split: running(split, settings["min_count"], settings["streams"]) for split in ("train", "test")}
    ids = tf.TensorSpec((settings["streams"], None), "int32")
    part_of_state = tf.TensorSpec((settings["streams"], settings["n_a"]), "float32")
    shapes = [ids, ids, [[part_of_state, part_of_state]]]
    for length in settings["lengths"]:
        for trained in settings["trained"]:
            seed_everything(seed)
            model = network(settings, {"weights": "tied", "direct": "yes", "dropout": 0.0})
            optimizer = optimizer_of(
                model, settings["passes"] * math.ceil(text["train"][0].shape[1] / length), settings
            )

            @tf.function(input_signature=shapes)
            def step(x, y, state, model=model, optimizer=optimizer):
                with tf.GradientTape() as tape:
                    logits, state = model(x, state, training=True)
                    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
                weights = model.trainable_variables
                optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
                return loss, state

            @tf.function(input_signature=shapes)
            def read(x, y, state, model=model):
                logits, state = model(x, state)
                return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)), state

            for _ in range(settings["passes"]):
                _through(model, step, *text["train"], length, trained == "carried")
                advance(1)
            for reading in ("carried", "reset"):
                nats = _through(model, read, *text["test"], length, reading == "carried")
                yield {"seed": seed, "length": length, "trained": trained, "read": reading, "nats": nats}


def _through(model: "LanguageModel", take: Callable, x: np.ndarray, y: np.ndarray, length: int, carried: bool) -> float:
    """Apply a function to one segment after the other; return the mean loss of a token."""
    zeros = model.initial_state(len(x))
    state, nats = zeros, 0.0
    for start in range(0, x.shape[1], length):
        part = slice(start, start + length)
        loss, state = take(x[:, part], y[:, part], state if carried else zeros)
        nats += float(loss) * x[:, part].shape[1]
    return nats / x.shape[1]
