"""The parts of a network that write into its residual stream, and listening to them.

The stream of a position starts as its embedding; the heads and the MLP of every layer add to it; the final
norm scales it, and the unembedding reads the logits off it. A network is made ready once, when it is loaded;
from then on a thread can listen to its own forward passes, and nobody else's pass changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from torch import Tensor, nn

from attn_core.errors import UnsupportedArchitecture

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# What the parts are called in the families that transformers has: GPT-2, Llama and its kin, GPT-NeoX, OPT.
_ATTENTIONS = ("attn", "self_attn", "attention", "self_attention")
_PROJECTIONS = ("c_proj", "o_proj", "dense", "out_proj")
_MLPS = ("mlp", "fc2")
_FINAL_NORMS = ("ln_f", "norm", "final_layer_norm", "final_layernorm")


@dataclass(frozen=True)
class Anatomy:
    """Where a network's residual stream is written and read.

    Attributes:
        blocks: the layers.
        projections: in each layer, the matrix that takes the outputs of all heads to the stream.
        mlps: in each layer, the module whose output is what the MLP adds.
        final_norm: the norm after the last layer.
        unembedding: from the normed stream to the logits.
    """

    blocks: tuple[nn.Module, ...]
    projections: tuple[nn.Module, ...]
    mlps: tuple[nn.Module, ...]
    final_norm: nn.Module
    unembedding: nn.Module

    @classmethod
    def of(cls, network: PreTrainedModel) -> Anatomy:
        """Find the parts by their names.

        Raises:
            UnsupportedArchitecture: one of them is not there.
        """
        for holder in network.modules():
            for blocks in holder.children():
                if isinstance(blocks, nn.ModuleList) and len(blocks) == network.config.num_hidden_layers:
                    attentions = [_child(block, _ATTENTIONS) for block in blocks]
                    return cls(
                        blocks=tuple(blocks),
                        projections=tuple(_child(attention, _PROJECTIONS) for attention in attentions),
                        mlps=tuple(_child(block, _MLPS) for block in blocks),
                        final_norm=_child(holder, _FINAL_NORMS),
                        unembedding=network.get_output_embeddings(),
                    )
        raise UnsupportedArchitecture(f"A network of type {network.config.model_type!r} has no list of layers.")

    def head_matrices(self, layer: int, n_heads: int) -> Tensor:
        """The output matrix of each head of a layer, float32 (n_heads, head_dim, width)."""
        projection = self.projections[layer]
        weight = cast(Tensor, projection.weight)
        # Linear keeps (out, in), GPT-2's Conv1D keeps (in, out).
        matrix = weight.T if isinstance(projection, nn.Linear) else weight
        return matrix.detach().reshape(n_heads, -1, matrix.shape[-1])

    def attention_bias(self, layer: int) -> Tensor:
        """What a layer's attention adds whatever its heads do, float32 (width,)."""
        projection = self.projections[layer]
        bias = cast("Tensor | None", projection.bias)
        return torch.zeros(self.width) if bias is None else bias.detach()

    @property
    def width(self) -> int:
        """The size of the residual stream."""
        return int(cast(Tensor, self.final_norm.weight).shape[0])

    def logits(self, stream: Tensor) -> Tensor:
        """Read the logits, (…, n_vocabulary), off a residual stream, (…, width)."""
        return cast(Tensor, self.unembedding(self.final_norm(stream)))


class Listener(Protocol):
    """Somebody who wants to know what passes through the residual stream."""

    def enter_block(self, layer: int, stream: Tensor, arguments: BlockArguments) -> None:
        """The stream as it reaches a layer, (batch, n_tokens, width)."""

    def leave_mlp(self, layer: int, added: Tensor) -> None:
        """What a layer's MLP adds, (batch, n_tokens, width)."""

    def leave_blocks(self, stream: Tensor) -> None:
        """The stream after the last layer, (batch, n_tokens, width)."""


@dataclass(frozen=True)
class BlockArguments:
    """What a layer is called with beside the stream: masks and positions."""

    positional: tuple[Any, ...]
    named: dict[str, Any]

    def call(self, block: nn.Module, stream: Tensor) -> Tensor:
        """Run a layer on another stream, (batch, n_tokens, width) before and after."""
        output = block(stream, *self.positional, **self.named)
        return cast(Tensor, output[0] if isinstance(output, tuple) else output)


_listener: ContextVar[Listener | None] = ContextVar("stream_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let `listener` hear the forward passes that this thread runs inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def make_audible(network: PreTrainedModel) -> None:
    """Hook the parts of a network, once; the hooks do nothing unless their thread listens.

    Raises `UnsupportedArchitecture` when the parts are not found.
    """
    anatomy = Anatomy.of(network)
    for layer, (block, mlp) in enumerate(zip(anatomy.blocks, anatomy.mlps, strict=True)):
        block.register_forward_pre_hook(partial(_on_block, layer), with_kwargs=True)
        mlp.register_forward_hook(partial(_on_mlp, layer))
    anatomy.final_norm.register_forward_pre_hook(_on_final_norm)


def _on_block(layer: int, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    if (listener := _listener.get()) is not None:
        listener.enter_block(layer, positional[0], BlockArguments(positional[1:], named))


def _on_mlp(layer: int, _: nn.Module, __: tuple[Any, ...], added: Tensor | tuple[Tensor, ...]) -> None:
    if (listener := _listener.get()) is not None:
        listener.leave_mlp(layer, added[0] if isinstance(added, tuple) else added)


def _on_final_norm(_: nn.Module, positional: tuple[Any, ...]) -> None:
    if (listener := _listener.get()) is not None:
        listener.leave_blocks(positional[0])


def _child(module: nn.Module, names: tuple[str, ...]) -> nn.Module:
    for name in names:
        child = getattr(module, name, None)
        if isinstance(child, nn.Module):
            return child
    raise UnsupportedArchitecture(
        f"{type(module).__name__} has no part called {', '.join(names[:-1])} or {names[-1]}."
    )
