"""Prompts and their traces, or recordings in their place."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core import examples, limits
from attn_core.errors import AttnCoreError, InvalidTrace
from attn_core.memory import room_for_recording
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.models import language_model
from attn_core.ui.playlist import add_playlist_keys
from attn_core.ui.queue import let_others_run
from attn_core.ui.recordings import close_recording, offer_recording
from attn_core.ui.state import box_of, notice, plain, take_box
from attn_core.ui.switches import heads_off, heads_phrase, replacement

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.heads import Head
    from attn_core.model import LanguageModel

LONG_PROMPT = 500  # characters of a prompt that takes longer than all else on its page


@kept.traces.keeps
def _captured(model: LanguageModel, text: str, off: frozenset[Head], replacement: Replacement) -> AttentionTrace:
    from attn_core.capture import capture

    return capture(model, text, ablate=off, replacement=replacement, max_tokens=limits.PROMPT_TOKENS)


def trace_of(model: LanguageModel, text: str) -> AttentionTrace:
    """The trace of a text; on a prompt that cannot be run the page says why and stops."""
    try:
        with st.spinner(f"Running {plain(model.name)} on the prompt{_queue()}…"):
            off, by = heads_off(), replacement()
            with let_others_run() if len(text) > LONG_PROMPT else nullcontext():
                trace = _captured(model, text, off, by)
    except AttnCoreError as error:
        st.error(plain(str(error)), icon=":material/edit:")
        st.stop()
    start_note(model, text)
    return trace


def start_note(model: LanguageModel, text: str) -> None:
    """Say that the start token is in a prompt twice, where it was typed and the tokenizer adds it too."""
    from attn_core.errors import PromptError

    try:
        token = _start_typed_too(model, text)
    except PromptError:  # what runs the prompt tells it
        return
    if token is not None:
        st.info(
            f"{plain(token)} is in the prompt twice: typed, and added by the tokenizer of {plain(model.name)}. "
            "Delete the typed one.",
            icon=":material/info:",
        )


@kept.made_of_traces.keeps
def _start_typed_too(model: LanguageModel, text: str) -> str | None:
    from attn_core.encoding import start_is_typed_too

    return start_is_typed_too(model, text)


def _queue() -> str:
    """How many wait before this one, in words."""
    from attn_core.turns import forward_passes

    n = forward_passes.n_waiting
    return f" ({n} ahead of you)" if n else ""


def trace_in_view() -> AttentionTrace:
    """Return the open recording, or else the trace of the prompt."""
    recording = st.session_state.recording
    if recording is not None:
        _no_model_needed()
        trace = cast(AttentionTrace, recording)
    else:
        trace = trace_of(language_model(), st.session_state.prompt)
    offer_recording(trace.to_bytes, trace.text)
    return trace


def _no_model_needed() -> None:
    st.session_state.model_status.caption("Recording open. No model loaded.")
    add_playlist_keys()


def show_question(
    question: str, explanation: str, *, prompt: str | None = "prompt", recorded: bool = True
) -> DeltaGenerator:
    """Draw the head of a page: a question with its explanation behind an icon, and the prompt beside it.

    Args:
        question: the heading.
        explanation: in markdown.
        prompt: the name of the prompt in the state; None for a page without one.
        recorded: whether an open recording takes the prompt's place.

    Returns:
        The place of the heading, where another one can be put.
    """
    with st.container(key="headline", horizontal=True):
        heading = st.container(width="content", key="heading").empty()
        heading.title(question, help=explanation, anchor=False)
        if recorded and st.session_state.recording is not None:
            _recording_line()
        elif prompt is not None:
            show_prompt("Prompt", prompt)
            _examples(prompt)
    show_recording_error()
    return heading


def show_recording_error() -> None:
    """Say that a recording could not be opened, until another one is."""
    if st.session_state.get("recording_error"):
        st.error(plain(st.session_state.recording_error), icon=":material/error:")


def _examples(prompt: str) -> None:
    st.menu_button(
        "Examples",
        examples.PROMPTS,
        key="example",
        on_click=_use_example,
        args=(prompt,),
        icon=":material/format_quote:",
        help="Choose a prompt from the article",
    )


def _use_example(name: str) -> None:
    if st.session_state.example is not None:
        st.session_state[name] = st.session_state.example


def _recording_line() -> None:
    """Say that a recording is open and whose it is, and let it be closed."""
    recording: AttentionTrace = st.session_state.recording
    parts = [
        f"Recording **{plain(st.session_state.recording_name)}**",
        *([plain(recording.model.split(" (")[0])] if recording.model else []),
        f"{recording.n_layers} × {recording.n_heads} heads",
        f"{recording.n_tokens} tokens",
        *([f"**{heads_phrase(recording.ablated)}**"] if recording.ablated else []),
    ]
    with st.container(key="recording_line", horizontal=True, vertical_alignment="center"):
        st.markdown(":material/album: " + " · ".join(parts))
        st.button("Close recording", on_click=close_recording, icon=":material/close:")


def show_prompt(label: str, name: str, *, label_visible: bool = False) -> str:
    """Draw the box for a prompt, which Enter runs, and return the text; it stays over pages and errors.

    Args:
        label: of the box.
        name: of the prompt in the state.
        label_visible: whether the label stands over the box.
    """
    st.text_area(
        label,
        key=box_of(name),
        height="content",
        on_change=take_box,
        args=(name,),
        placeholder="Type a prompt and press Enter",
        label_visibility="visible" if label_visible else "collapsed",
    )
    return cast(str, st.session_state[name])


def two_traces() -> tuple[AttentionTrace, AttentionTrace | None]:
    """Return the traces of two prompts, or the open recording and a second one, if it is opened too."""
    if st.session_state.recording is not None:
        _no_model_needed()
        a, b = cast(AttentionTrace, st.session_state.recording), st.session_state.get("second_recording")
    else:
        model = language_model()
        a, b = (trace_of(model, st.session_state[name]) for name in ("prompt_a", "prompt_b"))
    offer_recording(a.to_bytes, a.text, label="Save recording A (.npz)", name="A")
    if b is not None:
        offer_recording(b.to_bytes, b.text, label="Save recording B (.npz)", name="B")
    return a, b


def show_two_prompts(question: str, explanation: str) -> None:
    """Draw the head of Compare: its question, and two prompts or two recordings."""
    with st.container(key="headline_two", horizontal=True):
        with st.container(width="content", key="heading"):
            st.title(question, help=explanation, anchor=False)
        if st.session_state.recording is not None:
            with st.container(key="recordings"):
                _recording_line()
            _second_recording()
            return
        for letter, name in (("A", "prompt_a"), ("B", "prompt_b")):
            st.markdown(f"**{letter}**", width="content")
            show_prompt(f"Prompt {letter}", name)
        with st.popover("Edit", icon=":material/edit:", key="prompts_menu"):
            st.button("Swap A and B", on_click=_swap_prompts, icon=":material/swap_horiz:", width="stretch")
            st.button(
                "Copy A to B",
                on_click=_copy_prompt,
                icon=":material/content_copy:",
                width="stretch",
                help="Copies prompt A into B, so you can change one word.",
            )
            for letter in "AB":
                st.menu_button(
                    f"Examples for {letter}",
                    examples.PROMPTS,
                    key=f"example_{letter}",
                    on_click=_use_example_of,
                    args=(letter,),
                    icon=":material/format_quote:",
                    width="stretch",
                )
    show_recording_error()


def _use_example_of(letter: str) -> None:
    chosen = st.session_state[f"example_{letter}"]
    if chosen is not None:
        st.session_state[f"prompt_{letter.lower()}"] = chosen


def _swap_prompts() -> None:
    state = st.session_state
    state.prompt_a, state.prompt_b = state.prompt_b, state.prompt_a


def _copy_prompt() -> None:
    st.session_state.prompt_b = st.session_state.prompt_a


def _second_recording() -> None:
    """Draw the menu that opens the second recording, and put it into the state."""
    st.session_state.second_recording = None
    with st.popover("Second recording", icon=":material/compare:", key="second_menu"):
        upload = st.file_uploader("Second recording", type="npz", key="second_upload")
    if upload is None:
        return
    try:
        second = AttentionTrace.load(upload, max_bytes=room_for_recording())
    except (InvalidTrace, OSError) as error:
        st.error(plain(f"Can't open {upload.name}. {error}"), icon=":material/error:")
        return
    first: AttentionTrace = st.session_state.recording
    if (second.n_layers, second.n_heads) != (first.n_layers, first.n_heads):
        st.error(
            f"The recordings differ in size ({first.n_layers} × {first.n_heads} and {second.n_layers} × "
            f"{second.n_heads} heads). Open two of the same model.",
            icon=":material/error:",
        )
        return
    if first.model and second.model and first.model != second.model:
        notice(
            f"The recordings are of {first.model} and {second.model}. A head's number means something else in another "
            "model, so the differences say little."
        )
    st.session_state.second_recording = second
