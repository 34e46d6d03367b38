"""From a model's scores to a sequence: filters, sampling and generation with carried state, beam search.

The filters and the loops are written with `keras.ops`, so they run on every backend. A loop is compiled
by the backend as a whole: a step by `model.predict` would cost about a hundred times as much. The settings (how
high the temperature, how many candidates) enter it as numbers, so changing them compiles nothing again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from utils.viterbi import legal_bio, viterbi

__all__ = [
    "FREE",
    "GREEDY",
    "BeamSearch",
    "Beams",
    "Generated",
    "Generator",
    "Sampling",
    "legal_bio",
    "nucleus",
    "scaled",
    "top_k",
    "viterbi",
]

Step = Callable[[Any, Any], tuple[Any, Any]]


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < float("inf"):
        raise ValueError(
            f"temperature is {temperature}, but a number above 0 is expected: for the likeliest token, sample greedily"
        )


def _check_k(k: int) -> None:
    if k != int(k) or k < 1:
        raise ValueError(f"k is {k}, but a whole number of at least 1 is expected: it is how many tokens are kept")


def _check_p(p: float) -> None:
    if not 0 < p <= 1:
        raise ValueError(f"p is {p}, but a number above 0 and at most 1 is expected: it is a sum of probabilities")


def scaled(logits: Any, temperature: float) -> Any:
    """Divide logits by a temperature: below 1 the likely tokens become likelier, above 1 less so.

    Args:
        logits: Shape (..., V).
        temperature: Above 0.

    Returns:
        The divided logits, the same shape.

    Raises:
        ValueError: If the temperature is not a finite number above 0.

    >>> scaled(np.array([1.0, 2.0]), 0.5).tolist()
    [2.0, 4.0]
    """
    _check_temperature(temperature)
    return logits / temperature


def top_k(logits: Any, k: int) -> Any:
    """Keep the k highest logits and set the others to −inf; a tie with the k-th highest stays.

    Args:
        logits: Shape (..., V).
        k: At least 1; V or more keeps all.

    Returns:
        The filtered logits, the same shape.

    Raises:
        ValueError: If `k` is no whole number of at least 1.

    >>> np.asarray(top_k(np.array([0.0, 3.0, 1.0, 2.0], dtype="float32"), 2)).tolist()
    [-inf, 3.0, -inf, 2.0]
    """
    _check_k(k)
    return _highest(ops.convert_to_tensor(logits), k)


def nucleus(logits: Any, p: float) -> Any:
    """Keep the smallest set of tokens whose probabilities sum to at least p, and set the others to −inf.

    A tie with the least likely token of the set stays; the likeliest token always does.

    Args:
        logits: Shape (..., V).
        p: Above 0, at most 1, which keeps all.

    Returns:
        The filtered logits, the same shape.

    Raises:
        ValueError: If `p` is outside (0, 1].

    Source: Holtzman et al., The Curious Case of Neural Text Degeneration, ICLR 2020.

    >>> logits = np.log(np.array([0.1, 0.5, 0.4], dtype="float32"))
    >>> np.isfinite(np.asarray(nucleus(logits, 0.6))).tolist()
    [False, True, True]
    """
    _check_p(p)
    return _likeliest(ops.convert_to_tensor(logits), p)


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: temperature first, then top-k, then nucleus, then a draw.

    Attributes:
        temperature: Above 0.
        k: Number of candidates, at least 1; None for all.
        p: Probability that the candidates hold together, in (0, 1]; None for 1.
        greedy: Whether to take the likeliest token instead of drawing; the other settings then change nothing.

    Raises:
        ValueError: If a setting is outside its range.
    """

    temperature: float = 1.0
    k: int | None = None
    p: float | None = None
    greedy: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        _check_temperature(self.temperature)
        if self.k is not None:
            _check_k(self.k)
        if self.p is not None:
            _check_p(self.p)


FREE = Sampling()
GREEDY = Sampling(greedy=True)


@dataclass(frozen=True)
class Generated:
    """What a generator made.

    Attributes:
        ids: Shape (batch, time), int32; what follows the end token is the end token again.
        lengths: Tokens up to and including the end token, shape (batch,), int32.
        log_probability: Sum of ln p of these tokens, as the model gave it before any filter, shape (batch,).
        state: The model's state after the last step, for going on.
    """

    ids: np.ndarray
    lengths: np.ndarray
    log_probability: np.ndarray
    state: Any


