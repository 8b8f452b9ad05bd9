"""Draw figures and tables of a trace, each in a panel with a title that says what it shows."""

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
from attn_core.analysis.tables import grid_table, link_table, summed_table, table_without_formulas
from attn_core.charts.formatting import format_percent, format_weight
from attn_core.charts.style import Theme, colors
from attn_core.heads import Head, head_label
from attn_core.server.cache import cache
from attn_core.tokens import token_label, token_labels
from attn_core.trace import AttentionTrace, Prediction
from attn_core.ui.drawing import draw
from attn_core.ui.layout import panel
from attn_core.ui.links import VIEWS, was_in_link
from attn_core.ui.saving import Source, show_figure_download
from attn_core.ui.session import session
from attn_core.ui.state import ALL_TOKENS, choose_head, escape_markdown, get_theme, pick_one, show_notice
from attn_core.ui.views import ViewOptions


@cache.memoize
def _paint_thumbnails(trace: AttentionTrace, background: Theme) -> list[str]:
    return charts.paint_thumbnails(trace, background)


def show_grid(
    trace: AttentionTrace,
    selected: Head,
    *,
    title: str,
    source: Source,
    key: str = "grid",
    on_choose: Callable[[int, int], None] = choose_head,
    **options: Any,
) -> None:
    """Draw all heads; a click on one chooses it.

    Args:
        trace: the trace to draw.
        selected: the layer and head to frame.
        title: what the figure shows, in markdown.
        source: where the trace comes from.
        key: the key of the figure.
        on_choose: is called with the layer and head that were clicked.
        options: further arguments of `charts.head_grid`.
    """
    figure = charts.head_grid(
        trace, selected=selected, theme=get_theme(), thumbnails=_paint_thumbnails(trace, get_theme()), **options
    )
    labels = options.get("labels")
    with panel("grid", title) as icons:
        if labels is not None:
            counts = charts.swatches(labels, get_theme())
            show_swatches({f"{name} {count}": color for name, color, count in counts}, kind="frame")
        draw(figure, key=key, selection="head", on_click=_make_click_handler(on_choose))
    with icons:
        show_figure_download(
            figure,
            "all heads",
            source,
            key="grid",
            table=lambda: grid_table(trace, labels or ["other"] * (trace.n_layers * trace.n_heads)),
            table_note="(strongest links of each head)",
        )


def _make_click_handler(choose: Callable[[int, int], None]) -> Callable[[dict[str, int]], None]:
    return lambda clicked: choose(int(clicked["layer"]), int(clicked["head"]))


