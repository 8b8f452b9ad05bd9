"""How many threads compute a forward pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

NARROW = 512
"""Networks whose residual stream is narrower are computed as fast by one thread as by two that share the work."""


class _Passes:
    """The forward passes that run now.

    torch's number of threads is one for all of the process, so the first pass that lowers it notes what it was, and
    the last one that lowered it puts it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_running = self._n_on_one_thread = 0
        self._n_threads_before = 1

    @contextmanager
    def run(self, width: int) -> Iterator[None]:
        with self._lock:
            self._n_running += 1
            on_one_thread = width < NARROW or self._n_running > 1
            if on_one_thread:
                if self._n_on_one_thread == 0:
                    self._n_threads_before = torch.get_num_threads()
                self._n_on_one_thread += 1
                torch.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._n_running -= 1
                self._n_on_one_thread -= on_one_thread
                if on_one_thread and self._n_on_one_thread == 0:
                    torch.set_num_threads(self._n_threads_before)


fitting_threads = _Passes().run
"""Takes the width of a network: the block runs on one thread, if that is narrow or another pass runs, too.

Threads of passes side by side would wait for each other's cores. Afterwards torch has as many threads as before.
"""
