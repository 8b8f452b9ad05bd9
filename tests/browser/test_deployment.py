"""The dashboard as those start it who put it online."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from attn_core import AttentionTrace
from tests.support.serving import ROOT, serving
from tests.support.traces import random_trace
from tests.support.visiting import open_menu, settle

pytestmark = pytest.mark.browser


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with the files that the image gets, and no others."""
    folder = tmp_path / "image"
    folder.mkdir()
    for name in re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE):
        if (ROOT / name).exists():  # a folder of recordings is optional
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, folder / name)
    return folder


def check_health(address: str) -> int:
    """The exit status of the image's own health check, in a shell as Docker runs it."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    command = re.findall(r"^HEALTHCHECK .*?CMD (.*)$", dockerfile, re.MULTILINE)[0]
    place = urlsplit(address)
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {"PATH": here, "STREAMLIT_SERVER_PORT": str(place.port)}
    if place.path:
        environment["STREAMLIT_SERVER_BASE_URL_PATH"] = place.path.strip("/")
    return subprocess.run(command, shell=True, env=os.environ | environment, capture_output=True).returncode


def test_under_a_path_links_pages_uploads_and_downloads_work_from_the_first_visit_on(
    page: Page, requested: list[str], tmp_path: Path
) -> None:
    random_trace(n_layers=3, n_heads=7, n_tokens=6).save(tmp_path / "random.npz")
    with serving(STREAMLIT_SERVER_BASE_URL_PATH="gpt2") as server:
        page.goto(f"{server.address}/head_grid?model=mini&prompt=The+cat+slept&layer=3&head=5")
        expect(page.get_by_role("heading", name="L3H5 ·")).to_be_visible()
        settle(page)
        page.get_by_role("link", name="Home").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("How GPT-2")
        page.get_by_role("link", name="Head view").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("What does L3H5 do?")
        expect(page).to_have_url(
            re.compile(f"^{server.address}/head_view.*prompt=The\\+cat\\+slept&layer=3&head=5")
        )
        page.reload()
        expect(page.get_by_label("Layer", exact=True)).to_have_value("3")
        settle(page)
        with page.expect_download() as download:
            open_menu(page, "session_menu").get_by_role("button", name="Save recording").click()
        assert AttentionTrace.load(download.value.path()).text == "The cat slept"
        page.locator("input[type=file]").set_input_files(tmp_path / "random.npz")
        expect(page.get_by_text("3 × 7 heads").first).to_be_visible()
        settle(page)
        assert [url for url in requested if urlsplit(url).scheme in ("http", "ws") and "/gpt2/" not in url] == []
        assert check_health(server.address) == 0
        assert check_health(server.address.removesuffix("/gpt2")) != 0


def test_the_image_has_all_that_the_dashboard_needs_and_secrets_are_its_limits(page: Page, image: Path) -> None:
    (image / ".streamlit" / "secrets.toml").write_text('ATTN_MODELS = "some-model"\nATTN_MAX_PROMPT_TOKENS = 9\n')
    with serving(folder=image) as server:
        assert check_health(server.address) == 0
        page.goto(f"{server.address}/head_grid")
        expect(page.get_by_role("button", name="mini, not some-model")).to_be_visible()
        expect(page.locator(".mark-image image")).to_have_count(144)
        settle(page)
        page.get_by_label("Prompt", exact=True).fill("One of the very many words in a long text " * 3)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text("this dashboard allows 9")).to_be_visible()
