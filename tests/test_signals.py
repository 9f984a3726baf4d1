import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import customers

from models.columns.rows import read_row
from models.contract.codes import BARRED
from models.contract.near_names import NearNames
from models.contract.signals import (
    DECLARED,
    EMPLOYER_SIGNALS,
    MOST_FAULTS,
    MOST_HINTS,
    PERSON_SIGNALS,
    FaultLimit,
    InvalidSignalsError,
    LifeEvent,
)
from models.decision.scorecard import FEATURES
from testing.shipped import CONTRACT, read_signals


def faults_of(customer_type, signals):
    with pytest.raises(InvalidSignalsError) as caught:
        read_signals(customer_type, signals)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


@given(customers())
def test_everything_the_contract_allows_is_accepted(customer):
    customer_type, signals = customer
    assert set(read_signals(customer_type, signals).values) == set(signals)


def test_a_missing_signal_and_null_are_unknown_and_stay_so():
    assert read_signals("person", {"omakela_logins_90d": None}).values == {}


def test_a_whole_float_is_an_integer():
    logins = read_signals("person", {"omakela_logins_90d": 3.0}).values["omakela_logins_90d"]
    assert (logins, type(logins)) == (3, int)


@pytest.mark.parametrize(
    ("signals", "pointer", "code"),
    [
        pytest.param(
            {"applications_12m": "12"}, "/signals/applications_12m", "wrong_type", id="text for a number"
        ),
        pytest.param(
            {"applications_12m": True}, "/signals/applications_12m", "wrong_type", id="true for a number"
        ),
        pytest.param(
            {"applications_12m": 12.7}, "/signals/applications_12m", "out_of_range", id="a part of one"
        ),
        pytest.param({"applications_12m": math.nan}, "/signals/applications_12m", "out_of_range", id="NaN"),
        pytest.param(
            {"applications_12m": math.inf}, "/signals/applications_12m", "out_of_range", id="infinity"
        ),
        pytest.param({"applications_12m": -1}, "/signals/applications_12m", "out_of_range", id="below"),
        pytest.param({"applications_12m": 301}, "/signals/applications_12m", "out_of_range", id="above"),
        pytest.param({"minor": 1}, "/signals/minor", "wrong_type", id="one for true"),
        pytest.param({"minor": "true"}, "/signals/minor", "wrong_type", id="text for true"),
        pytest.param(
            {"open_matter": "lottery"}, "/signals/open_matter", "unknown_value", id="no such benefit"
        ),
        pytest.param({"open_matter": ["x"]}, "/signals/open_matter", "wrong_type", id="list for a word"),
        pytest.param(
            {"active_benefits": "x"}, "/signals/active_benefits", "wrong_type", id="word for a list"
        ),
        pytest.param(
            {"active_benefits": ["x"]}, "/signals/active_benefits/0", "unknown_value", id="within a list"
        ),
        pytest.param(
            {"active_benefits": ["child_benefit", "child_benefit"]},
            "/signals/active_benefits",
            "repeated",
            id="twice",
        ),
        pytest.param({"life_events": [{}] * 6}, "/signals/life_events", "wrong_type", id="six events"),
        pytest.param(
            {"life_events": [{"event": "KE8"}]}, "/signals/life_events/0", "wrong_type", id="no months"
        ),
        pytest.param(
            {"life_events": [{"event": "KE15", "months_ago": 1}]},
            "/signals/life_events/0/event",
            "unknown_value",
            id="no such event",
        ),
        pytest.param(
            {"life_events": [{"event": "KE8", "months_ago": 25}]},
            "/signals/life_events/0/months_ago",
            "out_of_range",
            id="too long ago",
        ),
        pytest.param(
            {"applications_12m": 1, "applications_online_12m": 2},
            "/signals/applications_online_12m",
            "contradiction",
            id="more online than in all",
        ),
        pytest.param({"employees": 5}, "/signals/employees", "unknown_field", id="an employer's signal"),
        pytest.param({"nationality": "FI"}, "/signals/nationality", "barred_attribute", id="barred"),
        pytest.param(
            {"motherTongue": "sv"}, "/signals/motherTongue", "barred_attribute", id="barred in camel case"
        ),
        pytest.param({"hetu 1": 1}, "/signals", "unknown_field", id="an odd name is not echoed"),
        pytest.param({"a010190-123A": 1}, "/signals", "unknown_field", id="a name like a code is not echoed"),
    ],
)
def test_a_bad_signal_is_refused_where_it_stands(signals, pointer, code):
    assert faults_of("person", signals) == [(pointer, code)]


def test_every_fault_is_told_at_once_and_no_value_is_echoed():
    signals = {"applications_12m": 987654, "minor": "secret-value", "sex": "f"}
    with pytest.raises(InvalidSignalsError) as caught:
        read_signals("person", signals)
    assert len(caught.value.faults) == 3
    assert "987654" not in str(caught.value)
    assert "secret-value" not in str(caught.value)


