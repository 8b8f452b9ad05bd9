"""Find the language model inside a model that also reads images or sound."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from attn_core.models.config import is_causal_type


def text_part(whole: PreTrainedModel) -> PreTrainedModel:
    """Return the language model inside a network as a network of its own, with the same weights.

    The network itself is returned if it has no other part, if transformers has no class for its text part alone, or
    if that part alone gives other logits.
    """
    config = whole.config.get_text_config(decoder=True)
    if config is whole.config or not is_causal_type(config.model_type):
        return whole
    text_only = _assemble(whole)
    if text_only is None or any(tensor.is_meta for tensor in (*text_only.parameters(), *text_only.buffers())):
        return whole
    text_only.generation_config = whole.generation_config
    text_only.eval()
    expected = _logits(whole)
    if expected is not None and not torch.allclose(expected, cast(Tensor, _logits(text_only)), atol=1e-3):
        return whole
    return text_only


def _assemble(whole: PreTrainedModel) -> PreTrainedModel | None:
    """Return a network of the class for text alone, with the modules of the whole, or None if they do not fit."""
    with torch.device("meta"):
        text_only: PreTrainedModel = AutoModelForCausalLM.from_config(whole.config.get_text_config(decoder=True))
    inside = {type(module): module for module in whole.modules()}
    if type(text_only) in inside:
        return cast(PreTrainedModel, inside[type(text_only)])
    body, head = inside.get(type(text_only.base_model)), whole.get_output_embeddings()
    if body is None or head is None or text_only.base_model is text_only:
        return None
    setattr(text_only, text_only.base_model_prefix, body)
    text_only.set_output_embeddings(head)
    return text_only


def _logits(network: PreTrainedModel) -> Tensor | None:
    """Return a network's logits for three tokens, (1, 3, n_vocabulary), or None if it does not run on text alone."""
    try:
        with torch.inference_mode():
            return cast(Tensor, network(torch.tensor([[3, 1, 2]]), use_cache=False).logits)
    except Exception:  # networks that require an image raise many kinds of errors
        return None
