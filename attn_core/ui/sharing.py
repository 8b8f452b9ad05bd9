"""A link to what is seen."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from attn_core.ui.links import CHOICES, MAX_TEXT, TEXT, fits_a_link

_STATIC = Path(__file__).parent.parent / "static"

_copy_button = st.components.v2.component(
    "attn_core_copy_link",
    html='<button type="button">Copy link</button><div role="status"></div>',
    css=(_STATIC / "copy.css").read_text(),
    js=(_STATIC / "copy.js").read_text(),
)


def offer_link() -> None:
    """A button that copies the link, and says what is not in it."""
    _copy_button(
        key="copy_link",
        data={
            "done": " ".join(["Copied.", *_left_out()]),
            "help": "Whoever opens it sees the same model, texts, head, words, view and settings.",
        },
    )


def _left_out() -> list[str]:
    """A sentence for each thing that is seen but not in the link."""
    state = st.session_state
    sentences = []
    if any(choice.kind is TEXT and not fits_a_link(state[name]) for name, choice in CHOICES.items()):
        sentences.append(f"A text of more than {MAX_TEXT:,} characters is not in it.")
    if state.recording is not None and state.playlist is None:
        sentences.append("The open recording is not in it: save the trace and send the file along.")
    return sentences


def way_to_the_dashboard() -> None:
    """A link from inside another page to the whole dashboard, at the same place."""
    address = f"{st.context.url}?{urlencode(st.query_params.to_dict())}"
    st.link_button("Open the dashboard", address, type="tertiary", icon=":material/open_in_new:")
