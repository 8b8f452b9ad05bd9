"""Choose how a trace is shown: value-weighted, with merged words, without its first token, from which tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from attn_core.heads import Head
from attn_core.server.cache import cache
from attn_core.tokens import has_split_words, merge_tokens, token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui.links import was_in_link
from attn_core.ui.session import session
from attn_core.ui.state import ALL_TOKENS, show_notice
from attn_core.ui.switches import get_heads_off, pick_head_off

POSITION_WIDTH = 250  # pixels of a token's box, with the label

OPTIONS = {"value_weighted": "value-weighted", "merge_words": "words merged", "hide_first": "first token hidden"}
"""The switches of the menu, by their names in the session, and the menu's label for each that is on."""


@dataclass(frozen=True)
class ViewOptions:
    """Hold the options for showing a trace.

    Attributes:
        value_weighted: multiply each weight by the length of the vector that it moves.
        merge_words: merge tokens into words.
        hide_first: hide the first token and rescale the other weights.
    """

    value_weighted: bool = False
    merge_words: bool = False
    hide_first: bool = False

    def apply(self, trace: AttentionTrace) -> AttentionTrace:
        """Return the trace for a figure, with all options applied."""
        return self.arrange(_weight_values(trace) if self.value_weighted else trace)

    def apply_unscaled(self, trace: AttentionTrace) -> AttentionTrace:
        """Return the trace for a measurement: a hidden first token does not rescale the other weights."""
        return self._arrange(_weight_values(trace) if self.value_weighted else trace, rescale=False)

    def arrange(self, trace: AttentionTrace) -> AttentionTrace:
        """Return the trace with tokens merged and hidden, but not value-weighted."""
        return self._arrange(trace, rescale=True)

    def _arrange(self, trace: AttentionTrace, *, rescale: bool) -> AttentionTrace:
        merged = _merge_tokens(trace) if self.merge_words else trace
        return _hide_first(merged, rescale) if self.hide_first and merged.n_tokens > 1 else merged


@cache.memoize
def _weight_values(trace: AttentionTrace) -> AttentionTrace:
    return trace.value_weighted()


@cache.memoize
def _merge_tokens(trace: AttentionTrace) -> AttentionTrace:
    return merge_tokens(trace)


@cache.memoize
def _hide_first(trace: AttentionTrace, rescale: bool) -> AttentionTrace:
    return trace.without_first_token(rescale=rescale)


NO_LENGTHS = "This recording does not include those lengths."
NO_LENGTHS_HERE = "This type of model does not show those lengths."


def reserve_view_menu(*, head: Head | None = None) -> DeltaGenerator:
    """Return the menu of rarely used switches, with a label that lists which are on.

    Args:
        head: the chosen head, which can be turned off in the menu; None if it can't.
    """
    return _reserve_menu(("value_weighted", "merge_words", "hide_first"), head)


def pick_view_options(
    *traces: AttentionTrace | None, head: Head | None = None, menu: DeltaGenerator | None = None
) -> ViewOptions:
    """Draw the switches for how traces are shown, and return the options.

    Args:
        traces: the traces to show.
        head: the chosen head, which can be turned off in the menu; None if it can't.
        menu: the menu for the switches; if None, they get a menu of their own.
    """
    with menu or reserve_view_menu(head=head):
        value_weighted = pick_value_weighting(*(trace.value_norms for trace in traces if trace is not None))
        merge_words = st.toggle(
            "Merge tokens into words",
            key="merge_words",
            persist_state="session",
            help="Adds up the weights to a word's tokens and averages the weights from them.",
        )
        hide_first = pick_first_token_hidden()
        if head is not None:
            pick_head_off(*head)
    return ViewOptions(value_weighted, merge_words, hide_first)


def pick_row_options(norms: NDArray[np.float32] | None) -> ViewOptions:
    """Draw the menu for the attention of one token, which has no tokens to merge, and return the options.

    Args:
        norms: the lengths of the vectors that the weights move, if they are known.
    """
    with _reserve_menu(("value_weighted", "hide_first"), None):
        return ViewOptions(value_weighted=pick_value_weighting(norms), hide_first=pick_first_token_hidden())


def _reserve_menu(names: Sequence[str], head: Head | None) -> DeltaGenerator:
    """Return the menu for these switches; its label lists which are on."""
    on = [OPTIONS[name] for name in names if session.get(name)]
    if head in get_heads_off():
        on.append("head off")
    label = f"View: {', '.join(on)}" if on else "View"
    return st.popover(label, icon=":material/tune:", key="view_menu")


def pick_first_token_hidden() -> bool:
    """Draw the switch that hides the first token, and return whether it is on."""
    return st.toggle(
        "Hide first token",
        key="hide_first",
        persist_state="session",
        help="Many heads park attention on the first token (an attention sink). Hiding it rescales the other "
        "weights to sum to 1.",
    )


