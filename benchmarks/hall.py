"""What visitors without browsers do: read, choose heads, have a text written, leave and come again as others.

A visitor opens the web socket that a browser would and runs a page with a prompt of their own.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import websockets
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Subprotocol

from benchmarks.processes import cpu_seconds_of, in_fresh_process
from benchmarks.waiting import Found, watch_memory
from tests.support.serving import Server

OPEN, CHOOSE, WRITE = "open a page with a prompt of one's own", "choose a head", "have 20 tokens written"
READING = 5.0  # seconds on average
ARRIVALS = 2.0  # seconds in which all come
SETTLED_AFTER = 10.0  # seconds
N_WORDS = 24  # of a prompt

_PAGES = ("", "head_grid", "head_view", "compare", "tour", "generate")
_WITH_HEADS = ("", "head_grid", "head_view")
_PATIENCE = 120.0  # seconds
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
        settled: seconds of the waits that began when those who came all at once had been served: `SETTLED_AFTER`
            seconds after the hall was opened.
    """

    rate: float = 0.0
    cpu_seconds: float = 0.0
    kilobytes: float = 0.0
    settled: list[float] = field(default_factory=list)

    @property
    def waits(self) -> list[float]:
        """All that was waited."""
        return [wait for waits in self.seconds.values() for wait in waits]


def visit_in_process(server: Server, number: int, seconds: float, model: str | None) -> Hall:
    """Let visitors come from a process of their own, whose work is not the server's."""
    told = (server.address, server.pid, number, seconds, model)
    return Hall(**in_fresh_process("benchmarks.hall:visit", *told, limit=seconds + 2 * _PATIENCE))


def visit(address: str, pid: int, number: int, seconds: float, model: str | None) -> dict[str, Any]:
    """Let visitors come and go for so many seconds; the fields of what they found."""
    return asdict(asyncio.run(_visit(address, pid, number, seconds, model)))


async def _visit(address: str, pid: int, number: int, seconds: float, model: str | None) -> Hall:
    found, sent = Hall(), [0]
    start, computed = time.perf_counter(), cpu_seconds_of(pid)
    end = start + seconds
    watch = asyncio.create_task(watch_memory(pid, found))
    await asyncio.gather(*(_Person(address, model, found, sent).stay(end) for _ in range(number)))
    watch.cancel()
    n_waits = max(len(found.waits), 1)
    found.rate = n_waits / (time.perf_counter() - start)
    found.cpu_seconds = (cpu_seconds_of(pid) - computed) / n_waits
    found.kilobytes = sent[0] / 1e3 / n_waits
    return found


class _Person:
    """Comes again and again, each time as somebody else."""

    def __init__(self, address: str, model: str | None, found: Hall, sent: list[int]) -> None:
        self._random = Random()  # never the same prompts again: the server remembers them
        self._address, self._model, self._found, self._sent = address, model, found, sent
        self._settled = time.perf_counter() + SETTLED_AFTER

    async def stay(self, end: float) -> None:
        await asyncio.sleep(self._random.random() * ARRIVALS)
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
        own = {name: " ".join(self._random.choices(_WORDS.split(), k=N_WORDS)) for name in names}
        return {"model": self._model, **own} | ({"new_tokens": "20"} if page == "generate" else {})

    async def _timed(self, what: str, deed: Any) -> None:
        start = time.perf_counter()
        await asyncio.wait_for(deed, _PATIENCE)
        wait = time.perf_counter() - start
        self._found.seconds.setdefault(what, []).append(wait)
        if start > self._settled:
            self._found.settled.append(wait)

    async def _read(self, end: float) -> None:
        left = max(end - time.perf_counter(), 0)
        await asyncio.sleep(min(self._random.expovariate(1 / READING), left))


class Visit:
    """A session of one visitor, as a browser would hold it.

    Attributes:
        faults: errors that the page showed.
        alerts: all that it said in a box, in order.
        n_bytes: that were sent to it.
        elements: the messages of the last run that put something on the page.
    """

    def __init__(self, address: str, page: str, query: dict[str, str]) -> None:
        self._address, self._page, self._query = address, page, query
        self._session = ""
        self._widgets: dict[str, str] = {}  # ids of those that were drawn, by their labels
        self.faults: list[str] = []
        self.alerts: list[str] = []
        self.n_bytes = 0
        self.elements: list[bytes] = []

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

    async def prepare_download(self, label: str) -> str:
        """Press a button that makes a file; the address of the file."""
        message = BackMsg()
        request = message.backend_operation_request
        request.request_id, request.session_id = label, self._session
        request.deferred_file.file_id = self._widgets[label]
        await self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await self._socket.recv(decode=False))
            if answer.WhichOneof("type") == "backend_operation_response":
                return self._address + answer.backend_operation_response.deferred_file.url

    def _rerun(self) -> BackMsg:
        message = BackMsg()
        script = message.rerun_script
        script.query_string, script.page_name = urlencode(self._query), self._page
        script.context_info.timezone, script.context_info.locale = "UTC", "en"
        script.context_info.url = f"{self._address}/{self._page}"
        return message

    async def _send(self, message: BackMsg) -> None:
        await self._socket.send(message.SerializeToString())
        self.elements = []
        while True:
            content = await self._socket.recv(decode=False)
            self.n_bytes += len(content)
            answer = ForwardMsg()
            answer.ParseFromString(content)
            if answer.WhichOneof("type") == "new_session":
                self._session = answer.new_session.initialize.session_id
            if answer.WhichOneof("type") == "delta":
                self.elements.append(content)
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
        elif kind == "download_button":
            self._widgets[element.download_button.label] = element.download_button.deferred_file_id


def idle_share(server: Server, n_sessions: int, seconds: float) -> float:
    """Let sessions stay open and do nothing; the part of a core that the server computes meanwhile."""
    return float(in_fresh_process("benchmarks.hall:stay_idle", server.address, server.pid, n_sessions, seconds))


def stay_idle(address: str, pid: int, n_sessions: int, seconds: float) -> float:
    """Open sessions one after the other, wait until the server rests, and see what it computes from then on."""

    async def stay() -> float:
        async with AsyncExitStack() as stack:
            for number in range(n_sessions):
                visit = await stack.enter_async_context(
                    Visit(address, "", {"model": "mini", "prompt": f"No {number}"})
                )
                await visit.run()
            await asyncio.sleep(2 * seconds)  # those who were there before are forgotten within a minute
            before = cpu_seconds_of(pid)
            await asyncio.sleep(seconds)
            return (cpu_seconds_of(pid) - before) / seconds

    return asyncio.run(stay())
