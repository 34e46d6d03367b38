"""Short tunes in a key and a metre, as sequences of notes: many tunes for one key and mood.

A tune is a key ("G"), a mood, a metre and notes such as "F#4:1/2", pitch and duration in quarter notes. Merry and calm
tunes are in major, sad and restless ones in minor; the mood also decides the rhythms, how often the tune leaps and,
in sad ones, that it tends downwards. A tune has phrases of two bars: question A, answer A' (which begins as A and
closes on the tonic) and contrast B, as A A' (4 bars), A B A' (6 bars) or A A' B A' (8 bars, three fifths of all). It
ends on the tonic, reached by step or from the fifth below. Pitches are of the key's scale, in minor with the raised
seventh where the tonic above it follows; strong beats and long notes belong to the harmony, other notes pass by; a leap
of a fourth or more within a phrase is followed by a step or a third back. `utils.datasets.composer` has the rules.

Tunes: train 4000, validation 500, test 500; no two are the same in another key. 6 keys, 4
moods, 2 metres, each as likely as the others; 8 to 52 notes, 23.3 on average; 111 different notes in training (25
pitches from B3 to G5, 5 durations), and none other in validation and test. Of the intervals 68 % are steps, 5 %
repeated notes, 16 % thirds, 11 % wider.

Perplexity per note of the test tunes (`baselines`): uniform 112.0, unigram 56.1, unigram given key and mood 21.6,
bigram given key and mood 8.6. None of these can know that the answer begins as the question.
"""

import functools
import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from utils.datasets.composer import METRES, MOODS, SCALES, Tone, one_of, tune
from utils.datasets.splits import check_split, digest

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Made by this course and licensed as the course is."

KEYS = ("C", "D", "E", "F", "G", "A")
TEMPO = {"merry": 132, "calm": 92, "sad": 72, "restless": 126}  # quarter notes a minute

_LETTERS = "CDEFGAB"
_NATURAL = SCALES["major"]  # which are also the semitones of the letters above C
_ACCIDENTALS = {-1: "b", 0: "", 1: "#"}
_NOTE = re.compile(r"([A-G])([b#]?)(\d):(\d+(?:/[1-9]\d*)?)")
_SEED = 20_09
_TUNES, _TEST, _VALIDATION = 5000, 500, 500


def scale(key: str, mood: str) -> list[str]:
    """Return the seven note names of a key, from the tonic upwards.

    Args:
        key: The tonic, one of `KEYS`.
        mood: One of `MOODS`; merry and calm tunes are in major, sad and restless ones in (natural) minor.

    Raises:
        ValueError: If the key or the mood is unknown.

    >>> scale("G", "sad")
    ['G', 'A', 'Bb', 'C', 'D', 'Eb', 'F']
    """
    _check("key", key, KEYS)
    _check("mood", mood, MOODS)
    return [_name(key, mood, degree)[:-1] for degree in range(7)]


def is_in_key(notes: Sequence[str], key: str, mood: str) -> bool:
    """Return whether every note belongs to the key.

    In minor the seventh may be raised where the tonic a semitone above it follows, and only there.

    Args:
        notes: Notes such as "F#4:1/2".
        key: The tonic, one of `KEYS`.
        mood: One of `MOODS`.

    Raises:
        ValueError: If the key, the mood or the form of a note is unknown.

    >>> is_in_key(["A4:1", "F#4:1/2", "G4:1/2"], "G", "sad"), is_in_key(["F#4:1/2", "A4:1"], "G", "sad")
    (True, False)
    """
    names = scale(key, mood)
    leading = _name(key, mood, 6, raised=MOODS[mood] == "minor")[:-1]
    pitches = [_parsed(note)[0] for note in notes]
    for pitch, following in itertools.zip_longest(pitches, pitches[1:]):
        rises = following is not None and following[:-1] == key and midi(following) == midi(pitch) + 1
        if pitch[:-1] not in names and not (pitch[:-1] == leading and rises):
            return False
    return True


