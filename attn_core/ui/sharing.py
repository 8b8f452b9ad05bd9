"""Share a link to what the page shows."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from attn_core.ui.assets import read_asset
from attn_core.ui.links import CHOICES, MAX_TEXT, TEXT, fits_in_link
from attn_core.ui.session import session

_copy_button = st.components.v2.component(
    "attn_core_copy_link",
    html='<button type="button">Copy link</button><div role="status"></div>',
    css=read_asset("copy.css"),
    js=read_asset("copy.js"),
)


def show_link_button() -> None:
    """Draw a button that copies the link and says what the link leaves out."""
    _copy_button(
        key="copy_link",
        data={
            "done": " ".join(["Link copied.", *_list_left_out()]),
            "help": "Opens the same model, prompts, head, tokens, view and settings.",
        },
    )


def _list_left_out() -> list[str]:
    """Return a sentence for each thing on the page that is not in the link."""
    sentences = []
    if any(choice.kind is TEXT and not fits_in_link(session[name]) for name, choice in CHOICES.items()):
        sentences.append(f"Prompts longer than {MAX_TEXT:,} characters are not included.")
    if session.recording is not None and session.playlist is None:
        sentences.append("The open recording is not included. Save it and send the file too.")
    return sentences


def show_dashboard_link() -> None:
    """Draw a link from an embedded page to the same page of the full dashboard."""
    address = f"{st.context.url}?{urlencode(st.query_params.to_dict())}"
    st.link_button("Open the dashboard", address, type="tertiary", icon=":material/open_in_new:")
