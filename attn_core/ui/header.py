"""Draw the bar that all pages share: the model with its state, the session menu, Present, and keys for a talk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attn_core.errors import ModelUnavailable
from attn_core.server.settings import get_settings
from attn_core.ui.assets import read_asset
from attn_core.ui.errors import describe_error
from attn_core.ui.models import find_failure, retry
from attn_core.ui.playlist import show_playlist
from attn_core.ui.presenting import is_embedded, is_presenting, pick_presenting, set_presenting
from attn_core.ui.recordings import close_recording, open_upload
from attn_core.ui.session import session
from attn_core.ui.sharing import show_dashboard_link, show_link_button
from attn_core.ui.state import escape_markdown, forget_head
from attn_core.ui.switches import (
    REPLACEMENTS,
    describe_heads_off,
    format_head_names,
    get_heads_off,
    get_replacement,
    set_heads_off,
)

if TYPE_CHECKING:
    from attn_core.compat import StreamlitPage

_keyboard = st.components.v2.component("attn_core_keyboard", html="", js=read_asset("keyboard.js"))

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
    """Draw the bar, to the right of the page names; in Present mode it is faint, in the corner."""
    with st.container(key="bar", horizontal=True, gap="small", vertical_alignment="center"):
        session.n_runs += 1
        _keyboard(key="keyboard", data={"run": session.n_runs})
        if is_embedded():
            _reserve_hidden_containers()
            show_dashboard_link()
        elif is_presenting():
            _reserve_hidden_containers()
            _show_presenting_bar(pages, page)
        else:
            _show_model_menu()
            _show_session_menu()
            pick_presenting()


def _reserve_hidden_containers() -> None:
    """Reserve invisible containers for what hidden menus would hold."""
    hidden = st.container(key="keys")
    session.model_status, session.save_container = hidden.empty(), hidden.container()


def _show_model_menu() -> None:
    """Draw the menu of models, labeled with the model's name and state, with its failure and its heads off."""
    failure = find_failure(session.model)
    heads_off = get_heads_off()
    label = session.model.strip() if failure is None else f"mini, not {session.model.strip()}: {failure.cause}"
    label = escape_markdown(label if len(label) <= 44 else f"{label[:43]}…") + (
        f" · {describe_heads_off(heads_off)}" if heads_off else ""
    )
    icon = ":material/memory:" if failure is None else ":material/cloud_off:"
    with (
        st.container(key="warning_chip" if failure or heads_off else "model_chip", width="content"),
        st.popover(label, icon=icon, type="tertiary", key="model_menu"),
    ):
        st.selectbox(
            "Model",
            dict.fromkeys([*(get_settings().models or ("gpt2", "distilgpt2")), "mini", session.model]),
            key="model",
            accept_new_options=not get_settings().models or get_settings().model_root is not None,
            persist_state="session",
            on_change=_reset_heads,
            help=_describe_model_choice(),
        )
        session.model_status = st.empty()
        if failure is not None:
            _show_failure(failure)
        _show_heads_off()


def _show_failure(failure: ModelUnavailable) -> None:
    st.markdown(
        f"**{escape_markdown(failure.name)} is unavailable, so you see mini**, the small model bundled with this "
        "dashboard."
    )
    st.caption(escape_markdown(describe_error(failure)))
    if not failure.lasting:
        st.button(
            "Try again",
            key="try_again",
            on_click=retry,
            args=(failure.name,),
            icon=":material/refresh:",
        )


def _show_heads_off() -> None:
    heads_off = get_heads_off()
    if not heads_off:
        return
    names = f" {format_head_names(heads_off)}." if len(heads_off) > 1 else ""
    st.markdown(
        f":orange-badge[:material/power_off: **{describe_heads_off(heads_off)}**]{names} "
        f"Output replaced with {REPLACEMENTS[get_replacement()]}."
    )
    st.button("Turn all heads on", on_click=set_heads_off, args=((),), icon=":material/power:")


def _describe_model_choice() -> str | None:
    settings = get_settings()
    if not settings.models:
        return "Choose one, or type a Hugging Face model id or the path of a local model folder."
    return settings.model_root and f"One of these, or a folder in {escape_markdown(settings.model_root)}."


def _reset_heads() -> None:
    """Reset the chosen head and the heads that are off: a head's number means something else in another model."""
    forget_head()
    session.heads_off = ()


def _show_session_menu() -> None:
    with st.popover(
        "Session",
        icon=":material/folder_open:",
        type="tertiary",
        key="session_menu",
    ):
        show_link_button()
        session.save_container = st.container()
        if get_settings().playlist.is_dir():
            show_playlist(on_leave=close_recording)
        st.file_uploader(
            "Open recording",
            type="npz",
            key=f"upload_{session.n_uploads}",
            on_change=open_upload,
            help="A recording saved here, or any .npz with the arrays `tokens` and `attention`.",
        )


def _show_presenting_bar(pages: Sequence[StreamlitPage], page: StreamlitPage) -> None:
    failure = find_failure(session.model)
    if failure is not None:
        st.markdown(f"mini, not {escape_markdown(failure.name)}", width="content")
    if get_heads_off():
        st.markdown(describe_heads_off(get_heads_off()), width="content")
    if st.button("Keys", key="show_keys", type="tertiary"):
        _show_keys()
    st.button(
        "Exit", on_click=set_presenting, args=(False,), shortcut="Esc", icon=":material/close:", type="tertiary"
    )
    with st.container(key="keys_of_pages"):
        for number, other in enumerate(pages, start=1):
            if st.button(other.title, shortcut=str(number), key=f"page_{number}") and other is not page:
                st.switch_page(other)


@st.dialog("Keys")
def _show_keys() -> None:
    for key, action in KEYS.items():
        st.markdown(f"**{key}** {action}")
