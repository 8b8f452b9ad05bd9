"""Decode token ids to texts, and encode a text without the tokens that a tokenizer adds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

UNDECODED = "\N{REPLACEMENT CHARACTER}"

MAX_BYTES_OF_A_CHARACTER = 4


ORDINARY = "a"  # its token is not empty in any tokenizer


_WINDOW = 16  # tokens of context that a decoder keeps


_BLOCK = 64  # tokens that are split before a text is decoded from its start again


_continuation_cache: WeakKeyDictionary[PreTrainedTokenizerBase, dict[int, str]] = WeakKeyDictionary()
"""The results of `continuation_texts`: each prompt needs a thousand tokens, mostly the same ones."""


def decode_ids(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> str:
    """Return the text of token ids, without cleaning up spaces."""
    return str(tokenizer.decode(list(token_ids), clean_up_tokenization_spaces=False)) if token_ids else ""


def ids_without_special_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Return the token ids of a text, without those that the tokenizer adds; none if it cannot encode the text."""
    try:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    except Exception:  # raised by the tokenizers library if there is no token for unknown text
        return []
    return ids


class TokenDecoder:
    """Decodes token ids one at a time, so that all texts joined give the decoded whole.

    A token that holds only part of a character gives an empty text; the token that completes the character gives
    all of it. A text that a later token may change (such as the `@@` that marks an unfinished word) is held back
    until it is final.

    Args:
        tokenizer: the tokenizer of these ids.
        may_continue: whether another token may follow the last one, so that texts are held back.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, may_continue: bool = True) -> None:
        self._tokenizer = tokenizer
        self._next = ids_without_special_tokens(tokenizer, ORDINARY)[:1] if may_continue else []
        # Spaces depend on earlier tokens, and in a run of bytes an incomplete character breaks all others.
        self._window: list[int] = []
        self._n_returned = 0  # characters of the window's text
        self._n_pending = 0  # tokens at its end that have no text yet

    def add(self, token_id: int) -> str:
        """Return the text that this token adds to those before it."""
        self._window.append(token_id)
        self._n_pending += 1
        text = decode_ids(self._tokenizer, self._window)
        if self._is_unfinished(text):
            return ""
        n_final = len(text)
        if self._next:
            n_final = _common_prefix(text, decode_ids(self._tokenizer, self._window + self._next))
        added = text[self._n_returned : n_final]
        self._n_returned = max(self._n_returned, n_final)
        if added and len(self._window) > _WINDOW:
            self._window = self._window[-self._n_pending :]
            self._n_returned = len(decode_ids(self._tokenizer, self._window)) - (len(text) - n_final)
        self._n_pending = 0
        return added

    @property
    def unfinished(self) -> str:
        """The text that the tokens since the last whole character decode to; empty if there are none."""
        return decode_ids(self._tokenizer, self._window)[self._n_returned :] if self._n_pending else ""

    def _is_unfinished(self, text: str) -> bool:
        """Return whether the pending tokens are part of a character that another token may complete."""
        if not text.endswith(UNDECODED) or self._n_pending >= MAX_BYTES_OF_A_CHARACTER:
            return False
        pending = self._window[-self._n_pending :]
        # They may be the replacement character itself, which also stands for broken ones.
        return ids_without_special_tokens(self._tokenizer, text[self._n_returned :])[-self._n_pending :] != pending


def token_texts(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> tuple[str, ...]:
    """Return the text of each token; joined they give what the tokenizer decodes all of them to.

    A token that holds only part of a character has an empty text, and the one that completes it has all of it; an
    incomplete character at the end has none.

    >>> tokenizer = load_model("mini").tokenizer
    >>> token_texts(tokenizer, tokenizer("The dog ran")["input_ids"])
    ('The', ' dog', ' ran')
    """
    ids = [int(token_id) for token_id in token_ids]
    decoder = TokenDecoder(tokenizer, may_continue=False)
    texts = tuple(decoder.add(token_id) for token_id in ids)
    whole = decode_ids(tokenizer, ids)
    return texts if "".join(texts) + decoder.unfinished == whole else _split(tokenizer, ids, whole)


def continuation_texts(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> tuple[str, ...]:
    """Return the text of each token after another one; many tokenizers add the leading space only there."""
    cached = _continuation_cache.setdefault(tokenizer, {})
    missing = [token_id for token_id in token_ids if token_id not in cached]
    if missing:
        cached.update(zip(missing, _decode_continuations(tokenizer, missing), strict=True))
    return tuple(cached[token_id] for token_id in token_ids)


def _decode_continuations(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int]) -> list[str]:
    """Return the text that each token adds to an ordinary one before it."""
    prefix_ids = ids_without_special_tokens(tokenizer, ORDINARY)[:1]
    prefix = decode_ids(tokenizer, prefix_ids)
    pairs = [[*prefix_ids, token_id] for token_id in token_ids]
    texts = tokenizer.batch_decode(pairs, clean_up_tokenization_spaces=False)
    return [
        text[len(prefix) :] if text.startswith(prefix) else decode_ids(tokenizer, [token_id])
        for text, token_id in zip(texts, token_ids, strict=True)
    ]


def _split(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int], whole: str) -> tuple[str, ...]:
    """Split the whole text where it diverges from what the tokens up to each one decode to.

    Decoding from the start for every token would take minutes on a long text. Within a block, decoding starts a
    few tokens earlier, and at the end of each block it is exact again.
    """
    ends = [0]
    for start in range(0, len(ids), _BLOCK):
        block = ids[start : start + _BLOCK]
        first = max(0, start - _WINDOW)
        base, earlier = ends[-1], decode_ids(tokenizer, ids[first:start])
        for stop in range(start + 1, start + len(block)):
            text = decode_ids(tokenizer, ids[first:stop])
            rest = text[_common_prefix(text, earlier) :]
            ends.append(max(ends[-1], base + _common_prefix(rest, whole[base : base + len(rest)])))
        exact = _common_prefix(decode_ids(tokenizer, ids[: start + len(block)]), whole)
        ends.append(max(ends[-1], exact))
    ends[-1] = len(whole)
    return tuple(whole[start:stop] for start, stop in pairwise(ends))


def _common_prefix(one: str, other: str) -> int:
    """Return the length of the longest prefix that two texts share."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle)
    return low
