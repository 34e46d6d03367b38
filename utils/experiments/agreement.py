"""Number agreement: does a network that predicts words learn that "the dog, which …" wags and the dogs wag?

Three objectives, from the least to the most direct: a loss at every word of the sentence, a loss at the verb alone
(both over the whole vocabulary), and one yes-or-no question, singular or plural, at the verb. The first two are judged
by whether the right form of the verb is more probable than the wrong one.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary

OBJECTIVES = ("every word", "the verb", "the number")
BINS = ((1, 10), (11, 20), (21, 30), (31, 40), (41, 50))  # of distance


class Sentences(NamedTuple):
    """A split as arrays of indices.

    Attributes:
        sentences: Each whole sentence, with the right verb.
        verb: The position of the verb in each, counted from 0.
        right: Index of the right form.
        wrong: Index of the other.
        plural: Whether the subject is plural.
        distance: Tokens between subject and verb.
        attractors: Nouns of the other number among them.
    """

    sentences: list[np.ndarray]
    verb: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    plural: np.ndarray
    distance: np.ndarray
    attractors: np.ndarray


@functools.cache
def data(split: str) -> Sentences:
    """Return a split of the data set `agreement`, encoded."""
    from utils.datasets import records

    words, found = vocabulary(), records("agreement", split)

    def column(name: str) -> np.ndarray:
        return np.array([record[name] for record in found])

    return Sentences(
        sentences=[np.asarray(words.encode(record["sentence"].split())) for record in found],
        verb=np.array([len(record["prefix"].split()) for record in found]),
        right=np.asarray(words.encode(column("right").tolist())),
        wrong=np.asarray(words.encode(column("wrong").tolist())),
        plural=column("number") == "pl",
        distance=column("distance"),
        attractors=column("attractors"),
    )


@functools.cache
def vocabulary() -> "Vocabulary":
    """Return the vocabulary of the training sentences, wrong forms of their verbs included."""
    from utils.datasets import records
    from utils.text import Vocabulary

    train = records("agreement", "train")
    return Vocabulary.build([*record["sentence"].split(), record["wrong"]] for record in train)


def network(cell: str, objective: str, settings: Mapping[str, Any]) -> "keras.Model":
    """Build embedding, one recurrent layer, and scores: of all words, or one of plural.

    Args:
        cell: "plain", "GRU" or "LSTM".
        objective: One of `OBJECTIVES`.
        settings: "n_a" and "embedding", the sizes.

    Returns:
        A model from [words (batch, time), mask (batch, time)] to scores before the softmax or sigmoid: at every
        position for "every word", else at the last real one.
    """
    import keras

    layers = {"plain": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}
    words, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    embedded = keras.layers.Embedding(len(vocabulary()), settings["embedding"])(words)
    state = layers[cell](settings["n_a"], return_sequences=objective == "every word")(embedded, mask=mask)
    outputs = 1 if objective == "the number" else len(vocabulary())
    return keras.Model([words, mask], keras.layers.Dense(outputs)(state))


def learn(
    model: "keras.Model",
    objective: str,
    seed: int,
    learning_rate: float,
    settings: Mapping[str, Any],
    advance: Callable[[int], None] = lambda epochs: None,
) -> list[float]:
    """Train a network.

    Args:
        model: What `network` gives.
        objective: One of `OBJECTIVES`.
        seed: Decides the batches.
        learning_rate: Of Adam.
        settings: "epochs", "batch", "clipnorm", and "sentences", how many of the training split.
        advance: Called with 1 after each epoch.

    Returns:
        The loss of each epoch.
    """
    import keras
    import tensorflow as tf

    from utils.datasets.pipeline import batches

    train = data("train")
    chosen = slice(settings["sentences"])
    every = objective == "every word"
    ends = train.verb[chosen]
    inputs = [s[:-1] if every else s[:end] for s, end in zip(train.sentences[chosen], ends, strict=True)]
    if every:
        targets = [sentence[1:] for sentence in train.sentences[chosen]]
    else:
        targets = train.plural[chosen].astype("float32") if objective == "the number" else train.right[chosen]
    fed = batches({"x": inputs, "y": targets}, batch_size=settings["batch"], seed=seed)

    def arranged(batch):
        y = batch["y"][:, None] if objective == "the number" else batch["y"]
        weight = tf.cast(batch["x_mask"], "float32") if every else tf.ones_like(batch["y"], "float32")
        return (batch["x"], batch["x_mask"]), y, weight

    kind = "BinaryCrossentropy" if objective == "the number" else "SparseCategoricalCrossentropy"
    loss = getattr(keras.losses, kind)(from_logits=True, reduction="mean_with_sample_weight")
    optimizer = keras.optimizers.Adam(learning_rate, clipnorm=settings["clipnorm"])
    model.compile(optimizer=optimizer, loss=loss)

    class Report(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            advance(1)

    fitted = model.fit(fed.map(arranged), epochs=settings["epochs"], shuffle=False, verbose=0, callbacks=[Report()])
    return fitted.history["loss"]


def judge(model: "keras.Model", objective: str, split: str = "test") -> np.ndarray:
    """Return for each sentence of a split whether the network gets its verb right, shape (sentences,), bool."""
    import tensorflow as tf

    from utils.text import pad

    part = data(split)
    shapes = [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "bool")]
    scores = tf.function(lambda x, mask: model([x, mask], training=False), input_signature=shapes)
    right = np.zeros(len(part.verb), bool)
    for rows in np.array_split(np.argsort(part.verb), 8):  # sentences of similar length together
        x, mask = pad([part.sentences[i][: part.verb[i]] for i in rows])
        score, each = scores(x, mask).numpy(), np.arange(len(rows))
        if objective == "the number":
            right[rows] = (score[:, 0] > 0) == part.plural[rows]
            continue
        if objective == "every word":
            score = score[each, part.verb[rows] - 1]  # what the last word before the verb makes it expect
        right[rows] = score[each, part.right[rows]] > score[each, part.wrong[rows]]
    return right


def summary(right: np.ndarray, split: str = "test") -> Iterator[dict[str, Any]]:
    """Accuracy in all, by bin of distance, and by number of attractors.

    Args:
        right: What `judge` returns.
        split: The split that was judged.

    Yields:
        Dicts with by ("all", "distance", "attractors"), value (longest distance of the bin, or number), accuracy, and
        n, the number of sentences.
    """
    part = data(split)
    groups = {("all", 0): np.ones(len(right), bool)}
    groups |= {("distance", high): (part.distance >= low) & (part.distance <= high) for low, high in BINS}
    groups |= {("attractors", k): part.attractors == k for k in range(5)}
    for (by, value), group in groups.items():
        yield {"by": by, "value": value, "accuracy": float(right[group].mean()), "n": int(group.sum())}


def rows(
    seed: int, settings: Mapping[str, Any], objectives: list[str], advance: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each objective and variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network` and `learn` take them, and "variants", dicts with "cell" and "learning_rate".
        objectives: Some of `OBJECTIVES`.
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, objective, cell, learning_rate, by, value, accuracy, n.
    """
    from utils.runtime import seed_everything

    for objective in objectives:
        for variant in settings["variants"]:
            seed_everything(seed)
            model = network(variant["cell"], objective, settings)
            learn(model, objective, seed, variant["learning_rate"], settings, advance)
            for line in summary(judge(model, objective)):
                yield {"seed": seed, "objective": objective, **variant, **line}
