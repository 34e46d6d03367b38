"""Writes the tunes of `utils.datasets.melodies`: weighted rules of melody, harmony and form, and nothing learnt.

A tune is made of scale degrees, so that it can be set in any key: 0 is the tonic, 7 the octave above it.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

MOODS = {"merry": "major", "calm": "major", "sad": "minor", "restless": "minor"}
METRES = ("3/4", "4/4")
FORMS = {4: ("A", "A'"), 6: ("A", "B", "A'"), 8: ("A", "A'", "B", "A'")}  # by number of bars
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}  # semitones above the tonic

# Rhythms of a bar, in eighth notes, by metre and mood.
_RHYTHMS = {
    "4/4": {
        "merry": ("2222", "112112", "21122", "3122", "211211", "11222", "111122", "3131"),
        "calm": ("2222", "422", "224", "3122", "22211", "44"),
        "sad": ("422", "314", "224", "3122", "2222"),
        "restless": ("11111111", "31112", "112112", "211112", "111122", "2111111"),
    },
    "3/4": {
        "merry": ("222", "2112", "1122", "312", "2211", "11112"),
        "calm": ("222", "42", "312", "2211"),
        "sad": ("42", "222", "312", "24"),
        "restless": ("111111", "21111", "11112", "3111", "1122"),
    },
}
# The last bar of a phrase ends on a long note.
_CADENCES = {
    "4/4": {
        "merry": ("224", "1124", "2114", "314"),
        "calm": ("224", "44", "26", "314"),
        "sad": ("44", "314", "224", "26"),
        "restless": ("11114", "224", "1124", "2114"),
    },
    "3/4": {"merry": ("24", "114"), "calm": ("24", "6", "114"), "sad": ("24", "6"), "restless": ("114", "24")},
}
# Harmony of a bar: one chord for its first half (in 3/4: two beats), one for its second; roots as scale degrees.
_TONIC, _SUPERTONIC, _SUBDOMINANT, _DOMINANT, _SUBMEDIANT = 0, 1, 3, 4, 5
_OPENING = ((_TONIC, _TONIC), (_TONIC, _TONIC), (_TONIC, _SUBDOMINANT), (_TONIC, _DOMINANT))
_CONTRAST = (
    (_SUBDOMINANT, _SUBDOMINANT),
    (_DOMINANT, _DOMINANT),
    (_SUBMEDIANT, _SUBDOMINANT),
    (_SUBDOMINANT, _TONIC),
)
_TO_DOMINANT = ((_DOMINANT, _DOMINANT), (_SUBDOMINANT, _DOMINANT), (_TONIC, _DOMINANT), (_SUPERTONIC, _DOMINANT))
_TO_TONIC = ((_DOMINANT, _TONIC), (_DOMINANT, _TONIC), (_SUBDOMINANT, _TONIC))
# How welcome an interval is, by its size in scale steps: stepwise motion with occasional leaps.
_INTERVALS = {0: 2, 1: 12, 2: 5, 3: 2, 4: 1, 5: 1}
_LEAPS = {"merry": 1.5, "calm": 0.6, "sad": 0.7, "restless": 1.0}  # how much more so all but steps
_OPEN_ENDS, _CLOSED_ENDS = (1, 4, -3), (0,)
_CLOSING = (1, -1, -3)  # the tonic is reached from above, from the leading note, or from the fifth below


class Tone(NamedTuple):
    """A note of a tune in the making: scale degree (0 is the tonic, 7 the octave above) and length in eighths."""

    degree: int
    eighths: int


class _Slot(NamedTuple):
    """Where a note goes: its length in eighths, its chord, and whether it must belong to the chord."""

    eighths: int
    root: int
    firm: bool


def tune(draw: Callable[[], float], mood: str, metre: str, bars: int, bounds: tuple[int, int]) -> tuple[Tone, ...]:
    """Return a new tune, or an empty one where the rules led nowhere.

    A, the question, opens on the tonic's chord and ends on the dominant's; A', the answer, begins as A and closes on
    the tonic; B, the contrast, begins elsewhere and ends on the dominant's chord again. Each has two bars.

    Args:
        draw: Gives numbers in [0, 1).
        mood: One of `MOODS`.
        metre: One of `METRES`.
        bars: 4, 6 or 8.
        bounds: Lowest and highest degree.
    """
    opening = _rhythm(draw, _RHYTHMS, metre, mood)
    contrast = opening if draw() < 0.4 else _rhythm(draw, _RHYTHMS, metre, mood)
    close = _rhythm(draw, _CADENCES, metre, mood)
    open_end = close if draw() < 0.6 else _rhythm(draw, _CADENCES, metre, mood)
    head = _slots(metre, opening, one_of(draw, _OPENING))
    question = _slots(metre, open_end, one_of(draw, _TO_DOMINANT))
    answer = _slots(metre, close, one_of(draw, _TO_TONIC))
    middle = _slots(metre, contrast, one_of(draw, _CONTRAST)) + _slots(metre, open_end, one_of(draw, _TO_DOMINANT))

    line = functools.partial(_line, draw, mood=mood, bounds=bounds)
    first = line(head + question, starts=(0, 0, 2, 4, 4), ends=_OPEN_ENDS)
    # Whether a seventh in minor is raised depends on what follows: at this place the answer could not repeat it.
    if not first or (MOODS[mood] == "minor" and first[len(head) - 1].degree % 7 == 6):
        return ()
    phrases = {"A": first, "A'": line(head + answer, before=first[: len(head)], ends=_CLOSED_ENDS)}
    if "B" in FORMS[bars]:
        phrases["B"] = line(middle, starts=(1, 3, 4, 5, 6, 7, 8), ends=_OPEN_ENDS)
    parts = [phrases[name] for name in FORMS[bars]]
    tones = tuple(itertools.chain(*parts))
    joints = [(a[-1].degree, b[0].degree) for a, b in itertools.pairwise(parts) if a and b]
    sings = all(abs(a - b) <= 5 and not _is_tritone(a, b, mood) for a, b in joints)
    varied = len({tone.degree for tone in tones}) >= (4 if bars == 4 else 5) and len(tones) >= 2 * bars
    contrasts = "B" not in phrases or phrases["B"][: len(opening)] != first[: len(opening)]
    return tones if all(parts) and sings and varied and contrasts else ()


def _rhythm(draw: Callable[[], float], patterns: dict, metre: str, mood: str) -> tuple[int, ...]:
    return tuple(map(int, one_of(draw, patterns[metre][mood])))


def _slots(metre: str, rhythm: tuple[int, ...], chords: tuple[int, int]) -> list[_Slot]:
    """Return the places of a bar: notes on a strong beat and long notes must belong to the chord."""
    strong = (0, 4) if metre == "4/4" else (0,)
    starts = itertools.accumulate(rhythm, initial=0)
    return [
        # A note that reaches into the second half belongs to its chord.
        _Slot(eighths, chords[start + eighths > 4], start in strong or eighths > 2)
        for start, eighths in zip(starts, rhythm, strict=False)
    ]


def _line(
    draw: Callable[[], float],
    slots: list[_Slot],
    *,
    mood: str,
    bounds: tuple[int, int],
    ends: tuple[int, ...],
    starts: tuple[int, ...] = (),
    before: tuple[Tone, ...] = (),
) -> tuple[Tone, ...]:
    """Return a phrase: `before`, and a note for each slot after it, the last one of `ends`; empty if none was found.

    Args:
        draw: Gives numbers in [0, 1).
        slots: Places to fill, those of `before` included.
        mood: Decides scale and temper.
        bounds: Lowest and highest degree.
        ends: Degrees on which the phrase may end.
        starts: Degrees on which it may start, where nothing comes before.
        before: Notes that it begins with.
    """
    for _ in range(10):
        tones = list(before)
        for i, slot in enumerate(slots[len(before) :], start=len(before)):
            left = len(slots) - i - 1
            line = [tone.degree for tone in tones]
            passing = i > 0 and not _in_chord(line[-1], slots[i - 1].root)
            if line:
                options = {
                    degree: weight
                    for degree in range(max(bounds[0], line[-1] - 5), min(bounds[1], line[-1] + 5) + 1)
                    if (weight := _welcome(line, degree, slot, passing, mood))
                    and (left or (degree in ends and (ends != _CLOSED_ENDS or line[-1] in _CLOSING)))
                    and (left != 1 or ends != _CLOSED_ENDS or degree in _CLOSING)
                }
            else:
                options = {degree: 1.0 for degree in starts if _in_chord(degree, slot.root) and degree <= bounds[1]}
            if not options:
                break
            tones.append(Tone(_weighted(draw, options), slot.eighths))
        else:
            return tuple(tones)
    return ()


def _welcome(line: list[int], degree: int, slot: _Slot, passing: bool, mood: str) -> float:
    """Return how welcome a degree is after the notes so far; 0 where a rule forbids it."""
    here = line[-1]
    step = degree - here
    size = abs(step)
    chordal = _in_chord(degree, slot.root)
    if slot.firm and not chordal:
        return 0
    if (passing or not chordal) and size != 1:  # what is foreign to the chord comes and goes by step
        return 0
    last = here - line[-2] if len(line) > 1 else 0
    if abs(last) >= 3 and not (step * last < 0 and size <= 2):  # a leap is recovered
        return 0
    if abs(last) == 2 and step * last > 0 and size > 2:
        return 0
    if step == last == 0:  # no note three times
        return 0
    if len(line) > 2 and step == -last == line[-2] - line[-3]:  # no to and fro
        return 0
    if (here % 7 == 6 and size != 1) or (degree % 7 == 6 and size > 2):  # the leading note leads
        return 0
    # From the sixth to the raised seventh would be a wide step, so what comes from there falls again.
    if MOODS[mood] == "minor" and here % 7 == 6 and last == 1 and step != -1:
        return 0
    if _is_tritone(here, degree, mood):
        return 0
    weight = float(_INTERVALS[size])
    if size > 1:
        weight *= _LEAPS[mood]
    elif step == last:
        weight *= 1.5  # a direction, once taken, is kept for a while
    if step < 0 and mood == "sad":
        weight *= 1.5
    return weight


@functools.cache
def _in_chord(degree: int, root: int) -> bool:
    return (degree - root) % 7 in (0, 2, 4)


@functools.cache
def _is_tritone(a: int, b: int, mood: str) -> bool:
    scale_ = SCALES[MOODS[mood]]
    return abs(scale_[a % 7] + 12 * (a // 7) - scale_[b % 7] - 12 * (b // 7)) == 6


def one_of(draw: Callable[[], float], options: Sequence) -> Any:
    """Return one of several options, each as likely."""
    return options[int(draw() * len(options))]


def _weighted(draw: Callable[[], float], options: dict[int, float]) -> int:
    goal = draw() * sum(options.values())
    for option, weight in options.items():
        goal -= weight
        if goal < 0:
            return option
    return option
