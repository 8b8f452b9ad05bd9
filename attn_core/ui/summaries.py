"""One head, or many heads as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from attn_core.heads import Head, head_label
from attn_core.summaries import mean_attention, rollout
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.figures import keep_those_there
from attn_core.ui.links import SUMMARIES
from attn_core.ui.views import View


@dataclass(frozen=True)
class Shown:
    """What the figures draw.

    Attributes:
        trace: where it stands.
        layer, head: its place there.
        name: what it is called, if it is not a head.
        said: what that is, in markdown.
    """

    trace: AttentionTrace
    layer: int
    head: int
    name: str | None = None
    said: str = ""


def pick_summary() -> str:
    """Draw the choice between one head and the summaries of many, and return it: a key of `links.SUMMARIES`."""
    chosen = st.selectbox("Show", list(SUMMARIES.values()), key="summary", persist_state="session", width=260)
    return next(name for name, summary in SUMMARIES.items() if summary == chosen)


def summary(
    kind: str, whole: AttentionTrace, how: View, layer: int, head: int, heads: Sequence[Head] = ()
) -> Shown:
    """Return what was asked for.

    Means and rollout are taken over all tokens; tokens are merged and the first one hidden after that.

    Args:
        kind: a key of `links.SUMMARIES`.
        whole: the trace as it was made.
        how: it is looked at.
        layer, head: zero-based.
        heads: to take the mean of, if that was asked for.
    """
    if kind == "head":
        return Shown(how.of(whole), layer, head)
    trace = View(weighed=how.weighed).of(whole)
    if kind == "layer":
        name = f"the mean of layer {layer}"
        one = mean_attention(trace, [(layer, i) for i in range(trace.n_heads)])
        said = f"Mean of the {trace.n_heads} heads in **layer {layer}**."
    elif kind == "heads":
        name = f"the mean of {len(heads)} heads"
        one = mean_attention(trace, list(heads))
        said = f"Mean of **{len(heads)} heads**."
    else:
        name = "attention rollout"
        with st.spinner("Computing rollout…"):
            one = _rolled_out(trace)
        said = (
            "**Attention rollout** multiplies the layers' mean attention, half-and-half with the residual stream, to "
            "estimate how much of each token reaches the last layer. Ignores values and MLPs. Abnar and Zuidema 2020."
        )
    return Shown(how.arranged(one), 0, 0, name, said)


def pick_averaged_heads(trace: AttentionTrace) -> list[tuple[int, int]]:
    """Draw the choice of heads to take the mean of, and return them; all of them until somebody chooses."""
    every = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads)]
    keep_those_there("mean_of", every, "heads to average")
    chosen = st.multiselect(
        "Heads to average",
        every,
        format_func=head_label,
        key="mean_of",
        persist_state="session",
        placeholder=f"all {len(every)} heads",
    )
    return chosen or every


@kept.made_of_traces.keeps
def _rolled_out(trace: AttentionTrace) -> AttentionTrace:
    return rollout(trace)
