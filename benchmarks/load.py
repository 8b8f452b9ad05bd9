"""Many visitors at once: real browser sessions that type, click, write and compare against one server."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from benchmarks.browsing import FLAGS
from benchmarks.processes import cpu_seconds_of, memory_of
from tests.browser import find_browser
from tests.serving import Server

N_HEADS = N_LAYERS = 12
NEW_TOKENS = 20
ARRIVALS = 2.0
"""Seconds between one visitor and the next."""
PATIENCE = 10_000  # milliseconds after which somebody clicks again if nothing begins to happen
LONGEST_WAIT = 120_000  # milliseconds; whoever waits longer has found a fault

# Counts the runs of the page's script that have ended.
_COUNTING = """
window.ended = window.changed = window.repeated = 0;
addEventListener('DOMContentLoaded', () => new MutationObserver(changes => {
  for (const { target, oldValue } of changes)
    if (target.dataset.testScriptState === 'notRunning' && oldValue !== 'notRunning') window.ended++;
  window.changed = performance.now();
}).observe(document, {
  attributes: true, attributeFilter: ['data-test-script-state'], attributeOldValue: true, subtree: true
}));
window.quiet = () => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning';
"""
_EVERYTHING = """
[document.body.innerText, ...[...document.querySelectorAll('textarea, input')].map(box => box.value),
 ...[...document.querySelectorAll('[aria-label], [title]')].map(it => it.ariaLabel + it.title)].join('\\n')
"""


@dataclass
class Found:
    """What a run under load found.

    Attributes:
        seconds: of each deed, how long each visitor waited for it.
        faults: what went wrong, a sentence each.
        megabytes: resident memory of the server, about once a second.
        repeated: clicks that had to be made again, because nothing came of them.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    repeated: int = 0

    def percentile(self, deed: str, percent: float) -> float:
        """Seconds that so many percent of the visitors waited at most."""
        waits = sorted(self.seconds[deed])
        return waits[min(len(waits) - 1, int(len(waits) * percent / 100))]


def load(server: Server, model: str, *, n_sessions: int, seconds: float) -> Found:
    """Let so many visitors use a server for so long, each in a browser session of its own."""
    return asyncio.run(_load(server, model, n_sessions, seconds))


def load_behind(address: str, process: int, model: str, n_sessions: int, seconds: float) -> dict[str, Any]:
    """`load` in a process of its own, whose browsers compute when the server has nothing to do.

    Visitors bring machines of their own; here their browsers share the server's cores, and take most of them.
    """
    os.nice(10)
    return asdict(load(Server(address, process), model, n_sessions=n_sessions, seconds=seconds))


async def _load(server: Server, model: str, n_sessions: int, seconds: float) -> Found:
    found = Found()
    async with _browsing() as browser:
        watching = asyncio.create_task(_watch_memory(server, found))
        visitors = [_Visitor(number, browser, server, model, found) for number in range(n_sessions)]
        await asyncio.gather(*(visitor.stay(seconds) for visitor in visitors))
        watching.cancel()
    return found


async def _watch_memory(server: Server, found: Found) -> None:
    while True:
        found.megabytes.append(memory_of(server.pid)["now"])
        await asyncio.sleep(1)


@asynccontextmanager
async def _browsing() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def _visiting(browser: Browser, address: str) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(LONGEST_WAIT)
    await context.add_init_script(_COUNTING)
    page = await context.new_page()
    await page.goto(address)
    await _quiet(page, 0)
    yield page
    await context.close()


async def _quiet(page: Page, ended: int) -> None:
    """Wait until a further run has ended and nothing more comes."""
    await page.wait_for_function(f"window.ended > {ended} && quiet()")


async def _at_rest(page: Page) -> None:
    """Wait until nothing has come for a while, as somebody does who looks before clicking."""
    await page.wait_for_function("quiet() && performance.now() - window.changed > 500")


async def _after(page: Page, deed: Callable[[], Awaitable[object]]) -> None:
    """Do something and wait for what comes of it; if nothing begins to come, do it once more, and count that."""
    ended = await page.evaluate("window.ended")
    await deed()
    try:
        await page.wait_for_function(f"window.ended > {ended} || !quiet()", timeout=PATIENCE)
    except PlaywrightTimeoutError:
        await page.evaluate("window.repeated++")
        await deed()
    await _quiet(page, ended)


async def _go(page: Page, name: str) -> None:
    link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)
    await _after(page, link.click)
    await page.get_by_role("heading", level=1, name=name).wait_for()
    await _at_rest(page)


async def _type(page: Page, label: str, text: str) -> None:
    box = page.get_by_label(label, exact=True)
    await box.fill(text)
    await _after(page, lambda: box.press("Control+Enter"))


async def _click_head(page: Page, layer: int, head: int) -> None:
    square = page.locator("[data-testid=stVegaLiteChart] svg image").nth(layer * N_HEADS + head)
    await square.scroll_into_view_if_needed()
    await _after(page, lambda: square.click(force=True))


