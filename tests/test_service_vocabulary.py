"""A bundle answers by its own vocabulary: requests, documents, listings and pages know its codes and no others."""

from __future__ import annotations

import copy
import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from browsing import token_of
from conftest import KEY, NOW

from models.decision import bundle
from service.api import openapi
from service.api.replay import replay
from service.app import create_app
from service.console import matrix, summaries
from service.console.labels import Names
from service.console.page_context import PageContext, open_page
from service.security.references import References

PATH = "/v1/recommendations"


def words(word):
    return {"fi": f"{word} fi", "sv": f"{word} sv", "en": f"{word} en"}


def add_channel(documents):
    channels = documents["channels.json"]["channels"]
    channels["web_pages"] = channels["web_page"] | {"name": words("More pages")}


def add_benefit(documents):
    benefits = documents["vocabulary.json"]["benefits"]
    benefits["housing_allowances"] = benefits["housing_allowance"] | {"name": words("More housing")}


def add_event(documents):
    events = documents["vocabulary.json"]["life_events"]
    events["KE15"] = events["KE4"] | {"name": words("Another event"), "children": {}}


def add_language(documents):
    documents["vocabulary.json"]["languages"]["fin"] = {
        "name": words("Plain Finnish"),
        "national": False,
        "complete": False,
        "fallback": ["sv", "fi"],
        "told": {"fi": "Kaikkea ei ole.", "sv": "Allt finns inte."},
    }


ADDED = {
    "channel": (add_channel, {"signals": {"preferred_channel": "web_pages"}}, "Did you mean web_page?"),
    "benefit": (
        add_benefit,
        {"signals": {"open_matter": "housing_allowances"}},
        "Did you mean housing_allowance?",
    ),
    "event": (
        add_event,
        {"signals": {"life_events": [{"event": "KE15", "months_ago": 1}]}},
        "Did you mean KE5?",
    ),
    "language": (add_language, {"signals": {}, "language": "fin"}, "Did you mean fi?"),
}


def edited(authored, *edits):
    """The bundle of the shipped documents after some edits."""
    documents = copy.deepcopy(authored.parts())
    for edit in edits:
        edit(documents)
    return bundle.preview(documents)


@pytest.fixture(scope="module")
def newer(authored):
    """A bundle with one more of each."""
    return edited(authored, add_channel, add_benefit, add_event, add_language)


class Shelf:
    """A store whose bundle a test may change; counts how often it is asked."""

    problem = None

    def __init__(self, served):
        self.served, self.asked = served, 0

    def bundle(self):
        self.asked += 1
        return self.served


@pytest.fixture
def shelf(store):
    return Shelf(store.bundle())


@pytest.fixture
def client(settings, shelf):
    client = create_app(settings, store=shelf, clock=lambda: NOW).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    return client


@pytest.mark.parametrize(("edit", "asked", "hint"), ADDED.values(), ids=ADDED)
def test_a_new_code_is_taken_and_the_former_bundle_refuses_it_with_a_close_match(
    client, shelf, authored, edit, asked, hint
):
    body = {"customer_type": "person", **asked}
    refused = client.post(PATH, json=body)
    assert refused.status_code == 422
    [fault] = refused.json["errors"]
    assert fault["code"] == "unknown_value"
    assert fault["message"].endswith(hint)
    shelf.served = edited(authored, edit)
    taken = client.post(PATH, json=body)
    assert taken.status_code == 200, taken.text
    results = client.post(f"{PATH}/batch", json={"customers": [body]}).json["results"]
    assert [result["status"] for result in results] == [200]


def test_a_code_that_is_refused_is_not_repeated(client):
    for body in ({"signals": {}, "language": "secretly"}, {"signals": {"open_matter": "secretly"}}):
        refused = client.post(PATH, json={"customer_type": "person"} | body)
        assert refused.status_code == 422
        assert "secretly" not in refused.text
    assert "secretly" not in client.get("/v1/content?language=secretly").text


@pytest.mark.parametrize("code", ["", "y"])
def test_a_channel_of_one_letter_is_not_near_to_whatever_is_short(client, code):
    assert (
        "x"
        in client.get("/openapi.json").json["components"]["schemas"]["Channel"]["properties"]["id"]["enum"]
    )
    refused = client.post(PATH, json={"customer_type": "person", "signals": {"preferred_channel": code}})
    assert refused.status_code == 422
    assert "Did you mean" not in refused.text


