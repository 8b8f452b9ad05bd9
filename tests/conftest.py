from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

import attn_core
from attn_core.server.settings import get_settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Compute with one thread, since another process of tests has the other core."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _settings_of_the_environment() -> Iterator[None]:
    """Read the settings again after a test that changed the environment."""
    yield
    get_settings.cache_clear()


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
