"""Score and label heads by their attention patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn_core.errors import InvalidTrace
from attn_core.heads import Head, head_at
from attn_core.tokens import word_spans
from attn_core.trace import AttentionTrace

LABELS = {
    "previous_token": "previous token",
    "first_token": "null",
    "current_token": "current token",
    "duplicate_token": "duplicate token",
    "induction": "induction",
    "list_items": "list items",
}
"""The scores that can label a head, each with its label."""
SCORES = (*LABELS, "entropy")
_POSITIONAL = ("previous_token", "first_token", "current_token")  # scores of positions, whatever the words
SHARES = {name: f"{name}_share" for name in LABELS if name not in _POSITIONAL}
"""The scores that depend on words, each with the column of its share."""
ELSEWHERE = {name: f"{name}_elsewhere" for name in SHARES}
"""The same scores, each with the column of the weight that its queries do not put on the first token."""
QUERIES = {name: f"{name}_queries" for name in SCORES}
"""Each score with the column of its number of queries."""
OTHER = "other"
LABEL_THRESHOLD = 0.5
MIN_SCORE = 0.1  # needed for a share to give a label: below it, the share is of almost no weight
NULL_THRESHOLD = 0.7

Numbers = NDArray[Any]
"""One number or text for each head of a table, (n_heads,)."""

_SEPARATORS = frozenset((",", "and", "or"))
_MAX_ITEM_WORDS = 2  # separators with more words between them separate clauses

# English words whose choice says little about what a head does.
# fmt: off
FUNCTION_WORDS = frozenset((
    "a", "about", "after", "against", "all", "also", "although", "am", "among", "an", "and", "any", "are", "as",
    "at", "be", "because", "been", "before", "being", "between", "both", "but", "by", "could", "did", "do", "does",
    "during", "each", "either", "every", "for", "from", "had", "has", "have", "having", "he", "her", "hers",
    "herself", "him", "himself", "his", "how", "i", "if", "in", "into", "is", "it", "its", "itself", "me", "might",
    "must", "my", "myself", "neither", "no", "nor", "not", "of", "off", "on", "onto", "or", "our", "ours", "out",
    "over", "shall", "she", "should", "since", "so", "some", "such", "than", "that", "the", "their", "theirs",
    "them", "themselves", "then", "there", "these", "they", "this", "those", "though", "through", "to", "under",
    "until", "up", "upon", "us", "was", "we", "were", "what", "when", "where", "whether", "which", "while", "who",
    "whom", "whose", "why", "with", "within", "without", "would", "you", "your", "yours", "yourself",
    "'s", "'t", "n't", "'re", "'ve", "'m", "'ll", "'d",
))
# fmt: on


def head_scores(trace: AttentionTrace) -> pd.DataFrame:
    """Score each head from 0 to 1 on every known pattern, and label it with the pattern that it shows.

    For one head's matrix A, a query q and keys k, every score is a mean over the queries that qualify, NaN where
    none does. The first token never counts as a match, since many heads attend to it by default. A content token has
    a letter or a digit and is not an English function word.

    - `previous_token`: A[q, q-1], q >= 2.
    - `first_token`: A[q, 0], q >= 2.
    - `current_token`: A[q, q], q >= 1.
    - `duplicate_token`: q is a content token; the sum over 0 < k < q with a token equal to q's.
    - `induction`: q is a content token; the sum over k < q-1 that follow a token equal to q's, so the
      previous token does not count. It is the score of Olsson et al. 2022, "In-context Learning and Induction
      Heads", for any text.
    - `list_items`: q is a separator of a list; the sum over the list's earlier items, except the one right before q
      (see `find_list_queries`).
    - `entropy`: the entropy of A[q, :q+1] divided by log(q+1), q >= 1; 1 is uniform attention. It gives no label.

    `duplicate_token`, `induction` and `list_items` have a share, too: the sum of their weights divided by the sum
    of the weights that their queries do not put on the first token; 0 where they put everything there.

    The label is that of the largest of these: `previous_token` and `current_token` if at least 0.5, and shares of at
    least 0.5 with a score of at least 0.1 (`induction` not in layer 0, where no head can do it). Without one it is
    "null" if `first_token` is at least 0.7, else "other".

    Args:
        trace: a trace with its first token.

    Returns:
        One row for each head, in order: `layer`, `head` (int), the scores, `..._share`, `..._elsewhere` (the mean
        weight that the queries do not put on the first token; all float32), `..._queries` (int: the number of
        queries of a score, the same for all heads), `label` (str).

    Raises:
        InvalidTrace: the first token is hidden.

    >>> scores = head_scores(capture(load_model("mini"), "The dog on the ship ran"))
    >>> len(scores)
    144
    >>> scores.columns.tolist()[:5]
    ['layer', 'head', 'previous_token', 'first_token', 'current_token']
    """
    return pd.DataFrame(score_columns(trace))


def score_columns(trace: AttentionTrace) -> dict[str, Numbers]:
    """Return the columns of `head_scores` as arrays, without making a table."""
    if trace.first_hidden:
        raise InvalidTrace("The first token is hidden, but the scores count it. Give the trace that has it.")
    matches = {name: _Matches.of(keys) for name, keys in _matching_keys(trace.tokens).items()}
    per_layer = [_layer_sums(weights.astype(np.float32), matches) for weights in trace.attention]
    sums = {column: np.concatenate([sums[column] for sums in per_layer]) for column in per_layer[0]}
    layers, heads = np.divmod(np.arange(trace.n_layers * trace.n_heads), trace.n_heads)
    return _columns(layers, heads, sums)


def mean_scores(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the scores of the same heads over several traces, and their labels.

    All queries of all traces have the same weight: a score is the mean over all that qualify, a share is the sum of
    their weights divided by the sum of the weights that they do not put on the first token, and the numbers of
    queries are added up.

    Args:
        frames: one or more tables of `head_scores`, all of one model.
    """
    sums = pd.concat(frames).drop(columns="label")
    for name, count in QUERIES.items():
        for column in (name, *([ELSEWHERE[name]] if name in ELSEWHERE else [])):
            sums[column] = sums[column].astype(np.float64).fillna(0.0) * sums[count]
    totals = sums.groupby(["layer", "head"]).sum().reset_index()
    columns = _columns(
        totals["layer"].to_numpy(),
        totals["head"].to_numpy(),
        {column: totals[column].to_numpy() for column in (*SCORES, *ELSEWHERE.values(), *QUERIES.values())},
    )
    return pd.DataFrame(columns)


