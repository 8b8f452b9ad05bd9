"""All heads at a glance, beside what people use today: bertviz, and Altair with a row for each cell."""

from __future__ import annotations

import re
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from playwright.sync_api import Browser, Error, Route

from attn_core import AttentionTrace, charts
from benchmarks.browsing import arriving, browsing, visiting
from benchmarks.painting import page_of_chart, served_library
from benchmarks.processes import TookTooLong, in_fresh_process
from benchmarks.results import Budget, Measurement, Result
from benchmarks.subjects import N_HEADS, N_LAYERS, as_sent, random_trace

SIZES = (16, 32, 64, 128, 256, 512)  # tokens
OURS, MODEL_VIEW, HEAD_VIEW, HEATMAPS = (
    "this dashboard",
    "bertviz model_view",
    "bertviz head_view",
    "144 Altair heatmaps",
)
SIDES = (OURS, MODEL_VIEW, HEAD_VIEW, HEATMAPS)
SENT, BUILT, PAINTED = "Bytes sent", "Time to build", "Time until painted"
FIRST = "Time to build for the first time in a process"
LIMIT = 120  # seconds
LONG = 2  # seconds; what takes longer is tried once
LONGEST_STRING = 2**29  # characters that Chromium can hold in one, so that no larger script can run
MEMORY = 14e9  # bytes that building may take
BUDGET_SIZE = "128 tokens"

IS_PAINTED = {
    OURS: "window.is_drawn",
    MODEL_VIEW: f"document.querySelectorAll('.attn_background').length === {N_LAYERS * N_HEADS}",
    HEAD_VIEW: f"document.querySelectorAll('.headAttention').length === {N_HEADS}",
    HEATMAPS: "window.is_drawn",
}


def run(runs: int = 5) -> Result:
    """Build and paint each side at each size, turn about."""
    cells = list(_measured(runs))
    result = Result(
        title="Overview of all heads",
        how=(
            "The same random attention of 12 layers of 12 heads, which packs worse than real attention, through "
            "all sides. *Sent* is the HTML of bertviz, and the chart's Vega-Lite with its data for the others. "
            "*Built* is from the attention in memory to that text. *Painted* is from opening a local page with "
            "it to two frames after the last head stands in the same headless Chromium; the libraries come from "
            f"disk. {runs} runs, turn about; what takes more than {LONG} s is run once, and what takes more than "
            f"{LIMIT} s, or would by its growth from size to size, is given up. The heatmaps are painted on "
            "canvas, which is quicker for them; ours as SVG, as in the dashboard."
        ),
        measurements=tuple(cells),
        compared=(SENT, BUILT, FIRST, PAINTED),
        remarks=(
            "`head_view` holds the attention of all layers but draws the 12 heads of one: it is bertviz's best "
            "known view, but no overview.",
            "Our chart's form is written once in a process and kept, as the server does; the first time tells what "
            "that takes, with whatever the sides load only then.",
        ),
    )
    return replace(result, budgets=_budgets(result))


def _budgets(result: Result) -> tuple[Budget, ...]:
    def part(table: str) -> float:
        ours, theirs = (result.find(table, BUDGET_SIZE, side) for side in (OURS, MODEL_VIEW))
        return ours.median / theirs.median

    return (
        Budget(f"grid payload, {BUDGET_SIZE}, as a part of bertviz `model_view`'s", 1 / 80, part(SENT)),
        Budget(
            f"trace to grid chart, {BUDGET_SIZE}, as a part of bertviz `model_view`'s time", 1 / 10, part(BUILT)
        ),
    )


def _measured(runs: int) -> Iterator[Measurement]:
    race = {(table, side): Course() for table in (BUILT, PAINTED) for side in SIDES}
    with TemporaryDirectory() as folder, browsing() as browser:
        for n_tokens in SIZES:
            row = f"{n_tokens} tokens"
            building = [side for side in SIDES if race[BUILT, side].goes_on]
            built = in_fresh_process("benchmarks.overview:build", n_tokens, building, runs, folder, limit=900)
            for side in SIDES:
                race[BUILT, side].take(built[side]["outcome"] if side in built else None)
                yield race[BUILT, side].measurement(BUILT, row, side)
                if side in built and "bytes" in built[side]:
                    yield Measurement(SENT, row, side, "MB", (built[side]["bytes"] / 1e6,))
                    yield Measurement(FIRST, row, side, "s", (built[side]["first"],))
                else:
                    race[PAINTED, side].stop("not built")
            painting = [side for side in SIDES if race[PAINTED, side].goes_on]
            painted = _paint(browser, Path(folder), painting, runs)
            for side in SIDES:
                race[PAINTED, side].take(painted.get(side))
                yield race[PAINTED, side].measurement(PAINTED, row, side)


Outcome = list[float] | str
"""Seconds of each run, or why there are none."""


