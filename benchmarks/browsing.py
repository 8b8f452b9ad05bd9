"""A browser that tells when a figure was asked for, when its data came, and when it was painted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.chromium import find_browser

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WAIT = 60_000  # milliseconds

GRID = "svg_of('Grid of')?.querySelectorAll('image')[50]?.href.baseVal"
"""One of the grid's thumbnails, if it is there, as a JavaScript expression."""

LINES = "svg_of('Lines of layer')"
"""The lines of a head, if they are there."""

_WATCHING = """
window.watched = {};
for (const kind of ['click', 'keydown'])
  addEventListener(kind, () => Object.assign(watched, { asked: performance.now(), arrivals: [], bytes: 0 }), true);
Object.assign(watched, { arrivals: [], bytes: 0 });
window.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options);
    this.addEventListener('message', message => {
      watched.arrivals.push(performance.now());
      watched.bytes += message.data.byteLength ?? message.data.size ?? message.data.length;
    });
  }
};
window.svg_of = words => [...document.querySelectorAll('.figure-description')]
  .find(description => description.textContent.includes(words))
  ?.closest('[class*=st-key-panel_]').querySelector('[data-testid=stVegaLiteChart] svg');
window.frame = () => new Promise(requestAnimationFrame);
window.watch = condition => {
  delete watched.times;
  (async () => {
    while (!condition()) await frame();
    const drawn = performance.now();
    await frame();
    await frame();
    const arrived = watched.arrivals.findLast(at => at <= drawn);
    watched.times =
      { asked: watched.asked ?? 0, arrived: arrived ?? 0, painted: performance.now(), bytes: watched.bytes };
  })();
};
"""


@dataclass(frozen=True)
class Wait:
    """How long a visitor waited, in seconds, and for how much.

    Attributes:
        server: from the click, the key or the navigation to the arrival of the last message before painting.
        browser: from there until two frames after the figure stands in the page.
        megabytes: that the server sent.
    """

    server: float
    browser: float
    megabytes: float

    @property
    def whole(self) -> float:
        """Seconds from the visitor's deed to the painted figure."""
        return self.server + self.browser


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def visiting(browser: Browser, address: str | None = None) -> Iterator[Page]:
    """A visitor who was never there before; goes to the address, if there is one."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(WAIT)
    context.add_init_script(_WATCHING)
    page = context.new_page()
    if address is not None:
        page.goto(address)
    yield page
    context.close()


def arriving(page: Page, address: str, condition: str) -> Wait:
    """Open the address and wait until a JavaScript condition holds and is painted."""
    page.add_init_script(f"watch(() => {condition})")
    page.goto(address, wait_until="commit")
    return _waited(page)


def after(page: Page, deed: Callable[[], Any], condition: str) -> Wait:
    """Do something in the page and wait until a JavaScript condition holds and is painted."""
    page.evaluate(f"watch(() => {condition})")
    deed()
    return _waited(page)


def settled(page: Page) -> None:
    """Wait until the server has nothing more to say."""
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")
    page.evaluate("frame()")


def _waited(page: Page) -> Wait:
    times = page.wait_for_function("window.watched?.times").json_value()
    server = max(times["arrived"] - times["asked"], 0.0)
    return Wait(server / 1000, (times["painted"] - times["asked"]) / 1000 - server / 1000, times["bytes"] / 1e6)
