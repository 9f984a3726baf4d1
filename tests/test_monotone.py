"""Order: more trouble in handling a matter never speaks against *supported*, in the estimator and in the served table."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from training.learning.dataset import read_dataset
from training.learning.monotone import MonotoneLogisticRegression
from training.learning.pipeline import RISING, calibrate, compile_scorecard, find_pairs, fit
from training.reporting.artifacts import ARTIFACTS
from training.simulation.population import population

THRESHOLDS = {"abstain_below": 0.5, "confident_from": 0.8, "minimum_known": 2}


@pytest.fixture(scope="module")
def people():
    return read_dataset(population(8_000, seed=17, with_employers=False), "the simulation")


def leads(table):
    """The supported row less each other, over the bins of known values."""
    rows = np.array(table["rows"][:-1])
    return rows[:, -1:] - rows[:, :-1]


def assert_ordered(scorecard):
    tables = {tuple(table["features"]): table for table in scorecard["tables"]}
    for name in RISING:
        assert (np.diff(leads(tables[(name,)]), axis=0) >= 0).all(), name
        assert not [features for features in tables if len(features) > 1 and name in features]


def test_the_shipped_table_never_falls():
    assert_ordered(json.loads((ARTIFACTS / "scorecard.json").read_text()))


def test_the_order_survives_calibration_and_rounding(people):
    pipeline = fit(people, ((0, 4),))
    calibrate(pipeline, people)
    assert_ordered(compile_scorecard(pipeline, THRESHOLDS, people.segments))


def test_labels_that_fall_are_held_flat(people):
    """Where the data say the opposite of sense, the served table says nothing, and missing stays free."""
    at = 12  # repeat_contacts_30d
    spoilt = people.take(np.arange(len(people.y)))
    known = ~np.isnan(spoilt.X[:, at])
    spoilt.X[known, at] = np.where(spoilt.y[known] == 2, 0, 4 + spoilt.y[known])
    free = compile_scorecard(fit(spoilt, rising=False), THRESHOLDS, people.segments)
    held = compile_scorecard(fit(spoilt), THRESHOLDS, people.segments)
    assert (np.diff(leads(free["tables"][at]), axis=0) < 0).any()
    assert_ordered(held)
    assert (np.diff(leads(held["tables"][at]), axis=0) == 0).any()  # held where the labels fall


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000))
def test_any_data_give_an_ordered_estimator(seed):
    rng = np.random.default_rng(seed)
    columns = (rng.random((300, 6)) < 0.4).astype(float)
    labels = rng.integers(0, 3, 300)
    model = MonotoneLogisticRegression(rising=(0, 2, 5), C=1.0).fit(columns, labels)
    assert (model.coef_[-1] - model.coef_[:-1])[:, [0, 2, 5]].min() >= -1e-12


def test_without_a_constraint_it_is_scikit_learns_own_estimator(people):
    rng = np.random.default_rng(1)
    columns, weight = (people.X[:3_000, :6] > 1).astype(float), rng.random(3_000) + 0.5
    labels = people.y[:3_000]
    ours = MonotoneLogisticRegression(C=0.3).fit(columns, labels, sample_weight=weight)
    theirs = LogisticRegression(C=0.3, solver="newton-cholesky", tol=1e-8, max_iter=200)
    theirs.fit(columns, labels, sample_weight=weight)
    np.testing.assert_allclose(ours.predict_proba(columns), theirs.predict_proba(columns), atol=1e-5)


def test_of_two_classes_it_is_scikit_learns_own_estimator_with_the_penalty_shared_by_both(people):
    """Scikit-learn holds one row for two classes; two rows of half its size each have half the penalty."""
    columns, labels = (people.X[:3_000, :6] > 1).astype(float), (people.y[:3_000] > 0).astype(int)
    ours = MonotoneLogisticRegression(C=0.3).fit(columns, labels)
    theirs = LogisticRegression(C=0.6, solver="newton-cholesky", tol=1e-8, max_iter=200).fit(columns, labels)
    assert ours.coef_.shape == (2, 6)
    np.testing.assert_allclose(ours.predict_proba(columns), theirs.predict_proba(columns), atol=1e-5)
    assert (ours.predict(columns) == theirs.predict(columns)).all()


def test_the_constraint_costs_as_little_as_it_can(people):
    """The refit is the best model under the order: no small step that keeps the order lowers the loss."""
    rng = np.random.default_rng(2)
    columns = (rng.random((500, 4)) < 0.5).astype(float)
    labels = np.where(columns[:, 0] > 0, rng.integers(0, 2, 500), rng.integers(0, 3, 500))
    model = MonotoneLogisticRegression(rising=(0,), C=1.0).fit(columns, labels)
    padded = np.hstack([columns, np.ones((500, 1))])
    found = np.hstack([model.coef_, model.intercept_[:, None]])
    lead = found[-1] - found[:-1]
    best, *_ = model._loss(lead, padded, np.eye(3)[labels], np.ones(500))
    for _ in range(200):
        step = rng.normal(0, 0.01, lead.shape)
        tried = lead + step
        tried[:, 0] = np.maximum(tried[:, 0], 0)
        assert model._loss(tried, padded, np.eye(3)[labels], np.ones(500))[0] >= best - 1e-6


def test_no_signal_of_trouble_joins_a_pair(people):
    from models.decision.scorecard import FEATURES

    found = find_pairs(fit(people), people, 100)
    assert found
    assert not {FEATURES[at] for pair in found for at in pair} & set(RISING)
