"""Shown to a room or inside another page: the figures and a line or two, and keys for what else needs a hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import streamlit as st

_STATIC = Path(__file__).parent.parent / "static"


def presenting() -> bool:
    """Return whether the dashboard is shown to a room."""
    return bool(st.session_state.presenting)


def embedded() -> bool:
    """Return whether the dashboard is a frame of another page: the link says `embed=true`."""
    return bool(st.context.is_embedded)


def figures_only() -> bool:
    """Return whether a page shows its first screen alone: to a room, or in a frame of another page."""
    return presenting() or embedded()


def place_of_pages() -> Literal["top", "hidden"]:
    """Return where the names of the pages are."""
    return "hidden" if embedded() else "top"


def apply_style() -> None:
    """Give the page the look that goes with where it is shown."""
    st.html(_style(presenting=presenting(), embedded=embedded()))


@cache
def _style(**wanted: bool) -> str:
    names = ("page", "layout", *(name for name, is_wanted in wanted.items() if is_wanted))
    return f"<style>{''.join((_STATIC / f'{name}.css').read_text(encoding='utf-8') for name in names)}</style>"


def pick_presenting() -> None:
    """Draw the button that begins to present."""
    st.button(
        "Present",
        on_click=present,
        args=(True,),
        icon=":material/slideshow:",
        type="tertiary",
        help="Larger text and figures, nothing else. Keys: ←/→ heads, ↑/↓ layers, Page Up/Down tour steps, "
        "N/P recordings, 1–7 pages, ? for all keys, Esc to exit.",
    )


def present(on: bool) -> None:
    """Begin to present, or end it."""
    st.session_state.presenting = on


def add_keys(*buttons: tuple[str, str, Callable[..., None], tuple[object, ...]], name: str) -> None:
    """Add keys while somebody presents, each as a button that nobody sees.

    Args:
        buttons: of each a label, its key, what it does, and the arguments for that.
        name: of the group on its page.
    """
    if not presenting():
        return
    with st.container(key=f"keys_{name}"):
        for label, key, do, arguments in buttons:
            st.button(label, on_click=do, args=arguments, shortcut=key, key=f"key_{key}")


def add_head_keys(
    n_layers: int, n_heads: int, now: Callable[[], tuple[int, int]], choose: Callable[[int, int], None]
) -> None:
    """Add keys for the next and the previous head and layer.

    Args:
        n_layers, n_heads: of the model.
        now: returns the layer and head that are chosen, which a key pressed before may have changed.
        choose: takes those to be shown instead.
    """

    def go(layers: int, heads: int) -> None:
        layer, head = now()
        choose((layer + layers) % n_layers, (head + heads) % n_heads)

    add_keys(
        ("Previous head", "Left", go, (0, -1)),
        ("Next head", "Right", go, (0, 1)),
        ("Previous layer", "Up", go, (-1, 0)),
        ("Next layer", "Down", go, (1, 0)),
        name="heads",
    )
