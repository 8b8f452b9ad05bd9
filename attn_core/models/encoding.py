"""Encode prompts as token ids: the only place where a tokenizer splits a text."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING

import torch

from attn_core.errors import PromptError, PromptTooLong
from attn_core.models.decoding import continuation_texts, decode_ids, ids_without_special_tokens, token_texts
from attn_core.tokens import tokens_covering

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from attn_core.models.model import LanguageModel

QUICKLY_ENCODED = 100_000
"""Characters that take a tokenizer a few tenths of a second; a megabyte takes seconds."""
_EARLIER_TEXTS = ("a", "\n", ".", "1", ")", " a", "\n\n")
"""Texts that a continuation may follow, so that it is encoded as in the middle of a text and not at its start."""
_TAIL = 16  # tokens that determine the spaces of those after them

Text = str | Sequence[int]
"""A prompt, or its token ids: generated tokens joined to a text may be encoded as different tokens."""


def encode(model: LanguageModel, text: Text, *, new_tokens: int = 0, max_tokens: int | None = None) -> torch.Tensor:
    """Return the token ids of a prompt, int64 (1, n_tokens), with start tokens if the tokenizer adds them.

    An end token that the tokenizer appends is left out, since the model continues the prompt.

    Args:
        model: the model whose tokenizer is used.
        text: the prompt, or its token ids, which are used as they are.
        new_tokens: how many tokens will follow; all but the last of them must also fit into the model's context.
        max_tokens: a limit below the model's own, set for memory.

    Raises:
        PromptError: the prompt is blank, encodes to nothing, has a token outside the network's vocabulary, or
            exceeds the context or the limit.
    """
    ids = _prompt_ids(model, text)
    if max_tokens is not None and len(ids) > max_tokens and max_tokens < model.max_tokens:
        raise PromptTooLong(len(ids), max_tokens)
    if len(ids) > model.max_tokens:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens; {model.name} reads at most {model.max_tokens:,}. Shorten it."
        )
    max_new_tokens = model.max_tokens - len(ids) + 1  # the last new token is predicted but never read
    if new_tokens > max_new_tokens:
        raise PromptError(
            f"The prompt has {len(ids):,} of the {model.max_tokens:,} tokens {model.name} can hold. "
            f"Generate at most {max_new_tokens:,}, or shorten it."
        )
    return torch.tensor([ids], dtype=torch.long)


def encode_continuation(model: LanguageModel, text: Text | None, continuation: str) -> list[int]:
    """Return the token ids of `continuation` as it follows a text.

    They are the ids of both together minus those of the text. If the last token of the text would change
    ("col" and "league"), or the text is unknown, they are the ids of the continuation in the middle of some other
    text.

    Args:
        model: the model whose tokenizer is used.
        text: the text before it, or its token ids; None if unknown.
        continuation: the text that follows, with the space before a word; an empty one has no ids.

    Raises:
        PromptError: see `encode`.
    """
    if not continuation:
        return []
    _check_characters(model, continuation)
    if text is None:
        return _ids_after_some_text(model.tokenizer, (), continuation)
    before = _prompt_ids(model, text)
    if isinstance(text, str):
        _, n_added = ids_with_start_tokens(model.tokenizer, text)
    else:
        n_added = _count_start_tokens(model.tokenizer, before)
        text = decode_ids(model.tokenizer, before[n_added:])
    text_ids, both = before[n_added:], ids_without_special_tokens(model.tokenizer, text + continuation)
    if both[: len(text_ids)] == text_ids and len(both) > len(text_ids):
        return both[len(text_ids) :]
    return _ids_after_some_text(model.tokenizer, before, continuation)


def find_token_id(model: LanguageModel, token: str | int, text: Text | None = None) -> int:
    """Return the id of a token; of the first one if the token's text is split into several.

    Args:
        model: the model whose token it is.
        token: its text, with the space before it if it starts a word, or its id.
        text: the text before it, which may affect how it is split (see
            `attn_core.models.encoding.encode_continuation`).

    Raises:
        ValueError: the text is empty or unknown to the tokenizer, or there is no such id.
    """
    if isinstance(token, str):
        ids = encode_continuation(model, text, token)
        if not ids:
            raise ValueError("The target is empty. Give a token, with the space before it if it starts a word.")
        if is_unknown(model, ids[:1], token):
            raise ValueError(
                f"The tokenizer of {model.name} does not know the target “{token}”. Give another token."
            )
        token = ids[0]
    n_vocabulary = model.n_vocabulary
    if not 0 <= token < n_vocabulary:
        raise ValueError(f"{model.name} has no token {token}. Give a number from 0 to {n_vocabulary - 1}.")
    return int(token)


def ids_with_start_tokens(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], int]:
    """Return the ids of a text with start tokens but without end tokens, and the number of start tokens."""
    own = ids_without_special_tokens(tokenizer, text)
    if not own:
        return [], 0
    whole: list[int] = tokenizer(text)["input_ids"]
    starts = [n for n in range(len(whole) - len(own) + 1) if whole[n : n + len(own)] == own]
    if not starts:
        return whole, 0
    usual = _n_start_tokens(tokenizer) if len(starts) > 1 else starts[0]
    n_added = usual if usual in starts else starts[0]
    return whole[: n_added + len(own)], n_added


def is_unknown(model: LanguageModel, token_ids: Sequence[int], text: str) -> bool:
    """Return whether the tokenizer encodes a text entirely as its token for unknown text."""
    sign = model.tokenizer.unk_token
    if sign is None and model.tokenizer.is_fast:  # not every tokenizer passes this token on to transformers
        sign = getattr(model.tokenizer.backend_tokenizer.model, "unk_token", None)
    if sign is None or sign in text:
        return False
    unknown = model.tokenizer.convert_tokens_to_ids(sign)
    return all(token_id == unknown for token_id in token_ids)


def find_positions(model: LanguageModel, text: str, start: int, stop: int) -> list[int]:
    """Return the positions of the prompt's tokens that overlap its characters `start` to `stop`.

    Start tokens that the tokenizer adds count as positions but are never included, nor is a lone space before a
    word.

    Raises:
        PromptError: see `encode`.
    """
    ids = _prompt_ids(model, text)
    _, n_added = ids_with_start_tokens(model.tokenizer, text)
    texts = token_texts(model.tokenizer, ids)[n_added:]
    decoded = "".join(texts)
    if decoded.endswith(text) and not decoded.removesuffix(text).strip():
        shift = len(decoded) - len(text)  # a space that the tokenizer adds before every text
        found = tokens_covering(texts, start + shift, stop + shift)
    else:
        found = _positions_by_offsets(model.tokenizer, text, texts, start, stop)
    alone = continuation_texts(model.tokenizer, ids[n_added:])
    return [n_added + position for position in found if alone[position].strip() or not text[start:stop].strip()]


def find_typed_start_token(model: LanguageModel, text: str) -> str | None:
    """Return the start token that the prompt has twice, typed and added by the tokenizer; None if there is none.

    Raises:
        PromptError: see `encode`.
    """
    ids = _prompt_ids(model, text)
    _, n_added = ids_with_start_tokens(model.tokenizer, text)
    if n_added == 0 or len(ids) == n_added or ids[n_added - 1] != ids[n_added]:
        return None
    return str(model.tokenizer.convert_ids_to_tokens(ids[n_added]))


def _prompt_ids(model: LanguageModel, text: Text) -> list[int]:
    """Return the token ids of a prompt; raises `PromptError` unless all are in the network's vocabulary."""
    if isinstance(text, str):
        _check_characters(model, text)
        ids, n_added = ids_with_start_tokens(model.tokenizer, text) if text.strip() else ([], 0)
        if text.strip() and len(ids) == n_added:
            raise PromptError(
                f"The prompt is empty for {model.name}: its tokenizer drops all of it. Type other words."
            )
    else:
        try:
            ids = [index(token_id) for token_id in text]
        except TypeError:
            raise PromptError("Token ids must be whole numbers. Give one list of them.") from None
    if not ids:
        raise PromptError("The prompt is empty. Type at least one word.")
    n_embeddings = model.network.get_input_embeddings().num_embeddings
    for token_id in ids:
        if not 0 <= token_id < n_embeddings:
            raise PromptError(_unknown_token(model, token_id, n_embeddings, typed=isinstance(text, str)))
    return ids


