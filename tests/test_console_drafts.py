"""Drafts: checked by a child process whatever is sent, seen by their key alone, weighed against what is served."""

from __future__ import annotations

import errno
import io
import json
import re
import shutil
import time
import zipfile
from datetime import date

import openpyxl
import pytest
from browsing import token_of

from models.authoring import loader, sheet_files
from models.authoring.analysis import read_model
from models.authoring.diff import edition_of
from models.authoring.example_customers import Inventor
from models.authoring.impact import impact
from models.authoring.periods import Days
from models.authoring.population_sample import read_sample, segment_shares
from models.decision import bundle
from service.api.problems import NotFoundError
from service.app import create_app
from service.console import draft_files
from service.console import draft_jobs as jobs
from service.console.draft_jobs import DraftsBusyError, Jobs
from service.console.draft_worker import LARGEST_FILE, check
from service.settings import Settings
from testing.shipped import FACT_SET

KEY = "a key for tests"
PATIENCE_S = 240
RULES = (loader.RULEBOOK / "rules.yaml").read_text(encoding="utf-8")


def edited(rule, old, new):
    """The shipped rules with one edit in one rule."""
    at = RULES.index(f"- id: {rule}\n")
    return RULES[:at] + RULES[at:].replace(old, new, 1)


RULE_COUNT = RULES.count("\n  - id: ")
MOVED = edited("job-loss-guidance", "channel: web_page", "channel: phone_appointment")
REWORDED = edited("job-loss-guidance", "Your job has ended.", "Your work has ended.")
FOUND_BEFORE_WEIGHING = [
    "placed",
    "rules",
    "guarantees",
    "items",
    "cells",
    "errors",
    "warnings",
    "findings",
    "files",
]
LAUGHS = "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nperson: [*c,*c]\n"


@pytest.fixture(scope="module")
def service(bundles, store, tmp_path_factory):
    settings = Settings(bundles=bundles, dev_key=KEY, secret="s" * 40, run=tmp_path_factory.mktemp("run"))
    app = create_app(settings, store=store)
    yield app
    end(app.extensions["arki.console"].jobs)


def end(work):
    """End the children that a test left."""
    for child in list(work._children):
        child.kill()
        child.wait()


@pytest.fixture
def work(tmp_path, bundles):
    made = Jobs(tmp_path / "jobs", bundles)
    yield made
    end(made)


@pytest.fixture(scope="module")
def team(service):
    client = service.test_client()
    token = token_of(client.get("/console/en/sign-in").text)
    assert client.post("/console/en/sign-in", data={"token": token, "key": KEY}).status_code == 303
    return client


def send(team, *files):
    """Send files to be checked; the address of the work."""
    token = token_of(team.get("/console/en/drafts").text)
    sent = [
        (io.BytesIO(content if isinstance(content, bytes) else content.encode()), name)
        for name, content in files
    ]
    response = team.post("/console/en/drafts", data={"token": token, "file": sent})
    assert response.status_code == 303, response.text
    return response.location


def finished(team, address):
    """The page once the work is done."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        response = team.get(address)
        if "Refresh" not in response.headers:
            return response
        assert 'role="status"' in response.text
        time.sleep(0.2)  # the page itself asks a reader to wait two seconds
    raise AssertionError("the work did not end")


@pytest.fixture(scope="module")
def moved(team):
    """The page of a draft in which one rule has another channel."""
    address = send(team, ("my rules.yml", MOVED))
    return address, finished(team, address)


@pytest.fixture(scope="module")
def moved_files(service, moved, tmp_path_factory):
    """A copy of what that draft's work left, since newer work takes its room."""
    folder = service.extensions["arki.console"].jobs.folder / moved[0].rsplit("/", 1)[1]
    return shutil.copytree(folder, tmp_path_factory.mktemp("moved") / "files")


