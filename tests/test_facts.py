import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.decision.facts import may_personalise
from models.decision.scorecard import Prediction
from testing.shipped import FACTS, SEGMENTS, feasible_blocks, lookups, read_signals, statutory_benefits

CHANGING = Prediction("changing", 0.9, (0.05, 0.9, 0.05), confident=True)
ABSTAINED = Prediction(None, 0.4, (0.4, 0.3, 0.3), confident=False)

predictions = st.sampled_from([CHANGING, ABSTAINED]) | st.builds(
    lambda segment, confident: Prediction(segment, 0.7, (0.1, 0.2, 0.7), confident),
    st.sampled_from(SEGMENTS),
    st.booleans(),
)


def looked_up(signals, prediction=CHANGING, customer_type="person"):
    return lookups(read_signals(customer_type, signals), prediction)


def events(*pairs):
    return {"life_events": [{"event": event, "months_ago": months} for event, months in pairs]}


@given(customers(), predictions)
def test_every_lookup_is_a_feasible_cell_of_the_grid(customer, prediction):
    customer_type, given_signals = customer
    signals = read_signals(customer_type, given_signals)
    asked = prediction if customer_type == "person" and may_personalise(signals) else None
    blocks = feasible_blocks(customer_type)
    for facts in lookups(signals, asked):
        assert set(facts) == {fact.name for fact in FACTS[customer_type]}
        assert any(all(value in block[name] for name, value in facts.items()) for block in blocks)


def test_the_most_recent_event_is_looked_up_first():
    found = looked_up(events(("KE4", 5), ("KE8", 1)))
    assert [facts["life_event"] for facts in found] == ["KE8", "KE4"]


def test_events_of_one_month_tie_by_code_order_not_by_text():
    found = looked_up(events(("KE10", 0), ("KE2", 0)))
    assert [facts["life_event"] for facts in found] == ["KE2", "KE10"]


def test_a_child_code_counts_as_its_parent_once():
    found = looked_up(events(("KE4.2", 1), ("KE4", 2)))
    assert [facts["life_event"] for facts in found] == ["KE4"]


def test_the_open_matter_is_looked_up_last_and_without_an_event():
    found = looked_up(events(("KE8", 0)) | {"open_matter": "housing_allowance"})
    assert [(facts["life_event"], facts["open_matter"]) for facts in found] == [
        ("KE8", "housing_allowance"),
        ("none", "housing_allowance"),
    ]


def test_no_events_is_not_the_same_as_events_unknown():
    assert looked_up({"life_events": []})[0]["life_event"] == "none"
    assert looked_up({})[0]["life_event"] == "unknown"


def test_behaviour_is_unknown_where_no_segment_is_named_and_what_was_stated_is_not():
    signals = {"omakela_logins_90d": 9, "attachment_requests_12m": 5, "strong_identification": True} | events(
        ("KE8", 0)
    )
    [facts] = looked_up(signals, ABSTAINED)
    assert (facts["digital"], facts["friction"]) == ("unknown", "unknown")
    assert (facts["strong_identification"], facts["life_event"]) == ("yes", "KE8")


def test_an_objector_is_known_by_language_needs_alone():
    signals = {
        "personalisation": "objected",
        "open_matter": "housing_allowance",
        "easy_language": True,
    } | events(("KE8", 0))
    [facts] = looked_up(signals, None)
    known = {name: value for name, value in facts.items() if value != "unknown"}
    assert known == {"personalisation": "objected", "easy_language": "yes"}


def test_size_classes_follow_the_staff_count():
    sizes = {
        n: looked_up({"employees": n}, None, "employer")[0]["employer_size"]
        for n in (0, 9, 10, 49, 50, 249, 250)
    }
    assert sizes == {
        0: "micro",
        9: "micro",
        10: "small",
        49: "small",
        50: "medium",
        249: "medium",
        250: "large",
    }


