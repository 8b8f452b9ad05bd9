"""What happens to those who use the dashboard while networks fail, servers are killed and others use it, too."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from attn_core import AttentionTrace, InvalidTrace
from attn_core.mini import FOLDER
from benchmarks.load import load, until_a_closed_tab_is_quiet
from tests.support.fuzzing import NASTY
from tests.support.hub import FakeHub
from tests.support.serving import ROOT, Server, free_port, serving
from tests.support.traces import random_trace
from tests.support.visiting import figures_on, open_menu, settle

pytestmark = pytest.mark.browser

NAME = "someone/other"
PROMPT = "The cat in the house slept"
CHOICE = {"prompt": PROMPT, "layer": "3", "head": "5"}


@pytest.fixture(scope="module")
def fake_hub() -> Iterator[FakeHub]:
    """Serves mini as a model of any name."""
    fake = FakeHub(FOLDER)
    yield fake
    fake.stop()


@pytest.fixture(scope="module")
def online_server(fake_hub: FakeHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a dashboard that talks to this Hub."""
    with serving(**online(fake_hub, tmp_path_factory.mktemp("home"))) as running:
        yield running.address


def online(fake: FakeHub, home: Path) -> dict[str, Any]:
    """The environment of a server that talks to this Hub and keeps its files there."""
    return {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": fake.url, "HF_HOME": str(home)}


# --- the source of models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mood", [503, "login page", "flip"])
def test_a_fault_gives_way_to_mini_and_try_again_works_once_it_is_gone(
    page: Page, fake_hub: FakeHub, online_server: str, mood: int | str
) -> None:
    fake_hub.mood, name = mood, f"someone/{mood}".replace(" ", "-")
    page.goto(f"{online_server}/?{urlencode({'model': name} | CHOICE)}")
    chip = page.get_by_role("button", name=f"mini, not {name}")
    expect(chip).to_be_visible()
    expect(figures_on(page).first).to_be_visible()
    fake_hub.mood = "well"
    menu = open_menu(page, "model_menu")
    expect(menu).to_contain_text(f"{name} is unavailable, so you see mini")
    menu.get_by_role("button", name="Try again").click()
    expect(chip).to_have_count(0)
    expect(open_menu(page, "model_menu")).to_contain_text("from the Hugging Face Hub")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)


def test_a_slow_download_shows_how_far_it_is(page: Page, fake_hub: FakeHub, online_server: str) -> None:
    fake_hub.mood = "slow"
    page.goto(f"{online_server}/?{urlencode({'model': NAME})}")
    expect(page.get_by_test_id("stProgress").filter(has_text=f"Downloading {NAME} (5 MB)")).to_be_visible()
    expect(figures_on(page).first).to_be_visible()
    expect(open_menu(page, "model_menu")).to_contain_text("from the Hugging Face Hub")


# --- killed and restarted ----------------------------------------------------------------------------------------


def test_killed_while_it_downloads_the_next_start_is_clean_and_the_tab_comes_back(
    page: Page, fake_hub: FakeHub, tmp_path: Path
) -> None:
    port, environment = free_port(), online(fake_hub, tmp_path)
    fake_hub.mood = "slow"
    with serving(port=port, **environment) as running:
        page.goto(f"{running.address}/head_grid?{urlencode({'model': NAME} | CHOICE)}")
        expect(page.get_by_test_id("stProgress").filter(has_text="Downloading")).to_be_visible()
        os.kill(running.pid, signal.SIGKILL)
    assert not list(tmp_path.rglob("model.safetensors"))
    fake_hub.mood = "well"
    with serving(port=port, **environment):
        comes_back(page, "from the Hugging Face Hub")
        expect(page.get_by_role("button", name="mini, not")).to_have_count(0)


def test_killed_while_it_writes_the_tab_comes_back_to_its_prompt_and_head(page: Page, endless_model: Path) -> None:
    port = free_port()
    with serving(port=port) as running:
        page.goto(
            f"{running.address}/generate?{urlencode({'model': str(endless_model), 'new_tokens': '256'} | CHOICE)}"
        )
        page.get_by_role("button", name="Generate", exact=True).click()
        expect(page.get_by_text("of up to 256 tokens")).to_be_visible()
        os.kill(running.pid, signal.SIGKILL)
        expect(page.get_by_test_id("stApp")).not_to_have_attribute("data-test-connection-state", "CONNECTED")
    with serving(port=port) as running:
        expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-connection-state", "CONNECTED")
        expect(figures_on(page).first).to_be_visible()
        expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
        page.get_by_role("link", name="Head grid").click()
        comes_back(page, "from a local folder")


