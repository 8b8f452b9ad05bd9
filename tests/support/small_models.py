"""Model folders of some kilobytes, and how a model is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from attn_core import ModelUnavailable, load_model


def byte_tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def tiny_gpt2(n_layer: int = 2) -> PreTrainedModel:
    return GPT2LMHeadModel(GPT2Config(vocab_size=256, n_positions=64, n_embd=24, n_layer=n_layer, n_head=3))


def tiny_llama() -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=256,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=64,
        )
    )


def saved(network: PreTrainedModel, folder: Path, **options: str) -> Path:
    network.save_pretrained(folder, **options)
    byte_tokenizer().save_pretrained(folder)
    return folder


def save_endless_gpt2(folder: Path, *, width: int) -> Path:
    """Save a random GPT-2 that never ends its text, with mini's tokenizer."""
    config = GPT2Config(n_embd=width, n_positions=512, vocab_size=4096, eos_token_id=None, bos_token_id=None)
    GPT2LMHeadModel(config).save_pretrained(folder)
    load_model("mini").tokenizer.save_pretrained(folder)
    return folder


def refused(name: str | Path) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        load_model(str(name))
    error = caught.value
    assert error.name == str(name)
    for sentence in (error.what, str(error.remedy)):
        assert sentence.strip()
        assert sentence.endswith(".")
    assert "  " not in f"{error.what} {error.why}"
    assert str(error) == " ".join(filter(None, (error.what, error.why, str(error.remedy))))
    assert error.cause != "unavailable"
    assert len(error.cause.split()) <= 4
    assert "Traceback" not in str(error)
    return error
