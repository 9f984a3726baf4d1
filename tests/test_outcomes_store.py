"""The database of outcomes, on SQLite and on a real PostgreSQL: tables, durability, counting, keeping, group commit."""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from conftest import NOW, ROOT
from sqlalchemy import create_engine, event, insert, inspect, select, text

from models.contract.intervals import newcombe, wilson
from models.decision import bundle
from service.outcomes import command as outcome_commands
from service.outcomes import retention
from service.outcomes.events import Event, OutcomesUnavailableError, WrongDatabaseError
from service.outcomes.group_commit import GroupCommit
from service.outcomes.recorder import Outcomes
from service.outcomes.retention import counts, export, migrate, purge
from service.outcomes.store import COUNTERS, REVISION, Store, cells, marks, metadata, receipts, sums, weeks
from service.security.references import References
from testing.shipped import read_signals

SECRET = "s" * 40
TODAY = date(2026, 6, 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/outcomes.db"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"arki_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.rpartition("/")[0] + f"/{name}"
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database(url):
    bare = Store(url, migrated=False)
    migrate(bare)
    bare.close()
    made = Store(url)
    yield made
    made.close()


@pytest.fixture
def references():
    return References(SECRET)


@pytest.fixture
def tokens(recommender, references):
    """A maker of references to answers alike."""
    signals = {"life_events": [{"event": "KE8", "months_ago": 1}], "benefits_started_6m": 1}
    [answer] = recommender.recommend([read_signals("person", signals)], at=NOW)
    return lambda: references.issue(answer, at=NOW), answer.items[0].content.id


def events(tokens, number, kind="shown", **given):
    make, item = tokens
    return [Event(uuid.uuid4(), make(), item, kind, NOW, given.get("grade")) for _ in range(number)]


def counted(database):
    """What is counted, over all weeks and cells."""
    found = dict.fromkeys(COUNTERS, 0)
    with database.transaction(reads=True) as connection:
        for row in connection.execute(select(weeks)).mappings():
            found = {name: found[name] + row[name] for name in COUNTERS}
    return found


def test_the_migrations_go_up_down_and_up_and_are_what_the_code_says(url):
    database = Store(url, migrated=False)
    for to in ("head", "base", "head"):
        migrate(database, to=to)
        names = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
        assert names == (set(metadata.tables) if to == "head" else set())
    with database.transaction() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    database.close()


def test_the_code_names_the_last_migration():
    assert ScriptDirectory(str(retention.MIGRATIONS)).get_current_head() == REVISION


def test_a_language_of_three_letters_is_counted_also_by_a_database_made_before(url, recommender, references):
    before = Store(url, migrated=False)
    migrate(before, to="0001")
    migrate(before)
    before.close()
    database = Store(url)
    outcomes = Outcomes(database, references, smallest=1)
    [answer] = recommender.recommend([read_signals("person", {})], at=NOW)
    token, item = references.issue(replace(answer, language="smn"), at=NOW), answer.items[0].content.id
    event = Event(uuid.uuid4(), token, item, "shown", NOW, None)
    assert [verdict.result for verdict in outcomes.record([event], client="c", now=NOW)] == ["stored"]
    with database.transaction(reads=True) as connection:
        assert connection.execute(select(cells.c.language)).scalars().all() == ["smn"]
    outcomes.close()


def test_tables_of_another_version_are_not_written_to(url):
    database = Store(url)
    with pytest.raises(WrongDatabaseError, match="arki-outcomes migrate"):
        database.check()
    database.close()


def test_every_connection_is_durable_or_not_used(database):
    with database.engine.connect() as connection:
        if database.is_sqlite:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous")
            ]
            assert found == ["wal", 2]
        else:
            found = [
                connection.exec_driver_sql(f"SHOW {name}").scalar()
                for name in ("fsync", "synchronous_commit")
            ]
            assert found == ["on", "on"]


def test_a_database_that_forgets_what_it_acknowledged_is_refused(database, url):
    if database.is_sqlite:
        wrong = Store("sqlite:///:memory:")
        said = "SQLite has journal_mode memory and not wal"
    else:
        wrong = Store(f"{url}?options=-csynchronous_commit%3Doff")
        said = "PostgreSQL has synchronous_commit off. Set it to on"
    with pytest.raises(WrongDatabaseError, match=said):
        wrong.check()
    wrong.close()


