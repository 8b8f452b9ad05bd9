"""Figures and tables of a trace, each in a panel that says what is seen in it."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from attn_core import charts
from attn_core.charts.style import Theme, colors
from attn_core.charts.texts import write_percent, write_weight
from attn_core.heads import Head, head_label
from attn_core.tables import grid_table, inert_on_screen, link_table, summed_table
from attn_core.tokens import token_label, token_labels
from attn_core.trace import AttentionTrace, Prediction
from attn_core.ui import kept
from attn_core.ui.drawing import draw
from attn_core.ui.layout import panel
from attn_core.ui.links import VIEWS, fell_back
from attn_core.ui.saving import Origin, offer_figure
from attn_core.ui.state import ALL_WORDS, choose_head, notice, pick_one, plain, theme
from attn_core.ui.views import View


@kept.made_of_traces.keeps
def _thumbnails(trace: AttentionTrace, background: Theme) -> list[str]:
    return charts.paint_thumbnails(trace, background)


def show_grid(
    trace: AttentionTrace,
    selected: Head,
    *,
    title: str,
    source: Origin,
    key: str = "grid",
    on_choose: Callable[[int, int], None] = choose_head,
    **options: Any,
) -> None:
    """Draw all heads; a click on one chooses it.

    Args:
        trace: what to show.
        selected: the layer and head to frame.
        title: what is seen, in markdown.
        source: where the trace comes from.
        key: of the figure.
        on_choose: takes the layer and head that were clicked.
        options: further ones of `charts.head_grid`.
    """
    figure = charts.grid_figure(
        trace, selected=selected, theme=theme(), thumbnails=_thumbnails(trace, theme()), **options
    )
    labels = options.get("labels")
    with panel("grid", title) as icons:
        if labels is not None:
            counts = charts.swatches(labels, theme())
            show_swatches({f"{name} {count}": color for name, color, count in counts}, kind="frame")
        draw(figure, key=key, selection="head", on_click=_takes_head(on_choose))
    with icons:
        offer_figure(
            figure,
            "all heads",
            source,
            key="grid",
            table=lambda: grid_table(trace, labels or ["other"] * (trace.n_layers * trace.n_heads)),
            table_note="(strongest links of each head)",
        )


def _takes_head(choose: Callable[[int, int], None]) -> Callable[[dict[str, int]], None]:
    return lambda clicked: choose(int(clicked["layer"]), int(clicked["head"]))


def show_swatches(names: Mapping[str, str], *, kind: str = "filled") -> None:
    """List names with their colors, as a legend over a figure.

    Args:
        names: each with its color.
        kind: of the swatches: "filled" or "frame".
    """
    swatches = "".join(
        f'<span><i class="{kind}" style="color:{color}"></i>{html.escape(name)}</span>'
        for name, color in names.items()
    )
    if swatches:
        st.html(f'<div class="swatches">{swatches}</div>')


def show_head_map(
    values: NDArray[np.floating],
    selected: Head,
    *,
    title: str,
    quantity: str,
    source: Origin,
    key: str,
    name: str = "map",
    signed: bool = True,
) -> None:
    """Draw a number for each head; a click on one chooses it.

    Args:
        values: float (n_layers, n_heads).
        selected: the layer and head to frame.
        title: what is seen, in markdown.
        quantity: what the numbers are, with their unit.
        source: where they come from.
        key: of the figure.
        name: of the panel.
        signed: whether the numbers may be negative.
    """
    figure = charts.map_figure(values, selected=selected, title=quantity, theme=theme(), signed=signed)
    with panel(name, title) as icons:
        _show_scale(values, signed=signed)
        draw(figure, key=key, selection="head", on_click=_takes_head(choose_head))
    with icons:
        offer_figure(figure, quantity, source, key=key)


def _show_scale(values: NDArray[np.floating], *, signed: bool) -> None:
    scale = charts.scale_of(values, signed, theme())
    low, high = (html.escape(text) for text in (scale.low, scale.high))
    colors = ",".join(scale.colors)
    st.html(f'<div class="scale">{low}<i style="background:linear-gradient(to right,{colors})"></i>{high}</div>')


def choice_of_heads(label: str, sentences: Mapping[Head, str], selected: Head) -> None:
    """List heads with a sentence each, one of which can be chosen."""
    st.session_state.strongest_box = selected if selected in sentences else None
    st.radio(
        label,
        list(sentences),
        format_func=sentences.__getitem__,
        key="strongest_box",
        on_change=lambda: choose_head(*st.session_state.strongest_box),
        label_visibility="collapsed",
    )


def show_matrix(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    title: str,
    source: Origin,
    query: Sequence[int] = (),
    name: str | None = None,
) -> None:
    """Draw a head as a matrix."""
    figure = charts.heatmap_figure(trace, layer, head, query=query, theme=theme(), name=name)
    with panel("matrix", title) as icons:
        draw(figure, key="matrix")
    with icons:
        offer_figure(
            figure,
            f"{name or head_label((layer, head))} as a matrix",
            source,
            key="matrix",
            table=lambda: link_table(trace, layer, head),
            table_note="(strongest links)",
        )


def show_next_tokens(
    prediction: Prediction | None, *, title: str, source: Origin, chosen: int | None = None, name: str = "bars"
) -> None:
    """Draw the most probable next tokens as bars; that with the id `chosen` is marked."""
    if prediction is None:
        with panel(name, title):
            st.caption("This recording has no next-token probabilities.")
        return
    figure = charts.probability_figure(prediction, chosen=chosen, theme=theme())
    with panel(name, title) as icons:
        draw(figure, key=f"{name}_chart")
    with icons:
        offer_figure(figure, "the most probable next tokens", source, key="next_words")


def top_prediction(prediction: Prediction | None) -> str:
    """Return the most probable next token with its probability, in markdown."""
    if prediction is None:
        return ""
    return (
        f"**{_in_words(token_label(prediction.tokens[0]))}** ({write_percent(float(prediction.probabilities[0]))})"
    )


def pick_view() -> str:
    """Draw the choice of how one head is drawn, and return it: a key of `links.VIEWS`."""
    return pick_one("View", VIEWS, key="view")


def show_lines(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    title: str,
    query: int | Sequence[int] | None,
    source: Origin,
    key: str,
    panel_name: str = "lines",
    on_click: Callable[[int], None] | None = None,
    **options: Any,
) -> None:
    """Draw a head's lines; a click on a token at the left keeps its lines, another click lets them go.

    Args:
        trace: what to show.
        layer, head: zero-based.
        title: what is seen, in markdown.
        query: whose lines are shown while nothing is pointed at: a position, several, or all if None.
        source: where the trace comes from.
        key: of the state that holds the query.
        panel_name: of the panel.
        on_click: takes the position of a token that was clicked, if another click is not just to let it go.
        options: further ones of `charts.attention_lines`.
    """

    def keep(position: int) -> None:
        if isinstance(query, int) or query is None:
            st.session_state[key] = ALL_WORDS if position == query else position
        else:
            st.session_state[key] = sorted({*query} ^ {position})

    take = on_click or keep
    more: Sequence[Head] = options.get("more_heads", ())
    figure = charts.lines_figure(trace, layer, head, query=query, theme=theme(), **options)
    with panel(panel_name, title) as icons:
        if more:
            _show_colors_of_heads([(layer, head), *more])
        draw(
            figure,
            key=f"{key}_lines",
            selection="query",
            on_click=lambda clicked: take(int(clicked["query"])),
            min_height=figure.least_height,
        )
    what = ", ".join([options.get("name") or head_label((layer, head)), *map(head_label, more)])
    labels = token_labels(trace.tokens)
    chosen = [query] if isinstance(query, int) else query or []
    notes = ("from " + ", ".join(f"“{labels[position]}”" for position in chosen),) if chosen else ()
    with icons:
        offer_figure(figure, what, source, key=key, notes=notes, table=partial(_links_of, figure))


def _show_colors_of_heads(heads: Sequence[Head]) -> None:
    """List the colors of heads that lie over each other."""
    show_swatches({head_label(head): color for head, color in zip(heads, colors(theme()).categories, strict=False)})


def note_on_links(trace: AttentionTrace, heads: Sequence[Head], query: int | Sequence[int] | None) -> str:
    """Return how many links are hidden, if a figure of these heads can't show all."""
    links = charts.shown_links(trace, heads, query=query)
    if not links.left_out:
        return ""
    return (
        f"Showing the {len(links.weights):,} strongest links; {links.left_out:,} weaker ones "
        f"(up to {links.threshold:.2f}) are hidden. Choose a token to see all of its links."
    )


