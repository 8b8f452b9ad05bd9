"""Draw a head as lines from query tokens (left) to key tokens (right)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from attn_core.charts.figure import Columns, Figure, rows_where
from attn_core.charts.formatting import format_weight, spell_heads
from attn_core.charts.sizes import (
    ROOM_SMALLEST,
    Look,
    across,
    across_to,
    along,
    breadth,
    first,
    longest,
    named,
    scale_of_rows,
)
from attn_core.charts.style import CONFIG, INK, Theme, colors
from attn_core.heads import head_label
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_LINKS = 600  # more links are neither readable nor fast to draw
MIN_WEIGHT = 0.01  # lines of smaller weights are invisible
MIN_LINKS = 5  # links drawn of a chosen query whose weights are all smaller

# Numbers of tokens, each with the pixels from one token to the next up to that number, in a file or a notebook.
STEPS = ((16, 30), (32, 26), (80, 20), (math.inf, 15))
LEAST_STEP, MOST_STEP = 15, 150  # pixels from one token to the next on a page
WIDTH = 520  # pixels
COLUMNS = 3  # of head names in the legend

FADED = 0.7  # opacity of a query word whose lines are hidden; it stays readable
FAINTEST_ON_PROJECTOR = 0.6  # opacity of the smallest weight: lower ones are lost on a projector

CHANGED, ONLY_HERE = "changed", "only here"
"""How a token of one prompt differs from the tokens of another prompt."""

Queries = int | Sequence[int] | None
"""Token positions whose lines are shown: one, several, or all (None)."""

# Vega expressions: the hovered word and its lines are lit; with nothing hovered, the chosen ones.
HOVERED = "length(data('hovered_store'))"
LIT = f"{HOVERED} ? vlSelectionTest('hovered_store', datum) : datum.chosen"
NUMBERED = f"{HOVERED} ? vlSelectionTest('hovered_store', datum) : datum.numbered"
NOT_HOVERED = f"!{HOVERED}"

# Lengths in pixels. From left to right: words, lines, words, numbers. A word is cut at its share of the figure, not at
# its own measured width, which it exceeds while the browser uses another font.
LENGTHS = {
    "tokens": first("words", "n_rows"),
    "rows": f"min(height, tokens * {MOST_STEP})",
    "gap": "letter * 0.45",
    "most_for_word": "width * 0.3",
    "room_for_word": f"min(letter * {first('words', 'longest')}, most_for_word)",
    "left": "max(room_for_word + 2 * gap, 40)",
    "numbers": "letter * 2.2",
    "right": "width - numbers - room_for_word - gap",
}


@dataclass(frozen=True)
class Form:
    """The parameters of the lines' form.

    Attributes:
        several: whether there is more than one head.
        mark_color: the color of marked words.
        theme: the background that the lines are drawn for.
    """

    several: bool
    mark_color: str
    theme: Theme


@dataclass(frozen=True, eq=False)
class Links:
    """The k links that a figure shows, the strongest first.

    Attributes:
        queries, keys: token positions, int (k,).
        weights: the weights, (k,).
        ranks: the index of each link's head in the list of heads, int (k,).
        left_out: the number of links of at least `MIN_WEIGHT` that are not shown.
        threshold: a weight; all links with larger weights are shown.
    """

    queries: NDArray[np.integer]
    keys: NDArray[np.integer]
    weights: NDArray[np.floating]
    ranks: NDArray[np.integer]
    left_out: int
    threshold: float


def shown_links(trace: AttentionTrace, heads: Sequence[tuple[int, int]], *, query: Queries = None) -> Links:
    """Return the links that `attention_lines` draws: the strongest, and all links of the chosen queries.

    >>> links = charts.shown_links(capture(load_model("mini"), "The dog on the ship ran"), [(2, 0)])
    >>> links.left_out, links.threshold
    (0, 0.01)
    """
    return _choose_links([trace.head(*head) for head in heads], _positions(query))


def attention_lines(
    trace: AttentionTrace,
    layer: int,
    head: int,
    *,
    query: Queries = None,
    more_heads: Sequence[tuple[int, int]] = (),
    name: str | None = None,
    marks: Mapping[int, str] | None = None,
    mark_color: str | None = None,
    rows: Sequence[int] | None = None,
    n_rows: int | None = None,
    theme: Theme = "light",
) -> Figure:
    """Draw one head's attention as lines; with `more_heads`, several heads in different colors.

    Hovering over a word on the left shows only its lines, with their weights. The point selection `query`
    (field `query`, a token position) holds which word was clicked.

    Args:
        trace: the trace to show.
        layer, head: zero-based.
        query: the token position whose lines are shown while nothing is hovered, or several positions, whose weights
            are summed on the right; the lines of all tokens if None.
        more_heads: more (layer, head) pairs, drawn over the first.
        name: the name of the weights if they are not a head's: "the mean of layer 3".
        marks: the token positions of words that differ from another prompt's, each "changed" or "only here". Both are
            bold in `mark_color`; words that are only here are also underlined.
        mark_color: the color of marked words; the theme's accent if None.
        rows: the row of each token, ascending, if some rows are empty to align two figures.
        n_rows: the number of rows of the figure in that case.
        theme: the background that the lines are drawn for.

    >>> charts.attention_lines(capture(load_model("mini"), "The dog on the ship ran"), 2, 0, query=5).kind
    'Lines from each query token, on the left, to the tokens it attends to, on the right.'
    """
    heads = [(layer, head), *more_heads]
    names = [name or head_label(heads[0]), *map(head_label, more_heads)]
    chosen = _positions(query)
    links = _choose_links([trace.head(*head) for head in heads], chosen)
    summed = len(heads) == 1 and chosen is not None and len(chosen) > 1
    return _figure(
        _words(token_labels(trace.tokens), chosen, marks or {}, rows, n_rows),
        links,
        names=names,
        queries=range(trace.n_tokens),
        sums=trace.head(layer, head)[list(chosen or ())].sum(axis=0) if summed else None,
        subject=f"Lines of {' and '.join(names)}",
        mark_color=mark_color,
        theme=theme,
    )


def row_lines(tokens: Sequence[str], row: NDArray[Any], *, name: str, theme: Theme = "light") -> Figure:
    """Draw the lines of the last token only: what one head attended to when the next token was chosen.

    Args:
        tokens: the n tokens up to the query.
        row: the head's weights on them, (n,), with a sum of 1.
        name: the name of the head.
        theme: the background that the lines are drawn for.

    >>> import numpy as np
    >>> charts.row_lines(["The", " dog", " ran"], np.array([0.25, 0.75, 0.0]), name="L4H3").description
    'Lines of layer 4, head 3, from the last token. Strongest: from “ran” to “dog”, 0.75.'
    """
    query = len(tokens) - 1
    weights = np.zeros((len(tokens), len(tokens)), dtype=np.float32)
    weights[query] = row
    return _figure(
        _words(token_labels(tokens), (query,), {}),
        _choose_links([weights], (query,)),
        names=[name],
        queries=[query],
        sums=None,
        subject=f"Lines of {name}, from the last token",
        mark_color=None,
        theme=theme,
    )


def _positions(query: Queries) -> tuple[int, ...] | None:
    """Return the chosen queries as a tuple; None for all."""
    chosen = (query,) if isinstance(query, int | np.integer) else tuple(query or ())
    return chosen or None


def _choose_links(matrices: Sequence[NDArray[np.floating]], chosen: Sequence[int] | None) -> Links:
    """Choose the strongest links of the (n, n) matrices, and all links of the chosen queries."""
    candidates = []
    for rank, weights in enumerate(matrices):
        visible = weights >= MIN_WEIGHT
        for query in chosen or ():
            if not visible[query].any():  # on a long text: show the largest of its small weights
                strongest = np.argsort(-weights[query], kind="stable")[:MIN_LINKS]
                visible[query, strongest] = weights[query, strongest] > 0
        queries, keys = np.nonzero(visible)
        candidates.append((queries, keys, weights[queries, keys], np.full(len(queries), rank)))
    queries, keys, weights, ranks = (np.concatenate(column) for column in zip(*candidates, strict=True))
    order = np.argsort(-weights, kind="stable")
    shown = np.arange(len(order)) < MAX_LINKS
    if chosen is not None:
        shown |= np.isin(queries[order], list(chosen))
    kept, left_out = order[shown], order[~shown]
    threshold = float(weights[left_out].max()) if len(left_out) else MIN_WEIGHT
    return Links(queries[kept], keys[kept], weights[kept], ranks[kept], len(left_out), threshold)


def _words(
    labels: Sequence[str],
    chosen: Sequence[int] | None,
    marks: Mapping[int, str],
    rows: Sequence[int] | None = None,
    n_rows: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Return the words of the figure, with their positions."""
    n = len(labels)
    top = np.arange(n) if rows is None else np.array(rows, dtype=int)
    lit = np.full(n, True) if chosen is None else np.isin(np.arange(n), list(chosen))
    return {
        "query": np.arange(n),
        "word": np.array(labels, dtype=object),
        "top": top,
        "middle": top + 0.5,
        "bottom": top + 1,
        "n_rows": np.full(n, n if n_rows is None else n_rows),
        "longest": np.full(n, longest(labels)),
        "breadth": np.array([breadth(label) for label in labels]),
        "chosen": lit,
        "kept": lit & (chosen is not None),
        "mark": np.array([marks.get(position, "") for position in range(n)], dtype=object),
    }