@pytest.mark.usefixtures("moved_files")
def test_a_draft_is_checked_and_weighed_though_an_example_contradicts_it(moved):
    _, response = moved
    assert response.status_code == 200
    text = re.sub(r"\s+", " ", response.text)
    assert "1 error, 0 warnings." in text
    assert "example-job-loss-guidance" in text
    assert (
        "expects the channel <code>web_page</code>, but the table gives <code>phone_appointment</code>"
        in text
    )
    assert "then.channel" in text
    assert "The rules come out otherwise for 16,800 of 3,144,259 combinations of facts." in text
    assert re.search(r"[\d,]+ of 4,65\d,\d{3} customers get another answer", text)
    assert "aino-job-loss" in text
    assert "Age: 18-24" in text


@pytest.mark.parametrize(("language", "said"), [("fi", "Odotettu kanava"), ("sv", "Väntat: kanal")])
def test_findings_are_told_in_the_language_of_the_page(team, moved, language, said):
    assert said in team.get(moved[0].replace("/en/", f"/{language}/")).text


def test_the_reviewed_file_and_a_change_note_can_be_fetched(team, moved):
    fetched = team.get(f"{moved[0]}/rules.yaml")
    assert fetched.data == MOVED.encode()
    note = team.get(f"{moved[0]}/change-note.md")
    assert note.headers["Content-Disposition"] == 'attachment; filename="change-note.md"'
    assert "- rules.yaml: `job-loss-guidance`: changed" in note.text
    assert "`then.channel`: web_page → phone_appointment" in note.text
    assert "This is an estimate: a sample of 105,000 simulated customers, scaled up to Finland." in note.text
    assert "Customers who get another answer, by period:" in note.text
    assert "Review" in note.text
    assert team.get(f"{moved[0]}/job.json").status_code == 404


def test_a_draft_that_withdraws_a_guide_is_never_said_to_change_nothing_for_anybody(team):
    pages = (loader.CONTENT / "pages.yaml").read_text(encoding="utf-8")
    at = pages.index("- id: guide-general-social-security-benefit\n")
    withdrawn = pages[:at] + pages[at:].replace("status: approved", "status: draft", 1)
    response = finished(team, send(team, ("pages.yaml", withdrawn)))
    text = re.sub(r"\s+", " ", response.text)
    assert (
        "The rules come out otherwise for 0 of 3,144,259 combinations of facts. Only rules are compared here."
        in text
    )
    told = re.search(r"([\d,]+) of 4,65\d,\d{3} customers get another answer", text)
    assert int(told[1].replace(",", "")) > 100_000
    assert "Yleistuki: mistä aloittaa" in text
    assert "No customer of the sample" not in text


def test_an_example_customer_of_a_draft_is_tried_on_it_in_one_click(team, moved):
    token = token_of(moved[1].text)
    job = moved[0].rsplit("/", 1)[1]
    answer = team.post("/console/en/customer", data={"token": token, "job": job, "example": "change:0"})
    assert answer.status_code == 200
    assert "by the draft" in answer.text
    assert "Call request" in answer.text
    for which in ("change:9999", "change:x", "nothing:0"):
        assert (
            team.post("/console/en/customer", data={"token": token, "job": job, "example": which}).status_code
            == 404
        )


def test_a_persona_is_tried_on_a_draft_and_on_the_table_in_use(team, moved):
    token, job = token_of(moved[1].text), moved[0].rsplit("/", 1)[1]
    sent = {"token": token, "persona": "aino-job-loss"}
    assert "by the draft" in team.post("/console/en/customer", data=sent | {"draft": job}).text
    assert "by the table in use" in team.post("/console/en/customer", data=sent).text
    assert team.post("/console/en/customer", data=sent | {"draft": "x" * 22}).status_code == 409


