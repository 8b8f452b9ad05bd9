"""Inspect a network by trial runs rather than by its configuration, wherever a forward pass can tell.

Each trial runs a dozen tokens. The rest of the library relies on the results: that attention can be recorded, which
matrices the heads write through, and whether text can be generated with a cache.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attn_core.compat import matrix_types
from attn_core.errors import MisleadingWeights, UnsupportedArchitecture
from attn_core.models.attention import NAME, FullRecorder, LastQueryRecorder, recording
from attn_core.models.components import OutputMatrices
from attn_core.models.forward import describe_type, run_network, text_config, uses_registry
from attn_core.models.positions import max_tokens_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TRIAL_TOKENS = 12
LOGIT_TOLERANCE = 1e-4
"""The largest difference between two ways to compute the same logits, relative to the largest logit."""
WEIGHT_TOLERANCE = 2e-3
"""The largest difference between two recordings of a weight: float16 rounds both."""


def use_recording_attention(network: PreTrainedModel) -> None:
    """Make the attention of a network recordable, and verify that it is.

    Attention goes through the registered function of `attn_core.models.attention` if that leaves the logits unchanged
    and covers every layer. Otherwise it is computed eagerly, and the weights that the network returns are used.

    Raises:
        UnsupportedArchitecture: there is no way to get valid attention weights.
    """
    ids = trial_ids(network)
    with torch.inference_mode():
        network.set_attn_implementation("eager")
        expected = run_network(network, ids, last_only=False).logits
        _check_numbers(network, ids, expected)
        try:
            network.set_attn_implementation(NAME)
            _check_recording(network, ids, expected)
        except MisleadingWeights:
            raise
        except (UnsupportedArchitecture, ValueError):
            network.set_attn_implementation("eager")
            _check_returned_attention(network, ids)


def trial_ids(network: PreTrainedModel) -> Tensor:
    """Return some tokens of the vocabulary, int64 (1, n_tokens): a dozen if that many fit, without padding."""
    n_embeddings = network.get_input_embeddings().num_embeddings
    padding = getattr(text_config(network), "pad_token_id", None)
    spread = (index * n_embeddings // (TRIAL_TOKENS + 2) for index in range(1, TRIAL_TOKENS + 2))
    ids = [token_id for token_id in spread if token_id != padding]
    return torch.tensor([ids[: min(TRIAL_TOKENS, max_tokens_of(network))]])


def decoder_size(network: PreTrainedModel) -> tuple[int, int]:
    """Return the number of layers and of heads per layer, from the configuration.

    Raises:
        UnsupportedArchitecture: it has none.
    """
    config = text_config(network)
    n_layers = getattr(config, "decoder_layers", None) or getattr(config, "num_hidden_layers", None)
    n_heads = getattr(config, "decoder_attention_heads", None) or getattr(config, "num_attention_heads", None)
    if not isinstance(n_layers, int) or not isinstance(n_heads, int):
        raise UnsupportedArchitecture(f"{describe_type(network)} has no attention heads.")
    return n_layers, n_heads


def find_output_matrices(network: PreTrainedModel) -> OutputMatrices:
    """Find the matrix in each layer whose input is exactly the outputs of its heads.

    Raises:
        UnsupportedArchitecture: the heads' outputs are changed before any matrix, so that a head's output is not
            what the network uses; or the heads' outputs cannot be recorded.
    """
    n_layers, n_heads = decoder_size(network)
    limits = (
        "Its attention can be shown, but its heads cannot be turned off, value-weighted or measured one by one."
    )
    if not uses_registry(network):
        raise UnsupportedArchitecture(
            f"{describe_type(network)} computes its attention outside transformers' attention registry. {limits}"
        )
    finder = _OutputMatrixFinder()
    with _hooked(network, finder), torch.inference_mode(), recording(finder):
        run_network(network, trial_ids(network))
    if sorted(finder.found) != list(range(n_layers)):
        raise UnsupportedArchitecture(
            f"{describe_type(network)} changes its heads' outputs before the output matrix. {limits}"
        )
    return OutputMatrices(tuple(finder.found[layer] for layer in range(n_layers)), n_heads)


def has_cache(network: PreTrainedModel) -> bool:
    """Return whether the network generates with a cache, and verify that predictions are the same without it.

    Raises:
        UnsupportedArchitecture: they differ, so transformers' own `generate()` does not follow the predictions of a
            pass over the whole text, and nothing shown could be true of both.
    """
    ids = trial_ids(network)
    n_prefix = max(1, ids.shape[1] - 2)
    with torch.inference_mode():
        expected, attention = _run_recorded(network, ids)
        _check_positions(network, ids, expected)
        cache = run_network(network, ids[:, :n_prefix], keep_cache=True).cache
        if cache is None:
            return False
        for position in range(n_prefix, ids.shape[1]):
            recorder = LastQueryRecorder(*decoder_size(network), position + 1)
            with recording(recorder):
                step = run_network(network, ids[:, position : position + 1], cache=cache, keep_cache=True)
            cache = step.cache
            rows = attention[:, :, position, : position + 1]
            if not (
                _same_logits(step.logits[:, 0], expected[:, position])
                and np.allclose(recorder.attention, rows, atol=WEIGHT_TOLERANCE)
            ):
                raise UnsupportedArchitecture(
                    f"{describe_type(network)} predicts differently with its cache than without, "
                    "so it cannot generate text here."
                )
    return True


def _check_positions(network: PreTrainedModel, ids: Tensor, expected: Tensor) -> None:
    """Raise `UnsupportedArchitecture` if a network numbers positions differently from `generate()`."""
    if "position_ids" not in inspect.signature(network.forward).parameters:
        return
    try:
        logits = network(ids, position_ids=torch.arange(ids.shape[1])[None], use_cache=False).logits
    except Exception:  # then generate() does not pass such positions either
        return
    if not _same_logits(logits, expected):
        raise UnsupportedArchitecture(
            f"{describe_type(network)} numbers positions differently from transformers' generate(), "
            "so it cannot generate text here."
        )


def _run_recorded(network: PreTrainedModel, ids: Tensor) -> tuple[Tensor, NDArray[np.float16]]:
    """Return the logits of all positions, (1, n_tokens, n_vocabulary), and the attention of all layers."""
    recorder = FullRecorder(*decoder_size(network), ids.shape[1])
    with recording(recorder):
        logits = run_network(network, ids, last_only=False).logits
    return logits, recorder.attention


def _check_numbers(network: PreTrainedModel, ids: Tensor, logits: Tensor) -> None:
    """Raise `UnsupportedArchitecture` if logits are not finite, or predictions depend on later tokens."""
    if not logits.isfinite().all():
        raise UnsupportedArchitecture("Its weights produce NaN or infinite values.", cause="invalid weights")
    changed = ids.clone()
    changed[0, -1] = ids[0, 0]
    if not _same_logits(run_network(network, changed, last_only=False).logits[:, :-1], logits[:, :-1]):
        raise UnsupportedArchitecture(
            "It is not a causal language model, because its predictions depend on later tokens.",
            cause="not a causal model",
        )


def _check_recording(network: PreTrainedModel, ids: Tensor, expected: Tensor) -> None:
    """Raise `UnsupportedArchitecture` if the registered function misses attention, or changes the logits."""
    n_layers, n_heads = decoder_size(network)
    recorder = _CountingRecorder(n_layers, n_heads, ids.shape[1])
    with recording(recorder):
        logits = run_network(network, ids, last_only=False).logits
    if recorder.has_changed:
        raise MisleadingWeights(
            f"{describe_type(network)} runs a layer more than once, with different attention each time."
        )
    _check_layers(network, recorder.layers, n_layers)
    unrecorded = run_network(network, ids, last_only=False).logits
    if not (_same_logits(logits, expected) and _same_logits(unrecorded, expected)):
        raise UnsupportedArchitecture(f"{describe_type(network)} does more to its attention than can be recorded.")
    _check_weights(network, recorder.attention)


def _check_layers(network: PreTrainedModel, seen: list[int], n_layers: int) -> None:
    """Raise `UnsupportedArchitecture` unless every layer was recorded exactly once."""
    if sorted(seen) != list(range(n_layers)):
        raise UnsupportedArchitecture(
            f"{describe_type(network)} shows the attention of only {len(set(seen))} of its {n_layers} layers."
        )


def _check_returned_attention(network: PreTrainedModel, ids: Tensor) -> None:
    """Raise `UnsupportedArchitecture` if a network does not return the attention of every layer."""
    n_layers, n_heads = decoder_size(network)
    recorder = FullRecorder(n_layers, n_heads, ids.shape[1])
    try:
        with recording(recorder):
            attentions = run_network(network, ids, last_only=False).attentions
    except (RuntimeError, IndexError) as error:
        raise UnsupportedArchitecture(f"{describe_type(network)} has layers with different heads.") from error
    _check_layers(network, list(range(len(attentions))), n_layers)
    _check_weights(network, recorder.attention)


def _check_weights(network: PreTrainedModel, attention: NDArray[np.float16]) -> None:
    """Raise `UnsupportedArchitecture` if weights (n_layers, n_heads, n_tokens, n_tokens) are not causal attention."""
    weights = attention.astype(np.float32)
    sums = weights.sum(axis=-1)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and np.allclose(sums, 1, atol=0.01)):
        raise UnsupportedArchitecture(f"{describe_type(network)} returns attention weights that do not sum to 1.")
    if np.triu(weights, 1).any():
        raise UnsupportedArchitecture(f"{describe_type(network)} returns attention weights on later tokens.")


def _same_logits(logits: Tensor, expected: Tensor) -> bool:
    """Return whether logits are equal up to rounding."""
    if expected.numel() == 0:
        return True
    largest = max(float(expected.abs().max()), 1e-6)
    return bool((logits - expected).abs().max() <= LOGIT_TOLERANCE * largest)


class _CountingRecorder(FullRecorder):
    """Keeps the order in which layers ran, besides all weights of a short text.

    `has_changed` is set if a layer ran again with different weights.
    """

    def __init__(self, n_layers: int, n_heads: int, n_tokens: int) -> None:
        super().__init__(n_layers, n_heads, n_tokens)
        self.layers: list[int] = []
        self.has_changed = False

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        before = self.attention[layer].copy()
        super().record_weights(layer, weights, first_query)
        self.has_changed |= layer in self.layers and not np.allclose(before, self.attention[layer], atol=1e-3)

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        self.layers.append(layer)


class _OutputMatrixFinder:
    """Finds the module of each layer whose input is exactly the output of the layer's heads."""

    last_query_only = True

    def __init__(self) -> None:
        self.found: dict[int, nn.Module] = {}
        self._latest: tuple[int, Tensor] | None = None

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Ignore the weights."""

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Keep the outputs of a layer's heads until a matrix receives them."""
        self._latest = (layer, outputs.flatten())

    def compare(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Keep the module as a layer's output matrix if its input equals the output of the layer's heads."""
        if self._latest is None or not inputs:
            return
        layer, outputs = self._latest
        if inputs[0].numel() == outputs.numel() and torch.equal(inputs[0].flatten(), outputs):
            self.found[layer] = module
            self._latest = None


@contextmanager
def _hooked(network: PreTrainedModel, finder: _OutputMatrixFinder) -> Iterator[None]:
    """Pass the input of every matrix to the finder; use only while nothing else runs the network."""
    handles = [
        module.register_forward_pre_hook(finder.compare)
        for module in network.modules()
        if isinstance(module, matrix_types())
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