def test_a_database_that_is_away_does_not_stop_a_start(caplog):
    database = Store("postgresql+psycopg://nobody:secret@127.0.0.1:1/none")
    database.check()
    assert "cannot be reached" in caplog.text
    assert "secret" not in caplog.text
    with pytest.raises(OutcomesUnavailableError), database.transaction():
        pass
    database.close()


def test_writers_at_once_store_each_event_once_and_lose_no_count(database, references, tokens):
    writers = [Outcomes(database, references, smallest=5) for _ in range(4)]  # as many processes would
    sent = [events(tokens, 20, "opened") for _ in range(12)]

    def record(number):
        return writers[number % 4].record(sent[number % 12], client="c", now=NOW)

    with ThreadPoolExecutor(8) as threads:
        told = [verdict.result for verdicts in threads.map(record, range(24)) for verdict in verdicts]
    assert told.count("stored") == told.count("already_stored") == 240
    assert counts(database)["receipts"] == 240
    assert counts(database)["marks"] == 480
    with database.transaction(reads=True) as connection:
        waiting = connection.execute(select(cells.c.shown, cells.c.opened)).one()
    full = counted(database)
    assert (full["shown"] + waiting.shown, full["opened"] + waiting.opened) == (240, 240)
    for writer in writers:
        writer.close()


def test_nothing_is_stored_of_a_list_whose_commit_fails(database, references, tokens):
    outcomes, sent = Outcomes(database, references, smallest=5), events(tokens, 3)

    def fail(_):
        raise OutcomesUnavailableError

    event.listen(database.engine, "commit", fail)
    with pytest.raises(OutcomesUnavailableError):
        outcomes.record(sent, client="c", now=NOW)
    event.remove(database.engine, "commit", fail)
    assert set(counts(database).values()) == {0}
    assert [verdict.result for verdict in outcomes.record(sent, client="c", now=NOW)] == ["stored"] * 3
    outcomes.close()


def test_counts_wait_across_weeks_until_there_are_enough(database, references, tokens):
    outcomes = Outcomes(database, references, smallest=5)
    sent = events(tokens, 11, "helpful", grade=8)
    for at, some in ((0, sent[:3]), (1, sent[3:4]), (2, sent[4:])):
        outcomes.record(some, client="c", now=NOW + timedelta(days=at))
        assert counted(database)["shown"] == (11 if at == 2 else 0)
    assert counted(database) == dict.fromkeys(COUNTERS, 0) | {
        "shown": 11, "helpful": 11, "grades": 11, "grade_sum": 88,
    }  # fmt: skip
    outcomes.close()


def test_purge_deletes_what_is_kept_no_longer_and_nothing_the_second_time(database, references, tokens):
    outcomes = Outcomes(database, references, smallest=5)
    outcomes.record(events(tokens, 8), client="c", now=NOW)
    kept = {"receipts": 8, "marks": 8, "cells": 1, "weeks": 1, "sums": 4}
    assert counts(database) == kept
    for days, gone in (
        (5, {}),
        (6, {"receipts": 0}),
        (31, {"marks": 0}),
        (7 * 104 + 7, {"weeks": 0, "sums": 0, "cells": 0}),
    ):
        kept |= gone
        for _ in range(2):
            deleted = purge(database, now=NOW + timedelta(days=days), keep_weeks=104, step=3)
            assert counts(database) == kept
        assert set(deleted.values()) == {0}
    outcomes.close()


def test_a_receipt_outlives_every_moment_at_which_its_event_would_still_be_taken(
    database, references, tokens
):
    outcomes = Outcomes(database, references, smallest=5)
    [one] = events(tokens, 1)
    outcomes.record([one], client="c", now=NOW)
    for hours in range(0, 24 * 8, 3):
        now = NOW + timedelta(hours=hours)
        purge(database, now=now, keep_weeks=104)
        [verdict] = outcomes.record([one], client="c", now=now)
        assert verdict.result == "already_stored" if hours <= 72 else verdict.result != "stored"
    assert counts(database)["receipts"] == 0
    outcomes.close()


