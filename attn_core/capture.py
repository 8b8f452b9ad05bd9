"""Prompt in, trace out, with no more memory than the trace needs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import torch

from attn_core.ablation import HeadsOff, Replacement
from attn_core.anatomy import OutputMatrices
from attn_core.attention import FullRecorder, recording, replacing
from attn_core.encoding import Text, encode
from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head
from attn_core.tokens import texts_after_another, token_texts
from attn_core.trace import AttentionTrace, Prediction
from attn_core.turns import forward_passes

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

PREDICTED_TOKENS = 1000


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
        PromptError: see `attn_core.encoding.encode`.
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
    tokens = texts_after_another(model.tokenizer, ids)
    return Prediction(tokens, best.values.numpy().astype(np.float32), tuple(ids))
