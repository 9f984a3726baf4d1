import copy
import subprocess
import sys
from datetime import date, datetime

import pytest

from models.authoring import loader
from models.authoring.opening_days import compile_opening_days, find_years_ahead
from models.authoring.promises import check_promises
from models.contract.channels import HELSINKI, read_channels
from models.decision.decision_table import read_rulebook
from testing.shipped import CHANNELS, CONTRACT, VOCABULARY


@pytest.fixture(scope="module")
def channels(authored):
    return read_channels(authored.channels, VOCABULARY)


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=HELSINKI)


def test_all_twelve_channels_are_described(channels):
    assert set(channels) == set(CHANNELS)
    human = {"phone", "phone_appointment", "callback", "service_point", "remote_service"}
    assert {name for name, channel in channels.items() if channel.human} == human


@pytest.mark.parametrize(
    ("at", "open_now", "opens_at"),
    [
        ("2026-11-18 12:00", True, None),
        ("2026-11-18 08:59", False, "2026-11-18 09:00"),
        ("2026-11-18 16:00", False, "2026-11-19 09:00"),
        ("2026-11-20 17:00", False, "2026-11-23 09:00"),
        ("2026-12-24 10:00", False, "2026-12-28 09:00"),
        ("2026-12-31 12:59", True, None),
        ("2026-12-31 14:30", False, "2027-01-04 09:00"),
        ("2027-03-25 14:30", False, "2027-03-30 09:00"),
        ("2025-12-25 10:00", False, "2025-12-29 09:00"),
        ("2029-12-25 10:00", False, "2029-12-27 09:00"),
        ("2026-06-19 10:00", False, "2026-06-22 09:00"),
        ("2026-04-30 15:30", True, None),
    ],
)
def test_the_phone_is_open_on_weekdays_and_closed_on_holidays(channels, at, open_now, opens_at):
    found = channels["phone_appointment"].opening(moment(at))
    assert found == (open_now, opens_at and moment(opens_at))


def test_the_chat_closes_early_on_eves_too(channels):
    assert channels["chat"].opening(moment("2026-12-31 12:30")) == (True, None)
    assert channels["chat"].opening(moment("2026-12-31 13:00"))[0] is False


@pytest.mark.parametrize("at", ["2019-12-31 10:00", "2051-01-02 10:00", "2099-12-25 10:00"])
def test_in_a_year_whose_holidays_are_not_known_nothing_is_said_of_now(channels, at):
    assert channels["phone"].opening(moment(at)) == (None, None)
    assert channels["web_page"].opening(moment(at)) == (True, None)


def test_on_the_last_covered_evening_the_next_opening_is_not_known(channels):
    assert channels["phone"].opening(moment("2050-12-31 18:00")) == (False, None)


def changed(content, **more):
    """The channels after a change of the file, and what reading it finds."""
    authored = copy.deepcopy(content)
    authored.channels |= more
    before = len(authored.findings)
    compile_opening_days(authored)
    return authored, [finding.sentence() for finding in authored.findings[before:]]


def test_a_day_that_was_announced_wins_over_holidays_eves_and_weekdays(content):
    authored, found = changed(
        content,
        exceptions=[
            {"date": "2026-12-31", "channels": ["phone"], "hours": ["10:00", "12:00"], "source": "a release"},
            {"date": "2026-12-24", "channels": ["phone"], "hours": ["09:00", "11:00"], "source": "a release"},
            {"date": "2026-11-18", "hours": "closed", "source": "a release"},
            {"date": "2060-01-02", "hours": ["09:00", "11:00"], "source": "a release"},
        ],
    )
    channels = read_channels(authored.channels, VOCABULARY)
    assert found == []
    assert channels["phone"].opening(moment("2026-12-31 12:30"))[0] is False
    assert channels["callback"].opening(moment("2026-12-31 12:30"))[0] is True
    assert channels["phone"].opening(moment("2026-12-24 10:00")) == (True, None)
    assert channels["chat"].opening(moment("2026-11-18 12:30"))[0] is False
    assert channels["phone"].opening(moment("2060-01-02 10:00")) == (True, None)


def test_a_day_that_was_announced_for_one_channel_tells_nothing_of_the_others(content):
    authored, found = changed(
        content,
        exceptions=[
            {"date": "2051-01-06", "channels": ["phone"], "hours": "closed", "source": "a release"},
            {"date": "2051-01-06", "channels": ["chat"], "hours": ["09:00", "11:00"], "source": "a release"},
        ],
    )
    channels, at = read_channels(authored.channels, VOCABULARY), moment("2051-01-06 10:00")
    assert found == []
    assert channels["phone"].opening(at) == (False, None)
    assert channels["chat"].opening(at) == (True, None)
    assert channels["callback"].opening(at) == (None, None)
    closing = {"date": "2050-12-31", "channels": ["callback"], "hours": "closed", "source": "a release"}
    eve = read_channels(changed(content, exceptions=[closing])[0].channels, VOCABULARY)["callback"]
    assert eve.opening(moment("2050-12-31 10:00")) == (False, None)


