"""A hall of visitors without browsers: what each waits for, and what the server needs for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.hall import (
    ARRIVALS,
    CHOOSE,
    N_WORDS,
    OPEN,
    READING,
    SETTLED_AFTER,
    WRITE,
    Hall,
    Visit,
    idle_share,
    visit_in_process,
)
from benchmarks.profiling import KINDS, MODEL, OWN, STREAMLIT, sampling
from benchmarks.results import Budget, Measurement, Result, percentile
from benchmarks.subjects import N_CORES, empty_app, model_folder
from tests.support.serving import Server, serving

NUMBERS = (10, 30, 60, 100)
SECONDS = 40.0
WAITS, RATES, MEMORY = "Waiting", "Visits a second", "Memory of the server"
LATER = f"all that began after {SETTLED_AFTER:g} s"
COMPUTING, PROFILE = "Computing for one of these waits", "What it computes, for one of these waits"
EMPTY = "an empty Streamlit app"
REPLAY = "a replay of Home's messages"
MINI, GPT2 = "mini", "a network of GPT-2 small's shape"
N_PROFILED = {MINI: 60, GPT2: 30}
N_IDLE = 60  # sessions
IDLE_SECONDS = 30.0


def run(runs: int = 5) -> Result:
    """Let halls of visitors come: to `mini`, to a network of GPT-2 small's shape, and to apps that compute nothing."""
    del runs  # each run has hundreds of visits
    return measure(NUMBERS, SECONDS)


def measure(numbers: tuple[int, ...], seconds: float, idle_seconds: float = IDLE_SECONDS) -> Result:
    """Let so many visitors come for so many seconds, to one server after the other, each warm."""
    found: dict[tuple[str, int], Hall] = {}
    profiles: dict[str, dict[str, float]] = {}
    with model_folder() as folder, empty_app() as empty, replay_app() as replay:
        models = {MINI: "mini", GPT2: str(folder), EMPTY: None, REPLAY: None}
        scripts = {EMPTY: empty, REPLAY: replay}
        for side, model in models.items():
            with serving(scripts.get(side, "dashboard.py")) as server:
                visit_in_process(server, 3, min(seconds, 15.0), model)
                for number in numbers:
                    found[side, number] = visit_in_process(server, number, seconds, model)
                if model:
                    number = min(N_PROFILED[side], max(numbers))
                    profiles[side] = profile(server, number, min(seconds, 20.0), model)
                if side == MINI:
                    idle = idle_share(server, min(N_IDLE, max(numbers)), idle_seconds)
    faults = [fault for each in found.values() for fault in each.faults]
    result = Result(
        title="A hall of visitors",
        how=(
            f"Visitors without browsers on the same machine: each comes within {ARRIVALS:g} s, opens a page by its "
            f"web socket with {N_WORDS} words of its own, reads for {READING:g} s on average, then chooses a head, "
            "has 20 tokens written, or leaves and comes again as somebody else. A wait runs until the page's run has "
            f"ended. Each hall stays for {seconds:g} s. The empty app is one `st.title`. *{REPLAY}*: a script that "
            "makes nothing, but sends what Home once sent. Both are opened as often. What is computed is told apart by "
            f"py-spy, with {N_PROFILED[MINI]} visitors of mini and {N_PROFILED[GPT2]} of the other network."
        ),
        measurements=(*_measurements(found), *_profiles(profiles)),
        budgets=(*_budgets(found), Budget(f"{N_IDLE} open sessions that do nothing: part of a core", 0.02, idle)),
        remarks=(
            f"Faults: {'; '.join(faults[:3]) if faults else 'none'}.",
            f"All come within {ARRIVALS:g} s, and wait for each other then. The waits that began after "
            f"{SETTLED_AFTER:g} s are those of a hall at work.",
        ),
    )
    return replace(result, remarks=(*result.remarks, *limits(result, max(numbers))))