def _columns(layers: Numbers, heads: Numbers, sums: dict[str, Numbers]) -> dict[str, Numbers]:
    """Return the columns of `head_scores`, given sums over the queries of each score instead of means."""
    columns = {"layer": layers, "head": heads}
    columns |= {name: _ratio(sums[name], sums[QUERIES[name]]) for name in SCORES}
    for name, column in SHARES.items():
        share = np.minimum(_ratio(sums[name], sums[ELSEWHERE[name]]), 1)
        all_on_first = (sums[ELSEWHERE[name]] == 0) & (sums[QUERIES[name]] > 0)
        columns[column] = np.where(all_on_first, np.float32(0), share)
    columns |= {column: _ratio(sums[column], sums[QUERIES[name]]) for name, column in ELSEWHERE.items()}
    columns |= {column: sums[column] for column in QUERIES.values()}
    return columns | {"label": _labels(columns)}


def _ratio(numbers: Numbers, divisors: Numbers) -> NDArray[np.float32]:
    """Divide the numbers by the divisors; NaN where a divisor is zero."""
    ratio = np.full(len(numbers), np.nan, dtype=np.float32)
    return np.divide(numbers, divisors, out=ratio, where=divisors != 0, casting="same_kind")


def _labels(columns: dict[str, Numbers]) -> Numbers:
    """Return the label of each head (str), by the rule of `head_scores`."""
    candidates = [name for name in LABELS if name != "first_token"]
    values = np.nan_to_num(np.array([columns[SHARES.get(name, name)] for name in candidates]), nan=-1)
    reached = values >= np.float32(LABEL_THRESHOLD)
    for name in SHARES:
        reached[candidates.index(name)] &= columns[name] >= np.float32(MIN_SCORE)
    reached[candidates.index("induction")] &= columns["layer"] > 0
    best = np.where(reached, values, -1).argmax(axis=0)
    is_null = columns["first_token"] >= np.float32(NULL_THRESHOLD)
    fallback = np.where(is_null, LABELS["first_token"], OTHER)
    labels = np.where(reached.any(axis=0), np.array([LABELS[name] for name in candidates])[best], fallback)
    return labels.astype(object)


