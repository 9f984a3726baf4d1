"""Batch scoring, `arki-score IN OUT`: a file of customers in, a file of answers out.

Every row goes through `models.recommender`, the same function as the API's, so file and API agree. A row that the API
would refuse goes to a side file with its row number, the column and the reason, never its values.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click
import orjson

from models.channels import HELSINKI
from models.codes import BARRED, LANGUAGES, Language
from models.signals import CONTRACT, Fault, InvalidSignalsError, Signal, holds_identity_code, read_signals

if TYPE_CHECKING:
    from models.recommender import Recommendation, Recommender

Row = dict[str, Any]
CARRIED: Final = ("customer_ref", "customer_type", "language")
SIGNAL_COLUMNS: Final = {name: signal for kind in CONTRACT.values() for name, signal in kind.items()}
FORMATS: Final = (".csv", ".parquet", ".jsonl")
CHUNK_ROWS: Final = 2_000
EMPTY_LIST: Final = "-"  # in CSV, where an empty cell is unknown
ITEM_COLUMNS: Final = ("channel", "content_type", "content_id", "content_language", "rule")


class InputError(Exception):
    """A file that cannot be scored at all; the message says what to change."""


@dataclass
class Summary:
    """What a run did, told at its end."""

    rows: int = 0
    refused: int = 0
    not_personalised: int = 0
    channels: Counter[str] = field(default_factory=Counter)
    content_types: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)

    def count(self, answer: Recommendation) -> None:
        """Count one answer by its first item."""
        self.not_personalised += not answer.personalised
        for item in answer.items[:1]:
            self.channels[item.channel] += 1
            self.content_types[item.content_type] += 1
            self.rules[item.reason.rule] += 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="IN", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--as-of", help="The day the answers are for, as 2026-05-31 (default: today in Finland).")
@click.option(
    "--language", type=click.Choice(LANGUAGES), default="fi", show_default=True, help="Where a row says none."
)
@click.option("--limit", type=click.IntRange(1, 10), default=3, show_default=True, help="Items per customer.")
@click.option("--with-segment", is_flag=True, help="Add segment columns, for checking the mapping only.")
@click.option("--purpose", help="Why segments are needed; required with --with-segment.")
def main(
    source: Path,
    target: Path,
    *,
    as_of: str | None,
    language: str,
    limit: int,
    with_segment: bool,
    purpose: str | None,
) -> None:
    """Score the customers in IN and write their answers to OUT (.csv, .parquet or .jsonl, by name).

    IN has the columns customer_ref (optional), customer_type, language (optional) and any signals. In CSV, an empty
    cell is unknown, lists are written `a;b`, life events `KE8:1;KE4.2:3`, a list known to be empty `-`. Rows that break
    the signal contract go to OUT.refused.csv. Exit codes: 0 scored, 1 could not run, 2 wrong use.
    """
    if with_segment and not purpose:
        raise click.UsageError(
            "--with-segment needs --purpose TEXT: segments are written for a stated purpose only."
        )
    from models.bundle import BundleError, BundleStore  # noqa: PLC0415
    from training.progress import progress  # noqa: PLC0415

    started = time.perf_counter()
    try:
        at = datetime.combine(
            date.fromisoformat(as_of) if as_of else datetime.now(HELSINKI).date(), datetime.min.time()
        )
        recommender = BundleStore(Path(os.environ.get("ARKI_BUNDLES", "bundles"))).recommender()
        asked = Asked(
            at.replace(tzinfo=HELSINKI), cast("Language", language), limit, with_segment=with_segment
        )
        with progress("Scoring") as advance:
            summary = score_file(source, target, recommender, asked, advance)
    except (BundleError, InputError, ValueError) as error:
        click.echo(f"arki-score: {error}", err=True)
        sys.exit(1)
    _tell(summary, recommender, target, time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run asks for every customer."""

    at: datetime
    language: Language = "fi"
    limit: int = 3
    with_segment: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the output, in order."""
        items = (f"item_{rank}_{name}" for rank in range(1, self.limit + 1) for name in ITEM_COLUMNS)
        segment = ("segment", "segment_probability") if self.with_segment else ()
        versions = ("bundle", "model", "rulebook", "catalogue")
        return (
            *CARRIED,
            "personalised",
            *items,
            "statutory",
            "human_channel",
            "valid_until",
            *segment,
            *versions,
        )


def score_file(
    source: Path,
    target: Path,
    recommender: Recommender,
    asked: Asked,
    advance: Callable[[int], None] = lambda _: None,
) -> Summary:
    """Score a file into another, and refused rows, if any, into `<target>.refused.csv`; whole or not at all.

    Raises
    ------
    InputError
        If the format is not known, or a column is no signal.
    """
    if source.resolve() == target.resolve():
        raise InputError("IN and OUT are the same file. Name another OUT.")
    summary = Summary()
    refused_path = target.with_name(target.name + ".refused.csv")
    with ExitStack() as stack:
        write = stack.enter_context(_writer(target, asked.columns))
        refuse = stack.enter_context(_writer(refused_path, ("row", "column", "code", "message")))
        rows = enumerate(_read(source), start=1)
        while chunk := list(islice(rows, CHUNK_ROWS)):
            answers, faults = [], []
            for number, row in chunk:
                try:
                    if isinstance(row, Fault):
                        raise InvalidSignalsError([row])  # noqa: TRY301  (refused like any other)
                    answers.append(score_row(row, recommender, asked, summary))
                except InvalidSignalsError as error:
                    summary.refused += 1
                    faults += [_refusal(number, fault) for fault in error.faults]
            write(answers)
            refuse(faults)
            summary.rows += len(chunk)
            advance(len(chunk))
    if not summary.refused:
        refused_path.unlink()
    return summary


def score_row(
    row: Mapping[str, Any], recommender: Recommender, asked: Asked, summary: Summary | None = None
) -> Row:
    """One row's answer in the output's columns. Raises `InvalidSignalsError` as the API would."""
    language = row.get("language") or asked.language
    faults = (
        [] if language in LANGUAGES else [Fault("/language", "unknown_value", "must be one of fi, sv, en.")]
    )
    if holds_identity_code(str(row.get("customer_ref"))):
        faults.append(
            Fault("/customer_ref", "identity_code", "holds an identity code. Use an opaque reference.")
        )
    given = {name: value for name, value in row.items() if name not in CARRIED and not _is_missing(value)}
    try:
        signals = read_signals(row.get("customer_type") or "", given)
    except InvalidSignalsError as error:
        raise InvalidSignalsError(faults + error.faults) from None
    if faults:
        raise InvalidSignalsError(faults)
    [answer] = recommender.recommend([signals], at=asked.at, language=language, limit=asked.limit)
    if summary is not None:
        summary.count(answer)
    carried = {
        "customer_ref": row.get("customer_ref"),
        "customer_type": row["customer_type"],
        "language": language,
    }
    return carried | _columns_of(answer, with_segment=asked.with_segment)


def _columns_of(answer: Recommendation, *, with_segment: bool) -> Row:
    found: Row = {"personalised": answer.personalised}
    for item in answer.items:
        content = item.content
        values = (item.channel, item.content_type, content.id, content.language, item.reason.rule)
        found |= {f"item_{item.rank}_{name}": value for name, value in zip(ITEM_COLUMNS, values, strict=True)}
    found["statutory"] = ";".join(item.content.id for item in answer.statutory)
    found["human_channel"] = answer.human_channel.id
    found["valid_until"] = answer.valid_until.isoformat()
    if with_segment:
        found["segment"] = answer.segment.id if answer.segment else None
        found["segment_probability"] = answer.segment.probability if answer.segment else None
    return found | answer.versions._asdict()


def _refusal(number: int, fault: Fault) -> Row:
    column = fault.pointer.removeprefix("/signals").strip("/").partition("/")[0]
    return {"row": number, "column": column, "code": fault.code, "message": fault.message}


def _is_missing(value: object) -> bool:
    """Null; also NaN, which is how data frames write a missing number."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _read(source: Path) -> Iterator[Row | Fault]:
    """Rows of a file, typed as the signal contract reads them; a fault for each row that cannot be read at all."""
    if source.suffix == ".csv":
        yield from _read_csv(source)
    elif source.suffix == ".jsonl":
        with source.open("rb") as lines:
            for line in lines:
                try:
                    row = orjson.loads(line)
                except orjson.JSONDecodeError:
                    row = None
                yield (
                    row if isinstance(row, dict) else Fault("", "malformed", "is not a JSON object in UTF-8.")
                )
    elif source.suffix == ".parquet":
        import pyarrow.parquet as pq  # noqa: PLC0415  (a CSV needs no Arrow)

        with pq.ParquetFile(source) as parquet:
            list(_columns(parquet.schema_arrow.names))
            for batch in parquet.iter_batches(batch_size=CHUNK_ROWS):
                yield from batch.to_pylist()
    else:
        raise InputError(f"{source.name} is not one of {', '.join(FORMATS)}.")


