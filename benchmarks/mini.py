"""How large the bundled model is, how fast it loads and writes: `python -m benchmarks.mini`.

Bounds on two cores: 10 MB, one second, 60 tokens a second.
"""

from statistics import median
from time import perf_counter

import attn_core
from attn_core.mini import FOLDER

TRIES = 7
NEW_TOKENS = 64


def seconds_to_load() -> float:
    """Seconds for one load, torch and transformers imported before."""
    started = perf_counter()
    attn_core.load_model("mini")
    return perf_counter() - started


def tokens_per_second(model: attn_core.LanguageModel) -> float:
    """Greedy, with the attention of every token recorded."""
    started = perf_counter()
    n_steps = sum(1 for _ in attn_core.generate(model, "Who is Jesse Vig?", max_new_tokens=NEW_TOKENS))
    return n_steps / (perf_counter() - started)


def main() -> None:
    """Prints medians."""
    model = attn_core.load_model("mini")
    tokens_per_second(model)
    size = sum(file.stat().st_size for file in FOLDER.iterdir()) / 1e6
    print(f"files: {size:.1f} MB")
    print(f"load: {median(seconds_to_load() for _ in range(TRIES)):.2f} s, median of {TRIES}")
    speed = median(tokens_per_second(model) for _ in range(TRIES))
    print(f"generate: {speed:.0f} tokens a second, median of {TRIES}")


if __name__ == "__main__":
    main()
