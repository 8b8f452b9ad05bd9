"""The long run: halls of visitors for ten minutes each, every fault, and every fuzz test with 10,000 cases.

`python -m benchmarks.soak` takes two to three hours and writes what it found into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from attn_core.server.settings import get_settings
from benchmarks.hall import visit_in_process
from benchmarks.load import beside_a_long_text, until_a_closed_tab_is_quiet
from benchmarks.processes import in_fresh_process
from benchmarks.report import commit, machine
from benchmarks.results import percentile
from benchmarks.subjects import model_folder, prompt
from benchmarks.waiting import Found
from tests.support.serving import ROOT, Server, serving

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- numbers of the last full run -->", "<!-- end of numbers -->"
FUZZED = {
    "test_any_prompt_is_run_and_shown_or_refused_in_one_sentence": "prompts, from tokens to charts and files",
    "test_any_prompt_on_any_page": "prompts, on five pages",
    "test_any_prompt_on_any_step_of_the_tour": "prompts, on seven steps of the tour",
    "test_text_in_markdown_stays_text": "texts in markdown",
    "test_any_link_opens_the_dashboard": "URL parameters",
    "test_any_link_opens_any_page": "URL parameters, on all pages",
    "test_any_recording_is_opened_whole_or_refused_in_one_sentence": "recordings, as files",
    "test_a_recording_of_any_texts_on_any_page": "recordings with hostile texts, on four pages",
    "test_any_list_of_names_is_asked_or_refused_in_one_sentence": "lists of names",
    "test_any_list_of_names_on_its_page": "lists of names, on their page",
}
OTHERS = (
    "tests/app/test_faults.py",
    "tests/app/test_settings.py",
    "tests/browser/test_reliability.py",
    "tests/app/test_hostile.py",
)
LONG_PROMPT = 200  # tokens
SMALL_TRACES = 20  # megabytes, so that visitors reach the bound
FLAT = 0.01  # of the memory, that may be added in the last quarter


def main() -> int:
    """Returns 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="of each fuzz test")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--visitors", type=int, default=60, help="without browsers")
    parser.add_argument("--seconds", type=float, default=600, help="that they stay")
    chosen = parser.parse_args()
    start = time.monotonic()
    here = machine()
    lines = [
        f"Commit {commit()}, {datetime.now(UTC):%Y-%m-%d %H:%M UTC}, {here['cores']} cores of {here['processor']}, "
        f"{here['memory']}.",
        "",
    ]
    ok = True
    visitors = _visitors(chosen.visitors, chosen.seconds)
    for part in (_load(chosen.sessions, chosen.seconds), visitors, _tests(), _fuzz(chosen.cases)):
        for line, good in part:
            print(line, flush=True)
            lines.append(line)
            ok &= good
        if lines[-1]:
            lines.append("")
    lines.append(f"The whole run took {(time.monotonic() - start) / 60:.0f} minutes.")
    _write(lines)
    return int(not ok)


Lines = Iterator[tuple[str, bool]]
"""Lines of the document, each with whether all in it is well."""


def _fuzz(n_cases: int) -> Lines:
    yield "| fuzzed | cases | without a traceback or a hang | minutes |", True
    yield "|---|---|---|---|", True

    def run(test: str) -> tuple[bool, float]:
        start = time.monotonic()
        # A thread each: threads of several processes that wait for each other would take the time of all.
        done = _pytest(f"tests/app/test_hostile.py::{test}", ATTN_FUZZ_CASES=str(n_cases), OMP_NUM_THREADS="1")
        return done.returncode == 0, (time.monotonic() - start) / 60

    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        for what, (good, minutes) in zip(FUZZED.values(), workers.map(run, FUZZED), strict=True):
            yield f"| {what} | {n_cases:,} | {'all' if good else '**no**'} | {minutes:.1f} |", good


def _tests() -> Lines:
    done = _pytest(*OTHERS)
    yield (
        f"Faults, limits, restarts and hostile input as in `make test`: {done.stdout.splitlines()[-1]}.",
        (done.returncode == 0),
    )


