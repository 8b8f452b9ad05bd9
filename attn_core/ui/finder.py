"""Finding heads by their pattern, or by the two tokens that they link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from attn_core.charts.texts import write_weight
from attn_core.heads import head_label
from attn_core.patterns import (
    LABELS,
    OTHER,
    QUERIES,
    SCORES,
    SHARES,
    link_strengths,
)
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui.heads import head_scores_of, null_heads
from attn_core.ui.links import FINDERS
from attn_core.ui.state import choose_head, pick_one, plain
from attn_core.ui.views import View, forget_other_words, pick_token, settle_position

IN_PLACE = "position"
NUMBERS = tuple(column for name in SCORES for column in (name, *([SHARES[name]] if name in SHARES else [])))
SCORE_NAMES = {name: LABELS.get(name, name) for name in SCORES}
SCORE_NAMES |= {share: f"{LABELS[name]} share" for name, share in SHARES.items()}
CLEAR_LINK = 0.1  # a weight that is counted as a link


@dataclass(frozen=True)
class Found:
    """The heads that were asked for.

    Attributes:
        table: columns of one entry a head, in the order asked for: `layer`, `head`, its numbers and its label.
        labels: of all heads, in the order of layers and heads.
        evidence: on what each label rests or, of a link, its weight in each head.
        ranked: whether the order is that of a number.
        sentence: what was found, in markdown.
        query: the token from which they were asked to attend.
    """

    table: Mapping[str, NDArray[Any]]
    labels: list[str]
    evidence: list[str]
    ranked: bool
    sentence: str
    query: int | None = None

    @property
    def heads(self) -> list[tuple[int, int]]:
        """The (layer, head) pairs in their order."""
        return list(zip(self.table["layer"].tolist(), self.table["head"].tolist(), strict=True))


def find_heads(trace: AttentionTrace, how: View) -> Found:
    """Draw the menu that asks for heads, whose label says what it filters, and return the heads that answer.

    Args:
        trace: whose scores count.
        how: it is looked at, which tells the words that can be chosen for a link.
    """
    with st.popover(_label(trace, how), icon=":material/search:", key="finder"):
        way = pick_one("Find heads", FINDERS, key="find_by", label_visible=True)
        return _by_pattern(trace) if way == "pattern" else _by_link(trace, how)


def _label(trace: AttentionTrace, how: View) -> str:
    """Return what the menu is called: with what it filters."""
    state = st.session_state
    if state.find_by == FINDERS["words"]:
        view = how.measured(trace)
        _settle_link(view)
        labels = token_labels(view.tokens)
        return plain(f"Find heads: {labels[state.link_query]} → {labels[state.link_key]}")
    kinds = [*state.get("kinds", [])]
    return f"Find heads: {', '.join(kinds)}" if kinds else "Find heads"


def _settle_link(view: AttentionTrace) -> None:
    """Put two tokens of this text into the state, of which the second is not later, if others are there."""
    forget_other_words(view.tokens, "link_query", "link_key")
    settle_position("link_query", range(view.n_tokens), view.n_tokens - 1)
    query = st.session_state.link_query
    settle_position("link_key", range(query + 1), _default_key(view, query))


def _by_pattern(trace: AttentionTrace) -> Found:
    scores = head_scores_of(trace)
    counts = Counter(scores.labels)
    order = [label for label in (*LABELS.values(), OTHER) if label in counts]
    st.session_state.kinds = [kind for kind in st.session_state.get("kinds", []) if kind in order]
    kinds = st.pills(
        "Patterns",
        order,
        selection_mode="multi",
        format_func=lambda label: f"{label} ({counts[label]})",
        key="kinds",
        persist_state="session",
    )
    known = [name for name in NUMBERS if _is_known(scores.columns[name])]
    if st.session_state.get("sort_by") not in known:
        st.session_state.sort_by = IN_PLACE
    by = st.selectbox(
        "Sort by",
        [IN_PLACE, *known],
        format_func=lambda name: SCORE_NAMES.get(name, name),
        key="sort_by",
        persist_state="session",
        help="Lists only scores that apply to this prompt (induction needs a repeated token).",
    )
    places = np.array([place for place, label in enumerate(scores.labels) if label in kinds or not kinds])
    if by != IN_PLACE:
        places = places[np.argsort(-scores.columns[by][places], kind="stable")]
    table = {name: column[places] for name, column in scores.columns.items()}
    return Found(table, scores.labels, scores.evidence, by != IN_PLACE, null_heads(scores.labels))


def _is_known(numbers: NDArray[np.floating]) -> bool:
    """Whether there is a number among these at all."""
    return not bool(np.isnan(numbers).all())


def _by_link(trace: AttentionTrace, how: View) -> Found:
    view = how.measured(trace)
    query = pick_token("Query token", view, key="link_query", default=view.n_tokens - 1)
    key = pick_token("Key token", view, key="link_key", default=_default_key(view, query), stop=query + 1)
    scores = head_scores_of(trace)
    strengths = link_strengths(view, query, key)
    places = (strengths["layer"] * view.n_heads + strengths["head"]).to_numpy()
    table = {name: column[places] for name, column in scores.columns.items()}
    table["attention"] = strengths["attention"].to_numpy()
    labels = token_labels(view.tokens)
    best = [
        f"{head_label(divmod(int(place), view.n_heads))} (**{weight:.2f}**)"
        for place, weight in zip(places[:3], table["attention"], strict=False)
    ]
    several = int((table["attention"] >= CLEAR_LINK).sum())
    sentence = (
        f"**{plain(labels[query])}** → **{plain(labels[key])}**: {', '.join(best)}. "
        f"{several} of {len(places)} heads put at least {CLEAR_LINK:.2f} there."
    )
    weights = view.attention[:, :, query, key].ravel().tolist()
    evidence = [f"{write_weight(weight)} from “{labels[query]}” to “{labels[key]}”" for weight in weights]
    return Found(table, scores.labels, evidence, True, sentence, query)


def _default_key(view: AttentionTrace, query: int) -> int:
    """The word before the last that some head looks at most, other than its neighbours and the first."""
    candidates = range(1, query - 1) or range(query + 1)
    strongest = view.attention[:, :, query, candidates.start : candidates.stop].max(axis=(0, 1))
    return candidates[int(strongest.argmax())]


def show_head_table(found: Found) -> None:
    """Draw a table of the heads with their numbers; a click on one chooses it."""
    heads = found.heads
    # The rows in another order are another table: it would take the cell that it still shows for no click.
    key = f"head_table_{st.session_state.table_version}_{hash(tuple(heads))}"

    def clicked() -> None:
        cells = st.session_state[key]["selection"].get("cells", [])
        if cells:
            choose_head(*heads[int(cells[0][0])], in_table=True)

    numbers = [name for name in ("attention", *NUMBERS) if name in found.table and _is_known(found.table[name])]
    queries = [QUERIES[name] for name in numbers if name in QUERIES]  # last: they are for whoever saves the table
    shown = ["layer", "head", "label", "score", "share", "queries", *numbers, *queries]
    st.dataframe(
        pa.table({name: pa.array(found.table[name], from_pandas=True) for name in shown}),
        hide_index=True,
        height=min(38 + 35 * len(heads), 460),
        key=key,
        on_select=clicked,
        selection_mode="single-cell",
        placeholder="–",
        column_config=_columns(found.table, numbers),
    )


def _columns(table: Mapping[str, NDArray[Any]], numbers: list[str]) -> dict[str, Any]:
    """How the columns of the table of heads are shown."""
    columns: dict[str, Any] = {"label": st.column_config.TextColumn(width=120)}
    columns |= {name: st.column_config.NumberColumn(format="%.2f", width=60) for name in ("score", "share")}
    columns["queries"] = st.column_config.NumberColumn(format="%d", width=70)
    for name in numbers:
        columns[name] = st.column_config.ProgressColumn(
            _heading(table, name), format="%.2f", min_value=0.0, max_value=1.0
        )
        if name in QUERIES:
            columns[QUERIES[name]] = f"{SCORE_NAMES[name]} queries"
    return columns


def _heading(table: Mapping[str, NDArray[Any]], column: str) -> str:
    """What a column is called, with the number of queries behind a score."""
    if column == "attention":
        return "weight"
    queries = f" ({table[QUERIES[column]][0]})" if column in QUERIES and len(table["head"]) else ""
    return f"{SCORE_NAMES[column]}{queries}"
