"""Rulebooks broken in exactly one way, each named after its fault: what `arki-rulebook check` says is tested word for word."""

import copy
import json
import shutil

import pytest
from conftest import ROOT
from ruamel.yaml import YAML

from models.authoring import analysis, loader
from models.authoring.example_customers import Inventor
from models.authoring.findings import Authored
from models.authoring.messages import MESSAGES, PHRASES, phrased, said
from models.authoring.yaml_source import MAX_BYTES, load
from models.decision.decision_table import read_rulebook
from testing.shipped import CONTRACT, FACT_SET, lookups, read_signals

RULEBOOKS = ROOT / "fixtures" / "rulebooks"
BROKEN = sorted((RULEBOOKS / "broken").glob("*.yaml"))


def test_the_sound_rulebook_has_no_findings(checked):
    assert [str(finding) for finding in checked().findings] == []


def test_there_are_at_least_twenty_ways_to_break_a_rulebook():
    assert len(BROKEN) >= 20


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_a_rulebook_broken_in_one_way_is_told_so_and_nothing_else(checked, path):
    fixture = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    found = checked((fixture["file"], fixture["replace"], fixture["by"])).findings
    assert [finding.sentence("en") for finding in found] == [fixture["finding"]["en"]]
    assert [finding.sentence("fi") for finding in found] == [fixture["finding"]["fi"]]


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_an_example_customer_really_lands_in_the_cell(checked, path):
    fixture = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    authored = checked((fixture["file"], fixture["replace"], fixture["by"]))
    [finding] = authored.findings
    about_cells = finding.code in {"gap", "changes_nothing", "misleading", "breaks"}
    assert (finding.customer is not None) == about_cells
    if not about_cells:
        return
    customer = json.loads(json.dumps(finding.customer))
    signals = read_signals(customer["customer_type"], customer["signals"])
    card = analysis.read_model()
    asked = signals.customer_type == "person" and finding.example.get("personalisation") is None
    facts = lookups(signals, card.predict(signals) if asked else None)[0]
    assert finding.example.items() <= facts.items()
    table = read_rulebook(authored.rulebook, CONTRACT).tables[signals.customer_type]
    deciding = {rule.id for _, of_period in table.periods for rule in [decided_by(of_period, facts)] if rule}
    if finding.code in {"breaks", "changes_nothing"}:
        assert finding.subject in deciding
    elif finding.code == "gap":
        assert deciding < {rule.id for rule in table.rules}
    else:
        assert finding.subject not in deciding


def test_explain_accepts_the_example_customer_and_shows_the_rule(checked, tmp_path):
    from click.testing import CliRunner

    from models.cli import rulebook as arki_rulebook

    fixture = YAML(typ="safe", pure=True).load((RULEBOOKS / "broken" / "broken_guarantee.yaml").read_text())
    [finding] = checked((fixture["file"], fixture["replace"], fixture["by"])).findings
    shown = CliRunner().invoke(
        arki_rulebook.main,
        ["explain", "-", "--rulebook", str(tmp_path / "rulebook")],
        input=json.dumps(finding.customer),
    )
    assert shown.exit_code == 0, shown.output
    assert "-> by-post: social_channel" in shown.output


def decided_by(table, facts):
    try:
        return table.choose(facts)
    except LookupError:
        return None


def test_where_the_model_leads_nobody_the_finding_says_so(content, tmp_path):
    folder = tmp_path / "rulebook"
    shutil.copytree(RULEBOOKS / "sound", folder)
    rules = folder / "rules.yaml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(
        text.replace("channel: paper", "channel: social_channel").replace("[form, contact_card]", "[guide]")
    )
    authored = copy.deepcopy(content)
    loader.read_rules(authored, folder)
    analysis.analyse(authored, scorecard=tmp_path / "no-model.json")
    assert str(authored.findings[0]).endswith(
        "For example: segment=steady, confidence=high, digital=offline. The current model leads nobody here."
    )
    assert authored.findings[0].told("fi").endswith("Nykyinen malli ei ohjaa ketään tähän.")


