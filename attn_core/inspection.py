"""Finding out by trial what a network is: nothing is believed of it that a forward pass can show.

Each trial runs a dozen tokens. What it shows is what the rest of the library relies on: that attention can be
recorded, which matrices the heads write through, and whether text can be written with a cache.
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
from transformers.pytorch_utils import Conv1D

from attn_core.anatomy import OutputMatrices
from attn_core.attention import NAME, FullRecorder, LastQueryRecorder, MisleadingWeights, recording
from attn_core.errors import UnsupportedArchitecture
from attn_core.forward import describe, run_network, text_config, uses_registry
from attn_core.positions import max_tokens_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TRIAL_TOKENS = 12
LOGIT_TOLERANCE = 1e-4
"""By how much of the largest logit two ways to compute the same logits may differ."""
WEIGHT_TOLERANCE = 2e-3
"""By how much two recordings of a weight may differ: float16 rounds both."""


def use_recording_attention(network: PreTrainedModel) -> None:
    """Make the attention of a network recordable, and prove that it is.

    It goes through the registered function of `attn_core.attention` if the logits stay the network's own then, and
    every layer comes by. Else it is computed eagerly, and the weights that the network returns are taken.

    Raises:
        UnsupportedArchitecture: there are no weights to be had that are attention.
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
    """Return some tokens of the vocabulary that are no padding, int64 (1, n_tokens): a dozen if so many fit."""
    n_known = network.get_input_embeddings().num_embeddings
    padding = getattr(text_config(network), "pad_token_id", None)
    spread = (index * n_known // (TRIAL_TOKENS + 2) for index in range(1, TRIAL_TOKENS + 2))
    ids = [token_id for token_id in spread if token_id != padding]
    return torch.tensor([ids[: min(TRIAL_TOKENS, max_tokens_of(network))]])


def decoder_size(network: PreTrainedModel) -> tuple[int, int]:
    """Return the number of layers and of heads in a layer, as the configuration has them.

    Raises:
        UnsupportedArchitecture: it has none.
    """
    config = text_config(network)
    n_layers = getattr(config, "decoder_layers", None) or getattr(config, "num_hidden_layers", None)
    n_heads = getattr(config, "decoder_attention_heads", None) or getattr(config, "num_attention_heads", None)
    if not isinstance(n_layers, int) or not isinstance(n_heads, int):
        raise UnsupportedArchitecture(f"{describe(network)} has no attention heads.")
    return n_layers, n_heads


def find_output_matrices(network: PreTrainedModel) -> OutputMatrices:
    """Find the matrix in each layer that is given the outputs of its heads, and nothing else.

    Raises:
        UnsupportedArchitecture: something comes between the heads and every matrix, so that a head's output is not
            what the network goes on with; or the heads' outputs cannot be seen.
    """
    n_layers, n_heads = decoder_size(network)
    limits = (
        "Its attention can be shown, but its heads cannot be turned off, value-weighted or measured one by one."
    )
    if not uses_registry(network):
        raise UnsupportedArchitecture(
            f"{describe(network)} computes its attention outside transformers' attention registry. {limits}"
        )
    finder = _OutputMatrixFinder()
    with _hooked(network, finder), torch.inference_mode(), recording(finder):
        run_network(network, trial_ids(network))
    if sorted(finder.found) != list(range(n_layers)):
        raise UnsupportedArchitecture(
            f"{describe(network)} changes its heads' outputs before the output matrix. {limits}"
        )
    return OutputMatrices(tuple(finder.found[layer] for layer in range(n_layers)), n_heads)


def has_cache(network: PreTrainedModel) -> bool:
    """Return whether text is written with a cache, and prove that it is the same text as without.

    Raises:
        UnsupportedArchitecture: it is not, so that transformers' own `generate()` does not write what a pass over
            the whole text predicts. Nothing could be shown then that is true of both.
    """
    ids = trial_ids(network)
    n_begin = max(1, ids.shape[1] - 2)
    with torch.inference_mode():
        expected, attention = _run_recorded(network, ids)
        _check_positions(network, ids, expected)
        cache = run_network(network, ids[:, :n_begin], keep_cache=True).cache
        if cache is None:
            return False
        for position in range(n_begin, ids.shape[1]):
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
                    f"{describe(network)} predicts differently with its cache than without, "
                    "so it cannot generate text here."
                )
    return True


def _check_positions(network: PreTrainedModel, ids: Tensor, expected: Tensor) -> None:
    """Refuse a network that numbers positions in its own way, which `generate()` does not follow."""
    if "position_ids" not in inspect.signature(network.forward).parameters:
        return
    try:
        logits = network(ids, position_ids=torch.arange(ids.shape[1])[None], use_cache=False).logits
    except Exception:  # positions of another form are not what generate() gives it
        return
    if not _same_logits(logits, expected):
        raise UnsupportedArchitecture(
            f"{describe(network)} numbers positions differently from transformers' generate(), "
            "so it cannot generate text here."
        )


