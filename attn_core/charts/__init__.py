"""Trace in, Altair chart out: pure functions, usable in a notebook as in the dashboard.

A figure is the same with its form and its data apart, quicker to send again and again.
"""

from attn_core.charts.bars import (
    lens_bars,
    lens_figure,
    paired_figure,
    paired_probabilities,
    probability_bars,
    probability_figure,
)
from attn_core.charts.figure import Figure
from attn_core.charts.grid import grid_figure, head_grid, label_colors, paint_thumbnails, swatches
from attn_core.charts.heads import Scale, head_map, map_figure, scale_of
from attn_core.charts.heatmap import attention_heatmap, heatmap_figure
from attn_core.charts.lines import attention_lines, lines_figure, row_figure, row_lines, shown_links
from attn_core.charts.names import name_probabilities, names_figure

__all__ = [
    "Figure",
    "Scale",
    "attention_heatmap",
    "attention_lines",
    "grid_figure",
    "head_grid",
    "head_map",
    "heatmap_figure",
    "label_colors",
    "lens_bars",
    "lens_figure",
    "lines_figure",
    "map_figure",
    "name_probabilities",
    "names_figure",
    "paint_thumbnails",
    "paired_figure",
    "paired_probabilities",
    "probability_bars",
    "probability_figure",
    "row_figure",
    "row_lines",
    "scale_of",
    "shown_links",
    "swatches",
]
