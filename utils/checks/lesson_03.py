"""Checks of lesson 03: architectures.

The oracles read one example and one real position at a time, in NumPy. A model is judged by its answers: the check
gives it weights, arrays in, arrays out; whatever layers it is made of, they must compute the same.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from utils import probes
from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import describe

PAD, BOS, EOS = 0, 2, 3

# The tasks of exercise 3.1 in the lesson's order, the architecture of each, and why.
ARCHITECTURES = ("one-to-one", "one-to-many", "many-to-one", "synchronised", "many-to-many")
TASKS = (
    ("which animal a picture shows", "one-to-one", "One picture comes in, and one name goes out."),
    ("a caption for a picture", "one-to-many", "The picture comes in at once; its caption is a row of words."),
    (
        "how many stars a review gives",
        "many-to-one",
        "The words are read one by one; the number of stars is one answer.",
    ),
    (
        "which word of a sentence is a noun, which a verb, and so on",
        "synchronised",
        "Every word gets its own tag: there are as many outputs as inputs, position by position.",
    ),
    (
        "a French sentence for an English one",
        "many-to-many",
        "Both are sequences, but the translation may be longer or shorter, and its first word need not come from the "
        "first word of the source.",
    ),
    (
        "tomorrow's temperature from those of the last 30 days",
        "many-to-one",
        "Thirty numbers are read in order; one number is asked for.",
    ),
    (
        "the price of a house from its area, its rooms and its age",
        "one-to-one",
        "Three numbers, but no sequence: they are the features of one input, and their order carries no meaning.",
    ),
    (
        "a melody from a key and a mood",
        "one-to-many",
        "Key and mood are known before the first note: they are one input, and many notes come out.",
    ),
)


@exercise("3.1", "Name the architecture")
def architectures(rng: np.random.Generator) -> Iterator[Case]:
    """One task after the other, each with the reason."""

    def named(k: int) -> Callable[[Any], bool]:
        def measure(names):
            if isinstance(names, str) or not isinstance(names, tuple | list | np.ndarray):
                raise Problem(f"returned {describe(names)}, expected a list of {len(TASKS)} names", "Return a list.")
            if len(names) != len(TASKS):
                raise Problem(
                    f"returned {len(names)} names, expected {len(TASKS)}",
                    "The table has eight tasks: one name for each.",
                )
            task, right, _ = TASKS[k]
            if names[k] not in ARCHITECTURES:
                listed = ", ".join(f"`{name}`" for name in ARCHITECTURES)
                raise Problem(
                    f"calls task {k + 1} {names[k]!r:.40}, which is none of the five names",
                    f"Write the names exactly as they are: {listed}.",
                )
            if names[k] != right:
                raise Problem(f"calls task {k + 1} ({task}) {names[k]!r}")
            return True

        return measure

    for k, (task, _, why) in enumerate(TASKS):
        yield Case(f"task {k + 1}: {task}", (), True, f"Task {k + 1}: {why}", measure=named(k))


def states(
    x: np.ndarray,
    mask: np.ndarray,
    kernel: np.ndarray,
    recurrent: np.ndarray,
    bias: np.ndarray,
    activation: Callable[[np.ndarray], np.ndarray] = np.tanh,
) -> np.ndarray:
    """States of a plain network, one example at a time; a padded position keeps the state before it.

    Args:
        x: Inputs, shape (batch, time, n_x).
        mask: Shape (batch, time), bool.
        kernel: Shape (n_x, n_a), as Keras keeps it.
        recurrent: Shape (n_a, n_a), as Keras keeps it.
        bias: Shape (n_a,).
        activation: Applied to every number of the sum.

    Returns:
        Shape (batch, time, n_a), float64.
    """
    result = np.zeros((*x.shape[:2], len(bias)))
    for i in range(len(x)):
        a = np.zeros(len(bias))
        for t in range(x.shape[1]):
            if mask[i, t]:
                a = activation(x[i, t] @ kernel + a @ recurrent + bias)
            result[i, t] = a
    return result


def _softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@exercise("3.2", "The state after the last real position")
def last_states(rng: np.random.Generator) -> Iterator[Case]:
    """Each example by itself, without its padding: its last row."""
    m, T_x, n_a = 4, 6, 3
    a = rng.normal(size=(m, T_x, n_a))
    lengths = np.array([6, 2, 4, 1])
    mask = np.arange(T_x) < lengths[:, None]
    every = np.ones_like(mask)

    def right(a, mask):
        return np.array([one[real][-1] for one, real in zip(a, mask, strict=True)])

    def picked(where):
        return a[np.arange(m), where]

    last = (
        "You took the last position of the array. In a short example that position is padding: take the last one "
        "where `mask` is True."
    )
    late = (
        "You are one position too late. An example with `n` real positions has its last one at index `n - 1`, "
        "because arrays count from 0."
    )
    early = (
        "You are one position too early. An example with `n` real positions has its last one at index `n - 1`: "
        "subtract 1, not 2."
    )
    from_the_list = (
        "`a[mask]` is one long list of the real states of all examples, so a position in it means something else. "
        "Choose from `a`, with the example and the position."
    )
    one = "Every example ended at the same position. Each has a length of its own: `mask.sum(axis=1)`."
    mean = "This is the mean over the real positions. Take one state: the last."
    batch = (
        "The result has a row for each pair of examples. `a[:, last]` takes every example at every one of these "
        "positions; `a[np.arange(len(a)), last]` takes one position for each example."
    )
    zeros = "Where there is padding you returned zeros: a state multiplied by the mask. Choose a position instead."
    first = "You took the first position. Count the real positions of each example, and take the last of them."
    all_real = "These are the states at all real positions, in one long list. Take one for each example: the last."
    errors = {
        late: rf"index {T_x} is out of bounds for axis 1",
        "Without `axis`, `mask.sum()` counts the real positions of the whole batch. `mask.sum(axis=1)` counts those "
        "of each example.": r"index \d\d+ is out of bounds for axis 1",
        "Your index stands at the first axis, which is the batch. Give two, the examples and their positions: "
        "`a[np.arange(len(a)), last]`.": r"out of bounds for axis 0",
        "You have two lists of different lengths. There is one length for each example: `mask.sum(axis=1)`.": (
            r"shape mismatch: indexing"
        ),
    }
    yield Case(
        "no padding at all",
        (a, every),
        a[:, -1],
        "Without padding the last real position is the last one: the result has the shape `(batch, n_a)`.",
        {
            first: a[:, 0],
            mean: a.mean(axis=1),
            batch: a[:, every.sum(axis=1) - 1],
            all_real: a[every],
            early: a[:, -2],
            from_the_list: a[every][every.sum(axis=1) - 1],
        },
        errors=errors,
    )
    masked = a * mask[..., None]
    yield Case(
        "examples of different lengths",
        (a, mask),
        right(a, mask),
        "Count the True values of each row of `mask`: that is the example's length. Its last real position is one "
        "less.",
        {
            last: a[:, -1],
            zeros: masked[:, -1],
            late: picked(lengths % T_x),
            early: picked(lengths - 2),
            from_the_list: a[mask][lengths - 1],
            mean: masked.sum(axis=1) / lengths[:, None],
            one: a[:, lengths.min() - 1],
            first: a[:, 0],
            batch: a[:, lengths - 1],
        },
        errors=errors,
    )
    other = np.where(mask[..., None], a, rng.normal(size=a.shape) * 100)
    yield Case(
        "other contents at the padded positions",
        (other, mask),
        right(a, mask),
        "What stands at padded positions must not count: choose a position, do not add anything up.",
        {last: other[:, -1]},
    )
    yield Case(
        "a batch of one",
        (a[1:2], mask[1:2]),
        right(a, mask)[1:2],
        "A batch of one is still a batch: the shape should be `(1, n_a)`. Leave out `squeeze` and `[0]`.",
        {last: a[1:2, -1], late: a[1:2, 2]},
    )


NOT_A_MODEL = (
    "Connect the layers, starting from the two given inputs, and end with `return keras.Model([first, mask], scores)`."
)


def _with_weights(weights: Sequence[np.ndarray], inputs: list, shape_hints: dict[str, list]) -> Callable[[Any], Any]:
    """Measures what a returned model answers to `inputs` when it has these weights."""
    wanted = [w.shape for w in weights]

    def measure(model):
        if not callable(model):
            raise Problem(f"returned {describe(model)}, expected a Keras model", NOT_A_MODEL)
        got = [np.shape(w) for w in model.get_weights()]
        if got != wanted:
            hint = next((hint for hint, shapes in shape_hints.items() if shapes == got), "")
            raise Problem(
                f"returned a model with weights of the shapes {_listed(got)}, expected {_listed(wanted)}",
                hint
                or "Compare with the list of layers in the exercise: which layer is missing, doubled, or too wide?",
            )
        model.set_weights([w.astype("float32") for w in weights])
        return model(inputs)

    return measure


def _listed(shapes: Sequence[tuple]) -> str:
    return ", ".join(map(str, shapes)) or "no weights at all"


def _recurrent_shapes(n_in: int, n_a: int, gates: int = 1) -> list[tuple]:
    return [(n_in, gates * n_a), (n_a, gates * n_a), (gates * n_a,)]


def _shape_hints(first: list, n_in: int, n_a: int, n_y: int) -> dict[str, list]:
    """Shapes of the weights of models with a known mistake; `first` are those of what comes before the loop."""
    one, dense = _recurrent_shapes(n_in, n_a), [(n_a, n_y), (n_y,)]
    return {
        "The output layer is missing: after the loop comes `Dense`, with one unit for each class.": [*first, *one],
        "Your loop reads in both directions. Here one `SimpleRNN` reads from left to right; two directions are lesson "
        "07.": [*first, *one, *one, (2 * n_a, n_y), (n_y,)],
        "There are two loops. One `SimpleRNN` is enough.": [*first, *one, *_recurrent_shapes(n_a, n_a), *dense],
        "These are the weights of an LSTM. Use `SimpleRNN`, which you know from lesson 02.": [
            *first,
            *_recurrent_shapes(n_in, n_a, gates=4),
            *dense,
        ],
        "These are the weights of a GRU. Use `SimpleRNN`, which you know from lesson 02.": [
            *first,
            *_recurrent_shapes(n_in, n_a, gates=3)[:2],
            (2, 3 * n_a),
            *dense,
        ],
        "The loop is missing: a `SimpleRNN` stands between the input and `Dense`.": [*first, (n_in, n_y), (n_y,)],
    }


SCORES = (
    "These are probabilities: your last layer has a softmax. Here the model returns scores, and the loss applies the "
    "softmax (`from_logits=True`)."
)
BOTH_INPUTS = {
    "The model has to take both inputs: end with `return keras.Model([first, mask], scores)`, the given inputs in "
    "this order.": r'Layer "functional.*expects \d+ .*input'
}
IN_ORDER = "The two inputs are interchanged. `keras.Model` gets them in this order:"
SYMBOLIC = {
    "The layers give a placeholder, whose numbers come only with the data. Return the model and not its scores: "
    "`return keras.Model([first, mask], scores)`, and use layers, not NumPy, on the way.": "KerasTensor is symbolic",
    "The mask belongs into the call, behind the input: `layers.SimpleRNN(n_a)(x, mask=mask)`.": (
        r"arguments passed to SimpleRNN: \{'mask'"
    ),
    "The loop returns more than one thing (`return_state=True`), and `Dense` reads one. Leave that setting out.": (
        r'Layer "dense.*expects 1 .*but it received \d+'
    ),
}
SIGMOID = "Your last layer has a sigmoid. Here the model returns scores: leave `activation` out."
SQUASHED = "Your last layer has an activation. Here the model returns scores: leave `activation` out."
ACTIVATION = "Your loop has another activation. Leave `activation` out of `SimpleRNN`: its default is tanh."
NO_ACTIVATION = "Your loop has no activation. Leave `activation` out of `SimpleRNN`: its default is tanh."


def _relu(z):
    return np.maximum(z, 0)


def _itself(z):
    return z


def _other_functions(read: Callable[[Callable], np.ndarray]) -> dict[str, np.ndarray]:
    """What a model answers with a wrong function in a layer; `read` gives the scores with a loop's activation."""
    right = read(np.tanh)
    return {
        SCORES: _softmax(right),
        SIGMOID: 1 / (1 + np.exp(-right)),
        SQUASHED: np.tanh(right),
        f"{SQUASHED} It makes negative scores 0.": _relu(right),
        ACTIVATION: read(_relu),
        NO_ACTIVATION: read(_itself),
    }