def _check_characters(model: LanguageModel, text: str) -> None:
    """Raise `PromptError` if a text has invalid characters, or too many to be worth encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PromptError(
            "The prompt contains an invalid character (half a surrogate pair). Delete it and try again."
        ) from None
    if len(text) > max(QUICKLY_ENCODED, model.max_tokens * model.longest_token):
        raise PromptError(
            f"The prompt has {len(text):,} characters, too many for {model.name}'s {model.max_tokens:,} tokens. "
            "Shorten it."
        )


def _unknown_token(model: LanguageModel, token_id: int, n_embeddings: int, *, typed: bool) -> str:
    """Return the message about a token that the network has no embedding for."""
    token = model.tokenizer.convert_ids_to_tokens(token_id) if 0 <= token_id < len(model.tokenizer) else None
    if token is None:
        return f"{model.name} has no token {token_id}. Give numbers from 0 to {n_embeddings - 1}."
    return (
        f"{model.name} does not know the token “{token}” (number {token_id:,}): its network has tokens 0 to "
        f"{n_embeddings - 1:,}. {'Delete it from the prompt' if typed else 'Remove it'}."
    )


def _n_start_tokens(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the number of start tokens that the tokenizer adds to an ordinary text."""
    _, n_added = ids_with_start_tokens(tokenizer, _EARLIER_TEXTS[0])
    return n_added


