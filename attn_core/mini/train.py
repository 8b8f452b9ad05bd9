"""Train `mini` from scratch.

    python -m attn_core.mini.train [--steps N] [--seed S] [--out FOLDER]

The tokenizer and then the GPT-2 are trained on the grammar's sentences. The texts of a step depend only on the seed
and the step's number, so a stopped run resumes from its checkpoint as if it had never stopped.
"""

import argparse
import math
import time
from collections import deque
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from attn_core.mini import FOLDER, words
from attn_core.mini.corpus import document, documents
from attn_core.mini.guidance import NAME as GUIDED_ATTENTION
from attn_core.mini.guidance import guided
from attn_core.mini.held_out import held_out
from attn_core.mini.renaming import Renamer
from attn_core.mini.repetition import repeated_words

RUNS = Path(__file__).parent / "runs"
CHECKPOINT = "checkpoint.pt"
POSITION_SIZE = 0.1  # root mean square; tokens start at 0.02
END_OF_TEXT = "<|endoftext|>"
WINDOW_SHARES = {32: 0.25, 64: 0.45, 128: 0.22, 256: 0.08}
"""Lengths of the training windows, in tokens, each with its share of the steps: prompts are mostly short."""


@dataclass(frozen=True)
class Settings:
    """The settings of a training run; runs with equal settings are identical.

    The learning rate rises over `warm_up` steps, stays, and falls to nothing over the last `decay` of the run.
    `guide` and `rest` are the weights of the two pulls of `guidance`: the first is strong until `strong_until`,
    the second grows between the two steps of `rest_grows`, then goes on weaker. `repeats` is the share of rows of
    random words, said twice, that come before all other texts; it falls to nothing until `repeats_until`.
    """

    seed: int = 0
    steps: int = 5_000
    n_layers: int = 12
    n_heads: int = 12
    width: int = 144
    inner_width: int = 288
    n_positions: int = 256
    vocabulary: int = 3904
    tokenizer_texts: int = 40_000
    tokenizer_word_repeats: int = 300
    tokens_per_step: int = 2048
    matrix_rate: float = 4e-3
    rate: float = 2e-3
    warm_up: int = 100
    decay: float = 0.3
    weight_decay: float = 0.05
    guide: float = 0.1
    guide_later: float = 0.02
    strong_until: int = 1000
    rest: float = 0.05
    rest_later: float = 0.015
    rest_grows: tuple[int, int] = (1000, 2000)
    repeats: float = 0.4
    repeats_until: int = 2000
    report_every: int = 100


@dataclass
class Progress:
    """The progress of a run: completed steps and the seconds spent on them."""

    step: int = 0
    seconds: float = 0.0


def make_tokenizer(settings: Settings) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer on the grammar's texts; it encodes any text and adds no start token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    texts = islice(documents(settings.seed), settings.tokenizer_texts)
    # Each word often enough to become one token; a first name also where it begins a text.
    every_word = [f" {word}" for word in words.every_word()] + list(words.FIRST_NAMES)
    tokenizer.train_from_iterator(chain(texts, every_word * settings.tokenizer_word_repeats), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        bos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        model_max_length=settings.n_positions,
        clean_up_tokenization_spaces=False,
        add_prefix_space=False,
    )


def make_network(settings: Settings, end_of_text_id: int) -> GPT2LMHeadModel:
    """Return an untrained GPT-2 without dropout, since every training text is new."""
    config = GPT2Config(
        vocab_size=settings.vocabulary,
        n_positions=settings.n_positions,
        n_embd=settings.width,
        n_layer=settings.n_layers,
        n_head=settings.n_heads,
        n_inner=settings.inner_width,
        # The same function as GPT-2's own "gelu_new", computed in one pass.
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end_of_text_id,
        eos_token_id=end_of_text_id,
    )
    config._attn_implementation = GUIDED_ATTENTION
    network = GPT2LMHeadModel(config)
    with torch.no_grad():
        network.transformer.wpe.weight.copy_(_waves(settings.n_positions, settings.width))
    return network


