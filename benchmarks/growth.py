"""How time, bytes and memory grow with the number of tokens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import torch

from attn_core import capture, charts, head_scores
from benchmarks.capturing import OURS
from benchmarks.processes import in_fresh_process
from benchmarks.results import Measurement, Result, Unit, by_turns, growth_exponent
from benchmarks.subjects import N_CORES, as_sent, gpt2_model, random_trace, token_ids

SIZES = (16, 32, 64, 128, 256, 512, 1024)  # tokens
FITTED = (128, 256, 512, 1024)
GROWTH = "By the number of tokens"


def run(runs: int = 5) -> Result:
    """Measure each quantity at each size and fit an exponent."""
    torch.set_num_threads(N_CORES)
    measured: dict[tuple[str, Unit], dict[int, tuple[float, ...]]] = {}
    for n_tokens in SIZES:
        for quantity, values in _quantities(n_tokens, runs):
            measured.setdefault(quantity, {})[n_tokens] = values
    peaks = in_fresh_process("benchmarks.capturing:added_peaks", OURS, SIZES, 1)
    measured["memory: added at most by a capture", "MB"] = dict(zip(SIZES, map(tuple, peaks), strict=True))
    return Result(
        title="Growth",
        how=(
            f"Medians of {runs} runs (memory and bytes: one). The exponent b of a·nᵇ is fitted on the logarithms "
            f"from {FITTED[0]} tokens on: 1 is in proportion to the text, 2 to its square. The attention itself "
            "is a number for each pair of tokens, so what holds or reads all of it has 2."
        ),
        measurements=tuple(_cells(measured)),
    )


def _quantities(n_tokens: int, runs: int) -> Iterator[tuple[tuple[str, Unit], tuple[float, ...]]]:
    trace = random_trace(n_tokens)
    works: dict[str, Callable[[], object]] = {
        "capture": partial(capture, gpt2_model(), token_ids(n_tokens)),
        "head_scores": partial(head_scores, trace),
        "grid, thumbnails painted": lambda: charts.head_grid(trace).to_dict(),
        "lines of a head": lambda: charts.attention_lines(trace, 5, 5).to_dict(),
    }
    for name, seconds in by_turns({name: partial(_seconds, work) for name, work in works.items()}, runs).items():
        yield (f"time: {name}", "ms"), tuple(1e3 * value for value in seconds)
    yield ("bytes: grid", "kB"), (len(as_sent(charts.head_grid(trace))) / 1e3,)
    yield ("bytes: lines of a head", "kB"), (len(as_sent(charts.attention_lines(trace, 5, 5))) / 1e3,)
    yield ("bytes: trace in memory", "MB"), (trace.attention.nbytes / 1e6,)


def _cells(measured: dict[tuple[str, Unit], dict[int, tuple[float, ...]]]) -> Iterator[Measurement]:
    for (quantity, unit), by_size in measured.items():
        for n_tokens, values in by_size.items():
            yield Measurement(GROWTH, quantity, f"{n_tokens:,}", unit, (median(values),))
        exponent = growth_exponent(list(FITTED), [median(by_size[n_tokens]) for n_tokens in FITTED])
        yield Measurement(GROWTH, quantity, "exponent", "", (exponent,))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
