"""Small pictures of coloured shapes, each with the one sentence that describes it.

A picture is 32 × 32 × 3, uint8. It shows one thing ("a small red circle"), two or three things alike ("two yellow
squares"), or two groups with at most three things ("a blue cross below two small white triangles"). Things are a
circle, a square, a triangle or a cross; red, green, blue, yellow, black or white; small (radius 3 to 3.5 pixels),
large (8 to 8.5) or in between (5 to 5.5), which has no word. Grey, faintly tinted backgrounds with stripes, checks or
gradients, a shade of its own for each thing and noise make every picture different; the sentence follows from
colour, size, shape, number and place alone:

* In a sentence about two groups the smaller things come first; of things of one size, those above or on the left.
* "above", "below", "left of" and "right of" hold for every thing of the group, and the middles of the groups lie at
  least three times as far apart in that direction as in the other, so that no picture is a matter of taste.

Pictures: train 8000, validation 1000, test 1000; no arrangement of things occurs twice. A quarter of them show one
thing, a fifth two or three alike, the rest two groups. 24 words, sentences of 3 to 10 words, 3926 different ones in
training. Four pairs of colour and shape (`HELD_OUT`) stand in training and validation alone or with their like, never
in a sentence about two groups. 300 test pictures show such a pair beside another group and carry `seen_combination`
False; the other 700 are drawn as the training pictures are.

Measured on these 700 (`baselines`): 55.3 % have a sentence that occurs in training. Without a look at the picture, the
most frequent training sentence is right for 0.4 %, the most frequent first shape for 25.6 %, and, each word being
guessed from the true one before it, 47.9 % of the words (with `<EOS>`). The sentence of the training picture with the
nearest pixels is right for 8.6 %. Reading the colours and outlines off the pixels is right for all.
"""

import functools
import itertools
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from utils.datasets.splits import check_split

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Made by this course and licensed as the course is."

SIDE = 32
SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = {
    "red": (205, 30, 35),
    "green": (40, 165, 60),
    "blue": (35, 75, 205),
    "yellow": (240, 205, 35),
    "black": (22, 22, 22),
    "white": (238, 238, 238),
}
NUMBERS = ("", "a", "two", "three")
RELATIONS = ("above", "left of", "below", "right of")
# Known alone, new in company: one pair a shape, so that every colour and every shape is known in company.
HELD_OUT = (("green", "circle"), ("red", "square"), ("yellow", "triangle"), ("blue", "cross"))

# Everything is drawn in whole numbers, so that the bytes are the same on every machine: lengths and places in
# quarters of a pixel, coverage in sixteenths.
_FINE = 4
_RADII = {"small": (12, 14), "": (20, 22), "large": (32, 34)}
_SIZES = tuple(_RADII)  # from small to large
_MARGIN, _GAP = 3, 7
_RIM = 2  # pixels around the picture that are cut off in the end, so that drawing never reaches outside
_SEED = 20_03
_SIZES_OF_SPLITS = {"train": 8000, "validation": 1000, "test": 1000}
_NEW_COMBINATIONS = 300


class Group(NamedTuple):
    """Things alike: how many (1 to 3), "small", "" or "large", colour and shape."""

    number: int
    size: str
    colour: str
    shape: str


def sentence(groups: tuple[Group, ...], relation: str = "") -> str:
    """Return the sentence for one group, or for two and the relation of the first to the second.

    Args:
        groups: One or two groups, in the order in which they are named.
        relation: One of `RELATIONS` for two groups, "" for one.

    Returns:
        Words separated by single spaces.

    >>> sentence((Group(1, "small", "red", "circle"), Group(2, "", "blue", "cross")), "left of")
    'a small red circle left of two blue crosses'
    """
    return f" {relation} ".join(_phrase(group) for group in groups)


def examples(split: str) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"image": uint8 array (32, 32, 3), "caption": "a small red circle above a blue square", "shape":
        "circle", "colour": "red", "things": 2, "seen_combination": True}: shape and colour are those of the
        things named first, "things" counts what the picture shows.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    return [{**record, "image": record["image"].copy()} for record in _everything()[split]]


