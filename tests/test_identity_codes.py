"""The gate for personal identity codes: every way of writing one is refused, and what is none only by chance."""

from __future__ import annotations

import random
import string
import unicodedata
import uuid
from datetime import date, timedelta
from urllib.parse import quote

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract.identity_codes import COLUMN_HINT, holds_identity_code
from service.http.body import Document

CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"
SIGNS = "+-ABCDEFUVWXY"
DASHES = [chr(at) for at in range(0x10000) if unicodedata.category(chr(at)) == "Pd"]
MARKS = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\ufe0f\u0336\u1160\u3164\u202a"
FULL_WIDTH = {at: at + 0xFEE0 for at in range(0x21, 0x7F)}
ARABIC = {ord(digit): chr(0x660 + int(digit)) for digit in string.digits}
CAPITALS = {
    ord(latin): chr(at)
    for latin, at in zip("ABEKMHPCTX", b"\x10\x12\x15\x1a\x1c\x1d\x20\x21\x22\x25", strict=True)
}
CYRILLIC = {latin: chr(0x400 + ord(low)) for latin, low in CAPITALS.items()}


@st.composite
def parts(draw, signs=SIGNS):
    """Date, sign and the rest of a code that could be somebody's."""
    born = draw(st.dates(date(1850, 1, 1), date(2049, 12, 31)))
    digits = f"{born:%d%m%y}{draw(st.integers(2, 999)):03d}"
    return digits[:6], draw(st.sampled_from(signs)), digits[6:] + CHECK[int(digits) % 31]


CODES = parts().map("".join)
LOOK_ALIKES = [
    *"./_~:,;|*=#",
    " ",
    " - ",
    "\u00a0",
    "\t",
    "\u2009\u2013\u2009",
    *DASHES,
    "\u2212",
    "\u2043",
    "\u00b7",
    "\uff0f",
]
WRITINGS = {
    "as it is": str,
    "lower case": str.lower,
    "full width": lambda code: code.translate(FULL_WIDTH),
    "digits of another script": lambda code: code.translate(ARABIC),
    "Cyrillic capitals": lambda code: code.translate(CYRILLIC),
    "Cyrillic small letters": lambda code: code.translate(CYRILLIC).lower(),
    "per cent": lambda code: "".join(f"%{ord(character):02X}" for character in code),
    "per cent, twice": lambda code: "".join(f"%25{ord(character):02x}" for character in code),
    "per cent of full width": lambda code: quote(code.translate(FULL_WIDTH)),
    "prefix": lambda code: f"id{code}",
    "after another date": lambda code: f"010203-{code}",
}


@given(code=CODES, way=st.sampled_from(sorted(WRITINGS)))
def test_a_code_is_recognised_however_it_is_written(code, way):
    assert holds_identity_code(f"my code is {WRITINGS[way](code)}, thanks")


@settings(max_examples=50)
@given(parts=parts(), between=st.sampled_from(LOOK_ALIKES))
def test_a_code_is_recognised_with_whatever_stands_for_its_sign(parts, between):
    born, _, rest = parts
    assert holds_identity_code(f"{born}{between}{rest}")


@settings(max_examples=50)
@given(code=CODES, mark=st.sampled_from(MARKS), at=st.integers(1, 10))
def test_a_code_is_recognised_with_characters_of_no_width_in_it(code, mark, at):
    assert holds_identity_code(code[:at] + mark + code[at:])


@settings(max_examples=50)
@given(
    parts=parts(),
    before=st.sampled_from(["", "hetu=", "hetu_", "K", " ", "/"]),
    after=st.sampled_from(["", " ", ".", "-1", "。"]),
)
def test_ten_characters_without_a_sign_are_a_code_where_the_letters_and_digits_end(parts, before, after):
    born, _, rest = parts
    assert holds_identity_code(f"{before}{born}{rest}{after}")
    assert not holds_identity_code(f"{before}{born}{rest}x")
    assert not holds_identity_code(f"9{born}{rest}{after}")


