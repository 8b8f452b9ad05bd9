"""Change and read the choices that all pages share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from attn_core.analysis import examples
from attn_core.ui.session import session

if TYPE_CHECKING:
    from attn_core.charts.style import Theme

ALL_TOKENS = -1  # in place of a token's position
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
"""The prompts of the tour, which a visitor can change."""


def show_notice(sentence: str) -> None:
    """Show a sentence above the figures, about something that the link asked for and that is not available."""
    session.notice_container.text(f"⚠ {sentence}")


def get_theme() -> Theme:
    """Return the theme that the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def forget_head() -> None:
    """Let the page suggest a head again."""
    session.head_is_chosen = False
    session.table_version += 1


def choose_head(layer: int, head: int, *, in_table: bool = False) -> None:
    """Select this head for all pages.

    Args:
        layer, head: zero-based.
        in_table: whether the click was in the table of heads, which keeps its own selection. A head that is chosen
            elsewhere makes the table a new one, because it would ignore a click on the cell that it still shows as
            selected.
    """
    session.layer, session.head = layer, head
    session.head_is_chosen = True
    session.table_version += not in_table


def fill_widget(name: str) -> str:
    """Fill the widget that edits a value of the session, and return the widget's key.

    Widgets on different pages can't share a key and keep its value, so each run fills them from the session.
    """
    key = f"{name}_box"
    session[key] = session[name]
    return key


def store_widget_value(name: str) -> None:
    """Store what was typed into the widget of `fill_widget`."""
    session[name] = session[f"{name}_box"] or ""


def escape_markdown(text: str) -> str:
    """Escape what Streamlit's markdown would interpret."""
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!$:~<>|^" else c for c in text)
    # Addresses turn into links even when escaped, unless an invisible character splits them.
    return re.sub(r"(//|@|www)", "\\1\N{ZERO WIDTH SPACE}", escaped)


def pick_one(label: str, options: Mapping[str, str], *, key: str, label_visible: bool = False) -> str:
    """Draw a row of choices, and return the chosen one.

    Args:
        label: the label of the row.
        options: the text of each choice.
        key: the key in the session, which holds the text of the choice.
        label_visible: whether the label is shown.

    Returns:
        A key of `options`.
    """
    chosen = st.segmented_control(
        label,
        list(options.values()),
        required=True,
        key=key,
        persist_state="session",
        label_visibility="visible" if label_visible else "collapsed",
    )
    return next(name for name, option in options.items() if option == chosen)
