"""Record and change attention where the model computes it.

One attention function is registered with transformers' `AttentionInterface`. By default it is transformers' own
scaled dot-product attention; inside `recording(recorder)` it also passes the weights of every layer to the
recorder, and inside `replacing(replace)` the outputs of heads can be replaced. This works for GPT-2 and for models
with rotary or grouped-query attention, and a model shared between threads is never modified.
`attn_core.models.inspection` finds out which networks can be recorded this way.
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

from attn_core.compat import register_attention, sdpa_attention
from attn_core.errors import MisleadingWeights

if TYPE_CHECKING:
    from attn_core.models.components import OutputMatrices

NAME = "attn_core"
BLOCK = 256  # queries whose weights are computed together


class Recorder(Protocol):
    """Receives the attention weights of a forward pass."""

    last_query_only: bool

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Record the weights of some queries; of the last query only if `last_query_only` is set.

        Args:
            layer: zero-based.
            weights: float32 (n_heads, some queries, n_keys) of consecutive queries; keys after the last of them may
                be left out.
            first_query: the position of the first of these queries.
        """

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Record the values and the head outputs of a layer.

        Args:
            layer: zero-based.
            values: float32 (n_heads, n_keys, head_dim), the value vector of each key; with grouped queries the
                first axis is n_key_value_heads.
            outputs: float32 (n_queries, n_heads, head_dim) of all queries, after heads were replaced.
        """


class FullRecorder:
    """Keeps every query's row of every layer, as float16, and the value norm of every key.

    `attention` is (n_layers, n_heads, n_tokens, n_tokens) float16; `value_norms` is (n_layers, n_heads, n_tokens)
    float32, or None if the output matrices of the heads are not passed.
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
        """Keep the value norm of each key."""
        if self._output_matrices is not None and self.value_norms is not None:
            self.value_norms[layer] = value_norms(values, self._output_matrices.for_layer(layer)).numpy()


class LastQueryRecorder:
    """Keeps the row of the last query only: the one that predicts the next token.

    `attention` is (n_layers, n_heads, n_keys) float16.
    """

    last_query_only = True

    def __init__(self, n_layers: int, n_heads: int, n_keys: int) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_keys), dtype=np.float16)

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Round the last query's row, (n_heads, 1, some keys), to float16 and keep it.

        The cache of a sliding window passes on the last keys only; those before them have weight 0.
        """
        torch.from_numpy(self.attention[layer])[:, -weights.shape[2] :].copy_(weights[:, 0])

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Ignore the outputs."""


