"""Shown to a room or inside another page: no sidebar; for a room also larger, with more contrast, and with keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import streamlit as st

LARGER = 1.3  # times the usual size

_NO_SIDEBAR = """
[data-testid=stSidebar], [data-testid=stSidebarCollapsedControl], [data-testid=stExpandSidebarButton] {
  display: none;
}
"""
_FOR_A_ROOM = f"""
html {{ font-size: {16 * LARGER:.0f}px !important; }}
[data-testid=stMainBlockContainer] {{ padding: 3.5rem 2rem 2rem; }}
[data-testid=stCaptionContainer], [data-testid=stCaptionContainer] *,
[data-testid=stWidgetLabel], [data-testid=stWidgetLabel] * {{ color: inherit !important; opacity: 1 !important; }}
"""
_INSIDE_ANOTHER_PAGE = """
[data-testid=stMainBlockContainer] { padding: 0.5rem 1rem; }
"""


def presenting() -> bool:
    """Whether the dashboard is shown to a room."""
    return bool(st.session_state.presenting)


def embedded() -> bool:
    """Whether the dashboard is a frame of another page: the link says `embed=true`."""
    return bool(st.context.is_embedded)


def place_of_pages() -> Literal["sidebar", "top", "hidden"]:
    """Where the names of the pages stand."""
    if embedded():
        return "hidden"
    return "top" if presenting() else "sidebar"


def dress() -> None:
    """Give the page the look that goes with where it is shown."""
    if embedded() or presenting():
        st.html(f"<style>{_NO_SIDEBAR}{_INSIDE_ANOTHER_PAGE if embedded() else ''}</style>")
    if presenting():
        st.html(f"<style>{_FOR_A_ROOM}</style>")


def offer_presenting() -> None:
    """A button that begins to present."""
    st.button(
        "Present",
        on_click=_present,
        args=(True,),
        icon=":material/slideshow:",
        width="stretch",
        help="Larger type and lines, more contrast, no sidebar, and keys: arrows for heads and layers, Page Up and "
        "Page Down for the steps of the tour, N and P for the playlist, Esc to leave.",
    )


def offer_leaving() -> None:
    """A button that ends presenting."""
    st.button("Leave", on_click=_present, args=(False,), shortcut="Esc", icon=":material/close:", type="tertiary")


def _present(on: bool) -> None:
    st.session_state.presenting = on


def head_keys(n_layers: int, n_heads: int, now: tuple[int, int], choose: Callable[[int, int], None]) -> None:
    """Buttons with keys for the next and the previous head and layer, while somebody presents.

    Args:
        n_layers, n_heads: that there are.
        now: the layer and head that are shown.
        choose: takes those to be shown instead.
    """
    if not presenting():
        return
    layer, head = now
    for label, key, pair in (
        ("Head −", "Left", (layer, (head - 1) % n_heads)),
        ("Head +", "Right", (layer, (head + 1) % n_heads)),
        ("Layer −", "Up", ((layer - 1) % n_layers, head)),
        ("Layer +", "Down", ((layer + 1) % n_layers, head)),
    ):
        st.button(label, on_click=choose, args=pair, shortcut=key, key=f"key_{key}")
