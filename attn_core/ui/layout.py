"""Where things are on a page: a first screen as high as the window, with rows of controls and panels of figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core.ui.pages import start_at_dashboard
from attn_core.ui.state import notice

# Pixels that layout.css overrides; with a number Streamlit lets what is inside be as high as its container.
PANEL_HEIGHT, RANKED_HEIGHT = 540, 150


@contextmanager
def first_screen() -> Iterator[None]:
    """Put what follows into a column as high as the window, whose panels share what the other rows leave."""
    start_at_dashboard()
    with st.container(key="first_screen"):
        st.session_state.notice_place = st.container(key="notices")
        _show_notices()
        yield


def _show_notices() -> None:
    for sentence in st.session_state.notices:
        notice(sentence)
    st.session_state.notices = []


def toolbar(name: str) -> DeltaGenerator:
    """Return a row for controls, their labels beside their boxes."""
    return st.container(horizontal=True, key=f"toolbar_{name}", gap="small", vertical_alignment="center")


def in_toolbar(name: str, *, width: int | str = "content") -> DeltaGenerator:
    """Return a place in a toolbar for controls that are known later."""
    return st.container(horizontal=True, key=f"toolbar_{name}", width=width, vertical_alignment="center")  # type: ignore[arg-type]


def panels(widths: Sequence[float], *, name: str = "panels") -> list[DeltaGenerator]:
    """Return columns that are as high as the window leaves.

    Args:
        widths: of the columns, in proportion.
        name: of the row; begins with "panels".
    """
    with st.container(key=name):
        return list(st.columns(list(widths), gap="large"))


@contextmanager
def panel(name: str, title: str) -> Iterator[DeltaGenerator]:
    """Put what follows into a panel: a line that says what is seen, and below it a figure that fills the rest.

    Args:
        name: of the panel on its page.
        title: what is seen, in markdown.

    Yields:
        The place at the right end of the line, for the icon that saves the figure.
    """
    with st.container(height=PANEL_HEIGHT, border=False, key=f"panel_{name}"):
        with st.container(horizontal=True, key=f"line_{name}"):
            st.header(title, anchor=False)
            icons = st.container(width="content", key=f"icons_{name}")
        yield icons


def ranked_heads() -> DeltaGenerator:
    """Return the place below a map for a list of heads, which scrolls."""
    return st.container(height=RANKED_HEIGHT, border=False, key="ranked")


def quiet_note(sentence: str) -> None:
    """Say something in small letters under the figures; nothing if the sentence is empty."""
    if sentence:
        st.caption(sentence)


def notes() -> DeltaGenerator:
    """Return the place under the figures for quiet notes."""
    return st.container(key="notes")
