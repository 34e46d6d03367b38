"""Checks of lesson 07: bidirectional networks and sequence tagging.

The oracles work on one sentence at a time and know no padding: a padded batch has to give what its sentences give
alone. Entities are drawn first and written as tags, so that what tags mean is known before they are read. Keras models
are judged by what they do: whose answer changes when which input does.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.checks.cases import Case, Problem, exercise
from utils.checks.values import describe

Weights = tuple[np.ndarray, np.ndarray, np.ndarray]  # Waa, Wax, ba


# 7.1


@exercise("7.1", "Reverse a padded batch")
def reverse_padded(rng: np.random.Generator) -> Iterator[Case]:
    """One sentence without padding, one with, then a batch, then padding that is not zero."""
    n_x = 3
    naive = (
        "The padding comes first now: you reversed all positions alike. In each row only the first `mask[i].sum()` "
        "positions are real; reverse those and leave the padding at the end."
    )
    unchanged = "Nothing was reversed. The last real position of a row has to come first."
    batch = "You reversed the order of the sentences. Axis 0 is the batch; the positions are axis 1."
    features = "You reversed the features of each input. The positions are axis 1, the features axis 2."
    first_row = (
        "Every row was reversed by the length of the first one. Each sentence has a length of its own: "
        "`mask.sum(axis=1)`."
    )
    zeros = "The padded positions hold zeros now. They keep what they held: take `x` itself where the mask is False."
    moved = "The sentences were reversed, but pushed to the right end. Each sentence starts at position 0."
    off = (
        "You took a position behind the end of a sentence. At position 0 belongs the input of position `length - 1`, "
        "the last real one."
    )
    shortest = "Every row was reversed by the length of the shortest one. Use each sentence's own length."
    flat = "The indices need as many axes as `x`: `np.take_along_axis(x, source[..., None], axis=1)`."
    kept = (
        "`length` needs the shape `(batch, 1)`, so that each row is compared with its own: `mask.sum(axis=1, "
        "keepdims=True)`."
    )
    late = "At `t = 0` belongs the last real word, that of index `length - 1`; you were one position off."
    errors = {
        off: "out of bounds",
        kept: r"broadcast together with shapes \((1,)?\d+,?\) \(\d+,\)",
        flat: "same number of dimensions|does not match|broadcast",
    }

    def right(x, mask):
        rows = []
        for row, real in zip(x, mask, strict=True):
            length = int(real.sum())
            rows.append(np.array([*row[:length][::-1], *row[length:]]))
        return np.array(rows)

    one = rng.normal(size=(1, 4, n_x))
    every = np.ones((1, 4), dtype=bool)
    yield Case(
        "one sentence without padding",
        (one, every),
        right(one, every),
        "Without padding the last word comes first: at `t` belongs what stood at `length - 1 - t`.",
        {unchanged: one, features: one[..., ::-1], batch: one[::-1], late: np.roll(one[:, ::-1], 1, axis=1)},
        errors=errors,
    )
    padded, mask = np.concatenate([one[:, :3], np.zeros((1, 2, n_x))], axis=1), np.arange(5)[None] < 3
    yield Case(
        "three real positions and two padded ones",
        (padded, mask),
        right(padded, mask),
        "The first three positions change their order, the last two stay as they are.",
        {unchanged: padded, naive: padded[:, ::-1]},
        errors=errors,
    )
    lengths = np.array([3, 5, 2, 4])
    x, mask = rng.normal(size=(4, 5, n_x)), np.arange(5) < lengths[:, None]
    x = np.where(mask[..., None], x, 0.0)
    by_first = np.concatenate([x[:, :3][:, ::-1], x[:, 3:]], axis=1)
    by_shortest = np.concatenate([x[:, :2][:, ::-1], x[:, 2:]], axis=1)
    pushed = np.array([np.roll(row, 5 - n, axis=0) for row, n in zip(right(x, mask), lengths, strict=True)])
    yield Case(
        "sentences of different lengths",
        (x, mask),
        right(x, mask),
        "In each row its own real positions change their order; the rest stays where it is.",
        {
            naive: x[:, ::-1],
            batch: x[::-1],
            first_row: by_first,
            shortest: by_shortest,
            moved: pushed,
            unchanged: x,
        },
        errors=errors,
    )
    filled = rng.normal(size=x.shape)
    yield Case(
        "padding that is not zero",
        (filled, mask),
        right(filled, mask),
        "What stands at the padded positions may be anything. Leave it as it is, and do not read it.",
        {zeros: np.where(mask[..., None], right(filled, mask), 0.0), naive: filled[:, ::-1]},
        errors=errors,
    )


# 7.2


def chain(x: np.ndarray, Waa: np.ndarray, Wax: np.ndarray, ba: np.ndarray) -> np.ndarray:
    """States (T_x, n_a) of the plain network over one sentence (T_x, n_x), column by column as the formula has it."""
    a, states = np.zeros(len(ba)), []
    for x_t in x:
        a = np.tanh(Waa @ a + Wax @ x_t + ba)
        states.append(a)
    return np.array(states)


def _probabilities(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@exercise("7.2", "Both directions")
def bidirectional_forward(rng: np.random.Generator) -> Iterator[Case]:
    """One position, then several, then padding, where only the real positions count."""
    m, T_x, n_x, n_a, n_y = 2, 4, 3, 5, 6

    def weights() -> Weights:
        return tuple(0.7 * rng.normal(size=shape) for shape in ((n_a, n_a), (n_a, n_x), (n_a,)))

    forwards, backwards = weights(), weights()
    Wy, by = rng.normal(size=(n_y, 2 * n_a)), rng.normal(size=n_y)
    x, lengths = rng.normal(size=(m, T_x, n_x)), np.array([T_x, T_x])

    def both(x, lengths, joined=None):
        """The joined states and the outputs, sentence by sentence; `joined` makes the states of one sentence."""
        a = np.zeros((*x.shape[:2], 2 * n_a))
        for i, length in enumerate(lengths):
            row = x[i, :length]
            if joined is None:
                a[i, :length] = np.concatenate([chain(row, *forwards), chain(row[::-1], *backwards)[::-1]], axis=1)
            else:
                a[i, :length] = joined(row)
        real = (np.arange(x.shape[1]) < lengths[:, None])[..., None]
        return a, np.where(real, _probabilities(a @ Wy.T + by), 0.0)

    def of(lengths) -> Callable[[Any], tuple]:
        """Measures what comes back at the real positions alone; the padded ones may hold anything."""

        def measure(returned):
            if not isinstance(returned, tuple | list) or len(returned) != 2:
                hint = "Return both, the joined states and the outputs: `return a, y_hat`."
                raise Problem(f"returned {describe(returned)}, expected a tuple of two arrays: a and y_hat", hint)
            real = (np.arange(x.shape[1])[: max(lengths)] < lengths[:, None])[..., None]
            for array, name, size in zip(returned, ("a", "y_hat"), (2 * n_a, n_y), strict=True):
                expected = (len(lengths), max(lengths), size)
                if np.shape(array) != expected:
                    hint = f"`{name}` has the shape `(batch, T_x, {'2 * n_a' if name == 'a' else 'n_y'})`: {expected}."
                    if name == "a" and np.shape(array) == (len(lengths), max(lengths), n_a):
                        hint = (
                            "The two states were added, or one is missing. Put them side by side along the last axis: "
                            "`np.concatenate([…, …], axis=-1)`."
                        )
                    elif name == "a" and np.shape(array) == (len(lengths), n_y, n_a):
                        hint = "The two states stand one after the other in time. Join them along the last axis."
                    raise Problem(f"returned {name} of shape {np.shape(array)}, expected {expected}", hint)
            return tuple(np.where(real, np.asarray(array, float), 0.0) for array in returned)

        return measure

    def side_by_side(left, right):
        return lambda row: np.concatenate([left(row), right(row)], axis=1)

    def ahead(row):
        return chain(row, *forwards)

    def back(row):
        return chain(row[::-1], *backwards)[::-1]

    left_reversed = (
        "The states from the left are wrong, the first half of the last axis: only the second network reads the "
        "reversed sentence, and only its states are turned back, before you join."
    )
    not_turned = (
        "The states of the second network are still in the order in which it read: its first state belongs to the "
        "*last* word. Reverse its states once more, with `reverse_padded`, before you join."
    )
    not_reversed = "Both networks read from left to right. Give the second one `reverse_padded(x, mask)`."
    same = "Both directions use the weights of `forwards`. The second network has its own: `backwards`."
    exchanged_weights = "The weights are exchanged: `forwards` belongs to the network that reads from left to right."
    swapped = "The states from the right stand first. The order is `[forward states, backward states]`."
    no_softmax = "`y_hat` is the sum itself. Pass it through `softmax`."
    no_bias = "`by` has no effect. Add it before the softmax."
    order = "The states come first, then the outputs: `return a, y_hat`."
    shapes = (
        "Two arrays in a product do not fit. `Wy` has the shape `(n_y, 2 * n_a)`: it expects the two states side by "
        "side along the last axis, and with the batch on the left the product is `a @ Wy.T`."
    )
    errors = {shapes: "core dimension|not aligned"}
    names = ("x", "mask", "forwards", "backwards", "Wy", "by")

    a, y_hat = both(x, lengths)
    one = x[:, :1], np.ones(m, dtype=int)
    a_1, y_1 = both(*one)
    z_1 = a_1 @ Wy.T + by
    yield Case(
        "one position",
        (one[0], np.ones((m, 1), bool), forwards, backwards, Wy, by),
        (a_1, y_1),
        "With one position each network makes one step from a state of zeros; both states stand side by side, and "
        "`y_hat` is the softmax of `a @ Wy.T + by`.",
        {
            order: (y_1, a_1),
            same: both(*one, side_by_side(ahead, ahead)),
            swapped: both(*one, side_by_side(back, ahead)),
            no_softmax: (a_1, z_1),
            no_bias: (a_1, _probabilities(a_1 @ Wy.T)),
        },
        measure=of(one[1]),
        errors=errors,
        names=names,
    )
    yield Case(
        "four positions",
        (x, np.ones((m, T_x), bool), forwards, backwards, Wy, by),
        (a, y_hat),
        "One position works, several do not. The second network reads `reverse_padded(x, mask)`, and its states are "
        "reversed again before they are joined.",
        {
            not_turned: both(x, lengths, side_by_side(ahead, lambda row: chain(row[::-1], *backwards))),
            not_reversed: both(x, lengths, side_by_side(ahead, lambda row: chain(row, *backwards))),
            "You reversed the states but not the inputs. The second network has to read the sentence from its end: "
            "give it `reverse_padded(x, mask)`.": both(
                x, lengths, side_by_side(ahead, lambda row: chain(row, *backwards)[::-1])
            ),
            same: both(x, lengths, side_by_side(ahead, lambda row: chain(row[::-1], *forwards)[::-1])),
            left_reversed: both(x, lengths, side_by_side(lambda row: chain(row[::-1], *forwards)[::-1], back)),
            f"{left_reversed} ": both(x, lengths, side_by_side(lambda row: ahead(row)[::-1], back)),
            f"{left_reversed}  ": both(
                x, lengths, side_by_side(lambda row: ahead(row)[::-1], lambda row: back(row)[::-1])
            ),
            exchanged_weights: both(
                x, lengths, side_by_side(lambda r: chain(r, *backwards), lambda r: chain(r[::-1], *forwards)[::-1])
            ),
        },
        measure=of(lengths),
        errors=errors,
        names=names,
    )
    lengths = np.array([2, T_x])
    mask = np.arange(T_x) < lengths[:, None]
    a, y_hat = both(x, lengths)
    # The padding read first, as the second network does after `x[:, ::-1]`.
    through = np.concatenate([ahead(x[0]), back(x[0])], axis=1)[:2]
    wrong = np.array([[*through, *np.zeros((2, 2 * n_a))], a[1]])
    # Reversed rightly, but turned back as if there were no padding.
    read = np.concatenate([x[0, :2][::-1], x[0, 2:]])
    half = np.concatenate([ahead(x[0])[:2], chain(read, *backwards)[::-1][:2]], axis=1)
    half = np.array([[*half, *np.zeros((2, 2 * n_a))], a[1]])
    real = mask[..., None]
    yield Case(
        "padding",
        (x, mask, forwards, backwards, Wy, by),
        (a, y_hat),
        "Without padding it is right. With padding the second network has to start at the last *real* position: use "
        "`reverse_padded`, there and back.",
        {
            "The second network read the padding before the sentence, and starts it from a state full of padding. "
            "`x[:, ::-1]` reverses all positions alike: use `reverse_padded(x, mask)`, there and back.": (
                wrong,
                np.where(real, _probabilities(wrong @ Wy.T + by), 0.0),
            ),
            "The inputs are reversed rightly, but the states are turned back with `[:, ::-1]`, which moves the padding "
            "to the front. Use `reverse_padded` for the states too.": (
                half,
                np.where(real, _probabilities(half @ Wy.T + by), 0.0),
            ),
        },
        measure=of(lengths),
        errors=errors,
        names=names,
    )


# 7.3

Span = tuple[int, int, str]


def _written(spans: list[Span], T_x: int) -> list[str]:
    """The tags of one sentence that mark these entities."""
    tags = ["O"] * T_x
    for start, end, kind in spans:
        tags[start:end] = [f"B-{kind}"] + [f"I-{kind}"] * (end - start - 1)
    return tags


def _drawn(rng: np.random.Generator, kinds: tuple[str, ...], entities: int) -> tuple[list[Span], int]:
    """Entities of random lengths, some next to each other, and the length of their sentence."""
    spans, t = [], int(rng.integers(2))
    for _ in range(entities):
        length = int(rng.integers(1, 4))
        spans.append((t, t + length, str(rng.choice(kinds))))
        t += length + int(rng.integers(3))
    return spans, t


@exercise("7.3", "Entities from tags")
def bio_to_spans(rng: np.random.Generator) -> Iterator[Case]:
    """Tags written from known entities; then tags that continue what has not begun."""
    kinds = ("PER", "LOC", "ORG")
    inclusive = (
        "The second number is the last word of the entity. It has to be the one *after* it, as in a slice: "
        "`tokens[start:end]`."
    )
    by_token = "Each word of an entity came as an entity of its own. `I-PER` continues what the word before began."
    last = "The entity at the end of the sentence is missing. No `O` follows it, so close it after the loop too."
    merged = "Two entities that stand next to each other became one. Each `B-` begins a new one."
    whole_tag = "The third value is the type alone, `PER`: leave out `B-`. `tag[2:]` is what follows the hyphen."
    kind_first = "The order is `(start, end, type)`: first the two numbers."
    begins = (
        "An `I-` after `O`, or at the start, was left out. It continues nothing, so it begins an entity, as if it "
        "were `B-`."
    )
    other = (
        "An `I-` of another type was taken as going on. `B-PER I-LOC` are two entities: an `I-` continues only an "
        "entity of its own type."
    )
    hyphen = (
        "A type may hold a hyphen itself: `B-creative-work`. Cut the tag after its first two characters, `tag[2:]`, "
        "and not at every hyphen."
    )
    across = (
        "An `I-` was taken as going on although an `O` stands before it: there the entity had ended. Compare with the "
        "tag right before, not with the type of the last entity, and remember *every* tag as the one before the next."
    )
    nothing_before = (
        "Nothing stands before the first tag. Begin with `before = 'O'`, so that it can be compared like any."
    )
    no_entity = (
        "An `I-` at the start finds no entity that it could make longer: it begins one, as if it were `B-`. (Mind "
        "`tags[t - 1]`: at `t = 0` that is the *last* tag of the sentence.)"
    )
    from_one = "Indices count from 0: the first word of the sentence is 0."
    lists = "Return a list of tuples `(start, end, type)`, in the order of the sentence; an empty list for no entity."
    no_hyphen = "`O` has no hyphen and no type: treat it first."
    errors = {
        nothing_before: "NoneType",
        hyphen: "too many values to unpack",
        no_hyphen: "not enough values to unpack",
        f"An index left its list. {no_hyphen} And no tag follows the last one: mind `tags[t + 1]`.": "out of range",
    }

    def tuples(found):
        if isinstance(found, list | tuple) and any(isinstance(span, list) for span in found):
            hint = (
                "Each entity is a tuple, `(start, end, type)` in round brackets: exercise 7.4 puts entities into sets."
            )
            raise Problem("returned entities that are lists, expected tuples", hint)
        return found

    def case(name, spans, T_x, hint, mistakes=None, tags=None, errors=errors):
        tags = _written(spans, T_x) if tags is None else tags
        mistakes = {
            **(mistakes or {}),
            inclusive: [(s, e - 1, k) for s, e, k in spans],
            by_token: [(t, t + 1, k) for s, e, k in spans for t in range(s, e)],
            kind_first: [(k, s, e) for s, e, k in spans],
            whole_tag: [(s, e, f"B-{k}") for s, e, k in spans],
            from_one: [(s + 1, e + 1, k) for s, e, k in spans],
        }
        mistakes = {text: value for text, value in mistakes.items() if value != spans}
        hint = f"{hint} (The tags: `{' '.join(tags)}`.)"
        return Case(name, (tags,), spans, hint, mistakes, measure=tuples, errors=errors)

    kind, second = (str(k) for k in rng.permutation(kinds)[:2])
    yield case("a sentence without entities", [], 3, lists)
    yield case("one word", [(1, 2, kind)], 4, "One `B-` and no `I-` after it: an entity of one word. " + lists)
    yield case("two words", [(1, 3, kind)], 5, "A `B-` and the `I-` of the same type after it are one entity.")
    yield case(
        "up to the last word",
        [(0, 1, kind), (2, 4, second)],
        4,
        "The second entity ends with the sentence.",
        {last: [(0, 1, kind)]},
    )
    yield case(
        "next to each other",
        [(0, 2, kind), (2, 3, kind), (3, 5, second)],
        6,
        "Three entities without a word between them.",
        {merged: [(0, 3, kind), (3, 5, second)], f"{merged} ": [(0, 5, kind)]},
    )
    spans = [(1, 3, kind), (4, 5, second)]
    yield case(
        "an I that continues nothing",
        spans,
        6,
        "An `I-` that continues nothing begins an entity.",
        {
            begins: [],
            f"{begins} ": [(2, 3, kind)],
            "An `I-` right after an `I-` of its own type goes on too, as it does after `B-`.": [
                (1, 2, kind),
                (2, 3, kind),
                (4, 5, second),
            ],
        },
        tags=["O", f"I-{kind}", f"I-{kind}", "O", f"I-{second}", "O"],
        errors={begins: "out of range"},
    )
    yield case(
        "an I after an O, the same type before it",
        [(0, 1, kind), (2, 3, kind)],
        4,
        "Two entities with a word between them.",
        {across: [(0, 3, kind)], f"{across} ": [(0, 2, kind)], begins: [(0, 1, kind)]},
        tags=[f"B-{kind}", "O", f"I-{kind}", "O"],
    )
    yield case(
        "an I at the start",
        [(0, 2, kind), (3, 4, kind)],
        4,
        "The first tag continues nothing, so it begins an entity; the second one continues it.",
        {begins: [(3, 4, kind)], f"{begins} ": [(1, 2, kind), (3, 4, kind)]},
        tags=[f"I-{kind}", f"I-{kind}", "O", f"B-{kind}"],
        errors={nothing_before: "NoneType", no_entity: "out of range"},
    )
    spans = [(0, 1, kind), (1, 3, second)]
    yield case(
        "an I of another type",
        spans,
        4,
        "Two entities: the types differ.",
        {
            other: [(0, 3, kind)],
            f"{other} ": [(0, 3, second)],
            "An `I-` of another type was left out. It continues nothing, so it begins an entity of its own type.": [
                (0, 1, kind)
            ],
        },
        tags=[f"B-{kind}", f"I-{second}", f"I-{second}", "O"],
    )
    spans = [(0, 2, "creative-work"), (3, 4, kind)]
    yield case(
        "a type with a hyphen",
        spans,
        5,
        "The type is all that follows `B-` or `I-`.",
        {
            hyphen: [(0, 2, "creative"), (3, 4, kind)],
            f"{hyphen} ": [(0, 2, "work"), (3, 4, kind)],
        },
    )
    spans, T_x = _drawn(rng, kinds, 6)
    yield case("many entities", spans, T_x, "Each part is right by itself: go through the tags one by one.")


# 7.4


@exercise("7.4", "Entity F1")
def entity_f1(rng: np.random.Generator) -> Iterator[Case]:
    """One sentence, then several, then nothing to find and nothing found."""
    texts = {
        "macro": "You took the mean over the sentences. Count over all sentences first, and divide once at the end.",
        "exchanged": "Precision and recall are exchanged. Precision divides by what was *guessed*, recall by what is "
        "*true*.",
        "mean": "The third number is the mean of precision and recall. F1 is the harmonic mean: 2·P·R / (P + R).",
        "no two": "The factor 2 is missing in F1.",
        "span": "A guess with the right words and the wrong type was counted as right. All three values must agree.",
        "type": "A guess of the right type in another place was counted as right. All three values must agree.",
        "start": "A guess with the right start and type but another end was counted as right. Nothing counts for half.",
        "pooled": "A guess in one sentence was taken for an entity at the same place of *another* sentence. Compare "
        "sentence by sentence.",
        "sentence": "You counted sentences that are right as a whole. Count entities.",
        "pairwise": "You compared the first guess with the first true entity, the second with the second, and so on. A "
        "guess may stand at another place of its list than the true one: compare sets, `set(t) & set(g)`.",
        "accuracy": "You divided by all different entities, true or guessed. F1 divides twice the right ones by true "
        "plus guessed.",
    }
    nothing = (
        "A denominator is 0: nothing was guessed, or there is nothing to find, or both shares are 0. Then the result "
        "of this division is 0.0 by agreement; ask before you divide."
    )
    errors = {nothing: "ZeroDivisionError"}

    def scores(right, true, guessed):
        precision, recall = right / guessed if guessed else 0.0, right / true if true else 0.0
        return precision, recall, 2 * right / (true + guessed) if true + guessed else 0.0

    def counted(pairs):
        right = sum(sum(span in true for span in guessed) for true, guessed in pairs)
        return scores(right, sum(len(true) for true, _ in pairs), sum(len(guessed) for _, guessed in pairs))

    def wrong(pairs):
        """What each known mistake returns, where it differs from the right value."""
        p, r, f1 = counted(pairs)
        n_true, n_guessed = sum(len(t) for t, _ in pairs), sum(len(g) for _, g in pairs)
        each = [counted([pair]) for pair in pairs]

        def loosely(part):
            right = sum(sum(part(s) in set(map(part, true)) for s in guessed) for true, guessed in pairs)
            return scores(right, n_true, n_guessed)

        all_true, all_guessed = ([span for pair in pairs for span in pair[side]] for side in (0, 1))
        whole = float(np.mean([sorted(true) == sorted(guessed) for true, guessed in pairs]))
        union = len(set(all_true) | set(all_guessed)) or 1
        right = round(p * n_guessed)
        in_step = sum(a == b for t, g in pairs for a, b in zip(t, g, strict=False))
        return {
            "pairwise": scores(in_step, n_true, n_guessed),
            "macro": tuple(float(np.mean(column)) for column in zip(*each, strict=True)),
            "exchanged": (r, p, f1),
            "mean": (p, r, (p + r) / 2),
            "no two": (p, r, f1 / 2),
            "span": loosely(lambda span: span[:2]),
            "start": loosely(lambda span: (span[0], span[2])),
            "type": loosely(lambda span: span[2]),
            "pooled": scores(sum(span in all_true for span in all_guessed), n_true, n_guessed),
            "sets": scores(len(set(all_true) & set(all_guessed)), len(set(all_true)), len(set(all_guessed))),
            "sentence": (whole, whole, whole),
            "accuracy": (p, r, right / union),
        }

    texts["sets"] = (
        "Entities at the same place of different sentences became one: all sentences went into one set. Compare "
        "sentence by sentence."
    )

    def case(name, pairs, hint, errors=errors):
        right = counted(pairs)
        mistakes = {texts[key]: value for key, value in wrong(pairs).items() if not np.allclose(value, right)}
        true, guessed = ([list(pair[side]) for pair in pairs] for side in (0, 1))
        return Case(name, (true, guessed), right, hint, mistakes, errors=errors)

    three = "Return three numbers: `return precision, recall, f1`."
    yield case(
        "one sentence, one of two guesses is right",
        [([(0, 1, "PER"), (3, 5, "LOC"), (6, 7, "ORG")], [(0, 1, "PER"), (5, 6, "ORG")])],
        f"Three true entities, two guesses, one of them right: precision 1/2, recall 1/3, F1 = 2·1 / (3 + 2). {three}",
    )
    yield case(
        "the right words, the wrong type",
        [([(0, 2, "PER"), (3, 4, "LOC")], [(0, 2, "ORG"), (3, 4, "LOC"), (6, 7, "LOC")])],
        "The guess (0, 2, 'ORG') is wrong: its type is.",
    )
    yield case(
        "the right start, the wrong end",
        [([(0, 2, "PER"), (4, 6, "LOC")], [(0, 1, "PER"), (4, 6, "LOC"), (8, 9, "ORG")])],
        "The guess (0, 1, 'PER') is wrong: the entity has two words.",
    )
    yield case(
        "two sentences",
        [
            ([(0, 1, "PER"), (2, 3, "LOC"), (5, 6, "ORG")], [(0, 1, "PER")]),
            ([(1, 2, "LOC")], [(0, 1, "PER"), (1, 2, "LOC"), (2, 3, "LOC")]),
        ],
        "Add up over the sentences what is right, true and guessed; divide once.",
    )
    kinds = ("PER", "LOC", "ORG")
    pairs = []
    for _ in range(6):
        true, _ = _drawn(rng, kinds, int(rng.integers(1, 4)))
        guessed = [span if rng.random() < 0.6 else (span[0], span[1] + 1, span[2]) for span in true]
        pairs.append((true, guessed + [(30, 31, "ORG")] * int(rng.integers(2))))
    pairs.append(([(0, 1, "PER")], [(0, 1, "PER")]))
    pairs.append(([(0, 1, "PER")], []))
    yield case("many sentences", pairs, "Add up over the sentences what is right, true and guessed; divide once.")
    no_guess = [([(0, 1, "PER")], []), ([(2, 3, "LOC")], [])]
    yield Case(
        "nothing guessed", tuple(map(list, zip(*no_guess, strict=True))), (0.0, 0.0, 0.0), nothing, errors=errors
    )
    no_truth = [([], [(0, 1, "PER")]), ([], [])]
    yield Case(
        "nothing to find", tuple(map(list, zip(*no_truth, strict=True))), (0.0, 0.0, 0.0), nothing, errors=errors
    )
    yield Case("an empty page", ([[]], [[]]), (0.0, 0.0, 0.0), nothing, errors=errors)


# 7.5


@exercise("7.5", "The tagger", uses_keras=True)
def tagger(rng: np.random.Generator) -> Iterator[Case]:
    """What the model does: its shape, its size, what changes an output and what must not."""
    import keras

    keras.utils.set_random_seed(int(rng.integers(2**31)))
    T_x, n_words, n_tags, n_e, n_a = 4, 11, 3, 5, 7
    sizes = (n_words, n_tags, n_e, n_a)
    # The same sentence three times, with another first word and with another last one, and two shorter sentences.
    x = np.tile(rng.integers(1, n_words, size=T_x), (5, 1))
    x[1, 0], x[2, -1] = x[0, 0] % (n_words - 1) + 1, x[0, -1] % (n_words - 1) + 1
    mask = np.arange(T_x) < np.array([T_x, T_x, T_x, 3, 2])[:, None]
    x = np.where(mask, x, 0).astype("int32")

    def answer(model, x, mask):
        if not callable(model):
            hint = "Return the model itself: `return keras.Model([ids, mask], y_hat)`."
            raise Problem(f"returned {describe(model)}, expected a Keras model", hint)
        y_hat = np.asarray(model([x, mask]), dtype=float)
        if y_hat.shape != (*x.shape, n_tags):
            hint = "The model has one output for each position: `(batch, time, n_tags)`."
            if y_hat.ndim == 2:
                hint = (
                    "The time axis is missing. The recurrent layer has to return every state: `return_sequences=True`."
                )
            raise Problem(f"returned a model whose output has shape {y_hat.shape}, expected {(*x.shape, n_tags)}", hint)
        return y_hat

    errors = {
        "The model has two inputs, ids and mask: `keras.Model([ids, mask], y_hat)`.": "expects? \\d input|"
        "received \\d input|not connected|disconnected|structure of `inputs`",
        "`Bidirectional` takes a layer and not what a layer returns. Wrap the LSTM *before* you call it: `layer = "
        "keras.layers.Bidirectional(layer)`.": "initialize `Bidirectional`",
        "An embedding needs to know how many words there are: `keras.layers.Embedding(n_words, n_e)`.": "out of bound|"
        "is not in \\[0",
        "A layer took the mask of the LSTM over without being asked, and stumbled over it. Take the softmax in the "
        "dense layer: `keras.layers.Dense(n_tags, activation='softmax')`.": "Incompatible shapes|broadcast",
    }

    def probabilities(model):
        y_hat = answer(model, x, mask)
        if (y_hat < 0).any() or np.abs(y_hat.sum(axis=-1)[mask] - 1).max() > 1e-4:
            hint = "The outputs are no probabilities. The dense layer needs `activation='softmax'`."
            if (y_hat > 0).all() and (y_hat < 1).all():
                hint = "Each output lies between 0 and 1, but they do not add up to 1: take softmax and not sigmoid."
            raise Problem(f"returned a model whose outputs add up to {y_hat[0, 0].sum():.3g}, expected 1", hint)
        return True

    def reads(past, future):
        """Measures whether the last output hears the first word, and the first output the last word."""

        def measure(model):
            y_hat = answer(model, x, mask)
            hears_past, hears_future = (np.abs(y_hat[i, t] - y_hat[0, t]).max() > 1e-7 for i, t in ((1, -1), (2, 0)))
            if past and not hears_past:
                raise Problem(
                    "returned a model whose last output does not depend on the first word",
                    "The last output has not read the first word. Is there a recurrent layer that reads from left to "
                    "right (without `go_backwards`)?",
                )
            if future and not hears_future:
                raise Problem(
                    "returned a model whose first output does not depend on the last word",
                    "With `both=True` the model has to read the future too: wrap the LSTM in "
                    "`keras.layers.Bidirectional`.",
                )
            if hears_future and not future:
                raise Problem(
                    "returned, with both=False, a model whose first output depends on the last word",
                    "`both=False` asks for one direction: use `keras.layers.Bidirectional` only if `both` is True.",
                )
            return True

        return measure

    def padded(model):
        before = answer(model, x, mask)
        other = np.where(mask, x, rng.integers(1, n_words, size=x.shape)).astype("int32")
        longer = np.pad(other, ((0, 0), (0, 2)), constant_values=3).astype("int32")
        after = answer(model, longer, np.pad(mask, ((0, 0), (0, 2))))[:, :T_x]
        if np.abs(after - before)[mask].max() > 1e-5:
            raise Problem(
                "returned a model in which padding changes a real position",
                "The network that reads from the right meets the padding first. Pass the mask to the recurrent layer "
                "when you call it: `layer(..., mask=mask)`. (`mask_zero=True` is not enough: it knows padding by the "
                "id 0 alone.)",
            )
        return True

    outputs = "The output has the shape `(batch, time, n_tags)` and adds up to 1 over the tags."
    yield Case(
        "a probability for each tag at each position",
        (*sizes, True),
        True,
        outputs,
        measure=probabilities,
        errors=errors,
    )
    yield Case(
        "both=True: past and future count", (*sizes, True), True, outputs, measure=reads(True, True), errors=errors
    )
    yield Case("both=False: the past alone", (*sizes, False), True, outputs, measure=reads(True, False), errors=errors)
    yield Case("padding changes nothing", (*sizes, True), True, outputs, measure=padded, errors=errors)

    def count(both, cells=4, n_in=n_e, n_out=None, directions=None):
        directions = directions or 1 + both
        states = n_out or directions * n_a
        return n_words * n_e + directions * cells * n_a * (n_a + n_in + 1) + n_tags * (states + 1)

    known = {
        "This is the size of a plain recurrent network. Use `keras.layers.LSTM`.": lambda both: count(both, cells=1),
        "The two states are added, not joined. Leave `merge_mode` as it is: it joins them.": lambda both: count(
            both, n_out=n_a
        ),
        "`n_e` and `n_a` are exchanged: the embedding has `n_e` numbers a word, the LSTM `n_a` units.": lambda both: (
            n_words * n_a + (1 + both) * 4 * n_e * (n_e + n_a + 1) + n_tags * ((1 + both) * n_e + 1)
        ),
        "Each direction has half of the units. `n_a` is the number of units of *one* direction.": lambda both: (
            n_words * n_e + 2 * 4 * (n_a // 2) * (n_a // 2 + n_e + 1) + n_tags * (2 * (n_a // 2) + 1)
        ),
        "This is the size of a GRU. Use `keras.layers.LSTM`.": lambda both: (
            count(both, cells=3) + (1 + both) * 3 * n_a
        ),  # a second bias, because of reset_after
    }

    def parameters(both):
        def measure(model):
            found = sum(weight.size for weight in model.get_weights())
            if found == count(both):
                return True
            hint = next((text for text, size in known.items() if size(both) == found), "")
            hint = hint or (
                "An embedding of `n_e` numbers a word, one LSTM layer of `n_a` units in each direction, one dense "
                "layer on the joined states, and nothing else."
            )
            raise Problem(f"returned a model of {found} parameters, expected {count(both)}", hint)

        return measure

    for both in (True, False):
        yield Case(f"the size, both={both}", (*sizes, both), True, outputs, measure=parameters(both), errors=errors)


# 7.6


@exercise("7.6", "Legal tag transitions")
def legal_transitions(rng: np.random.Generator) -> Iterator[Case]:
    """Transitions found by writing entities as tags: what can stand side by side there is legal, and nothing else."""

    def legal(tags):
        """Which tags follow which in all sentences of up to four words and three entities of these types."""
        kinds = sorted({tag[2:] for tag in tags if tag != "O"})
        seen = set()
        for lengths in itertools.product((0, 1, 2, 3), repeat=2):
            for types in itertools.product(kinds, repeat=2):
                for gap in (0, 1, 2):
                    first, second = lengths
                    spans = [(0, first, types[0])] * (first > 0)
                    spans += [(first + gap, first + gap + second, types[1])] * (second > 0)
                    written = _written(spans, first + gap + second + 1)
                    seen |= set(itertools.pairwise(written))
        return np.array([[(before, after) in seen for after in tags] for before in tags])

    turned = "This is the transpose. Rows are the tag *before*, columns the tag *after*."
    only_b = "`I-PER` may follow `I-PER` too: an entity may have three words."
    any_type = "`I-` was allowed after any entity. It continues only an entity of its own type."
    no_neighbours = "`B-` may follow any tag: an entity may begin right after another one."
    no_single = "`O` may follow `B-`: an entity may have one word."
    after_o = "`I-` was allowed after `O`. It would continue nothing."
    all_i = "`I-` was forbidden after everything, or nearly. After `B-PER` and `I-PER` may come `I-PER`."
    forbidden = "This is the opposite: True where a step is forbidden. It has to be True where it is allowed."
    parts = (
        "Two types that share a part were taken for the same, `work` and `creative-work` say. A type is all that "
        "follows the first hyphen: compare `before[2:]` with `after[2:]`."
    )
    fixed = "The tags came in another order, and the result did not follow. Compute it from `tags`."
    hint = "Only `I-` is restricted: it may follow `B-` or `I-` of its own type. Everything else may follow anything."

    def variants(tags):
        right = legal(tags)
        before, after = (np.array([tags] * len(tags)).T, np.array([tags] * len(tags)))
        first_part = [tag.split("-")[1] if tag != "O" else "" for tag in tags]
        same_first = np.array([[a == b for a in first_part] for b in first_part])
        place_before, place_after = (np.vectorize(lambda tag: tag[0])(t) for t in (before, after))
        same_kind = np.vectorize(lambda a, b: a[2:] == b[2:])(before, after)
        inside = place_after == "I"
        return {
            turned: right.T,
            forbidden: ~right,
            only_b: ~inside | (same_kind & (place_before == "B")),
            any_type: ~inside | (place_before != "O"),
            after_o: ~inside | same_kind | (place_before == "O"),
            all_i: ~inside,
            no_neighbours: right & ~((place_after == "B") & (place_before != "O")),
            f"{no_neighbours} ": right & ~((place_after == "B") & (place_before == "B")),
            no_single: right & ~((place_after == "O") & (place_before == "B")),
            parts: np.array([[a[0] != "I" or b.split("-")[-1] == a.split("-")[-1] for a in tags] for b in tags]),
            f"{parts} ": ~inside | same_first,
            f"{parts}  ": np.array([[a[0] != "I" or a[2:] in b for a in tags] for b in tags]),
        }

    kinds = ("PER", "LOC", "ORG")
    three = ["O", *(f"{place}-{kind}" for kind in kinds for place in "BI")]
    hyphened = [f"{place}-{kind}" for kind in ("creative-work", "creative", "work") for place in "BI"]
    shuffled = [str(tag) for tag in rng.permutation([*three, *hyphened])]
    while shuffled[0] == "O":
        shuffled = [str(tag) for tag in rng.permutation(shuffled)]

    def case(name, tags, hint, more=None):
        right = legal(tags)
        every = "Every step was allowed. `O` → `I-PER` is not: it would continue nothing."
        mistakes = {every: np.ones_like(right), **variants(tags), **(more or {})}
        mistakes = {text: value for text, value in mistakes.items() if not np.array_equal(value, right)}
        return Case(name, (tags,), right, f"{hint} (The tags: `{' '.join(tags)}`.)", mistakes)

    fixed = "The result is the one for seven tags, but here are five. Compute it from `tags`."
    yield case("two types", three[:5], hint, {fixed: legal(three)})
    yield case("three types", three, hint)
    yield case(
        "another order, and a type with a hyphen",
        shuffled,
        "The tags came in another order, with more types. Compute every entry from the two tags themselves.",
    )
