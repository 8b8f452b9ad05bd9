"""A head as lines: from the words it stands on (left) to the words it looks at (right)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn_core.charts.figure import Figure, Tables, as_chart
from attn_core.charts.style import ACCENT, CATEGORIES, CONFIG, INK, LINK
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_LINKS = 600  # more are neither readable nor quick to paint
MIN_WEIGHT = 0.01  # thinner lines cannot be seen
MIN_LINKS = 5  # of a chosen query are drawn, if all are thinner

# Up to so many tokens: pixels from one word to the next, and the size of the letters.
ROWS = ((16, 30, 18), (32, 26, 16), (80, 20, 13), (math.inf, 15, 11))

WIDTH = 520  # pixels
COLUMNS, LEGEND = 3, 32  # names of heads beside each other, and pixels that a row of them takes

# Where things stand across the figure, as parts of its width.
LEFT, RIGHT, NUMBERS = 0.30, 0.63, 0.99
# What a word may take before it is cut with an ellipsis.
LEFT_LIMIT, RIGHT_LIMIT = alt.expr("width * 0.27"), alt.expr("width * 0.22")

FADED = 0.7  # opacity of a word on the left whose lines are not shown; it can still be read

Queries = int | Sequence[int] | None
"""Token positions whose lines are shown: one, several, or those of all tokens."""

# Vega expressions: what belongs to the hovered word is lit; with nothing hovered, what was chosen.
LIT_BY_POINTER = "length(data('hovered_store')) && vlSelectionTest('hovered_store', datum)"
NOT_HOVERED = "!length(data('hovered_store'))"
LIT = "length(data('hovered_store')) ? vlSelectionTest('hovered_store', datum) : datum.chosen"


@dataclass(frozen=True)
class Form:
    """What the lines' form depends on.

    Attributes:
        n_tokens: that stand beneath each other.
        colored: the names of the heads, if there are several.
        lit_numbers: whether the weights of the chosen query are written while nothing is hovered.
        summed: whether the weights of several chosen queries are.
    """

    n_tokens: int
    colored: tuple[str, ...]
    lit_numbers: bool
    summed: bool


@dataclass(frozen=True)
class Links:
    """The lines that a figure shows.

    Attributes:
        table: one row a link: query, key, weight, and head as a text; the strongest first.
        left_out: how many links of at least `MIN_WEIGHT` are not shown.
        threshold: every link of a larger weight is shown.
    """

    table: pd.DataFrame
    left_out: int
    threshold: float


def shown_links(trace: AttentionTrace, heads: Sequence[tuple[int, int]], *, query: Queries = None) -> Links:
    """The links that `attention_lines` draws: the strongest, and all those of the chosen queries."""
    return _choose([(_name(head), trace.head(*head)) for head in heads], _positions(query))


def lines_figure(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    query: Queries = None,
    more_heads: Sequence[tuple[int, int]] = (),
    name: str | None = None,
) -> Figure:
    """One head's attention as lines; with `more_heads`, several heads over each other in colours.

    Hovering a word on the left shows its lines only, with the weights. The point selection `query`
    (field `query`, a token position) tells which word was clicked.

    Args:
        trace: what to show.
        layer, head: zero-based.
        query: a token position whose lines are shown while nothing is hovered, or several, whose weights are
            summed at the right; the lines of all tokens if None.
        more_heads: further (layer, head) pairs drawn over the first.
        name: what is drawn, if it is not a head: "the mean of layer 3".
    """
    heads = [(layer, head), *more_heads]
    names = [name or _name(heads[0]), *map(_name, more_heads)]
    chosen = _positions(query)
    links = _choose([(called, trace.head(*head)) for called, head in zip(names, heads, strict=True)], chosen)
    return _figure(
        token_labels(trace.tokens),
        links.table,
        heads=names,
        chosen=chosen,
        queries=range(trace.n_tokens),
        sums=trace.head(layer, head)[list(chosen)].sum(axis=0) if chosen is not None and len(chosen) > 1 else None,
        description=f"Attention of {' and '.join(names)} as lines from each word to the words it looks at.",
    )


def row_figure(tokens: Sequence[str], row: NDArray[Any], *, name: str) -> Figure:
    """The lines of the last token only: what one head looked at when the next token was chosen.

    Args:
        tokens: the n tokens up to the query.
        row: the head's weights on them, (n,); sums to 1.
        name: what the head is called in the description.
    """
    query = len(tokens) - 1
    weights = np.zeros((len(tokens), len(tokens)), dtype=np.float32)
    weights[query] = row
    return _figure(
        token_labels(tokens),
        _choose([(name, weights)], (query,)).table,
        heads=[name],
        chosen=(query,),
        queries=[query],
        description=f"What {name} looked at from the last word.",
    )


attention_lines = as_chart(lines_figure)
row_lines = as_chart(row_figure)


def _name(head: tuple[int, int]) -> str:
    return f"layer {head[0]} head {head[1]}"


def _positions(query: Queries) -> tuple[int, ...] | None:
    """The chosen queries; None for all."""
    chosen = (query,) if isinstance(query, int | np.integer) else tuple(query or ())
    return chosen or None


def _choose(matrices: Sequence[tuple[str, NDArray[np.float32]]], chosen: Sequence[int] | None) -> Links:
    """Pick the strongest links of the (n, n) matrices."""
    tables = []
    for name, weights in matrices:
        thick = weights >= MIN_WEIGHT
        for query in chosen or ():
            if not thick[query].any():  # on a long text, and still some weights are the largest
                strongest = np.argsort(-weights[query], kind="stable")[:MIN_LINKS]
                thick[query, strongest] = weights[query, strongest] > 0
        queries, keys = np.nonzero(thick)
        tables.append(pd.DataFrame({"query": queries, "key": keys, "weight": weights[queries, keys], "head": name}))
    table = pd.concat(tables, ignore_index=True).sort_values("weight", ascending=False, kind="stable")
    shown = pd.Series(np.arange(len(table)) < MAX_LINKS, index=table.index)
    if chosen is not None:
        shown |= table["query"].isin(chosen)
    left_out = table[~shown]
    threshold = float(left_out["weight"].max()) if len(left_out) else MIN_WEIGHT
    return Links(table[shown].round({"weight": 4}), len(left_out), threshold)


def _figure(
    labels: Sequence[str],
    links: pd.DataFrame,
    *,
    heads: Sequence[str],
    chosen: Sequence[int] | None,
    queries: Sequence[int] | range,
    description: str,
    sums: NDArray[np.float32] | None = None,
) -> Figure:
    words = pd.DataFrame({"query": range(len(labels)), "word": labels})
    words["chosen"] = chosen is None or words["query"].isin(chosen)
    words["kept"] = chosen is not None and words["chosen"]

    spread = 0.5 / len(heads)  # heads over each other are set apart a little, or the last would hide the rest
    order = {head: float(index) for index, head in enumerate(heads)}
    place = links["head"].map(order).astype(float)  # said, for a table without rows
    links = links.assign(
        y=links["query"] + (place - (len(heads) - 1) / 2) * spread,
        y2=links["key"] + (place - (len(heads) - 1) / 2) * spread,
        chosen=chosen is None or links["query"].isin(chosen),
        from_word=[labels[query] for query in links["query"]],
        to_word=[labels[key] for key in links["key"]],
    )
    tables = {"links": links, "words": words, "queries": words[words["query"].isin(list(queries))]}
    alone = len(heads) == 1
    if alone and sums is not None:
        table = pd.DataFrame({"key": range(len(labels)), "weight": sums})
        tables["sums"] = table[table["weight"] >= MIN_WEIGHT]
    form = Form(
        n_tokens=len(labels),
        colored=() if alone else tuple(heads),
        lit_numbers=chosen is not None and sums is None,
        summed="sums" in tables,
    )
    return Figure(_draw, form, tables, f"{description} {_strongest(links[links['chosen']], colored=not alone)}")


def _strongest(links: pd.DataFrame, *, colored: bool) -> str:
    """The strongest of the links in words. The first word has only itself to look at."""
    if links.empty:
        return "None is strong enough to be seen."
    later = links[links["query"] > 0]
    link = (links if later.empty else later).iloc[0]
    by = f" by {link['head']}" if colored else ""
    words = f"from “{link['from_word']}” to “{link['to_word']}”"
    return f"The strongest of those shown goes {words}{by}: {link['weight']:.2f}."


def _draw(form: Form, tables: Tables) -> alt.LayerChart:
    n, alone = form.n_tokens, not form.colored
    step, font = next((step, font) for most, step, font in ROWS if n <= most)
    y_scale = alt.Scale(domain=[-0.5, n - 0.5], reverse=True, nice=False)
    width = alt.Scale(domain=[0, 1], range=[0.6, 9 if alone else 5])
    hovered = alt.selection_point(
        name="hovered", fields=["query"], on="pointerover", clear="pointerout", empty=False
    )
    color = (
        alt.value(LINK)
        if alone
        else alt.Color(
            "head:N",
            title=None,
            sort=list(form.colored),
            scale=alt.Scale(domain=list(form.colored), range=list(CATEGORIES[: len(form.colored)])),
            legend=alt.Legend(orient="top", columns=COLUMNS, symbolType="stroke", symbolStrokeWidth=5),
        )
    )
    weight_opacity = alt.Opacity("weight:Q", scale=alt.Scale(domain=[0, 1], range=[0.25, 1]), legend=None)
    lines = (
        alt.Chart(tables["links"])
        .mark_rule(strokeCap="round")
        .encode(
            x=_at(LEFT),
            x2=alt.datum(RIGHT),
            y=alt.Y("y:Q", axis=None, scale=y_scale),
            y2="y2:Q",
            color=color,
            strokeWidth=alt.StrokeWidth("weight:Q", scale=width, legend=None),
            opacity=alt.when(LIT).then(weight_opacity).otherwise(alt.value(0)),
            tooltip=[
                alt.Tooltip("from_word:N", title="from"),
                alt.Tooltip("to_word:N", title="to"),
                alt.Tooltip("weight:Q", format=".3f"),
                alt.Tooltip("head:N", title="by"),
            ],
        )
    )
    keys = (
        alt.Chart(tables["words"])
        .mark_text(align="left", fontSize=font, color=INK, dx=8, limit=RIGHT_LIMIT)
        .encode(x=_at(RIGHT), y=alt.Y("query:Q", axis=None, scale=y_scale), text="word:N")
    )
    rows = alt.Chart(tables["queries"]).encode(y=alt.Y("query:Q", axis=None, scale=y_scale))
    left_words = rows.mark_text(align="right", fontSize=font, color=INK, dx=-8, limit=LEFT_LIMIT).encode(
        x=_at(LEFT), text="word:N", opacity=alt.when(LIT).then(alt.value(1)).otherwise(alt.value(FADED))
    )
    # The band under a query word takes the pointer, so that a short word is as easy to hit as a long one.
    bands = (
        rows.transform_calculate(top="datum.query - 0.5", bottom="datum.query + 0.5")
        .mark_rect(cursor="pointer", fill=ACCENT)
        .encode(
            x=alt.datum(0.0, axis=None, scale=alt.Scale(domain=[0, 1], nice=False)),
            x2=alt.datum(LEFT),
            y=alt.Y("top:Q", axis=None, scale=y_scale),
            y2="bottom:Q",
            opacity=alt.when(hovered)
            .then(alt.value(0.28))
            .when("datum.kept")
            .then(alt.value(0.18))
            .otherwise(alt.value(0)),
            tooltip=[alt.Tooltip("word:N"), alt.Tooltip("query:Q", title="position")],
        )
        .add_params(hovered, alt.selection_point(name="query", fields=["query"], on="click", clear=False))
    )
    layers = [lines, keys, left_words, bands]
    if alone:
        layers.insert(3, _numbers(tables["links"], y_scale, font, LIT if form.lit_numbers else LIT_BY_POINTER))
    if form.summed:
        layers.insert(3, _numbers(tables["sums"], y_scale, font, NOT_HOVERED))
    legend = LEGEND * -(-len(form.colored) // COLUMNS)
    return alt.layer(*layers).properties(width=WIDTH, height=step * n + legend).configure(**CONFIG)


def _numbers(table: Any, y_scale: alt.Scale, font: int, shown_if: str) -> alt.Chart:
    """The column `weight` written at the right of the words at `key`, while a Vega expression holds."""
    return (
        alt.Chart(table)
        .mark_text(align="right", fontSize=font, color=INK, fontWeight="bold")
        .encode(
            x=_at(NUMBERS),
            y=alt.Y("key:Q", axis=None, scale=y_scale),
            text=alt.Text("weight:Q", format=".2f"),
            opacity=alt.when(shown_if).then(alt.value(1)).otherwise(alt.value(0)),
        )
    )


def _at(x: float) -> alt.XDatum:
    return alt.XDatum(x, type="quantitative", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
