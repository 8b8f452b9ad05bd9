"""Run one forward pass of a network: the one place that handles differences between types of models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from torch import Tensor

from attn_core.compat import attention_name
from attn_core.errors import AttnCoreError, UnsupportedArchitecture
from attn_core.models.attention import NAME, is_recording, record_returned
from attn_core.models.threads import NARROW, fitting_threads

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """The output of a forward pass.

    Attributes:
        logits: (n_rows, n_kept, n_vocabulary): of all positions, or of the last one.
        cache: the keys and values that a later pass can continue from; None if none were requested or made.
        attentions: the weights of each layer as the network returned them; empty unless requested.
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

    The weights go to the recorder, if there is one (see `attn_core.models.attention.recording`), even if the network
    does not compute its attention through transformers' registry and has to return them.

    Args:
        network: the network to run.
        ids: int64 (n_rows, n_tokens).
        cache: the cache of an earlier pass, which the tokens continue.
        keep_cache: return a cache for later passes.
        last_only: compute the logits of the last position only, if the network supports it.

    Raises:
        UnsupportedArchitecture: the network fails; the message gives the error.
    """
    returns_attention = is_recording() and not uses_registry(network)
    options = _options(network, cache, keep_cache, returns_attention, last_only)
    try:
        with fitting_threads(getattr(text_config(network), "hidden_size", NARROW)):
            output = network(ids, **options)
        logits: Tensor = output.logits[:, -1:] if last_only else output.logits
    except (AttnCoreError, MemoryError):
        raise
    except Exception as error:  # the errors of networks have no common base
        if "allocate memory" in str(error):
            raise
        raise UnsupportedArchitecture(
            f"{describe_type(network)} failed on this prompt ({_first_line(error)}). Try another prompt or model."
        ) from error
    attentions = tuple(getattr(output, "attentions", None) or ()) if returns_attention else ()
    record_returned(attentions)
    return ForwardPass(logits, getattr(output, "past_key_values", None) if keep_cache else None, attentions)


def _options(
    network: PreTrainedModel, cache: Any, keep_cache: bool, returns_attention: bool, last_only: bool
) -> dict[str, Any]:
    """Return the options of a forward pass that the network accepts."""
    options: dict[str, Any] = {"use_cache": keep_cache, "return_dict": True}
    if cache is not None:
        options["past_key_values"] = cache
    if returns_attention:
        options["output_attentions"] = True
    if last_only:
        options["logits_to_keep"] = 1
    accepted = _parameters(type(network).forward)
    return {name: value for name, value in options.items() if name in accepted}


def uses_registry(network: PreTrainedModel) -> bool:
    """Return whether the network's attention goes through the function of `attn_core.models.attention`."""
    return attention_name(text_config(network)) == NAME


def text_config(network: PreTrainedModel) -> PreTrainedConfig:
    """Return the part of a network's configuration that describes its text decoder."""
    return network.config.get_text_config(decoder=True)


def describe_type(network: PreTrainedModel) -> str:
    """Return the type of a network as the beginning of a sentence."""
    return f"A model of type {network.config.model_type!r}"


@lru_cache(maxsize=64)
def _parameters(forward: Callable[..., Any]) -> frozenset[str]:
    """Return the parameters of a forward method; with `**kwargs`, also the common ones."""
    parameters = inspect.signature(forward).parameters
    names = set(parameters)
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        names |= {"use_cache", "return_dict", "past_key_values", "output_attentions"}
    return frozenset(names)


def _first_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200].rstrip('.')}" if lines else type(error).__name__
