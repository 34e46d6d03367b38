"""David's week: his activity follows from the weather and from what he last did.

On sunny days he goes through the cycle run → bike → swim → run …; on rainy days he sleeps, and on the next
sunny day he resumes where he left off. The first sunny day is "run".

All 2040 weather sequences of 3 to 10 days, 2^T of each length T. Of each length an eighth is validation, an
eighth test, chosen by a fixed hash of the sequence: train 1530, validation 255, test 255, no sequence in two
splits. A short sequence is also the start of longer ones, so the splits show whether the rule was found, not
whether a model copes with unseen starts.
"""

import itertools
from collections.abc import Sequence

from utils.datasets.splits import check_split, digest

WEATHER = ("sun", "rain")
CYCLE = ("run", "bike", "swim")
REST = "sleep"
LENGTHS = range(3, 11)

DESCRIPTION = __doc__
CITATION = ""
LICENSE = "Made by this course and licensed as the course is."


def activities(weather: Sequence[str]) -> list[str]:
    """Return what David does on each day.

    Args:
        weather: "sun" or "rain" for each day, length T_x.

    Returns:
        "run", "bike", "swim" or "sleep" for each day, length T_x.

    Raises:
        ValueError: If a day has other weather.

    >>> activities(["sun", "rain", "sun"])
    ['run', 'sleep', 'bike']
    """
    if isinstance(weather, str):
        raise ValueError(f"weather is the str {weather!r}, but a list with one word a day is expected")
    for day, sky in enumerate(weather):
        if sky not in WEATHER:
            raise ValueError(f"weather is {sky!r} on day {day}, but one of {', '.join(WEATHER)} is expected")
    cycle = itertools.cycle(CYCLE)
    return [next(cycle) if sky == "sun" else REST for sky in weather]


def examples(split: str) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"weather": [...], "activity": [...]}, both of the same length.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    chosen = []
    for T_x in LENGTHS:
        weeks = sorted(itertools.product(WEATHER, repeat=T_x), key=_place)
        eighth = len(weeks) // 8
        shares = {
            "test": weeks[:eighth],
            "validation": weeks[eighth : 2 * eighth],
            "train": weeks[2 * eighth :],
        }
        chosen += shares[split]
    return [{"weather": list(week), "activity": activities(week)} for week in sorted(chosen, key=_place)]


def _place(week: Sequence[str]) -> int:
    return digest(" ".join(week))
