"""Next-token probabilities as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.figure import Columns, Figure, as_chart
from attn_core.charts.sizes import Look, first, longest, named, scale_of_rows
from attn_core.charts.style import CONFIG, INK, Theme, colors
from attn_core.charts.texts import write_percent
from attn_core.tokens import token_label
from attn_core.trace import Prediction

WIDTH = 420  # pixels, in a file or a notebook; and from one row to the next:
STEP, LAYER_STEP, THIN_LAYER_STEP, PAIR_STEP = 28, 26, 19, 54
THICK_LAYERS = 16  # more rows of layers are thinner
LEAST_STEP, LEAST_PAIR_STEP, MOST_STEP = 15, 28, 90  # on a page

# How much of a row its bar takes, from its upper edge on.
TOP, BOTTOM = 0.14, 0.86
PAIR_TOP, PAIR_BOTTOM = 0.08, 0.92

# Lengths in pixels. From left to right: names, bars, what is written beside them. A text is cut at its share of the
# figure, not at its own measured width, which it passes as long as the browser has another font for it.
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
    """What the form of bars depends on.

    Attributes:
        theme: which background they are painted for.
        pairs: whether two prompts are compared, a bar each.
    """

    theme: Theme
    pairs: bool = False


def probability_figure(
    prediction: Prediction, *, chosen: int | None = None, n: int = 10, theme: Theme = "light"
) -> Figure:
    """Draw the `n` most probable next tokens as bars; that with the id `chosen` stands out.

    Args:
        prediction: with token ids if `chosen` is given.
        chosen: the id of a token.
        n: how many tokens to show at most.
        theme: which background the bars are painted for.
    """
    tokens = prediction.tokens[:n]
    probabilities = prediction.probabilities[:n].astype(float)
    texts = [write_percent(probability) for probability in probabilities.tolist()]
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
            "bars": {**bars, **_placed(probabilities, texts)},
            "names": _names_of([token_label(token) for token in tokens]),
        },
        _described(prediction),
        "Bars of the most probable next tokens, the most probable one first.",
        size=(WIDTH, STEP * len(tokens)),
        least_height=LEAST_STEP * len(tokens),
    )


def lens_figure(
    predictions: Sequence[Prediction],
    target: int,
    target_probabilities: Sequence[float],
    *,
    theme: Theme = "light",
) -> Figure:
    """Draw the top prediction before the first layer and after each one, with its probability (logit lens).

    Args:
        predictions: n_layers + 1 of them, with token ids.
        target: the id of the token that was chosen. Its bars stand out, a tick shows its probability in every row.
        target_probabilities: its n_layers + 1 probabilities.
        theme: which background the bars are painted for.
    """
    tokens = [prediction.tokens[0] for prediction in predictions]
    labels = [token_label(token) for token in tokens]
    probabilities = np.array([prediction.probabilities[0] for prediction in predictions], dtype=float)
    places = ["input", *(f"after L{layer}" for layer in range(len(predictions) - 1))]
    texts = [write_percent(probability) for probability in probabilities.tolist()]
    shown = [f"{label}  {text}" for label, text in zip(labels, texts, strict=True)]
    bars: dict[str, Sequence[Any]] = {
        "place": places,
        "token": tokens,
        "label": labels,
        "probability_text": texts,
        "chosen": [prediction.token_ids[0] == target for prediction in predictions],
        "of_chosen": [float(probability) for probability in target_probabilities],
        "of_chosen_text": [write_percent(float(probability)) for probability in target_probabilities],
        "shown": shown,
    }
    step = LAYER_STEP if len(places) <= THICK_LAYERS else THIN_LAYER_STEP
    return Figure(
        _draw_layers,
        Form(theme),
        {"bars": {**bars, **_placed(probabilities, shown, whole=1.0)}, "names": _names_of(places)},
        "Bars of the top prediction after each layer. "
        f"At the input {_word(predictions[0], 0)}, at the end {_word(predictions[-1], 0)}.",
        "Bars of the top prediction at the input and after each layer, from top to bottom.",
        size=(WIDTH, step * len(places)),
        least_height=LEAST_STEP * len(places),
    )


def paired_figure(a: Prediction, b: Prediction, *, n: int = 8, theme: Theme = "light") -> Figure:
    """Draw the `n` next tokens whose probability differs most between two prompts, with both probabilities.

    A token that only one of them kept counts as 0 in the other, where it is less probable than all that are kept.

    Args:
        a, b: what follows either prompt.
        n: how many tokens to show at most.
        theme: which background the bars are painted for.
    """
    known = [dict(zip(reversed(side.tokens), side.probabilities[::-1].tolist(), strict=True)) for side in (a, b)]
    tokens = sorted(
        dict.fromkeys([*a.tokens, *b.tokens]),
        key=lambda token: -abs(known[1].get(token, 0.0) - known[0].get(token, 0.0)),
    )[:n]
    probabilities = np.array([side.get(token, 0.0) for token in tokens for side in known])
    less = [_write_less_than(side) for side in (a, b)]
    texts = [
        write_percent(side[token]) if token in side else bound
        for token in tokens
        for side, bound in zip(known, less, strict=True)
    ]
    bars: dict[str, Sequence[Any]] = {
        "token": [token for token in tokens for _ in known],
        "prompt": ["A", "B"] * len(tokens),
        "probability_text": texts,
        "shown": texts,
    }
    after_a, after_b = texts[:2]
    return Figure(
        _draw_bars,
        Form(theme, pairs=True),
        {
            "bars": {**bars, **_placed(probabilities, texts, n_in_row=2)},
            "names": _names_of([token_label(token) for token in tokens]),
        },
        "Bars of the largest differences in next-token probability between prompts A and B. "
        f"Largest: “{token_label(tokens[0])}”, {after_a} after A, {after_b} after B.",
        "Bars of the largest differences in next-token probability: two for each token, A over B.",
        size=(WIDTH, PAIR_STEP * len(tokens)),
        least_height=LEAST_PAIR_STEP * len(tokens),
    )


probability_bars = as_chart(probability_figure)
lens_bars = as_chart(lens_figure)
paired_probabilities = as_chart(paired_figure)


def _placed(
    probabilities: NDArray[np.floating], texts: Sequence[str], *, n_in_row: int = 1, whole: float | None = None
) -> dict[str, Sequence[Any] | NDArray[Any]]:
    """Return the columns that place bars.

    Args:
        probabilities: of the bars, (n,).
        texts: what is written beside them.
        n_in_row: how many bars share a row, one under the other.
        whole: probability of the longest bar there could be; that of the longest there is if None.
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


