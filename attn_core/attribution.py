"""Which heads made this word: what each added to its logit, and what happens when each is switched off."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attn_core.ablation import HeadsOff, PerRowAblation, Replacement
from attn_core.anatomy import Anatomy, BlockArguments, listening
from attn_core.attention import Replace, replacing
from attn_core.encoding import Text, continuation_ids, encode, is_unknown
from attn_core.errors import UnsupportedArchitecture
from attn_core.forward import describe
from attn_core.heads import Head
from attn_core.residual import SUM_TOLERANCE, ResidualStream, stream_of
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
        largest = max(abs(self.logit), np.abs(self.heads).max(), np.abs(self.mlps).max(), abs(self.embedding))
        if not abs(self.total - self.logit) <= SUM_TOLERANCE * largest:
            raise UnsupportedArchitecture(
                f"The parts sum to {self.total:.3f}, not to the logit {self.logit:.3f}, so per-head effects are "
                "hidden. This architecture has extra steps."
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
            raise ValueError("The target is empty. Give a token, with the space before it if it starts a word.")
        if is_unknown(model, ids[:1], token):
            raise ValueError(
                f"The tokenizer of {model.name} does not know the target “{token}”. Give another token."
            )
        token = ids[0]
    n_known = model.n_vocabulary
    if not 0 <= token < n_known:
        raise ValueError(f"{model.name} has no token {token}. Give a number from 0 to {n_known - 1}.")
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
            raise ValueError("Target and contrast token (foil) start with the same token. Give another foil.")
    direction, bias = _direction(model.anatomy, stream.final, ids)
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


def _direction(anatomy: Anatomy, final: NDArray[np.float32], ids: list[int]) -> tuple[NDArray[np.float64], float]:
    """What the stream, (width,), is multiplied with to give the logit less the foil's, and what is added.

    Raises `UnsupportedArchitecture` if the logit is not linear in the stream once the norm's scale is fixed.
    """
    norm = _FixedNorm.of(anatomy.final_norm, final)
    row, bias = _read_out(anatomy, norm.normed, ids)
    direction = norm.scale * norm.weight * row
    if norm.is_centred:
        direction -= direction.mean()
    return direction, float(norm.bias @ row) + bias


@dataclass(frozen=True)
class _FixedNorm:
    """A norm whose scale is held fixed: scale * weight * x + bias, x less its mean if it is centred.

    Attributes:
        weight, bias: float64 (width,); ones and zeros where the norm has none.
        scale: at the stream that it was made for.
        is_centred: it takes the mean off, as LayerNorm does and RMSNorm does not.
        normed: float64 (width,), what it makes of the stream.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    scale: float
    is_centred: bool
    normed: NDArray[np.float64]

    @classmethod
    def of(cls, norm: nn.Module, stream: NDArray[np.float32]) -> _FixedNorm:
        """Read it off what the norm does; families differ in what they call their weights and add to them."""
        balanced = np.resize([1.0, -1.0], len(stream))  # of mean 0, so that centring leaves it as it is
        if len(stream) % 2:
            balanced[-3:] = 1.0, 1.0, -2.0
        probes = np.stack([stream, stream + np.float32(np.abs(stream).max()), balanced, np.zeros_like(balanced)])
        with torch.inference_mode():
            normed, shifted, of_balanced, bias = norm(torch.from_numpy(probes).float()).double().numpy()
        weight = (of_balanced - bias) / balanced
        is_centred = bool(np.abs(shifted - normed).max() <= SUM_TOLERANCE * np.abs(normed - bias).max())
        centre = stream.mean(dtype=np.float64) if is_centred else 0.0
        scaled = weight * (stream.astype(np.float64) - centre)
        return cls(weight, bias, float(scaled @ (normed - bias) / (scaled @ scaled)), is_centred, normed)


def _read_out(anatomy: Anatomy, normed: NDArray[np.float64], ids: list[int]) -> tuple[NDArray[np.float64], float]:
    """The row that the network's own head multiplies a normed stream with, and what it adds.

    With two ids it is that of the difference. The row is the head's derivative, which is the same everywhere if and
    only if the head is linear.
    """
    with torch.enable_grad():
        streams = torch.stack([torch.from_numpy(normed).float(), torch.zeros(len(normed))]).requires_grad_()
        logits = anatomy.unembed(streams)[:, ids]  # (2, 1 or 2)
        numbers = logits[:, 0] - logits[:, 1] if len(ids) == 2 else logits[:, 0]
        rows = torch.autograd.grad(numbers.sum(), streams)[0].double().numpy()
    _, at_zero = numbers.detach().double().tolist()
    if np.abs(rows[0] - rows[1]).max() > SUM_TOLERANCE * np.abs(rows[1]).max():
        raise UnsupportedArchitecture(
            f"{describe(anatomy.network)} changes its logits after the unembedding (with a cap, for example), "
            "so they are not a sum over heads."
        )
    return rows[0], at_zero


def _difference(of_ids: NDArray[np.floating]) -> NDArray[np.float64]:
    """The target's number, less the foil's if there is one."""
    numbers = of_ids.astype(np.float64)
    return numbers[0] - numbers[1] if len(numbers) == 2 else numbers[0]


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
    return float(_log_probabilities(model, ids, HeadsOff(model, ablate, replacement))[target_id])


