"""Text that is written token by token."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core import limits
from attn_core.charts.texts import write_percent
from attn_core.errors import AttnCoreError
from attn_core.tokens import token_label
from attn_core.ui.links import WAYS, to_do, writing_choices
from attn_core.ui.presenting import presenting
from attn_core.ui.queue import let_others_run
from attn_core.ui.state import notice, plain
from attn_core.ui.switches import heads_off, heads_phrase, keep_available_heads, replacement

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.generation import GeneratedText
    from attn_core.heads import Head
    from attn_core.model import LanguageModel

SECONDS_BETWEEN_UPDATES = 0.2
SECONDS_A_TOKEN = 1  # while the text is played

_STATIC = Path(__file__).parent.parent / "static"

_token_row = st.components.v2.component(
    "attn_core_tokens",
    html='<div class="tokens" role="group" aria-label="Generated tokens: press one to explain it"></div>',
    css=(_STATIC / "tokens.css").read_text(),
    js=(_STATIC / "tokens.js").read_text(),
)


def pick_settings() -> dict[str, Any]:
    """Draw the menu of settings, whose label lists them, and return them as keyword arguments of `generate`."""
    state = st.session_state
    with st.popover(
        f"{state.new_tokens} tokens" + (", sampling" if state.way == WAYS["sampled"] else ""),
        icon=":material/settings:",
        key="generation_settings",
    ):
        way = st.segmented_control(
            "Choose tokens by",
            list(WAYS.values()),
            required=True,
            key="way",
            persist_state="session",
        )
        count = st.number_input(
            "Tokens to generate", 1, limits.NEW_TOKENS, key="new_tokens", persist_state="session"
        )
        settings: dict[str, Any] = {
            "max_new_tokens": min(int(count), limits.NEW_TOKENS),
            "max_tokens": limits.PROMPT_TOKENS,
        }
        if way == WAYS["sampled"]:
            settings |= _pick_sampling()
    return settings


def _pick_sampling() -> dict[str, Any]:
    keep: dict[str, Any] = {"persist_state": "session"}
    return {
        "temperature": st.number_input(
            "Temperature",
            0.05,
            5.0,
            step=0.1,
            key="temperature",
            help="Above 1: more varied. Below 1: closer to the most probable token.",
            **keep,
        ),
        "top_k": st.number_input(
            "Top-k", 1, 1000, key="top_k", help="Sample from the k most probable tokens.", **keep
        ),
        "top_p": st.number_input(
            "Top-p",
            0.01,
            1.0,
            step=0.05,
            key="top_p",
            help="Sample from the smallest set of tokens whose probabilities add up to p.",
            **keep,
        ),
        "seed": st.number_input(
            "Seed", 0, 2**31 - 1, key="seed", help="The same seed gives the same text.", **keep
        ),
    }


@st.cache_resource(max_entries=16, show_spinner="Generating…")
def continuation(
    name: str, prompt: str, count: int, off: frozenset[Head], by: Replacement, _model: LanguageModel
) -> GeneratedText:
    """Return the most probable continuation of a prompt, made once for all sessions."""
    from attn_core.generation import generate, unwritten

    text = unwritten(_model, prompt, ablate=off, replacement=by)
    steps = generate(
        _model, prompt, max_new_tokens=count, max_tokens=limits.PROMPT_TOKENS, ablate=off, replacement=by
    )
    for step in steps:
        text = text.with_step(step)
    return text


def generation(
    model: LanguageModel, prompt: str, settings: dict[str, Any], growing: DeltaGenerator
) -> GeneratedText:
    """Draw the Generate button, with Stop in its place while tokens appear, and return the text.

    The page opens with the most probable continuation. What was made is kept.

    Args:
        model: that generates.
        prompt: to be continued.
        settings: further arguments of `generate`.
        growing: where the text is shown while it grows.
    """
    place = st.empty()
    pressed, off = place.button("Generate", type="primary", icon=":material/play_arrow:"), heads_off()
    linked = to_do("write")
    if pressed or linked is not None:
        if pressed:
            st.session_state.chosen_step = 0
        else:
            off, sentence = keep_available_heads(model, linked)
            if sentence:
                notice(sentence)
        st.session_state.settings_used, st.session_state.written_with = settings, writing_choices()
        st.session_state.generated_again = None
        _write(place, growing, "generated", model, prompt, settings, off)
        place.button("Generate", type="primary", icon=":material/play_arrow:", key="generate_again")
    elif _is_to_open(model, prompt):
        _open_with_continuation(model, prompt, settings, growing)
    return cast("GeneratedText", st.session_state.generated)


def _is_to_open(model: LanguageModel, prompt: str) -> bool:
    """Whether there is no text yet, or one that nobody asked for and that belongs to another prompt or model."""
    shown: GeneratedText | None = st.session_state.get("generated")
    if shown is None:
        return True
    belongs = (shown.model, shown.prompt) == (model.name, prompt)
    return not belongs and shown is st.session_state.get("opening_text")


def _open_with_continuation(
    model: LanguageModel, prompt: str, settings: dict[str, Any], growing: DeltaGenerator
) -> None:
    by = replacement() if heads_off() else "zero"
    greedy = {name: settings[name] for name in ("max_new_tokens", "max_tokens")}
    try:
        with growing, let_others_run():
            text = continuation(model.name, prompt, greedy["max_new_tokens"], heads_off(), by, model)
    except AttnCoreError as error:
        growing.error(plain(str(error)), icon=":material/edit:")
        st.stop()
    if st.session_state.get("generated") is not None:  # else the link may ask for a token
        st.session_state.chosen_step = 0
    st.session_state.generated = st.session_state.opening_text = text
    st.session_state.settings_used, st.session_state.written_with = greedy, writing_choices()
    st.session_state.generated_again = None


def generation_again(model: LanguageModel, first: GeneratedText) -> GeneratedText | None:
    """Draw a button that generates with the heads off that are off now, and return the text that it made."""
    place, growing = st.empty(), st.container()
    now = (heads_off(), replacement() if heads_off() else "zero")
    button: dict[str, Any] = {
        "type": "primary",
        "icon": ":material/replay:",
        "disabled": now == (first.ablated, first.replacement),
        "help": "Same prompt and settings, with these heads off.",
    }
    if place.button("Regenerate", **button) or to_do("write_again"):
        _write(place, growing, "generated_again", model, first.prompt, st.session_state.settings_used, heads_off())
        place.button("Regenerate", key="generate_once_more", **button)
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
    with let_others_run():
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


def note_on_text(generated: GeneratedText) -> str:
    """Return what the text on the page belongs to, in plain text."""
    heads = f", {heads_phrase(generated.ablated)}" if generated.ablated or heads_off() else ""
    return f"{len(generated.steps)} tokens by {generated.model}{heads}. Stronger shading: more probable."


def note_on_change(generated: GeneratedText, model: LanguageModel, prompt: str) -> None:
    """Say beside the button that the text belongs to another prompt or model, if it does."""
    if (generated.model, generated.prompt) != (model.name, prompt):
        st.markdown(":orange-badge[The prompt or model has changed. Press Generate to update.]", width="content")


def show_tokens(generated: GeneratedText, *, chosen: int) -> None:
    """Draw the generated text as buttons shaded by probability, after the prompt in plain text."""
    tokens: list[dict[str, Any]] = [{"text": generated.prompt, "probability": None}]
    tokens += [
        {
            "text": _as_shown(step.token),
            "probability": step.probability,
            "title": f"{token_label(step.token)}: {write_percent(step.probability)}",
        }
        for step in generated.steps
    ]
    last = chosen >= len(generated.steps) - 1
    playing = bool(st.session_state.get("playing")) and not last

    def clicked() -> None:
        index = st.session_state.token_row["clicked"]
        if index is not None:
            st.session_state.chosen_step = int(index) - 1

    with st.container(key="tokens"):
        _token_row(
            key="token_row",
            data={"tokens": tokens, "chosen": chosen + 1, "playing": playing, "pause": SECONDS_A_TOKEN * 1000},
            on_clicked_change=clicked,
        )


def _as_shown(token: str) -> str:
    """A token's text, or its label where the text would not be seen or be read as a sign of the model's."""
    label = token_label(token)
    return label if not token.strip() or label.startswith("⟨") else token


def pick_step(generated: GeneratedText, chosen: int) -> None:
    """Draw buttons, with keys while somebody presents, that go from token to token, and one that plays them all."""
    state = st.session_state
    last = len(generated.steps) - 1
    if chosen >= last:
        state.playing = False

    def go_by(steps: int) -> None:
        state.chosen_step = min(max(chosen_step(generated) + steps, 0), last)
        state.playing = False

    def play() -> None:
        state.playing = not state.get("playing")
        if state.playing and chosen >= last:
            state.chosen_step = 0

    playing = bool(state.get("playing"))
    _icon_button("Previous token", ":material/chevron_left:", "Left", go_by, (-1,), disabled=chosen <= 0)
    _icon_button("Next token", ":material/chevron_right:", "Right", go_by, (1,), disabled=chosen >= last)
    _icon_button(
        "Pause" if playing else "Play", f":material/{'pause' if playing else 'play_circle'}:", "Space", play
    )


def _icon_button(
    label: str, icon: str, key: str, do: Callable[..., None], arguments: tuple[object, ...] = (), **options: Any
) -> None:
    shortcut = key if presenting() else None
    st.button(label, on_click=do, args=arguments, icon=icon, shortcut=shortcut, key=f"text_step_{key}", **options)


def show_two_texts(first: GeneratedText, second: GeneratedText) -> None:
    """Draw both texts side by side, and where they first differ."""
    for column, text in zip(st.columns(2, gap="large"), (first, second), strict=True):
        column.markdown(f"**{_sentence_case(heads_phrase(text.ablated))}**")
        column.html(shaded(text))
    index = first_difference(first, second)
    if index is None:
        st.markdown("Same text. Turning these heads off does not change it.")
        return
    one, other = (
        f"“{plain(token_label(text.steps[index].token))}”" if index < len(text.steps) else "the end of the text"
        for text in (first, second)
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"First difference, at token {index + 1}: **{one}** became **{other}**.", width="content")
        st.button(
            "Explain the new text", on_click=_keep_second_text, args=(second, index), icon=":material/search:"
        )


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


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
        f'border-radius:4px">{html.escape(_as_shown(step.token))}</span>'
        for step in generated.steps
    )
    return f'<div class="shaded-text">{html.escape(generated.prompt)}{spans}</div>'