def test_digital_readiness_is_seen_from_use():
    def digital(**signals):
        return looked_up(signals)[0]["digital"]

    assert digital() == "unknown"
    assert digital(omakela_logins_90d=0) == "unknown"
    assert digital(omakela_logins_90d=0, phone_contacts_90d=1) == "offline"
    assert digital(omakela_logins_90d=4) == "self_service"
    assert digital(omakela_logins_90d=4, phone_contacts_90d=2, service_point_visits_90d=1) == "assisted"
    assert digital(omakela_logins_90d=0, phone_contacts_90d=1, chat_contacts_90d=2) == "self_service"
    assert digital(applications_12m=3, applications_online_12m=0) == "offline"
    assert digital(applications_12m=0, applications_online_12m=0) == "unknown"


def test_a_customer_is_assisted_from_three_contacts_in_person_beside_online_use():
    def digital(contacts, **signals):
        return looked_up({"phone_contacts_90d": contacts, **signals})[0]["digital"]

    def of_employer(contacts):
        known = {"uses_employer_service": True, "phone_contacts_90d": contacts}
        return looked_up(known, None, "employer")[0]["digital"]

    assert [digital(n, omakela_logins_90d=4) for n in (2, 3)] == ["self_service", "assisted"]
    assert [digital(n, chat_contacts_90d=1, service_point_visits_90d=1) for n in (1, 2)] == [
        "self_service",
        "assisted",
    ]
    assert [of_employer(n) for n in (2, 3)] == ["self_service", "assisted"]


@pytest.mark.parametrize(
    ("requests", "repeats", "friction"),
    [
        (1, 2, "none"),
        (2, 2, "missing_documents"),
        (2, 3, "missing_documents"),
        (1, 3, "repeat_contacts"),
        (2, None, "missing_documents"),
        (None, 3, "repeat_contacts"),
        (1, None, "unknown"),
        (None, 2, "unknown"),
        (None, None, "unknown"),
    ],
)
def test_friction_begins_at_two_requests_or_three_contacts_and_is_none_only_where_both_are_known(
    requests, repeats, friction
):
    counts = {"attachment_requests_12m": requests, "repeat_contacts_30d": repeats}
    signals = {name: count for name, count in counts.items() if count is not None}
    assert looked_up(signals)[0]["friction"] == friction


@pytest.mark.parametrize(
    ("late", "returned", "friction"),
    [
        (0, 0, "none"),
        (1, 1, "late_claims"),
        (0, 1, "returned_claims"),
        (0, None, "unknown"),
        (None, 0, "unknown"),
    ],
)
def test_an_employers_friction_is_none_only_where_both_counts_are_known(late, returned, friction):
    counts = {"late_claims_12m": late, "claims_returned_12m": returned}
    signals = {"claims_12m": 9} | {name: count for name, count in counts.items() if count is not None}
    assert looked_up(signals, None, "employer")[0]["friction"] == friction


def test_statutory_content_follows_the_open_matter_first_then_benefits_or_claims_by_code():
    person = {
        "open_matter": "student_aid",
        "active_benefits": ["student_aid", "social_assistance", "housing_allowance"],
    }
    employer = {"open_matter": "rehabilitation", "claim_kinds": ["family_leave", "sickness_allowance"]}
    assert [*dict.fromkeys(statutory_benefits(read_signals("person", person)))] == [
        "student_aid",
        "housing_allowance",
        "social_assistance",
    ]
    assert statutory_benefits(read_signals("employer", employer)) == [
        "rehabilitation",
        "sickness_allowance",
        "family_leave",
    ]


def test_each_kind_of_claim_is_looked_up_after_the_open_one():
    found = looked_up(
        {"open_matter": "rehabilitation", "claim_kinds": ["rehabilitation", "family_leave"]}, None, "employer"
    )
    assert [facts["open_matter"] for facts in found] == ["rehabilitation", "family_leave"]
