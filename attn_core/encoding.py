"""Prompt in, token ids out: the only place that asks a tokenizer to cut a text."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING

import torch

from attn_core.errors import PromptError
from attn_core.tokens import decode_ids, ids_alone, texts_after_another, token_texts, tokens_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from attn_core.model import LanguageModel

FAST_TO_CUT = 100_000
"""Characters that take a tokenizer some tenths of a second; a megabyte takes some seconds."""
_EARLIER_TEXTS = ("a", "\n", ".", "1", ")", " a", "\n\n")
"""Some that a continuation may follow, so that its tokens are those of a text's middle and not of its beginning."""
_TAIL = 16  # tokens that decide the spaces of those after them

Text = str | Sequence[int]
"""A prompt, or its token ids: generated tokens joined to a text need not be the tokens it is cut into again."""


def encode(model: LanguageModel, text: Text, *, new_tokens: int = 0, max_tokens: int | None = None) -> torch.Tensor:
    """Token ids of a prompt, int64 (1, n_tokens): with the tokens that the tokenizer adds in front, if it does.

    A token that it adds behind (an end token) is left out, since the model goes on with the prompt.

    Args:
        model: whose tokenizer is used.
        text: the prompt, or its token ids, which are taken as they are.
        new_tokens: how many tokens are to follow; all but the last of them must fit into the model's context, too.
        max_tokens: a limit below the model's own, set for memory.

    Raises:
        PromptError: the prompt is blank or nothing is left of it, it has a token that the network does not know, or
            it passes the context or the limit.
    """
    ids = _prompt_ids(model, text)
    if max_tokens is not None and len(ids) > max_tokens and max_tokens < model.max_tokens:
        raise PromptError(f"The prompt has {len(ids):,} tokens; this dashboard allows {max_tokens:,}. Shorten it.")
    if len(ids) > model.max_tokens:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens; {model.name} reads at most {model.max_tokens:,}. Shorten it."
        )
    most = model.max_tokens - len(ids) + 1  # the last new token is predicted, and never read
    if new_tokens > most:
        raise PromptError(
            f"The prompt has {len(ids):,} of the {model.max_tokens:,} tokens {model.name} can hold. "
            f"Generate at most {most:,}, or shorten it."
        )
    return torch.tensor([ids], dtype=torch.long)