def test_nothing_that_was_sent_is_kept_but_what_can_be_fetched(service, moved):
    folder = service.extensions["arki.console"].jobs.folder / moved[0].rsplit("/", 1)[1]
    assert not (folder / "sent").exists()
    assert not (folder / "draft").exists()
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_spreadsheet_goes_out_is_edited_and_comes_back_as_a_draft(team):
    token = token_of(team.get("/console/en/mapping").text)
    address = team.post("/console/en/spreadsheet", data={"token": token}).location
    page = finished(team, address)
    assert f"{RULE_COUNT} rules were written." in page.text
    book = openpyxl.load_workbook(io.BytesIO(team.get(f"{address}/rules.xlsx").data))
    sheet = book["changing"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    row = next(line for line in range(2, 60) if sheet.cell(line, columns["id"]).value == "job-loss-guidance")
    sheet.cell(row, columns["because_en"]).value = "Your work has ended. Here is what you can do first."
    changed = io.BytesIO()
    book.save(changed)
    checked = send(team, ("edited.xlsx", changed.getvalue()))
    text = finished(team, checked).text
    assert "0 errors, 0 warnings." in text
    assert "because.en" in text
    assert team.get(f"{checked}/rules.yaml").text == edited(
        "job-loss-guidance", "Your job has ended.", "Your work has ended."
    )


def zipped(**parts):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", b"<Types/>")
        for name, content in parts.items():
            book.writestr(name.replace("__", "."), content)
    return made.getvalue()


HOSTILE_SHEETS = {
    "bomb": (zipped(sheet__xml=b"\0" * (40 << 20)), "sheet_unpacks"),
    "laughs": (
        zipped(sheet__xml=b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        "sheet_declares",
    ),
    "laughs in UTF-16": (
        zipped(sheet__xml='<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16")),
        "sheet_declares",
    ),
    "many": (zipped(**{f"part{n}": b"" for n in range(300)}), "sheet_parts"),
    "cut": (zipped(sheet__xml=b"x" * 9999)[:60], "sheet_unreadable"),
}


@pytest.mark.parametrize("name", HOSTILE_SHEETS)
def test_a_hostile_spreadsheet_is_refused_before_it_is_opened(name, tmp_path):
    content, code = HOSTILE_SHEETS[name]
    assert len(content) < 2 << 20
    (tmp_path / "sent").write_bytes(content)
    with pytest.raises(sheet_files.SheetError) as error:
        sheet_files.look_into(tmp_path / "sent")
    assert error.value.code == code


def test_an_entity_that_stands_across_two_chunks_is_seen(tmp_path):
    padding = b" " * (sheet_files.CHUNK - 5)
    (tmp_path / "sent").write_bytes(zipped(sheet__xml=padding + b"<!DOCTYPE a>"))
    with pytest.raises(sheet_files.SheetError, match="holds declarations that no spreadsheet needs"):
        sheet_files.look_into(tmp_path / "sent")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("x.yaml", LAUGHS)], "uses <code>&amp;</code> or <code>*</code> to repeat a part."),
        ([("x.yaml", "person: [" + "[" * 5000)], "levels inside each other"),
        ([("x.xlsx", HOSTILE_SHEETS["bomb"][0])], "unpacks to more than 32 MiB."),
        ([("x.xlsx", zipped(any__xml=b"<a/>"))], "The spreadsheet cannot be brought into the rules."),
        ([("../../etc/passwd", "root:x:0:0")], "A file is none that Arki knows."),
        ([("a.yaml", RULES), ("b.yaml", RULES)], "Two of the files are the same part of the rulebook."),
    ],
    ids=["laughs", "deep", "bomb", "no-table", "unknown", "twice"],
)
def test_whatever_is_sent_the_page_says_what_is_wrong(team, files, said):
    response = finished(team, send(team, *files))
    assert response.status_code in {200, 422}
    assert said in response.text
    assert team.get("/console/en/").status_code == 200


def test_a_file_name_that_leads_elsewhere_names_nothing(team):
    names = ("../../evil.yaml", "/etc/evil.yaml", "C:\\evil.yaml", "<script>.yaml")
    address = send(team, *[(name, "rules: [") for name in names])
    assert "<script>" not in finished(team, address).text
    root = team.application.extensions["arki.console"].jobs.folder
    assert (root / address.rpartition("/")[2]).is_dir()
    assert not [file for file in root.rglob("*") if "evil" in file.name or "script" in file.name]
    for name in ("job.json", "alive", "sent", "..%2fjob.json", "%2e%2e%2fjob.json"):
        assert team.get(f"{address}/{name}").status_code == 404, name


