"""Draw a head as a matrix: a row for each query, a column for each key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.figure import Columns, Figure
from attn_core.charts.formatting import format_weight, spell_heads
from attn_core.charts.sizes import Look, first, longest, named, scale_of_rows
from attn_core.charts.style import CONFIG, INK, Theme, colors, picture
from attn_core.heads import head_label
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_TOOLTIPS = 2000  # cells with tooltips; of more, the strongest
CELL, SIZE, LABELS = 40, 620, 120  # pixels: of a cell at most, of the matrix at most, of the words beside it
MAX_LABELED = 48  # tokens named beside the matrix; with more, their positions
PICTURE = 1024  # pixels per side of the picture, approximately

# Lengths in pixels. The words above are slanted by 60 degrees.
LENGTHS = {
    "tokens": "max(length(data('words')), 1)",
    "breadth": "min(width, height)",
    "gap": "letter * 0.4",
    "most_for_word": "breadth * 0.25",
    "words_room": f"min(letter * {first('words', 'longest')}, most_for_word)",
    "margin_left": "letter * 1.5 + words_room + gap",
    "margin_top": "letter * 2.1 + words_room * 0.87 + gap",
    "side": "max(min((width - margin_left - words_room * 0.5) / tokens, (height - margin_top) / tokens), 0.1)",
    "every": "ceil(letter * 1.15 / side)",
}


@dataclass(frozen=True)
class Form:
    """The parameters of the matrix's form.

    Attributes:
        positions: whether the axes show positions instead of words.
        theme: the background that the matrix is painted for.
    """

    positions: bool
    theme: Theme


def attention_heatmap(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    query: int | Sequence[int] | None = None,
    theme: Theme = "light",
    name: str | None = None,
) -> Figure:
    """Draw one head's attention as a matrix; the color is the square root of the weight.

    Args:
        trace: the trace to show.
        layer, head: zero-based.
        query: the token position whose row is framed, or several positions.
        theme: the background that the matrix is painted for.
        name: the name of the weights if they are not a head's: "the mean of layer 3".

    >>> charts.attention_heatmap(capture(load_model("mini"), "The dog on the ship ran"), 2, 0).kind
    'Matrix of attention weights: a row for each query token, a column for each key token.'
    """
    weights = trace.head(layer, head)  # (n, n)
    n = trace.n_tokens
    labels = token_labels(trace.tokens)
    rows = (query,) if isinstance(query, int | np.integer) else tuple(query or ())
    tops = np.array(rows, dtype=int)
    side = min(CELL * n, SIZE) + LABELS
    strongest = _describe_strongest(weights, labels, rows or range(min(1, n - 1), n))
    return Figure(
        _draw,
        Form(n > MAX_LABELED, theme),
        {
            "cells": _cells(weights, labels),
            "words": _words(labels),
            "picture": {
                "top": [0],
                "bottom": [n],
                "left": [0],
                "right": [n],
                "url": [picture(weights, theme, max(PICTURE // n, 1) * min(n, PICTURE))],
            },
            "rows": {"top": tops, "bottom": tops + 1, "left": [0] * len(rows), "right": [n] * len(rows)},
        },
        spell_heads(f"Matrix of {name or head_label((layer, head))}. {strongest}"),
        "Matrix of attention weights: a row for each query token, a column for each key token.",
        size=(side, side),
    )


def _words(labels: Sequence[str]) -> Columns:
    """Return the names of rows and columns: words, or positions if there are many."""
    n = len(labels)
    names = list(labels) if n <= MAX_LABELED else [str(position) for position in range(n)]
    return {
        "index": np.arange(n),
        "name": names,
        "middle": np.arange(n) + 0.5,
        "longest": [longest(names)] * n,
    }


def _cells(weights: NDArray[np.floating], labels: Sequence[str]) -> Columns:
    """Return the strongest cells of the matrix, with their edges."""
    queries, keys = np.tril_indices(len(labels))
    strongest = np.argsort(-weights[queries, keys], kind="stable")[:MAX_TOOLTIPS]
    queries, keys = queries[strongest], keys[strongest]
    names = np.array(labels, dtype=object)
    weight = weights[queries, keys].astype(float).round(4)
    return {
        "top": queries,
        "bottom": queries + 1,
        "left": keys,
        "right": keys + 1,
        "query": names[queries],
        "key": names[keys],
        "weight": weight,
        "weight_text": [format_weight(number) for number in weight.tolist()],
    }


def _describe_strongest(weights: NDArray[np.floating], labels: Sequence[str], rows: Sequence[int] | range) -> str:
    """Describe the strongest link of some rows."""
    query = max(rows, key=lambda row: float(weights[row].max()))
    key = int(weights[query].argmax())
    return f"Strongest: from “{labels[query]}” to “{labels[key]}”, {format_weight(float(weights[query, key]))}."


def _draw(form: Form, look: Look) -> alt.LayerChart:
    """Draw the matrix as a picture, with names, frames and tooltips."""
    hovered = alt.selection_point(
        name="pointed", on="pointerover", clear="pointerout", empty=False, fields=["top", "left"]
    )
    tooltips = (
        _on_matrix("cells")
        .mark_rect(fillOpacity=0, stroke=INK, strokeWidth=1.5)
        .encode(
            strokeOpacity=alt.when(hovered).then(alt.value(1)).otherwise(alt.value(0)),
            tooltip=[
                alt.Tooltip("query:N", title="from"),
                alt.Tooltip("key:N", title="to"),
                alt.Tooltip("weight_text:N", title="weight"),
            ],
        )
        .add_params(hovered)
    )
    frames = _on_matrix("rows").mark_rect(
        fillOpacity=0, stroke=colors(form.theme).accent, strokeWidth=alt.expr(look.pixels(2.5))
    )
    image = _on_matrix("picture").mark_image(aspect=False).encode(url="url:N", tooltip=alt.value(None))
    outline = _on_matrix("picture").mark_rect(fillOpacity=0, stroke=INK, strokeOpacity=0.25)
    letter = look.letters(
        "(breadth * 0.72 / tokens)", f"breadth * 0.22 / {first('words', 'longest')}", thinned=True
    )
    return (
        alt.layer(image, outline, *_names(form), frames, tooltips)
        .add_params(*named(LENGTHS | {"letter": letter}))
        .configure(**CONFIG)
    )


def _on_matrix(table: str) -> alt.Chart:
    """Return a chart whose marks are positioned by the edges in a table."""
    return alt.Chart(alt.NamedData(table)).encode(
        x=_horizontal("left"), x2="right:Q", y=_vertical("top"), y2="bottom:Q"
    )


def _names(form: Form) -> list[alt.Chart]:
    """Return the words beside the matrix, as many as fit, and the titles of its axes."""
    font: dict[str, Any] = {"fontSize": alt.expr("letter"), "color": INK, "baseline": "middle"}
    position = ", position" if form.positions else ""
    words = alt.Chart(alt.NamedData("words")).transform_filter("datum.index % every == 0")
    title = alt.Chart(alt.sequence(0, 1))
    limit = alt.expr("most_for_word")  # not the measured width: the font may not be loaded yet
    return [
        words.mark_text(align="right", limit=limit, **font).encode(
            x=alt.value(alt.expr("margin_left - gap")), y=_vertical("middle"), text="name:N"
        ),
        words.mark_text(align="left", limit=limit, angle=300, **font).encode(
            x=_horizontal("middle"), y=alt.value(alt.expr("margin_top - gap")), text="name:N"
        ),
        title.mark_text(text=f"key (attended to){position}", opacity=0.8, **font).encode(
            x=alt.value(alt.expr("margin_left + side * tokens / 2")), y=alt.value(alt.expr("letter * 0.6"))
        ),
        title.mark_text(text=f"query (attends from){position}", angle=270, opacity=0.8, **font).encode(
            x=alt.value(alt.expr("letter * 0.6")), y=alt.value(alt.expr("margin_top + side * tokens / 2"))
        ),
    ]


def _horizontal(field: str) -> alt.X:
    """Return the channel of a field that counts keys from the left."""
    scale = scale_of_rows("tokens", "margin_left", "margin_left + side * tokens")
    return alt.X(f"{field}:Q", axis=None, scale=scale)


def _vertical(field: str) -> alt.Y:
    """Return the channel of a field that counts queries from the top."""
    scale = scale_of_rows("tokens", "margin_top", "margin_top + side * tokens")
    return alt.Y(f"{field}:Q", axis=None, scale=scale)