def show_swatches(names: Mapping[str, str], *, kind: str = "filled") -> None:
    """Draw names with their colors, as a legend above a figure.

    Args:
        names: the names, each with its color.
        kind: the kind of swatches: "filled" or "frame".
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
    source: Source,
    key: str,
    name: str = "map",
    signed: bool = True,
) -> None:
    """Draw a number for each head; a click on one chooses it.

    Args:
        values: float (n_layers, n_heads).
        selected: the layer and head to frame.
        title: what the figure shows, in markdown.
        quantity: what the numbers are, with their unit.
        source: where they come from.
        key: the key of the figure.
        name: the name of the panel.
        signed: whether the numbers may be negative.
    """
    figure = charts.head_map(values, selected=selected, title=quantity, theme=get_theme(), signed=signed)
    with panel(name, title) as icons:
        _show_scale(values, signed=signed)
        draw(figure, key=key, selection="head", on_click=_make_click_handler(choose_head))
    with icons:
        show_figure_download(figure, quantity, source, key=key)


def _show_scale(values: NDArray[np.floating], *, signed: bool) -> None:
    scale = charts.scale_of(values, signed, get_theme())
    low, high = (html.escape(text) for text in (scale.low, scale.high))
    colors = ",".join(scale.colors)
    st.html(f'<div class="scale">{low}<i style="background:linear-gradient(to right,{colors})"></i>{high}</div>')


def pick_from_heads(label: str, sentences: Mapping[Head, str], selected: Head) -> None:
    """Draw the choice of one of several heads, each with a sentence."""
    session.strongest_box = selected if selected in sentences else None

    def choose() -> None:
        if session.strongest_box is not None:
            choose_head(*session.strongest_box)

    st.radio(
        label,
        list(sentences),
        format_func=sentences.__getitem__,
        key="strongest_box",
        on_change=choose,
        label_visibility="collapsed",
    )


def show_matrix(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    title: str,
    source: Source,
    query: Sequence[int] = (),
    name: str | None = None,
) -> None:
    """Draw a head as a matrix."""
    figure = charts.attention_heatmap(trace, layer, head, query=query, theme=get_theme(), name=name)
    with panel("matrix", title) as icons:
        draw(figure, key="matrix")
    with icons:
        show_figure_download(
            figure,
            f"{name or head_label((layer, head))} as a matrix",
            source,
            key="matrix",
            table=lambda: link_table(trace, layer, head),
            table_note="(strongest links)",
        )


def show_next_tokens(
    prediction: Prediction | None, *, title: str, source: Source, chosen: int | None = None, name: str = "bars"
) -> None:
    """Draw the most probable next tokens as bars, and mark the one with the id `chosen`."""
    if prediction is None:
        with panel(name, title):
            st.caption("This recording has no next-token probabilities.")
        return
    figure = charts.probability_bars(prediction, chosen=chosen, theme=get_theme())
    with panel(name, title) as icons:
        draw(figure, key=f"{name}_chart")
    with icons:
        show_figure_download(figure, "the most probable next tokens", source, key="next_words")


def describe_prediction(prediction: Prediction | None) -> str:
    """Return the most probable next token with its probability, in markdown."""
    if prediction is None:
        return ""
    token = _format_token(token_label(prediction.tokens[0]))
    return f"**{token}** ({format_percent(float(prediction.probabilities[0]))})"


def pick_chart() -> str:
    """Draw the choice of how one head is drawn, and return it: a key of `links.VIEWS`."""
    return pick_one("View", VIEWS, key="view")


def show_lines(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    title: str,
    query: int | Sequence[int] | None,
    source: Source,
    key: str,
    panel_name: str = "lines",
    on_click: Callable[[int], None] | None = None,
    **options: Any,
) -> None:
    """Draw a head's lines; a click on a token at the left pins its lines, another click unpins them.

    Args:
        trace: the trace to draw.
        layer, head: zero-based.
        title: what the figure shows, in markdown.
        query: the tokens whose lines are shown: a position, several, or all if None.
        source: where the trace comes from.
        key: the key in the session that holds the query.
        panel_name: the name of the panel.
        on_click: is called with the position of a clicked token, in place of pinning its lines.
        options: further arguments of `charts.attention_lines`.
    """
    handle_click = on_click or partial(_toggle_query, key, query)
    more: Sequence[Head] = options.get("more_heads", ())
    figure = charts.attention_lines(trace, layer, head, query=query, theme=get_theme(), **options)
    with panel(panel_name, title) as icons:
        if more:
            _show_head_colors([(layer, head), *more])
        draw(
            figure,
            key=f"{key}_lines",
            selection="query",
            on_click=lambda clicked: handle_click(int(clicked["query"])),
            min_height=figure.min_height,
        )
    what = ", ".join([options.get("name") or head_label((layer, head)), *map(head_label, more)])
    notes = _describe_query(trace, query)
    with icons:
        show_figure_download(figure, what, source, key=key, notes=notes, table=partial(_make_links_table, figure))


def _toggle_query(key: str, query: int | Sequence[int] | None, position: int) -> None:
    """Pin a token, or unpin it; with several pinned tokens, add it or remove it."""
    if isinstance(query, int) or query is None:
        session[key] = ALL_TOKENS if position == query else position
    else:
        session[key] = sorted({*query} ^ {position})


def _describe_query(trace: AttentionTrace, query: int | Sequence[int] | None) -> tuple[str, ...]:
    """Return a note on the pinned tokens, for the caption of a file; nothing if all tokens are shown."""
    labels = token_labels(trace.tokens)
    pinned = [query] if isinstance(query, int) else query or []
    return ("from " + ", ".join(f"“{labels[position]}”" for position in pinned),) if pinned else ()


def _show_head_colors(heads: Sequence[Head]) -> None:
    """Draw a legend of the colors of overlaid heads."""
    show_swatches(
        {head_label(head): color for head, color in zip(heads, colors(get_theme()).categories, strict=False)}
    )


def describe_hidden_links(trace: AttentionTrace, heads: Sequence[Head], query: int | Sequence[int] | None) -> str:
    """Return a sentence on how many links are hidden, if a figure of these heads can't show all."""
    links = charts.shown_links(trace, heads, query=query)
    if not links.left_out:
        return ""
    return (
        f"Showing the {len(links.weights):,} strongest links; {links.left_out:,} weaker ones "
        f"(up to {links.threshold:.2f}) are hidden. Choose a token to see all of its links."
    )


