"""The sidebar: model, examples, recordings, saving."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from attn_core import examples, limits
from attn_core.memory import room_for_recording
from attn_core.ui.presenting import offer_presenting
from attn_core.ui.sharing import offer_link
from attn_core.ui.state import forget_head, plain
from attn_core.ui.switches import heads_off, replacement

if TYPE_CHECKING:
    from attn_core.encoding import Text
    from attn_core.generation import GeneratedText
    from attn_core.model import LanguageModel

MODELS = (*limits.MODELS, "mini") if limits.MODELS else ("gpt2", "distilgpt2", "mini")


def sidebar(*, examples_fill: str | None = "prompt") -> None:
    """The controls that every page shares: model, examples, recordings.

    Args:
        examples_fill: the prompt of the state that an example goes to; None on a page that shows no prompt.
    """
    with st.sidebar:
        st.selectbox(
            "Model",
            dict.fromkeys([*MODELS, st.session_state.model]),
            key="model",
            accept_new_options=not limits.MODELS or limits.MODEL_ROOT is not None,
            persist_state="session",
            on_change=_forget_heads,
            help=_models_help(),
        )
        st.session_state.model_status = st.empty()
        place = st.empty()  # always, so that what follows keeps its place
        if examples_fill is not None:
            place.selectbox(
                "Example prompts",
                examples.PROMPTS,
                index=None,
                key="example",
                placeholder="From the article…",
                on_change=_use_example,
                args=(examples_fill,),
            )
        if limits.PLAYLIST.is_dir():
            from attn_core.ui.playlist import playlist  # brings NumPy, for which the first page need not wait

            playlist(on_leave=close_recording)
        st.file_uploader(
            "Open a recording",
            type="npz",
            key=f"upload_{st.session_state.get('uploads', 0)}",
            on_change=_open_recording,
            help="A trace saved by this dashboard, or any .npz with the arrays `tokens` and `attention`.",
        )
        if st.session_state.get("recording_error"):
            st.error(plain(st.session_state.recording_error), icon=":material/error:")
        st.session_state.save_place = st.container()
        offer_link()
        offer_presenting()


def _models_help() -> str | None:
    if not limits.MODELS:
        return (
            "One of these, another causal language model of the Hugging Face Hub by its id, or a local folder in "
            "transformers' format."
        )
    return None if limits.MODEL_ROOT is None else f"One of these, or a folder in {plain(limits.MODEL_ROOT)}."


def _forget_heads() -> None:
    """A head's number means something else in another model."""
    forget_head()
    st.session_state.heads_off = ()


def _use_example(name: str) -> None:
    st.session_state[name] = st.session_state.example
    st.session_state.example = None  # so that the same one can be chosen again
    close_recording()


def _open_recording() -> None:
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
        st.session_state.recording_error = f"The file was not opened. {error}"


def close_recording() -> None:
    """Go back from a recording to the prompt."""
    st.session_state.recording = None
    st.session_state.recording_error = ""
    st.session_state.playlist = None
    st.session_state.uploads = st.session_state.get("uploads", 0) + 1  # a new, empty uploader


def offer_trace(
    make: Callable[[], bytes], *, label: str = "Save this trace (.npz)", file_name: str = "trace.npz"
) -> None:
    """Put a button into the sidebar that saves a trace."""
    st.session_state.save_place.download_button(
        label,
        make,
        file_name=file_name,
        mime="application/octet-stream",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )


def offer_text(model: LanguageModel, prompt: str, run: GeneratedText | None) -> None:
    """Put a button into the sidebar that saves the trace of the generated text, or else that of the prompt."""
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
    offer_trace(lambda: capture(model, text, ablate=off, replacement=by).to_bytes())