@exercise("3.3", "Many to one: a model that reads a review")
def review_model(rng: np.random.Generator) -> Iterator[Case]:
    """The model with given weights against a loop over the real words of one review at a time."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    n_words, n_e, n_a, n_y = 9, 4, 5, 3
    m, T_x = 4, 7
    sizes = (n_words, n_e, n_a, n_y)
    shapes = [(n_words, n_e), *_recurrent_shapes(n_e, n_a), (n_a, n_y), (n_y,)]
    weights = [rng.normal(size=shape) for shape in shapes]
    table, kernel, recurrent, bias, out, out_bias = weights
    ids = rng.integers(4, n_words, size=(m, T_x)).astype("int32")
    every = np.ones((m, T_x), dtype=bool)
    mask = np.arange(T_x) < np.array([7, 3, 5, 2])[:, None]
    padded = np.where(mask, ids, 0).astype("int32")

    def scores(ids, mask):
        return states(table[ids], mask, kernel, recurrent, bias)[:, -1] @ out + out_bias

    hints = _shape_hints([(n_words, n_e)], n_e, n_a, n_y)
    hints["The embedding has its two numbers interchanged: `Embedding(n_words, n_e)`, a row for each word."] = [
        (n_e, n_words),
        *_recurrent_shapes(n_words, n_a),
        (n_a, n_y),
        (n_y,),
    ]
    hints["`n_e` and `n_a` are interchanged: the embedding has `n_e` numbers a word, the loop `n_a` units."] = [
        (n_words, n_a),
        *_recurrent_shapes(n_a, n_e),
        (n_e, n_y),
        (n_y,),
    ]
    everywhere = (
        "Your model answers at every position. It should answer once, after the last word: leave out "
        "`return_sequences=True`."
    )
    no_mask = (
        "Padding changes the answer: your loop goes on reading behind the last word. Give it the mask: "
        "`SimpleRNN(n_a)(e, mask=mask)`."
    )
    mean = "This is the mean over the states. Take the last one, which is what `SimpleRNN` returns by itself."
    every_state = states(table[ids], every, kernel, recurrent, bias)
    backwards = states(table[ids[:, ::-1]], every, kernel, recurrent, bias)[:, -1] @ out + out_bias
    right = scores(ids, every)
    yield Case(
        "the weights, and reviews without padding",
        sizes,
        right,
        "The layers are right, but not how they are connected: words → `Embedding` → `SimpleRNN` with the mask → "
        "`Dense`.",
        {
            **_other_functions(lambda g: states(table[ids], every, *weights[1:4], g)[:, -1] @ out + out_bias),
            everywhere: every_state @ out + out_bias,
            mean: every_state.mean(axis=1) @ out + out_bias,
            "Your loop reads from the last word to the first. Leave out `go_backwards`.": backwards,
            f"{IN_ORDER} `[ids, mask]`.": scores(every.astype(int), ids != 0),
        },
        _with_weights(weights, [ids, every], hints),
        errors=BOTH_INPUTS | SYMBOLIC,
        points=2,
    )
    yield Case(
        "reviews of different lengths in one batch",
        sizes,
        scores(padded, mask),
        no_mask,
        {no_mask: scores(padded, every)},
        _with_weights(weights, [padded, mask], hints),
    )
    other = np.where(mask, ids, 5).astype("int32")
    from_ids = (
        "The model looks at the padded ids and not at its input `mask`. Here the padding is filled with another "
        "word: only the mask tells what is real."
    )
    yield Case(
        "padding that is not 0",
        sizes,
        scores(padded, mask),
        from_ids,
        {from_ids: scores(other, every)},
        _with_weights(weights, [other, mask], hints),
    )

    def start(model):
        """The recurrent weights of a new model."""
        _with_weights(weights, [ids, every], hints)  # names what is no model
        if not callable(model):
            raise Problem(f"returned {describe(model)}, expected a Keras model", NOT_A_MODEL)
        new = model.get_weights()
        if [np.shape(w) for w in new] != shapes:
            raise Problem(f"returned a model with weights of the shapes {_listed([np.shape(w) for w in new])}")
        if np.array_equal(new[1], np.eye(n_e, n_a)):
            raise Problem(
                "starts the input's weights as the identity",
                "The identity is meant for the weights from state to state: `recurrent_initializer`, not "
                "`kernel_initializer`.",
            )
        return new[2]

    yield Case(
        "the weights from state to state before training",
        sizes,
        np.eye(n_a),
        'They should start as the identity matrix: `SimpleRNN(n_a, recurrent_initializer="identity")`. The trainings '
        "of this lesson count on it.",
        measure=start,
    )


@exercise("3.4", "Synchronised: an answer at every step")
def step_model(rng: np.random.Generator) -> Iterator[Case]:
    """The model with given weights against a loop over the real positions of one example at a time."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    n_x, n_a, n_y = 3, 5, 4
    m, T_x = 2, 6
    sizes = (n_x, n_a, n_y)
    shapes = [*_recurrent_shapes(n_x, n_a), (n_a, n_y), (n_y,)]
    weights = [rng.normal(size=shape) for shape in shapes]
    kernel, recurrent, bias, out, out_bias = weights
    x = rng.normal(size=(m, T_x, n_x)).astype("float32")
    every = np.ones((m, T_x), dtype=bool)
    mask = np.arange(T_x) < np.array([6, 3])[:, None]
    hints = _shape_hints([], n_x, n_a, n_y)

    last = (
        "Your model answers once, after the last position. It should answer at every one: `return_sequences=True` "
        "makes the loop return all its states."
    )
    repeated = "Every position has the answer of the last one. Return all states, not the last one repeated."
    backwards = "Your loop reads from the end. Leave out `go_backwards`: no answer may depend on later inputs."
    a = states(x, every, kernel, recurrent, bias)
    right = a @ out + out_bias
    reverse = states(x[:, ::-1], every, kernel, recurrent, bias) @ out + out_bias
    yield Case(
        "the weights, and sequences without padding",
        sizes,
        right,
        "The layers are right, but not how they are connected: inputs → `SimpleRNN` with the mask → `Dense` at every "
        "position.",
        {
            last: right[:, -1],
            repeated: np.repeat(right[:, -1:], T_x, axis=1),
            **_other_functions(lambda g: states(x, every, *weights[:3], g) @ out + out_bias),
            backwards: reverse,
            f"{backwards} Turning the result round does not help.": reverse[:, ::-1],
        },
        _with_weights(weights, [x, every], hints),
        errors=BOTH_INPUTS | SYMBOLIC | {f"{IN_ORDER} `[x, mask]`.": r"with name 'keras_tensor\w*' and"},
        points=2,
    )

    def held(model):
        """The answers in the padding: with the mask the state stands still there."""
        return np.asarray(_with_weights(weights, [x, mask], hints)(model))

    yield Case(
        "the state stands still in the padding",
        sizes,
        states(x, mask, kernel, recurrent, bias) @ out + out_bias,
        "With its mask the loop keeps its state at padded positions. Give it the mask: `(x, mask=mask)`.",
        {last: states(x, mask, kernel, recurrent, bias)[:, -1] @ out + out_bias},
        held,
    )
    yield Case(
        "a longer sequence",
        sizes,
        np.concatenate(
            [right, (states(np.tile(x, (1, 2, 1)), np.tile(every, 2), *weights[:3]) @ out + out_bias)[:, T_x:]], 1
        ),
        "A model for one length only? The time axis of the inputs is `None`, and no layer needs to know it.",
        measure=_with_weights(weights, [np.tile(x, (1, 2, 1)), np.tile(every, 2)], hints),
    )


