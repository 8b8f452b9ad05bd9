"""Prompts and their traces, or recordings in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import streamlit as st

from attn_core import limits
from attn_core.errors import AttnCoreError, InvalidTrace
from attn_core.memory import room_for_recording
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.models import language_model
from attn_core.ui.playlist import steps_for_a_room
from attn_core.ui.sidebar import close_recording, offer_trace
from attn_core.ui.state import box_of, plain, take_box
from attn_core.ui.switches import heads_off, heads_phrase, replacement

if TYPE_CHECKING:
    from attn_core.ablation import Head, Replacement
    from attn_core.model import LanguageModel

COPY_HELP = "Put prompt A in the place of B, to change a word of it there."


@kept.traces.keeps
def _captured(model: LanguageModel, text: str, off: frozenset[Head], replacement: Replacement) -> AttentionTrace:
    from attn_core.capture import capture

    return capture(model, text, ablate=off, replacement=replacement, max_tokens=limits.PROMPT_TOKENS)


def trace_of(model: LanguageModel, text: str) -> AttentionTrace:
    """The trace of a text; on a prompt that cannot be run the page says why and stops."""
    try:
        with st.spinner(f"Running {plain(model.name)} over the prompt{_queue()}…"):
            trace = _captured(model, text, heads_off(), replacement())
    except AttnCoreError as error:
        st.error(plain(str(error)), icon=":material/edit:")
        st.stop()
    start_note(model, text)
    return trace


def start_note(model: LanguageModel, text: str) -> None:
    """Say that the start token is in a prompt twice, where it was typed and the tokenizer adds it too."""
    from attn_core.encoding import start_is_typed_too
    from attn_core.errors import PromptError

    try:
        token = start_is_typed_too(model, text)
    except PromptError:  # what runs the prompt tells it
        return
    if token is not None:
        st.info(
            f"{plain(token)} is in the prompt twice: typed, and added by the tokenizer of {plain(model.name)}. "
            "Delete the typed one.",
            icon=":material/info:",
        )


def _queue() -> str:
    """How many wait before this one, in words."""
    from attn_core.turns import forward_passes

    n = forward_passes.n_waiting
    return f", after {n} that came before" if n else ""


def trace_in_view() -> AttentionTrace:
    """The open recording, or else the trace of the prompt, for which the page shows a box."""
    recording = st.session_state.recording
    if recording is not None:
        recording_line()
        trace = cast(AttentionTrace, recording)
    else:
        prompt = prompt_box()
        trace = trace_of(language_model(), prompt)
    offer_trace(trace.to_bytes)
    return trace


def recording_line() -> None:
    """Say that a recording is open, whose it is, and let it be closed."""
    recording: AttentionTrace = st.session_state.recording
    st.session_state.model_status.caption("No model is loaded: a recording is open.")
    with st.container(border=True):
        words, button = st.columns([5, 2], vertical_alignment="center")
        words.markdown(
            f":material/album: Recording **{plain(st.session_state.recording_name)}**"
            + (f", made by {plain(recording.model)}" if recording.model else "")
            + f": {recording.n_layers} layers × {recording.n_heads} heads, {recording.n_tokens} tokens"
            + (f". Made with **{heads_phrase(recording.ablated)}**" if recording.ablated else "")
        )
        button.button("Close the recording", on_click=close_recording, width="stretch")
    steps_for_a_room()
    st.text(recording.text)


def prompt_box(label: str = "Prompt", *, name: str = "prompt") -> str:
    """The box for a prompt; what was typed stays over pages and errors."""
    st.text_area(label, key=box_of(name), height=80, on_change=take_box, args=(name,))
    return cast(str, st.session_state[name])


def two_traces() -> tuple[AttentionTrace, AttentionTrace | None]:
    """The traces of two prompts, or with a recording open that one and a second, if it is opened too."""
    if st.session_state.recording is not None:
        recording_line()
        a, b = cast(AttentionTrace, st.session_state.recording), _second_recording()
    else:
        model = language_model()
        left, right = st.columns(2, gap="large")
        with left:
            a = trace_of(model, prompt_box("Prompt A", name="prompt_a"))
        with right:
            b = trace_of(model, prompt_box("Prompt B", name="prompt_b"))
        with st.container(horizontal=True):
            st.button("Swap A and B", on_click=_swap_prompts, icon=":material/swap_horiz:")
            st.button("Edit B from A", on_click=_copy_prompt, icon=":material/content_copy:", help=COPY_HELP)
    offer_trace(a.to_bytes, label="Save trace A (.npz)", file_name="trace_a.npz")
    if b is not None:
        offer_trace(b.to_bytes, label="Save trace B (.npz)", file_name="trace_b.npz")
    return a, b


def _swap_prompts() -> None:
    state = st.session_state
    state.prompt_a, state.prompt_b = state.prompt_b, state.prompt_a


def _copy_prompt() -> None:
    st.session_state.prompt_b = st.session_state.prompt_a


def _second_recording() -> AttentionTrace | None:
    upload = st.file_uploader("Open a second recording to compare with", type="npz", key="second_upload")
    if upload is None:
        return None
    try:
        second = AttentionTrace.load(upload, max_bytes=room_for_recording())
    except (InvalidTrace, OSError) as error:
        st.error(plain(f"The file was not opened. {error}"), icon=":material/error:")
        return None
    first: AttentionTrace = st.session_state.recording
    if (second.n_layers, second.n_heads) != (first.n_layers, first.n_heads):
        st.error(
            f"The second recording has {second.n_layers} layers × {second.n_heads} heads and the first "
            f"{first.n_layers} × {first.n_heads}: open one of the same model.",
            icon=":material/error:",
        )
        return None
    if first.model and second.model and first.model != second.model:
        st.warning(
            f"The first recording was made by {plain(first.model)} and the second by {plain(second.model)}. Head "
            "numbers mean something else in another model, so what moved here says little.",
            icon=":material/warning:",
        )
    return second
