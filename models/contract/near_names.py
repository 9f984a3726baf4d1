"""The nearest of a closed list of names to a misspelt one, from a table, so that a bad name costs no more than a good one.

A search by similarity compares a name with every other and costs half a millisecond, which whoever sends thousands of
names that nobody knows can ask for thousands of times. Here each known name and word is entered under itself and under
each of its forms with one character left out; a misspelt one is looked up in the same forms, at most 60 of them twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

LONGEST_NAME: Final = 60
_REMEMBERED: Final = 512
_SHORTEST_MISSPELT: Final = 4
_ALIKE: Final = 0.6


class NearNames:
    """A closed list of names made of lower-case words with underscores between them.

    Parameters
    ----------
    names : iterable of str
        Where two are equally near, the earlier one is given.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._squeezed: dict[str, str] = {}
        self._words: defaultdict[str, list[str]] = defaultdict(list)
        self._holders: defaultdict[str, list[str]] = defaultdict(list)
        self._lengths: dict[str, int] = {}
        for name in names:
            squeezed = name.replace("_", "")
            self._lengths[name] = len(squeezed)
            for form in filter(None, _forms(squeezed)):  # nothing at all is near to no name of one letter
                self._squeezed.setdefault(form, name)
            for word in dict.fromkeys(name.split("_")):
                if word not in self._holders:
                    for form in _word_forms(word):
                        self._words[form].append(word)
                self._holders[word].append(name)
        self._longest = max(self._lengths.values(), default=0) + 1
        self._longest_word = max(map(len, self._holders), default=0) + 1

        self.nearest = lru_cache(_REMEMBERED)(self._nearest)  # a file names its columns anew in each row

    def _nearest(self, name: str) -> str | None:
        """The name that was probably meant; None where there is none, or `name` has more than 60 characters.

        Near is a name that differs by a character or two, by underscores, or by words of less than half of it.
        """
        if len(name) > LONGEST_NAME:
            return None
        squeezed = name.replace("_", "")
        for form in _forms(squeezed) if len(squeezed) <= self._longest else ():
            if form in self._squeezed:
                return self._squeezed[form]
        shared = self._shared(name)
        if not shared:
            return None
        alike = {
            known: 2 * length / (len(squeezed) + self._lengths[known]) for known, length in shared.items()
        }
        best = max((known for known in self._lengths if known in alike), key=alike.__getitem__)
        return best if alike[best] >= _ALIKE else None

    def _shared(self, name: str) -> dict[str, int]:
        """How many characters of each known name stand in words that `name` has too, or nearly."""
        words = {
            known
            for word in name.split("_")
            if len(word) <= self._longest_word
            for form in _word_forms(word)
            for known in self._words.get(form, ())
        }
        shared: defaultdict[str, int] = defaultdict(int)
        for word in words:
            for known in self._holders[word]:
                shared[known] += len(word)
        return shared


def _forms(text: str) -> Iterator[str]:
    """A text, and each form of it with one character left out."""
    yield text
    for at in range(len(text)):
        yield text[:at] + text[at + 1 :]


def _word_forms(word: str) -> Iterator[str]:
    """The same of a word; a short one, such as 12m, only as it is."""
    return _forms(word) if len(word) >= _SHORTEST_MISSPELT else iter((word,))