CLOSED_ALL_SPRING = [
    {"date": f"2027-{month:02}-{day:02}", "channels": ["phone"], "hours": "closed", "source": "a release"}
    for month in (2, 3)
    for day in range(1, 29)
]


def test_a_human_channel_that_stays_closed_for_weeks_breaks_the_promise(content):
    authored, _ = changed(content, exceptions=CLOSED_ALL_SPRING)
    authored = loader.read_rules(authored, loader.RULEBOOK)
    check_promises(
        authored, read_rulebook(authored.rulebook, CONTRACT), read_channels(authored.channels, VOCABULARY)
    )
    assert [finding.sentence().partition(" ")[2] for finding in authored.findings] == [
        (
            "error: channel phone: breaks the promise `a-human-is-always-reachable`: `phone` is closed for 20 "
            "days or more after 2027-01-29. Correct its hours or `exceptions:`, or take it out of `human_fallback:`."
        )
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"holidays": {"from": 2020}}, "lacks `until:`. See how the entries beside it are written."),
        ({"holidays": {"from": 2050, "until": 2020}}, "names under `holidays:` no years from 2000 to 2100."),
        ({"holidays": {"from": 2020, "until": "MMXXX"}}, "has a `until:` that is not a number."),
        ({"eves": {"new_years_eve": "1 pm"}}, "has a `new_years_eve` that is no time of day."),
        ({"eves": {"new_year_eve": "13:00"}}, "Did you mean `new_years_eve`?"),
        ({"exceptions": {"2026-12-31": "closed"}}, "has a `exceptions:` that is not a list."),
        (
            {"exceptions": [{"date": "31.12.2026", "hours": "closed", "source": "a release"}]},
            "has a `date` that is no date. Write it as 2026-05-31.",
        ),
        (
            {"exceptions": [{"date": "2026-12-31", "hours": "9-13", "source": "a release"}]},
            'gives the exception of 2026-12-31 hours that cannot be read. Write `closed`, or `["09:00", "13:00"]`.',
        ),
        (
            {"exceptions": [{"date": "2026-12-31", "hours": "closed", "source": "a", "channels": ["fone"]}]},
            "Did you mean `phone`?",
        ),
    ],
    ids=str,
)
def test_opening_days_that_cannot_be_read_are_findings_and_no_surprise(content, more, words):
    _, found = changed(content, **more)
    assert any(words in sentence and sentence.startswith("channels.yaml:1: error: ") for sentence in found), (
        found
    )


@pytest.mark.parametrize(("year", "warned"), [(2026, False), (2049, False), (2050, True), (2051, True)])
def test_a_year_whose_holidays_are_not_covered_is_a_warning_before_it_comes(content, year, warned):
    authored = copy.deepcopy(content)
    find_years_ahead(authored, date(year, 11, 27))
    told = [finding.sentence() for finding in authored.findings]
    assert told == warned * [
        (
            "channels.yaml:1: warning: channels.yaml: covers holidays from 2020 to 2050 alone. Name a later year under "
            "`holidays:`; in a year it does not cover, no answer says whether a channel is open."
        )
    ]


def test_the_computed_days_do_not_depend_on_today_and_need_no_library_where_they_are_served(content):
    again, _ = changed(content)
    assert again.channels == content.channels
    code = "import sys, models.decision.bundle; print('holidays' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def test_a_bundle_made_before_years_were_named_keeps_its_own_closures(content):
    document = {name: value for name, value in content.channels.items() if name == "channels"}
    channels = read_channels(document | {"closures": ["2026-11-18"]}, VOCABULARY)
    assert channels["phone"].opening(moment("2026-11-18 12:00")) == (False, moment("2026-11-19 09:00"))
    assert channels["phone"].opening(moment("2060-11-18 12:00")) == (True, None)
    assert channels["phone"].fallback is None


def test_where_hours_vary_nothing_is_said_of_now(channels):
    assert channels["service_point"].opening(moment("2026-11-18 12:00")) == (None, None)


def test_a_web_page_is_always_open(channels):
    assert channels["web_page"].opening(moment("2026-12-25 03:00")) == (True, None)


def test_opening_is_told_in_finnish_time_whatever_the_zone_asked_in(channels):
    asked = datetime.fromisoformat("2026-11-18T06:30:00+00:00")
    assert channels["callback"].opening(asked) == (False, moment("2026-11-18 09:00"))


def test_omakela_needs_strong_identification(channels):
    assert channels["omakela_nudge"].needs_strong_identification
    assert not channels["web_page"].needs_strong_identification
