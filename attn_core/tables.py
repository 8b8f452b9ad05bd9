"""Attention as plain numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
import pandas as pd

from attn_core.comparison import Comparison
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_ROWS = 5000
_FORMULA_SIGNS = tuple("=+-@＝＋－＠\t\r\n")  # those in full width as East Asian keyboards write them


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


def summed_table(trace: AttentionTrace, layer: int, head: int, queries: Sequence[int]) -> pd.DataFrame:
    """How much several words look at each word, one by one and together; the largest sum first.

    Columns: `to` (word), `key` (token position), `sum`, and one for each query, named "from WORD (POSITION)".

    Args:
        trace: what to read.
        layer, head: zero-based.
        queries: token positions.
    """
    weights = trace.head(layer, head)[list(queries)]  # (n_queries, n_tokens)
    labels = token_labels(trace.tokens)
    table = pd.DataFrame({"to": labels, "key": range(trace.n_tokens), "sum": weights.sum(axis=0)})
    for query, row in zip(queries, weights, strict=True):
        table[f"from {labels[query]} ({query})"] = row
    return table.sort_values("sum", ascending=False, kind="stable", ignore_index=True)


def grid_table(trace: AttentionTrace, labels: Sequence[str]) -> pd.DataFrame:
    """The strongest links of every head, as many of each, at most 5,000 rows in all; heads in their order.

    Columns: `layer`, `head`, then as in `link_table`, and `does` (the head's label).

    Args:
        trace: what to read.
        labels: what each head does, in the order of layers and heads.
    """
    queries, keys = np.tril_indices(trace.n_tokens)
    each = min(max(MAX_ROWS // (trace.n_layers * trace.n_heads), 1), len(queries))
    heads = trace.attention.reshape(-1, trace.n_tokens, trace.n_tokens)
    weights = np.empty((len(heads), each), dtype=np.float32)
    places = np.empty((len(heads), each), dtype=np.intp)
    for head, matrix in enumerate(heads):
        below = matrix[queries, keys].astype(np.float32)
        strongest = np.sort(np.argpartition(below, -each)[-each:])
        places[head] = strongest[np.argsort(-below[strongest], kind="stable")]
        weights[head] = below[places[head]]
    layers, numbers = np.divmod(np.arange(len(heads)).repeat(each), trace.n_heads)
    query, key = queries[places.ravel()], keys[places.ravel()]
    words = np.array(token_labels(trace.tokens))
    return pd.DataFrame(
        {
            "layer": layers,
            "head": numbers,
            "from": words[query],
            "to": words[key],
            "attention": weights.ravel(),
            "query": query,
            "key": key,
            "does": np.repeat(labels, each),
        }
    )


def change_table(comparison: Comparison, layer: int, head: int) -> pd.DataFrame:
    """One head's weights on the words of both texts, the largest change first.

    Columns: `word`, `kind` (see `AlignedWord.kind`), `A` and `B` (weights, NaN where the text lacks the word) and
    `difference` (B less A).
    """
    words = comparison.words
    table = pd.DataFrame(
        {
            "word": [word.label for word in words],
            "kind": [word.kind for word in words],
            "A": np.where([word.a is None for word in words], np.nan, comparison.attention_a[layer, head]),
            "B": np.where([word.b is None for word in words], np.nan, comparison.attention_b[layer, head]),
            "difference": comparison.difference[layer, head],
        }
    )
    return table.sort_values("difference", key=lambda column: -column.abs(), kind="stable", ignore_index=True)


def inert_csv(table: pd.DataFrame) -> str:
    """A table as CSV; a text that a spreadsheet would run as a formula gets an apostrophe before it.

    All texts are quoted: a carriage return in one would begin a row, and so perhaps a formula.
    """
    return _inert(table, "'").to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)


def inert_on_screen(table: pd.DataFrame) -> pd.DataFrame:
    """The table with something invisible before such texts: a table on a page can be saved as CSV, too."""
    return _inert(table, "\N{WORD JOINER}")


def _inert(table: pd.DataFrame, guard: str) -> pd.DataFrame:
    def inert(cell: object) -> object:
        return f"{guard}{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_SIGNS) else cell

    inert_table = table.rename(columns=inert)
    for place, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            inert_table.isetitem(place, table.iloc[:, place].map(inert).array)
    return inert_table
