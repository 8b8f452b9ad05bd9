"""Text that is written token by token."""

from __future__ import annotations

import html
import time
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import streamlit as st

from attn_core import limits
from attn_core.errors import AttnCoreError
from attn_core.tokens import token_label
from attn_core.ui.links import WAYS, to_do, writing_choices
from attn_core.ui.state import plain
from attn_core.ui.switches import heads_off, heads_phrase, replacement

if TYPE_CHECKING:
    from attn_core.ablation import Head
    from attn_core.generation import GeneratedText
    from attn_core.model import LanguageModel

SECONDS_BETWEEN_UPDATES = 0.2

_STATIC = Path(__file__).parent.parent / "static"

_token_row = st.components.v2.component(
    "attn_core_tokens",
    html='<div class="tokens" role="group" aria-label="generated text"></div>',
    css=(_STATIC / "tokens.css").read_text(),
    js=(_STATIC / "tokens.js").read_text(),
)


def generation_settings() -> dict[str, Any]:
    """Controls for writing, as keyword arguments of `attn_core.generate`."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        way = st.segmented_control(
            "Each token is",
            list(WAYS.values()),
            required=True,
            key="way",
            persist_state="session",
        )
        count = st.number_input(
            "New tokens",
            1,
            limits.NEW_TOKENS,
            key="new_tokens",
            persist_state="session",
            width=150,
        )
    settings: dict[str, Any] = {
        "max_new_tokens": min(int(count), limits.NEW_TOKENS),
        "max_tokens": limits.PROMPT_TOKENS,
    }
    if way == WAYS["greedy"]:
        return settings
    with st.container(horizontal=True):
        box: dict[str, Any] = {"persist_state": "session", "width": 150}
        settings["temperature"] = st.number_input(
            "Temperature", 0.05, 5.0, step=0.1, key="temperature", help="Higher is more surprising.", **box
        )
        settings["top_k"] = st.number_input(
            "Top-k", 1, 1000, key="top_k", help="Draw from the k most probable tokens only.", **box
        )
        settings["top_p"] = st.number_input(
            "Top-p",
            0.01,
            1.0,
            step=0.05,
            key="top_p",
            help="Draw from the fewest tokens whose probabilities reach p together.",
            **box,
        )
        settings["seed"] = st.number_input(
            "Seed", 0, 2**31 - 1, key="seed", help="The same seed draws the same text again.", **box
        )
    return settings


def generation(model: LanguageModel, prompt: str, settings: dict[str, Any]) -> GeneratedText | None:
    """The Generate button, with a Stop button in its place while tokens appear; what was made is kept."""
    place, growing = st.empty(), st.container()  # always both, so that what follows keeps its place on the page
    pressed, off = place.button("Generate", type="primary", icon=":material/play_arrow:"), heads_off()
    linked = to_do("write")
    if pressed or linked is not None:
        if pressed:
            st.session_state.chosen_step = 0
        else:
            off = linked
        st.session_state.settings_used, st.session_state.written_with = settings, writing_choices()
        st.session_state.generated_again = None
        _write(place, growing, "generated", model, prompt, settings, off)
        place.button("Generate", type="primary", icon=":material/play_arrow:", key="generate_again")
    return cast("GeneratedText | None", st.session_state.get("generated"))


def generation_again(model: LanguageModel, first: GeneratedText) -> GeneratedText | None:
    """A button that writes from the same prompt with the heads that are off now, and the text that it made."""
    place, growing = st.empty(), st.container()
    now = (heads_off(), replacement() if heads_off() else "zero")
    button: dict[str, Any] = {
        "type": "primary",
        "icon": ":material/replay:",
        "disabled": now == (first.ablated, first.replacement),
        "help": "The same prompt and settings, with the heads switched off that are chosen here.",
    }
    if place.button("Generate again", **button) or to_do("write_again"):
        _write(place, growing, "generated_again", model, first.prompt, st.session_state.settings_used, heads_off())
        place.button("Generate again", key="generate_once_more", **button)
    return cast("GeneratedText | None", st.session_state.get("generated_again"))


def _write(
    place: Any,
    growing: Any,
    name: str,
    model: LanguageModel,
    prompt: str,
    settings: dict[str, Any],
    off: frozenset[Head],
) -> None:
    """Generate into a name of the state, with a Stop button in the place of the one that was pressed."""
    from attn_core.generation import generate, unwritten

    by = replacement()
    try:
        steps = generate(model, prompt, ablate=off, replacement=by, **settings)
    except AttnCoreError as error:
        st.error(plain(str(error)), icon=":material/edit:")
        st.stop()
    place.button("Stop", icon=":material/stop:", key=f"stop_{name}")
    made = unwritten(model, prompt, ablate=off, replacement=by)
    st.session_state[name] = made
    text, bar = growing.empty(), growing.progress(0.0)
    shown = 0.0
    for step in steps:
        made = made.with_step(step)
        st.session_state[name] = made
        # Each update sends the whole text, so a fast model does not send one for every token.
        if time.monotonic() - shown >= SECONDS_BETWEEN_UPDATES:
            text.html(shaded(made))
            bar.progress(
                len(made.steps) / settings["max_new_tokens"],
                text=f"{len(made.steps)} of up to {settings['max_new_tokens']} tokens",
            )
            shown = time.monotonic()
    text.empty()
    bar.empty()


def chosen_step(generated: GeneratedText) -> int:
    """The position of the generated token that the visitor looks at."""
    return min(int(st.session_state.get("chosen_step", 0)), max(len(generated.steps) - 1, 0))


def generation_note(generated: GeneratedText, model: LanguageModel, prompt: str) -> None:
    """Say what the text on the page belongs to."""
    heads = f" with {heads_phrase(generated.ablated)}" if generated.ablated or heads_off() else ""
    note = f"{len(generated.steps)} new tokens by {generated.model}{heads}."
    if (generated.model, generated.prompt) != (model.name, prompt):
        note += " The prompt or the model has changed since: press Generate to write again."
    st.caption(plain(note))


def token_row(generated: GeneratedText, *, chosen: int) -> None:
    """The generated text as buttons shaded by probability, after the prompt in plain text."""
    tokens: list[dict[str, Any]] = [{"text": generated.prompt, "probability": None}]
    tokens += [
        {
            "text": step.token if step.token.strip() else token_label(step.token),
            "probability": step.probability,
            "title": f"{token_label(step.token)}: {step.probability:.1%}",
        }
        for step in generated.steps
    ]

    def clicked() -> None:
        index = st.session_state.token_row["clicked"]
        if index is not None:
            st.session_state.chosen_step = int(index) - 1

    _token_row(key="token_row", data={"tokens": tokens, "chosen": chosen + 1}, on_clicked_change=clicked)


def two_texts(first: GeneratedText, second: GeneratedText) -> None:
    """Both texts side by side, and where they part."""
    for column, text in zip(st.columns(2, gap="large"), (first, second), strict=True):
        column.markdown(f"**{heads_phrase(text.ablated).capitalize()}**")
        column.html(shaded(text))
    index = first_difference(first, second)
    if index is None:
        st.markdown("Both texts are the same: it takes more than these heads, or others, to change it.")
        return
    one, other = (
        f"“{plain(token_label(text.steps[index].token))}”" if index < len(text.steps) else "the end"
        for text in (first, second)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"They part where **{one}** became **{other}**.", width="content")
        st.button(
            "Look into the new text", on_click=_keep_second_text, args=(second, index), icon=":material/search:"
        )


def _keep_second_text(second: GeneratedText, index: int) -> None:
    """Put the text that was generated again in the place of the first, at the token where they part."""
    st.session_state.generated, st.session_state.generated_again = second, None
    st.session_state.chosen_step = index


def first_difference(first: GeneratedText, second: GeneratedText) -> int | None:
    """The first step at which two texts differ; None if they don't."""
    pairs = zip_longest((step.token_id for step in first.steps), (step.token_id for step in second.steps))
    return next((index for index, (one, other) in enumerate(pairs) if one != other), None)


def shaded(generated: GeneratedText) -> str:
    """The text as HTML, its new tokens shaded by probability."""
    spans = "".join(
        f'<span style="background:color-mix(in srgb,#2b7bba {8 + 62 * step.probability:.0f}%,transparent);'
        f'border-radius:4px">{html.escape(step.token)}</span>'
        for step in generated.steps
    )
    return (
        '<div style="font-size:1.15rem;line-height:2.1;white-space:pre-wrap;overflow-wrap:anywhere">'
        f"{html.escape(generated.prompt)}{spans}</div>"
    )
