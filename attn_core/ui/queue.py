"""Whose page runs: a few at once, the others in the order in which they came.

Python runs one thread at a time. Were the pages of sixty visitors made side by side, each would take as long as all of
them together.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from attn_core.turns import Turns

RUNS_AT_ONCE = 2  # one computes, which needs no Python, while the other draws

_runs = Turns(RUNS_AT_ONCE)
_of_thread = threading.local()


@contextmanager
def in_turn() -> Iterator[None]:
    """Wait until it is this visitor's turn, and say how many are ahead if that takes longer than half a second."""
    place = st.container(key="queue").empty()  # always, so that what follows keeps its place on the page
    told = False

    def tell(n_ahead: int) -> None:
        nonlocal told
        told = True
        place.info(f"Waiting for your turn ({n_ahead} ahead of you)…", icon=":material/hourglass_top:")

    with _runs.take(tell):
        if told:
            place.empty()
        _of_thread.has_turn = True
        try:
            yield
        finally:
            _of_thread.has_turn = False


@contextmanager
def let_others_run() -> Iterator[None]:
    """Lend this visitor's turn to others while the block runs, for long work that draws little, and be next then."""
    if not getattr(_of_thread, "has_turn", False):  # a fragment runs alone
        yield
        return
    with _runs.lend():
        yield
