"""Lay out squares in rows (layers) and columns (heads), as large as a figure's width and height allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.sizes import Look, named
from attn_core.charts.style import CONFIG, INK

GAP = 0.06  # between squares, as a fraction of a square with its gap
CELL, MAX_WIDTH = 36, 640  # pixels per side of a square in a file or a notebook, and of all columns at most
MARGIN = 2.7  # ems of the names of rows and columns with their title
LABELS = 36  # pixels of these names in a file or a notebook


def squares_size(n_rows: int, n_columns: int, *, named: bool) -> tuple[int, int]:
    """Return the width and height of a figure of squares in a file or a notebook."""
    cell = min(CELL, MAX_WIDTH / n_columns)
    labels = LABELS if named else 0
    return round(cell * n_columns) + labels, round(cell * n_rows) + labels


def square_edges(rows: NDArray[np.integer], columns: NDArray[np.integer]) -> dict[str, NDArray[np.floating]]:
    """Return the edges of squares, for tables whose marks are positioned with `edges`."""
    return {
        "left": columns + GAP / 2,
        "right": columns + 1 - GAP / 2,
        "top": rows + GAP / 2,
        "bottom": rows + 1 - GAP / 2,
    }


def edges(n_rows: int, n_columns: int) -> dict[str, Any]:
    """Return the channels that position a mark on a square."""
    return {
        "x": across_squares("left", n_columns),
        "x2": "right:Q",
        "y": down_squares("top", n_rows),
        "y2": "bottom:Q",
    }


def across_squares(field: str, n_columns: int) -> alt.X:
    """Return the channel of a field that counts columns from the left."""
    ends = [alt.ExprRef("margin"), alt.ExprRef(f"margin + side * {n_columns}")]
    scale = alt.Scale(domain=[0, n_columns], range=ends, nice=False, zero=False)
    return alt.X(f"{field}:Q", axis=None, scale=scale)


def down_squares(field: str, n_rows: int) -> alt.Y:
    """Return the channel of a field that counts rows from the top."""
    ends = [alt.ExprRef("margin"), alt.ExprRef(f"margin + side * {n_rows}")]
    scale = alt.Scale(domain=[0, n_rows], range=ends, nice=False, zero=False)
    return alt.Y(f"{field}:Q", axis=None, scale=scale)


def draw_squares(
    layers: Sequence[alt.Chart], n_rows: int, n_columns: int, look: Look, *, named_rows: bool = True
) -> alt.LayerChart:
    """Return the chart of layers that are positioned with `edges`.

    Args:
        layers: the layers of the chart, the lowest first.
        n_rows, n_columns: the numbers of rows and columns of squares.
        look: the look of the figure.
        named_rows: whether the numbers of layers and heads are written beside the squares.
    """
    smallest, largest = look.pixels(11, 20.5), look.pixels(18, 28)
    lengths = {
        "letter": f"clamp(min(width / {n_columns}, height / {n_rows}) * 0.34, {smallest}, {largest})",
        "margin": f"letter * {MARGIN if named_rows else 0}",
        "side": f"max(min((width - margin) / {n_columns}, (height - margin) / {n_rows}), 1)",
        "every": "ceil(letter * 1.3 / side)",
    }
    names = _names(n_rows, n_columns) if named_rows else []
    return alt.layer(*names, *layers).add_params(*named(lengths)).configure(**CONFIG)


def selected_frame(table: str, channels: dict[str, Any], color: str) -> alt.Chart:
    """Return the frames of the selected rows of a table."""
    return (
        alt.Chart(alt.NamedData(table))
        .transform_filter("datum.selected")
        .mark_rect(fillOpacity=0, stroke=color, strokeWidth=alt.expr("clamp(side * 0.1, 2.5, 8)"), cornerRadius=2)
        .encode(**channels, tooltip=alt.value(None))
    )


def _names(n_rows: int, n_columns: int) -> list[alt.Chart]:
    """Return the numbers of the rows and columns, as many as fit, and their titles."""
    font: dict[str, Any] = {"fontSize": alt.expr("letter"), "color": INK}
    heads = _indices(n_columns).mark_text(baseline="middle", **font)
    layers = _indices(n_rows).mark_text(align="right", **font)
    single = alt.Chart(alt.sequence(0, 1))
    return [
        heads.encode(x=across_squares("middle", n_columns), y=alt.value(alt.expr("letter * 1.95")), text="index:N"),
        layers.encode(x=alt.value(alt.expr("letter * 2.45")), y=down_squares("middle", n_rows), text="index:N"),
        single.mark_text(text="head", opacity=0.8, **font).encode(
            x=alt.value(alt.expr(f"margin + side * {n_columns / 2}")), y=alt.value(alt.expr("letter * 0.6"))
        ),
        single.mark_text(text="layer", angle=270, opacity=0.8, **font).encode(
            x=alt.value(alt.expr("letter * 0.6")), y=alt.value(alt.expr(f"margin + side * {n_rows / 2}"))
        ),
    ]


def _indices(n: int) -> alt.Chart:
    """Return a chart of the indices from 0 to n - 1, as many as fit."""
    indices = alt.Chart(alt.sequence(0, n, as_="index"))
    return indices.transform_calculate(middle="datum.index + 0.5").transform_filter("datum.index % every == 0")
