"""Tests of the tunes: key, metre, form and the manners of a melody."""

import doctest
import itertools
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from utils.datasets import SPLITS, melodies
from utils.datasets.composer import FORMS, MOODS
from utils.datasets.melodies import ends_on_tonic, fills_bars, is_in_key, midi, scale, to_wave

pytestmark = pytest.mark.slow  # makes or prepares whole data sets


@pytest.fixture(scope="module")
def tunes():
    return {split: melodies.examples(split) for split in SPLITS}


@pytest.fixture(scope="module")
def everything(tunes):
    return [tune for part in tunes.values() for tune in part]


def bars(tune):
    """The notes of each bar."""
    result, beat, length = [], Fraction(0), int(tune["metre"][0])
    for note in tune["notes"]:
        if beat % length == 0:
            result.append([])
        result[-1].append(note)
        beat += Fraction(note.partition(":")[2])
    return result


def phrases(tune):
    halves = bars(tune)
    return [first + second for first, second in zip(halves[::2], halves[1::2], strict=True)]


def semitones(notes):
    return [midi(note.partition(":")[0]) for note in notes]


def steps(notes):
    """Intervals in steps of the scale, from the letters."""
    places = ["CDEFGAB".index(note[0]) + 7 * int(note.partition(":")[0][-1]) for note in notes]
    return [b - a for a, b in itertools.pairwise(places)]


def test_docstring_examples():
    assert doctest.testmod(melodies).failed == 0


def test_every_tune_is_in_its_key_fills_its_bars_and_ends_on_the_tonic(everything):
    for tune in everything:
        assert is_in_key(tune["notes"], tune["key"], tune["mood"]), tune
        assert fills_bars(tune["notes"], tune["metre"]), tune
        assert ends_on_tonic(tune["notes"], tune["key"]), tune


def test_sizes_and_values_are_those_of_the_card(tunes, everything):
    assert {split: len(part) for split, part in tunes.items()} == {"train": 4000, "validation": 500, "test": 500}
    known = {note for tune in tunes["train"] for note in tune["notes"]}
    assert len(known) == 111
    assert {note for tune in everything for note in tune["notes"]} == known
    assert len({note.partition(":")[0] for note in known}) == 25
    assert len({note.partition(":")[2] for note in known}) == 5
    assert min(map(midi, (note.partition(":")[0] for note in known))) == midi("B3")
    assert max(map(midi, (note.partition(":")[0] for note in known))) == midi("G5")
    lengths = [len(tune["notes"]) for tune in everything]
    assert (min(lengths), max(lengths), round(np.mean(lengths), 1)) == (8, 52, 23.3)
    for field, options in (("key", melodies.KEYS), ("mood", tuple(MOODS)), ("metre", ("3/4", "4/4"))):
        counts = Counter(tune[field] for tune in everything)
        assert sorted(counts) == sorted(options)
        assert max(counts.values()) < 1.15 * min(counts.values())


def test_no_tune_occurs_twice_not_even_in_another_key(everything):
    shapes = set()
    for tune in everything:
        pitches = semitones(tune["notes"])
        shape = [
            (pitch - pitches[-1], note.partition(":")[2]) for pitch, note in zip(pitches, tune["notes"], strict=True)
        ]
        shapes.add((tune["metre"], MOODS[tune["mood"]], *shape))
    assert len(shapes) == len(everything)


def test_one_key_and_mood_have_many_tunes(tunes):
    counts = Counter((tune["key"], tune["mood"], tune["metre"]) for tune in tunes["train"])
    assert len(counts) == 48
    assert min(counts.values()) > 50


def test_the_answer_begins_as_the_question_and_closes(everything):
    counts = Counter()
    for tune in everything:
        halves, parts = bars(tune), phrases(tune)
        form = FORMS[len(halves)]
        counts[len(halves)] += 1
        assert halves[0] == halves[-2]  # A' begins as A
        assert not ends_on_tonic(parts[0], tune["key"])  # and A asks
        for name, part in zip(form, parts, strict=True):
            assert ends_on_tonic(part, tune["key"]) == (name == "A'")
            longest = max(Fraction(note.partition(":")[2]) for note in halves[1])
            assert Fraction(part[-1].partition(":")[2]) >= 2 <= longest
        if len(form) == 4:
            assert parts[1] == parts[3]
        if "B" in form:
            assert parts[form.index("B")] not in (parts[0], parts[-1])
    assert sorted(counts) == [4, 6, 8]
    assert counts[8] / len(everything) == pytest.approx(0.6, abs=0.03)


def test_the_last_step_is_a_cadence(everything):
    assert {steps(tune["notes"])[-1] for tune in everything} == {-1, 1, 3}


def test_intervals_can_be_sung(everything):
    for tune in everything:
        sizes, wide = steps(tune["notes"]), np.diff(semitones(tune["notes"]))
        assert max(map(abs, sizes)) <= 5
        assert 6 not in np.abs(wide), tune  # no tritone
        assert all(abs(s) < 3 for step, s in zip(sizes, wide, strict=True) if abs(step) == 1), tune  # nor A♭ to B


def test_leaps_within_a_phrase_are_recovered(everything):
    for tune in everything:
        for part in phrases(tune):
            for leap, after in itertools.pairwise(steps(part)):
                if abs(leap) >= 3:
                    assert leap * after < 0, tune
                    assert abs(after) <= 2, tune