COMPILED = (
    "With arrays it works; inside a compiled function it does not. There the arrays are placeholders: use the "
    "functions of `ops` (`ops.take`, `ops.tanh`, `ops.argmax`, `ops.where`, `ops.stack`), and neither NumPy, nor "
    "`table[word]`, nor methods of arrays such as `.argmax()`."
)


@exercise("3.5", "One step of the decoder")
def decoder_step(rng: np.random.Generator) -> Iterator[Case]:
    """One step, from the word alone to all together; the oracle takes one example at a time."""
    import keras  # noqa: F401  loading it takes seconds, which are not the learner's

    n_words, n_e, n_a, m = 7, 3, 4, 5
    shapes = [(n_words, n_e), *_recurrent_shapes(n_e, n_a), (n_a, n_words), (n_words,)]
    weights = [rng.normal(size=shape).astype("float32") for shape in shapes]
    word = rng.integers(2, n_words, size=m)
    word[0] = BOS
    a_prev = rng.normal(size=(m, n_a)).astype("float32")

    def step(word, a_prev, weights):
        table, kernel, recurrent, bias, out, out_bias = weights
        a = np.array([np.tanh(table[w] @ kernel + a @ recurrent + bias) for w, a in zip(word, a_prev, strict=True)])
        return a @ out + out_bias, a

    table, kernel, recurrent, bias, out, out_bias = weights
    scores, a = step(word, a_prev, weights)
    swapped = "You returned the state first. The scores come first: `return scores, a`."
    from_old = (
        "The scores are those of the state *before* the step. Compute the new state first, and the scores from it."
    )
    forgets = "The previous state has no effect. Without it the decoder knows neither the picture nor what it has said."
    untransposed = (
        "`recurrent_kernel` is transposed. Keras' weights are made for the batch on the left: `a_prev @ "
        "recurrent_kernel`."
    )
    no_tanh = "The new state lacks its `tanh`."
    no_bias = "The bias of the loop has no effect."
    no_out_bias = "The bias of the scores has no effect: add `out_bias`."
    probabilities = (
        "These are probabilities. Return the scores as they are: the largest score has the largest probability."
    )
    only = "You returned one value. The loop needs two: the scores, to choose a word, and the new state, to go on."
    on_scores = "The scores have a `tanh`. It belongs to the new state alone: the scores are `a @ out + out_bias`."
    total = table[word] @ kernel + a_prev @ recurrent + bias
    nothing = np.zeros_like(a_prev)
    total_0 = table[word] @ kernel + bias
    plain_a = np.tanh(total_0)

    def pair(a):
        return a @ out + out_bias, a

    errors = {
        "A product does not fit. Look the word up in the table first, with `axis=0`, so that you have `(batch, n_e)`; "
        "every product has the batch on the left and no transposition, for example `e @ kernel`.": (
            "matmul|core dimension|not aligned|dimension|incompatible|Matrix size|ndims"
        ),
        "A word is a row of the table: `ops.take(table, word, axis=0)`.": r"is not in \[|out of bounds",
    }
    yield Case(
        "from a state of zeros",
        (word, nothing, weights),
        step(word, nothing, weights),
        "Here the state is 0, so only the word counts: its row of the table, times `kernel`, plus `bias`, through "
        "`tanh`.",
        {
            swapped: (plain_a, plain_a @ out + out_bias),
            only: plain_a @ out + out_bias,
            "The word is chosen later, in the loop. Return the scores of all words.": (
                (plain_a @ out + out_bias).argmax(axis=1),
                plain_a,
            ),
            f"{only} The state is one of them.": plain_a,
            no_tanh: pair(table[word] @ kernel + bias),
            no_bias: pair(np.tanh(table[word] @ kernel)),
            no_out_bias: (plain_a @ out, plain_a),
            probabilities: (_softmax(plain_a @ out + out_bias), plain_a),
            from_old: (nothing @ out + out_bias, plain_a),
            on_scores: (np.tanh(plain_a @ out + out_bias), plain_a),
            f"{on_scores} And the state has lost its own.": (np.tanh(total_0 @ out + out_bias), total_0),
        },
        errors=errors,
        tolerance=1e-4,
    )
    yield Case(
        "from another state",
        (word, a_prev, weights),
        (scores, a),
        "The new state is made of the word *and* the previous state: `tanh(e @ kernel + a_prev @ recurrent_kernel + "
        "bias)`.",
        {
            forgets: pair(plain_a),
            untransposed: pair(np.tanh(table[word] @ kernel + a_prev @ recurrent.T + bias)),
            no_tanh: pair(total),
            from_old: (a_prev @ out + out_bias, a),
        },
        tolerance=1e-4,
    )
    yield Case(
        "a batch of one",
        (word[:1], a_prev[:1], weights),
        (scores[:1], a[:1]),
        "A batch of one is still a batch: scores of shape `(1, n_words)`, a state of shape `(1, n_a)`.",
        tolerance=1e-4,
    )
    yield Case(
        "inside a compiled function",
        (word, a_prev, weights),
        (scores, a),
        COMPILED,
        errors={COMPILED: ""},
        tolerance=1e-4,
        compiled=True,
    )


