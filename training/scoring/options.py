"""What `arki-score` may be asked, read from text and checked before anything heavy is imported.

Codes of the vocabulary are checked once the bundle is there, by `Options.check_codes`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from models.contract.codes import Language
from models.contract.near_names import NearNames
from models.contract.vocabulary import Vocabulary

OUT_SUFFIXES: Final = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
}
MOST_LIMITED: Final = 4


def as_of_day(_: click.Context, __: click.Parameter, day: str | None) -> date | None:
    """The day of `--as-of`."""
    try:
        return date.fromisoformat(day) if day else None
    except ValueError:
        raise click.BadParameter("must be a day, such as 2026-05-31.") from None


class _Share(click.ParamType[float]):
    name = "share"

    def convert(self, value: Any, _: Any, __: Any) -> float:  # noqa: ANN401  (click's signature)
        if isinstance(value, float):
            return value
        try:
            share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
        except ValueError:
            share = -1
        if not 0 <= share <= 1:
            self.fail("must be a share, such as 5% or 0.05.")
        return share


class _Capacity(click.ParamType[tuple[tuple[str, int], ...]]):
    name = "capacity"

    def convert(self, value: Any, _: Any, __: Any) -> tuple[tuple[str, int], ...]:  # noqa: ANN401
        if isinstance(value, tuple):
            return value
        rooms: dict[str, int] = {}
        for part in value.split(","):
            name, _equals, room = part.partition("=")
            if not name or not room.isdecimal():
                self.fail("must be channel=number, as phone_appointment=5000.")
            rooms[name] = int(room)
        if len(rooms) > MOST_LIMITED:
            self.fail(f"may limit {MOST_LIMITED} channels at most.")
        return tuple(sorted(rooms.items()))


SHARE: Final = _Share()
CAPACITY: Final = _Capacity()


@dataclass(frozen=True, slots=True)
class Options:
    """One command line."""

    source: str
    target: str
    as_of: date | None
    language: Language | None
    language_column: str
    limit: int
    columns: str | None
    with_texts: bool
    with_segment: bool
    purpose: str | None
    out_format: str | None
    workers: int | None
    chunk_rows: int
    max_bad: float
    resume: bool
    dry_run: bool
    capacity: tuple[tuple[str, int], ...] | None
    seed: int
    engine: str
    scheduler: str | None
    master: str
    report: Path | None
    as_json: bool
    no_input: bool

    def check(self) -> None:
        """Raise `click.UsageError` where options do not go together."""
        if self.with_segment and not (self.purpose or "").strip():
            raise click.UsageError(
                "--with-segment needs --purpose TEXT: segments are written for a stated purpose only."
            )
        if self.resume and "-" in (self.source, self.target):
            raise click.UsageError("--resume needs files: standard input and output cannot be gone back to.")
        if self.scheduler and self.engine != "dask":
            raise click.UsageError("--scheduler is for --engine dask.")
        if self.capacity and self.engine == "spark":
            raise click.UsageError(
                "--capacity needs --engine local or dask: room is given out over all rows."
            )
        if (
            self.target != "-"
            and Path(self.source).exists()
            and Path(self.source).resolve() == Path(self.target).resolve()
        ):
            raise click.UsageError("IN and OUT are the same. Name another OUT.")
        suffix = Path(self.target).suffix
        if self.target != "-" and suffix and suffix not in OUT_SUFFIXES and not self.folder:
            raise click.UsageError(f"{Path(self.target).name} is not one of {', '.join(OUT_SUFFIXES)}.")

    def check_codes(self, vocabulary: Vocabulary) -> None:
        """Raise `click.BadParameter` where a language or channel is named that the bundle has not."""
        if self.language is not None and self.language not in vocabulary.languages:
            raise _unknown_code("--language", "must be one of", self.language, vocabulary.languages)
        for name, _ in self.capacity or ():
            if name not in vocabulary.channels:
                must = "must be channel=number, with a channel of"
                raise _unknown_code("--capacity", must, name, vocabulary.channels)

    @property
    def folder(self) -> bool:
        """Whether OUT is a folder: one that is there, or a name without ending."""
        return self.target != "-" and (Path(self.target).is_dir() or not Path(self.target).suffix)

    @property
    def kind(self) -> str:
        """The format of OUT."""
        by_name = OUT_SUFFIXES.get(Path(self.target).suffix, "")
        return self.out_format or by_name or ("csv" if self.target == "-" else "parquet")


def _unknown_code(option: str, must: str, name: str, names: Collection[str]) -> click.BadParameter:
    near = NearNames(names).nearest(name)
    hint = f" Did you mean {near}?" if near else ""
    return click.BadParameter(f"{must} {', '.join(names)}.{hint}", param_hint=f"'{option}'")
