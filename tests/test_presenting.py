"""Shown to a room, and inside another page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from streamlit.testing.v1 import AppTest

from attn_core import limits
from tests.conftest import random_trace
from tests.serving import serving
from tests.test_pages import chosen_head, dashboard, press, shown
from tests.visiting import settle

EXPLAINED = "Click a row to open that head."


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.parametrize("page", ["home", "head_grid", "head_view", "compare"])
def test_keys_go_to_the_next_and_the_previous_head_and_layer_and_round(page: str) -> None:
    app = dashboard(page, present="1", layer="0", head="11")
    for label, head in (
        ("Next head", (0, 0)),
        ("Previous head", (0, 11)),
        ("Previous layer", (11, 11)),
        ("Next layer", (0, 11)),
    ):
        app = press(app, label)
        assert not app.exception
        assert chosen_head(app) == head


def test_no_keys_but_while_somebody_presents() -> None:
    app = dashboard("head_grid")
    assert "Next head" not in labels(app)
    assert EXPLAINED in shown(app)
    presented = dashboard("head_grid", present="1")
    assert EXPLAINED not in shown(presented)
    app = press(presented, "Exit").run()
    assert "Next head" not in labels(app)
    assert EXPLAINED in shown(app)


def test_keys_go_through_the_playlist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PLAYLIST", tmp_path)
    for name in ("1.npz", "2.npz"):
        random_trace().save(tmp_path / name)
    app = dashboard("head_view", present="1", recording="1.npz")
    assert next(button for button in app.button if button.label == "Previous recording").disabled
    app = press(app, "Next recording")
    assert not app.exception
    assert (app.session_state["playlist"], app.session_state["recording_name"]) == ("2.npz", "2.npz")


def test_a_recording_that_is_not_in_the_playlist_gets_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PLAYLIST", tmp_path)
    app = dashboard(recording="../1.npz")
    assert not app.exception
    assert shown(app).count("The link's recording “../1.npz” is not in this playlist.") == 1


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as running:
        yield running.address


@pytest.mark.browser
def test_a_room_sees_larger_type_and_no_sidebar_and_arrows_go_from_head_to_head(page: Page, server: str) -> None:
    page.goto(f"{server}/head_grid?model=mini&layer=3&head=5")
    expect(page.get_by_role("heading", name="Layer 3, head 5")).to_be_visible()
    settle(page)
    label = page.get_by_text("From the word", exact=True)
    small = label.evaluate("it => parseFloat(getComputedStyle(it).fontSize)")
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_role("link", name="Compare")).to_be_visible()
    settle(page)
    assert label.evaluate("it => parseFloat(getComputedStyle(it).fontSize)") > 1.2 * small
    for key, name in (("ArrowRight", "Layer 3, head 6"), ("ArrowDown", "Layer 4, head 6")):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        settle(page)
    page.get_by_label("Prompt", exact=True).press("ArrowLeft")  # while somebody types, arrows are the text's
    settle(page)
    expect(page.get_by_role("heading", name="Layer 4, head 6")).to_be_visible()
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()


@pytest.mark.browser
def test_a_clicker_goes_from_step_to_step(page: Page, server: str) -> None:
    page.goto(f"{server}/tour?model=mini&present=1")
    title = page.get_by_role("heading", level=2).first
    expect(title).to_contain_text("1. ")
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    for key, number in (("PageDown", "2"), ("PageDown", "3"), ("PageUp", "2")):
        settle(page)
        page.keyboard.press(key)
        expect(title).to_contain_text(f"{number}. ")


@pytest.mark.browser
def test_the_link_that_is_copied_opens_the_same_elsewhere(browser: Browser, page: Page, server: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server}/head_view?model=mini&layer=3&head=5")
    page.get_by_label("Prompt", exact=True).fill("A cat in the garden slept")
    page.keyboard.press("Control+Enter")
    settle(page)
    page.get_by_role("radio", name="Matrix").click()
    expect(page).to_have_url(re.compile("view=matrix"))
    settle(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        other.goto(link)
        expect(other.get_by_label("Prompt", exact=True)).to_have_value("A cat in the garden slept")
        expect(other.get_by_label("Layer", exact=True)).to_have_value("3")
        expect(other.get_by_role("radio", name="Matrix")).to_be_checked()


@pytest.mark.browser
def test_a_frame_in_another_page_shows_the_figure_and_the_way_to_the_dashboard(page: Page, server: str) -> None:
    page.goto(f"{server}/head_view?model=mini&layer=3&head=5&embed=true")
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    settle(page)
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_count(0)
    way = page.get_by_role("link", name="Open the dashboard")
    expect(way).to_have_attribute("href", f"{server}/head_view?model=mini&layer=3&head=5")
