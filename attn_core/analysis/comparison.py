"""Compare two traces: align their words, and rank the heads by how far their attention moved.

Many heads attend mostly to the first token, whatever it is. So the first tokens of both texts are aligned with each
other, and all other tokens are aligned as words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attn_core.analysis.notebook import html_table
from attn_core.heads import Head, all_heads, head_label, rank_heads
from attn_core.tokens import token_labels, word_spans
from attn_core.trace import AttentionTrace

Span = tuple[int, int]
"""A word's tokens as a half-open range of positions."""


@dataclass(frozen=True)
class AlignedWord:
    """A word of two texts, or of one of them.

    Attributes:
        a, b: the word in the first and in the second text; None in a text without it.
        span_a, span_b: the word's tokens in either text.
        is_first: whether these are the first tokens of both texts.
    """

    a: str | None
    b: str | None
    span_a: Span | None
    span_b: Span | None
    is_first: bool = False

    @property
    def kind(self) -> str:
        """The kind of match: "equal", "replaced", "only in A" or "only in B"."""
        if self.a is None or self.b is None:
            return "only in B" if self.a is None else "only in A"
        return "equal" if self.a == self.b else "replaced"

    @property
    def label(self) -> str:
        """The word, or both words if one replaces the other."""
        if self.kind == "replaced":
            return f"{self.a} → {self.b}{' (first token)' if self.is_first else ''}"
        return str(self.b if self.a is None else self.a)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The attention of every head from one token of each of two texts, on their aligned words.

    Attributes:
        words: the aligned words in the order of both texts (see `align_traces`).
        queries: the positions of the query tokens in the first and in the second text.
        attention_a, attention_b: float32 (n_layers, n_heads, n_words): the weight on each word, summed over its
            tokens; 0 for a word that the text does not have. Rows sum to 1, or less where a token is hidden.

    >>> son = capture(load_model("mini"), "Jesse Vig is the son of James")
    >>> friend = capture(load_model("mini"), "Jesse Vig is the friend of James")
    >>> comparison = compare(son, friend)
    >>> [word.label for word in comparison.words if word.kind != "equal"]
    ['son → friend']
    >>> comparison.change.shape
    (12, 12)
    """

    words: tuple[AlignedWord, ...]
    queries: tuple[int, int]
    attention_a: NDArray[np.float32]
    attention_b: NDArray[np.float32]

    def __post_init__(self) -> None:
        for weights in (self.attention_a, self.attention_b):
            if weights.ndim != 3 or weights.shape[2] != len(self.words):
                raise ValueError(f"Attention of shape {weights.shape} does not fit {len(self.words)} words.")
            weights.flags.writeable = False
        if self.attention_a.shape != self.attention_b.shape:
            raise ValueError("Both sides must have the same number of layers and heads.")

    def __repr__(self) -> str:
        head = self.rank_heads(1)[0]
        return f"Comparison({len(self.words)} words, largest change {self.change[head]:.2f} in {head_label(head)})"

    def _repr_html_(self) -> str:
        return html_table(repr(self), self.to_frame())

    @property
    def difference(self) -> NDArray[np.float32]:
        """The second text's weights less the first's, in [-1, 1], float32 (n_layers, n_heads, n_words)."""
        return self.attention_b - self.attention_a

    @property
    def change(self) -> NDArray[np.float32]:
        """The distance that each head's attention moved, in [0, 1], float32 (n_layers, n_heads).

        It is the total variation distance between the two rows of weights: the sum of all gains or of all losses,
        whichever is larger. Both are half the sum of the absolute differences, unless a token is hidden. Then the
        hidden token makes up for the difference.
        """
        gained = self.difference.clip(min=0).sum(axis=-1)
        lost = (-self.difference).clip(min=0).sum(axis=-1)
        return np.minimum(np.maximum(gained, lost), np.float32(1))

    @property
    def has_shared_words(self) -> bool:
        """True if some word is the same in both texts; otherwise the words are only paired by their order."""
        return any(word.kind == "equal" for word in self.words)

    def rank_heads(self, n: int = 10, *, word: int | None = None) -> list[Head]:
        """Return the `n` heads whose attention moved furthest, the furthest first.

        Args:
            n: how many.
            word: rank by this aligned word alone (an index of `words`), whether it gains or loses.
        """
        distances = self.change if word is None else np.abs(self.difference[:, :, word])
        return rank_heads(distances, n)

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row for each head, the largest change first.

        Columns: `layer`, `head`, `change` (see `change`), `gained_word` and `gain` (the word whose weight rises most
        from the first text to the second, and by how much), `lost_word` and `loss` (the word whose weight falls
        most, and by how much). The word is empty where no weight rises or falls. Numbers are float32, at least 0.
        """
        n_layers, n_heads, _ = self.difference.shape
        difference = self.difference.reshape(n_layers * n_heads, -1)
        gain, loss = difference.max(axis=1).clip(min=0), (-difference).max(axis=1).clip(min=0)
        labels = np.array([word.label for word in self.words], dtype=object)
        heads = np.array(all_heads(n_layers, n_heads))
        table = pd.DataFrame(
            {
                "layer": heads[:, 0],
                "head": heads[:, 1],
                "change": self.change.ravel(),
                "gained_word": np.where(gain > 0, labels[difference.argmax(axis=1)], ""),
                "gain": gain,
                "lost_word": np.where(loss > 0, labels[difference.argmin(axis=1)], ""),
                "loss": loss,
            }
        )
        return table.sort_values("change", ascending=False, kind="stable", ignore_index=True)


