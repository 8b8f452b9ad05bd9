"""Decompose the residual stream of the last position into what each part of a model added."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head
from attn_core.models.attention import recording, replacing, value_norms
from attn_core.models.components import LayerArguments, OutputMatrices, observing
from attn_core.models.decoding import token_texts
from attn_core.models.encoding import Text
from attn_core.runs.ablation import HeadAblation, Replacement

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel

SUM_TOLERANCE = 1e-3  # relative to the largest number in the sum


@dataclass(frozen=True, eq=False, repr=False)
class ResidualStream:
    """The residual stream of a text's last position, decomposed; all parts sum to `final`.

    Attributes:
        tokens: the texts of the n tokens.
        embedding: float32 (width,): token and position embedding, as the first layer receives it.
        heads: float32 (n_layers, n_heads, width): each head's output through its output matrix. It includes the
            bias of the values, since a head's weights sum to 1.
        attention_biases: float32 (n_layers, width): the bias of each layer's output projection.
        mlps: float32 (n_layers, width): what each layer's MLP added, including its bias.
        final: float32 (width,): the stream after the last layer, before the final norm.
        logits: float32 (n_vocabulary,): the model's logits.
        attention: float16 (n_layers, n_heads, n): the last position's row of every head.
        value_norms: float32 (n_layers, n_heads, n): see `AttentionTrace.value_norms`.
        token_ids: the ids of the n tokens.

    >>> stream = residual_stream(load_model("mini"), "The dog on the ship ran")
    >>> stream
    ResidualStream(6 tokens, 12 layers x 12 heads, width 144)
    >>> bool(np.allclose(stream.after_layers()[-1], stream.final, atol=1e-3))
    True
    """

    tokens: tuple[str, ...]
    embedding: NDArray[np.float32]
    heads: NDArray[np.float32]
    attention_biases: NDArray[np.float32]
    mlps: NDArray[np.float32]
    final: NDArray[np.float32]
    logits: NDArray[np.float32]
    attention: NDArray[np.float16]
    value_norms: NDArray[np.float32]
    token_ids: tuple[int, ...]

    def __repr__(self) -> str:
        n_layers, n_heads, width = self.heads.shape
        n_tokens = f"{len(self.tokens)} token{'' if len(self.tokens) == 1 else 's'}"
        return f"ResidualStream({n_tokens}, {n_layers} layers x {n_heads} heads, width {width})"

    def after_layers(self) -> NDArray[np.float32]:
        """Return the stream before the first layer and after each one, float32 (n_layers + 1, width)."""
        added = self.heads.sum(axis=1) + self.attention_biases + self.mlps
        steps: NDArray[np.float32] = np.concatenate([self.embedding[None], added]).cumsum(axis=0, dtype=np.float64)
        return steps.astype(np.float32)


def residual_stream(
    model: LanguageModel,
    text: Text,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
    max_tokens: int | None = None,
) -> ResidualStream:
    """Run the model once over the text and keep what each part added at the last position.

    A head that is turned off appears with what replaced its output.

    Args:
        model: the model to run.
        text: the prompt, or its token ids.
        ablate, replacement: heads to turn off (see `attn_core.runs.ablation`).
        max_tokens: a limit below the model's own, set for memory.

    Raises:
        PromptError: see `attn_core.models.encoding.encode`.
        UnsupportedArchitecture: the parts of this type of model are unknown, or do not sum to the stream.
        ValueError: there is no such head.

    >>> stream = residual_stream(load_model("mini"), "The dog on the ship ran")
    >>> stream.heads.shape
    (12, 12, 144)
    """
    ids = model.encode(text, max_tokens=max_tokens)
    ablation = HeadAblation(model, ablate, replacement)
    parts = _Parts(model.components.output_matrices, model.n_layers, model.n_heads, ids.shape[1])
    with recording(parts), observing(parts), replacing(ablation):
        logits = model.next_logits(ids)[0]
    with model.slot(), torch.inference_mode():
        unembedded = model.components.logits(parts.final[None])[0]
    stream = ResidualStream(
        tokens=token_texts(model.tokenizer, ids[0].tolist()),
        embedding=parts.embedding.numpy(),
        heads=parts.heads.numpy(),
        attention_biases=model.output_matrices.biases().numpy(),
        mlps=parts.mlps.numpy(),
        final=parts.final.numpy(),
        logits=logits.numpy(),
        attention=parts.attention.to(torch.float16).numpy(),
        value_norms=parts.value_norms.numpy(),
        token_ids=tuple(ids[0].tolist()),
    )
    if not (_is_close(stream.after_layers()[-1], stream.final) and _is_close(unembedded.numpy(), stream.logits)):
        raise UnsupportedArchitecture(
            f"The heads and MLPs of {model.network.config.model_type} do not sum to its logits, so per-head "
            "effects are hidden. This architecture has extra steps. Attention still works."
        )
    return stream


def resolve_stream(
    model: LanguageModel, text: Text | ResidualStream, ablate: Collection[Head], replacement: Replacement
) -> ResidualStream:
    """Return the `residual_stream` of a text, or the text itself if it already is one."""
    if not isinstance(text, ResidualStream):
        return residual_stream(model, text, ablate=ablate, replacement=replacement)
    if ablate:
        raise ValueError("This residual stream has already been run. Turn heads off in residual_stream instead.")
    return text


def _is_close(sums: NDArray[np.float32], expected: NDArray[np.float32]) -> bool:
    """Return whether sums are within `SUM_TOLERANCE` of the model's own numbers."""
    return bool(np.abs(sums - expected).max() <= SUM_TOLERANCE * float(np.abs(expected).max()))


class _Parts:
    """Observes one forward pass and keeps what was added at the last position."""

    last_query_only = True

    def __init__(self, output_matrices: OutputMatrices, n_layers: int, n_heads: int, n_tokens: int) -> None:
        self._output_matrices = output_matrices
        width = output_matrices.width
        self.embedding = self.final = torch.zeros(width)
        self.heads = torch.zeros(n_layers, n_heads, width)
        self.mlps = torch.zeros(n_layers, width)
        self.attention = torch.zeros(n_layers, n_heads, n_tokens)
        self.value_norms = torch.zeros(n_layers, n_heads, n_tokens)

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        self.attention[layer] = weights[:, -1]

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        matrices = self._output_matrices.for_layer(layer)  # (n_heads, head_dim, width)
        self.heads[layer] = torch.einsum("hd,hdw->hw", outputs[-1], matrices)
        self.value_norms[layer] = value_norms(values, matrices)

    def enter_block(self, layer: int, stream: Tensor, arguments: LayerArguments) -> None:
        if layer == 0:
            self.embedding = stream[0, -1].clone()

    def leave_mlp(self, layer: int, added: Tensor) -> None:
        # Some families flatten batch and positions into one axis here; for one text the last row is the same.
        self.mlps[layer] = added.reshape(-1, added.shape[-1])[-1]

    def leave_blocks(self, stream: Tensor) -> None:
        self.final = stream[0, -1].clone()
