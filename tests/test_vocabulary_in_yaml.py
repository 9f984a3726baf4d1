"""The vocabulary is data: groups, a channel, a benefit's successor, a page in Sámi and a campaign are added in YAML alone.

Then the check proves it, a bundle is made, and the API, its document, the console, the spreadsheet, scoring and its report
name what was added.
"""

import csv
import shutil
from datetime import date, datetime

import pytest
from browsing import token_of
from click.testing import CliRunner
from openpyxl import load_workbook

from models.authoring import analysis, loader, spreadsheet
from models.contract.channels import HELSINKI
from models.decision import bundle
from models.decision.experiments import Assigner
from service.app import create_app
from service.settings import Settings
from training.scoring.command import main as arki_score

AT = datetime(2027, 9, 1, 12, tzinfo=HELSINKI)
NAMES = "{{fi: {0} fi, sv: {0} sv, en: {0} en}}"
ADDED = {
    "vocabulary/groups.yaml": f"""
  carers:
    for: person
    name: {NAMES.format("Carers")}
    description: {NAMES.format("Who cares for someone close")}
    source: a test
    when: {{life_event: KE13}}

  household_employers:
    for: employer
    name: {NAMES.format("Households")}
    description: {NAMES.format("Who employs at home")}
    source: a test
    when: {{employer_size: micro, not: {{group: large_employers}}}}
""",
    "content/catalogue.yaml": """
  - id: school-travel-changes
    type: guide
    class: statutory
    audience: person
    topics: [school_transport]
    benefits: [school_travel_support]
    languages:
      fi: {title: Ilmoita muutoksista, url: "https://www.kela.fi/a"}
      sv: {title: Meddela ändringar, url: "https://www.kela.fi/b"}
    owner: students-team
    review_by: 2028-05-31
    status: approved
    evidence: stored page

  - id: page-in-sami
    type: web_page
    class: guidance
    audience: person
    topics: [student_aid]
    languages:
      se: {title: Oahpahallandoarjja, url: "https://www.kela.fi/saame"}
    owner: students-team
    review_by: 2028-05-31
    status: approved
    evidence: stored page
""",
    "rulebook/campaigns.yaml": f"""
  - id: autumn-of-students
    group: [students]
    item: page-in-sami-and-finnish
    valid: {{from: 2027-08-15, until: 2027-09-30}}
    control_share: 50
    because: {NAMES.format("Autumn")}
    owner: students-team
    source: a test
""",
    "content/pages.yaml": "",
}
CAMPAIGN_ITEM = """
  - id: page-in-sami-and-finnish
    type: article
    class: guidance
    audience: person
    topics: [applying]
    languages:
      fi: {title: Opintojen alku, url: "https://www.kela.fi/c"}
      sv: {title: Studiernas början, url: "https://www.kela.fi/d"}
    owner: students-team
    review_by: 2028-05-31
    status: approved
    evidence: stored page
"""
RULE = f"""
  - id: carers-get-an-article
    when: {{carers: yes, segment: steady, digital: self_service, easy_language: [no, unknown], interpreter_needed: [no, unknown],
           strong_identification: [yes, unknown], friction: none, open_matter: unknown, acts_through_mandate: no}}
    then:
      channel: web_page
      content: [guide, web_page]
    because: {NAMES.format("Carers")}
    owner: care-team
    source: a test
"""
JODEL = """
  jodel:
    ptv_channel: WebPage
    human: false
    audience: person
    needs_strong_identification: false
    hours: always
    languages: [fi]
    carries: [contact_card, explainer_video]
    card: contact_card
    name: {fi: Jodel, sv: Jodel, en: Jodel}
"""
SUCCESSOR = """  school_transport:
    valid_until: 2027-07-31
    successor: school_travel_support
"""
NEW_BENEFIT = f"""  school_travel_support:
    topic: school_transport
    name: {NAMES.format("School travel")}
    valid_from: 2027-08-01
    predecessor: school_transport
  conscripts_allowance:
"""


