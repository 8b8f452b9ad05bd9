"""Switching off all 144 heads, one at a time, beside a loop that runs the whole model for each."""

from __future__ import annotations

import time

import torch

from attn_core import LanguageModel, ablation_scan, log_probability
from benchmarks.results import Budget, Measurement, Result, by_turns
from benchmarks.subjects import N_CORES, N_HEADS, N_LAYERS, gpt2_model, token_ids

N_TOKENS = 20
TARGET = 5
LOOPED = [divmod(index, N_HEADS) for index in range(0, N_LAYERS * N_HEADS, 6)]  # heads that the loop really runs
SCAN, LOOP, TIME = "ablation_scan", "a loop over the heads", "All 144 heads"
LARGEST_DIFFERENCE = 1e-3  # nats


def run(runs: int = 5) -> Result:
    """Time both, turn about; raises `RuntimeError` where they disagree."""
    torch.set_num_threads(N_CORES)
    model, ids = gpt2_model(), token_ids(N_TOKENS)
    _check(model, ids)
    seconds = by_turns({SCAN: lambda: _scanned(model, ids), LOOP: lambda: _looped(model, ids)}, runs)
    cells = tuple(Measurement(TIME, f"{N_TOKENS} tokens", side, "s", values) for side, values in seconds.items())
    scan, loop = (cell.median for cell in cells)
    return Result(
        title="Ablation",
        how=(
            f"What each head is worth for the next word, with a network of GPT-2 small's shape. The loop runs "
            f"{len(LOOPED)} of the heads, spread over all layers, and its time is scaled up; on them both agree to "
            f"{LARGEST_DIFFERENCE} nats."
        ),
        measurements=cells,
        budgets=(
            Budget("switching off all heads, 20 tokens", 10, scan, "s"),
            Budget("a loop over the heads, as a multiple of that", 4, loop / scan, at_least=True),
        ),
        compared=(TIME,),
    )


def _scanned(model: LanguageModel, ids: list[int]) -> float:
    start = time.perf_counter()
    ablation_scan(model, ids, target=TARGET)
    return time.perf_counter() - start


def _looped(model: LanguageModel, ids: list[int]) -> float:
    start = time.perf_counter()
    for pair in LOOPED:
        log_probability(model, ids, TARGET, ablate={pair})
    return (time.perf_counter() - start) * N_LAYERS * N_HEADS / len(LOOPED)


def _check(model: LanguageModel, ids: list[int]) -> None:
    changes = ablation_scan(model, ids, target=TARGET)
    before = log_probability(model, ids, TARGET)
    for pair in LOOPED:
        change = log_probability(model, ids, TARGET, ablate={pair}) - before
        if abs(change - changes[pair]) > LARGEST_DIFFERENCE:
            raise RuntimeError(f"layer {pair[0]} head {pair[1]}: {changes[pair]} in the scan, {change} in the loop")
