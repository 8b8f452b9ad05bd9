"""What is chosen, kept over pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from attn_core import examples

if TYPE_CHECKING:
    from attn_core.charts.style import Theme

ALL_WORDS = -1  # instead of a token's position
TOUR_STEPS = 8

TOUR_TEXTS = {
    "tour_subject": examples.DOG,
    "tour_grid": examples.DOG,
    "tour_previous": examples.DOG,
    "tour_nothing": examples.DOG,
    "tour_list": examples.KITE,
    "tour_name": examples.NAME,
    "tour_a": examples.SON,
    "tour_b": examples.COLLEAGUE,
}
"""The sentences of the tour, which a visitor can change."""

PICTURES_OF_HEADS = ("grid", "head_table")
"""Pictures in which a click chooses a head."""


def notice(sentence: str) -> None:
    """Say above the figures what the link asked for and could not be had."""
    st.session_state.notice_place.text(f"⚠ {sentence}")


def theme() -> Theme:
    """Which background the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def forget_head() -> None:
    """Let the page suggest a head again."""
    st.session_state.head_is_chosen = False
    _renew_pictures()


def choose_head(layer: int, head: int, *, chosen_in: str | None = None) -> None:
    """Show this head from now on.

    Args:
        layer, head: zero-based.
        chosen_in: the one of `PICTURES_OF_HEADS` that was clicked.
    """
    st.session_state.layer, st.session_state.head = layer, head
    st.session_state.head_is_chosen = True
    _renew_pictures(but=chosen_in)


def picture_key(name: str) -> str:
    """Key of one of `PICTURES_OF_HEADS`: another one once a head was chosen elsewhere.

    A picture keeps its own selection, and a click on what it still takes for selected would be no change.
    """
    return f"{name}_{st.session_state.versions[name]}"


def _renew_pictures(*, but: str | None = None) -> None:
    for name in PICTURES_OF_HEADS:
        if name != but:
            st.session_state.versions[name] += 1


def box_of(name: str) -> str:
    """Key of the widget that edits a value of the state.

    Widgets of different pages can't share a key and keep what it holds, so each run fills them from the state.
    """
    key = f"{name}_box"
    st.session_state[key] = st.session_state[name]
    return key


def take_box(name: str) -> None:
    """Take over what was typed into the widget of `box_of`."""
    st.session_state[name] = st.session_state[f"{name}_box"] or ""


def plain(text: str) -> str:
    """Escape what Streamlit's markdown would interpret."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!$:~<>|^" else c for c in text)
    # Addresses turn into links even when escaped, unless something invisible parts them.
    return re.sub(r"(//|@|www)", "\\1\N{ZERO WIDTH SPACE}", escaped)
