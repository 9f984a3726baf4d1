"""The goals and what was measured of each: a figure, the bound, whether it holds. Ratios of one run alone."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.contestants import WITH_DUTIES

MODEL_SERVERS = ("LitServe", "MLServer", "BentoML", "MLflow")
GIVEN_OURS = ("LitServe, Arki's recommend", "BentoML, Arki's recommend")
ZEN = "zen-engine, static loader"
_MORE = "an answer runs nearly three times a hello's bytecodes (table *steps*); what is left is spread thin"
_LIBRARIES = "marshmallow, prometheus_client, Babel and the bundle beside Flask, in each of two workers"
_LONGER = "an answer takes longer than a hello, so more of them wait behind one another"
_IMPORTS = "two workers import and load at once on the machine's cores"
_PIPELINE = "the bound is from a trial whose pipeline took 7 to 11 ms a row; the fastest usual one, served here, takes less"
_LEAN = (
    "the server is given a recommend of some 40 µs, and leaves out key, limits, reference, metrics and log"
)
_AS_MUCH = "both do the same work, and runs differ by a tenth"
_MACHINE = "the machine is slower or busier than the one the bound is from"
_ZEN = "it takes some 2 % of a recommend either way"
_LARGER = "more is looked through than is kept"
_POORER = (
    "that pipeline is a poorer, linear model; Arki is over four times as fast as the estimator it compiles"
)
_FLOOR = "columns are read, checked and scored between"
_NAIVE = "one customer at a time is faster on this machine than where the bound is from"


@dataclass(frozen=True)
class Goal:
    """One figure beside its bound; `holds` is None where it was not measured. `why` is the reason where it is missed."""

    name: str
    figure: float | None
    bound: str
    holds: bool | None
    goal: str = ""
    why: str = ""
    distance: str = ""


def goals(parts: dict[str, Any]) -> list[dict[str, Any]]:
    """Every goal of the parts that were measured."""
    found: list[Goal] = []
    for part, tell in (("http", _http), ("core", _core), ("growth", _growth), ("batch", _batch)):
        if part in parts:
            found += tell(parts[part])
    return [asdict(goal) for goal in found]


def row_of(http: dict[str, Any], server: str, ask: str, *, keep_alive: bool = True) -> dict[str, Any] | None:
    """The row of a server and ask."""
    wanted = (server, ask, keep_alive)
    return next(
        (row for row in http["rows"] if (row["server"], row["ask"], row["keep_alive"]) == wanted), None
    )


def _at_least(name: str, figure: float | None, bound: float, *, goal: str = "", why: str = "") -> Goal:
    return _goal(name, figure, (f"≥ {bound:g}", operator.ge), bound, goal, why)


def _at_most(name: str, figure: float | None, bound: float, *, goal: str = "", why: str = "") -> Goal:
    return _goal(name, figure, (f"≤ {bound:g}", operator.le), bound, goal, why)


def _goal(name, figure, kind, bound, goal, why) -> Goal:
    told, holds = kind
    if figure is None:
        return Goal(name, None, told, None, goal, why or "not measured")
    rounded = round(figure, 2 if figure < 100 else 1)
    if holds(figure, bound):
        return Goal(name, rounded, told, True, goal)
    return Goal(name, rounded, told, False, goal, why, f"{abs(figure - bound) / bound:.0%}")


def _http(http: dict[str, Any]) -> Iterator[Goal]:
    hello, full = row_of(http, "hello", "hello"), row_of(http, "arki", "full")
    readme = row_of(http, "arki", "README request")
    share = "CPU per request, hello ÷ full answer"
    for asked, row in ((f"{http['customers']} customers in turn", full), ("the README's request", readme)):
        yield _at_least(f"{share}, {asked}", hello["cpu_us"] / row["cpu_us"], 0.60, goal="0.75", why=_MORE)
    yield _at_most("memory (PSS), full ÷ hello", full["pss_mib"] / hello["pss_mib"], 1.3, why=_LIBRARIES)
    half = http["half_load"]
    yield _at_most(
        f"p99 at {half['rate_per_s']} requests a second, full ÷ hello",
        half["full"]["p99_ms"] / max(half["hello"]["p99_ms"], 1e-6),
        3.0,
        why=_LONGER,
    )
    yield _at_most("start to first answer, s", http["cold_start_s"]["arki"], 1.5, why=_IMPORTS)
    for name in MODEL_SERVERS:
        figure, why = _over(http, name, "pipeline")
        yield _at_least(
            f"CPU per request, {name} with the pipeline ÷ Arki", figure, 15, goal="30", why=why or _PIPELINE
        )
    for name in GIVEN_OURS:
        figure, why = _over(http, name, "own")
        yield _at_least(f"CPU per request, {name} ÷ Arki", figure, 4, why=why or _LEAN)
    granian = row_of(http, "arki, granian", "full")
    for server in ("uvicorn", "granian"):
        name = f"{WITH_DUTIES}, {server}"
        peer = row_of(http, name, "own")
        figure = granian["cpu_us"] / peer["cpu_us"] if granian and peer else None
        why = http["not_measured"].get(name, "" if figure is None else _AS_MUCH)
        yield _at_most(f"CPU per request, Arki on granian ÷ {name}", figure, 1.0, why=why)


def _over(http: dict[str, Any], server: str, ask: str) -> tuple[float | None, str]:
    """A server's CPU per request over Arki's; None, and why, where it was not measured."""
    row, full = row_of(http, server, ask), row_of(http, "arki", "full")
    if row is None:
        return None, http["not_measured"].get(server, "not measured")
    return row["cpu_us"] / full["cpu_us"], ""


def _core(core: dict[str, Any]) -> Iterator[Goal]:
    pieces = core["pieces"]
    yield _at_most("recommend with reasons, µs", pieces["recommend"]["min_us"], 60, why=_MACHINE)
    ratio = None
    if ZEN in pieces:
        ratio = pieces["rule choice with reason"]["min_us"] / pieces[ZEN]["min_us"]
    missing = core["not_measured"].get("zen-engine", "")
    yield _at_most("rule choice ÷ zen-engine's static loader", ratio, 0.1, why=missing or _ZEN)


def _growth(growth: dict[str, Any]) -> Iterator[Goal]:
    for kind, told in (("rules", "rules"), ("items", "items of the catalogue")):
        rows = growth[kind]
        first, last = rows[0], rows[-1]
        ratio = last["recommend_us"] / first["recommend_us"]
        yield _at_most(f"answer time, {last['size']:,} ÷ {first['size']:,} {told}", ratio, 1.2, why=_LARGER)


def _batch(batch: dict[str, Any]) -> Iterator[Goal]:
    if "in_memory" not in batch:
        return
    memory, files = batch["in_memory"], batch["file_to_file"]
    yield _at_least(
        "batch in memory, per core ÷ predict_proba of a plain pipeline on a frame",
        memory["over_plain_pipeline"],
        4,
        why=_POORER,
    )
    yield _at_most("batch file to file ÷ reading and writing alone", files["over_floor"], 2, why=_FLOOR)
    yield _at_least("batch file to file ÷ one customer at a time", batch["naive"]["ratio"], 20, why=_NAIVE)
