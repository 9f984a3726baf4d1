"""Probabilities are rounded once, and rows and columns name the same segment at every threshold."""

import copy
import math
from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.columns.scorecard import ColumnScorecard
from models.columns.signals import MISSING
from models.contract.signals import LifeEvent, Signals
from models.decision.bundle import ARTIFACTS
from models.decision.scorecard import (
    COUNT_FEATURES,
    FEATURES,
    PLACES,
    SCALE,
    features,
    known_signals,
    read_scorecard,
    rounded,
)
from testing.shipped import SEGMENTS

DOCUMENT = orjson.loads((ARTIFACTS / "scorecard.json").read_bytes())
SCORECARD = read_scorecard(DOCUMENT)
THRESHOLDS = (SCORECARD.abstain_below, SCORECARD.confident_from)
STEP = 10.0**-PLACES
NEAR = 1e-9
OF_EXPONENTIALS = 1e-15  # how far probabilities of two good exponentials may lie apart
FEATURE = "omakela_logins_90d"


def with_rows(rows, segments=SEGMENTS):
    """A scorecard of which the value 0 of a feature has the first row of scores, 1 the second; start and rest are nothing."""
    document = copy.deepcopy(DOCUMENT)
    edges, nothing = list(range(1, len(rows))), [0] * len(segments)
    document |= {"segments": [*segments], "intercept": nothing, "minimum_known": 1}
    document["tables"] = [{"features": [FEATURE], "edges": [edges], "rows": [*map(list, rows), nothing]}]
    return read_scorecard(document)


def by_rows(card, customers):
    """Segment, probability and confidence of each customer, as the row form gives them."""
    predicted = [card.predict(customer) for customer in customers]
    return [(found.segment, found.probability, found.confident) for found in predicted]


def by_columns(card, customers):
    """The same as the column form gives them."""
    values = [[MISSING if value is None else value for value in features(each)] for each in customers]
    x = dict(zip(FEATURES, np.array(values, np.int32).T, strict=True))
    known = np.array([known_signals(each) for each in customers], np.int32)
    found = ColumnScorecard(card).predict(x, known)
    segments = [None if at == MISSING else card.segments[at] for at in found.segment.tolist()]
    return list(zip(segments, found.probability.tolist(), found.confident.tolist(), strict=True))


def customers_of(rows):
    return [Signals("person", {FEATURE: at}) for at in range(len(rows))]


def scores_near(wanted, lead):
    """Scores whose likeliest segment has a probability within `NEAR` of the wanted one: a bit below, a bit above.

    The second segment takes up nearly all of what is left, so that one step of the third moves the probability by less
    than `NEAR`.
    """
    left = 1 / wanted - 1
    second = math.ceil(-math.log(left) * SCALE) + lead
    third = -math.log(left - math.exp(-second / SCALE)) * SCALE
    return [(0, -second, -math.floor(third)), (0, -second, -math.ceil(third))]


def probability(scores):
    return 1 / math.fsum(math.exp(score / SCALE) for score in scores)


@pytest.mark.parametrize("off", [0.0, -STEP / 2], ids=["at the threshold", "where rounding reaches it"])
@pytest.mark.parametrize("threshold", THRESHOLDS)
@given(lead=st.integers(1, 12), order=st.permutations(range(3)))
def test_rows_and_columns_agree_within_a_billionth_of_each_threshold(threshold, off, lead, order):
    wanted = threshold + off
    below, above = scores_near(wanted, lead)
    assert wanted - NEAR < probability(below) < wanted < probability(above) < wanted + NEAR
    rows = [tuple(scores[at] for at in order) for scores in (below, above)]
    card, customers = with_rows(rows), customers_of(rows)
    answers = by_rows(card, customers)
    assert by_columns(card, customers) == answers
    reached = [threshold - STEP if off else threshold, threshold]
    assert [found for _, found, _ in answers] == pytest.approx(reached, abs=1e-12)
    if threshold == card.abstain_below:
        assert [segment is not None for segment, _, _ in answers] == [not off, True]
    else:
        assert [confident for _, _, confident in answers] == [not off, True]


def any_customers(count, seed):
    """Customers with any values the contract allows, half of them unknown."""
    rng = np.random.default_rng(seed)
    return [
        Signals(
            "person",
            {name: int(rng.integers(0, 14)) for name in COUNT_FEATURES if rng.random() < 0.5}
            | (
                {"life_events": tuple(LifeEvent("KE8", int(m)) for m in rng.integers(0, 25, rng.integers(3)))}
                if rng.random() < 0.5
                else {}
            ),
        )
        for _ in range(count)
    ]