def _waves(n_positions: int, width: int) -> torch.Tensor:
    """Return initial position embeddings, (n_positions, width): sines and cosines (Vaswani et al. 2017).

    From these a head learns to attend to the previous token quickly; from noise it rarely does.
    """
    rates = torch.logspace(0, -3, width // 2)
    angles = torch.arange(n_positions)[:, None] * rates
    return POSITION_SIZE * math.sqrt(2) * torch.cat([angles.sin(), angles.cos()], dim=1)


def make_batch(settings: Settings, tokenizer: PreTrainedTokenizerFast, renamer: Renamer, step: int) -> torch.Tensor:
    """Return the token ids of one step, (windows, tokens); each window begins with the start of a text."""
    rng = Random(f"{settings.seed}/{step}")
    length = min(rng.choices(list(WINDOW_SHARES), list(WINDOW_SHARES.values()))[0], settings.n_positions)
    repeats = settings.repeats * max(0.0, 1 - step / settings.repeats_until)
    windows = []
    for _ in range(max(1, settings.tokens_per_step // length)):
        ids: list[int] = []
        while len(ids) < length:
            text = _text(rng, renamer, repeats)
            ids += [*tokenizer(text, verbose=False)["input_ids"], tokenizer.eos_token_id]
        windows.append(ids[:length])
    return torch.tensor(windows)


def _text(rng: Random, renamer: Renamer, repeats: float) -> str:
    text = repeated_words(rng) if rng.random() < repeats else document(rng)
    if rng.random() < 0.5:
        return text
    renamed = renamer.renamed(rng, text)
    return text if held_out(renamed) else renamed


def learning_rate(settings: Settings, step: int) -> float:
    """Return the fraction of the peak learning rate at a step, 0 to 1: warm-up, constant, decay."""
    left = (settings.steps - step) / (settings.decay * settings.steps)
    return min(1.0, (step + 1) / settings.warm_up, left)


def pull_weights(settings: Settings, step: int) -> tuple[float, float]:
    """Return the weights of the two pulls at a step: to the previous token, and to the first token."""
    guide = settings.guide if step < settings.strong_until else settings.guide_later
    start, end = settings.rest_grows
    rest = settings.rest * max(0.0, (step - start) / (end - start)) if step < end else settings.rest_later
    return guide, rest


def make_optimizers(settings: Settings, network: GPT2LMHeadModel) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices that read and write the residual stream, and AdamW for all other parameters.

    Muon needs half the steps (Jordan et al. 2024), but with it queries and keys, which share a matrix with the
    values, would stay similar for too long.
    """
    named = list(network.transformer.h.named_parameters())
    by_muon = [p for name, p in named if p.dim() == 2 and "c_attn" not in name]
    chosen = {id(p) for p in by_muon}
    others = [p for p in network.parameters() if id(p) not in chosen]
    groups = [
        {"params": [p for p in others if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in others if p.dim() < 2], "weight_decay": 0.0},
    ]
    muon = torch.optim.Muon(
        by_muon, lr=settings.matrix_rate, weight_decay=settings.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    return [muon, torch.optim.AdamW(groups, lr=settings.rate, betas=(0.9, 0.98), fused=True)]


def train_step(settings: Settings, run: "Run", batch: torch.Tensor) -> float:
    """Take a step of gradient descent, and return the mean loss of the batch, in nats per token."""
    step = run.progress.step
    scale = learning_rate(settings, step)
    for optimizer, peak in zip(run.optimizers, (settings.matrix_rate, settings.rate), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = peak * scale
        optimizer.zero_grad()
    torch.manual_seed(step)
    with guided() as pulls:
        logits = run.network(input_ids=batch, use_cache=False).logits  # (windows, tokens, vocabulary)
    loss = cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())
    torch.autograd.backward(loss + pulls.cost(*pull_weights(settings, step)))
    torch.nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    for optimizer in run.optimizers:
        optimizer.step()
    return float(loss.detach())


def save_model(network: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write a folder for `from_pretrained`, with weights in float16."""
    tokenizer.save_pretrained(out)
    network.half().save_pretrained(out)


@dataclass
class Run:
    """A run in progress: its parts, new or from a checkpoint."""

    tokenizer: PreTrainedTokenizerFast
    network: GPT2LMHeadModel
    optimizers: list[torch.optim.Optimizer]
    progress: Progress


def load_checkpoint(path: Path, settings: Settings) -> dict[str, Any] | None:
    """Return the state of a stopped run with the same settings, or None."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state if state["settings"] == asdict(settings) else None


def start(settings: Settings, runs: Path) -> Run:
    """Start a run, or resume a stopped run with the same settings from its checkpoint in `runs`."""
    state = load_checkpoint(runs / CHECKPOINT, settings)
    if state is None:
        tokenizer = make_tokenizer(settings)
        tokenizer.save_pretrained(runs / "tokenizer")
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(runs / "tokenizer")
    torch.manual_seed(settings.seed)
    network = make_network(settings, tokenizer.eos_token_id)
    run = Run(tokenizer, network, make_optimizers(settings, network), Progress())
    if state is not None:
        run.network.load_state_dict(state["network"])
        for optimizer, saved in zip(run.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        run.progress = Progress(**state["progress"])
    return run


def save_checkpoint(path: Path, settings: Settings, run: Run) -> None:
    """Write everything needed to resume a run; an interruption leaves the previous checkpoint intact."""
    state = {
        "settings": asdict(settings),
        "progress": asdict(run.progress),
        "network": run.network.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in run.optimizers],
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def train(settings: Settings, out: Path = FOLDER, runs: Path = RUNS) -> Progress:
    """Train, or resume a stopped run, and write the model to `out`."""
    runs.mkdir(parents=True, exist_ok=True)
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    with device:  # every tensor that is made here is made there
        run = start(settings, runs)
        renamer = Renamer(run.tokenizer)
        run.network.train()
        progress, losses = run.progress, deque[float](maxlen=settings.report_every)
        with tqdm(total=settings.steps, initial=progress.step, unit="step", mininterval=1) as bar:
            while progress.step < settings.steps:
                started = time.monotonic()
                losses.append(
                    train_step(settings, run, make_batch(settings, run.tokenizer, renamer, progress.step))
                )
                progress.step += 1
                progress.seconds += time.monotonic() - started
                bar.set_postfix(loss=f"{sum(losses) / len(losses):.3f}", refresh=False)
                bar.update()
                if progress.step % settings.report_every == 0:
                    save_checkpoint(runs / CHECKPOINT, settings, run)
    save_model(run.network.cpu(), run.tokenizer, out)
    (runs / CHECKPOINT).unlink(missing_ok=True)
    return progress


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Train the bundled model from nothing.")
    parser.add_argument("--steps", type=int, default=Settings.steps, help=f"default {Settings.steps}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the model is written")
    arguments = parser.parse_args()
    settings = Settings(seed=arguments.seed, steps=arguments.steps)
    progress = train(settings, arguments.out)
    print(f"{progress.step} steps in {progress.seconds / 60:.1f} minutes; the model is in {arguments.out}")


if __name__ == "__main__":
    main()
