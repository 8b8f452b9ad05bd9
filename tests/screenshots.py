"""The pictures of the documents, taken of the running dashboard: `python -m tests.screenshots [FOLDER]`."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Locator, Page, ViewportSize, expect

from attn_core import capture, examples, head_scores, load_model
from attn_core.charts.style import Theme
from benchmarks.browsing import WAIT, browsing
from tests.serving import ROOT, serving

FOLDER = ROOT / "docs" / "images"
WINDOW: ViewportSize = {"width": 1480, "height": 2600}  # so tall that nothing scrolls
SCALE = 1.5  # pixels of a picture for one of the page
MARGIN = 14  # pixels of the page around what is shown
LIST = next(prompt for prompt in examples.PROMPTS if prompt.startswith("At the store"))

Parts = Sequence[Locator]
"""What is to be seen: the picture reaches from the top of the highest to the bottom of the lowest."""


@dataclass(frozen=True)
class Picture:
    """One picture of a page.

    Attributes:
        path: of the page.
        compose: does what a visitor would do there and says what is to be seen.
        link: what the page's address says besides the model.
        themes: in which it is taken; with several, each file's name ends with its theme.
    """

    path: str
    compose: Callable[[Page], Parts]
    link: dict[str, str] = field(default_factory=dict)
    themes: tuple[Theme, ...] = ("light",)

    def file(self, name: str, theme: Theme) -> str:
        """The name of the file."""
        return f"{name}-{theme}.png" if len(self.themes) > 1 else f"{name}.png"


def _grid(page: Page) -> Parts:
    trace = capture(load_model("mini"), LIST)
    best = head_scores(trace).nlargest(1, "list_items").iloc[0]
    page.goto(f"{page.url}&layer={best['layer']}&head={best['head']}")
    grid, lines = _figures(page, 2)
    last = f"({trace.n_tokens - 1})"
    page.get_by_role("combobox", name="From the word").fill(last)
    page.get_by_role("option", name=last).click()
    bright = lines.locator("text[text-anchor=end][opacity='1']")
    expect(bright).not_to_have_count(trace.n_tokens)  # the other words fade
    saving = page.get_by_role("button", name="Save or read as a table").all()
    return [page.get_by_text("Find heads"), page.get_by_text("heads find nothing here"), grid, lines, *saving]


def _lines(page: Page) -> Parts:
    (figure,) = _figures(page, 1)
    figure.get_by_text("ran", exact=True).last.click(force=True)
    expect(page.get_by_test_id("stMultiSelect").first).to_contain_text("ran")
    return [page.get_by_text("Layer", exact=True), *page.get_by_test_id("stMultiSelect").all(), figure]


def _generated(page: Page) -> None:
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_text("new tokens by mini")).to_be_visible()


def _written(page: Page) -> Parts:
    _generated(page)
    row = page.get_by_role("group", name="generated text")
    return [row, *_figures(page, 4)[:2], page.get_by_text("The best next word, read off")]


def _heads_of_a_word(page: Page) -> Parts:
    _generated(page)
    heads = page.get_by_test_id("stRadioGroup")
    shown = [heads, page.get_by_text("Hardest against it"), page.get_by_text("its logit.")]
    return [page.get_by_role("heading", name="Which heads made"), _figures(page, 4)[2], *shown]


def _comparison(page: Page) -> Parts:
    return [*page.locator("mark").all(), _figures(page, 4)[0], page.get_by_test_id("stRadioGroup")]


def _compared_lines(page: Page) -> Parts:
    return [page.get_by_role("heading", name="A: layer"), *_figures(page, 4)[1:3]]


def _step(page: Page) -> Parts:
    return [page.get_by_role("heading", level=2), page.get_by_label("Try your own sentence"), *_figures(page, 2)]


def _names(page: Page) -> Parts:
    page.get_by_role("button", name="Ask with every name").click()
    return _figures(page, 1)


PICTURES = {
    "grid": Picture("head_grid", _grid, {"prompt": LIST}, themes=("light", "dark")),
    "lines": Picture("head_view", _lines),
    "written": Picture("generate", _written, {"prompt": examples.SON}),
    "heads_of_a_word": Picture("generate", _heads_of_a_word, {"prompt": examples.SON}),
    "comparison": Picture("compare", _comparison),
    "compared_lines": Picture("compare", _compared_lines),
    "tour": Picture("tour", _step, {"step": "3"}),
    "names": Picture("names", _names),
}


def take(page: Page, address: str, picture: Picture) -> bytes:
    """One picture as a PNG of few colours."""
    page.goto(f"{address}/{picture.path}?{urlencode({'model': 'mini'} | picture.link)}")
    _settle(page)
    parts = picture.compose(page)
    _settle(page)
    for part in parts:
        expect(part).to_be_visible()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(), document.fonts.ready")
    return _small(page.screenshot(clip=_around(page, parts), animations="disabled"))


@contextmanager
def _visiting(browser: Browser, theme: Theme) -> Iterator[Page]:
    context = browser.new_context(viewport=WINDOW, device_scale_factor=SCALE, color_scheme=theme)
    context.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    yield context.new_page()
    context.close()


def _figures(page: Page, number: int) -> list[Locator]:
    """The page's figures, once all of them are drawn."""
    figures = page.get_by_test_id("stVegaLiteChart")
    expect(figures.locator("svg")).to_have_count(number)
    return figures.all()


def _settle(page: Page) -> None:
    """Wait until the server has nothing more to say."""
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()


def _around(page: Page, parts: Sequence[Locator]) -> FloatRect:
    """The part of the page that holds all of these, with no button cut in two at its lower edge."""
    boxes = [_box(part) for part in parts]
    left, top = (min(box[side] for box in boxes) - MARGIN for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    for button in map(_box, page.get_by_test_id("stPopover").all()):
        if button["y"] < bottom < button["y"] + button["height"] + MARGIN:
            bottom = button["y"] + button["height"] + MARGIN
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}


def _box(part: Locator) -> FloatRect:
    box = part.bounding_box()
    assert box is not None, f"{part} is not to be seen"
    return box


def _small(png: bytes) -> bytes:
    """The picture with a palette; the usual way to choose one would turn the small green marks blue."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main(folder: Path = FOLDER) -> None:
    """Take all pictures into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server, browsing() as browser:
        for theme in get_args(Theme):
            with _visiting(browser, theme) as page:
                for name, picture in PICTURES.items():
                    if theme in picture.themes:
                        file = folder / picture.file(name, theme)
                        file.write_bytes(take(page, server.address, picture))
                        print(f"{file.name}: {file.stat().st_size / 1000:,.0f} kB", flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