def limits(result: Result, most: int) -> list[str]:
    """Return for each model what keeps a hall from being served faster, from what was measured.

    Args:
        result: with all measurements.
        most: visitors in the fullest hall.
    """
    remarks = []
    for side in (MINI, GPT2):
        of_kinds = {
            cell.row: cell.median for cell in result.measurements if (cell.table, cell.column) == (PROFILE, side)
        }
        sampled = sum(of_kinds.values())
        if sampled:
            number = min(N_PROFILED[side], most)
            whole = result.find(COMPUTING, f"{number} visitors", side).median
            passes, streamlit, own = (of_kinds[kind] / sampled for kind in (MODEL, STREAMLIT, OWN))
            remarks.append(
                f"The limit of {side}: with {number} visitors a wait computes {whole:.0f} ms. At most "
                f"{N_CORES * 1e3 / whole:.1f} of them a second fit into {N_CORES} cores, and {1e3 / whole:.1f} where "
                "Python's lock lets one thread run; whoever comes beyond that waits. Forward passes are "
                f"{passes:.0%} of it, Streamlit's own code {streamlit:.0%}, this dashboard's {own:.0%}: without a line "
                f"of ours it would be {whole * (1 - own):.0f} ms."
            )
    return remarks


def profile(server: Server, number: int, seconds: float, model: str) -> dict[str, float]:
    """Let visitors come once more; the milliseconds of each kind of work for one of their waits."""
    with sampling(server.pid, seconds) as samples:
        hall = visit_in_process(server, number, seconds, model)
    n_samples = max(sum(samples.values()), 1)
    return {kind: 1e3 * hall.cpu_seconds * samples[kind] / n_samples for kind in KINDS}


@contextmanager
def replay_app() -> Iterator[Path]:
    """A Streamlit app that makes nothing, and sends what Home once sent."""

    async def look() -> list[bytes]:
        async with Visit(server.address, "", {"model": "mini"}) as visit:
            await visit.run()  # once with what a first run says of loading
            await visit.run()
            return visit.elements

    with serving() as server:
        contents = asyncio.run(look())
    with TemporaryDirectory() as folder:
        script = Path(folder) / "replay.py"
        (script.parent / "sent.py").write_text(f"CONTENTS = {contents!r}\n", encoding="utf-8")
        script.write_text(_REPLAY_SCRIPT, encoding="utf-8")
        yield script


_REPLAY_SCRIPT = """from sent import CONTENTS
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

for content in CONTENTS:
    message = ForwardMsg()
    message.ParseFromString(content)
    get_script_run_ctx().enqueue(message)
"""


def _measurements(found: dict[tuple[str, int], Hall]) -> Iterator[Measurement]:
    for (side, number), each in found.items():
        row = f"{number} visitors"
        for what in (OPEN, CHOOSE, WRITE):
            if what in each.seconds:
                yield Measurement(f"{WAITS}: {side}", row, what, "s", tuple(each.seconds[what]))
        if each.settled:
            yield Measurement(f"{WAITS}: {side}", row, LATER, "s", tuple(each.settled))
        yield Measurement(f"{WAITS}: {side}", row, "the longest", "s", (max(each.waits, default=float("nan")),))
    for (side, number), each in found.items():
        yield Measurement(RATES, f"{number} visitors", side, "", (each.rate,))
    for (side, number), each in found.items():
        yield Measurement(COMPUTING, f"{number} visitors", side, "ms", (each.cpu_seconds * 1e3,))
    for (side, number), each in found.items():
        yield Measurement("Sent for one of these waits", f"{number} visitors", side, "kB", (each.kilobytes,))
    for (side, number), each in found.items():
        yield Measurement(MEMORY, f"{number} visitors", side, "MB", (max(each.megabytes),))


def _profiles(profiles: dict[str, dict[str, float]]) -> Iterator[Measurement]:
    for side, milliseconds in profiles.items():
        for kind, value in milliseconds.items():
            yield Measurement(PROFILE, kind, side, "ms", (value,))


def _budgets(found: dict[tuple[str, int], Hall]) -> Iterator[Budget]:
    for side, number, middle, late, rate in ((MINI, 60, 0.3, 1.0, 12.0), (GPT2, 30, 0.4, 1.5, None)):
        if (side, number) in found:
            each = found[side, number]
            yield Budget(f"{number} visitors, {side}: median wait", middle, median(each.waits), "s")
            yield Budget(f"{number} visitors, {side}: 95th percentile", late, percentile(each.waits, 95), "s")
            longest = max(max(waits) / median(waits) for waits in each.seconds.values())
            yield Budget(f"{number} visitors, {side}: longest wait, in medians of its kind", 5, longest)
            if rate is not None:
                yield Budget(f"{number} visitors, {side}: visits a second", rate, each.rate, at_least=True)
