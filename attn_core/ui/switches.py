"""Turn heads off, on all pages."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import streamlit as st

from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head, head_label
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel
    from attn_core.runs.ablation import Replacement

REPLACEMENTS: dict[Replacement, str] = {"zero": "zero", "mean": "its mean over the prompt"}
MAX_NAMED = 5  # heads that a badge names; the rest are left out


def get_heads_off() -> frozenset[Head]:
    """Return the heads that are off."""
    return frozenset(session.heads_off)


def get_replacement() -> Replacement:
    """Return what replaces the outputs of heads that are off."""
    return session.replacement


def set_heads_off(heads: Collection[Head]) -> None:
    """Turn these heads off, and all others on."""
    session.heads_off = tuple(sorted(heads))


def describe_heads_off(heads: Collection[Head]) -> str:
    """Return in words how many heads are off."""
    match len(heads):
        case 0:
            return "all heads on"
        case 1:
            return f"{head_label(*heads)} off"
        case number:
            return f"{number} heads off"


def turn_on_missing_heads(model: LanguageModel) -> None:
    """Turn on the heads that this model does not have or that can't be off in it, with a notice."""
    reason = find_ablation_obstacle(model)
    session.heads_stay_on = "" if reason is None else str(reason)
    heads_off, notice = keep_available_heads(model, get_heads_off())
    if notice:
        set_heads_off(heads_off)
        session.notices.append(notice)
        st.rerun()  # so that the bar shows which are off


def keep_available_heads(model: LanguageModel, heads: Collection[Head]) -> tuple[frozenset[Head], str]:
    """Return the heads that can be off in this model, and a sentence if some of them can't."""
    wanted, reason = frozenset(heads), find_ablation_obstacle(model)
    if wanted and reason is not None:
        return frozenset(), f"No head is off. {reason}"
    available = frozenset(pair for pair in wanted if pair[0] < model.n_layers and pair[1] < model.n_heads)
    if available == wanted:
        return available, ""
    return available, (
        "Ignored heads in the link that this model does not have. "
        f"It has layers 0 to {model.n_layers - 1} and heads 0 to {model.n_heads - 1}."
    )


def find_ablation_obstacle(model: LanguageModel) -> UnsupportedArchitecture | None:
    """Return why the heads of a model can't be turned off; None if they can."""
    try:
        _ = model.output_matrices
    except UnsupportedArchitecture as reason:
        return reason
    return None


def format_head_names(heads: Collection[Head]) -> str:
    """Return the names of some heads; of many, only the first ones."""
    names = ", ".join(map(head_label, sorted(heads)[:MAX_NAMED]))
    return names + (", …" if len(heads) > MAX_NAMED else "")


def pick_head_off(layer: int, head: int) -> None:
    """Draw a switch that turns the chosen head off; draw none for a recording, whose run is over."""
    if session.recording is not None:
        return

    def toggle() -> None:
        set_heads_off(get_heads_off() ^ {(layer, head)})

    session.switch_box = (layer, head) in get_heads_off()
    st.toggle(
        "Turn this head off",
        key="switch_box",
        on_change=toggle,
        disabled=bool(session.heads_stay_on),
        help=escape_markdown(session.heads_stay_on)
        or "Replaces this head's output (ablation). It stays off on every page until you turn it on.",
    )