def fills_bars(notes: Sequence[str], metre: str) -> bool:
    """Return whether the durations fill whole bars, at least one, with no note across a bar line.

    Args:
        notes: Notes such as "G4:3/2".
        metre: "3/4" or "4/4".

    Raises:
        ValueError: If the metre or the form of a note is unknown.

    >>> fills_bars(["G4:1", "A4:2"], "3/4"), fills_bars(["G4:2", "A4:2", "G4:2"], "3/4")
    (True, False)
    """
    _check("metre", metre, METRES)
    length, beat = int(metre[0]), Fraction(0)
    for note in notes:
        duration = _parsed(note)[1]
        beat = beat % length + duration
        if beat > length or duration == 0:
            return False
    return beat == length


def ends_on_tonic(notes: Sequence[str], key: str) -> bool:
    """Return whether the last note is the tonic, in any octave; no notes end nowhere.

    >>> ends_on_tonic(["A4:1", "G4:2"], "G")
    True
    """
    _check("key", key, KEYS)
    return bool(notes) and _parsed(notes[-1])[0][:-1] == key


def midi(pitch: str) -> int:
    """Return the number of a pitch in semitones, 69 for A4 (440 Hz).

    >>> midi("A4"), midi("Bb3")
    (69, 58)
    """
    match = _NOTE.fullmatch(f"{pitch}:1")
    if match is None:
        raise ValueError(f"pitch is {pitch!r}, but a letter, an accidental and an octave are expected, such as 'Bb4'")
    letter, accidental, octave = match[1], match[2], int(match[3])
    return 12 * (octave + 1) + _NATURAL[_LETTERS.index(letter)] + {"b": -1, "": 0, "#": 1}[accidental]


def to_wave(notes: Sequence[str], tempo: float = 100, rate: int = 22_050) -> np.ndarray:
    """Return the sound of a tune, as a plucked string with a few overtones.

    Args:
        notes: Notes such as "G4:1/2", the duration in quarter notes.
        tempo: Quarter notes a minute.
        rate: Samples a second.

    Returns:
        Samples between −1 and 1, float32, shape (samples,), for `IPython.display.Audio(wave, rate=rate)`.

    Raises:
        ValueError: If tempo or rate is not positive, or a note has another form.
    """
    if not (tempo > 0 and rate > 0):
        raise ValueError(f"tempo is {tempo} and rate {rate}, but both must be positive")
    sounds = [np.zeros(0, np.float32)]
    for note in notes:
        pitch, duration = _parsed(note)
        t = np.arange(round(float(duration) * 60 / tempo * rate)) / rate  # seconds
        phase = 2 * np.pi * 440 * 2 ** ((midi(pitch) - 69) / 12) * t
        overtones = sum(np.sin(k * phase) * np.exp(-2 * k * t) / k**2 for k in (1, 2, 3, 4))
        # Ten milliseconds up and down, against clicks.
        envelope = np.minimum(1, np.minimum(t, t[::-1]) / 0.01)
        sounds.append((0.6 * overtones * envelope).astype(np.float32))
    return np.concatenate(sounds)


def examples(split: str) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"key": "G", "mood": "merry", "metre": "3/4", "notes": ["G4:1", "A4:1/2", ...]}: pitch and
        duration in quarter notes.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    bounds = {"test": (0, _TEST), "validation": (_TEST, _TEST + _VALIDATION), "train": (_TEST + _VALIDATION, _TUNES)}
    return [
        {"key": key, "mood": mood, "metre": metre, "notes": list(notes)}
        for key, mood, metre, notes in _everything()[slice(*bounds[split])]
    ]


