"""How a token is shown: spaces, newlines, parts of a character, pieces of a word."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from attn_core.trace import AttentionTrace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNDECODED = "\N{REPLACEMENT CHARACTER}"
MAX_BYTES_OF_A_CHARACTER = 4
NO_TEXT = "▯"
SIGNS = {
    **dict.fromkeys(("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"), "⟨end of text⟩"),
    **dict.fromkeys(("<|begin_of_text|>", "<s>", "<bos>"), "⟨start of text⟩"),
}
"""What tokens that are no text mean to a model."""
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\N{NO-BREAK SPACE}": "⍽"}
ORDINARY = "a"  # a text whose token has a text in every tokenizer
_WINDOW = 16  # tokens that a decoder looks back on before it forgets
_BLOCK = 64  # tokens that are cut before a text is decoded from its beginning again
_after_another: WeakKeyDictionary[PreTrainedTokenizerBase, dict[int, str]] = WeakKeyDictionary()
"""What `texts_after_another` has found: each prompt asks for a thousand tokens, mostly the same."""


def decode_ids(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """The text of token ids, with the spaces that they have."""
    return str(tokenizer.decode(list(token_ids), clean_up_tokenization_spaces=False)) if token_ids else ""


def ids_alone(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The token ids of a text, without those that the tokenizer adds; none if it cannot read the text."""
    try:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    except Exception:  # all that the tokenizers library raises where there is no token for what is unknown
        return []
    return ids


class TokenDecoder:
    """Turns token ids into texts, one at a time, so that all texts joined give the decoded whole.

    A token that holds only a part of a character gives an empty text; the token that completes the
    character gives all of it. A text that a later token may change (as the `@@` at which a word goes on) is kept
    back until it is sure.

    Args:
        tokenizer: whose ids they are.
        goes_on: whether another token may follow the last one, so that texts are kept back.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, goes_on: bool = True) -> None:
        self._tokenizer = tokenizer
        self._next = ids_alone(tokenizer, ORDINARY)[:1] if goes_on else []
        # Spaces depend on the tokens before, and in a run of bytes a part of a character breaks all others.
        self._window: list[int] = []
        self._given = 0  # characters of the window's text
        self._pending = 0  # tokens at its end that have no text yet

    def add(self, token_id: int) -> str:
        """The text that this token adds to those before it."""
        self._window.append(token_id)
        self._pending += 1
        text = decode_ids(self._tokenizer, self._window)
        if self._is_unfinished(text):
            return ""
        sure = len(text)
        if self._next:
            sure = _common_prefix(text, decode_ids(self._tokenizer, self._window + self._next))
        added = text[self._given : sure]
        self._given = max(self._given, sure)
        if added and len(self._window) > _WINDOW:
            self._window = self._window[-self._pending :]
            self._given = len(decode_ids(self._tokenizer, self._window)) - (len(text) - sure)
        self._pending = 0
        return added

    @property
    def unfinished(self) -> str:
        """What the tokens since the last whole character would decode to; empty if there are none."""
        return decode_ids(self._tokenizer, self._window)[self._given :] if self._pending else ""

    def _is_unfinished(self, text: str) -> bool:
        """Whether the pending tokens are a part of a character that another token may complete."""
        if not text.endswith(UNDECODED) or self._pending >= MAX_BYTES_OF_A_CHARACTER:
            return False
        pending = self._window[-self._pending :]
        # They may be the replacement character itself, which stands for broken ones, too.
        return ids_alone(self._tokenizer, text[self._given :])[-self._pending :] != pending


def token_texts(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> tuple[str, ...]:
    """The text of each token; joined they give what the tokenizer decodes all of them to.

    A token that holds only a part of a character has an empty text, and the one that completes it has all of it; a
    character that breaks off at the end has none.
    """
    ids = [int(token_id) for token_id in token_ids]
    decoder = TokenDecoder(tokenizer, goes_on=False)
    texts = tuple(decoder.add(token_id) for token_id in ids)
    whole = decode_ids(tokenizer, ids)
    return texts if "".join(texts) + decoder.unfinished == whole else _cut(tokenizer, ids, whole)


def texts_after_another(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> tuple[str, ...]:
    """The text that each token would have after some other one, where many tokenizers give it its space."""
    known = _after_another.setdefault(tokenizer, {})
    missing = [token_id for token_id in token_ids if token_id not in known]
    if missing:
        known.update(zip(missing, _decode_after_another(tokenizer, missing), strict=True))
    return tuple(known[token_id] for token_id in token_ids)


def _decode_after_another(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> list[str]:
    before = ids_alone(tokenizer, ORDINARY)[:1]
    known = decode_ids(tokenizer, before)
    pairs = [[*before, token_id] for token_id in token_ids]
    texts = tokenizer.batch_decode(pairs, clean_up_tokenization_spaces=False)
    return [
        text[len(known) :] if text.startswith(known) else decode_ids(tokenizer, [token_id])
        for text, token_id in zip(texts, token_ids, strict=True)
    ]


def _cut(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], whole: str) -> tuple[str, ...]:
    """The whole text cut where it parts from what the tokens up to each one decode to.

    Decoding from the beginning for every token would take a long text minutes: within a block it begins a few
    tokens before, and at each block's end it is exact again.
    """
    ends = [0]
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        first = max(0, start - _WINDOW)
        base, known = ends[-1], decode_ids(tokenizer, ids[first:start])
        for stop in range(start + 1, start + len(block)):
            text = decode_ids(tokenizer, ids[first:stop])
            rest = text[_common_prefix(text, known) :]
            ends.append(max(ends[-1], base + _common_prefix(rest, whole[base : base + len(rest)])))
        exact = _common_prefix(decode_ids(tokenizer, ids[: start + len(block)]), whole)
        ends.append(max(ends[-1], exact))
    ends[-1] = len(whole)
    return tuple(whole[start:stop] for start, stop in pairwise(ends))


def _common_prefix(one: str, other: str) -> int:
    """How many characters two texts begin with that are the same."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle)
    return low


def token_label(token: str) -> str:
    """One token as a person should read it: no leading space, nothing invisible, and a box if it has no text."""
    if token == "":
        return NO_TEXT
    word = token.removeprefix(" ") or token
    if word in SIGNS:
        return SIGNS[word]
    if len(word) > 4 and word.startswith("<|") and word.endswith("|>"):
        return f"⟨{word[2:-2].replace('_', ' ')}⟩"
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


def find_word(tokens: Sequence[str], word: str) -> int | None:
    """The last token of the first such word, large or small letters alike; None if there is none."""
    spans = word_spans(tokens)
    texts = ("".join(tokens[start:stop]).strip().casefold() for start, stop in spans)
    return next((stop - 1 for text, (_, stop) in zip(texts, spans, strict=True) if text == word.casefold()), None)


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
