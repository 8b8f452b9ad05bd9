"""What a head does, read off its attention."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# English words whose choice says little about what a head does.
# fmt: off
FUNCTION_WORDS = frozenset((
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "for", "from", "had", "has", "have", "he",
    "her", "his", "i", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "she", "so",
    "that", "the", "their", "them", "they", "this", "to", "us", "was", "we", "were", "with", "you", "your",
))
# fmt: on


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


def most_changed_head(
    rows_a: NDArray[np.floating],
    tokens_a: Sequence[str],
    rows_b: NDArray[np.floating],
    tokens_b: Sequence[str],
) -> tuple[int, int]:
    """The layer and head whose look back from the last word differs most between two prompts.

    Every head's weights are summed by the text of the tokens, so that prompts of different length compare;
    the difference is the total variation of the two sums.

    Args:
        rows_a, rows_b: (n_layers, n_heads, n_keys), the weights from each prompt's last token.
        tokens_a, tokens_b: the tokens of each prompt.
    """
    texts = sorted({*tokens_a, *tokens_b})
    change = np.abs(_by_text(rows_a, tokens_a, texts) - _by_text(rows_b, tokens_b, texts)).sum(axis=-1) / 2
    layer, head = np.unravel_index(int(change.argmax()), change.shape)
    return int(layer), int(head)


def _is_content(token: str) -> bool:
    word = token.strip().lower()
    return any(character.isalnum() for character in word) and word not in FUNCTION_WORDS


def _by_text(rows: NDArray[np.floating], tokens: Sequence[str], texts: Sequence[str]) -> NDArray[np.floating]:
    """Weights summed by token text, (n_layers, n_heads, n_texts)."""
    column = {text: index for index, text in enumerate(texts)}
    of_text = np.zeros((len(tokens), len(texts)), dtype=np.float32)
    of_text[np.arange(len(tokens)), [column[token] for token in tokens]] = 1
    return rows.astype(np.float32) @ of_text
