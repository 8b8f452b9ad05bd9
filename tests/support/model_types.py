"""A small random model of every causal type that transformers has, and what the library makes of each.

`python -m tests.support.model_types` writes the table of `docs/models.md`.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

N_LAYERS, N_HEADS, WINDOW, MAX_TOKENS = 4, 4, 8, 64
SECONDS_TO_BUILD = 20
MANY_PARAMETERS = 5_000_000

TYPES = tuple(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))

_SIZES: dict[str, int] = {}
for _size, _names in (
    (4096, "vocab_size vocab_size_per_layer_input"),
    (32, "hidden_size n_embd d_model word_embed_proj_dim embedding_size dim_model embed_dim hidden_dim emb_dim"),
    (64, "intermediate_size n_inner ffn_dim decoder_ffn_dim encoder_ffn_dim dff moe_intermediate_size"),
    (64, "shared_expert_intermediate_size ffn_hidden_size intermediate_size_mlp expert_ffn_hidden_size"),
    (64, "shared_intermediate_size shared_experts_intermediate_size feed_forward_size"),
    (N_LAYERS, "num_hidden_layers n_layer n_layers num_layers decoder_layers encoder_layers num_decoder_layers"),
    (N_LAYERS, "num_encoder_layers"),
    (N_HEADS, "num_attention_heads n_head n_heads num_heads decoder_attention_heads encoder_attention_heads"),
    (N_HEADS, "num_encoder_attention_heads num_decoder_attention_heads index_n_heads"),
    (2, "num_key_value_heads num_kv_heads num_experts_per_tok num_experts_per_token moe_k moe_topk"),
    (4, "num_experts num_local_experts n_routed_experts moe_num_experts qk_rope_head_dim rotary_dim"),
    (1, "n_group topk_group first_k_dense_replace n_shared_experts moe_num_shared_experts"),
    (8, "head_dim v_head_dim qk_nope_head_dim global_head_dim attention_head_size index_head_dim"),
    (16, "q_lora_rank kv_lora_rank"),
    (WINDOW, "sliding_window attention_window attention_chunk_size sliding_window_size window_size"),
    (WINDOW, "local_attention"),
    (MAX_TOKENS, "max_position_embeddings n_positions n_ctx max_seq_len max_sequence_length max_target_positions"),
    (MAX_TOKENS, "index_topk"),  # among fewer, ties are broken in another way in a longer text
    (0, "pad_token_id bos_token_id eos_token_id"),
):
    _SIZES |= dict.fromkeys(_names.split(), _size)

_MAMBA = {"mamba_n_heads": 8, "mamba_d_state": 16, "mamba_d_head": 8, "mamba_chunk_size": 8}
_SMALL_EXTRAS: dict[str, dict[str, Any]] = {
    "bailing_hybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "bamba": _MAMBA | {"attn_layer_indices": [1, 3]},
    "cohere_compass_text": {"layer_types": ["sliding_attention", "full_attention"] * 2},
    "cpmant": {"prompt_types": 4, "prompt_length": 4, "segment_types": 4},
    "falcon_h1": _MAMBA | {"mamba_d_ssm": 64},
    "gemma3n_text": {"num_kv_shared_layers": 2, "laurel_rank": 8, "hidden_size_per_layer_input": 8},
    "gemma3": {
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
        }
    },
    "gemma4_text": {"hidden_size_per_layer_input": 8},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": _MAMBA | {"layer_types": ["mamba", "attention"] * 2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "longcat_flash": {"head_dim": 4, "zero_expert_num": 2, "num_layers": 2},
    "mamba2": {"num_heads": 8, "head_dim": 8, "expand": 2, "n_groups": 1, "state_size": 16},
    "reformer": {
        "is_decoder": True,
        "attn_layers": ["local", "lsh"] * 2,
        "axial_pos_shape": (8, 8),
        "axial_pos_embds_dim": (16, 16),
        "local_attn_chunk_length": 8,
        "lsh_attn_chunk_length": 8,
    },
    "rembert": {"input_embedding_size": 32, "output_embedding_size": 32},
    "roc_bert": {"shape_vocab_size": 64, "pronunciation_vocab_size": 64},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"layers_block_type": ["mamba", "hybrid"] * 2, "use_mamba_kernels": False},
    "zamba2": {"layers_block_type": ["mamba", "hybrid"] * 2, "n_mamba_heads": 8, "mamba_ngroups": 1},
    "zaya": {"num_experts_per_tok": 1},
}


def small_config(model_type: str) -> PreTrainedConfig:
    """Return a configuration of a type with 4 layers of 4 heads, 32 wide, and a window of 8 where there is one."""
    return _shrink(CONFIG_MAPPING[model_type], _SMALL_EXTRAS.get(model_type, {}))


def _shrink(config_class: type[PreTrainedConfig], extras: dict[str, Any]) -> PreTrainedConfig:
    names = set(inspect.signature(config_class.__init__).parameters)
    renamed = getattr(config_class, "attribute_map", {})
    sizes = {name: size for name, size in _SIZES.items() if name in names and name not in renamed}
    if "kv_lora_rank" in names:  # latent attention has keys and values for each head
        sizes["num_key_value_heads"] = N_HEADS
    if "is_decoder" in names:
        sizes["is_decoder"] = True
    parts = {
        name: _shrink(part, _SMALL_EXTRAS.get(part.model_type, {}))
        for name, part in config_class.sub_configs.items()
        if part is not AutoConfig
    }
    return config_class(**sizes | parts | extras)


def small_network(model_type: str) -> PreTrainedModel:
    """Return a random network of a type, with weights so large that its parts and logits are, too.

    Raises whatever transformers raises for a type that can't be made small so, and `TimeoutError` or `MemoryError`
    for one that stays large.
    """
    torch.manual_seed(0)
    config = small_config(model_type)
    with _time_limit(SECONDS_TO_BUILD):
        with torch.device("meta"):
            n_parameters = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
        if n_parameters > MANY_PARAMETERS:
            raise MemoryError(f"{n_parameters:,} parameters")
        network: PreTrainedModel = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        with torch.no_grad():
            for parameter in network.parameters():
                noise = torch.randn_like(parameter)
                parameter.copy_(noise * 0.2 if parameter.ndim > 1 else parameter + 0.1 * noise)
            network(torch.arange(5, 15)[None])
    return network


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def stop(signal_number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