def test_two_bundles_in_one_process_answer_each_by_its_own_vocabulary(client, shelf, newer):
    older = shelf.served
    body = {"customer_type": "person", "signals": {"preferred_channel": "web_pages"}}
    statuses = []
    for served in (older, newer, older, newer):
        shelf.served = served
        answer = client.post(PATH, json=body)
        named = "web_pages" in client.get("/openapi.json").text
        listed = client.get("/v1/mapping?channel=web_pages").status_code
        statuses.append((answer.status_code, named, listed))
    assert statuses == [(422, False, 422), (200, True, 200)] * 2


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", PATH, {"customer_type": "person", "signals": {}}),
        ("POST", f"{PATH}/batch", {"customers": [{"customer_type": "person", "signals": {}}] * 3}),
        ("POST", "/v1/explanations", {"customer_type": "person", "signals": {}}),
        ("GET", "/v1/mapping?channel=web_page&format=csv", None),
        ("GET", "/v1/content?language=se", None),
        ("GET", "/v1/segments", None),
        ("GET", "/content/contact-kela?language=sv", None),
        ("GET", "/openapi.json", None),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)
def test_a_request_takes_its_bundle_once(client, shelf, method, path, body):
    assert client.open(path, method=method, json=body).status_code in {200, 404}
    assert shelf.asked == 1


def test_a_bundle_that_comes_while_a_body_is_read_answers_the_next_request(settings, shelf, newer):
    class Body(io.BytesIO):
        """A body while which is read a new bundle comes."""

        def read(self, *size):
            shelf.served = newer
            return super().read(*size)

        def readinto(self, buffer):
            shelf.served = newer
            return super().readinto(buffer)

    app = create_app(settings, store=shelf, clock=lambda: NOW)
    text = b'{"customer_type": "person", "signals": {"preferred_channel": "web_pages"}}'
    sent = {"content_type": "application/json", "headers": {"Authorization": f"Bearer {KEY}"}}
    statuses = [app.test_client().post(PATH, input_stream=Body(text), **sent).status_code for _ in range(2)]
    assert shelf.served is newer
    assert statuses == [422, 200]


def test_no_answer_mixes_two_vocabularies_while_bundles_change(settings, shelf, newer):
    older, ended = shelf.served, threading.Event()
    app = create_app(settings, store=shelf, clock=lambda: NOW)
    body = {"customer_type": "person", "signals": {"preferred_channel": "web_pages"}}

    def swap():
        while not ended.is_set():
            for served in (newer, older):
                shelf.served = served
                time.sleep(0.001)

    def answers(_):
        client = app.test_client()
        sent = [client.post(PATH, json=body, headers={"Authorization": f"Bearer {KEY}"}) for _ in range(100)]
        return [(one.status_code, one.json.get("versions", {}).get("bundle")) for one in sent]

    with ThreadPoolExecutor(3) as threads:
        swapping = threads.submit(swap)
        came = {one for each in threads.map(answers, range(2)) for one in each}
        ended.set()
        swapping.result()
    assert came == {(422, None), (200, newer.recommender.versions.bundle)}


def test_the_document_of_a_bundle_names_its_codes_and_is_made_once(client, shelf, newer):
    shelf.served = newer
    document = client.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    person = schemas["PersonSignals"]["properties"]
    assert "web_pages" in person["preferred_channel"]["enum"]
    assert "housing_allowances" in person["open_matter"]["enum"]
    assert "KE15" in person["life_events"]["items"]["properties"]["event"]["enum"]
    assert schemas["RecommendationRequest"]["properties"]["language"]["enum"][-1] == "fin"
    assert "web_pages" in schemas["Item"]["properties"]["channel"]["enum"]
    assert list(schemas["Texts"]["properties"]) == ["fi", "sv", "en", "se", "fin"]
    assert document["info"]["x-vocabulary-version"] == newer.recommender.vocabulary.version
    before = openapi.served_document.cache_info().misses
    assert client.get("/openapi.json").json == document
    assert openapi.served_document.cache_info().misses == before