def _read_csv(source: Path) -> Iterator[Row | Fault]:
    with source.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        table = csv.reader(file)
        names = next(table, [])
        readers = {name: _TEXT_READERS.get(signal.kind, str) for name, signal in _columns(names)}
        while True:
            try:
                cells = next(table)
            except StopIteration:
                return
            except csv.Error:
                yield Fault(
                    "", "malformed", "is not a row of CSV: a quote is not closed, or a cell is too long."
                )
                continue
            if len(cells) == len(names):
                given = ((name, cell) for name, cell in zip(names, cells, strict=True) if cell)
                yield {name: readers[name](cell) if name in readers else cell for name, cell in given}
            elif cells:
                yield Fault("", "malformed", f"has {len(cells)} cells; the header names {len(names)}.")


def _columns(names: Iterable[str]) -> Iterator[tuple[str, Signal]]:
    """The signal columns of a file; any other column than those carried stops the run before it begins."""
    for name in names:
        if name in SIGNAL_COLUMNS:
            yield name, SIGNAL_COLUMNS[name]
        elif name.lower() in BARRED - {"language"}:
            raise InputError(
                f"column {name} is never used by Arki to choose a segment or content. Remove it."
            )
        elif name not in CARRIED:
            raise InputError(
                f"column {name} is not a signal. Remove it, or see `GET /openapi.json` for the names."
            )


