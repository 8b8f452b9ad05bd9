"""Choosing a head, and what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attn_core import examples
from attn_core.heads import head_label
from attn_core.patterns import (
    DEEDS,
    LABELS,
    OTHER,
    evidence_in_words,
    label_evidence,
    most_telling_head,
    score_columns,
)
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.presenting import add_head_keys
from attn_core.ui.state import choose_head, notice

BOX_WIDTH = 165  # pixels, with the label


def pick_head(
    rows: NDArray[np.floating],
    head: tuple[int, int],
    *,
    on_change: Callable[[int, int], None] = choose_head,
    key: str = "",
    keys: bool = True,
) -> None:
    """Draw two number boxes for layer and head, and add keys for them while somebody presents.

    Args:
        rows: attention whose first axes are (n_layers, n_heads, …).
        head: what they show.
        on_change: takes the layer and head that were typed.
        key: what the boxes of a page that has a choice of its own are called.
        keys: whether the arrows go from head to head.
    """
    boxes = [f"{key}{name}_box" for name in ("layer", "head")]

    def typed() -> None:
        layer, head = (int(st.session_state[box]) for box in boxes)
        on_change(layer, head)

    for label, count, box, value in zip(("Layer", "Head"), rows.shape, boxes, head, strict=False):
        st.session_state[box] = value
        st.number_input(label, 0, count - 1, key=box, on_change=typed, width=BOX_WIDTH)
    if keys:
        add_head_keys(
            rows.shape[0], rows.shape[1], lambda: (st.session_state.layer, st.session_state.head), on_change
        )


def suggested_head(trace: AttentionTrace) -> tuple[int, int]:
    """The article's head for its prompts under GPT-2 small, else the one that says most from the last word."""
    article_head = examples.article_head(trace.model, trace.text)
    return article_head or most_telling_head(trace.attention[:, :, -1], trace.tokens)


def suggested_query(trace: AttentionTrace) -> int:
    """Return the token that the article looks from, where its prompt goes on; else the last token."""
    prompt = examples.article_prompt(trace.text)
    lengths = [len(token) for token in trace.tokens]
    ends = np.cumsum(lengths) + len(trace.text) - sum(lengths)  # a token at the beginning may be hidden
    at = int(np.searchsorted(ends, len(prompt))) if prompt else trace.n_tokens
    return min(at, trace.n_tokens - 1)


def chosen_head(rows: NDArray[np.floating], suggested: tuple[int, int]) -> tuple[int, int]:
    """Return the chosen layer and head, if the model has them; the suggested ones until somebody chooses."""
    state = st.session_state
    if not state.head_is_chosen:
        state.layer, state.head = suggested
        return suggested
    for name, count in zip(("layer", "head"), rows.shape, strict=False):
        value = state.setdefault(name, 0)
        if not 0 <= value < count:
            notice(f"This model has no {name} {value} (0 to {count - 1}). Showing {name} 0.")
            state[name] = 0
    return int(state.layer), int(state.head)


def last_head() -> str:
    """Return the name of the head that was shown last; "this head" before that."""
    layer, head = (st.session_state.get(name) for name in ("layer", "head"))
    return "this head" if layer is None or head is None else head_label((layer, head))


@dataclass(frozen=True)
class HeadScores:
    """What is known of a trace's heads, in the order of layers and heads.

    Attributes:
        columns: of `score_columns` and `label_evidence`, each (n_layers * n_heads,).
        evidence: on what the label of each head rests, in words.
    """

    columns: Mapping[str, NDArray[Any]]
    evidence: list[str]

    @property
    def labels(self) -> list[str]:
        """The label of each head."""
        labels: list[str] = self.columns["label"].tolist()
        return labels


@kept.made_of_traces.keeps
def head_scores_of(trace: AttentionTrace) -> HeadScores:
    """Return the scores of all heads, worked out once for a trace."""
    scores = score_columns(trace)
    evidence = label_evidence(scores)
    return HeadScores(scores | evidence, evidence_in_words(evidence))


def head_pattern(trace: AttentionTrace, layer: int, head: int) -> str:
    """Return one sentence in markdown: what the head does on this prompt, by its scores, and on what that rests."""
    place = layer * trace.n_heads + head
    scores = head_scores_of(trace)
    label = scores.labels[place]
    sentence = f"On this prompt it {DEEDS[label][0]}."
    if label == OTHER:
        return f"{sentence} :gray-badge[{OTHER}]"
    score, _, rest = scores.evidence[place].partition(", ")
    return f"{sentence} :blue-badge[{label} {score}] :gray-badge[{rest}]"


def null_heads(labels: Sequence[str]) -> str:
    """Return one sentence in markdown: how many heads attend mostly to the first token."""
    nothing = labels.count("null")
    if nothing == 1:
        return f"**One of {len(labels)} heads** attends mostly to the first token (an attention sink)."
    return f"**{nothing} of {len(labels)} heads** attend mostly to the first token (an attention sink)."


def head_counts(trace: AttentionTrace) -> str:
    """Return sentences in markdown: how many heads do what on this prompt, and which of them most clearly."""
    scores = head_scores_of(trace)
    counts = Counter(scores.labels)
    parts = []
    for name, label in LABELS.items():
        if label in counts and label != "null":
            clearest = np.where(scores.columns["label"] == label, scores.columns[name], -1).argmax()
            head = divmod(int(clearest), trace.n_heads)
            several = DEEDS[label][int(counts[label] > 1)]
            parts.append(f"**{counts[label]}** {several} (clearest: {head_label(head)})")
    if OTHER in counts:
        parts.append(f"**{counts[OTHER]}** {DEEDS[OTHER][int(counts[OTHER] > 1)]}")
    return null_heads(scores.labels) + (f" {'; '.join(parts)}." if parts else "")
