import copy
import math
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from strategies import given_signals

from models.decision.bundle import ARTIFACTS
from models.decision.scorecard import FEATURES, SCALE, ArtifactError, features, read_scorecard, rounded
from testing.shipped import SEGMENTS, read_signals

DOCUMENT = orjson.loads((ARTIFACTS / "scorecard.json").read_bytes())
SCORECARD = read_scorecard(DOCUMENT)


@given(given_signals("person"))
def test_probabilities_are_a_distribution_and_the_best_is_the_segment(signals):
    customer = read_signals("person", signals)
    prediction, exact = SCORECARD.predict(customer), SCORECARD.probabilities(features(customer))
    assert math.isclose(sum(exact), 1, abs_tol=1e-12)
    assert math.isclose(sum(prediction.probabilities), 1, abs_tol=1e-12)
    assert prediction.probabilities == tuple(map(rounded, prediction.probabilities))
    assert sorted(prediction.probabilities)[1:] == [rounded(p) for p in sorted(exact)[1:]]
    assert prediction.probability == max(prediction.probabilities)
    if prediction.segment is not None:
        assert SEGMENTS[prediction.probabilities.index(prediction.probability)] == prediction.segment


@given(given_signals("person"))
def test_contributions_are_the_score_itself(signals):
    customer = read_signals("person", signals)
    probabilities = SCORECARD.probabilities(features(customer))
    for at, segment in enumerate(SEGMENTS):
        others = [math.log(p) for i, p in enumerate(probabilities) if i != at]
        intercept = (3 * SCORECARD.intercept[at] - sum(SCORECARD.intercept)) / (2 * SCALE)
        total = intercept + sum(found.log_odds for found in SCORECARD.contributions(customer, segment))
        assert math.isclose(total, math.log(probabilities[at]) - sum(others) / 2, abs_tol=1e-6)


@given(given_signals("person"))
def test_which_event_or_benefit_it_is_never_reaches_the_model(signals):
    customer = read_signals("person", signals)
    disguised = dict(signals)
    if "life_events" in signals:
        disguised["life_events"] = [event | {"event": "KE8"} for event in signals["life_events"]]
    for name in (
        "open_matter",
        "strong_identification",
        "interpreter_needed",
        "easy_language",
        "acts_through_mandate",
    ):
        disguised.pop(name, None)
    assert features(read_signals("person", disguised)) == features(customer)


def test_nothing_known_abstains():
    assert SCORECARD.predict(read_signals("person", {})).segment is None


def test_one_known_signal_is_too_little():
    assert SCORECARD.minimum_known >= 2
    assert SCORECARD.predict(read_signals("person", {"omakela_logins_90d": 2})).segment is None


KNOWN = read_signals(
    "person",
    {"omakela_logins_90d": 9, "benefits_started_6m": 1, "life_events": [{"event": "KE8", "months_ago": 1}]},
)


def test_a_segment_is_named_at_the_very_probability_from_which_the_model_names_one():
    found = SCORECARD.predict(KNOWN)
    above = math.nextafter(found.probability, 1)
    assert (
        replace(SCORECARD, abstain_below=found.probability).predict(KNOWN).segment
        == found.segment
        is not None
    )
    assert replace(SCORECARD, abstain_below=above).predict(KNOWN).segment is None


def test_a_prediction_is_confident_at_the_very_probability_from_which_it_counts_as_such():
    probability = SCORECARD.predict(KNOWN).probability
    at, above = (
        replace(SCORECARD, abstain_below=0, confident_from=bound).predict(KNOWN).confident
        for bound in (probability, math.nextafter(probability, 1))
    )
    assert (at, above) == (True, False)


def test_what_adds_nothing_to_a_segment_or_speaks_against_it_is_no_reason_for_it():
    found = SCORECARD.predict(KNOWN)
    tables = [table | {"rows": [[7, 7, 7] for _ in table["rows"]]} for table in DOCUMENT["tables"]]
    flat = read_scorecard(DOCUMENT | {"tables": tables})
    assert flat.predict(KNOWN).segment is not None
    assert flat.reasons(KNOWN, flat.predict(KNOWN)) == []
    assert SCORECARD.reasons(KNOWN, found)
    assert all(reason.log_odds > 0 for reason in SCORECARD.reasons(KNOWN, found))


