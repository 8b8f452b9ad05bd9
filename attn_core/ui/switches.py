"""Switching heads off, everywhere in the dashboard."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, cast

import streamlit as st

from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head, head_label
from attn_core.ui.state import plain

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.model import LanguageModel

REPLACEMENTS: dict[Replacement, str] = {"zero": "zero", "mean": "its mean over the prompt"}
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


def heads_phrase(heads: Collection[Head]) -> str:
    """How many heads are off, in words."""
    match len(heads):
        case 0:
            return "all heads on"
        case 1:
            return f"{head_label(*heads)} off"
        case number:
            return f"{number} heads off"


def check_heads_off(model: LanguageModel) -> None:
    """Turn on the heads that this model does not have, or cannot do without, and say so."""
    reason = why_heads_stay_on(model)
    st.session_state.heads_stay_on = "" if reason is None else str(reason)
    off, notice = keep_available_heads(model, heads_off())
    if notice:
        switch_off(off)
        st.session_state.notices.append(notice)
        st.rerun()  # so that the bar says which are off


def keep_available_heads(model: LanguageModel, heads: Collection[Head]) -> tuple[frozenset[Head], str]:
    """Return those of the heads that can be off in this model, and a sentence if that is not all of them."""
    wanted, reason = frozenset(heads), why_heads_stay_on(model)
    if wanted and reason is not None:
        return frozenset(), f"No head is off. {reason}"
    there = frozenset(pair for pair in wanted if pair[0] < model.n_layers and pair[1] < model.n_heads)
    if there == wanted:
        return there, ""
    return there, (
        "Ignored heads in the link that this model does not have. "
        f"It has layers 0 to {model.n_layers - 1} and heads 0 to {model.n_heads - 1}."
    )


def why_heads_stay_on(model: LanguageModel) -> UnsupportedArchitecture | None:
    """Why no head of a model can be switched off; None if each can."""
    try:
        _ = model.output_matrices
    except UnsupportedArchitecture as reason:
        return reason
    return None


def named_heads(heads: Collection[Head]) -> str:
    """The names of some heads, of many the first ones."""
    names = ", ".join(map(head_label, sorted(heads)[:MOST_NAMED]))
    return names + (", …" if len(heads) > MOST_NAMED else "")


def head_switch(layer: int, head: int) -> None:
    """A switch for the head that is looked at; none for a recording, which is of a run that is over."""
    if st.session_state.recording is not None:
        return

    def turned() -> None:
        switch_off(heads_off() ^ {(layer, head)})

    st.session_state.switch_box = (layer, head) in heads_off()
    st.toggle(
        "Turn this head off",
        key="switch_box",
        on_change=turned,
        disabled=bool(st.session_state.heads_stay_on),
        help=plain(st.session_state.heads_stay_on)
        or "Replaces this head's output (ablation). It stays off on every page until you turn it on.",
    )