def _run_recorded(network: PreTrainedModel, ids: Tensor) -> tuple[Tensor, NDArray[np.float16]]:
    """The logits of all positions, (1, n_tokens, n_vocabulary), and the attention of all layers."""
    recorder = FullRecorder(*decoder_size(network), ids.shape[1])
    with recording(recorder):
        logits = run_network(network, ids, last_only=False).logits
    return logits, recorder.attention


def _check_numbers(network: PreTrainedModel, ids: Tensor, logits: Tensor) -> None:
    """Refuse a network that gives no numbers, or whose predictions depend on later tokens."""
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
    """Refuse a network of which the registered function does not see all, or in which it changes the logits."""
    n_layers, n_heads = decoder_size(network)
    recorder = _CountingRecorder(n_layers, n_heads, ids.shape[1])
    with recording(recorder):
        logits = run_network(network, ids, last_only=False).logits
    if recorder.has_changed:
        raise MisleadingWeights(
            f"{describe(network)} runs a layer more than once, with different attention each time."
        )
    _check_layers(network, recorder.layers, n_layers)
    unrecorded = run_network(network, ids, last_only=False).logits
    if not (_same_logits(logits, expected) and _same_logits(unrecorded, expected)):
        raise UnsupportedArchitecture(f"{describe(network)} does more to its attention than can be recorded.")
    _check_weights(network, recorder.attention)


def _check_layers(network: PreTrainedModel, seen: list[int], n_layers: int) -> None:
    if sorted(seen) != list(range(n_layers)):
        raise UnsupportedArchitecture(
            f"{describe(network)} shows the attention of only {len(set(seen))} of its {n_layers} layers."
        )


def _check_returned_attention(network: PreTrainedModel, ids: Tensor) -> None:
    """Refuse a network that does not return the attention of every layer."""
    n_layers, n_heads = decoder_size(network)
    recorder = FullRecorder(n_layers, n_heads, ids.shape[1])
    try:
        with recording(recorder):
            attentions = run_network(network, ids, last_only=False).attentions
    except (RuntimeError, IndexError) as error:
        raise UnsupportedArchitecture(f"{describe(network)} has layers with different heads.") from error
    _check_layers(network, list(range(len(attentions))), n_layers)
    _check_weights(network, recorder.attention)


def _check_weights(network: PreTrainedModel, attention: NDArray[np.float16]) -> None:
    """Refuse weights (n_layers, n_heads, n_tokens, n_tokens) that are not causal attention."""
    weights = attention.astype(np.float32)
    sums = weights.sum(axis=-1)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and np.allclose(sums, 1, atol=0.01)):
        raise UnsupportedArchitecture(f"{describe(network)} returns attention weights that do not sum to 1.")
    if np.triu(weights, 1).any():
        raise UnsupportedArchitecture(f"{describe(network)} returns attention weights on later tokens.")


def _same_logits(logits: Tensor, expected: Tensor) -> bool:
    if expected.numel() == 0:
        return True
    largest = max(float(expected.abs().max()), 1e-6)
    return bool((logits - expected).abs().max() <= LOGIT_TOLERANCE * largest)


class _CountingRecorder(FullRecorder):
    """Keeps the layers that came by, in their order, besides all weights of a short text.

    `has_changed` says whether a layer came by again with other weights than before.
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
    """Looks for the module of each layer that is given just what the layer's heads put out."""

    last_query_only = True

    def __init__(self) -> None:
        self.found: dict[int, nn.Module] = {}
        self._latest: tuple[int, Tensor] | None = None

    def record_weights(self, layer: int, weights: Tensor, first_query: int) -> None:
        """Nothing of this is kept."""

    def record_outputs(self, layer: int, values: Tensor, outputs: Tensor) -> None:
        """Keep the outputs of a layer's heads until a matrix is given them."""
        self._latest = (layer, outputs.flatten())

    def compare(self, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        """Take the module for a layer's output matrix if its input is what the layer's heads put out."""
        if self._latest is None or not given:
            return
        layer, outputs = self._latest
        if given[0].numel() == outputs.numel() and torch.equal(given[0].flatten(), outputs):
            self.found[layer] = module
            self._latest = None


@contextmanager
def _hooked(network: PreTrainedModel, finder: _OutputMatrixFinder) -> Iterator[None]:
    """Let a finder see the input of every matrix; only while nobody else runs the network."""
    handles = [
        module.register_forward_pre_hook(finder.compare)
        for module in network.modules()
        if isinstance(module, nn.Linear | Conv1D)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