def test_steps_prevail_as_the_card_says(everything):
    sizes = [min(abs(step), 3) for tune in everything for step in steps(tune["notes"])]
    shares = {size: round(100 * count / len(sizes)) for size, count in Counter(sizes).items()}
    assert shares == {0: 5, 1: 68, 2: 16, 3: 11}


def test_moods_sound_different(tunes):
    speed = {
        mood: np.mean([len(t["notes"]) / len(bars(t)) for t in tunes["train"] if t["mood"] == mood]) for mood in MOODS
    }
    assert speed["restless"] > speed["merry"] > speed["calm"] + 0.5 > speed["sad"] + 0.5
    down = {
        mood: np.mean([s < 0 for t in tunes["train"] if t["mood"] == mood for s in steps(t["notes"]) if s])
        for mood in MOODS
    }
    assert down["sad"] == max(down.values())


def test_the_card_s_baselines_are_what_is_measured():
    card = " ".join(melodies.DESCRIPTION.split())
    for name, perplexity in melodies.baselines().items():
        assert f"{name} {perplexity:.1f}" in card, (name, perplexity)


# What measures a tune, tried on others


@pytest.mark.parametrize(
    ("key", "mood", "names"),
    [
        ("C", "merry", "C D E F G A B"),
        ("E", "calm", "E F# G# A B C# D#"),
        ("F", "merry", "F G A Bb C D E"),
        ("F", "sad", "F G Ab Bb C Db Eb"),
        ("A", "restless", "A B C D E F G"),
        ("D", "sad", "D E F G A Bb C"),
    ],
)
def test_scales_are_spelled_as_musicians_do(key, mood, names):
    assert scale(key, mood) == names.split()


@pytest.mark.parametrize(
    ("notes", "key", "mood", "expected"),
    [
        ("C4:1 E4:1 G4:1", "C", "merry", True),
        ("C4:1 Eb4:1 G4:1", "C", "merry", False),
        ("C4:1 Eb4:1 G4:1", "C", "sad", True),
        ("C4:1 D#4:1 G4:1", "C", "sad", False),  # sounds the same, but is not spelled so
        ("B3:1 C4:1", "C", "sad", True),
        ("B4:1 C4:1", "C", "sad", False),  # the tonic that follows is not the one above
        ("B3:1", "C", "sad", False),
        ("F#4:1 G4:1", "C", "merry", False),
        ("B4:1 C5:1 B4:1", "G", "merry", True),
    ],
)
def test_is_in_key(notes, key, mood, expected):
    assert is_in_key(notes.split(), key, mood) is expected


@pytest.mark.parametrize(
    ("notes", "metre", "expected"),
    [
        ("C4:1 C4:1 C4:1 C4:1", "4/4", True),
        ("C4:1 C4:1 C4:1 C4:1", "3/4", False),
        ("C4:3/2 C4:1/2 C4:2", "4/4", True),
        ("C4:2 C4:2 C4:2", "3/4", False),  # two bars in all, but a note crosses the line
        ("C4:3 C4:1/2", "3/4", False),
        ("C4:3 C4:0", "3/4", False),
        ("", "3/4", False),
    ],
)
def test_fills_bars(notes, metre, expected):
    assert fills_bars(notes.split(), metre) is expected


@pytest.mark.parametrize("note", ["H4:1", "C4", "C4:", "c4:1", "C:1", "C4:1/0", "C4:x", "", 60])
def test_other_forms_of_a_note_are_refused(note):
    for measure in (
        lambda: is_in_key([note], "C", "sad"),
        lambda: fills_bars([note], "4/4"),
        lambda: ends_on_tonic([note], "C"),
        lambda: to_wave([note]),
    ):
        with pytest.raises(ValueError, match="a pitch and a duration are expected, such as 'G4:1/2'"):
            measure()


def test_other_keys_moods_metres_and_splits_are_refused():
    with pytest.raises(ValueError, match="key is 'H', but one of C, D, E, F, G, A is expected"):
        scale("H", "sad")
    with pytest.raises(ValueError, match="mood is 'angry', but one of merry, calm, sad, restless"):
        is_in_key([], "C", "angry")
    with pytest.raises(ValueError, match="metre is '6/8', but one of 3/4, 4/4"):
        fills_bars([], "6/8")
    with pytest.raises(ValueError, match="pitch is 'H4', but"):
        midi("H4")
    with pytest.raises(ValueError, match="tempo is 0 and rate 8000, but both must be positive"):
        to_wave([], tempo=0, rate=8000)
    with pytest.raises(ValueError, match="split is 'dev'"):
        melodies.examples("dev")


def test_the_sound_has_the_length_and_the_pitches_of_the_notes():
    rate = 8000
    wave = to_wave(["A4:1", "C5:2"], tempo=60, rate=rate)
    assert (wave.dtype, wave.shape) == (np.float32, (3 * rate,))
    assert 0.1 < np.abs(wave).max() <= 1
    for part, hertz in ((wave[:rate], 440.0), (wave[rate:], 523.25)):
        spectrum = np.abs(np.fft.rfft(part))
        assert np.fft.rfftfreq(len(part), 1 / rate)[spectrum.argmax()] == pytest.approx(hertz, abs=1.5)
    assert to_wave([]).shape == (0,)
