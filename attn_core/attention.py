"""Attention taken, and changed, where the model computes it.

One attention function is registered with transformers' `AttentionInterface`. Unless somebody listens
it is transformers' own scaled dot-product attention; inside `recording(recorder)` it also hands the
weights of every layer to the recorder, and inside `replacing(replace)` the outputs of heads can be replaced.
GPT-2 and models with rotary or grouped-query attention all come this way, and a model shared between threads
is never changed for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

from attn_core.anatomy import Anatomy, make_audible
from attn_core.errors import UnsupportedArchitecture

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "attn_core"
BLOCK = 256  # queries whose weights are computed together
UNKNOWN = {  # what some networks do to their scores and nothing here does
    "softcap": "caps its scores",
    "s_aux": "lets its heads look at something that is no word",
    "position_bias": "changes its scores by position",
}


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
    float32, or None for a network of unknown anatomy; `seen` says which layers came by.
    """

    last_query_only = False

    def __init__(self, n_layers: int, n_heads: int, n_tokens: int, anatomy: Anatomy | None = None) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_tokens, n_tokens), dtype=np.float16)
        self.value_norms = None if anatomy is None else np.zeros((n_layers, n_heads, n_tokens), dtype=np.float32)
        self.seen: set[int] = set()
        self._anatomy = anatomy

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Round some queries' weights to float16 and keep them."""
        n_queries, n_keys = weights.shape[1:]
        torch.from_numpy(self.attention[layer])[:, first_query : first_query + n_queries, :n_keys].copy_(weights)

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Keep how large what each key offers is."""
        if self._anatomy is not None and self.value_norms is not None:
            matrices = self._anatomy.head_matrices(layer, self.attention.shape[1])
            self.value_norms[layer] = value_norms(values, matrices).numpy()
        self.seen.add(layer)


class LastQueryRecorder:
    """Keeps the row of the last query only: the one that chooses the next token.

    `attention` is (n_layers, n_heads, n_keys) float16.
    """

    last_query_only = True

    def __init__(self, n_layers: int, n_heads: int, n_keys: int) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_keys), dtype=np.float16)

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Round the last query's row, (n_heads, 1, n_keys), to float16 and keep it."""
        torch.from_numpy(self.attention[layer]).copy_(weights[:, 0])

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


def use_recording_attention(network: PreTrainedModel) -> None:
    """Send the network's attention through the registered function.

    Raises `ValueError` with a sentence when the model does not go through transformers' registry, or does something
    to its scores that would be left out here.
    """
    try:
        network.set_attn_implementation(NAME)
    except ValueError as error:
        raise ValueError(f"{_kind(network)} does not support transformers' attention registry") from error
    config = network.config
    probe = FullRecorder(config.num_hidden_layers, config.num_attention_heads, 2)
    try:
        with torch.inference_mode(), recording(probe):
            network(torch.zeros((1, 2), dtype=torch.long))
    except (IndexError, RuntimeError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{_kind(network)} failed on a trial of two tokens: {error}") from error
    if len(probe.seen) != config.num_hidden_layers:
        raise ValueError(
            f"{_kind(network)} sent {len(probe.seen)} of {config.num_hidden_layers} layers "
            "through transformers' attention registry"
        )
    with suppress(UnsupportedArchitecture):  # its attention can be seen all the same
        make_audible(network)


def _kind(network: PreTrainedModel) -> str:
    return f"a model of type {network.config.model_type!r}"


def _attention(
    module: torch.nn.Module,
    query: Tensor,  # (1, n_heads, n_queries, head_dim)
    key: Tensor,  # (1, n_key_value_heads, n_keys, head_dim)
    value: Tensor,
    attention_mask: Tensor | None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    for name, does in UNKNOWN.items():
        if kwargs.get(name) is not None:
            raise ValueError(f"it {does}, which would be left out")
    recorder = _recorder.get()
    layer: Any = module.layer_idx
    groups = query.shape[1] // key.shape[1]
    scaling = kwargs.get("scaling")
    if recorder is None or recorder.last_query_only:
        # The output stays the one of the unrecorded path, so recording can't change what is generated.
        output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
        if recorder is not None:
            last_mask = None if attention_mask is None else attention_mask[:, :, -1:]
            weights = _weights(query[:, :, -1:], repeat_kv(key, groups), last_mask, scaling)
            recorder.record_weights(layer, weights[0], query.shape[2] - 1)
    else:
        keys, values = repeat_kv(key, groups), repeat_kv(value, groups)
        output = query.new_empty(query.shape[:3] + values.shape[3:])
        for rows, n_seen in _blocks(query.shape[2], key.shape[2], causal=attention_mask is None):
            weights = _weights(query[:, :, rows], keys[:, :, :n_seen], attention_mask, scaling)
            output[:, :, rows] = weights @ values[:, :, :n_seen]
            recorder.record_weights(layer, weights[0], rows.start)
        output = output.transpose(1, 2).contiguous()
    for replace in _replacements.get():
        output = replace(layer, output)
    if recorder is not None:
        recorder.record_outputs(layer, value[0], output[0])
    return output, None


def _blocks(n_queries: int, n_keys: int, *, causal: bool) -> Iterator[tuple[slice, int]]:
    """Neighbouring queries with the number of keys that they can see, so that few are computed to be masked."""
    step = BLOCK if causal else n_queries
    for start in range(0, n_queries, step):
        stop = min(start + step, n_queries)
        yield slice(start, stop), n_keys - n_queries + stop if causal else n_keys


def _weights(query: Tensor, key: Tensor, mask: Tensor | None, scaling: float | None) -> Tensor:
    """Softmax of the scaled scores, (1, n_heads, n_queries, n_keys)."""
    scores = (query * (scaling if scaling is not None else 1 / math.sqrt(query.shape[-1]))) @ key.transpose(-1, -2)
    if mask is None:
        # transformers leaves a purely causal mask out; the last query may see every key.
        n_queries = scores.shape[-2]
        if n_queries > 1:
            future = torch.ones((n_queries, n_queries), dtype=torch.bool).triu_(1)
            scores[..., -n_queries:].masked_fill_(future, -math.inf)
    elif mask.dtype == torch.bool:
        scores.masked_fill_(~mask, -math.inf)
    else:
        scores += mask
    return torch.softmax(scores, dim=-1, out=scores)  # in place: on a long text a tenth of the time and memory


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
