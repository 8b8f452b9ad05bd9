"""What whoever runs the dashboard can limit: each limit at its bound, and one past it."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import Queue

import pytest

from attn_core import AttentionTrace, InvalidTrace, LanguageModel, capture, generate, limits, memory
from attn_core.turns import Turns, forward_passes
from attn_core.ui import kept, links
from tests.conftest import random_trace
from tests.test_pages import complaints, dashboard, press, shown
from tests.test_trace import npz, valid_arrays

SIX_TOKENS = "The dog on the ship ran"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Variables that a test sets are read again, and forgotten after it."""
    yield monkeypatch
    monkeypatch.undo()
    importlib.reload(limits)


def read_again() -> None:
    importlib.reload(limits)


def test_defaults_hold_where_nothing_is_set() -> None:
    assert (limits.PROMPT_TOKENS, limits.NEW_TOKENS, limits.RUNS_AT_ONCE) == (1024, 256, 2)
    assert (limits.TRACE_MEGABYTES, limits.MEMORY_MEGABYTES) == (640, None)
    assert (limits.MODELS, limits.MODEL_ROOT, limits.PROBLEMS) == ((), None, [])


def test_variables_are_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ATTN_MAX_PROMPT_TOKENS", " 50 ")
    environment.setenv("ATTN_MEMORY_MEGABYTES", "2000")
    environment.setenv("ATTN_MODELS", "gpt2, distilgpt2,")
    environment.setenv("ATTN_MODEL_ROOT", "/models")
    read_again()
    assert (limits.PROMPT_TOKENS, limits.MEMORY_MEGABYTES) == (50, 2000)
    assert (limits.MODELS, limits.MODEL_ROOT) == (("gpt2", "distilgpt2"), "/models")
    assert not limits.PROBLEMS


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1.5", "1e3", "٣", "∞"])
def test_a_variable_that_says_nothing_usable_is_told_on_every_page(
    environment: pytest.MonkeyPatch, value: str
) -> None:
    environment.setenv("ATTN_MAX_NEW_TOKENS", value)
    read_again()
    app = dashboard()
    assert not app.exception
    (told,) = complaints(app)
    assert told.startswith(f'ATTN_MAX_NEW_TOKENS="{value}" is not a positive whole number. ')