def _speaker(m: int, n_words: int, rng: np.random.Generator) -> Callable:
    """A decoder step whose next word depends on the word, on the state, and on how many steps have been made."""
    table = rng.normal(size=(3 * n_words * 5, n_words)) * 3
    table[:, [PAD, BOS]] = -50

    def step(word, a):
        word, a = np.asarray(word).astype(int).reshape(-1), np.asarray(a)
        if a.shape != (len(word), 2):
            raise ValueError(f"got {len(word)} words and a state of shape {a.shape}, but one word for each example")
        count = a[:, 0].round().astype(int)
        rows = (word * 5 + count * 7 + a[:, 1].round().astype(int)) % len(table)
        scores = table[rows].copy()
        # The examples end one after the other.
        scores[np.arange(len(word)), EOS] = np.where(count >= a[:, 1], 60.0, -60.0)
        a_next = a.copy()
        a_next[:, 0] += 1
        return scores.astype("float32"), a_next.astype("float32")

    return step


def _spoken(
    step: Callable,
    a0: np.ndarray,
    length: int,
    *,
    feeds: bool = True,
    carries: bool = True,
    stops: bool = True,
    first: int = BOS,
) -> np.ndarray:
    """What a greedy loop says, one example at a time; the keywords switch on known mistakes."""
    said = np.zeros((len(a0), length), dtype=int)
    for i in range(len(a0)):
        word, a = np.array([first]), a0[i : i + 1]
        for t in range(length):
            scores, a_next = step(word, a)
            said[i, t] = scores.argmax()
            if said[i, t] == EOS and stops:
                break
            word = said[i, t : t + 1] if feeds else word
            a = a_next if carries else a
    return said


