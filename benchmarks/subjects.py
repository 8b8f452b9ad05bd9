"""What is measured: a network of GPT-2 small's shape, texts of a given length, and attention of any size.

GPT-2's own weights are not needed: time and memory depend on the shape alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerBase

from attn_core import AttentionTrace, LanguageModel, load_model
from attn_core.charts import Figure
from attn_core.models.inspection import use_recording_attention
from attn_core.models.loading import fuse_activation

N_LAYERS = N_HEADS = 12
N_CORES = 2
WIDTH = 768


def gpt2_network(attention: str | None = None, *, fused: bool = False) -> GPT2LMHeadModel:
    """GPT-2 small with random weights, float32, in eval mode.

    Args:
        attention: the implementation it is to use, by transformers' name; its own choice if None.
        fused: compute its activation as `load_model` lets it.
    """
    torch.manual_seed(0)
    config = GPT2Config(n_embd=WIDTH, eos_token_id=None, bos_token_id=None)
    if fused:
        fuse_activation(config)
    if attention is not None:
        config._attn_implementation = attention
    network = GPT2LMHeadModel(config).eval()
    with torch.no_grad():  # queries and keys of trained size: random ones would look everywhere alike
        for block in network.transformer.h:
            block.attn.c_attn.weight[:, : 2 * config.n_embd] *= 3
    return network


def gpt2_model() -> LanguageModel:
    """The same network as `load_model` would make it ready, with the bundled tokenizer."""
    network = gpt2_network(fused=True)
    use_recording_attention(network)
    return LanguageModel("gpt2 shape", "folder", network, tokenizer())


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    """The bundled model's."""
    return load_model("mini").tokenizer


@contextmanager
def model_folder() -> Iterator[Path]:
    """A folder with a network of GPT-2 small's shape, as a visitor may name one."""
    with TemporaryDirectory() as folder:
        gpt2_network().save_pretrained(folder)
        tokenizer().save_pretrained(folder)
        yield Path(folder)


@contextmanager
def empty_app() -> Iterator[Path]:
    """A Streamlit app of a title."""
    with TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text("import streamlit as st\n\nst.title('Empty')\n")
        yield script


def token_ids(n_tokens: int) -> list[int]:
    """So many token ids that the bundled tokenizer knows, drawn at random."""
    return np.random.default_rng(n_tokens).integers(1, 3000, n_tokens).tolist()


def random_trace(n_tokens: int) -> AttentionTrace:
    """Attention of 144 heads that differs from query to query and head to head.

    Each row is a softmax of random scores. Real attention is more even and packs better, so sizes made of this
    are upper bounds.
    """
    random = np.random.default_rng(n_tokens)
    attention = np.zeros((N_LAYERS, N_HEADS, n_tokens, n_tokens), dtype=np.float16)
    future = np.triu(np.ones((n_tokens, n_tokens), dtype=bool), 1)
    for layer in range(N_LAYERS):
        scores = 2.5 * random.standard_normal((N_HEADS, n_tokens, n_tokens), dtype=np.float32)
        weights = np.where(future, 0, np.exp(scores))
        attention[layer] = weights / weights.sum(axis=-1, keepdims=True)
    words = tuple(f" word{i}" if i else "word0" for i in range(n_tokens))
    return AttentionTrace(words, attention, model="random", text="".join(words))


@cache
def single_tokens() -> tuple[str, ...]:
    """The words that the bundled tokenizer makes one token of, each with the space before it."""
    words = sorted(token.replace("Ġ", " ") for token in tokenizer().get_vocab() if token[0] == "Ġ")
    return tuple(word for word in words if word[1:].isalpha() and len(tokenizer()(word)["input_ids"]) == 1)


def prompt(n_tokens: int, seed: int) -> str:
    """A prompt of so many tokens; another one for each seed."""
    words = np.random.default_rng(seed).choice(single_tokens(), n_tokens - 1)
    return "The" + "".join(words)


def as_sent(figure: Figure) -> str:
    """A chart's Vega-Lite with its data, as a browser gets it."""
    return json.dumps(figure.to_dict())
