"""The simulated world: believable margins, honest labels, gaps where real channels have gaps."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.contract.codes import BARRED
from models.contract.signals import InvalidSignalsError
from models.decision.scorecard import FEATURES, features
from testing.shipped import SIGNALS, VOCABULARY, read_signals
from training.files import CustomerFileError, read_table, write_table
from training.learning.dataset import matrix, read_dataset
from training.segments import SIMULATED
from training.simulation import parameters as p
from training.simulation.labels import label
from training.simulation.life_course import simulate
from training.simulation.persons import begin
from training.simulation.population import AUDIT_COLUMNS, _known, population


@pytest.fixture(scope="module")
def table():
    return population(20_000, seed=7)


@pytest.fixture(scope="module")
def persons():
    return simulate(20_000, np.random.default_rng(7))


def signals_of(row):
    """A row of the table as the checked signals of one customer."""
    contract = SIGNALS[row["customer_type"]]
    return read_signals(
        row["customer_type"], {n: v for n, v in row.items() if n in contract and v is not None}
    )


def test_the_codes_of_the_simulation_are_those_of_the_shipped_vocabulary():
    duties, children = (
        VOCABULARY.duties,
        {c for term in VOCABULARY.life_events.values() for c in term.children},
    )
    shipped = {
        "life_events": set(VOCABULARY.life_events),
        "children": children,
        "benefits": set(duties["person"]),
        "claim_kinds": set(duties["employer"]),
        "channels": set(VOCABULARY.channels_for("person")),
    }
    assert p.CODES.keys() == shipped.keys()
    assert not {code for section, codes in p.CODES.items() for code in set(codes) - shipped[section]}


def test_whatever_the_simulation_knows_of_a_code_is_of_one_in_its_map():
    by_benefit = (p.UPTAKE, p.MATTERS_OF_BENEFIT, p.SMALL_REIMBURSEMENTS, p.INCOME_SUPPORT)
    by_event = (p.EVENT_RECORDED, p.EVENT_HAZARDS, p.SHAKE_BY_EVENT, p.STRAIN_BY_EVENT)
    assert {code for table in by_benefit for code in table} <= set(p.BENEFITS)
    assert {code for table in by_event for code in table} <= set(p.LIFE_EVENTS)


def test_the_same_seed_gives_the_same_customers():
    assert population(3_000, seed=1).equals(population(3_000, seed=1))


def test_another_seed_gives_other_customers():
    assert not population(3_000, seed=1).equals(population(3_000, seed=2))


def test_every_customer_keeps_the_signal_contract(table):
    rows = table.slice(0, 4_000).to_pylist()
    own = {kind: set(SIGNALS[kind]) for kind in SIGNALS}
    refused = []
    for row in rows:
        foreign = [
            name for name in set().union(*own.values()) - own[row["customer_type"]] if row[name] is not None
        ]
        try:
            signals_of(row)
        except InvalidSignalsError as error:
            refused.append(error)
        assert not foreign
    assert not refused


def test_every_signal_of_both_contracts_is_a_column(table):
    expected = {name for contract in SIGNALS.values() for name in contract}
    assert expected - {"customer_ref"} <= set(table.column_names)


def test_segment_shares_come_out_near_the_anchors(table):
    segments = table.filter(pc.equal(table["customer_type"], "person"))["segment"].to_pylist()
    share = {segment: segments.count(segment) / len(segments) for segment in SIMULATED}
    assert 0.02 <= share["supported"] <= 0.065
    assert 0.09 <= share["changing"] <= 0.20
    assert share["steady"] >= 0.70


def test_published_margins_are_met_within_their_tolerance(persons):
    band = persons.band()
    working_age = (band >= 2) & (band <= 5)
    assert (persons.assistance_months_12m > 0).mean() == pytest.approx(0.062, rel=0.25)
    assert (persons.state[working_age] == p.UNEMPLOYED).mean() == pytest.approx(0.095, rel=0.3)
    assert (persons.state[working_age] == p.EMPLOYED).mean() == pytest.approx(0.74, rel=0.1)
    assert np.bincount(band, minlength=9) / len(band) == pytest.approx(
        p.AGE_SHARES / p.AGE_SHARES.sum(), abs=0.015
    )


def test_courses_burn_in_for_three_years_before_they_are_observed():
    assert p.BURN_IN_MONTHS >= 36
    seen = []
    simulate(50, np.random.default_rng(1), (2026, 10), lambda _, month: seen.append(month))
    assert len(seen) == p.BURN_IN_MONTHS + p.WINDOW_MONTHS == 60
    assert (seen[0].year, seen[0].month) == (2021, 11)
    assert (seen[-1].year, seen[-1].month, seen[-1].ago) == (2026, 10, 0)


def test_spells_that_are_under_way_at_the_start_have_drawn_lengths():
    people = begin(20_000, np.random.default_rng(3))
    for state in (p.EMPLOYED, p.UNEMPLOYED, p.DISABILITY_PENSION, p.RETIRED, p.STUDENT):
        months = people.state_months[people.state == state]
        assert months.min() < 6
        assert months.max() > 24
        assert len(np.unique(months)) > 12
    assert people.assistance_months[people.on_assistance].max() > 12


def test_a_student_leaves_the_housing_allowance_in_august_2025_and_not_before():
    housed = {}

    def watch(people, month):
        students = people.state == p.STUDENT
        housed[month.year, month.month] = people.benefits[students][
            :, p.BENEFIT_INDEX["housing_allowance"]
        ].mean()

    simulate(3_000, np.random.default_rng(4), (2026, 10), watch)
    assert housed[2025, 7] > 0.4
    assert housed[2025, 8] == 0


def test_benefits_end_with_the_states_they_follow(persons):
    held = {name: persons.benefits[:, at] for name, at in p.BENEFIT_INDEX.items()}
    assert not (held["sickness_allowance"] & (persons.state != p.ILL)).any()
    assert not (held["student_aid"] & (persons.state != p.STUDENT)).any()
    assert not (held["parental_allowance"] & (persons.state != p.FAMILY_LEAVE)).any()
    assert not (held["general_social_security_benefit"] & (persons.state == p.RETIRED)).any()


def test_chunks_are_of_one_population_and_name_each_customer_once(monkeypatch):
    monkeypatch.setattr("training.simulation.population.CHUNK_PERSONS", 1_000)
    one = population(2_500, seed=5)
    assert one.num_rows == 2_500
    assert len(set(one["customer_ref"].to_pylist())) == 2_500


@pytest.mark.slow
def test_the_number_of_processes_changes_no_byte_of_many_customers():
    assert population(26_000, seed=5, processes=2).equals(population(26_000, seed=5))


def test_who_deals_less_with_kela_is_less_known(persons):
    known = _known(persons, np.random.default_rng(1))
    share = np.mean([known[name] for name in known], axis=0)
    quiet = persons.contacts_12m <= np.quantile(persons.contacts_12m, 0.5)
    busy = persons.contacts_12m > np.quantile(persons.contacts_12m, 0.9)
    assert share[busy].mean() > share[quiet].mean() + 0.05


def test_nothing_latent_is_written(table):
    assert not {"strain", "capability", "adjustment", "difficulty_12m", "state"} & set(table.column_names)


@pytest.mark.slow
def test_a_million_persons_are_simulated_within_six_gigabytes():
    code = (
        "import resource; from training.simulation.population import population;"
        "n = population(1_000_000, 1, with_employers=False, processes=2).num_rows;"
        "usage = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)];"
        "print(n, usage[0] + 2 * usage[1])"
    )
    path = pathlib.Path(tempfile.mkdtemp()) / "million.py"
    path.write_text("if __name__ == '__main__':\n    " + code)
    shown = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    n, kilobytes = shown.stdout.split()
    assert int(n) == 1_000_000
    assert int(kilobytes) <= 6 * 1024**2


def test_every_table_of_shares_is_one():
    assert p.AGE_SHARES.sum() == pytest.approx(1, abs=0.02)
    for destinations in (*p.DESTINATIONS.values(), p.FATHERS_DESTINATIONS):
        assert sum(destinations.values()) == pytest.approx(1)


def test_the_label_is_read_from_the_latent_path_and_no_function_of_the_signals(table):
    people = table.filter(pc.equal(table["customer_type"], "person"))
    seen = {}
    for row, segment in zip(
        np.nan_to_num(matrix(people), nan=-1).tolist(), people["segment"].to_pylist(), strict=True
    ):
        seen.setdefault(tuple(row), set()).add(segment)
    assert any(len(segments) > 1 for key, segments in seen.items() if max(key) >= 0)


def test_readers_of_the_guideline_differ_near_its_lines_only(persons):
    first = label(persons, np.random.default_rng(1))
    second = label(persons, np.random.default_rng(2))
    assert 0 < (first != second).mean() < 0.08


def test_a_harder_year_is_never_read_as_less_supported(persons):
    supported = SIMULATED.index("supported")
    before = label(persons, np.random.default_rng(1)) == supported
    persons.difficulty_12m += 0.5
    after = label(persons, np.random.default_rng(1)) == supported
    persons.difficulty_12m -= 0.5
    assert (after >= before).all()
    assert after.sum() > before.sum()


def test_most_lack_some_signals_and_some_lack_nearly_all(table):
    people = table.filter(pc.equal(table["customer_type"], "person"))
    known = (~np.isnan(matrix(people))).sum(axis=1)
    assert (known < len(FEATURES)).mean() > 0.7
    assert 0.02 < (known <= 1).mean() < 0.25
    assert (known >= 14).mean() > 0.10


def test_a_source_that_is_down_takes_its_signals_with_it(table):
    people = table.filter(pc.equal(table["customer_type"], "person"))
    started, ended = (
        people[name].is_null().to_numpy() for name in ("benefits_started_6m", "benefits_ended_6m")
    )
    logins = people["omakela_logins_90d"].is_null().to_numpy()
    assert (started == ended).mean() > (started == logins).mean() + 0.1


def test_barred_attributes_stand_in_audit_columns_alone(table):
    assert not BARRED & set(table.column_names)
    assert set(AUDIT_COLUMNS) == {name for name in table.column_names if name.startswith("audit_")}
    assert not any(name.startswith("audit_") for name in FEATURES)


def test_audit_columns_change_nothing_of_what_is_learnt(table):
    without = table.drop_columns(list(AUDIT_COLUMNS))
    assert read_dataset(table, "a").digest == read_dataset(without, "b").digest


def test_minors_and_objectors_are_not_learnt_from(table):
    people = read_dataset(table, "the simulation")
    persons = table.filter(pc.equal(table["customer_type"], "person"))
    minors = pc.sum(pc.fill_null(persons["minor"], fill_value=False)).as_py()
    objectors = pc.sum(pc.equal(persons["personalisation"], "objected")).as_py()
    assert minors
    assert objectors
    assert len(people.y) <= persons.num_rows - max(minors, objectors)


def test_features_are_the_ones_that_are_served(table):
    people = table.filter(pc.equal(table["customer_type"], "person")).slice(0, 3_000)
    expected = [features(signals_of(row)) for row in people.to_pylist()]
    nan_for_none = np.array([[np.nan if value is None else value for value in row] for row in expected])
    np.testing.assert_array_equal(matrix(people), nan_for_none)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_holds_the_same_customers_as_the_table(table, tmp_path, ending):
    path = tmp_path / f"customers.{ending}"
    write_table(table.slice(0, 500), path)
    back = read_table(path)
    for name in table.column_names:
        assert back[name].to_pylist() == table[name].slice(0, 500).to_pylist(), name


def test_a_foreign_ending_is_refused(tmp_path):
    with pytest.raises(CustomerFileError, match=r"ends in \.xlsx\. Give a \.csv or \.parquet file"):
        read_table(tmp_path / "customers.xlsx")


def test_a_cell_of_the_wrong_kind_is_refused_with_what_is_allowed(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text("applications_12m,segment\nmany,steady\n")
    with pytest.raises(CustomerFileError, match="applications_12m must hold whole numbers from 0 to 300"):
        read_table(path)


def test_a_column_of_nothing_is_unknown(table):
    cut = table.drop_columns(["life_events", "omakela_logins_90d"])
    empty = matrix(cut)
    assert np.isnan(empty[:, FEATURES.index("life_event_count")]).all()
    assert np.isnan(empty[:, FEATURES.index("omakela_logins_90d")]).all()
    assert isinstance(cut, pa.Table)
