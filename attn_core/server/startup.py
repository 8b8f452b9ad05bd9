"""Prepare the process of the server, and find what keeps it from working."""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress

from attn_core.compat import streamlit_settings
from attn_core.server.settings import get_settings

MAX_OPEN_FILES = 65_536  # where the system sets no limit
FILES_OF_SESSION = 4  # its web socket, and connections for what its page loads
FILES_OF_SERVER = 200
LARGEST_UPLOAD = 1_000  # megabytes
SECONDS_OF_SILENCE = 60.0


def find_problems() -> tuple[str, ...]:
    """Return a sentence for each setting that is not usable, and for what the system lacks."""
    problems = list(get_settings().problems)
    upload = streamlit_settings()["server.maxUploadSize"]
    if not 1 <= upload <= LARGEST_UPLOAD:
        problems.append(f"server.maxUploadSize={upload} is not a number of megabytes from 1 to {LARGEST_UPLOAD:,}.")
    try:
        tempfile.gettempdir()
    except OSError:
        problems.append(
            "No folder for temporary files can be written. Set TMPDIR to one, or start the container with --tmpfs /tmp."
        )
    return tuple(problems)


def raise_file_limit() -> int:
    """Let the process open as many files as the system allows, and return how many."""
    if sys.platform == "win32":
        return MAX_OPEN_FILES
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else hard
    with suppress(ValueError, OSError):  # macOS allows fewer than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def max_sessions(n_files: int) -> int:
    """Return the number of tabs that may be open if the process can open so many files."""
    return max(1, min(get_settings().max_sessions, (n_files - FILES_OF_SERVER) // FILES_OF_SESSION))


class RepeatFilter(logging.Filter):
    """Let each message through once a minute, with the number of those that were left out before it."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[object, float] = {}
        self._left_out: Counter[object] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a message is written."""
        error = record.exc_info[1] if record.exc_info else None
        key = (record.name, record.msg if isinstance(record.msg, str) else type(record.msg), repr(error)[:200])
        now = time.monotonic()
        if now - self._written.get(key, -SECONDS_OF_SILENCE) < SECONDS_OF_SILENCE:
            self._left_out[key] += 1
            return False
        if len(self._written) > 1000:
            self._written.clear()
        self._written[key] = now
        if n := self._left_out.pop(key, 0):
            record.msg = f"{record.msg} (and {n:,} more like it)"
        return True


def quiet_logs() -> None:
    """Keep the loggers of the server from writing the same message again and again."""
    repeats = RepeatFilter()
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("asyncio", "streamlit", "uvicorn", "websockets"):
            logging.getLogger(name).addFilter(repeats)
