"""Measure free memory, and check whether a model fits into it."""

from __future__ import annotations

from pathlib import Path

import psutil

from attn_core.errors import ModelUnavailable, Remedy

_CGROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))


ROOM_TO_RUN = 200_000_000
"""Bytes that a model of GPT-2 small's size needs besides its weights for a prompt of a few hundred tokens."""


def free_memory() -> int:
    """Return the bytes that this process may still allocate, within the limits of machine and container."""
    return max(0, min([psutil.virtual_memory().available, *_left_in_container(Path("/sys/fs/cgroup"))]))


def check_memory(name: str, n_bytes: int, free: int) -> None:
    """Raise `ModelUnavailable` if weights of `n_bytes` would not leave enough free memory to run them."""
    needed = n_bytes + ROOM_TO_RUN
    if needed > free:
        raise ModelUnavailable(
            name,
            f"{name} needs about {needed / 1e6:,.0f} MB of memory; {free / 1e6:,.0f} MB are free.",
            "",
            Remedy("Choose a smaller model", has_alternative=True),
            cause="too large",
        )


def _left_in_container(cgroup: Path) -> list[int]:
    """Return the bytes left below a container's limit (cgroups version 2, or else 1); empty without one."""
    for limit, used in _CGROUPS:
        try:
            most, used_now = (int((cgroup / file).read_text()) for file in (limit, used))
            return [most - used_now + _reclaimable(cgroup / limit)]
        except (OSError, ValueError):  # no such limit, or "max"
            continue
    return []


def _reclaimable(limit: Path) -> int:
    """Return the bytes of cached files that count as used but can be reclaimed."""
    for line in (limit.parent / "memory.stat").read_text().splitlines():
        name, _, number = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(number)
    return 0
