"""An answer can be accounted for: its reference and the customer's request give it again, or say what is missing."""

import copy
import html
import json
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from conftest import KEY, NOW, ROOT
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous.encoding import base64_decode, base64_encode
from strategies import customers

from models.contract import codes
from models.decision import bundle, catalogue, decision_code, experiments, facts
from models.decision import recommender as recommending
from models.decision.query import Showable
from service.api.command import main as rulebook
from service.api.replay import SENTENCES, ReplayError, replay
from service.api.requests import read_plain
from service.app import create_app
from service.http.body import Document
from service.security.references import References, showable_digest, shown_digest
from testing.shipped import CHANNELS, CONTENT_TYPES, LANGUAGES

SECRET = "s" * 40  # of the settings that tests share
PERSON = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}
REQUEST = {"customer_type": "person", "signals": PERSON, "language": "sv", "limit": 5}
PATH = "/v1/recommendations"


@pytest.fixture(scope="module")
def both(tmp_path_factory, authored):
    """A folder of two bundles that answer otherwise, and the digest of each."""
    folder = tmp_path_factory.mktemp("both")
    parts = authored.parts()
    other = copy.deepcopy(parts)
    for item in other["catalogue.json"]["items"]:
        if item["id"] in {"guide-general-social-security-benefit", "guide-first-steps"}:
            item["status"] = "draft"
    digests = [bundle.build(folder, documents) for documents in (parts, other)]
    bundle.activate(folder, digests[0])
    return folder, digests


@pytest.fixture(scope="module")
def servers(both, settings):
    """A client of each of the two bundles, whose key has every scope."""
    folder, digests = both
    clients = []
    for digest in digests:
        made = bundle.load(folder, digest)
        store = SimpleNamespace(bundle=lambda made=made: made, problem=None)
        client = create_app(settings, store=store, clock=lambda: NOW).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
        clients.append(client)
    return clients


def again(request, answer, folder, **changed):
    token = changed.pop("token", None) or answer["recommendation_id"]
    reference = References(SECRET).verified(token)
    sent = json.dumps({**request, **changed}).encode()
    return replay(reference, token, sent, folder=folder, shows_segment=True)


def refusal(request, answer, folder, **changed):
    with pytest.raises(ReplayError) as refused:
        again(request, answer, folder, **changed)
    return refused.value


@given(drawn=st.data(), customer=customers(), which=st.integers(0, 1))
def test_any_answer_of_any_bundle_is_made_again_byte_for_byte(
    servers, both, recommender, drawn, customer, which
):
    ids = sorted(recommender.catalogue.items)
    request = {"customer_type": customer[0], "signals": customer[1]} | drawn.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "language": st.sampled_from(LANGUAGES),
                "limit": st.integers(1, 10),
                "shown": st.lists(st.sampled_from(ids), max_size=6),
                "channels": st.sets(st.sampled_from(CHANNELS), min_size=1).map(list),
                "content_types": st.sets(st.sampled_from(CONTENT_TYPES), min_size=1).map(list),
                "as_of": st.sampled_from(
                    ["2026-12-24", "2027-03-28T02:59:59.9+02:00", "2026-10-25T03:30:00Z"]
                ),
            },
        )
    )
    answer = servers[which].post(PATH, json=request)
    assert answer.status_code == 200
    assert again(request, answer.json, both[0]).body == answer.data


def test_an_answer_says_the_moment_it_is_for(servers):
    now = servers[0].post(PATH, json=REQUEST).json
    then = servers[0].post(PATH, json=REQUEST | {"as_of": "2026-12-24T10:00:00.7Z"}).json
    assert [now["as_of"], then["as_of"]] == ["2026-06-01T12:00:00+03:00", "2026-12-24T12:00:00+02:00"]


def test_a_reference_is_replayed_after_it_has_expired_for_outcomes(servers, both):
    answer = servers[0].post(PATH, json=REQUEST)
    references = References(SECRET, days=1)
    reference = references.verified(answer.json["recommendation_id"])
    assert NOW + timedelta(days=400) - reference.issued > references.lifetime
    assert again(REQUEST, answer.json, both[0]).body == answer.data


def test_a_degraded_answer_is_made_again_as_it_was(servers, both):
    made = bundle.load(both[0], both[1][0]).recommender
    asked = Document(json.dumps(REQUEST | {"shown": ["contact-kela"]}).encode())
    ask = read_plain(asked, made.contract)
    neutral = made.degraded(ask.signals, at=NOW, language=ask.language, limit=ask.limit)
    token = References(SECRET).issue(neutral, at=NOW)
    wire = json.loads(again(REQUEST, {}, both[0], token=token, shown=["contact-kela"]).body)
    assert wire["degraded"]
    assert [item["content"]["id"] for item in wire["items"]] == [item.content.id for item in neutral.items]


