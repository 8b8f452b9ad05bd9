"""Show one head, or many heads as one figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from attn_core.analysis.summaries import mean_attention, rollout
from attn_core.heads import Head, head_label
from attn_core.server.cache import cache
from attn_core.trace import AttentionTrace
from attn_core.ui.figures import drop_missing_heads
from attn_core.ui.links import SUMMARIES
from attn_core.ui.views import ViewOptions


@dataclass(frozen=True, eq=False)
class ShownHead:
    """Hold what the figures draw: a head, or a summary in the form of a head.

    Attributes:
        trace: the trace that holds it.
        layer, head: its place in the trace.
        name: the name of a summary; None for a head.
        title: what a summary shows, in markdown; empty for a head.
    """

    trace: AttentionTrace
    layer: int
    head: int
    name: str | None = None
    title: str = ""


def pick_summary() -> str:
    """Draw the choice between one head and the summaries of many, and return it: a key of `links.SUMMARIES`."""
    chosen = st.selectbox("Show", list(SUMMARIES.values()), key="summary", persist_state="session", width=260)
    return next(name for name, label in SUMMARIES.items() if label == chosen)


def compute_summary(
    kind: str,
    original: AttentionTrace,
    view_options: ViewOptions,
    layer: int,
    head: int,
    heads: Sequence[Head] = (),
) -> ShownHead:
    """Return the head or the summary that was chosen.

    Means and rollout are computed over all tokens; after that, tokens are merged and the first one is hidden.

    Args:
        kind: a key of `links.SUMMARIES`.
        original: the original trace.
        view_options: the view options to apply.
        layer, head: zero-based.
        heads: the heads to average, if `kind` is "heads".
    """
    if kind == "head":
        return ShownHead(view_options.apply(original), layer, head)
    trace = ViewOptions(value_weighted=view_options.value_weighted).apply(original)
    if kind == "layer":
        name = f"the mean of layer {layer}"
        summary = mean_attention(trace, [(layer, i) for i in range(trace.n_heads)])
        title = f"Mean of the {trace.n_heads} heads in **layer {layer}**."
    elif kind == "heads":
        name = f"the mean of {len(heads)} heads"
        summary = mean_attention(trace, list(heads))
        title = f"Mean of **{len(heads)} heads**."
    else:
        name = "attention rollout"
        with st.spinner("Computing rollout…"):
            summary = _compute_rollout(trace)
        title = (
            "**Attention rollout** multiplies the layers' mean attention, half-and-half with the residual stream, "
            "to estimate how much of each token reaches the last layer. Ignores values and MLPs. Abnar and "
            "Zuidema 2020."
        )
    return ShownHead(view_options.arrange(summary), 0, 0, name, title)


def pick_averaged_heads(trace: AttentionTrace) -> list[tuple[int, int]]:
    """Draw the choice of the heads to average, and return them; all heads until some are chosen."""
    every = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads)]
    drop_missing_heads("mean_of", every, "heads to average")
    chosen = st.multiselect(
        "Heads to average",
        every,
        format_func=head_label,
        key="mean_of",
        persist_state="session",
        placeholder=f"all {len(every)} heads",
    )
    return chosen or every


@cache.memoize
def _compute_rollout(trace: AttentionTrace) -> AttentionTrace:
    return rollout(trace)