def value_norms(values: Tensor, matrices: Tensor) -> Tensor:
    """Return the length of the vector that each key adds to the residual stream when a head attends to it alone.

    This is the norm ‖f(x)‖ of Kobayashi et al. 2020, "Attention is Not Only a Weight".

    Args:
        values: float32 (n_heads, n_keys, head_dim); with grouped queries the first axis is n_key_value_heads.
        matrices: each head's output matrix, float32 (n_heads, head_dim, width).

    Returns:
        float32 (n_heads, n_keys).
    """
    values = values.repeat_interleave(len(matrices) // len(values), dim=0)
    if values.shape[1] <= values.shape[2]:
        return (values @ matrices).norm(dim=-1)
    # The same norm through (head_dim, head_dim) matrices: a tenth of the work on a long text.
    squares = ((values @ (matrices @ matrices.mT)) * values).sum(-1)
    return squares.clamp(min=0).sqrt()


Replace = Callable[[int, Tensor], Tensor]
"""Takes a layer and its heads' outputs, (batch, n_queries, n_heads, head_dim), and returns the new outputs."""

_recorder: ContextVar[Recorder | None] = ContextVar("attention_recorder", default=None)
_replacements: ContextVar[tuple[Replace, ...]] = ContextVar("head_replacements", default=())


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Send every forward pass (batch of one) that this thread runs inside the block to `recorder`."""
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
    """Pass the weights that a network returned to the recorder of this thread, if there is one.

    Args:
        attentions: the weights of each layer from a forward pass of one row, (1, n_heads, n_queries, n_keys).
    """
    recorder = _recorder.get()
    if recorder is None:
        return
    for layer, weights in enumerate(attentions):
        last = weights.shape[2] - 1
        first_query = last if recorder.last_query_only else 0
        recorder.record_weights(layer, weights[0, :, first_query:], first_query)


def is_recording() -> bool:
    """Return whether this thread has a recorder."""
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
    """Compute attention, the function registered with transformers; record and replace as this thread asks for."""
    if kwargs.get("s_aux") is not None:
        raise MisleadingWeights(
            "Its heads also attend to a sink that is not a token, so their weights show only a part."
        )
    recorder = _recorder.get()
    layer: Any = module.layer_idx
    adjustment = _ScoreAdjustment(attention_mask, softcap, position_bias)
    if softcap is None and (recorder is None or recorder.last_query_only):
        # The output is computed as without a recorder, so recording can't change what is generated.
        options = kwargs | {"scaling": scaling, "position_bias": position_bias, "is_causal": True}
        output, _ = sdpa_attention(module, query, key, value, attention_mask, **options)
        if recorder is not None:
            last = slice(query.shape[2] - 1, query.shape[2])
            keys = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
            weights = _weights(query[:, :, last], keys, scaling, adjustment.select(last, key.shape[2]))
            recorder.record_weights(layer, weights[0], last.start)
    else:
        output = _attention_in_blocks(layer, query, key, value, scaling, adjustment)
    for replace in _replacements.get():
        output = replace(layer, output)
    if recorder is not None:
        recorder.record_outputs(layer, value[0], output[0])
    return output, None


def _attention_in_blocks(
    layer: int,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float | None,
    adjustment: _ScoreAdjustment,
) -> Tensor:
    """Compute attention with all of its weights, and pass these to the recorder of this thread, if there is one.

    Returns:
        (1, n_queries, n_heads, head_dim).
    """
    recorder = _recorder.get()
    groups = query.shape[1] // key.shape[1]
    keys, values = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    output = query.new_empty(query.shape[:3] + values.shape[3:])
    for rows, n_visible in _blocks(query.shape[2], key.shape[2], causal=adjustment.mask is None):
        weights = _weights(query[:, :, rows], keys[:, :, :n_visible], scaling, adjustment.select(rows, n_visible))
        output[:, :, rows] = weights @ values[:, :, :n_visible]
        if recorder is None:
            continue
        if not recorder.last_query_only:
            recorder.record_weights(layer, weights[0], rows.start)
        elif rows.stop == query.shape[2]:
            recorder.record_weights(layer, weights[0, :, -1:], rows.stop - 1)
    return output.transpose(1, 2).contiguous()


@dataclass(frozen=True, eq=False)
class _ScoreAdjustment:
    """The adjustment of scaled scores before the softmax.

    Attributes:
        mask: (1, 1 or n_heads, n_queries, n_keys), boolean or additive; None for purely causal attention.
        softcap: the limit on a score's absolute value (Gemma 2, arXiv:2408.00118).
        bias: (1, n_heads, n_queries, n_keys), additive, such as that of ALiBi (arXiv:2108.12409).
    """

    mask: Tensor | None
    softcap: float | None
    bias: Tensor | None

    def select(self, rows: slice, n_keys: int) -> _ScoreAdjustment:
        """Return the adjustment of some queries' scores for the first `n_keys` keys."""

        def select_from(tensor: Tensor | None) -> Tensor | None:
            if tensor is None:
                return None
            return (tensor if tensor.shape[2] == 1 else tensor[:, :, rows])[..., :n_keys]

        return _ScoreAdjustment(select_from(self.mask), self.softcap, select_from(self.bias))

    def apply(self, scores: Tensor) -> Tensor:
        """Return adjusted scores (1, n_heads, n_queries, n_keys), changed in place where possible."""
        if self.softcap is not None:
            scores = torch.tanh(scores / self.softcap) * self.softcap
        if self.bias is not None:
            scores += self.bias
        if self.mask is None:
            # transformers omits a purely causal mask; the last query may attend to every key.
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
    """Yield blocks of consecutive queries with the number of keys visible to them, to skip most masked scores."""
    step = BLOCK if causal else n_queries
    for start in range(0, n_queries, step):
        stop = min(start + step, n_queries)
        yield slice(start, stop), n_keys - n_queries + stop if causal else n_keys


def _weights(query: Tensor, key: Tensor, scaling: float | None, adjustment: _ScoreAdjustment) -> Tensor:
    """Return the softmax of the scaled scores, (1, n_heads, n_queries, n_keys)."""
    scores = (query * (scaling if scaling is not None else 1 / math.sqrt(query.shape[-1]))) @ key.transpose(-1, -2)
    scores = adjustment.apply(scores)
    return torch.softmax(scores, dim=-1, out=scores)  # in place: a tenth of the time and memory on a long text


register_attention(NAME, _attention)
