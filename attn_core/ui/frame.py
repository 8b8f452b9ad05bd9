"""What stands at the top of every page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from attn_core.errors import AttnCoreError
from attn_core.ui.presenting import embedded, offer_leaving, presenting
from attn_core.ui.sharing import way_to_the_dashboard
from attn_core.ui.state import notice, plain

_ROOT = Path(__file__).parent.parent.parent


def title(text: str, explanation: str) -> None:
    """The head of a page, and whatever the link asked for that could not be had."""
    if "begun" not in st.session_state:
        _go_through_the_dashboard()
    if presenting():
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.title(text)
            offer_leaving()
    elif embedded():
        with st.container(horizontal=True, horizontal_alignment="right"):
            way_to_the_dashboard()
    else:
        st.title(text)
        st.markdown(explanation)
    st.session_state.notice_place = st.container()  # always, so that what follows keeps its place on the page
    for sentence in st.session_state.notices:
        notice(sentence)
    st.session_state.notices = []


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Show an error of the library that no part of a page expected as its sentence."""
    try:
        yield
    except AttnCoreError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _go_through_the_dashboard() -> None:
    """Start again with dashboard.py.

    When the very first visit to a server is a link to a page, Streamlit runs the file in pages/ by itself: it
    does so until st.navigation has been called once.
    """
    st.navigation([_ROOT / "dashboard.py", *sorted((_ROOT / "pages").glob("*.py"))], position="hidden")
    st.rerun()
