"""How the experiments train encoder–decoders: teacher forcing, Adam with a rate that falls along a cosine to 0."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_FIELDS = ("x", "x_mask", "y", "y_mask")

Advance = Callable[[int], None]


def scores(model: "keras.Model", source: Any, mask: Any, target_in: Any) -> Any:
    """Return the logits (batch, T_y, V_y) of a network of `fixed_context`, or of an `EncoderDecoder`."""
    from utils.layers import EncoderDecoder

    return model(source, target_in, mask) if isinstance(model, EncoderDecoder) else model(source, mask, target_in)


def summed_nats(model: "keras.Model", x: Any, x_mask: Any, y: Any, y_mask: Any) -> tuple[Any, Any]:
    """Return −log p of the targets of a batch, y from `<BOS>` to `<EOS>`: the sum, and the number of tokens."""
    import tensorflow as tf

    logits = scores(model, x, x_mask, y[:, :-1])
    real = tf.cast(y_mask[:, 1:], "float32")
    nats = tf.nn.sparse_softmax_cross_entropy_with_logits(y[:, 1:], logits) * real
    return tf.reduce_sum(nats), tf.reduce_sum(real)


def fit(
    model: "keras.Model", fed: "tf.data.Dataset", settings: Mapping[str, Any], advance: Advance = lambda epochs: None
) -> Iterator[float]:
    """Train a network.

    Args:
        model: As `scores` takes it.
        fed: Batches of sources x and targets y, as `utils.datasets.pipeline.batches` makes them.
        settings: "epochs"; "learning_rate" of Adam; "clipnorm", of all gradients together.
        advance: Called with 1 after each epoch.

    Yields:
        The loss of each epoch, in nats a target token.
    """
    import keras
    import tensorflow as tf

    falling = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["epochs"] * len(fed))
    optimizer = keras.optimizers.Adam(falling, global_clipnorm=settings["clipnorm"])
    for batch in fed.take(1):
        scores(model, batch["x"], batch["x_mask"], batch["y"][:, :-1])  # makes the weights
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(input_signature=[fed.element_spec[name] for name in _FIELDS])
    def step(*batch):
        with tf.GradientTape() as tape:
            nats, tokens = summed_nats(model, *batch)
            loss = nats / tokens
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return nats, tokens

    for _ in range(settings["epochs"]):
        sums = [step(*(batch[name] for name in _FIELDS)) for batch in fed]
        advance(1)
        yield _mean(sums)


def loss(model: "keras.Model", fed: "tf.data.Dataset") -> float:
    """Return the loss on batches like those of `fit`, in nats a target token."""
    import tensorflow as tf

    judged = tf.function(
        lambda *batch: summed_nats(model, *batch), input_signature=[fed.element_spec[name] for name in _FIELDS]
    )
    return _mean([judged(*(batch[name] for name in _FIELDS)) for batch in fed])


def _mean(sums: list[tuple[Any, Any]]) -> float:
    """The nats of all batches divided by their tokens."""
    nats, tokens = np.sum(np.array(sums, dtype=np.float64), axis=0)
    return float(nats / tokens)
