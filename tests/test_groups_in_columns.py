"""Groups that rules name and segments that customers state come out alike by rows and by columns, lookup by lookup."""

import copy
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from facts_in_columns import batch_of, by_columns, by_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import customers
from test_impact import DAY, batches_of, moved_in
from test_scoring import ASKED, answer
from test_scoring import batch_of as typed_batch

from models.authoring.diff import edition_of
from models.authoring.example_customers import Inventor
from models.authoring.impact import impact
from models.authoring.periods import Days
from models.authoring.population_files import population_of
from models.authoring.questions import Answerer, lookups_of, signals_of
from models.columns.decision_table import RuleColumns
from models.columns.groups import condition_test, segments_of
from models.columns.text_blocks import CustomerBatch
from models.contract.vocabulary import GroupTerm
from models.decision import bundle
from models.decision.groups import holds
from testing.shipped import LANGUAGES
from training.scoring.scorer import Scorer
from training.simulation.population import population

NAMES = {"name": {"fi": "x", "sv": "x", "en": "x"}, "description": {"fi": "x", "sv": "x", "en": "x"}}
INNER = {"interpreter_needed": ["yes"], "not": {"digital": ["offline"]}}
GROUPS = {
    "in_nested_words": {
        "for": "person",
        "when": {
            "any": [
                {"life_event": ["KE1", "KE8", "none"], "not": {"friction": ["missing_documents"]}},
                {"all": [{"open_matter": ["housing_allowance"]}, {"segment": ["steady", "said_so"]}]},
                {"group": ["inner"], "confidence": ["high", "unknown"]},
            ]
        },
    },
    "inner": {"for": "person", "when": INNER},
    "everyone": {"for": "person", "when": {}},
    "small_with_claims": {
        "for": "employer",
        "when": {"employer_size": ["micro", "small"], "open_matter": ["family_leave", "rehabilitation"]},
    },
}
STATED = {
    "said_so": {
        "any": [{"life_event": ["KE11"]}, {"open_matter": ["rehabilitation"], "digital": ["unknown"]}]
    },
    "said_besides": {"life_event": ["KE11", "KE4"], "not": {"interpreter_needed": ["yes"]}},
}


def with_groups(parts):
    """Documents whose rules and guarantees name groups, person and employer."""
    parts["vocabulary.json"]["groups"] |= {
        code: {**NAMES, "source": "a test", **group} for code, group in GROUPS.items()
    }
    book = parts["rulebook.json"]
    for at, (kind, when) in enumerate(
        [
            ("person", {"in_nested_words": ["yes"], "inner": ["no"]}),
            ("person", {"everyone": ["no"], "personalisation": ["allowed"]}),
            ("employer", {"small_with_claims": ["yes"]}),
        ]
    ):
        rule = copy.deepcopy(book[kind][-1]) | {"id": f"of-a-group-{at}", "when": when}
        book[kind].insert(0, rule)
    book["guarantees"].append(
        {
            "id": "no-chat-for-a-group",
            "for": "person",
            "every": {"inner": ["yes"]},
            "must": {"channel": ["phone_appointment", "service_point"]},
            "says": "a test",
        }
    )
    return parts


def with_stated(parts):
    """Documents in which two segments are stated, named by rules and by a group."""
    segments = parts["vocabulary.json"]["segments"]
    segments |= {
        code: {**NAMES, "for": "person", "origin": "stated", "when": when} for code, when in STATED.items()
    }
    rules = parts["rulebook.json"]["person"]
    for code in STATED:
        when = {"segment": [code], "digital": ["self_service", "unknown"]}
        rules.insert(0, copy.deepcopy(rules[-1]) | {"id": code.replace("_", "-"), "when": when})
    return parts


def with_campaigns(parts):
    """Documents with campaigns for groups of persons and of employers, the first with few customers, one not begun."""
    items = parts["catalogue.json"]["items"]

    def item_of(kind, content):
        return next(
            item["id"]
            for item in items
            if (item["type"], item["status"], item["audience"]) == (content, "approved", kind)
            and item["class"] != "statutory"
        )

    common = {"control_share": 20, "because": NAMES["name"], "owner": "x", "source": "a test"}
    days = {"valid_from": "2026-11-01", "valid_until": "2026-12-05"}
    parts["rulebook.json"]["campaigns"] = [
        {"id": "not-begun", "group": ["everyone"], "item": item_of("person", "guide"), **common}
        | {"valid_from": "2026-12-01", "valid_until": "2026-12-31"},
        {"id": "of-two", "group": ["inner", "in_nested_words"], "item": item_of("person", "guide"), **common}
        | days,
        {"id": "of-all", "group": ["everyone"], "item": item_of("person", "web_page"), **common} | days,
        {"id": "of-firms", "group": ["small_with_claims"], "item": item_of("employer", "guide"), **common}
        | days,
    ]
    return parts


