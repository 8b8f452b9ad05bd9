"""Opening, saving and closing recordings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from attn_core import limits
from attn_core.memory import room_for_recording
from attn_core.ui.state import forget_head
from attn_core.ui.switches import heads_off, replacement

if TYPE_CHECKING:
    from attn_core.encoding import Text
    from attn_core.generation import GeneratedText
    from attn_core.model import LanguageModel


NAMED_WORDS = 8  # of a prompt, in the name of its file


def take_upload() -> None:
    """Open what was put into the uploader; where that fails, the page says why."""
    from attn_core.errors import InvalidTrace
    from attn_core.trace import AttentionTrace

    upload = st.session_state[f"upload_{st.session_state.get('uploads', 0)}"]
    st.session_state.recording_error = ""
    st.session_state.playlist = None
    if upload is None:
        st.session_state.recording = None
        return
    try:
        st.session_state.recording = AttentionTrace.load(upload, max_bytes=room_for_recording())
        st.session_state.recording_name = upload.name
        forget_head()
    except (InvalidTrace, OSError) as error:
        st.session_state.recording = None
        st.session_state.recording_error = f"Can't open {upload.name}. {error}"


def close_recording() -> None:
    """Go back from a recording to the prompt."""
    st.session_state.recording = None
    st.session_state.recording_error = ""
    st.session_state.playlist = None
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1  # a new, empty uploader


def offer_recording(
    make: Callable[[], bytes], text: str, *, label: str = "Save recording (.npz)", name: str = ""
) -> None:
    """Put a button into the session menu that saves a recording.

    Args:
        make: the bytes of the file, once somebody wants it.
        text: that it is of, from which the file gets its name.
        label: of the button.
        name: with which that of the file begins, if it is one of two.
    """
    words = re.findall(r"[A-Za-z0-9]+", text)[:NAMED_WORDS]
    st.session_state.save_place.download_button(
        label,
        make,
        file_name="_".join([*([name] if name else []), *words, "recording"]) + ".npz",
        mime="application/octet-stream",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )


def offer_text(model: LanguageModel, prompt: str, run: GeneratedText | None) -> None:
    """Put a button into the session menu that saves the generated text as a recording, or else the prompt."""
    from attn_core.capture import capture
    from attn_core.encoding import encode
    from attn_core.errors import PromptError

    text: Text = prompt
    off, by = heads_off(), replacement()
    if run is not None and run.model == model.name:
        text, off, by = run.ids_before(len(run.steps)), run.ablated, run.replacement
    try:
        encode(model, text, max_tokens=limits.PROMPT_TOKENS + limits.NEW_TOKENS)
    except PromptError:
        return
    offer_recording(lambda: capture(model, text, ablate=off, replacement=by).to_bytes(), prompt)
