"""Measure how much memory the server may still use, and hold it for what is being made."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from attn_core.models import memory
from attn_core.server.settings import get_settings

_lock = threading.Lock()
_reserved: list[int] = []
"""Bytes of what is being made, which the process may not have allocated yet."""


def free_memory() -> int:
    """Return the bytes that the server may still use within the machine, container and `ATTN_MEMORY_MEGABYTES`.

    What others are making now counts as used.
    """
    with _lock:
        return _free_memory()


def _free_memory() -> int:
    free, limit = memory.free_memory(), get_settings().memory_megabytes
    if limit is not None:
        free = min(free, limit * 10**6 - psutil.Process().memory_info().rss)
    return max(0, free - sum(_reserved))


@contextmanager
def reserve_memory(n_bytes: int) -> Iterator[int]:
    """Hold memory until the block ends, so that what is made at the same time finds less.

    Yields:
        The bytes that were free. If they are fewer than `n_bytes`, all of them are held, and the block must not make
        more.
    """
    with _lock:
        free = _free_memory()
        held = min(n_bytes, free)
        _reserved.append(held)
    try:
        yield free
    finally:
        with _lock:
            _reserved.remove(held)


@contextmanager
def reserve_for_recording(n_bytes: int) -> Iterator[int]:
    """Hold memory for a recording until it is unpacked; yields the bytes that it may use.

    Each session keeps its own recording, so that is half of the free memory.
    """
    with reserve_memory(n_bytes) as free:
        yield min(get_settings().trace_megabytes * 10**6, free // 2)
