"""Keep a server healthy in the background: import what pages need, and give back unused memory."""

from __future__ import annotations

import ctypes
import gc
import os
import pkgutil
import threading
import time
from importlib import import_module
from typing import Any

import attn_core
from attn_core.compat import count_sessions, expire_sessions, is_server, keep_downloads

SECONDS_BETWEEN = 10.0
NEVER = 1_000_000_000
SECONDS_OF_DOWNLOADS = 60.0

_NOT_OF_PAGES = ("attn_core.mini", "attn_core.__main__", "attn_core.models.fetching", "attn_core.server.recording")
_M_ARENA_MAX = -8  # of mallopt, in glibc's malloc.h
_started = threading.Lock()


def start_upkeep() -> None:
    """Start the background thread at the end of the server's first run; later calls do nothing."""
    if is_server() and _started.acquire(blocking=False):  # never released
        keep_downloads(SECONDS_OF_DOWNLOADS)
        threading.Thread(target=_run_upkeep, name="upkeep", daemon=True).start()


def prepare() -> None:
    """Import all that pages use, and exclude it from garbage collection, as it lives as long as the server."""
    for module in pkgutil.walk_packages(attn_core.__path__, "attn_core."):
        if not module.name.startswith(_NOT_OF_PAGES):
            import_module(module.name)
    gc.set_threshold(*gc.get_threshold()[:2], NEVER)  # full collections are left to `_run_upkeep`: they take long
    _freeze()


def _freeze() -> None:
    """Exclude all present objects from garbage collection.

    Half a million objects of torch, transformers and pandas are never freed. Visiting them takes a quarter of a
    second, in which no page can run (https://github.com/streamlit/streamlit/issues/8977).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _run_upkeep() -> None:
    malloc: Any = ctypes.CDLL(None) if os.name == "posix" else None
    # Otherwise glibc gives each thread memory of its own, and each click is a thread.
    if hasattr(malloc, "mallopt") and "MALLOC_ARENA_MAX" not in os.environ:
        malloc.mallopt(_M_ARENA_MAX, 2)
    prepare()
    sessions, times_quiet = (0, 0), 0
    while True:
        time.sleep(SECONDS_BETWEEN)
        expire_sessions()
        before, sessions = sessions, count_sessions()
        # No session came or went since the last time, and hardly any object was created.
        times_quiet = times_quiet + 1 if sessions == before and not gc.get_count()[2] else 0
        if times_quiet > 1:
            continue
        if any(sessions):
            gc.collect()
        else:  # objects of the sessions that were there last time may be frozen
            _freeze()
        if hasattr(malloc, "malloc_trim"):
            malloc.malloc_trim(0)
