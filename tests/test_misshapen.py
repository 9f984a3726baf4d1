"""Nothing that a person can write into a file crashes the check or a command: each field of each file gets each odd value."""

from datetime import UTC, date, datetime

import pytest
from conftest import ROOT

from models.authoring import analysis, loader, yaml_source
from models.authoring.content_checks import find_expiring
from models.authoring.findings import Authored
from models.authoring.opening_days import find_years_ahead
from models.contract.channels import HELSINKI
from models.contract.signals import Signals
from models.decision import bundle

SOUND = ROOT / "fixtures" / "rulebooks" / "sound"
NAMED = {
    *(
        "channels",
        "topics",
        "benefits",
        "claim_kinds",
        "life_events",
        "segments",
        "groups",
        "languages",
        "content_types",
    ),
    "signals",
}
"""Mappings of names to entries of one kind: what holds for one entry holds for all."""
EVERYDAY = [7, "1.1.2026", "", None, [], {}]
ODD = [
    *(True, -1, 1.5, 10**30, float("nan"), "x", " ", "2026-13-01", "20260101", "2026-01-01T00:00:00"),
    *(
        date(2026, 1, 1),
        datetime(2026, 1, 1, tzinfo=UTC),
        [None],
        [7],
        [[]],
        [{}],
        ["x", "x"],
        {"a": 1},
        {"fi": 7},
    ),
]
AT = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)


def paths(node, path=(), kind=()):
    """Where each field of a document stands, and of which kind it is: places of one kind differ by entry alone."""
    if path:
        yield path, kind
    if isinstance(node, dict):
        for key, value in node.items():
            named = path and path[-1] in NAMED
            yield from paths(value, (*path, key), (*kind, "*" if named else key))
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from paths(value, (*path, at), (*kind, "*"))


def fields(document):
    """One place for each field of a document, so that every field that is used anywhere is there once."""
    return list({kind: path for path, kind in paths(document)}.values())


@pytest.fixture(scope="module")
def files():
    """Every file as it is loaded: the sound rulebook, and of the items those that show a field no other shows."""
    authored = Authored()
    loaded = {name: yaml_source.load(SOUND / name, authored) for name in loader.RULEBOOK_FILES}
    loaded |= {name: yaml_source.load(loader.CONTENT / name, authored) for name in loader.CONTENT_FILES}
    loaded |= {name: yaml_source.load(loader.VOCABULARY / name, authored) for name in loader.VOCABULARY_FILES}
    for name in loader.ITEM_FILES:
        items = loaded[name]["items"]
        kept = {path[1] for path in fields(loaded[name]) if len(path) > 1}
        statutory = {at for at, item in enumerate(items) if item["class"] == "statutory"}
        loaded[name]["items"] = [items[at] for at in sorted(kept | statutory)]
    loaded["channels.yaml"]["exceptions"] = [
        {
            "date": date(2026, 12, 24),
            "channels": ["phone"],
            "hours": ["09:00", "11:00"],
            "source": "a release",
        }
    ]
    assert authored.findings == []
    return loaded


def checked(files):
    """What `check` finds, and what the commands that use a file without errors do with it."""
    authored = Authored()
    loader.compile_words(authored, {name: files[name] for name in loader.VOCABULARY_FILES})
    loader.compile_content(authored, {name: files[name] for name in loader.CONTENT_FILES})
    loader.compile_rules(authored, {name: files[name] for name in loader.RULEBOOK_FILES})
    analysis.analyse(authored, scorecard=ROOT / "no-model.json")
    find_expiring(authored, date(2026, 11, 27))
    find_years_ahead(authored, date(2026, 11, 27))
    for language in ("en", "fi", "sv"):
        assert all(finding.told(language) for finding in authored.findings)
    try:
        made = bundle.preview(authored.parts())
    except bundle.BundleError:
        assert authored.errors
    else:
        made.recommender.recommend([Signals("person", {})], at=AT)
    return authored


def broken_by(files, name, values, each=None):
    """The values that crash something, by field; `each` of them in a field, or all."""
    for at, path in enumerate(fields(files[name])):
        *above, last = path
        holder = files[name]
        for key in above:
            holder = holder[key]
        was = holder[last]
        tried = values if each is None else [values[(at + more) % len(values)] for more in range(each)]
        for value in tried:
            holder[last] = value
            try:
                checked(files)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is what must not be)
                yield f"{name} {'.'.join(map(str, path))} = {value!r}: {type(error).__name__}: {error}"
            finally:
                holder[last] = was


FILES = [*loader.RULEBOOK_FILES, *loader.CONTENT_FILES, *loader.VOCABULARY_FILES]


@pytest.mark.parametrize("name", FILES)
def test_no_wrong_type_finnish_date_or_empty_value_crashes_the_check(files, name):
    """One value for each field, another one for the next."""
    assert list(broken_by(files, name, EVERYDAY, each=1)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_everyday_value_crashes_the_check_wherever_it_stands(files, name):
    assert list(broken_by(files, name, EVERYDAY)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_no_odd_value_crashes_the_check(files, name):
    assert list(broken_by(files, name, ODD)) == []


def test_every_field_of_every_file_is_tried(files):
    assert sum(len(fields(files[name])) for name in FILES) > 250
