"""Trace in, Altair chart out: pure functions, usable in a notebook as in the dashboard."""

from attn_core.charts.bars import paired_probabilities, probability_bars
from attn_core.charts.grid import head_grid
from attn_core.charts.heatmap import attention_heatmap
from attn_core.charts.lines import attention_lines, row_lines, shown_links

__all__ = [
    "attention_heatmap",
    "attention_lines",
    "head_grid",
    "paired_probabilities",
    "probability_bars",
    "row_lines",
    "shown_links",
]
