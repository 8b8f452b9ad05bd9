"""Which heads made this word: what each added to its logit, and what happens when each is switched off."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attn_core.ablation import Head, HeadsOff, OneHeadEach, Replacement
from attn_core.anatomy import BlockArguments, listening
from attn_core.attention import replacing
from attn_core.encoding import Text, continuation_ids, encode, is_unknown
from attn_core.errors import UnsupportedArchitecture
from attn_core.residual import CLOSES_TO, ResidualStream, stream_of
from attn_core.tokens import texts_after_another
from attn_core.turns import forward_passes

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

TOKENS_AT_ONCE = 1024  # of all rows of a batch: more are slower again, and take more memory


@dataclass(frozen=True)
class Attribution:
    """How much each part of a model pushed one token's logit; all numbers are logits.

    Attributes:
        target: the token's text.
        foil: the other token's text, if the numbers are of the difference from its logit.
        heads: float32 (n_layers, n_heads).
        mlps: float32 (n_layers,).
        embedding: of token and position.
        biases: of the attention's output projections, the final norm and the unembedding.
        logit: the target's logit as the model computed it, less the foil's.

    Raises:
        UnsupportedArchitecture: the parts do not add up to the logit.
    """

    target: str
    foil: str | None
    heads: NDArray[np.float32]
    mlps: NDArray[np.float32]
    embedding: float
    biases: float
    logit: float

    def __post_init__(self) -> None:
        largest = max(1.0, abs(self.logit), np.abs(self.heads).max(), np.abs(self.mlps).max(), abs(self.embedding))
        if not abs(self.total - self.logit) <= CLOSES_TO * largest:
            raise UnsupportedArchitecture(
                f"The heads, MLPs, embedding and biases add up to {self.total:.3f} and not to the logit, "
                f"{self.logit:.3f}: this type of model has further steps in between."
            )
        self.heads.flags.writeable = False
        self.mlps.flags.writeable = False

    @property
    def total(self) -> float:
        """The sum of all parts, which is `logit` up to rounding."""
        return (
            float(self.heads.sum(dtype=np.float64) + self.mlps.sum(dtype=np.float64)) + self.embedding + self.biases
        )

    def strongest(self, n: int) -> list[Head]:
        """The heads that pushed hardest towards the target, the strongest first; none that pushed away."""
        order = np.argsort(-self.heads, axis=None, kind="stable")[:n]
        pairs = [
            (int(layer), int(head)) for layer, head in zip(*np.unravel_index(order, self.heads.shape), strict=True)
        ]
        return [pair for pair in pairs if self.heads[pair] > 0]


def token_id(model: LanguageModel, token: str | int, text: Text | None = None) -> int:
    """The number of a token: of the first one if the text is cut into several.

    Args:
        model: whose token it is.
        token: its text, with the space before it if it starts a word, or its number.
        text: what it follows, on which its pieces may depend (see `attn_core.encoding.continuation_ids`).

    Raises:
        ValueError: the text is empty or unknown to the tokenizer, or there is no such number.
    """
    if isinstance(token, str):
        ids = continuation_ids(model, text, token)
        if not ids:
            raise ValueError("The target is empty: name a token, with the space before it if it starts a word.")
        if is_unknown(model, ids[:1], token):
            raise ValueError(
                f"The tokenizer of {model.name} does not know the target “{token}”: name another token."
            )
        token = ids[0]
    n_known = model.n_vocabulary
    if not 0 <= token < n_known:
        raise ValueError(f"There is no token {token}: {model.name} has {n_known:,}, counted from zero.")
    return int(token)


def attribute(
    model: LanguageModel,
    text: Text | ResidualStream,
    target: str | int,
    foil: str | int | None = None,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
) -> Attribution:
    """Direct logit attribution: how much each head, MLP, embedding and bias added to the target's logit.

    The logit of the last position is a sum over everything that was added to its residual stream, once the scale of
    the final norm is held fixed at the value that it has in this pass (LayerNorm's centring is linear and
    stays). So the parts are exact and sum to the logit. They are direct effects: what a head did through
    later layers counts for those. The sum over heads and its use to find the heads behind a prediction follow
    Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits", and Wang et al. 2022,
    "Interpretability in the Wild".

    Args:
        model: what to run, once; not at all if `text` is a stream that it left.
        text: the prompt, its token ids, or its `residual_stream`.
        target: the token after the text, as its text (the first token of it, if it is cut into several; mind
            the space before a word) or its id.
        foil: another token; then the numbers are of the target's logit less the foil's.
        ablate, replacement: heads to switch off (see `attn_core.ablation`); not with a stream.

    Raises:
        PromptError: see `attn_core.encoding.encode`.
        UnsupportedArchitecture: the parts of this type of model are not known, or do not add up.
        ValueError: there is no such token or head, or target and foil are the same.
    """
    stream = stream_of(model, text, ablate, replacement)
    given = stream.token_ids if isinstance(text, ResidualStream) else text
    ids = [token_id(model, target, given)]
    if foil is not None:
        ids.append(token_id(model, foil, given))
        if ids[0] == ids[1]:
            raise ValueError("Target and foil begin with the same token: name another foil.")
    direction, bias = _direction(model, stream, ids)
    names = texts_after_another(model.tokenizer, ids)
    return Attribution(
        target=names[0],
        foil=names[1] if foil is not None else None,
        heads=(stream.heads @ direction).astype(np.float32),
        mlps=(stream.mlps @ direction).astype(np.float32),
        embedding=float(stream.embedding @ direction),
        biases=float((stream.attention_biases @ direction).sum()) + bias,
        logit=float(_difference(stream.logits[ids])),
    )


def _direction(model: LanguageModel, stream: ResidualStream, ids: list[int]) -> tuple[NDArray[np.float64], float]:
    """What the stream, (width,), is multiplied with to give the logit less the foil's, and what is added."""
    norm, unembedding = model.anatomy.final_norm, model.anatomy.unembedding
    centred = isinstance(norm, nn.LayerNorm)  # it takes the mean off, RMSNorm does not
    with torch.inference_mode():
        normed = _double(norm(torch.from_numpy(stream.final)))
        # Families differ in what they add to RMSNorm's weight. Ones show it, up to a factor that the scale takes.
        weight = _double(norm.weight if centred else norm(torch.ones(model.anatomy.width)))
        norm_bias = _double(getattr(norm, "bias", None), like=weight)
        rows = _double(cast(Tensor, unembedding.weight)[ids])  # (1 or 2, width)
        row_biases = _double(getattr(unembedding, "bias", None), like=np.zeros(model.n_vocabulary))[ids]
    row = _difference(rows)
    final = stream.final.astype(np.float64)
    scaled = weight * (final - final.mean() if centred else final)
    scale = scaled @ (normed - norm_bias) / (scaled @ scaled)
    direction = scale * weight * row
    if centred:
        direction -= direction.mean()
    return direction, float(norm_bias @ row + _difference(row_biases))


