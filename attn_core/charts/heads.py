"""One number for each head: a map with a square a head, rows are layers, columns heads."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn_core.charts.figure import Figure, Tables, as_chart
from attn_core.charts.grid import below_squares, framed, in_squares, square_places
from attn_core.charts.style import ACCENT, DIVERGING, INK, SEQUENTIAL, Theme

SMALLEST_NUMBER = 1e-6  # a map of smaller ones is a map of zeros, with a scale up to 1


@dataclass(frozen=True)
class Form:
    """What the map's form depends on.

    Attributes:
        n_layers, n_heads: squares down and across.
        title: of the legend and the numbers.
        largest: number that the colours reach to.
        signed: whether they reach as far below zero.
        theme: which background the squares are painted for.
    """

    n_layers: int
    n_heads: int
    title: str
    largest: float
    signed: bool
    theme: Theme


def map_figure(
    values: NDArray[np.floating],
    *,
    selected: tuple[int, int] | None = None,
    title: str,
    signed: bool = True,
    theme: Theme = "light",
) -> Figure:
    """A number for each head as a square, of the page's background at zero.

    Signed numbers are green above zero and purple below; the square root sets the colour, as in the pictures of
    attention, so that faint ones show. Numbers that cannot be negative get the blue of attention, in proportion.
    The point selection `head` (fields `layer` and `head`) tells which square was clicked.

    Args:
        values: (n_layers, n_heads).
        selected: the layer and head to frame.
        title: what the numbers are, with their unit.
        signed: whether the numbers may be negative.
        theme: which background the squares are painted for.
    """
    n_layers, n_heads = values.shape
    layers, heads = np.indices(values.shape)
    table = pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel(), "value": values.ravel().astype(float)})
    table["selected"] = [pair == selected for pair in zip(table["layer"], table["head"], strict=True)]
    largest = float(np.abs(values).max())
    if largest < SMALLEST_NUMBER:
        largest = 1.0
    form = Form(n_layers, n_heads, title, largest, signed, theme)
    description = f"{title}: {n_layers} layers of {n_heads} heads, one square a head. {_extremes(values, signed)}"
    if selected is not None:
        description += f" {framed(selected)}"
    return Figure(_draw, form, {"heads": table}, description)


head_map = as_chart(map_figure)


def _extremes(values: NDArray[np.floating], signed: bool) -> str:
    """The largest number and, if they may be negative, the smallest, in words."""

    def told(place: np.intp) -> str:
        layer, head = divmod(int(place), values.shape[1])
        return f"layer {layer} head {head}, {values[layer, head]:{'+' if signed else ''}.2f}"

    smallest = f"; the smallest of {told(values.argmin())}" if signed else ""
    return f"The largest is that of {told(values.argmax())}{smallest}."


def _draw(form: Form, tables: Tables) -> alt.LayerChart:
    title, largest, signed = form.title, form.largest, form.signed
    colors = DIVERGING[form.theme] if signed else SEQUENTIAL[form.theme]
    steps = _square_root_steps(largest, len(colors)) if signed else np.linspace(0, largest, len(colors)).tolist()
    sign = "+" if signed else ""
    x, y = square_places(form.n_layers, form.n_heads, x="head:O", y="layer:O")
    base = alt.Chart(tables["heads"]).encode(x=x, y=y)
    squares = (
        base.mark_rect(cursor="pointer", stroke=INK, strokeOpacity=0.2, cornerRadius=2)
        .encode(
            color=alt.Color(
                "value:Q",
                scale=alt.Scale(
                    domain=steps,
                    range=list(colors),
                    interpolate="rgb",
                ),
                legend=alt.Legend(
                    title=title,
                    titleLimit=600,
                    orient="bottom",
                    offset=below_squares(form.n_layers, form.n_heads),
                    direction="horizontal",
                    gradientLength=240,
                    values=[-largest, 0, largest] if signed else [0, largest],
                    format=f"{sign}.2~f" if largest >= 0.1 else f"{sign}.1~g",
                ),
            ),
            tooltip=[
                alt.Tooltip("layer:O"),
                alt.Tooltip("head:O"),
                alt.Tooltip("value:Q", title=title, format=f"{sign}.3f"),
            ],
        )
        .add_params(alt.selection_point(name="head", fields=["layer", "head"], on="click", clear=False))
    )
    frame = (
        base.transform_filter("datum.selected")
        .mark_rect(fillOpacity=0, stroke=ACCENT, strokeWidth=4, cornerRadius=2)
        .encode(tooltip=alt.value(None))
    )
    return in_squares(alt.layer(squares, frame), form.n_heads)


def _square_root_steps(largest: float, n: int) -> list[float]:
    """`n` numbers from -largest to largest whose square roots, signed, are evenly spaced."""
    roots = np.linspace(-1, 1, n)
    steps: list[float] = (np.sign(roots) * roots**2 * largest).tolist()
    return steps
