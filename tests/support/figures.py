"""A figure of each kind."""

from __future__ import annotations

import numpy as np

from attn_core import AttentionTrace, Prediction, charts
from attn_core.analysis.names import NameProbe
from attn_core.charts.export import Caption, Drawing
from attn_core.charts.style import Theme
from tests.support.traces import random_trace

CAPTION = Caption("layer 1 head 2", "some model", ("w0 w1 & <w2>",), ("first word hidden",))


def make_prediction(*tokens: str) -> Prediction:
    parts = np.arange(len(tokens), 0, -1, dtype=np.float32)
    return Prediction(tokens, parts / parts.sum(), tuple(range(len(tokens))))


def make_trace(*tokens: str) -> AttentionTrace:
    return AttentionTrace(tokens, random_trace(2, 3, len(tokens)).attention)


def make_probe() -> NameProbe:
    numbers = np.linspace(0.1, 0.4, 4).reshape(2, 2)
    return NameProbe(
        "{name} is", ("good", "tall"), ("Ann", "Bob"), ("one", "two"), np.array([1, 2]), numbers, "some model"
    )


def figures_of_kinds(theme: Theme = "light", *tokens: str) -> dict[str, tuple[Drawing, str]]:
    """A figure of each kind, and a text that it shows."""
    trace = make_trace(*(tokens or ("w0", " w1", " w2")))
    values = trace.attention[:, :, 2, 1].astype(float)
    next_words = make_prediction(" dog", " cat")
    row = np.array([0.5, 0.3, 0.2])
    return {
        "lines": (charts.attention_lines(trace, 1, 2, query=2, theme=theme), "w2"),
        "heads": (charts.attention_lines(trace, 1, 2, more_heads=[(0, 0)], theme=theme), "L0H0"),
        "row": (charts.row_lines(trace.tokens, row, name="L1H2", theme=theme), "w2"),
        "grid": (charts.head_grid(trace, labels=["null", "other", "induction"] * 2, theme=theme), "induction"),
        "matrix": (charts.attention_heatmap(trace, 1, 2, query=[1, 2], theme=theme), "w1"),
        "map": (charts.head_map(values, title="direct effect (logits)", theme=theme), "direct effect (logits)"),
        "next words": (charts.probability_bars(next_words, chosen=1, theme=theme), "cat"),
        "layers": (charts.lens_bars([next_words, next_words], 0, [0.1, 0.2], theme=theme), "after L0"),
        "pair": (charts.paired_probabilities(next_words, make_prediction(" cat", " cow"), theme=theme), "cow"),
        "names": (charts.name_probabilities(make_probe(), theme=theme), "tall"),
    }


KINDS = tuple(figures_of_kinds())
