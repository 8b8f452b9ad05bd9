"""All heads at a glance: one small picture a head, rows are layers, columns heads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from attn_core.charts.figure import Figure, Tables, as_chart
from attn_core.charts.style import ACCENT, CATEGORIES, CONFIG, INK, Theme, pictures
from attn_core.patterns import OTHER
from attn_core.trace import AttentionTrace

THUMBNAIL = 64  # pixels a side at most, so that a long prompt does not make the chart larger
CELL = 36  # pixels a side of a head's square, where the page has so much room
GAP = 0.06  # between squares, as a part of one with its gap
AXES = 56  # pixels that the names of rows and columns take
LEGEND_GAP = 18  # pixels between the squares and the legend
MIN_WIDTH, MAX_WIDTH = 340, 700  # of a figure: its legend needs some width however few heads there are
RANKED_COLUMNS = 12  # of thumbnails in an order of their own, which need room for their names
FADED = 0.15  # opacity of a thumbnail that does not stand out

LABEL_COLORS = {
    "previous token": CATEGORIES[0],
    "null": CATEGORIES[6],
    "current token": CATEGORIES[2],
    "duplicate token": CATEGORIES[3],
    "induction": CATEGORIES[4],
    "list items": CATEGORIES[5],
    OTHER: INK,
}


@dataclass(frozen=True)
class Form:
    """What the grid's form depends on.

    Attributes:
        n_rows, n_columns: of thumbnails.
        kinds: the labels that get frames of their own colour; None without labels.
        ranked: whether the thumbnails stand in an order of their own, and not by layer and head.
        scored: whether it is known on what the labels rest.
    """

    n_rows: int
    n_columns: int
    kinds: tuple[str, ...] | None
    ranked: bool
    scored: bool


def grid_figure(
    trace: AttentionTrace,
    *,
    selected: tuple[int, int] | None = None,
    labels: Sequence[str] | None = None,
    evidence: Sequence[str] | None = None,
    heads: Sequence[tuple[int, int]] | None = None,
    ranked: bool = False,
    theme: Theme = "light",
    thumbnails: Sequence[str] | None = None,
) -> Figure:
    """Every head of the trace as a thumbnail of its attention; queries run down, keys across.

    The point selection `head` (fields `layer` and `head`) tells which thumbnail was clicked.

    Args:
        trace: what to show.
        selected: the layer and head to frame.
        labels: what each head does (see `attn_core.head_scores`), in the order of layers and heads: each
            kind gets frames of its own colour.
        evidence: on what each label rests, for the tooltip (see `attn_core.patterns.evidence_in_words`).
        heads: the (layer, head) pairs that stand out; the others fade. All of them if None.
        ranked: lay out only `heads`, in their order from left to right, each with its layer and head written in
            its empty corner, instead of a row for each layer.
        theme: which background the thumbnails are painted for.
        thumbnails: what `paint_thumbnails` made of the trace, if it is at hand.
    """
    every = [(layer, head) for layer in range(trace.n_layers) for head in range(trace.n_heads)]
    kinds = dict(zip(every, labels or [OTHER] * len(every), strict=True))
    rests_on = dict(zip(every, evidence or [""] * len(every), strict=True))
    shown = every if heads is None else list(heads)
    outstanding = set(shown)
    n_columns = RANKED_COLUMNS if ranked else trace.n_heads
    placed = [divmod(rank, n_columns) for rank in range(len(shown))] if ranked else every
    painted = dict(zip(every, thumbnails or paint_thumbnails(trace, theme), strict=True))
    table = pd.DataFrame(
        [
            {
                "layer": layer,
                "head": head,
                "row": row,
                "column": column,
                "label": kinds[layer, head],
                "score": rests_on[layer, head] or "–",
                "stands_out": (layer, head) in outstanding,
                "selected": (layer, head) == selected,
                "picture": painted[layer, head],
            }
            for (layer, head), (row, column) in zip(shown if ranked else every, placed, strict=True)
        ]
    )
    form = Form(
        n_rows=max(-(-len(table) // n_columns), 1),
        n_columns=n_columns,
        kinds=None if labels is None else tuple(label for label in LABEL_COLORS if label in set(labels)),
        ranked=ranked,
        scored=evidence is not None,
    )
    tables = {
        "pictures": table.drop(columns=["label", "score", "selected"]),
        "cells": table.drop(columns="picture"),
    }
    return Figure(_draw, form, tables, _description(trace, len(outstanding), selected, labels))


head_grid = as_chart(grid_figure)


def paint_thumbnails(trace: AttentionTrace, theme: Theme) -> list[str]:
    """The thumbnail of each head as a data URL, in the order of layers and heads."""
    return pictures(trace.attention, theme, THUMBNAIL)


def _draw(form: Form, tables: Tables) -> alt.LayerChart:
    x, y = square_places(form.n_rows, form.n_columns, x="column:O", y="row:O", named=not form.ranked)
    images = (
        alt.Chart(tables["pictures"])
        .mark_image(aspect=False, width=alt.expr("bandwidth('x')"), height=alt.expr("bandwidth('y')"))
        .encode(
            x=x,
            y=y,
            url="picture:N",
            opacity=alt.when("datum.stands_out").then(alt.value(1)).otherwise(alt.value(FADED)),
            tooltip=alt.value(None),
        )
    )
    strong = "datum.stands_out && datum.label !== '" + OTHER + "'"
    frames = (
        alt.Chart(tables["cells"])
        .mark_rect(fill="transparent", cursor="pointer", stroke=INK)
        .encode(
            x=x,
            y=y,
            strokeOpacity=alt.when("datum.selected")
            .then(alt.value(0))
            .when(strong)
            .then(alt.value(1))
            .otherwise(alt.value(0.2)),
            strokeWidth=alt.when(strong).then(alt.value(2.5)).otherwise(alt.value(1)),
            tooltip=[alt.Tooltip("layer:O"), alt.Tooltip("head:O")],
        )
        .add_params(alt.selection_point(name="head", fields=["layer", "head"], on="click", clear=False))
    )
    if form.kinds is not None:
        frames = frames.encode(
            stroke=_label_color(form.kinds, below_squares(form.n_rows, form.n_columns)),
            tooltip=[
                alt.Tooltip("layer:O"),
                alt.Tooltip("head:O"),
                alt.Tooltip("label:N", title="does"),
                *([alt.Tooltip("score:N")] if form.scored else []),
            ],
        )
    mark = (
        alt.Chart(tables["cells"])
        .transform_filter("datum.selected")
        .mark_rect(fillOpacity=0, stroke=ACCENT, strokeWidth=4)
        .encode(x=x, y=y)
    )
    layers = [images, mark, frames]
    if form.ranked:
        layers.insert(1, _names(tables["cells"], x, y))
    return in_squares(alt.layer(*layers), form.n_columns)


def _label_color(present: Sequence[str], offset: alt.ExprRef) -> alt.Stroke:
    return alt.Stroke(
        "label:N",
        title=None,
        scale=alt.Scale(domain=list(present), range=[LABEL_COLORS[label] for label in present]),
        legend=alt.Legend(
            orient="bottom",
            offset=offset,
            direction="horizontal",
            columns=3,
            values=[label for label in present if label != OTHER],
            symbolType="square",
            symbolSize=160,
            symbolFillColor="transparent",
            symbolStrokeWidth=3,
            labelFontSize=13,
        ),
    )


def _names(cells: Any, x: alt.X, y: alt.Y) -> alt.Chart:
    """Layer and head of each thumbnail in its upper right corner, which is empty: nothing looks ahead."""
    return (
        alt.Chart(cells)
        .transform_calculate(name="datum.layer + '.' + datum.head")
        .mark_text(align="right", baseline="top", dx=-2, dy=3, fontSize=alt.expr("bandwidth('x') * 0.3"), color=INK)
        .encode(x=x.copy().bandPosition(1), y=y.copy().bandPosition(0), text="name:N", tooltip=alt.value(None))
    )


def _description(
    trace: AttentionTrace, outstanding: int, selected: tuple[int, int] | None, labels: Sequence[str] | None
) -> str:
    told = [f"The attention of {trace.n_layers} layers of {trace.n_heads} heads, one thumbnail a head."]
    every = trace.n_layers * trace.n_heads
    if outstanding != every:
        told.append(f"{outstanding} of {every} stand out.")
    if selected is not None:
        told.append(framed(selected))
    if labels is not None:
        kinds = ", ".join(f"{number} {label}" for label, number in Counter(labels).most_common())
        told.append(f"What they do: {kinds}.")
    return " ".join(told)


def framed(head: tuple[int, int]) -> str:
    """The chosen head, in the description of a chart."""
    return f"Layer {head[0]} head {head[1]} is framed."


def square_places(n_rows: int, n_columns: int, *, x: str, y: str, named: bool = True) -> tuple[alt.X, alt.Y]:
    """Where squares in rows and columns stand, as square as the figure is wide; for a chart `in_squares`.

    Args:
        n_rows, n_columns: how many there are.
        x, y: the fields that hold the column and the row.
        named: whether layers and heads are written beside them.
    """
    axes = [
        alt.Axis(orient=orient, labelAngle=0, ticks=False, domainOpacity=0, grid=False, labels=named)
        for orient in ("top", "left")
    ]
    return (
        alt.X(x, title="head" if named else None, axis=axes[0], scale=_in_order(n_columns, _breadth(n_columns))),
        alt.Y(
            y, title="layer" if named else None, axis=axes[1], scale=_in_order(n_rows, _depth(n_rows, n_columns))
        ),
    )


def below_squares(n_rows: int, n_columns: int) -> alt.ExprRef:
    """Where a legend stands under the squares of `square_places`: its offset from the plot."""
    return alt.ExprRef(f"width * {_depth(n_rows, n_columns)} + {LEGEND_GAP}")


def _breadth(n_columns: int) -> float:
    """How much of the plot's width the squares take: all of it, unless there are few."""
    return min(CELL * (n_columns + GAP) / (MIN_WIDTH - AXES), 1)


def _depth(n_rows: int, n_columns: int) -> float:
    """How far down the squares reach, as a part of the plot's width."""
    return _breadth(n_columns) * (n_rows + GAP) / (n_columns + GAP)


def _in_order(n: int, length: float) -> alt.Scale:
    """A scale for the numbers up to n, over so many widths of the plot."""
    ends: list[Any] = [0, alt.ExprRef(f"width * {length}")]
    return alt.Scale(domain=list(range(n)), range=ends, paddingInner=GAP, paddingOuter=GAP)


def in_squares(chart: Any, n_columns: int) -> alt.LayerChart:
    """A chart of `square_places`, as high as these need."""
    width = min(max(CELL * n_columns + AXES, MIN_WIDTH), MAX_WIDTH)
    # The squares reach below the plot, whose height can't depend on the width that the page leaves it.
    return chart.properties(
        width=width, height=1, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    ).configure(**CONFIG)
