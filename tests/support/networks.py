"""Small random networks of the types that transformers has, ready to be taken apart."""

from __future__ import annotations

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from attn_core import LanguageModel
from attn_core.models.inspection import use_recording_attention

SMALL = {
    "vocab_size": 4096,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 8,
    "max_position_embeddings": 128,
}
WINDOW = 8
GROUPED = SMALL | {"intermediate_size": 128, "num_key_value_heads": 2}


def gpt2() -> PreTrainedModel:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=4096, n_embd=64, n_layer=3, n_head=8, n_positions=1024)
    )


def gpt2_of_odd_width() -> PreTrainedModel:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(vocab_size=4096, n_embd=45, n_layer=2, n_head=5, n_positions=1024)
    )


def openai_gpt() -> PreTrainedModel:
    """It predicts without a cache."""
    return transformers.OpenAIGPTLMHeadModel(
        transformers.OpenAIGPTConfig(vocab_size=4096, n_embd=64, n_layer=3, n_head=8, n_positions=128)
    )


def llama() -> PreTrainedModel:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**GROUPED))


def llama_of_long_texts() -> PreTrainedModel:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**GROUPED | {"max_position_embeddings": 1024}))


def qwen2() -> PreTrainedModel:
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**GROUPED))


def qwen3() -> PreTrainedModel:
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(head_dim=16, **GROUPED))


def gemma() -> PreTrainedModel:
    return transformers.GemmaForCausalLM(transformers.GemmaConfig(head_dim=8, **GROUPED))


def gpt_neox() -> PreTrainedModel:
    return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**SMALL, eos_token_id=0, bos_token_id=0))


def phi() -> PreTrainedModel:
    """Its unembedding has a bias."""
    return transformers.PhiForCausalLM(transformers.PhiConfig(**SMALL, intermediate_size=128))


def opt() -> PreTrainedModel:
    return transformers.OPTForCausalLM(transformers.OPTConfig(**SMALL, ffn_dim=128, word_embed_proj_dim=64))


def olmo2() -> PreTrainedModel:
    return transformers.Olmo2ForCausalLM(transformers.Olmo2Config(**GROUPED, eos_token_id=0))


def mistral() -> PreTrainedModel:
    config = transformers.MistralConfig(**GROUPED, head_dim=8, sliding_window=WINDOW)
    return transformers.MistralForCausalLM(config)


def mixed_windows() -> PreTrainedModel:
    config = transformers.Qwen2Config(
        **GROUPED, use_sliding_window=True, max_window_layers=1, sliding_window=WINDOW
    )
    return transformers.Qwen2ForCausalLM(config)


def granite() -> PreTrainedModel:
    return transformers.GraniteForCausalLM(transformers.GraniteConfig(**GROUPED, logits_scaling=8.0))


def cohere() -> PreTrainedModel:
    return transformers.CohereForCausalLM(transformers.CohereConfig(**GROUPED, logit_scale=0.0625))


def olmo() -> PreTrainedModel:
    return transformers.OlmoForCausalLM(transformers.OlmoConfig(**GROUPED))


def opt_without_norm_weights() -> PreTrainedModel:
    config = transformers.OPTConfig(
        **SMALL, ffn_dim=128, word_embed_proj_dim=64, layer_norm_elementwise_affine=False
    )
    return transformers.OPTForCausalLM(config)


def opt_with_projected_embeddings() -> PreTrainedModel:
    config = transformers.OPTConfig(**SMALL, ffn_dim=128, word_embed_proj_dim=32)
    return transformers.OPTForCausalLM(config)


def gpt_bigcode() -> PreTrainedModel:
    return transformers.GPTBigCodeForCausalLM(transformers.GPTBigCodeConfig(**SMALL))


def gemma2() -> PreTrainedModel:
    config = transformers.Gemma2Config(**GROUPED, head_dim=8, sliding_window=WINDOW)
    return transformers.Gemma2ForCausalLM(config)


def capped_logits() -> PreTrainedModel:
    return transformers.NanoChatForCausalLM(transformers.NanoChatConfig(**GROUPED))


def gpt_neo() -> PreTrainedModel:
    config = transformers.GPTNeoConfig(
        vocab_size=4096,
        hidden_size=64,
        num_layers=3,
        num_heads=8,
        attention_types=[[["global", "local", "global"], 1]],
        window_size=WINDOW,
        max_position_embeddings=128,
    )
    return transformers.GPTNeoForCausalLM(config)


def bitnet() -> PreTrainedModel:
    return transformers.BitNetForCausalLM(transformers.BitNetConfig(**GROUPED))


def diff_llama() -> PreTrainedModel:
    return transformers.DiffLlamaForCausalLM(transformers.DiffLlamaConfig(**GROUPED))


def gated_heads() -> PreTrainedModel:
    config = transformers.AfmoeConfig(**GROUPED, head_dim=8, num_experts=4, num_dense_layers=3)
    return transformers.AfmoeForCausalLM(config)


def with_tokenizer(network: PreTrainedModel, mini: LanguageModel | PreTrainedTokenizerBase) -> LanguageModel:
    """The network with weights so large that its parts and logits are, too, and with mini's tokenizer or one."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.1 if parameter.ndim > 1 else 0.5))
    use_recording_attention(network.eval())
    tokenizer = mini.tokenizer if isinstance(mini, LanguageModel) else mini
    return LanguageModel(f"random {network.config.model_type}", "folder", network, tokenizer)
