"""Two rulebooks are compared exactly, in cells and in people; the column form of facts agrees with the row form."""

import copy
import json
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import given_signals

from models import analysis, authoring, commands
from models.columns import cells_of, facts_of
from models.comparison import EditionError, difference, read_edition
from models.customer_files import CustomerFileError
from models.example_customers import Inventor
from models.facts import FACTS, feasible_blocks, lookups, may_personalise
from models.impact import impact, read_population
from models.offers import kinds_offered
from models.promises import outcome_of
from models.scorecard import read_scorecard
from models.signals import CONTRACT, read_signals
from models.text_blocks import CustomerBatch
from training.files import EVENTS_TYPE, LIST_TYPE

DAY = date(2026, 11, 21)
TYPES = {
    "count": pa.int64(),
    "yes_no": pa.bool_(),
    "choice": pa.string(),
    "choices": LIST_TYPE,
    "life_events": EVENTS_TYPE,
}


@pytest.fixture(scope="module")
def card():
    return read_scorecard(json.loads(analysis.SCORECARD.read_bytes()))


@pytest.fixture(scope="module")
def folders(tmp_path_factory, authored):
    """Two compiled rulebooks: the shipped one, and one in which a rule has another channel."""
    edited = copy.deepcopy(authored.rulebook)
    next(rule for rule in edited["person"] if rule["id"] == "job-loss-guidance")["then"]["channel"] = (
        "callback"
    )
    found = []
    for rulebook in (authored.rulebook, edited):
        folder = tmp_path_factory.mktemp("edition")
        (folder / "rulebook.json").write_text(json.dumps(rulebook), encoding="utf-8")
        (folder / "channels.json").write_text(json.dumps(authored.channels), encoding="utf-8")
        found.append(str(folder))
    return found


@pytest.fixture(scope="module")
def editions(folders, tmp_path_factory):
    return [read_edition(name, tmp_path_factory.getbasetemp()) for name in folders]


def table_of(customers):
    """An Arrow table of (customer type, signals), as arki-score reads one."""
    signals = {name: signal for contract in CONTRACT.values() for name, signal in contract.items()}
    columns = {
        name: pa.array([given.get(name) for _, given in customers], TYPES[s.kind])
        for name, s in signals.items()
    }
    kinds = [kind for kind, _ in customers]
    groups = [f"group {at % 3}" for at in range(len(customers))]
    return pa.table({"customer_type": kinds, "audit_group": groups, **columns})


def rows_of(customers, card):
    """The facts of each customer's lookups, by the row form, persons first."""
    found = []
    for wanted in FACTS:
        for kind, given_values in customers:
            if kind == wanted:
                signals = read_signals(kind, given_values)
                asked = kind == "person" and may_personalise(signals)
                found.append(lookups(signals, card.predict(signals) if asked else None))
    return found


def customers():
    return st.lists(
        st.sampled_from(["person", "employer"]).flatmap(
            lambda kind: given_signals(kind).map(lambda g: (kind, g))
        ),
        min_size=1,
        max_size=12,
    )


@settings(max_examples=40, deadline=None)
@given(customers=customers())
def test_the_column_form_of_facts_agrees_with_the_row_form(card, customers):
    [batch] = table_of(customers).to_batches()
    found = [
        [facts_of(cells.customer_type, int(cell)) for cell in row if cell >= 0]
        for cells in cells_of(CustomerBatch(batch, textual=False, numbers=range(batch.num_rows)), card)
        for row in cells.cells
    ]
    assert found == rows_of(customers, card)


