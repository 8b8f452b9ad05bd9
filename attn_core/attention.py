"""Attention taken, and changed, where the model computes it.

One attention function is registered with transformers' `AttentionInterface`. Unless somebody listens
it is transformers' own scaled dot-product attention; inside `recording(recorder)` it also hands the
weights of every layer to the recorder, and inside `replacing(replace)` the outputs of heads can be replaced.
GPT-2 and models with rotary or grouped-query attention all come this way, and a model shared between threads
is never changed for it. Which networks can be recorded so is found out in `attn_core.inspection`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

from attn_core.errors import UnsupportedArchitecture

if TYPE_CHECKING:
    from attn_core.anatomy import OutputMatrices

NAME = "attn_core"
BLOCK = 256  # queries whose weights are computed together


class MisleadingWeights(UnsupportedArchitecture):
    """Raised when a network's weights are not all that its heads attend to."""


class Recorder(Protocol):
    """Somebody who wants the attention weights of a forward pass."""

    last_query_only: bool

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Take the weights of some queries; only those of the last query if the recorder says so.

        Args:
            layer: zero-based.
            weights: float32 (n_heads, some queries, n_keys) of neighbours; of no later keys than they can see.
            first_query: the position of the first of them.
        """

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Take what came of all weights of a layer.

        Args:
            layer: zero-based.
            values: float32 (n_heads, n_keys, head_dim), what each key offers; with grouped queries the first axis
                is n_key_value_heads.
            outputs: float32 (n_queries, n_heads, head_dim) of all queries, after heads were replaced.
        """


class FullRecorder:
    """Keeps every query's row of every layer, as float16, and how large what each key offers is.

    `attention` is (n_layers, n_heads, n_tokens, n_tokens) float16; `value_norms` (n_layers, n_heads, n_tokens)
    float32, or None where the output matrices of the heads are not given.
    """

    last_query_only = False

    def __init__(
        self, n_layers: int, n_heads: int, n_tokens: int, output_matrices: OutputMatrices | None = None
    ) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_tokens, n_tokens), dtype=np.float16)
        self.value_norms = (
            None if output_matrices is None else np.zeros((n_layers, n_heads, n_tokens), dtype=np.float32)
        )
        self._output_matrices = output_matrices

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Round some queries' weights to float16 and keep them."""
        n_queries, n_keys = weights.shape[1:]
        torch.from_numpy(self.attention[layer])[:, first_query : first_query + n_queries, :n_keys].copy_(weights)

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Keep how large what each key offers is."""
        if self._output_matrices is not None and self.value_norms is not None:
            self.value_norms[layer] = value_norms(values, self._output_matrices.of_heads(layer)).numpy()


class LastQueryRecorder:
    """Keeps the row of the last query only: the one that chooses the next token.

    `attention` is (n_layers, n_heads, n_keys) float16.
    """

    last_query_only = True

    def __init__(self, n_layers: int, n_heads: int, n_keys: int) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_keys), dtype=np.float16)

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Round the last query's row, (n_heads, 1, some keys), to float16 and keep it.

        The cache of a sliding window hands over the last keys only; those before them have weight 0.
        """
        torch.from_numpy(self.attention[layer])[:, -weights.shape[2] :].copy_(weights[:, 0])

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Nothing of this is kept."""


def value_norms(values: Tensor, matrices: Tensor) -> Tensor:
    """The length of what each key moves into the residual stream when a head looks at nothing else.

    This is the norm |f(x)| of Kobayashi et al. 2020, "Attention is Not Only a Weight".

    Args:
        values: float32 (n_heads, n_keys, head_dim); with grouped queries the first axis is n_key_value_heads.
        matrices: each head's output matrix, float32 (n_heads, head_dim, width).

    Returns:
        float32 (n_heads, n_keys).
    """
    values = values.repeat_interleave(len(matrices) // len(values), dim=0)
    if values.shape[1] <= values.shape[2]:
        return (values @ matrices).norm(dim=-1)
    # The same number through (head_dim, head_dim) matrices: on a long text a tenth of the work.
    squares = ((values @ (matrices @ matrices.mT)) * values).sum(-1)
    return squares.clamp(min=0).sqrt()


Replace = Callable[[int, Tensor], Tensor]
"""Takes a layer and its heads' outputs, (batch, n_queries, n_heads, head_dim), and gives those to go on with."""

_recorder: ContextVar[Recorder | None] = ContextVar("attention_recorder", default=None)
_replacements: ContextVar[tuple[Replace, ...]] = ContextVar("head_replacements", default=())


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Let `recorder` hear every forward pass (batch of one) that this thread runs inside the block."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


@contextmanager
def replacing(replace: Replace) -> Iterator[None]:
    """Let `replace` change the heads' outputs in every forward pass that this thread runs inside the block."""
    token = _replacements.set((*_replacements.get(), replace))
    try:
        yield
    finally:
        _replacements.reset(token)


