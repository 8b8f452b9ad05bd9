"""Draw all heads as a grid of thumbnails; rows are layers, columns are heads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from attn_core.analysis.scores import OTHER
from attn_core.charts.figure import Columns, Figure
from attn_core.charts.formatting import spell_head
from attn_core.charts.sizes import Look
from attn_core.charts.squares import across_squares, draw_squares, edges, selected_frame, square_edges, squares_size
from attn_core.charts.style import INK, Theme, colors, pictures
from attn_core.heads import Head, all_heads, head_label
from attn_core.trace import AttentionTrace

NULL = "null"

THUMBNAIL = 64  # pixels per side at most, so that a long prompt does not make the chart larger
RANKED_COLUMNS = 12  # of ranked thumbnails, which need room for their names
FADED = 0.15  # opacity of a thumbnail that is not highlighted

_CATEGORY = {
    "previous token": 0,
    NULL: 6,
    "current token": 2,
    "duplicate token": 3,
    "induction": 4,
    "list items": 5,
}


def label_colors(theme: Theme) -> dict[str, str]:
    """Return the color of each label of `attn_core.analysis.scores.LABELS` on a theme's background.

    >>> charts.label_colors("light")["previous token"]
    '#0072b2'
    """
    palette = colors(theme).categories
    return {label: palette[index] for label, index in _CATEGORY.items()} | {OTHER: INK}


def swatches(labels: Sequence[str], theme: Theme) -> list[tuple[str, str, int]]:
    """Return label, color and number of heads for each label that the grid frames, for a legend.

    Args:
        labels: one for each head.
        theme: the background of the swatches.

    >>> charts.swatches(["null", "induction", "null", "induction"], "light")
    [('induction', '#855800', 2)]
    """
    numbers = Counter(labels)
    palette = label_colors(theme)
    return [(label, palette[label], numbers[label]) for label in palette if _is_framed(label) and numbers[label]]


def _is_framed(label: str) -> bool:
    """Return whether heads with a label get a colored frame."""
    return label not in (NULL, OTHER)


@dataclass(frozen=True)
class Form:
    """The parameters of the grid's form.

    Attributes:
        n_rows, n_columns: the numbers of rows and columns of thumbnails.
        labeled: whether heads have labels.
        ranked: whether the thumbnails are in a given order instead of by layer and head.
        scored: whether there is evidence for the labels.
        theme: the background that the thumbnails are painted for.
    """

    n_rows: int
    n_columns: int
    labeled: bool
    ranked: bool
    scored: bool
    theme: Theme


def head_grid(
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
        trace: the trace to show.
        selected: the layer and head to frame.
        labels: the label of each head (see `attn_core.head_scores`), layer by layer. Every label except "null" and
            "other" gets frames of its own color.
        evidence: a text with the numbers behind each label, layer by layer, for the tooltip.
        heads: the (layer, head) pairs to highlight; the others fade. All of them if None.
        ranked: show only `heads`, in their order from left to right, instead of a row for each layer. The layer and
            head of each are written in the empty corner of its thumbnail.
        theme: the background that the thumbnails are painted for.
        thumbnails: the result of `paint_thumbnails`, if it is available.

    >>> trace = capture(load_model("mini"), "The dog on the ship ran")
    >>> charts.head_grid(trace, selected=(2, 0)).description
    'Grid of 12 × 12 attention thumbnails. Selected: layer 2, head 0.'
    """
    every = all_heads(trace.n_layers, trace.n_heads)
    highlighted = every if heads is None else list(heads)
    drawn = highlighted if ranked else every
    pictures_of = dict(zip(every, thumbnails or paint_thumbnails(trace, theme), strict=True))
    n_columns = RANKED_COLUMNS if ranked else trace.n_heads
    n_rows = max(-(-len(drawn) // n_columns), 1)
    cells = _cells(
        drawn,
        positions=[divmod(rank, n_columns) for rank in range(len(drawn))] if ranked else every,
        labels=dict(zip(every, labels or [OTHER] * len(every), strict=True)),
        evidence=dict(zip(every, evidence or [""] * len(every), strict=True)),
        highlighted=set(highlighted),
        selected=selected,
    )
    return Figure(
        _draw,
        Form(n_rows, n_columns, labels is not None, ranked, evidence is not None, theme),
        {"cells": cells, "pictures": _picture_columns(cells, [pictures_of[pair] for pair in drawn])},
        _describe(trace, len(set(highlighted)), selected, labels),
        f"Grid of attention thumbnails, {'in an order of their own' if ranked else 'a row for each layer'}.",
        size=squares_size(n_rows, n_columns, named=not ranked),
        clickable="cells",
        legend=tuple(label for label, _, _ in swatches(labels or (), theme)),
    )


def _cells(
    heads: Sequence[Head],
    *,
    positions: Sequence[tuple[int, int]],
    labels: Mapping[Head, str],
    evidence: Mapping[Head, str],
    highlighted: Set[Head],
    selected: Head | None,
) -> Columns:
    """Return a row for each head, with the (row, column) position of its cell."""
    rows, columns = np.array(positions, dtype=int).reshape(-1, 2).T
    return {
        "layer": [layer for layer, _ in heads],
        "head": [head for _, head in heads],
        "row": rows,
        "column": columns,
        "name": [head_label(pair) for pair in heads],
        "label": [labels[pair] for pair in heads],
        "score": [evidence[pair] or "–" for pair in heads],
        "stands_out": [pair in highlighted for pair in heads],
        "framed": [pair in highlighted and _is_framed(labels[pair]) for pair in heads],
        "selected": [pair == selected for pair in heads],
        **square_edges(rows, columns),
    }


def _picture_columns(cells: Columns, urls: Sequence[str]) -> Columns:
    """Return the table of thumbnails, without what changes on a click, so that a click does not send them again."""
    needed = ("layer", "head", "left", "right", "top", "bottom", "stands_out")
    return {**{name: cells[name] for name in needed}, "picture": list(urls)}


def paint_thumbnails(trace: AttentionTrace, theme: Theme) -> list[str]:
    """Return the thumbnail of each head as the data URL of a PNG, layer by layer.

    >>> thumbnails = charts.paint_thumbnails(capture(load_model("mini"), "The dog on the ship ran"), "light")
    >>> len(thumbnails), thumbnails[0][:22]
    (144, 'data:image/png;base64,')
    """
    return pictures(trace.attention, theme, THUMBNAIL)


def _describe(
    trace: AttentionTrace, n_highlighted: int, selected: tuple[int, int] | None, labels: Sequence[str] | None
) -> str:
    """Describe the grid in words."""
    all_highlighted = n_highlighted == trace.n_layers * trace.n_heads
    highlighted = "" if all_highlighted else f", {n_highlighted} highlighted"
    sentences = [f"Grid of {trace.n_layers} × {trace.n_heads} attention thumbnails{highlighted}."]
    if selected is not None:
        sentences.append(f"Selected: {spell_head(selected)}.")
    if labels is not None:
        kinds = ", ".join(f"{number} {label}" for label, number in Counter(labels).most_common())
        sentences.append(f"Patterns: {kinds}.")
    return " ".join(sentences)


def _draw(form: Form, look: Look) -> alt.LayerChart:
    """Draw the thumbnails, their frames and, if ranked, their names."""
    channels = edges(form.n_rows, form.n_columns)
    layers = [_images(channels), _frames(form, look, channels)]
    if form.ranked:
        layers.insert(1, _corners(form, look, channels))
    layers.insert(-1, selected_frame("cells", channels, colors(form.theme).accent))
    return draw_squares(layers, form.n_rows, form.n_columns, look, named_rows=not form.ranked)


def _images(channels: dict[str, Any]) -> alt.Chart:
    """Return the thumbnails."""
    return (
        alt.Chart(alt.NamedData("pictures"))
        .mark_image(aspect=False)
        .encode(
            **channels,
            url="picture:N",
            opacity=alt.when("datum.stands_out").then(alt.value(1)).otherwise(alt.value(FADED)),
            tooltip=alt.value(None),
        )
    )


def _frames(form: Form, look: Look, channels: dict[str, Any]) -> alt.Chart:
    """Return the frames of all cells, which take clicks; those of heads with a pattern are colored."""
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
            **channels,
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
    """Return the channel that colors frames by label."""
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


def _corners(form: Form, look: Look, channels: dict[str, Any]) -> alt.Chart:
    """Return the layer and head of each thumbnail in its upper right corner, which is empty in causal attention."""
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
        .encode(
            x=across_squares("right", form.n_columns), y=channels["y"], text="corner:N", tooltip=alt.value(None)
        )
    )