def comes_back(page: Page, model: str) -> None:
    """The page of the grid shows by itself what was chosen."""
    expect(page.get_by_role("heading", name="L3H5")).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    expect(open_menu(page, "model_menu")).to_contain_text(model)


SAVE_FOREVER = """
import sys
from tests.support.traces import random_trace
from tests.support.visiting import settle
trace = random_trace(12, 12, 128)
print("ready", flush=True)
while True:
    trace.save(sys.argv[1])
"""


def test_killed_while_it_saves_a_trace_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "trace.npz"
    for wait in (0.0, 0.05, 0.1, 0.2, 0.3, 0.4):
        command = [sys.executable, "-c", SAVE_FOREVER, str(file)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            saving.stdout.readline()
            time.sleep(wait)  # to be killed at another moment each time
            saving.kill()
        if file.exists():
            assert AttentionTrace.load(file).n_tokens == 128


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_half_a_recording_is_not_taken_for_a_whole_one(part: float) -> None:
    content = random_trace(12, 12, 32).to_bytes()
    with pytest.raises(InvalidTrace, match=r"not a complete \.npz archive"):
        AttentionTrace.load(io.BytesIO(content[: int(len(content) * part)]))


# --- many at once ------------------------------------------------------------------------------------------------


def test_visitors_at_once_see_only_their_own_and_no_errors(elsewhere: Executor, dashboard: Server) -> None:
    found = elsewhere.submit(load, dashboard, "mini", n_sessions=3, seconds=5).result()
    assert found.faults == []
    assert sum(map(len, found.seconds.values())) >= 3


def test_closing_the_tab_stops_its_text(elsewhere: Executor, dashboard: Server, slow_model: Path) -> None:
    assert elsewhere.submit(until_a_closed_tab_is_quiet, dashboard, str(slow_model)).result() < 10


# --- what visitors type and upload -------------------------------------------------------------------------------


def test_an_upload_may_be_as_large_as_allowed_and_not_a_byte_larger(
    page: Page, server: str, tmp_path: Path
) -> None:
    page.goto(f"{server}/?model=mini")
    box = open_menu(page, "session_menu").get_by_test_id("stFileUploaderDropzoneInput")
    for name, size in (("bound.npz", 10**6), ("past.npz", 10**6 + 1)):
        (tmp_path / name).write_bytes(b"x" * size)
    box.set_input_files(tmp_path / "bound.npz")
    expect(page.get_by_text("This is not a complete .npz archive")).to_be_visible()
    settle(page)
    box.set_input_files(tmp_path / "past.npz")
    expect(page.get_by_text("File must be 1.0MB or smaller")).to_be_visible()


def test_a_megabyte_that_is_pasted_is_refused_in_one_sentence_and_kept(page: Page, server: str) -> None:
    page.goto(f"{server}/?model=mini")
    box = page.get_by_label("Prompt", exact=True)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    settle(page)
    text = "dog " * 250_000
    box.fill(text)
    box.press("Control+Enter")
    expect(page.get_by_text("Shorten it")).to_be_visible()
    assert box.input_value() == text
    box.fill(PROMPT)
    box.press("Control+Enter")
    expect(page.get_by_text("Shorten it")).to_have_count(0)
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()


RENDERED = (
    "img, script, iframe, object, embed, video, audio, .katex, a[href*='x.example'], a[href^='http://x'], "
    "a[href^='mailto:'], a[href^='javascript:']"
)


@pytest.mark.parametrize("path", ["", "tour", "head_grid", "head_view", "compare", "generate"])
def test_nothing_in_a_prompt_is_rendered(
    page: Page, server: str, requested: list[str], dialogs: list[str], path: str
) -> None:
    nasty = " ".join(piece for piece in NASTY if set(piece) & set("<[`*$#:@&="))
    query = {"model": "mini", "prompt": nasty, "prompt_a": nasty, "prompt_b": nasty}
    if path == "tour":
        query = {"model": "mini", "tour_subject": nasty}
    page.goto(f"{server}/{path}?{urlencode(query)}")
    if path == "generate":
        page.get_by_role("button", name="Generate", exact=True).click()
        expect(page.get_by_text("tokens by mini")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    settle(page)
    rendered = page.get_by_test_id("stMain").locator(RENDERED)
    assert rendered.evaluate_all("all => all.map(it => it.outerHTML)") == []
    assert not dialogs
    assert not [url for url in requested if "/x" in url.removeprefix(server) and "static" not in url]
    own = (server, server.replace("http", "ws"), "data:", "blob:")
    assert [url for url in requested if not url.startswith(own)] == []
