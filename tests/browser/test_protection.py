"""What the server refuses, though a browser of its own pages would never ask for it."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets
from playwright.sync_api import Page, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Common_pb2 import FileURLsRequest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus

from attn_core.server.middleware import MULTIPART
from tests.support.serving import Server, serving
from tests.support.traces import random_trace
from tests.support.visiting import open_menu, settle, visit

pytestmark = pytest.mark.browser

MAX_SESSIONS = 6
MEGABYTE = 2**20
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def silent_proxy() -> Iterator[socket.socket]:
    """Listen where requests to the web would go, and answer none."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture(scope="module")
def small(silent_proxy: socket.socket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server for few visitors, each with a megabyte to upload, behind a firewall that drops packets."""
    proxy = f"http://127.0.0.1:{silent_proxy.getsockname()[1]}"
    with serving(
        log=tmp_path_factory.mktemp("log") / "log",
        ATTN_MAX_SESSIONS=str(MAX_SESSIONS),
        STREAMLIT_SERVER_MAX_UPLOAD_SIZE="1",
        STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL="1",
        HTTP_PROXY=proxy,
        HTTPS_PROXY=proxy,
        NO_PROXY="127.0.0.1",
    ) as running:
        yield running


class Session:
    """A visitor's web socket, over which no page is run."""

    def __init__(self, address: str, origin: str | None = None) -> None:
        self._address, self._origin = address, origin

    async def __aenter__(self) -> Session:
        stream = f"ws://{urlsplit(self._address).netloc}/_stcore/stream"
        self._socket = await websockets.connect(
            stream,
            subprotocols=[websockets.Subprotocol("streamlit")],
            origin=None if self._origin is None else websockets.Origin(self._origin),
            max_size=None,
            close_timeout=0,  # nobody reads what the server still sends
        )
        await self._send(BackMsg(rerun_script=ClientState()))
        self.id = (await self._receive("new_session")).new_session.initialize.session_id
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()

    async def announce(self, n_files: int) -> list[str]:
        """Ask for the addresses of uploads, as a page does when somebody chooses files."""
        names = [f"{number}.npz" for number in range(n_files)]
        request = FileURLsRequest(request_id="1", file_names=names, session_id=self.id)
        await self._send(BackMsg(file_urls_request=request))
        answer = await self._receive("file_urls_response")
        return [self._address + urls.upload_url for urls in answer.file_urls_response.file_urls]

    async def _send(self, message: BackMsg) -> None:
        await self._socket.send(message.SerializeToString())

    async def _receive(self, kind: str) -> ForwardMsg:
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await self._socket.recv(decode=False))
            if answer.WhichOneof("type") == kind:
                return answer


def ask(
    address: str, headers: dict[str, str] | None = None, *, method: str = "GET", data: bytes | None = None
) -> tuple[int, str, dict[str, str]]:
    """Return the status, the text and the headers of an answer."""
    request = urllib.request.Request(address, data, headers or {}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read().decode(errors="replace"), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def upload(server: Server, address: str, n_bytes: int) -> int:
    """Upload so many bytes, and return the status of the answer."""
    _, _, answered = ask(f"{server.address}/_stcore/health")
    token = answered["set-cookie"].split(";")[0].partition("=")[2]
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + b"x" * n_bytes + b"\r\n--edge--\r\n"
    )
    headers = {"Cookie": f"_streamlit_xsrf={token}", "X-Xsrftoken": token}
    headers["Content-Type"] = "multipart/form-data; boundary=edge"
    return ask(address, headers, method="PUT", data=body)[0]