class Course:
    """One side's way through the sizes, up to where it fails or can be told to fail at the next."""

    def __init__(self) -> None:
        self._medians: list[float] = []
        self._outcome: Outcome = ""
        self._why_not = ""

    @property
    def goes_on(self) -> bool:
        """Whether the next size is to be tried."""
        return not self._why_not

    def stop(self, why: str) -> None:
        """Try no more sizes, unless it was stopped before."""
        self._why_not = self._why_not or why

    def take(self, outcome: Outcome | None) -> None:
        """Note what came out at the next size; None if it was not tried."""
        self._outcome = outcome if outcome is not None else self._why_not
        if isinstance(outcome, str):
            self.stop("failed before")
        elif outcome is not None:
            self._medians.append(median(outcome))
            if len(self._medians) > 1:
                expected = self._medians[-1] ** 2 / self._medians[-2]
                if expected > LIMIT:
                    self.stop(f"over {LIMIT} s, by its growth")

    def measurement(self, table: str, row: str, side: str) -> Measurement:
        """What came out at the last size."""
        if isinstance(self._outcome, str):
            return Measurement(table, row, side, "s", (), self._outcome)
        return Measurement(table, row, side, "s", tuple(self._outcome))


def build(n_tokens: int, sides: list[str], runs: int, folder: str) -> dict[str, dict[str, Any]]:
    """Build the sides by turns; the page of each that Chromium can read is left in the folder.

    Returns:
        For each side an `outcome`, and `bytes` and `first`, the seconds of the first time, unless it failed.
    """
    resource.setrlimit(resource.RLIMIT_AS, (int(MEMORY), int(MEMORY)))
    trace = random_trace(n_tokens)
    found: dict[str, dict[str, Any]] = {}
    for side in sides:  # the first time counts only where there is no second
        try:
            with _at_most(LIMIT):
                start = time.perf_counter()
                text = BUILD[side](trace)
                seconds = time.perf_counter() - start
            found[side] = {"bytes": len(text.encode()), "first": seconds, "outcome": [seconds]}
            if len(text) < LONGEST_STRING:
                page = text if side in (MODEL_VIEW, HEAD_VIEW) else page_of_chart(text, canvas=side == HEATMAPS)
                _file(Path(folder), side).write_text(page, encoding="utf-8")
            else:
                _file(Path(folder), side).unlink(missing_ok=True)
            del text
        except TookTooLong:
            found[side] = {"outcome": f"not within {LIMIT} s"}
        except MemoryError:
            found[side] = {"outcome": f"not within {MEMORY / 1e9:.0f} GB"}
    quick = [side for side in found if "bytes" in found[side] and found[side]["outcome"][0] <= LONG]
    found |= {side: {**found[side], "outcome": []} for side in quick}
    for _ in range(runs):
        for side in quick:
            start = time.perf_counter()
            BUILD[side](trace)
            found[side]["outcome"].append(time.perf_counter() - start)
    return found


def our_grid(trace: AttentionTrace) -> str:
    """The grid as the dashboard sends it, its data written out."""
    return as_sent(charts.head_grid(trace))


def bertviz_view(name: str) -> Callable[[AttentionTrace], str]:
    """One of bertviz's views as HTML."""

    def view(trace: AttentionTrace) -> str:
        import bertviz
        import torch

        tensors = [torch.from_numpy(layer.astype(np.float32))[None] for layer in trace.attention]
        return str(getattr(bertviz, name)(tensors, list(trace.tokens), html_action="return").data)

    return view


def heatmaps(trace: AttentionTrace) -> str:
    """A heatmap for each head, a row for each cell on or below the diagonal."""
    alt.data_transformers.disable_max_rows()
    queries, keys = np.tril_indices(trace.n_tokens)
    rows = []
    for layer in range(trace.n_layers):
        row = []
        for head in range(trace.n_heads):
            weights = trace.head(layer, head)[queries, keys].round(4)
            table = pd.DataFrame({"query": queries, "key": keys, "weight": weights})
            chart = alt.Chart(table, title=f"{layer}.{head}").mark_rect()
            row.append(
                chart.encode(
                    x="key:O", y="query:O", color="weight:Q", tooltip=["query", "key", "weight"]
                ).properties(width=80, height=80)
            )
        rows.append(alt.hconcat(*row))
    return str(alt.vconcat(*rows).to_json(indent=None))


BUILD: dict[str, Callable[[AttentionTrace], str]] = {
    OURS: our_grid,
    MODEL_VIEW: bertviz_view("model_view"),
    HEAD_VIEW: bertviz_view("head_view"),
    HEATMAPS: heatmaps,
}


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TookTooLong

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _file(folder: Path, side: str) -> Path:
    return folder / f"{side.replace(' ', '_')}.html"


def _paint(browser: Browser, folder: Path, sides: list[str], runs: int) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for turn in range(runs):
        for side in sides:
            before = found.setdefault(side, [])
            if isinstance(before, str) or (turn and median(before) > LONG):
                continue
            if not _file(folder, side).exists():
                found[side] = f"over {LONGEST_STRING / 1e6:.0f} MB, Chromium's longest string"
                continue
            try:
                before.append(_seconds_to_paint(browser, _file(folder, side), IS_PAINTED[side]))
            except Error as error:
                found[side] = f"not within {LIMIT} s" if "Timeout" in str(error) else "the browser gave up"
    return found


def _seconds_to_paint(browser: Browser, file: Path, condition: str) -> float:
    with visiting(browser) as page:
        page.set_default_timeout(LIMIT * 1000)
        page.route(re.compile("^https:"), _serve)
        return arriving(page, file.as_uri(), condition).whole


def _serve(route: Route) -> None:
    route.fulfill(path=served_library(route.request.url), content_type="text/javascript")
