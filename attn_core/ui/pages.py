"""Start and end a page."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import streamlit as st

from attn_core.analysis import examples
from attn_core.compat import is_running as is_running
from attn_core.errors import AttnCoreError, is_out_of_memory
from attn_core.ui.assets import read_image
from attn_core.ui.errors import describe_error
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown

_ROOT = Path(__file__).parent.parent.parent


@cache
def load_page_icon() -> str:
    """Return the icon of the browser tab as a data URL; Streamlit would store a file again in every run."""
    return f"data:image/png;base64,{base64.b64encode(read_image('icon.png')).decode()}"


@contextmanager
def show_errors() -> Iterator[None]:
    """Show the message of a library error that the page did not handle."""
    try:
        yield
    except AttnCoreError as error:
        st.error(escape_markdown(describe_error(error)), icon=":material/error:")
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        st.error(
            "There is not enough memory for this. Shorten the prompt, or try again later.",
            icon=":material/memory:",
        )


def set_opening_prompt(*, at_home: bool) -> None:
    """Set the prompt that Home opens with, for a visitor who starts there with a link that holds no choice.

    Args:
        at_home: whether the page that is about to be drawn is Home.
    """
    if session.is_new and at_home:
        session.prompt = examples.OPENING
    session.is_new = False


def redirect_to_dashboard() -> None:
    """Start again with dashboard.py if a page was run without it.

    When the very first visit to a server is a link to a page, Streamlit runs the file in pages/ by itself, until
    st.navigation has been called once.
    """
    if "is_restored" not in session:
        st.navigation([_ROOT / "dashboard.py", *sorted((_ROOT / "pages").glob("*.py"))], position="hidden")
        st.rerun()
