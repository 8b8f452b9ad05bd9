"""Trains `mini` from nothing.

    python -m attn_core.mini.train [--minutes M | --steps N] [--seed S] [--out FOLDER]

Makes the tokenizer, then the GPT-2, from the grammar's sentences. Every step draws its texts from the seed
and the step's number alone, so a stopped run goes on from its checkpoint as if it had never stopped.
"""

import argparse
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from attn_core.mini import FOLDER
from attn_core.mini.corpus import document, documents

RUNS = Path(__file__).parent / "runs"
CHECKPOINT = "checkpoint.pt"
END_OF_TEXT = "<|endoftext|>"
WINDOW_SHARES = {32: 0.25, 64: 0.45, 128: 0.22, 256: 0.08}
"""Lengths of the training windows, in tokens, each with its share of the steps: prompts are mostly short."""


@dataclass(frozen=True)
class Settings:
    """What a run is made of; two runs with equal settings are the same run."""

    seed: int = 0
    minutes: float | None = 30.0
    steps: int | None = None
    n_layers: int = 12
    n_heads: int = 12
    width: int = 144
    n_positions: int = 256
    vocabulary: int = 2048
    tokenizer_texts: int = 40_000
    tokens_per_step: int = 2048
    peak_rate: float = 2e-3
    weight_decay: float = 0.05
    report_every: int = 100


@dataclass
class Progress:
    """How far a run has come: steps done and seconds spent on them."""

    step: int = 0
    seconds: float = 0.0

    def fraction(self, settings: Settings) -> float:
        """The part of the run that is done, 0 to 1."""
        if settings.steps is not None:
            return min(1.0, self.step / settings.steps)
        assert settings.minutes is not None
        return min(1.0, self.seconds / (60 * settings.minutes))

    def report(self, settings: Settings, loss: float) -> str:
        """One line: how far, the last step's loss in nats a token, the time left."""
        fraction = self.fraction(settings)
        minutes_left = self.seconds * (1 / fraction - 1) / 60
        return f"{fraction:6.1%}  step {self.step}  loss {loss:.3f}  {minutes_left:.1f} minutes left"


def make_tokenizer(settings: Settings) -> PreTrainedTokenizerFast:
    """A byte-level BPE of the grammar's own texts: any text can be written, no start token is added."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[END_OF_TEXT],
        show_progress=False,
    )
    texts = documents(settings.seed)
    tokenizer.train_from_iterator((next(texts) for _ in range(settings.tokenizer_texts)), trainer)
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
    """An untrained GPT-2. Each text is new, so nothing needs dropout."""
    config = GPT2Config(
        vocab_size=settings.vocabulary,
        n_positions=settings.n_positions,
        n_embd=settings.width,
        n_layer=settings.n_layers,
        n_head=settings.n_heads,
        # The same function as GPT-2's own "gelu_new", computed in one pass.
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end_of_text_id,
        eos_token_id=end_of_text_id,
    )
    return GPT2LMHeadModel(config)


def make_batch(settings: Settings, tokenizer: PreTrainedTokenizerFast, step: int) -> torch.Tensor:
    """The token ids of one step, (windows, tokens): each window starts where a text starts."""
    rng = Random(f"{settings.seed}/{step}")
    length = min(rng.choices(list(WINDOW_SHARES), list(WINDOW_SHARES.values()))[0], settings.n_positions)
    windows = [_window(rng, tokenizer, length) for _ in range(max(1, settings.tokens_per_step // length))]
    return torch.tensor(windows)


def _window(rng: Random, tokenizer: PreTrainedTokenizerFast, length: int) -> list[int]:
    ids: list[int] = []
    while len(ids) < length:
        ids += [*tokenizer(document(rng))["input_ids"], tokenizer.eos_token_id]
    return ids[:length]


def learning_rate(settings: Settings, fraction: float) -> float:
    """Linear warm-up over the first 3 %, then a cosine down to a fiftieth of the peak."""
    warm_up = min(1.0, (fraction + 1e-3) / 0.03)
    cosine = 0.5 * (1 + math.cos(math.pi * fraction))
    return settings.peak_rate * warm_up * (0.02 + 0.98 * cosine)


def make_optimizer(settings: Settings, network: GPT2LMHeadModel) -> torch.optim.AdamW:
    """AdamW that decays matrices, not biases or norms."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.peak_rate, betas=(0.9, 0.98), fused=True)


