"""Traces and recordings that tests make."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from attn_core import AttentionTrace


def random_trace(n_layers: int = 2, n_heads: int = 3, n_tokens: int = 5, seed: int = 0) -> AttentionTrace:
    """A valid trace with random attention and words for tokens."""
    weights = np.tril(np.random.default_rng(seed).random((n_layers, n_heads, n_tokens, n_tokens)) + 0.01)
    weights /= weights.sum(axis=-1, keepdims=True)
    words = tuple(f" w{i}" if i else "w0" for i in range(n_tokens))
    return AttentionTrace(words, weights.astype(np.float16), model="random", text="".join(words))


def npz(**arrays: Any) -> io.BytesIO:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    file.seek(0)
    return file


def valid_arrays() -> dict[str, Any]:
    trace = random_trace()
    return {"tokens": np.array(trace.tokens), "attention": np.array(trace.attention)}
