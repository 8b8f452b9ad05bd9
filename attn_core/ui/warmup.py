"""What a server does by itself once its first page is there, so that later visitors need not wait for it."""

from __future__ import annotations

import gc
import pkgutil
import threading
from importlib import import_module

import attn_core

_NOT_OF_PAGES = ("attn_core.mini", "attn_core.__main__", "attn_core.fetch", "attn_core.record")
_begun = threading.Lock()


def warm_up() -> None:
    """Begin to warm up in the background at the end of the server's first run; later calls do nothing."""
    if _begun.acquire(blocking=False):  # and never release it
        threading.Thread(target=prepare, name="warm up").start()


def prepare() -> None:
    """Import all that pages use, and spare the garbage collector what then lives as long as the server.

    Streamlit collects garbage in full after every run of every page. Half a million objects of torch, transformers
    and pandas never die, and walking them took a quarter of a second each time, while nobody else's page could run
    (https://github.com/streamlit/streamlit/issues/8977).
    """
    for module in pkgutil.walk_packages(attn_core.__path__, "attn_core."):
        if not module.name.startswith(_NOT_OF_PAGES):
            import_module(module.name)
    gc.collect()
    gc.freeze()