def _count_of(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def _yes_no_of(text: str) -> object:
    return {"true": True, "false": False}.get(text.lower(), text)


def _parts_of(text: str) -> list[str]:
    return [] if text.strip() == EMPTY_LIST else [part.strip() for part in text.split(";")]


def _life_events_of(text: str) -> object:
    pairs = (part.partition(":") for part in _parts_of(text))
    return [{"event": event, "months_ago": _count_of(months)} for event, _, months in pairs]


_TEXT_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "count": _count_of,
    "yes_no": _yes_no_of,
    "choices": _parts_of,
    "life_events": _life_events_of,
}


@contextmanager
def _writer(target: Path, columns: tuple[str, ...]) -> Iterator[Callable[[list[Row]], None]]:
    """A function that writes rows; the file gets its name only when all were written."""
    if target.suffix not in FORMATS:
        raise InputError(f"{target.name} is not one of {', '.join(FORMATS)}.")
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with _open_writer(target.suffix, aside, columns) as write:
            yield write
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _open_writer(suffix: str, path: Path, columns: tuple[str, ...]) -> Iterator[Callable[[list[Row]], None]]:
    if suffix == ".parquet":
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        types = {"personalised": pa.bool_(), "segment_probability": pa.float64()}
        schema = pa.schema([(name, types.get(name, pa.string())) for name in columns])
        with pq.ParquetWriter(path, schema) as parquet:
            yield lambda rows: parquet.write_table(pa.Table.from_pylist(rows, schema)) if rows else None
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        if suffix == ".jsonl":
            yield lambda rows: file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            table = csv.DictWriter(file, columns, lineterminator="\n")
            table.writeheader()
            yield lambda rows: table.writerows(
                {
                    name: _CSV_WORDS.get(value, value) if isinstance(value, bool) else value
                    for name, value in row.items()
                }
                for row in rows
            )
        file.flush()
        os.fsync(file.fileno())


_CSV_WORDS: Final = {True: "true", False: "false"}


def _tell(summary: Summary, recommender: Recommender, target: Path, seconds: float) -> None:
    scored = summary.rows - summary.refused
    click.echo(
        f"{summary.rows:,} rows: {scored:,} scored, {summary.refused:,} refused, in {seconds:.1f} s -> {target}"
    )
    if summary.refused:
        click.echo(f"refused rows, with reasons: {target}.refused.csv")
    click.echo(f"not personalised: {summary.not_personalised:,}")
    for title, counter in (("channel", summary.channels), ("first content", summary.content_types)):
        told = ", ".join(f"{name} {count:,}" for name, count in counter.most_common())
        click.echo(f"{title}: {told}")
    click.echo(
        "versions: " + ", ".join(f"{name} {value}" for name, value in recommender.versions._asdict().items())
    )