def next_probabilities(
    model: LanguageModel, text: Text, *, ablate: Collection[Head] = (), replacement: Replacement = "zero"
) -> NDArray[np.float32]:
    """Return the probability of every token after the text, float32 (n_vocabulary,), with heads switched off.

    Raises `PromptError`, `UnsupportedArchitecture` and `ValueError` as `attribute` does.
    """
    return _log_probabilities(model, encode(model, text), HeadsOff(model, ablate, replacement)).exp().numpy()


def _log_probabilities(model: LanguageModel, ids: Tensor, *replacements: Replace) -> Tensor:
    """The log-probability of every token after a text, float32 (n_vocabulary,), in nats."""
    with ExitStack() as stack:
        stack.enter_context(forward_passes.take())
        for replace in replacements:
            stack.enter_context(replacing(replace))
        return model.next_logits(ids)[0].log_softmax(-1)


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
    _ = model.output_matrices  # raises where heads can't be switched off
    scan = _Scan(model, ids, target_id, replacement, frozenset(ablate), on_progress or (lambda fraction: None))
    try:
        return scan.layer_by_layer()
    except UnsupportedArchitecture:
        return scan.one_by_one()


@dataclass(frozen=True)
class _Scan:
    """Every head of a model switched off in turn, in one of two ways that give the same numbers."""

    model: LanguageModel
    ids: Tensor
    target_id: int
    replacement: Replacement
    ablate: frozenset[Head]
    on_progress: Callable[[float], None]

    def one_by_one(self) -> NDArray[np.float32]:
        """Run the whole network once for each head."""
        heads = self._every_head()
        before = self._run_without()
        changes = []
        for done, (layer, head) in enumerate(heads, start=1):
            changes.append(self._run_without(layer, [head]) - before)
            self.on_progress(done / len(heads))
        return np.array(changes, dtype=np.float32).reshape(self.model.n_layers, self.model.n_heads)

    def layer_by_layer(self) -> NDArray[np.float32]:
        """Run only the layers from each head's own on, many heads as one batch.

        Raises:
            UnsupportedArchitecture: that is not what the whole network gives: its layers have more to do with each
                other than the residual stream shows.
        """
        width, clean = self.model.anatomy.width, _Entering()
        with listening(clean):
            before = self._run_without()
        n_layers, rows_at_once = self.model.n_layers, max(1, TOKENS_AT_ONCE // self.ids.shape[1])
        whole_layer = list(range(self.model.n_heads))  # the first row, which is run in full, too, and compared
        rows = [(0, whole_layer), *((layer, [head]) for layer, head in self._every_head())]
        done, whole = 0, sum(n_layers - layer for layer, _ in rows)  # in layers run for one row
        after: list[Tensor] = []
        for start in range(0, len(rows), rows_at_once):
            batch = rows[start : start + rows_at_once]
            heads_off = HeadsOff(self.model, self.ablate, self.replacement)
            streams = torch.zeros(0, self.ids.shape[1], width)
            for layer in range(batch[0][0], n_layers):
                of_layer = [heads for other, heads in batch if other == layer]
                streams = self._run_layer(clean, layer, streams, of_layer, heads_off)
                done += len(streams)
                self.on_progress(done / whole)
            with forward_passes.take(), torch.inference_mode():
                logits = self.model.anatomy.logits(streams[:, -1])
            after.append(logits.log_softmax(-1)[:, self.target_id])
        found = torch.cat(after).numpy()
        self._check(float(found[0]), self._run_without(0, whole_layer), before)
        return (found[1:] - np.float32(before)).reshape(n_layers, self.model.n_heads)

    def _every_head(self) -> list[Head]:
        return [(layer, head) for layer in range(self.model.n_layers) for head in range(self.model.n_heads)]

    def _run_without(self, layer: int = 0, heads: Sequence[int] = ()) -> float:
        """The target's log-probability without some heads of a layer and those that are off anyway."""
        off = HeadsOff(self.model, self.ablate, self.replacement)
        also_off = PerRowAblation(layer, [heads], self.replacement)
        return float(_log_probabilities(self.model, self.ids, off, also_off)[self.target_id])

    def _run_layer(
        self, clean: _Entering, layer: int, streams: Tensor, heads: list[list[int]], heads_off: HeadsOff
    ) -> Tensor:
        """Run a layer on the streams so far and on one more for each of its own rows, without that row's heads."""
        stream, arguments = clean.layers[layer]
        per_row = PerRowAblation(layer, heads, self.replacement)
        batch = torch.cat([streams, stream.expand(len(heads), -1, -1)])
        try:
            with forward_passes.take(), torch.inference_mode(), replacing(heads_off), replacing(per_row):
                return arguments.call(self.model.anatomy.blocks[layer], batch)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise UnsupportedArchitecture(
                f"{describe(self.model.network)} cannot run its layers one at a time."
            ) from error

    def _check(self, layer_by_layer: float, at_once: float, before: float) -> None:
        """Compare the log-probability without the whole first layer's heads with that of a run in full."""
        rounding = 1e-6 * max(1, abs(before))
        if not abs(layer_by_layer - at_once) <= SUM_TOLERANCE * abs(at_once - before) + rounding:
            raise UnsupportedArchitecture(
                f"{describe(self.model.network)} has extra steps between its layers and its logits."
            )


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
