"""Trace in, Altair chart out: pure functions, usable in a notebook as in the dashboard.

A figure is the same with its form and its data apart, quicker to send again and again.
"""

from attn_core.charts.bars import lens_bars, paired_probabilities, probability_bars
from attn_core.charts.figure import Figure
from attn_core.charts.grid import grid_figure, head_grid, paint_thumbnails
from attn_core.charts.heads import head_map, map_figure
from attn_core.charts.heatmap import attention_heatmap
from attn_core.charts.lines import attention_lines, lines_figure, row_figure, row_lines, shown_links
from attn_core.charts.names import name_probabilities

__all__ = [
    "Figure",
    "attention_heatmap",
    "attention_lines",
    "grid_figure",
    "head_grid",
    "head_map",
    "lens_bars",
    "lines_figure",
    "map_figure",
    "name_probabilities",
    "paint_thumbnails",
    "paired_probabilities",
    "probability_bars",
    "row_figure",
    "row_lines",
    "shown_links",
]