def _spoken_together(
    step: Callable, a0: np.ndarray, length: int, *, one_for_all: bool = False, remembers: bool = True
) -> np.ndarray:
    """What a greedy loop says, all examples at once; the keywords switch on known mistakes."""
    a, word, said = a0, np.full(len(a0), BOS), []
    finished = np.zeros(len(a0), dtype=bool)
    for _ in range(length):
        scores, a = step(word, a)
        word = np.where(finished, PAD, scores.argmax() if one_for_all else scores.argmax(axis=1))
        finished = (word == EOS) | finished & remembers
        said.append(word)
    return np.stack(said, axis=1)


@exercise("3.6", "The generation loop")
def generate(rng: np.random.Generator) -> Iterator[Case]:
    """A step with known answers, driven by the loop; the oracle drives it one example at a time."""
    m, n_words, length = 4, 8, 6
    step = _speaker(m, n_words, rng)
    ends = np.array([9.0, 2.0, 4.0, 1.0])
    a0 = np.stack([np.zeros(m), ends], axis=1).astype("float32")
    longest = np.stack([np.zeros(m), np.full(m, 9.0)], axis=1).astype("float32")

    always_bos = (
        "Every step read `<BOS>`. The word that was chosen is the input of the next step: `word = ` the chosen "
        "words, at the end of each turn."
    )
    stuck = (
        "Every step started from `a0`. The state that a step returns goes into the next one: `scores, a = step(word, "
        "a)`."
    )
    wrong_start = "The first input is not `<BOS>` (id 2): start with `word` full of 2, one for each example."
    runs_on = (
        "Your captions go on behind their `<EOS>`. Once an example has said `<EOS>` (3), it says `<PAD>` (0) at "
        "every later step; remember who has finished."
    )
    with_bos = "`<BOS>` stands in the result. It is the first input; the result has the words that were chosen."
    time_first = "Time is the first axis of what you returned. Put it second: `ops.stack(words, axis=1)`."
    lost_eos = (
        "`<EOS>` itself is missing from the result. The word `<EOS>` is still written; the steps *after* it are "
        "`<PAD>`."
    )
    columns = "The result has the wrong number of columns: `length` steps, so `length` words for each example."
    for_a_list = "`ops.stack(words, axis=1)` makes one array of your list."
    one_for_all = (
        "`ops.argmax(scores, axis=-1)` chooses a word for each example; without `axis` it chooses one for the whole "
        "batch."
    )
    forgets = (
        "An example speaks again after its first `<PAD>`: whoever finished earlier is finished still. Keep both: "
        "`finished = ops.logical_or(finished, word == 3)`."
    )
    errors = {
        one_for_all: r"axis.{0,4}=? ?1 (not in range|is out of bounds)",
        "The scores are `(batch, n_words)`, and you chose along the batch. The words are the last axis: "
        "`ops.argmax(scores, axis=-1)`.": rf"got {n_words} words|\[{m}\].*\[{n_words}\]|\[{n_words}\].*\[{m}\]"
        rf"|\({m},\).*\({n_words},\)|\({n_words},\).*\({m},\)",
        "There is nothing to stack: the loop has made no step. `length` steps are `range(length)`, which begins at "
        "0.": r"IndexError: list index|at least one array|empty",
        'A step needs one word for each example: start with `ops.full((a0.shape[0],), 2, dtype="int32")`.': (
            r"one word for each example"
        ),
    }

    def variants(a0, length):
        right = _spoken(step, a0, length)
        keep = {
            wrong_start: _spoken(step, a0, length, first=PAD),
            f"{wrong_start} It is 1 in your loop.": _spoken(step, a0, length, first=1),
            f"{wrong_start} It is 3 in your loop.": _spoken(step, a0, length, first=EOS),
            always_bos: _spoken(step, a0, length, feeds=False),
            stuck: _spoken(step, a0, length, carries=False),
            runs_on: _spoken(step, a0, length, stops=False),
            with_bos: np.concatenate([np.full((len(a0), 1), BOS), right], axis=1),
            f"{with_bos} The last word is missing for it.": np.concatenate(
                [np.full((len(a0), 1), BOS), right[:, :-1]], axis=1
            ),
            time_first: right.T,
            for_a_list: list(right.T),
            one_for_all: _spoken_together(step, a0, length, one_for_all=True),
            forgets: _spoken_together(step, a0, length, remembers=False),
        }
        return right, {hint: wrong for hint, wrong in keep.items() if not np.array_equal(wrong, right)}

    right, mistakes = variants(longest, 1)
    yield Case(
        "the first word",
        (step, longest, 1),
        right,
        "With `length = 1` the loop makes one step, `scores, a = step(word, a)`, from `<BOS>` (id 2) and `a0`, and "
        "returns the word with the largest score, shape `(batch, 1)`.",
        {hint: wrong for hint, wrong in mistakes.items() if hint not in (always_bos, stuck, runs_on)},
        errors=errors,
    )
    right, mistakes = variants(longest, 4)
    yield Case(
        "four words, nobody has finished",
        (step, longest, 4),
        right,
        "Each step reads the word that the step before has chosen, and the state that it has left.",
        {hint: wrong for hint, wrong in mistakes.items() if hint != runs_on},
    )
    right, mistakes = variants(a0, length)
    mistakes[lost_eos] = np.where(right == EOS, PAD, right)
    yield Case(
        "each ends at its own time",
        (step, a0, length),
        right,
        "After its `<EOS>` (3) an example says `<PAD>` (0) for the rest of the steps. The others go on.",
        mistakes,
        points=2,
    )
    yield Case(
        "a batch of one",
        (step, a0[1:2], length),
        right[1:2],
        f"{columns} A batch of one is still a batch.",
    )
    right, _ = variants(a0, 4)
    yield Case("inside a compiled function", (step, a0, 4), right, COMPILED, errors={COMPILED: ""}, compiled=True)