def _names_of(labels: Sequence[str]) -> Columns:
    """Return the names at the left of the rows."""
    n = len(labels)
    return {"name": list(labels), "middle": np.arange(n) + 0.5, "longest": [longest(labels)] * n}


def _write_less_than(prediction: Prediction) -> str:
    """Return what is known of the probability of a token that a prediction did not keep."""
    probabilities = prediction.probabilities.astype(float)
    bound = min(float(probabilities[-1]), 1 - float(probabilities.sum()))
    return f"<{write_percent(bound)}" if bound >= 0.001 else "<0.1%"


def _described(prediction: Prediction) -> str:
    best = ", ".join(_word(prediction, rank) for rank in range(min(3, len(prediction.tokens))))
    return f"Bars of the most probable next tokens: {best}."


def _word(prediction: Prediction, rank: int) -> str:
    """Return a token with its probability, for the description of a chart."""
    return f"“{token_label(prediction.tokens[rank])}” {write_percent(float(prediction.probabilities[rank]))}"


def _draw_bars(form: Form, look: Look) -> alt.LayerChart:
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
    return _layered([_bars(color, tooltip), _texts_beside_bars(), _names()], look, step)


def _draw_layers(form: Form, look: Look) -> alt.LayerChart:
    tooltip = [
        alt.Tooltip("place:N", title="layer"),
        alt.Tooltip("token:N", title="top prediction"),
        alt.Tooltip("probability_text:N", title="probability"),
        alt.Tooltip("of_chosen_text:N", title="chosen token"),
    ]
    ticks = (
        alt.Chart(alt.NamedData("bars"))
        .mark_rule(color=colors(form.theme).accent, strokeWidth=alt.expr(look.pixels(3)))
        .encode(x=_along("of_chosen"), y=_down("top"), y2="bottom:Q", tooltip=tooltip)
    )
    return _layered([_bars(_chosen_color(form.theme), tooltip), ticks, _texts_in_a_column(), _names()], look, "row")


def _layered(layers: Sequence[alt.Chart], look: Look, step: str) -> alt.LayerChart:
    widest = f"width * 0.3 / {first('names', 'longest')}, width * 0.3 / {first('bars', 'longest')}"
    lengths = LENGTHS | {"letter": look.letters(f"({step})", f"min({widest})", share=0.5)}
    return alt.layer(*layers).add_params(*named(lengths)).configure(**CONFIG)


def _chosen_color(theme: Theme) -> Any:
    palette = colors(theme)
    return alt.when("datum.chosen").then(alt.value(palette.accent)).otherwise(alt.value(palette.link))


def _bars(color: Any, tooltip: list[alt.Tooltip]) -> alt.Chart:
    return (
        alt.Chart(alt.NamedData("bars"))
        .mark_rect(cornerRadius=alt.expr("min(row * 0.08, 4)"))
        .encode(x=_along("share"), x2=alt.X2Datum(0), y=_down("top"), y2="bottom:Q", color=color, tooltip=tooltip)
    )


def _texts_beside_bars() -> alt.Chart:
    texts = _texts(limit="max(width - left - gap - datum.share * reach, most_for_text)")
    return texts.encode(x=_along("share"))


def _texts_in_a_column() -> alt.Chart:
    """Return what is written of the bars at the right of the longest bar there could be, clear of the ticks."""
    return _texts(limit="most_for_text").encode(x=alt.value(alt.expr("left + reach")))


def _texts(*, limit: str) -> alt.Chart:
    return (
        alt.Chart(alt.NamedData("bars"))
        .mark_text(align="left", dx=alt.expr("gap"), fontSize=alt.expr("letter"), color=INK, limit=alt.expr(limit))
        .encode(y=_down("middle"), text="shown:N")
    )


def _names() -> alt.Chart:
    return (
        alt.Chart(alt.NamedData("names"))
        .mark_text(align="right", fontSize=alt.expr("letter"), color=INK, limit=alt.expr("most_for_text"))
        .encode(x=alt.value(alt.expr("room_for_name")), y=_down("middle"), text="name:N")
    )


def _along(field: str) -> alt.X:
    """Return how far a bar reaches for a field from 0 to 1."""
    return alt.X(
        f"{field}:Q",
        axis=None,
        scale=alt.Scale(domain=[0, 1], range=[alt.ExprRef("left"), alt.ExprRef("left + reach")], nice=False),
    )


def _down(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", axis=None, scale=scale_of_rows("count", "0", "row * count"))
