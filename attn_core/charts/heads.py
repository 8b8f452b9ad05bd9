"""One number for each head: a map with a square a head, rows are layers, columns heads."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.figure import Columns, Figure, as_chart
from attn_core.charts.sizes import Look
from attn_core.charts.squares import draw_squares, edges, selected_frame, square_edges, squares_size
from attn_core.charts.style import DIVERGING, INK, SEQUENTIAL, Theme, colors
from attn_core.charts.texts import MINUS, spell_head, write_signed, write_weight
from attn_core.heads import head_label

SMALLEST_NUMBER = 1e-6  # a map of smaller ones is a map of zeros, with a scale up to 1


@dataclass(frozen=True)
class Scale:
    """What the colors of a map mean.

    Attributes:
        colors: in even steps from `low` to `high`.
        low, middle, high: numbers as texts.
    """

    colors: tuple[str, ...]
    low: str
    middle: str
    high: str


@dataclass(frozen=True)
class Form:
    """What the map's form depends on.

    Attributes:
        n_layers, n_heads: squares down and across.
        signed: whether the numbers may be negative.
        theme: which background the squares are painted for.
    """

    n_layers: int
    n_heads: int
    signed: bool
    theme: Theme


@dataclass(frozen=True)
class Legend:
    """What a map in a file says of its colors.

    Attributes:
        title: what the numbers are.
        scale: of the colors.
    """

    title: str
    scale: Scale


def map_figure(
    values: NDArray[np.floating],
    *,
    selected: tuple[int, int] | None = None,
    title: str,
    signed: bool = True,
    theme: Theme = "light",
) -> Figure:
    """Draw a number for each head as a square, of the page's background at zero.

    Signed numbers are green above zero and purple below; the square root sets the color, as in the pictures of
    attention, so that faint ones show. Numbers that cannot be negative get the blue of attention, in proportion.
    The point selection `head` (fields `layer` and `head`) holds which square was clicked.

    Args:
        values: (n_layers, n_heads).
        selected: the layer and head to frame.
        title: what the numbers are, with their unit.
        signed: whether the numbers may be negative.
        theme: which background the squares are painted for.
    """
    n_layers, n_heads = values.shape
    layers, heads = np.divmod(np.arange(values.size), n_heads)
    pairs = list(zip(layers.tolist(), heads.tolist(), strict=True))
    numbers = values.ravel().astype(float)
    write = write_signed if signed else write_weight
    table: Columns = {
        "layer": layers,
        "head": heads,
        "value": numbers,
        "name": [head_label(pair) for pair in pairs],
        "value_text": [write(number) for number in numbers.tolist()],
        "shade": numbers / _largest(values),
        "selected": [pair == selected for pair in pairs],
        **square_edges(layers, heads),
    }
    description = f"Map of {n_layers} × {n_heads} heads: {title}. {_extremes(values, signed)}"
    if selected is not None:
        description += f" Selected: {spell_head(selected)}."
    return Figure(
        _draw,
        Form(n_layers, n_heads, signed, theme),
        {"heads": table},
        description,
        f"Map of {n_layers} × {n_heads} heads: a square for each, a row for each layer.",
        size=squares_size(n_layers, n_heads, named=True),
        clickable="heads",
        legend=Legend(title, scale_of(values, signed, theme)),
    )


head_map = as_chart(map_figure)


def scale_of(values: NDArray[np.floating], signed: bool, theme: Theme) -> Scale:
    """Return what the colors of a map of these values mean, for a legend.

    Args:
        values: (n_layers, n_heads).
        signed: whether the numbers may be negative.
        theme: which background the squares are painted for.
    """
    largest = _largest(values)
    if signed:
        high = write_signed(largest)
        return Scale(DIVERGING[theme], high.replace("+", MINUS), "0", high)
    return Scale(SEQUENTIAL[theme], "0", write_weight(largest / 2), write_weight(largest))


def _largest(values: NDArray[np.floating]) -> float:
    """Return the number that the colors reach to."""
    largest = float(np.abs(values).max())
    return largest if largest >= SMALLEST_NUMBER else 1.0


def _extremes(values: NDArray[np.floating], signed: bool) -> str:
    """Describe the largest number and, if they may be negative, the smallest."""

    def described(place: np.intp) -> str:
        layer, head = divmod(int(place), values.shape[1])
        number = float(values[layer, head])
        return f"{spell_head((layer, head))}, {write_signed(number) if signed else write_weight(number)}"

    smallest = f" Smallest: {described(values.argmin())}." if signed else ""
    return f"Largest: {described(values.argmax())}.{smallest}"


def _draw(form: Form, look: Look) -> alt.LayerChart:
    palette = DIVERGING[form.theme] if form.signed else SEQUENTIAL[form.theme]
    steps = _square_root_steps(len(palette)) if form.signed else np.linspace(0, 1, len(palette)).tolist()
    places = edges(form.n_layers, form.n_heads)
    squares = (
        alt.Chart(alt.NamedData("heads"))
        .mark_rect(cursor="pointer", stroke=INK, strokeOpacity=0.2, cornerRadius=2)
        .encode(
            **places,
            color=alt.Color(
                "shade:Q",
                scale=alt.Scale(domain=steps, range=list(palette), interpolate="rgb"),
                legend=look.legend and _legend(look.legend, signed=form.signed),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="head"),
                alt.Tooltip("value_text:N", title=look.legend.title if look.legend else "value"),
            ],
        )
        .add_params(alt.selection_point(name="head", fields=look.clicks("layer", "head"), on="click", clear=False))
    )
    frame = selected_frame("heads", places, colors(form.theme).accent)
    return draw_squares([squares, frame], form.n_layers, form.n_heads, look)


def _legend(legend: Legend, *, signed: bool) -> alt.Legend:
    low, middle, high = legend.scale.low, legend.scale.middle, legend.scale.high
    lowest = -1 if signed else 0
    return alt.Legend(
        title=legend.title,
        titleLimit=600,
        orient="bottom",
        direction="horizontal",
        gradientLength=240,
        values=[lowest, (lowest + 1) / 2, 1],
        labelExpr=f"datum.value == {lowest} ? '{low}' : datum.value == 1 ? '{high}' : '{middle}'",
    )


def _square_root_steps(n: int) -> list[float]:
    """Return `n` numbers from -1 to 1 whose square roots, signed, are evenly spaced."""
    roots = np.linspace(-1, 1, n)
    steps: list[float] = (np.sign(roots) * roots**2).tolist()
    return steps
