"""Next-word probabilities as bars."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from attn_core.charts.style import ACCENT, CATEGORIES, INK, LINK, named_axis
from attn_core.tokens import token_label
from attn_core.trace import Prediction

FONT = 15


def probability_bars(prediction: Prediction, *, chosen: str | None = None, n: int = 10) -> alt.LayerChart:
    """The `n` most probable next tokens as bars with their probabilities; `chosen` stands out."""
    table = pd.DataFrame(prediction.top(n), columns=["token", "probability"])
    table["rank"] = range(len(table))  # two tokens may read the same (" the", "the"): rows are told apart by rank
    table["chosen"] = table["token"] == chosen
    base = alt.Chart(table).encode(
        x=_probability(table["probability"].max()),
        y=alt.Y("rank:O", title=None, axis=_words(table["token"].tolist())),
        tooltip=[alt.Tooltip("token:N"), alt.Tooltip("probability:Q", format=".3%")],
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        color=alt.when("datum.chosen").then(alt.value(ACCENT)).otherwise(alt.value(LINK))
    )
    return (
        alt.layer(bars, _numbers(base))
        .properties(width=420, height=28 * len(table), description="The most probable next words, as bars.")
        .configure_view(strokeWidth=0)
    )


def paired_probabilities(a: Prediction, b: Prediction, *, n: int = 6) -> alt.LayerChart:
    """The next tokens of two prompts: the `n` best of each, with the probability under both."""
    best = dict.fromkeys([*a.tokens[:n], *b.tokens[:n]])
    tokens = sorted(best, key=lambda token: -max(a.probability_of(token), b.probability_of(token)))
    table = pd.DataFrame(
        [
            {"rank": rank, "token": token, "prompt": prompt, "probability": prediction.probability_of(token)}
            for rank, token in enumerate(tokens)
            for prompt, prediction in (("A", a), ("B", b))
        ]
    )
    base = alt.Chart(table).encode(
        x=_probability(table["probability"].max()),
        y=alt.Y("rank:O", title=None, axis=_words(tokens), scale=alt.Scale(paddingInner=0.25)),
        yOffset=alt.YOffset("prompt:N"),
        tooltip=[
            alt.Tooltip("token:N"),
            alt.Tooltip("prompt:N"),
            alt.Tooltip("probability:Q", format=".3%"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        color=alt.Color(
            "prompt:N",
            title=None,
            scale=alt.Scale(domain=["A", "B"], range=list(CATEGORIES[:2])),
            legend=alt.Legend(orient="top"),
        )
    )
    return (
        alt.layer(bars, _numbers(base))
        .properties(
            width=420,
            height=54 * len(tokens),
            description="Next-word probabilities of prompt A and prompt B.",
        )
        .configure_view(strokeWidth=0)
    )


def _probability(largest: float) -> alt.X:
    # Room to the right of the longest bar for its number.
    return alt.X("probability:Q", axis=None, scale=alt.Scale(domain=[0, max(largest, 1e-6) * 1.25]))


def _words(tokens: Sequence[str]) -> alt.Axis:
    return named_axis([token_label(token) for token in tokens], title=None, font_size=FONT)


def _numbers(base: alt.Chart) -> alt.Chart:
    shown = "datum.probability < 0.001 ? '< 0.1%' : format(datum.probability, '.1%')"
    return (
        base.transform_calculate(shown=shown)
        .mark_text(align="left", dx=6, fontSize=FONT - 1, color=INK)
        .encode(text="shown:N")
    )
