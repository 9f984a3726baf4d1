"""docs/security.md is true: every row names a test that exists or says no, every requirement stands once; and the small
promises that had no test elsewhere."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime

import pytest
from browsing import token_of
from conftest import ROOT

from service.security.access import make_key

PAGE = ROOT / "docs" / "security.md"
# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; those come first in it.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6,
    "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12,
    "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2,
    "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2,
    "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1,
    "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5,
    "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
KEY = "a key for tests"
MARK_UP = "\"'><script>alert(1)</script>"


def rows():
    """The rows of both tables: their cells."""
    lines = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| (V\d|API)", line)
    ]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def test_every_row_names_a_test_that_exists_or_says_no():
    tests = {name for file in (ROOT / "tests").glob("test_*.py") for name in re.findall(r"^def (test_\w+)\(", file.read_text(), re.MULTILINE)}  # fmt: skip
    for first, _, proof in rows():
        named = re.findall(r"`(test_\w+)`", proof)
        assert named or proof.startswith(("no: ", "not applicable")), first
        assert set(named) <= tests, first
    assert len({name for _, _, proof in rows() for name in re.findall(r"`(test_\w+)`", proof)}) > 80


def test_every_requirement_of_asvs_and_every_risk_of_the_top_ten_stands_in_its_table():
    stated = []
    for first, *_ in rows():
        if found := re.fullmatch(r"V(\d+\.\d+)\.(\d+)(?:–(\d+))?", first):
            stated += [f"{found[1]}.{at}" for at in range(int(found[2]), int(found[3] or found[2]) + 1)]
    assert stated == [f"{section}.{at}" for section, count in SECTIONS.items() for at in range(1, count + 1)]
    assert len(stated) == 253
    risks = [re.match(r"API(\d+)", first) for first, *_ in rows()]
    assert {int(found[1]) for found in risks if found} == {*range(1, 11)}


def test_every_boundary_of_the_threat_model_is_there():
    text = PAGE.read_text(encoding="utf-8")
    for boundary in ("Browser – proxy", "Proxy – service", "folder of bundles", "Redis and PostgreSQL", "Batch files", "spreadsheet", "Training"):  # fmt: skip
        assert re.search(rf"^\*\*[^*]*{boundary}[^*]*\*\*", text, re.MULTILINE), boundary


@pytest.fixture
def team(app):
    client = app.test_client()
    token = token_of(client.get("/console/en/sign-in").text)
    assert client.post("/console/en/sign-in", data={"token": token, "key": KEY}).status_code == 303
    return client


def test_mark_up_that_is_sent_comes_back_as_text(team):
    token = token_of(team.get("/console/en/customer").text)
    asked = {
        "token": token,
        "customer_type": "person",
        "day": MARK_UP,
        "limit": MARK_UP,
        "s.phone_contacts_90d": MARK_UP,
    }
    query = dict.fromkeys(
        ("q", "search", "channel", "topic", "language", "event", "segment", "page", "by"), MARK_UP
    )
    pages = [team.post("/console/en/customer", data=asked), team.post("/console/en/replay", data={"token": token, "reference": MARK_UP, "request": MARK_UP})]  # fmt: skip
    pages += [team.get(f"/console/en{path}", query_string=query) for path in ("/mapping", "/content", "/model", "/customer", "/outcomes")]  # fmt: skip
    assert [page.status_code for page in pages if page.status_code >= 500] == []
    assert any("&lt;script&gt;" in page.text for page in pages)  # it is shown, and as text
    for page in pages:
        assert "<script>" not in page.text


def test_nothing_is_changed_by_a_link_and_no_redirect_leaves_the_host(app, team):
    for rule in app.url_map.iter_rules():
        if (
            rule.endpoint.rpartition(".")[2] in {"sign_out", "check_draft", "spreadsheet", "outcomes"}
            and "POST" in rule.methods
        ):
            assert "GET" not in rule.methods, rule
    for path in (
        "/console//evil.example",
        "//evil.example/console",
        "/console/en/sign-in?next=https://evil.example",
        "/console",
    ):
        location = team.get(path).location or ""
        assert re.fullmatch(r"(http://localhost)?(/console(/\w*)*)?", location), (path, location)
    token = token_of(team.get("/console/en/").text)
    left = team.post(
        "/console/en/sign-out?next=//evil.example", data={"token": token, "next": "//evil.example"}
    )
    assert left.location == "/console/en/sign-in"


def test_every_page_of_the_console_offers_to_sign_out(team):
    for path in ("/", "/mapping", "/customer", "/drafts", "/content", "/model", "/outcomes"):
        assert 'action="/console/en/sign-out"' in team.get(f"/console/en{path}").text, path


def test_a_token_of_one_kind_opens_nothing_else(app, team):
    form = token_of(team.get("/console/en/").text)
    first = token_of(app.test_client().get("/console/en/sign-in").text)
    session = team.get_cookie("arki-console", path="/console").value
    for token in (form, first):
        client = app.test_client()
        client.set_cookie("arki-console", token, path="/console")
        assert client.get("/console/en/").location == "/console/en/sign-in"
    assert team.post("/console/en/customer", data={"token": session}).status_code == 403
    assert team.get("/v1/segments", headers={"Authorization": f"Bearer {session}"}).status_code == 401


def test_trace_is_refused_and_echoes_nothing(client):
    for path in ("/v1/segments", "/console/en/", "/nowhere"):
        response = client.open(path, method="TRACE", headers={"X-Echo": "canary"})
        assert response.status_code in {404, 405}
        assert "canary" not in response.text + str(response.headers)


def test_no_line_of_the_log_can_be_forged(stranger, capfd):
    stranger.open('/x%0a{"status":200}', method="GET", headers={"traceparent": 'x", "status": 200'})
    lines = capfd.readouterr().err.splitlines()
    assert [json.loads(line)["status"] for line in lines] == [404]


def test_a_parameter_given_twice_is_refused(client):
    answer = client.get("/v1/content?limit=1&limit=2")
    assert (answer.status_code, answer.json["errors"][0]["code"]) == (422, "repeated")


def test_keys_have_256_random_bits():
    made = [make_key(["recommend"], expires=datetime.now(UTC))[0].split("_")[2][:64] for _ in range(200)]
    assert len(set(made)) == len(made)
    assert {len(secret) for secret in made} == {64}
    digits = "".join(made)
    shares = [digits.count(digit) / len(digits) for digit in "0123456789abcdef"]
    assert -sum(share * math.log2(share) for share in shares) > 3.99  # bits a digit, of 4
