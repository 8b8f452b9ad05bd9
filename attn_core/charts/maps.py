"""Draw one number for each head as a map of squares; rows are layers, columns are heads."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.figure import Columns, Figure
from attn_core.charts.formatting import MINUS, format_signed, format_weight, spell_head
from attn_core.charts.sizes import Look
from attn_core.charts.squares import draw_squares, edges, selected_frame, square_edges, squares_size
from attn_core.charts.style import DIVERGING, INK, SEQUENTIAL, Theme, colors
from attn_core.heads import head_at, head_label

SMALLEST_NUMBER = 1e-6  # a map of smaller numbers is drawn as zeros, with a scale up to 1


@dataclass(frozen=True)
class Scale:
    """The color scale of a map.

    Attributes:
        colors: the colors in even steps from `low` to `high`.
        low, middle, high: the numbers at the start, middle and end, as texts.
    """

    colors: tuple[str, ...]
    low: str
    middle: str
    high: str


@dataclass(frozen=True)
class Form:
    """The parameters of the map's form.

    Attributes:
        n_layers, n_heads: the numbers of rows and columns of squares.
        signed: whether the numbers may be negative.
        theme: the background that the squares are drawn for.
    """

    n_layers: int
    n_heads: int
    signed: bool
    theme: Theme


@dataclass(frozen=True)
class Legend:
    """The legend of a map in a file.

    Attributes:
        title: what the numbers are.
        scale: the color scale.
    """

    title: str
    scale: Scale


def head_map(
    values: NDArray[np.floating],
    *,
    selected: tuple[int, int] | None = None,
    title: str,
    signed: bool = True,
    theme: Theme = "light",
) -> Figure:
    """Draw a number for each head as a square, which has the background's color at zero.

    Signed numbers are green above zero and purple below; their square root sets the color, as in pictures of
    attention, so that small ones are visible. Numbers that cannot be negative are blue, in proportion. The point
    selection `head` (fields `layer` and `head`) holds which square was clicked.

    Args:
        values: (n_layers, n_heads).
        selected: the layer and head to frame.
        title: what the numbers are, with their unit.
        signed: whether the numbers may be negative.
        theme: the background that the squares are drawn for.

    >>> import numpy as np
    >>> charts.head_map(np.array([[0.0, 1.0], [2.0, -3.0]]), title="logits").description
    'Map of 2 × 2 heads: logits. Largest: layer 1, head 0, +2.0. Smallest: layer 1, head 1, −3.0.'
    """
    n_layers, n_heads = values.shape
    layers, heads = np.divmod(np.arange(values.size), n_heads)
    pairs = list(zip(layers.tolist(), heads.tolist(), strict=True))
    numbers = values.ravel().astype(float)
    format_number = format_signed if signed else format_weight
    table: Columns = {
        "layer": layers,
        "head": heads,
        "value": numbers,
        "name": [head_label(pair) for pair in pairs],
        "value_text": [format_number(number) for number in numbers.tolist()],
        "shade": numbers / _largest(values),
        "selected": [pair == selected for pair in pairs],
        **square_edges(layers, heads),
    }
    description = f"Map of {n_layers} × {n_heads} heads: {title}. {_describe_extremes(values, signed)}"
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


def scale_of(values: NDArray[np.floating], signed: bool, theme: Theme) -> Scale:
    """Return the color scale of a map of some values, for a legend.

    Args:
        values: (n_layers, n_heads).
        signed: whether the numbers may be negative.
        theme: the background that the squares are drawn for.

    >>> import numpy as np
    >>> scale = charts.scale_of(np.array([[0.0, 1.0], [2.0, -3.0]]), signed=True, theme="light")
    >>> scale.low, scale.middle, scale.high
    ('−3.0', '0', '+3.0')
    """
    largest = _largest(values)
    if signed:
        high = format_signed(largest)
        return Scale(DIVERGING[theme], high.replace("+", MINUS), "0", high)
    return Scale(SEQUENTIAL[theme], "0", format_weight(largest / 2), format_weight(largest))


def _largest(values: NDArray[np.floating]) -> float:
    """Return the largest absolute value, where the color scale ends."""
    largest = float(np.abs(values).max())
    return largest if largest >= SMALLEST_NUMBER else 1.0


def _describe_extremes(values: NDArray[np.floating], signed: bool) -> str:
    """Describe the largest number and, if numbers may be negative, the smallest."""

    def describe(index: np.intp) -> str:
        head = head_at(index, values.shape[1])
        number = float(values[head])
        return f"{spell_head(head)}, {format_signed(number) if signed else format_weight(number)}"

    smallest = f" Smallest: {describe(values.argmin())}." if signed else ""
    return f"Largest: {describe(values.argmax())}.{smallest}"


def _draw(form: Form, look: Look) -> alt.LayerChart:
    """Draw the squares and the frame of the selected one."""
    palette = DIVERGING[form.theme] if form.signed else SEQUENTIAL[form.theme]
    steps = _square_root_steps(len(palette)) if form.signed else np.linspace(0, 1, len(palette)).tolist()
    channels = edges(form.n_layers, form.n_heads)
    squares = (
        alt.Chart(alt.NamedData("heads"))
        .mark_rect(cursor="pointer", stroke=INK, strokeOpacity=0.2, cornerRadius=2)
        .encode(
            **channels,
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
    frame = selected_frame("heads", channels, colors(form.theme).accent)
    return draw_squares([squares, frame], form.n_layers, form.n_heads, look)


def _legend(legend: Legend, *, signed: bool) -> alt.Legend:
    """Return the legend with the numbers at its start, middle and end."""
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
    """Return `n` numbers from -1 to 1 whose signed square roots are evenly spaced."""
    roots = np.linspace(-1, 1, n)
    steps: list[float] = (np.sign(roots) * roots**2).tolist()
    return steps