def compare(trace_a: AttentionTrace, trace_b: AttentionTrace, query: int | tuple[int, int] = -1) -> Comparison:
    """Compare the attention of a model's heads in two texts.

    The first tokens of both texts are aligned, whatever they are: a head that attends to the first token in both has
    not moved. The other tokens are aligned word by word, so the texts may differ in length and in how words are split
    into tokens. As many equal words as possible are matched in order (a longest common subsequence). Words between
    matches are paired in order as replaced, and those left over are in one text only.

    Args:
        trace_a, trace_b: two traces of the same model, or traces derived from them. To hide the first token, use
            `without_first_token(rescale=False)`: rescaling would inflate the small weights of heads that attend
            mostly to it.
        query: the position of the query token, one for both texts or one for each; negative ones count from the end.

    Raises:
        ValueError: the traces do not have the same number of layers and heads.
        IndexError: there is no such position.

    >>> son = capture(load_model("mini"), "Jesse Vig is the son of James")
    >>> friend = capture(load_model("mini"), "Jesse Vig is the friend of James")
    >>> compare(son, friend).to_frame().columns.tolist()
    ['layer', 'head', 'change', 'gained_word', 'gain', 'lost_word', 'loss']
    >>> float(compare(son, son).change.max())
    0.0
    """
    if trace_a.attention.shape[:2] != trace_b.attention.shape[:2]:
        raise ValueError(
            f"The traces differ in size ({trace_a.n_layers} × {trace_a.n_heads} and {trace_b.n_layers} × "
            f"{trace_b.n_heads} heads). Compare traces of the same model."
        )
    query_a, query_b = query if isinstance(query, tuple) else (query, query)
    words = align_traces(trace_a, trace_b)
    return Comparison(
        words=words,
        queries=(range(trace_a.n_tokens)[query_a], range(trace_b.n_tokens)[query_b]),
        attention_a=_sum_over_words(trace_a.attention[:, :, query_a], [word.span_a for word in words]),
        attention_b=_sum_over_words(trace_b.attention[:, :, query_b], [word.span_b for word in words]),
    )


