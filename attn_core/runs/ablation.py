"""Turn heads off, wherever a model is run, by replacing their outputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from attn_core.heads import Head, head_label
from attn_core.models.attention import Replace, replacing
from attn_core.models.encoding import Text

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel

Replacement = Literal["zero", "mean"]
"""The replacement for a head's output: zero, or its own mean over the positions of the prompt.

Zero removes everything the head does, including the part that is the same for every token, on which later layers may
rely. The mean keeps that part and removes only what varies between positions.
"""


class HeadAblation:
    """Replaces the outputs of some heads, for `attn_core.models.attention.replacing`.

    The output of a head is the weighted sum of its values, before its output matrix and the layer's bias. A mean is
    taken over the positions of the first forward pass and kept for later ones, so that generated tokens do not
    change it.
    """

    def __init__(self, model: LanguageModel, heads: Collection[Head], replacement: Replacement) -> None:
        check_heads(model, heads)
        if replacement not in get_args(Replacement):
            raise ValueError(f"Heads cannot be replaced with {replacement!r}. Use 'zero' or 'mean'.")
        self.heads = frozenset(heads)
        self._replacement = replacement
        self._heads_by_layer: dict[int, list[int]] = {}
        for layer, head in sorted(self.heads):
            self._heads_by_layer.setdefault(layer, []).append(head)
        self._means: dict[int, Tensor] = {}

    def __call__(self, layer: int, outputs: Tensor) -> Tensor:
        """Return a layer's outputs, (batch, n_queries, n_heads, head_dim), with these heads replaced."""
        heads = self._heads_by_layer.get(layer)
        if heads is None:
            return outputs
        if self._replacement == "mean" and layer not in self._means:
            self._means[layer] = outputs[:, :, heads].mean(dim=1, keepdim=True)
        replaced = outputs.clone()
        replaced[:, :, heads] = self._means[layer] if self._replacement == "mean" else 0.0
        return replaced


class PerRowAblation:
    """Replaces the outputs of other heads of a layer in each of the last rows of a batch.

    For `attn_core.models.attention.replacing`.
    """

    def __init__(self, layer: int, heads_of_rows: Sequence[Sequence[int]], replacement: Replacement) -> None:
        self._layer, self._heads_of_rows, self._replacement = layer, heads_of_rows, replacement

    def __call__(self, layer: int, outputs: Tensor) -> Tensor:
        """Return a layer's outputs, (batch, n_queries, n_heads, head_dim), with each last row's heads replaced."""
        if layer != self._layer:
            return outputs
        replaced = outputs.clone()
        for row, heads in enumerate(self._heads_of_rows, start=len(outputs) - len(self._heads_of_rows)):
            for head in heads:
                mean = outputs[row, :, head].mean(dim=0)
                replaced[row, :, head] = mean if self._replacement == "mean" else 0.0
        return replaced


def check_heads(model: LanguageModel, heads: Collection[Head]) -> None:
    """Check that the model has these heads, and that they can be turned off.

    Raises:
        ValueError: there is no such head.
        UnsupportedArchitecture: the head outputs of this type of model can't be replaced.
    """
    for layer, head in heads:
        if not (0 <= layer < model.n_layers and 0 <= head < model.n_heads):
            raise ValueError(
                f"{model.name} has no head {head_label((layer, head))}. Choose layers 0 to {model.n_layers - 1} and "
                f"heads 0 to {model.n_heads - 1}."
            )
    if heads:
        _ = model.output_matrices


def log_probability(
    model: LanguageModel,
    text: Text,
    target: str | int,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
) -> float:
    """Return the target's log-probability after the text, in nats, with the heads of `ablate` turned off.

    Raises:
        PromptError, UnsupportedArchitecture, ValueError: see `attribute`.

    >>> round(log_probability(load_model("mini"), "The dog on the ship ran", target=" on"), 1)
    -7.7
    """
    ids, target_id = model.encode(text), model.token_id(target, text)
    return float(log_probabilities(model, ids, HeadAblation(model, ablate, replacement))[target_id])


def next_probabilities(
    model: LanguageModel, text: Text, *, ablate: Collection[Head] = (), replacement: Replacement = "zero"
) -> NDArray[np.float32]:
    """Return the probability of every token after the text, float32 (n_vocabulary,), with heads turned off.

    Raises:
        PromptError, UnsupportedArchitecture, ValueError: see `attribute`.
    """
    return log_probabilities(model, model.encode(text), HeadAblation(model, ablate, replacement)).exp().numpy()


def log_probabilities(model: LanguageModel, ids: Tensor, *replacements: Replace) -> Tensor:
    """Return the log-probability of every token after a text, float32 (n_vocabulary,), in nats.

    Args:
        model: the model to run.
        ids: int64 (1, n_tokens).
        replacements: functions that change the outputs of heads during the run.
    """
    with ExitStack() as stack:
        for replace in replacements:
            stack.enter_context(replacing(replace))
        return model.next_logits(ids)[0].log_softmax(-1)
