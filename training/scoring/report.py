"""What a run tells at its end: a summary in lines or JSON, and a report of one HTML page with plots."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from typing import Final

from models.decision import bundle
from models.decision.recommender import Recommender
from training.scoring.options import Options
from training.scoring.runs import Outcome, Plan
from training.scoring.tallies import ordered, tell

_PLOTTED: Final = (
    ("channel", "First channel"),
    ("content_type", "First content"),
    ("segment", "Segment"),
    ("group", "Group"),
    ("rule", "Rule of the first item"),
    ("capacity", "Capacity"),
    ("refused_code", "Refused for"),
)
_MOST_BARS: Final = 25


def summary(options: Options, plan: Plan, outcome: Outcome, seconds: float) -> str:
    """The summary, as lines or as JSON."""
    tally, versions = outcome.tally, _versions(plan)
    if options.as_json:
        document = {
            **tally.as_json(),
            "personal_service": sum(tally.groups["channel"][name] for name in _human(plan)),
            "capacity_given": outcome.allocated,
            "versions": versions,
            "as_of": plan.job.metadata["as_of"],
            "chunks": len(plan.chunks),
            "chunks_resumed": outcome.resumed,
            "seconds": round(seconds, 3),
            "warnings": list(plan.warnings) or None,
            "out": None if options.dry_run else options.target,
        }
        return json.dumps(
            {name: value for name, value in document.items() if value is not None}, ensure_ascii=False
        )
    where = "nothing written" if options.dry_run else options.target
    lines = [
        f"{tally.rows:,} rows: {tally.scored:,} scored, {tally.refused:,} refused, in {seconds:.1f} s -> {where}"
    ]
    if outcome.resumed:
        lines.append(f"resumed: {outcome.resumed:,} of {len(plan.chunks):,} chunks were done before")
    if tally.refused and not options.dry_run and options.target != "-":
        lines.append(f"refused rows, with reasons: {plan.output.refused}")
    lines += [f"warning: {warning}" for warning in plan.warnings]
    lines += tell(tally, _human(plan))
    for name, figures in (outcome.allocated or {}).get("channels", {}).items():
        lines.append(
            f"room in {name}: {figures['room']:,}; wanted by {figures['wanted']:,}, given to {figures['given']:,}"
            f", {figures['beyond_room']:,} of them beyond it by a guarantee"
        )
    lines.append("versions: " + ", ".join(f"{name} {value}" for name, value in versions.items()))
    return "\n".join(lines)


def report(path: Path, plan: Plan, outcome: Outcome, seconds: float) -> None:
    """Write the summary with plots as one HTML page that needs nothing else."""
    tally = outcome.tally
    parts = []
    groups = _recommender(plan).vocabulary.groups
    for name, title in _PLOTTED:
        counts = ordered(tally.groups[name])
        if name == "group":
            counts = [(f"{groups[code].name.get('en', code)} ({code})", count) for code, count in counts]
        if counts:
            rows = "".join(f"<tr><td>{html.escape(value)}<td>{count:,}" for value, count in counts)
            parts.append(
                f"<h2>{title}</h2><img alt='{title}: the table below as bars' src='{_bars(counts)}'>"
                f"<table><thead><tr><th>{title}<th>customers<tbody>{rows}</table>"
            )
    versions = ", ".join(f"{name} {value}" for name, value in _versions(plan).items())
    path.write_text(
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Arki: batch scoring</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "img{max-width:100%}td,th{text-align:left;padding:.1rem 1.5rem .1rem 0}td+td{text-align:right}</style>"
        f"<h1>Batch scoring</h1><p>{tally.rows:,} rows: {tally.scored:,} scored, {tally.refused:,} refused, in {seconds:.1f} s."
        f"<p>Answers for {plan.job.metadata['as_of']}; {versions}. Suggestions of content and channel; no decision follows from"
        f" them.{''.join(parts)}</html>\n",
        encoding="utf-8",
    )


def _bars(counts: list[tuple[str, int]]) -> str:
    """Counts as a picture in a data address."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (only a report needs it)

    shown = counts[:_MOST_BARS][::-1]
    figure = Figure(figsize=(8, 0.6 + 0.28 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh([name for name, _ in shown], [count for _, count in shown], color="#003580")
    axes.bar_label(bars, [f"{count:,}" for _, count in shown], padding=3, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("customers")
    axes.margins(x=0.12)
    picture = io.BytesIO()
    figure.savefig(picture, format="svg")
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode()


def _human(plan: Plan) -> list[str]:
    channels = _recommender(plan).channels
    return [name for name, channel in channels.items() if channel.human]


def _versions(plan: Plan) -> dict[str, str]:
    return _recommender(plan).versions._asdict()


def _recommender(plan: Plan) -> Recommender:
    return bundle.load(Path(plan.job.bundles), plan.job.digest).recommender