def continuation_ids(model: LanguageModel, text: Text | None, continuation: str) -> list[int]:
    """The token ids with which a text goes on, when `continuation` follows it.

    They are those of both together beyond those of the text. Where the last token of the text would become another
    one ("col" and "league"), and where the text is not known, they are those that the continuation has in the
    middle of some other text.

    Args:
        model: whose tokenizer is used.
        text: what comes before, or its token ids; None if that is not known.
        continuation: the text after it, with the space before a word. If it is empty, so is the answer.

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
        _, n_added = ids_with_start(model.tokenizer, text)
    else:
        n_added = _n_added(model.tokenizer, before)
        text = decode_ids(model.tokenizer, before[n_added:])
    own, both = before[n_added:], ids_alone(model.tokenizer, text + continuation)
    if both[: len(own)] == own and len(both) > len(own):
        return both[len(own) :]
    return _ids_after_some_text(model.tokenizer, before, continuation)


def ids_with_start(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], int]:
    """The token ids of a text, without those added behind, and how many of them the tokenizer added in front."""
    own = ids_alone(tokenizer, text)
    if not own:
        return [], 0
    whole: list[int] = tokenizer(text)["input_ids"]
    starts = [n for n in range(len(whole) - len(own) + 1) if whole[n : n + len(own)] == own]
    if not starts:
        return whole, 0
    usual = _n_in_front(tokenizer) if len(starts) > 1 else starts[0]
    n_added = usual if usual in starts else starts[0]
    return whole[: n_added + len(own)], n_added


def is_unknown(model: LanguageModel, token_ids: Sequence[int], text: str) -> bool:
    """Whether all that the tokenizer has for a text is its sign for what it does not know."""
    sign = model.tokenizer.unk_token
    if sign is None and model.tokenizer.is_fast:  # not every tokenizer tells transformers what its sign is
        sign = getattr(model.tokenizer.backend_tokenizer.model, "unk_token", None)
    if sign is None or sign in text:
        return False
    unknown = model.tokenizer.convert_tokens_to_ids(sign)
    return all(token_id == unknown for token_id in token_ids)


def positions_of(model: LanguageModel, text: str, start: int, stop: int) -> list[int]:
    """The positions of the prompt's tokens that hold its characters `start` to `stop`, or a part of one.

    Tokens in front that the tokenizer added are counted and never among them, nor is a space before a word.

    Raises `PromptError` as `encode` does.
    """
    ids = _prompt_ids(model, text)
    _, n_added = ids_with_start(model.tokenizer, text)
    texts = token_texts(model.tokenizer, ids)[n_added:]
    read = "".join(texts)
    if read.endswith(text) and not read.removesuffix(text).strip():
        shift = len(read) - len(text)  # a space that the tokenizer puts before every text
        found = tokens_of(texts, start + shift, stop + shift)
    else:
        found = _positions_by_offsets(model.tokenizer, text, texts, start, stop)
    alone = texts_after_another(model.tokenizer, ids[n_added:])
    return [n_added + position for position in found if alone[position].strip() or not text[start:stop].strip()]


def start_is_typed_too(model: LanguageModel, text: str) -> str | None:
    """The start token that is in the prompt twice, typed and added by the tokenizer; None if it is not.

    Raises `PromptError` as `encode` does.
    """
    ids = _prompt_ids(model, text)
    _, n_added = ids_with_start(model.tokenizer, text)
    if n_added == 0 or len(ids) == n_added or ids[n_added - 1] != ids[n_added]:
        return None
    return str(model.tokenizer.convert_ids_to_tokens(ids[n_added]))


def _prompt_ids(model: LanguageModel, text: Text) -> list[int]:
    """The token ids of a prompt, all of them known to the network."""
    if isinstance(text, str):
        _check_characters(model, text)
        ids, n_added = ids_with_start(model.tokenizer, text) if text.strip() else ([], 0)
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
    n_known = model.network.get_input_embeddings().num_embeddings
    for token_id in ids:
        if not 0 <= token_id < n_known:
            raise PromptError(_unknown(model, token_id, n_known, typed=isinstance(text, str)))
    return ids


def _check_characters(model: LanguageModel, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PromptError(
            "The prompt contains an invalid character (half a surrogate pair). Delete it and try again."
        ) from None
    if len(text) > max(FAST_TO_CUT, model.max_tokens * model.longest_token):
        raise PromptError(
            f"The prompt has {len(text):,} characters, too many for {model.name}'s {model.max_tokens:,} tokens. "
            "Shorten it."
        )


def _unknown(model: LanguageModel, token_id: int, n_known: int, *, typed: bool) -> str:
    token = model.tokenizer.convert_ids_to_tokens(token_id) if 0 <= token_id < len(model.tokenizer) else None
    if token is None:
        return f"{model.name} has no token {token_id}. Give numbers from 0 to {n_known - 1}."
    return (
        f"{model.name} does not know the token “{token}” (number {token_id:,}): its network has tokens 0 to "
        f"{n_known - 1:,}. {'Delete it from the prompt' if typed else 'Remove it'}."
    )


def _n_in_front(tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the tokenizer adds in front of an ordinary text."""
    _, n_added = ids_with_start(tokenizer, _EARLIER_TEXTS[0])
    return n_added


def _n_added(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> int:
    """How many of the first token ids are those that the tokenizer would add in front."""
    usual, n_added = ids_with_start(tokenizer, _EARLIER_TEXTS[0])
    return n_added if list(ids[:n_added]) == usual[:n_added] else 0


def _ids_after_some_text(tokenizer: PreTrainedTokenizerBase, before: Sequence[int], continuation: str) -> list[int]:
    """The continuation's tokens in the middle of a text, such that those before decode on to it if that can be."""
    found = []
    tail = before[-_TAIL:]
    for earlier in _EARLIER_TEXTS:
        known = ids_alone(tokenizer, earlier)
        both = ids_alone(tokenizer, earlier + continuation)
        if known and both[: len(known)] == known and len(both) > len(known):
            ids, context = both[len(known) :], tail or known
            if decode_ids(tokenizer, [*context, *ids]) == decode_ids(tokenizer, context) + continuation:
                return ids
            found.append(ids)
    return found[0] if found else ids_alone(tokenizer, continuation)


def _positions_by_offsets(
    tokenizer: PreTrainedTokenizerBase, text: str, texts: Sequence[str], start: int, stop: int
) -> list[int]:
    """The positions, counted without added tokens, where the text that the tokens give is not the prompt itself."""
    if tokenizer.is_fast:
        offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        return [n for n, (first, end) in enumerate(offsets) if first < end and first < stop and start < end]
    wanted, read = text[start:stop].casefold(), "".join(texts).casefold()
    at = -1
    for _ in range(text[:stop].casefold().count(wanted)):
        at = read.find(wanted, at + 1)
    return tokens_of(texts, at, at + len(wanted)) if at >= 0 else []