def _make_links_table(figure: charts.Figure) -> pd.DataFrame:
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


def show_row(tokens: Sequence[str], row: NDArray[Any], *, title: str, source: Source, name: str) -> None:
    """Draw what one head attended to from the last token.

    Args:
        tokens: the n tokens up to there.
        row: the head's weights on them, (n,).
        title: what the figure shows, in markdown.
        source: where they come from.
        name: the name of the head.
    """
    figure = charts.row_lines(tokens, row, name=name, theme=get_theme())
    with panel("row", title) as icons:
        draw(figure, key="row_chart", min_height=figure.min_height)
    with icons:
        show_figure_download(figure, name, source, key="row", table=partial(_make_links_table, figure))


def drop_missing_heads(key: str, heads: list[Head], what: str) -> None:
    """Drop chosen heads that are not available here; show a notice if a link asked for them."""
    chosen = list(session.get(key, []))
    session[key] = [head for head in chosen if head in heads]
    if len(session[key]) < len(chosen) and was_in_link(key):
        show_notice(f"Ignored {what} in the link that this model does not have.")


def pick_more_heads(trace: AttentionTrace, layer: int, head: int) -> list[Head]:
    """Draw the choice of further heads to overlay on this one, and return them."""
    others = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads) if (i, j) != (layer, head)]
    drop_missing_heads("more_heads", others, "heads to overlay")
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
    """Draw a head's weights as a table to sort, search and download; for several tokens, with their sums."""
    if len(queries) > 1:
        table = summed_table(trace, layer, head, queries)
        largest = {"sum": float(len(queries))}
        weights = [name for name in table.columns if name not in ("to", "key")]
    else:
        table, largest, weights = link_table(trace, layer, head, query=next(iter(queries), None)), {}, ["attention"]
    with panel("table", title):
        st.dataframe(
            table_without_formulas(table),
            hide_index=True,
            height="stretch",
            column_config={
                name: st.column_config.ProgressColumn(
                    format="%.2f", min_value=0.0, max_value=largest.get(name, 1.0)
                )
                for name in weights
            },
        )


def _format_token(label: str) -> str:
    """Return a token for a sentence in markdown; a punctuation mark gets quotation marks."""
    return escape_markdown(label if any(map(str.isalnum, label)) else f"“{label}”")


def describe_strongest_link(trace: AttentionTrace, layer: int, head: int, query: int, *, view: ViewOptions) -> str:
    """Return one sentence in markdown: what the head attends to from this token, or moves to it, if value-weighted.

    Args:
        trace: the trace with the view options applied.
        layer, head: zero-based.
        query: a position in it.
        view: the view options.
    """
    labels = token_labels(trace.tokens)
    row = trace.head(layer, head)[query]
    key = int(row.argmax())
    name, from_token, to_token = head_label((layer, head)), _format_token(labels[query]), _format_token(labels[key])
    if not row[key]:
        return f"From **{from_token}**, {name} attends only to the hidden first token."
    weight = format_weight(row[key])
    hidden = ", first token hidden" if view.hide_first and trace.derived else ""
    if view.value_weighted:
        return f"Of what {name} moves to **{from_token}**, most comes from **{to_token}** ({weight}{hidden})."
    return f"From **{from_token}**, {name} attends most to **{to_token}** ({weight}{hidden})."
