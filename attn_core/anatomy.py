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
from attn_core.forward import run_network

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# What the parts are called in the families that transformers has.
_MLPS = ("mlp", "fc2", "feed_forward", "block_sparse_moe", "ffn", "moe", "feedforward")
_FINAL_NORMS = (
    "ln_f",
    "norm",
    "final_layer_norm",
    "final_layernorm",
    "layer_norm",
    "layernorm",
    "norm_f",
    "final_norm",
)


@dataclass(frozen=True)
class OutputMatrices:
    """In each layer, the module that takes the outputs of all heads, side by side, to the residual stream.

    Attributes:
        modules: n_layers of them, each a `Linear` or GPT-2's `Conv1D`.
        n_heads: how many heads a layer has.
    """

    modules: tuple[nn.Module, ...]
    n_heads: int

    def of_heads(self, layer: int) -> Tensor:
        """The output matrix of each head of a layer, float32 (n_heads, head_dim, width)."""
        module = self.modules[layer]
        weight = cast(Tensor, module.weight)
        # Linear keeps (out, in), GPT-2's Conv1D keeps (in, out).
        matrix = weight.T if isinstance(module, nn.Linear) else weight
        return matrix.detach().reshape(self.n_heads, -1, matrix.shape[-1])

    def biases(self) -> Tensor:
        """What each layer's attention adds whatever its heads do, float32 (n_layers, width)."""
        biases = (cast("Tensor | None", module.bias) for module in self.modules)
        return torch.stack([torch.zeros(self.width) if bias is None else bias.detach() for bias in biases])

    @property
    def width(self) -> int:
        """The size of the residual stream."""
        return int(self.of_heads(0).shape[-1])


@dataclass(frozen=True)
class Anatomy:
    """Where a network's residual stream is written and read.

    Attributes:
        network: all of it.
        output_matrices: through which the heads write.
        blocks: the layers.
        mlps: in each layer, the module whose output is what the MLP adds.
        final_norm: the norm after the last layer.
    """

    network: PreTrainedModel
    output_matrices: OutputMatrices
    blocks: tuple[nn.Module, ...]
    mlps: tuple[nn.Module, ...]
    final_norm: nn.Module

    @classmethod
    def of(cls, network: PreTrainedModel, output_matrices: OutputMatrices) -> Anatomy:
        """Find the parts by their names, and hook them so that they can be listened to.

        Raises:
            UnsupportedArchitecture: one of them is not there.
        """
        holder, blocks = _layers(network, output_matrices)
        anatomy = cls(
            network=network,
            output_matrices=output_matrices,
            blocks=blocks,
            mlps=tuple(_child(network, block, _MLPS, "MLP in its layers") for block in blocks),
            final_norm=_child(network, holder, _FINAL_NORMS, "norm after its last layer"),
        )
        _install_hooks(anatomy)
        return anatomy

    @property
    def width(self) -> int:
        """The size of the residual stream."""
        return self.output_matrices.width

    def logits(self, streams: Tensor) -> Tensor:
        """Read logits, (n, n_vocabulary), off residual streams, (n, width), through the network's own head.

        Whatever the network does after its final norm is done: scales, caps and biases.
        """
        with _given(_Given(streams=streams[:, None])):
            return self._head(len(streams))

    def unembed(self, normed: Tensor) -> Tensor:
        """Read logits, (n, n_vocabulary), off streams that went through the final norm, (n, width)."""
        with _given(_Given(normed=normed[:, None])):
            return self._head(len(normed))

    def _head(self, n: int) -> Tensor:
        """Run the network over `n` texts of one token; what reaches its head are the streams that are given."""
        return run_network(self.network, torch.zeros((n, 1), dtype=torch.long)).logits[:, -1].float()


def _layers(network: PreTrainedModel, output_matrices: OutputMatrices) -> tuple[nn.Module, tuple[nn.Module, ...]]:
    """The list of layers in which the heads are, and the module that holds it."""
    for holder in network.modules():
        for blocks in holder.children():
            if not isinstance(blocks, nn.ModuleList) or len(blocks) != len(output_matrices.modules):
                continue
            pairs = zip(blocks, output_matrices.modules, strict=True)
            if all(any(part is matrix for part in block.modules()) for block, matrix in pairs):
                return holder, tuple(blocks)
    raise _unsupported(network, "no list of layers was found")


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


@dataclass(frozen=True)
class _Given:
    """What the head of a network gets in place of what came through its layers.

    Attributes:
        streams: (n, 1, width), in place of what the final norm is given.
        normed: (n, 1, width), in place of what it makes.
    """

    streams: Tensor | None = None
    normed: Tensor | None = None


_listener: ContextVar[Listener | None] = ContextVar("stream_listener", default=None)
_given_to_head: ContextVar[_Given | None] = ContextVar("given_to_head", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let `listener` hear the forward passes that this thread runs inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def _given(given: _Given) -> Iterator[None]:
    token = _given_to_head.set(given)
    try:
        yield
    finally:
        _given_to_head.reset(token)


def _install_hooks(anatomy: Anatomy) -> None:
    """Hook the parts of a network, once; the hooks do nothing unless their thread asks for it."""
    if getattr(anatomy.network, "_attn_core_hooks", False):
        return
    for layer, (block, mlp) in enumerate(zip(anatomy.blocks, anatomy.mlps, strict=True)):
        block.register_forward_pre_hook(partial(_on_block, layer), with_kwargs=True)
        mlp.register_forward_hook(partial(_on_mlp, layer))
    anatomy.final_norm.register_forward_pre_hook(_before_final_norm)
    anatomy.final_norm.register_forward_hook(_after_final_norm)
    anatomy.network._attn_core_hooks = True


def _on_block(layer: int, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    if (listener := _listener.get()) is not None:
        stream, *others = positional or (named["hidden_states"],)
        if stream.ndim != 3:
            raise UnsupportedArchitecture(
                "Its layers pass on several residual streams, so per-head effects are not available."
            )
        rest = named if positional else {name: value for name, value in named.items() if name != "hidden_states"}
        listener.enter_block(layer, stream, BlockArguments(tuple(others), rest))


def _on_mlp(layer: int, _: nn.Module, __: tuple[Any, ...], added: Tensor | tuple[Tensor, ...]) -> None:
    if (listener := _listener.get()) is not None:
        listener.leave_mlp(layer, added[0] if isinstance(added, tuple) else added)


def _before_final_norm(_: nn.Module, positional: tuple[Any, ...]) -> tuple[Any, ...] | None:
    if (listener := _listener.get()) is not None:
        listener.leave_blocks(positional[0])
    given = _given_to_head.get()
    return None if given is None or given.streams is None else (given.streams, *positional[1:])


def _after_final_norm(_: nn.Module, __: tuple[Any, ...], ___: Tensor) -> Tensor | None:
    given = _given_to_head.get()
    return None if given is None else given.normed


def _child(network: PreTrainedModel, module: nn.Module, names: tuple[str, ...], part: str) -> nn.Module:
    for name in names:
        child = getattr(module, name, None)
        if isinstance(child, nn.Module):
            return child
    raise _unsupported(network, f"no {part} was found")


def _unsupported(network: PreTrainedModel, why: str) -> UnsupportedArchitecture:
    kind = network.config.model_type
    return UnsupportedArchitecture(f"Per-head effects are not supported for {kind}: {why}. Attention still works.")
