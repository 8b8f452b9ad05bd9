"""Step through the recordings of a folder, for a talk with no network and no model."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from attn_core.errors import InvalidTrace
from attn_core.server.playlist import Playlist, list_recordings, open_recording
from attn_core.server.settings import get_settings
from attn_core.ui.presenting import is_presenting
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown, forget_head


def show_playlist(*, on_leave: Callable[[], None]) -> None:
    """Draw the choice of a recording, if there is a folder of them.

    `session.playlist` is the file name of the open recording of the folder, or None.

    Args:
        on_leave: closes the recording.
    """
    listed = list_recordings(get_settings().playlist)
    if listed is None:
        return
    if listed.names:
        _pick_recording(listed, on_leave)
    else:
        st.caption(
            f"No recordings in {escape_markdown(listed.folder.name)} yet. "
            "Make some with `python -m attn_core record`."
        )
    if listed.others:
        st.caption(f"Skipped, not recordings: {escape_markdown(', '.join(listed.others))}.")


def open_by_name(name: str) -> bool:
    """Open a recording of the playlist by its file name, and return whether that worked."""
    return _open(name) is None


def _pick_recording(listed: Playlist, on_leave: Callable[[], None]) -> None:
    current = session.playlist if session.playlist in listed.names else None
    session.playlist_box = current
    st.selectbox(
        "Playlist",
        listed.names,
        index=None,
        key="playlist_box",
        placeholder=f"Choose from {len(listed.names)} recording{'s' * (len(listed.names) > 1)}",
        format_func=lambda name: name[: -len(".npz")],
        on_change=_open_choice,
        args=(on_leave,),
    )
    before, after = listed.before(current), listed.after(current)
    with st.container(horizontal=True):
        _show_step_button("Previous", before)
        _show_step_button("Next", after)


def _show_step_button(label: str, name: str | None) -> None:
    st.button(
        label,
        key=f"playlist_{label.lower()}",
        disabled=name is None,
        on_click=_go_to,
        args=(name,),
        icon=f":material/skip_{label.lower()}:",
        width="stretch",
    )


def add_playlist_keys() -> None:
    """Add keyboard shortcuts for the previous and next recording, in Present mode."""
    listed = list_recordings(get_settings().playlist)
    current = session.playlist
    if current is None or listed is None or not is_presenting():
        return
    with st.container(key="keys_playlist"):
        for label, key, name in (
            ("Previous recording", "P", listed.before(current)),
            ("Next recording", "N", listed.after(current)),
        ):
            st.button(label, on_click=_go_to, args=(name,), disabled=name is None, shortcut=key, key=f"key_{key}")


def _open_choice(on_leave: Callable[[], None]) -> None:
    if session.playlist_box is None:
        on_leave()
    else:
        _go_to(session.playlist_box)


def _go_to(name: str) -> None:
    """Open a recording; if that fails, keep the current one, and store the reason for the page to show."""
    problem = _open(name)
    session.recording_error = "" if problem is None else f"{name} was not opened. {problem}"


def _open(name: str) -> str | None:
    """Open a recording of the playlist; return a sentence about the problem if that fails."""
    try:
        recording = open_recording(get_settings().playlist, name)
    except InvalidTrace as error:
        return str(error)
    except OSError as error:
        return f"The file cannot be read: {error.strerror or error}."
    session.recording, session.recording_name, session.playlist = recording, name, name
    session.n_uploads += 1  # a new, empty uploader
    forget_head()
    return None
