"""What sessions share is worked out once and stays within its memory."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from attn_core.server.cache import BoundedCache
from attn_core.trace import AttentionTrace
from tests.support.traces import random_trace


@dataclass(frozen=True)
class Choice:
    number: int


def test_what_was_made_of_a_trace_is_made_once() -> None:
    made: list[AttentionTrace] = []

    @BoundedCache(1).memoize
    def count(trace: AttentionTrace, by: int) -> int:
        made.append(trace)
        return len(made) * by

    a, b = random_trace(), random_trace()
    assert [count(a, 1), count(a, 1), count(b, 1), count(a, 2)] == [1, 1, 2, 6]


def test_equal_settings_are_one_though_they_are_two_objects() -> None:
    made: list[int] = []

    @BoundedCache(1).memoize
    def count(settings: Choice) -> int:
        made.append(settings.number)  # and lets the settings go
        return len(made)

    assert [count(Choice(1)), count(Choice(1)), count(Choice(2))] == [1, 1, 2]


def test_many_sessions_that_ask_at_once_wait_for_one() -> None:
    everybody_asks = threading.Barrier(8)
    made: list[int] = []

    @BoundedCache(1).memoize
    def slow(trace: AttentionTrace) -> int:
        for _ in range(100_000):  # while the others come
            pass
        made.append(1)
        return len(made)

    trace = random_trace()

    def session(_: int) -> int:
        everybody_asks.wait()
        return slow(trace)

    with ThreadPoolExecutor(8) as sessions:
        assert set(sessions.map(session, range(8))) == {1}


def test_the_memory_stays_within_its_bound() -> None:
    memory = BoundedCache(1)

    @memory.memoize
    def half(trace: AttentionTrace, number: int) -> NDArray[np.uint8]:
        return np.zeros(400_000, dtype=np.uint8)

    trace = random_trace()
    for number in range(20):
        half(trace, number)
        assert memory.megabytes <= 1


def test_a_value_larger_than_the_memory_is_kept_alone() -> None:
    memory = BoundedCache(1)
    made: list[int] = []

    @memory.memoize
    def large(trace: AttentionTrace, size: int) -> NDArray[np.uint8]:
        made.append(size)
        return np.zeros(size, dtype=np.uint8)

    trace = random_trace()
    for size in (1000, 3_000_000, 3_000_000):
        large(trace, size)
    assert made == [1000, 3_000_000]
    large(trace, 1000)
    assert made == [1000, 3_000_000, 1000]


def test_a_trace_counts_with_its_arrays() -> None:
    memory = BoundedCache(100)
    trace = random_trace(12, 12, 64)
    memory.memoize(lambda source: source)(trace)
    assert 12 * 12 * 64 * 64 * 2 <= memory.megabytes * 1e6 < 12 * 12 * 64 * 64 * 2 + 10_000


def test_nothing_that_was_made_of_a_trace_keeps_it_alive() -> None:
    name = BoundedCache(1).memoize(lambda trace: trace.model)
    trace = random_trace()
    there = weakref.ref(trace)
    assert name(trace) == "random"
    del trace
    gc.collect()
    assert there() is None


def test_a_source_that_fails_can_be_asked_again() -> None:
    asked: list[AttentionTrace] = []

    @BoundedCache(1).memoize
    def ask(trace: AttentionTrace) -> str:
        asked.append(trace)
        if len(asked) == 1:
            raise ValueError("not now")
        return "now"

    trace = random_trace()
    with pytest.raises(ValueError, match="not now"):
        ask(trace)
    assert ask(trace) == "now"


def test_arrays_count_with_all_that_they_show_wherever_they_stand() -> None:
    view = np.zeros(200_000, dtype=np.uint8)[::1]  # an array that does not own its bytes
    for value in (view, {"one": view}, [view], (view, "text")):
        memory = BoundedCache(100)
        memory.memoize(lambda trace, value=value: value)(random_trace())
        assert 0.2 <= memory.megabytes < 0.201