def test_listings_name_what_was_added_in_every_language(client, shelf, newer):
    shelf.served = newer
    [channel] = [one for one in client.get("/v1/channels").json["channels"] if one["id"] == "web_pages"]
    assert channel["name"] == words("More pages") | {"se": "More pages fi", "fin": "More pages sv"}
    assert (channel["retired"], channel["successor"]) == (None, None)
    for segment in client.get("/v1/segments").json["segments"]:
        assert segment["name"]["fin"] == segment["name"]["sv"]


def test_a_retired_channel_is_listed_with_the_day_and_what_takes_its_place(client, shelf, authored):
    def retire(documents):
        documents["channels.json"]["channels"]["paper"] |= {"retired": "2027-01-01", "successor": "web_page"}

    shelf.served = edited(authored, retire)
    [channel] = [one for one in client.get("/v1/channels").json["channels"] if one["id"] == "paper"]
    assert (channel["retired"], channel["successor"]) == ("2027-01-01", "web_page")


def test_a_language_without_texts_of_its_own_is_answered_in_its_fallback_and_told_so(client, shelf, newer):
    shelf.served = newer
    answer = client.post(PATH, json={"customer_type": "person", "signals": {}, "language": "fin"}).json
    swedish = client.post(PATH, json={"customer_type": "person", "signals": {}, "language": "sv"}).json
    assert answer["notice"] == f"{swedish['notice']} Allt finns inte."
    assert {item["content"]["language"] for item in answer["items"]} == {"sv"}
    page = client.get("/content/contact-kela?language=fin")
    same = client.get("/content/contact-kela?language=sv")
    assert page.status_code == same.status_code
    demo = client.get("/demo?language=fin").text
    assert '<html lang="sv" data-language="fin">' in demo
    assert "Plain Finnish sv" in demo


def test_who_asks_for_no_language_is_answered_in_the_first_of_the_vocabulary(client, shelf, authored):
    def swedish_first(documents):
        languages = documents["vocabulary.json"]["languages"]
        documents["vocabulary.json"]["languages"] = {
            code: languages[code] for code in ("sv", "fi", "en", "se")
        }

    body = {"customer_type": "person", "signals": {}}
    assert {i["content"]["language"] for i in client.post(PATH, json=body).json["items"]} == {"fi"}
    shelf.served = edited(authored, swedish_first)
    assert {i["content"]["language"] for i in client.post(PATH, json=body).json["items"]} == {"sv"}


def test_an_answer_is_made_again_by_the_vocabulary_of_the_bundle_that_gave_it(
    client, shelf, settings, authored, tmp_path
):
    documents = copy.deepcopy(authored.parts())
    add_channel(documents)
    shelf.served = bundle.load(tmp_path, bundle.build(tmp_path, documents))
    body = {"customer_type": "person", "signals": {"preferred_channel": "web_pages"}}
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200
    token = answer.json["recommendation_id"]
    reference = References(settings.secret).verified(token)
    again = replay(reference, token, json.dumps(body).encode(), folder=tmp_path, shows_segment=True)
    assert again.body == answer.data


def test_an_answer_of_a_campaign_is_made_again_without_the_key_that_drew_it(
    client, shelf, settings, authored, tmp_path
):
    documents = copy.deepcopy(authored.parts())
    [campaign] = documents["rulebook.json"]["campaigns"]
    campaign |= {"valid_from": "2026-01-01", "valid_until": "2026-12-31", "control_share": 50}
    shelf.served = bundle.load(tmp_path, bundle.build(tmp_path, documents))
    signals = {"life_events": [{"event": "KE3", "months_ago": 1}]}
    body = {"customer_type": "person", "signals": signals, "limit": 10}
    shown = {}
    for key in (f"key-{at}" for at in range(20)):
        answer = client.post(PATH, json=body | {"assignment_key": key})
        assert answer.json["experiment"]["id"] == campaign["id"]
        items = [item["content"]["id"] for item in answer.json["items"]]
        shown[answer.json["experiment"]["variant"]] = campaign["item"] in items
        token = answer.json["recommendation_id"]
        reference = References(settings.secret).verified(token)
        again = replay(reference, token, json.dumps(body).encode(), folder=tmp_path, shows_segment=True)
        assert again.body == answer.data
    assert shown == {"control": False, "campaign": True}


@pytest.fixture
def team(settings, shelf):
    """A browser in the console of a service whose bundle a test may change."""
    team = create_app(settings, store=shelf, clock=lambda: NOW).test_client()
    token = token_of(team.get("/console/en/sign-in").text)
    team.post("/console/en/sign-in", data={"token": token, "key": KEY})
    return team


