"""Each hard rule on every path by which an answer reaches someone, held against what the oracle says is owed.

The customers are random; each is asked about as is, as an objector, as a minor and with every channel a customer may wish
for, in each language, with each limit, one by one, in batches, degraded, within experiments and as a scored file.
"""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from answer_paths import (
    FILE_DAY,
    agree,
    agree_as_row,
    by_batch,
    by_file,
    by_recommender,
    when_degraded,
    without_the_rest,
)
from conftest import KEY, NOW
from customers_in_every_way import LIMITS, asked_of, trying_everywhere

from models.decision.decision_code import DECISION_CODE
from models.decision.offers import topic_for
from service.app import create_app
from testing.documents import read_documents
from testing.oracle import Asked, Oracle
from testing.oracle_days import HELSINKI
from testing.shipped import LANGUAGES, read_signals

CUSTOMERS = 6  # random ones, beside those named
PATHS = ("normal", "batch", "degraded", "degraded batch", "experiment")
pytestmark = pytest.mark.xdist_group("hard rules")  # all answers are made once


class Answered(NamedTuple):
    """A question, the answer in the form of the wire, and the answer that is owed."""

    asked: Asked
    found: dict[str, Any]
    owed: dict[str, Any]


@pytest.fixture(scope="module")
def documents():
    return read_documents()


@pytest.fixture(scope="module")
def oracle(documents):
    return Oracle(documents)


class Failing:
    """A recommender whose model fails."""

    def __init__(self, real):
        self.versions, self.degraded, self.contract = real.versions, real.degraded, real.contract

    def recommend(self, customers, **_):
        raise RuntimeError("the model fails")


@pytest.fixture(scope="module")
def failing(settings, recommender):
    """A client of a service whose model fails."""
    store = SimpleNamespace(bundle=lambda: SimpleNamespace(recommender=Failing(recommender)), problem=None)
    client = create_app(settings, store=store, clock=lambda: NOW).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    return client


