"""What was edited: every leaf of every part is listed with its file, and a weaker promise is known exactly."""

import copy
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.authoring import loader
from models.authoring.edits import Edit, Field, edits, find_weakened, weaker
from models.authoring.findings import Authored
from models.decision.decision_table import Guarantee
from testing.shipped import CHANNELS, CONTENT_TYPES, FACT_SET, FACTS, is_feasible

FILES = {*loader.RULEBOOK_FILES, loader.CAMPAIGNS, *loader.CONTENT_FILES, *loader.VOCABULARY_FILES}
OUTCOME = {"cells", "errors", "warnings", "sources"}


def leaves(value, path=()):
    """The path of each value that holds no other."""
    if isinstance(value, dict):
        return chain.from_iterable(leaves(inner, (*path, key)) for key, inner in value.items())
    if isinstance(value, list):
        return chain.from_iterable(leaves(inner, (*path, at)) for at, inner in enumerate(value))
    return iter([path])


@pytest.fixture(scope="module")
def parts(authored):
    return {name: content for name, content in authored.parts().items() if name != "sources"} | {
        "later.json": {"entries": [{"id": "one", "text": {"fi": "yksi"}}], "switch": True}
    }


@pytest.fixture(scope="module")
def written(parts):
    """Every leaf of every part that a person wrote."""
    return [path for path in leaves(parts) if path[:1] != ("check.json",) or path[1] not in OUTCOME]


@given(data=st.data())
def test_whatever_leaf_of_whatever_part_is_changed_the_edit_is_listed_with_its_file(parts, written, data):
    part, *path, last = data.draw(st.sampled_from(written))
    new = dict(parts) | {part: copy.deepcopy(parts[part])}
    holder = new[part]
    for key in path:
        holder = holder[key]
    holder[last] = "a text that stood nowhere" if data.draw(st.booleans()) else [holder[last]]
    found = edits(parts, new)
    assert found
    assert {edit.file for edit in found} <= FILES | {"later.yaml"}
    assert edits(parts, parts) == []


def test_each_edit_names_its_file_its_entry_and_each_field_before_and_after(parts):
    new = copy.deepcopy(parts)
    new["texts.json"]["notice"]["fi"] = "Toinen ilmoitus."
    new["channels.json"]["channels"]["chat"]["hours"]["mon"] = ["10:00", "15:00"]
    new["channels.json"]["closures"] = [*parts["channels.json"].get("closures", ()), "2027-03-26"]
    new["vocabulary.json"]["topics"]["general"]["name"]["fi"] = "Yleistä"
    item = new["catalogue.json"]["items"][0]
    item["status"] = "draft"
    gone = new["rulebook.json"]["guarantees"].pop(0)
    new["check.json"]["examples"][0]["for"] = "employer"
    found = edits(parts, new, files={item["id"]: "nudges.yaml"})
    told = {(edit.file, edit.section, edit.id, edit.edit): edit.fields for edit in found}
    assert told[("texts.yaml", "notice", "notice", "changed")][0].field == "fi"
    assert told[("channels.yaml", "channels", "channels.chat", "changed")] == (
        Field(
            "hours.mon", ", ".join(parts["channels.json"]["channels"]["chat"]["hours"]["mon"]), "10:00, 15:00"
        ),
    )
    assert ("topics.yaml", "topics", "topics.general", "changed") in told
    assert told[("nudges.yaml", "items", item["id"], "changed")] == (Field("status", "approved", "draft"),)
    assert ("guarantees.yaml", "guarantees", gone["id"], "removed") in told
    assert ("examples.yaml", "examples", new["check.json"]["examples"][0]["id"], "changed") in told
    assert {edit.section for edit in found if edit.file == "channels.yaml"} == {"channels", "closures"}


def test_entries_are_removed_added_changed_and_as_few_as_can_be_moved():
    old = [{"id": "a", "then": {"channel": "x"}}, {"id": "b"}, {"id": "c"}, {"id": "d"}, {"id": "e"}]
    new = [{"id": "a", "then": {"channel": "y"}}, {"id": "e"}, {"id": "c"}, {"id": "d"}, {"id": "f"}]
    assert edits({"rulebook.json": {"person": old}}, {"rulebook.json": {"person": new}}) == [
        Edit("rules.yaml", "person", "b", "removed"),
        Edit("rules.yaml", "person", "a", "changed", (Field("then.channel", "x", "y"),)),
        Edit("rules.yaml", "person", "f", "added"),
        Edit("rules.yaml", "person", "e", "moved"),
    ]


