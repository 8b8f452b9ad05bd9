from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

import attn_core
from attn_core import AttentionTrace

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


@pytest.fixture(scope="session")
def mini() -> attn_core.LanguageModel:
    return attn_core.load_model("mini")


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Path]:
    """Path of one of the recordings of the real GPT-2, by name."""
    folder = os.environ.get("ATTN_RECORDINGS")
    if not folder:
        pytest.skip("ATTN_RECORDINGS does not name a folder of recordings")

    def path(name: str) -> Path:
        return Path(folder) / f"{name}.npz"

    return path


def random_trace(n_layers: int = 2, n_heads: int = 3, n_tokens: int = 5, seed: int = 0) -> AttentionTrace:
    """A valid trace with random attention and words for tokens."""
    weights = np.tril(np.random.default_rng(seed).random((n_layers, n_heads, n_tokens, n_tokens)) + 0.01)
    weights /= weights.sum(axis=-1, keepdims=True)
    words = tuple(f" w{i}" if i else "w0" for i in range(n_tokens))
    return AttentionTrace(words, weights.astype(np.float16), model="random", text="".join(words))
