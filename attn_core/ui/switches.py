"""Switching heads off, everywhere in the dashboard."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import streamlit as st

from attn_core.errors import UnsupportedArchitecture
from attn_core.ui.state import plain

if TYPE_CHECKING:
    from attn_core.ablation import Head, Replacement
    from attn_core.model import LanguageModel

REPLACEMENTS: dict[Replacement, str] = {"zero": "zero", "mean": "the mean over the prompt"}
MOST_NAMED = 5  # heads that the badge names; it counts the rest


def heads_off() -> frozenset[Head]:
    """The heads that are switched off."""
    return frozenset(st.session_state.heads_off)


def replacement() -> Replacement:
    """What their outputs are replaced by."""
    return cast("Replacement", st.session_state.replacement)


def switch_off(heads: Collection[Head]) -> None:
    """Switch these heads off, and all others on."""
    st.session_state.heads_off = tuple(sorted(heads))


def head_name(head: Head) -> str:
    """What a head is called in sentences."""
    return f"layer {head[0]} head {head[1]}"


def heads_phrase(heads: Collection[Head]) -> str:
    """How many heads are off, in words."""
    match len(heads):
        case 0:
            return "all heads on"
        case 1:
            return f"{head_name(*heads)} off"
        case number:
            return f"{number} heads off"


def badge(model: LanguageModel) -> None:
    """Say on every page that heads are off, which, and offer to switch them on; drop those that the model lacks."""
    off, reason = heads_off(), why_heads_stay_on(model)
    st.session_state.heads_stay_on = "" if reason is None else str(reason)
    if off and reason is not None:
        st.warning(plain(f"No head is off. {reason}"), icon=":material/warning:")
        switch_off(())
        off = frozenset()
    there = frozenset(pair for pair in off if pair[0] < model.n_layers and pair[1] < model.n_heads)
    if off - there:
        st.warning(
            f"The link switches off heads that this model does not have: it has {model.n_layers} layers of "
            f"{model.n_heads} heads, counted from zero.",
            icon=":material/warning:",
        )
        switch_off(there)
    place = st.empty()  # always, so that what follows keeps its place on the page
    if not there:
        return
    with place.container(border=True, key="heads_off_badge"):
        words, button = st.columns([5, 2], vertical_alignment="center")
        words.markdown(
            f":orange-badge[:material/power_off: **{heads_phrase(there).capitalize()}**] "
            f"replaced by {REPLACEMENTS[replacement()]}{_named(there)}."
        )
        button.button("Switch all heads on", on_click=switch_off, args=((),), width="stretch")


def why_heads_stay_on(model: LanguageModel) -> UnsupportedArchitecture | None:
    """Why no head of a model can be switched off; None if each can."""
    try:
        _ = model.output_matrices
    except UnsupportedArchitecture as reason:
        return reason
    return None


def _named(heads: Collection[Head]) -> str:
    return "" if len(heads) == 1 else f": {named_heads(heads)}"


def named_heads(heads: Collection[Head]) -> str:
    """The names of some heads, of many the first ones."""
    names = ", ".join(map(head_name, sorted(heads)[:MOST_NAMED]))
    return names + (" and more" if len(heads) > MOST_NAMED else "")


def head_switch(layer: int, head: int) -> None:
    """A switch for the head that is looked at; none for a recording, which is of a run that is over."""
    if st.session_state.recording is not None:
        return

    def turned() -> None:
        switch_off(heads_off() ^ {(layer, head)})

    st.session_state.switch_box = (layer, head) in heads_off()
    st.toggle(
        "Switch this head off",
        key="switch_box",
        on_change=turned,
        disabled=bool(st.session_state.heads_stay_on),
        help=plain(st.session_state.heads_stay_on)
        or "Replace what this head puts out, and see the model without it on every page.",
    )
