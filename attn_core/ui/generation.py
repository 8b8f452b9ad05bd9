"""Generate text token by token, and draw it."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core.charts.formatting import format_percent
from attn_core.errors import AttnCoreError
from attn_core.server.cache import cache
from attn_core.server.settings import get_settings
from attn_core.tokens import token_label
from attn_core.ui.assets import read_asset
from attn_core.ui.errors import describe_error
from attn_core.ui.links import SAMPLING, consume_action, list_text_choices
from attn_core.ui.presenting import is_presenting
from attn_core.ui.queue import lend_slot
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown, show_notice
from attn_core.ui.switches import describe_heads_off, get_heads_off, get_replacement, keep_available_heads

if TYPE_CHECKING:
    from attn_core.heads import Head
    from attn_core.models.model import LanguageModel
    from attn_core.runs.ablation import Replacement
    from attn_core.runs.generation import GeneratedText

SECONDS_BETWEEN_UPDATES = 0.2
SECONDS_PER_TOKEN = 1  # during playback

_token_row = st.components.v2.component(
    "attn_core_tokens",
    html='<div class="tokens" role="group" aria-label="Generated tokens: press one to explain it"></div>',
    css=read_asset("tokens.css"),
    js=read_asset("tokens.js"),
)


def pick_settings() -> dict[str, Any]:
    """Draw the menu of settings, labeled with the main ones, and return them as keyword arguments of `generate`."""
    with st.popover(
        f"{session.new_tokens} tokens" + (", sampling" if session.way == SAMPLING["sampled"] else ""),
        icon=":material/settings:",
        key="generation_settings",
    ):
        sampling = st.segmented_control(
            "Choose tokens by",
            list(SAMPLING.values()),
            required=True,
            key="way",
            persist_state="session",
        )
        count = st.number_input(
            "Tokens to generate", 1, get_settings().max_new_tokens, key="new_tokens", persist_state="session"
        )
        options: dict[str, Any] = {
            "max_new_tokens": min(int(count), get_settings().max_new_tokens),
            "max_tokens": get_settings().max_prompt_tokens,
        }
        if sampling == SAMPLING["sampled"]:
            options |= _pick_sampling()
    return options


def _pick_sampling() -> dict[str, Any]:
    persist: dict[str, Any] = {"persist_state": "session"}
    return {
        "temperature": st.number_input(
            "Temperature",
            0.05,
            5.0,
            step=0.1,
            key="temperature",
            help="Above 1: more varied. Below 1: closer to the most probable token.",
            **persist,
        ),
        "top_k": st.number_input(
            "Top-k", 1, 1000, key="top_k", help="Sample from the k most probable tokens.", **persist
        ),
        "top_p": st.number_input(
            "Top-p",
            0.01,
            1.0,
            step=0.05,
            key="top_p",
            help="Sample from the smallest set of tokens whose probabilities add up to p.",
            **persist,
        ),
        "seed": st.number_input(
            "Seed", 0, 2**31 - 1, key="seed", help="The same seed gives the same text.", **persist
        ),
    }


@cache.memoize
def _compute_continuation(
    model: LanguageModel, prompt: str, n_tokens: int, ablate: frozenset[Head], replacement: Replacement
) -> GeneratedText:
    from attn_core.runs.generation import begin_text, generate

    text = begin_text(model, prompt, ablate=ablate, replacement=replacement)
    max_tokens = get_settings().max_prompt_tokens
    for step in generate(
        model, prompt, max_new_tokens=n_tokens, max_tokens=max_tokens, ablate=ablate, replacement=replacement
    ):
        text = text.with_step(step)
    return text


def compute_continuation(
    model: LanguageModel, prompt: str, n_tokens: int, ablate: frozenset[Head], replacement: Replacement
) -> GeneratedText:
    """Return the most probable continuation of a prompt, computed once for all sessions.

    Raises:
        AttnCoreError: if the prompt cannot be run or continued.
    """
    with st.spinner("Generating…"):
        return _compute_continuation(model, prompt, n_tokens, ablate, replacement)


def pick_generated_text(
    model: LanguageModel, prompt: str, settings: dict[str, Any], container: DeltaGenerator
) -> GeneratedText:
    """Draw the Generate button, with Stop in its place while tokens appear, and return the text.

    The page opens with the most probable continuation. The text stays until another one is generated.

    Args:
        model: the model that generates.
        prompt: the prompt to continue.
        settings: further arguments of `generate`.
        container: where the text is shown while it grows.
    """
    placeholder, heads_off = st.empty(), get_heads_off()
    pressed = placeholder.button("Generate", type="primary", icon=":material/play_arrow:")
    linked_heads_off = consume_action("write")
    if pressed or linked_heads_off is not None:
        if pressed:
            session.chosen_step = 0
        else:
            heads_off, sentence = keep_available_heads(model, linked_heads_off)
            if sentence:
                show_notice(sentence)
        session.settings_used, session.generated_with = settings, list_text_choices()
        session.generated_again = None
        _generate_into("generated", placeholder, container, model, prompt, settings, heads_off)
        placeholder.button("Generate", type="primary", icon=":material/play_arrow:", key="generate_again")
    elif _needs_opening_text(model, prompt):
        _open_with_continuation(model, prompt, settings, container)
    return cast("GeneratedText", session.generated)


def _needs_opening_text(model: LanguageModel, prompt: str) -> bool:
    """Return whether there is no text yet, or only an opening text for another prompt or model."""
    text = session.generated
    if text is None:
        return True
    is_current = (text.model, text.prompt) == (model.name, prompt)
    return not is_current and text is session.opening_text


def _open_with_continuation(
    model: LanguageModel, prompt: str, settings: dict[str, Any], container: DeltaGenerator
) -> None:
    replacement = get_replacement() if get_heads_off() else "zero"
    greedy = {name: settings[name] for name in ("max_new_tokens", "max_tokens")}
    try:
        with container, lend_slot():
            text = compute_continuation(model, prompt, greedy["max_new_tokens"], get_heads_off(), replacement)
    except AttnCoreError as error:
        container.error(escape_markdown(describe_error(error)), icon=":material/edit:")
        st.stop()
    if session.generated is not None:  # else the step may come from the link
        session.chosen_step = 0
    session.generated = session.opening_text = text
    session.settings_used, session.generated_with = greedy, list_text_choices()
    session.generated_again = None


def pick_regenerated_text(model: LanguageModel, first: GeneratedText) -> GeneratedText | None:
    """Draw a button that generates again with the current heads off, and return that text, if there is one."""
    placeholder, container = st.empty(), st.container()
    ablation = (get_heads_off(), get_replacement() if get_heads_off() else "zero")
    button: dict[str, Any] = {
        "type": "primary",
        "icon": ":material/replay:",
        "disabled": ablation == (first.ablated, first.replacement),
        "help": "Same prompt and settings, with these heads off.",
    }
    if placeholder.button("Regenerate", **button) or consume_action("write_again"):
        _generate_into(
            "generated_again", placeholder, container, model, first.prompt, session.settings_used, get_heads_off()
        )
        placeholder.button("Regenerate", key="generate_once_more", **button)
    return session.generated_again


def _generate_into(
    key: str,
    placeholder: DeltaGenerator,
    container: DeltaGenerator,
    model: LanguageModel,
    prompt: str,
    settings: dict[str, Any],
    heads_off: frozenset[Head],
) -> None:
    """Generate a text into a field of the session, with a Stop button in place of the one that was pressed."""
    from attn_core.runs.generation import begin_text, generate

    replacement = get_replacement()
    try:
        steps = generate(model, prompt, ablate=heads_off, replacement=replacement, **settings)
    except AttnCoreError as error:
        st.error(escape_markdown(describe_error(error)), icon=":material/edit:")
        st.stop()
    placeholder.button("Stop", icon=":material/stop:", key=f"stop_{key}")
    text = begin_text(model, prompt, ablate=heads_off, replacement=replacement)
    session[key] = text
    growing_text, bar = container.empty(), container.progress(0.0)
    last_update = 0.0
    with lend_slot():
        for step in steps:
            text = text.with_step(step)
            session[key] = text
            # Each update sends the whole text, so a fast model does not send one for every token.
            if time.monotonic() - last_update >= SECONDS_BETWEEN_UPDATES:
                growing_text.html(shade_text(text))
                bar.progress(
                    len(text.steps) / settings["max_new_tokens"],
                    text=f"{len(text.steps)} of up to {settings['max_new_tokens']} tokens",
                )
                last_update = time.monotonic()
    growing_text.empty()
    bar.empty()


def get_chosen_step(generated: GeneratedText) -> int:
    """Return the index of the generated token that is selected."""
    return min(int(session.chosen_step), max(len(generated.steps) - 1, 0))


def describe_text(generated: GeneratedText) -> str:
    """Return in plain text how long the text is, and which model generated it."""
    heads = f", {describe_heads_off(generated.ablated)}" if generated.ablated or get_heads_off() else ""
    return f"{len(generated.steps)} tokens by {generated.model}{heads}. Stronger shading: more probable."


def show_outdated_badge(generated: GeneratedText, model: LanguageModel, prompt: str) -> None:
    """Draw a badge if the text belongs to another prompt or model."""
    if (generated.model, generated.prompt) != (model.name, prompt):
        st.markdown(":orange-badge[The prompt or model has changed. Press Generate to update.]", width="content")


def show_tokens(generated: GeneratedText, *, chosen: int) -> None:
    """Draw the generated text as buttons shaded by probability, after the prompt in plain text."""
    tokens: list[dict[str, Any]] = [{"text": generated.prompt, "probability": None}]
    tokens += [
        {
            "text": _get_visible_text(step.token),
            "probability": step.probability,
            "title": f"{token_label(step.token)}: {format_percent(step.probability)}",
        }
        for step in generated.steps
    ]
    is_last = chosen >= len(generated.steps) - 1
    playing = bool(session.playing) and not is_last

    def clicked() -> None:
        index = session.token_row["clicked"]
        if index is not None:
            session.chosen_step = int(index) - 1

    with st.container(key="tokens"):
        _token_row(
            key="token_row",
            data={"tokens": tokens, "chosen": chosen + 1, "playing": playing, "pause": SECONDS_PER_TOKEN * 1000},
            on_clicked_change=clicked,
        )


def _get_visible_text(token: str) -> str:
    """Return a token's text; or its label, if the text is invisible or a special token."""
    label = token_label(token)
    return label if not token.strip() or label.startswith("⟨") else token