def test_a_file_over_two_megabytes_is_refused(team):
    token = token_of(team.get("/console/en/drafts").text)
    head = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = head.format("token", "") + token + "\r\n" + head.format("file", '; filename="rules.yaml"')
    response = team.post(
        "/console/en/drafts",
        data=body.encode() + b"#" * (3 << 20) + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )
    assert response.status_code == 413
    assert "The file is too large" in response.text


@pytest.mark.parametrize("count", [0, 5])
def test_one_to_four_files_are_taken(team, count):
    token = token_of(team.get("/console/en/drafts").text)
    sent = [(io.BytesIO(b"x"), f"{n}.yaml") for n in range(count)]
    response = team.post("/console/en/drafts", data={"token": token, "file": sent})
    assert response.status_code == 422
    assert "Choose one to four files." in response.text


def test_work_is_seen_by_the_key_that_asked_alone(work, bundles):
    token = work.start("export", "one", {}, {})
    with pytest.raises(NotFoundError):
        work.find(token, "another")
    with pytest.raises(NotFoundError):
        work.find("../" + token, "one")
    another_worker = Jobs(work.folder, bundles)
    assert [job.token for job in another_worker.of_key("one")] == [token]
    assert another_worker.of_key("another") == []


def test_a_child_that_is_stopped_is_told_as_failed_and_not_as_running(work):
    token = work.start("check", None, {"0": RULES.encode()}, {"names": {"0": "rules.yaml"}})
    assert work.find(token, None).state in {"waiting", "running"}
    end(work)
    assert work.find(token, None).state == "failed"


def test_one_key_does_not_keep_the_others_waiting(work):
    for _ in range(jobs.MOST_OF_A_KEY):
        work.start("check", "one", {"0": RULES.encode()}, {"names": {"0": "rules.yaml"}})
    with pytest.raises(DraftsBusyError):
        work.start("check", "one", {"0": RULES.encode()}, {"names": {"0": "rules.yaml"}})
    assert work.start("check", "another", {"0": RULES.encode()}, {"names": {"0": "rules.yaml"}})


def test_drafts_lie_where_the_settings_say(bundles, store, tmp_path):
    settings = Settings(
        bundles=bundles, dev_key=KEY, secret="s" * 40, run=tmp_path, drafts=tmp_path / "of drafts"
    )
    assert create_app(settings, store=store).extensions["arki.console"].jobs.folder == tmp_path / "of drafts"


def test_no_more_than_a_few_wait_and_old_work_goes(work):
    names = {"names": {"0": "rules.yaml"}}
    tokens = [work.start("check", None, {"0": RULES.encode()}, names) for _ in range(jobs.MOST_UNFINISHED)]
    with pytest.raises(DraftsBusyError):
        work.start("export", None, {}, {})
    end(work)
    place = work.folder / tokens[0] / "job.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"at": 0.0}))
    assert tokens[0] not in [job.token for job in work.of_key(None)]


def test_drafts_take_a_bounded_room_and_what_has_none_is_refused(work, monkeypatch):
    assert jobs.JOB_BYTES == LARGEST_FILE
    token = work.start("export", None, {}, {})
    end(work)
    (work.folder / token / "large").write_bytes(b" " * 200_000)
    monkeypatch.setattr(jobs, "MOST_BYTES", jobs.JOB_BYTES + 100_000)
    with pytest.raises(DraftsBusyError):
        work.start("export", None, {}, {})
    assert [path.name for path in work.folder.iterdir() if path.is_dir()] == [token]


def test_a_full_disk_refuses_a_draft_and_leaves_nothing_of_it(work, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs, "write_job_file", full)
    with pytest.raises(DraftsBusyError):
        work.start("check", None, {"0": RULES.encode()}, {"names": {"0": "rules.yaml"}})
    assert not [path for path in work.folder.iterdir() if path.is_dir()]