def align_traces(trace_a: AttentionTrace, trace_b: AttentionTrace) -> tuple[AlignedWord, ...]:
    """Return the aligned words of two traces; every token belongs to one of them.

    The first tokens of both texts come first, unless they are hidden. The other tokens are aligned with `align_words`;
    those that continue the word of the first token are a word of their own (`V`, `+ig`).
    """
    if trace_a.first_hidden or trace_b.first_hidden:
        return align_words(trace_a.tokens, trace_b.tokens)
    (first_a, rest_a), (first_b, rest_b) = _split_first_word(trace_a.tokens), _split_first_word(trace_b.tokens)
    return (
        AlignedWord(first_a, first_b, (0, 1), (0, 1), is_first=True),
        *(
            replace(
                word,
                a=rest_a if rest_a and word.span_a and word.span_a[0] == 0 else word.a,
                b=rest_b if rest_b and word.span_b and word.span_b[0] == 0 else word.b,
                span_a=word.span_a and (word.span_a[0] + 1, word.span_a[1] + 1),
                span_b=word.span_b and (word.span_b[0] + 1, word.span_b[1] + 1),
            )
            for word in align_words(trace_a.tokens[1:], trace_b.tokens[1:])
        ),
    )


def _split_first_word(tokens: Sequence[str]) -> tuple[str, str]:
    """Return the first token of a text, and the rest of its word; empty if the token is a whole word."""
    labels = token_labels(tokens)
    _, stop = word_spans(tokens)[0]
    return tokens[0].strip(" ") or tokens[0] or labels[0], " ".join(labels[1:stop])


def align_words(tokens_a: Sequence[str], tokens_b: Sequence[str]) -> tuple[AlignedWord, ...]:
    """Align the words of two texts in order; no match crosses another, and every word appears once."""
    a, b = _words(tokens_a), _words(tokens_b)
    # Of several matchings of the same length, (a, b) and (b, a) must get the same one.
    if [text for text, _ in a] <= [text for text, _ in b]:
        pairs = _pair_words(a, b)
    else:
        pairs = [(word_a, word_b) for word_b, word_a in _pair_words(b, a)]
    return tuple(
        AlignedWord(word_a and word_a[0], word_b and word_b[0], word_a and word_a[1], word_b and word_b[1])
        for word_a, word_b in pairs
    )


Word = tuple[str, Span]


def _words(tokens: Sequence[str]) -> list[Word]:
    """Return the words of a text with their spans."""
    texts = (("".join(tokens[start:stop]), (start, stop)) for start, stop in word_spans(tokens))
    return [(text.strip(" ") or text, span) for text, span in texts]


def _pair_words(a: Sequence[Word], b: Sequence[Word]) -> list[tuple[Word | None, Word | None]]:
    """Return pairs of words in order: equal ones, and between them replaced ones and words without a partner."""
    pairs: list[tuple[Word | None, Word | None]] = []
    start_a = start_b = 0
    for match_a, match_b in [*_matches([text for text, _ in a], [text for text, _ in b]), (len(a), len(b))]:
        pairs += zip_longest(a[start_a:match_a], b[start_b:match_b])
        pairs += zip(a[match_a : match_a + 1], b[match_b : match_b + 1], strict=True)
        start_a, start_b = match_a + 1, match_b + 1
    return pairs


def _matches(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """Return a longest common subsequence, as increasing pairs of positions."""
    number = {text: index for index, text in enumerate(b)}
    numbers_b = np.array([number[text] for text in b])
    longest = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int16)  # of the first i words of a and j of b
    for i, text in enumerate(a):
        lengths = np.where(numbers_b == number.get(text), longest[i, :-1] + 1, longest[i, 1:])
        longest[i + 1, 1:] = np.maximum.accumulate(lengths)
    matches = []
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            matches.append((i, j))
        elif longest[i - 1, j] >= longest[i, j - 1]:
            i -= 1
        else:
            j -= 1
    return matches[::-1]


def _sum_over_words(rows: NDArray[np.floating], spans: Sequence[Span | None]) -> NDArray[np.float32]:
    """Sum weights (n_layers, n_heads, n_tokens) over each word's tokens, float32 (n_layers, n_heads, n_words)."""
    sums = np.zeros((*rows.shape[:2], len(spans)), dtype=np.float32)
    for word, span in enumerate(spans):
        if span is not None:
            sums[:, :, word] = rows[:, :, span[0] : span[1]].sum(axis=-1, dtype=np.float32)
    return sums