def replaced(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The team's files with everything added."""
    folder = tmp_path_factory.mktemp("words")
    for source in (loader.RULEBOOK, loader.CONTENT, loader.VOCABULARY):
        shutil.copytree(source, folder / source.name)
    for name, text in ADDED.items():
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(text)
    with (folder / "content" / "catalogue.yaml").open("a", encoding="utf-8") as file:
        file.write(CAMPAIGN_ITEM)
    words = folder / "vocabulary"
    replaced(
        words / "channels.yaml", "\n# Days on which hours differ.", f"{JODEL}\n# Days on which hours differ."
    )
    replaced(words / "benefits.yaml", "  school_transport:\n", SUCCESSOR)
    replaced(words / "benefits.yaml", "  conscripts_allowance:\n", NEW_BENEFIT)
    rules = folder / "rulebook" / "rules.yaml"
    text = rules.read_text(encoding="utf-8")
    first = text.index("  - id: neutral-interpreter-easy-language")
    at = text.index("\n  - id: ", text.index("  - id: neutral\n")) + 1
    assert first < at
    rules.write_text(f"{text[:at]}{RULE.strip(chr(10))}\n\n{text[at:]}", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def authored(folder):
    found = loader.read_authored(*loader.find_folders(folder))
    analysis.analyse(found)
    return found


@pytest.fixture(scope="module")
def bundles(authored, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    bundle.activate(folder, bundle.build(folder, authored.parts()))
    return folder


@pytest.fixture(scope="module")
def recommender(bundles):
    return bundle.BundleStore(bundles).recommender()


@pytest.fixture(scope="module")
def client(bundles):
    settings = Settings(bundles=bundles, dev_key="a key for tests", secret="s" * 40)
    client = create_app(settings).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer a key for tests"
    return client


def asked(client, **wishes):
    body = {"customer_type": "person", "as_of": AT.isoformat()} | wishes
    response = client.post("/v1/recommendations", json=body)
    assert response.status_code == 200, response.text
    return response.json


def test_the_check_finds_no_fault_and_proves_the_rule_of_a_group(authored):
    assert [str(finding) for finding in authored.errors] == []
    assert "carers" in authored.terms.groups
    assert not [
        found
        for found in authored.findings
        if found.subject == "carers-get-an-article" and found.code != "no_example"
    ]


def test_a_rule_that_names_a_group_decides_for_those_who_are_in_it_alone(recommender):
    facts = {"segment": "steady", "confidence": "high", "digital": "self_service", "friction": "none"}
    facts |= {"acts_through_mandate": "no"}
    table = recommender.rulebook.tables["person"].on(AT.date())
    for event, rule in (("KE13", True), ("KE3", False)):
        cell = recommender.facts.completed("person", facts | {"life_event": event})
        assert recommender.facts.is_feasible("person", cell)
        assert cell["carers"] == ("yes" if rule else "no")
        assert (table.choose(cell).id == "carers-get-an-article") == rule


def test_a_new_channel_may_be_preferred(client):
    answer = asked(client, signals={"preferred_channel": "jodel"})
    assert {item["channel"] for item in answer["items"]} == {"jodel"}
    refused = client.post(
        "/v1/recommendations", json={"customer_type": "person", "signals": {"preferred_channel": "jodeI"}}
    )
    assert refused.status_code == 422
    assert "jodel" in refused.text


def test_a_benefit_and_its_successor_are_both_known_and_owe_their_own_content(client):
    for benefit, owed in (("school_travel_support", ["school-travel-changes"]), ("school_transport", None)):
        answer = asked(client, signals={"open_matter": benefit})
        found = [item["content"]["id"] for item in answer["statutory"]]
        assert found == (owed or found)
        assert found


def test_a_page_in_sami_is_offered_to_who_asks_in_sami_alone(client):
    signals = {"life_events": [{"event": "KE3", "months_ago": 0}]}
    in_sami = asked(client, signals=signals, language="se", limit=10)
    assert in_sami["notice"]
    in_finnish = asked(client, signals=signals, language="fi", limit=10)
    languages = [
        {item["content"]["language"] for item in answer["items"]} for answer in (in_sami, in_finnish)
    ]
    assert "se" not in languages[1]
    assert "page-in-sami" not in {item["content"]["id"] for item in in_finnish["items"]}


def test_a_campaign_adds_one_item_for_its_group_and_leaves_the_control_share_out(recommender):
    signals = recommender.contract.read("person", {"life_events": [{"event": "KE3", "months_ago": 0}]})
    others = recommender.contract.read("person", {"life_events": [{"event": "KE4", "months_ago": 0}]})
    [plain] = recommender.recommend([signals], at=AT)
    assert plain.items[-1].content.id == "page-in-sami-and-finnish"
    assert plain.items[-1].reason.rule == "autumn-of-students"
    assert len(plain.items) <= 3
    [other] = recommender.recommend([others], at=AT)
    assert "autumn-of-students" not in {item.reason.rule for item in other.items}
    [before] = recommender.recommend([signals], at=AT.replace(month=8, day=1))
    assert "autumn-of-students" not in {item.reason.rule for item in before.items}
    assert before.valid_until == date(2027, 8, 14)
    arms = set()
    for key in range(40):
        [drawn] = recommender.recommend([signals], at=AT, draw=Assigner("secret").draw(str(key)))
        shown = any(item.reason.rule == "autumn-of-students" for item in drawn.items)
        assert drawn.experiment.arm == f"autumn-of-students/{'campaign' if shown else 'control'}"
        arms.add(drawn.experiment.variant)
    assert arms == {"campaign", "control"}


def test_the_document_and_the_listings_of_the_api_name_what_was_added(client):
    document = client.get("/openapi.json").json
    signals = document["components"]["schemas"]["PersonSignals"]["properties"]
    assert "jodel" in signals["preferred_channel"]["enum"]
    assert "school_travel_support" in signals["open_matter"]["enum"]
    listed = client.get("/v1/segments").json
    assert {"carers", "household_employers"} <= {group["id"] for group in listed["groups"]}
    assert "jodel" in {channel["id"] for channel in client.get("/v1/channels").json["channels"]}
    found = client.get("/v1/content?language=se").json["items"]
    assert "page-in-sami" in {item["id"] for item in found}


def test_the_spreadsheet_has_a_column_for_each_group_and_the_new_codes_in_its_lists(folder, tmp_path):
    table = tmp_path / "rules.xlsx"
    spreadsheet.export(folder / "rulebook", table)
    book = load_workbook(table)
    assert {"carers", "students"} <= {cell.value for cell in book["several"][1]}
    assert "household_employers" in {cell.value for cell in book["employer"][1]}
    lists = {cell.value for row in book["lists"].iter_rows() for cell in row}
    assert {"jodel", "school_travel_support"} <= lists
    assert spreadsheet.import_(table, folder / "rulebook", write=False) == []


def test_scoring_knows_the_codes_and_its_report_counts_the_groups(bundles, tmp_path, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    customers = tmp_path / "customers.csv"
    customers.write_text(
        "customer_ref,customer_type,life_events,preferred_channel,open_matter,employees\n"
        "1,person,KE13:1,,,\n2,person,KE3:0,jodel,,\n3,person,,,school_travel_support,\n4,employer,,,,3\n",
        encoding="utf-8",
    )
    answers = tmp_path / "answers.csv"
    done = CliRunner().invoke(arki_score, [str(customers), str(answers), "--as-of", AT.date().isoformat()])
    assert done.exit_code == 0, done.output
    with answers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["item_1_channel"] == "jodel"
    report = "".join(
        path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.suffix in {".md", ".json"}
    )
    assert "household_employers" in report + done.output
    assert "carers" in report + done.output


def test_the_console_names_groups_channels_and_benefits(client):
    token = token_of(client.get("/console/en/sign-in").text)
    client.post("/console/en/sign-in", data={"key": "a key for tests", "token": token})
    form, groups, mapping = (
        client.get(f"/console/en/{name}").text for name in ("customer", "groups", "mapping")
    )
    assert "Jodel" in form
    assert "School travel en" in form
    assert "Carers en" in groups
    assert "Households en" in groups
    assert "autumn-of-students" in groups
    assert "Jodel" in mapping
    assert "Carers en" in mapping