def test_the_sample_stands_for_finland_and_an_edit_is_weighed_on_it(authored):
    documents = json.loads(json.dumps(authored.parts()))
    rule = next(one for one in documents["rulebook.json"]["person"] if one["id"] == "job-loss-guidance")
    rule["then"]["channel"] = "phone_appointment"
    old, new = (edition_of("", parts) for parts in (authored.parts(), documents))
    sample = read_sample()

    def weighed(other):
        return impact(
            old.recommender(),
            other.recommender(),
            sample.population,
            periods=[Days(date(2026, 11, 21), date(2026, 11, 21))],
            inventor=Inventor(read_model(), FACT_SET),
        )

    unchanged, moved = weighed(old), weighed(new)
    assert unchanged.changed == 0
    assert unchanged.sampled == 105_000
    assert unchanged.customers == pytest.approx(4_656_000, rel=0.001)
    first = next(move for move in moved.channels if move.old != move.new)
    assert (first.old, first.new) == ("web_page", "phone_appointment")
    assert 0 < first.customers <= moved.changed
    by_load = {load.channel: load.new - load.old for load in moved.loads}
    assert by_load["phone_appointment"] == pytest.approx(first.customers, abs=1)
    assert sum(group.changed for group in moved.groups if group.column == "sex") == pytest.approx(
        moved.changed, abs=2
    )
    assert moved.examples[0].customer is not None
    model, shares = segment_shares()
    assert model == sample.model
    assert sum(shares.values()) == pytest.approx(1)


GUARANTEES = (loader.RULEBOOK / "guarantees.yaml").read_text(encoding="utf-8")
OFFLINE = "no-digital-only-for-people-offline"


def without_a_guarantee():
    """The shipped guarantees without the one for people who are offline."""
    at = GUARANTEES.index(f"  - id: {OFFLINE}")
    return GUARANTEES[:at] + GUARANTEES[GUARANTEES.index("  - id:", at + 1) :]


def text_of(response):
    return re.sub(r"\s+", " ", response.text)


def test_a_removed_guarantee_is_a_warning(team):
    text = text_of(finished(team, send(team, ("guarantees.yaml", without_a_guarantee()))))
    assert "0 errors, 1 warning." in text
    assert f"Warning:</strong> the draft removes the promise {OFFLINE}." in text


@pytest.mark.slow  # whoever changes the notice changes every answer of every period
def test_a_removed_guarantee_comes_first_and_as_a_warning_also_in_the_change_note(team):
    texts = (loader.CONTENT / "texts.yaml").read_text(encoding="utf-8")
    channels = (loader.VOCABULARY / "channels.yaml").read_text(encoding="utf-8")
    address = send(
        team,
        ("texts.yaml", texts.replace("Se on vain tiedoksi", "Se on tiedoksi", 1)),
        ("channels.yaml", channels.replace("en: Suggestion in OmaKela", "en: A suggestion in OmaKela", 1)),
        ("guarantees.yaml", without_a_guarantee()),
    )
    text = text_of(finished(team, address))
    assert "0 errors, 1 warning." in text
    assert "no longer stands, though the table in use promises it: a person who does not use online" in text
    assert f"Warning:</strong> the draft removes the promise {OFFLINE}." in text
    note = team.get(f"{address}/change-note.md").text
    edits = [line for line in note.splitlines() if line.startswith("- ")]
    assert edits[0] == (
        f"- **Warning: the draft removes the promise {OFFLINE}.** guarantees.yaml: `{OFFLINE}`: removed"
    )
    for listed in ("- texts.yaml: `notice`: changed", "- channels.yaml: `channels."):
        assert any(line.startswith(listed) for line in edits)
    assert team.get(address.replace("/en/", "/fi/")).text.count("luonnos poistaa lupauksen") == 1


def test_a_draft_that_only_has_other_comments_is_said_to_change_nothing_that_is_served(team):
    address = send(team, ("guarantees.yaml", GUARANTEES + "# a comment\n"))
    assert "Nothing but comments or layout: what is served is the same" in text_of(finished(team, address))


TOLD_APART = (*loader.RULEBOOK_FILES, loader.CAMPAIGNS, "texts.yaml", *loader.VOCABULARY_FILES)


@pytest.mark.parametrize("name", TOLD_APART)
def test_a_file_of_the_team_is_known_by_what_stands_in_it_whatever_its_name(name):
    folders = (loader.RULEBOOK, loader.CONTENT, loader.VOCABULARY)
    file = next(folder / name for folder in folders if (folder / name).exists())
    assert draft_files._place("my edit (2).yaml", file.read_bytes()) == name


