"""What is chosen, kept over pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def notice(sentence: str) -> None:
    """Say above the figures what the link asked for and could not be had."""
    st.session_state.notice_place.text(f"⚠ {sentence}")


def theme() -> Theme:
    """Which background the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def forget_head() -> None:
    """Let the page suggest a head again."""
    st.session_state.head_is_chosen = False
    st.session_state.table_version += 1


def choose_head(layer: int, head: int, *, in_table: bool = False) -> None:
    """Show this head from now on.

    Args:
        layer, head: zero-based.
        in_table: whether it was clicked in the table of heads, which keeps its own selection. A head that is chosen
            elsewhere makes the table a new one: it would take a click on the cell that it still shows for no change.
    """
    st.session_state.layer, st.session_state.head = layer, head
    st.session_state.head_is_chosen = True
    st.session_state.table_version += not in_table


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


def pick_one(label: str, options: Mapping[str, str], *, key: str, label_visible: bool = False) -> str:
    """Draw a row of choices, and return the chosen one.

    Args:
        label: of the row.
        options: what each choice is called.
        key: of the state, which holds what it is called.
        label_visible: whether the label is seen.

    Returns:
        A key of `options`.
    """
    called = st.segmented_control(
        label,
        list(options.values()),
        required=True,
        key=key,
        persist_state="session",
        label_visibility="visible" if label_visible else "collapsed",
    )
    return next(name for name, option in options.items() if option == called)