def test_every_message_is_said_in_both_languages_with_the_same_names():
    import string

    def names(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for code, english in MESSAGES.items():
        finnish = said(code, "fi")
        assert english.message != finnish.message
        assert names("".join(english)) == names("".join(finnish))
    for code, english in PHRASES.items():
        assert names(english) == names(phrased(code, "fi"))


def test_every_segment_and_confidence_is_reached_through_the_shipped_model():
    """With every way of dealing with Kela and every friction: 288 cells of what the model decides."""
    from itertools import product

    from models.contract.codes import UNKNOWN
    from testing.shipped import FACTS, SEGMENTS

    values = {fact.name: fact.values for fact in FACTS["person"]}
    inventor = Inventor(analysis.read_model(), FACT_SET)
    nothing = dict.fromkeys(values, UNKNOWN) | {"personalisation": "allowed"}
    cells = product(
        SEGMENTS, ("high", "moderate"), values["digital"], values["friction"], ("KE8", "none", UNKNOWN)
    )
    names = ("segment", "confidence", "digital", "friction", "life_event")
    missed = [
        cell
        for cell in cells
        if inventor.signals_for("person", nothing | dict(zip(names, map(str, cell), strict=True))) is None
    ]
    assert len(missed) <= 288 // 10, missed


def hostile(text, tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    authored = Authored()
    assert load(path, authored) == {}
    [finding] = authored.findings
    return finding.code


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(60))


@pytest.mark.timeout(120)  # the bomb would take longer than there is time
@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(BOMB, "alias", id="alias bomb"),
        pytest.param("a: !!python/object/apply:os.system [echo]\n", "tag", id="python tag"),
        pytest.param("a: !include other.yaml\n", "tag", id="include"),
        pytest.param("a: " + "[" * 200_000, "too_deep", id="deep lists"),
        pytest.param("a: " + "{a: " * 100_000, "too_deep", id="deep mappings"),
        pytest.param("".join(f"{' ' * n}- \n" for n in range(300)), "too_deep", id="deep blocks"),
        pytest.param("a: " + "x" * (50 << 20), "too_large", id="50 MB"),
    ],
)
def test_hostile_yaml_is_refused_before_it_is_expanded(tmp_path, text, code):
    assert hostile(text, tmp_path) == code


def test_the_largest_file_allowed_is_far_larger_than_any_shipped():
    sizes = [path.stat().st_size for folder in (loader.RULEBOOK, loader.CONTENT) for path in folder.iterdir()]
    assert max(sizes) * 4 < MAX_BYTES


MISSHAPEN = [
    ("rules.yaml", "person:\n  # Neutral answers", "person: many\nothers:\n  # Neutral answers"),
    ("rules.yaml", "human_channel:\n  person: callback\n  employer: phone", "human_channel: callback"),
    ("rules.yaml", "when: {segment: supported, confidence: [high, moderate]}", "when: [segment]"),
    ("rules.yaml", "when: {segment: supported, confidence: [high, moderate]}", "when: {segment: {a: b}}"),
    ("rules.yaml", "content: [form, contact_card]", "content: {form: 1}"),
    (
        "rules.yaml",
        "because: {fi: Voit varata ajan., sv: Du kan boka en tid., en: You can book a time.}",
        "because: 3",
    ),
    ("rules.yaml", "valid: {from: 2026-06-01, until: 2026-12-31}", "valid: 2026"),
    ("guarantees.yaml", "must: {channel: [phone_appointment, paper]}", "must: paper"),
    ("guarantees.yaml", "every: {digital: offline}", "every: offline"),
    ("examples.yaml", "facts: {digital: offline}", "facts: offline"),
    ("examples.yaml", "expect: {rule: firm-by-phone}", "expect: firm-by-phone"),
]


@pytest.mark.parametrize(("file", "replace", "by"), MISSHAPEN)
def test_nothing_raises_on_what_has_another_shape(checked, file, replace, by):
    assert checked((file, replace, by)).errors


UNREADABLE = {
    "a colon that is not quoted": lambda text: text + "\nnote: {fi: Facebook: Kela}\n",
    "not UTF-8": lambda text: "\udcff" + text,
    "a bracket left open": lambda text: text + "\nnote: [\n",
    "empty": lambda text: "",
}


