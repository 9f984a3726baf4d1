"""A model is bound to what it uses and to how that is derived, and to nothing else of the signal contract."""

import json
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest
from conftest import ROOT

from models.contract.signals import PERSON_SIGNALS, Signal
from models.decision import scorecard
from models.decision.bundle import ARTIFACTS
from models.decision.scorecard import (
    DERIVED_FEATURES,
    FEATURE_CONTRACT,
    FEATURE_SIGNAL,
    ArtifactError,
    feature_contract,
    read_scorecard,
)
from testing.shipped import read_signals

DOCUMENT = orjson.loads((ARTIFACTS / "scorecard.json").read_bytes())
GIVEN = {
    "omakela_logins_90d": 9,
    "benefits_started_6m": 1,
    "life_events": [{"event": "KE8", "months_ago": 1}],
}
WITH_TWO_MORE = """
import json, sys
from pathlib import Path
from models.contract import signals

for signal in (
    signals.Signal("home_visits_12m", "count", "rules", "Visits", "stated", maximum=9, unit="visits"),
    signals.Signal("wants_letters", "yes_no", "rules", "Wants letters", "stated"),
):
    signals.PERSON_SIGNALS += (signal,)
    signals.DECLARED["person"][signal.name] = signal

from datetime import datetime
from models.decision import bundle

folder = Path(sys.argv[1])
recommender = bundle.load(folder, bundle.current(folder)).recommender
given = json.loads(sys.argv[2]) | {"home_visits_12m": 3, "wants_letters": True}
[answer] = recommender.recommend(
    [recommender.contract.read("person", given)], at=datetime.fromisoformat(sys.argv[3])
)
print(json.dumps([answer.segment.id, answer.segment.probability, [item.content.id for item in answer.items]]))
"""


def changed(name, /, **fields):
    return tuple(replace(signal, **fields) if signal.name == name else signal for signal in PERSON_SIGNALS)


def derived(**fields):
    before = DERIVED_FEATURES["months_since_life_event"]
    return {**DERIVED_FEATURES, "months_since_life_event": before._replace(**fields)}


def test_what_rules_alone_use_is_no_part_of_the_contract():
    one = Signal("home_visits_12m", "count", "rules", "Visits", "stated", maximum=9, unit="visits")
    less = tuple(signal for signal in PERSON_SIGNALS if signal.used_by != "rules")
    for signals in ((*PERSON_SIGNALS, one), (one, *PERSON_SIGNALS), less):
        assert feature_contract(signals, DERIVED_FEATURES) == FEATURE_CONTRACT


def test_words_and_codes_of_a_signal_are_no_part_of_the_contract():
    signals = changed("life_events", meaning="Other words", why="other words", values=("KE1",))
    assert feature_contract(signals, DERIVED_FEATURES) == FEATURE_CONTRACT


def test_a_new_signal_of_rules_alone_needs_no_training(bundles, recommender, at):
    done = subprocess.run(
        [sys.executable, "-c", WITH_TWO_MORE, str(bundles), json.dumps(GIVEN), at.isoformat()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [answer] = recommender.recommend([read_signals("person", GIVEN)], at=at)
    assert json.loads(done.stdout) == [
        answer.segment.id,
        answer.segment.probability,
        [item.content.id for item in answer.items],
    ]


@pytest.mark.parametrize(
    ("signals", "derivations"),
    [
        pytest.param(changed("omakela_logins_90d", maximum=999), DERIVED_FEATURES, id="maximum of a count"),
        pytest.param(changed("life_events", maximum=6), DERIVED_FEATURES, id="maximum of what is counted"),
        pytest.param(changed("active_benefits", kind="life_events"), DERIVED_FEATURES, id="kind"),
        pytest.param(changed("omakela_logins_90d", used_by="rules"), DERIVED_FEATURES, id="a feature less"),
        pytest.param(changed("omakela_logins_90d", name="logins"), DERIVED_FEATURES, id="a feature renamed"),
        pytest.param(
            (*PERSON_SIGNALS, replace(PERSON_SIGNALS[0], name="one_more")),
            DERIVED_FEATURES,
            id="a feature more",
        ),
        pytest.param(PERSON_SIGNALS[::-1], DERIVED_FEATURES, id="another order"),
        pytest.param(PERSON_SIGNALS, derived(signal="active_benefits"), id="source"),
        pytest.param(PERSON_SIGNALS, derived(name="months since the first"), id="derivation"),
        pytest.param(PERSON_SIGNALS, derived(version=2), id="version of a derivation"),
    ],
)
def test_a_model_for_other_features_or_another_derivation_is_refused(monkeypatch, signals, derivations):
    contract = feature_contract(signals, derivations)
    assert contract != FEATURE_CONTRACT
    monkeypatch.setattr(scorecard, "FEATURE_CONTRACT", contract)
    with pytest.raises(ArtifactError, match=r"another feature contract; train again"):
        read_scorecard(DOCUMENT)


def test_how_a_signal_is_derived_does_not_hang_on_its_source_text():
    same = derived(derive=lambda events: next(iter(sorted(each.months_ago for each in events)), None))
    assert feature_contract(PERSON_SIGNALS, same) == FEATURE_CONTRACT


def test_the_signals_that_the_contract_gives_to_the_model_are_those_that_features_come_from():
    assert {signal.name for signal in PERSON_SIGNALS if signal.used_by != "rules"} == {
        *FEATURE_SIGNAL.values()
    }