def test_5_000_random_customers_get_the_same_bits_from_rows_and_columns():
    customers = any_customers(5_000, 16)
    answers = by_rows(SCORECARD, customers)
    assert by_columns(SCORECARD, customers) == answers
    assert {None, *SEGMENTS} == {segment for segment, _, _ in answers}


def test_no_random_customer_lies_where_two_exponentials_could_round_apart():
    found = np.array([SCORECARD.probabilities(features(each)) for each in any_customers(5_000, 17)])
    steps = found.ravel() / STEP
    assert np.abs(steps - np.floor(steps) - 0.5).min() * STEP > OF_EXPONENTIALS


def test_the_exponentials_of_rows_and_columns_differ_in_the_last_bit_at_most():
    """Every difference of scores up to e⁻⁴⁰, from which on nothing is added to 1."""
    differences = -np.arange((40 * SCALE) + 1) / SCALE
    of_columns = np.exp(differences)
    of_rows = np.array([*map(math.exp, differences.tolist())])
    assert (np.abs(of_columns - of_rows) <= np.spacing(of_rows)).all()


def test_scores_that_differ_at_all_never_round_to_the_same_probability():
    """The least lead there can be, of three that are as good as equal, is five times the step that is rounded to."""
    first, second, third = (0, -1, -1)
    scores = [math.exp(score / SCALE) for score in (first, second, third)]
    assert rounded(scores[0] / sum(scores)) - rounded(scores[1] / sum(scores)) >= 4 * STEP


def test_equal_scores_name_the_first_segment_in_rows_and_columns():
    rows = [(0, 0, -(40 * SCALE)), (-(40 * SCALE), 0, 0), (-1, 0, 0), (0, 0, 0)]
    card, customers = with_rows(rows), customers_of(rows)
    predicted = [card.predict(each) for each in customers]
    assert [found.probabilities.index(found.probability) for found in predicted] == [0, 1, 1, 0]
    assert by_columns(card, customers) == by_rows(card, customers)


@given(data=st.data(), size=st.integers(2, 7))
def test_any_number_of_segments_is_scored_alike_by_rows_and_columns(data, size):
    """Small scores, so that some are equal: the first of equals is named."""
    row = st.lists(st.integers(-3, 3), min_size=size, max_size=size)
    rows = data.draw(st.lists(row, min_size=1, max_size=6))
    card = replace(with_rows(rows, [f"class_{at}" for at in range(size)]), abstain_below=0.0)
    customers = customers_of(rows)
    answers = by_rows(card, customers)
    assert by_columns(card, customers) == answers
    for customer, scores, (segment, _, _) in zip(customers, rows, answers, strict=True):
        best = scores.index(max(scores))
        assert segment == card.segments[best]
        assert math.isclose(sum(card.predict(customer).probabilities), 1, abs_tol=1e-12)
        others = (sum(scores) - scores[best]) / (size - 1)
        [contribution] = card.contributions(customer, segment)
        assert contribution.log_odds == pytest.approx((scores[best] - others) / SCALE)
        reasons = card.reasons(customer, card.predict(customer))
        assert reasons == ([contribution] if scores[best] > others else [])


def test_the_least_likely_segment_has_what_the_others_leave():
    scores = [(0, -30_000, -60_000), (-60_000, 0, -30_000), (-9, 0, -40 * SCALE), (0, -SCALE, -SCALE)]
    card = with_rows(scores)
    for customer, row in zip(customers_of(scores), scores, strict=True):
        told, exact = card.predict(customer).probabilities, card.probabilities(features(customer))
        least = max(at for at in range(3) if row[at] == min(row))
        assert math.isclose(sum(told), 1, abs_tol=1e-12)
        assert told == pytest.approx(exact, abs=1.5 * STEP)
        assert min(told) >= 0
        assert all(told[at] == rounded(exact[at]) for at in range(3) if at != least)


@pytest.mark.parametrize(
    ("given_", "told"),
    [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5), (1 / 3, 0.333333), (2 / 3, 0.666667), (0.61999949, 0.619999)],
)
def test_a_probability_is_rounded_to_six_places_as_one_number_and_as_a_column(given_, told):
    assert rounded(given_) == told
    assert rounded(np.array([given_])).tolist() == [told]


def test_the_api_tells_no_more_than_six_decimals(client):
    signals = {FEATURE: 9, "benefits_started_6m": 1, "life_events": [{"event": "KE8", "months_ago": 1}]}
    found = client.post("/v1/explanations", json={"customer_type": "person", "signals": signals}).json
    told = [found["recommendation"]["segment"]["probability"], *found["probabilities"].values()]
    assert told[0] == max(told)
    assert [round(each, PLACES) for each in told] == told


def test_each_threshold_of_the_shipped_model_is_a_probability_that_rounding_gives():
    assert [rounded(threshold) for threshold in THRESHOLDS] == [*THRESHOLDS]
