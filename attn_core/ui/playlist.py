"""The recordings of a folder, one after the other: for a talk with no network and no model."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from attn_core import limits
from attn_core.errors import InvalidTrace
from attn_core.memory import room_for_recording
from attn_core.playlist import Playlist, list_recordings, open_recording
from attn_core.ui.presenting import presenting
from attn_core.ui.state import forget_head, plain


def show_playlist(*, on_leave: Callable[[], None]) -> None:
    """Draw the choice of a recording, where there is a folder of them.

    `st.session_state.playlist` is the file name of the recording that is open from it, or None.

    Args:
        on_leave: closes the recording.
    """
    listed = list_recordings(limits.PLAYLIST)
    if listed is None:
        return
    if listed.names:
        _controls(listed, on_leave)
    else:
        st.caption(
            f"No recordings in {plain(listed.folder.name)} yet. Make some with `python -m attn_core record`."
        )
    if listed.others:
        st.caption(f"Skipped, not recordings: {plain(', '.join(listed.others))}.")


def choose(name: str) -> bool:
    """Open a recording of the playlist by its file name; whether it could be opened."""
    return _open(name) is None


def _controls(listed: Playlist, on_leave: Callable[[], None]) -> None:
    now = st.session_state.playlist if st.session_state.playlist in listed.names else None
    st.session_state.playlist_box = now
    st.selectbox(
        "Playlist",
        listed.names,
        index=None,
        key="playlist_box",
        placeholder=f"Choose from {len(listed.names)} recording{'s' * (len(listed.names) > 1)}",
        format_func=lambda name: name[: -len(".npz")],
        on_change=_take_choice,
        args=(on_leave,),
    )
    before, after = listed.before(now), listed.after(now)
    with st.container(horizontal=True):
        _button("Previous", before)
        _button("Next", after)


def _button(label: str, name: str | None) -> None:
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
    """Add keys for the recordings before and after this one, while somebody presents it."""
    listed = list_recordings(limits.PLAYLIST)
    now = st.session_state.playlist
    if now is None or listed is None or not presenting():
        return
    with st.container(key="keys_playlist"):
        for label, key, name in (
            ("Previous recording", "P", listed.before(now)),
            ("Next recording", "N", listed.after(now)),
        ):
            st.button(label, on_click=_go_to, args=(name,), disabled=name is None, shortcut=key, key=f"key_{key}")


def _take_choice(on_leave: Callable[[], None]) -> None:
    if st.session_state.playlist_box is None:
        on_leave()
    else:
        _go_to(st.session_state.playlist_box)


def _go_to(name: str) -> None:
    """Open a recording; where that fails the one before stays, and the page says why."""
    problem = _open(name)
    st.session_state.recording_error = "" if problem is None else f"{name} was not opened. {problem}"


def _open(name: str) -> str | None:
    """Open a recording of the playlist; returns a sentence if it can't be."""
    try:
        recording = open_recording(limits.PLAYLIST, name, max_bytes=room_for_recording())
    except InvalidTrace as error:
        return str(error)
    except OSError as error:
        return f"The file cannot be read: {error.strerror or error}."
    state = st.session_state
    state.recording, state.recording_name, state.playlist = recording, name, name
    state.uploads = state.get("uploads", 0) + 1  # a new, empty uploader
    forget_head()
    return None