def test_the_least_that_a_table_can_add_to_a_segment_is_a_reason_for_it():
    row = [int(segment != SEGMENTS[-1]) for segment in SEGMENTS]
    table = {"features": ["omakela_logins_90d"], "edges": [[]], "rows": [row, [0, 0, 0]]}
    card = read_scorecard(DOCUMENT | {"tables": [table]})
    prediction = card.predict(KNOWN)._replace(segment=SEGMENTS[0])
    assert card.reasons(KNOWN, prediction) == [(("omakela_logins_90d",), 1 / (2 * SCALE))]


def broken(change):
    document = copy.deepcopy(DOCUMENT)
    change(document)
    return document


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda document: document.update(format=99), id="format"),
        pytest.param(lambda document: document.update(feature_contract="x"), id="feature contract"),
        pytest.param(lambda document: document.pop("segments"), id="no segments"),
        pytest.param(lambda document: document.update(segments="steady"), id="segments as a text"),
        pytest.param(
            lambda document: document.update(segments=["a", "b"]), id="fewer segments than numbers in a row"
        ),
        pytest.param(lambda document: document.update(segments=["a", "b", "b"]), id="a segment twice"),
        pytest.param(
            lambda document: document.update(segments=["a", "b", 3]), id="a segment that is no text"
        ),
        pytest.param(lambda document: document.update(segments=["a", "b", "C"]), id="a segment in capitals"),
        pytest.param(
            lambda document: document.update(segments=["a", "b", "unknown"]), id="unknown as a segment"
        ),
        pytest.param(
            lambda document: document.update(segments=["a", "b", "employer"]), id="employer as inferred"
        ),
        pytest.param(lambda document: document["tables"][0]["rows"].pop(), id="a row missing"),
        pytest.param(lambda document: document["tables"][0]["rows"][0].pop(), id="a number missing"),
        pytest.param(
            lambda document: document["tables"][0]["rows"][0].__setitem__(0, 1 << 40), id="beyond int32"
        ),
        pytest.param(
            lambda document: document["tables"][0]["rows"][0].__setitem__(0, 1 << 31), id="one beyond int32"
        ),
        pytest.param(
            lambda document: document["tables"][0]["rows"][0].__setitem__(0, 0.5), id="not a whole number"
        ),
        pytest.param(lambda document: document["tables"][0]["edges"][0].reverse(), id="edges out of order"),
        pytest.param(
            lambda document: document["tables"][0].update(features=["sex"]), id="a barred attribute"
        ),
    ],
)
def test_a_scorecard_that_is_not_ours_is_refused(change):
    with pytest.raises(ArtifactError):
        read_scorecard(broken(change))


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        (
            (*SEGMENTS, "recovering", "young"),
            (
                r"the model was never taught recovering, young, which the vocabulary names as inferred; train on labels that name every"
                r" inferred segment, or say in the vocabulary that it is not inferred"
            ),
        ),
        (
            ("steady", "changing"),
            (
                r"the model infers supported, which the vocabulary does not name as inferred; train again without, or add it to the"
                r" vocabulary"
            ),
        ),
    ],
)
def test_a_model_of_other_segments_than_the_vocabulary_infers_is_refused_and_says_train(segments, message):
    with pytest.raises(ArtifactError, match=rf"^{message}$"):
        read_scorecard(DOCUMENT, segments=segments)


@pytest.mark.parametrize("segments", [SEGMENTS, SEGMENTS[::-1], None], ids=str)
def test_a_model_of_the_segments_that_the_vocabulary_infers_is_read_in_its_own_order(segments):
    assert read_scorecard(DOCUMENT, segments=segments).segments == ("steady", "changing", "supported")


def test_every_feature_has_a_table():
    assert {name for table in DOCUMENT["tables"] for name in table["features"]} == set(FEATURES)
