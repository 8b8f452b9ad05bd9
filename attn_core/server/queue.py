"""Limit how many computations run at once; the others wait in order of arrival."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attn_core.server.settings import get_settings

SECONDS_BETWEEN_REPORTS = 0.5  # seconds of waiting


class FairQueue:
    """A number of slots, given out first come, first served.

    Long work takes a slot for each of its parts, so that short work of others can run in between.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = self._free = at_once
        self._returning: deque[threading.Event] = deque()  # lenders, who get a slot before those who wait
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def n_waiting(self) -> int:
        """The number of callers waiting for a slot."""
        return len(self._returning) + len(self._waiting)

    @contextmanager
    def slot(self, on_wait: Callable[[int], None] | None = None) -> Iterator[None]:
        """Wait for a slot and keep it until the block ends; a block must not take another slot inside.

        Args:
            on_wait: called every half second of waiting with the number of callers before this one. An exception
                from it ends the wait.
        """
        granted = self._queue_up(self._waiting)
        try:
            if on_wait is None:
                granted.wait()
            else:
                while not granted.wait(SECONDS_BETWEEN_REPORTS):
                    on_wait(self._at_once + self._n_before(granted))
            yield
        finally:
            self._leave(granted)

    @contextmanager
    def lend_slot(self) -> Iterator[None]:
        """Lend the caller's slot to others while the block runs, and then take one before those who wait."""
        with self._lock:
            self._pass_on()
        try:
            yield
        finally:
            self._queue_up(self._returning).wait()

    def _queue_up(self, queue: deque[threading.Event]) -> threading.Event:
        """Take a free slot or join a queue, and return the event that is set when the slot is the caller's."""
        granted = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                granted.set()
            else:
                queue.append(granted)
        return granted

    def _n_before(self, granted: threading.Event) -> int:
        """Return how many in the queues come before a caller."""
        with self._lock:
            return len(self._returning) + self._waiting.index(granted) if granted in self._waiting else 0

    def _leave(self, granted: threading.Event) -> None:
        """Leave the queue, or pass on the slot."""
        with self._lock:
            if granted in self._waiting:  # the caller gave up before it got a slot
                self._waiting.remove(granted)
            else:
                self._pass_on()

    def _pass_on(self) -> None:
        """Give a slot to the next caller, or free it."""
        queue = self._returning or self._waiting
        if queue:
            queue.popleft().set()
        else:
            self._free += 1


forward_passes = FairQueue(get_settings().max_runs)
