from datetime import datetime

import pytest

from models.channels import HELSINKI, read_channels
from models.codes import CHANNELS


@pytest.fixture(scope="module")
def channels(authored):
    return read_channels(authored.channels)


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
    ],
)
def test_the_phone_is_open_on_weekdays_and_closed_on_holidays(channels, at, open_now, opens_at):
    found = channels["phone_appointment"].opening(moment(at))
    assert found == (open_now, opens_at and moment(opens_at))


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
