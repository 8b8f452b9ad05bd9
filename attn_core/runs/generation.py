"""Generate text one token at a time, each with its probability, its alternatives and its attention."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from attn_core.heads import Head
from attn_core.models.attention import LastQueryRecorder, recording, replacing
from attn_core.models.decoding import TokenDecoder, token_texts
from attn_core.models.encoding import Text
from attn_core.runs.ablation import HeadAblation, Replacement
from attn_core.trace import Prediction, short_repr

if TYPE_CHECKING:
    from transformers import LogitsProcessorList

    from attn_core.models.model import LanguageModel

N_ALTERNATIVES = 10


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """One generated token, with the distribution and the attention that it was chosen by.

    Attributes:
        token: the text it adds; empty while a character is incomplete.
        token_id: its id in the vocabulary.
        probability: the model's own probability of it, before temperature, top-k and top-p.
        alternatives: the ten most probable tokens under the same distribution.
        attention: float16 (n_layers, n_heads, n_keys): the row of the query that predicted the token,
            which is the last token before it; rows sum to 1.

    >>> step = next(generate(load_model("mini"), "The dog on the ship ran"))
    >>> step
    Step(' after', probability 0.999, 6 keys)
    >>> step.attention.shape
    (12, 12, 6)
    """

    token: str
    token_id: int
    probability: float
    alternatives: Prediction
    attention: NDArray[np.float16]

    def __repr__(self) -> str:
        return f"Step({self.token!r}, probability {self.probability:.3f}, {self.attention.shape[-1]} keys)"


@dataclass(frozen=True, eq=False, repr=False)
class GeneratedText:
    """A prompt and the tokens generated after it so far.

    Attributes:
        prompt: the text that was continued.
        prompt_ids: the prompt's token ids, n of them.
        prompt_tokens: their texts.
        model: the model's name.
        steps: the generated tokens; step i has n + i keys.
        ablated: the heads that were turned off.
        replacement: what replaced their outputs.

    >>> model = load_model("mini")
    >>> ids = model.encode("The dog on the ship ran")[0].tolist()
    >>> text = GeneratedText("The dog on the ship ran", tuple(ids), token_texts(model.tokenizer, ids), model.name)
    >>> for step in generate(model, text.prompt, max_new_tokens=1):
    ...     text = text.with_step(step)
    >>> text
    GeneratedText('The dog on the ship ran' + ' after', 1 step, mini)
    """

    prompt: str
    prompt_ids: tuple[int, ...]
    prompt_tokens: tuple[str, ...]
    model: str
    steps: tuple[Step, ...] = ()
    ablated: frozenset[Head] = frozenset()
    replacement: Replacement = "zero"

    def __repr__(self) -> str:
        added = "".join(step.token for step in self.steps)
        n_steps = f"{len(self.steps)} step{'' if len(self.steps) == 1 else 's'}"
        return f"GeneratedText({short_repr(self.prompt)} + {short_repr(added)}, {n_steps}, {self.model})"

    @property
    def text(self) -> str:
        """The prompt followed by the generated tokens."""
        return self.prompt + "".join(step.token for step in self.steps)

    def with_step(self, step: Step) -> GeneratedText:
        """Return the text with one more token."""
        return replace(self, steps=(*self.steps, step))

    def tokens_before(self, index: int) -> tuple[str, ...]:
        """Return the tokens before step `index`: the keys of its attention."""
        return self.prompt_tokens + tuple(step.token for step in self.steps[:index])

    def ids_before(self, index: int) -> tuple[int, ...]:
        """Return the ids of the tokens before step `index`."""
        return self.prompt_ids + tuple(step.token_id for step in self.steps[:index])


def begin_text(
    model: LanguageModel, prompt: str, *, ablate: Collection[Head] = (), replacement: Replacement = "zero"
) -> GeneratedText:
    """Return a prompt with no generated tokens yet, for a model with these heads turned off.

    Raises:
        PromptError: see `attn_core.models.encoding.encode`.
    """
    ids = tuple(model.encode(prompt)[0].tolist())
    ablated = frozenset(ablate)
    return GeneratedText(
        prompt,
        ids,
        token_texts(model.tokenizer, ids),
        model.name,
        ablated=ablated,
        replacement=replacement if ablated else "zero",
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

    At temperature 0 each token is the most probable one: the same tokens as the model's own `generate()` in greedy
    search, without penalties and constraints from its `generation_config`. At higher temperatures tokens are
    sampled, after top-k (keep the k most probable) and top-p (keep the fewest tokens whose probabilities reach p;
    Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration").

    The heads of `ablate`, (layer, head) pairs, are turned off. With `replacement="mean"` their outputs are replaced
    by the mean over the prompt's positions (see `attn_core.runs.ablation`).

    Raises:
        PromptError: the prompt is blank, or prompt and new tokens do not fit; raised at the call.
        UnsupportedArchitecture: this type of model can't generate text, or not with heads turned off; raised at
            the call.
        ValueError: a setting is out of range; raised at the call.

    >>> steps = generate(load_model("mini"), "The dog on the ship ran", max_new_tokens=2)
    >>> [step.token for step in steps]
    [' after', ' the']
    """
    if not isinstance(max_new_tokens, int) or max_new_tokens < 1:
        raise ValueError("max_new_tokens must be a whole number of 1 or more.")
    sampler = _Sampler(temperature, top_k, top_p, seed)
    _ = model.has_cache
    ids = model.encode(prompt, new_tokens=max_new_tokens, max_tokens=max_tokens)
    return _steps(model, ids, max_new_tokens, sampler, HeadAblation(model, ablate, replacement))


