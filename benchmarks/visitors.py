"""A hall of visitors without browsers: what each waits for, and what the server needs for all of them.

A visitor opens the web socket that a browser would, runs a page with a prompt of their own, and does what people do
there: reads, chooses heads, has a text written, and leaves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from statistics import median
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Subprotocol

from benchmarks.processes import cpu_seconds_of, in_fresh_process
from benchmarks.results import Budget, Measurement, Result
from benchmarks.subjects import empty_app, model_folder
from benchmarks.waiting import Found, watch_memory
from tests.serving import Server, serving

NUMBERS = (10, 30, 60, 100)
SECONDS = 40.0
OPEN, CHOOSE, WRITE = "open a page with a prompt of one's own", "choose a head", "have 20 tokens written"
WAITS, RATES, MEMORY = "Waiting", "Visits a second", "Memory of the server"
EMPTY = "an empty Streamlit app"
MINI, GPT2 = "mini", "a network of GPT-2 small's shape"

_PAGES = ("", "head_grid", "head_view", "compare", "tour", "generate")
_WITH_HEADS = ("", "head_grid", "head_view")
_READING = 5.0  # seconds on average
_ARRIVALS = 2.0  # seconds in which all come
_PATIENCE = 120.0  # seconds
_N_WORDS = 24
_WORDS = "dog ship ran son teacher old red Paris James Mary garden house letter and the of in with saw read"
_STREAMLIT = Subprotocol("streamlit")
_DONE = ForwardMsg.ScriptFinishedStatus.Value("FINISHED_SUCCESSFULLY")


@dataclass
class Hall(Found):
    """What a hall of visitors found.

    Attributes:
        rate: of all that was waited for, a second.
        cpu_seconds: that the server computed for one of these waits.
        kilobytes: that were sent for one of them.
    """

    rate: float = 0.0
    cpu_seconds: float = 0.0
    kilobytes: float = 0.0

    @property
    def waits(self) -> list[float]:
        """All that was waited."""
        return [wait for waits in self.seconds.values() for wait in waits]


def run(runs: int = 5) -> Result:
    """Let halls of visitors come: to `mini`, to a network of GPT-2 small's shape, and to an empty app."""
    del runs  # each run has hundreds of visits
    return measure(NUMBERS, SECONDS)


def measure(numbers: tuple[int, ...], seconds: float) -> Result:
    """Let so many visitors come for so many seconds, to one server after the other, each warm."""
    found: dict[tuple[str, int], Hall] = {}
    with model_folder() as folder, empty_app() as empty:
        for side, script, model in ((MINI, None, "mini"), (GPT2, None, str(folder)), (EMPTY, empty, None)):
            with serving(*[script] if script else []) as server:
                visit_in_process(server, 3, min(seconds, 15.0), model)
                for number in numbers:
                    found[side, number] = visit_in_process(server, number, seconds, model)
    faults = [fault for each in found.values() for fault in each.faults]
    return Result(
        title="A hall of visitors",
        how=(
            f"Visitors without browsers on the same machine: each comes within {_ARRIVALS:g} s, opens a page by its "
            f"web socket with {_N_WORDS} words of its own, reads for {_READING:g} s on average, then chooses a head, "
            "has 20 tokens written, or leaves and comes again as somebody else. A wait runs until the page's run has "
            f"ended. Each hall stays for {seconds:g} s. The empty app is one `st.title`, opened as often."
        ),
        measurements=tuple(_measurements(found)),
        budgets=tuple(_budgets(found)),
        remarks=(f"Faults: {'; '.join(faults[:3]) if faults else 'none'}.",),
    )


def visit_in_process(server: Server, number: int, seconds: float, model: str | None) -> Hall:
    """Let visitors come from a process of their own, whose work is not the server's."""
    told = (server.address, server.pid, number, seconds, model)
    return Hall(**in_fresh_process("benchmarks.visitors:visit", *told, limit=seconds + 2 * _PATIENCE))


def visit(address: str, pid: int, number: int, seconds: float, model: str | None) -> dict[str, Any]:
    """Let visitors come and go for so many seconds; the fields of what they found."""
    return asdict(asyncio.run(_visit(address, pid, number, seconds, model)))


async def _visit(address: str, pid: int, number: int, seconds: float, model: str | None) -> Hall:
    found, sent = Hall(), [0]
    start, computed = time.perf_counter(), cpu_seconds_of(pid)
    end = start + seconds
    watch = asyncio.create_task(watch_memory(pid, found))
    await asyncio.gather(*(_Person(i, address, model, found, sent).stay(end) for i in range(number)))
    watch.cancel()
    n_waits = max(len(found.waits), 1)
    found.rate = n_waits / (time.perf_counter() - start)
    found.cpu_seconds = (cpu_seconds_of(pid) - computed) / n_waits
    found.kilobytes = sent[0] / 1e3 / n_waits
    return found


