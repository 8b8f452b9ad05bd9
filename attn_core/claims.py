"""The claims of Jesse Vig's article, as measures that a model can pass or fail.

Source: "OpenAI GPT-2: Understanding Language Generation through Visualization" (2019). The article shows pictures
of GPT-2 small; each measure asks whether the model at hand does the same, with a threshold of this project.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attn_core.comparison import Comparison, Span
from attn_core.patterns import LABELS, head_scores, link_strengths, list_queries
from attn_core.trace import AttentionTrace, Prediction

CLEARLY = 0.5  # of a head's attention
VERY_MANY = 0.25  # of all heads
LESS = 0.3  # of its attention that a head takes away from a word

# fmt: off
COLOURS = frozenset((
    "beige", "black", "blue", "brown", "cream", "crimson", "gold", "gray", "green", "grey", "lavender", "orange",
    "pink", "purple", "red", "scarlet", "silver", "turquoise", "violet", "white", "yellow",
))
# fmt: on


@dataclass(frozen=True)
class Finding:
    """What a claim comes to in the model at hand.

    Attributes:
        holds: whether the number reaches the threshold.
        number: what was measured, in [0, 1].
        head: the (layer, head) pair that has this number, the highest of all; None where no one head is meant.
    """

    holds: bool
    number: float
    head: tuple[int, int] | None = None


def links(trace: AttentionTrace, query: int, key: int) -> Finding:
    """Claim 1: a head looks from one word to another, with at least half of its attention.

    Raises `ValueError` if the key comes after the query.
    """
    best = link_strengths(trace, query, key).iloc[0]
    return _of_head(float(best["attention"]), CLEARLY, (int(best["layer"]), int(best["head"])))


def does(trace: AttentionTrace, score: str) -> Finding | None:
    """Claims 3 and 5: some head has a score of `head_scores` of at least a half.

    Returns:
        The head that scores highest; None if no token of the text qualifies.
    """
    scores = head_scores(trace)
    if scores[score].isna().all():
        return None
    best = scores.nlargest(1, score).iloc[0]
    return _of_head(float(best[score]), CLEARLY, (int(best["layer"]), int(best["head"])))


def finds_nothing(trace: AttentionTrace) -> Finding | None:
    """Claim 4: very many heads rest on the first token, at least a quarter of all; None under three tokens."""
    scores = head_scores(trace)
    if scores["first_token"].isna().all():
        return None
    share = float((scores["label"] == LABELS["first_token"]).mean())
    return Finding(share >= VERY_MANY, share)


def names_a_colour(prediction: Prediction) -> Finding:
    """Claim 5: the most probable next token is a colour; the number is its probability."""
    return Finding(prediction.tokens[0].strip().lower() in COLOURS, float(prediction.probabilities[0]))


def last_separator(trace: AttentionTrace) -> int | None:
    """The last `,`, `and` or `or` of a list in the text, as a token position; None if there is no list."""
    queries = [query for query, _ in list_queries(trace.tokens)]
    return max(queries, default=None)


def ignores(comparison: Comparison, word: int) -> Finding:
    """Claim 7: a head looks at a word in the first text and not in the second.

    The number is the part of its attention that the head takes away from the word; at least 0.3 counts.

    Args:
        comparison: of both texts.
        word: an index of `comparison.words`.
    """
    lost = -comparison.difference[:, :, word]
    layer, head = np.unravel_index(int(lost.argmax()), lost.shape)
    return _of_head(float(lost.max()), LESS, (int(layer), int(head)))


def most_ignored_word(comparison: Comparison) -> int | None:
    """The word of both texts that some head takes most attention away from; None if they share no word.

    The word looked from does not count, nor the first token, where heads rest, unless it is the only one.
    """
    shared = [
        index
        for index, word in enumerate(comparison.words)
        if word.kind == "equal" and not _is_in(comparison.queries, (word.span_a, word.span_b))
    ]
    shared = [index for index in shared if not comparison.words[index].is_first] or shared
    if not shared:
        return None
    lost = -comparison.difference[:, :, shared].min(axis=(0, 1))
    return shared[int(lost.argmax())]


def _is_in(positions: tuple[int, int], spans: tuple[Span | None, Span | None]) -> bool:
    return any(
        span is not None and span[0] <= position < span[1] for position, span in zip(positions, spans, strict=True)
    )


def _of_head(number: float, threshold: float, head: tuple[int, int]) -> Finding:
    return Finding(number >= threshold, number, head)
