"""How much memory the server takes while visitors use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlencode

from playwright.sync_api import Browser

from attn_core.server.settings import get_settings
from benchmarks.app import new_prompt
from benchmarks.browsing import GRID, browsing, settled, visiting
from benchmarks.processes import memory_of
from benchmarks.results import Budget, Measurement, Result
from benchmarks.subjects import model_folder, prompt
from tests.support.serving import Server, serving

LONGEST = 1024  # tokens
SESSIONS = 10
PROMPTS, N_TOKENS, STEP = 200, 32, 20
SMALL = 40  # megabytes, the bound while many prompts are typed
LIMIT = 1600  # megabytes, with the longest trace open
STATES, MANY = "Resident memory of the server", f"… while one visitor types {PROMPTS} prompts of {N_TOKENS} tokens"
LONG, LONG_PEAK = f"a trace of {LONGEST:,} tokens open", f"the most since the start, after {LONGEST:,} tokens"


def run(_runs: int = 5) -> Result:
    """Follow a server's memory through a long prompt, many sessions and many prompts, once."""
    cells: list[Measurement] = []
    with browsing() as browser:
        with model_folder() as folder, serving() as server:
            for state, megabytes in _states(browser, _address(server, str(folder)), server.pid):
                cells.append(Measurement(STATES, state, "memory", "MB", (megabytes,)))
        with serving(ATTN_TRACE_MEGABYTES=str(SMALL)) as server:
            for typed, megabytes in _many_prompts(browser, _address(server, "mini"), server.pid):
                cells.append(Measurement(MANY, f"after {typed}", "memory", "MB", (megabytes,)))
    result = Result(
        title="Memory of the server",
        how=(
            "Resident memory of the Streamlit process, read after each step of one run, with a network of GPT-2 "
            "small's shape (498 MB of weights). Traces of all sessions together take at most "
            f"{get_settings().trace_megabytes:,} MB and what is made of them half as much, whatever the number of "
            "sessions and prompts: the least recently used are given up. `ATTN_TRACE_MEGABYTES` sets another bound; "
            f"for the many prompts it is {SMALL} MB, so that it is reached, and the model is mini."
        ),
        measurements=tuple(cells),
    )
    longest = result.find(STATES, LONG, "memory").median
    return replace(
        result, budgets=(Budget(f"server memory, a {LONGEST:,}-token trace open", LIMIT, longest, "MB"),)
    )


def _states(browser: Browser, address: str, server: int) -> Iterator[tuple[str, float]]:
    yield "idle, nobody has come", memory_of(server)["now"]
    with ExitStack() as visits:
        page = visits.enter_context(visiting(browser, address))
        page.wait_for_function(GRID)
        settled(page)
        yield "the model loaded, a short prompt open", memory_of(server)["now"]
        new_prompt(page, prompt(LONGEST, 0))
        yield LONG, memory_of(server)["now"]
        yield LONG_PEAK, memory_of(server)["peak"]
        for seed in range(1, 3):
            new_prompt(page, prompt(LONGEST, seed))
        yield f"two more traces of {LONGEST:,} tokens later", memory_of(server)["now"]
        for number in range(1, SESSIONS):
            other = visits.enter_context(visiting(browser, address))
            other.wait_for_function(GRID)
            settled(other)
            new_prompt(other, prompt(N_TOKENS, number))
        yield f"{SESSIONS} browser sessions open, each with a prompt of its own", memory_of(server)["now"]


def _many_prompts(browser: Browser, address: str, server: int) -> Iterator[tuple[int, float]]:
    with visiting(browser, address) as page:
        page.wait_for_function(GRID)
        settled(page)
        for typed in range(1, PROMPTS + 1):
            new_prompt(page, prompt(N_TOKENS, typed))
            if typed % STEP == 0:
                yield typed, memory_of(server)["now"]


def _address(server: Server, model: str) -> str:
    return f"{server.address}/head_grid?{urlencode({'model': model})}"