class _Person:
    """Comes again and again, each time as somebody else."""

    def __init__(self, number: int, address: str, model: str | None, found: Hall, sent: list[int]) -> None:
        self._random = Random(number)
        self._address, self._model, self._found, self._sent = address, model, found, sent

    async def stay(self, end: float) -> None:
        await asyncio.sleep(self._random.random() * _ARRIVALS)
        while time.perf_counter() < end:
            try:
                await self._come_and_go(end)
            except Exception as error:  # whatever a server under load comes up with is a finding
                self._found.faults.append(f"{type(error).__name__}: {str(error)[:200]}")
                await asyncio.sleep(1)

    async def _come_and_go(self, end: float) -> None:
        page = self._random.choice(_PAGES) if self._model else ""
        async with Visit(self._address, page, self._query(page)) as visit:
            await self._timed(OPEN, visit.run())
            await self._read(end)
            while self._model and self._random.random() < 0.5 and time.perf_counter() < end:
                if page in _WITH_HEADS:
                    await self._timed(CHOOSE, visit.choose_head(self._random.randrange(12)))
                elif page == "generate":
                    await self._timed(WRITE, visit.press("Generate"))
                await self._read(end)
            self._found.faults.extend(visit.faults)
            self._sent[0] += visit.n_bytes

    def _query(self, page: str) -> dict[str, str]:
        if not self._model:
            return {}
        names = ("prompt_a", "prompt_b") if page == "compare" else ("prompt",)
        own = {name: " ".join(self._random.choices(_WORDS.split(), k=_N_WORDS)) for name in names}
        return {"model": self._model, **own} | ({"new_tokens": "20"} if page == "generate" else {})

    async def _timed(self, what: str, deed: Any) -> None:
        start = time.perf_counter()
        await asyncio.wait_for(deed, _PATIENCE)
        self._found.seconds.setdefault(what, []).append(time.perf_counter() - start)

    async def _read(self, end: float) -> None:
        left = max(end - time.perf_counter(), 0)
        await asyncio.sleep(min(self._random.expovariate(1 / _READING), left))


class Visit:
    """A session of one visitor, as a browser would hold it.

    Attributes:
        faults: errors that the page showed.
        alerts: all that it said in a box, in order.
        n_bytes: that were sent to it.
    """

    def __init__(self, address: str, page: str, query: dict[str, str]) -> None:
        self._address, self._page, self._query = address, page, query
        self._widgets: dict[str, str] = {}  # ids of those that were drawn, by their labels
        self._number = 0.0
        self.faults: list[str] = []
        self.alerts: list[str] = []
        self.n_bytes = 0

    async def __aenter__(self) -> Self:
        stream = f"ws://{urlsplit(self._address).netloc}/_stcore/stream"
        self._socket = await websockets.connect(stream, subprotocols=[_STREAMLIT], max_size=None, open_timeout=60)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def run(self) -> None:
        """Run the page, and wait until all of it has come."""
        await self._send(self._rerun())

    async def choose_head(self, head: int) -> None:
        """Type another head."""
        message = self._rerun()
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id, widget.double_value = self._widgets["Head"], float(head)
        await self._send(message)

    async def press(self, label: str) -> None:
        """Press a button."""
        message = self._rerun()
        widget = message.rerun_script.widget_states.widgets.add()
        widget.id, widget.trigger_value = self._widgets[label], True
        await self._send(message)

    def _rerun(self) -> BackMsg:
        message = BackMsg()
        script = message.rerun_script
        script.query_string, script.page_name = urlencode(self._query), self._page
        script.context_info.timezone, script.context_info.locale = "UTC", "en"
        script.context_info.url = f"{self._address}/{self._page}"
        return message

    async def _send(self, message: BackMsg) -> None:
        await self._socket.send(message.SerializeToString())
        while True:
            content = await self._socket.recv()
            self.n_bytes += len(content)
            answer = ForwardMsg()
            answer.ParseFromString(content)
            if answer.WhichOneof("type") == "delta":
                self._see(answer.delta.new_element)
            if answer.WhichOneof("type") == "script_finished" and answer.script_finished == _DONE:
                return

    def _see(self, element: Any) -> None:
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.faults.append(element.exception.message)
        elif kind == "alert":
            self.alerts.append(element.alert.body)
            if element.alert.format == Alert.ERROR:
                self.faults.append(element.alert.body)
        elif kind in ("number_input", "button"):
            drawn = getattr(element, kind)
            self._widgets[drawn.label] = drawn.id


def _measurements(found: dict[tuple[str, int], Hall]) -> Iterator[Measurement]:
    for (side, number), each in found.items():
        row = f"{number} visitors"
        for what in (OPEN, CHOOSE, WRITE):
            if what in each.seconds:
                yield Measurement(f"{WAITS}: {side}", row, what, "s", tuple(each.seconds[what]))
        yield Measurement(f"{WAITS}: {side}", row, "the longest", "s", (max(each.waits, default=float("nan")),))
    for (side, number), each in found.items():
        yield Measurement(RATES, f"{number} visitors", side, "", (each.rate,))
    for (side, number), each in found.items():
        yield Measurement(
            "Computing for one of these waits", f"{number} visitors", side, "ms", (each.cpu_seconds * 1e3,)
        )
    for (side, number), each in found.items():
        yield Measurement(MEMORY, f"{number} visitors", side, "MB", (max(each.megabytes),))


def _budgets(found: dict[tuple[str, int], Hall]) -> Iterator[Budget]:
    for side, number, middle, late, rate in ((MINI, 60, 0.3, 1.0, 12.0), (GPT2, 30, 0.4, 1.5, None)):
        if (side, number) in found:
            each = found[side, number]
            waits = Measurement("", "", "", "s", tuple(each.waits), "none")
            yield Budget(f"{number} visitors, {side}: median wait", middle, median(each.waits), "s")
            yield Budget(f"{number} visitors, {side}: 95th percentile", late, waits.percentile(95), "s")
            yield Budget(
                f"{number} visitors, {side}: longest wait, in medians", 5, max(each.waits) / median(each.waits)
            )
            if rate is not None:
                yield Budget(f"{number} visitors, {side}: visits a second", rate, each.rate, at_least=True)