class Generator:
    """A compiled loop that feeds each chosen token back as the next input, and carries the model's state.

    It is compiled at the first call, and again only for another batch size or length.

    Args:
        step: `step(tokens, state) -> (logits, state)` with tokens (batch,) int32 and logits (batch, V); the state
            is a tensor, or a list or dictionary of tensors, whose shapes stay the same. Written with `keras.ops` or
            Keras layers; it must not change anything outside.
        end: Id of the token that ends a sequence; None where nothing does.
        never: Ids that are never chosen, like those of `<PAD>` and `<BOS>`.

    >>> count_up = Generator(lambda tokens, state: (10.0 * ops.one_hot((tokens + 1) % 5, 5), state), end=4)
    >>> count_up([0, 2], [], length=6, sampling=GREEDY).ids
    array([[1, 2, 3, 4, 4, 4],
           [3, 4, 4, 4, 4, 4]], dtype=int32)
    """

    def __init__(self, step: Step, *, end: int | None = None, never: Sequence[int] = ()) -> None:
        self._step = step
        self._end = end
        self._never = sorted(set(never))
        if end is not None and end in self._never:
            raise ValueError(f"end is {end}, which is also among never: a sequence could not end")
        self._loop = _compiled(self._run)

    def __call__(
        self, tokens: ArrayLike, state: Any, *, length: int, sampling: Sampling = FREE, seed: int = 0
    ) -> Generated:
        """Generate one sequence for each first token.

        Args:
            tokens: The first input of each sequence, shape (batch,), integers; not part of the result.
            state: The model's state before it reads them.
            length: Largest number of tokens to generate, at least 1.
            sampling: How each token is chosen.
            seed: Seed of the draws: the same seed, weights and batch give the same tokens.

        Returns:
            The sequences.

        Raises:
            ValueError: If `tokens` has another shape or dtype, or `length` is below 1.
        """
        tokens = _first_tokens(tokens, length)
        # One number a step and sequence decides the draw. NumPy makes them, so that they do not depend on the backend.
        uniform = np.random.default_rng(seed).random((length, len(tokens)), dtype=np.float32)
        settings = [
            np.float32(sampling.temperature),
            np.int32(np.iinfo(np.int32).max if sampling.k is None else sampling.k),
            np.float32(1.0 if sampling.p is None else sampling.p),
            np.bool_(sampling.greedy),
        ]
        state = keras.tree.map_structure(ops.convert_to_tensor, state)
        inputs = [ops.convert_to_tensor(value) for value in (tokens, uniform, *settings)]
        ids, lengths, log_probability, state = self._loop(*inputs, state)
        return Generated(*map(ops.convert_to_numpy, (ids, lengths, log_probability)), state)

    def _run(self, tokens, uniform, temperature, k, p, greedy, state):
        length, m = uniform.shape
        leaves = keras.tree.flatten(state)

        def body(t, tokens, finished, ids, lengths, log_probability, *leaves):
            logits, after = self._step(tokens, keras.tree.pack_sequence_as(state, list(leaves)))
            logits = ops.cast(logits, "float32")  # (batch, V)
            # What is never chosen stays in the model's own probabilities.
            log_p = ops.log_softmax(logits, axis=-1)
            chosen = self._choose(logits, uniform[t], temperature, k, p, greedy)
            if self._end is not None:
                chosen = ops.where(finished, self._end, chosen)
            gained = ops.take_along_axis(log_p, chosen[:, None], axis=-1)[:, 0]
            log_probability = log_probability + ops.where(finished, 0.0, gained)
            lengths = lengths + ops.cast(ops.logical_not(finished), "int32")
            if self._end is not None:
                finished = ops.logical_or(finished, chosen == self._end)
            ids = ops.slice_update(ids, [0, t], chosen[:, None])
            return (t + 1, chosen, finished, ids, lengths, log_probability, *keras.tree.flatten(after))

        def goes_on(t, tokens, finished, *rest):
            return ops.logical_and(t < length, ops.logical_not(ops.all(finished)))

        start = (
            ops.convert_to_tensor(0, dtype="int32"),
            tokens,
            ops.zeros((m,), dtype="bool"),
            ops.full((m, length), 0 if self._end is None else self._end, dtype="int32"),
            ops.zeros((m,), dtype="int32"),
            ops.zeros((m,), dtype="float32"),
        )
        _, _, _, ids, lengths, log_probability, *leaves = ops.while_loop(goes_on, body, (*start, *leaves))
        return ids, lengths, log_probability, keras.tree.pack_sequence_as(state, leaves)

    def _choose(self, logits, uniform, temperature, k, p, greedy):
        """Choose a token for each row: the first whose cumulative probability exceeds the row's number."""
        V = logits.shape[-1]
        if self._never:
            forbidden = np.isin(np.arange(V), self._never)
            logits = ops.where(forbidden, -np.inf, logits)

        def draw():
            kept = _likeliest(_highest(logits / temperature, ops.minimum(k, V)), p)
            cumulative = ops.cumsum(ops.softmax(kept, axis=-1), axis=-1)  # (batch, V)
            below = cumulative <= uniform[:, None] * cumulative[:, -1:]
            return ops.sum(ops.cast(below, "int32"), axis=-1)

        # The filters sort all V logits at every step: greedy decoding does without.
        return ops.cond(greedy, lambda: ops.cast(ops.argmax(logits, axis=-1), "int32"), draw)