def label_evidence(scores: pd.DataFrame | Mapping[str, Numbers]) -> dict[str, NDArray[np.float32]]:
    """Return the numbers behind the label of each head.

    Args:
        scores: the result of `head_scores` or `score_columns`.

    Returns:
        For each row of `scores`: `score`, `share` (NaN where the score has none), `queries` (their number); all
        float32, NaN for "other".
    """
    labels = np.asarray(scores["label"])
    evidence = np.full((3, len(labels)), np.nan, dtype=np.float32)
    for name, label in LABELS.items():
        has_label = labels == label
        for row, column in zip(evidence, (name, SHARES.get(name), QUERIES[name]), strict=True):
            if column is not None:
                row[has_label] = np.asarray(scores[column])[has_label]
    score, share, queries = evidence
    return {"score": score, "share": share, "queries": queries}


def link_strengths(trace: AttentionTrace, query: int, key: int) -> pd.DataFrame:
    """Return the weight of every head from one token to another, the largest first.

    Args:
        trace: the trace to read.
        query, key: token positions; `key` is `query` or before it.

    Returns:
        One row for each head: `layer`, `head` (int), `attention` (float32).

    Raises:
        ValueError: the key comes after the query, so no head can attend to it, or there is no such token.

    >>> strengths = link_strengths(capture(load_model("mini"), "The dog on the ship ran"), query=5, key=1)
    >>> strengths.shape
    (144, 3)
    >>> strengths.columns.tolist()
    ['layer', 'head', 'attention']
    """
    if not (0 <= key < trace.n_tokens and 0 <= query < trace.n_tokens):
        raise ValueError(
            f"There is no link from token {query} to token {key}. Choose tokens 0 to {trace.n_tokens - 1}."
        )
    if key > query:
        raise ValueError(f"Token {query} cannot attend to token {key}, which comes later.")
    layers, heads = np.indices(trace.attention.shape[:2])
    weights = trace.attention[:, :, query, key].astype(np.float32)
    table = pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel(), "attention": weights.ravel()})
    return table.sort_values("attention", ascending=False, kind="stable", ignore_index=True)


def find_list_queries(tokens: Sequence[str]) -> list[tuple[int, tuple[int, ...]]]:
    """Find the separators of a text's lists, each with the tokens of the earlier items that it could attend to.

    A list is a run of `,`, `and` and `or` with at most two words between one and the next. The first item is the
    word before the first separator, since nothing marks where it begins. The item right before a separator is left
    out, so that attending to the previous word does not count. Separators with no other item are left out, too.

    Returns:
        (query, keys) pairs of token positions.
    """
    separators: list[tuple[int, tuple[int, ...]]] = []
    items: list[tuple[int, ...]] = []
    since_separator: list[tuple[int, ...]] = []
    for start, stop in word_spans(tokens):
        word = _word("".join(tokens[start:stop]))
        if word in _SEPARATORS:
            if items and since_separator:
                items.append(tuple(chain.from_iterable(since_separator)))
            elif since_separator:
                items = since_separator[-1:]
            if earlier := tuple(chain.from_iterable(items[:-1])):
                separators.append((start, earlier))
            since_separator = []
        elif any(character.isalnum() for character in word):
            since_separator.append(tuple(range(start, stop)))
            if len(since_separator) > _MAX_ITEM_WORDS:
                items = []
        else:
            items, since_separator = [], []
    return separators


