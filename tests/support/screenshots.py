"""The pictures of the documents, taken of the running dashboard.

`python -m tests.support.screenshots [FOLDER] [NAME …]`
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from attn_core import capture, head_scores, load_model
from attn_core.analysis import examples
from attn_core.charts.style import Theme
from benchmarks.browsing import browsing
from tests.support.film import Film
from tests.support.serving import ROOT, serving

FOLDER = ROOT / "docs" / "images"
WINDOW: ViewportSize = {"width": 1280, "height": 720}
PROJECTOR: ViewportSize = {"width": 1920, "height": 1080}
PHONE: ViewportSize = {"width": 400, "height": 820}
WAIT = 180_000  # milliseconds, also on a machine that does much else
SCALE = 1.5  # pixels of a picture for one of the page
LIST = next(prompt for prompt in examples.PROMPTS if prompt.startswith("At the store"))
MOVING = "son_or_colleague.webp"
SHIFTED = (7, 11)  # the head of mini that shifts most between the article's son and colleague
PREVIOUS = (1, 0)  # the head of mini that attends to the previous token

# What is below the first screen would be cut at the lower edge, and a tooltip would cover what was clicked.
FIRST_SCREEN_ALONE = """
#vg-tooltip-element { display: none; }
:has(> .st-key-first_screen) ~ * { visibility: hidden; }
@media (max-width: 640px) { .st-key-panel_grid [data-testid=stVegaLiteChart] { visibility: hidden; } }
"""

_STILL_FRAMES = 12
# Resolves once nothing of the page has changed for some frames: no chart is half drawn, no line fades.
_STANDS_STILL = """async frames => {
  const text = () => document.querySelector('[data-testid=stApp]').innerHTML;
  let before = text(), same = 0;
  while (same < frames) {
    await new Promise(requestAnimationFrame);
    const now = text();
    same = now === before ? same + 1 : 0;
    before = now;
  }
  await document.fonts.ready;
}"""


@dataclass(frozen=True)
class Picture:
    """The first screen of a page.

    Attributes:
        path: of the page.
        figures: how many are drawn there.
        prepare: does what a visitor would do there before the picture is taken.
        link: what the page's address says besides the model.
        themes: in which it is taken; with several, each file's name ends with its theme.
        window: its size.
        scale: pixels of the picture for one of the page.
    """

    path: str
    figures: int
    prepare: Callable[[Page], None] | None = None
    link: dict[str, str] = field(default_factory=dict)
    themes: tuple[Theme, ...] = ("light",)
    window: ViewportSize = field(default_factory=WINDOW.copy)
    scale: float = SCALE

    def file(self, name: str, theme: Theme) -> str:
        """Return the name of the file."""
        return f"{name}-{theme}.png" if len(self.themes) > 1 else f"{name}.png"


def _choose_list_head(page: Page) -> None:
    """Choose the head that does most with a list, and its last comma."""
    trace = capture(load_model("mini"), LIST)
    best = head_scores(trace).nlargest(1, "list_items").iloc[0]
    query = trace.n_tokens - 1
    page.goto(f"{page.url}&layer={best['layer']}&head={best['head']}&query={query}")
    expect(page.locator(".st-key-panel_lines h2")).to_contain_text(f"L{best['layer']}H{best['head']}")


PICTURES = {
    "home": Picture("", 3, link={"prompt": examples.OPENING}),
    "tour": Picture("tour", 2, link={"step": "3"}),
    "generate": Picture("generate", 3, link={"prompt": examples.SON}),
    "grid": Picture("head_grid", 2, _choose_list_head, {"prompt": LIST}, themes=("light", "dark")),
    "view": Picture("head_view", 1),
    "compare": Picture("compare", 3),
    "names": Picture("names", 1),
    "presenting": Picture("tour", 2, link={"step": "5", "present": "1"}, window=PROJECTOR, scale=1),
    "phone": Picture("", 3, link={"prompt": examples.OPENING}, window=PHONE, scale=2),
}


def take(page: Page, address: str, picture: Picture) -> bytes:
    """Return one picture as a PNG of few colors."""
    page.goto(f"{address}/{picture.path}?{urlencode({'model': 'mini'} | picture.link)}")
    settle(page, picture.figures)
    if picture.prepare is not None:
        picture.prepare(page)
        settle(page, picture.figures)
    return _small(page.screenshot(animations="disabled", style=FIRST_SCREEN_ALONE))


def settle(page: Page, figures: int) -> None:
    """Wait until the script has ended, so many figures are drawn on the first screen, and nothing moves any more."""
    size = page.viewport_size
    assert size is not None
    page.mouse.move(1, size["height"] - 1)  # nothing there answers the pointer
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    for unfinished in ("[data-testid=stSkeleton]", "[data-testid=stSpinner]", "[data-stale=true]"):
        expect(page.locator(unfinished)).to_have_count(0)
    expect(page.locator(".st-key-first_screen [data-testid=stVegaLiteChart] svg")).to_have_count(figures)
    page.evaluate(_STANDS_STILL, _STILL_FRAMES)


@contextmanager
def _visiting(browser: Browser, theme: Theme, window: ViewportSize, scale: float) -> Iterator[Page]:
    context = browser.new_context(
        viewport=window, device_scale_factor=scale, color_scheme=theme, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    yield context.new_page()
    context.close()


def _small(png: bytes) -> bytes:
    """Return the picture with a palette; the usual way to choose one would turn the small green marks blue."""
    buffer = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    few.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def film_son_or_colleague(page: Page, address: str) -> bytes:
    """Return the moving picture: a sentence is typed, a head is clicked, and two prompts are compared."""
    page.goto(f"{address}/?model=mini")
    settle(page, 3)
    film = Film(page, style=FIRST_SCREEN_ALONE)
    film.hold(1000)

    prompt = page.get_by_label("Prompt", exact=True)
    film.click(prompt, at=(0.3, 0.5))
    prompt.fill("")
    words = examples.SON.split(" ")
    for number in range(1, len(words) + 1):
        prompt.fill(" ".join(words[:number]))
        film.shoot()
        film.hold(150)
    film.hold(450)
    prompt.press("Enter")
    expect(page.locator(".st-key-panel_lines h2")).to_contain_text("James")
    settle(page, 3)
    film.shoot(fade=True)
    film.hold(1700)

    film.click(_square(page, "grid", PREVIOUS))
    expect(page.locator(".st-key-panel_lines h2")).to_contain_text("L1H0")
    settle(page, 3)
    film.shoot(fade=True)
    film.hold(1700)

    film.click(page.get_by_role("link", name="Compare"))
    expect(page.locator(".st-key-panel_B h2")).to_contain_text("L1H0")
    settle(page, 3)
    film.shoot(fade=True)
    film.hold(1500)
    film.click(_square(page, "map", SHIFTED))
    expect(page.locator(".st-key-panel_B h2")).to_contain_text("L7H11")
    settle(page, 3)
    film.shoot(fade=True)
    film.hold(4000)
    return film.webp()


def _square(page: Page, panel: str, head: tuple[int, int]) -> Locator:
    """Return the square of a head: the figure has one for each, in the order of layers and heads."""
    marks = "image" if panel == "grid" else ".mark-rect.role-mark path"
    squares = page.locator(f".st-key-panel_{panel} [data-testid=stVegaLiteChart]").locator(marks)
    return squares.nth(head[0] * load_model("mini").n_heads + head[1])


def main(folder: str | Path = FOLDER, *names: str) -> None:
    """Take the pictures with these names into the folder; all of them if there are no names."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server, browsing() as browser:
        if not names or Path(MOVING).stem in names:
            with _visiting(browser, "light", WINDOW, SCALE) as page:
                _write(folder / MOVING, film_son_or_colleague(page, server.address))
        for theme in get_args(Theme):
            for name, picture in PICTURES.items():
                if theme in picture.themes and name in (names or PICTURES):
                    with _visiting(browser, theme, picture.window, picture.scale) as page:
                        _write(folder / picture.file(name, theme), take(page, server.address, picture))


def _write(file: Path, picture: bytes) -> None:
    file.write_bytes(picture)
    print(f"{file.name}: {len(picture) / 1000:,.0f} kB", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
