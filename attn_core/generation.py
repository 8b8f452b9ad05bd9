"""Text made one token at a time, each with its probability, its alternatives and its attention."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from attn_core.ablation import HeadsOff, Replacement
from attn_core.attention import LastQueryRecorder, recording, replacing
from attn_core.capture import prediction
from attn_core.encoding import Text, encode
from attn_core.forward import run_network
from attn_core.heads import Head
from attn_core.tokens import TokenDecoder, token_texts
from attn_core.trace import Prediction
from attn_core.turns import forward_passes

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

N_ALTERNATIVES = 10


@dataclass(frozen=True)
class Step:
    """One generated token and the moment at which it was chosen.

    Attributes:
        token: the text it adds; empty while a character is not whole yet.
        token_id: its number in the vocabulary.
        probability: the model's own probability of it, before temperature, top-k and top-p.
        alternatives: the ten most probable tokens at that moment, under the same distribution.
        attention: float16 (n_layers, n_heads, n_keys): the row of the query that chose the token,
            which is the last token before it; rows sum to 1.
    """

    token: str
    token_id: int
    probability: float
    alternatives: Prediction
    attention: NDArray[np.float16]


@dataclass(frozen=True)
class GeneratedText:
    """A prompt and what was made of it so far.

    Attributes:
        prompt: the text it went on from.
        prompt_ids: the prompt's token ids, n of them.
        prompt_tokens: their texts.
        model: the name of the model that wrote.
        steps: the tokens made; step i has n + i keys.
        ablated: the heads that were switched off.
        replacement: what their outputs were replaced by.
    """

    prompt: str
    prompt_ids: tuple[int, ...]
    prompt_tokens: tuple[str, ...]
    model: str
    steps: tuple[Step, ...] = ()
    ablated: frozenset[Head] = frozenset()
    replacement: Replacement = "zero"

    @property
    def text(self) -> str:
        """Prompt and new tokens together."""
        return self.prompt + "".join(step.token for step in self.steps)

    def with_step(self, step: Step) -> GeneratedText:
        """The text with one more token."""
        return replace(self, steps=(*self.steps, step))

    def tokens_before(self, index: int) -> tuple[str, ...]:
        """The tokens that stood there when step `index` was chosen: the keys of its attention."""
        return self.prompt_tokens + tuple(step.token for step in self.steps[:index])

    def ids_before(self, index: int) -> tuple[int, ...]:
        """The ids of those tokens."""
        return self.prompt_ids + tuple(step.token_id for step in self.steps[:index])


def unwritten(
    model: LanguageModel, prompt: str, *, ablate: Collection[Head] = (), replacement: Replacement = "zero"
) -> GeneratedText:
    """A prompt with nothing written after it yet, by a model with these heads switched off.

    Raises `PromptError` as `attn_core.encoding.encode` does.
    """
    ids = tuple(encode(model, prompt)[0].tolist())
    off = frozenset(ablate)
    return GeneratedText(
        prompt,
        ids,
        token_texts(model.tokenizer, ids),
        model.name,
        ablated=off,
        replacement=replacement if off else "zero",
    )


def generate(
    model: LanguageModel,
    prompt: Text,
    *,
    max_new_tokens: int = 20,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
    max_tokens: int | None = None,
) -> Iterator[Step]:
    """Generate token by token, up to the model's end-of-text token.

    At temperature 0 each token is the most probable one: the tokens of the model's own `generate()` in greedy
    search without the penalties and constraints that its `generation_config` may ask for. Above it tokens are
    drawn, after top-k (keep the k best) and top-p (keep the fewest that reach the probability p; Holtzman et al.
    2020, "The Curious Case of Neural Text Degeneration").

    The heads of `ablate`, (layer, head) pairs, are switched off; the mean that `replacement` can ask for is that
    over the prompt's positions (see `attn_core.ablation`).

    Raises:
        PromptError: the prompt is blank, or prompt and new tokens do not fit; raised at the call.
        UnsupportedArchitecture: this type of model can't write text, or not with heads switched off; raised at the
            call.
        ValueError: a setting is out of its range; raised at the call.
    """
    if not isinstance(max_new_tokens, int) or max_new_tokens < 1:
        raise ValueError("max_new_tokens must be a whole number of 1 or more.")
    sampler = _Sampler(temperature, top_k, top_p, seed)
    _ = model.has_cache
    ids = encode(model, prompt, new_tokens=max_new_tokens, max_tokens=max_tokens)
    return _steps(model, ids, max_new_tokens, sampler, HeadsOff(model, ablate, replacement))


@dataclass
class _Sampler:
    temperature: float
    top_k: int | None
    top_p: float | None
    seed: int

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError("temperature must be 0 or more.")
        if self.top_k is not None and (not isinstance(self.top_k, int) or self.top_k < 1):
            raise ValueError("top_k must be a whole number of 1 or more.")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError("top_p must be above 0 and at most 1.")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise ValueError("seed must be a whole number from 0 to 2**63 - 1.")
        self._random = torch.Generator().manual_seed(self.seed)

    def choose(self, logits: torch.Tensor) -> int:
        """Pick a token id from logits (n_vocabulary,)."""
        if self.temperature == 0:
            return int(logits.argmax())
        # In double precision, and with the best logit at 0, no temperature is too low to be divided by.
        sorted_logits, order = logits.double().sort(descending=True, stable=True)
        probabilities = ((sorted_logits - sorted_logits[0]) / self.temperature).softmax(-1)
        keep = len(probabilities) if self.top_k is None else min(self.top_k, len(probabilities))
        probabilities = probabilities[:keep] / probabilities[:keep].sum()
        if self.top_p is not None:
            before = probabilities.cumsum(-1) - probabilities
            probabilities = probabilities.masked_fill(before >= self.top_p, 0.0)
        return int(order[torch.multinomial(probabilities, 1, generator=self._random)])


def _steps(
    model: LanguageModel, ids: torch.Tensor, max_new_tokens: int, sampler: _Sampler, heads_off: HeadsOff
) -> Iterator[Step]:
    decoder = TokenDecoder(model.tokenizer)
    for token_id in ids[0].tolist():
        decoder.add(token_id)
    end = _end_token_ids(model)
    text, cache = ids, None
    for _ in range(max_new_tokens):
        recorder = LastQueryRecorder(model.n_layers, model.n_heads, text.shape[1])
        with forward_passes.take(), torch.inference_mode(), recording(recorder), replacing(heads_off):
            run = run_network(model.network, ids, cache=cache, keep_cache=model.has_cache)
            logits = run.logits[0, -1].float()  # (n_vocabulary,)
            probabilities = logits.softmax(-1)
            token_id = sampler.choose(logits)
        yield Step(
            token=decoder.add(token_id),
            token_id=token_id,
            probability=float(probabilities[token_id]),
            alternatives=prediction(model, probabilities, N_ALTERNATIVES),
            attention=recorder.attention,
        )
        if token_id in end:
            return
        text = torch.cat([text, torch.tensor([[token_id]])], dim=1)
        cache = run.cache
        ids = text if cache is None else text[:, -1:]


def _end_token_ids(model: LanguageModel) -> set[int]:
    configured = getattr(model.network.generation_config, "eos_token_id", None)
    if configured is None:
        return set()
    return {configured} if isinstance(configured, int) else set(configured)
