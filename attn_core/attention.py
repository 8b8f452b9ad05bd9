"""Attention taken where the model computes it.

One attention function is registered with transformers' `AttentionInterface`. Unless somebody listens
it is transformers' own scaled dot-product attention; inside `recording(recorder)` it also hands the
weights of every layer to the recorder. GPT-2 and models with rotary or grouped-query attention all come
this way, and a model shared between threads is never changed to be listened to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "attn_core"


class Recorder(Protocol):
    """Somebody who wants the attention weights of a forward pass."""

    last_query_only: bool

    def record(self, layer: int, weights: Tensor) -> None:
        """Take one layer's weights, float32 (n_heads, n_queries, n_keys)."""


class FullRecorder:
    """Keeps every query's row of every layer, as float16.

    `attention` is (n_layers, n_heads, n_tokens, n_tokens) float16; `seen` says which layers came by.
    """

    last_query_only = False

    def __init__(self, n_layers: int, n_heads: int, n_tokens: int) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_tokens, n_tokens), dtype=np.float16)
        self.seen: set[int] = set()

    def record(self, layer: int, weights: Tensor) -> None:
        """Round one layer's weights, (n_heads, n_tokens, n_tokens), to float16 and keep them."""
        torch.from_numpy(self.attention[layer]).copy_(weights)
        self.seen.add(layer)


class LastQueryRecorder:
    """Keeps the row of the last query only: the one that chooses the next token.

    `attention` is (n_layers, n_heads, n_keys) float16.
    """

    last_query_only = True

    def __init__(self, n_layers: int, n_heads: int, n_keys: int) -> None:
        self.attention = np.zeros((n_layers, n_heads, n_keys), dtype=np.float16)

    def record(self, layer: int, weights: Tensor) -> None:
        """Round the only query's row, (n_heads, 1, n_keys), to float16 and keep it."""
        torch.from_numpy(self.attention[layer]).copy_(weights[:, 0])


_recorder: ContextVar[Recorder | None] = ContextVar("attention_recorder", default=None)


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Let `recorder` hear every forward pass (batch of one) that this thread runs inside the block."""
    token = _recorder.set(recorder)
    try:
        yield
    finally:
        _recorder.reset(token)


def use_recording_attention(network: PreTrainedModel) -> None:
    """Send the network's attention through the registered function.

    Raises `ValueError` with a sentence when the model does not go through transformers' registry.
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
    recorder = _recorder.get()
    if recorder is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    layer: Any = module.layer_idx
    scaling = kwargs.get("scaling")
    groups = query.shape[1] // key.shape[1]
    if recorder.last_query_only:
        # The output stays the one of the unrecorded path, so recording can't change what is generated.
        last_mask = None if attention_mask is None else attention_mask[:, :, -1:]
        weights = _weights(query[:, :, -1:], repeat_kv(key, groups), last_mask, scaling)
        recorder.record(layer, weights[0])
        return sdpa_attention_forward(module, query, key, value, attention_mask, **kwargs)
    weights = _weights(query, repeat_kv(key, groups), attention_mask, scaling)
    recorder.record(layer, weights[0])
    output = weights @ repeat_kv(value, groups)
    return output.transpose(1, 2).contiguous(), None


def _weights(query: Tensor, key: Tensor, mask: Tensor | None, scaling: float | None) -> Tensor:
    """Softmax of the scaled scores, (1, n_heads, n_queries, n_keys)."""
    scores = query @ key.transpose(-1, -2)
    scores *= scaling if scaling is not None else 1 / math.sqrt(query.shape[-1])
    if mask is None:
        # transformers leaves a purely causal mask out; the last query may see every key.
        n_queries, n_keys = scores.shape[-2:]
        if n_queries > 1:
            future = torch.ones((n_queries, n_keys), dtype=torch.bool).triu_(n_keys - n_queries + 1)
            scores.masked_fill_(future, -math.inf)
    elif mask.dtype == torch.bool:
        scores.masked_fill_(~mask, -math.inf)
    else:
        scores += mask
    return scores.softmax(dim=-1)


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