def test_a_draft_of_the_vocabulary_is_checked_beside_the_table_in_use(team):
    groups = (loader.VOCABULARY / "groups.yaml").read_text(encoding="utf-8")
    sound = groups.replace("- life_event: [KE8]", "- life_event: [KE8, KE9]", 1)
    text = text_of(finished(team, send(team, ("groups.yaml", sound))))
    assert "0 errors" in text
    assert "<code>groups.unemployed</code>" in text
    text = text_of(
        finished(team, send(team, ("groups.yaml", groups.replace("life_event: [KE8]", "life_event: [KE99]"))))
    )
    assert "KE99" in text
    assert "A draft with errors cannot go out." in text


def test_a_draft_that_adds_a_code_and_leaves_the_version_is_told_so(team):
    kinds = (loader.VOCABULARY / "content_types.yaml").read_text(encoding="utf-8")
    more = kinds + "  podcast: {name: {fi: Podcast, sv: Podd, en: Podcast}}\n"
    text = text_of(finished(team, send(team, ("content_types.yaml", more))))
    assert "podcast" in text
    assert "version.yaml" in text
    assert "A draft with errors cannot go out." in text


def test_a_vocabulary_that_cannot_be_read_is_told_with_its_line(team):
    text = text_of(finished(team, send(team, ("languages.yaml", "languages:\n\tfi: x\n"))))
    assert "<code>languages.yaml:2</code>" in text


@pytest.fixture(scope="module")
def colleague(tmp_path_factory, bundles):
    """A service whose bundle in use has an edit that the installed files lack, and the files of that bundle."""
    folder = tmp_path_factory.mktemp("colleague")
    shutil.copytree(loader.RULEBOOK, folder / "rulebook")
    (folder / "rulebook" / "rules.yaml").write_text(REWORDED, encoding="utf-8")
    read = loader.read_authored(folder / "rulebook", loader.CONTENT)
    home = folder / "bundles"
    bundle.activate(home, bundle.build(home, read.parts()))
    settings = Settings(bundles=home, dev_key=KEY, secret="s" * 40, run=folder / "run")
    app = create_app(settings, store=bundle.BundleStore(home))
    client = app.test_client()
    token = token_of(client.get("/console/en/sign-in").text)
    assert client.post("/console/en/sign-in", data={"token": token, "key": KEY}).status_code == 303
    yield client, home
    end(app.extensions["arki.console"].jobs)


def table_of(client):
    """The spreadsheet that the console makes."""
    token = token_of(client.get("/console/en/mapping").text)
    address = client.post("/console/en/spreadsheet", data={"token": token}).location
    assert f"{RULE_COUNT} rules were written." in finished(client, address).text
    return client.get(f"{address}/rules.xlsx").data


def test_the_spreadsheet_holds_the_table_in_use_and_sent_back_unedited_changes_nothing(colleague):
    client, _ = colleague
    table = table_of(client)
    rows = openpyxl.load_workbook(io.BytesIO(table))["changing"].iter_rows(values_only=True)
    assert any("Your work has ended." in str(row) for row in rows)
    checked = finished(client, send(client, ("rules.xlsx", table)))
    assert "Nothing: the draft is the same as the table in use." in text_of(checked)


def test_what_a_draft_leaves_out_comes_from_the_table_in_use(colleague):
    client, _ = colleague
    address = send(client, ("guarantees.yaml", GUARANTEES))
    assert "Nothing: the draft is the same as the table in use." in text_of(finished(client, address))


def test_a_spreadsheet_made_before_a_colleagues_edit_is_refused_with_what_changed(colleague, team):
    client, _ = colleague
    address = send(client, ("rules.xlsx", table_of(team)))
    response = finished(client, address)
    assert response.status_code == 422
    assert (
        "The table was made from rules that have changed since; edited: job-loss-guidance. "
        "It would undo that. Export the table again and move your edits into it." in text_of(response)
    )
    fi, sv = (text_of(client.get(address.replace("/en/", f"/{code}/"))) for code in ("fi", "sv"))
    assert "Säännöt ovat muuttuneet taulukkotiedoston tekemisen jälkeen; muokattu: job-loss-guidance." in fi
    assert "Reglerna har ändrats sedan kalkylbladet gjordes; ändrade: job-loss-guidance." in sv


