from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import app_test

import attn_core
from attn_core import AttentionTrace
from tests.browser import find_browser
from tests.visiting import WAIT

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


class PagesByTheDashboard(PagesManager):
    """Runs every page by way of dashboard.py, as a server does from its second visit on.

    AppTest takes each run for a server's first, which would run a file of pages/ by itself.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        PagesManager.uses_pages_directory = False


@pytest.fixture(scope="session", autouse=True)
def _pages_by_the_dashboard() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_test, "PagesManager", PagesByTheDashboard)
        yield


@pytest.fixture(scope="session", autouse=True)
def _packages_searched_once() -> Iterator[None]:
    """Every new AppTest looks through all installed packages for components, which takes longer than a page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests)
        )
        yield


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a laptop's size."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    yield context.new_page()
    context.close()


def random_trace(n_layers: int = 2, n_heads: int = 3, n_tokens: int = 5, seed: int = 0) -> AttentionTrace:
    """A valid trace with random attention and words for tokens."""
    weights = np.tril(np.random.default_rng(seed).random((n_layers, n_heads, n_tokens, n_tokens)) + 0.01)
    weights /= weights.sum(axis=-1, keepdims=True)
    words = tuple(f" w{i}" if i else "w0" for i in range(n_tokens))
    return AttentionTrace(words, weights.astype(np.float16), model="random", text="".join(words))
