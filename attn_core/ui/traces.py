"""Draw the prompts, and load their traces, or recordings in their place."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core.analysis import examples
from attn_core.errors import AttnCoreError
from attn_core.server.cache import cache
from attn_core.server.memory import reserve_memory
from attn_core.server.settings import get_settings
from attn_core.trace import AttentionTrace
from attn_core.ui.errors import describe_error
from attn_core.ui.models import load_chosen_model
from attn_core.ui.playlist import add_playlist_keys
from attn_core.ui.queue import lend_slot
from attn_core.ui.recordings import close_recording, open_second_upload, show_recording_download
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown, fill_widget, show_notice, store_widget_value
from attn_core.ui.switches import describe_heads_off, get_heads_off, get_replacement

if TYPE_CHECKING:
    from attn_core.heads import Head
    from attn_core.models.model import LanguageModel
    from attn_core.runs.ablation import Replacement

BYTES_OF_WEIGHT = 2  # float16
LONG_PROMPT = 500  # characters of a prompt that takes longer than the rest of its page


@cache.memoize
def _capture(model: LanguageModel, text: str, ablate: frozenset[Head], replacement: Replacement) -> AttentionTrace:
    from attn_core.errors import PromptError
    from attn_core.models.encoding import encode
    from attn_core.runs.capturing import capture

    most = get_settings().max_prompt_tokens
    n_bytes = BYTES_OF_WEIGHT * model.n_layers * model.n_heads * encode(model, text, max_tokens=most).shape[1] ** 2
    with reserve_memory(n_bytes) as free:
        if n_bytes > free:
            raise PromptError(
                f"The attention of this prompt takes {n_bytes / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free. "
                "Shorten the prompt, or try again later."
            )
        return capture(model, text, ablate=ablate, replacement=replacement, max_tokens=most)


def compute_trace(model: LanguageModel, text: str) -> AttentionTrace:
    """Return the trace of a text; show an error and stop the page if the model can't run on it."""
    try:
        with st.spinner(f"Running {escape_markdown(model.name)} on the prompt{_describe_queue()}…"):
            heads_off, replacement = get_heads_off(), get_replacement()
            with lend_slot() if len(text) > LONG_PROMPT else nullcontext():
                trace = _capture(model, text, heads_off, replacement)
    except AttnCoreError as error:
        st.error(escape_markdown(describe_error(error)), icon=":material/edit:")
        st.stop()
    show_repeated_start_token(model, text)
    return trace


def show_repeated_start_token(model: LanguageModel, text: str) -> None:
    """Show a message if the start token is in a prompt twice: typed, and added by the tokenizer."""
    from attn_core.errors import PromptError

    try:
        token = _find_typed_start_token(model, text)
    except PromptError:  # shown where the prompt is run
        return
    if token is not None:
        st.info(
            f"{escape_markdown(token)} is in the prompt twice: typed, and added by the tokenizer of "
            f"{escape_markdown(model.name)}. Delete the typed one.",
            icon=":material/info:",
        )


@cache.memoize
def _find_typed_start_token(model: LanguageModel, text: str) -> str | None:
    from attn_core.models.encoding import find_typed_start_token

    return find_typed_start_token(model, text)


def _describe_queue() -> str:
    """Return in words how many are ahead in the queue; nothing if nobody is."""
    from attn_core.server.queue import forward_passes

    n = forward_passes.n_waiting
    return f" ({n} ahead of you)" if n else ""


def get_prompt() -> str:
    """Return the prompt that most pages share."""
    return session.prompt


def describe_unused_recording(reason: str) -> str:
    """Return a note that the page does not use the open recording; nothing if none is open."""
    return "" if session.recording is None else f"A recording is open on the other pages. {reason}"


def load_trace() -> AttentionTrace:
    """Return the open recording, or else the trace of the prompt; add a button that saves it.

    If the model can't run on the prompt, the page shows the error and stops.
    """
    trace = session.recording
    if trace is not None:
        _show_recording_open()
    else:
        trace = compute_trace(load_chosen_model(), session.prompt)
    show_recording_download(trace.to_bytes, trace.text)
    return trace


def _show_recording_open() -> None:
    session.model_status.caption("Recording open. No model loaded.")
    add_playlist_keys()


def show_question(
    question: str, explanation: str, *, prompt: str | None = "prompt", recorded: bool = True
) -> DeltaGenerator:
    """Draw the top of a page: a question with its explanation behind an icon, and the prompt beside it.

    Args:
        question: the heading.
        explanation: the text behind the icon, in markdown.
        prompt: the name of the prompt in the session; None for a page without one.
        recorded: whether an open recording takes the prompt's place.

    Returns:
        The placeholder of the heading, to replace it later.
    """
    with st.container(key="headline", horizontal=True):
        heading = st.container(width="content", key="heading").empty()
        heading.title(question, help=explanation, anchor=False)
        if recorded and session.recording is not None:
            _show_recording_line(session.recording)
        elif prompt is not None:
            pick_prompt("Prompt", prompt)
            _pick_example(prompt)
    show_recording_error()
    return heading


