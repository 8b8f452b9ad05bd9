"""Generating with attention recorded, beside `generate()` without it and beside running the prefix anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median

import torch

from attn_core import LanguageModel, generate
from benchmarks.results import Budget, Measurement, Result, by_turns
from benchmarks.subjects import N_CORES, gpt2_model, gpt2_network, token_ids

SIZES = (16, 128, 512)  # tokens of prompt
NEW_TOKENS = 20
FEW_TOKENS = 2  # written by running the prefix anew, which takes long
PAIRS = 2  # times as many rounds of the first two sides, which differ by little
OURS, PLAIN, ANEW = "recorded", "generate()", "prefix run anew"
SPEED = "Tokens per second"

Writer = Callable[[list[int]], list[int]]


def run(runs: int = 5) -> Result:
    """Write greedily, turn about; all sides must write the same."""
    torch.set_num_threads(N_CORES)
    writers = {OURS: recorded(gpt2_model()), PLAIN: plain(), ANEW: anew()}
    cells: list[Measurement] = []
    budgets: list[Budget] = []
    for n_tokens in SIZES:
        ids = token_ids(n_tokens)
        if writers[OURS](ids) != (expected := writers[PLAIN](ids)) or writers[ANEW](ids) != expected[:FEW_TOKENS]:
            raise RuntimeError(f"after {n_tokens} tokens the sides wrote different texts")
        both = by_turns({side: partial(_speed, writers[side], ids) for side in (OURS, PLAIN)}, PAIRS * runs)
        third = by_turns({ANEW: partial(_speed, writers[ANEW], ids)}, runs)
        cells += _cells(n_tokens, both | third)
        part = median(one / other for one, other in zip(both[OURS], both[PLAIN], strict=True))
        what = f"generation with attention recorded, {n_tokens} tokens of prompt, as a part of generate()'s speed"
        budgets.append(Budget(what, 0.95, part, at_least=True))
    return Result(
        title="Generation",
        how=(
            "A network of GPT-2 small's shape writes greedily; the time for reading the prompt counts. "
            "*Recorded* is `attn_core.generate`, with every step's attention, probabilities and alternatives; "
            f"*generate()* is transformers' own without them, on an untouched network; both write {NEW_TOKENS} "
            f"tokens, turn about, {PAIRS * runs} times, and the budget is the median of the {PAIRS * runs} "
            "pairs. *Prefix run anew* calls `model(ids, output_attentions=True)` for each token, as other demos "
            f"do: {FEW_TOKENS} tokens, {runs} times. All three wrote the same tokens."
        ),
        measurements=tuple(cells),
        budgets=tuple(budgets),
        remarks=limits(cells),
        compared=(SPEED,),
    )


def limits(cells: Sequence[Measurement]) -> tuple[str, ...]:
    """Return what recording costs, from the tokens per second that were measured."""
    speed = {(cell.row, cell.column): cell.median for cell in cells}
    row = f"{SIZES[0]} tokens of prompt"
    plain, ours = (1e3 / speed[row, side] for side in (PLAIN, OURS))
    return (
        f"The limit: after {row.removesuffix(' of prompt')} a token takes {plain:.0f} ms, and {ours - plain:.0f} ms "
        "more with its attention. transformers' own attention hands out no weights, so those of the last query are "
        "computed beside it in each layer, and the ten alternatives after the last.",
    )


def _cells(n_tokens: int, speeds: dict[str, tuple[float, ...]]) -> Iterator[Measurement]:
    for side, values in speeds.items():
        yield Measurement(SPEED, f"{n_tokens} tokens of prompt", side, "tokens/s", values)


def recorded(model: LanguageModel) -> Writer:
    """Our way."""
    return lambda ids: [step.token_id for step in generate(model, ids, max_new_tokens=NEW_TOKENS)]


def plain() -> Writer:
    """transformers' way, which leaves no attention."""
    network = gpt2_network()

    def write(ids: list[int]) -> list[int]:
        text = torch.tensor([ids])
        written = network.generate(
            text, attention_mask=torch.ones_like(text), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0
        )
        return list(written[0, len(ids) :].tolist())

    return write


def anew() -> Writer:
    """The way of demos: one whole run for each token."""
    network = gpt2_network("eager")

    def write(ids: list[int]) -> list[int]:
        text = list(ids)
        for _ in range(FEW_TOKENS):
            with torch.inference_mode():
                text.append(int(network(torch.tensor([text]), output_attentions=True).logits[0, -1].argmax()))
        return text[len(ids) :]

    return write


def _speed(write: Writer, ids: list[int]) -> float:
    start = time.perf_counter()
    n_written = len(write(ids))
    return n_written / (time.perf_counter() - start)