def test_a_degraded_answer_to_a_caller_who_cannot_show_everything_is_made_again_as_it_was(servers, both):
    made = bundle.load(both[0], both[1][0]).recommender
    asked = Document(json.dumps(REQUEST | {"content_types": ["contact_card"]}).encode())
    ask = read_plain(asked, made.contract)
    neutral = made.degraded(
        ask.signals, at=NOW, language=ask.language, limit=ask.limit, showable=ask.showable
    )
    token = References(SECRET).issue(neutral, at=NOW)
    wire = json.loads(again(REQUEST, {}, both[0], token=token, content_types=["contact_card"]).body)
    assert (wire["degraded"], wire["restricted"]) == (True, neutral.restricted)
    assert [item["content"]["id"] for item in wire["items"]] == [item.content.id for item in neutral.items]


def test_a_replay_says_that_its_bundle_is_not_here(servers, tmp_path):
    answer = servers[0].post(PATH, json=REQUEST).json
    refused = refusal(REQUEST, answer, tmp_path)
    assert str(refused) == (
        f"The bundle {answer['versions']['bundle']} is not in {tmp_path}. Bring its folder back from a backup or another "
        "machine, and try again."
    )


def test_a_replay_says_that_its_bundle_was_changed(servers, both, tmp_path):
    answer, digest = servers[0].post(PATH, json=REQUEST).json, both[1][0]
    (tmp_path / digest).mkdir()
    for name, content in bundle.read_contents(both[0], digest).items():
        (tmp_path / digest / name).write_bytes(content + b" " * (name == "texts.json"))
    assert refusal(REQUEST, answer, tmp_path).code == "bad_bundle"


def test_a_replay_says_that_other_code_made_the_answer(servers, both):
    token = servers[0].post(PATH, json=REQUEST).json["recommendation_id"]
    reference = References(SECRET).verified(token)
    other = SimpleNamespace(**{name: getattr(reference, name) for name in reference.__slots__})
    other.code = "0123456789ab"
    with pytest.raises(ReplayError, match="made by the decision code 0123456789ab") as refused:
        replay(other, token, json.dumps(REQUEST).encode(), folder=both[0])
    assert refused.value.names["ours"] == decision_code.DECISION_CODE


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"shown": ["contact-kela"]}, "other_shown"),
        ({"channels": ["web_page"]}, "other_showable"),
        ({"content_types": ["guide"]}, "other_showable"),
        ({"signals": PERSON | {"personalisation": "objected"}}, "other_permission"),
        ({"signals": {}}, "other_answer"),
        ({"customer_type": "employer", "signals": {}}, "other_answer"),
    ],
    ids=["content shown before", "channels", "kinds of content", "objection", "signals", "customer type"],
)
def test_a_replay_tells_another_customer_from_the_one_answered(servers, both, changed, code):
    answer = servers[0].post(PATH, json=REQUEST).json
    assert refusal(REQUEST, answer, both[0], **changed).code == code


def test_what_the_reference_says_of_moment_language_and_limit_counts_whatever_the_request_says(servers, both):
    answer = servers[0].post(PATH, json=REQUEST | {"as_of": "2026-12-24"})
    said = {"language": "en", "limit": 1, "as_of": "2030-01-01"}
    assert again(REQUEST, answer.json, both[0], **said).body == answer.data


def test_a_reference_of_the_first_format_counts_outcomes_and_cannot_be_replayed(servers, both):
    references = References(SECRET)
    token = servers[0].post(PATH, json=REQUEST).json["recommendation_id"]
    key_id, payload, _ = token.split(".")
    first = [1, *json.loads(base64_decode(payload))[1:8]]
    signed = references._signers[0].sign(f"{key_id}.".encode() + base64_encode(json.dumps(first).encode()))
    assert references.read(signed.decode(), now=NOW).items == references.read(token, now=NOW).items
    assert refusal(REQUEST, {}, both[0], token=signed.decode()).code == "old_format"


def test_every_hindrance_is_a_sentence_that_names_a_remedy_or_the_cause():
    for sentence in SENTENCES.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")


def test_content_shown_before_is_named_by_a_digest_whatever_its_order():
    assert shown_digest(["b", "a", "a"]) == shown_digest(("a", "b")) != shown_digest(["ab"])
    assert (shown_digest(()), len(shown_digest(["a"]))) == ("", 11)


def test_what_can_be_shown_is_named_by_a_digest_and_takes_no_room_where_nothing_was_listed(servers):
    lists = (Showable(), Showable(channels=("chat",)), Showable(content_types=("chat",)))
    assert [len(showable_digest(one)) for one in lists] == [0, 11, 11]
    assert showable_digest(lists[1]) != showable_digest(lists[2])
    usual, listed = (
        servers[0].post(PATH, json=REQUEST | more).json["recommendation_id"]
        for more in ({}, {"channels": [*CHANNELS]})
    )
    assert len(json.loads(base64_decode(usual.split(".")[1]))) == 13
    assert len(listed) <= len(usual) + 20


THRESHOLDS = [
    (facts, "MISSING_DOCUMENTS_FROM", 3),
    (facts, "REPEAT_CONTACTS_FROM", 4),
    (facts, "ASSISTED_FROM", 4),
    (facts, "SIZE_CLASSES", ((5, "micro"),)),
    (recommending, "REASONS_SHOWN", 4),
    (catalogue, "MOST_SHOWN", 51),
    (catalogue, "USUAL_PRIORITY", 6),
    (experiments, "BUCKETS", 100),
    (codes, "CUSTOMER_TYPES", ("person",)),
    (decision_code, "EDITION", 99),
]


