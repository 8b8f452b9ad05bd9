"""Draw next-word probabilities after many names."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np

from attn_core.analysis.names import NameProbe
from attn_core.charts.figure import Columns, Figure
from attn_core.charts.formatting import format_percent
from attn_core.charts.sizes import Look, first, longest, named, scale_of_rows
from attn_core.charts.style import CONFIG, INK, Theme, colors

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 640  # pixels, in a file or a notebook
LANE, AXIS = 22, 50  # pixels of a group and of the axis below, in a file or a notebook
LEAST_LANE = 12  # pixels of a group on a page
GAP = 0.7  # lanes between two words

# Lengths in pixels. A word has a lane for each group. It is cut at its share of the figure, not at its own measured
# width, which it exceeds while the browser uses another font.
LENGTHS = {
    "lanes": f"max({first('words', 'lanes')}, 1)",
    "lane": "min(height / lanes, 60)",
    "gap": "letter * 0.6",
    "most_for_word": "width * 0.3",
    "room_for_word": f"min(letter * {first('words', 'longest')}, most_for_word)",
    "left": "room_for_word + gap + 6",
}


@dataclass(frozen=True)
class Form:
    """The parameters of the figure's form.

    Attributes:
        theme: the background that it is drawn for.
    """

    theme: Theme


def name_probabilities(probe: NameProbe, *, theme: Theme = "light") -> Figure:
    """Draw, for every word and group, each name as a dot, their mean as a tick and its 95% interval as a bar.

    The words whose means differ most come first.

    Args:
        probe: the name probe to show.
        theme: the background that the figure is drawn for.

    >>> groups = {"A": ["Ana", "Mary"], "B": ["Omar"]}
    >>> probe = name_probe(load_model("mini"), "{name} works as a", groups, ["doctor", "nurse"])
    >>> charts.name_probabilities(probe).size
    (640, 169)
    """
    groups = list(dict.fromkeys(probe.groups))
    means = probe.means()
    spread = means.groupby("word", sort=False)["mean"].agg(lambda values: values.max() - values.min())
    order = spread.sort_values(ascending=False, kind="stable").index.tolist()
    n, block = len(order), len(groups) + GAP
    middles = {
        (word, group): rank * block + GAP / 2 + lane + 0.5
        for rank, word in enumerate(order)
        for lane, group in enumerate(groups)
    }
    return Figure(
        _draw,
        Form(theme),
        {
            "dots": _in_lanes(_dots(probe), middles, groups),
            "means": _in_lanes(_ticks(means), middles, groups),
            "words": {
                "word": order,
                "middle": (np.arange(n) + 0.5) * block,
                "lanes": [block * n] * n,
                "block": [block] * n,
                "longest": [longest(order)] * n,
            },
        },
        f"Dots of how probable {n} words are after {len(probe.names)} names in {len(groups)} groups. "
        f"Largest difference: “{order[0]}”, {_describe_means(means, order[0])}.",
        "Dots of how probable words are after each name, with the mean of each group and its 95% interval.",
        size=(WIDTH, round(LANE * block * n) + AXIS),
        min_height=round(LEAST_LANE * block * n) + AXIS,
        legend=tuple(groups),
    )


def _dots(probe: NameProbe) -> Columns:
    """Return the probability of every word after every name."""
    n_words = len(probe.words)
    probabilities = probe.probabilities.astype(float).ravel().round(6)
    return {
        "group": np.repeat(np.array(probe.groups, dtype=object), n_words),
        "name": np.repeat(np.array(probe.names, dtype=object), n_words),
        "pieces": probe.pieces.repeat(n_words),
        "word": list(probe.words) * len(probe.names),
        "probability": probabilities,
        "probability_text": [format_percent(probability) for probability in probabilities.tolist()],
    }


def _ticks(means: pd.DataFrame) -> Columns:
    """Return the mean of each word and group, with its interval if there is one."""
    columns: dict[str, Any] = {name: means[name].to_list() for name in ("word", "group", "names", "mean")}
    for name in ("mean", "low", "high"):
        columns[f"{name}_text"] = [_percent_or_none(number) for number in means[name]]
    return columns | {
        "start": means["low"].fillna(means["mean"]).to_numpy(),
        "end": means["high"].fillna(means["mean"]).to_numpy(),
    }


def _percent_or_none(number: float) -> str:
    """Return a probability as a percentage, or "none" for NaN."""
    return "none" if math.isnan(number) else format_percent(number)


def _in_lanes(table: Columns, middles: Mapping[tuple[str, str], float], groups: Sequence[str]) -> Columns:
    """Add the vertical positions of each row's word and group to a table."""
    middle = np.array([middles[pair] for pair in zip(table["word"], table["group"], strict=True)])
    rank = [groups.index(group) for group in table["group"]]
    return {**table, "middle": middle, "rank": rank, "top": middle - 0.4, "bottom": middle + 0.4}


def _describe_means(means: pd.DataFrame, word: str) -> str:
    """Describe the mean of each group for a word."""
    rows = means[means["word"] == word]
    return ", ".join(
        f"{_percent_or_none(mean)} after {group}" for group, mean in zip(rows["group"], rows["mean"], strict=True)
    )


def _draw(form: Form, look: Look) -> alt.LayerChart:
    """Draw the dots, intervals, means and words."""
    color = _group_colors(form, look)
    dots = (
        alt.Chart(alt.NamedData("dots"))
        .mark_point(filled=True, size=alt.expr("pow(clamp(lane * 0.45, 6, 18), 2)"), opacity=0.45)
        .encode(
            x=_horizontal("probability", look),
            y=_vertical("middle"),
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
        .encode(
            x=_horizontal("start", look), x2="end:Q", y=_vertical("middle"), color=color, tooltip=_mean_tooltip()
        )
    )
    ticks = (
        alt.Chart(alt.NamedData("means"))
        .mark_rule(strokeWidth=alt.expr("clamp(lane * 0.2, 4, 9)"), color=INK)
        .encode(x=_horizontal("mean", look), y=_vertical("top"), y2="bottom:Q", tooltip=_mean_tooltip())
    )
    words = (
        alt.Chart(alt.NamedData("words"))
        .mark_text(align="right", fontSize=alt.expr("letter"), color=INK, limit=alt.expr("most_for_word"))
        .encode(x=alt.value(alt.expr("room_for_word")), y=_vertical("middle"), text="word:N")
    )
    step, widest = f"(lane * {first('words', 'block')} * 0.7)", f"width * 0.25 / {first('words', 'longest')}"
    lengths = LENGTHS | {"letter": look.letters(step, widest)}
    return alt.layer(dots, intervals, ticks, words).add_params(*named(lengths)).configure(**CONFIG)


def _group_colors(form: Form, look: Look) -> alt.Color:
    """Return the channel that colors groups, with its legend."""
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


def _horizontal(field: str, look: Look) -> alt.X:
    """Return the channel of a probability, with its axis."""
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


def _vertical(field: str) -> alt.Y:
    """Return the channel of a field that counts lanes from the top."""
    return alt.Y(f"{field}:Q", axis=None, scale=scale_of_rows("lanes", "0", "lane * lanes"))


def _mean_tooltip() -> list[alt.Tooltip]:
    """Return the tooltip of a mean and its interval."""
    return [
        alt.Tooltip("group:N"),
        alt.Tooltip("word:N"),
        alt.Tooltip("names:Q", title="number of names"),
        alt.Tooltip("mean_text:N", title="mean"),
        alt.Tooltip("low_text:N", title="95% low"),
        alt.Tooltip("high_text:N", title="95% high"),
    ]
