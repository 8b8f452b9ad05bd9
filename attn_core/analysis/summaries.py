"""Summarize many heads as one: their mean, and attention rollout."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attn_core.trace import AttentionTrace


def mean_attention(trace: AttentionTrace, heads: Collection[tuple[int, int]]) -> AttentionTrace:
    """Return the mean of several heads' attention, as a trace of one layer with one head.

    Args:
        trace: the trace to read.
        heads: (layer, head) pairs, zero-based; at least one.

    Raises:
        ValueError: no heads are given.

    >>> trace = capture(load_model("mini"), "The dog on the ship ran")
    >>> mean_attention(trace, [(2, 0), (2, 1)]).attention.shape
    (1, 1, 6, 6)
    """
    if not heads:
        raise ValueError("Name at least one head.")
    total = np.zeros(trace.attention.shape[2:], dtype=np.float32)
    for layer, head in heads:
        total += trace.head(layer, head)
    return _one_head_trace(trace, total / np.float32(len(heads)))


def rollout(trace: AttentionTrace) -> AttentionTrace:
    """Return the attention rollout, an estimate of how much each token contributes to the last layer.

    The heads of each layer are averaged to A, the identity is added for the residual stream, and the layers are
    multiplied: (A_n + I)/2 ... (A_0 + I)/2. Values and MLPs are ignored. Source: Abnar and Zuidema 2020, "Quantifying
    Attention Flow in Transformers".

    Returns:
        A trace of one layer with one head; its rows sum to 1.

    >>> rollout(capture(load_model("mini"), "The dog on the ship ran")).attention.shape
    (1, 1, 6, 6)
    """
    identity = np.eye(trace.n_tokens, dtype=np.float32)
    product = identity
    for weights in trace.attention:  # (n_heads, n_tokens, n_tokens)
        product = (weights.mean(axis=0, dtype=np.float32) + identity) / 2 @ product
    return _one_head_trace(trace, product)


def _one_head_trace(trace: AttentionTrace, weights: NDArray[np.float32]) -> AttentionTrace:
    """Return a derived trace of one head with weights (n_tokens, n_tokens)."""
    return replace(trace, attention=weights[None, None], value_norms=None, ablated=(), derived=True)