EDITS = {
    "groups": (with_groups,),
    "stated segments": (with_stated,),
    "both, and campaigns": (with_stated, with_groups, with_campaigns),
}


class Forms:
    """Both forms of one vocabulary; a class of its own, since hypothesis prints what it is given."""

    def __init__(self, parts):
        self.recommender = bundle.preview(parts).recommender
        self.scorer = Scorer(self.recommender, ASKED)
        self.card, self.facts = self.recommender.scorecard, self.recommender.facts


@pytest.fixture(scope="module", params=EDITS.values(), ids=EDITS)
def forms(request, authored):
    parts = copy.deepcopy(authored.parts())
    for edit in request.param:
        parts = edit(parts)
    return Forms(parts)


@settings(max_examples=60, deadline=None)
@given(customers=st.lists(customers(), min_size=1, max_size=20))
def test_the_facts_of_every_lookup_are_the_same_by_rows_and_by_columns(forms, customers):
    row, column = (form(customers, forms.card, forms.facts) for form in (by_rows, by_columns))
    assert list(row) == list(column)


def rows_of(people):
    """Customers with any language, as rows of a file."""
    return [{"customer_type": kind, "language": language, **known} for (kind, known), language in people]


SOME = st.lists(st.tuples(customers(), st.sampled_from([None, *LANGUAGES])), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(people=SOME)
def test_every_customer_gets_the_recommenders_own_answer(forms, people):
    rows = rows_of(people)
    scored = forms.scorer.score(typed_batch(rows)).to_pylist()
    assert scored == [answer(row, forms.recommender) for row in rows]


@settings(max_examples=30, deadline=None)
@given(people=st.lists(customers(), min_size=1, max_size=30))
def test_a_customer_is_counted_in_a_group_where_some_lookup_of_theirs_is(forms, people):
    expected = dict.fromkeys(forms.facts.vocabulary.groups, 0)
    kinds = sorted((kind for kind, _ in people), reverse=True)  # persons first, as the rows come
    for kind, looked_up in zip(kinds, by_rows(people, forms.card, forms.facts), strict=True):
        for code, term in forms.facts.vocabulary.groups.items():
            if term.customer_type == kind:
                expected[code] += any(forms.facts.is_in(code, facts) for facts in looked_up)
    assert forms.scorer.groups(forms.scorer.scored(batch_of(people))) == expected


@settings(max_examples=30, deadline=None)
@given(people=st.lists(customers(), min_size=1, max_size=12))
def test_a_population_keeps_what_every_version_asks_about(forms, people):
    read = CustomerBatch(batch_of(people), textual=False, numbers=range(len(people)))
    counted = population_of([read], forms.card, forms.facts)
    lookups = {tuple(map(tuple_of, lookups_of(question, forms.facts))) for question in counted.questions}
    assert lookups == {tuple(map(tuple_of, each)) for each in by_rows(people, forms.card, forms.facts)}
    answerer = Answerer(forms.recommender)
    for question in counted.questions:
        signals, recommender = signals_of(question), answerer.stating(question)
        prediction = recommender._predict(signals)
        assert recommender.facts.lookups(signals, prediction) == lookups_of(question, forms.facts)


def tuple_of(facts):
    return tuple(facts.items())


def test_what_a_segment_states_is_told_without_a_probability(forms):
    codes = [code for code in STATED if code in forms.facts.vocabulary.segments]
    event = [{"event": "KE11", "months_ago": 1}]
    batch = batch_of([("person", {"life_events": event}), ("person", {"life_events": event, "minor": True})])
    first, minor = forms.scorer.score(batch).to_pylist()
    assert (first["segment"], first["segment_probability"]) == (codes[0] if codes else None, None)
    assert (minor["segment"], minor["personalised"]) == (None, False)
    assert first["personalised"] == bool(codes)


def test_segments_come_inferred_first_then_stated_then_known(forms):
    vocabulary = forms.facts.vocabulary
    stated = [code for code in STATED if code in vocabulary.segments]
    assert segments_of(vocabulary) == (*vocabulary.inferred, *stated, "employer")


@pytest.fixture(scope="module")
def table():
    return population(300, 3)


@pytest.mark.parametrize("back", [False, True], ids=["there", "back"])
@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_impact_counts_each_customer_whom_groups_or_stated_segments_move(authored, table, edits, back):
    parts = copy.deepcopy(authored.parts())
    for edit in edits:
        parts = edit(parts)
    editions = [edition_of("shipped", authored.parts()), edition_of("edited", parts)]
    old, new = reversed(editions) if back else editions
    one, other = old.recommender(), new.recommender()
    counted = population_of(batches_of(table), other.scorecard, other.facts, one.facts)
    inventor = Inventor(other.scorecard, other.facts)
    effect = impact(one, other, counted, periods=[Days(DAY, DAY)], inventor=inventor)
    moved = moved_in(table, old, new, DAY, 3)
    assert sum(moved) > 0
    assert (effect.customers, effect.changed) == (table.num_rows, sum(moved))


VALUES = {"a": ("x", "y", "z"), "b": ("yes", "no"), "c": ("one", "two", "three", "four")}
LEAVES = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.sets(st.sampled_from(VALUES[name])).map(lambda some: {name: sorted(some)})
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "all": st.lists(inner, max_size=3),
            "any": st.lists(inner, max_size=3),
            "not": inner,
            "group": st.just(["named"]),
            "a": st.just(["x", "y"]),
        },
    ),
    max_leaves=8,
)