def test_the_form_offers_what_was_added_and_a_customer_with_it_can_be_tried(team, shelf, newer):
    names = ("More pages en", "More housing en", "Another event en", "Plain Finnish en")
    before = team.get("/console/en/customer").text
    shelf.served = newer
    after = team.get("/console/en/customer").text
    assert [(name in before, name in after) for name in names] == [(False, True)] * 4
    sent = {"customer_type": "person", "s.open_matter": "housing_allowances", "limit": "3"}
    sent |= {"s.preferred_channel": "web_pages", "customer_language": "fin", "token": token_of(after)}
    assert team.post("/console/en/customer", data=sent).status_code == 200


def test_sentences_of_an_answer_say_in_which_language_they_are_where_a_fallback_stands_in(team):
    form = team.get("/console/en/customer").text
    sent = {"customer_type": "person", "limit": "3", "customer_language": "se", "token": token_of(form)}
    answer = team.post("/console/en/customer", data=sent).text
    assert '<article class="offer" lang="fi">' in answer
    assert 'lang="se"' not in answer


def test_the_groups_page_tells_definition_condition_and_who_overlaps(team, store):
    text = team.get("/console/en/groups").text
    terms = store.recommender().vocabulary.groups
    for term in terms.values():
        assert term.name["en"] in text
    assert "Life event: Beginning full-time studies" in text
    assert "in the group Students" in text
    overlaps = {group.code: group.overlaps for group in summaries.groups(store.bundle())}
    assert overlaps["small_employers"] == overlaps["large_employers"] == ()
    assert "young_at_a_transition" in overlaps["students"]
    assert all(code in overlaps[other] for code, others in overlaps.items() for other in others)


def test_a_condition_in_words_keeps_what_belongs_together(app, store):
    when = {
        "life_event": ["KE4"],
        "any": [{"group": ["students"]}, {"open_matter": ["child_benefit"], "digital": ["offline"]}],
        "not": {"friction": ["none", "unknown"]},
    }
    with app.test_request_context("/console/en/groups"):
        open_page(PageContext("en"))
        assert Names(store.bundle()).condition(when) == (
            "Life event: Moving and (in the group Students or Open matter: Child benefit and Digital readiness: not online) "
            "and not (Where it gets stuck: none or unknown)"
        )


def test_the_matrix_of_a_group_shows_its_members_alone(store, team):
    served = store.bundle()
    shown = matrix.matrix(served, "person", {}, NOW, "en", "students")
    facts = served.recommender.facts
    assert all(facts.is_in("students", cell.facts) for _, row in shown.rows for cell in row)
    young = matrix.matrix(served, "person", {"digital": "offline"}, NOW, "en", "young_at_a_transition")
    for event, row in young.rows:
        assert {cell is None for cell in row} == {event not in {"KE2", "KE3", "KE4"}}, event
        for cell in row:
            assert cell is None or facts.is_in("young_at_a_transition", cell.facts)
    text = team.get("/console/en/mapping?group=young_at_a_transition").text
    assert "Group: Young people at a transition" in text
    assert "nobody can be here" in text
    assert "Group: " not in team.get("/console/en/mapping?type=employer&group=students").text


def test_a_stated_segment_has_a_column_and_those_who_state_it_are_in_no_other(team, shelf, authored):
    def conscripts(documents):
        documents["vocabulary.json"]["segments"]["in_service"] = {
            "for": "person",
            "origin": "stated",
            "name": words("In service"),
            "description": words("In the armed forces"),
            "when": {"life_event": ["KE2"]},
        }

    shelf.served = edited(authored, conscripts)
    shown = matrix.matrix(shelf.served, "person", {}, NOW, "en")
    at = shown.columns.index("in_service")
    rows = dict(shown.rows)
    assert [cell is not None for cell in rows["KE2"]] == [column == "in_service" for column in shown.columns]
    assert rows["KE3"][at] is None
    assert rows["KE2"][at].facts["segment"] == "in_service"
    assert rows["KE2"][at].share is not None
    assert "In service en" in team.get("/console/en/mapping").text
    assert "In service en" in team.get("/console/en/").text
    listed = team.get("/console/en/groups").text
    assert "The customer states it: Life event: Conscription" in listed
