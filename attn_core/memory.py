"""How much memory there still is."""

from __future__ import annotations

from pathlib import Path

import psutil

from attn_core.limits import MEMORY_MEGABYTES, TRACE_MEGABYTES

_CGROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


def free_memory() -> int:
    """Bytes that this process may still take: machine, container and `ATTN_MEMORY_MEGABYTES` all leave so much."""
    left = [psutil.virtual_memory().available, *_left_in_container(Path("/sys/fs/cgroup"))]
    if MEMORY_MEGABYTES is not None:
        left.append(MEMORY_MEGABYTES * 10**6 - psutil.Process().memory_info().rss)
    return max(0, min(left))


def room_for_recording() -> int:
    """Bytes that a recording may take once it is unpacked: each session keeps its own, so half of what is free."""
    return min(TRACE_MEGABYTES * 10**6, free_memory() // 2)


def _left_in_container(cgroup: Path) -> list[int]:
    """What a container's limit leaves, read as Linux tells it (cgroups of version 2, or else 1)."""
    for limit, used in _CGROUPS:
        try:
            most, now = (int((cgroup / file).read_text()) for file in (limit, used))
            return [most - now + _reclaimable(cgroup / limit)]
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return []


def _reclaimable(limit: Path) -> int:
    """Files that Linux keeps in memory until somebody needs it; they count as used."""
    for line in (limit.parent / "memory.stat").read_text().splitlines():
        name, _, number = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(number)
    return 0
