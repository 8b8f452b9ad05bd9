"""Choose the number of threads for a forward pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

NARROW = 512
"""Networks with a narrower residual stream run as fast on one thread as on two."""


class _Passes:
    """Counts the forward passes that are running.

    torch has one number of threads for the whole process, so the first pass that lowers it saves the old value, and
    the last one to finish restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_running = self._n_on_one_thread = 0
        self._n_threads_before = 1

    @contextmanager
    def run(self, width: int) -> Iterator[None]:
        """Run the block on one thread if the network is narrow or another pass is running."""
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
"""Takes the width of a network: the block runs on one thread if that is narrow or another pass is running.

Threads of concurrent passes would compete for the same cores. Afterwards torch's number of threads is restored.
"""
