"""All heads at a glance: one small picture a head, rows are layers, columns heads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from attn_core.charts.figure import Columns, Figure, as_chart
from attn_core.charts.sizes import Look
from attn_core.charts.squares import across_squares, draw_squares, edges, selected_frame, square_edges, squares_size
from attn_core.charts.style import INK, Theme, colors, pictures
from attn_core.charts.texts import spell_head
from attn_core.heads import head_label
from attn_core.patterns import OTHER
from attn_core.trace import AttentionTrace

NULL = "null"

THUMBNAIL = 64  # pixels a side at most, so that a long prompt does not make the chart larger
RANKED_COLUMNS = 12  # of thumbnails in an order of their own, which need room for their names
FADED = 0.15  # opacity of a thumbnail that does not stand out

_CATEGORY = {
    "previous token": 0,
    NULL: 6,
    "current token": 2,
    "duplicate token": 3,
    "induction": 4,
    "list items": 5,
}


def label_colors(theme: Theme) -> dict[str, str]:
    """Return the color of each label of `attn_core.patterns.LABELS` on a theme's background."""
    palette = colors(theme).categories
    return {label: palette[index] for label, index in _CATEGORY.items()} | {OTHER: INK}


LABEL_COLORS = label_colors("light")


def swatches(labels: Sequence[str], theme: Theme) -> list[tuple[str, str, int]]:
    """Return name, color and number of heads of each kind that the grid frames, for a legend.

    Args:
        labels: one for each head.
        theme: which background the swatches stand on.
    """
    numbers = Counter(labels)
    palette = label_colors(theme)
    return [(label, palette[label], numbers[label]) for label in palette if _is_found(label) and numbers[label]]


def _is_found(label: str) -> bool:
    return label not in (NULL, OTHER)