def _figure(
    words: dict[str, NDArray[Any]],
    links: Links,
    *,
    names: Sequence[str],
    queries: Sequence[int] | range,
    sums: NDArray[np.floating] | None,
    subject: str,
    mark_color: str | None,
    theme: Theme,
) -> Figure:
    """Return the figure of some words and links; `sums` are the summed weights on each key, or None."""
    several = len(names) > 1
    lines = _lines_of(links, words, names)
    numbered = lines["chosen"] & (sums is None and bool(words["kept"].any()))
    n_rows = int(words["n_rows"][0])
    step = next(step for most, step in STEPS if n_rows <= most)
    return Figure(
        _draw,
        Form(several, mark_color or colors(theme).accent, theme),
        {
            "links": {**lines, "numbered": numbered},
            "words": words,
            "queries": rows_where(words, np.isin(words["query"], list(queries))),
            "sums": _sums(np.zeros(len(words["query"])) if sums is None else sums, words),
        },
        spell_heads(f"{subject}. {_describe_strongest(rows_where(lines, lines['chosen']), several=several)}"),
        "Lines from each query token, on the left, to the tokens it attends to, on the right.",
        size=(WIDTH, step * n_rows),
        min_height=LEAST_STEP * n_rows,
        clickable="queries",
        legend=tuple(names),
    )