@pytest.mark.parametrize(("module", "name", "value"), THRESHOLDS, ids=[name for _, name, _ in THRESHOLDS])
def test_a_release_that_decides_otherwise_has_another_decision_code(monkeypatch, module, name, value):
    monkeypatch.setattr(module, name, value)
    assert decision_code.digest(decision_code.constants()) != decision_code.DECISION_CODE


def command(*arguments, request=REQUEST, secret=SECRET, bundles="."):
    environ = {"ARKI_SECRET": secret, "ARKI_BUNDLES": str(bundles)}
    text = request if isinstance(request, str) else json.dumps(request)
    return CliRunner().invoke(rulebook, ["replay", *arguments, "-"], input=text, env=environ)


def test_the_command_prints_the_answer_as_the_api_gave_it(servers, both):
    answer = servers[0].post(PATH, json=REQUEST)
    done = command("--with-segment", answer.json["recommendation_id"], bundles=both[0])
    assert (done.exit_code, done.stdout_bytes) == (0, answer.data + b"\n")
    without = command(answer.json["recommendation_id"], bundles=both[0])
    assert json.loads(without.stdout) == answer.json | {"segment": None}


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        (
            {"secret": ""},
            2,
            "ARKI_SECRET is not set. Set it as the service had it, so that the reference can be believed.",
        ),
        (
            {"secret": "t" * 40},
            1,
            "The reference was not made by this service, or under a secret it no longer has.",
        ),
        ({"request": "{"}, 2, "CUSTOMER is not JSON: "),
        (
            {"request": '{"customer_type": "person", "signals": {}, "signals": {}}'},
            2,
            "CUSTOMER is not JSON: ",
        ),
        ({"request": REQUEST | {"ref": "010101-123N"}}, 2, "/ref "),
        ({"request": {"customer_type": "person"}}, 2, "/signals is required."),
        (
            {"bundles": ROOT / "docs"},
            1,
            "Bring its folder back from a backup or another machine, and try again.",
        ),
    ],
    ids=[
        "no secret",
        "another secret",
        "no JSON",
        "a name twice",
        "an identity code",
        "no request",
        "no bundle",
    ],
)
def test_the_command_says_in_a_sentence_what_is_missing(servers, both, changed, code, said):
    token = servers[0].post(PATH, json=REQUEST).json["recommendation_id"]
    done = command(token, **{"bundles": both[0], **changed})
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


PLACES = {"fi": "Toista vastaus", "sv": "Återskapa ett svar", "en": "Make an answer again"}


def in_console(client, language="en", **form):
    """The page of a browser that signed in and pasted a reference and a request."""
    browser = client.application.test_client()
    start = browser.get(f"/console/{language}/sign-in").text
    token = re.search(r'name="token" value="([^"]+)"', start)[1]
    browser.post(f"/console/{language}/sign-in", data={"token": token, "key": KEY})
    page = browser.get(f"/console/{language}/replay")
    token = re.search(r'name="token" value="([^"]+)"', page.text)[1]
    return page, browser.post(f"/console/{language}/replay", data={"token": token, **form})


@pytest.mark.parametrize("language", PLACES)
def test_the_console_makes_an_answer_again_with_the_same_bytes(servers, language):
    without_segment = {"customer_type": "person", "signals": {"personalisation": "objected"}, "limit": 2}
    answer = servers[0].post(PATH, json=without_segment)
    page, again = in_console(
        servers[0],
        language,
        reference=answer.json["recommendation_id"],
        request=json.dumps(without_segment),
    )
    assert PLACES[language] in page.text
    assert again.status_code == 200
    assert answer.text in html.unescape(again.text)


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"reference": "x"}, 422, "The reference was not made by this service"),
        ({"request": "{"}, 422, "The request is not JSON. Paste it as it was sent."),
        ({"request": "{}"}, 422, "The service would have refused this request: "),
        (
            {"request": json.dumps(REQUEST | {"shown": ["a"]})},
            409,
            "Paste the request as it was sent, “shown” included.",
        ),
        (
            {"request": json.dumps(REQUEST | {"channels": ["phone"]})},
            409,
            "Paste the request as it was sent, “channels” and “content_types” included;",
        ),
        ({"request": json.dumps(REQUEST | {"signals": {}})}, 409, "They are not the ones it was made from."),
    ],
    ids=["reference", "no JSON", "no request", "shown", "channels", "signals"],
)
def test_the_console_says_what_stands_in_the_way_of_a_replay(servers, form, status, said):
    answer = servers[0].post(PATH, json=REQUEST).json
    sent = {"reference": answer["recommendation_id"], "request": json.dumps(REQUEST)} | form
    _, page = in_console(servers[0], **sent)
    assert page.status_code == status
    assert said in html.unescape(page.text)
