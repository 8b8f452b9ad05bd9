"""How long a visitor of the dashboard waits, in real Chromium against the running server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import numpy as np
import torch
from playwright.sync_api import Browser, Page

from attn_core import capture, charts, head_scores
from benchmarks.browsing import GRID, LINES, Wait, after, arriving, browsing, settled, visiting
from benchmarks.results import Budget, Measurement, Result, by_turns
from benchmarks.subjects import N_CORES, N_HEADS, N_LAYERS, empty_app, gpt2_model, model_folder, prompt
from benchmarks.visitors import EMPTY, REPLAY, replay_app
from tests.support.serving import Server, serving

TRIES = 30
N_TOKENS = 32
TITLE = "document.querySelector('[data-testid=stMain] h1')"
OURS = "this dashboard"
CLICK = "click on a head"
LINES_MADE = "chart building: the lines of a head"
FIRST, DEEDS = "First paint of the first page: its title", "What a visitor waits for"
WORK = f"What the server works on, for a prompt of {N_TOKENS} tokens"
COLD, WARM = "first visit to the server", "later visits"
PAGES = {"Head view": LINES, "Head grid": GRID, "Home": LINES}

Waits = list[Wait]
Sides = dict[str, Waits]


def run(runs: int = 5) -> Result:
    """Measure the first paint beside those of apps that compute nothing, then new prompts, clicks and links."""
    with model_folder() as folder, empty_app() as empty, replay_app() as replay, browsing() as browser:
        scripts: dict[str, str | Path] = {OURS: "dashboard.py", EMPTY: empty, REPLAY: replay}
        cold: Sides = {side: [] for side in scripts}
        for _ in range(runs):
            for side, script in scripts.items():
                with serving(script) as server:
                    cold[side].append(first_paint(browser, server, folder))
        with ExitStack() as running:
            servers = {side: running.enter_context(serving(script)) for side, script in scripts.items()}
            warm: Sides = {side: [] for side in scripts}
            for turn in range(-1, TRIES):
                for side, server in servers.items():
                    wait = first_paint(browser, server, folder)
                    if turn >= 0:
                        warm[side].append(wait)
            deeds = deeds_of_a_visitor(browser, servers[OURS], folder)
    result = Result(
        title="In the app",
        how=(
            "A headless Chromium against the server, which runs a network of GPT-2 small's shape. Time runs from "
            "the navigation, the click or the key to two animation frames after the new figure stands in the page; "
            f"over {TRIES} tries, the first visit to a fresh server over {runs}. An empty app is one `st.title`. "
            f"*{REPLAY}*: a script that makes nothing, but sends what Home once sent, which shows what the browser "
            "takes to draw it. "
            "*Server* is until the last message before painting has come, over loopback; *browser* is the rest."
        ),
        measurements=tuple(_measurements(cold, warm, deeds)),
        compared=(FIRST,),
        budgets=(
            Budget("click on a head to its painted lines, median", 0.15, _median(deeds[CLICK]), "s"),
            Budget(
                "first paint of the first page, first visit, as a multiple of an empty app's", 1.2, _ratio(cold)
            ),
            Budget(
                "first paint of the first page, later visits, as a multiple of an empty app's", 1.2, _ratio(warm)
            ),
        ),
    )
    return replace(result, remarks=limits(result))


def limits(result: Result) -> tuple[str, ...]:
    """Return what keeps the first paint and a click from being faster, from what was measured."""
    ours, empty, replayed = (result.find(FIRST, WARM, side).median for side in (OURS, EMPTY, REPLAY))
    whole, server, browser, sent = (
        result.find(DEEDS, CLICK, part).median for part in ("in all", "server", "browser", "sent")
    )
    lines = result.find(WORK, LINES_MADE, "time").median
    return (
        f"The limit of the first paint: a script that makes nothing, but sends what Home once sent, takes "
        f"{replayed / empty:.2f} times an empty app's time. That is what the browser needs to make so many elements; "
        f"the dashboard's own work before its title brings it to {ours / empty:.2f}.",
        f"The limit of a click: of {whole:.0f} ms the browser takes {browser:.0f} ms to take in {sent:.0f} kB and to "
        f"draw. The server takes {server:.0f} ms, in which the page's script runs from its beginning; to make the "
        f"lines is {lines:.1f} ms of that.",
    )


def first_paint(browser: Browser, server: Server, folder: Path) -> Wait:
    """A new visitor opens the first page and sees its title."""
    with visiting(browser) as page:
        return arriving(page, f"{server.address}/?{urlencode({'model': str(folder)})}", TITLE)


def deeds_of_a_visitor(browser: Browser, server: Server, folder: Path) -> Sides:
    """What one visitor does again and again: type prompts, click heads, change pages."""
    address = f"{server.address}/head_grid?{urlencode({'model': str(folder)})}"
    with visiting(browser, address) as page:
        page.wait_for_function(GRID)
        settled(page)
        prompts = [new_prompt(page, prompt(N_TOKENS, seed)) for seed in range(TRIES)]
        clicks = [click_on_head(page, *head) for head in _heads(TRIES)]
        changes = {name: Waits() for name in PAGES}
        for turn in range(TRIES):
            name = list(PAGES)[turn % len(PAGES)]
            changes[name].append(change_page(page, name))
    every = [wait for waits in changes.values() for wait in waits]
    return {
        f"a new prompt of {N_TOKENS} tokens, to the grid": prompts,
        CLICK: clicks,
        "another page, to its figure": every,
        **{f"… to {name}": waits for name, waits in changes.items()},
    }


def new_prompt(page: Page, text: str) -> Wait:
    """Type a prompt on the page of the grid and wait for its thumbnails."""
    box = page.get_by_label("Prompt", exact=True)
    box.fill(text)
    page.evaluate(f"watched.before = {GRID}")
    wait = after(page, lambda: box.press("Enter"), f"({GRID} ?? watched.before) !== watched.before")
    settled(page)
    return wait


def click_on_head(page: Page, layer: int, head: int) -> Wait:
    """Click a thumbnail and wait for the lines of its head."""
    square = page.locator("[data-testid=stVegaLiteChart] svg image").nth(layer * N_HEADS + head)
    square.scroll_into_view_if_needed()
    square.hover(force=True)
    lines = f"svg_of('Lines of layer {layer}, head {head}.')"
    page.evaluate(f"watched.before = {LINES}.innerHTML")  # the same picture takes other lines
    wait = after(
        page, lambda: square.click(force=True), f"({lines}?.innerHTML ?? watched.before) !== watched.before"
    )
    settled(page)
    return wait


def change_page(page: Page, name: str) -> Wait:
    """Click the link to a page and wait for its title and figure."""
    page.evaluate("document.querySelectorAll('svg').forEach(svg => { svg.isOld = true; })")
    link = page.get_by_role("link", name=name, exact=True)
    figure = "Grid of" if PAGES[name] == GRID else "Lines of layer"
    wait = after(page, link.click, f"svg_of('{figure}') && !svg_of('{figure}').isOld")
    settled(page)
    return wait


def _heads(n: int) -> list[tuple[int, int]]:
    """So many different heads."""
    order = np.random.default_rng(0).permutation(N_LAYERS * N_HEADS)[:n]
    return [(int(index) // N_HEADS, int(index) % N_HEADS) for index in order]


def server_work() -> dict[str, tuple[float, ...]]:
    """Seconds that the parts of a page take of a warm process, each over `TRIES`."""
    torch.set_num_threads(N_CORES)
    model = gpt2_model()
    trace = capture(model, prompt(N_TOKENS, 0))
    painted = charts.paint_thumbnails(trace, "light")
    parts: dict[str, Callable[[], object]] = {
        "the model: capture": lambda: capture(model, prompt(N_TOKENS, 0)),
        "what the heads do: head_scores": lambda: head_scores(trace),
        "chart building: thumbnails": lambda: charts.paint_thumbnails(trace, "light"),
        "chart building: the grid of them": lambda: charts.head_grid(trace, thumbnails=painted).to_dict(),
        LINES_MADE: lambda: charts.attention_lines(trace, 0, 0).to_dict(),
    }
    return by_turns({name: partial(_seconds, work) for name, work in parts.items()}, TRIES)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _measurements(cold: Sides, warm: Sides, deeds: Sides) -> Iterator[Measurement]:
    for row, sides in ((COLD, cold), (WARM, warm)):
        for side, waits in sides.items():
            yield Measurement(FIRST, row, side, "s", tuple(wait.whole for wait in waits))
    for deed, waits in deeds.items():
        yield Measurement(DEEDS, deed, "in all", "ms", tuple(wait.whole * 1e3 for wait in waits))
        yield Measurement(DEEDS, deed, "server", "ms", tuple(wait.server * 1e3 for wait in waits))
        yield Measurement(DEEDS, deed, "browser", "ms", tuple(wait.browser * 1e3 for wait in waits))
        yield Measurement(DEEDS, deed, "sent", "kB", tuple(wait.megabytes * 1e3 for wait in waits))
    for part, seconds in server_work().items():
        yield Measurement(WORK, part, "time", "ms", tuple(value * 1e3 for value in seconds))


def _median(waits: Waits) -> float:
    return median(wait.whole for wait in waits)


def _ratio(sides: Sides) -> float:
    return _median(sides[OURS]) / _median(sides[EMPTY])
