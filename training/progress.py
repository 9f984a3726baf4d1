"""Progress of long work: a bar on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_EVERY_S: Final = 10.0


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of steps done since; it draws only where someone watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with _bar() as bar:
        task = bar.add_task(title, total=total)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say on a terminal, and only there, what is being done."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415

    with Console(stderr=True).status(f"{what} …"):
        yield


class RowProgress:
    """Rows done, rate, time left and refused: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, total: int) -> None:
        self._total, self._rows, self._refused = total, 0, 0
        self._began = self._last_line = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _bar(counts_refused=True)
            self._bar.start()
            self._task = self._bar.add_task("Scoring", total=self._total, refused=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, rows: int, refused: int) -> None:
        """Say that so many more rows are done."""
        self._rows += rows
        self._refused += refused
        if self._bar is not None:
            self._bar.update(self._task, advance=rows, refused=self._refused)
        elif time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            rate = self._rows / (self._last_line - self._began)
            left = max(self._total - self._rows, 0) / rate if rate else 0
            sys.stderr.write(
                f"arki-score: {self._rows:,} of {self._total:,} rows, {rate:,.0f}/s, {left:.0f} s left,"
                f" {self._refused:,} refused\n"
            )


def _bar(*, counts_refused: bool = False) -> Progress:
    """A bar with the steps done of all: then the time taken, or the rows refused and the time left."""
    from rich.console import Console  # noqa: PLC0415  (rich is imported only where someone watches)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    ending = (
        (TextColumn("{task.fields[refused]:,} refused"), TimeRemainingColumn())
        if counts_refused
        else (TimeElapsedColumn(),)
    )
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *ending,
        console=Console(stderr=True),
        transient=True,
    )
