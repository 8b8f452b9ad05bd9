"""Two traces side by side: their words aligned, and the heads ranked by how far their attention moved.

Heads rest on the first token, whatever it is. So the first tokens of two texts are one place, and all other tokens
are aligned as words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from attn_core.tokens import token_labels, word_spans
from attn_core.trace import AttentionTrace

Span = tuple[int, int]
"""A word's tokens as a half-open range of positions."""


@dataclass(frozen=True)
class AlignedWord:
    """A word of two texts, or of one of them.

    Attributes:
        a, b: the word in the first and in the second text; None where it has none.
        span_a, span_b: its tokens there.
        is_first: these are the first tokens of both texts, where heads rest.
    """

    a: str | None
    b: str | None
    span_a: Span | None
    span_b: Span | None
    is_first: bool = False

    @property
    def kind(self) -> str:
        """What became of the word: "equal", "replaced", "only in A" or "only in B"."""
        if self.a is None or self.b is None:
            return "only in B" if self.a is None else "only in A"
        return "equal" if self.a == self.b else "replaced"

    @property
    def label(self) -> str:
        """The word, or both of them if one replaces the other or if both are first."""
        if self.kind == "replaced":
            return f"{self.a} → {self.b}{' (first token)' if self.is_first else ''}"
        return str(self.b if self.a is None else self.a)


