"""Progress of long work: a bar on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

LINE_EVERY_S: Final = 10.0


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A function to call with the number of steps done since; it draws only where someone watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
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
        self._began = self._told = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _bar()
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
        elif time.monotonic() - self._told >= LINE_EVERY_S:
            self._told = time.monotonic()
            rate = self._rows / (self._told - self._began)
            left = max(self._total - self._rows, 0) / rate if rate else 0
            sys.stderr.write(
                f"arki-score: {self._rows:,} of {self._total:,} rows, {rate:,.0f}/s, {left:.0f} s left,"
                f" {self._refused:,} refused\n"
            )


def _bar() -> Any:  # noqa: ANN401  (rich is imported only where someone watches)
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[refused]:,} refused"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
