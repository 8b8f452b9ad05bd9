"""Capturing a trace, beside transformers' own way to attention: eager with `output_attentions=True`."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from attn_core import capture
from benchmarks.processes import in_fork, in_fresh_process, memory_now, reset_peak
from benchmarks.results import Budget, Measurement, Result, by_turns
from benchmarks.subjects import N_CORES, gpt2_model, gpt2_network, token_ids

SIZES = (8, 32, 128, 512, 1024)  # tokens
OURS, EAGER, LEAN = "capture", "eager", "eager, last logits only"
TIME, MEMORY = "Time", "Peak memory added"
PROFILE = "Where the time goes, the longest text, one call under torch's profiler"
KINDS = {
    "aten::addmm": "dense layers",
    "aten::mm": "logits",
    "aten::bmm": "queries by keys, weights by values",
    "aten::_softmax": "softmax",
    "aten::copy_": "copying and rounding",
}
REST = "the rest: activation, masks, norms, sums"
SHORT = 32
SHORTEST_RUN = 0.25  # seconds that are timed at least: so many calls are one run


def run(runs: int = 5) -> Result:
    """Time all sides turn about, then measure each one's memory in processes of its own."""
    cells = tuple(_measured(runs))
    result = Result(
        title="Capture",
        how=(
            "A network of GPT-2 small's shape on tokens drawn at random. *Eager* is `model(ids, "
            "output_attentions=True)` as everybody writes it; *last logits only* leaves out all else that one "
            f"need not have: `logits_to_keep=1, use_cache=False`. {runs} runs, turn about. Memory is the most "
            "that a call adds to a warm process of its own, its result included."
        ),
        measurements=cells,
        remarks=(
            "The dense layers are the same work for both sides and more than half of ours: capture saves the "
            "logits and the upper half of the attention, and cannot be quicker than the layers.",
        ),
        compared=(TIME, MEMORY),
    )

    def part(table: str, n_tokens: int) -> float:
        ours, eager = (result.find(table, f"{n_tokens:,} tokens", side).median for side in (OURS, EAGER))
        return ours / eager

    longest = SIZES[-1]
    budgets = (
        Budget(f"capture, {longest:,} tokens, time as a part of eager's", 0.55, part(TIME, longest)),
        Budget(f"capture, {longest:,} tokens, added peak memory as a part of eager's", 0.5, part(MEMORY, longest)),
        Budget(f"capture, {SHORT} tokens, time as a part of eager's", 1.0, part(TIME, SHORT)),
    )
    return replace(result, budgets=budgets)


def _measured(runs: int) -> Iterator[Measurement]:
    torch.set_num_threads(N_CORES)
    sides = {side: way(side) for side in (OURS, EAGER, LEAN)}
    for n_tokens in SIZES:
        ids = token_ids(n_tokens)
        calls = max(int(SHORTEST_RUN / _seconds(sides[EAGER], ids, 1)), 1)
        timed = by_turns({side: partial(_seconds, call, ids, calls) for side, call in sides.items()}, runs)
        for side, seconds in timed.items():
            yield Measurement(TIME, f"{n_tokens:,} tokens", side, "ms", tuple(1e3 * value for value in seconds))
    for side in (OURS, EAGER):
        yield from _profile(side, sides[side])
    del sides
    for side in (OURS, EAGER):
        peaks = in_fresh_process("benchmarks.capturing:added_peaks", side, SIZES, runs)
        for n_tokens, megabytes in zip(SIZES, peaks, strict=True):
            yield Measurement(MEMORY, f"{n_tokens:,} tokens", side, "MB", tuple(megabytes))


def _profile(side: str, call: Callable[[list[int]], Any]) -> Iterator[Measurement]:
    """Where the time of one call goes, by kinds of torch's operations."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        call(token_ids(SIZES[-1]))
    spent = dict.fromkeys([*KINDS.values(), REST], 0.0)
    for operation in seen.key_averages():
        spent[KINDS.get(operation.key, REST)] += operation.self_cpu_time_total / 1e3
    for kind, milliseconds in spent.items():
        yield Measurement(PROFILE, kind, side, "ms", (milliseconds,))


def way(side: str) -> Callable[[list[int]], Any]:
    """One side's way from token ids to attention."""
    if side == OURS:
        return partial(capture, gpt2_model())
    network = gpt2_network("eager")
    options = {"logits_to_keep": 1, "use_cache": False} if side == LEAN else {}

    def call(ids: list[int]) -> Any:
        with torch.inference_mode():
            return network(torch.tensor([ids]), output_attentions=True, **options)

    return call


def added_peaks(side: str, sizes: list[int], runs: int) -> list[list[float]]:
    """Megabytes that one call adds at most to a process of its own, for each size in each run."""
    torch.set_num_threads(1)
    call = way(side)
    return [[in_fork(_added_peak, call, n_tokens) for _ in range(runs)] for n_tokens in sizes]


def _added_peak(call: Callable[[list[int]], Any], n_tokens: int) -> float:
    torch.set_num_threads(N_CORES)
    call(token_ids(4))
    gc.collect()
    reset_peak()
    before = memory_now()["now"]
    call(token_ids(n_tokens))
    return memory_now()["peak"] - before


def _seconds(call: Callable[[list[int]], Any], ids: list[int], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call(ids)
    return (time.perf_counter() - start) / calls
