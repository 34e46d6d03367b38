"""Tests of the captioned pictures: each has one sentence, and the pixels decide it."""

import doctest
import hashlib

import numpy as np
import pytest

from utils.datasets import SPLITS, captions, load, records
from utils.datasets.captions import COLOURS, HELD_OUT, RELATIONS, Group, sentence

pytestmark = pytest.mark.slow  # makes or prepares whole data sets


@pytest.fixture(scope="module")
def pictures():
    return {split: captions.examples(split) for split in SPLITS}


def stacked(part):
    return np.stack([record["image"] for record in part])


# A reader that knows nothing but the pixels and the rules of the sentence.


def read(image):
    """The sentence of a picture, from the colours and outlines of its patches."""
    things = list(patches(image))
    kinds = list(dict.fromkeys(thing[:3] for thing in things))
    assert len(kinds) <= 2
    members = [[thing[3] for thing in things if thing[:3] == kind] for kind in kinds]
    groups = [Group(len(boxes), *kind) for boxes, kind in zip(members, kinds, strict=True)]
    if len(kinds) == 1:
        return sentence(tuple(groups))
    ranks = [("small", "", "large").index(group.size) for group in groups]
    found = [relation(members[i], members[1 - i]) for i in (0, 1)]
    first = ranks.index(min(ranks)) if ranks[0] != ranks[1] else [r in RELATIONS[:2] for r in found].index(True)
    return sentence((groups[first], groups[1 - first]), found[first])


def patches(image):
    """Size, colour, shape and box of each connected patch of one colour."""
    background = np.median(image.reshape(-1, 3), axis=0)  # things cover less than half of a picture
    palette = np.array([*COLOURS.values(), background])
    nearest = np.abs(image[:, :, None] - palette).sum(-1).argmin(-1)
    for index, name in enumerate(COLOURS):
        left = nearest == index
        while left.any():
            patch = np.zeros_like(left)
            patch[np.unravel_index(left.argmax(), left.shape)] = True
            while (grown := left & dilated(patch)).sum() > patch.sum():
                patch = grown
            left &= ~patch
            if (patch & ~dilated(~patch)).any():  # one without an inside is a rim, where colours mix
                own = image[patch].mean(axis=0) - background
                covered = np.clip((image - background) @ own / (own @ own), 0, 1) * dilated(patch)
                yield size(covered, outline(covered)), name, outline(covered), box(patch)


def dilated(patch):
    wide = np.pad(patch, 1)
    return patch | wide[2:, 1:-1] | wide[:-2, 1:-1] | wide[1:-1, 2:] | wide[1:-1, :-2]


