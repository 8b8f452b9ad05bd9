"""How large the bundled model is, how fast it loads and writes."""

from __future__ import annotations

import time

import torch

from attn_core import LanguageModel, generate, load_model
from attn_core.mini import FOLDER
from benchmarks.results import Budget, Measurement, Result, by_turns
from benchmarks.subjects import N_CORES

NEW_TOKENS = 64
MINI = "The bundled model"


def run(runs: int = 5) -> Result:
    """Measure mini."""
    torch.set_num_threads(N_CORES)
    model = load_model("mini")
    megabytes = sum(file.stat().st_size for file in FOLDER.iterdir()) / 1e6
    found = by_turns({"load": _seconds_to_load, "write": lambda: _tokens_per_second(model)}, runs)
    load = Measurement(MINI, "loading, torch imported before", "measured", "s", found["load"])
    write = Measurement(MINI, "greedy, attention recorded", "measured", "tokens/s", found["write"])
    return Result(
        title="mini",
        how=f"The model that comes with the project; it writes {NEW_TOKENS} tokens.",
        measurements=(Measurement(MINI, "files", "measured", "MB", (megabytes,)), load, write),
        budgets=(
            Budget("mini: size of its files", 10, megabytes, "MB"),
            Budget("mini: time to load", 1, load.median, "s"),
            Budget("mini: speed of writing", 60, write.median, "tokens/s", at_least=True),
        ),
    )


def _seconds_to_load() -> float:
    start = time.perf_counter()
    load_model("mini")
    return time.perf_counter() - start


def _tokens_per_second(model: LanguageModel) -> float:
    start = time.perf_counter()
    n_steps = sum(1 for _ in generate(model, "Who is Jesse Vig?", max_new_tokens=NEW_TOKENS))
    return n_steps / (time.perf_counter() - start)
