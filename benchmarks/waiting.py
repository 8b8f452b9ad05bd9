"""What visitors of a server under load met with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from benchmarks.processes import memory_of


@dataclass
class Found:
    """What a run under load found.

    Attributes:
        seconds: of each deed, how long each visitor waited for it.
        faults: what went wrong, a sentence each.
        megabytes: resident memory of the server, about once a second.
        repeated: clicks that had to be made again, because nothing came of them.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    repeated: int = 0


async def watch_memory(process: int, found: Found) -> None:
    """Note the memory of a process once a second until this is cancelled."""
    while True:
        found.megabytes.append(memory_of(process)["now"])
        await asyncio.sleep(1)