@pytest.mark.parametrize("page", ["home", "generate"])
def test_a_prompt_may_have_as_many_tokens_as_allowed_and_not_one_more(
    page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PROMPT_TOKENS", 6)

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
    monkeypatch.setattr(limits, "NEW_TOKENS", 3)
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
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    assert memory.room_for_recording() == 500
    monkeypatch.setattr(memory, "free_memory", lambda: 10**12)
    assert memory.room_for_recording() == limits.TRACE_MEGABYTES * 10**6


def test_a_link_may_be_as_long_as_servers_take_and_not_longer() -> None:
    longest = "dog " * (links.MAX_TEXT // 4)
    app = dashboard()
    for text, fits in ((longest, True), (longest + "s", False)):
        app.text_area(key="prompt_box").set_value(text).run()
        app.run()
        assert (app.session_state["prompt"], links.fits_a_link(text)) == (text, fits)


# --- runs at once ----------------------------------------------------------------------------------------------


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads bring about, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_as_many_run_at_once_as_allowed_and_the_next_one_waits(at_once: int) -> None:
    turns, go = Turns(at_once), threading.Event()
    running: list[int] = []

    def run(number: int) -> None:
        with turns.take():
            running.append(number)
            go.wait(10)

    with ThreadPoolExecutor(at_once + 1) as visitors:
        for number in range(at_once + 1):
            visitors.submit(run, number)
        wait_until(lambda: turns.n_waiting > 0 and len(running) == at_once)
        assert len(running) == at_once
        go.set()
    assert len(running) == at_once + 1
    assert turns.n_waiting == 0


def test_who_waits_for_a_turn_learns_how_many_are_before_it_and_may_leave() -> None:
    turns, begun, go, told = Turns(1), threading.Event(), threading.Event(), Queue[int]()

    class Left(Exception):
        pass

    def tell(n_before: int) -> None:
        told.put(n_before)
        raise Left

    def run() -> None:
        with turns.take():
            begun.set()
            go.wait(10)

    with ThreadPoolExecutor(2) as visitors:
        visitors.submit(run)
        assert begun.wait(10)
        visitors.submit(run)
        wait_until(lambda: turns.n_waiting > 0)
        with pytest.raises(Left), turns.take(tell):
            pass
        assert (told.get(), turns.n_waiting) == (2, 1)
        go.set()
    with turns.take():  # nobody kept one
        assert turns.n_waiting == 0


def test_a_turn_that_is_lent_comes_back_before_those_who_came_later() -> None:
    turns, order, go = Turns(1), list[str](), threading.Event()

    def run(name: str, stay: threading.Event | None = None) -> None:
        with turns.take():
            order.append(name)
            if stay is not None:
                stay.wait(10)

    def end_once_two_wait() -> None:
        wait_until(lambda: turns.n_waiting == 2)
        go.set()

    with ThreadPoolExecutor(3) as visitors, turns.take():
        visitors.submit(run, "first", go)
        wait_until(lambda: turns.n_waiting > 0)
        with turns.lend():
            wait_until(lambda: order == ["first"])
            visitors.submit(run, "second")
            wait_until(lambda: turns.n_waiting > 0)
            visitors.submit(end_once_two_wait)
        order.append("lender")
    assert order == ["first", "lender", "second"]


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns = Turns(1)
    order: list[int] = []

    def run(number: int) -> None:
        with turns.take():
            order.append(number)

    with turns.take():
        waiting = []
        for number in range(8):
            waiting.append(threading.Thread(target=run, args=(number,)))
            waiting[-1].start()
            while turns.n_waiting <= number:
                pass
    for thread in waiting:
        thread.join(10)
    assert order == list(range(8))


def test_a_run_that_fails_gives_its_turn_back() -> None:
    turns = Turns(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), turns.take():
            raise ZeroDivisionError
    with turns.take():
        assert turns.n_waiting == 0


def test_a_text_that_is_written_lets_others_in_between_its_tokens(mini: LanguageModel) -> None:
    steps = generate(mini, SIX_TOKENS, max_new_tokens=5)
    next(steps)
    with ThreadPoolExecutor(limits.RUNS_AT_ONCE + 1) as visitors:
        traces = list(visitors.map(lambda _: capture(mini, SIX_TOKENS), range(4)))
    assert len(list(steps)) == 4
    assert len(traces) == 4
    assert forward_passes.n_waiting == 0


# --- a public dashboard ----------------------------------------------------------------------------------------


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MODELS", ("mini",))
    monkeypatch.setattr(importlib.import_module("attn_core.ui.header"), "MODELS", ("mini",))


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
    bounded = kept.Memory(2.5 * trace.attention.nbytes / 1e6)
    keep = bounded.keeps(lambda source, number: random_trace(12, 12, 64, seed=number))
    for number in range(4):
        keep(trace, number)
        assert bounded.megabytes <= 2.5 * trace.attention.nbytes / 1e6


def test_turns_that_were_lent_come_back_in_the_order_in_which_they_are_wanted_again() -> None:
    turns, order = Turns(1), list[str]()
    done = {name: threading.Event() for name in ("first", "second", "holder")}

    def lend(name: str) -> None:
        with turns.take():
            with turns.lend():
                done[name].wait(10)
            order.append(name)

    def hold() -> None:
        with turns.take():
            order.append("holder")
            done["holder"].wait(10)

    with ThreadPoolExecutor(3) as visitors:
        for name in ("first", "second"):
            visitors.submit(lend, name)
        visitors.submit(hold)
        wait_until(lambda: order == ["holder"])
        done["second"].set()
        wait_until(lambda: turns.n_waiting == 1)
        done["first"].set()
        wait_until(lambda: turns.n_waiting == 2)
        done["holder"].set()
    assert order == ["holder", "second", "first"]