def _count_start_tokens(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> int:
    """Return how many of the first token ids are the start tokens that the tokenizer would add."""
    usual, n_added = ids_with_start_tokens(tokenizer, _EARLIER_TEXTS[0])
    return n_added if list(ids[:n_added]) == usual[:n_added] else 0


def _ids_after_some_text(tokenizer: PreTrainedTokenizerBase, before: Sequence[int], continuation: str) -> list[int]:
    """Return the continuation's ids in mid-text; if possible, such that they decode to it after `before`."""
    found = []
    tail = before[-_TAIL:]
    for earlier in _EARLIER_TEXTS:
        earlier_ids = ids_without_special_tokens(tokenizer, earlier)
        both = ids_without_special_tokens(tokenizer, earlier + continuation)
        if earlier_ids and both[: len(earlier_ids)] == earlier_ids and len(both) > len(earlier_ids):
            ids, context = both[len(earlier_ids) :], tail or earlier_ids
            if decode_ids(tokenizer, [*context, *ids]) == decode_ids(tokenizer, context) + continuation:
                return ids
            found.append(ids)
    return found[0] if found else ids_without_special_tokens(tokenizer, continuation)


def _positions_by_offsets(
    tokenizer: PreTrainedTokenizerBase, text: str, texts: Sequence[str], start: int, stop: int
) -> list[int]:
    """Return positions, not counting start tokens, for tokens that don't decode to the prompt itself."""
    if tokenizer.is_fast:
        offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return [n for n, (first, end) in enumerate(offsets) if first < end and first < stop and start < end]
    part, decoded = text[start:stop].casefold(), "".join(texts).casefold()
    offset = -1
    for _ in range(text[:stop].casefold().count(part)):
        offset = decoded.find(part, offset + 1)
    return tokens_covering(texts, offset, offset + len(part)) if offset >= 0 else []
