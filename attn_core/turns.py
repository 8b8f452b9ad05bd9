"""Whose turn it is to compute: so many at once, the others in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attn_core.limits import RUNS_AT_ONCE

TELL_AFTER = 0.5  # seconds of waiting


class Turns:
    """A number of turns, handed on first come, first served.

    Long work takes a turn for each of its parts, so that short work of others comes in between.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = self._free = at_once
        self._returning: deque[threading.Event] = deque()  # who lent a turn; they come before those who wait
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def n_waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._returning) + len(self._waiting)

    @contextmanager
    def take(self, tell: Callable[[int], None] | None = None) -> Iterator[None]:
        """Wait for a turn and keep it until the block ends; a block must not take another one inside.

        Args:
            tell: takes how many are before this one, every half second of waiting. What it raises ends the waiting.
        """
        mine = self._queue_up(self._waiting)
        try:
            if tell is None:
                mine.wait()
            else:
                while not mine.wait(TELL_AFTER):
                    tell(self._at_once + self._n_before(mine))
            yield
        finally:
            self._leave(mine)

    @contextmanager
    def lend(self) -> Iterator[None]:
        """Let others have the turn that the caller holds while the block runs, and then be before those who wait."""
        with self._lock:
            self._hand_on()
        try:
            yield
        finally:
            self._queue_up(self._returning).wait()

    def _queue_up(self, queue: deque[threading.Event]) -> threading.Event:
        mine = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                mine.set()
            else:
                queue.append(mine)
        return mine

    def _n_before(self, mine: threading.Event) -> int:
        with self._lock:
            return len(self._returning) + self._waiting.index(mine) if mine in self._waiting else 0

    def _leave(self, mine: threading.Event) -> None:
        with self._lock:
            if mine in self._waiting:  # it was given up before its turn came
                self._waiting.remove(mine)
            else:
                self._hand_on()

    def _hand_on(self) -> None:
        queue = self._returning or self._waiting
        if queue:
            queue.popleft().set()
        else:
            self._free += 1


forward_passes = Turns(RUNS_AT_ONCE)