def _difference(of_ids: NDArray[np.floating]) -> NDArray[np.float64]:
    """The target's number, less the foil's if there is one."""
    numbers = of_ids.astype(np.float64)
    return numbers[0] - numbers[1] if len(numbers) == 2 else numbers[0]


def _double(parameter: object, like: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    if isinstance(parameter, Tensor):
        return parameter.detach().double().numpy()
    assert like is not None
    return np.zeros_like(like)


def log_probability(
    model: LanguageModel,
    text: Text,
    target: str | int,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
) -> float:
    """The target's log-probability after the text, in nats, with heads switched off if any are named.

    Raises `PromptError` and `ValueError` as `attribute` does.
    """
    ids, target_id = encode(model, text), token_id(model, target, text)
    with forward_passes.take(), torch.inference_mode(), replacing(HeadsOff(model, ablate, replacement)):
        logits = model.network(ids, logits_to_keep=1, use_cache=False).logits[0, -1].float()
    return float(logits.log_softmax(-1)[target_id])


def ablation_scan(
    model: LanguageModel,
    text: Text,
    target: str | int,
    *,
    replacement: Replacement = "zero",
    ablate: Collection[Head] = (),
    on_progress: Callable[[float], None] | None = None,
) -> NDArray[np.float32]:
    """How much the target's log-probability changes when each head is switched off, one at a time.

    Unlike `attribute` this counts all that the head did, also through later layers, and what those do when it is
    gone. The layers below a head are not run again, and all heads that fit run as one batch, a row each.

    Args:
        model: what to run.
        text: the prompt, or its token ids.
        target: see `attribute`.
        replacement: what a head's output becomes at every position: zero, or its mean over the text's positions.
        ablate: heads that are off all the while, and in what it is compared with.
        on_progress: called with the part that is done, in (0, 1]; what it raises ends the scan.

    Returns:
        float32 (n_layers, n_heads), nats: negative where the target loses probability without the head.

    Raises:
        PromptError, UnsupportedArchitecture, ValueError: as `attribute`.
    """
    ids, target_id = encode(model, text), token_id(model, target, text)
    n_layers, n_heads, n_tokens = model.n_layers, model.n_heads, ids.shape[1]
    clean = _Entering()
    with (
        forward_passes.take(),
        torch.inference_mode(),
        listening(clean),
        replacing(HeadsOff(model, ablate, replacement)),
    ):
        logits = model.network(ids, logits_to_keep=1, use_cache=False).logits[0, -1].float()
        before = logits.log_softmax(-1)[target_id]
    every_head = [(layer, head) for layer in range(n_layers) for head in range(n_heads)]
    rows_at_once = max(1, TOKENS_AT_ONCE // n_tokens)
    changes: list[Tensor] = []
    done, whole = 0, sum(n_layers - layer for layer, _ in every_head)  # in layers run for one row
    for start in range(0, len(every_head), rows_at_once):
        switched = every_head[start : start + rows_at_once]
        heads_off = HeadsOff(model, ablate, replacement)
        rows = torch.zeros(0, n_tokens, model.anatomy.width)
        for layer in range(switched[0][0], n_layers):
            heads = [head for other, head in switched if other == layer]
            stream, arguments = clean.layers[layer]
            one_each = OneHeadEach(layer, heads, replacement)
            with forward_passes.take(), torch.inference_mode(), replacing(heads_off), replacing(one_each):
                rows = arguments.call(
                    model.anatomy.blocks[layer], torch.cat([rows, stream.expand(len(heads), -1, -1)])
                )
            done += len(rows)
            if on_progress is not None:
                on_progress(done / whole)
        with torch.inference_mode():
            changes.append(model.anatomy.logits(rows[:, -1]).float().log_softmax(-1)[:, target_id] - before)
    return torch.cat(changes).reshape(n_layers, n_heads).numpy()


class _Entering:
    """Hears one forward pass and keeps what each layer was called with."""

    def __init__(self) -> None:
        self.layers: list[tuple[Tensor, BlockArguments]] = []

    def enter_block(self, layer: int, stream: Tensor, arguments: BlockArguments) -> None:
        self.layers.append((stream.clone(), arguments))

    def leave_mlp(self, layer: int, added: Tensor) -> None:
        pass

    def leave_blocks(self, stream: Tensor) -> None:
        pass