def test_values_that_look_alike_are_told_apart():
    old, new = ({"x.json": {"a": {"b": value}}} for value in (1, "1"))
    assert edits(old, new) == [Edit("x.yaml", "a", "a", "changed", (Field("b", "1", '"1"'),))]


SMALL = {"digital": ("self_service", "offline", "unknown"), "segment": ("steady", "supported", "unknown")}
guarantees = st.builds(
    lambda every, channel, content, kind: Guarantee("g", kind, every, tuple(channel), tuple(content), "says"),
    st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(st.sampled_from(v), unique=True, min_size=1).map(tuple)
            for name, v in SMALL.items()
        },
    ),
    st.lists(st.sampled_from(CHANNELS[:3]), unique=True) | st.just(list(CHANNELS)),
    st.lists(st.sampled_from(CONTENT_TYPES[:3]), unique=True) | st.just(list(CONTENT_TYPES)),
    st.just("person"),
)


def cells():
    """Feasible cells in which every combination of the facts of `SMALL` that can occur does."""
    rest = {fact.name: "unknown" for fact in FACTS["person"]}
    for mark in ("allowed", "objected", "minor"):
        for digital in dict(FACTS_OF_PERSON)["digital"]:
            for segment in dict(FACTS_OF_PERSON)["segment"]:
                for confidence in ("high", "moderate", "unknown"):
                    made = rest | {
                        "personalisation": mark,
                        "digital": digital,
                        "segment": segment,
                        "confidence": confidence,
                    }
                    if is_feasible("person", made):
                        yield made


FACTS_OF_PERSON = [(fact.name, fact.values) for fact in FACTS["person"]]
CELLS = list(cells())
KINDS = [*CONTENT_TYPES[:4]]
ANSWERS = [
    (channel, content)
    for channel in (*CHANNELS[:4], CHANNELS[-1])
    for size in (1, 2)
    for content in combinations(KINDS, size)
]


@given(old=guarantees, new=guarantees)
def test_a_guarantee_is_weaker_where_it_allows_an_answer_to_a_customer_that_it_did_not(old, new):
    allowed = any(
        old.concerns(cell)
        and not old.kept_by(*answer)
        and not (new.concerns(cell) and not new.kept_by(*answer))
        for cell in CELLS
        for answer in ANSWERS
    )
    assert (weaker(old, new, FACT_SET) is not None) == allowed


def guarantee(**other):
    return {
        "id": "g",
        "for": "person",
        "every": {"digital": ["offline", "assisted"]},
        "must": {"channel": ["paper", "callback"]},
        "says": "is not sent online",
    } | other


LESS = "g: promises less than in the table in use: "
RESTORE = "Restore it, or say in the change note why it is weakened and who approved that."
GONE = (
    "g: no longer stands, though the table in use promises it: is not sent online. "
    "Restore it, or say in the change note why it goes and who approved that."
)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ([], GONE),
        (
            [guarantee(every={"digital": ["offline"]})],
            f"{LESS}it is about fewer customers (is not sent online). {RESTORE}",
        ),
        (
            [guarantee(must={"channel": ["paper", "callback", "chat"]})],
            f"{LESS}it allows more answers (is not sent online). {RESTORE}",
        ),
        (
            [guarantee(every={"digital": ["offline"]}, must={})],
            f"{LESS}it is about fewer customers and allows more answers (is not sent online). {RESTORE}",
        ),
        (
            [guarantee(**{"for": "employer"})],
            f"{LESS}it is about fewer customers (is not sent online). {RESTORE}",
        ),
        ([guarantee(every={}, must={"channel": ["paper"]}, says="other words")], None),
    ],
    ids=["removed", "narrower", "wider", "both", "of others", "stronger"],
)
def test_a_removed_or_weakened_guarantee_is_the_first_warning(new, said):
    draft = Authored(rulebook={"guarantees": new, "promises": []}, facts=FACT_SET)
    draft.find("rules.yaml", "hit_policy")
    weak = find_weakened(draft, {"guarantees": [guarantee()], "promises": []})
    assert [str(finding) for finding in draft.findings[:-1]] == (
        [f"guarantees.yaml:1: warning: {said}"] if said else []
    )
    assert weak == ({"g"} if said else set())


def test_a_promise_that_is_gone_or_names_another_check_is_warned_of():
    promises = [
        {"id": name, "check": check, "says": "x"} for name, check in (("a", "wording"), ("b", "audiences"))
    ]
    draft = Authored(rulebook={"guarantees": [], "promises": [promises[1] | {"check": "wording"}]})
    assert find_weakened(draft, {"guarantees": [], "promises": promises}) == {"a", "b"}
    assert [finding.code for finding in draft.findings] == ["guarantee_removed", "guarantee_removed"]
