"""How a word is pronounced, with and without attention: the same words, the same training, one part exchanged.

Encoder–decoders of the library on the data set `pronunciation`, decoded greedily. A word counts as right if it is
exactly one of its pronunciations.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets import pronunciation

if TYPE_CHECKING:
    from utils.layers import EncoderDecoder
    from utils.text import Vocabulary

_LONGEST = 30  # letters of a word, and phonemes of a pronunciation


@functools.cache
def vocabularies() -> tuple["Vocabulary", "Vocabulary"]:
    """Return the vocabularies of the letters and of the phonemes."""
    from utils.text import Vocabulary

    train = pronunciation.examples("train")
    letters = Vocabulary.build([list(record["word"]) for record in train])
    return letters, Vocabulary.build([p.split() for record in train for p in record["pronunciations"]])


def network(variant: Mapping[str, Any], settings: Mapping[str, Any]) -> "EncoderDecoder":
    """Build an encoder–decoder whose encoder reads in both directions.

    Args:
        variant: "attention", "none" or a form that `EncoderDecoder` knows.
        settings: "cell", "embedding" (its width), "units", "dropout".

    Returns:
        The model, with its weights.
    """
    from utils.layers import EncoderDecoder

    return EncoderDecoder(
        *map(len, vocabularies()),
        embedding=settings["embedding"],
        units=settings["units"],
        attention=None if variant["attention"] == "none" else variant["attention"],
        cell=settings["cell"],
        dropout=settings["dropout"],
    )


def learn(model: "EncoderDecoder", seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> None:
    """Train a network on the first pronunciation of the training words.

    Args:
        model: What `network` gives.
        seed: Decides the batches.
        settings: "words", how many; "tokens", positions in a batch; "epochs"; "learning_rate" of Adam, which falls
            along a cosine to 0; "clipnorm".
        advance: Called with 1 after each epoch.
    """
    import keras
    import tensorflow as tf

    from utils.datasets.pipeline import batches

    letters, phonemes = vocabularies()
    chosen = pronunciation.examples("train")[: settings["words"]]
    x = [letters.encode(list(record["word"])) for record in chosen]
    y = [phonemes.encode(record["pronunciations"][0].split(), bos=True, eos=True) for record in chosen]
    fed = batches({"x": x, "y": y}, tokens=settings["tokens"], seed=seed)
    falling = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], settings["epochs"] * len(fed))
    optimizer = keras.optimizers.Adam(falling, global_clipnorm=settings["clipnorm"])
    weights = model.trainable_variables
    optimizer.build(weights)

    @tf.function(input_signature=[fed.element_spec[name] for name in ("x", "x_mask", "y", "y_mask")])
    def step(x, x_mask, y, y_mask):
        with tf.GradientTape() as tape:
            logits = model(x, y[:, :-1], x_mask, training=True)
            nats = tf.nn.sparse_softmax_cross_entropy_with_logits(y[:, 1:], logits)
            loss = tf.reduce_mean(tf.boolean_mask(nats, y_mask[:, 1:]))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)

    for _ in range(settings["epochs"]):
        for batch in fed:
            step(*(batch[name] for name in ("x", "x_mask", "y", "y_mask")))
        advance(1)


def judge(model: "EncoderDecoder", number: int | None) -> dict[str, Any]:
    """Pronounce test words.

    Args:
        model: A trained network.
        number: How many words, from the first; None for all.

    Returns:
        A dict with per and wer (phoneme and word error rate, shares) and n (words).
    """
    import tensorflow as tf

    from utils.decoding import GREEDY, Generator
    from utils.metrics import error_rates
    from utils.text import BOS, EOS, PAD, UNK, pad

    letters, phonemes = vocabularies()
    bos, eos, *never = (phonemes.id_of(token) for token in (BOS, EOS, PAD, UNK))
    shapes = [tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, None), "bool")]
    start = tf.function(model.start, input_signature=shapes)
    generator = Generator(model.step, end=eos, never=[bos, *never])
    tested = pronunciation.examples("test")[:number]
    guessed = []
    for first in range(0, len(tested), 1000):
        part = tested[first : first + 1000]
        X, mask = pad([letters.encode(list(record["word"])) for record in part], _LONGEST)
        made = generator([bos] * len(X), start(X, mask), length=_LONGEST + 1, sampling=GREEDY)
        guessed += [phonemes.decode(ids) for ids in made.ids]
    answers = [[answer.split() for answer in record["pronunciations"]] for record in tested]
    rates = error_rates(answers, guessed)
    return {"per": rates.token, "wer": rates.sequence, "n": len(tested)}


def rows(seed: int, settings: Mapping[str, Any], advance: Callable[[int], None]) -> Iterator[dict[str, Any]]:
    """Train and judge one network for each variant.

    Args:
        seed: Decides weights and batches.
        settings: As `network` and `learn` take them; "tested", as `judge` takes it; "variants".
        advance: Called with the epochs that were made since its last call.

    Yields:
        Rows with seed, attention, parameters, and what `judge` gives.
    """
    import keras

    from utils.runtime import seed_everything

    for variant in settings["variants"]:
        seed_everything(seed)
        model = network(variant, settings)
        learn(model, seed, settings, advance)
        size = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
        yield {"seed": seed, **variant, "parameters": size, **judge(model, settings["tested"])}
        keras.backend.clear_session()
