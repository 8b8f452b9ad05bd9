"""Turning heads off: replacing their outputs, wherever a model is run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from torch import Tensor

from attn_core.heads import Head, head_label

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

Replacement = Literal["zero", "mean"]
"""What a head's output becomes: zero, or its own mean over the positions of the prompt.

Zero takes away all that the head does, also the part that is the same for every token, which later layers may
rely on. The mean leaves that part and takes away only what depends on the text.
"""


class HeadsOff:
    """Replaces the outputs of some heads, for `attn_core.attention.replacing`.

    The output of a head is what it takes from its keys, before its output matrix and the layer's bias. A mean is
    over the positions of the first forward pass that this object sees, and stays for those that follow, so
    that what is generated is not averaged over itself.
    """

    def __init__(self, model: LanguageModel, heads: Collection[Head], replacement: Replacement) -> None:
        check_heads(model, heads)
        if replacement not in get_args(Replacement):
            raise ValueError(f"Heads cannot be replaced with {replacement!r}. Use 'zero' or 'mean'.")
        self.heads = frozenset(heads)
        self._replacement = replacement
        self._of_layer: dict[int, list[int]] = {}
        for layer, head in sorted(self.heads):
            self._of_layer.setdefault(layer, []).append(head)
        self._means: dict[int, Tensor] = {}

    def __call__(self, layer: int, outputs: Tensor) -> Tensor:
        """A layer's outputs, (batch, n_queries, n_heads, head_dim), with those heads replaced."""
        heads = self._of_layer.get(layer)
        if heads is None:
            return outputs
        if self._replacement == "mean" and layer not in self._means:
            self._means[layer] = outputs[:, :, heads].mean(dim=1, keepdim=True)
        replaced = outputs.clone()
        replaced[:, :, heads] = self._means[layer] if self._replacement == "mean" else 0.0
        return replaced


class PerRowAblation:
    """Replaces heads of one layer in the last rows of a batch, for `attn_core.attention.replacing`."""

    def __init__(self, layer: int, heads_of_rows: Sequence[Sequence[int]], replacement: Replacement) -> None:
        self._layer, self._heads_of_rows, self._replacement = layer, heads_of_rows, replacement

    def __call__(self, layer: int, outputs: Tensor) -> Tensor:
        """A layer's outputs, (batch, n_queries, n_heads, head_dim), each of the last rows without its heads."""
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
        UnsupportedArchitecture: what a head of this type of model adds can't be replaced.
    """
    for layer, head in heads:
        if not (0 <= layer < model.n_layers and 0 <= head < model.n_heads):
            raise ValueError(
                f"{model.name} has no head {head_label((layer, head))}. Choose layers 0 to {model.n_layers - 1} and "
                f"heads 0 to {model.n_heads - 1}."
            )
    if heads:
        _ = model.output_matrices