def test_a_purge_of_many_rows_waits_between_short_transactions(database):
    rows = [{"mark": number.to_bytes(16, "big"), "until": TODAY} for number in range(5000)]
    with database.transaction() as connection:
        connection.execute(insert(marks), rows)
    begun = []
    event.listen(database.engine, "begin", lambda _: begun.append(1))
    assert purge(database, now=NOW + timedelta(days=9), keep_weeks=104, step=500)["marks"] == 5000
    assert len(begun) >= 11


def test_the_export_is_counts_by_cell_with_the_columns_it_documents(database, references, tokens):
    outcomes = Outcomes(database, references, smallest=5)
    outcomes.record(events(tokens, 7, "opened"), client="c", now=NOW)
    [line] = map(json.loads, export(database))
    documented = (ROOT / "docs" / "outcomes-export.md").read_text()
    assert all(f"`{name}`" in documented for name in line)
    assert (line["week"], line["rule"], line["shown"], line["opened"]) == (
        "2026-06-01",
        "job-loss-guidance",
        7,
        7,
    )
    assert (line["variant"], line["propensity"]) == ("", 1)
    assert list(export(database, first=date(2026, 6, 8))) == []
    outcomes.close()


def test_nothing_that_is_kept_holds_a_reference_a_time_or_the_way_from_one_event_to_another(
    database, references, tokens
):
    outcomes = Outcomes(database, references, smallest=5)
    make, item = tokens
    token = make()
    sent = [Event(uuid.uuid4(), token, item, kind, NOW, None) for kind in ("opened", "completed")]
    outcomes.record(sent, client="c", now=NOW)
    nonce = references.read(token, now=NOW).nonce
    with database.transaction(reads=True) as connection:
        kept = {
            table: connection.execute(select(table)).all() for table in (receipts, marks, cells, weeks, sums)
        }
    columns = {column.name for table in kept for column in table.columns}
    assert columns == {
        "client", "event_id", "digest", "day", "mark", "until", "id", "rule", "content", "channel", "language",
        "variant", "propensity", "week", "cell", "dimension", "value", *COUNTERS,
    }  # fmt: skip
    said = repr(kept)
    assert not [word for word in (token, nonce, token.split(".")[1], "09:00") if word in said]
    assert len({row.mark for row in kept[marks]}) == 3  # shown, opened, completed: alike in nothing
    outcomes.close()


def run(url, *arguments):
    return CliRunner(env={"ARKI_OUTCOMES_URL": url}).invoke(outcome_commands.outcomes, list(arguments))


def test_the_command_migrates_purges_and_exports(url, tmp_path):
    assert "The database of outcomes has not the tables of this version." in run(url, "purge").stderr
    assert run(url, "migrate").stdout == "The tables are those of this version.\n"
    assert run(url, "purge").stdout == "deleted: receipts 0, marks 0, weeks 0, sums 0, cells 0\n"
    assert run(url, "export", "--since", "2026-06-01", str(tmp_path / "out.jsonl")).exit_code == 0
    assert (tmp_path / "out.jsonl").read_text() == ""
    assert run(url, "migrate", "--drop").stdout == "The tables are dropped.\n"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "Set ARKI_OUTCOMES_URL, such as sqlite:////srv/arki/outcomes.db."),
        ("mysql://a", "ARKI_OUTCOMES_URL must begin with sqlite:/// or postgresql+psycopg://"),
        ("postgresql+psycopg://a@127.0.0.1:1/b", "cannot be reached, or failed. Try again when it is back."),
    ],
)
def test_the_command_says_what_to_set(url, said):
    found = run(url, "purge")
    assert found.exit_code == 1
    assert said in found.stderr


def test_a_group_commit_tells_each_its_own_and_goes_on_after_a_failure():
    seen = []

    def write(sent):
        seen.append(len(sent))
        if "bad" in sent:
            raise OutcomesUnavailableError
        return [word.upper() for word in sent]

    group = GroupCommit(write)
    assert group.submit(["a", "b"], within_s=30) == ["A", "B"]
    with pytest.raises(OutcomesUnavailableError):
        group.submit(["bad"], within_s=30)
    assert group.submit(["c"], within_s=30) == ["C"]
    assert seen == [2, 1, 1]
    group.close()