@dataclass(frozen=True)
class Beams:
    """What a beam search found: the best hypotheses of each source, best first.

    Those that ended come before those that the largest length cut off. Where there are fewer hypotheses than places,
    the rest have a log-probability of −inf.

    Attributes:
        ids: Shape (batch, width, length), int32; what follows the end token is the end token again.
        lengths: Tokens up to and including the end token, shape (batch, width), int32.
        log_probability: Sum of ln p of these tokens, as the model gave it, shape (batch, width).
        score: log_probability / lengths ** length_penalty, shape (batch, width).
    """

    ids: np.ndarray
    lengths: np.ndarray
    log_probability: np.ndarray
    score: np.ndarray


class BeamSearch:
    """A compiled search that goes on with the likeliest `width` hypotheses at every step.

    All hypotheses that are still open are equally long, so they are compared by their log-probability. One that ends
    keeps its place, and as many fewer are open from then on; the search is over when none is. At the end they are
    ranked by log p / length ** length_penalty. A search of width 1 is greedy; one that is wide enough to hold every
    sequence finds the best. It is compiled at the first call, and again only for other shapes.

    Args:
        step: `step(tokens, state) -> (logits, state)` as for `Generator`, with a state whose tensors have the batch
            first. A tensor of the state that it returns as it came (a source's annotations) is not copied again.
        end: Id of the token that ends a sequence.
        never: Ids that are never chosen, like those of `<PAD>` and `<BOS>`.

    Source: Graves, Sequence Transduction with Recurrent Neural Networks, 2012; as Sutskever, Vinyals & Le (2014) and
    Bahdanau, Cho & Bengio (2015) use it. Length normalisation: Wu et al., Google's Neural Machine Translation
    System, 2016.

    >>> table = np.log(np.array([[0.1, 0.5, 0.4], [0.5, 0.3, 0.2], [0.9, 0.05, 0.05]], dtype="float32"))
    >>> search = BeamSearch(lambda tokens, state: (ops.take(table, tokens, axis=0), state), end=0)
    >>> search([0], [], length=4, width=2).ids[0]
    array([[2, 0, 0, 0],
           [1, 0, 0, 0]], dtype=int32)
    """

    def __init__(self, step: Step, end: int, never: Sequence[int] = ()) -> None:
        self._step = step
        self._end = end
        self._never = sorted(set(never))
        if end in self._never:
            raise ValueError(f"end is {end}, which is also among never: a sequence could not end")
        self._loop = _compiled(self._run)

    def __call__(
        self, tokens: ArrayLike, state: Any, *, length: int, width: int = 4, length_penalty: float = 1.0
    ) -> Beams:
        """Search the best continuations of each first token.

        Args:
            tokens: The first input of each sequence, shape (batch,), integers; not part of the result.
            state: The model's state before it reads them.
            length: Largest number of tokens, the end token included, at least 1.
            width: Number of hypotheses, at least 1.
            length_penalty: Power of the length that the log-probability is divided by: 0 prefers short sequences as
                the sum does, 1 takes the mean over the tokens.

        Returns:
            The best hypotheses.

        Raises:
            ValueError: If `tokens` has another shape or dtype, or a number is out of its range.
        """
        tokens = _first_tokens(tokens, length)
        if width != int(width) or width < 1:
            raise ValueError(f"width is {width}, but a whole number of at least 1 is expected")
        if not 0 <= length_penalty < float("inf"):
            raise ValueError(f"length_penalty is {length_penalty}, but a number of at least 0 is expected")
        state = keras.tree.map_structure(ops.convert_to_tensor, state)
        empty = np.zeros((width, length), dtype=np.int32)  # its shape tells both to the compiled loop
        found = self._loop(ops.convert_to_tensor(tokens), ops.convert_to_tensor(empty), state)
        finished, ids, lengths, log_p = (
            part.reshape(len(tokens), width, *part.shape[1:]) for part in map(ops.convert_to_numpy, found)
        )
        score = log_p / np.maximum(lengths, 1) ** np.float32(length_penalty)
        kind = np.where(np.isneginf(log_p), 2, np.where(finished, 0, 1))
        order = np.lexsort((-score, kind))  # (batch, width)
        parts = (np.take_along_axis(part, order, axis=1) for part in (lengths, log_p, score))
        return Beams(np.take_along_axis(ids, order[..., None], axis=1), *parts)

    def _run(self, tokens, empty, state):
        (m,), (width, length) = tokens.shape, empty.shape
        leaves = [ops.repeat(leaf, width, axis=0) for leaf in keras.tree.flatten(state)]
        first = ops.arange(m, dtype="int32")[:, None] * width  # the row of each example's first hypothesis

        def body(t, tokens, finished, ids, lengths, log_p, *leaves):  # a row for each hypothesis
            logits, after = self._step(tokens, keras.tree.pack_sequence_as(state, list(leaves)))
            log_p_next = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)  # (rows, V)
            V = log_p_next.shape[-1]
            if self._never:
                log_p_next = ops.where(np.isin(np.arange(V), self._never), -np.inf, log_p_next)
            # One that ended goes on in one way alone, and before all others, so that it keeps its place.
            keeps_place = np.where(np.arange(V) == self._end, np.inf, -np.inf).astype("float32")
            total = ops.where(finished[:, None], keeps_place, log_p[:, None] + log_p_next)
            best, place = ops.top_k(ops.reshape(total, (m, width * V)), width)
            best, place = ops.reshape(best, (-1,)), ops.cast(place, "int32")  # (rows,), (batch, width)
            origin = ops.reshape(first + place // V, (-1,))
            tokens = ops.reshape(place % V, (-1,))
            finished, ids, lengths, log_p = (ops.take(part, origin, axis=0) for part in (finished, ids, lengths, log_p))
            log_p = ops.where(best == np.inf, log_p, best)
            lengths = lengths + ops.cast(ops.logical_not(finished), "int32")
            ended = ops.logical_or(finished, tokens == self._end)
            finished = ops.logical_and(ended, log_p > -np.inf)  # an empty place is not kept
            ids = ops.slice_update(ids, [0, t], tokens[:, None])
            moved = [
                new if new is old else ops.take(new, origin, axis=0)
                for old, new in zip(leaves, keras.tree.flatten(after), strict=True)
            ]
            return (t + 1, tokens, finished, ids, lengths, log_p, *moved)

        def goes_on(t, tokens, finished, ids, lengths, log_p, *rest):
            over = ops.logical_or(finished, log_p == -np.inf)
            return ops.logical_and(t < length, ops.logical_not(ops.all(over)))

        start = (
            ops.convert_to_tensor(0, dtype="int32"),
            ops.repeat(tokens, width, axis=0),
            ops.zeros((m * width,), dtype="bool"),
            ops.full((m * width, length), self._end, dtype="int32"),
            ops.zeros((m * width,), dtype="int32"),
            # At first there is one hypothesis, the empty one.
            ops.convert_to_tensor(np.tile(np.where(np.arange(width), -np.inf, 0.0), m).astype("float32")),
        )
        _, _, finished, ids, lengths, log_p, *_ = ops.while_loop(goes_on, body, (*start, *leaves))
        return finished, ids, lengths, log_p


def _first_tokens(tokens: ArrayLike, length: int) -> np.ndarray:
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or not tokens.size or tokens.dtype.kind not in "iu":
        raise ValueError(
            f"tokens has shape {tokens.shape} and dtype {tokens.dtype}, but integers of shape (batch,) are expected"
        )
    if length < 1:
        raise ValueError(f"length is {length}, but at least 1 token must be asked for")
    return tokens.astype(np.int32)


def _highest(logits, k):
    ordered = ops.flip(ops.sort(logits, axis=-1), axis=-1)
    last = ops.take(ordered, ops.minimum(k, logits.shape[-1]) - 1, axis=-1)
    return ops.where(logits >= last[..., None], logits, -np.inf)


def _likeliest(logits, p):
    probability = ops.softmax(logits, axis=-1)
    ordered = ops.flip(ops.sort(probability, axis=-1), axis=-1)
    before = ops.cumsum(ordered, axis=-1) - ordered  # what the likelier ones hold together
    least = ops.min(ops.where(before < p, ordered, np.inf), axis=-1, keepdims=True)
    kept = ops.logical_or(probability >= least, p >= 1.0)  # sums of rounded numbers would lose the last ones
    return ops.where(kept, logits, -np.inf)


def _compiled(function: Callable) -> Callable:
    """Compile a function of tensors with the backend that Keras runs on."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function
