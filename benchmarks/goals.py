"""The goals and what was measured of each: a figure, the bound, whether it holds. Ratios of one run alone."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

MODEL_SERVERS = ("LitServe", "MLServer", "BentoML", "MLflow")
GIVEN_OURS = ("LitServe, Arki's recommend", "BentoML, Arki's recommend")
ZEN = "zen-engine, static loader"


@dataclass(frozen=True)
class Goal:
    """One figure beside its bound; `holds` is None where it was not measured."""

    name: str
    figure: float | None
    bound: str
    holds: bool | None
    goal: str = ""
    note: str = ""


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


def _at_least(name: str, figure: float | None, bound: float, goal: str = "", note: str = "") -> Goal:
    return _goal(name, figure, f"≥ {bound:g}", operator.ge, bound, goal, note)


def _at_most(name: str, figure: float | None, bound: float, goal: str = "", note: str = "") -> Goal:
    return _goal(name, figure, f"≤ {bound:g}", operator.le, bound, goal, note)


def _goal(name, figure, told, holds, bound, goal, note) -> Goal:
    if figure is None:
        return Goal(name, None, told, None, goal, note or "not measured")
    rounded = round(figure, 2 if figure < 100 else 1)
    return Goal(name, rounded, told, bool(holds(figure, bound)), goal, note)


def _http(http: dict[str, Any]) -> Iterator[Goal]:
    hello, full = row_of(http, "hello", "hello"), row_of(http, "arki", "full")
    readme = row_of(http, "arki", "README request")
    share = "CPU per request, hello ÷ full answer"
    yield _at_least(
        f"{share}, {http['customers']} customers in turn", hello["cpu_us"] / full["cpu_us"], 0.60, "0.75"
    )
    yield _at_least(f"{share}, the README's request", hello["cpu_us"] / readme["cpu_us"], 0.60, "0.75")
    yield _at_most("memory (PSS), full ÷ hello", full["pss_mib"] / hello["pss_mib"], 1.3)
    half = http["half_load"]
    yield _at_most(
        f"p99 at {half['rate_per_s']} requests a second, full ÷ hello",
        half["full"]["p99_ms"] / max(half["hello"]["p99_ms"], 1e-6),
        3.0,
    )
    yield _at_most("start to first answer, s", http["cold_start_s"]["arki"], 1.5)
    for name in MODEL_SERVERS:
        yield _at_least(
            f"CPU per request, {name} with the pipeline ÷ Arki",
            _over(http, name, "pipeline"),
            15,
            "30",
            _why(http, name),
        )
    for name in GIVEN_OURS:
        yield _at_least(f"CPU per request, {name} ÷ Arki", _over(http, name, "own"), 4, "", _why(http, name))


def _over(http: dict[str, Any], server: str, ask: str) -> float | None:
    row, full = row_of(http, server, ask), row_of(http, "arki", "full")
    return None if row is None else row["cpu_us"] / full["cpu_us"]


def _why(http: dict[str, Any], server: str) -> str:
    return http["not_measured"].get(server, "")


def _core(core: dict[str, Any]) -> Iterator[Goal]:
    pieces = core["pieces"]
    yield _at_most("recommend with reasons, µs", pieces["recommend"]["min_us"], 60)
    ratio = None
    if ZEN in pieces:
        ratio = pieces["rule choice with reason"]["min_us"] / pieces[ZEN]["min_us"]
    yield _at_most(
        "rule choice ÷ zen-engine's static loader", ratio, 0.1, "", core["not_measured"].get("zen-engine", "")
    )


def _growth(growth: dict[str, Any]) -> Iterator[Goal]:
    for kind, told in (("rules", "rules"), ("items", "items of the catalogue")):
        rows = growth[kind]
        first, last = rows[0], rows[-1]
        ratio = last["recommend_us"] / first["recommend_us"]
        yield _at_most(f"answer time, {last['size']:,} ÷ {first['size']:,} {told}", ratio, 1.2)


def _batch(batch: dict[str, Any]) -> Iterator[Goal]:
    if "in_memory" not in batch:
        return
    memory, files = batch["in_memory"], batch["file_to_file"]
    yield _at_least("batch in memory, per core ÷ predict_proba on a frame", memory["ratio"], 4)
    yield _at_most("batch file to file ÷ reading and writing alone", files["over_floor"], 2)
    yield _at_least("batch file to file ÷ one customer at a time", batch["naive"]["ratio"], 20)