def pick_step(generated: GeneratedText, chosen: int) -> None:
    """Draw buttons that go from token to token, and one that plays them all; in Present mode, also their keys."""
    last = len(generated.steps) - 1
    if chosen >= last:
        session.playing = False

    def move(steps: int) -> None:
        session.chosen_step = min(max(get_chosen_step(generated) + steps, 0), last)
        session.playing = False

    def play() -> None:
        session.playing = not session.playing
        if session.playing and chosen >= last:
            session.chosen_step = 0

    playing = bool(session.playing)
    _show_icon_button("Previous token", ":material/chevron_left:", "Left", move, (-1,), disabled=chosen <= 0)
    _show_icon_button("Next token", ":material/chevron_right:", "Right", move, (1,), disabled=chosen >= last)
    _show_icon_button(
        "Pause" if playing else "Play", f":material/{'pause' if playing else 'play_circle'}:", "Space", play
    )


def _show_icon_button(
    label: str,
    icon: str,
    key: str,
    on_click: Callable[..., None],
    arguments: tuple[object, ...] = (),
    **options: Any,
) -> None:
    shortcut = key if is_presenting() else None
    st.button(
        label, on_click=on_click, args=arguments, icon=icon, shortcut=shortcut, key=f"text_key_{key}", **options
    )


