from __future__ import annotations

import os
from pathlib import Path

import pytest

import attn_core
from attn_core.errors import FetchError
from attn_core.models.fetching import fetch_smollm2


@pytest.fixture(scope="session")
def smollm2() -> attn_core.LanguageModel:
    """SmolLM2 from the folder that ATTN_SMOLLM2 names, or from a cache that is filled at the first use."""
    try:
        return attn_core.load_model(str(_folder()))
    except FetchError as error:
        pytest.skip(f"SmolLM2 cannot be had: {error}")


def _folder() -> Path:
    named = os.environ.get("ATTN_SMOLLM2")
    if named:
        return Path(named).resolve()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attn_core" / "smollm2"
    return cache if cache.is_dir() else fetch_smollm2(cache)
