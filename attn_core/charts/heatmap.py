"""A head as a matrix: a row for each query, a column for each key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn_core.charts.style import ACCENT, CONFIG, INK, Theme, named_axis, picture
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_TOOLTIPS = 2000  # cells that answer the pointer; the strongest ones where there are more
CELL, SIZE, LABELS = 40, 620, 120  # pixels: of a cell at most, of the matrix at most, of the words beside it
MAX_LABELLED = 48  # tokens whose names fit beside the matrix


def attention_heatmap(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    query: int | Sequence[int] | None = None,
    theme: Theme = "light",
    name: str | None = None,
) -> alt.LayerChart:
    """One head's attention as a matrix; the colour is the square root of the weight.

    Args:
        trace: what to show.
        layer, head: zero-based.
        query: a token position whose row is framed, or several.
        theme: which background the matrix is painted for.
        name: what is drawn, if it is not a head: "the mean of layer 3".
    """
    weights = trace.head(layer, head)  # (n, n)
    n = trace.n_tokens
    labels = token_labels(trace.tokens)
    size = min(CELL * n, SIZE) + LABELS
    x_scale = alt.Scale(domain=[-0.5, n - 0.5], nice=False)
    y_scale = alt.Scale(domain=[-0.5, n - 0.5], nice=False, reverse=True)
    x_axis, y_axis = _axis(labels, "looks at (key)", orient="top"), _axis(labels, "stands on (query)")

    whole = pd.DataFrame({"x": [(n - 1) / 2], "url": [picture(weights, theme, max(512 // n, 1) * min(n, 512))]})
    image = (
        alt.Chart(whole)
        .mark_image(aspect=False, width=alt.expr("width"), height=alt.expr("height"))
        .encode(
            x=alt.X("x:Q", scale=x_scale, axis=x_axis),
            y=alt.Y("x:Q", scale=y_scale, axis=y_axis),
            url="url:N",
            tooltip=alt.value(None),
        )
    )
    queries, keys = np.tril_indices(n)
    strongest = np.argsort(-weights[queries, keys], kind="stable")[:MAX_TOOLTIPS]
    queries, keys = queries[strongest], keys[strongest]
    cells = pd.DataFrame(
        {
            "top": queries - 0.5,
            "bottom": queries + 0.5,
            "left": keys - 0.5,
            "right": keys + 0.5,
            "query": [labels[i] for i in queries],
            "key": [labels[i] for i in keys],
            "weight": weights[queries, keys].round(4),
        }
    )
    pointed = alt.selection_point(
        name="pointed", on="pointerover", clear="pointerout", empty=False, fields=["top", "left"]
    )
    tooltips = (
        alt.Chart(cells)
        .mark_rect(fillOpacity=0, stroke=INK, strokeWidth=1.5)
        .encode(
            x=alt.X("left:Q", scale=x_scale, axis=x_axis),
            x2="right:Q",
            y=alt.Y("top:Q", scale=y_scale, axis=y_axis),
            y2="bottom:Q",
            strokeOpacity=alt.when(pointed).then(alt.value(1)).otherwise(alt.value(0)),
            tooltip=[
                alt.Tooltip("query:N", title="from"),
                alt.Tooltip("key:N", title="to"),
                alt.Tooltip("weight:Q", format=".3f"),
            ],
        )
        .add_params(pointed)
    )
    layers: list[alt.Chart] = [image, tooltips]
    rows = (query,) if isinstance(query, int | np.integer) else tuple(query or ())
    for row in rows:
        layers.append(_frame(row, n, x_scale, y_scale, x_axis, y_axis))
    return (
        alt.layer(*layers)
        .properties(
            width=size,
            height=size,
            description=f"Attention of {name or f'layer {layer} head {head}'} as a matrix. "
            + _strongest(weights, labels, rows or range(min(1, n - 1), n)),
        )
        .configure(**CONFIG)
        .configure_view(strokeOpacity=0.25)
    )


def _strongest(weights: NDArray[np.floating], labels: Sequence[str], rows: Sequence[int] | range) -> str:
    """The strongest link of these rows in words. The first row of a matrix has only itself to look at."""
    query = max(rows, key=lambda row: float(weights[row].max()))
    key = int(weights[query].argmax())
    return f"The strongest link goes from “{labels[query]}” to “{labels[key]}”: {weights[query, key]:.2f}."


def _frame(
    query: int, n: int, x_scale: alt.Scale, y_scale: alt.Scale, x_axis: alt.Axis, y_axis: alt.Axis
) -> alt.Chart:
    row = pd.DataFrame({"top": [query - 0.5], "bottom": [query + 0.5], "left": [-0.5], "right": [n - 0.5]})
    return (
        alt.Chart(row)
        .mark_rect(fillOpacity=0, stroke=ACCENT, strokeWidth=2.5)
        .encode(
            x=alt.X("left:Q", scale=x_scale, axis=x_axis),
            x2="right:Q",
            y=alt.Y("top:Q", scale=y_scale, axis=y_axis),
            y2="bottom:Q",
        )
    )


def _axis(labels: Sequence[str], title: str, *, orient: Literal["top", "left"] = "left") -> alt.Axis:
    if len(labels) > MAX_LABELLED:
        return alt.Axis(title=f"{title}, position", orient=orient, tickMinStep=1, grid=False)
    angle = -60 if orient == "top" else 0
    return named_axis(
        labels, title=title, font_size=15 if len(labels) <= 24 else 11, orient=orient, labelAngle=angle
    )
