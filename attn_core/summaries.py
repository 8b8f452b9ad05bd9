"""Many heads as one picture: their mean, and attention rollout."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attn_core.trace import AttentionTrace


def mean_attention(trace: AttentionTrace, heads: Collection[tuple[int, int]]) -> AttentionTrace:
    """The mean of several heads' attention, as a trace of one layer with one head.

    Args:
        trace: what to read.
        heads: (layer, head) pairs, zero-based; at least one.

    Raises:
        ValueError: no heads are given.
    """
    if not heads:
        raise ValueError("Name at least one head.")
    total = np.zeros(trace.attention.shape[2:], dtype=np.float32)
    for layer, head in heads:
        total += trace.head(layer, head)
    return _of_one_head(trace, total / np.float32(len(heads)))


def rollout(trace: AttentionTrace) -> AttentionTrace:
    """Attention rollout: how much of each token is in what the last layer reads, as a trace of one head.

    Each layer's heads are averaged, half of the identity is added for the residual stream, and the layers are
    multiplied: (A_n + I)/2 ... (A_0 + I)/2. It knows neither values nor MLPs. Source: Abnar and Zuidema
    2020, "Quantifying Attention Flow in Transformers".
    """
    identity = np.eye(trace.n_tokens, dtype=np.float32)
    product = identity
    for weights in trace.attention:  # (n_heads, n_tokens, n_tokens)
        product = (weights.mean(axis=0, dtype=np.float32) + identity) / 2 @ product
    return _of_one_head(trace, product)


def _of_one_head(trace: AttentionTrace, weights: NDArray[np.float32]) -> AttentionTrace:
    return replace(trace, attention=weights[None, None], value_norms=None, ablated=(), derived=True)