@pytest.fixture(scope="module")
def small(content, tmp_path_factory):
    """Both folders, with few items in the content."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(RULEBOOKS / "sound", folder / "rulebook")
    shutil.copytree(loader.VOCABULARY, folder / "vocabulary")
    (folder / "content").mkdir()
    documents = {
        "texts.yaml": content.texts,
        **{name: {"items": []} for name in loader.ITEM_FILES},
    }
    for item in content.catalogue["items"][:3]:
        documents[content.places[item["id"]][0]]["items"].append(item)
    for name, document in documents.items():
        lines = (f"{json.dumps(key)}: {json.dumps(value)}\n" for key, value in document.items())
        (folder / "content" / name).write_text("".join(lines))
    assert loader.read_authored(folder / "rulebook", folder / "content").findings == []
    return folder


@pytest.mark.parametrize("fault", UNREADABLE)
@pytest.mark.parametrize("name", [*loader.RULEBOOK_FILES, *loader.CONTENT_FILES, *loader.VOCABULARY_FILES])
def test_a_file_that_cannot_be_read_is_one_finding(small, tmp_path, name, fault):
    folder = shutil.copytree(small, tmp_path / "broken")
    [path] = folder.rglob(name)
    text = UNREADABLE[fault](path.read_text(encoding="utf-8"))
    path.write_bytes(text.encode(errors="surrogateescape"))
    found = loader.read_authored(folder / "rulebook", folder / "content").findings
    assert [(finding.file, finding.severity) for finding in found] == [(name, "error")]


def test_a_file_that_is_missing_or_a_folder_is_one_finding(small, tmp_path):
    folder = shutil.copytree(small, tmp_path / "broken")
    (folder / "vocabulary" / "channels.yaml").unlink()
    (folder / "vocabulary" / "topics.yaml").unlink()
    (folder / "vocabulary" / "topics.yaml").mkdir()
    found = loader.read_authored(folder / "rulebook", folder / "content").findings
    assert [str(finding) for finding in found] == [
        "topics.yaml:1: error: topics.yaml: cannot be opened: Is a directory. Let whoever runs Arki read it.",
        "channels.yaml:1: error: channels.yaml: is missing. Restore it from the last published version.",
    ]


@pytest.mark.parametrize(
    ("name", "key"), [("channels.yaml", "channels"), ("topics.yaml", "topics"), ("texts.yaml", "signals")]
)
def test_a_file_without_its_main_part_is_one_finding(small, tmp_path, name, key):
    folder = shutil.copytree(small, tmp_path / "broken")
    [path] = folder.rglob(name)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace(f'"{key}": ', f'"not-{key}": ', 1).replace(f"\n{key}:", f"\nnot-{key}:", 1), "utf-8"
    )
    [found] = loader.read_authored(folder / "rulebook", folder / "content").findings
    assert str(found) == (
        f"{name}:1: error: {name}: lacks `{key}:`, or has nothing under it. "
        "Restore it from the last published version."
    )


def test_an_unquoted_colon_is_told_with_its_line_and_its_remedy(tmp_path):
    authored = Authored()
    (tmp_path / "channels.yaml").write_text("channels:\n  chat:\n    name: {fi: Facebook: Kela, sv: x}\n")
    load(tmp_path / "channels.yaml", authored)
    [found] = authored.findings
    assert found.sentence("en") == (
        "channels.yaml:3: error: channels.yaml: cannot be read: a colon stands where none may; put the text in quotes, "
        "or check the indentation. Check indentation, colons and quotes on this line."
    )


@pytest.mark.parametrize("name", ["Uusi sääntö", "new_rule", "new\u200brule", "-new", "n" * 65])
def test_an_id_is_lower_case_digits_and_hyphens(checked, name):
    [found] = checked(("rules.yaml", "id: default", f'id: "{name}"')).findings
    assert found.sentence("en").endswith(
        "uses an id that cannot be used. Write it in lower case (a–z), digits and hyphens, at most 64 characters."
    )
    assert "\u200b" not in found.sentence("en")
