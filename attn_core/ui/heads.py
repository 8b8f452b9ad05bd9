"""Choosing a head, and what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from attn_core import examples
from attn_core.patterns import (
    DEEDS,
    LABELS,
    OTHER,
    evidence_in_words,
    head_scores,
    label_evidence,
    most_telling_head,
)
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.presenting import head_keys
from attn_core.ui.state import choose_head


def head_picker(rows: NDArray[np.floating], suggested: tuple[int, int]) -> tuple[int, int]:
    """Two number boxes for layer and head; until somebody chooses, the suggested ones stand.

    Args:
        rows: attention whose first axes are (n_layers, n_heads, …).
        suggested: a layer and a head worth seeing.
    """
    return head_boxes(rows, settled_head(rows, suggested), on_change=choose_head)


def head_boxes(
    rows: NDArray[np.floating], head: tuple[int, int], *, on_change: Callable[[int, int], None], key: str = ""
) -> tuple[int, int]:
    """Two number boxes for layer and head, and keys for them while somebody presents.

    Args:
        rows: attention whose first axes are (n_layers, n_heads, …).
        head: what they show.
        on_change: takes the layer and head that were typed.
        key: what the boxes of a page that has a choice of its own are called.
    """
    keys = [f"{key}{name}_box" for name in ("layer", "head")]

    def typed() -> None:
        layer, head = (int(st.session_state[box]) for box in keys)
        on_change(layer, head)

    for box, value in zip(keys, head, strict=True):
        st.session_state[box] = value
    layer, head_number = (
        int(st.number_input(label, 0, count - 1, key=box, on_change=typed, width=130))
        for label, count, box in zip(("Layer", "Head"), rows.shape, keys, strict=False)
    )
    head_keys(rows.shape[0], rows.shape[1], head, on_change)
    return layer, head_number


def suggested_head(trace: AttentionTrace) -> tuple[int, int]:
    """The article's head for its prompts under GPT-2 small, else the one that says most from the last word."""
    article_head = examples.article_head(trace.model, trace.text)
    return article_head or most_telling_head(trace.attention[:, :, -1], trace.tokens)


def settled_head(rows: NDArray[np.floating], suggested: tuple[int, int]) -> tuple[int, int]:
    """The chosen layer and head, made ones that there are; the suggested ones until somebody chooses."""
    state = st.session_state
    if not state.head_is_chosen:
        state.layer, state.head = suggested
        return suggested
    for name, count in zip(("layer", "head"), rows.shape, strict=False):
        value = state.setdefault(name, 0)
        if not 0 <= value < count:
            st.warning(
                f"There is no {name} {value} here: they go from 0 to {count - 1}, so this is {name} 0.",
                icon=":material/warning:",
            )
            state[name] = 0
    return int(state.layer), int(state.head)


@kept.made_of_traces.keeps
def head_scores_of(trace: AttentionTrace) -> pd.DataFrame:
    """`head_scores`, worked out once for a trace."""
    return head_scores(trace)


@kept.made_of_traces.keeps
def label_evidence_of(trace: AttentionTrace) -> list[str]:
    """On what the label of each head rests, in words, worked out once for a trace."""
    return evidence_in_words(label_evidence(head_scores_of(trace)))


def head_deed(trace: AttentionTrace, layer: int, head: int) -> str:
    """One sentence in markdown: what the head does on this text, by its scores, and on what that rests."""
    place = layer * trace.n_heads + head
    label = head_scores_of(trace)["label"].iloc[place]
    sentence = f"On this prompt it {DEEDS[label][0]}."
    if label == OTHER:
        return f"{sentence} :gray-badge[{OTHER}]"
    score, _, rest = label_evidence_of(trace)[place].partition(", ")
    return f"{sentence} :blue-badge[{label} {score}] :gray-badge[{rest}]"


def head_counts(trace: AttentionTrace) -> str:
    """Sentences in markdown: how many heads do what on this text, and which of them most clearly."""
    scores = head_scores_of(trace)
    counts = Counter(scores["label"].tolist())
    nothing = counts.get("null", 0)
    sentence = f"**{nothing} of {len(scores)} heads find nothing here**: they rest on the first token. "
    if nothing < 2:
        sentence = f"Of {len(scores)} heads {['none', 'one'][nothing]} rests on the first token here. "
    parts = []
    for name, label in LABELS.items():
        if label in counts and label != "null":
            layer, head = divmod(int(scores[name].where(scores["label"] == label).argmax()), trace.n_heads)
            parts.append(
                f"**{counts[label]}** {DEEDS[label][int(counts[label] > 1)]} (clearest: layer {layer} head {head})"
            )
    if OTHER in counts:
        parts.append(f"**{counts[OTHER]}** {DEEDS[OTHER][int(counts[OTHER] > 1)]}")
    return sentence + "; ".join(parts) + ("." if parts else "")
