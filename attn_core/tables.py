"""Attention as plain numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_ROWS = 5000


def link_table(trace: AttentionTrace, layer: int, head: int, *, query: int | None = None) -> pd.DataFrame:
    """One head's weights, the strongest first, at most 5,000 rows.

    Columns: `from` and `to` (words), `query` and `key` (token positions), `attention` (the weight).

    Args:
        trace: what to read.
        layer, head: zero-based.
        query: only the row of this token position; all rows if None.
    """
    weights = trace.head(layer, head)
    queries, keys = np.tril_indices(trace.n_tokens)
    if query is not None:
        queries, keys = np.full(query + 1, query), np.arange(query + 1)
    strongest = np.argsort(-weights[queries, keys], kind="stable")[:MAX_ROWS]
    queries, keys = queries[strongest], keys[strongest]
    labels = np.array(token_labels(trace.tokens))
    return pd.DataFrame(
        {
            "from": labels[queries],
            "to": labels[keys],
            "query": queries,
            "key": keys,
            "attention": weights[queries, keys],
        }
    )