def _suspects(n_x: int, rng: np.random.Generator) -> dict[str, Callable]:
    """Models in NumPy: a sound one and one for each fault, and one with two."""
    kernel, recurrent = rng.normal(size=(n_x, 4)), rng.normal(size=(4, 4)) / 3
    weights = (kernel, recurrent, rng.normal(size=4))

    def sound(x, mask):
        return states(np.asarray(x, float), np.asarray(mask), *weights)

    def sees_future(x, mask):
        ahead = (
            np.pad(np.asarray(x, float), ((0, 0), (0, 1), (0, 0)))[:, 1:] * np.pad(mask, ((0, 0), (0, 1)))[:, 1:, None]
        )
        return sound(x, mask) + ahead @ kernel

    def counts_padding(x, mask):
        return sound(x, mask) / np.shape(x)[1]

    def sees_batch(x, mask):
        a = sound(x, mask)
        return a - a[:, :1].mean(axis=0)

    def two_faults(x, mask):
        return sees_future(x, mask) / np.shape(x)[1]

    def reads_padding(x, mask):
        return sound(x, mask) + np.asarray(x, float)[:, 4:5].sum(axis=1, keepdims=True) @ kernel

    return {
        "nothing": sound,
        "contents": reads_padding,
        "causality": sees_future,
        "padding_invariance": counts_padding,
        "batch_invariance": sees_batch,
        "two": two_faults,
    }


