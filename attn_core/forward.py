"""One forward pass of a network, asked for in the one place that knows how types of models differ."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from attn_core.attention import NAME, is_recording, record_returned
from attn_core.errors import AttnCoreError, UnsupportedArchitecture
from attn_core.threads import NARROW, fitting_threads

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class ForwardPass:
    """What a forward pass gives.

    Attributes:
        logits: (n_rows, n_kept, n_vocabulary): of all positions, or of the last one.
        cache: the keys and values that a later pass can go on from; None where none were asked for or made.
        attentions: the weights of each layer as the network returned them; empty unless they were asked for.
    """

    logits: Tensor
    cache: Any = None
    attentions: tuple[Tensor, ...] = ()


def run_network(
    network: PreTrainedModel,
    ids: Tensor,
    *,
    cache: Any = None,
    keep_cache: bool = False,
    last_only: bool = True,
) -> ForwardPass:
    """Run a network once.

    A recorder that listens (`attn_core.attention.recording`) hears the weights, also from a network that does not
    compute its attention through transformers' registry and has to return them.

    Args:
        network: what to run.
        ids: int64 (n_rows, n_tokens).
        cache: what an earlier pass left; the tokens go on from there.
        keep_cache: leave a cache for later passes.
        last_only: compute the logits of the last position alone, where the network can be told to.

    Raises:
        UnsupportedArchitecture: the network fails; the message says how.
    """
    returns_attention = is_recording() and not uses_registry(network)
    options: dict[str, Any] = {"use_cache": keep_cache, "return_dict": True}
    if cache is not None:
        options["past_key_values"] = cache
    if returns_attention:
        options["output_attentions"] = True
    if last_only:
        options["logits_to_keep"] = 1
    accepted = _parameters(network)
    try:
        with fitting_threads(getattr(text_config(network), "hidden_size", NARROW)):
            output = network(ids, **{name: value for name, value in options.items() if name in accepted})
        logits: Tensor = output.logits[:, -1:] if last_only else output.logits
    except (AttnCoreError, MemoryError):
        raise
    except Exception as error:  # what a network meets on its way has no common base
        if "allocate memory" in str(error):
            raise
        raise UnsupportedArchitecture(
            f"{describe(network)} failed on this prompt ({_first_line(error)}). Try another prompt or model."
        ) from error
    attentions = tuple(getattr(output, "attentions", None) or ()) if returns_attention else ()
    record_returned(attentions)
    return ForwardPass(logits, getattr(output, "past_key_values", None) if keep_cache else None, attentions)


def uses_registry(network: PreTrainedModel) -> bool:
    """Return whether the network's attention goes through the function of `attn_core.attention`."""
    return text_config(network)._attn_implementation == NAME


def text_config(network: PreTrainedModel) -> PreTrainedConfig:
    """Return the part of a network's configuration that is about its text decoder."""
    return network.config.get_text_config(decoder=True)


def describe(network: PreTrainedModel) -> str:
    """Name the type of a network, to begin a sentence with."""
    return f"A model of type {network.config.model_type!r}"


def _parameters(network: PreTrainedModel) -> frozenset[str]:
    """The names that a network's forward method takes; one that takes any is given those that all others know."""
    parameters = inspect.signature(network.forward).parameters
    names = set(parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        names |= {"use_cache", "return_dict", "past_key_values", "output_attentions"}
    return frozenset(names)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200].rstrip('.')}" if lines else type(error).__name__