def train_step(network: GPT2LMHeadModel, optimizer: torch.optim.AdamW, batch: torch.Tensor, rate: float) -> float:
    """One step of gradient descent; gives the mean loss of the batch, in nats a token."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    logits = network(input_ids=batch, use_cache=False).logits  # (windows, tokens, vocabulary)
    loss = cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def save_model(network: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Writes the folder that `from_pretrained` reads, weights in float16."""
    tokenizer.save_pretrained(out)
    network.half().save_pretrained(out)


@dataclass
class Run:
    """A run under way: its parts, new or taken from a checkpoint."""

    tokenizer: PreTrainedTokenizerFast
    network: GPT2LMHeadModel
    optimizer: torch.optim.AdamW
    progress: Progress


def load_checkpoint(path: Path, settings: Settings) -> dict[str, Any] | None:
    """The state of a stopped run with these very settings, or None."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state if state["settings"] == asdict(settings) else None


def start(settings: Settings, runs: Path) -> Run:
    """A new run, or the stopped one of these very settings that `runs` holds a checkpoint of."""
    state = load_checkpoint(runs / CHECKPOINT, settings)
    if state is None:
        tokenizer = make_tokenizer(settings)
        tokenizer.save_pretrained(runs / "tokenizer")
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(runs / "tokenizer")
    torch.manual_seed(settings.seed)
    network = make_network(settings, tokenizer.eos_token_id)
    run = Run(tokenizer, network, make_optimizer(settings, network), Progress())
    if state is not None:
        run.network.load_state_dict(state["network"])
        run.optimizer.load_state_dict(state["optimizer"])
        run.progress = Progress(**state["progress"])
    return run


def save_checkpoint(path: Path, settings: Settings, run: Run) -> None:
    """Writes all that the run needs to go on; a stop in the middle of it leaves the last one whole."""
    state = {
        "settings": asdict(settings),
        "progress": asdict(run.progress),
        "network": run.network.state_dict(),
        "optimizer": run.optimizer.state_dict(),
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def train(settings: Settings, out: Path = FOLDER, runs: Path = RUNS) -> Progress:
    """Trains, or goes on with a stopped run, and writes the model to `out`."""
    runs.mkdir(parents=True, exist_ok=True)
    run = start(settings, runs)
    progress, network = run.progress, run.network.train()
    while (fraction := progress.fraction(settings)) < 1:
        started = time.monotonic()
        batch = make_batch(settings, run.tokenizer, progress.step)
        loss = train_step(network, run.optimizer, batch, learning_rate(settings, fraction))
        progress.step += 1
        progress.seconds += time.monotonic() - started
        if progress.step % settings.report_every == 0:
            save_checkpoint(runs / CHECKPOINT, settings, run)
            print(progress.report(settings, loss), flush=True)
    save_model(network, run.tokenizer, out)
    (runs / CHECKPOINT).unlink(missing_ok=True)
    return progress


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the bundled model from nothing.")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, default=30.0, help="training time (default 30)")
    length.add_argument("--steps", type=int, help="number of steps, in place of a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the model is written")
    arguments = parser.parse_args()
    minutes = None if arguments.steps else arguments.minutes
    settings = Settings(seed=arguments.seed, minutes=minutes, steps=arguments.steps)
    progress = train(settings, arguments.out)
    print(f"{progress.step} steps in {progress.seconds / 60:.1f} minutes; the model is in {arguments.out}")


if __name__ == "__main__":
    main()
