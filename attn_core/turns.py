"""Whose turn it is to compute: so many at once, the others in the order in which they came."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from attn_core.limits import RUNS_AT_ONCE


class Turns:
    """A number of turns, handed on first come, first served.

    Long work takes a turn for each of its parts, so that short work of others comes in between.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def n_waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for a turn and keep it until the block ends; a block must not take another one inside."""
        mine = threading.Event()
        with self._lock:
            if self._free:
                self._free -= 1
                mine.set()
            else:
                self._waiting.append(mine)
        try:
            mine.wait()
            yield
        finally:
            self._hand_on(mine)

    def _hand_on(self, mine: threading.Event) -> None:
        with self._lock:
            if mine in self._waiting:  # it was given up before its turn came
                self._waiting.remove(mine)
            elif self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1


forward_passes = Turns(RUNS_AT_ONCE)
