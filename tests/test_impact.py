"""Two rulebooks are compared exactly, in cells and in people; the column form of facts agrees with the row form."""

import copy
import itertools
import json
import random
from collections import Counter
from datetime import date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import given_signals

from models.authoring import analysis, loader
from models.authoring.diff import EditionError, difference, edition_of, read_edition
from models.authoring.example_customers import Inventor
from models.authoring.impact import impact
from models.authoring.impact_report import CHANGES
from models.authoring.periods import Days, periods_to_come
from models.authoring.population_files import population_of, read_population
from models.authoring.promises import outcome_of
from models.authoring.questions import NAMES, lookups_of, signals_of
from models.cli import rulebook as arki_rulebook
from models.columns.cells import cells_of, facts_of
from models.columns.files import CustomerFileError
from models.columns.text_blocks import CustomerBatch
from models.contract.channels import HELSINKI
from models.decision.facts import may_personalise
from models.decision.scorecard import Prediction, read_scorecard
from testing.shipped import (
    FACT_SET,
    FACTS,
    LANGUAGES,
    SIGNALS,
    lookups,
    read_signals,
)
from training.files import EVENTS_TYPE, LIST_TYPE
from training.simulation.population import population

DAY = date(2026, 11, 20)
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
    edited = parts_of(authored)
    rule_of(edited, "job-loss-guidance")["then"]["channel"] = "callback"
    found = []
    for parts in (authored.parts(), edited):
        folder = tmp_path_factory.mktemp("edition")
        for name, part in parts.items():
            (folder / name).write_text(json.dumps(part), encoding="utf-8")
        found.append(str(folder))
    return found


def parts_of(authored):
    """The shipped documents, to be edited."""
    return copy.deepcopy(authored.parts())


def rule_of(parts, name):
    return next(rule for rule in parts["rulebook.json"]["person"] if rule["id"] == name)


def item_of(parts, name):
    return next(item for item in parts["catalogue.json"]["items"] if item["id"] == name)


@pytest.fixture(scope="module")
def editions(folders, tmp_path_factory):
    return [read_edition(name, tmp_path_factory.getbasetemp()) for name in folders]


def table_of(customers):
    """An Arrow table of (customer type, signals), as arki-score reads one."""
    signals = {name: signal for contract in SIGNALS.values() for name, signal in contract.items()}
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
    read = CustomerBatch(batch, textual=False, numbers=range(batch.num_rows))
    found = [
        [facts_of(cells.customer_type, int(cell), FACT_SET) for cell in row if cell >= 0]
        for cells in cells_of(read, card, FACT_SET)
        for row in cells.cells
    ]
    groups = {fact.name for facts in FACTS.values() for fact in facts if fact.is_group}
    assert found == [
        [{name: value for name, value in facts.items() if name not in groups} for facts in looked_up]
        for looked_up in rows_of(customers, card)
    ]


def test_a_csv_population_is_the_same_as_a_parquet_one(card, tmp_path):
    table = population(3000, 11)
    pq.write_table(table, tmp_path / "p.parquet")
    shown = CliRunner()
    from training.cli import train

    made = shown.invoke(
        train.main, ["population", str(tmp_path / "p.csv"), "--customers", "3000", "--seed", "11"]
    )
    assert made.exit_code == 0, made.output
    one, other = (read_population(tmp_path / name, card, FACT_SET) for name in ("p.parquet", "p.csv"))
    assert counted_of(one) == counted_of(other)


