"""How a trace is looked at: weighed, joined, with its first word hidden, and from which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from attn_core.heads import Head
from attn_core.tokens import has_word_pieces, join_words, token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.links import fell_back
from attn_core.ui.state import ALL_WORDS, notice
from attn_core.ui.switches import head_switch, heads_off

POSITION_WIDTH = 250  # pixels of a box for a token, with its label

OPTIONS = {"weighed": "value-weighted", "words": "words merged", "hide_first": "first token hidden"}
"""The switches of the menu by their names in the state, and what its label says of one that is on."""


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


NO_LENGTHS = "This recording does not include those lengths."
NO_LENGTHS_HERE = "This type of model does not show those lengths."


def view_menu(*, head: Head | None = None) -> DeltaGenerator:
    """Return the menu of rarely used switches, whose label lists what is on.

    Args:
        head: the one on show, which can be turned off there; None if it can't.
    """
    return _menu(("weighed", "words", "hide_first"), head)


def pick_view_options(
    *traces: AttentionTrace | None, head: Head | None = None, menu: DeltaGenerator | None = None
) -> View:
    """Draw the switches for how traces are looked at, and return what they say.

    Args:
        traces: that are looked at.
        head: the one on show, which can be turned off there; None if it can't.
        menu: where the switches are; a menu of their own if None.
    """
    with menu or view_menu(head=head):
        weighed = weighing_switch(*(trace.value_norms for trace in traces if trace is not None))
        words = st.toggle(
            "Merge tokens into words",
            key="words",
            persist_state="session",
            help="Adds up the weights to a word's tokens and averages the weights from them.",
        )
        hide_first = hiding_switch()
        if head is not None:
            head_switch(*head)
    return View(weighed, words, hide_first)


def pick_row_options(norms: NDArray[np.float32] | None) -> View:
    """Draw the menu for the attention of one token, which has no words to be merged.

    Args:
        norms: the lengths of the vectors that each weight moves, if they are known.
    """
    with _menu(("weighed", "hide_first"), None):
        return View(weighed=weighing_switch(norms), hide_first=hiding_switch())


def _menu(names: Sequence[str], head: Head | None) -> DeltaGenerator:
    """Return the menu of these switches; its label says which are on."""
    on = [OPTIONS[name] for name in names if st.session_state.get(name)]
    if head in heads_off():
        on.append("head off")
    label = f"View: {', '.join(on)}" if on else "View"
    return st.popover(label, icon=":material/tune:", key="view_menu")


def hiding_switch() -> bool:
    """Draw the switch that hides the first token, and return whether it is on."""
    return st.toggle(
        "Hide first token",
        key="hide_first",
        persist_state="session",
        help="Many heads park attention on the first token (an attention sink). Hiding it rescales the other weights "
        "to sum to 1.",
    )


def weighing_switch(*value_norms: NDArray[np.float32] | None) -> bool:
    """Draw the switch for value-weighted attention; it is off where the lengths of values are not known."""
    recorded = all(norms is not None for norms in value_norms)
    without = NO_LENGTHS if st.session_state.recording is not None else NO_LENGTHS_HERE
    weighed = st.toggle(
        "Value-weighted",
        key="weighed",
        persist_state="session",
        disabled=not recorded,
        help="Multiplies each weight by the length of the vector it moves, then rescales. Shows where the head's "
        "output comes from, not only where it attends. Kobayashi et al. 2020."
        + ("" if recorded else f" {without}"),
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


def pick_token(label: str, trace: AttentionTrace, *, key: str, default: int, stop: int | None = None) -> int:
    """Draw the choice of one token of the trace, and return its position.

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
    settle_position(key, range(stop), default)
    position = st.selectbox(
        label,
        range(stop),
        format_func=lambda i: f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=POSITION_WIDTH,
    )
    return int(position)


def settle_position(key: str, places: range, default: int) -> None:
    """Let a default position hold until somebody chooses another of these places.

    Args:
        key: of the state.
        places: that can be chosen.
        default: the position until then.
    """
    chosen = st.session_state.get(key)
    if isinstance(chosen, int):
        _tell_of_link(key, chosen, places.stop)
    if chosen not in places or chosen == st.session_state.get(f"{key}_default"):
        st.session_state[key] = default
    st.session_state[f"{key}_default"] = default


def pick_query(
    trace: AttentionTrace, *, key: str, default: int = ALL_WORDS, label: str = "Query token"
) -> int | None:
    """Draw the choice of the token whose lines are shown, as a click on it does; None means all tokens."""
    labels = token_labels(trace.tokens)
    forget_other_words(trace.tokens, key)
    places = range(ALL_WORDS, trace.n_tokens)
    settle_position(key, places, default)
    st.selectbox(
        label,
        places,
        format_func=lambda i: "all tokens" if i == ALL_WORDS else f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=POSITION_WIDTH,
    )
    query = int(st.session_state[key])
    return None if query == ALL_WORDS else query


def pick_queries(trace: AttentionTrace, *, key: str) -> list[int]:
    """Draw the choice of the tokens whose lines are shown and whose weights are summed; none means all tokens."""
    labels = token_labels(trace.tokens)
    for position in st.session_state.get(key, []):
        _tell_of_link(key, position, trace.n_tokens)
    forget_other_words(trace.tokens, key)
    return st.multiselect(
        "Query tokens",
        range(trace.n_tokens),
        format_func=lambda i: f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        placeholder="all tokens",
        help="Choose several to add up their weights.",
    )


def _tell_of_link(key: str, position: int, stop: int) -> None:
    """Say that a link asks for a word that is not there, if it does."""
    if position >= stop and fell_back(key):
        notice(f"The link points to token {position}, but this prompt has tokens 0 to {stop - 1}.")


def note_on_view(trace: AttentionTrace, layer: int, head: int) -> str:
    """Return what explains a figure of this head, in one line: pieces of words, and tokens without lines."""
    parts = []
    empty = int((trace.attention[layer, head].sum(axis=-1) == 0).sum())
    if empty:
        parts.append(
            f"{empty} of {trace.n_tokens} tokens have no lines: all their attention is on the hidden first token."
        )
    if has_word_pieces(trace.tokens):
        parts.append("“+” marks a token that continues the one before: GPT-2 reads rare words in pieces.")
    return " ".join(parts)


def note_on_hidden(view: View) -> str:
    """Return that numbers are not rescaled as the figure is, if the first token is hidden."""
    return "The figure is rescaled without the first token. Numbers in the text are not." if view.hide_first else ""
