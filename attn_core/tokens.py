"""How a token is shown: spaces, newlines, parts of a character, pieces of a word."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from attn_core.trace import AttentionTrace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNDECODED = "\N{REPLACEMENT CHARACTER}"
MAX_BYTES_OF_A_CHARACTER = 4
NO_TEXT = "▯"
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\N{NO-BREAK SPACE}": "⍽"}


class TokenDecoder:
    """Turns token ids into texts, one at a time, so that all texts joined give the decoded whole.

    A token that holds only a part of a character gives an empty text; the token that completes the
    character gives all of it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._context: list[int] = []  # the token before the pending ones: some tokenizers need it for spaces
        self._pending: list[int] = []

    def add(self, token_id: int) -> str:
        """The text that this token adds to those before it."""
        self._pending.append(token_id)
        before = self._decode(self._context)
        text = self._decode(self._context + self._pending)[len(before) :]
        unfinished = text.endswith(UNDECODED) and not self._is_whole(text)
        if unfinished and len(self._pending) < MAX_BYTES_OF_A_CHARACTER:
            return ""
        self._context, self._pending = [token_id], []
        return text

    def _is_whole(self, text: str) -> bool:
        """Whether the pending tokens are the replacement character itself, which stands for broken ones, too."""
        return bool(self._tokenizer(text, add_special_tokens=False)["input_ids"] == self._pending)

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, clean_up_tokenization_spaces=False)) if ids else ""


def token_texts(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> tuple[str, ...]:
    """The text of each token; joined they give the text (see `TokenDecoder`)."""
    decoder = TokenDecoder(tokenizer)
    return tuple(decoder.add(token_id) for token_id in token_ids)


def token_label(token: str) -> str:
    """One token as a person should read it: no leading space, nothing invisible, and a box if it has no text."""
    if token == "":
        return NO_TEXT
    word = token.removeprefix(" ") or token
    return "".join(_visible(character, alone=len(word) == 1) for character in word)


def token_labels(tokens: Sequence[str]) -> tuple[str, ...]:
    """Labels for the tokens of a text, in their context.

    The space before a word is dropped; a piece that goes on with a word gets a leading `+`
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


def has_word_pieces(tokens: Sequence[str]) -> bool:
    """Whether some word of the text was cut into several tokens."""
    return any(_continues_word(left, right) for left, right in pairwise(tokens))


def word_spans(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """The words of a text as half-open ranges of token positions; every token is in exactly one."""
    starts = [
        index
        for index, token in enumerate(tokens)
        if index == 0 or not (tokens[index - 1] == "" or _continues_word(tokens[index - 1], token))
    ]
    return list(pairwise([*starts, len(tokens)]))


def tokens_of(tokens: Sequence[str], start: int, stop: int) -> list[int]:
    """The positions of the tokens that hold the characters `start` to `stop` of the text, or a part of one."""
    found: list[int] = []
    together: list[int] = []  # tokens without text, and the one that completes their character
    end = 0
    for position, token in enumerate(tokens):
        begin, end = end, end + len(token)
        together.append(position)
        if token:
            if start < end and begin < stop:
                found += together
            together = []
    return found


def join_words(trace: AttentionTrace) -> AttentionTrace:
    """The trace with word pieces joined into words.

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
    if character in VISIBLE:
        return VISIBLE[character]
    category = unicodedata.category(character)
    # Joiners and selectors belong to the emoji around them; alone nobody would see them.
    if character in ("\N{ZERO WIDTH JOINER}", "\N{VARIATION SELECTOR-16}"):
        return _code_point(character) if alone else character
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return _code_point(character)
    return character


def _code_point(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"


def _character_piece(tokens: Sequence[str], index: int) -> str:
    """Label of one of the tokens that share a character: the character and which piece this is."""
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
    return left != "" and right != "" and left[-1].isalnum() and right[0].isalnum()
