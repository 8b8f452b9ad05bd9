"""Capture the attention of a prompt with no more memory than the trace needs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head
from attn_core.models.attention import FullRecorder, recording, replacing
from attn_core.models.components import OutputMatrices
from attn_core.models.decoding import token_texts
from attn_core.models.encoding import Text
from attn_core.runs.ablation import HeadAblation, Replacement
from attn_core.trace import AttentionTrace

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel

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

    Attention is stored as float16. Only the logits of the last position are computed, and the most probable next
    tokens are kept in `trace.prediction`.

    Args:
        model: the model to run.
        text: the prompt, or its token ids.
        ablate: (layer, head) pairs to turn off. Their attention is still recorded.
        replacement: what replaces their outputs (see `attn_core.runs.ablation`).
        max_tokens: a limit below the model's own, set for memory.

    Raises:
        PromptError: see `attn_core.models.encoding.encode`.
        ValueError: there is no such head.

    >>> trace = capture(load_model("mini"), "The dog on the ship ran")
    >>> trace.tokens
    ('The', ' dog', ' on', ' the', ' ship', ' ran')
    >>> trace.attention.shape
    (12, 12, 6, 6)
    """
    ids = model.encode(text, max_tokens=max_tokens)
    ablation = HeadAblation(model, ablate, replacement)
    recorder = FullRecorder(model.n_layers, model.n_heads, ids.shape[1], _output_matrices(model))
    with recording(recorder), replacing(ablation):
        logits = model.next_logits(ids)[0]
    tokens = token_texts(model.tokenizer, ids[0].tolist())
    return AttentionTrace(
        tokens=tokens,
        attention=recorder.attention,
        model=model.name,
        text=text if isinstance(text, str) else "".join(tokens),
        prediction=model.rank_tokens(logits.softmax(-1), PREDICTED_TOKENS),
        value_norms=recorder.value_norms,
        ablated=tuple(sorted(ablation.heads)),
    )


def _output_matrices(model: LanguageModel) -> OutputMatrices | None:
    """Return the model's output matrices, or None if its architecture has no known ones."""
    try:
        return model.output_matrices
    except UnsupportedArchitecture:
        return None