class _Visitor:
    """One with words of their own and a head of their own switched off, who looks out for the words of others."""

    def __init__(self, number: int, browser: Browser, server: Server, model: str, found: Found) -> None:
        self._number = number
        self._word, self._off = f"Zq{number}xv", f"{number % N_LAYERS}.{(number * 5) % N_HEADS}"
        self._browser, self._found, self._random = browser, found, Random(number)
        query = {"model": model, "prompt": self._sentence(0), "prompt_a": self._sentence(1), "off": self._off}
        self._address = f"{server.address}/head_grid?{urlencode(query)}"
        self._n_sentences = 2

    def _sentence(self, number: int) -> str:
        return f"The {self._word} on ship {number} ran"

    async def stay(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        deeds = {
            "type a prompt": self._type_a_prompt,
            "click on a head": self._click_a_head,
            f"write {NEW_TOKENS} tokens": self._write,
            "compare two prompts": self._compare,
        }
        try:
            await asyncio.sleep(ARRIVALS * self._number)
            async with _visiting(self._browser, self._address) as page:
                while time.monotonic() < end:
                    name = self._random.choice(list(deeds))
                    await _at_rest(page)
                    waited = await deeds[name](page)
                    self._found.seconds.setdefault(name, []).append(waited)
                    await self._look_around(page, name)
                    await page.wait_for_timeout(self._random.uniform(300, 2000))  # to read
                self._found.repeated += await page.evaluate("window.repeated")
        except Exception as error:  # whatever a browser or a server under load comes up with is a finding
            self._found.faults.append(f"{self._word}: {type(error).__name__}: {str(error)[:300]}")

    async def _type_a_prompt(self, page: Page) -> float:
        await self._be_on(page, "Head grid")
        self._n_sentences += 1
        return await _timed(_type(page, "Prompt", self._sentence(self._n_sentences)))

    async def _click_a_head(self, page: Page) -> float:
        await self._be_on(page, "Head grid")
        layer, head = self._random.randrange(N_LAYERS), self._random.randrange(N_HEADS)
        if await page.get_by_role("heading", name=f"Layer {layer}, head {head}", exact=True).count():
            head = (head + 1) % N_HEADS
        waited = await _timed(_click_head(page, layer, head))
        await page.get_by_role("heading", name=f"Layer {layer}, head {head}", exact=True).wait_for()
        return waited

    async def _write(self, page: Page) -> float:
        await self._be_on(page, "Generate")
        button = page.get_by_role("button", name="Generate", exact=True)
        waited = await _timed(_after(page, button.click))
        await page.get_by_text("new tokens by").wait_for()
        return waited

    async def _compare(self, page: Page) -> float:
        await self._be_on(page, "Compare")
        self._n_sentences += 1
        return await _timed(_type(page, "Prompt A", self._sentence(self._n_sentences)))

    async def _be_on(self, page: Page, name: str) -> None:
        if not await page.get_by_role("heading", level=1, name=name).count():
            await _go(page, name)

    async def _look_around(self, page: Page, deed: str) -> None:
        seen = await page.evaluate(_EVERYTHING)
        others = {word for word in re.findall(r"Zq\d+xv", seen) if word != self._word}
        if others or self._word not in seen:
            self._found.faults.append(f"{self._word} saw {sorted(others)} after: {deed}")
        if parse_qs(urlsplit(page.url).query).get("off") != [self._off]:
            self._found.faults.append(f"{self._word} lost the head that was off after: {deed}")
        if await page.locator("[data-testid=stException], [data-testid=stAlertContentError]").count():
            self._found.faults.append(f"{self._word} saw an error after: {deed}")


async def _timed(deed: Awaitable[object]) -> float:
    start = time.monotonic()
    await deed
    return time.monotonic() - start


def beside_a_long_text(server: Server, model: str, prompt: str) -> Found:
    """One visitor lets the longest text be written, another types and clicks meanwhile."""
    return asyncio.run(_beside_a_long_text(server, model, prompt))


async def _beside_a_long_text(server: Server, model: str, prompt: str) -> Found:
    found = Found(seconds={"type a prompt": [], "click on a head": []})
    own = urlencode({"model": model})
    async with (
        _browsing() as browser,
        _visiting(browser, f"{server.address}/head_grid?{own}") as other,
        _visiting(browser, f"{server.address}/generate?{own}") as writer,
    ):
        await _begin_a_long_text(writer, prompt)
        stop = writer.get_by_role("button", name="Stop", exact=True)
        turn = 0
        while await stop.count():
            turn += 1
            found.seconds["type a prompt"].append(await _timed(_type(other, "Prompt", f"The dog {turn} ran off")))
            found.seconds["click on a head"].append(await _timed(_click_head(other, turn % 12, 5 * turn % 12)))
    return found


async def _begin_a_long_text(page: Page, prompt: str) -> None:
    await _type(page, "Prompt", prompt)
    box = page.get_by_label("New tokens", exact=True)
    await box.fill("256")
    await _after(page, lambda: box.press("Enter"))
    await page.get_by_role("button", name="Generate", exact=True).click()
    await page.get_by_text(re.compile(r"\d+ of up to 256 tokens")).wait_for()


def until_a_closed_tab_is_quiet(server: Server, model: str) -> float:
    """Seconds from closing a tab in which text is written until the server computes no more."""
    return asyncio.run(_until_a_closed_tab_is_quiet(server, model))


async def _until_a_closed_tab_is_quiet(server: Server, model: str) -> float:
    async with _browsing() as browser:
        async with _visiting(browser, f"{server.address}/generate?{urlencode({'model': model})}") as page:
            await _begin_a_long_text(page, "The cat in the house slept")
        start = time.monotonic()
        while True:
            before, used = time.monotonic(), cpu_seconds_of(server.pid)
            await asyncio.sleep(0.3)
            if cpu_seconds_of(server.pid) - used < 0.05:
                return before - start
            if before - start > 60:
                raise RuntimeError("the server still computes a minute after the tab was closed")