def test_beside_a_bundle_without_its_files_the_page_says_where_they_come_from(colleague):
    client, home = colleague
    shutil.rmtree(home / str(bundle.current(home)) / "sources")
    address = send(client, ("guarantees.yaml", GUARANTEES))
    text = text_of(finished(client, address))
    assert "The bundle in use was made before bundles kept their files." in text
    assert "job-loss-guidance" in text


def checked(work, rules):
    """The finished job of checking rules, whatever came of it."""
    token = work.start("check", None, {"0": rules.encode()}, {"names": {"0": "rules.yaml"}})
    until = time.monotonic() + PATIENCE_S
    while (job := work.find(token, None)).state in {"waiting", "running"}:
        assert time.monotonic() < until
        time.sleep(0.2)
    return job


def breaks_when_it_weighs(stage):
    """Stands in for the report of stages, and fails at the last but one."""
    if stage == "weighing":
        raise OSError("of whatever is in the file")


@pytest.mark.parametrize(
    ("rules", "why"), [(MOVED, "errors"), (REWORDED, "unexpected")], ids=["errors", "none"]
)
def test_findings_and_edits_are_shown_though_weighing_fails_and_the_log_says_where(
    monkeypatch, caplog, bundles, tmp_path, rules, why
):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "0").write_text(rules, encoding="utf-8")
    result = check(tmp_path, {"names": {"0": "rules.yaml"}}, breaks_when_it_weighs)
    assert result["unweighed"] == why
    assert bool(result["findings"]) == (why == "errors")
    assert result["edits"]
    [line] = caplog.messages
    assert line.startswith("weighing a draft failed: OSError at ")
    assert "draft_worker.py:" in line
    assert "whatever" not in line, "a place in the code, and no message"


def test_findings_are_shown_though_the_child_is_killed_while_it_weighs(work):
    token = work.start("check", None, {"0": RULES.encode()}, {"names": {"0": "rules.yaml"}})
    end(work)
    folder = work.folder / token
    (folder / "checked.json").write_text(json.dumps({"findings": [], "unweighed": "stopped"}))
    job = work.find(token, None)
    assert job.state == "done"
    assert job.result["unweighed"] == "stopped"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "What the draft would change could not be counted, because of a fault in Arki."),
        ("fi", "Luonnoksen vaikutuksia ei voitu laskea Arki-ohjelmistossa olevan vian vuoksi."),
        ("sv", "Utkastets effekter kunde inte räknas på grund av ett fel i Arki."),
    ],
)
def test_the_page_says_that_a_draft_could_not_be_weighed(service, team, moved_files, language, said):
    jobs_folder = service.extensions["arki.console"].jobs.folder
    found = json.loads((moved_files / "result.json").read_text())
    unweighed = {name: found[name] for name in FOUND_BEFORE_WEIGHING} | {"unweighed": "unexpected"}
    copy = shutil.copytree(moved_files, jobs_folder / ("u" * 22), dirs_exist_ok=True)
    (copy / "result.json").write_text(json.dumps(unweighed))
    page = team.get(f"/console/{language}/drafts/{copy.name}")
    shutil.rmtree(copy)
    assert page.status_code == 200
    assert said in page.text
    assert "example-job-loss-guidance" in page.text


def test_a_draft_with_a_gap_that_a_persona_falls_into_is_weighed_too(work):
    start = RULES.index("  - id: firm-neutral\n")
    gapped = RULES[:start] + RULES[RULES.index("  - id: ", start + 1) :]
    job = checked(
        work, gapped.replace("  - id: firm\n", "  - id: firm\n    when: {personalisation: allowed}\n")
    )
    assert job.result["errors"]
    assert "unweighed" not in job.result
    [persona] = job.result["personas"]
    assert (persona["id"], persona["new"]) == ("employer-objector", [])
