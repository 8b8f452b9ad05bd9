"""All heads at a glance: one small picture a head, rows are layers, columns heads."""

from __future__ import annotations

import altair as alt
import pandas as pd

from attn_core.charts.style import ACCENT, INK, Theme, picture
from attn_core.trace import AttentionTrace

THUMBNAIL = 64  # pixels a side at most, so that a long prompt does not make the chart larger
CELL = 36  # pixels a side of a head's square,
AXES = 56  # pixels that the names of rows and columns take
MAX_WIDTH = 640  # unless there are so many heads that the figure would be wider than this


def head_grid(
    trace: AttentionTrace, *, selected: tuple[int, int] | None = None, theme: Theme = "light"
) -> alt.LayerChart:
    """Every head of the trace as a thumbnail of its attention; queries run down, keys across.

    The point selection `head` (fields `layer` and `head`) tells which thumbnail was clicked.

    Args:
        trace: what to show.
        selected: the layer and head to frame.
        theme: which background the thumbnails are painted for.
    """
    table = pd.DataFrame(
        [
            {"layer": layer, "head": head, "picture": picture(trace.attention[layer, head], theme, THUMBNAIL)}
            for layer in range(trace.n_layers)
            for head in range(trace.n_heads)
        ]
    )
    gap = 0.06
    x = alt.X("head:O", title="head", axis=head_axis("top"), scale=alt.Scale(paddingInner=gap, paddingOuter=gap))
    y = alt.Y("layer:O", title="layer", axis=head_axis("left"), scale=alt.Scale(paddingInner=gap, paddingOuter=gap))
    pictures = (
        alt.Chart(table)
        .mark_image(aspect=False, width=alt.expr("bandwidth('x')"), height=alt.expr("bandwidth('y')"))
        .encode(x=x, y=y, url="picture:N", tooltip=alt.value(None))
    )
    frames = (
        alt.Chart(table[["layer", "head"]])
        .mark_rect(fillOpacity=0, cursor="pointer", stroke=INK)
        .encode(
            x=x,
            y=y,
            strokeOpacity=alt.when(_is(selected)).then(alt.value(0)).otherwise(alt.value(0.2)),
            tooltip=[alt.Tooltip("layer:O"), alt.Tooltip("head:O")],
        )
        .add_params(alt.selection_point(name="head", fields=["layer", "head"], on="click", clear=False))
    )
    mark = (
        alt.Chart(table[["layer", "head"]])
        .transform_filter(_is(selected))
        .mark_rect(fillOpacity=0, stroke=ACCENT, strokeWidth=4)
        .encode(x=x, y=y)
    )
    step = min(CELL, MAX_WIDTH / trace.n_heads)
    return (
        alt.layer(pictures, mark, frames)
        .properties(
            width=step * trace.n_heads + AXES,
            height=step * trace.n_layers + AXES,
            description=f"The attention of {trace.n_layers} layers of {trace.n_heads} heads, one thumbnail a head.",
        )
        .configure_view(strokeWidth=0)
    )


def head_axis(orient: str) -> alt.Axis:
    """The numbers of layers or heads beside a chart with a square a head."""
    return alt.Axis(orient=orient, labelAngle=0, ticks=False, domain=False, grid=False)  # type: ignore[arg-type]


def _is(selected: tuple[int, int] | None) -> str:
    layer, head = selected if selected is not None else (-1, -1)
    return f"datum.layer === {layer} && datum.head === {head}"