def show_recording_error() -> None:
    """Show why a recording could not be opened, until another one is."""
    if session.recording_error:
        st.error(escape_markdown(session.recording_error), icon=":material/error:")


def _pick_example(prompt: str) -> None:
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
    if session.example is not None:
        session[name] = session.example


def _show_recording_line(recording: AttentionTrace) -> None:
    """Draw a line about the open recording, and a button that closes it."""
    parts = [
        f"Recording **{escape_markdown(session.recording_name)}**",
        *([escape_markdown(recording.model.split(" (")[0])] if recording.model else []),
        f"{recording.n_layers} × {recording.n_heads} heads",
        f"{recording.n_tokens} tokens",
        *([f"**{describe_heads_off(recording.ablated)}**"] if recording.ablated else []),
    ]
    with st.container(key="recording_line", horizontal=True, vertical_alignment="center"):
        st.markdown(":material/album: " + " · ".join(parts))
        st.button("Close recording", on_click=close_recording, icon=":material/close:")


def pick_prompt(label: str, name: str, *, label_visible: bool = False) -> str:
    """Draw the box for a prompt, which Enter runs, and return the text; it stays on other pages and after errors.

    Args:
        label: the label of the box.
        name: the name of the prompt in the session.
        label_visible: whether the label is shown above the box.
    """
    st.text_area(
        label,
        key=fill_widget(name),
        height="content",
        on_change=store_widget_value,
        args=(name,),
        placeholder="Type a prompt and press Enter",
        label_visibility="visible" if label_visible else "collapsed",
    )
    return cast(str, session[name])


def load_two_traces() -> tuple[AttentionTrace, AttentionTrace | None]:
    """Return the traces of two prompts, or the open recording and a second one, if there is one.

    If the model can't run on a prompt, the page shows the error and stops.
    """
    b: AttentionTrace | None
    if session.recording is not None:
        _show_recording_open()
        a, b = session.recording, session.second_recording
        if b is not None and _differ_in_size(a, b):
            b = None
    else:
        model = load_chosen_model()
        a, b = compute_trace(model, session.prompt_a), compute_trace(model, session.prompt_b)
    show_recording_download(a.to_bytes, a.text, label="Save recording A (.npz)", name="A")
    if b is not None:
        show_recording_download(b.to_bytes, b.text, label="Save recording B (.npz)", name="B")
    return a, b


def show_two_prompts(question: str, explanation: str) -> None:
    """Draw the top of Compare: its question, and two prompts or two recordings."""
    with st.container(key="headline_two", horizontal=True):
        with st.container(width="content", key="heading"):
            st.title(question, help=explanation, anchor=False)
        if session.recording is not None:
            with st.container(key="recordings"):
                _show_recording_line(session.recording)
            _pick_second_recording(session.recording)
            return
        for letter, name in (("A", "prompt_a"), ("B", "prompt_b")):
            st.markdown(f"**{letter}**", width="content")
            pick_prompt(f"Prompt {letter}", name)
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
    chosen = session[f"example_{letter}"]
    if chosen is not None:
        session[f"prompt_{letter.lower()}"] = chosen


def _swap_prompts() -> None:
    session.prompt_a, session.prompt_b = session.prompt_b, session.prompt_a


def _copy_prompt() -> None:
    session.prompt_b = session.prompt_a


def _pick_second_recording(first: AttentionTrace) -> None:
    """Draw the menu that opens a second recording, and say if it does not go with the first."""
    with st.popover("Second recording", icon=":material/compare:", key="second_menu"):
        st.file_uploader("Second recording", type="npz", key="second_upload", on_change=open_second_upload)
    if session.second_upload is None:  # as when somebody has been on another page
        session.second_recording, session.second_recording_error = None, ""
    if session.second_recording_error:
        st.error(escape_markdown(session.second_recording_error), icon=":material/error:")
    second = session.second_recording
    if second is None:
        return
    if _differ_in_size(first, second):
        st.error(
            f"The recordings differ in size ({first.n_layers} × {first.n_heads} and {second.n_layers} × "
            f"{second.n_heads} heads). Open two of the same model.",
            icon=":material/error:",
        )
        return
    if first.model and second.model and first.model != second.model:
        show_notice(
            f"The recordings are of {first.model} and {second.model}. A head's number means something else in "
            "another model, so the differences say little."
        )


def _differ_in_size(a: AttentionTrace, b: AttentionTrace) -> bool:
    return (a.n_layers, a.n_heads) != (b.n_layers, b.n_heads)