def pick_value_weighting(*value_norms: NDArray[np.float32] | None) -> bool:
    """Draw the switch for value-weighted attention, and return whether it is on; it needs the value norms."""
    is_known = all(norms is not None for norms in value_norms)
    reason = NO_LENGTHS if session.recording is not None else NO_LENGTHS_HERE
    value_weighted = st.toggle(
        "Value-weighted",
        key="value_weighted",
        persist_state="session",
        disabled=not is_known,
        help="Multiplies each weight by the length of the vector it moves, then rescales. Shows where the head's "
        "output comes from, not only where it attends. Kobayashi et al. 2020." + ("" if is_known else f" {reason}"),
    )
    return value_weighted and is_known


def reset_changed_positions(words: Sequence[str], *keys: str) -> None:
    """Reset the chosen positions whose word has changed since they were chosen.

    Args:
        words: the words that can be chosen.
        keys: keys in the session, each of a position or of a list of positions.
    """
    current = tuple(words)
    for key in keys:
        before = session.get(f"{key}_words", current)
        session[f"{key}_words"] = current
        chosen = session.get(key)
        if isinstance(chosen, list):
            session[key] = [i for i in chosen if i < len(current) and before[i : i + 1] == current[i : i + 1]]
        elif chosen is not None and chosen >= 0 and before[chosen : chosen + 1] != current[chosen : chosen + 1]:
            del session[key]


def pick_token(label: str, trace: AttentionTrace, *, key: str, default: int, stop: int | None = None) -> int:
    """Draw the choice of one token of the trace, and return its position.

    Args:
        label: the label of the box.
        trace: the trace with the tokens.
        key: the key in the session.
        default: the position until a visitor chooses another.
        stop: offer only tokens before this position.
    """
    stop = trace.n_tokens if stop is None else stop
    labels = token_labels(trace.tokens)
    reset_changed_positions(trace.tokens, key)
    apply_default_position(key, range(stop), default)
    position = st.selectbox(
        label,
        range(stop),
        format_func=lambda i: f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=POSITION_WIDTH,
    )
    return int(position)


def apply_default_position(key: str, positions: range, default: int) -> None:
    """Set a position to its default, unless a visitor has chosen another valid one.

    Args:
        key: the key in the session.
        positions: the positions that can be chosen.
        default: the default position.
    """
    chosen = session.get(key)
    if isinstance(chosen, int):
        _show_link_notice(key, chosen, positions.stop)
    if chosen not in positions or chosen == session.get(f"{key}_default"):
        session[key] = default
    session[f"{key}_default"] = default


def pick_query(
    trace: AttentionTrace, *, key: str, default: int = ALL_TOKENS, label: str = "Query token"
) -> int | None:
    """Draw the choice of the token whose lines are shown, and return its position; None means all tokens."""
    labels = token_labels(trace.tokens)
    reset_changed_positions(trace.tokens, key)
    positions = range(ALL_TOKENS, trace.n_tokens)
    apply_default_position(key, positions, default)
    st.selectbox(
        label,
        positions,
        format_func=lambda i: "all tokens" if i == ALL_TOKENS else f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=POSITION_WIDTH,
    )
    query = int(session[key])
    return None if query == ALL_TOKENS else query


def pick_queries(trace: AttentionTrace, *, key: str) -> list[int]:
    """Draw the choice of the tokens whose lines are shown, and return their positions; none means all tokens."""
    labels = token_labels(trace.tokens)
    for position in session.get(key, []):
        _show_link_notice(key, position, trace.n_tokens)
    reset_changed_positions(trace.tokens, key)
    return st.multiselect(
        "Query tokens",
        range(trace.n_tokens),
        format_func=lambda i: f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        placeholder="all tokens",
        help="Choose several to add up their weights.",
    )


def _show_link_notice(key: str, position: int, stop: int) -> None:
    """Show a notice if the link asks for a token that does not exist."""
    if position >= stop and was_in_link(key):
        show_notice(f"The link points to token {position}, but this prompt has tokens 0 to {stop - 1}.")


def describe_figure(trace: AttentionTrace, layer: int, head: int) -> str:
    """Return a note on a figure of this head: on tokens without lines, and on words split into tokens."""
    parts = []
    empty = int((trace.attention[layer, head].sum(axis=-1) == 0).sum())
    if empty:
        parts.append(
            f"{empty} of {trace.n_tokens} tokens have no lines: all their attention is on the hidden first token."
        )
    if has_split_words(trace.tokens):
        parts.append("“+” marks a token that continues the one before: GPT-2 reads rare words in pieces.")
    return " ".join(parts)


def describe_rescaling(view: ViewOptions) -> str:
    """Return a note that the numbers are not rescaled as the figure is, if the first token is hidden."""
    return "The figure is rescaled without the first token. Numbers in the text are not." if view.hide_first else ""
