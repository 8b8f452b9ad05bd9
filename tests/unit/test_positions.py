"""How many tokens a network reads: so many work, and where its positions are a table one more would not."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from attn_core.models.positions import max_tokens_of
from attn_core.trace import MAX_TOKENS

N_POSITIONS = 40
SIZES = {
    **dict.fromkeys(("vocab_size",), 64),
    **dict.fromkeys(("hidden_size", "d_model", "emb_dim", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "encoder_ffn_dim", "decoder_ffn_dim", "dff"), 32),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_decoder_layers", "num_encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_heads", "encoder_attention_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("num_decoder_attention_heads", "num_encoder_attention_heads"), 4),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), N_POSITIONS),
    **dict.fromkeys(("max_target_positions", "max_source_positions"), N_POSITIONS),
    "rotary_dim": 4,
    "d_head": 8,  # XLNet's, which has 4 heads
    "n_head": 4,
    "pad_token_id": 1,
    "attention_types": [[["global", "local"], 1]],
    "default_language": "en_XX",
}
PADDED = ("camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod")
PLAIN = (
    *("bart", "bert", "bert-generation", "big_bird", "bigbird_pegasus", "biogpt", "blenderbot", "blenderbot-small"),
    *("codegen", "ctrl", "electra", "ernie", "gpt2", "gpt_bigcode", "gpt_neo", "gptj", "marian", "mbart"),
    *("megatron-bert", "mpt", "mvp", "openai-gpt", "opt", "pegasus", "plbart", "rembert", "roc_bert", "roformer"),
    *("trocr", "whisper", "xlm"),
)


def tiny(model_type: str, **settings: object) -> PreTrainedModel:
    """A random network of this type, as small as its configuration lets it be."""
    config_class = CONFIG_MAPPING[model_type]
    known = {*vars(config_class()), *config_class.attribute_map}
    config = config_class(**{name: size for name, size in SIZES.items() if name in known} | settings)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


def reads(network: PreTrainedModel, n_tokens: int) -> bool:
    try:
        with torch.inference_mode():
            network(torch.full((1, n_tokens), 5))
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize(
    ("model_type", "n_tokens"),
    [
        *((model_type, N_POSITIONS) for model_type in PLAIN),
        *((model_type, N_POSITIONS - 2) for model_type in PADDED),
        ("prophetnet", N_POSITIONS - 3),
    ],
)
def test_so_many_tokens_are_read_and_not_one_more(model_type: str, n_tokens: int) -> None:
    network = tiny(model_type)
    assert max_tokens_of(network) == n_tokens
    assert reads(network, n_tokens)
    assert not reads(network, n_tokens + 1)


@pytest.mark.parametrize("model_type", ["llama", "xglm", "gpt_neox", "qwen2"])
def test_positions_that_are_computed_end_where_the_configuration_says(model_type: str) -> None:
    assert max_tokens_of(tiny(model_type)) == N_POSITIONS


@pytest.mark.parametrize("model_type", ["bloom", "mamba", "xlnet"])
def test_a_network_without_any_limit_reads_as_many_as_a_recording_holds(model_type: str) -> None:
    network = tiny(model_type)
    assert max_tokens_of(network) == MAX_TOKENS
    assert reads(network, N_POSITIONS * 2)


@pytest.mark.parametrize("name", ["seq_length", "n_positions", "max_sequence_length"])
def test_a_limit_of_another_name_counts(name: str) -> None:
    assert max_tokens_of(tiny("bloom", **{name: 48})) == 48


@pytest.mark.parametrize("value", [None, 0, -1, "many", True])
def test_a_limit_that_is_no_number_of_tokens_counts_for_nothing(value: object) -> None:
    assert max_tokens_of(tiny("bloom", seq_length=value)) == MAX_TOKENS