def _links_of(figure: charts.Figure) -> pd.DataFrame:
    """Return the lines of a figure as a table."""
    names = {
        "from": "from_word",
        "to": "to_word",
        "attention": "weight",
        "query": "query",
        "key": "key",
        "head": "head",
    }
    return pd.DataFrame({name: figure.tables["links"][column] for name, column in names.items()})


def show_row(tokens: Sequence[str], row: NDArray[Any], *, title: str, source: Origin, name: str) -> None:
    """Draw what one head attended to from the last token.

    Args:
        tokens: the n tokens up to there.
        row: the head's weights on them, (n,).
        title: what is seen, in markdown.
        source: where they come from.
        name: what the head is called.
    """
    figure = charts.row_figure(tokens, row, name=name, theme=theme())
    with panel("row", title) as icons:
        draw(figure, key="row_chart", min_height=figure.least_height)
    with icons:
        offer_figure(figure, name, source, key="row", table=partial(_links_of, figure))


def keep_those_there(key: str, heads: list[Head], what: str) -> None:
    """Drop chosen heads that cannot be chosen here; say so if a link asked for them."""
    chosen = list(st.session_state.get(key, []))
    st.session_state[key] = [head for head in chosen if head in heads]
    if len(st.session_state[key]) < len(chosen) and fell_back(key):
        notice(f"Ignored {what} in the link that this model does not have.")