@dataclass
class _Sampler:
    """Chooses tokens from logits; raises `ValueError` if a setting is out of range."""

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
        """Return a token id chosen from logits (n_vocabulary,)."""
        if self.temperature == 0:
            return int(logits.argmax())
        # In double precision, and with the largest logit at 0, dividing by any temperature is safe.
        scores = (logits.double() - logits.max())[None]
        for warper in self._warpers():
            scores = warper(None, scores)
        probabilities, order = scores[0].softmax(-1).sort(descending=True, stable=True)
        return int(order[torch.multinomial(probabilities, 1, generator=self._random)])

    def _warpers(self) -> LogitsProcessorList:
        """Return the processors that transformers' own `generate()` applies to logits with these settings."""
        from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

        warpers = LogitsProcessorList([TemperatureLogitsWarper(float(self.temperature))])
        if self.top_k is not None:
            warpers.append(TopKLogitsWarper(self.top_k))
        if self.top_p is not None:
            warpers.append(TopPLogitsWarper(float(self.top_p)))
        return warpers


def _steps(
    model: LanguageModel, ids: torch.Tensor, max_new_tokens: int, sampler: _Sampler, ablation: HeadAblation
) -> Iterator[Step]:
    """Yield a step for each new token after a prompt's ids, (1, n_tokens)."""
    decoder = TokenDecoder(model.tokenizer)
    for token_id in ids[0].tolist():
        decoder.add(token_id)
    end_ids = _end_token_ids(model)
    text, cache = ids, None
    for _ in range(max_new_tokens):
        recorder = LastQueryRecorder(model.n_layers, model.n_heads, text.shape[1])
        with recording(recorder), replacing(ablation):
            run = model.run(ids, cache=cache, keep_cache=model.has_cache)
        logits = run.logits[0, -1].float()  # (n_vocabulary,)
        probabilities = logits.softmax(-1)
        token_id = sampler.choose(logits)
        yield Step(
            token=decoder.add(token_id),
            token_id=token_id,
            probability=float(probabilities[token_id]),
            alternatives=model.rank_tokens(probabilities, N_ALTERNATIVES),
            attention=recorder.attention,
        )
        if token_id in end_ids:
            return
        text = torch.cat([text, torch.tensor([[token_id]])], dim=1)
        cache = run.cache
        ids = text if cache is None else text[:, -1:]


def _end_token_ids(model: LanguageModel) -> set[int]:
    """Return the ids of the model's end-of-text tokens."""
    configured = getattr(model.network.generation_config, "eos_token_id", None)
    if configured is None:
        return set()
    return {configured} if isinstance(configured, int) else set(configured)
