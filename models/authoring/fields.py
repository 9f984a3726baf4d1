"""The fields of what the content team writes, each declared once with the shape of its value, and the one check of them.

What passes is whole and of the shape declared, so that nothing that reads it later meets a surprise; what does not pass
is a finding and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, Literal, TypeGuard

from models.authoring.findings import Authored, Phrase, one_of, phrase

Shape = Literal["text", "texts", "scenes", "flag", "number", "day", "list", "mapping", "any"]
Fields = Mapping[str, Shape]
"""The fields that an entry may have, each with the shape of its value."""


def shaped(
    authored: Authored, subject: str, entry: object, fields: Fields, *, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The fields of an entry that have the shape declared; a finding for each other, and for each required one missing.

    Parameters
    ----------
    authored : Authored
    subject : str
        What the findings are about; its place is that of the entry.
    entry : object
        What was written, in JSON types.
    fields : Fields
    required : tuple of str
        Fields that must be there.
    """
    if not isinstance(entry, Mapping):
        authored.find(subject, "wrong_shape", key=subject, shape=phrase("a_mapping"))
        return {}
    fitting: dict[str, Any] = {}
    for key, value in entry.items():
        if not one_of(authored, subject, "field", key, fields):
            continue
        shape = fields[key]
        if value is None or value == "":
            authored.find(subject, "empty_field", key=key)
        elif not _FITS[shape](value):
            _find_shape(authored, subject, key, shape)
        else:
            fitting[key] = [value] if shape == "list" and isinstance(value, str) else value
    for key in required:
        if key not in entry:
            authored.find(subject, "missing_field", key=key)
    return fitting


def is_day(value: object) -> bool:
    """Whether a value is a date written as 2026-05-31."""
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def is_number(value: object) -> bool:
    """Whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: object) -> bool:
    return _is_text(value) or (isinstance(value, list) and bool(value) and all(map(_is_text, value)))


def _are_scenes(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(scene, dict) and scene and all(map(_is_text, scene.values())) for scene in value)
    )


def _are_words(value: object) -> bool:
    return _is_text(value) or (isinstance(value, list) and all(map(_is_text, value)))


_LARGEST: Final = 1e12
_FITS: Final[Mapping[Shape, Callable[[object], bool]]] = {
    "text": _is_text,
    "texts": _are_texts,
    "scenes": _are_scenes,
    "flag": lambda value: isinstance(value, bool),
    "number": is_number,
    "day": is_day,
    "list": _are_words,
    "mapping": lambda value: isinstance(value, dict),
    "any": lambda _: True,
}
_TOLD: Final[Mapping[Shape, str]] = {
    "text": "a_text",
    "texts": "a_text",
    "scenes": "a_list",
    "flag": "a_flag",
    "number": "a_number",
    "list": "a_list",
    "mapping": "a_mapping",
}


def _find_shape(authored: Authored, subject: str, key: str, shape: Shape) -> None:
    if shape == "day":
        authored.find(subject, "no_date", key=key)
    else:
        expected: Phrase = phrase(_TOLD[shape])
        authored.find(subject, "wrong_shape", key=key, shape=expected)
