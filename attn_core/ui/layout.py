"""Lay out a page: a first screen as high as the window, with rows of controls and panels of figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core.ui.pages import redirect_to_dashboard
from attn_core.ui.session import session
from attn_core.ui.state import show_notice

# Pixels, overridden by layout.css: Streamlit stretches content only in a container with a height in pixels.
PANEL_HEIGHT, RANKED_HEIGHT = 540, 150


@contextmanager
def first_screen() -> Iterator[None]:
    """Put what follows into a column as high as the window; its panels share the height that other rows leave."""
    redirect_to_dashboard()
    with st.container(key="first_screen"):
        session.notice_container = st.container(key="notices")
        _show_notices()
        yield


def _show_notices() -> None:
    for sentence in session.notices:
        show_notice(sentence)
    session.notices = []


def toolbar(name: str) -> DeltaGenerator:
    """Return a row for controls, with their labels beside their boxes."""
    return st.container(horizontal=True, key=f"toolbar_{name}", gap="small", vertical_alignment="center")


def reserve_in_toolbar(name: str, *, width: int | str = "content") -> DeltaGenerator:
    """Return a container in a toolbar for controls that are drawn later."""
    return st.container(
        horizontal=True,
        key=f"toolbar_{name}",
        width=width,  # type: ignore[arg-type]
        vertical_alignment="center",
    )


def panels(widths: Sequence[float], *, name: str = "panels") -> list[DeltaGenerator]:
    """Return columns that fill the height left in the window.

    Args:
        widths: the relative widths of the columns.
        name: the name of the row; begins with "panels".
    """
    with st.container(key=name):
        return list(st.columns(list(widths), gap="large"))


@contextmanager
def panel(name: str, title: str) -> Iterator[DeltaGenerator]:
    """Put what follows into a panel: a title line, and below it a figure that fills the rest.

    Args:
        name: the name of the panel on its page.
        title: what the figure shows, in markdown.

    Yields:
        The container at the right end of the line, for the icon that saves the figure.
    """
    with st.container(height=PANEL_HEIGHT, border=False, key=f"panel_{name}"):
        with st.container(horizontal=True, key=f"line_{name}"):
            st.header(title, anchor=False)
            icons = st.container(width="content", key=f"icons_{name}")
        yield icons


def reserve_ranked_heads() -> DeltaGenerator:
    """Return a scrolling container below a map, for a list of heads."""
    return st.container(height=RANKED_HEIGHT, border=False, key="ranked")


def show_note(sentence: str) -> None:
    """Draw a sentence in small letters under the figures; draw nothing if it is empty."""
    if sentence:
        st.caption(sentence)


def notes() -> DeltaGenerator:
    """Return the container for notes under the figures."""
    return st.container(key="notes")
