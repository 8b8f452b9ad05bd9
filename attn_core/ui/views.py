"""How a trace is looked at: weighed, joined, with its first word hidden, and from which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core.tokens import has_word_pieces, join_words, token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.links import fell_back
from attn_core.ui.state import ALL_WORDS, notice


@dataclass(frozen=True)
class View:
    """What is done to a trace before it is shown.

    Attributes:
        weighed: attention times the size of what it moves.
        words: word pieces joined into words.
        hide_first: the first word hidden and the rest scaled up.
    """

    weighed: bool = False
    words: bool = False
    hide_first: bool = False

    def of(self, trace: AttentionTrace) -> AttentionTrace:
        """The trace so looked at, to be drawn."""
        return self.arranged(_value_weighted(trace) if self.weighed else trace)

    def measured(self, trace: AttentionTrace) -> AttentionTrace:
        """The same without scaling up: a head that rests on the hidden word does little on the others."""
        return self._arranged(_value_weighted(trace) if self.weighed else trace, renormalise=False)

    def arranged(self, trace: AttentionTrace) -> AttentionTrace:
        """The trace with its words joined and hidden, not weighed."""
        return self._arranged(trace, renormalise=True)

    def _arranged(self, trace: AttentionTrace, *, renormalise: bool) -> AttentionTrace:
        joined = _joined(trace) if self.words else trace
        return _hidden(joined, renormalise) if self.hide_first and joined.n_tokens > 1 else joined


@kept.made_of_traces.keeps
def _value_weighted(trace: AttentionTrace) -> AttentionTrace:
    return trace.value_weighted()


@kept.made_of_traces.keeps
def _joined(trace: AttentionTrace) -> AttentionTrace:
    return join_words(trace)


@kept.made_of_traces.keeps
def _hidden(trace: AttentionTrace, renormalise: bool) -> AttentionTrace:
    return trace.without_first_token(renormalise=renormalise)


NO_LENGTHS = "The lengths were not recorded here, or this type of model does not show them."


def view_switches(*traces: AttentionTrace | None) -> View:
    """Switches for how these traces are looked at."""
    weighed = weighing_switch(*(trace.value_norms for trace in traces if trace is not None))
    words = st.toggle("Join word pieces", key="words", persist_state="session")
    return View(weighed, words, hiding_switch())


def hiding_switch() -> bool:
    """Whether the first word is to be hidden."""
    return st.toggle(
        "Hide the first word",
        key="hide_first",
        persist_state="session",
        help="Many heads rest on the first word when they find nothing. Hidden, the rest is scaled up to 1.",
    )


def weighing_switch(*value_norms: NDArray[np.float32] | None) -> bool:
    """Whether attention is to be weighed by what it moves; off where the lengths of values were not recorded."""
    recorded = all(norms is not None for norms in value_norms)
    weighed = st.toggle(
        "Weigh by what is moved",
        key="weighed",
        persist_state="session",
        disabled=not recorded,
        help="Attention times the length of the vector that each word offers, scaled up to 1 again: where what the "
        "head passes on comes from. A head that rests on the first word often takes next to nothing from it. "
        "Kobayashi et al. 2020." + ("" if recorded else f" {NO_LENGTHS}"),
    )
    return weighed and recorded


def forget_other_words(words: Sequence[str], *keys: str) -> None:
    """Forget the chosen positions at which another word stands than when they were chosen.

    Args:
        words: that can be chosen now.
        keys: of the state, each of a position or a list of positions.
    """
    now = tuple(words)
    for key in keys:
        before = st.session_state.get(f"{key}_words", now)
        st.session_state[f"{key}_words"] = now
        chosen = st.session_state.get(key)
        if isinstance(chosen, list):
            st.session_state[key] = [i for i in chosen if i < len(now) and before[i : i + 1] == now[i : i + 1]]
        elif chosen is not None and chosen >= 0 and before[chosen : chosen + 1] != now[chosen : chosen + 1]:
            del st.session_state[key]


def word_picker(label: str, trace: AttentionTrace, *, key: str, default: int, stop: int | None = None) -> int:
    """Choose one word of the trace by its position.

    Args:
        label: what is asked for.
        trace: whose words.
        key: of the state.
        default: the position that stands until somebody chooses another.
        stop: only words before this position.
    """
    stop = trace.n_tokens if stop is None else stop
    labels = token_labels(trace.tokens)
    forget_other_words(trace.tokens, key)
    _settle(key, range(stop), default)
    position = st.selectbox(
        label,
        range(stop),
        format_func=lambda i: f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=190,
    )
    return int(position)


def _settle(key: str, places: range, default: int) -> None:
    """Let the default stand until somebody chooses another of these places."""
    chosen = st.session_state.get(key)
    if chosen is not None:
        _tell_of_link(key, chosen, places.stop)
    if chosen not in places or chosen == st.session_state.get(f"{key}_default"):
        st.session_state[key] = default
    st.session_state[f"{key}_default"] = default


def query_picker(trace: AttentionTrace, *, key: str, default: int = ALL_WORDS) -> int | None:
    """Choose the word whose lines are shown, as a click on it does; None means all words."""
    labels = token_labels(trace.tokens)
    forget_other_words(trace.tokens, key)
    places = range(ALL_WORDS, trace.n_tokens)
    _settle(key, places, default)
    st.selectbox(
        "From the word",
        places,
        format_func=lambda i: "all words" if i == ALL_WORDS else f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=190,
    )
    query = int(st.session_state[key])
    return None if query == ALL_WORDS else query


def queries_picker(trace: AttentionTrace, *, key: str) -> list[int]:
    """Choose the words whose lines are shown, and whose weights are summed; none means all words."""
    labels = token_labels(trace.tokens)
    for position in st.session_state.get(key, []):
        _tell_of_link(key, position, trace.n_tokens)
    forget_other_words(trace.tokens, key)
    return st.multiselect(
        "From the words",
        range(trace.n_tokens),
        format_func=lambda i: f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        placeholder="all words",
        help="Choose several to see what they look at together: the numbers are sums then.",
    )


def _tell_of_link(key: str, position: int, stop: int) -> None:
    """Say that a link asks for a word that is not there, if it does."""
    if position >= stop and fell_back(key):
        notice(f"The link asks for the word at {position}, but there are {stop} here, counted from zero.")


def word_piece_note(trace: AttentionTrace) -> None:
    """Explain the + sign where it occurs."""
    if has_word_pieces(trace.tokens):
        st.caption("A word that starts with + goes on with the word before it: GPT-2 reads pieces of words.")


def hidden_note(how: View) -> None:
    """Say that numbers are not scaled up as what is drawn is, if the first word is hidden."""
    if how.hide_first:
        st.caption("What is drawn is scaled up without the hidden first word; these numbers are parts of all.")


def nothing_left_note(trace: AttentionTrace, layer: int, head: int) -> None:
    """Say how many words have no lines because the head gave everything to the hidden first word."""
    empty = int((trace.attention[layer, head].sum(axis=-1) == 0).sum())
    if empty:
        st.caption(f"{empty} of {trace.n_tokens} words gave all of their attention to the hidden first word.")
