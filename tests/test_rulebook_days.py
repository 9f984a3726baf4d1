"""Rules that begin and end: the asked day picks among them, and every period is checked."""

import copy
import shutil
from dataclasses import replace
from datetime import date, datetime

import pytest
from conftest import ROOT

from models.authoring import analysis, loader
from models.contract.channels import HELSINKI
from models.decision.decision_table import Rule, Table, read_rulebook
from testing.shipped import CONTRACT, FACT_SET, read_signals

SOUND = ROOT / "fixtures" / "rulebooks" / "sound"


def rule(name, first=date.min, last=date.max, when=None):
    return Rule(
        name, when or {}, "callback", ("guide",), "general", "callback", {}, "team", "test", first, last
    )


SUMMER = rule("summer", date(2026, 6, 1), date(2026, 8, 31))


def facts():
    return {
        "personalisation": "allowed",
        "employer_size": "micro",
        "first_claim": "no",
        "open_matter": "unknown",
        "digital": "unknown",
        "friction": "none",
    }


@pytest.mark.parametrize(
    ("day", "decides"),
    [("2026-05-31", "always"), ("2026-06-01", "summer"), ("2026-08-31", "summer"), ("2026-09-01", "always")],
)
def test_both_days_of_a_validity_count(day, decides):
    table = Table("employer", (SUMMER, rule("always")), FACT_SET)
    assert table.on(date.fromisoformat(day)).choose(facts()).id == decides


def test_a_table_without_days_is_one_period():
    table = Table("employer", (rule("always"),), FACT_SET)
    assert table.periods == ((date.min, table),)
    assert table.on(DAY) is table


DAY = date(2026, 7, 1)


def test_each_day_on_which_a_rule_begins_or_ends_starts_a_period():
    table = Table("employer", (SUMMER, rule("autumn", date(2026, 9, 1)), rule("always")), FACT_SET)
    assert [start for start, _ in table.periods] == [date.min, date(2026, 6, 1), date(2026, 9, 1)]


def test_an_open_end_holds_for_ever():
    table = Table("employer", (rule("new", date(2026, 9, 1)), rule("always")), FACT_SET)
    assert table.on(date.max).choose(facts()).id == "new"
    assert table.on(date.min).choose(facts()).id == "always"


@pytest.fixture(scope="module")
def dated(tmp_path_factory, content):
    folder = shutil.copytree(SOUND, tmp_path_factory.mktemp("dated") / "rulebook")
    authored = loader.read_rules(copy.deepcopy(content), folder)
    analysis.analyse(authored)
    return authored


def test_the_compiled_rulebook_keeps_the_days(dated):
    moving = next(rule for rule in dated.rulebook["person"] if rule["id"] == "moving")
    assert (moving["valid_from"], moving["valid_until"]) == ("2026-06-01", "2026-12-31")
    assert read_rulebook(dated.rulebook, CONTRACT).tables["person"].rules[3].valid_until == date(2026, 12, 31)


def test_the_asked_day_picks_the_rule_that_recommends(recommender, dated):
    seasonal = replace(recommender, rulebook=read_rulebook(dated.rulebook, CONTRACT))
    card = recommender.scorecard
    from models.authoring.example_customers import Inventor

    nothing = dict.fromkeys((fact.name for fact in FACT_SET.of["person"]), "unknown")
    cell = nothing | {
        "personalisation": "allowed",
        "segment": "changing",
        "confidence": "high",
        "life_event": "KE4",
    }
    signals = read_signals("person", Inventor(card, FACT_SET).signals_for("person", cell))

    def decided_on(day):
        at = datetime.fromisoformat(day).replace(tzinfo=HELSINKI)
        explanation = seasonal.explain(signals, at=at)
        assert explanation.recommendation.items[0].reason.rule == explanation.lookups[0].rule
        return explanation.lookups[0].rule

    assert [decided_on(day) for day in ("2026-05-31", "2026-06-01", "2026-12-31T23:00", "2027-01-01")] == [
        "default",
        "moving",
        "moving",
        "default",
    ]


def test_the_mapping_is_of_a_day(recommender, dated):
    seasonal = replace(recommender, rulebook=read_rulebook(dated.rulebook, CONTRACT))
    rows = [{row.rule for row in seasonal.mapping(day=day)} for day in (date(2026, 7, 1), date(2027, 7, 1))]
    assert "moving" in rows[0] - rows[1]
