"""Overviews of heads that are not twelve by twelve, as the browser draws them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import random_trace
from tests.serving import serving
from tests.visiting import settle

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as running:
        yield running.address


@pytest.mark.parametrize(("n_layers", "n_heads", "width"), [(30, 9, 1280), (24, 16, 400), (1, 1, 1280)])
def test_thumbnails_are_square_inside_their_column_and_answer_a_click(
    page: Page, server: str, tmp_path: Path, n_layers: int, n_heads: int, width: int
) -> None:
    random_trace(n_layers, n_heads).save(tmp_path / "random.npz")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{server}/head_grid?model=mini")
    expect(page.locator(".mark-image image")).to_have_count(144)
    settle(page)
    page.locator("input[type=file]").set_input_files(tmp_path / "random.npz")
    grid = page.get_by_test_id("stVegaLiteChart").filter(has=page.locator(".mark-image"))
    expect(grid.locator(".mark-image image")).to_have_count(n_layers * n_heads)
    settle(page)
    last = grid.locator(".mark-rect.role-mark path").nth(-1)
    square, whole, column = (
        found.bounding_box()
        for found in (last, grid.locator("svg"), grid.locator("xpath=ancestor::*[@data-testid='stColumn']"))
    )
    assert square is not None
    assert whole is not None
    assert column is not None
    assert square["width"] == pytest.approx(square["height"], abs=0.5)
    assert square["y"] + square["height"] <= whole["y"] + whole["height"]
    assert column["x"] <= whole["x"]
    assert whole["x"] + whole["width"] <= column["x"] + column["width"]
    last.click(force=True)
    expect(page.get_by_role("heading", name=f"Layer {n_layers - 1}, head {n_heads - 1}")).to_be_visible()