def record_returned(attentions: Sequence[Tensor]) -> None:
    """Hand the weights that a network returned to the recorder of this thread, if there is one.

    Args:
        attentions: for each layer the weights of a forward pass of one row, (1, n_heads, n_queries, n_keys).
    """
    recorder = _recorder.get()
    if recorder is None:
        return
    for layer, weights in enumerate(attentions):
        last = weights.shape[2] - 1
        first_query = last if recorder.last_query_only else 0
        recorder.record_weights(layer, weights[0, :, first_query:], first_query)


def is_recording() -> bool:
    """Return whether a recorder listens to this thread."""
    return _recorder.get() is not None


def _attention(
    module: torch.nn.Module,
    query: Tensor,  # (1, n_heads, n_queries, head_dim)
    key: Tensor,  # (1, n_key_value_heads, n_keys, head_dim)
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    position_bias: Tensor | None = None,  # (1, n_heads, n_queries, n_keys)
    **kwargs: Any,
) -> tuple[Tensor, None]:
    if kwargs.get("s_aux") is not None:
        raise MisleadingWeights(
            "Its heads also attend to a sink that is not a token, so their weights show only a part."
        )
    recorder = _recorder.get()
    layer: Any = module.layer_idx
    groups = query.shape[1] // key.shape[1]
    change = _ScoreChange(attention_mask, softcap, position_bias)
    if softcap is None and (recorder is None or recorder.last_query_only):
        # The output stays the one of the unrecorded path, so recording can't change what is generated.
        options = kwargs | {"scaling": scaling, "position_bias": position_bias, "is_causal": True}
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        if recorder is not None:
            last = slice(query.shape[2] - 1, query.shape[2])
            weights = _weights(query[:, :, last], repeat_kv(key, groups), scaling, change.of(last, key.shape[2]))
            recorder.record_weights(layer, weights[0], last.start)
    else:
        keys, values = repeat_kv(key, groups), repeat_kv(value, groups)
        output = query.new_empty(query.shape[:3] + values.shape[3:])
        for rows, n_seen in _blocks(query.shape[2], key.shape[2], causal=attention_mask is None):
            weights = _weights(query[:, :, rows], keys[:, :, :n_seen], scaling, change.of(rows, n_seen))
            output[:, :, rows] = weights @ values[:, :, :n_seen]
            if recorder is None:
                continue
            if not recorder.last_query_only:
                recorder.record_weights(layer, weights[0], rows.start)
            elif rows.stop == query.shape[2]:
                recorder.record_weights(layer, weights[0, :, -1:], rows.stop - 1)
        output = output.transpose(1, 2).contiguous()
    for replace in _replacements.get():
        output = replace(layer, output)
    if recorder is not None:
        recorder.record_outputs(layer, value[0], output[0])
    return output, None


@dataclass(frozen=True)
class _ScoreChange:
    """What becomes of scaled scores before the softmax.

    Attributes:
        mask: (1, 1 or n_heads, n_queries, n_keys), boolean or to be added; None for plainly causal attention.
        softcap: the size that no score passes (Gemma 2, arXiv:2408.00118).
        bias: (1, n_heads, n_queries, n_keys), added, such as that of ALiBi (arXiv:2108.12409).
    """

    mask: Tensor | None
    softcap: float | None
    bias: Tensor | None

    def of(self, rows: slice, n_keys: int) -> _ScoreChange:
        """The change of some queries' scores for the first `n_keys` keys."""

        def cut(part: Tensor | None) -> Tensor | None:
            if part is None:
                return None
            return (part if part.shape[2] == 1 else part[:, :, rows])[..., :n_keys]

        return _ScoreChange(cut(self.mask), self.softcap, cut(self.bias))

    def apply(self, scores: Tensor) -> Tensor:
        """Change scores (1, n_heads, n_queries, n_keys), in place where that can be done."""
        if self.softcap is not None:
            scores = torch.tanh(scores / self.softcap) * self.softcap
        if self.bias is not None:
            scores += self.bias
        if self.mask is None:
            # transformers leaves a purely causal mask out; the last query may see every key.
            n_queries = scores.shape[-2]
            if n_queries > 1:
                future = torch.ones((n_queries, n_queries), dtype=torch.bool).triu_(1)
                scores[..., -n_queries:].masked_fill_(future, -math.inf)
        elif self.mask.dtype == torch.bool:
            scores.masked_fill_(~self.mask, -math.inf)
        else:
            scores += self.mask
        return scores


def _blocks(n_queries: int, n_keys: int, *, causal: bool) -> Iterator[tuple[slice, int]]:
    """Neighbouring queries with the number of keys that they can see, so that few are computed to be masked."""
    step = BLOCK if causal else n_queries
    for start in range(0, n_queries, step):
        stop = min(start + step, n_queries)
        yield slice(start, stop), n_keys - n_queries + stop if causal else n_keys


def _weights(query: Tensor, key: Tensor, scaling: float | None, change: _ScoreChange) -> Tensor:
    """Softmax of the scaled scores, (1, n_heads, n_queries, n_keys)."""
    scores = (query * (scaling if scaling is not None else 1 / math.sqrt(query.shape[-1]))) @ key.transpose(-1, -2)
    scores = change.apply(scores)
    return torch.softmax(scores, dim=-1, out=scores)  # in place: on a long text a tenth of the time and memory


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