def baselines() -> dict[str, float]:
    """Return perplexities per note of the test tunes (with `<EOS>`), under models that only count.

    Returns:
        "uniform" over the notes of the training tunes; "unigram"; "unigram given key and mood"; "bigram given key
        and mood": nine parts the note given the note before it, one part the unigram. Each count starts at a
        hundredth, so that no note is impossible.
    """
    train, test = ([(r["key"] + r["mood"], [*r["notes"], "<EOS>"]) for r in examples(s)] for s in ("train", "test"))
    tokens = {token for _, notes in train for token in notes}
    counts: dict[tuple, Counter] = {}
    for condition, notes in train:
        for before, token in zip(["<BOS>", *notes], notes, strict=False):
            for context in ((), (condition,), (condition, before)):
                counts.setdefault(context, Counter())[token] += 1
    totals = {context: counter.total() for context, counter in counts.items()}

    def p(token: str, *context: str) -> float:
        start = 0.01
        return (counts.get(context, Counter())[token] + start) / (totals.get(context, 0) + start * len(tokens))

    bits: dict[str, list[float]] = {"unigram": [], "unigram given key and mood": [], "bigram given key and mood": []}
    for condition, notes in test:
        for before, token in zip(["<BOS>", *notes], notes, strict=False):
            known = p(token, condition)
            bits["unigram"].append(math.log(p(token)))
            bits["unigram given key and mood"].append(math.log(known))
            bits["bigram given key and mood"].append(math.log(0.9 * p(token, condition, before) + 0.1 * known))
    perplexities = {name: math.exp(-math.fsum(logs) / len(logs)) for name, logs in bits.items()}
    return {"uniform": float(len(tokens)), **perplexities}


def _check(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} is {value!r}, but one of {', '.join(known)} is expected")


def _parsed(note: str) -> tuple[str, Fraction]:
    match = _NOTE.fullmatch(note) if isinstance(note, str) else None
    if match is None:
        raise ValueError(f"note is {note!r}, but a pitch and a duration are expected, such as 'G4:1/2'")
    return note.partition(":")[0], Fraction(match[4])


def _name(key: str, mood: str, degree: int, raised: bool = False) -> str:
    """Return the pitch of a scale degree, spelled as the key spells it; G4 is degree 0 of G."""
    octave, letter = divmod(_LETTERS.index(key) + degree, 7)
    steps = SCALES[MOODS[mood]][degree % 7] + raised
    sounding = _NATURAL[_LETTERS.index(key)] + steps + 12 * (degree // 7)
    accidental = sounding - 12 * octave - _NATURAL[letter]
    return f"{_LETTERS[letter]}{_ACCIDENTALS[accidental]}{4 + octave}"


@functools.cache
def _everything() -> tuple[tuple, ...]:
    """Return all tunes, mixed by a fixed hash; no two are the same tune in different keys."""
    draw = random.Random(_SEED).random  # the one generator that Python promises never to change
    tunes: dict[tuple, tuple[str, str]] = {}
    for _ in range(_TUNES):
        key, mood, metre = (one_of(draw, options) for options in (KEYS, tuple(MOODS), METRES))
        bars = one_of(draw, (4, 6, 8, 8, 8))
        bounds = (-1, 8) if key in "CDEF" else (-3, 5)  # what a voice sings: B3 to G5
        tones = ()
        while not tones or (MOODS[mood], metre, tones) in tunes:
            tones = tune(draw, mood, metre, bars, bounds)
        tunes[MOODS[mood], metre, tones] = key, mood
    named = [(key, mood, metre, _spelled(key, mood, tones)) for (_, metre, tones), (key, mood) in tunes.items()]
    return tuple(sorted(named, key=lambda tune: digest(" ".join(tune[3]))))


def _spelled(key: str, mood: str, tones: tuple[Tone, ...]) -> tuple[str, ...]:
    """Return the notes of a tune; in minor the seventh is raised where the tonic above it follows."""
    notes = []
    for tone, following in itertools.zip_longest(tones, tones[1:]):
        rises = following is not None and following.degree == tone.degree + 1
        raised = MOODS[mood] == "minor" and tone.degree % 7 == 6 and rises
        notes.append(f"{_name(key, mood, tone.degree, raised)}:{Fraction(tone.eighths, 2)}")
    return tuple(notes)