def counted_of(population):
    """How many customers put each question and are owed what."""
    counts = Counter()
    for question, owed, n in zip(population.question_of, population.owed_of, population.weight, strict=True):
        counts[population.questions[question], population.owed[owed]] += n
    return counts


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.txt", "x", "is not one of .parquet, .csv"),
        ("p.csv", "a,b\n1,2\n", "no column customer_type"),
        ("p.parquet", "not parquet", "cannot be read"),
        ("p.csv", "customer_type\nperson,many\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_population_is_told_so(card, tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(CustomerFileError, match=words):
        read_population(tmp_path / name, card, FACT_SET)


def test_the_difference_is_exact(editions):
    """Every cell in which some rule's answer differs, counted against asking a sample of cells and all deciding rules."""
    old, new = editions
    found = difference(old, new, day=DAY, inventor=Inventor(analysis.read_model(), FACT_SET))
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
    for block in FACT_SET.blocks("person"):
        for _ in range(1500):
            cell = {name: values[rng.integers(len(values))] for name, values in block.items()}
            one, other = (outcome_of(table.choose(cell)) for table in tables)
            assert (one != other) == (tables[0].choose(cell).id == "job-loss-guidance")
            differing += one != other
    back = difference(new, old, day=DAY)
    assert back.changed == found.changed


def test_a_rulebook_differs_from_itself_in_nothing(editions):
    assert difference(editions[0], editions[0], day=DAY) == ((), 3_144_259)


def weighed(old, new, population, *, day=DAY, until=None, limit=3):
    """The impact of one edition's becoming another on a day, or in the periods up to another."""
    one, other = (edition.recommender() for edition in (old, new))
    periods = periods_to_come(one, other, day=day, days=(until - day).days) if until else [Days(day, day)]
    return impact(
        one,
        other,
        population,
        periods=periods,
        inventor=Inventor(other.scorecard, FACT_SET),
        limit=limit,
        capacities=new.capacities,
    )


def signals_in(table):
    """The customers of a table as signals, in order."""
    return [
        read_signals(
            row["customer_type"],
            {n: v for n, v in row.items() if n in SIGNALS[row["customer_type"]] and v is not None},
        )
        for row in table.to_pylist()
    ]


def received(recommender, customers, at, limit):
    """What each customer receives in each language, with the hours of the channels; what a moment decides left out."""
    found = [[] for _ in customers]
    for language in LANGUAGES:
        for to, answer in zip(
            found, recommender.recommend(customers, at=at, language=language, limit=limit), strict=True
        ):
            human = answer.human_channel
            shown = [
                (i.channel, i.ptv_channel, i.content_type, i.content, i.reason.text) for i in answer.items
            ]
            places = [recommender.channels[name] for name in [human.id, *(item[0] for item in shown)]]
            hours = [opened(place, at.date()) for place in places]
            to.append((shown, human[:4], answer.statutory, answer.notice, hours))
    return found


def opened(channel, day):
    """The hours of a week, and whether the channel says that it is open at each half hour of a day."""
    halves = [datetime.combine(day, time(at // 2, at % 2 * 30), HELSINKI) for at in range(48)]
    return channel.hours, channel.hours_vary, [channel.opening(at)[0] for at in halves]


def moved_in(table, old, new, day, limit):
    """Whether each customer of a table receives something else, asked one by one."""
    at = datetime.combine(day, time(12), HELSINKI)
    customers = signals_in(table)
    was, now = (received(edition.recommender(), customers, at, limit) for edition in (old, new))
    return [one != other for one, other in zip(was, now, strict=True)]


def another_order(parts, rng):
    rule = rng.choice([rule for rule in parts["rulebook.json"]["person"] if len(rule["then"]["content"]) > 1])
    rule["then"]["content"].reverse()


def another_channel(parts, rng):
    rule = rng.choice(parts["rulebook.json"]["person"])
    rule["then"]["channel"] = rng.choice(["callback", "web_page", "chat", "service_point"])


def no_longer_first(parts, rng):
    rules = parts["rulebook.json"][rng.choice(["person", "employer"])]
    rules.insert(0, rules.pop(rng.randrange(1, len(rules) - 1)))


def withdrawn_items(parts, rng):
    for item in rng.sample(parts["catalogue.json"]["items"], 40):
        item["status"] = "draft"


def retitled_items(parts, rng):
    for item in rng.sample(parts["catalogue.json"]["items"], 25):
        for text in item["languages"].values():
            text["title"] = "Another title"


def other_hours(parts, rng):
    named = parts["channels.json"]["channels"]
    name = rng.choice([name for name, channel in named.items() if channel["hours"] != "always"])
    named[name]["hours"].pop(rng.choice(sorted(named[name]["hours"])))


def closed_that_day(parts, rng):
    closed = {"date": DAY.isoformat(), "hours": "closed", "source": "a notice"}
    of_some = {"channels": [rng.choice(["phone", "callback", "service_point"])]}
    parts["channels.json"]["days"]["exceptions"].append(closed | rng.choice([{}, of_some]))


def closing_early_that_day(parts, _rng):
    parts["channels.json"]["days"]["closes"][DAY.isoformat()] = "12:00"


def holidays_of_the_year_not_known(parts, _rng):
    parts["channels.json"]["days"]["years"] = [2020, DAY.year - 1]


def another_human_channel(parts, rng):
    for rule in rng.sample(parts["rulebook.json"]["person"], 60):
        rule["then"]["human_channel"] = "callback"  # which needs a log-in


def another_order_of_human_channels(parts, _rng):
    parts["channels.json"]["human_fallback"].reverse()
    for rule in parts["rulebook.json"]["person"]:
        rule["then"]["human_channel"] = "callback"


def another_guarantee_of_content(parts, rng):
    guarantee = next(g for g in parts["rulebook.json"]["guarantees"] if g["id"] == "easy-language-is-offered")
    guarantee["must"]["content"] = [rng.choice(["guide", "form", "appointment_offer"])]


def a_guarantee_of_content_more(parts, _rng):
    guarantee = {
        "id": "a-guide-first",
        "for": "person",
        "every": {"digital": ["self_service"]},
        "must": {"content": ["guide"]},
        "says": "a guide first",
    }
    parts["rulebook.json"]["guarantees"].append(guarantee)


def withdrawn_duties(parts, _rng):
    for item in parts["catalogue.json"]["items"]:
        if item.get("statutory"):
            item["status"] = "draft"


def renamed_channel(parts, rng):
    rng.choice(list(parts["channels.json"]["channels"].values()))["name"]["sv"] = "En annan kanal"


def another_sentence(parts, rng):
    rng.choice(parts["rulebook.json"]["person"])["because"]["en"] = "Because of something else."


def another_notice(parts, _rng):
    parts["texts.json"]["notice"]["sv"] = "Något annat."


def other_priorities(parts, rng):
    for item in rng.sample(parts["catalogue.json"]["items"], 60):
        item["priority"] = rng.randint(1, 9)


def items_in_another_order(parts, rng):
    for item in parts["catalogue.json"]["items"]:
        item.pop("review_by", None)
    rng.shuffle(parts["catalogue.json"]["items"])


EDITS = (
    another_order,
    another_channel,
    no_longer_first,
    withdrawn_items,
    retitled_items,
    other_hours,
    closed_that_day,
    closing_early_that_day,
    holidays_of_the_year_not_known,
    another_human_channel,
    another_order_of_human_channels,
    another_guarantee_of_content,
    a_guarantee_of_content_more,
    withdrawn_duties,
    renamed_channel,
    another_sentence,
    another_notice,
    other_priorities,
    items_in_another_order,
)


@pytest.fixture(scope="module")
def people(card):
    """Simulated customers: a table, and the population that it makes."""
    table = population(500, 3)
    return table, population_of(batches_of(table), card, FACT_SET)


@pytest.fixture(scope="module")
def many_people(card):
    table = population(20_000, 5)
    return table, population_of(batches_of(table), card, FACT_SET)


def batches_of(table):
    return [
        CustomerBatch(batch, textual=False, numbers=range(batch.num_rows))
        for batch in table.to_batches(max_chunksize=700)
    ]


def check_exact(authored, people, edits, limit, seed):
    """The count of a random edit is that of recommending to each customer under both versions."""
    table, counted = people
    parts = parts_of(authored)
    for edit in edits:
        edit(parts, random.Random(seed))
    old, new = edition_of("old", authored.parts()), edition_of("new", parts)
    found = weighed(old, new, counted, limit=limit)
    moved = moved_in(table, old, new, DAY, limit)
    assert (found.customers, found.changed) == (table.num_rows, sum(moved))
    for group in found.groups:
        of_group = [value == group.group for value in table[group.column].to_pylist()]
        assert group.customers == sum(of_group)
        assert group.changed == sum(a and b for a, b in zip(of_group, moved, strict=True))
    return found


@pytest.mark.parametrize(
    ("edit", "limit"),
    [
        pytest.param(edit, limit, marks=[pytest.mark.slow] if at % 3 else [])
        for at, (edit, limit) in enumerate(zip(EDITS, itertools.cycle([3, 1, 10, 1]), strict=False))
    ],
)
def test_impact_counts_each_customer_as_recommending_to_each_would(authored, people, edit, limit):
    check_exact(authored, people, [edit], limit, seed=edit.__name__)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "limit"), [(0, 1), (1, 3), (2, 10)])
@pytest.mark.timeout(1800)
def test_impact_is_exact_over_many_customers_and_edits_of_everything(authored, many_people, limit, seed):
    edits = random.Random(seed).sample(EDITS, 3)
    check_exact(authored, many_people, edits, limit, seed)


@pytest.mark.parametrize("limit", [1, 3])
def test_a_reordering_counts_those_alone_whose_items_come_in_another_order(authored, people, limit):
    def swapped(parts, _rng):
        content = rule_of(parts, "moving-self-service")["then"]["content"]
        one, other = content.index("explainer_video"), content.index("guide")
        content[one], content[other] = content[other], content[one]

    check_exact(authored, people, [swapped], limit, 0)


def test_items_that_only_change_places_count_where_their_order_decides(authored, people):
    old, new = parts_of(authored), parts_of(authored)
    for parts in (old, new):
        for item in parts["catalogue.json"]["items"]:
            for decides in ("review_by", "priority"):
                item.pop(decides, None)
    new["catalogue.json"]["items"].reverse()
    table, counted = people
    editions = edition_of("old", old), edition_of("new", new)
    found = weighed(*editions, counted, limit=3)
    assert found.changed == sum(moved_in(table, *editions, DAY, 3)) > 0


def test_a_withdrawn_guide_is_told_as_content_and_not_as_nobody(authored, people):
    parts = parts_of(authored)
    item_of(parts, "guide-general-social-security-benefit")["status"] = "draft"
    old, new = edition_of("old", authored.parts()), edition_of("new", parts)
    assert difference(old, new, day=DAY).changed == 0
    found = weighed(old, new, people[1])
    assert found.changed > 0
    assert dict(zip(CHANGES, found.by_change, strict=True))["content"] == found.changed
    assert any(seen.change == "content" and seen.old and seen.old != seen.new for seen in found.seen)


def test_hours_of_a_channel_and_sentences_are_told_apart_from_rules(authored, people):
    parts = parts_of(authored)
    del parts["channels.json"]["channels"]["callback"]["hours"]["fri"]
    old, new = edition_of("old", authored.parts()), edition_of("new", parts)
    found = weighed(old, new, people[1])
    assert found.by_change == (0, 0, found.changed, 0)
    assert found.changed > 0
    assert {(seen.change, seen.new) for seen in found.seen} == {("channels", "fri –")}
    parts = parts_of(authored)
    rule_of(parts, "job-loss-guidance")["because"]["sv"] = "Därför."
    found = weighed(old, edition_of("new", parts), people[1])
    assert found.by_change == (0, 0, 0, found.changed)
    assert [(move.old, move.customers) for move in found.languages] == [
        ("fi", 0),
        ("sv", found.changed),
        ("en", 0),
        ("se", 0),  # in Finnish, which comes first where there is no Sámi
    ]
    assert [(seen.change, seen.new) for seen in found.seen] == [("texts", "Därför.")]


def test_a_customer_whose_human_channel_is_another_counts_by_log_in(authored, people):
    old, new = parts_of(authored), parts_of(authored)
    for parts, order in ((old, ["phone", "service_point"]), (new, ["service_point", "phone"])):
        parts["channels.json"]["human_fallback"] = order
        for rule in parts["rulebook.json"]["person"]:
            rule["then"]["human_channel"] = "callback"  # in OmaKela, so for those alone who can log in
    table = people[0]
    found = weighed(edition_of("old", old), edition_of("new", new), people[1])
    cannot = [signals.values.get("strong_identification") is not True for signals in signals_in(table)]
    persons = [kind == "person" for kind in table["customer_type"].to_pylist()]
    assert found.changed == sum(a and b for a, b in zip(cannot, persons, strict=True)) < sum(persons)
    assert found.by_change == (found.changed, 0, 0, 0)
    assert [(seen.change, seen.old, seen.new) for seen in found.seen] == [("rules", "phone", "service_point")]


def test_a_day_that_is_opened_otherwise_shows_its_effect_on_that_day(authored, people):
    parts = parts_of(authored)
    days = parts["channels.json"]["days"]
    days["exceptions"].append({"date": "2026-11-25", "hours": ["10:00", "12:00"], "source": "a notice"})
    found = weighed(
        edition_of("old", authored.parts()), edition_of("new", parts), people[1], until=date(2026, 12, 4)
    )
    changed = [(period.start, period.end) for period in found.periods if period.changed]
    assert changed == [(date(2026, 11, 25), date(2026, 11, 25))]
    assert found.by_change == (0, 0, found.changed, 0)
    assert ("channels", "2026-11-25 10:00–12:00") in {(seen.change, seen.new) for seen in found.seen}


def test_holidays_of_a_year_that_only_one_version_knows_are_a_period(authored, people):
    parts = parts_of(authored)
    parts["channels.json"]["days"]["years"] = [2020, 2026]
    found = weighed(
        edition_of("old", authored.parts()), edition_of("new", parts), people[1], until=date(2027, 1, 20)
    )
    changed = [(period.start, period.end) for period in found.periods if period.changed]
    assert changed == [(date(2027, 1, 1), date(2027, 1, 20))]
    assert ("channels", "2027-01-01 ?") in {(seen.change, seen.new) for seen in found.seen}


def test_a_campaign_shows_its_effect_in_its_period(authored, people):
    parts = parts_of(authored)
    rule = rule_of(parts, "job-loss-guidance")
    campaign = copy.deepcopy(rule) | {
        "id": "autumn-campaign",
        "valid_from": "2027-09-01",
        "valid_until": "2027-11-30",
    }
    campaign["then"]["channel"] = "callback"
    rules = parts["rulebook.json"]["person"]
    rules.insert(rules.index(rule), campaign)
    old, new = edition_of("old", authored.parts()), edition_of("new", parts)
    found = weighed(old, new, people[1], until=date(2027, 12, 20))
    moved = [period for period in found.periods if period.changed]
    assert [(period.start, period.end) for period in moved] == [(date(2027, 9, 1), date(2027, 11, 30))]
    assert found.changed == moved[0].changed == sum(moved_in(people[0], old, new, date(2027, 10, 1), 3))
    assert found.day == date(2027, 9, 1)
    assert found.periods[0].start == DAY
    for one, other in itertools.pairwise(found.periods):
        assert other.start == one.end + timedelta(days=1)


def test_first_channels_load_and_moves_are_those_of_recommending_to_each(editions, people):
    table, counted = people
    found = weighed(*editions, counted)
    at = datetime.combine(DAY, time(12), HELSINKI)
    first = [
        [answer.items[0].channel for answer in edition.recommender().recommend(signals_in(table), at=at)]
        for edition in editions
    ]
    for load in found.loads:
        assert (load.old, load.new) == tuple(channels.count(load.channel) for channels in first)
    load = next(load for load in found.loads if load.channel == "callback")
    assert load.new > load.old
    assert load.capacity_per_day == 1600
    assert sum(move.customers for move in found.channels) == found.changed
    assert sum(move.customers for move in found.segments) == found.changed
    assert len(found.examples) <= 20
    assert all(example.old_rule == "job-loss-guidance" for example in found.examples)
    assert all(example.customer for example in found.examples)


@given(customers=customers())
def test_a_question_turned_into_a_customer_asks_the_same_again(card, customers):
    counted = population_of(batches_of(table_of(customers)), card, FACT_SET)
    for question in counted.questions:
        facts = dict(zip(NAMES[question.customer_type], question.facts, strict=True))
        named = facts.get("segment", "unknown")
        stated = Prediction(None if named == "unknown" else named, 1.0, (), facts.get("confidence") == "high")
        assert lookups(signals_of(question), stated) == lookups_of(question, FACT_SET)


def test_impact_and_diff_tell_what_they_found(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(tmp_path / "none"))
    pq.write_table(population(3000, 3), tmp_path / "p.parquet")
    shown = CliRunner().invoke(
        arki_rulebook.main, ["impact", *folders, "--population", str(tmp_path / "p.parquet")]
    )
    assert shown.exit_code == 0, shown.output
    for words in (
        "of 3,000 customers get another answer",
        "of at most 3 items.",
        "by period, customers who get another answer",
        "another channel or kind of content: ",
        "Days after ",
        "web_page -> callback",
        "capacity 1,600 (assumption)",
        "cost per contact:",
        "audit_sex: changed",
        "example customers, invented",
        "job-loss-guidance ->",
    ):
        assert words in shown.output
    as_json = CliRunner().invoke(
        arki_rulebook.main, ["impact", *folders, "--population", str(tmp_path / "p.parquet"), "--json"]
    )
    assert json.loads(as_json.output)["customers"] == 3000
    shown = CliRunner().invoke(arki_rulebook.main, ["diff", *folders, "--as-of", "2026-11-21"])
    assert "channel: web_page -> callback" in shown.output
    assert shown.output.splitlines()[-1].startswith("The rules come out otherwise for ")
    assert shown.output.splitlines()[-1].endswith(
        "of 3,144,259 cells. `arki-rulebook impact` counts the customers whose answer differs, by whatever was edited."
    )


def test_a_bundle_can_be_compared_by_its_digest_and_a_folder_by_its_path(bundles, tmp_path):
    from models.decision import bundle

    digest = bundle.current(bundles)
    edition = read_edition(digest[:12], bundles)
    assert difference(edition, read_edition(str(bundles / digest), bundles), day=DAY).changed == 0
    assert difference(edition, read_edition(str(loader.RULEBOOK), bundles), day=DAY).changed == 0
    with pytest.raises(EditionError, match=r"neither a folder with rules\.yaml nor the digest of one bundle"):
        read_edition("feed", bundles)


def test_a_rulebook_with_errors_is_not_compared(tmp_path):
    (tmp_path / "rulebook").mkdir()
    (tmp_path / "rulebook" / "rules.yaml").write_text("hit_policy: any\n", encoding="utf-8")
    with pytest.raises(EditionError, match="has errors"):
        read_edition(str(tmp_path), tmp_path)


@pytest.mark.slow
def test_five_million_customers_are_weighed(editions, card, tmp_path):
    part = population(700_000, 5)
    with pq.ParquetWriter(tmp_path / "p.parquet", part.schema) as file:
        for _ in range(8):
            file.write_table(part)
    found = weighed(*editions, read_population(tmp_path / "p.parquet", card, FACT_SET))
    assert found.customers == 5_600_000


@settings(max_examples=4, deadline=None)
@given(day=st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_the_day_chooses_nothing_where_no_rule_has_days(editions, day):
    assert difference(*editions, day=day).changed == difference(*editions, day=DAY).changed


def test_customers_whose_codes_one_version_alone_has_count_and_stop_nothing(authored, card):
    parts = parts_of(authored)
    words = parts["vocabulary.json"]
    words["benefits"]["newest_benefit"] = words["benefits"]["housing_allowance"]
    words["life_events"]["KE15"] = words["life_events"]["KE4"] | {"children": {}}
    editions = edition_of("old", authored.parts()), edition_of("new", parts)
    one, other = (edition.recommender() for edition in editions)
    event = [{"event": "KE15", "months_ago": 1}]
    given_signals = ({"open_matter": "newest_benefit"}, {"life_events": event}, {"minor": True})
    [batch] = table_of([("person", known) for known in given_signals]).to_batches()
    read = CustomerBatch(batch, textual=False, numbers=range(len(given_signals)))
    counted = population_of([read], card, other.facts, one.facts)
    for was, now in ((one, other), (other, one)):
        inventor = Inventor(card, now.facts)
        found = impact(was, now, counted, periods=[Days(DAY, DAY)], inventor=inventor)
        assert (found.customers, found.changed) == (3, 2)
