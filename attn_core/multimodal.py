"""The language model inside a model that also reads pictures or sound."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from attn_core.model_config import is_causal_type


def text_part(whole: PreTrainedModel) -> PreTrainedModel:
    """Return the language model inside a network as a network of its own, with the same weights.

    The network itself is returned where it has no other part, where transformers has no class for its text part
    alone, or where that part alone says something else of a text.
    """
    config = whole.config.get_text_config(decoder=True)
    if config is whole.config or not is_causal_type(config.model_type):
        return whole
    alone = _assembled(whole)
    if alone is None or any(tensor.is_meta for tensor in (*alone.parameters(), *alone.buffers())):
        return whole
    alone.generation_config = whole.generation_config
    alone.eval()
    expected = _logits(whole)
    if expected is not None and not torch.allclose(expected, cast(Tensor, _logits(alone)), atol=1e-3):
        return whole
    return alone


def _assembled(whole: PreTrainedModel) -> PreTrainedModel | None:
    """The class for the text part alone with the modules of the whole in it, or None if they do not fit."""
    with torch.device("meta"):
        alone: PreTrainedModel = AutoModelForCausalLM.from_config(whole.config.get_text_config(decoder=True))
    inside = {type(module): module for module in whole.modules()}
    if type(alone) in inside:
        return cast(PreTrainedModel, inside[type(alone)])
    body, head = inside.get(type(alone.base_model)), whole.get_output_embeddings()
    if body is None or head is None or alone.base_model is alone:
        return None
    setattr(alone, alone.base_model_prefix, body)
    alone.set_output_embeddings(head)
    return alone


def _logits(network: PreTrainedModel) -> Tensor | None:
    """What a network says of three tokens, (1, 3, n_vocabulary), or None if it does not run on text alone."""
    try:
        with torch.inference_mode():
            return cast(Tensor, network(torch.tensor([[3, 1, 2]]), use_cache=False).logits)
    except Exception:  # networks that want a picture complain in many ways
        return None