def test_a_csv_population_is_the_same_as_a_parquet_one(card, tmp_path):
    from training.population import population

    table = population(3000, 11)
    pq.write_table(table, tmp_path / "p.parquet")
    shown = CliRunner()
    from training import train

    made = shown.invoke(
        train.main, ["population", str(tmp_path / "p.csv"), "--customers", "3000", "--seed", "11"]
    )
    assert made.exit_code == 0, made.output
    one, other = (
        [cells for batch in read_population(tmp_path / name) for cells in cells_of(batch, card)]
        for name in ("p.parquet", "p.csv")
    )
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.cells, b.cells)
        assert np.array_equal(a.preferred, b.preferred)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.txt", "x", "is not one of .parquet, .csv"),
        ("p.csv", "a,b\n1,2\n", "no column customer_type"),
        ("p.parquet", "not parquet", "cannot be read"),
        ("p.csv", "customer_type\nperson,many\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_population_is_told_so(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(CustomerFileError, match=words):
        list(read_population(tmp_path / name))


def test_the_difference_is_exact(editions):
    """Every cell in which some rule's answer differs, counted against asking a sample of cells and all deciding rules."""
    old, new = editions
    found = difference(old, new, day=DAY, inventor=Inventor(analysis.read_model()))
    assert found.cells == 3_144_259
    assert {(change.old.id, change.new.id) for change in found.changes} == {
        ("job-loss-guidance", "job-loss-guidance")
    }
    [change] = found.changes
    assert change.cells == found.changed > 1000
    assert change.customer is not None
    tables = [edition.rulebook.tables["person"] for edition in editions]
    rng = np.random.default_rng(1)
    differing = 0
    for block in feasible_blocks("person"):
        for _ in range(1500):
            cell = {name: values[rng.integers(len(values))] for name, values in block.items()}
            one, other = (outcome_of(table.choose(cell)) for table in tables)
            assert (one != other) == (tables[0].choose(cell).id == "job-loss-guidance")
            differing += one != other
    back = difference(new, old, day=DAY)
    assert back.changed == found.changed


def test_a_rulebook_differs_from_itself_in_nothing(editions):
    assert difference(editions[0], editions[0], day=DAY) == ((), 3_144_259)


def test_impact_counts_each_customer_as_recommending_to_each_would(editions, card, tmp_path):
    from training.population import population

    table = population(4000, 3)
    pq.write_table(table, tmp_path / "p.parquet", row_group_size=1500)
    found = impact(*editions, tmp_path / "p.parquet", day=DAY, scorecard=card, inventor=Inventor(card))
    changed = 0
    first = {"old": 0, "new": 0}
    for row in table.to_pylist():
        kind = row["customer_type"]
        given_values = {n: v for n, v in row.items() if n in CONTRACT[kind] and v is not None}
        signals = read_signals(kind, given_values)
        asked = kind == "person" and may_personalise(signals)
        differs = False
        for at, facts in enumerate(lookups(signals, card.predict(signals) if asked else None)):
            channels = []
            for edition in editions:
                rule = edition.rulebook.tables[kind].choose(facts)
                wished = given_values.get("preferred_channel") if may_personalise(signals) else None
                content = wished and kinds_offered(rule, edition.channels[wished])
                wins = wished and edition.rulebook.permits(kind, facts, channel=wished, content=content)
                channels.append((wished if wins else rule.channel, rule.id if not wins else "preferred"))
            if at == 0:
                first["old"] += channels[0][0] == "callback"
                first["new"] += channels[1][0] == "callback"
            differs |= channels[0] != channels[1]
        changed += differs
    assert (found.customers, found.changed) == (4000, changed)
    assert changed > 0
    load = next(load for load in found.loads if load.channel == "callback")
    assert (load.old, load.new) == (first["old"], first["new"])
    assert load.capacity_per_day == 1600
    assert sum(move.customers for move in found.channels) == changed
    assert sum(move.customers for move in found.segments) == changed
    sexes = [group for group in found.groups if group.column == "audit_sex"]
    assert sum(group.changed for group in sexes) <= changed
    assert len(found.examples) <= 20
    assert all(example.old_rule == "job-loss-guidance" for example in found.examples)
    assert all(example.customer for example in found.examples)


def test_impact_and_diff_tell_what_they_found(folders, tmp_path, monkeypatch):
    from training.population import population

    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path / "none"))
    pq.write_table(population(3000, 3), tmp_path / "p.parquet")
    shown = CliRunner().invoke(
        commands.rulebook, ["impact", *folders, "--population", str(tmp_path / "p.parquet")]
    )
    assert shown.exit_code == 0, shown.output
    for words in (
        "of 3,000 customers get another answer",
        "web_page -> callback",
        "capacity 1,600 (assumption)",
        "cost per contact:",
        "audit_sex: changed",
        "example customers, invented",
        "job-loss-guidance ->",
    ):
        assert words in shown.output
    as_json = CliRunner().invoke(
        commands.rulebook, ["impact", *folders, "--population", str(tmp_path / "p.parquet"), "--json"]
    )
    assert json.loads(as_json.output)["customers"] == 3000
    shown = CliRunner().invoke(commands.rulebook, ["diff", *folders, "--as-of", "2026-11-21"])
    assert "channel: web_page -> callback" in shown.output
    assert "of 3,144,259 cells get another answer." in shown.output.splitlines()[-1]


def test_a_bundle_can_be_compared_by_its_digest_and_a_folder_by_its_path(bundles, tmp_path):
    from models import bundle

    digest = bundle.current(bundles)
    edition = read_edition(digest[:12], bundles)
    assert difference(edition, read_edition(str(bundles / digest), bundles), day=DAY).changed == 0
    assert difference(edition, read_edition(str(authoring.RULEBOOK), bundles), day=DAY).changed == 0
    with pytest.raises(EditionError, match=r"neither a folder with rules\.yaml nor the digest of one bundle"):
        read_edition("feed", bundles)


def test_a_rulebook_with_errors_is_not_compared(tmp_path):
    (tmp_path / "rulebook").mkdir()
    (tmp_path / "rulebook" / "rules.yaml").write_text("hit_policy: any\n", encoding="utf-8")
    with pytest.raises(EditionError, match="has errors"):
        read_edition(str(tmp_path), tmp_path)


@pytest.mark.slow
def test_five_million_customers_are_weighed(editions, card, tmp_path):
    from training.population import population

    part = population(700_000, 5)
    with pq.ParquetWriter(tmp_path / "p.parquet", part.schema) as file:
        for _ in range(8):
            file.write_table(part)
    found = impact(*editions, tmp_path / "p.parquet", day=DAY, scorecard=card, inventor=Inventor(card))
    assert found.customers == 5_600_000


@settings(max_examples=4, deadline=None)
@given(day=st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_the_day_chooses_nothing_where_no_rule_has_days(editions, day):
    assert difference(*editions, day=day).changed == difference(*editions, day=DAY).changed
