"""What a server does by itself, so that no visitor waits for it: warm up, and give back memory that nobody needs."""

from __future__ import annotations

import ctypes
import gc
import os
import pkgutil
import threading
import time
from importlib import import_module
from typing import Any

from streamlit import runtime

import attn_core

SECONDS_BETWEEN = 10.0
NEVER = 1_000_000_000

_NOT_OF_PAGES = ("attn_core.mini", "attn_core.__main__", "attn_core.fetch", "attn_core.record")
_M_ARENA_MAX = -8  # of mallopt, in glibc's malloc.h
_begun = threading.Lock()


def begin_upkeep() -> None:
    """Begin in the background at the end of the server's first run; later calls do nothing."""
    is_server = runtime.exists() and type(runtime.get_instance()) is runtime.Runtime  # not a stand-in of AppTest's
    if is_server and _begun.acquire(blocking=False):  # and never release it
        threading.Thread(target=_keep_up, name="upkeep", daemon=True).start()


def prepare() -> None:
    """Import all that pages use, and spare the garbage collector what then lives as long as the server."""
    for module in pkgutil.walk_packages(attn_core.__path__, "attn_core."):
        if not module.name.startswith(_NOT_OF_PAGES):
            import_module(module.name)
    gc.set_threshold(*gc.get_threshold()[:2], NEVER)  # in full, but by `_keep_up`: of all sessions it takes a while
    _freeze()


def _freeze() -> None:
    """Let the collector walk no more over what is there now.

    Half a million objects of torch, transformers and pandas never die, and walking them takes a quarter of a second,
    while nobody's page can run (https://github.com/streamlit/streamlit/issues/8977).
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _keep_up() -> None:
    malloc: Any = ctypes.CDLL(None) if os.name == "posix" else None
    # Else glibc gives each thread memory of its own, and each click is a thread.
    if hasattr(malloc, "mallopt") and "MALLOC_ARENA_MAX" not in os.environ:
        malloc.mallopt(_M_ARENA_MAX, 2)
    prepare()
    held, times_quiet = (0, 0), 0
    while True:
        time.sleep(SECONDS_BETWEEN)
        _forget_sessions_that_left()
        before, held = held, _n_sessions()
        # Nobody came, left or was forgotten since the last time, and hardly anything was made.
        times_quiet = times_quiet + 1 if held == before and not gc.get_count()[2] else 0
        if times_quiet > 1:
            continue
        if any(held):
            gc.collect()
        else:  # of those who were there at the last time something may be frozen
            _freeze()
        if hasattr(malloc, "malloc_trim"):
            malloc.malloc_trim(0)


def _forget_sessions_that_left() -> None:
    """Let go of sessions whose time to come back is over; Streamlit itself does so only when another one leaves."""
    server = _server()
    loop = server._get_async_objs().eventloop
    if not loop.is_closed():
        loop.call_soon_threadsafe(server._session_mgr._session_storage._cache.expire)


def _n_sessions() -> tuple[int, int]:
    """How many sessions are connected, and how many may still come back."""
    manager = _server()._session_mgr
    return len(manager.list_active_sessions()), len(manager._session_storage.list())


def _server() -> Any:  # of whose private parts there are no types
    return runtime.get_instance()
