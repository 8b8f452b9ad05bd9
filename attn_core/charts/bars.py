"""Next-word probabilities as bars."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd

from attn_core.charts.style import ACCENT, CATEGORIES, CONFIG, INK, LINK, named_axis
from attn_core.tokens import token_label
from attn_core.trace import Prediction

FONT = 15


def probability_bars(prediction: Prediction, *, chosen: int | None = None, n: int = 10) -> alt.LayerChart:
    """The `n` most probable next tokens as bars with their probabilities; that with the id `chosen` stands out."""
    table = pd.DataFrame(prediction.top(n), columns=["token", "probability"])
    table["rank"] = range(len(table))  # two tokens may read the same (" the", "the"): rows are told apart by rank
    table["chosen"] = [token_id == chosen for token_id in prediction.token_ids[:n]] or False
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
        .properties(width=420, height=28 * len(table), description=_told(prediction))
        .configure(**CONFIG)
    )


def lens_bars(
    predictions: Sequence[Prediction], target: int, target_probabilities: Sequence[float]
) -> alt.LayerChart:
    """What a model would have said before its first layer and after each one: the best token and its probability.

    Args:
        predictions: n_layers + 1 of them, with token ids.
        target: the id of the token that was chosen. Its bars stand out, a mark shows its probability in every row.
        target_probabilities: its n_layers + 1 probabilities.
    """
    table = pd.DataFrame(
        {
            "rank": range(len(predictions)),
            "place": ["before layer 0", *(f"after layer {layer}" for layer in range(len(predictions) - 1))],
            "token": [prediction.tokens[0] for prediction in predictions],
            "label": [token_label(prediction.tokens[0]) for prediction in predictions],
            "probability": [float(prediction.probabilities[0]) for prediction in predictions],
            "chosen": [prediction.token_ids[0] == target for prediction in predictions],
            "of_chosen": [float(probability) for probability in target_probabilities],
        }
    )
    scale = alt.Scale(domain=[0, 1.5])  # room for the words
    font = FONT - 1 if len(table) <= 16 else FONT - 3
    base = alt.Chart(table).encode(
        x=alt.X("probability:Q", axis=None, scale=scale),
        y=alt.Y("rank:O", title=None, axis=named_axis(table["place"].tolist(), title=None, font_size=font)),
        tooltip=[
            alt.Tooltip("place:N", title="where"),
            alt.Tooltip("token:N", title="best token"),
            alt.Tooltip("probability:Q", format=".3%"),
            alt.Tooltip("of_chosen:Q", title="chosen token's", format=".3%"),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=3).encode(
        color=alt.when("datum.chosen").then(alt.value(ACCENT)).otherwise(alt.value(LINK))
    )
    marks = base.mark_tick(color=ACCENT, thickness=3, size=font + 4).encode(
        x=alt.X("of_chosen:Q", axis=None, scale=scale)
    )
    words = (
        base.transform_calculate(shown="datum.label + '  ' + format(datum.probability, '.0%')")
        .mark_text(align="left", dx=8, fontSize=font, color=INK, limit=160)
        .encode(text="shown:N")
    )
    return (
        alt.layer(bars, marks, words)
        .properties(
            width=420,
            height=(26 if len(table) <= 16 else 19) * len(table),
            description="The best next word before layer 0 and after each layer, as bars. "
            f"First {_word(predictions[0], 0)}, at the end {_word(predictions[-1], 0)}.",
        )
        .configure(**CONFIG)
    )


def paired_probabilities(a: Prediction, b: Prediction, *, n: int = 8) -> alt.LayerChart:
    """The `n` next tokens whose probability differs most between two prompts, with both probabilities.

    A token that only one of them kept counts as 0 in the other.
    """
    known = [dict(zip(reversed(side.tokens), side.probabilities[::-1].tolist(), strict=True)) for side in (a, b)]
    tokens = sorted(
        dict.fromkeys([*a.tokens, *b.tokens]),
        key=lambda token: -abs(known[1].get(token, 0.0) - known[0].get(token, 0.0)),
    )[:n]
    table = pd.DataFrame(
        [
            {"rank": rank, "token": token, "prompt": prompt, "probability": probability_of.get(token, 0.0)}
            for rank, token in enumerate(tokens)
            for prompt, probability_of in zip("AB", known, strict=True)
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
            description="The next words whose probability differs most between prompt A and prompt B, as bars. "
            f"Most of all “{token_label(tokens[0])}”: {known[0].get(tokens[0], 0):.1%} after A, "
            f"{known[1].get(tokens[0], 0):.1%} after B.",
        )
        .configure(**CONFIG)
    )


def _told(prediction: Prediction) -> str:
    best = ", ".join(_word(prediction, rank) for rank in range(min(3, len(prediction.tokens))))
    return f"The most probable next words, as bars: {best}."


def _word(prediction: Prediction, rank: int) -> str:
    """A token with its probability, in the description of a chart."""
    return f"“{token_label(prediction.tokens[rank])}” {prediction.probabilities[rank]:.1%}"


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
