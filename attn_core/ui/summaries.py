"""One head, or many heads as one picture."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from attn_core.summaries import mean_attention, rollout
from attn_core.trace import AttentionTrace
from attn_core.ui import kept
from attn_core.ui.figures import keep_those_there
from attn_core.ui.links import SUMMARIES
from attn_core.ui.switches import head_name
from attn_core.ui.views import View


@dataclass(frozen=True)
class Shown:
    """What the figures draw.

    Attributes:
        trace: where it stands.
        layer, head: its place there.
        name: what it is called, if it is not a head.
    """

    trace: AttentionTrace
    layer: int
    head: int
    name: str | None = None


def summary_picker() -> str:
    """Choose between one head and the summaries of many: a key of `links.SUMMARIES`."""
    chosen = st.selectbox("Show", list(SUMMARIES.values()), key="summary", persist_state="session", width=210)
    return next(name for name, summary in SUMMARIES.items() if summary == chosen)


def summary(kind: str, whole: AttentionTrace, how: View, layer: int, head: int) -> Shown:
    """What was asked for, with a line that says what it is if it is not a head.

    Means and rollout are taken over all tokens; words are joined and the first one hidden after that.
    """
    place = st.container()
    if kind == "head":
        return Shown(how.of(whole), layer, head)
    trace = View(weighed=how.weighed).of(whole)
    if kind == "layer":
        name = f"the mean of layer {layer}"
        one = mean_attention(trace, [(layer, i) for i in range(trace.n_heads)])
        place.markdown(f"The mean of the {trace.n_heads} heads of **layer {layer}**.")
    elif kind == "heads":
        heads = _heads_picker(trace)
        name = f"the mean of {len(heads)} heads"
        one = mean_attention(trace, heads)
    else:
        name = "attention rollout"
        with st.spinner("Multiplying the layers…"):
            one = _rolled_out(trace)
        place.markdown(
            "**Attention rollout** multiplies the layers: how much of each word arrives, by way of all words in "
            "between, if every layer kept half of what it had and added the mean of its heads. It knows neither "
            "values nor MLPs. Abnar and Zuidema 2020."
        )
    return Shown(how.arranged(one), 0, 0, name)


def _heads_picker(trace: AttentionTrace) -> list[tuple[int, int]]:
    every = [(i, j) for i in range(trace.n_layers) for j in range(trace.n_heads)]
    keep_those_there("mean_of", every, "heads to take the mean of")
    chosen = st.multiselect(
        "Mean of",
        every,
        format_func=head_name,
        key="mean_of",
        persist_state="session",
        placeholder=f"all {len(every)} heads",
    )
    return chosen or every


@kept.made_of_traces.keeps
def _rolled_out(trace: AttentionTrace) -> AttentionTrace:
    return rollout(trace)