@settings(max_examples=50)
@given(parts=parts(), wrong=st.sampled_from(CHECK), between=st.sampled_from(["", "-", ".", "\u2013", "%2D"]))
def test_another_check_character_makes_it_no_code(parts, wrong, between):
    born, _, rest = parts
    assert holds_identity_code(f"{born}{between}{rest[:3]}{wrong}") == (wrong == rest[3])


@pytest.mark.parametrize(
    "text",
    [
        "KE8",
        "2026-11-21",
        "2026-11-21T12:01:30.123456+02:00",
        "131052-308U",
        "9131052-308T",
        "321052-3087",
        "011352-308E",
        "1764267562",
        "131052-000C",
        "a",
        "",
        "%",
        "%%%2",
        "100 % sure",
        "131052",
        "3.10.52-308T",
    ],
)
def test_what_only_looks_like_a_code_is_none(text):
    assert not holds_identity_code(text)


def drawn(make, count, seed=7):
    """How many of so many random names are refused."""
    chance = random.Random(seed)
    return sum(holds_identity_code(make(chance)) for _ in range(count))


def dated(chance):
    """Ten digits that begin with a day of this century, as references of some systems do."""
    return f"{date(2000, 1, 1) + timedelta(chance.randrange(9000)):%d%m%y}{chance.randrange(10_000):04d}"


@pytest.mark.parametrize(
    ("make", "most"),
    [
        pytest.param(lambda chance: f"{chance.randrange(10**10):010d}", 1 / 800, id="ten digits"),
        pytest.param(dated, 1 / 30, id="ten digits that begin with a date"),
        pytest.param(lambda chance: f"K{chance.randrange(10**9):09d}", 1e-5, id="a letter and nine digits"),
        pytest.param(lambda chance: "".join(chance.choices(string.ascii_letters + string.digits, k=10)), 1e-4, id="ten letters and digits"),
        pytest.param(lambda chance: "".join(chance.choices("0123456789abcdef", k=10)), 1e-4, id="ten of hexadecimal"),
        pytest.param(lambda chance: str(uuid.UUID(int=chance.getrandbits(128))), 1e-4, id="UUIDs"),
        pytest.param(lambda chance: f"{chance.getrandbits(256):064x}", 5e-4, id="SHA-256"),
    ],
)  # fmt: skip
def test_a_name_of_another_system_is_refused_by_no_more_than_the_chance_of_the_check_character(make, most):
    assert drawn(make, 10_000) <= 10_000 * most * 1.15 + 1


def test_numbers_in_a_row_of_a_real_system_lose_no_more_than_one_in_31():
    for first in (100_000, 10_000_000, 101_000_000, 401_210_000, 1_000_000_000, 3_112_990_000):
        refused = sum(holds_identity_code(f"{number:010d}") for number in range(first, first + 10_000))
        assert refused <= 10_000 / 31 + 10


def test_nothing_that_arki_itself_offers_looks_like_a_code():
    shipped = [*(ROOT / "models/content").rglob("*.yaml"), *(ROOT / "fixtures").rglob("*.json")]
    assert len(shipped) > 10
    texts = [text for file in shipped for text in file.read_text(encoding="utf-8").split()]
    assert [text for text in texts if holds_identity_code(text)] == []


NO_NUL = st.characters(min_codepoint=1, exclude_categories=["Cs"])
PIECES = st.lists(
    st.sampled_from(["131052", "308T", "308t", "-", "\u2013", "%2D", "%", " ", "T", "x", "1", "0", "\u200b", "１３１０５２", "ä", "."]), max_size=7
).map("".join)  # fmt: skip


@settings(max_examples=200)
@given(texts=st.lists(PIECES | st.text(NO_NUL, max_size=14) | CODES, max_size=6))
def test_the_quick_looks_at_columns_and_bodies_overlook_no_code(texts):
    holding = [holds_identity_code(text) for text in texts]
    alike = pc.match_substring_regex(pa.array(texts, pa.string()), COLUMN_HINT).to_pylist()
    assert [alike or not holds for alike, holds in zip(alike, holding, strict=True)] == [True] * len(texts)
    document = Document(orjson.dumps(texts))
    assert len(document.identity_faults(document.json)) == sum(holding)
