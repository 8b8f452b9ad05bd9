"""Choose a head, and describe what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core.analysis import examples
from attn_core.analysis.scores import LABELS, OTHER, label_evidence, most_informative_head, score_columns
from attn_core.heads import head_label
from attn_core.server.cache import cache
from attn_core.trace import AttentionTrace
from attn_core.ui.presenting import add_head_keys
from attn_core.ui.session import session
from attn_core.ui.state import choose_head, show_notice

BOX_WIDTH = 165  # pixels, with the label


def pick_head(
    rows: NDArray[np.floating],
    head: tuple[int, int],
    *,
    on_change: Callable[[int, int], None] = choose_head,
    key: str = "",
    keys: bool = True,
) -> None:
    """Draw two number boxes for layer and head, and add keyboard shortcuts for them in Present mode.

    Args:
        rows: attention whose first axes are (n_layers, n_heads, …).
        head: the layer and head that the boxes show.
        on_change: is called with the layer and head that were typed.
        key: the beginning of the boxes' keys, on a page with a choice of its own.
        keys: whether the arrow keys go from head to head.
    """
    boxes = [f"{key}{name}_box" for name in ("layer", "head")]

    def typed() -> None:
        layer, head = (int(session[box]) for box in boxes)
        on_change(layer, head)

    for label, count, box, value in zip(("Layer", "Head"), rows.shape, boxes, head, strict=False):
        session[box] = value
        st.number_input(label, 0, count - 1, key=box, on_change=typed, width=BOX_WIDTH)
    if keys:
        add_head_keys(rows.shape[0], rows.shape[1], lambda: (session.layer, session.head), on_change)


def suggest_head(trace: AttentionTrace) -> tuple[int, int]:
    """Return the article's head for its prompts on GPT-2 small, else the most informative head."""
    article_head = examples.article_head(trace.model, trace.text)
    return article_head or most_informative_head(trace.attention[:, :, -1], trace.tokens)


def suggest_query(trace: AttentionTrace) -> int:
    """Return the query token of the article, if the text continues its prompt; else the last token."""
    prompt = examples.article_prompt(trace.text)
    lengths = [len(token) for token in trace.tokens]
    ends = np.cumsum(lengths) + len(trace.text) - sum(lengths)  # the first token may be hidden
    position = int(np.searchsorted(ends, len(prompt))) if prompt else trace.n_tokens
    return min(position, trace.n_tokens - 1)


def resolve_head(rows: NDArray[np.floating], suggested: tuple[int, int]) -> tuple[int, int]:
    """Return the chosen layer and head, or the suggested ones; show a notice if the model lacks the chosen ones."""
    if not session.head_is_chosen:
        session.layer, session.head = suggested
        return suggested
    for name, count in zip(("layer", "head"), rows.shape, strict=False):
        value = session.setdefault(name, 0)
        if not 0 <= value < count:
            show_notice(f"This model has no {name} {value} (0 to {count - 1}). Showing {name} 0.")
            session[name] = 0
    return int(session.layer), int(session.head)


def describe_last_head() -> str:
    """Return the name of the head that was shown last, or "this head" if none was shown yet."""
    if "layer" not in session or "head" not in session:
        return "this head"
    return head_label((session.layer, session.head))


PREDICATES = {
    "previous token": ("attends to the previous token", "attend to the previous token"),
    "null": ("attends mostly to the first token", "attend mostly to the first token"),
    "current token": ("attends to its own token", "attend to their own token"),
    "duplicate token": (
        "attends to earlier copies of the same token",
        "attend to earlier copies of the same token",
    ),
    "induction": (
        "attends to the token that followed an earlier copy (induction)",
        "attend to the token that followed an earlier copy (induction)",
    ),
    "list items": ("attends to earlier items of a list", "attend to earlier items of a list"),
    OTHER: ("shows none of the known patterns", "show none of the known patterns"),
}
"""For each label, the predicate for one head and for several heads."""


def describe_evidence(evidence: Mapping[str, NDArray[np.float32]]) -> list[str]:
    """Return the evidence of `label_evidence` in words, like "0.85, share 0.95, 1 query"; empty for "other"."""
    texts = []
    for score, share, queries in zip(evidence["score"], evidence["share"], evidence["queries"], strict=True):
        share_text = "" if np.isnan(share) else f", share {share:.2f}"
        number = "1 query" if queries == 1 else f"{queries:.0f} queries"
        texts.append("" if np.isnan(score) else f"{score:.2f}{share_text}, {number}")
    return texts


@dataclass(frozen=True, eq=False)
class HeadScores:
    """Hold the scores of a trace's heads, in the order of layers and heads.

    Attributes:
        columns: the columns of `score_columns` and `label_evidence`, each (n_layers * n_heads,).
        evidence: the evidence for each head's label, in words.
    """

    columns: Mapping[str, NDArray[Any]]
    evidence: list[str]

    @property
    def labels(self) -> list[str]:
        """Return the label of each head."""
        labels: list[str] = self.columns["label"].tolist()
        return labels


@cache.memoize
def compute_head_scores(trace: AttentionTrace) -> HeadScores:
    """Return the scores of all heads, computed once for a trace."""
    scores = score_columns(trace)
    evidence = label_evidence(scores)
    return HeadScores(scores | evidence, describe_evidence(evidence))


def describe_pattern(trace: AttentionTrace, layer: int, head: int) -> str:
    """Return one sentence in markdown: what the head does on this prompt, with the evidence from its scores."""
    index = layer * trace.n_heads + head
    scores = compute_head_scores(trace)
    label = scores.labels[index]
    sentence = f"On this prompt it {PREDICATES[label][0]}."
    if label == OTHER:
        return f"{sentence} :gray-badge[{OTHER}]"
    score, _, rest = scores.evidence[index].partition(", ")
    return f"{sentence} :blue-badge[{label} {score}] :gray-badge[{rest}]"


def describe_null_heads(labels: Sequence[str]) -> str:
    """Return one sentence in markdown: how many heads attend mostly to the first token."""
    n_null = labels.count("null")
    if n_null == 1:
        return f"**One of {len(labels)} heads** attends mostly to the first token (an attention sink)."
    return f"**{n_null} of {len(labels)} heads** attend mostly to the first token (an attention sink)."


def describe_head_counts(trace: AttentionTrace) -> str:
    """Return sentences in markdown: how many heads show each pattern on this prompt, and the clearest of each."""
    scores = compute_head_scores(trace)
    counts = Counter(scores.labels)
    parts = []
    for name, label in LABELS.items():
        if label in counts and label != "null":
            clearest = np.where(scores.columns["label"] == label, scores.columns[name], -1).argmax()
            head = divmod(int(clearest), trace.n_heads)
            predicate = PREDICATES[label][int(counts[label] > 1)]
            parts.append(f"**{counts[label]}** {predicate} (clearest: {head_label(head)})")
    if OTHER in counts:
        parts.append(f"**{counts[OTHER]}** {PREDICATES[OTHER][int(counts[OTHER] > 1)]}")
    return describe_null_heads(scores.labels) + (f" {'; '.join(parts)}." if parts else "")
