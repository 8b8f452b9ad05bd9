"""Many visitors at once: real browser sessions that type, click, write and compare against one server."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.async_api import Browser, Locator, Page, WebSocket, async_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.browsing import FLAGS
from benchmarks.processes import cpu_seconds_of
from benchmarks.waiting import Found, watch_memory
from tests.support.chromium import find_browser
from tests.support.serving import Server
from tests.support.visiting import NAMES, QUESTIONS

N_HEADS = N_LAYERS = 12
NEW_TOKENS = 20
ARRIVALS = 2.0
"""Seconds between one visitor and the next."""
PATIENCE = 10_000  # milliseconds after which somebody clicks again if nothing begins to happen
LONGEST_WAIT = 120_000  # milliseconds; whoever waits longer has found a fault

_REST = 0.5  # seconds in which nothing comes before a visitor does the next thing

_DRAWN = """
new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn))).then(
  () => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning')
"""
_EVERYTHING = """
[document.body.innerText, ...[...document.querySelectorAll('textarea, input')].map(box => box.value),
 ...[...document.querySelectorAll('[aria-label], [title]')].map(it => it.ariaLabel + it.title)].join('\\n')
"""


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
        watching = asyncio.create_task(watch_memory(server.pid, found))
        visitors = [_Visitor(number, browser, server, model, found) for number in range(n_sessions)]
        await asyncio.gather(*(visitor.stay(seconds) for visitor in visitors))
        watching.cancel()
    return found


@asynccontextmanager
async def _browsing() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield browser
        await browser.close()


@asynccontextmanager
async def _visiting(browser: Browser, address: str) -> AsyncIterator[Visit]:
    context = await browser.new_context(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(LONGEST_WAIT)
    visit = Visit(await context.new_page())
    await visit.page.goto(address)
    await visit.rest()
    yield visit
    await context.close()


class Visit:
    """A page, and what it and the server say to each other.

    A page that is busy draws the beginning and the end of a short run as one change, so neither can be told from
    what it shows.

    Attributes:
        page: what the visitor sees.
        repeated: deeds that were done again, because the page asked nothing of the server.
    """

    def __init__(self, page: Page) -> None:
        self.page, self.repeated = page, 0
        self._asked = self._ended = 0  # runs of the page's script
        self._running = False
        self._news = asyncio.Event()
        self._last_news = time.monotonic()
        page.on("websocket", self._listen)

    async def after(self, deed: Callable[[], Awaitable[object]]) -> None:
        """Do something and wait for what comes of it; if the page asks for nothing, do it again, and count that."""
        asked, ended = self._asked, self._ended
        await deed()
        try:
            await self._until(lambda: self._asked > asked, PATIENCE)
        except TimeoutError:
            self.repeated += 1
            await deed()
        await self._until(lambda: self._ended > ended and not self._running, LONGEST_WAIT)
        await self.page.wait_for_function(_DRAWN)

    async def rest(self) -> None:
        """Wait until nothing has come for a while, as somebody does who looks before clicking."""
        await self._until(lambda: self._ended > 0 and not self._running, LONGEST_WAIT)
        while (left := self._last_news + _REST - time.monotonic()) > 0 or self._running:
            await asyncio.sleep(max(left, 0.05))
        await self.page.wait_for_function(_DRAWN)

    async def _until(self, come: Callable[[], bool], milliseconds: float) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(milliseconds / 1000):
            while not come():
                self._news.clear()
                await self._news.wait()

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._hear_page)
        socket.on("framereceived", self._hear_server)

    def _hear_page(self, said: str | bytes) -> None:
        if isinstance(said, bytes) and BackMsg.FromString(said).WhichOneof("type") == "rerun_script":
            self._asked += 1
            self._note()

    def _hear_server(self, said: str | bytes) -> None:
        if isinstance(said, str):
            return
        message = ForwardMsg.FromString(said)
        match message.WhichOneof("type"):
            case "new_session":
                self._running = True
            case "script_finished":
                self._running = False
                self._ended += message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        self._note()

    def _note(self) -> None:
        self._last_news = time.monotonic()
        self._news.set()


async def _go(visit: Visit, name: str) -> None:
    await visit.after(visit.page.get_by_role("link", name=name, exact=True).click)
    await _question(visit, name).wait_for()
    await visit.rest()


def _question(visit: Visit, name: str) -> Locator:
    """The heading of the page that has this name in the bar."""
    path = next(path for path, page_name in NAMES.items() if page_name == name)
    return visit.page.get_by_role("heading", level=1, name=QUESTIONS[path])


def _title(visit: Visit, layer: int, head: int) -> Locator:
    """The line above the lines of a head."""
    return visit.page.get_by_role("heading", level=2, name=re.compile(rf"^L{layer}H{head}\b"))


async def _type(visit: Visit, label: str, text: str) -> None:
    box = visit.page.get_by_label(label, exact=True)
    await box.fill(text)
    await visit.after(lambda: box.press("Enter"))


async def _click_head(visit: Visit, layer: int, head: int) -> None:
    """Click and wait for the head's name above its lines."""
    square = visit.page.locator("[data-testid=stVegaLiteChart] svg image").nth(layer * N_HEADS + head)
    await square.scroll_into_view_if_needed()
    await visit.after(lambda: square.click(force=True))
    await _title(visit, layer, head).wait_for()


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
        deeds = {
            "type a prompt": self._type_a_prompt,
            "click on a head": self._click_a_head,
            f"write {NEW_TOKENS} tokens": self._write,
            "compare two prompts": self._compare,
        }
        try:
            await asyncio.sleep(ARRIVALS * self._number)
            async with _visiting(self._browser, self._address) as visit:
                end = time.monotonic() + seconds  # the first visit waits for the model to be loaded
                while time.monotonic() < end:
                    name = self._random.choice(list(deeds))
                    await visit.rest()
                    waited = await deeds[name](visit)
                    self._found.seconds.setdefault(name, []).append(waited)
                    await self._look_around(visit.page, name)
                    await visit.page.wait_for_timeout(self._random.uniform(300, 2000))  # to read
                self._found.repeated += visit.repeated
        except Exception as error:  # whatever a browser or a server under load comes up with is a finding
            self._found.faults.append(f"{self._word}: {type(error).__name__}: {str(error)[:300]}")

    async def _type_a_prompt(self, visit: Visit) -> float:
        await self._be_on(visit, "Head grid")
        self._n_sentences += 1
        return await _timed(_type(visit, "Prompt", self._sentence(self._n_sentences)))

    async def _click_a_head(self, visit: Visit) -> float:
        await self._be_on(visit, "Head grid")
        layer, head = self._random.randrange(N_LAYERS), self._random.randrange(N_HEADS)
        if await _title(visit, layer, head).count():
            head = (head + 1) % N_HEADS
        return await _timed(_click_head(visit, layer, head))

    async def _write(self, visit: Visit) -> float:
        await self._be_on(visit, "Generate")
        button = visit.page.get_by_role("button", name="Generate", exact=True)
        waited = await _timed(visit.after(button.click))
        await visit.page.get_by_text("tokens by").wait_for()
        return waited

    async def _compare(self, visit: Visit) -> float:
        await self._be_on(visit, "Compare")
        self._n_sentences += 1
        return await _timed(_type(visit, "Prompt A", self._sentence(self._n_sentences)))

    async def _be_on(self, visit: Visit, name: str) -> None:
        if not await _question(visit, name).count():
            await _go(visit, name)

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
        stop = writer.page.get_by_role("button", name="Stop", exact=True)
        turn = 0
        while await stop.count():
            turn += 1
            found.seconds["type a prompt"].append(await _timed(_type(other, "Prompt", f"The dog {turn} ran off")))
            found.seconds["click on a head"].append(await _timed(_click_head(other, turn % 12, 5 * turn % 12)))
    return found


async def _begin_a_long_text(visit: Visit, prompt: str) -> None:
    page = visit.page
    await _type(visit, "Prompt", prompt)
    await page.locator(".st-key-generation_settings").get_by_role("button").click()
    box = page.get_by_label("Tokens to generate", exact=True)
    await box.fill("256")
    await visit.after(lambda: box.press("Enter"))
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Generate", exact=True).click()
    await page.get_by_text(re.compile(r"\d+ of up to 256 tokens")).wait_for()


def until_a_closed_tab_is_quiet(server: Server, model: str) -> float:
    """Seconds from closing a tab in which text is written until the server computes no more."""
    return asyncio.run(_until_a_closed_tab_is_quiet(server, model))


async def _until_a_closed_tab_is_quiet(server: Server, model: str) -> float:
    async with _browsing() as browser:
        async with _visiting(browser, f"{server.address}/generate?{urlencode({'model': model})}") as visit:
            await _begin_a_long_text(visit, "The cat in the house slept")
        start = time.monotonic()
        while True:
            before, used = time.monotonic(), cpu_seconds_of(server.pid)
            await asyncio.sleep(0.3)
            if cpu_seconds_of(server.pid) - used < 0.05:
                return before - start
            if before - start > 60:
                raise RuntimeError("the server still computes a minute after the tab was closed")
