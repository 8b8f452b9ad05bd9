"""Turn off each head, one at a time, and measure the change of the target's log-probability."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attn_core.errors import UnsupportedArchitecture
from attn_core.heads import Head, all_heads
from attn_core.models.attention import replacing
from attn_core.models.components import LayerArguments, observing
from attn_core.models.encoding import Text
from attn_core.models.forward import describe_type
from attn_core.runs.ablation import HeadAblation, PerRowAblation, Replacement, log_probabilities
from attn_core.runs.residual import SUM_TOLERANCE

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel

TOKENS_AT_ONCE = 1024  # over all rows of a batch: more are slower again, and need more memory


def ablation_scan(
    model: LanguageModel,
    text: Text,
    target: str | int,
    *,
    replacement: Replacement = "zero",
    ablate: Collection[Head] = (),
    on_progress: Callable[[float], None] | None = None,
) -> NDArray[np.float32]:
    """Return the change of the target's log-probability when each head is turned off, one at a time.

    Unlike `attribute` this includes indirect effects: what later layers make of the head's output, and how they
    respond when it is gone. The layers below a head are not run again, and as many heads as fit run as one batch,
    one per row.

    Args:
        model: the model to run.
        text: the prompt, or its token ids.
        target: see `attribute`.
        replacement: what replaces a head's output at every position: zero, or its mean over the text's positions.
        ablate: heads that are off throughout, including in the baseline.
        on_progress: called with the completed fraction, in (0, 1]; an exception from it ends the scan.

    Returns:
        float32 (n_layers, n_heads), in nats: negative if the target is less probable without the head.

    Raises:
        PromptError, UnsupportedArchitecture, ValueError: see `attribute`.

    >>> change = ablation_scan(load_model("mini"), "The dog ran", target=" after")
    >>> change.shape
    (12, 12)
    """
    ids, target_id = model.encode(text), model.token_id(target, text)
    _ = model.output_matrices  # raises if heads can't be turned off
    scan = _Scan(model, ids, target_id, replacement, frozenset(ablate), on_progress or (lambda fraction: None))
    try:
        return scan.layer_by_layer()
    except UnsupportedArchitecture:
        return scan.one_by_one()


@dataclass(frozen=True, eq=False)
class _Scan:
    """Turns off every head of a model in turn, in one of two ways that give the same numbers."""

    model: LanguageModel
    ids: Tensor
    target_id: int
    replacement: Replacement
    ablate: frozenset[Head]
    on_progress: Callable[[float], None]

    def one_by_one(self) -> NDArray[np.float32]:
        """Run the whole network once for each head."""
        heads = all_heads(self.model.n_layers, self.model.n_heads)
        baseline = self._run_without()
        changes = []
        for done, (layer, head) in enumerate(heads, start=1):
            changes.append(self._run_without(layer, [head]) - baseline)
            self.on_progress(done / len(heads))
        return np.array(changes, dtype=np.float32).reshape(self.model.n_layers, self.model.n_heads)

    def layer_by_layer(self) -> NDArray[np.float32]:
        """Run only the layers from each head's own on, many heads as one batch.

        Raises:
            UnsupportedArchitecture: the result differs from that of the whole network, because its layers interact
                through more than the residual stream.
        """
        width, clean = self.model.components.width, _LayerInputs()
        with observing(clean):
            baseline = self._run_without()
        n_layers, rows_at_once = self.model.n_layers, max(1, TOKENS_AT_ONCE // self.ids.shape[1])
        whole_layer = list(range(self.model.n_heads))  # the first row, checked against a full run
        rows = [(0, whole_layer), *((layer, [head]) for layer, head in all_heads(n_layers, self.model.n_heads))]
        n_done, n_total = 0, sum(n_layers - layer for layer, _ in rows)  # in layers run for one row
        results: list[Tensor] = []
        for start in range(0, len(rows), rows_at_once):
            batch = rows[start : start + rows_at_once]
            ablation = HeadAblation(self.model, self.ablate, self.replacement)
            streams = torch.zeros(0, self.ids.shape[1], width)
            for layer in range(batch[0][0], n_layers):
                heads_of_rows = [heads for other, heads in batch if other == layer]
                streams = self._run_layer(clean, layer, streams, heads_of_rows, ablation)
                n_done += len(streams)
                self.on_progress(n_done / n_total)
            with self.model.slot(), torch.inference_mode():
                logits = self.model.components.logits(streams[:, -1])
            results.append(logits.log_softmax(-1)[:, self.target_id])
        ablated = torch.cat(results).numpy()
        self._check(float(ablated[0]), self._run_without(0, whole_layer), baseline)
        return (ablated[1:] - np.float32(baseline)).reshape(n_layers, self.model.n_heads)

    def _run_without(self, layer: int = 0, heads: Sequence[int] = ()) -> float:
        """Return the target's log-probability without some heads of a layer and those of `ablate`."""
        ablation = HeadAblation(self.model, self.ablate, self.replacement)
        per_row = PerRowAblation(layer, [heads], self.replacement)
        return float(log_probabilities(self.model, self.ids, ablation, per_row)[self.target_id])

    def _run_layer(
        self,
        clean: _LayerInputs,
        layer: int,
        streams: Tensor,
        heads_of_rows: list[list[int]],
        ablation: HeadAblation,
    ) -> Tensor:
        """Run a layer on the streams so far, and on a new row for each entry of `heads_of_rows` without its heads."""
        stream, arguments = clean.layers[layer]
        per_row = PerRowAblation(layer, heads_of_rows, self.replacement)
        batch = torch.cat([streams, stream.expand(len(heads_of_rows), -1, -1)])
        try:
            with self.model.slot(), torch.inference_mode(), replacing(ablation), replacing(per_row):
                return arguments.call(self.model.components.blocks[layer], batch)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise UnsupportedArchitecture(
                f"{describe_type(self.model.network)} cannot run its layers one at a time."
            ) from error

    def _check(self, layer_by_layer: float, full_run: float, baseline: float) -> None:
        """Check the log-probability without any heads of the first layer against that of a full run."""
        rounding = 1e-6 * max(1, abs(baseline))
        if not abs(layer_by_layer - full_run) <= SUM_TOLERANCE * abs(full_run - baseline) + rounding:
            raise UnsupportedArchitecture(
                f"{describe_type(self.model.network)} has extra steps between its layers and its logits."
            )


class _LayerInputs:
    """Observes one forward pass and keeps the inputs of each layer."""

    def __init__(self) -> None:
        self.layers: list[tuple[Tensor, LayerArguments]] = []

    def enter_block(self, layer: int, stream: Tensor, arguments: LayerArguments) -> None:
        self.layers.append((stream.clone(), arguments))

    def leave_mlp(self, layer: int, added: Tensor) -> None:
        pass

    def leave_blocks(self, stream: Tensor) -> None:
        pass
