"""Guide attention in training, besides the loss of the next word.

A small model finds the patterns that the article shows late or never, so training helps it twice:

- One head is pulled to the previous token; at first with some force, then weakly. Heads that build on it, such
  as induction heads, form by themselves. Guided attention: Deshpande and Narasimhan 2020, "Guiding Attention for
  Self-Supervised Learning with Transformers".
- Attention to any token but the first has a small cost for every other head, so that heads without a match attend
  to the first token. GPT-2 learned this by itself (Xiao et al. 2023, "Efficient Streaming Language Models with
  Attention Sinks").

All else is left to the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "guided"
"""The attention function's name in transformers' registry."""

LAYER, HEAD = 1, 0
"""The head that is pulled to the previous token."""

_SAMPLED = 8  # one query in so many is asked where it looks: the cost of resting stays a small part of a step


@dataclass
class Pulls:
    """The terms of one forward pass: the guided head's surprise at the previous token, in nats, and
    for each layer the other heads' attention away from the first token, (n_heads,).
    """

    surprise: Tensor = field(default_factory=lambda: torch.zeros(()))
    off_first: list[Tensor] = field(default_factory=list)

    def add(self, layer: int, query: Tensor, key: Tensor) -> None:
        """Record a layer's queries and keys, (n_windows, n_heads, n_tokens, head width)."""
        n_tokens = query.shape[2]
        sampled = torch.randperm(n_tokens - 2)[: max(2, n_tokens // _SAMPLED)] + 2
        off_first = 1 - _log_weights(query[:, :, sampled], key, sampled)[..., 0].exp().mean((0, 2))  # (n_heads,)
        if layer == LAYER:
            logs = _log_weights(query[:, HEAD], key[:, HEAD], torch.arange(n_tokens))
            self.surprise = -logs.diagonal(-1, 1, 2).mean()
            off_first = torch.cat((off_first[:HEAD], off_first[HEAD + 1 :]))
        self.off_first.append(off_first)

    def cost(self, guide: float, rest: float) -> Tensor:
        """Return what to add to the loss, in nats: both pulls with their weights, the second as a mean over heads."""
        return guide * self.surprise + rest * torch.cat(self.off_first).mean()


_pulls: ContextVar[Pulls | None] = ContextVar("_pulls", default=None)


@contextmanager
def guided() -> Iterator[Pulls]:
    """Collect the pulls of the forward passes in a `with` block."""
    pulls = Pulls()
    token = _pulls.set(pulls)
    try:
        yield pulls
    finally:
        _pulls.reset(token)


def _attention(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **_: Any
) -> tuple[Tensor, None]:
    """Compute causal attention over whole windows, like transformers' own, and record it in the pulls."""
    pulls = _pulls.get()
    if pulls is not None:
        pulls.add(int(module.layer_idx), query, key)  # type: ignore[arg-type]
    mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, _attention)


def _log_weights(query: Tensor, key: Tensor, positions: Tensor) -> Tensor:
    """Return the log attention of the queries at these positions, (..., n_queries, n_keys)."""
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    ahead = torch.arange(key.shape[-2]) > positions[:, None]
    return scores.masked_fill(ahead, -1e9).log_softmax(-1)
