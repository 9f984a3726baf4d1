"""Group commit: requests of many threads become one transaction at a time, so that they share its wait for the disk.

Whoever submits waits until what it submitted is committed, or is told that it was not. While one transaction waits for
the disk the next one's requests gather. Knows nothing of outcomes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

MOST_AT_ONCE: Final = 2000
Sent = TypeVar("Sent")
Told = TypeVar("Told")


class GroupCommit(Generic[Sent, Told]):
    """Calls `write` with what was submitted, from one thread; `write` gives an answer for each, or raises for all."""

    def __init__(self, write: Callable[[list[Sent]], list[Told]]) -> None:
        self._write = write
        self._waiting: queue.SimpleQueue[tuple[Sequence[Sent], Future[list[Told]]] | None] = (
            queue.SimpleQueue()
        )
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, sent: Sequence[Sent], *, within_s: float) -> list[Told]:
        """Wait until it is committed. Raises what `write` raises, and `TimeoutError`."""
        answer: Future[list[Told]] = Future()
        # Started at the first request, not in the constructor: threads do not outlive the fork of a worker.
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
                self._thread.start()
        self._waiting.put((sent, answer))
        return answer.result(timeout=within_s)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        going = True
        while going:
            batch, size, taken = [], 0, self._waiting.get()
            while taken is not None:
                batch.append(taken)
                size += len(taken[0])
                # What waits now shares this transaction. Nobody waits for others to come: while this one is on its way to the disk, they gather.
                if size >= MOST_AT_ONCE or self._waiting.empty():
                    break
                taken = self._waiting.get()
            going = taken is not None
            self._answer(batch)

    def _answer(self, batch: list[tuple[Sequence[Sent], Future[list[Told]]]]) -> None:
        if not batch:
            return
        try:
            results = self._write([one for sent, _ in batch for one in sent])
        except Exception as error:  # noqa: BLE001  (each who waits is told, and the thread goes on)
            for _, answer in batch:
                answer.set_exception(error)
            return
        # `write` answers in the order of what it was given, so each gets the part that it submitted.
        at = 0
        for sent, answer in batch:
            answer.set_result(results[at : at + len(sent)])
            at += len(sent)
