from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, WebSocket, expect, sync_playwright

import attn_core
from tests.support.chromium import find_browser
from tests.support.serving import Server, serving
from tests.support.small_models import save_endless_gpt2
from tests.support.visiting import RECORDING, WAIT

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SHOPPING = "At the store she bought apples, pears, plums and"


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a dashboard without the Hub, with a playlist, that takes files up to a megabyte; it logs no traceback."""
    playlist = os.environ.get("ATTN_RECORDINGS")
    if not playlist:
        folder = tmp_path_factory.mktemp("playlist")
        attn_core.capture(attn_core.load_model("mini"), SHOPPING).save(folder / RECORDING)
        playlist = str(folder)
    log = tmp_path_factory.mktemp("log") / "log"
    with serving(log=log, ATTN_PLAYLIST=playlist, STREAMLIT_SERVER_MAX_UPLOAD_SIZE="1") as running:
        yield running
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def server(dashboard: Server) -> str:
    """Return the address of the dashboard."""
    return dashboard.address


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small random model that never ends its text."""
    return save_endless_gpt2(tmp_path_factory.mktemp("endless_model"), width=96)


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a random model of GPT-2 small's width that never ends its text."""
    return save_endless_gpt2(tmp_path_factory.mktemp("slow_model"), width=768)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        expect.set_options(timeout=WAIT)
        yield running
        running.close()


@pytest.fixture(scope="session")
def tab(browser: Browser) -> Page:
    """Return the tab of all tests; another one, which has compiled nothing yet, needs twice the time for a page."""
    tab = browser.new_context().new_page()
    tab.set_default_timeout(WAIT)
    return tab


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """Return an empty page of a laptop's size."""
    tab.set_viewport_size({"width": 1280, "height": 1000})
    tab.emulate_media(color_scheme="light", reduced_motion="no-preference")
    yield tab
    tab.context.clear_cookies()
    tab.context.clear_permissions()
    tab.evaluate("location.protocol.startsWith('http') && [localStorage, sessionStorage].forEach(it => it.clear())")
    tab.goto("about:blank")
    tab.mouse.move(-1, -1)


@pytest.fixture
def requested(page: Page) -> Iterator[list[str]]:
    """Return the addresses that the page has asked for so far."""
    addresses: list[str] = []

    def note(it: Request | WebSocket) -> None:
        addresses.append(it.url)

    for event in ("request", "websocket"):
        page.on(event, note)
    yield addresses
    for event in ("request", "websocket"):
        page.remove_listener(event, note)


@pytest.fixture
def dialogs(page: Page) -> Iterator[list[str]]:
    """Return what the page has said in dialogs, each closed at once."""
    messages: list[str] = []

    def close(dialog: Dialog) -> None:
        messages.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", close)
    yield messages
    page.remove_listener("dialog", close)


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Executor]:
    """Return a thread for what has an event loop or a browser of its own."""
    with ThreadPoolExecutor(1) as thread:
        yield thread
