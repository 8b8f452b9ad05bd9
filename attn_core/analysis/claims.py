"""Check the claims of Jesse Vig's article on a model.

Source: "OpenAI GPT-2: Understanding Language Generation through Visualization" (2019). The article shows pictures
of GPT-2 small. Each function measures whether another model does the same, with a threshold of this project.
"""

from __future__ import annotations

from dataclasses import dataclass

from attn_core.analysis.comparison import Comparison, Span
from attn_core.analysis.scores import LABELS, find_list_queries, head_scores, link_strengths
from attn_core.heads import Head, head_at, head_label
from attn_core.trace import AttentionTrace, Prediction

HEAD_THRESHOLD = 0.5  # of a head's attention
NULL_SHARE_THRESHOLD = 0.25  # of all heads
DROP_THRESHOLD = 0.3  # of a head's attention, lost by one word

# fmt: off
COLORS = frozenset((
    "beige", "black", "blue", "brown", "cream", "crimson", "gold", "gray", "green", "grey", "lavender", "orange",
    "pink", "purple", "red", "scarlet", "silver", "turquoise", "violet", "white", "yellow",
))
# fmt: on


@dataclass(frozen=True, repr=False)
class Finding:
    """The result of checking a claim; true where the claim holds.

    Attributes:
        holds: whether the number reaches the threshold.
        number: the measured number, in [0, 1].
        head: the (layer, head) pair with this number, the highest of all heads; None where the claim is not about
            one head.
    """

    holds: bool
    number: float
    head: Head | None = None

    def __bool__(self) -> bool:
        return self.holds

    def __repr__(self) -> str:
        head = "" if self.head is None else f", {head_label(self.head)}"
        return f"Finding({'holds' if self.holds else 'does not hold'}, {self.number:.2f}{head})"


def attends(trace: AttentionTrace, query: int, key: int) -> Finding:
    """Check claim 1: a head attends from one token to another with a weight of at least 0.5.

    Raises `ValueError` if the key comes after the query.
    """
    best = link_strengths(trace, query, key).iloc[0]
    return _check_head(float(best["attention"]), HEAD_THRESHOLD, (int(best["layer"]), int(best["head"])))


def has_score(trace: AttentionTrace, score: str) -> Finding | None:
    """Check claims 3 and 5: some head has at least 0.5 of a score of `head_scores`.

    Returns:
        The finding for the head with the highest score; None if no token of the text qualifies.
    """
    scores = head_scores(trace)
    if scores[score].isna().all():
        return None
    best = scores.nlargest(1, score).iloc[0]
    return _check_head(float(best[score]), HEAD_THRESHOLD, (int(best["layer"]), int(best["head"])))


def has_null_heads(trace: AttentionTrace) -> Finding | None:
    """Check claim 4: at least a quarter of all heads attend only to the first token.

    Returns:
        The finding with the share of such heads; None for a text of fewer than three tokens.
    """
    scores = head_scores(trace)
    if scores["first_token"].isna().all():
        return None
    share = float((scores["label"] == LABELS["first_token"]).mean())
    return Finding(share >= NULL_SHARE_THRESHOLD, share)


def predicts_color(prediction: Prediction) -> Finding:
    """Check claim 5: the most probable next token is a color; the number is its probability."""
    return Finding(prediction.tokens[0].strip().lower() in COLORS, float(prediction.probabilities[0]))


def find_last_separator(trace: AttentionTrace) -> int | None:
    """Return the position of the last `,`, `and` or `or` of a list in the text; None if there is no list."""
    queries = [query for query, _ in find_list_queries(trace.tokens)]
    return max(queries, default=None)


def drops_attention(comparison: Comparison, word: int) -> Finding:
    """Check claim 7: a head attends to a word in the first text and less in the second, by at least 0.3.

    The number is how much lower the head's weight on the word is in the second text.

    Args:
        comparison: the comparison of both texts.
        word: an index of `comparison.words`.
    """
    lost = -comparison.difference[:, :, word]
    return _check_head(float(lost.max()), DROP_THRESHOLD, head_at(lost.argmax(), lost.shape[1]))


def find_most_dropped_word(comparison: Comparison) -> int | None:
    """Return the shared word whose weight drops most in some head from the first text to the second.

    The query's own word does not count, and the first token only if no other word is shared.

    Returns:
        An index of `comparison.words`; None if the texts share no word.
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
    """Return whether a position of either text is inside its span."""
    return any(
        span is not None and span[0] <= position < span[1] for position, span in zip(positions, spans, strict=True)
    )


def _check_head(number: float, threshold: float, head: Head) -> Finding:
    """Return the finding for one head, which holds if the number reaches the threshold."""
    return Finding(number >= threshold, number, head)