def _pytest(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
    return done


def _bounded_server(log: Path) -> AbstractContextManager[Server]:
    """Start a server as the container does, whose traces soon reach their bound."""
    return serving(log=log, ATTN_TRACE_MEGABYTES=str(SMALL_TRACES), MALLOC_ARENA_MAX="1")


def _load(n_sessions: int, seconds: float) -> Lines:
    with TemporaryDirectory() as place, model_folder() as folder:
        log = Path(place) / "log"
        with _bounded_server(log) as server:
            told = (server.address, server.pid, str(folder), n_sessions, seconds)
            found = Found(**in_fresh_process("benchmarks.load:load_behind", *told, limit=seconds + 600))
        yield from _waits(
            found,
            f"{n_sessions} browser sessions for {seconds / 60:g} minutes, with a network of GPT-2 small's shape",
        )
        tracebacks = log.read_text(encoding="utf-8", errors="replace").count("Traceback")
        yield "", True
        yield (
            f"- Faults: {len(found.faults) or 'none'}; tracebacks in the server's log: {tracebacks or 'none'}.",
            (not found.faults and not tracebacks),
        )
        yield f"- Clicks that had to be made again, because the page asked for nothing: {found.repeated}.", True
        for fault in found.faults:
            yield f"- {fault}", False
        yield _memory(found.megabytes)
        with serving() as server:
            beside = beside_a_long_text(server, str(folder), prompt(LONG_PROMPT, 0))
            worst = max(max(waits) for waits in beside.seconds.values())
            yield "", True
            yield from _waits(
                beside,
                f"one visitor, while another lets {get_settings().max_new_tokens} tokens be written "
                f"after {LONG_PROMPT}",
            )
            yield "", True
            yield f"- The longest of these waits: {worst:.2f} s (at most 2 are allowed).", worst < 2
            quiet = until_a_closed_tab_is_quiet(server, str(folder))
            yield f"- After its tab was closed, a text was no longer written within {quiet:.1f} s.", quiet < 10


def _visitors(n_visitors: int, seconds: float) -> Lines:
    with TemporaryDirectory() as place, model_folder() as folder:
        for model, name in (("mini", "mini"), (str(folder), "a network of GPT-2 small's shape")):
            log = Path(place) / name.replace(" ", "_")
            with _bounded_server(log) as server:
                visit_in_process(server, 3, 10, model)
                hall = visit_in_process(server, n_visitors, seconds, model)
            yield from _waits(hall, f"{n_visitors} visitors without browsers for {seconds / 60:g} minutes, {name}")
            tracebacks = log.read_text(encoding="utf-8", errors="replace").count("Traceback")
            yield "", True
            yield (
                f"- {hall.rate:.1f} visits a second; faults: {len(hall.faults) or 'none'}; tracebacks in the server's "
                f"log: {tracebacks or 'none'}.",
                not hall.faults and not tracebacks,
            )
            yield _memory(hall.megabytes)
            yield "", True


def _waits(found: Found, who: str) -> Lines:
    yield f"| {who} | times | median | 95th percentile | longest |", True
    yield "|---|---|---|---|---|", True
    for deed, waits in sorted(found.seconds.items()):
        told = (median(waits), percentile(waits, 95), max(waits))
        yield f"| {deed} | {len(waits)} | {' | '.join(f'{seconds:.2f} s' for seconds in told)} |", True


def _memory(megabytes: list[float]) -> tuple[str, bool]:
    """Tell the memory of a server over a run: well if it no longer grows in the second half.

    It is read between peaks, where it is lowest: the peaks are of passes that run and of what is given back every ten
    seconds.
    """
    quarter = len(megabytes) // 4
    third, last = (
        percentile(part, 10) for part in (megabytes[2 * quarter : 3 * quarter], megabytes[3 * quarter :])
    )
    return (
        f"- Memory of the server, started as in the container, between peaks: {third:,.0f} MB in the third quarter, "
        f"{last:,.0f} MB in the last ({last / third - 1:+.1%}; at most {FLAT:.0%} is allowed), "
        f"{max(megabytes):,.0f} MB at most. Traces of all sessions are bounded to {SMALL_TRACES} MB, so that the bound "
        f"is reached; by default to {get_settings().trace_megabytes}."
    ), last < (1 + FLAT) * third


def _write(lines: list[str]) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    numbers = "\n".join([BEGIN, "", *lines, "", END])
    DOCUMENT.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: numbers, text, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
