"""What a head does, read off its attention."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
"""The scores that can give a head its label, each with that label."""
SCORES = (*LABELS, "entropy")
MIXED = "mixed"
DEEDS = {
    "previous token": ("looks at the token before", "look at the token before"),
    "null": ("rests on the first token: nothing found", "rest on the first token: nothing found"),
    "current token": ("looks at the token it stands on", "look at the token they stand on"),
    "duplicate token": ("looks back at the same token", "look back at the same token"),
    "induction": ("looks at what followed the same token before", "look at what followed the same token before"),
    "list items": ("looks at the earlier items of a list", "look at the earlier items of a list"),
    MIXED: ("has no single pattern", "have no single pattern"),
}
"""What heads of a label do, in words: one head, several heads."""
LABEL_THRESHOLD = 0.5
NULL_THRESHOLD = 0.7

_SEPARATORS = frozenset((",", "and", "or"))
_MAX_ITEM_WORDS = 2  # with more words between two separators they separate clauses

# English words whose choice says little about what a head does.
# fmt: off
FUNCTION_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "for", "from", "had", "has", "have", "he",
    "her", "his", "i", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "she", "so",
    "that", "the", "their", "them", "they", "this", "to", "us", "was", "we", "were", "with", "you", "your",
))
# fmt: on


def head_scores(trace: AttentionTrace) -> pd.DataFrame:
    """What every head does on this trace, as scores between 0 and 1 and one label.

    For one head's matrix A, a query q and keys k; every score is a mean over the queries that qualify, NaN
    where none does:

    - `previous_token`: A[q, q-1], q >= 1.
    - `first_token`: A[q, 0], q >= 2.
    - `current_token`: A[q, q], q >= 1.
    - `duplicate_token`: the sum over earlier tokens equal to q's, for q that have one.
    - `induction`: the sum over 0 < k < q that follow a token equal to q's, for the same q. The score of
      Olsson et al. 2022, "In-context Learning and Induction Heads", for any text.
    - `list_items`: q is a separator of a list; the sum over the list's earlier items, the one right before q
      left out (see `list_queries`).
    - `entropy`: of A[q, :q+1], divided by log(q+1), q >= 1: 1 looks everywhere alike. It gives no label.

    The label is that of the best of the first six if it reaches 0.5 (0.7 for `first_token`), else "mixed".

    Returns:
        One row a head, in order: `layer`, `head` (int), the scores (float32), `label` (str).
    """
    heads = [(layer, head) for layer in range(trace.n_layers) for head in range(trace.n_heads)]
    queries = _queries(trace.tokens)
    per_layer = [_layer_scores(weights.astype(np.float32), queries) for weights in trace.attention]
    scores = pd.DataFrame(np.concatenate(per_layer, axis=1).T, columns=list(SCORES))
    scores.insert(0, "layer", [layer for layer, _ in heads])
    scores.insert(1, "head", [head for _, head in heads])
    return labelled(scores)


def mean_scores(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The scores of the same heads over several traces: means that leave out NaN, and the label they give."""
    scores = pd.concat(frames).groupby(["layer", "head"])[list(SCORES)].mean().reset_index()
    return labelled(scores)