def run(elsewhere: Executor, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a thread without an event loop."""
    elsewhere.submit(lambda: asyncio.run(work())).result()


# --- uploads -----------------------------------------------------------------------------------------------------


def test_an_upload_that_no_page_announced_is_refused(elsewhere: Executor, small: Server) -> None:
    async def work() -> None:
        async with Session(small.address) as session:
            for file in (uuid.uuid4(), "x", "a/b", ""):
                address = f"{small.address}/_stcore/upload_file/{session.id}/{file}"
                assert await asyncio.to_thread(upload, small, address, 10) == 404

    run(elsewhere, work)


def test_uploads_are_bounded_for_a_session_and_for_all_and_given_up_when_it_ends(
    elsewhere: Executor, small: Server
) -> None:
    async def work() -> None:
        async with AsyncExitStack() as visitors:

            async def come(n_files: int) -> list[str]:
                return await (await visitors.enter_async_context(Session(small.address))).announce(n_files)

            async def put(address: str, n_bytes: int) -> int:
                return await asyncio.to_thread(upload, small, address, n_bytes)

            first = await come(20)
            assert await put(first[0], MEGABYTE + MULTIPART) == 413
            assert await put(first[0], MEGABYTE - 1000) == 204
            assert {await put(address, MEGABYTE - 1000) for address in first[1:]} == {413}
            for _ in range(3):
                assert await put((await come(1))[0], MEGABYTE - 1000) == 204
            (last,) = await come(1)
            assert await put(last, MEGABYTE - 1000) == 503
            assert await put(last, 1000) == 204
        async with Session(small.address) as session:
            (address,) = await session.announce(1)
            while await put(address, MEGABYTE - 1000) != 204:  # those who left are forgotten within seconds
                await asyncio.sleep(0.2)

    run(elsewhere, work)


def test_a_recording_that_is_open_is_not_kept_as_a_file_too(page: Page, server: str, tmp_path: Path) -> None:
    """The server takes a megabyte from each session: a second file would not fit beside the first."""
    files = [tmp_path / f"{seed}.npz" for seed in range(3)]
    for seed, file in enumerate(files):
        random_trace(6, 8, 128, seed).save(file)
        assert file.stat().st_size > 0.6 * MEGABYTE
    visit(page, server)
    for file in files:
        settle(page)
        open_menu(page, "session_menu").get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
        expect(page.get_by_text(f"Recording {file.name}")).to_be_visible()
        settle(page)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Close recording").click()
        expect(page.get_by_text(f"Recording {file.name}")).to_be_hidden()


# --- visitors ----------------------------------------------------------------------------------------------------


def test_whoever_comes_to_a_full_dashboard_reads_it_and_gets_in_when_somebody_leaves(
    elsewhere: Executor, page: Page, small: Server
) -> None:
    async def fill() -> None:
        async with AsyncExitStack() as visitors:
            for _ in range(MAX_SESSIONS - 1):
                await visitors.enter_async_context(Session(small.address))
            async with Session(small.address):
                with pytest.raises(InvalidStatus):
                    await visitors.enter_async_context(Session(small.address))
                status, text, headers = await asyncio.to_thread(ask, small.address, PAGE)
                assert (status, headers["retry-after"]) == (503, "30")
                assert "The dashboard is full" in text
                assert await asyncio.to_thread(lambda: ask(f"{small.address}/_stcore/health")[0]) == 200
            while (await asyncio.to_thread(ask, small.address, PAGE))[0] != 200:
                await asyncio.sleep(0.05)
            await visitors.enter_async_context(Session(small.address))

    run(elsewhere, fill)


def test_a_web_socket_of_another_site_is_refused_and_nobody_is_asked(
    elsewhere: Executor, small: Server, silent_proxy: socket.socket
) -> None:
    async def come() -> None:
        for origin in ("http://evil.example", "https://8.8.8.8", "null", "http://127.0.0.1.evil.example"):
            with pytest.raises(InvalidStatus) as refused:
                async with Session(small.address, origin):
                    pass
            assert refused.value.response.status_code == 403
        async with Session(small.address, small.address):
            pass

    run(elsewhere, come)
    silent_proxy.setblocking(False)
    with pytest.raises(BlockingIOError):
        silent_proxy.accept()


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "head_grid", "_stcore/health", "_stcore/host-config", "nowhere.js"])
def test_every_answer_has_headers_that_protect(small: Server, path: str) -> None:
    _, _, headers = ask(f"{small.address}/{path}", PAGE)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_a_page_may_be_framed_by_others_only_where_its_address_says_so(small: Server) -> None:
    for path, ancestors in (("", "'self'"), ("head_grid?embed=true", "*"), ("?embed=false", "'self'")):
        _, _, headers = ask(f"{small.address}/{path}", PAGE)
        assert headers["content-security-policy"] == f"frame-ancestors {ancestors}"


def test_cookies_are_for_safe_links_only_where_the_link_is_safe(small: Server) -> None:
    for protocol, is_secure in (("https", True), ("http", False)):
        _, _, headers = ask(f"{small.address}/_stcore/health", {"X-Forwarded-Proto": protocol})
        assert ("; Secure" in headers["set-cookie"]) == is_secure


def test_the_servers_metrics_are_nobodys_business(small: Server) -> None:
    assert ask(f"{small.address}/_stcore/metrics")[0] == 404


def test_a_setting_that_says_nothing_usable_is_told_by_the_health_check_and_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(log=log, healthy=False, ATTN_MODELS=",") as running:
        status, text, _ = ask(f"{running.address}/_stcore/health")
        assert (status, text) == (503, 'ATTN_MODELS="," names no model.')
    assert 'ATTN_MODELS="," names no model. Fix it and restart.' in log.read_text()
