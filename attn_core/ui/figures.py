"""Figures and tables of a trace, and the controls that belong to them."""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts
from attn_core.tables import link_table
from attn_core.tokens import has_word_pieces, join_words, token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui.state import choose_head, plain, theme

ALL_WORDS = -1  # instead of a token's position


def grid(trace: AttentionTrace, selected: tuple[int, int]) -> None:
    """All heads; a click on one chooses it."""
    key = f"grid_{st.session_state.grid_version}"

    def clicked() -> None:
        points = st.session_state[key]["selection"].get("head", [])
        if points:
            choose_head(int(points[0]["layer"]), int(points[0]["head"]))

    chart = charts.head_grid(trace, selected=selected, theme=theme())
    st.altair_chart(chart, key=key, on_select=clicked, selection_mode="head", width=own_width(chart))


def matrix(trace: AttentionTrace, layer: int, head: int, *, query: int | None) -> None:
    """A head as a matrix."""
    chart = charts.attention_heatmap(trace, layer, head, query=query, theme=theme())
    st.altair_chart(chart, width=own_width(chart))
    st.caption("The colour is the square root of the attention, so that faint links show too.")


def own_width(chart: alt.LayerChart) -> int:
    """The chart's width in pixels; told so, Streamlit shrinks it on a narrow page but never stretches it."""
    return int(cast(Any, chart).width)


def lines(trace: AttentionTrace, layer: int, head: int, *, query: int | None, key: str, **options: Any) -> None:
    """A head's lines; a click on a word on the left keeps its lines, another click lets them go."""

    def clicked() -> None:
        points = st.session_state[chart_key]["selection"].get("query", [])
        if points:
            position = int(points[0]["query"])
            st.session_state[key] = ALL_WORDS if position == query else position

    # A chart that shows another word is another chart: else a second click on a word would be no change.
    chart_key = f"{key}_lines_{layer}_{head}_{query}_{trace.n_tokens}"
    chart = charts.attention_lines(trace, layer, head, query=query, **options)
    with tall(chart):
        st.altair_chart(chart, key=chart_key, on_select=clicked, selection_mode="query")
    links = charts.shown_links(trace, [(layer, head), *options.get("more_heads", ())], query=query)
    if links.left_out:
        st.caption(
            f"The {len(links.table):,} strongest links are drawn; {links.left_out:,} weaker ones "
            f"(up to {links.threshold:.2f}) are left out. Choose a word to see all of its own."
        )


def tall(chart: alt.LayerChart) -> Any:
    """A place for a chart that scrolls if the chart is taller than a screen."""
    height = int(cast(Any, chart).height)
    return st.container(height=700, border=False) if height > 900 else st.container()


def query_picker(trace: AttentionTrace, *, key: str) -> int | None:
    """Choose the word whose lines are shown; None means all words."""
    labels = token_labels(trace.tokens)
    if not -1 <= st.session_state.get(key, ALL_WORDS) < trace.n_tokens:
        st.session_state[key] = ALL_WORDS
    st.selectbox(
        "From the word",
        range(ALL_WORDS, trace.n_tokens),
        format_func=lambda i: "all words" if i == ALL_WORDS else f"{labels[i]}  ({i})",
        key=key,
        persist_state="session",
        width=220,
    )
    return chosen_query(trace, key, default=ALL_WORDS)


def chosen_query(trace: AttentionTrace, key: str, *, default: int) -> int | None:
    """The word whose lines were asked for by a click or in `query_picker`; None means all words."""
    query = int(st.session_state.get(key, default))
    if query >= trace.n_tokens:
        query = default
    return None if query == ALL_WORDS else query


@st.cache_resource(max_entries=1, show_spinner=False)
def _weighed(_trace: AttentionTrace, trace_id: int) -> tuple[AttentionTrace, AttentionTrace]:
    """The value-weighted trace, with the one it was made from: while this is kept, no other can have that id."""
    return _trace, _trace.value_weighted()


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
        "Kobayashi et al. 2020." + ("" if recorded else " This recording was made without those lengths."),
    )
    return weighed and recorded


def view_of(
    trace: AttentionTrace, *, weighed: bool = False, words: bool = False, hide_first: bool = False
) -> AttentionTrace:
    """The trace weighed by what is moved, with word pieces joined and the first token hidden, as asked for."""
    if weighed:
        trace = _weighed(trace, id(trace))[1]
    if words:
        trace = join_words(trace)
    if hide_first and trace.n_tokens > 1:
        trace = trace.without_first_token()
    return trace


def nothing_left_note(trace: AttentionTrace, layer: int, head: int) -> None:
    """Say how many words have no lines because the head gave everything to the hidden first word."""
    empty = int((trace.attention[layer, head].sum(axis=-1) == 0).sum())
    if empty:
        st.caption(f"{empty} of {trace.n_tokens} words gave all of their attention to the hidden first word.")


def more_heads(trace: AttentionTrace, layer: int, head: int) -> list[tuple[int, int]]:
    """Choose further heads to draw over this one."""
    others = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads) if (i, j) != (layer, head)]
    return st.multiselect(
        "Draw other heads over it",
        others,
        format_func=lambda pair: f"layer {pair[0]} head {pair[1]}",
        max_selections=5,
        placeholder="none",
        key="more_heads",
        persist_state="session",
    )


def weights_table(trace: AttentionTrace, layer: int, head: int, query: int | None) -> None:
    """A head's numbers as a table that sorts, searches and downloads."""
    table = link_table(trace, layer, head, query=query)
    st.dataframe(
        table,
        hide_index=True,
        height=min(38 + 35 * len(table), 640),
        column_config={"attention": st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=1.0)},
    )


def word_piece_note(trace: AttentionTrace) -> None:
    """Explain the + sign where it occurs."""
    if has_word_pieces(trace.tokens):
        st.caption("A word that starts with + goes on with the word before it: GPT-2 reads pieces of words.")


def strongest_link(trace: AttentionTrace, layer: int, head: int, query: int, *, weighed: bool = False) -> str:
    """One sentence in markdown: where the head looks from this word, or takes from, if the trace is weighed."""
    labels = token_labels(trace.tokens)
    row = trace.head(layer, head)[query]
    key = int(row.argmax())
    does = "takes most from" if weighed else "looks most at"
    return (
        f"From **{plain(labels[query])}** layer {layer} head {head} {does} "
        f"**{plain(labels[key])}** ({row[key]:.2f})."
    )
