"""The bar that all pages share: the model with its state, the session menu, Present; and keys for a talk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from attn_core import limits
from attn_core.errors import ModelUnavailable
from attn_core.ui.models import trouble_of, try_again
from attn_core.ui.playlist import show_playlist
from attn_core.ui.presenting import embedded, pick_presenting, present, presenting
from attn_core.ui.recordings import close_recording, take_upload
from attn_core.ui.sharing import show_link_button, show_way_to_the_dashboard
from attn_core.ui.state import forget_head, plain
from attn_core.ui.switches import REPLACEMENTS, heads_off, heads_phrase, named_heads, replacement, switch_off

MODELS = (*limits.MODELS, "mini") if limits.MODELS else ("gpt2", "distilgpt2", "mini")
_STATIC = Path(__file__).parent.parent / "static"
_keyboard = st.components.v2.component("attn_core_keyboard", html="", js=(_STATIC / "keyboard.js").read_text())

KEYS = {
    "← →": "previous and next head; on Generate, token",
    "↑ ↓": "layer; on Generate, the heads with the largest effect",
    "Page Up, Page Down": "steps of the tour",
    "P N": "previous and next recording of the playlist",
    "Space": "play and pause on Generate",
    "1 to 7": "pages, from Home to Many names",
    "?": "these keys",
    "Esc": "leave the presentation",
}


def show_header(pages: Sequence[StreamlitPage], page: StreamlitPage) -> None:
    """Draw the bar: at the right of the page's names, or while somebody presents faint in the corner."""
    with st.container(key="bar", horizontal=True, gap="small", vertical_alignment="center"):
        _keyboard(key="keyboard")
        if embedded():
            _hidden_places()
            show_way_to_the_dashboard()
        elif presenting():
            _hidden_places()
            _presenting_bar(pages, page)
        else:
            _model_menu()
            _session_menu()
            pick_presenting()


def _hidden_places() -> None:
    """Places for what other menus would hold, which nobody sees now."""
    hidden = st.container(key="keys")
    st.session_state.model_status, st.session_state.save_place = hidden.empty(), hidden.container()


def _model_menu() -> None:
    """The model's name and state, and behind it the choice of another one, why it is not there, and heads off."""
    state = st.session_state
    trouble = trouble_of(state.model)
    off = heads_off()
    label = state.model.strip() if trouble is None else f"mini, not {state.model.strip()}: {trouble.cause}"
    label = plain(label if len(label) <= 44 else f"{label[:43]}…") + (f" · {heads_phrase(off)}" if off else "")
    icon = ":material/memory:" if trouble is None else ":material/cloud_off:"
    with (
        st.container(key="warning_chip" if trouble or off else "model_chip", width="content"),
        st.popover(label, icon=icon, type="tertiary", key="model_menu"),
    ):
        st.selectbox(
            "Model",
            dict.fromkeys([*MODELS, state.model]),
            key="model",
            accept_new_options=not limits.MODELS or limits.MODEL_ROOT is not None,
            persist_state="session",
            on_change=_forget_heads,
            help=_models_help(),
        )
        state.model_status = st.empty()
        if trouble is not None:
            _explain_trouble(trouble)
        _heads_off_line()


def _explain_trouble(trouble: ModelUnavailable) -> None:
    st.markdown(
        f"**{plain(trouble.name)} is unavailable, so you see mini**, the small model bundled with this dashboard."
    )
    st.caption(plain(str(trouble)))
    if not trouble.lasting:
        st.button(
            "Try again",
            key="try_again",
            on_click=try_again,
            args=(trouble.name,),
            icon=":material/refresh:",
        )


def _heads_off_line() -> None:
    off = heads_off()
    if not off:
        return
    names = f" {named_heads(off)}." if len(off) > 1 else ""
    st.markdown(
        f":orange-badge[:material/power_off: **{heads_phrase(off)}**]{names} "
        f"Output replaced with {REPLACEMENTS[replacement()]}."
    )
    st.button("Turn all heads on", on_click=switch_off, args=((),), icon=":material/power:")


def _models_help() -> str | None:
    if not limits.MODELS:
        return "Choose one, or type a Hugging Face model id or the path of a local model folder."
    return None if limits.MODEL_ROOT is None else f"One of these, or a folder in {plain(limits.MODEL_ROOT)}."


def _forget_heads() -> None:
    """A head's number means something else in another model."""
    forget_head()
    st.session_state.heads_off = ()


def _session_menu() -> None:
    state = st.session_state
    with st.popover(
        "Session",
        icon=":material/folder_open:",
        type="tertiary",
        key="session_menu",
    ):
        show_link_button()
        state.save_place = st.container()
        if limits.PLAYLIST.is_dir():
            show_playlist(on_leave=close_recording)
        st.file_uploader(
            "Open recording",
            type="npz",
            key=f"upload_{state.get('uploads', 0)}",
            on_change=take_upload,
            help="A recording saved here, or any .npz with the arrays `tokens` and `attention`.",
        )


def _presenting_bar(pages: Sequence[StreamlitPage], page: StreamlitPage) -> None:
    trouble = trouble_of(st.session_state.model)
    if trouble is not None:
        st.markdown(f"mini, not {plain(trouble.name)}", width="content")
    if heads_off():
        st.markdown(heads_phrase(heads_off()), width="content")
    if st.button("Keys", key="show_keys", type="tertiary"):
        _show_keys()
    st.button("Exit", on_click=present, args=(False,), shortcut="Esc", icon=":material/close:", type="tertiary")
    with st.container(key="keys_of_pages"):
        for number, other in enumerate(pages, start=1):
            if st.button(other.title, shortcut=str(number), key=f"page_{number}") and other is not page:
                st.switch_page(other)


@st.dialog("Keys")
def _show_keys() -> None:
    for key, does in KEYS.items():
        st.markdown(f"**{key}** {does}")
