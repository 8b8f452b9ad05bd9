"""Find the parts of a network that write to its residual stream, and observe them.

The stream of a position starts as its embedding; the heads and the MLP of every layer add to it; the final
norm scales it, and the unembedding maps it to logits. Hooks are installed once, when a network is loaded;
after that a thread can observe its own forward passes without affecting those of other threads.
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
from attn_core.models.forward import run_network

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# The names of these parts in the model families of transformers.
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


@dataclass(frozen=True, eq=False)
class OutputMatrices:
    """In each layer, the module that maps the concatenated outputs of all heads to the residual stream.

    Attributes:
        modules: one per layer, each a `Linear` or GPT-2's `Conv1D`.
        n_heads: the number of heads in each layer.
    """

    modules: tuple[nn.Module, ...]
    n_heads: int

    def for_layer(self, layer: int) -> Tensor:
        """Return the output matrix of each head of a layer, float32 (n_heads, head_dim, width)."""
        module = self.modules[layer]
        weight = cast(Tensor, module.weight)
        # Linear stores (out, in), GPT-2's Conv1D stores (in, out).
        matrix = weight.T if isinstance(module, nn.Linear) else weight
        return matrix.detach().reshape(self.n_heads, -1, matrix.shape[-1])

    def biases(self) -> Tensor:
        """Return the bias of each layer's output projection, zeros where it has none, float32 (n_layers, width)."""
        biases = (cast("Tensor | None", module.bias) for module in self.modules)
        return torch.stack([torch.zeros(self.width) if bias is None else bias.detach() for bias in biases])

    @property
    def width(self) -> int:
        """The size of the residual stream."""
        return int(self.for_layer(0).shape[-1])


@dataclass(frozen=True, eq=False)
class Components:
    """The parts of a network that write to its residual stream and read from it.

    Attributes:
        network: the whole network.
        output_matrices: the matrices through which the heads write.
        blocks: the layers.
        mlps: the module of each layer whose output is what the MLP adds.
        final_norm: the norm after the last layer.
    """

    network: PreTrainedModel
    output_matrices: OutputMatrices
    blocks: tuple[nn.Module, ...]
    mlps: tuple[nn.Module, ...]
    final_norm: nn.Module

    @classmethod
    def find(cls, network: PreTrainedModel, output_matrices: OutputMatrices) -> Components:
        """Find the parts by their names, and install hooks so that they can be observed.

        Raises:
            UnsupportedArchitecture: a part is not found.
        """
        parent, blocks = _find_layers(network, output_matrices)
        components = cls(
            network=network,
            output_matrices=output_matrices,
            blocks=blocks,
            mlps=tuple(_find_child(network, block, _MLPS, "MLP in its layers") for block in blocks),
            final_norm=_find_child(network, parent, _FINAL_NORMS, "norm after its last layer"),
        )
        _install_hooks(components)
        return components

    @property
    def width(self) -> int:
        """The size of the residual stream."""
        return self.output_matrices.width

    def logits(self, streams: Tensor) -> Tensor:
        """Return the logits, (n, n_vocabulary), of residual streams, (n, width), through the network's own head.

        Everything that the network does after its final norm is included: scales, caps and biases.
        """
        with _overriding(_HeadInput(streams=streams[:, None])):
            return self._run_head(len(streams))

    def unembed(self, normed: Tensor) -> Tensor:
        """Return the logits, (n, n_vocabulary), of streams after the final norm, (n, width)."""
        with _overriding(_HeadInput(normed=normed[:, None])):
            return self._run_head(len(normed))

    def _run_head(self, n: int) -> Tensor:
        """Run the network on `n` texts of one token; its head receives the overriding streams instead."""
        return run_network(self.network, torch.zeros((n, 1), dtype=torch.long)).logits[:, -1].float()


def _find_layers(
    network: PreTrainedModel, output_matrices: OutputMatrices
) -> tuple[nn.Module, tuple[nn.Module, ...]]:
    """Return the module that contains the list of layers with the heads, and these layers."""
    for parent in network.modules():
        for blocks in parent.children():
            if not isinstance(blocks, nn.ModuleList) or len(blocks) != len(output_matrices.modules):
                continue
            pairs = zip(blocks, output_matrices.modules, strict=True)
            if all(any(part is matrix for part in block.modules()) for block, matrix in pairs):
                return parent, tuple(blocks)
    raise _unsupported(network, "no list of layers was found")


