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


def show_link_button() -> None:
    """Draw a button that copies the link, and says what is not in it."""
    _copy_button(
        key="copy_link",
        data={
            "done": " ".join(["Link copied.", *_left_out()]),
            "help": "Opens the same model, prompts, head, tokens, view and settings.",
        },
    )


def _left_out() -> list[str]:
    """A sentence for each thing that is seen but not in the link."""
    state = st.session_state
    sentences = []
    if any(choice.kind is TEXT and not fits_a_link(state[name]) for name, choice in CHOICES.items()):
        sentences.append(f"Prompts longer than {MAX_TEXT:,} characters are not included.")
    if state.recording is not None and state.playlist is None:
        sentences.append("The open recording is not included. Save it and send the file too.")
    return sentences


def show_way_to_the_dashboard() -> None:
    """Draw a link from inside another page to the whole dashboard, at the same place."""
    address = f"{st.context.url}?{urlencode(st.query_params.to_dict())}"
    st.link_button("Open the dashboard", address, type="tertiary", icon=":material/open_in_new:")
