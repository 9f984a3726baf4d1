"""Where the rows of a text file begin and end; the one place that knows, so that cutting and reading a file agree.

A row is a line. In CSV a quoted cell may hold line breaks (RFC 4180, section 2.6): a line with a quote left open is one row
with the lines up to the one that closes it, if they read as CSV together and are few enough. Otherwise the line is refused
alone, so that a quote nobody closed costs no other row.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import numpy as np

BLOCK: Final = 8 << 20
"""Bytes read at a time; a longer line is refused."""
MOST_LINES: Final = 100
MOST_BYTES: Final = 64 << 10
"""The longest row with line breaks in it: what an open quote can cost."""
_LINE_END: Final = ord("\n")
_QUOTE: Final = ord('"')
_BEFORE_OPENING: Final = np.frombuffer(b',\n"', np.uint8)
_AFTER_CLOSING: Final = np.frombuffer(b',\r\n"', np.uint8)


class Spans(NamedTuple):
    """Rows that are not one even line: lines joined to one row, as (first, count), and lines whose quotes do not pair."""

    joined: tuple[tuple[int, int], ...] = ()
    odd: frozenset[int] = frozenset()


class RowBlock(NamedTuple):
    """Whole rows: their bytes (None for a line that is too long), how many, the number of the first line, and lines."""

    content: bytes | None
    size: int
    first: int
    lines: int
    spans: Spans = Spans()

    @property
    def rows(self) -> int:
        """Rows, blank lines among them."""
        return self.lines - sum(count - 1 for _, count in self.spans.joined)

    def row_end(self, count: int, start: int = 0) -> int:
        """Where the row ends that is `count` rows after one that begins at `start`, in bytes after the block's begin."""
        content = self.content
        if content is None:
            return self.size
        if not self.spans.joined:
            for _ in range(count):
                start = content.find(b"\n", start) + 1 or len(content)
            return start
        ends = np.flatnonzero(np.frombuffer(content, np.uint8) == _LINE_END) + 1
        if len(ends) < self.lines:
            ends = np.append(ends, len(content))
        # Of a row on several lines only the last line's end is the row's.
        inside = [line for first, lines in self.spans.joined for line in range(first, first + lines - 1)]
        ends = np.delete(ends, inside)
        return int(ends[np.searchsorted(ends, start, side="right") + count - 1])

    def lines_before(self, size: int) -> int:
        """How many lines the first bytes hold, which end with a row."""
        return self.lines if size >= self.size or self.content is None else self.content.count(b"\n", 0, size)


def row_blocks(file: BinaryIO, *, size: int, first: int, quotes: bool) -> Iterator[RowBlock]:
    """Whole rows of the next `size` bytes, a block at a time; `quotes` where cells may be quoted, as in CSV.

    The same bytes have the same rows whatever the block they stand in, if they begin with a row.

    Raises
    ------
    EOFError
        If the file is shorter.
    """
    rest, left = b"", size
    while left or rest:
        block = file.read(min(BLOCK, left))
        left -= len(block)
        if not block and left:
            raise EOFError
        rest += block
        cut = rest.rfind(b"\n") + 1 if left else len(rest)
        if cut:
            content, spans = rest[:cut], Spans()
            if quotes and b'"' in content:
                content, spans = _spanned(content, following=len(rest) - cut if left else None)
            if content:
                lines = content.count(b"\n") + (not content.endswith(b"\n"))
                yield RowBlock(content, len(content), first, lines, spans)
                first += lines
                rest = rest[len(content) :]
        # A line longer than a block is no customer. It is passed over without being kept, so that it cannot fill the memory.
        elif len(rest) > BLOCK:
            skipped = _skip_line(file, left)
            yield RowBlock(None, len(rest) + skipped, first, 1)
            left -= skipped
            first, rest = first + 1, b""


def has_quote_within(content: bytes) -> bool:
    """Whether any quote neither begins nor ends a cell nor is doubled, in lines whose quotes pair."""
    every = np.frombuffer(content, np.uint8)
    quotes = np.flatnonzero(every == _QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    before = every[np.maximum(opening - 1, 0)]
    after = every[np.minimum(closing + 1, len(every) - 1)]
    return not (
        (np.isin(before, _BEFORE_OPENING) | (opening == 0)).all() and np.isin(after, _AFTER_CLOSING).all()
    )


def _spanned(content: bytes, *, following: int | None) -> tuple[bytes, Spans]:
    """The rows of lines, without the last ones where a quote is open that a later line may close.

    `following` counts the bytes known after them, None where they are the last.
    """
    every = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(every == _LINE_END) + 1
    if len(ends) == 0 or ends[-1] < len(content):
        ends = np.append(ends, len(content))
    quotes = np.flatnonzero(every == _QUOTE)
    # Only a line with an odd number of quotes leaves one open or closes one that was, so no other line has to be looked at.
    odd = np.flatnonzero(np.diff(np.searchsorted(quotes, ends), prepend=0) & 1).tolist()
    joined: list[tuple[int, int]] = []
    alone: list[int] = []
    at = 0
    while at < len(odd):
        line = odd[at]
        begin = int(ends[line - 1]) if line else 0
        closes = odd[at + 1] if at + 1 < len(odd) else None
        size = len(content) - begin + (following or 0)
        # The closing quote may stand in the next block. The line waits for it, unless it would be too long by then: so where a block
        # ends decides nothing.
        if closes is None and following is not None and len(ends) - line < MOST_LINES and size < MOST_BYTES:
            return content[:begin], Spans(tuple(joined), frozenset(alone))
        if closes is not None and _is_one_row(content, line, closes, begin, int(ends[closes])):
            joined.append((line, closes - line + 1))
            at += 2
        else:
            alone.append(line)
            at += 1
    return content, Spans(tuple(joined), frozenset(alone))


def _is_one_row(content: bytes, first: int, last: int, begin: int, end: int) -> bool:
    """Whether lines are one row by strict CSV."""
    if last - first >= MOST_LINES or end - begin > MOST_BYTES:
        return False
    text = content[begin:end].removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
    try:
        return len(list(csv.reader([text], strict=True))) == 1
    except csv.Error:
        return False


def _skip_line(file: BinaryIO, left: int) -> int:
    skipped = 0
    while skipped < left:
        line = file.readline(min(BLOCK, left - skipped))
        skipped += len(line)
        if line.endswith(b"\n") or not line:
            break
    return skipped