class StreamObserver(Protocol):
    """Receives what passes through the residual stream."""

    def enter_block(self, layer: int, stream: Tensor, arguments: LayerArguments) -> None:
        """Handle the stream as it reaches a layer, (batch, n_tokens, width)."""

    def leave_mlp(self, layer: int, added: Tensor) -> None:
        """Handle what a layer's MLP adds, (batch, n_tokens, width)."""

    def leave_blocks(self, stream: Tensor) -> None:
        """Handle the stream after the last layer, (batch, n_tokens, width)."""


@dataclass(frozen=True, eq=False)
class LayerArguments:
    """The arguments of a layer's call besides the stream: masks and positions."""

    positional: tuple[Any, ...]
    named: dict[str, Any]

    def call(self, block: nn.Module, stream: Tensor) -> Tensor:
        """Run a layer on another stream, (batch, n_tokens, width) before and after."""
        output = block(stream, *self.positional, **self.named)
        return cast(Tensor, output[0] if isinstance(output, tuple) else output)


@dataclass(frozen=True, eq=False)
class _HeadInput:
    """An override for what reaches a network's head from its layers.

    Attributes:
        streams: (n, 1, width), replaces the input of the final norm.
        normed: (n, 1, width), replaces the output of the final norm.
    """

    streams: Tensor | None = None
    normed: Tensor | None = None


_observer: ContextVar[StreamObserver | None] = ContextVar("stream_observer", default=None)
_head_input: ContextVar[_HeadInput | None] = ContextVar("head_input", default=None)


@contextmanager
def observing(observer: StreamObserver) -> Iterator[None]:
    """Send the forward passes that this thread runs inside the block to `observer`."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


@contextmanager
def _overriding(head_input: _HeadInput) -> Iterator[None]:
    """Override what reaches the head of a network in the forward passes that this thread runs inside the block."""
    token = _head_input.set(head_input)
    try:
        yield
    finally:
        _head_input.reset(token)


def _install_hooks(components: Components) -> None:
    """Hook the parts of a network, once; the hooks do nothing unless the current thread observes or overrides."""
    if getattr(components.network, "_attn_core_hooks", False):
        return
    for layer, (block, mlp) in enumerate(zip(components.blocks, components.mlps, strict=True)):
        block.register_forward_pre_hook(partial(_on_block, layer), with_kwargs=True)
        mlp.register_forward_hook(partial(_on_mlp, layer))
    components.final_norm.register_forward_pre_hook(_before_final_norm)
    components.final_norm.register_forward_hook(_after_final_norm)
    components.network._attn_core_hooks = True


def _on_block(layer: int, _: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Pass the stream that reaches a layer to the observer of this thread."""
    if (observer := _observer.get()) is not None:
        stream, *others = positional or (named["hidden_states"],)
        if stream.ndim != 3:
            raise UnsupportedArchitecture(
                "Its layers pass on several residual streams, so per-head effects are not available."
            )
        rest = named if positional else {name: value for name, value in named.items() if name != "hidden_states"}
        observer.enter_block(layer, stream, LayerArguments(tuple(others), rest))


def _on_mlp(layer: int, _: nn.Module, __: tuple[Any, ...], added: Tensor | tuple[Tensor, ...]) -> None:
    """Pass what an MLP adds to the observer of this thread."""
    if (observer := _observer.get()) is not None:
        observer.leave_mlp(layer, added[0] if isinstance(added, tuple) else added)


def _before_final_norm(_: nn.Module, positional: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Pass the final stream to the observer of this thread, and return the input that overrides it, if any."""
    if (observer := _observer.get()) is not None:
        observer.leave_blocks(positional[0])
    override = _head_input.get()
    return None if override is None or override.streams is None else (override.streams, *positional[1:])


def _after_final_norm(_: nn.Module, __: tuple[Any, ...], ___: Tensor) -> Tensor | None:
    """Return the output that overrides that of the final norm, if any."""
    override = _head_input.get()
    return None if override is None else override.normed


def _find_child(network: PreTrainedModel, module: nn.Module, names: tuple[str, ...], part: str) -> nn.Module:
    """Return the first child module with one of these names; raises `UnsupportedArchitecture` if there is none."""
    for name in names:
        child = getattr(module, name, None)
        if isinstance(child, nn.Module):
            return child
    raise _unsupported(network, f"no {part} was found")


def _unsupported(network: PreTrainedModel, why: str) -> UnsupportedArchitecture:
    """Return the error for a network in which a part is not found."""
    kind = network.config.model_type
    return UnsupportedArchitecture(f"Per-head effects are not supported for {kind}: {why}. Attention still works.")
