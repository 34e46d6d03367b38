"""What the experiments with encoder–decoders share: the networks, training by teacher forcing, greedy decoding."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from utils.text import Vocabulary

_FIELDS = ("x", "x_mask", "y", "y_mask")
_AT_ONCE = 1000  # sources that are decoded together

Advance = Callable[[int], None]


def network(
    words: tuple["Vocabulary", "Vocabulary"], variant: Mapping[str, Any], settings: Mapping[str, Any]
) -> "keras.Model":
    """Build Cho's encoder–decoder, whose context is fixed, or Bahdanau's, whose decoder attends.

    Args:
        words: The vocabularies of source and target.
        variant: "attention", "none" for Cho's network or "bahdanau" for Bahdanau's, whose encoder reads in both
            directions; "units", of the decoder's state and of each direction of Bahdanau's encoder; "directions", in
            which Cho's encoder reads, 1 (if it is missing) or 2: these share the units, so that the context is as wide.
        settings: "embedding", the width of the embeddings.

    Returns:
        The model; Cho's makes its weights at the first call.
    """
    from utils.layers import EncoderDecoder
    from utils.layers.fixed_context import Cho

    sizes = [*map(len, words), settings["embedding"], variant["units"]]
    if variant["attention"] == "none":
        return Cho(*sizes, variant.get("directions", 1))
    return EncoderDecoder(*sizes, variant["attention"])


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


def translator(
    model: "keras.Model", words: "Vocabulary", T_x: int, T_y: int
) -> Callable[[Sequence[np.ndarray]], list[list[str]]]:
    """Make a function that decodes greedily.

    Args:
        model: A trained network.
        words: The target's vocabulary.
        T_x: Length that the sources are padded to: one for all, so that they are compiled once.
        T_y: Most tokens of an output, `<EOS>` included.

    Returns:
        A function from sources (ids) to the tokens of their outputs.
    """
    import tensorflow as tf

    from utils.decoding import GREEDY, Generator
    from utils.text import BOS, EOS, PAD, UNK, pad

    bos, eos, *never = (words.id_of(token) for token in (BOS, EOS, PAD, UNK))
    shapes = [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "bool")]
    start = tf.function(model.start, input_signature=shapes)
    generator = Generator(model.step, end=eos, never=[bos, *never])

    def translate(sources: Sequence[np.ndarray]) -> list[list[str]]:
        outputs = []
        for first in range(0, len(sources), _AT_ONCE):
            X, mask = pad(sources[first : first + _AT_ONCE], T_x)
            made = generator([bos] * len(X), start(X, mask), length=T_y, sampling=GREEDY)
            outputs += [words.decode(ids) for ids in made.ids]
        return outputs

    return translate


def _mean(sums: list[tuple[Any, Any]]) -> float:
    """The nats of all batches divided by their tokens."""
    nats, tokens = np.sum(np.array(sums, dtype=np.float64), axis=0)
    return float(nats / tokens)