@given(
    condition=CONDITIONS,
    named=LEAVES,
    codes=st.lists(st.tuples(*(st.integers(0, len(v) - 1) for v in VALUES.values())), min_size=1),
)
def test_a_condition_holds_of_columns_as_of_each_row(condition, named, codes):
    groups = {"named": GroupTerm("named", "person", {}, {}, "", named)}
    rows = [{name: VALUES[name][code] for name, code in zip(VALUES, row, strict=True)} for row in codes]
    columns = dict(zip(VALUES, np.array(codes, np.int32).T, strict=True))
    met = condition_test(condition, VALUES, groups)(columns)
    assert met.tolist() == [holds(condition, row, groups) for row in rows]


@pytest.fixture(scope="module")
def others(authored):
    """Forms of a vocabulary with a code more in each list, before all others."""
    parts = copy.deepcopy(authored.parts())
    words = parts["vocabulary.json"]
    event = words["life_events"]["KE4"] | {"children": {"KE15.1": NAMES["name"]}}
    words["life_events"] = {"KE15": event, **words["life_events"]}
    words["benefits"] = {"newest": words["benefits"]["housing_allowance"], **words["benefits"]}
    words["claim_kinds"] = {"newest": words["claim_kinds"]["family_leave"], **words["claim_kinds"]}
    language = {"name": {"fi": "x"}, "national": False, "complete": False, "fallback": ["en", "fi", "sv"]}
    words["languages"] = {"de": language, **words["languages"]}
    channels = parts["channels.json"]["channels"]
    parts["channels.json"]["channels"] = {"newest_channel": channels["chat"], **channels}
    return Forms(parts)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_codes_of_another_vocabulary_are_read_and_answered_by_columns_as_by_rows(others, data):
    contract = others.facts.contract
    languages = st.sampled_from([None, *contract.vocabulary.languages])
    drawn = st.lists(st.tuples(customers(contract.signals), languages), min_size=1, max_size=20)
    rows = rows_of(data.draw(drawn))
    scored = others.scorer.score(typed_batch(rows)).to_pylist()
    assert scored == [answer(row, others.recommender) for row in rows]
    assert {row["language"] for row in scored} <= {*contract.vocabulary.languages}


def test_who_prefers_a_retired_channel_is_offered_its_successor_by_columns_as_by_rows(authored):
    parts = copy.deepcopy(authored.parts())
    channels = parts["channels.json"]["channels"]
    channels["chat"] |= {"retired": ASKED.at.date().isoformat(), "successor": "callback"}
    channels["paper"] |= {"retired": "2020-01-01"}
    forms = Forms(parts)
    rows = [
        {
            "customer_type": "person",
            "preferred_channel": name,
            "life_events": [{"event": "KE8", "months_ago": 1}],
        }
        for name in (*channels, None)
        if name in (*forms.facts.vocabulary.channels_for("person"), None)
    ]
    scored = forms.scorer.score(typed_batch(rows)).to_pylist()
    assert scored == [answer(row, forms.recommender) for row in rows]


def test_a_bundle_without_groups_in_rules_and_without_stated_segments_has_no_conditions(recommender):
    batch = pa.record_batch({"customer_type": ["person", "employer"]})
    parts = Scorer(recommender, ASKED).scored(batch).parts
    named = {part.customer_type: bool(part.conditions) for part in parts}
    assert named == {
        kind: any(fact.is_group for fact in facts) for kind, facts in recommender.facts.of.items()
    }
    assert all(not part.beside for part in parts)
    assert RuleColumns(recommender, "person", date(2026, 11, 21)).offers > 0