@dataclass(frozen=True, eq=False)
class _Matches:
    """The links that a score counts: `keys` in the flattened matrix of a head, and the `queries` that have some."""

    queries: NDArray[np.intp]
    keys: NDArray[np.intp]

    @classmethod
    def of(cls, keys: NDArray[np.bool_]) -> Self:
        """Make them from (n_tokens, n_tokens), [query, key]; the first token never matches."""
        keys[:, 0] = False
        return cls(np.flatnonzero(keys.any(axis=1)), np.flatnonzero(keys))


def _matching_keys(tokens: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """Return the keys that match each query, (n_tokens, n_tokens), for the scores that depend on words."""
    n = len(tokens)
    numbers = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    token_numbers = np.array([numbers[token] for token in tokens])
    content = np.array([_is_content(token) for token in tokens])
    same = (token_numbers[:, None] == token_numbers) & content[:, None]
    follows_same = np.zeros((n, n), dtype=bool)
    follows_same[:, 1:] = same[:, :-1]
    items = np.zeros((n, n), dtype=bool)
    for query, keys in find_list_queries(tokens):
        items[query, list(keys)] = True
    return {
        "duplicate_token": np.tril(same, -1),
        "induction": np.tril(follows_same, -2),
        "list_items": items,
    }


def _layer_sums(weights: NDArray[np.float32], matches: dict[str, _Matches]) -> dict[str, Numbers]:
    """Sum each score over its queries, and count them, for one layer's weights (n_heads, n_tokens, n_tokens).

    The sums have the names of the columns of `head_scores` that are made from them.
    """
    n_heads, n_tokens, _ = weights.shape
    logs = np.log(weights + np.float32(1e-12))  # the smallest weight of float16 is 6e-8, so this only affects zeros
    query_scores = {
        "previous_token": weights.diagonal(-1, axis1=1, axis2=2)[:, 1:],
        "first_token": weights[:, 2:, 0],
        "current_token": weights.diagonal(axis1=1, axis2=2)[:, 1:],
        "entropy": -np.einsum("hqk,hqk->hq", weights, logs)[:, 1:] / np.log(np.arange(2, n_tokens + 1)),
    }
    elsewhere = weights[:, :, 1:].sum(axis=2)
    sums: dict[str, Numbers] = {}
    for name, values in query_scores.items():
        sums[name] = values.sum(axis=1, dtype=np.float64)
        sums[QUERIES[name]] = np.full(n_heads, values.shape[1])
    for name, matched in matches.items():
        sums[name] = weights.reshape(n_heads, -1).take(matched.keys, axis=1).sum(axis=1, dtype=np.float64)
        sums[ELSEWHERE[name]] = elsewhere[:, matched.queries].sum(axis=1, dtype=np.float64)
        sums[QUERIES[name]] = np.full(n_heads, len(matched.queries))
    return sums


def most_informative_head(rows: NDArray[np.floating], tokens: Sequence[str]) -> Head:
    """Return the head with the strongest link to a content word further back.

    Links to the first token, to the query itself, to the token before it and to function words say little, so they do
    not count. With no other token it is (0, 0).

    Args:
        rows: (n_layers, n_heads, n_keys), every head's weights from one query, which is the last key.
        tokens: the n_keys tokens.
    """
    informative = [key for key in range(1, len(tokens) - 2) if _is_content(tokens[key])]
    if not informative:
        return 0, 0
    strongest = rows[:, :, informative].max(axis=-1)
    return head_at(strongest.argmax(), strongest.shape[1])


def _is_content(token: str) -> bool:
    """Return whether the token has a letter or a digit and is not a function word."""
    word = _word(token).lower().replace("’", "'")
    return any(character.isalnum() for character in word) and word not in FUNCTION_WORDS


def _word(token: str) -> str:
    """Return a word without surrounding spaces, also those that some tokenizers write as "▁"."""
    return token.replace("▁", " ").strip()
