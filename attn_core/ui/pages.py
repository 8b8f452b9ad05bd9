"""What every page begins and ends with."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import streamlit as st

from attn_core import examples
from attn_core.errors import AttnCoreError
from attn_core.ui.state import plain

_ROOT = Path(__file__).parent.parent.parent


@cache
def page_icon() -> str:
    """Return the icon of the browser's tab as an address that holds it; a file Streamlit would store in every run."""
    content = (_ROOT / "attn_core" / "static" / "icon.png").read_bytes()
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Show an error of the library that no part of a page expected as its sentence."""
    try:
        yield
    except AttnCoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def open_new_session(*, at_home: bool) -> None:
    """Give a visitor whose link holds no choice, and who comes to Home first, a sentence that shows something.

    Args:
        at_home: whether the page that is about to be drawn is Home.
    """
    state = st.session_state
    if state.is_new and at_home:
        state.prompt = examples.OPENING
    state.is_new = False


def start_at_dashboard() -> None:
    """Start again with dashboard.py, if a page was run without it.

    When the very first visit to a server is a link to a page, Streamlit runs the file in pages/ by itself: it
    does so until st.navigation has been called once.
    """
    if "begun" not in st.session_state:
        st.navigation([_ROOT / "dashboard.py", *sorted((_ROOT / "pages").glob("*.py"))], position="hidden")
        st.rerun()
