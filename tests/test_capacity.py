"""Scarce channels are given in the stated order, guarantees outrank room, and nobody is left without an answer."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from test_score import simulated

from testing.shipped import CHANNELS, SIGNALS, lookups, read_signals
from training.scoring import capacity
from training.scoring import command as score

LIMITS = (("phone_appointment", 60), ("service_point", 10))
PHONE, POINT, WEB = 0, 1, -1  # positions in the limits; every channel without one is -1


@pytest.fixture
def run(bundles, monkeypatch, tmp_path):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    monkeypatch.chdir(tmp_path)
    simulated(tmp_path / "in.parquet", 6000, group=1000)

    def run(target, *options):
        shown = CliRunner().invoke(
            score.main,
            [
                "in.parquet",
                target,
                "--as-of",
                "2026-11-21",
                "--with-segment",
                "--purpose",
                "a test",
                *options,
            ],
        )
        assert shown.exit_code == 0, shown.output
        return pq.read_table(target).to_pylist()

    return run


def limited(run, *options, target="limited.parquet"):
    return run(target, "--capacity", ",".join(f"{name}={room}" for name, room in LIMITS), *options)


def test_room_is_kept_and_who_does_not_fit_gets_another_full_answer(run, tmp_path):
    free, given = run("free.parquet"), limited(run)
    told = json.loads((tmp_path / "limited.parquet.manifest.json").read_text())
    for before, after in zip(free, given, strict=True):
        mark = after.pop("capacity")
        asked = before["item_1_channel"] in dict(LIMITS)
        assert (mark is not None) == asked
        if mark == "next_best":
            assert after["item_1_channel"] not in {before["item_1_channel"], None}
            assert after["human_channel"]
            assert (after["statutory"], after["segment"]) == (before["statutory"], before["segment"])
        elif mark != "over_room":
            assert after == before
    for name, room in LIMITS:
        first = sum(row["item_1_channel"] == name for row in given)
        channel = told["capacity"]["channels"][name]
        assert first == channel["given"] <= room + channel["beyond_room"]
        assert channel["wanted"] == sum(row["item_1_channel"] == name for row in free) > room
    counted = {name: sum(row["item_1_channel"] == name for row in given) for name in CHANNELS}
    assert told["tally"]["channel"] == {name: n for name, n in counted.items() if n}


def test_every_guarantee_holds_also_for_those_who_did_not_fit(run, recommender, tmp_path):
    customers = pq.read_table(tmp_path / "in.parquet").to_pylist()
    moved = 0
    for row, answer in zip(customers, limited(run), strict=True):
        if answer["capacity"] != "next_best":
            continue
        moved += 1
        kind = row["customer_type"]
        values = {name: row[name] for name in SIGNALS[kind] if row[name] is not None}
        signals = read_signals(kind, values)
        facts = lookups(signals, recommender._predict(signals))[0]
        channel, content = answer["item_1_channel"], (answer["item_1_content_type"],)
        assert recommender.rulebook.permits(kind, facts, channel=channel, content=content)
    assert moved > 20


def test_neither_chunks_nor_workers_change_who_is_served(run):
    whole = limited(run, "--seed", "5")
    assert (
        limited(run, "--seed", "5", "--chunk-rows", "1000", "--workers", "2", target="parts.parquet") == whole
    )
    assert limited(run, "--seed", "6", target="other.parquet") != whole


def orders():
    """Wishes for two limited channels: who wants which, what they get where it is full, need, waiting and tie."""
    row = st.tuples(
        st.sampled_from([PHONE, POINT]),
        st.sampled_from(["free", "bound", "other"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.binary(min_size=16, max_size=16),
    )
    return st.lists(row, min_size=1, max_size=40)


def table_of(rows):
    sets = capacity.closed_sets([name for name, _ in LIMITS])
    wants = {f"wants_{at}": [] for at in range(len(sets))}
    for first, kind, *_ in rows:
        other = POINT if first == PHONE else PHONE
        for at, closed in enumerate(sets):
            full = {[name for name, _ in LIMITS].index(name) for name in closed}
            options = {"free": [first, WEB], "bound": [first], "other": [first, other, WEB]}[kind]
            wants[f"wants_{at}"].append(next((c for c in options if c not in full), first))
    return pa.table(
        {
            "row": range(len(rows)),
            "need": [row[2] for row in rows],
            "waiting": [row[3] for row in rows],
            "tie": pa.array([row[4] for row in rows], pa.binary(16)),
            **wants,
        }
    )


@given(rows=orders(), phone=st.integers(0, 12), point=st.integers(0, 12))
def test_serving_in_runs_is_serving_one_after_the_other(rows, phone, point):
    limits = (("phone_appointment", phone), ("service_point", point))
    found = capacity.allocate(table_of(rows), limits)
    sets = capacity.closed_sets([name for name, _ in limits])
    table = table_of(rows).to_pylist()
    last = f"wants_{len(sets) - 1}"
    turn = sorted(
        range(len(rows)),
        key=lambda at: (table[at][last] == WEB, -rows[at][2], -rows[at][3], rows[at][4]),
    )
    room, full = {PHONE: phone, POINT: point}, set()
    got = {}
    for at in turn:
        while True:
            wanted = table[at][f"wants_{sets.index(frozenset(limits[c][0] for c in full))}"]
            if wanted in full or wanted not in room or room[wanted] > 0:
                break
            full.add(wanted)
        if wanted in room and wanted not in full:
            room[wanted] -= 1
        got[at] = wanted
    assert [table[at][f"wants_{found.closed[at]}"] for at in range(len(rows))] == [
        got[at] for at in range(len(rows))
    ]
    marked = np.asarray(found.marks) == 1
    assert marked.tolist() == [got[at] != table[at]["wants_0"] for at in range(len(rows))]


@pytest.mark.parametrize(
    "asked", ["fax=3", "phone_appointment", "phone_appointment=-1", "phone_appointment=many"]
)
def test_a_limit_that_is_none_is_refused(bundles, monkeypatch, asked):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    shown = CliRunner().invoke(score.main, ["in.csv", "out.csv", "--capacity", asked])
    assert shown.exit_code == 2
    assert "channel=number" in shown.output


def test_a_channel_that_the_bundle_has_not_is_told_with_the_one_that_was_meant(bundles, monkeypatch):
    monkeypatch.setenv("ARKI_BUNDLES", str(bundles))
    shown = CliRunner().invoke(score.main, ["in.csv", "out.csv", "--capacity", "phone_apointment=3"])
    assert shown.exit_code == 2
    assert "Did you mean phone_appointment?" in " ".join(shown.output.split())