@dataclass(frozen=True)
class Comparison:
    """Where every head looks in two texts from one token of each, on words that both share.

    Attributes:
        words: the aligned words in the order of both texts (see `compared_words`).
        queries: the token positions looked from, in the first and in the second text.
        attention_a, attention_b: float32 (n_layers, n_heads, n_words): the weight on each word, summed over its
            pieces; 0 for a word that the text does not have. Rows sum to 1, or less where a token is hidden.
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

    @property
    def difference(self) -> NDArray[np.float32]:
        """How much more a head looks at each word in the second text, in [-1, 1] (n_layers, n_heads, n_words)."""
        return self.attention_b - self.attention_a

    @property
    def change(self) -> NDArray[np.float32]:
        """How far each head's attention moved, in [0, 1] (n_layers, n_heads).

        The total variation distance between the two rows of weights, the part of its attention that a head has put
        on other words: what all words gained together, or what they lost, whichever is more. The two are the same,
        half the sum of the absolute differences, unless a token is hidden; then it stands for the other side.
        """
        gained = self.difference.clip(min=0).sum(axis=-1)
        lost = (-self.difference).clip(min=0).sum(axis=-1)
        return np.minimum(np.maximum(gained, lost), np.float32(1))

    @property
    def lines_up(self) -> bool:
        """Whether some word is the same in both texts; if none is, the words are only paired by their order."""
        return any(word.kind == "equal" for word in self.words)

    def ranked(self, n: int = 10, *, word: int | None = None) -> list[tuple[int, int]]:
        """The `n` (layer, head) pairs whose attention moved furthest, the furthest first.

        Args:
            n: how many.
            word: rank by this aligned word alone (an index of `words`), whether it gains or loses.
        """
        by = self.change if word is None else np.abs(self.difference[:, :, word])
        order = np.argsort(-by, axis=None, kind="stable")[:n]
        return [(int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, by.shape), strict=True)]


def compare(trace_a: AttentionTrace, trace_b: AttentionTrace, query: int | tuple[int, int] = -1) -> Comparison:
    """Where the heads of one model look in two texts, and how far that moved.

    The first tokens of both texts are one place, whatever they are: a head that rests there in both has not moved.
    The other tokens are aligned word by word, so that the texts may differ in length and in how words are cut into
    pieces. As many equal words as possible are matched in order (a longest common subsequence); between them words
    are paired in order as replaced, and what is left over is in one text only.

    Args:
        trace_a, trace_b: of the same model; also views of traces. If the first token is hidden it should be without
            renormalising, which would blow up what is left where a head rests on it.
        query: the token position to look from, in both texts or one for each; negative ones count from the end.

    Raises:
        ValueError: the traces do not have the same heads.
        IndexError: there is no such position.
    """
    if trace_a.attention.shape[:2] != trace_b.attention.shape[:2]:
        raise ValueError(
            f"The traces differ in size ({trace_a.n_layers} × {trace_a.n_heads} and {trace_b.n_layers} × "
            f"{trace_b.n_heads} heads). Compare traces of the same model."
        )
    query_a, query_b = query if isinstance(query, tuple) else (query, query)
    words = compared_words(trace_a, trace_b)
    return Comparison(
        words=words,
        queries=(range(trace_a.n_tokens)[query_a], range(trace_b.n_tokens)[query_b]),
        attention_a=_on_words(trace_a.attention[:, :, query_a], [word.span_a for word in words]),
        attention_b=_on_words(trace_b.attention[:, :, query_b], [word.span_b for word in words]),
    )


def compared_words(trace_a: AttentionTrace, trace_b: AttentionTrace) -> tuple[AlignedWord, ...]:
    """Return the places on which the attention to two texts is compared; every token is in one of them.

    The first place are the first tokens of both texts, unless they are hidden. The rest are the `aligned_words` of
    the other tokens; pieces that go on with the word of the first token are a word of their own (`V`, `+ig`).
    """
    if trace_a.first_hidden or trace_b.first_hidden:
        return aligned_words(trace_a.tokens, trace_b.tokens)
    (first_a, rest_a), (first_b, rest_b) = _ends_of_first_word(trace_a.tokens), _ends_of_first_word(trace_b.tokens)
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
            for word in aligned_words(trace_a.tokens[1:], trace_b.tokens[1:])
        ),
    )


def _ends_of_first_word(tokens: Sequence[str]) -> tuple[str, str]:
    """The first token of a text, and what its other tokens add to its word; nothing if it is a whole word."""
    labels = token_labels(tokens)
    _, stop = word_spans(tokens)[0]
    return tokens[0].strip(" ") or tokens[0] or labels[0], " ".join(labels[1:stop])


def aligned_words(tokens_a: Sequence[str], tokens_b: Sequence[str]) -> tuple[AlignedWord, ...]:
    """The words of two texts matched in order; no match crosses another, and every word is in it once."""
    a, b = _words(tokens_a), _words(tokens_b)
    # Where several matchings are as long as each other, (a, b) and (b, a) must get the same one.
    if [text for text, _ in a] <= [text for text, _ in b]:
        pairs = _pairs(a, b)
    else:
        pairs = [(one, other) for other, one in _pairs(b, a)]
    return tuple(
        AlignedWord(one and one[0], other and other[0], one and one[1], other and other[1]) for one, other in pairs
    )


Word = tuple[str, Span]


def _words(tokens: Sequence[str]) -> list[Word]:
    texts = (("".join(tokens[start:stop]), (start, stop)) for start, stop in word_spans(tokens))
    return [(text.strip(" ") or text, span) for text, span in texts]


def _pairs(a: Sequence[Word], b: Sequence[Word]) -> list[tuple[Word | None, Word | None]]:
    pairs: list[tuple[Word | None, Word | None]] = []
    after_a = after_b = 0
    for at_a, at_b in [*_matches([text for text, _ in a], [text for text, _ in b]), (len(a), len(b))]:
        pairs += zip_longest(a[after_a:at_a], b[after_b:at_b])
        pairs += zip(a[at_a : at_a + 1], b[at_b : at_b + 1], strict=True)
        after_a, after_b = at_a + 1, at_b + 1
    return pairs


def _matches(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int]]:
    """A longest common subsequence, as increasing pairs of positions."""
    number = {text: index for index, text in enumerate(b)}
    numbers = np.array([number[text] for text in b])
    longest = np.zeros((len(a) + 1, len(b) + 1), dtype=np.int16)  # of the first i words of a and j of b
    for i, text in enumerate(a):
        with_this = np.where(numbers == number.get(text), longest[i, :-1] + 1, longest[i, 1:])
        longest[i + 1, 1:] = np.maximum.accumulate(with_this)
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


def _on_words(rows: NDArray[np.floating], spans: Sequence[Span | None]) -> NDArray[np.float32]:
    """Weights (n_layers, n_heads, n_tokens) summed over each word's tokens, (n_layers, n_heads, n_words)."""
    sums = np.zeros((*rows.shape[:2], len(spans)), dtype=np.float32)
    for word, span in enumerate(spans):
        if span is not None:
            sums[:, :, word] = rows[:, :, span[0] : span[1]].sum(axis=-1, dtype=np.float32)
    return sums