def answer_all(documents, oracle, recommender, app, failing, number):
    """Every answer to so many customers by path."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    some = asked_of(documents, number)
    owed = [oracle.answer(asked) for asked in some]
    fewer = [
        asked
        for asked in some
        if asked.signals.keys() & {"minor", "personalisation"} or "preferred_channel" not in asked.signals
    ]
    degraded = [oracle.degraded(asked) for asked in fewer]
    trying, tried = trying_everywhere(recommender, documents)
    drawn = [
        replace(asked, bucket=(0, 2_999, 3_000, 9_999)[at % 4])
        for at, asked in enumerate(some)
        if asked.limit in {2, 3, 10}
    ]
    trying_oracle = Oracle(tried)
    return {
        "normal": list(map(Answered, some, (by_recommender(recommender, each) for each in some), owed)),
        "batch": list(map(Answered, some, by_batch(client, some), owed)),
        "degraded": list(
            map(Answered, fewer, (when_degraded(recommender, each) for each in fewer), degraded)
        ),
        "degraded batch": list(map(Answered, fewer, by_batch(failing, fewer), degraded)),
        "experiment": [
            Answered(each, by_recommender(trying, each), trying_oracle.answer(each)) for each in drawn
        ],
    }


@pytest.fixture(scope="module")
def answers(documents, oracle, recommender, app, failing):
    return answer_all(documents, oracle, recommender, app, failing, CUSTOMERS)


@pytest.fixture(params=PATHS)
def path(request, answers):
    """The answers of one path."""
    return answers[request.param]


def test_every_kind_of_customer_is_asked_about_on_every_path(answers, documents):
    for name, cases in answers.items():
        asked = [each.asked for each in cases]
        assert {each.language for each in asked} == set(LANGUAGES), name
        assert {each.customer_type for each in asked} == {"person", "employer"}, name
        assert {each.signals.get("personalisation") for each in asked} >= {None, "objected"}, name
        assert any(len(each.owed["statutory"]) > 1 for each in cases), name
        assert any("body" not in item["content"] for each in cases for item in each.owed["items"]), name
    every = [each for each in answers["normal"] if each.asked.signals.get("minor")]
    assert {each.asked.limit for each in every} == set(LIMITS)
    wished = {each.asked.signals.get("preferred_channel") for each in answers["normal"]}
    assert wished == set(documents.signals["person"]["preferred_channel"]["enum"])
    for name in ("normal", "batch", "experiment"):
        segments = {each.owed["segment"] and each.owed["segment"]["id"] for each in answers[name]}
        assert segments > {None, "employer"}, name
        assert any("body" in item["content"] for each in answers[name] for item in each.owed["items"]), name
    tried = {each.owed["experiment"] and each.owed["experiment"]["variant"] for each in answers["experiment"]}
    assert tried == {None, "control", "turned"}


def test_every_answer_is_whole_as_the_documents_say(path):
    for asked, found, owed in path:
        agree(asked, without_the_rest(found), owed)


def test_rule_1_every_answer_is_information_only_and_says_that_it_is_automatic(path, documents):
    for asked, found, owed in path:
        assert found["information_only"] is True
        notice = documents.text(documents.texts["notice"], asked.language)
        more = documents.languages[asked.language].get("told")
        assert found["notice"] == " ".join(
            [notice, *([documents.text(more, asked.language)] if more else [])]
        )
        assert notice.strip()
        assert found["degraded"] is owed["degraded"]


def test_rule_2_every_answer_names_a_person_whom_this_customer_can_reach(path, documents):
    channels = documents.channels["channels"]
    for asked, found, owed in path:
        channel = channels[found["human_channel"]["id"]]
        assert channel["human"] == "true", asked
        assert channel["audience"] in {asked.customer_type, "both"}, asked
        spoken = [one for one in documents.chain(asked.language) if one in channel["languages"]]
        complete = documents.languages[asked.language]["complete"] == "true"
        assert spoken[0] == asked.language or not complete, asked
        if channel["needs_strong_identification"] == "true":
            assert asked.signals.get("strong_identification") is True, asked
        assert found["human_channel"] == owed["human_channel"], asked
        assert found["human_channel"]["url"], asked


class Slot(NamedTuple):
    """What an item of an answer stands for; the nearest topic is None where the rule was met for more than one topic."""

    rule: str
    channel: str
    kind: str
    topic: str | None


def slots(recommender, asked, found):
    """The slots of an answer in order."""
    signals, catalogue = read_signals(asked.customer_type, asked.signals), recommender.catalogue
    rules = {rule.id: rule for rule in recommender.rulebook.tables[asked.customer_type].rules}
    chains = {}
    for trace in recommender.explain(signals, at=asked.at).lookups:
        topic = topic_for(rules[trace.rule], asked.customer_type, trace.facts, catalogue)
        chains.setdefault(trace.rule, set()).add(catalogue.topic_chain(topic))
    for item in found["items"]:
        rule, topics = item["reason"]["rule"], catalogue.items[item["content"]["id"]].topics
        near = [
            next(topic for topic in chain if topic in topics)
            for chain in chains[rule]
            if len(chains[rule]) == 1
        ]
        yield Slot(rule, item["channel"], item["content_type"], near[0] if near else None)


def test_rule_3_language_selects_texts_and_nothing_else(answers, recommender):
    """Rules, channels, kinds, topics and their number are those of every language.

    One thing may differ: an item that is on two topics stands once for both, and in another language each may have its own.
    """
    by_customer = {}
    for asked, found, _ in answers["normal"]:
        if asked.limit == LIMITS[-1]:
            key = json.dumps([asked.customer_type, asked.signals, asked.at.isoformat()], sort_keys=True)
            by_customer.setdefault(key, {})[asked.language] = (asked, found)
    for by_language in by_customer.values():
        alike = [by_language[language] for language in LANGUAGES]
        asked = alike[0][0]
        for part in ("personalised", "degraded", "as_of"):
            assert len({found[part] for _, found in alike}) == 1, asked
        segments = [found["segment"] and {**found["segment"], "reasons": None} for _, found in alike]
        assert segments.count(segments[0]) == len(LANGUAGES), asked
        standing = [list(slots(recommender, asked, found)) for _, found in alike]
        offered = [
            [recommender.catalogue.items[item["content"]["id"]] for item in found["items"]]
            for _, found in alike
        ]
        assert len({slots[0] for slots in standing if slots}) == 1, asked
        for here, items in zip(standing, offered, strict=True):
            for there in standing:
                common = [slot for slot in here if slot in there]
                assert [*dict.fromkeys(common)] == [*dict.fromkeys(slot for slot in there if slot in here)], (
                    asked
                )
                for slot in (slot for slot in there if slot not in here):
                    assert any(
                        item.type == slot.kind and slot.topic in {None, *item.topics} for item in items
                    ), (asked, slot)


def test_rule_4_objectors_and_minors_get_the_neutral_answer_whole(path, oracle):
    checked = 0
    for asked, found, owed in path:
        if asked.signals.get("personalisation") == "objected" or asked.signals.get("minor"):
            checked += 1
            assert (found["personalised"], found["segment"], found["experiment"]) == (False, None, None), (
                asked
            )
            assert found["items"] == owed["items"], asked
            kept = {"interpreter_needed", "easy_language", "open_matter", "active_benefits", "claim_kinds"}
            kept |= {"strong_identification", "personalisation", "minor"}
            bare = {name: value for name, value in asked.signals.items() if name in kept}
            neutral = oracle.answer(
                replace(asked, signals=bare, shown=() if found["degraded"] else asked.shown)
            )
            for part in ("items", "statutory", "human_channel"):
                assert found[part] == neutral[part], asked
    assert checked > 50


def test_rule_6_statutory_content_is_what_each_benefit_is_owed_in_its_order(path, documents, oracle):
    several = 0
    for asked, found, _ in path:
        benefits = oracle.statutory_benefits(asked)
        owed = oracle.catalogue.statutory(asked.customer_type, benefits, asked.language, asked.day)
        several += len(owed) > 1
        assert [each["content"]["id"] for each in found["statutory"]] == [item["id"] for item in owed], asked
        assert [each["content_type"] for each in found["statutory"]] == [item["type"] for item in owed], asked
        named = {benefit for item in owed for benefit in item["benefits"]}
        assert set(benefits) <= named, asked
    assert several > 10


def as_written(documents, content):
    """An item in a language as the content team wrote it, in the form of the wire."""
    [item] = [item for item in documents.items if item["id"] == content["id"]]
    text = item["languages"][content["language"]]
    sentence = {"body": text["body"]} if isinstance(text.get("body"), str) else {}
    return {
        "id": item["id"],
        "title": text["title"],
        "url": text["url"],
        "language": content["language"],
    } | sentence


def test_rule_7_every_title_sentence_and_address_is_as_the_content_team_wrote_it(path, documents):
    rules = {rule["id"]: rule for table in documents.rules.values() for rule in table}
    for asked, found, _ in path:
        for each in (*found["items"], *found["statutory"]):
            assert each["content"] == as_written(documents, each["content"]), asked
        for item in found["items"]:
            assert item["reason"]["text"] in {
                documents.text(rules[item["reason"]["rule"]]["because"], asked.language),
                documents.text(documents.texts["preferred_channel"], asked.language),
            }
        human = documents.channels["channels"][found["human_channel"]["id"]]
        assert found["human_channel"]["name"] == documents.text(human["name"], asked.language)
        for reason in found["segment"]["reasons"] if found["segment"] else ():
            signals = (documents.texts["signals"][name] for name in reason["signals"])
            phrases = (documents.text(signal, asked.language) for signal in signals)
            assert reason["text"] == ", ".join(phrases)


def versions_of(bundles):
    """What the files of the current bundle say that it is."""
    folder = (bundles / "current").resolve()

    def digest(*names):
        return hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()[:12]

    return {
        "bundle": folder.name[:16],
        "model": json.loads((folder / "scorecard.json").read_bytes())["version"],
        "rulebook": digest("rulebook.json"),
        "catalogue": digest("catalogue.json", "vocabulary.json"),
        "code": DECISION_CODE,
    }


def test_rule_9_every_answer_names_the_versions_of_its_bundle(answers, recommender, bundles):
    named = versions_of(bundles)
    assert len(set(named.values())) == len(named)
    assert recommender.versions._asdict() == named
    for path in ("batch", "degraded batch"):
        for _, found, _ in answers[path]:
            assert found["versions"] == named


@pytest.mark.parametrize("clock", ["2026-11-21T03:00+02:00", "2030-06-03T12:00+03:00"])
def test_rule_9_the_moment_asked_about_decides_and_not_the_clock(answers, settings, store, clock):
    asked = [each for each in answers["batch"] if each.asked.limit == 3]
    app = create_app(settings, store=store, clock=lambda: datetime.fromisoformat(clock))
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {KEY}"
    again = by_batch(client, [each.asked for each in asked])
    app.extensions["arki"].outcomes.close()
    for (question, found, owed), other in zip(asked, again, strict=True):
        assert other | {"recommendation_id": ""} == found | {"recommendation_id": ""}, question
        agree(question, without_the_rest(other), owed)


def test_rule_9_answers_of_one_day_each_have_their_own_minute(recommender, oracle):
    """Answers are kept for a minute: what is open now, and when it opens, is that of the minute asked about."""
    signals = {"preferred_channel": "chat", "strong_identification": True}
    open_now = set()
    for day in ("2026-11-18", "2026-11-21", "2026-12-31"):
        for clock in (
            "00:00",
            "08:59",
            "09:00",
            "09:01",
            "12:59",
            "13:00",
            "15:00",
            "15:59",
            "16:00",
            "23:59",
        ):
            at = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=HELSINKI)
            for moment in (at, at + timedelta(seconds=59)):
                asked = Asked("person", signals, moment)
                found = by_recommender(recommender, asked)
                agree(asked, found, oracle.answer(asked))
                open_now |= {each["open_now"] for each in (*found["items"], found["human_channel"])}
    assert open_now == {True, False}


def compare_files(tmp_path, oracle, named, some, limit):
    """Compares the rows of a scored file with what is owed: all of it that a row tells, and the versions."""
    noon = datetime.fromisoformat(f"{FILE_DAY}T12:00:00").replace(tzinfo=HELSINKI)
    rows = by_file(tmp_path, some, limit)
    assert len(rows) == len(some)
    for row, asked in zip(rows, some, strict=True):
        same = replace(asked, at=noon, limit=limit, shown=(), channels=None, content_types=None)
        agree_as_row(row, same, oracle.answer(same))
        assert {name: row[name] for name in named} == named
    return rows


def of_a_file(documents, number):
    """Customers in every variant and language; in a file, the limit is one for all."""
    return [asked for asked in asked_of(documents, number) if asked.limit == 1]


@pytest.mark.parametrize("limit", [1, 10])
def test_a_scored_file_keeps_every_rule_that_its_columns_tell_of(
    limit, bundles, monkeypatch, tmp_path, documents, oracle
):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    rows = compare_files(tmp_path, oracle, versions_of(bundles), of_a_file(documents, CUSTOMERS), limit)
    assert sum(";" in row["statutory"] for row in rows) >= 10
    assert all(row["human_channel"] for row in rows)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_scored_file_keeps_every_rule_with_every_limit(
    limit, bundles, monkeypatch, tmp_path, documents, oracle
):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    compare_files(tmp_path, oracle, versions_of(bundles), of_a_file(documents, 200), limit)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_every_path_gives_100_customers_what_the_documents_say(documents, oracle, recommender, app, failing):
    for cases in answer_all(documents, oracle, recommender, app, failing, 100).values():
        for asked, found, owed in cases:
            agree(asked, without_the_rest(found), owed)
