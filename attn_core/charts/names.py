"""Next-word probabilities after many names."""

from __future__ import annotations

import json
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from attn_core.charts.figure import Figure, as_chart
from attn_core.charts.sizes import Look, first, longest, named, scale_of_rows
from attn_core.charts.style import CONFIG, INK, Theme, colors
from attn_core.charts.texts import write_percent
from attn_core.names import NameProbe

WIDTH = 640  # pixels, in a file or a notebook
LANE, AXIS = 22, 50  # pixels of a group there, and of the axis below
LEAST_LANE = 12  # pixels of a group on a page
GAP = 0.7  # lanes between two words

# Lengths in pixels. A word has a lane for each group.
LENGTHS = {
    "lanes": f"max({first('words', 'lanes')}, 1)",
    "lane": "min(height / lanes, 60)",
    "gap": "letter * 0.6",
    "room_for_word": f"min(letter * {first('words', 'longest')}, width * 0.3)",
    "left": "room_for_word + gap + 6",
}


@dataclass(frozen=True)
class Form:
    """What the form of the names depends on.

    Attributes:
        theme: which background they are painted for.
    """

    theme: Theme


def names_figure(probe: NameProbe, *, theme: Theme = "light") -> Figure:
    """Draw, for every word and group, each name as a dot, their mean as a tick and its 95% interval as a bar.

    The words whose means differ most stand first.

    Args:
        probe: what to show.
        theme: which background the names are painted for.
    """
    groups = list(dict.fromkeys(probe.groups))
    means = probe.means()
    spread = means.groupby("word", sort=False)["mean"].agg(lambda values: values.max() - values.min())
    order = spread.sort_values(ascending=False, kind="stable").index.tolist()
    block = len(groups) + GAP
    words = pd.DataFrame({"word": order, "middle": [(rank + 0.5) * block for rank in range(len(order))]})
    words = words.assign(lanes=block * len(order), block=block, longest=longest(order))
    lanes = {
        (word, group): rank * block + GAP / 2 + lane + 0.5
        for rank, word in enumerate(order)
        for lane, group in enumerate(groups)
    }
    means = _in_lanes(means, lanes, groups)
    for name in ("mean", "low", "high"):
        means[f"{name}_text"] = means[name].map(write_percent, na_action="ignore").fillna("none")
    means = means.assign(start=means["low"].fillna(means["mean"]), end=means["high"].fillna(means["mean"]))
    return Figure(
        _draw,
        Form(theme),
        {
            "dots": _in_lanes(_dots(probe), lanes, groups),
            "means": means,
            "words": words,
        },
        f"Dots of how probable {len(order)} words are after {len(probe.names)} names in {len(groups)} groups. "
        f"Largest difference: “{order[0]}”, {_described(means, order[0])}.",
        "Dots of how probable words are after each name, with the mean of each group and its 95% interval.",
        size=(WIDTH, round(LANE * block * len(order)) + AXIS),
        least_height=round(LEAST_LANE * block * len(order)) + AXIS,
        legend=tuple(groups),
    )


name_probabilities = as_chart(names_figure)


def _dots(probe: NameProbe) -> pd.DataFrame:
    """Return the probability of every word after every name."""
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
    return dots.assign(probability_text=dots["probability"].map(write_percent))


def _in_lanes(table: pd.DataFrame, lanes: dict[tuple[str, str], float], groups: list[str]) -> pd.DataFrame:
    middle = [lanes[pair] for pair in zip(table["word"], table["group"], strict=True)]
    table = table.assign(middle=middle, rank=[groups.index(group) for group in table["group"]])
    return table.assign(top=table["middle"] - 0.4, bottom=table["middle"] + 0.4)


def _described(means: pd.DataFrame, word: str) -> str:
    """Describe the mean of each group for a word."""
    of_word = means[means["word"] == word]
    return ", ".join(
        f"{text} after {group}" for group, text in zip(of_word["group"], of_word["mean_text"], strict=True)
    )


def _draw(form: Form, look: Look) -> alt.LayerChart:
    color = _group_colors(form, look)
    dots = (
        alt.Chart(alt.NamedData("dots"))
        .mark_point(filled=True, size=alt.expr("pow(clamp(lane * 0.45, 6, 18), 2)"), opacity=0.45)
        .encode(
            x=_along("probability", look),
            y=_down("middle"),
            color=color,
            tooltip=[
                alt.Tooltip("name:N"),
                alt.Tooltip("group:N"),
                alt.Tooltip("word:N"),
                alt.Tooltip("probability_text:N", title="probability"),
                alt.Tooltip("pieces:Q", title="tokens in the name"),
            ],
        )
    )
    intervals = (
        alt.Chart(alt.NamedData("means"))
        .mark_rule(strokeWidth=alt.expr("clamp(lane * 0.18, 3, 8)"))
        .encode(x=_along("start", look), x2="end:Q", y=_down("middle"), color=color, tooltip=_of_mean())
    )
    ticks = (
        alt.Chart(alt.NamedData("means"))
        .mark_rule(strokeWidth=alt.expr("clamp(lane * 0.2, 4, 9)"), color=INK)
        .encode(x=_along("mean", look), y=_down("top"), y2="bottom:Q", tooltip=_of_mean())
    )
    words = (
        alt.Chart(alt.NamedData("words"))
        .mark_text(align="right", fontSize=alt.expr("letter"), color=INK, limit=alt.expr("room_for_word"))
        .encode(x=alt.value(alt.expr("room_for_word")), y=_down("middle"), text="word:N")
    )
    step, widest = f"(lane * {first('words', 'block')} * 0.7)", f"width * 0.25 / {first('words', 'longest')}"
    lengths = LENGTHS | {"letter": look.letters(step, widest)}
    return alt.layer(dots, intervals, ticks, words).add_params(*named(lengths)).configure(**CONFIG)


def _group_colors(form: Form, look: Look) -> alt.Color:
    palette = colors(form.theme).categories
    legend = look.legend and alt.Legend(
        orient="top",
        columns=1,
        values=list(range(len(look.legend))),
        labelExpr=f"{json.dumps(look.legend)}[datum.value]",
        labelFontSize=14,
        labelLimit=320,
        symbolType="circle",
        symbolOpacity=1,
    )
    scale = alt.Scale(domain=list(range(len(palette))), range=list(palette))
    return alt.Color("rank:N", title=None, scale=scale, legend=legend)


def _along(field: str, look: Look) -> alt.X:
    letter = look.pixels(13, 20.5)
    axis = alt.Axis(
        format="~%",
        tickCount=5,
        labelFontSize=alt.expr(letter),
        titleFontSize=alt.expr(letter),
        titleFontWeight="normal",
        labelFlush=True,
        grid=True,
        gridOpacity=0.25,
    )
    scale = alt.Scale(range=[alt.ExprRef("left"), alt.ExprRef("width - 10")], zero=False)
    return alt.X(f"{field}:Q", title="probability as the next word", axis=axis, scale=scale)


def _down(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", axis=None, scale=scale_of_rows("lanes", "0", "lane * lanes"))


def _of_mean() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("group:N"),
        alt.Tooltip("word:N"),
        alt.Tooltip("names:Q", title="number of names"),
        alt.Tooltip("mean_text:N", title="mean"),
        alt.Tooltip("low_text:N", title="95% low"),
        alt.Tooltip("high_text:N", title="95% high"),
    ]
