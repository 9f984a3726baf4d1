"""Personas: invented example customers, each with a sentence, signals and the outcome the content team expects.

They are data (`fixtures/personas.yaml`) and ship in the wheel, for tests, the README and whoever tries Arki out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

_PLACES: Final = (
    Path(__file__).parent.parent / "fixtures" / "personas.yaml",  # in the wheel
    Path(__file__).parent.parent.parent / "fixtures" / "personas.yaml",  # in the source tree
)


def all_personas() -> list[dict[str, Any]]:
    """Every persona: id, story, customer_type, signals and expect."""
    from ruamel.yaml import YAML  # noqa: PLC0415  (never imported by the serving process)

    place = next(path for path in _PLACES if path.exists())
    personas: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(place.read_text(encoding="utf-8"))[
        "personas"
    ]
    return personas


def persona(name: str) -> dict[str, Any]:
    """One persona by id. Raises `KeyError` with the ids there are."""
    by_id = {entry["id"]: entry for entry in all_personas()}
    if name not in by_id:
        raise KeyError(f"no persona {name}; there are {', '.join(by_id)}")
    return by_id[name]