def baselines() -> dict[str, float]:
    """Return what can be had without understanding the picture, as shares of the test pictures seen in combination.

    Returns:
        "known sentence": test sentences that occur in training; "most frequent sentence": that one right; "most
        frequent shape": that one right; "following word": words (with `<EOS>`) that are the most frequent
        followers of the true word before them; "nearest picture": sentences right when taken from the training
        picture at the smallest Euclidean distance.
    """
    train = _everything()["train"]
    test = [record for record in _everything()["test"] if record["seen_combination"]]
    sentences = Counter(record["caption"] for record in train)
    followers: dict[str, Counter] = {}
    for record in train:
        for word, follower in _steps(record):
            followers.setdefault(word, Counter())[follower] += 1
    best = {word: counter.most_common(1)[0][0] for word, counter in followers.items()}
    # |x − y|² = |x|² − 2 x·y + |y|², and |x|² does not change which y is nearest.
    known, asked = (np.stack([r["image"] for r in part]).reshape(len(part), -1).astype("f4") for part in (train, test))
    nearest = np.argmin((known**2).sum(1) - 2 * asked @ known.T, axis=1)

    (usual, _), (shape, _) = sentences.most_common(1)[0], Counter(r["shape"] for r in train).most_common(1)[0]
    hits = {
        "known sentence": [r["caption"] in sentences for r in test],
        "most frequent sentence": [r["caption"] == usual for r in test],
        "most frequent shape": [r["shape"] == shape for r in test],
        "following word": [best[word] == follower for r in test for word, follower in _steps(r)],
        "nearest picture": [train[i]["caption"] == r["caption"] for i, r in zip(nearest, test, strict=True)],
    }
    return {name: sum(right) / len(right) for name, right in hits.items()}


def _steps(record: dict) -> list[tuple[str, str]]:
    words = ["<BOS>", *record["caption"].split(), "<EOS>"]
    return list(itertools.pairwise(words))


def _phrase(group: Group) -> str:
    shape = group.shape
    if group.number > 1:
        shape += "es" if shape.endswith("s") else "s"
    return " ".join(filter(None, (NUMBERS[group.number], group.size, group.colour, shape)))