def labelled(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with the column `label`, by the rule of `head_scores`."""
    values = scores[list(LABELS)].fillna(-1.0).to_numpy()
    thresholds = np.array([NULL_THRESHOLD if name == "first_token" else LABEL_THRESHOLD for name in LABELS])
    best = values.argmax(axis=1)
    names = np.array(list(LABELS.values()))[best]
    reached = values[np.arange(len(values)), best] >= thresholds[best]
    return scores.assign(label=np.where(reached, names, MIXED))


def link_strengths(trace: AttentionTrace, query: int, key: int) -> pd.DataFrame:
    """How much each head looks from one token to another, the strongest head first.

    Args:
        trace: what to read.
        query, key: token positions; `key` is `query` or before it.

    Returns:
        One row a head: `layer`, `head` (int), `attention` (float32).

    Raises:
        ValueError: the key comes after the query, where no head can look.
    """
    if not 0 <= key <= query < trace.n_tokens:
        raise ValueError(f"No head can look from token {query} to token {key}: keys are at or before the query.")
    layers, heads = np.indices(trace.attention.shape[:2])
    weights = trace.attention[:, :, query, key].astype(np.float32)
    table = pd.DataFrame({"layer": layers.ravel(), "head": heads.ravel(), "attention": weights.ravel()})
    return table.sort_values("attention", ascending=False, kind="stable", ignore_index=True)


def list_queries(tokens: Sequence[str]) -> list[tuple[int, tuple[int, ...]]]:
    """The separators of a text's lists, each with the tokens of the earlier items that it could look at.

    A list is a run of `,`, `and` and `or` with at most two words between one and the next. The first item is
    the word before the first separator, since nothing marks where it begins. The item right before a separator
    is left out, so that looking at the previous word does not count; separators with no other item are not
    listed.

    Returns:
        (query, keys) pairs of token positions.
    """
    found: list[tuple[int, tuple[int, ...]]] = []
    items: list[tuple[int, ...]] = []
    since_separator: list[tuple[int, ...]] = []
    for start, stop in word_spans(tokens):
        word = "".join(tokens[start:stop]).strip()
        if word in _SEPARATORS:
            if items and since_separator:
                items.append(tuple(chain.from_iterable(since_separator)))
            elif since_separator:
                items = since_separator[-1:]
            if earlier := tuple(chain.from_iterable(items[:-1])):
                found.append((start, earlier))
            since_separator = []
        elif any(character.isalnum() for character in word):
            since_separator.append(tuple(range(start, stop)))
            if len(since_separator) > _MAX_ITEM_WORDS:
                items = []
        else:
            items, since_separator = [], []
    return found


def _queries(tokens: Sequence[str]) -> dict[str, list[tuple[int, tuple[int, ...]]]]:
    """For the scores that depend on the words: the queries that qualify, each with its keys."""
    positions: dict[str, list[int]] = {}
    duplicate, induction = [], []
    for query, token in enumerate(tokens):
        earlier = positions.setdefault(token, [])
        if earlier:
            duplicate.append((query, tuple(earlier)))
            induction.append((query, tuple(key + 1 for key in earlier if key + 1 < query)))
        earlier.append(query)
    return {
        "duplicate_token": duplicate,
        "induction": induction,
        "list_items": list_queries(tokens),
    }


def _layer_scores(
    weights: NDArray[np.float32], queries: dict[str, list[tuple[int, tuple[int, ...]]]]
) -> NDArray[np.float32]:
    """(n_scores, n_heads) for one layer's weights, (n_heads, n_tokens, n_tokens)."""
    n_heads, n_tokens, _ = weights.shape
    previous = weights.diagonal(-1, axis1=1, axis2=2)
    current = weights.diagonal(axis1=1, axis2=2)
    logs = np.log(weights + np.float32(1e-12))  # the smallest weight of float16 is 6e-8, so this only spares zeros
    entropies = -np.einsum("hqk,hqk->hq", weights, logs)[:, 1:] / np.log(np.arange(2, n_tokens + 1))
    of_words = [
        _mean(np.array([weights[:, query, list(keys)].sum(axis=1) for query, keys in pairs]).reshape(-1, n_heads).T)
        for pairs in queries.values()
    ]
    scores = [_mean(previous), _mean(weights[:, 2:, 0]), _mean(current[:, 1:]), *of_words, _mean(entropies)]
    return np.array(scores, dtype=np.float32)


def _mean(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """The mean of each head's queries, (n_heads,); NaN where there is none."""
    return values.mean(axis=1) if values.shape[1] else np.full(len(values), np.nan)


def most_telling_head(rows: NDArray[np.floating], tokens: Sequence[str]) -> tuple[int, int]:
    """The layer and head whose look back says most: the one with the strongest link to a word further away.

    Links to the first token (the resting place), to the query itself, to the token before it and to
    function words say little, so they do not count; with no other token it is (0, 0).

    Args:
        rows: (n_layers, n_heads, n_keys), every head's weights from one query, which is the last key.
        tokens: the n_keys tokens.
    """
    telling = [key for key in range(1, len(tokens) - 2) if _is_content(tokens[key])]
    if not telling:
        return 0, 0
    strongest = rows[:, :, telling].max(axis=-1)
    layer, head = np.unravel_index(int(strongest.argmax()), strongest.shape)
    return int(layer), int(head)


def _is_content(token: str) -> bool:
    word = token.strip().lower()
    return any(character.isalnum() for character in word) and word not in FUNCTION_WORDS
