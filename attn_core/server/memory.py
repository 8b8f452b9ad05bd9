"""Measure how much memory the server may still use."""

from __future__ import annotations

import psutil

from attn_core.models import memory
from attn_core.server.settings import get_settings


def free_memory() -> int:
    """Return the bytes that the server may still use within the machine, container and `ATTN_MEMORY_MEGABYTES`."""
    free, limit = memory.free_memory(), get_settings().memory_megabytes
    if limit is None:
        return free
    return max(0, min(free, limit * 10**6 - psutil.Process().memory_info().rss))


def recording_limit() -> int:
    """Return the bytes that a recording may use once it is unpacked.

    Each session keeps its own recording, so the limit is half of the free memory.
    """
    return min(get_settings().trace_megabytes * 10**6, free_memory() // 2)
