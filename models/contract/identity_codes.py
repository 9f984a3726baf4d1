"""The one gate for Finnish personal identity codes, however they are written; the API, the console and files ask it.

A code is date of birth (ddmmyy), sign of the century, individual number and check character: ``131052-308T``. The gate
reads a text as a person would: per cent forms are decoded, full-width and other digits and letters folded (NFKD),
marks and characters of no width left out, and any dash, dot, slash, space or other symbol taken for the sign. Without a
sign, as data warehouses keep it, ten characters must end where the letters and digits end.

What it cannot see: codes in base64 or a hash, with gaps inside the date, and codes kept as whole numbers.

Notes
-----
What is no code is refused only where it looks like one to the check character, by chance 1 in 31. Of ten-digit numbers
spread evenly 3.7 % begin with a day and month, so about 1 in 850 is refused; of numbers that all begin with a date, 1
in 31. Of random UUIDs it is about 1 in 50,000, of random names of letters and digits fewer than 1 in a million.

References
----------
Signs + - A–F U–Y: Digital and Population Data Services Agency, reform of 2023; check character: remainder of the nine
digits by 31; individual numbers from 002, those from 900 temporary.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_DATE: Final = "(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{2}"
COLUMN_HINT: Final = (
    f"(?:^|[^0-9]){_DATE}"
    "(?:[-+A-FU-Ya-fu-y][0-9]{3}[0-9A-Ya-y]|[^0-9A-Za-z]{0,3}[0-9]{3}[0-9A-Ya-y](?:[^0-9A-Za-z]|$))"
    r"|%|[^\x00-\x7f]"
)
"""For RE2: what does not match holds no code. All that holds a per cent sign or is not ASCII matches."""
SHORTEST: Final = 10
"""Characters, and bytes, of the shortest text that holds a code."""

_CODE: Final = re.compile(  # looks ahead and takes nothing, so that no number hides the next
    rf"(?<![0-9])(?=({_DATE})(?:(?P<sign>[-+A-FU-Y])|[^0-9A-Z]{{0,3}})"
    "((?!00[01])[0-9]{3})([0-9A-FHJ-NPR-Y])(?(sign)|(?![0-9A-Z])))",
    re.IGNORECASE | re.ASCII,
)
_ENCODED: Final = re.compile("%(?:25)*(?!25)[0-9A-Fa-f]{2}")
_ENCODED_AGAIN: Final = re.compile("%(?:25)+")
_DIGITS: Final = re.compile("[0-9]{6}")
_BYTES_HINT: Final = re.compile(
    f"{_DATE}(?:[-+A-FU-Y]|[^0-9A-Z]{{0,3}})[0-9]{{3}}[0-9A-Y]".encode(), re.IGNORECASE
)
_SIX_DIGITS: Final = b"0" * 6
_ANY_DIGIT: Final = bytes.maketrans(b"123456789", b"000000000")
_CHECK_CHARACTERS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_LEFT_OUT: Final = frozenset({"Cf", "Mn", "Me"})  # of no width, or drawn over another
_FILLERS: Final = "\u115f\u1160"  # letters to Unicode, nothing to the eye
_ALIKE: Final = str.maketrans(
    "\u2212\u0391\u0392\u0395\u0397\u039a\u039c\u039d\u03a1\u03a4\u03a5\u03a7"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u0420\u0421\u0422\u0423\u0425",
    "-ABEHKMNPTYXABEKMHPCTYX",
)
"""The minus, and the Greek and Cyrillic capitals drawn like Latin ones."""
_MOST_KEPT: Final = 10_000


def holds_identity_code(text: str) -> bool:
    """Whether a text holds a personal identity code with the right check character, in any of the forms above."""
    if "%" in text and _ENCODED.search(text):
        text = unquote(_ENCODED_AGAIN.sub("%", text))
    if not text.isascii():
        text = _folded(text)
    return _DIGITS.search(text) is not None and any(
        _CHECK_CHARACTERS[int(date + number) % 31] == check.upper()
        for date, _, number, check in _CODE.findall(text)
    )


def may_hold_identity_code(raw: bytes) -> bool:
    """Whether a text without escapes, in UTF-8, may hold a code: a quick look that overlooks none."""
    if not raw.isascii() or b"%" in raw:
        return True
    # With each digit a zero, a search for bytes finds a date many times faster than a pattern does.
    return _SIX_DIGITS in raw.translate(_ANY_DIGIT) and _BYTES_HINT.search(raw) is not None


def _folded(text: str) -> str:
    """A text in the plain characters that it looks like."""
    return unicodedata.normalize("NFKD", text).upper().translate(_PLAIN)


class _Plain(dict[int, int | str]):
    """What each character looks like, worked out when it is first met; kept for the first so many."""

    def __missing__(self, code: int) -> str:
        plain = _plain(chr(code))
        if len(self) < _MOST_KEPT:
            self[code] = plain
        return plain


def _plain(character: str) -> str:
    kind = unicodedata.category(character)
    if kind in _LEFT_OUT or character in _FILLERS:
        return ""
    if kind == "Pd":
        return "-"
    return str(unicodedata.decimal(character)) if kind == "Nd" else character


_PLAIN: Final = _Plain(_ALIKE)