def pick_more_heads(trace: AttentionTrace, layer: int, head: int) -> list[Head]:
    """Draw the choice of further heads that lie over this one, and return them."""
    others = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads) if (i, j) != (layer, head)]
    keep_those_there("more_heads", others, "heads to overlay")
    return st.multiselect(
        "Overlay heads",
        others,
        format_func=head_label,
        max_selections=5,
        placeholder="none",
        key="more_heads",
        persist_state="session",
    )


def show_weights_table(trace: AttentionTrace, layer: int, head: int, queries: list[int], *, title: str) -> None:
    """Draw a head's weights as a table that sorts, searches and downloads; of several tokens also their sums."""
    if len(queries) > 1:
        table = summed_table(trace, layer, head, queries)
        largest = {"sum": float(len(queries))}
        weights = [name for name in table.columns if name not in ("to", "key")]
    else:
        table, largest, weights = link_table(trace, layer, head, query=next(iter(queries), None)), {}, ["attention"]
    with panel("table", title):
        st.dataframe(
            inert_on_screen(table),
            hide_index=True,
            height="stretch",
            column_config={
                name: st.column_config.ProgressColumn(
                    format="%.2f", min_value=0.0, max_value=largest.get(name, 1.0)
                )
                for name in weights
            },
        )


def _in_words(label: str) -> str:
    """A token in a sentence of markdown; a sign alone needs quotation marks."""
    return plain(label if any(map(str.isalnum, label)) else f"“{label}”")


def strongest_link(trace: AttentionTrace, layer: int, head: int, query: int, *, view: View) -> str:
    """Return one sentence in markdown: what the head attends to from this token, or takes from, if value-weighted.

    Args:
        trace: as it is looked at.
        layer, head: zero-based.
        query: a position in it.
        view: how it is looked at.
    """
    labels = token_labels(trace.tokens)
    row = trace.head(layer, head)[query]
    key = int(row.argmax())
    name, asking, found = head_label((layer, head)), _in_words(labels[query]), _in_words(labels[key])
    if not row[key]:
        return f"From **{asking}**, {name} attends only to the hidden first token."
    hidden = ", first token hidden" if view.hide_first and trace.derived else ""
    if view.weighed:
        return (
            f"Of what {name} moves to **{asking}**, most comes from **{found}** ({write_weight(row[key])}{hidden})."
        )
    return f"From **{asking}**, {name} attends most to **{found}** ({write_weight(row[key])}{hidden})."
