"""Adapt pages to a talk, or to a frame of another page: larger figures, less text, and keyboard shortcuts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import streamlit as st

from attn_core.ui.assets import read_asset
from attn_core.ui.session import session


def is_presenting() -> bool:
    """Return whether Present mode is on."""
    return bool(session.presenting)


def is_embedded() -> bool:
    """Return whether the dashboard is in a frame of another page: the link says `embed=true`."""
    return bool(st.context.is_embedded)


def is_figures_only() -> bool:
    """Return whether a page shows its first screen only: in Present mode, or in a frame of another page."""
    return is_presenting() or is_embedded()


def get_navigation_position() -> Literal["top", "hidden"]:
    """Return where the page names are shown."""
    return "hidden" if is_embedded() else "top"


def apply_style() -> None:
    """Add the style sheets for a normal, presented or embedded page."""
    st.html(_read_style(presenting=is_presenting(), embedded=is_embedded()))


@cache
def _read_style(**optional: bool) -> str:
    names = ("page", "layout", *(name for name, is_used in optional.items() if is_used))
    return f"<style>{''.join(read_asset(f'{name}.css') for name in names)}</style>"


def pick_presenting() -> None:
    """Draw the button that starts Present mode."""
    st.button(
        "Present",
        on_click=set_presenting,
        args=(True,),
        icon=":material/slideshow:",
        type="tertiary",
        help="Larger text and figures, nothing else. Keys: ←/→ heads, ↑/↓ layers, Page Up/Down tour steps, "
        "N/P recordings, 1–7 pages, ? for all keys, Esc to exit.",
    )


def set_presenting(on: bool) -> None:
    """Turn Present mode on or off."""
    session.presenting = on


def add_keys(*buttons: tuple[str, str, Callable[..., None], tuple[object, ...]], name: str) -> None:
    """Add keyboard shortcuts in Present mode, each as an invisible button.

    Args:
        buttons: for each its label, its key, the function to call, and its arguments.
        name: the name of the group on its page.
    """
    if not is_presenting():
        return
    with st.container(key=f"keys_{name}"):
        for label, key, on_click, arguments in buttons:
            st.button(label, on_click=on_click, args=arguments, shortcut=key, key=f"key_{key}")


def add_head_keys(
    n_layers: int, n_heads: int, get_head: Callable[[], tuple[int, int]], choose: Callable[[int, int], None]
) -> None:
    """Add keyboard shortcuts for the next and the previous head and layer.

    Args:
        n_layers, n_heads: the size of the model.
        get_head: returns the chosen layer and head, which an earlier key may have changed.
        choose: is called with the layer and head to show instead.
    """

    def move(layers: int, heads: int) -> None:
        layer, head = get_head()
        choose((layer + layers) % n_layers, (head + heads) % n_heads)

    add_keys(
        ("Previous head", "Left", move, (0, -1)),
        ("Next head", "Right", move, (0, 1)),
        ("Previous layer", "Up", move, (-1, 0)),
        ("Next layer", "Down", move, (1, 0)),
        name="heads",
    )
