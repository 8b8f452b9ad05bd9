"""Find heads by their pattern, or by the two tokens that they link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from attn_core.analysis.scores import LABELS, OTHER, QUERIES, SCORES, SHARES, link_strengths
from attn_core.charts.formatting import format_weight
from attn_core.heads import head_label
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace
from attn_core.ui.heads import compute_head_scores, describe_null_heads
from attn_core.ui.links import SEARCHES
from attn_core.ui.session import session
from attn_core.ui.state import choose_head, escape_markdown, pick_one
from attn_core.ui.views import ViewOptions, apply_default_position, pick_token, reset_changed_positions

BY_POSITION = "position"
NUMBERS = tuple(column for name in SCORES for column in (name, *([SHARES[name]] if name in SHARES else [])))
SCORE_NAMES = {name: LABELS.get(name, name) for name in SCORES}
SCORE_NAMES |= {share: f"{LABELS[name]} share" for name, share in SHARES.items()}
CLEAR_LINK = 0.1  # the least weight that counts as a link


@dataclass(frozen=True, eq=False)
class FoundHeads:
    """Hold the heads that a search found.

    Attributes:
        table: columns with one value per head, in the chosen order: `layer`, `head`, its scores and its label.
        labels: the labels of all heads, in the order of layers and heads.
        evidence: the evidence for each label or, in a search for a link, the link's weight in each head.
        ranked: whether the heads are sorted by a number.
        sentence: a summary, in markdown.
        query: the query token of the link, in a search for a link.
    """

    table: Mapping[str, NDArray[Any]]
    labels: list[str]
    evidence: list[str]
    ranked: bool
    sentence: str
    query: int | None = None

    @property
    def heads(self) -> list[tuple[int, int]]:
        """Return the (layer, head) pairs in their order."""
        return list(zip(self.table["layer"].tolist(), self.table["head"].tolist(), strict=True))


def pick_heads(trace: AttentionTrace, view_options: ViewOptions) -> FoundHeads:
    """Draw the menu of the head search, with a label that names the search, and return the heads that match.

    Args:
        trace: the trace whose heads are searched.
        view_options: the view options, which decide the tokens that can be chosen for a link.
    """
    with st.popover(_describe_search(trace, view_options), icon=":material/search:", key="finder"):
        search = pick_one("Find heads", SEARCHES, key="find_by", label_visible=True)
        return _pick_by_pattern(trace) if search == "pattern" else _pick_by_link(trace, view_options)


def _describe_search(trace: AttentionTrace, view_options: ViewOptions) -> str:
    """Return the label of the menu, which names the search."""
    if session.find_by == SEARCHES["words"]:
        view = view_options.apply_unscaled(trace)
        _apply_default_link(view)
        labels = token_labels(view.tokens)
        return escape_markdown(f"Find heads: {labels[session.link_query]} → {labels[session.link_key]}")
    kinds = [*session.kinds]
    return f"Find heads: {', '.join(kinds)}" if kinds else "Find heads"


def _apply_default_link(view: AttentionTrace) -> None:
    """Set the tokens of the link, unless two valid ones are chosen; the key is not later than the query."""
    reset_changed_positions(view.tokens, "link_query", "link_key")
    apply_default_position("link_query", range(view.n_tokens), view.n_tokens - 1)
    query = session.link_query
    apply_default_position("link_key", range(query + 1), _suggest_key(view, query))


def _pick_by_pattern(trace: AttentionTrace) -> FoundHeads:
    scores = compute_head_scores(trace)
    counts = Counter(scores.labels)
    order = [label for label in (*LABELS.values(), OTHER) if label in counts]
    session.kinds = [kind for kind in session.kinds if kind in order]
    kinds = st.pills(
        "Patterns",
        order,
        selection_mode="multi",
        format_func=lambda label: f"{label} ({counts[label]})",
        key="kinds",
        persist_state="session",
    )
    known = [name for name in NUMBERS if _is_known(scores.columns[name])]
    if session.sort_by not in known:
        session.sort_by = BY_POSITION
    sort_by = st.selectbox(
        "Sort by",
        [BY_POSITION, *known],
        format_func=lambda name: SCORE_NAMES.get(name, name),
        key="sort_by",
        persist_state="session",
        help="Lists only scores that apply to this prompt (induction needs a repeated token).",
    )
    indices = np.array([index for index, label in enumerate(scores.labels) if label in kinds or not kinds])
    if sort_by != BY_POSITION:
        indices = indices[np.argsort(-scores.columns[sort_by][indices], kind="stable")]
    table = {name: column[indices] for name, column in scores.columns.items()}
    return FoundHeads(
        table, scores.labels, scores.evidence, sort_by != BY_POSITION, describe_null_heads(scores.labels)
    )


def _is_known(numbers: NDArray[np.floating]) -> bool:
    """Return whether at least one of these is a number."""
    return not bool(np.isnan(numbers).all())


def _pick_by_link(trace: AttentionTrace, view_options: ViewOptions) -> FoundHeads:
    view = view_options.apply_unscaled(trace)
    query = pick_token("Query token", view, key="link_query", default=view.n_tokens - 1)
    key = pick_token("Key token", view, key="link_key", default=_suggest_key(view, query), stop=query + 1)
    scores = compute_head_scores(trace)
    strengths = link_strengths(view, query, key)
    indices = (strengths["layer"] * view.n_heads + strengths["head"]).to_numpy()
    table = {name: column[indices] for name, column in scores.columns.items()}
    table["attention"] = strengths["attention"].to_numpy()
    labels = token_labels(view.tokens)
    best = [
        f"{head_label(divmod(int(index), view.n_heads))} (**{weight:.2f}**)"
        for index, weight in zip(indices[:3], table["attention"], strict=False)
    ]
    n_linked = int((table["attention"] >= CLEAR_LINK).sum())
    sentence = (
        f"**{escape_markdown(labels[query])}** → **{escape_markdown(labels[key])}**: {', '.join(best)}. "
        f"{n_linked} of {len(indices)} heads put at least {CLEAR_LINK:.2f} there."
    )
    weights = view.attention[:, :, query, key].ravel().tolist()
    evidence = [f"{format_weight(weight)} from “{labels[query]}” to “{labels[key]}”" for weight in weights]
    return FoundHeads(table, scores.labels, evidence, True, sentence, query)


def _suggest_key(view: AttentionTrace, query: int) -> int:
    """Return the token that some head attends to most, other than the query, its neighbor and the first token."""
    candidates = range(1, query - 1) or range(query + 1)
    strongest = view.attention[:, :, query, candidates.start : candidates.stop].max(axis=(0, 1))
    return candidates[int(strongest.argmax())]


def show_head_table(found: FoundHeads) -> None:
    """Draw a table of the heads with their numbers; a click on one chooses it."""
    heads = found.heads
    # Rows in another order need a new table: the old one would ignore a click on its selected cell.
    key = f"head_table_{session.table_version}_{hash(tuple(heads))}"

    def clicked() -> None:
        cells = session[key]["selection"].get("cells", [])
        if cells:
            choose_head(*heads[int(cells[0][0])], in_table=True)

    numbers = [name for name in ("attention", *NUMBERS) if name in found.table and _is_known(found.table[name])]
    queries = [
        QUERIES[name] for name in numbers if name in QUERIES
    ]  # last, because they only matter in a saved table
    shown = ["layer", "head", "label", "score", "share", "queries", *numbers, *queries]
    st.dataframe(
        pa.table({name: pa.array(found.table[name], from_pandas=True) for name in shown}),
        hide_index=True,
        height=min(38 + 35 * len(heads), 460),
        key=key,
        on_select=clicked,
        selection_mode="single-cell",
        placeholder="–",
        column_config=_configure_columns(found.table, numbers),
    )


def _configure_columns(table: Mapping[str, NDArray[Any]], numbers: list[str]) -> dict[str, Any]:
    """Return the column settings of the table of heads."""
    columns: dict[str, Any] = {"label": st.column_config.TextColumn(width=120)}
    columns |= {name: st.column_config.NumberColumn(format="%.2f", width=60) for name in ("score", "share")}
    columns["queries"] = st.column_config.NumberColumn(format="%d", width=70)
    for name in numbers:
        columns[name] = st.column_config.ProgressColumn(
            _describe_column(table, name), format="%.2f", min_value=0.0, max_value=1.0
        )
        if name in QUERIES:
            columns[QUERIES[name]] = f"{SCORE_NAMES[name]} queries"
    return columns


def _describe_column(table: Mapping[str, NDArray[Any]], column: str) -> str:
    """Return the heading of a column; that of a score includes its number of queries."""
    if column == "attention":
        return "weight"
    queries = f" ({table[QUERIES[column]][0]})" if column in QUERIES and len(table["head"]) else ""
    return f"{SCORE_NAMES[column]}{queries}"
