"""The tables that `make bench` prints and docs/performance.md holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.goals import row_of


def tables(result: dict[str, Any]) -> dict[str, str]:
    """Every table of a result, in Markdown, by name."""
    parts, found = result["parts"], {"goals": _goals(result["goals"])}
    for name, tell in (
        ("http", _http),
        ("steps", _steps),
        ("core", _core),
        ("growth", _growth),
        ("analysis", _analysis),
        ("batch", _batch),
    ):
        if name in parts:
            found[name] = tell(parts[name])
    missing = [
        f"- {name}: {why}" for part in parts.values() for name, why in part.get("not_measured", {}).items()
    ]
    found["not measured"] = "\n".join(missing or ["Everything was measured."])
    found["conditions"] = _conditions(result)
    return found


def _conditions(result: dict[str, Any]) -> str:
    machine, http = result["machine"], result["parts"].get("http", {})
    ours = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    peers = ", ".join(
        f"{name} {version}"
        for name, version in (
            http.get("versions", {}) | result["parts"].get("core", {}).get("versions", {})
        ).items()
    )
    return "\n".join(
        [
            (
                f"Taken {result['taken_at'][:10]} in {result['seconds'] / 60:.0f} minutes on {machine['cores']} cores of"
                f" {machine['cpu']}, {machine['memory_gib']} GiB, {machine['system']}, Python {machine['python']}; load average"
                f" {result['load_average_before']} before it began. Load from {http.get('generator', 'nothing')}."
            ),
            "",
            f"Arki: {ours}.",
            "",
            f"Peers: {peers}.",
        ]
    )


def _goals(goals: list[dict[str, Any]]) -> str:
    rows = (
        (
            one["name"],
            "–" if one["figure"] is None else f"{one['figure']:g}",
            one["bound"] + (f" (goal {one['goal']})" if one["goal"] else ""),
            _verdict(one),
        )
        for one in goals
    )
    return _table(("goal", "figure", "bound", ""), rows)


def _verdict(goal: dict[str, Any]) -> str:
    if goal["holds"]:
        return "holds"
    return goal["why"] if goal["holds"] is None else f"misses by {goal['distance']}: {goal['why']}"


def _steps(steps: dict[str, dict[str, float]]) -> str:
    hello, full = steps["hello"], steps["full"]
    rows = [(name, *(f"{part.get(name, 0):,.0f}" for part in (hello, full))) for name in full]
    rows.append(("**in all**", *(f"**{sum(part.values()):,.0f}**" for part in (hello, full))))
    return _table(("bytecodes of a request in", "hello", "full answer"), rows)


def _http(http: dict[str, Any]) -> str:
    full = row_of(http, "arki", "full")
    return _table(
        (
            "server",
            "asked",
            "keep-alive",
            "CPU µs a request",
            "÷ Arki",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "PSS MiB",
            "processes",
            "start s",
        ),
        _http_rows(http, full),
    )


def _http_rows(http: dict[str, Any], full: dict[str, Any] | None) -> Iterator[tuple[Any, ...]]:
    for row in http["rows"]:
        start = http["cold_start_s"].get(row["server"], row["first_start_s"])
        ratio = "" if full is None else f"{row['cpu_us'] / full['cpu_us']:.2f}"
        cpu = f"{row['cpu_us']:,.0f}"
        if row["ask"] == "batch":
            cpu += f" ({row['cpu_us'] / http['batch']:.0f} a customer)"
        failed = f" ({row['failed']} failed)" if row["failed"] else ""
        yield (
            row["server"],
            row["ask"],
            "yes" if row["keep_alive"] else "no",
            cpu + failed,
            ratio,
            f"{row['per_s']:,.0f}",
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.1f}",
            f"{row['pss_mib']:.0f}",
            row["processes"],
            f"{start:.2f}",
        )


def _core(core: dict[str, Any]) -> str:
    whole = core["pieces"]["recommend"]["min_us"]
    rows = (
        (name, f"{one['min_us']:,.1f}", f"{one['median_us']:,.1f}", f"{one['min_us'] / whole:.2f}")
        for name, one in core["pieces"].items()
    )
    return _table(("in process, one customer", "µs, least", "µs, median", "÷ recommend"), rows)


def _growth(growth: dict[str, Any]) -> str:
    head = ("size", "answer µs", "rule choice µs", "first answers µs", "load s")
    keys = ("recommend_us", "choose_us", "first_answers_us", "load_s")
    blocks = [
        _table((kind, *head[1:]), ((f"{row['size']:,}", *(row[key] for key in keys)) for row in growth[kind]))
        for kind in ("rules", "items")
    ]
    batch = ((row["size"], row["per_customer_us"]) for row in growth["batch"])
    return "\n\n".join([*blocks, _table(("customers in a batch", "µs a customer"), batch)])


def _analysis(analysis: dict[str, Any]) -> str:
    shipped = analysis["shipped"]
    rows = [
        ("shipped, whole check", shipped["rules"], "", f"{shipped['cells']:,}", shipped["seconds"], ""),
        *(
            (
                "synthetic",
                one["rows"],
                one["facts"],
                f"{one.get('cells', 0):,}",
                one["seconds"],
                one.get("as", one.get("refused", "")),
            )
            for one in analysis["synthetic"]
        ),
    ]
    return _table(("analysis", "rows", "facts", "cells", "CPU s", "as"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _batch(batch: dict[str, Any]) -> str:
    rows = (
        (kind, name.replace("_", " "), f"{value:,}" if isinstance(value, int) else value)
        for kind in ("in_memory", "file_to_file", "naive")
        for name, value in batch.get(kind, {}).items()
    )
    return _table(
        ("batch", "figure", ""), ((kind.replace("_", " "), name, value) for kind, name, value in rows)
    )
