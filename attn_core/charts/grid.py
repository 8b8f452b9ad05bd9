"""All heads at a glance: one small picture a head, rows are layers, columns heads."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from attn_core.charts.style import ACCENT, CATEGORIES, INK, Theme, picture
from attn_core.patterns import MIXED
from attn_core.trace import AttentionTrace

THUMBNAIL = 64  # pixels a side at most, so that a long prompt does not make the chart larger
CELL = 36  # pixels a side of a head's square,
AXES = 56  # pixels that the names of rows and columns take
LEGEND = 64  # pixels that the names of the colours take
FADED = 0.15  # opacity of a thumbnail that does not stand out
MAX_WIDTH = 640  # unless there are so many heads that the figure would be wider than this

LABEL_COLORS = {
    "previous token": CATEGORIES[0],
    "null": CATEGORIES[6],
    "current token": CATEGORIES[2],
    "duplicate token": CATEGORIES[3],
    "induction": CATEGORIES[4],
    "list items": CATEGORIES[5],
    MIXED: INK,
}


def head_grid(
    trace: AttentionTrace,
    *,
    selected: tuple[int, int] | None = None,
    labels: Sequence[str] | None = None,
    heads: Sequence[tuple[int, int]] | None = None,
    ranked: bool = False,
    theme: Theme = "light",
) -> alt.LayerChart:
    """Every head of the trace as a thumbnail of its attention; queries run down, keys across.

    The point selection `head` (fields `layer` and `head`) tells which thumbnail was clicked.

    Args:
        trace: what to show.
        selected: the layer and head to frame.
        labels: what each head does (see `attn_core.head_scores`), in the order of layers and heads: each
            kind gets frames of its own colour.
        heads: the (layer, head) pairs that stand out; the others fade. All of them if None.
        ranked: lay out only `heads`, in their order from left to right, each with its layer and head written in
            its empty corner, instead of a row for each layer.
        theme: which background the thumbnails are painted for.
    """
    every = [(layer, head) for layer in range(trace.n_layers) for head in range(trace.n_heads)]
    kinds = dict(zip(every, labels or [MIXED] * len(every), strict=True))
    shown = every if heads is None else list(heads)
    outstanding = set(shown)
    placed = [divmod(rank, trace.n_heads) for rank in range(len(shown))] if ranked else every
    table = pd.DataFrame(
        [
            {
                "layer": layer,
                "head": head,
                "row": row,
                "column": column,
                "label": kinds[layer, head],
                "stands_out": (layer, head) in outstanding,
                "picture": picture(trace.attention[layer, head], theme, THUMBNAIL),
            }
            for (layer, head), (row, column) in zip(shown if ranked else every, placed, strict=True)
        ]
    )
    n_rows = max(-(-len(table) // trace.n_heads), 1)
    gap = 0.06
    scale = alt.Scale(paddingInner=gap, paddingOuter=gap)
    x = alt.X("column:O", title="head", axis=head_axis("top"), scale=scale.copy())
    y = alt.Y("row:O", title="layer", axis=head_axis("left"), scale=scale.copy())
    if ranked:
        x = alt.X("column:O", axis=None, scale=alt.Scale(domain=list(range(trace.n_heads)), **scale.to_dict()))
        y = alt.Y("row:O", axis=None, scale=scale)
    pictures = (
        alt.Chart(table)
        .mark_image(aspect=False, width=alt.expr("bandwidth('x')"), height=alt.expr("bandwidth('y')"))
        .encode(
            x=x,
            y=y,
            url="picture:N",
            opacity=alt.when("datum.stands_out").then(alt.value(1)).otherwise(alt.value(FADED)),
            tooltip=alt.value(None),
        )
    )
    cells = table.drop(columns="picture")
    strong = "datum.stands_out && datum.label !== '" + MIXED + "'"
    frames = (
        alt.Chart(cells)
        .mark_rect(fill="transparent", cursor="pointer", stroke=INK)
        .encode(
            x=x,
            y=y,
            strokeOpacity=alt.when(_is(selected))
            .then(alt.value(0))
            .when(strong)
            .then(alt.value(1))
            .otherwise(alt.value(0.2)),
            strokeWidth=alt.when(strong).then(alt.value(2.5)).otherwise(alt.value(1)),
            tooltip=[alt.Tooltip("layer:O"), alt.Tooltip("head:O")],
        )
        .add_params(alt.selection_point(name="head", fields=["layer", "head"], on="click", clear=False))
    )
    if labels is not None:
        frames = frames.encode(
            stroke=_label_color([label for label in LABEL_COLORS if label in set(labels)]),
            tooltip=[alt.Tooltip("layer:O"), alt.Tooltip("head:O"), alt.Tooltip("label:N", title="does")],
        )
    mark = (
        alt.Chart(cells)
        .transform_filter(_is(selected))
        .mark_rect(fillOpacity=0, stroke=ACCENT, strokeWidth=4)
        .encode(x=x, y=y)
    )
    layers = [pictures, mark, frames]
    if ranked:
        layers.insert(1, _names(cells, x, y))
    step = min(CELL, MAX_WIDTH / trace.n_heads)
    axes = 0 if ranked else AXES
    return (
        alt.layer(*layers)
        .properties(
            width=step * trace.n_heads + axes,
            height=step * n_rows + axes + (LEGEND if labels is not None else 0),
            description=_description(trace, len(outstanding)),
        )
        .configure_view(strokeWidth=0)
    )


def _label_color(present: Sequence[str]) -> alt.Stroke:
    return alt.Stroke(
        "label:N",
        title=None,
        scale=alt.Scale(domain=list(present), range=[LABEL_COLORS[label] for label in present]),
        legend=alt.Legend(
            orient="bottom",
            direction="horizontal",
            columns=3,
            values=[label for label in present if label != MIXED],
            symbolType="square",
            symbolSize=160,
            symbolFillColor="transparent",
            symbolStrokeWidth=3,
            labelFontSize=13,
        ),
    )


def _names(cells: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    """Layer and head of each thumbnail in its upper right corner, which is empty: nothing looks ahead."""
    return (
        alt.Chart(cells)
        .transform_calculate(name="datum.layer + '.' + datum.head")
        .mark_text(align="right", baseline="top", dx=-2, dy=3, fontSize=10, color=INK)
        .encode(x=x.copy().bandPosition(1), y=y.copy().bandPosition(0), text="name:N", tooltip=alt.value(None))
    )


def _description(trace: AttentionTrace, outstanding: int) -> str:
    whole = f"The attention of {trace.n_layers} layers of {trace.n_heads} heads, one thumbnail a head."
    every = trace.n_layers * trace.n_heads
    return whole if outstanding == every else f"{whole} {outstanding} of {every} stand out."


def head_axis(orient: str) -> alt.Axis:
    """The numbers of layers or heads beside a chart with a square a head."""
    return alt.Axis(orient=orient, labelAngle=0, ticks=False, domain=False, grid=False)  # type: ignore[arg-type]


def _is(selected: tuple[int, int] | None) -> str:
    layer, head = selected if selected is not None else (-1, -1)
    return f"datum.layer === {layer} && datum.head === {head}"
