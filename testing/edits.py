"""The content team's files with more dates in them than the shipped ones, so that dates decide something.

Rules that begin and end, items that begin and end, days on which hours differ; and items that an editor puts first or last,
or whose review is newer. Files are edited as text, as the team does.
May not import models, service or training.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Final

from testing.documents import ROOT

FIRST: Final = date(2026, 10, 1)
SPAN_DAYS: Final = 120
"""Rules and items begin and end within these days."""
RULES, ITEMS = 40, 120
_EXCEPTIONS: Final = """exceptions:
  - {date: 2019-12-30, channels: [callback], hours: closed, source: none}
  - {date: 2019-12-31, hours: ["10:00", "12:00"], source: none}
  - {date: 2026-11-24, channels: [phone], hours: ["10:00", "12:30"], source: none}
  - {date: 2026-11-28, hours: ["09:00", "12:00"], source: none}
  - {date: 2026-12-07, channels: [phone, callback, chat], hours: closed, source: none}
  - {date: 2026-12-24, channels: [callback], hours: ["09:00", "11:00"], source: none}
  - {date: 2026-12-31, channels: [phone], hours: ["09:00", "16:00"], source: none}
  - {date: 2051-01-01, channels: [phone, phone_appointment], hours: ["10:00", "14:00"], source: none}
"""
_WISHES: Final = ("phone_appointment", "phone", "service_point", "callback")
"""Human channels that copies wish for: not every language or log-in can use each; the first two are for employers, too."""
_ENTRY: Final = re.compile(r"(?m)^  - id: (\S+)\n(?:(?:    .*|\s*)\n)+")


def write_dated(folder: Path, seed: int) -> Path:
    """A copy of the documents in a folder, edited; returns what `documents.read_documents` reads."""
    random, models = Random(seed), folder / "models"
    for part in ("rulebook", "content", "vocabulary"):
        shutil.copytree(ROOT / "models" / part, models / part)
    (models / "artifacts").mkdir()
    shutil.copy(ROOT / "models" / "artifacts" / "scorecard.json", models / "artifacts")
    _edit(models / "rulebook" / "rules.yaml", lambda text: _with_dated_rules(text, random))
    _edit(models / "content" / "pages.yaml", _with_a_duty_of_one_claim)
    for name in ("catalogue.yaml", "nudges.yaml", "pages.yaml"):
        _edit(models / "content" / name, lambda text: _with_dated_items(text, random))
    _edit(models / "vocabulary" / "channels.yaml", _with_other_channels)
    return models


def _with_other_channels(text: str) -> str:
    """Days on which hours differ, and a human channel for persons alone tried before the one for all."""
    text = text.replace("exceptions: []\n", _EXCEPTIONS)
    text = text.replace("human_fallback: [phone, service_point]", "human_fallback: [service_point, phone]")
    before, name, point = text.partition("\n  service_point:\n")
    return before + name + point.replace("languages: [fi, sv]", "languages: [fi, sv, en]", 1)


def _with_dated_rules(text: str, random: Random) -> str:
    """Copies of some rules for some days, each above its pattern or further up, saying what another rule says."""
    tables = text.partition("\nemployer:\n")
    persons = _insert(tables[0], "dated-person", RULES, random)
    return persons + tables[1] + _insert(tables[2], "dated-firm", RULES // 3, random)


def _insert(table: str, name: str, number: int, random: Random) -> str:
    rules = list(_ENTRY.finditer(table))
    places: dict[int, list[str]] = {}
    wishes = _WISHES[:2] if name == "dated-firm" else _WISHES
    for count in range(number):
        pattern = random.randrange(len(rules))
        body = rules[pattern].group().split("\n", 1)[1].rstrip()
        if "human_channel:" not in body:
            body = body.replace("    then:\n", f"    then:\n      human_channel: {random.choice(wishes)}\n")
        rule = f"  - id: {name}-{count}\n    valid: {{{_validity(random, '{}: {}', ', ', ('from', 'until'))}}}\n{body}\n\n"
        places.setdefault(random.choice((pattern, pattern, random.randint(0, pattern))), []).append(rule)
    for place in sorted(places, reverse=True):
        at = rules[place].start()
        table = table[:at] + "".join(places[place]) + table[at:]
    return table


def _with_a_duty_of_one_claim(text: str) -> str:
    """A second duty of employers, of the first kind of claim: with the shipped one alone, their order could not be seen."""
    duty = next(entry.group() for entry in _ENTRY.finditer(text) if entry[1] == "employer-claim-deadline")
    particular = re.sub(r"    benefits: \[[^\]]*\]", "    benefits: [sickness_allowance]", duty)
    particular = particular.replace("employer-claim-deadline", "employer-sickness-deadline")
    return f"{text.rstrip()}\n\n{particular}"


def _with_dated_items(text: str, random: Random) -> str:
    """Other days for some items."""
    found = list(_ENTRY.finditer(text))
    for entry in sorted(random.sample(found, min(ITEMS, len(found) // 2)), key=re.Match.start, reverse=True):
        body = re.sub(r"(?m)^    valid_(?:from|until): .*\n", "", entry.group()).rstrip("\n")
        days = _validity(random, "    {}: {}", "\n", ("valid_from", "valid_until"))
        text = f"{text[: entry.start()]}{body}\n{days}\n\n{text[entry.end() :]}"
    return _ENTRY.sub(lambda entry: _with_another_place(entry.group(), random), text)


def _with_another_place(entry: str, random: Random) -> str:
    """An item with another priority, another day of review or none, or as it is."""
    change = random.choice(("priority", "review", "none", "as it is"))
    body = entry.rstrip("\n")
    if change == "priority":
        return (
            re.sub(r"(?m)^    priority: .*\n", "", body + "\n") + f"    priority: {random.randint(1, 9)}\n\n"
        )
    if change == "as it is":
        return entry
    day = f"    review_by: {FIRST + timedelta(days=random.randrange(SPAN_DAYS))}\n" * (change == "review")
    return re.sub(r"(?m)^    review_by: .*\n", day, body + "\n") + "\n"


def _validity(random: Random, form: str, between: str, names: tuple[str, str]) -> str:
    """A first day, a last day, or both, in the form of YAML."""
    first, last = sorted(FIRST + timedelta(days=random.randrange(SPAN_DAYS)) for _ in names)
    both = [form.format(names[0], first), form.format(names[1], last)]
    return between.join(random.choice((both, both[:1], both[1:])))


def _edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
