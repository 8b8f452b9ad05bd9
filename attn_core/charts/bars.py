"""Draw next-token probabilities as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.figure import Columns, Figure
from attn_core.charts.formatting import format_percent
from attn_core.charts.sizes import Look, first, longest, named, scale_of_rows
from attn_core.charts.style import CONFIG, INK, Theme, colors
from attn_core.tokens import token_label
from attn_core.trace import Prediction

WIDTH = 420  # pixels, in a file or a notebook; then the pixels from one row to the next:
STEP, LAYER_STEP, THIN_LAYER_STEP, PAIR_STEP = 28, 26, 19, 54
THICK_LAYERS = 16  # rows; with more rows, each is thinner
LEAST_STEP, LEAST_PAIR_STEP, MOST_STEP = 15, 28, 90  # on a page

# The edges of a bar within its row, from the upper edge of the row.
TOP, BOTTOM = 0.14, 0.86
PAIR_TOP, PAIR_BOTTOM = 0.08, 0.92

# Lengths in pixels. From left to right: names, bars, texts. A text is cut at its share of the figure, not at its own
# measured width, which it exceeds while the browser uses another font.
LENGTHS = {
    "count": "max(length(data('names')), 1)",
    "row": f"min(height / count, {MOST_STEP})",
    "gap": "letter * 0.45",
    "most_for_text": "width * 0.4",
    "room_for_name": f"min(letter * {first('names', 'longest')}, most_for_text)",
    "left": "room_for_name + gap",
    "room_for_text": f"min(letter * {first('bars', 'longest')}, most_for_text)",
    "reach": "max(width - left - gap - room_for_text, 8)",
}


@dataclass(frozen=True)
class Form:
    """The parameters of the bars' form.

    Attributes:
        theme: the background that they are drawn for.
        pairs: whether two prompts are compared, with a bar for each.
    """

    theme: Theme
    pairs: bool = False


def probability_bars(
    prediction: Prediction, *, chosen: int | None = None, n: int = 10, theme: Theme = "light"
) -> Figure:
    """Draw the `n` most probable next tokens as bars, and highlight the chosen one.

    Args:
        prediction: the prediction; with token ids if `chosen` is given.
        chosen: the id of the token to highlight.
        n: how many tokens to show at most.
        theme: the background that the bars are drawn for.

    >>> trace = capture(load_model("mini"), "The dog on the ship")
    >>> charts.probability_bars(trace.prediction, n=5).kind
    'Bars of the most probable next tokens, the most probable one first.'
    """
    tokens = prediction.tokens[:n]
    probabilities = prediction.probabilities[:n].astype(float)
    texts = [format_percent(probability) for probability in probabilities.tolist()]
    bars: dict[str, Sequence[Any]] = {
        "token": tokens,
        "chosen": [token_id == chosen for token_id in prediction.token_ids[:n]] or [False] * len(tokens),
        "probability_text": texts,
        "shown": texts,
    }
    return Figure(
        _draw_bars,
        Form(theme),
        {
            "bars": {**bars, **_bar_positions(probabilities, texts)},
            "names": _name_columns([token_label(token) for token in tokens]),
        },
        _describe(prediction),
        "Bars of the most probable next tokens, the most probable one first.",
        size=(WIDTH, STEP * len(tokens)),
        min_height=LEAST_STEP * len(tokens),
    )


def lens_bars(
    predictions: Sequence[Prediction],
    target: int,
    target_probabilities: Sequence[float],
    *,
    theme: Theme = "light",
) -> Figure:
    """Draw the top prediction before the first layer and after each layer, with its probability (logit lens).

    Args:
        predictions: n_layers + 1 predictions, with token ids.
        target: the id of the chosen token. Its bars are highlighted, and a tick shows its probability in every row.
        target_probabilities: the n_layers + 1 probabilities of that token.
        theme: the background that the bars are drawn for.

    >>> lens = logit_lens(load_model("mini"), "The dog on the ship", target=" ran")
    >>> charts.lens_bars(lens.predictions, load_model("mini").token_id(" ran"), lens.target_probabilities).kind
    'Bars of the top prediction at the input and after each layer, from top to bottom.'
    """
    row_names = ["input", *(f"after L{layer}" for layer in range(len(predictions) - 1))]
    step = LAYER_STEP if len(row_names) <= THICK_LAYERS else THIN_LAYER_STEP
    return Figure(
        _draw_layers,
        Form(theme),
        {
            "bars": _layer_bars(predictions, target, target_probabilities, row_names),
            "names": _name_columns(row_names),
        },
        "Bars of the top prediction after each layer. "
        f"At the input {_describe_token(predictions[0], 0)}, at the end {_describe_token(predictions[-1], 0)}.",
        "Bars of the top prediction at the input and after each layer, from top to bottom.",
        size=(WIDTH, step * len(row_names)),
        min_height=LEAST_STEP * len(row_names),
    )


def _layer_bars(
    predictions: Sequence[Prediction], target: int, target_probabilities: Sequence[float], row_names: Sequence[str]
) -> Columns:
    """Return a bar for the top prediction of each row."""
    tokens = [prediction.tokens[0] for prediction in predictions]
    labels = [token_label(token) for token in tokens]
    probabilities = np.array([prediction.probabilities[0] for prediction in predictions], dtype=float)
    texts = [format_percent(probability) for probability in probabilities.tolist()]
    shown = [f"{label}  {text}" for label, text in zip(labels, texts, strict=True)]
    return {
        "place": row_names,
        "token": tokens,
        "label": labels,
        "probability_text": texts,
        "chosen": [prediction.token_ids[0] == target for prediction in predictions],
        "of_chosen": [float(probability) for probability in target_probabilities],
        "of_chosen_text": [format_percent(float(probability)) for probability in target_probabilities],
        "shown": shown,
        **_bar_positions(probabilities, shown, whole=1.0),
    }


def paired_probabilities(a: Prediction, b: Prediction, *, n: int = 8, theme: Theme = "light") -> Figure:
    """Draw the `n` next tokens whose probability differs most between two prompts, with both probabilities.

    A token that is missing from one prediction counts as 0 there: it is less probable than all tokens listed.

    Args:
        a, b: the predictions for the first and the second prompt.
        n: how many tokens to show at most.
        theme: the background that the bars are drawn for.

    >>> a, b = capture(load_model("mini"), "The dog on the ship"), capture(load_model("mini"), "The bird on the ship")
    >>> charts.paired_probabilities(a.prediction, b.prediction, n=5).kind
    'Bars of the largest differences in next-token probability: two for each token, A over B.'
    """
    tokens, probabilities, texts = _largest_differences(a, b, n)
    bars: dict[str, Sequence[Any]] = {
        "token": [token for token in tokens for _ in "AB"],
        "prompt": ["A", "B"] * len(tokens),
        "probability_text": texts,
        "shown": texts,
    }
    after_a, after_b = texts[:2]
    return Figure(
        _draw_bars,
        Form(theme, pairs=True),
        {
            "bars": {**bars, **_bar_positions(probabilities, texts, n_in_row=2)},
            "names": _name_columns([token_label(token) for token in tokens]),
        },
        "Bars of the largest differences in next-token probability between prompts A and B. "
        f"Largest: “{token_label(tokens[0])}”, {after_a} after A, {after_b} after B.",
        "Bars of the largest differences in next-token probability: two for each token, A over B.",
        size=(WIDTH, PAIR_STEP * len(tokens)),
        min_height=LEAST_PAIR_STEP * len(tokens),
    )


def _largest_differences(a: Prediction, b: Prediction, n: int) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """Return the `n` tokens that differ most, then their probabilities and texts, each after A and after B."""
    sides = [dict(zip(reversed(side.tokens), side.probabilities[::-1].tolist(), strict=True)) for side in (a, b)]
    tokens = sorted(
        dict.fromkeys([*a.tokens, *b.tokens]),
        key=lambda token: -abs(sides[1].get(token, 0.0) - sides[0].get(token, 0.0)),
    )[:n]
    probabilities = np.array([side.get(token, 0.0) for token in tokens for side in sides])
    bounds = [_format_upper_bound(side) for side in (a, b)]
    texts = [
        format_percent(side[token]) if token in side else bound
        for token in tokens
        for side, bound in zip(sides, bounds, strict=True)
    ]
    return tokens, probabilities, texts


def _bar_positions(
    probabilities: NDArray[np.floating], texts: Sequence[str], *, n_in_row: int = 1, whole: float | None = None
) -> dict[str, Sequence[Any] | NDArray[Any]]:
    """Return the columns that position the bars.

    Args:
        probabilities: the probabilities of the bars, (n,).
        texts: the texts beside the bars.
        n_in_row: how many bars share a row, one under the other.
        whole: the probability of a bar of full length; that of the longest bar if None.
    """
    rows, within = np.divmod(np.arange(len(probabilities)), n_in_row)
    first_top, last_bottom = (TOP, BOTTOM) if n_in_row == 1 else (PAIR_TOP, PAIR_BOTTOM)
    thickness = (last_bottom - first_top) / n_in_row
    top = rows + first_top + within * thickness
    return {
        "probability": probabilities,
        "share": probabilities / (whole or max(float(probabilities.max()), 1e-6)),
        "top": top,
        "middle": top + thickness / 2,
        "bottom": top + thickness,
        "longest": [longest(texts)] * len(texts),
    }


def _name_columns(labels: Sequence[str]) -> Columns:
    """Return the names on the left of the rows."""
    n = len(labels)
    return {"name": list(labels), "middle": np.arange(n) + 0.5, "longest": [longest(labels)] * n}


def _format_upper_bound(prediction: Prediction) -> str:
    """Return an upper bound for the probability of a token that is missing from a prediction."""
    probabilities = prediction.probabilities.astype(float)
    bound = min(float(probabilities[-1]), 1 - float(probabilities.sum()))
    return f"<{format_percent(bound)}" if bound >= 0.001 else "<0.1%"


def _describe(prediction: Prediction) -> str:
    """Describe the most probable tokens."""
    best = ", ".join(_describe_token(prediction, rank) for rank in range(min(3, len(prediction.tokens))))
    return f"Bars of the most probable next tokens: {best}."


def _describe_token(prediction: Prediction, rank: int) -> str:
    """Return a token with its probability, for the description of a chart."""
    return f"“{token_label(prediction.tokens[rank])}” {format_percent(float(prediction.probabilities[rank]))}"


def _draw_bars(form: Form, look: Look) -> alt.LayerChart:
    """Draw bars of one prediction, or pairs of bars of two."""
    if form.pairs:
        tooltip = [
            alt.Tooltip("token:N"),
            alt.Tooltip("prompt:N"),
            alt.Tooltip("probability_text:N", title="probability"),
        ]
        color: Any = alt.Color(
            "prompt:N",
            title=None,
            scale=alt.Scale(domain=["A", "B"], range=list(colors(form.theme).categories[:2])),
            legend=None if look.fills else alt.Legend(orient="top"),
        )
    else:
        tooltip = [alt.Tooltip("token:N"), alt.Tooltip("probability_text:N", title="probability")]
        color = _chosen_color(form.theme)
    step = "row * 0.5" if form.pairs else "row"
    return _combine([_bars(color, tooltip), _texts_beside_bars(), _names()], look, step)


def _draw_layers(form: Form, look: Look) -> alt.LayerChart:
    """Draw a bar for each layer, with a tick for the chosen token."""
    tooltip = [
        alt.Tooltip("place:N", title="layer"),
        alt.Tooltip("token:N", title="top prediction"),
        alt.Tooltip("probability_text:N", title="probability"),
        alt.Tooltip("of_chosen_text:N", title="chosen token"),
    ]
    ticks = (
        alt.Chart(alt.NamedData("bars"))
        .mark_rule(color=colors(form.theme).accent, strokeWidth=alt.expr(look.pixels(3)))
        .encode(x=_horizontal("of_chosen"), y=_vertical("top"), y2="bottom:Q", tooltip=tooltip)
    )
    return _combine([_bars(_chosen_color(form.theme), tooltip), ticks, _texts_in_column(), _names()], look, "row")


def _combine(layers: Sequence[alt.Chart], look: Look, step: str) -> alt.LayerChart:
    """Return the chart of the layers, with its lengths for rows that are `step` pixels apart."""
    widest = f"width * 0.3 / {first('names', 'longest')}, width * 0.3 / {first('bars', 'longest')}"
    lengths = LENGTHS | {"letter": look.letters(f"({step})", f"min({widest})", share=0.5)}
    return alt.layer(*layers).add_params(*named(lengths)).configure(**CONFIG)


def _chosen_color(theme: Theme) -> Any:
    """Return the color of bars, which highlights the chosen token."""
    palette = colors(theme)
    return alt.when("datum.chosen").then(alt.value(palette.accent)).otherwise(alt.value(palette.link))


def _bars(color: Any, tooltip: list[alt.Tooltip]) -> alt.Chart:
    """Return the bars."""
    return (
        alt.Chart(alt.NamedData("bars"))
        .mark_rect(cornerRadius=alt.expr("min(row * 0.08, 4)"))
        .encode(
            x=_horizontal("share"),
            x2=alt.X2Datum(0),
            y=_vertical("top"),
            y2="bottom:Q",
            color=color,
            tooltip=tooltip,
        )
    )


def _texts_beside_bars() -> alt.Chart:
    """Return the texts right of the end of each bar."""
    texts = _texts(limit="max(width - left - gap - datum.share * reach, most_for_text)")
    return texts.encode(x=_horizontal("share"))


def _texts_in_column() -> alt.Chart:
    """Return the texts in a column right of where a bar of full length would end, clear of the ticks."""
    return _texts(limit="most_for_text").encode(x=alt.value(alt.expr("left + reach")))


def _texts(*, limit: str) -> alt.Chart:
    """Return the texts of the bars, cut at a number of pixels."""
    return (
        alt.Chart(alt.NamedData("bars"))
        .mark_text(align="left", dx=alt.expr("gap"), fontSize=alt.expr("letter"), color=INK, limit=alt.expr(limit))
        .encode(y=_vertical("middle"), text="shown:N")
    )


def _names() -> alt.Chart:
    """Return the names of the rows."""
    return (
        alt.Chart(alt.NamedData("names"))
        .mark_text(align="right", fontSize=alt.expr("letter"), color=INK, limit=alt.expr("most_for_text"))
        .encode(x=alt.value(alt.expr("room_for_name")), y=_vertical("middle"), text="name:N")
    )


def _horizontal(field: str) -> alt.X:
    """Return the channel of a field from 0 to 1 that is a share of the longest bar."""
    return alt.X(
        f"{field}:Q",
        axis=None,
        scale=alt.Scale(domain=[0, 1], range=[alt.ExprRef("left"), alt.ExprRef("left + reach")], nice=False),
    )


def _vertical(field: str) -> alt.Y:
    """Return the channel of a field that counts rows from the top."""
    return alt.Y(f"{field}:Q", axis=None, scale=scale_of_rows("count", "0", "row * count"))
