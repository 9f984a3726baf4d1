import copy
import shutil

import pytest
from ruamel.yaml import YAML

from models.authoring import analysis, loader


@pytest.fixture
def folders(tmp_path):
    """A copy of the content team's folders, to break in one way."""
    shutil.copytree(loader.RULEBOOK, tmp_path / "rulebook")
    shutil.copytree(loader.CONTENT, tmp_path / "content")
    shutil.copytree(loader.VOCABULARY, tmp_path / "vocabulary")
    return tmp_path


def edit(path, change):
    yaml = YAML(typ="rt")
    loaded = yaml.load(path.read_text(encoding="utf-8"))
    change(loaded)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(loaded, file)


def rule_named(rules, name):
    return next(rule for kind in ("person", "employer") for rule in rules[kind] if rule["id"] == name)


def findings(folders, content=None):
    authored = copy.deepcopy(content) if content else loader.read_content(folders / "content")
    loader.read_rules(authored, folders / "rulebook")
    analysis.analyse(authored)
    return [finding for finding in authored.findings if finding.severity == "error"]


def move_to_end(rules, name):
    found = rule_named(rules, name)
    rules["person"].remove(found)
    rules["person"].append(found)


BROKEN = [
    pytest.param(
        lambda r: rule_named(r, "neutral")["when"].update(sex="f"),
        "neutral",
        "the fact `sex`",
        id="no such fact",
    ),
    pytest.param(
        lambda r: rule_named(r, "talk-it-through")["when"].update(segment="suported"),
        "talk-it-through",
        "Did you mean `supported`?",
        id="a misspelt value",
    ),
    pytest.param(
        lambda r: rule_named(r, "neutral")["then"].update(channel="fax"),
        "neutral",
        "the channel `fax`",
        id="no channel",
    ),
    pytest.param(
        lambda r: rule_named(r, "firm")["then"].update(channel="omakela_nudge"),
        "firm",
        "`omakela_nudge`, which is not for employers",
        id="a firm in OmaKela",
    ),
    pytest.param(
        lambda r: rule_named(r, "neutral")["then"].update(human_channel="web_page"),
        "neutral",
        "has no person at `web_page`",
        id="no person",
    ),
    pytest.param(
        lambda r: rule_named(r, "by-post")["then"].update(content=["nudge"]),
        "by-post",
        "`paper`, which cannot carry it",
        id="a nudge on paper",
    ),
    pytest.param(
        lambda r: rule_named(r, "neutral")["then"].update(topic="lottery"),
        "neutral",
        "the topic `lottery`",
        id="no topic",
    ),
    pytest.param(
        lambda r: rule_named(r, "neutral")["because"].pop("sv"),
        "neutral",
        "no reason in `sv`",
        id="no Swedish reason",
    ),
    pytest.param(lambda r: rule_named(r, "neutral").pop("owner"), "neutral", "has no owner", id="no owner"),
    pytest.param(
        lambda r: r["person"].append(copy.deepcopy(r["person"][0])),
        "neutral-interpreter-easy-language",
        "id that is taken",
        id="twice",
    ),
    pytest.param(
        lambda r: r.update(hit_policy="any"), "rules.yaml", "hit_policy: first", id="another hit policy"
    ),
    pytest.param(
        lambda r: r["person"].pop(), "rules.yaml", "no person rule applies to some customers", id="a gap"
    ),
    pytest.param(
        lambda r: move_to_end(r, "nudge"), "nudge", "can never apply", id="a rule behind the default"
    ),
    pytest.param(
        lambda r: rule_named(r, "by-post")["then"].update(channel="web_page", content=["guide"]),
        "by-post",
        "no-digital-only-for-people-offline",
        id="only digital for someone offline",
    ),
    pytest.param(
        lambda r: rule_named(r, "easy-language")["then"].update(content=["guide"]),
        "easy-language",
        "easy-language-is-offered",
        id="easy language dropped",
    ),
    pytest.param(
        lambda r: rule_named(r, "firm")["then"].update(channel="phone", content=["calculator", "easy_read"]),
        "firm",
        "offers `calculator`, of which the catalogue has none",
        id="a kind nobody wrote",
    ),
    pytest.param(
        lambda r: rule_named(r, "neutral")["because"].update(fi="Olet oikeutettu tukeen, katso tästä."),
        "neutral",
        "states entitlement in `fi`",
        id="entitlement",
    ),
    pytest.param(
        lambda r: rule_named(r, "neutral")["because"].update(en="You are entitled to a benefit."),
        "neutral",
        "states entitlement in `en`",
        id="entitlement in English",
    ),
]


@pytest.mark.parametrize(("change", "subject", "words"), BROKEN)
def test_a_rulebook_broken_in_one_way_is_told_so(folders, content, change, subject, words):
    edit(folders / "rulebook" / "rules.yaml", change)
    every = findings(folders, content)
    found = [finding for finding in every if finding.subject == subject and words in str(finding)]
    assert found, list(map(str, every))
    assert found[0].line >= 1
    assert found[0].remedy


def test_a_broken_guarantee_comes_with_a_customer_who_breaks_it(folders, content):
    edit(
        folders / "rulebook" / "rules.yaml",
        lambda r: rule_named(r, "by-post")["then"].update(channel="web_page", content=["guide"]),
    )
    [finding] = [found for found in findings(folders, content) if "guarantee" in found.message]
    assert finding.example["digital"] == "offline"
    assert finding.example["segment"] == "steady"


def test_an_example_that_no_longer_comes_out_is_an_error(folders, content):
    edit(folders / "rulebook" / "examples.yaml", lambda e: e["examples"][0]["expect"].update(channel="chat"))
    assert [found.subject for found in findings(folders, content)] == [
        "example-neutral-interpreter-easy-language"
    ]


def test_content_that_a_rule_needs_and_nobody_wrote_is_an_error(folders):
    def no_cards(pages):
        for item in pages["items"]:
            if item["id"] == "contact-kela":
                item["status"] = "draft"

    edit(folders / "content" / "pages.yaml", no_cards)
    assert any("offers `contact_card`" in found.message for found in findings(folders))


def test_unreadable_yaml_is_a_finding_with_its_line(folders, content):
    (folders / "rulebook" / "rules.yaml").write_text("hit_policy: first\nperson: [\n", encoding="utf-8")
    assert any(found.file == "rules.yaml" and found.line > 1 for found in findings(folders, content))


def test_a_missing_file_is_a_finding(folders):
    (folders / "vocabulary" / "channels.yaml").unlink()
    assert any("is missing" in found.message for found in findings(folders))


@pytest.mark.parametrize(
    "hours",
    [
        "alwys",
        9,
        {"mon": ["25:00", "26:00"]},
        {"mon": ["16:00", "09:00"]},
        {"moon": ["09:00", "16:00"]},
        {"mon": "9-16"},
    ],
)
def test_opening_hours_that_cannot_be_read_are_a_finding(folders, hours):
    edit(folders / "vocabulary" / "channels.yaml", lambda c: c["channels"]["callback"].update(hours=hours))
    assert [found.code for found in findings(folders)] == ["hours_form"]
