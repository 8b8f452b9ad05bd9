"""Show tokens to people: spaces, newlines, parts of a character, pieces of a word."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from attn_core.trace import AttentionTrace

NO_TEXT = "▯"
SIGNS = {
    **dict.fromkeys(("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"), "⟨end of text⟩"),
    **dict.fromkeys(("<|begin_of_text|>", "<s>", "<bos>"), "⟨start of text⟩"),
}
"""The meaning of tokens that are not text."""
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\N{NO-BREAK SPACE}": "⍽"}


def token_label(token: str) -> str:
    """Return a token as people should read it: no leading space, nothing invisible, and a box if it has no text."""
    if token == "":
        return NO_TEXT
    word = token.removeprefix(" ") or token
    if word in SIGNS:
        return SIGNS[word]
    if len(word) > 4 and word.startswith("<|") and word.endswith("|>"):
        return f"⟨{word[2:-2].replace('_', ' ')}⟩"
    return "".join(_visible(character, alone=len(word) == 1) for character in word)


def token_labels(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return labels for the tokens of a text, in context.

    The space before a word is dropped; a piece that continues a word gets a leading `+`
    (`V`, `+ig`); the pieces of one character are numbered (`🙂 1/2`).
    """
    labels = []
    for index, token in enumerate(tokens):
        if token == "" or (index > 0 and tokens[index - 1] == "" and len(token.lstrip()) == 1):
            labels.append(_character_piece(tokens, index))
        elif index > 0 and _continues_word(tokens[index - 1], token):
            labels.append("+" + token_label(token))
        else:
            labels.append(token_label(token))
    return tuple(labels)


def has_split_words(tokens: Sequence[str]) -> bool:
    """Return whether some word of the text was split into several tokens."""
    return any(_continues_word(left, right) for left, right in pairwise(tokens))


def word_spans(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Return the words of a text as half-open ranges of token positions; every token is in exactly one."""
    starts = [
        index
        for index, token in enumerate(tokens)
        if index == 0 or not (tokens[index - 1] == "" or _continues_word(tokens[index - 1], token))
    ]
    return list(pairwise([*starts, len(tokens)]))


def find_word(tokens: Sequence[str], word: str) -> int | None:
    """Return the last token position of the first such word, ignoring case; None if there is none."""
    spans = word_spans(tokens)
    texts = ("".join(tokens[start:stop]).strip().casefold() for start, stop in spans)
    return next((stop - 1 for text, (_, stop) in zip(texts, spans, strict=True) if text == word.casefold()), None)


def tokens_covering(tokens: Sequence[str], start: int, stop: int) -> list[int]:
    """Return the positions of the tokens that overlap the characters `start` to `stop` of the text."""
    found: list[int] = []
    pending: list[int] = []  # tokens without text, and the one that completes their character
    end = 0
    for position, token in enumerate(tokens):
        begin, end = end, end + len(token)
        pending.append(position)
        if token:
            if start < end and begin < stop:
                found += pending
            pending = []
    return found


def merge_tokens(trace: AttentionTrace) -> AttentionTrace:
    """Return the trace with word pieces joined into words.

    Attention to a word is the sum over its pieces; attention from a word is the mean over its pieces.
    """
    spans = word_spans(trace.tokens)
    starts = [start for start, _ in spans]
    lengths = np.array([stop - start for start, stop in spans], dtype=np.float32)
    attention = np.empty((trace.n_layers, trace.n_heads, len(spans), len(spans)), dtype=np.float16)
    for layer, weights in enumerate(trace.attention):
        to_words = np.add.reduceat(weights.astype(np.float32), starts, axis=-1)
        attention[layer] = np.add.reduceat(to_words, starts, axis=-2) / lengths[:, None]
    words = tuple("".join(trace.tokens[start:stop]) for start, stop in spans)
    return replace(trace, tokens=words, attention=attention, value_norms=None)


def _visible(character: str, alone: bool) -> str:
    """Return a character, or a sign for it if it would be invisible."""
    if character in VISIBLE:
        return VISIBLE[character]
    category = unicodedata.category(character)
    # Joiners and selectors belong to the emoji around them; on their own they are invisible.
    if character in ("\N{ZERO WIDTH JOINER}", "\N{VARIATION SELECTOR-16}"):
        return _code_point(character) if alone else character
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return _code_point(character)
    return character


def _code_point(character: str) -> str:
    """Return a character as its code point, such as ⟨U+200D⟩."""
    return f"⟨U+{ord(character):04X}⟩"


def _character_piece(tokens: Sequence[str], index: int) -> str:
    """Return the label of a token that holds part of a character: the character and the number of the piece."""
    first = index
    while first > 0 and tokens[first - 1] == "":
        first -= 1
    last = first
    while last < len(tokens) and tokens[last] == "":
        last += 1
    piece = index - first + 1
    if last == len(tokens):
        return f"byte {piece}"
    character = tokens[last].lstrip()[:1] or " "
    return f"{token_label(character)} {piece}/{last - first + 1}"


def _continues_word(left: str, right: str) -> bool:
    """Return whether the token on the right continues the word of the token on the left."""
    return left != "" and right != "" and left[-1].isalnum() and right[0].isalnum()
