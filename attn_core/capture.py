"""Prompt in, trace out, with no more memory than the trace needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from attn_core.ablation import Head, HeadsOff, Replacement
from attn_core.anatomy import OutputMatrices
from attn_core.attention import FullRecorder, recording, replacing
from attn_core.errors import PromptError, UnsupportedArchitecture
from attn_core.tokens import token_texts
from attn_core.trace import AttentionTrace, Prediction
from attn_core.turns import forward_passes

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

PREDICTED_TOKENS = 1000
FAST_TO_CUT = 100_000
"""Characters that take a tokenizer some tenths of a second; a megabyte takes some seconds."""


Text = str | Sequence[int]
"""A prompt, or its token ids: generated tokens joined to a text need not be the tokens it is cut into again."""


def encode(model: LanguageModel, text: Text, *, room: int = 0, max_tokens: int | None = None) -> torch.Tensor:
    """Token ids of a prompt, int64 (1, n_tokens).

    Args:
        model: whose tokenizer is used.
        text: the prompt, or its token ids.
        room: how many further tokens must fit into the model's context.
        max_tokens: a limit below the model's own, set for memory.

    Raises:
        PromptError: the prompt is blank, or it passes the context or the limit.
    """
    ids = _token_ids(model, text) if isinstance(text, str) else list(text)
    if not ids:
        raise PromptError("The prompt is empty: type at least one word.")
    if max_tokens is not None and len(ids) > max_tokens and max_tokens < model.max_tokens:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens, but this dashboard stops at {max_tokens:,} "
            "to stay within its memory: shorten the text."
        )
    if len(ids) > model.max_tokens:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens, but {model.name} reads at most {model.max_tokens:,}: "
            "shorten the text."
        )
    if len(ids) + room > model.max_tokens:
        raise PromptError(
            f"The prompt has {len(ids):,} tokens, and {room:,} new ones would pass the "
            f"{model.max_tokens:,} that {model.name} can hold: ask for at most "
            f"{model.max_tokens - len(ids):,} new tokens, or shorten the text."
        )
    return torch.tensor([ids], dtype=torch.long)


def _token_ids(model: LanguageModel, text: str) -> list[int]:
    if not text.strip():
        return []
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PromptError(
            "The prompt has half of a surrogate pair, which is no character: delete it and try again."
        ) from None
    if len(text) > max(FAST_TO_CUT, model.max_tokens * model.longest_token):
        raise PromptError(
            f"The prompt has {len(text):,} characters, which are more than the {model.max_tokens:,} tokens that "
            f"{model.name} reads at most: shorten the text."
        )
    ids: list[int] = model.tokenizer(text)["input_ids"]
    return ids


def capture(
    model: LanguageModel,
    text: Text,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
    max_tokens: int | None = None,
) -> AttentionTrace:
    """Run the model once over the text and keep all of its attention.

    Attention is kept as float16; of the logits only the last position's are computed, and the best
    next tokens are kept in `trace.prediction`.

    Args:
        model: what to run.
        text: the prompt, or its token ids.
        ablate: (layer, head) pairs to switch off. Their attention is still recorded: it is what they looked at.
        replacement: what their outputs are replaced by (see `attn_core.ablation`).
        max_tokens: a limit below the model's own, set for memory.

    Raises:
        PromptError: see `encode`.
        ValueError: there is no such head.
    """
    ids = encode(model, text, max_tokens=max_tokens)
    heads_off = HeadsOff(model, ablate, replacement)
    recorder = FullRecorder(model.n_layers, model.n_heads, ids.shape[1], _output_matrices(model))
    with forward_passes.take(), recording(recorder), replacing(heads_off):
        logits = model.next_logits(ids)[0]
    tokens = token_texts(model.tokenizer, ids[0].tolist())
    return AttentionTrace(
        tokens=tokens,
        attention=recorder.attention,
        model=model.name,
        text=text if isinstance(text, str) else "".join(tokens),
        prediction=prediction(model, logits.softmax(-1)),
        value_norms=recorder.value_norms,
        ablated=tuple(sorted(heads_off.heads)),
    )


def _output_matrices(model: LanguageModel) -> OutputMatrices | None:
    try:
        return model.output_matrices
    except UnsupportedArchitecture:
        return None


def prediction(model: LanguageModel, probabilities: torch.Tensor, n: int = PREDICTED_TOKENS) -> Prediction:
    """The `n` best next tokens of a distribution, float32 (n_vocabulary,)."""
    best = probabilities.topk(min(n, len(probabilities)))
    ids = best.indices.tolist()
    tokens = model.tokenizer.batch_decode([[token_id] for token_id in ids], clean_up_tokenization_spaces=False)
    return Prediction(tuple(tokens), best.values.numpy().astype(np.float32), tuple(ids))