@exercise("3.7", "Find the broken model")
def failed_probes(rng: np.random.Generator) -> Iterator[Case]:
    """A model with each fault, one without, one with two; the library's probes decide."""
    m, T_x, n_x = 3, 5, 2
    x = rng.normal(size=(m, T_x, n_x))
    mask = np.arange(T_x) < np.array([5, 3, 4])[:, None]
    suspects = _suspects(n_x, rng)
    names = ("padding_invariance", "batch_invariance", "causality")

    def expected(model):
        return [name for name in names if not getattr(probes, name)(model, x, mask)]

    def sorted_names(value):
        if isinstance(value, np.ndarray):
            value = value.tolist()
        if isinstance(value, str):
            raise Problem(
                f"returned the string {value!r:.60}, expected a list of names", "Return a list, also for one name."
            )
        if not isinstance(value, list | tuple):
            raise Problem(f"returned {describe(value)}, expected a list of names", "Return a list of the names.")
        if any(isinstance(name, bool | np.bool_) for name in value):
            raise Problem(
                "returned a list of True and False, expected names", "Keep the probe's `name`, not whether it passed."
            )
        if not all(isinstance(name, str) for name in value):
            raise Problem(
                f"returned a list with {describe(next(v for v in value if not isinstance(v, str)))}, expected names",
                "A probe's result has the attribute `name`: collect `found.name`.",
            )
        if any(" " in name for name in value):
            raise Problem(
                "returned whole sentences, expected names", "A probe's result has the attribute `name`: collect that."
            )
        unknown = next((name for name in value if name not in names), None)
        if unknown is not None:
            raise Problem(f"returned {unknown!r}, which is no probe's name", f"The names are {', '.join(names)}.")
        return sorted(value)

    def case(kind, name, hint):
        right = expected(suspects[kind])
        passed = [n for n in names if n not in right]
        mistakes = {
            "You collected the probes that *pass*. Collect those that do not.": sorted(passed),
            "You returned all three names, whatever the probes found. Keep those for which `found.passed` is "
            "False.": sorted(names),
        }
        if kind == "nothing":  # here both mistakes give the same
            mistakes = {
                "This model passes all three probes, and you returned all three names. Collect those that do not "
                "pass: `if not found.passed`.": sorted(names)
            }

        def measure(value):
            value = sorted_names(value)
            for mistake, wrong in mistakes.items():
                if value == wrong != sorted(right):
                    raise Problem(f"returned {value}, expected {sorted(right)}", mistake)
            return value

        called = {
            "A probe is a function. Call it first, `found = probe(model, x, mask)`, and ask what comes back: "
            "`found.passed`, `found.name`.": "'function' object has no attribute"
        }
        return Case(name, (suspects[kind], x, mask), sorted(right), hint, measure=measure, errors=called)

    yield case("nothing", "a sound model", "This model passes all three probes, so the list is empty: `[]`.")
    yield case(
        "causality",
        "a model that sees the future",
        "This model's output depends on later inputs: run `probes.causality`.",
    )
    yield case(
        "padding_invariance",
        "a model that counts the padding",
        "This model's output depends on the padding: run `probes.padding_invariance`.",
    )
    yield case(
        "batch_invariance",
        "a model that sees its neighbours",
        "This model's output depends on the other examples of its batch: run `probes.batch_invariance`.",
    )
    yield case(
        "two", "a model with two faults", "This model has two faults. Do not stop at the first one that you find."
    )
    yield case(
        "contents",
        "a model that reads what stands in the padding",
        "This model uses what stands at padded positions. A probe sees that only with the mask that you were given: "
        "`probe(model, x, mask)`.",
    )
