"""Trace in, Altair chart out: pure functions, usable in a notebook as in the dashboard."""

from attn_core.charts.bars import lens_bars, paired_probabilities, probability_bars
from attn_core.charts.grid import head_grid
from attn_core.charts.heads import head_map
from attn_core.charts.heatmap import attention_heatmap
from attn_core.charts.lines import attention_lines, row_lines, shown_links
from attn_core.charts.names import name_probabilities

__all__ = [
    "attention_heatmap",
    "attention_lines",
    "head_grid",
    "head_map",
    "lens_bars",
    "name_probabilities",
    "paired_probabilities",
    "probability_bars",
    "row_lines",
    "shown_links",
]
