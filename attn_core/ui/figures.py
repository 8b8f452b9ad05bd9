"""Figures and tables of a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts
from attn_core.charts.style import Theme
from attn_core.charts.zoom import zoomed
from attn_core.patterns import OTHER
from attn_core.tables import grid_table, inert_on_screen, link_table, summed_table
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace, Prediction
from attn_core.ui import kept
from attn_core.ui.links import VIEWS, fell_back
from attn_core.ui.presenting import LARGER, presenting
from attn_core.ui.saving import Origin, offer_figure
from attn_core.ui.state import ALL_WORDS, choose_head, notice, picture_key, plain, theme
from attn_core.ui.switches import head_name
from attn_core.ui.views import View


@kept.made_of_traces.keeps
def _thumbnails(trace: AttentionTrace, background: Theme) -> list[str]:
    return charts.paint_thumbnails(trace, background)


def _for_the_room(specification: dict[str, Any]) -> dict[str, Any]:
    return zoomed(specification, LARGER) if presenting() else specification


def draw_chart(chart: alt.LayerChart, *, own_width: bool = False) -> None:
    """Put a chart on the page.

    Args:
        chart: to be drawn.
        own_width: in its own width unless that is too narrow; else as wide as there is place.
    """
    specification = _for_the_room(chart.to_dict())
    width: Any = int(specification["width"]) if own_width else "stretch"
    st.vega_lite_chart(spec=specification, width=width)


def _draw(figure: charts.Figure, **options: Any) -> None:
    """Put a figure on the page, in its own width unless that is too narrow."""
    specification = _for_the_room(figure.specification())
    st.vega_lite_chart(spec=specification, width=int(specification["width"]), **options)


def _draw_tall(figure: charts.Figure, **options: Any) -> None:
    """Put a figure on the page, as wide as there is place, in a part that scrolls if it is taller than a screen."""
    specification = _for_the_room(figure.specification())
    tall = specification["height"] > 900
    with st.container(height=700, border=False) if tall else st.container():
        st.vega_lite_chart(spec=specification, width="stretch", **options)


def grid(
    trace: AttentionTrace,
    selected: tuple[int, int],
    *,
    of: Origin,
    key: str | None = None,
    on_choose: Callable[[int, int], None] | None = None,
    **options: Any,
) -> None:
    """All heads; a click on one chooses it.

    Args:
        trace: what to show.
        selected: the layer and head to frame.
        of: where the trace comes from.
        key: of a grid that has a choice of its own, with `on_choose`.
        on_choose: takes the layer and head that were clicked.
        options: further ones of `charts.head_grid`.
    """
    key = key or picture_key("grid")
    choose = on_choose or partial(choose_head, chosen_in="grid")

    def clicked() -> None:
        points = st.session_state[key]["selection"].get("head", [])
        if points:
            choose(int(points[0]["layer"]), int(points[0]["head"]))

    figure = charts.grid_figure(
        trace, selected=selected, theme=theme(), thumbnails=_thumbnails(trace, theme()), **options
    )
    _draw(figure, key=key, on_select=clicked, selection_mode="head")
    labels = options.get("labels") or [OTHER] * (trace.n_layers * trace.n_heads)
    offer_figure(
        figure,
        "all heads",
        of,
        key="grid",
        table=lambda: grid_table(trace, labels),
        table_note="(the strongest links of each head)",
    )


def head_map(
    values: NDArray[np.floating], selected: tuple[int, int], *, title: str, of: Origin, key: str, **options: Any
) -> None:
    """A number for each head; a click on one chooses it."""
    # A map that shows another head is another chart: else a second click on a head would be no change.
    chart_key = f"{key}_{selected[0]}_{selected[1]}"

    def clicked() -> None:
        points = st.session_state[chart_key]["selection"].get("head", [])
        if points:
            choose_head(int(points[0]["layer"]), int(points[0]["head"]))

    figure = charts.map_figure(values, selected=selected, title=title, theme=theme(), **options)
    _draw(figure, key=chart_key, on_select=clicked, selection_mode="head")
    offer_figure(figure, title, of, key=key)


def choice_of_heads(label: str, sentences: dict[tuple[int, int], str], selected: tuple[int, int]) -> None:
    """Heads told in sentences, one of which can be chosen."""
    st.session_state.strongest_box = selected if selected in sentences else None
    st.radio(
        label,
        list(sentences),
        format_func=sentences.__getitem__,
        key="strongest_box",
        on_change=lambda: choose_head(*st.session_state.strongest_box),
        label_visibility="collapsed",
    )


def matrix(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    of: Origin,
    query: Sequence[int] = (),
    name: str | None = None,
) -> None:
    """A head as a matrix."""
    chart = charts.attention_heatmap(trace, layer, head, query=query, theme=theme(), name=name)
    draw_chart(chart, own_width=True)
    st.caption("The colour is the square root of the attention, so that faint links show too.")
    what = f"{name or head_name((layer, head))} as a matrix"
    offer_figure(
        chart,
        what,
        of,
        key="matrix",
        table=lambda: link_table(trace, layer, head),
        table_note="(the strongest links)",
    )


def next_words(prediction: Prediction, *, of: Origin, chosen: int | None = None) -> None:
    """The most probable next tokens as bars; that with the id `chosen` stands out."""
    chart = charts.probability_bars(prediction, chosen=chosen)
    draw_chart(chart)
    offer_figure(chart, "the most probable next words", of, key="next_words")


def view_picker() -> str:
    """Choose how one head is drawn: a key of `links.VIEWS`."""
    chosen = st.segmented_control("View", list(VIEWS.values()), required=True, key="view", persist_state="session")
    return next(name for name, view in VIEWS.items() if view == chosen)


def lines(trace: AttentionTrace, layer: int, head: int, *, query: int | None, key: str, **options: Any) -> None:
    """A head's lines; a click on a word on the left keeps its lines, another click lets them go."""

    def keep(position: int) -> None:
        st.session_state[key] = ALL_WORDS if position == query else position

    draw_lines(trace, layer, head, query=query, key=key, on_click=keep, **options)


