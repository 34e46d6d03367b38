"""Which names does a tagger find that reads in one direction, and which one that reads in both?

The taggers of lesson 07 on the data set `entities`, scored by where the clue to a name stands and by whether the name
is new: the most probable tag of each word, and the best sequence of tags in which every one may follow the one before.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import entities, records

if TYPE_CHECKING:
    import keras

    from utils.text import Vocabulary

DECODINGS = ("each word", "legal")


@functools.cache
def vocabulary(min_count: int) -> "Vocabulary":
    """Return the vocabulary of the training words that occur at least so often; the others are `<UNK>`."""
    from utils.text import Vocabulary

    return Vocabulary.build([record["tokens"] for record in records("entities", "train")], min_count=min_count)


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "keras.Model":
    """Build embedding, one LSTM layer in one direction or in both, and a softmax at each position.

    Args:
        variant: "both", whether to read in both directions; "n_a", units of each; "min_count", as `vocabulary` takes
            it.
        settings: "embedding", its width.

    Returns:
        A model from [ids (batch, time), mask (batch, time)] to probabilities (batch, time, tags).
    """
    import keras

    ids, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    layer = keras.layers.LSTM(variant["n_a"], return_sequences=True)
    layer = keras.layers.Bidirectional(layer) if variant["both"] else layer
    embedded = keras.layers.Embedding(len(vocabulary(variant["min_count"])), settings["embedding"])(ids)
    y_hat = keras.layers.Dense(len(entities.TAGS), activation="softmax")(layer(embedded, mask=mask))
    return keras.Model([ids, mask], y_hat)


def learn(
    model: "keras.Model",
    variant: Mapping[str, Any],
    seed: int,
    settings: Mapping[str, Any],
    advance: Callable[[int], None] = lambda epochs: None,
) -> list[float]:
    """Train a network on the training sentences.

    Args:
        model: What `network` gives.
        variant: The one that it was built from.
        seed: Decides the batches.
        settings: "sentences" (how many), "batch", "epochs", "learning_rate" of Adam.
        advance: Called with 1 after each epoch.

    Returns:
        The loss of each epoch.
    """
    import keras

    from utils.datasets.pipeline import batches

    train, words = records("entities", "train")[: settings["sentences"]], vocabulary(variant["min_count"])
    x = [words.encode(record["tokens"]) for record in train]
    y = [[entities.TAGS.index(tag) for tag in record["tags"]] for record in train]
    fed = batches({"x": x, "y": y}, batch_size=settings["batch"], seed=seed)
    fed = fed.map(lambda batch: ((batch["x"], batch["x_mask"]), batch["y"], batch["x_mask"]))
    loss = keras.losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), loss)

    class Report(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            advance(1)

    fitted = model.fit(fed, epochs=settings["epochs"], shuffle=False, verbose=0, callbacks=[Report()])
    return fitted.history["loss"]


def judge(model: "keras.Model", variant: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """Tag the test sentences.

    Args:
        model: A trained network.
        variant: The one that it was built from.

    Returns:
        For each of `DECODINGS` the tags of every sentence.
    """
    import tensorflow as tf

    from utils.decoding import legal_bio, viterbi
    from utils.text import pad

    test, words = records("entities", "test"), vocabulary(variant["min_count"])
    X, mask = pad([words.encode(record["tokens"]) for record in test])
    shapes = [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "bool")]
    compiled = tf.function(lambda x, mask: model([x, mask], training=False), input_signature=shapes)
    pieces = np.array_split(np.arange(len(X)), 5)
    y_hat = np.concatenate([compiled(X[rows], mask[rows]) for rows in pieces])  # (sentences, time, tags)
    best = {
        "each word": y_hat.argmax(axis=-1),
        "legal": viterbi(np.log(np.maximum(y_hat, 1e-30)), mask, *legal_bio(entities.TAGS)),
    }
    return {
        decoding: [[entities.TAGS[k] for k in row[real]] for row, real in zip(found, mask, strict=True)]
        for decoding, found in best.items()
    }


def summary(guessed: list[list[str]]) -> Iterator[dict[str, Any]]:
    """Score the tags of the test sentences: of all entities, by clue, and by whether the name is new.

    Of a group of entities the others are left out, and so is every guess that touches one of them.

    Args:
        guessed: The tags of every sentence.

    Yields:
        Dicts with by ("all", "clue", "name"), value ("all"; a clue; "known" or "new"), accuracy (of the tokens in
        sentences with such an entity), f1 and recall (of these entities), n (their number), and illegal (how many of
        the sentences hold a tag that continues nothing).
    """
    from utils.metrics import entity_f1, illegal_tags, token_accuracy

    test = records("entities", "test")
    groups: dict[tuple[str, str], list[list[bool]]] = {("all", "all"): [[True] * len(r["clues"]) for r in test]}
    for clue in entities.CLUES:
        groups["clue", clue] = [[its == clue for its in record["clues"]] for record in test]
    for value, new in (("known", False), ("new", True)):
        groups["name", value] = [[its == new for its in record["unseen"]] for record in test]
    for (by, value), members in groups.items():
        held = [i for i, member in enumerate(members) if any(member)]
        sentences, tags = [test[i] for i in held], [guessed[i] for i in held]
        kept = [_kept(record, its, members[i]) for record, its, i in zip(sentences, tags, held, strict=True)]
        score = entity_f1([true for true, _ in kept], [guess for _, guess in kept])
        yield {
            "by": by,
            "value": value,
            "accuracy": token_accuracy(np.concatenate([record["tags"] for record in sentences]), np.concatenate(tags)),
            "f1": score.f1,
            "recall": score.recall,
            "n": score.entities,
            "illegal": sum(illegal_tags([its]) > 0 for its in tags),
        }


def _kept(record: dict, guessed: list[str], member: list[bool]) -> tuple[list[str], list[str]]:
    """True and guessed tags of a sentence, without entities that are no member and guesses that touch one of them."""
    spans = entities.spans(record["tags"])
    others = [span for span, its in zip(spans, member, strict=True) if not its]
    true, guess = list(record["tags"]), list(guessed)
    for start, end, _ in others:
        true[start:end] = ["O"] * (end - start)
    for start, end in _entities(guessed):
        if any(start < last and first < end for first, last, _ in others):
            guess[start:end] = ["O"] * (end - start)
    return true, guess


def _entities(tags: list[str]) -> list[tuple[int, int]]:
    """Where entities start and end, as scorers read it: an I- that continues nothing begins one."""
    begins = [
        t
        for t, (before, tag) in enumerate(zip(["O", *tags], tags, strict=False))
        if tag[0] == "B" or (tag[0] == "I" and before[1:] != tag[1:])
    ]
    return [
        (t, next((end for end in range(t + 1, len(tags)) if tags[end][0] != "I" or end in begins), len(tags)))
        for t in begins
    ]


def rows(
    seed: int, settings: Mapping[str, Any], variants: list[dict[str, Any]], advance: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """Train and judge one tagger for each variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network` and `learn` take them.
        variants: Dicts with "tagger" (its name), "both", "n_a", "min_count".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, tagger, decoding, and what `summary` gives.
    """
    from utils.runtime import seed_everything

    for variant in variants:
        seed_everything(seed)
        model = network(variant, settings)
        learn(model, variant, seed, settings, advance)
        for decoding, guessed in judge(model, variant).items():
            for line in summary(guessed):
                yield {"seed": seed, "tagger": variant["tagger"], "decoding": decoding, **line}
