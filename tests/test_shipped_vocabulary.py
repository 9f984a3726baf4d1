"""What the team's vocabulary ships: groups, social channels one by one, Northern Sámi, and the campaign of 2017."""

from datetime import datetime

import pytest

from models.authoring import loader, yaml_source
from models.contract.channels import HELSINKI
from models.decision.groups import divide
from testing.shipped import BENEFITS, CATALOGUE, FACT_SET, VOCABULARY, read_signals

AT = datetime(2026, 11, 18, 12, tzinfo=HELSINKI)
SOCIAL = (
    "social_channel",
    "facebook",
    "facebook_families",
    "instagram",
    "x",
    "linkedin",
    "tiktok",
    "youtube",
)
YOUNG = "young_at_a_transition"


def answered(recommender, signals, **asked):
    [answer] = recommender.recommend([read_signals("person", signals)], at=AT, **asked)
    return answer


@pytest.mark.parametrize("code", VOCABULARY.groups)
def test_somebody_can_be_in_each_group_and_somebody_outside_it(code):
    group = VOCABULARY.groups[code]
    inside, outside = divide(FACT_SET.blocks(group.customer_type), group.when, VOCABULARY.groups)
    assert inside
    assert outside


@pytest.mark.parametrize(
    ("kind", "facts", "groups"),
    [
        ("person", {"life_event": "KE1"}, {"families"}),
        ("person", {"open_matter": "child_maintenance_allowance"}, {"families"}),
        ("person", {"life_event": "KE8", "open_matter": "child_benefit"}, {"families", "unemployed"}),
        ("person", {"open_matter": "general_social_security_benefit"}, {"unemployed"}),
        ("person", {"life_event": "KE2"}, {"conscripts", YOUNG}),
        ("person", {"life_event": "KE3"}, {"students", YOUNG}),
        ("person", {"open_matter": "student_aid"}, {"students"}),
        ("person", {"life_event": "KE4"}, set()),
        ("person", {"life_event": "KE4", "open_matter": "student_aid"}, {"students", YOUNG}),
        ("person", {"life_event": "KE4", "open_matter": "conscripts_allowance"}, {"conscripts", YOUNG}),
        ("person", {"personalisation": "minor", "life_event": "KE3"}, set()),
        ("employer", {"employer_size": "micro"}, {"small_employers"}),
        ("employer", {"employer_size": "medium"}, set()),
        ("employer", {"employer_size": "large"}, {"large_employers"}),
        ("employer", {}, set()),
    ],
)
def test_groups_follow_from_events_benefits_and_size_alone(kind, facts, groups):
    completed = FACT_SET.completed(kind, facts)
    of_kind = [code for code, group in VOCABULARY.groups.items() if group.customer_type == kind]
    assert {code for code in of_kind if FACT_SET.is_in(code, completed)} == groups


@pytest.mark.parametrize("channel", SOCIAL)
def test_whoever_prefers_a_social_channel_is_shown_its_card_first(recommender, channel):
    events = [{"event": "KE4", "months_ago": 1}]
    answer = answered(recommender, {"preferred_channel": channel, "life_events": events})
    first = answer.items[0]
    assert (first.channel, first.content.id) == (channel, "contact-social-channel")
    carried = recommender.channels[channel].carries
    assert all(item.content_type in carried for item in answer.items if item.channel == channel)
    assert recommender.channels[answer.human_channel.id].human


@pytest.mark.parametrize("channel", SOCIAL)
@pytest.mark.parametrize("matter", BENEFITS)
def test_no_social_channel_ever_carries_an_open_matter(recommender, channel, matter):
    events = [{"event": "KE4", "months_ago": 1}]
    signals = {"open_matter": matter, "life_events": events, "preferred_channel": channel}
    answer = answered(recommender, signals, limit=10)
    assert {item.channel for item in answer.items}.isdisjoint(SOCIAL)


def test_an_item_that_would_name_an_account_is_a_draft():
    named = {item.id for item in CATALOGUE.items.values() if item.channels & set(SOCIAL) and item.approved}
    assert named == {"contact-social-channel"}


def test_who_asks_for_sami_is_answered_in_finnish_and_told_where_service_in_sami_is(recommender):
    answer = answered(recommender, {}, language="se")
    assert {item.content.language for item in answer.items} == {"fi"}
    assert all("www.kela.fi/saame" in told for told in VOCABULARY.languages["se"].beside_notice.values())


def test_the_campaign_of_2017_is_over_and_names_groups_and_an_item_that_there_are():
    text = (loader.RULEBOOK / "campaigns.yaml").read_text(encoding="utf-8")
    [campaign] = yaml_source.plain(yaml_source.loads(text))["campaigns"]
    assert set(campaign["group"]) <= set(VOCABULARY.groups)
    assert CATALOGUE.items[campaign["item"]].approved
    assert campaign["valid"] == {"from": "2017-08-01", "until": "2017-10-31"}
