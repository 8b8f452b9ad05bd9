"""Switching off all 144 heads of GPT-2 small, one at a time, against a loop: `python -m benchmarks.ablation`.

The loop runs the whole model once for each head, and computes the last position's logits only. The weights are
random, which makes no difference to the time.
"""

from __future__ import annotations

import sys
import time
from statistics import median

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from attn_core import LanguageModel, ablation_scan, load_model, log_probability
from attn_core.attention import use_recording_attention

N_TOKENS, N_CORES, REPEATS = 20, 2, 7
MOST_SECONDS, LEAST_RATIO = 10.0, 4.0


def loop(model: LanguageModel, ids: list[int], target: int) -> torch.Tensor:
    """The change of log-probability without each head, (n_layers, n_heads)."""
    before = log_probability(model, ids, target)
    changes = torch.zeros(model.n_layers, model.n_heads)
    for layer in range(model.n_layers):
        for head in range(model.n_heads):
            changes[layer, head] = log_probability(model, ids, target, ablate={(layer, head)}) - before
    return changes


def main() -> int:
    """Time both, turn about; fails where the scan is too slow or the two disagree."""
    torch.set_num_threads(N_CORES)
    torch.manual_seed(0)
    network = GPT2LMHeadModel(GPT2Config()).eval()
    use_recording_attention(network)
    model = LanguageModel("random gpt2", "folder", network, load_model("mini").tokenizer)
    ids = torch.randint(0, 3000, (N_TOKENS,)).tolist()
    scans, loops, difference = [], [], 0.0
    for _ in range(REPEATS):
        start = time.perf_counter()
        scan = torch.from_numpy(ablation_scan(model, ids, target=5))
        scanned = time.perf_counter()
        looped = loop(model, ids, target=5)
        scans.append(scanned - start)
        loops.append(time.perf_counter() - scanned)
        difference = max(difference, float((scan - looped).abs().max()))
    ratio = median(one / other for one, other in zip(loops, scans, strict=True))
    print(f"{N_TOKENS} tokens, 144 heads, {N_CORES} threads, medians of {REPEATS}")
    print(f"scan   {median(scans):6.2f} s  ({min(scans):.2f} to {max(scans):.2f}), at most {MOST_SECONDS:g}")
    print(f"loop   {median(loops):6.2f} s  ({min(loops):.2f} to {max(loops):.2f})")
    print(f"ratio  {ratio:6.2f}    at least {LEAST_RATIO:g}")
    print(f"largest difference {difference:.1e} nats")
    return int(median(scans) > MOST_SECONDS or ratio < LEAST_RATIO or difference > 1e-3)


if __name__ == "__main__":
    sys.exit(main())