@dataclass(frozen=True)
class Form:
    """What the grid's form depends on.

    Attributes:
        n_rows, n_columns: of thumbnails.
        labeled: whether heads have labels.
        ranked: whether the thumbnails stand in an order of their own, and not by layer and head.
        scored: whether it is known on what the labels rest.
        theme: which background the thumbnails are painted for.
    """

    n_rows: int
    n_columns: int
    labeled: bool
    ranked: bool
    scored: bool
    theme: Theme


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
    """Draw every head of the trace as a thumbnail of its attention; queries run down, keys across.

    The point selection `head` (fields `layer` and `head`) holds which thumbnail was clicked.

    Args:
        trace: what to show.
        selected: the layer and head to frame.
        labels: what each head does (see `attn_core.head_scores`), in the order of layers and heads: each
            kind but "null" and "other" gets frames of its own color.
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
    painted = dict(zip(every, thumbnails or paint_thumbnails(trace, theme), strict=True))
    shown = every if heads is None else list(heads)
    n_columns = RANKED_COLUMNS if ranked else trace.n_heads
    places = [divmod(rank, n_columns) for rank in range(len(shown))] if ranked else every
    heads_there = shown if ranked else every
    outstanding = set(shown)
    rows, columns = np.array(places, dtype=int).reshape(-1, 2).T
    cells: Columns = {
        "layer": [layer for layer, _ in heads_there],
        "head": [head for _, head in heads_there],
        "row": rows,
        "column": columns,
        "name": [head_label(pair) for pair in heads_there],
        "label": [kinds[pair] for pair in heads_there],
        "score": [rests_on[pair] or "–" for pair in heads_there],
        "stands_out": [pair in outstanding for pair in heads_there],
        "framed": [pair in outstanding and _is_found(kinds[pair]) for pair in heads_there],
        "selected": [pair == selected for pair in heads_there],
        **square_edges(rows, columns),
    }
    n_rows = max(-(-len(heads_there) // n_columns), 1)
    return Figure(
        _draw,
        Form(n_rows, n_columns, labels is not None, ranked, evidence is not None, theme),
        {"cells": cells, "pictures": _pictures(cells, [painted[pair] for pair in heads_there])},
        _described(trace, len(outstanding), selected, labels),
        f"Grid of attention thumbnails, {'in an order of their own' if ranked else 'a row for each layer'}.",
        size=squares_size(n_rows, n_columns, named=not ranked),
        clickable="cells",
        legend=_listed(labels, theme),
    )


def _listed(labels: Sequence[str] | None, theme: Theme) -> tuple[str, ...]:
    return tuple(name for name, _, _ in swatches(labels or (), theme))


def _pictures(cells: Columns, painted: Sequence[str]) -> Columns:
    """Return what the thumbnails need of the cells: a click on another head sends these again no more."""
    needed = ("layer", "head", "left", "right", "top", "bottom", "stands_out")
    return {**{name: cells[name] for name in needed}, "picture": list(painted)}


head_grid = as_chart(grid_figure)


def paint_thumbnails(trace: AttentionTrace, theme: Theme) -> list[str]:
    """Return the thumbnail of each head as a data URL, in the order of layers and heads."""
    return pictures(trace.attention, theme, THUMBNAIL)


def _described(
    trace: AttentionTrace, outstanding: int, selected: tuple[int, int] | None, labels: Sequence[str] | None
) -> str:
    every = trace.n_layers * trace.n_heads
    highlighted = f", {outstanding} highlighted" if outstanding != every else ""
    sentences = [f"Grid of {trace.n_layers} × {trace.n_heads} attention thumbnails{highlighted}."]
    if selected is not None:
        sentences.append(f"Selected: {spell_head(selected)}.")
    if labels is not None:
        kinds = ", ".join(f"{number} {label}" for label, number in Counter(labels).most_common())
        sentences.append(f"Patterns: {kinds}.")
    return " ".join(sentences)


def _draw(form: Form, look: Look) -> alt.LayerChart:
    places = edges(form.n_rows, form.n_columns)
    layers = [_images(places), _frames(form, look, places)]
    if form.ranked:
        layers.insert(1, _corners(form, look, places))
    layers.insert(-1, selected_frame("cells", places, colors(form.theme).accent))
    return draw_squares(layers, form.n_rows, form.n_columns, look, named_rows=not form.ranked)


def _images(places: dict[str, Any]) -> alt.Chart:
    return (
        alt.Chart(alt.NamedData("pictures"))
        .mark_image(aspect=False)
        .encode(
            **places,
            url="picture:N",
            opacity=alt.when("datum.stands_out").then(alt.value(1)).otherwise(alt.value(FADED)),
            tooltip=alt.value(None),
        )
    )


def _frames(form: Form, look: Look, places: dict[str, Any]) -> alt.Chart:
    """Return the frames of all cells, which take the click; those of heads that found something are colored."""
    thickness = alt.value(alt.expr("clamp(side * 0.07, 1.5, 5)"))
    tooltip = [alt.Tooltip("name:N", title="head")]
    if form.labeled:
        tooltip.append(alt.Tooltip("label:N", title="pattern"))
    if form.scored:
        tooltip.append(alt.Tooltip("score:N"))
    frames = (
        alt.Chart(alt.NamedData("cells"))
        .mark_rect(fill="transparent", cursor="pointer", stroke=INK)
        .encode(
            **places,
            strokeOpacity=alt.when("datum.selected")
            .then(alt.value(0))
            .when("datum.framed")
            .then(alt.value(1))
            .otherwise(alt.value(0.15)),
            strokeWidth=alt.when("datum.framed").then(thickness).otherwise(alt.value(1)),
            tooltip=tooltip,
        )
        .add_params(alt.selection_point(name="head", fields=look.clicks("layer", "head"), on="click", clear=False))
    )
    return frames.encode(stroke=_label_stroke(form, look)) if form.labeled else frames


def _label_stroke(form: Form, look: Look) -> alt.Stroke:
    palette = label_colors(form.theme)
    legend = look.legend and alt.Legend(
        orient="bottom",
        direction="horizontal",
        columns=3,
        values=list(look.legend),
        symbolType="square",
        symbolSize=160,
        symbolFillColor="transparent",
        symbolStrokeWidth=3,
        labelFontSize=13,
    )
    return alt.Stroke(
        "label:N",
        title=None,
        scale=alt.Scale(domain=list(palette), range=list(palette.values())),
        legend=legend or None,
    )


def _corners(form: Form, look: Look, places: dict[str, Any]) -> alt.Chart:
    """Return layer and head of each thumbnail in its upper right corner, which is empty: nothing looks ahead."""
    return (
        alt.Chart(alt.NamedData("cells"))
        .transform_calculate(corner="datum.layer + '.' + datum.head")
        .mark_text(
            align="right",
            baseline="top",
            dx=-2,
            dy=3,
            fontSize=alt.expr(f"clamp({look.pixels(0, 20.5)}, side * 0.3, side * 0.4)"),
            color=INK,
        )
        .encode(x=across_squares("right", form.n_columns), y=places["y"], text="corner:N", tooltip=alt.value(None))
    )
