"""Next-word probabilities after many names."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from attn_core.charts.style import CATEGORIES, CONFIG, INK, named_axis
from attn_core.names import NameProbe

# Pixels: of a group, between words, of a group's name above the figure, and of the axis below it.
ROW, GAP, LEGEND, AXIS = 22, 16, 20, 100


def name_probabilities(probe: NameProbe) -> alt.LayerChart:
    """For every word and group: each name as a dot, their mean as a bar, and its 95 % interval as a line.

    The words whose means differ most stand first.
    """
    groups = list(dict.fromkeys(probe.groups))
    means = probe.means()
    spread = means.groupby("word", sort=False)["mean"].agg(lambda values: values.max() - values.min())
    order = spread.sort_values(ascending=False, kind="stable").index.tolist()
    rank = {word: index for index, word in enumerate(order)}
    n_words = len(probe.words)
    dots = pd.DataFrame(
        {
            "group": np.repeat(probe.groups, n_words),
            "name": np.repeat(probe.names, n_words),
            "pieces": probe.pieces.repeat(n_words),
            "word": probe.words * len(probe.names),
            "probability": probe.probabilities.ravel().round(6),
        }
    )
    y = alt.Y(
        "rank:O",
        title=None,
        axis=named_axis(order, title=None, font_size=15),
        scale=alt.Scale(paddingInner=0.3, paddingOuter=0.15),
    )
    offset = alt.YOffset("group:N", sort=groups)
    color = alt.Color(
        "group:N",
        title=None,
        sort=groups,
        scale=alt.Scale(domain=groups, range=list(CATEGORIES[: len(groups)])),
        legend=alt.Legend(
            orient="top", columns=1, labelFontSize=14, labelLimit=320, symbolType="circle", symbolOpacity=1
        ),
    )
    x_axis = alt.Axis(format="~%", tickCount=5, labelFontSize=13, titleFontSize=13, grid=True, gridOpacity=0.25)
    names = (
        alt.Chart(dots.assign(rank=dots["word"].map(rank)))
        .mark_point(filled=True, size=45, opacity=0.4)
        .encode(
            x=alt.X("probability:Q", title="probability as the next word", axis=x_axis),
            y=y,
            yOffset=offset,
            color=color,
            tooltip=[
                alt.Tooltip("name:N"),
                alt.Tooltip("group:N"),
                alt.Tooltip("word:N"),
                alt.Tooltip("probability:Q", format=".2%"),
                alt.Tooltip("pieces:Q", title="pieces of the name"),
            ],
        )
    )
    told = means.assign(rank=means["word"].map(rank))
    intervals = (
        alt.Chart(told[told["low"].notna()])
        .mark_rule(strokeWidth=4)
        .encode(x=alt.X("low:Q", axis=x_axis), x2="high:Q", y=y, yOffset=offset, color=color, tooltip=_of_mean())
    )
    bars = (
        alt.Chart(told)
        .mark_tick(thickness=5, size=ROW - 4, color=INK)
        .encode(x=alt.X("mean:Q", axis=x_axis), y=y, yOffset=offset, tooltip=_of_mean())
    )
    height = len(order) * (ROW * len(groups) + GAP) + LEGEND * len(groups) + AXIS
    return (
        alt.layer(names, intervals, bars)
        .properties(
            width=640,
            height=height,
            description=f"How probable {n_words} words are after {len(probe.names)} names in {len(groups)} groups, "
            f"as dots with their means. The means differ most for “{order[0]}”: {_means(means, order[0])}.",
        )
        .configure(**CONFIG)
    )


def _means(means: pd.DataFrame, word: str) -> str:
    """The mean of each group for a word, in words."""
    of_word = means[means["word"] == word]
    return ", ".join(
        f"{mean:.2%} after {group}" for group, mean in zip(of_word["group"], of_word["mean"], strict=True)
    )


def _of_mean() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("group:N"),
        alt.Tooltip("word:N"),
        alt.Tooltip("names:Q", title="number of names"),
        alt.Tooltip("mean:Q", format=".2%"),
        alt.Tooltip("low:Q", title="95 % from", format=".2%"),
        alt.Tooltip("high:Q", title="to", format=".2%"),
    ]