def test_those_who_come_while_one_commit_waits_share_the_next():
    began, going, seen = threading.Event(), threading.Event(), []

    def write(sent):
        began.set()
        going.wait(30)
        seen.append(len(sent))
        return sent

    group = GroupCommit(write)
    with ThreadPoolExecutor(31) as threads:
        waiting = [threads.submit(group.submit, [0], within_s=60)]
        began.wait(30)
        waiting += [threads.submit(group.submit, [number], within_s=60) for number in range(1, 31)]
        until = time.monotonic() + 30
        while group._waiting.qsize() < 30 and time.monotonic() < until:
            time.sleep(0.001)
        going.set()
        assert [done.result() for done in waiting] == [[number] for number in range(31)]
    assert seen == [1, 30]
    group.close()


@pytest.fixture
def tried(tmp_path_factory, authored):
    """A folder of bundles whose current one tries the video first in one rule."""
    documents = json.loads(json.dumps(authored.parts()))
    rule = next(one for one in documents["rulebook.json"]["person"] if one["id"] == "job-loss-guidance")
    video = {"id": "video", "share": 40, "content": ["explainer_video", "guide"]}
    rule["experiment"] = {"id": "trial", "control_share": 60, "variants": [video]}
    folder = tmp_path_factory.mktemp("tried")
    bundle.activate(folder, bundle.build(folder, documents))
    return folder


def count_variants(database, told):
    week = date(2026, 11, 16)
    with database.transaction() as connection:
        for number, (variant, (shown, opened)) in enumerate(told.items()):
            ids = {"rule": "r", "content": "c", "channel": "web_page", "language": "fi", "variant": variant}
            connection.execute(insert(cells).values(id=number, **ids, propensity=500_000, day=week))
            connection.execute(insert(weeks).values(week=week, cell=number, shown=shown, opened=opened))


def lifts(url, monkeypatch, folder, *options):
    monkeypatch.setenv("ARKI_OUTCOMES_URL", url)
    monkeypatch.setenv("ARKI_BUNDLES", str(folder))
    return CliRunner().invoke(outcome_commands.outcomes, ["lifts", *options], catch_exceptions=False).output


def test_the_lift_of_a_variant_over_control_is_told_with_an_interval_that_holds_what_waits(
    database, url, monkeypatch, tried
):
    count_variants(database, {"trial/control": (4000, 1000), "trial/video": (6000, 3000), "": (500, 1)})
    combinations = bundle.load(tried, bundle.current(tried)).recommender.combinations()
    waiting = [4 * combinations.of("variant", f"trial/{arm}") for arm in ("video", "control")]
    least = newcombe(wilson(3000, 6000 + waiting[0]), wilson(1000 + waiting[1], 4000))
    most = newcombe(wilson(3000 + waiting[0], 6000), wilson(1000, 4000 + waiting[1]))
    assert lifts(url, monkeypatch, tried) == (
        f"trial/video: opened 50.0%, control 25.0%, difference +25.0% ({least.low:+.1%} to {most.high:+.1%})\n"
    )
    assert lifts(url, monkeypatch, tried, "--since", "2026-11-23") == (
        "No experiment has counts of a variant and of its control yet.\n"
    )


def test_no_lift_is_told_of_too_few_and_none_where_the_bundle_does_not_tell_how_many_wait(
    database, url, monkeypatch, tried
):
    told = {"trial/control": (40, 10), "trial/video": (60, 30)}
    count_variants(database, told | {"old/control": (4000, 9), "old/a": (4000, 9)})
    assert lifts(url, monkeypatch, tried) == (
        "old/a: opened at least 9 of at least 4,000, control at least 9 of at least 4,000; the bundle does not run the "
        "experiment, so how many more wait is not known. Name one that ran it with --bundle; `arki-bundle list` shows "
        "them.\n"
        "trial/video: opened at least 30 of at least 60, control at least 10 of at least 40; too few yet to say: of "
        "each, 80 more may wait.\n"
    )
    assert lifts(url, monkeypatch, tried, "--bundle", "none-such") == (
        f"Error: {tried} has 0 bundles whose digest starts with none-such; `arki-bundle list` shows them.\n"
    )
    assert lifts(url, monkeypatch, tried / "empty") == (
        f"Error: No bundle is active in {tried / 'empty'}, and a bundle tells how many counts may wait. Set "
        "ARKI_BUNDLES.\n"
    )