def box(patch):
    """Where a patch begins and ends: top, left, bottom, right."""
    rows, columns = np.flatnonzero(patch.any(1)), np.flatnonzero(patch.any(0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def size(covered, shape):
    """Size from the radius that a shape of this area has."""
    radius = (covered.sum() / {"circle": np.pi, "square": 4, "triangle": 2, "cross": 20 / 9}[shape]) ** 0.5
    return "small" if radius < 4.25 else "" if radius < 6.75 else "large"


def outline(covered):
    """Shape from the moments of the covered area: the triangle is heavy below, the cross thin at its corners."""
    y, x = np.indices(covered.shape)
    share = covered / covered.sum()
    y, x = y - (share * y).sum(), x - (share * x).sum()
    variance_y, variance_x = (share * y**2).sum(), (share * x**2).sum()
    if (share * y**3).sum() / variance_y**1.5 < -0.3:
        return "triangle"
    corners = (share * x**2 * y**2).sum() / (variance_x * variance_y)  # square 1, circle 2/3, cross 0.3
    return "square" if corners > 0.83 else "circle" if corners > 0.5 else "cross"


def relation(first, second):
    """Which of the four holds of every pair of boxes, and points closest to the line between the middles."""
    middle = [np.mean([(b[0] + b[2], b[1] + b[3]) for b in boxes], axis=0) for boxes in (first, second)]
    down, right = middle[1] - middle[0]
    if abs(down) > abs(right):
        name, axis = ("above", 0) if down > 0 else ("below", 0)
    else:
        name, axis = ("left of", 1) if right > 0 else ("right of", 1)
    near, far = (first, second) if name in RELATIONS[:2] else (second, first)
    assert max(box[axis + 2] for box in near) <= min(box[axis] for box in far)
    return name


def test_the_sentence_is_decided_by_the_pixels(pictures):
    pairs = [(record["caption"], read(record["image"])) for record in pictures["test"]]
    assert [(written, found) for written, found in pairs if written != found] == []


def test_training_sentences_are_decided_by_the_pixels(pictures):
    assert all(read(record["image"]) == record["caption"] for record in pictures["train"][:500])


def test_docstring_examples():
    assert doctest.testmod(captions).failed == 0


def test_sizes_and_types(pictures):
    assert {split: len(part) for split, part in pictures.items()} == {"train": 8000, "validation": 1000, "test": 1000}
    for part in pictures.values():
        assert {(r["image"].shape, r["image"].dtype.name) for r in part} == {((32, 32, 3), "uint8")}


def test_no_picture_occurs_twice(pictures):
    assert len({record["image"].tobytes() for part in pictures.values() for record in part}) == 10_000


def test_pictures_are_drawn_with_the_same_bytes_everywhere(pictures):
    # A changed version of NumPy that drew other pictures would make the card's figures wrong.
    digest = hashlib.sha256(stacked(pictures["test"]).tobytes()).hexdigest()
    assert digest.startswith("9f483fdc24de980e")


def test_vocabulary_and_lengths_are_those_of_the_card(pictures):
    train = [record["caption"].split() for record in pictures["train"]]
    words = {word for caption in train for word in caption}
    assert len(words) == 24
    assert {len(caption) for caption in train} == {3, 4, 7, 8, 9, 10}
    assert len({record["caption"] for record in pictures["train"]}) == 3926
    for split in ("validation", "test"):
        assert {word for record in pictures[split] for word in record["caption"].split()} == words


def test_fields_describe_what_is_named_first(pictures):
    for record in pictures["validation"]:
        first = record["caption"]
        for name in RELATIONS:
            first = first.split(f" {name} ")[0]
        words = first.split()
        assert words[-2] == record["colour"]
        assert words[-1].startswith(record["shape"])
        numbers = [captions.NUMBERS.index(word) for word in record["caption"].split() if word in captions.NUMBERS]
        assert record["things"] == sum(numbers) <= 3


def test_kinds_of_pictures_are_as_frequent_as_stated(pictures):
    two_groups = [any(r in record["caption"] for r in RELATIONS) for record in pictures["train"]]
    alone = [record["things"] == 1 for record in pictures["train"]]
    assert np.mean(two_groups) == pytest.approx(0.55, abs=0.02)
    assert np.mean(alone) == pytest.approx(0.25, abs=0.02)


def held_out_in_company(record):
    if not any(relation in record["caption"] for relation in RELATIONS):
        return False
    pairs = zip(record["caption"].split(), record["caption"].split()[1:], strict=False)
    return any(colour == c and noun.startswith(s) for colour, noun in pairs for c, s in HELD_OUT)


def test_held_out_pairs_are_new_in_company_and_known_alone(pictures):
    for split, part in pictures.items():
        assert all(record["seen_combination"] != held_out_in_company(record) for record in part)
        assert sum(not record["seen_combination"] for record in part) == (300 if split == "test" else 0)
    for pair in HELD_OUT:
        alone = [record for record in pictures["train"] if (record["colour"], record["shape"]) == pair]
        assert len(alone) > 100


def test_the_card_s_baselines_are_what_is_measured():
    measured = captions.baselines()
    for name, share in measured.items():
        assert f"{share:.1%}".replace("%", " %") in captions.DESCRIPTION, (name, share)


@pytest.mark.slow
def test_load_gives_the_same_records_and_preparing_twice_the_same_bytes(pictures, tmp_path):
    loaded = {name: load("captions", data_dir=tmp_path / name) for name in ("one", "two")}
    for split, part in pictures.items():
        batches = list(loaded["one"][split].batch(1000).as_numpy_iterator())
        assert np.array_equal(np.concatenate([batch["image"] for batch in batches]), stacked(part))
        for key in ("caption", "shape", "colour"):
            assert [value.decode() for batch in batches for value in batch[key]] == [record[key] for record in part]
        for key in ("things", "seen_combination"):
            assert [value for batch in batches for value in batch[key].tolist()] == [record[key] for record in part]
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in loaded]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


def test_changing_a_record_leaves_the_data_alone():
    records("captions", "test")[0]["image"][:] = 0
    assert records("captions", "test")[0]["image"].any()


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split is 'dev', but one of train, validation, test"):
        captions.examples("dev")