def test_messages_say_what_is_allowed_and_what_to_do():
    with pytest.raises(InvalidSignalsError) as caught:
        read_signals("person", {"aplications_12m": 3, "omakela_logins_90d": -2})
    assert [fault.message for fault in caught.value.faults] == [
        "is not a signal of a person. Did you mean applications_12m?",
        "must be a whole number of log-ins from 0 to 1000, or left out if unknown.",
    ]


def refused(signals, **limit):
    with pytest.raises(InvalidSignalsError) as caught:
        read_signals("person", signals, **limit)
    return caught.value


def test_the_first_twenty_faults_are_listed_and_the_others_counted():
    error = refused({f"unknown_{number}": 1 for number in range(3000)} | {"minor": 1})
    assert [fault.pointer for fault in error.faults] == [f"/signals/unknown_{number}" for number in range(20)]
    assert (len(error.faults), error.unlisted) == (MOST_FAULTS, 3001 - MOST_FAULTS)


def test_wrong_values_beyond_the_limit_are_counted_as_well():
    error = refused({name: {} for name in DECLARED["person"]})
    assert (len(error.faults), error.unlisted) == (MOST_FAULTS, len(DECLARED["person"]) - MOST_FAULTS)


def test_five_misspelt_names_are_told_which_one_was_meant():
    limit = FaultLimit()
    signals = {f"{name}s": 1 for name in ("applications_12m", *list(DECLARED["person"])[:9])}
    hints = [fault for fault in refused(signals, limit=limit).faults if "Did you mean" in fault.message]
    assert (len(hints), limit.hints) == (MOST_HINTS, 0)
    assert refused(signals, limit=limit).faults[0].message == (
        "is not a signal of a person. GET /openapi.json lists the signals."
    )


def test_a_row_of_a_file_says_how_many_faults_it_does_not_list():
    row = {"customer_ref": "a", "customer_type": "person"} | {f"unknown_{number}": 1 for number in range(22)}
    with pytest.raises(InvalidSignalsError) as caught:
        read_row(row, CONTRACT)
    assert len(caught.value.faults) == MOST_FAULTS + 1
    assert caught.value.faults[-1] == (
        "/signals",
        "more_faults",
        "has 2 more faults. Correct those listed first.",
    )


def edited(name, chance):
    """A name with one character left out, put in, replaced, or moved by one place."""
    at, new = chance.randrange(len(name)), chance.choice("abcdefghijklmnopqrstuvwxyz")
    return chance.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + new + name[at:],
            name[:at] + new + name[at + 1 :],
            name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
        )
    )


@given(st.sampled_from(["person", "employer"]), st.data(), st.randoms(use_true_random=False))
def test_a_name_with_one_slip_is_told_from_all_others(customer_type, data, chance):
    name = data.draw(st.sampled_from(sorted(DECLARED[customer_type])))
    assert NearNames(DECLARED[customer_type]).nearest(edited(name, chance)) == name


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [
        ("phone_contacts", "phone_contacts_90d"),
        ("omakelalogins90d", "omakela_logins_90d"),
        ("months_income_support", "months_on_income_support"),
        ("benefits_6m", "benefits_ended_6m"),
        ("foo_12m", None),
        ("x", None),
        ("_", None),
        ("applications_12m" * 4, None),
    ],
)
def test_a_name_with_a_word_too_few_is_told_and_a_foreign_one_is_not(given_name, meant):
    assert NearNames(DECLARED["person"]).nearest(given_name) == meant


@given(
    st.sampled_from(["person", "employer", "", "x"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*DECLARED["person"], *DECLARED["employer"], "x", ""]), inner, max_size=4
            )
        ),
        max_leaves=8,
    ),
)
def test_whatever_is_sent_is_accepted_or_refused_never_worse(customer_type, signals):
    try:
        assert read_signals(customer_type, signals).customer_type == customer_type
    except InvalidSignalsError as error:
        assert error.faults  # noqa: PT017  (either outcome is right; none other is)


def test_life_events_are_read_with_their_months():
    signals = read_signals("person", {"life_events": [{"event": "KE4.2", "months_ago": 3.0}]})
    assert signals.values["life_events"] == (LifeEvent("KE4.2", 3),)


@pytest.mark.parametrize("signal", [*PERSON_SIGNALS, *EMPLOYER_SIGNALS], ids=lambda signal: signal.name)
def test_every_signal_says_what_it_means_and_why_it_may_be_used(signal):
    assert len(signal.meaning) > 10
    assert len(signal.why) > 10
    assert signal.used_by in {"model", "rules", "both"}
    assert signal.kind != "count" or signal.unit


def test_no_barred_attribute_is_a_signal_or_a_feature():
    assert BARRED.isdisjoint({*DECLARED["person"], *DECLARED["employer"], *FEATURES})