def lines_of_words(
    trace: AttentionTrace, layer: int, head: int, *, queries: list[int], key: str, **options: Any
) -> None:
    """A head's lines from several words; a click on a word adds it, another click lets it go."""

    def turn(position: int) -> None:
        st.session_state[key] = sorted({*queries} ^ {position})

    draw_lines(trace, layer, head, query=queries, key=key, on_click=turn, **options)


def draw_lines(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    query: int | list[int] | None,
    of: Origin,
    key: str,
    on_click: Callable[[int], None],
    **options: Any,
) -> None:
    """A head's lines.

    Args:
        trace: what to show.
        layer, head: zero-based.
        query: whose lines are shown while nothing is pointed at.
        of: where the trace comes from.
        key: what the figure is called.
        on_click: takes the position of a query word that was clicked.
        options: further ones of `charts.attention_lines`.
    """

    def clicked() -> None:
        points = st.session_state[chart_key]["selection"].get("query", [])
        if points:
            on_click(int(points[0]["query"]))

    # A chart that shows another word is another chart: else a second click on a word would be no change.
    chart_key = f"{key}_lines_{query}_{trace.n_tokens}"
    figure = charts.lines_figure(trace, layer, head, query=query, **options)
    _draw_tall(figure, key=chart_key, on_select=clicked, selection_mode="query")
    more = options.get("more_heads", ())
    what = ", ".join([options.get("name") or head_name((layer, head)), *map(head_name, more)])
    labels = token_labels(trace.tokens)
    chosen = [query] if isinstance(query, int) else query or []
    notes = ("from " + ", ".join(f"“{labels[position]}”" for position in chosen),) if chosen else ()
    offer_figure(figure, what, of, key=key, notes=notes, table=partial(_links_of, figure))
    links = charts.shown_links(trace, [(layer, head), *more], query=query)
    if links.left_out:
        st.caption(
            f"The {len(links.table):,} strongest links are drawn; {links.left_out:,} weaker ones "
            f"(up to {links.threshold:.2f}) are left out. Choose a word to see all of its own."
        )


def _links_of(figure: charts.Figure) -> pd.DataFrame:
    """The lines of a figure as a table."""
    links = figure.tables["links"][["from_word", "to_word", "weight", "query", "key", "head"]]
    return links.rename(columns={"from_word": "from", "to_word": "to", "weight": "attention", "head": "by"})


def draw_row(tokens: Sequence[str], row: NDArray[Any], *, of: Origin, name: str) -> None:
    """What one head looked at from the last token.

    Args:
        tokens: the n tokens up to there.
        row: the head's weights on them, (n,).
        of: where they come from.
        name: what the head is called.
    """
    figure = charts.row_figure(tokens, row, name=name)
    _draw_tall(figure)
    offer_figure(figure, name, of, key="row", table=partial(_links_of, figure))


def keep_those_there(key: str, heads: list[tuple[int, int]], what: str) -> None:
    """Drop chosen heads that cannot be chosen here; say so if a link asked for them."""
    chosen = list(st.session_state.get(key, []))
    st.session_state[key] = [head for head in chosen if head in heads]
    if len(st.session_state[key]) < len(chosen) and fell_back(key):
        notice(f"The link asks for {what} that are not there, so they were left out.")


def more_heads(trace: AttentionTrace, layer: int, head: int) -> list[tuple[int, int]]:
    """Choose further heads to draw over this one."""
    others = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads) if (i, j) != (layer, head)]
    keep_those_there("more_heads", others, "heads to draw over it")
    return st.multiselect(
        "Draw other heads over it",
        others,
        format_func=head_name,
        max_selections=5,
        placeholder="none",
        key="more_heads",
        persist_state="session",
    )


def weights_table(trace: AttentionTrace, layer: int, head: int, queries: list[int]) -> None:
    """A head's numbers as a table that sorts, searches and downloads; of several words also their sums."""
    if len(queries) > 1:
        table = summed_table(trace, layer, head, queries)
        largest = {"sum": float(len(queries))}
        weights = [name for name in table.columns if name not in ("to", "key")]
    else:
        table, largest, weights = link_table(trace, layer, head, query=next(iter(queries), None)), {}, ["attention"]
    st.dataframe(
        inert_on_screen(table),
        hide_index=True,
        height=min(38 + 35 * len(table), 640),
        column_config={
            name: st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=largest.get(name, 1.0))
            for name in weights
        },
    )


def strongest_link(trace: AttentionTrace, layer: int, head: int, query: int, *, how: View) -> str:
    """One sentence in markdown: where the head looks from this word, or takes from, if the trace is weighed.

    Args:
        trace: as it is looked at.
        layer, head: zero-based.
        query: a position in it.
        how: it is looked at.
    """
    labels = token_labels(trace.tokens)
    row = trace.head(layer, head)[query]
    key = int(row.argmax())
    if not row[key]:
        return f"From **{plain(labels[query])}** {head_name((layer, head))} looks at the hidden first word alone."
    does = "takes most from" if how.weighed else "looks most at"
    left = " of what is left" if how.hide_first and trace.derived else ""
    return (
        f"From **{plain(labels[query])}** {head_name((layer, head))} {does} "
        f"**{plain(labels[key])}** ({row[key]:.2f}{left})."
    )