def _lines_of(links: Links, words: Mapping[str, NDArray[Any]], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return a line for each link, with its position and its texts."""
    spread = 0.5 / len(names)  # heads are offset a little, or the last would hide the others
    offsets = (links.ranks - (len(names) - 1) / 2) * spread
    labels, middles, weights = words["word"], words["middle"], links.weights.astype(float).round(4)
    return {
        "id": (links.queries * len(labels) + links.keys) * len(names) + links.ranks,
        "query": links.queries,
        "key": links.keys,
        "weight": weights,
        "rank": links.ranks,
        "head": np.array(names, dtype=object)[links.ranks],
        "y": middles[links.queries] + offsets,
        "y2": middles[links.keys] + offsets,
        "middle": middles[links.keys],
        "weight_text": _weight_texts(weights),
        "chosen": words["chosen"][links.queries],
        "from_word": labels[links.queries],
        "to_word": labels[links.keys],
    }


def _sums(weights: NDArray[np.floating], words: Mapping[str, NDArray[Any]]) -> Columns:
    """Return the summed weights of the chosen queries on each key, where they are visible."""
    keys = np.flatnonzero(weights >= MIN_WEIGHT)
    return {
        "key": keys,
        "weight": weights[keys],
        "middle": words["middle"][keys],
        "weight_text": _weight_texts(weights[keys]),
    }


def _weight_texts(weights: NDArray[np.floating]) -> NDArray[Any]:
    """Format weights as texts."""
    return np.array([format_weight(weight) for weight in weights.tolist()], dtype=object)


def _describe_strongest(lines: Mapping[str, NDArray[Any]], *, several: bool) -> str:
    """Describe the strongest of the lines, except the first token's, which can attend only to itself."""
    if not len(lines["query"]):
        return "No weight reaches 0.01."
    later_tokens = np.flatnonzero(lines["query"] > 0)
    strongest = later_tokens[0] if len(later_tokens) else 0
    from_word, to_word, weight = (lines[name][strongest] for name in ("from_word", "to_word", "weight_text"))
    by_head = f" by {lines['head'][strongest]}" if several else ""
    return f"Strongest: from “{from_word}” to “{to_word}”{by_head}, {weight}."


def _draw(form: Form, look: Look) -> alt.LayerChart:
    """Draw the lines, the words of both sides, and the bands that respond to the pointer."""
    letter = look.letters("(rows / tokens)", f"width * 0.6 / (2 * min({first('words', 'longest')}, 5.5) + 3.5)")
    lengths = LENGTHS | {"letter": letter, "thickest": f"clamp(width / 40, 8, {look.pixels(16)})"}
    hovered = alt.selection_point(
        name="hovered", fields=["query"], on="pointerover", clear="pointerout", empty=False
    )
    clicked = alt.selection_point(name="query", fields=look.clicks("query"), on="click", clear=False)
    layers = [_lines(form, look), *_word_columns(form), *_underlines(form)]
    if not form.several:
        layers += [_numbers("links", NUMBERED, look), _numbers("sums", NOT_HOVERED, look)]
    # The band under a query word responds to the pointer, so that a short word is as easy to hit as a long one.
    bands = (
        alt.Chart(alt.NamedData("queries"))
        .mark_rect(cursor="pointer", fill=colors(form.theme).accent)
        .encode(
            x=across("0"),
            x2=across_to("left"),
            y=_row("top"),
            y2="bottom:Q",
            opacity=alt.when(hovered)
            .then(alt.value(0.28))
            .when("datum.kept")
            .then(alt.value(0.18))
            .otherwise(alt.value(0)),
            tooltip=[alt.Tooltip("word:N", title="token"), alt.Tooltip("query:Q", title="position")],
        )
        .add_params(hovered, clicked)
    )
    return alt.layer(*layers, bands).add_params(*named(lengths)).configure(**CONFIG)


def _lines(form: Form, look: Look) -> alt.Chart:
    """Return the lines; weights set their width and opacity."""
    palette = colors(form.theme)
    faintest = FAINTEST_ON_PROJECTOR if look.for_projector else palette.faintest
    thickest = "thickest" if not form.several else "thickest * 0.6"
    thickness = alt.Scale(
        domain=[0, 1], range=[alt.ExprRef(look.pixels(0.6, 2)), alt.ExprRef(thickest)], nice=False, zero=False
    )
    weight = alt.Opacity("weight:Q", scale=alt.Scale(domain=[0, 1], range=[faintest, 1]), legend=None)
    return (
        alt.Chart(alt.NamedData("links"))
        .mark_rule(strokeCap="round")
        .encode(
            x=across("left"),
            x2=across_to("right"),
            y=_row("y"),
            y2="y2:Q",
            key="id:N",
            color=_head_colors(form, look),
            strokeWidth=alt.StrokeWidth("weight:Q", scale=thickness, legend=None),
            opacity=alt.when(LIT).then(weight).otherwise(alt.value(0)),
            tooltip=[
                alt.Tooltip("from_word:N", title="from"),
                alt.Tooltip("to_word:N", title="to"),
                alt.Tooltip("weight_text:N", title="weight"),
                alt.Tooltip("head:N", title="head"),
            ],
        )
    )


def _head_colors(form: Form, look: Look) -> Any:
    """Return the color of lines, by head if there are several."""
    palette = colors(form.theme)
    if not form.several:
        return alt.value(palette.link)
    legend = look.legend and alt.Legend(
        orient="top",
        columns=COLUMNS,
        values=list(range(len(look.legend))),
        labelExpr=f"{json.dumps(look.legend)}[datum.value]",
        symbolType="stroke",
        symbolStrokeWidth=5,
    )
    return alt.Color(
        "rank:N",
        title=None,
        scale=alt.Scale(domain=list(range(len(palette.categories))), range=list(palette.categories)),
        legend=legend,
    )


def _word_columns(form: Form) -> list[alt.Chart]:
    """Return the words: keys on the right, queries on the left."""
    color = alt.when("datum.mark").then(alt.value(form.mark_color)).otherwise(alt.value(INK))
    font: dict[str, Any] = {
        "fontSize": alt.expr("letter"),
        "fontWeight": alt.expr("datum.mark ? 700 : 400"),
        "limit": alt.expr("most_for_word"),
    }
    lit = alt.when(f"datum.mark || ({LIT})").then(alt.value(1)).otherwise(alt.value(FADED))
    y = _row("middle")
    keys = alt.Chart(alt.NamedData("words")).mark_text(align="left", dx=alt.expr("gap"), **font)
    queries = alt.Chart(alt.NamedData("queries")).mark_text(align="right", dx=alt.expr("-gap"), **font)
    return [
        keys.encode(x=across("right"), y=y, text="word:N", color=color),
        queries.encode(x=across("left"), y=y, text="word:N", color=color, opacity=lit),
    ]


def _underlines(form: Form) -> list[alt.Chart]:
    """Return a line under each word that is only in this prompt, which is visible without color."""
    breadth = "min(datum.breadth * letter, room_for_word)"
    ends = {
        "words": ("right + gap", f"right + gap + {breadth}"),
        "queries": (f"left - gap - {breadth}", "left - gap"),
    }
    return [
        alt.Chart(alt.NamedData(table))
        .transform_filter(f"datum.mark === '{ONLY_HERE}'")
        .transform_calculate(start=f"({start}) / width", end=f"({end}) / width")
        .mark_rule(
            color=form.mark_color, strokeWidth=alt.expr("max(letter * 0.08, 1.5)"), yOffset=alt.expr("letter * 0.6")
        )
        .encode(x=along("start"), x2="end:Q", y=_row("middle"))
        for table, (start, end) in ends.items()
    ]


def _numbers(table: str, shown_if: str, look: Look) -> alt.Chart:
    """Return the weights of a table, right of the words, shown while a Vega expression is true."""
    size = f"max(letter * 0.9, min(letter, {look.pixels(0, ROOM_SMALLEST)}))"
    return (
        alt.Chart(alt.NamedData(table))
        .mark_text(align="right", fontSize=alt.expr(size), color=INK, fontWeight="bold")
        .encode(
            x=across("width"),
            y=_row("middle"),
            text="weight_text:N",
            opacity=alt.when(shown_if).then(alt.value(1)).otherwise(alt.value(0)),
        )
    )


def _row(field: str) -> alt.Y:
    """Return the channel of a field that counts tokens from the top."""
    return alt.Y(f"{field}:Q", axis=None, scale=scale_of_rows("tokens", "0", "rows"))
