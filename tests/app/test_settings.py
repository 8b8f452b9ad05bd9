"""What whoever runs the dashboard can limit: each limit at its bound, and one past it."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from queue import Queue
from types import SimpleNamespace

import psutil
import pytest

from attn_core import AttentionTrace, InvalidTrace, LanguageModel, capture, generate
from attn_core.server import memory, startup
from attn_core.server.cache import BoundedCache
from attn_core.server.playlist import load_recording
from attn_core.server.queue import FairQueue, forward_passes
from attn_core.server.settings import RANGES, Settings, get_settings
from attn_core.trace import unpacked_size
from attn_core.ui import links
from tests.support.pages import complaints, dashboard, press, shown
from tests.support.settings import set_environment
from tests.support.traces import npz, random_trace, valid_arrays

SIX_TOKENS = "The dog on the ship ran"


def test_defaults_hold_where_nothing_is_set() -> None:
    assert Settings.from_environment({}) == Settings(
        max_prompt_tokens=1024,
        max_new_tokens=256,
        max_runs=2,
        trace_megabytes=640,
        memory_megabytes=None,
        models=(),
        model_root=None,
        problems=(),
    )
    assert Settings().default_model == "gpt2"


def test_variables_are_read(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {
            "ATTN_MAX_PROMPT_TOKENS": " 50 ",
            "ATTN_MAX_NEW_TOKENS": "1",
            "ATTN_MAX_RUNS": "3",
            "ATTN_TRACE_MEGABYTES": "7",
            "ATTN_MEMORY_MEGABYTES": "2000",
            "ATTN_MODELS": "distilgpt2, gpt2,",
            "ATTN_MODEL_ROOT": str(tmp_path),
            "ATTN_MAX_SESSIONS": "60",
        }
    )
    assert (settings.max_prompt_tokens, settings.max_new_tokens, settings.max_runs) == (50, 1, 3)
    assert (settings.trace_megabytes, settings.memory_megabytes) == (7, 2000)
    assert (settings.models, settings.default_model) == (("distilgpt2", "gpt2"), "distilgpt2")
    assert (settings.model_root, settings.max_sessions) == (str(tmp_path), 60)
    assert not settings.problems


@pytest.mark.parametrize(
    "value", ["abc", "0", "-1", "1.5", "1e3", "٣", "∞", str(2**53), pytest.param("9" * 5000, id="5,000 digits")]
)
def test_a_variable_that_says_nothing_usable_is_told_on_every_page(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    set_environment(monkeypatch, ATTN_MAX_NEW_TOKENS=value)
    app = dashboard()
    assert not app.exception
    (told,) = complaints(app)
    assert told == (
        f'ATTN_MAX_NEW_TOKENS="{value[:40]}" is not a whole number from 1 to 100,000. Fix it and restart.'
    )


@pytest.mark.parametrize("variable", RANGES)
def test_every_number_is_taken_at_its_bounds_and_not_beyond(variable: str) -> None:
    least, most = RANGES[variable]
    for value in (least, most):
        assert not Settings.from_environment({variable: f" {value} "}).problems
    for value in (least - 1, most + 1, -most):
        (problem,) = Settings.from_environment({variable: str(value)}).problems
        assert problem == f'{variable}="{value}" is not a whole number from {least:,} to {most:,}.'


@pytest.mark.parametrize("value", ["", ",", " , ,", " "])
def test_a_list_of_models_that_names_none_opens_the_dashboard_to_nobody(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    set_environment(monkeypatch, ATTN_MODELS=value)
    app = dashboard()
    assert complaints(app) == [f'ATTN_MODELS="{value}" names no model. Fix it and restart.']
    assert not app.get("text_area")


@pytest.mark.parametrize("variable", ["ATTN_MODEL_ROOT", "ATTN_PLAYLIST"])
def test_a_folder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    set_environment(monkeypatch, **{variable: "/nowhere"})
    assert complaints(dashboard()) == [f'{variable}="/nowhere" is not a folder. Fix it and restart.']


@pytest.mark.parametrize("megabytes", [0, -1, 1001])
def test_a_size_of_uploads_that_is_no_size_is_told(monkeypatch: pytest.MonkeyPatch, megabytes: int) -> None:
    monkeypatch.setattr(startup, "streamlit_settings", lambda: {"server.maxUploadSize": megabytes})
    assert complaints(dashboard()) == [
        f"server.maxUploadSize={megabytes} is not a number of megabytes from 1 to 1,000. Fix it and restart."
    ]


def test_a_system_without_a_folder_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_none() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", find_none)
    (told,) = complaints(dashboard())
    assert told == (
        "No folder for temporary files can be written. Set TMPDIR to one, or start the container with --tmpfs /tmp. "
        "Fix it and restart."
    )


@pytest.mark.parametrize(("n_files", "n_tabs"), [(1024, 206), (1_048_576, 500), (64, 1)])
def test_fewer_tabs_may_be_open_where_the_system_allows_few_files(n_files: int, n_tabs: int) -> None:
    assert startup.max_sessions(n_files) == n_tabs


def test_the_server_may_open_as_many_files_as_the_system_allows() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        assert startup.raise_file_limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_message_that_comes_again_and_again_is_written_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    logger = logging.getLogger("uvicorn.test")
    startup.quiet_logs()
    for origin in range(1000):
        logger.warning("Rejecting %s", origin)
    logger.warning("Another")
    now[0] = 61
    logger.warning("Rejecting %s", "the last")
    assert caplog.messages == ["Rejecting 0", "Another", "Rejecting the last (and 999 more like it)"]


@pytest.mark.parametrize("page", ["home", "generate"])
def test_a_prompt_may_have_as_many_tokens_as_allowed_and_not_one_more(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, ATTN_MAX_PROMPT_TOKENS=6)

    def run(prompt: str) -> list[str]:
        app = dashboard(page, prompt=prompt)
        if page == "generate":
            press(app, "Generate")
        assert not app.exception
        return complaints(app)

    assert run(SIX_TOKENS) == []
    (told,) = run(f"{SIX_TOKENS} the")
    assert "has 7 tokens; this dashboard allows 6. Shorten it." in told


def test_as_many_tokens_are_written_as_allowed_and_not_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, ATTN_MAX_NEW_TOKENS=3)
    monkeypatch.setitem(links.CHOICES, "new_tokens", replace(links.CHOICES["new_tokens"], default=3))
    app = dashboard("generate")
    (box,) = (box for box in app.number_input if box.label == "Tokens to generate")
    assert (box.max, box.value) == (3, 3)
    press(app, "Generate")
    assert "3 tokens by mini" in shown(app)
    box.set_value(4)  # a browser would not, but what it sends need not come from a browser
    press(app, "Generate")
    assert len(app.session_state["generated"].steps) <= 3


def test_a_recording_may_be_as_large_as_allowed_and_not_a_byte_larger() -> None:
    arrays = valid_arrays()
    size = arrays["attention"].nbytes
    assert AttentionTrace.load(npz(**arrays), max_bytes=size).n_tokens == 5
    with pytest.raises(InvalidTrace, match="larger than"):
        AttentionTrace.load(npz(**arrays), max_bytes=size - 1)


def test_a_recording_takes_half_of_what_is_free_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    with memory.reserve_for_recording(300) as limit:
        assert limit == 500
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**15))
    with memory.reserve_for_recording(300) as limit:
        assert limit <= get_settings().trace_megabytes * 10**6


def test_what_is_opened_at_the_same_time_shares_the_memory_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**6))
    content = random_trace(2, 2, 150).to_bytes()  # 180 kB in memory
    n_opened, refused = 0, []
    with ExitStack() as others:
        for _ in range(6):
            try:
                load_recording(io.BytesIO(content))
            except InvalidTrace as error:
                refused.append(str(error))
            else:
                n_opened += 1
                others.enter_context(memory.reserve_memory(unpacked_size(io.BytesIO(content))))
    assert (n_opened, len(refused)) == (4, 2)
    assert refused[0].endswith("are free for it. Try again later, or record a shorter prompt.")
    assert memory.free_memory() == 10**6


def test_a_link_may_be_as_long_as_servers_take_and_not_longer() -> None:
    longest = "dog " * (links.MAX_TEXT // 4)
    app = dashboard()
    for text, fits in ((longest, True), (longest + "s", False)):
        app.text_area(key="prompt_box").set_value(text).run()
        app.run()
        assert (app.session_state["prompt"], links.fits_in_link(text)) == (text, fits)


# --- runs at once ----------------------------------------------------------------------------------------------


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads bring about, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_as_many_run_at_once_as_allowed_and_the_next_one_waits(at_once: int) -> None:
    queue, go = FairQueue(at_once), threading.Event()
    running: list[int] = []

    def run(number: int) -> None:
        with queue.slot():
            running.append(number)
            go.wait(10)

    with ThreadPoolExecutor(at_once + 1) as visitors:
        for number in range(at_once + 1):
            visitors.submit(run, number)
        wait_until(lambda: queue.n_waiting > 0 and len(running) == at_once)
        assert len(running) == at_once
        go.set()
    assert len(running) == at_once + 1
    assert queue.n_waiting == 0


def test_who_waits_for_a_turn_learns_how_many_are_before_it_and_may_leave() -> None:
    queue, begun, go, told = FairQueue(1), threading.Event(), threading.Event(), Queue[int]()

    class Left(Exception):
        pass

    def tell(n_before: int) -> None:
        told.put(n_before)
        raise Left

    def run() -> None:
        with queue.slot():
            begun.set()
            go.wait(10)

    with ThreadPoolExecutor(2) as visitors:
        visitors.submit(run)
        assert begun.wait(10)
        visitors.submit(run)
        wait_until(lambda: queue.n_waiting > 0)
        with pytest.raises(Left), queue.slot(tell):
            pass
        assert (told.get(), queue.n_waiting) == (2, 1)
        go.set()
    with queue.slot():  # nobody kept one
        assert queue.n_waiting == 0


def test_a_turn_that_is_lent_comes_back_before_those_who_came_later() -> None:
    queue, order, go = FairQueue(1), list[str](), threading.Event()

    def run(name: str, stay: threading.Event | None = None) -> None:
        with queue.slot():
            order.append(name)
            if stay is not None:
                stay.wait(10)

    def end_once_two_wait() -> None:
        wait_until(lambda: queue.n_waiting == 2)
        go.set()

    with ThreadPoolExecutor(3) as visitors, queue.slot():
        visitors.submit(run, "first", go)
        wait_until(lambda: queue.n_waiting > 0)
        with queue.lend_slot():
            wait_until(lambda: order == ["first"])
            visitors.submit(run, "second")
            wait_until(lambda: queue.n_waiting > 0)
            visitors.submit(end_once_two_wait)
        order.append("lender")
    assert order == ["first", "lender", "second"]


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    queue = FairQueue(1)
    order: list[int] = []

    def run(number: int) -> None:
        with queue.slot():
            order.append(number)

    with queue.slot():
        waiting = []
        for number in range(8):
            waiting.append(threading.Thread(target=run, args=(number,)))
            waiting[-1].start()
            while queue.n_waiting <= number:
                pass
    for thread in waiting:
        thread.join(10)
    assert order == list(range(8))


def test_a_run_that_fails_gives_its_turn_back() -> None:
    queue = FairQueue(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), queue.slot():
            raise ZeroDivisionError
    with queue.slot():
        assert queue.n_waiting == 0


def test_a_text_that_is_written_lets_others_in_between_its_tokens(mini: LanguageModel) -> None:
    steps = generate(mini, SIX_TOKENS, max_new_tokens=5)
    next(steps)
    with ThreadPoolExecutor(get_settings().max_runs + 1) as visitors:
        traces = list(visitors.map(lambda _: capture(mini, SIX_TOKENS), range(4)))
    assert len(list(steps)) == 4
    assert len(traces) == 4
    assert forward_passes.n_waiting == 0


# --- a public dashboard ----------------------------------------------------------------------------------------


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, ATTN_MODELS="mini")


@pytest.mark.parametrize("asked", ["gpt2", "/etc", "someone/else", "[x](http://evil)", "/etc/../work"])
def test_a_public_dashboard_shows_what_it_offers_whatever_the_link_asks_for(public: None, asked: str) -> None:
    app = dashboard(model=asked)
    assert not app.exception
    assert "is unavailable, so you see mini" in shown(app)
    assert "mini · 12 × 12 heads · bundled" in shown(app)
    assert not [button for button in app.button if button.label == "Try again"]


def test_a_public_dashboard_takes_no_typed_model(public: None) -> None:
    app = dashboard()
    (box,) = (box for box in app.selectbox if box.label == "Model")
    assert box.options == ["mini"]
    assert not box.proto.accept_new_options


def test_what_was_captured_stays_within_the_memory_that_a_deployer_allows() -> None:
    trace = random_trace(12, 12, 64)
    bounded = BoundedCache(2.5 * trace.attention.nbytes / 1e6)
    keep = bounded.memoize(lambda source, number: random_trace(12, 12, 64, seed=number))
    for number in range(4):
        keep(trace, number)
        assert bounded.megabytes <= 2.5 * trace.attention.nbytes / 1e6


def test_turns_that_were_lent_come_back_in_the_order_in_which_they_are_wanted_again() -> None:
    queue, order = FairQueue(1), list[str]()
    done = {name: threading.Event() for name in ("first", "second", "holder")}

    def lend(name: str) -> None:
        with queue.slot():
            with queue.lend_slot():
                done[name].wait(10)
            order.append(name)

    def hold() -> None:
        with queue.slot():
            order.append("holder")
            done["holder"].wait(10)

    with ThreadPoolExecutor(3) as visitors:
        for name in ("first", "second"):
            visitors.submit(lend, name)
        visitors.submit(hold)
        wait_until(lambda: order == ["holder"])
        done["second"].set()
        wait_until(lambda: queue.n_waiting == 1)
        done["first"].set()
        wait_until(lambda: queue.n_waiting == 2)
        done["holder"].set()
    assert order == ["holder", "second", "first"]
