"""Split the logit of a token into what each part of the model added to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from attn_core.analysis.notebook import html_table
from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head, head_label, rank_heads
from attn_core.models.components import Components
from attn_core.models.decoding import continuation_texts
from attn_core.models.encoding import Text
from attn_core.models.forward import describe_type
from attn_core.runs.ablation import Replacement
from attn_core.runs.residual import SUM_TOLERANCE, ResidualStream, resolve_stream

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """The contribution of each part of a model to one token's logit; all numbers are logits.

    Attributes:
        target: the token's text.
        foil: the contrast token's text if the numbers are the target's less the foil's; None without a foil.
        heads: float32 (n_layers, n_heads).
        mlps: float32 (n_layers,).
        embedding: the part of the token and position embeddings.
        biases: the part of the biases of the attention's output projections, the final norm and the unembedding.
        logit: the target's logit as the model computed it, less the foil's.

    Raises:
        UnsupportedArchitecture: the parts do not add up to the logit.

    >>> attribution = attribute(load_model("mini"), "The dog on the ship", target=" ran")
    >>> attribution.heads.shape, attribution.mlps.shape
    ((12, 12), (12,))
    >>> abs(attribution.total - attribution.logit) < 0.001
    True
    """

    target: str
    foil: str | None
    heads: NDArray[np.float32]
    mlps: NDArray[np.float32]
    embedding: float
    biases: float
    logit: float

    def __post_init__(self) -> None:
        largest = max(abs(self.logit), np.abs(self.heads).max(), np.abs(self.mlps).max(), abs(self.embedding))
        if not abs(self.total - self.logit) <= SUM_TOLERANCE * largest:
            raise UnsupportedArchitecture(
                f"The parts sum to {self.total:.3f}, not to the logit {self.logit:.3f}, so per-head effects are "
                "hidden. This architecture has extra steps."
            )
        self.heads.flags.writeable = False
        self.mlps.flags.writeable = False

    def __repr__(self) -> str:
        foil = "" if self.foil is None else f", foil={self.foil!r}"
        strongest = "".join(f", strongest head {head_label(head)}" for head in self.strongest(1))
        return f"Attribution(target={self.target!r}{foil}, logit={self.logit:.2f}{strongest})"

    def _repr_html_(self) -> str:
        return html_table(repr(self), self.to_frame())

    @property
    def total(self) -> float:
        """The sum of all parts, which is `logit` up to rounding."""
        return (
            float(self.heads.sum(dtype=np.float64) + self.mlps.sum(dtype=np.float64)) + self.embedding + self.biases
        )

    def strongest(self, n: int) -> list[Head]:
        """Return the `n` heads that raised the target's logit most, the strongest first; none that lowered it."""
        return [head for head in rank_heads(self.heads, n) if self.heads[head] > 0]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row for each part, the largest logits first.

        Columns: `kind` ("head", "mlp", "embedding" or "biases"), `layer` and `head` (Int64, missing where a part
        has none) and `logits` (float64). The rows sum to `total`.
        """
        n_layers, n_heads = self.heads.shape
        layers = list(range(n_layers))
        table = pd.DataFrame(
            {
                "kind": ["head"] * self.heads.size + ["mlp"] * n_layers + ["embedding", "biases"],
                "layer": pd.array([*np.repeat(layers, n_heads).tolist(), *layers, None, None], dtype="Int64"),
                "head": pd.array(list(range(n_heads)) * n_layers + [None] * (n_layers + 2), dtype="Int64"),
                "logits": np.concatenate(
                    [self.heads.ravel(), self.mlps, [self.embedding, self.biases]], dtype=np.float64
                ),
            }
        )
        return table.sort_values("logits", ascending=False, kind="stable", ignore_index=True)


def attribute(
    model: LanguageModel,
    text: Text | ResidualStream,
    target: str | int,
    foil: str | int | None = None,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
) -> Attribution:
    """Return how much each head, MLP, embedding and bias added to the target's logit (direct logit attribution).

    The logit at the last position is a sum over everything that was added to its residual stream, once the scale of
    the final norm is fixed at its value in this pass (LayerNorm's centering is linear and stays). So the parts are
    exact and sum to the logit. They are direct effects: what a head did through later layers is counted there. The
    sum over heads and its use to find the heads behind a prediction follow Elhage et al. 2021, "A Mathematical
    Framework for Transformer Circuits", and Wang et al. 2022, "Interpretability in the Wild".

    Args:
        model: the model to run, once. It is not run if `text` is a residual stream.
        text: the prompt, its token ids, or its `residual_stream`.
        target: the next token, as its text or its id. Of a text that is several tokens, the first one is used;
            mind the space before a word.
        foil: a contrast token. With it, the numbers are the target's logit less the foil's.
        ablate, replacement: heads to switch off (see `attn_core.runs.ablation`); not with a residual stream.

    Raises:
        PromptError: see `attn_core.models.encoding.encode`.
        UnsupportedArchitecture: the parts of this type of model are not known, or do not add up.
        ValueError: there is no such token or head, or target and foil are the same.

    >>> attribution = attribute(load_model("mini"), "The dog on the ship", target=" ran", foil=" flew")
    >>> attribution.target
    ' ran'
    >>> attribution.to_frame().columns.tolist()
    ['kind', 'layer', 'head', 'logits']
    """
    stream = resolve_stream(model, text, ablate, replacement)
    context = stream.token_ids if isinstance(text, ResidualStream) else text
    ids = [model.token_id(target, context)]
    if foil is not None:
        ids.append(model.token_id(foil, context))
        if ids[0] == ids[1]:
            raise ValueError("Target and contrast token (foil) start with the same token. Give another foil.")
    direction, bias = _direction(model.components, stream.final, ids)
    texts = continuation_texts(model.tokenizer, ids)
    return Attribution(
        target=texts[0],
        foil=texts[1] if foil is not None else None,
        heads=(stream.heads @ direction).astype(np.float32),
        mlps=(stream.mlps @ direction).astype(np.float32),
        embedding=float(stream.embedding @ direction),
        biases=float((stream.attention_biases @ direction).sum()) + bias,
        logit=float(_difference(stream.logits[ids])),
    )


def _direction(
    components: Components, final: NDArray[np.float32], ids: list[int]
) -> tuple[NDArray[np.float64], float]:
    """Return the direction, (width,), whose product with the stream plus a constant is the logit, and the constant.

    With two ids it is the difference of their logits. Raises `UnsupportedArchitecture` if the logit is not linear in
    the stream once the norm's scale is fixed.
    """
    norm = _FixedNorm.of(components.final_norm, final)
    row, bias = _read_out(components, norm.normed, ids)
    direction = norm.scale * norm.weight * row
    if norm.is_centered:
        direction -= direction.mean()
    return direction, float(norm.bias @ row) + bias


@dataclass(frozen=True, eq=False)
class _FixedNorm:
    """A norm with a fixed scale: scale * weight * x + bias, where x is less its mean if the norm is centered.

    Attributes:
        weight, bias: float64 (width,); ones and zeros where the norm has none.
        scale: the scale at the stream that the norm was read at.
        is_centered: whether it subtracts the mean, as LayerNorm does and RMSNorm does not.
        normed: float64 (width,), the norm's output for that stream.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    scale: float
    is_centered: bool
    normed: NDArray[np.float64]

    @classmethod
    def of(cls, norm: nn.Module, stream: NDArray[np.float32]) -> _FixedNorm:
        """Measure the norm by its outputs, since families differ in the names and offsets of its weights."""
        balanced = np.resize([1.0, -1.0], len(stream))  # of mean 0, so that centering does not change it
        if len(stream) % 2:
            balanced[-3:] = 1.0, 1.0, -2.0
        probes = np.stack([stream, stream + np.float32(np.abs(stream).max()), balanced, np.zeros_like(balanced)])
        with torch.inference_mode():
            normed, shifted, from_balanced, bias = norm(torch.from_numpy(probes).float()).double().numpy()
        weight = (from_balanced - bias) / balanced
        is_centered = bool(np.abs(shifted - normed).max() <= SUM_TOLERANCE * np.abs(normed - bias).max())
        center = stream.mean(dtype=np.float64) if is_centered else 0.0
        scaled = weight * (stream.astype(np.float64) - center)
        return cls(weight, bias, float(scaled @ (normed - bias) / (scaled @ scaled)), is_centered, normed)


def _read_out(
    components: Components, normed: NDArray[np.float64], ids: list[int]
) -> tuple[NDArray[np.float64], float]:
    """Return the unembedding's row that multiplies a normed stream, and the constant that it adds.

    With two ids they are those of the difference. The row is the derivative of the network's own unembedding, which
    is the same everywhere if and only if the unembedding is linear.
    """
    with torch.enable_grad():
        streams = torch.stack([torch.from_numpy(normed).float(), torch.zeros(len(normed))]).requires_grad_()
        logits = components.unembed(streams)[:, ids]  # (2, 1 or 2)
        numbers = logits[:, 0] - logits[:, 1] if len(ids) == 2 else logits[:, 0]
        rows = torch.autograd.grad(numbers.sum(), streams)[0].double().numpy()
    _, at_zero = numbers.detach().double().tolist()
    if np.abs(rows[0] - rows[1]).max() > SUM_TOLERANCE * np.abs(rows[1]).max():
        raise UnsupportedArchitecture(
            f"{describe_type(components.network)} changes its logits after the unembedding (with a cap, for example), "
            "so they are not a sum over heads."
        )
    return rows[0], at_zero


def _difference(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the target's number, less the foil's if there is one."""
    numbers = logits.astype(np.float64)
    return numbers[0] - numbers[1] if len(numbers) == 2 else numbers[0]