def show_two_texts(first: GeneratedText, second: GeneratedText) -> None:
    """Draw both texts side by side, and say where they first differ."""
    for column, text in zip(st.columns(2, gap="large"), (first, second), strict=True):
        column.markdown(f"**{_capitalize(describe_heads_off(text.ablated))}**")
        column.html(shade_text(text))
    index = find_first_difference(first, second)
    if index is None:
        st.markdown("Same text. Turning these heads off does not change it.")
        return
    one, other = (
        f"“{escape_markdown(token_label(text.steps[index].token))}”"
        if index < len(text.steps)
        else "the end of the text"
        for text in (first, second)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"First difference, at token {index + 1}: **{one}** became **{other}**.", width="content")
        st.button(
            "Explain the new text", on_click=_keep_second_text, args=(second, index), icon=":material/search:"
        )


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _keep_second_text(second: GeneratedText, index: int) -> None:
    """Replace the first text by the second, and select the token where they first differ."""
    session.generated, session.generated_again = second, None
    session.chosen_step = index


def find_first_difference(first: GeneratedText, second: GeneratedText) -> int | None:
    """Return the first step at which two texts differ; None if they don't."""
    pairs = zip_longest((step.token_id for step in first.steps), (step.token_id for step in second.steps))
    return next((index for index, (one, other) in enumerate(pairs) if one != other), None)


def shade_text(generated: GeneratedText) -> str:
    """Return the text as HTML, with its new tokens shaded by probability."""
    spans = "".join(
        f'<span style="background:color-mix(in srgb,#2b7bba {8 + 62 * step.probability:.0f}%,transparent);'
        f'border-radius:4px">{html.escape(_get_visible_text(step.token))}</span>'
        for step in generated.steps
    )
    return f'<div class="shaded-text">{html.escape(generated.prompt)}{spans}</div>'