@functools.cache
def _everything() -> dict[str, tuple[dict, ...]]:
    """Return the records of all splits; made together, because no arrangement may occur in two of them."""
    rng = np.random.default_rng(_SEED)
    known: dict[tuple, None] = {}
    return {
        split: tuple(
            _record(rng, known, new=split == "test" and i % 10 < 10 * _NEW_COMBINATIONS // size) for i in range(size)
        )
        for split, size in _SIZES_OF_SPLITS.items()
    }


def _record(rng: np.random.Generator, known: dict[tuple, None], new: bool) -> dict:
    """Return a record that shows an arrangement not known so far, and add the arrangement to the known ones."""
    groups, relation = _scene(rng, new)
    while True:
        radii = [_between(rng, *_RADII[group.size]) for group in groups for _ in range(group.number)]
        centres = _places(rng, np.array(radii), groups[0].number, relation)
        arrangement = (groups, tuple(radii), tuple(centres.ravel().tolist()))
        if len(centres) and arrangement not in known:
            break
    known[arrangement] = None
    return {
        "image": _picture(rng, groups, radii, centres),
        "caption": sentence(groups, relation),
        "shape": groups[0].shape,
        "colour": groups[0].colour,
        "things": len(radii),
        "seen_combination": not new,
    }


def _scene(rng: np.random.Generator, new: bool) -> tuple[tuple[Group, ...], str]:
    """Draw what a picture shows: groups in the order of naming, and their relation."""
    draw = 99 if new else _between(rng, 0, 99)
    if draw < 45:
        number = 1 if draw < 25 else 2 if draw < 37 else 3
        sizes = _SIZES if number == 1 else _SIZES[:2]  # two large things do not fit
        return (Group(number, _one_of(rng, sizes), *_pair(rng)),), ""
    while True:
        numbers = _one_of(rng, ((1, 1), (1, 1), (1, 2), (2, 1)))
        groups = [Group(n, _one_of(rng, _SIZES if n == 1 else _SIZES[:2]), *_pair(rng)) for n in numbers]
        groups.sort(key=lambda group: _SIZES.index(group.size))
        pairs = [(group.colour, group.shape) for group in groups]
        fits = groups[0].size != "large" and (groups[0].number, groups[0].size, groups[1].size) != (2, "", "large")
        if fits and pairs[0] != pairs[1] and any(pair in HELD_OUT for pair in pairs) == new:
            break
    return tuple(groups), _one_of(rng, RELATIONS[:2] if groups[0].size == groups[1].size else RELATIONS)


def _places(rng: np.random.Generator, radii: np.ndarray, first: int, relation: str) -> np.ndarray:
    """Return centres (x, y) where nothing touches and the relation holds, shape (things, 2); (0, 2) if none is found.

    Args:
        rng: Source of the candidates.
        radii: Radius of each thing, shape (things,).
        first: How many of them belong to the first group.
        relation: One of `RELATIONS`, or "" for a single group.
    """
    low, high = radii + _MARGIN, SIDE * _FINE - radii - _MARGIN
    # (candidates, things, x and y)
    centres = rng.integers(low[:, None], high[:, None], size=(200, len(radii), 2), endpoint=True)
    good = np.ones(len(centres), bool)
    needed = radii[:, None] + radii + _GAP  # (things, things)
    apart = centres[:, None] - centres[:, :, None]  # (candidates, from thing, to thing, x and y)
    for i, j in zip(*np.triu_indices(len(radii), 1), strict=True):
        good &= (np.abs(apart[:, i, j]) >= needed[i, j]).any(axis=-1)
    if relation:
        along = RELATIONS.index(relation) % 2  # 0: y, 1: x
        sign = 1 if relation in RELATIONS[:2] else -1
        between = apart[:, :first, first:]
        ahead = sign * between[..., 1 - along]
        good &= (ahead >= needed[:first, first:]).all(axis=(1, 2))
        # Sums in place of means, to stay with whole numbers.
        good &= 3 * np.abs(between[..., along].sum(axis=(1, 2))) <= ahead.sum(axis=(1, 2))
    return centres[good.argmax()] if good.any() else centres[0, :0]


def _picture(rng: np.random.Generator, groups: tuple[Group, ...], radii: list[int], centres: np.ndarray) -> np.ndarray:
    """Draw the things on a background, uint8 (32, 32, 3)."""
    canvas = _background(rng)
    kinds = [group for group in groups for _ in range(group.number)]
    for group, radius, (x, y) in zip(kinds, radii, centres.tolist(), strict=True):
        coverage = _coverage(group.shape, radius, x % _FINE, y % _FINE)[..., None]
        half = len(coverage) // 2
        row, column = y // _FINE + _RIM, x // _FINE + _RIM
        window = canvas[row - half : row + half + 1, column - half : column + half + 1]
        colour = np.array(COLOURS[group.colour]) + _between(rng, -12, 12) + rng.integers(-5, 6, size=3)
        window[:] = (window * (16 - coverage) + colour * coverage) // 16
    noise = rng.integers(-7, 8, size=(2, SIDE, SIDE, 3)).sum(axis=0)
    return np.clip(canvas[_RIM:-_RIM, _RIM:-_RIM] + noise, 0, 255).astype(np.uint8)


@functools.cache
def _coverage(shape: str, radius: int, x: int, y: int) -> np.ndarray:
    """Return how many of its 16 sub-pixels a shape covers in each pixel around its centre.

    Args:
        shape: One of `SHAPES`.
        radius: In quarters of a pixel.
        x: Place of the centre in the window's middle pixel, 0 to 3.
        y: The same downwards.
    """
    half = radius // _FINE + 2
    # Twice the distance from the centre, so that the middle of a sub-pixel is a whole number.
    grid = 2 * np.arange(-half * _FINE, (half + 1) * _FINE) + 1
    dx, dy, r = grid[None, :] - 2 * x, grid[:, None] - 2 * y, 2 * radius
    across, down = np.abs(dx), np.abs(dy)
    if shape == "circle":
        inside = across**2 + down**2 <= r**2
    elif shape == "square":
        inside = (across <= r) & (down <= r)
    elif shape == "triangle":
        inside = (2 * across <= dy + r) & (dy <= r)
    else:
        inside = (np.maximum(across, down) <= r) & (3 * np.minimum(across, down) <= r)
    side = 2 * half + 1
    return inside.reshape(side, _FINE, side, _FINE).sum(axis=(1, 3))


def _background(rng: np.random.Generator) -> np.ndarray:
    """Return a grey, faintly tinted background with a pattern, whole numbers (36, 36, 3): the picture and its rim."""
    row, column = np.indices((SIDE + 2 * _RIM, SIDE + 2 * _RIM))
    angle = _one_of(rng, ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, -1)))
    place = angle[0] * row + angle[1] * column + _between(rng, 0, 63)
    width = _between(rng, 2, 6)
    depth = _between(rng, 6, 20)
    pattern = _one_of(rng, ("plain", "gradient", "stripes", "checks", "dots"))
    if pattern == "plain":
        lift = 0 * row
    elif pattern == "gradient":
        lift = 2 * depth * (place - place.min()) // (np.ptp(place)) - depth
    elif pattern == "stripes":
        lift = depth * (place // width % 2)
    elif pattern == "checks":
        lift = depth * ((row // width + column // width) % 2)
    else:
        lift = depth * ((row % (width + 2) < 2) & (column % (width + 2) < 2))
    tint = rng.integers(-10, 11, size=3)
    return _between(rng, 100, 155) + lift[..., None] + tint


def _pair(rng: np.random.Generator) -> tuple[str, str]:
    return _one_of(rng, tuple(COLOURS)), _one_of(rng, SHAPES)


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    """Draw a whole number from low to high, both included."""
    return int(rng.integers(low, high, endpoint=True))


def _one_of(rng: np.random.Generator, options: tuple) -> Any:
    return options[_between(rng, 0, len(options) - 1)]
