"""Run a few pages at a time; the other visitors wait in the order in which they came.

Python runs one thread at a time. If the pages of sixty visitors ran side by side, each would take as long as all of
them together.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from attn_core.server.queue import FairQueue

RUNS_AT_ONCE = 2  # one computes outside of Python while the other draws

_pages = FairQueue(RUNS_AT_ONCE)
_thread_state = threading.local()


@contextmanager
def wait_for_slot() -> Iterator[None]:
    """Wait for this visitor's turn, and show how many are ahead if that takes longer than half a second."""
    placeholder = st.container(key="queue").empty()  # always, so that what follows keeps its place on the page
    is_shown = False

    def show_wait(n_ahead: int) -> None:
        nonlocal is_shown
        is_shown = True
        placeholder.info(f"Waiting for your turn ({n_ahead} ahead of you)…", icon=":material/hourglass_top:")

    with _pages.slot(show_wait):
        if is_shown:
            placeholder.empty()
        _thread_state.has_turn = True
        try:
            yield
        finally:
            _thread_state.has_turn = False


@contextmanager
def lend_slot() -> Iterator[None]:
    """Let others run while the block does long work that draws little; then this visitor is next."""
    if not getattr(_thread_state, "has_turn", False):  # a fragment runs alone
        yield
        return
    with _pages.lend_slot():
        yield
