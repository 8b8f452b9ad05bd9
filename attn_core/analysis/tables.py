"""Make tables of attention weights."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
import pandas as pd

from attn_core.analysis.comparison import Comparison
from attn_core.tokens import token_labels
from attn_core.trace import AttentionTrace

MAX_ROWS = 5000
_FORMULA_SIGNS = tuple("=+-@＝＋－＠\t\r\n")  # those in full width as East Asian keyboards write them


def link_table(trace: AttentionTrace, layer: int, head: int, *, query: int | None = None) -> pd.DataFrame:
    """Return one head's weights as a table, the largest first, at most 5,000 rows.

    Columns: `from` and `to` (words), `query` and `key` (token positions), `attention` (the weight).

    Args:
        trace: the trace to read.
        layer, head: zero-based.
        query: the token position whose row to return; all rows if None.
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
    """Return the weights of several queries on each key and their sum as a table, the largest sum first.

    Columns: `to` (word), `key` (token position), `sum`, and one for each query, named "from WORD (POSITION)".

    Args:
        trace: the trace to read.
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
    """Return the strongest links of every head as a table, layer by layer, at most 5,000 rows.

    Every head has the same number of links. Columns: `layer`, `head`, then those of `link_table`, and `does` (the
    head's label).

    Args:
        trace: the trace to read.
        labels: each head's label, layer by layer.
    """
    queries, keys = np.tril_indices(trace.n_tokens)
    n_each = min(max(MAX_ROWS // (trace.n_layers * trace.n_heads), 1), len(queries))
    heads = trace.attention.reshape(-1, trace.n_tokens, trace.n_tokens)
    weights = np.empty((len(heads), n_each), dtype=np.float32)
    places = np.empty((len(heads), n_each), dtype=np.intp)
    for head, matrix in enumerate(heads):
        lower = matrix[queries, keys].astype(np.float32)
        strongest = np.sort(np.argpartition(lower, -n_each)[-n_each:])
        places[head] = strongest[np.argsort(-lower[strongest], kind="stable")]
        weights[head] = lower[places[head]]
    layers, numbers = np.divmod(np.arange(len(heads)).repeat(n_each), trace.n_heads)
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
            "does": np.repeat(labels, n_each),
        }
    )


def change_table(comparison: Comparison, layer: int, head: int) -> pd.DataFrame:
    """Return one head's weights on the words of both texts as a table, the largest change first.

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


def csv_without_formulas(table: pd.DataFrame) -> str:
    """Return a table as CSV, with an apostrophe before each text that a spreadsheet would run as a formula.

    All texts are quoted: a carriage return in one would begin a row, and so perhaps a formula.
    """
    return _guard_formulas(table, "'").to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC)


def table_without_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with an invisible word joiner before each text that a spreadsheet would run as a formula.

    It is for tables on a page, which can be saved as CSV, too.
    """
    return _guard_formulas(table, "\N{WORD JOINER}")


def _guard_formulas(table: pd.DataFrame, guard: str) -> pd.DataFrame:
    """Return the table with `guard` before each text or column name that begins like a formula."""

    def guard_cell(cell: object) -> object:
        return f"{guard}{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_SIGNS) else cell

    guarded = table.rename(columns=guard_cell)
    for column, dtype in enumerate(table.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype):
            guarded.isetitem(column, table.iloc[:, column].map(guard_cell).array)
    return guarded
