"""What a model would have said after each layer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from attn_core.ablation import Replacement
from attn_core.attribution import token_id
from attn_core.capture import prediction
from attn_core.encoding import Text
from attn_core.heads import Head
from attn_core.residual import ResidualStream, stream_of
from attn_core.trace import Prediction
from attn_core.turns import forward_passes

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

N_TOKENS = 10


@dataclass(frozen=True)
class LogitLens:
    """The next token as it could be read off the residual stream, before the first layer and after each one.

    Attributes:
        predictions: n_layers + 1 of them, each with the ten best tokens; the last is the model's own.
        target_probabilities: float32 (n_layers + 1,): of the token that was asked for.
    """

    predictions: tuple[Prediction, ...]
    target_probabilities: NDArray[np.float32]


def logit_lens(
    model: LanguageModel,
    text: Text | ResidualStream,
    target: str | int,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
) -> LogitLens:
    """The best next tokens after each layer: the stream there through the final norm and the unembedding.

    After nostalgebraist 2020, "interpreting GPT: the logit lens". The scale of the norm is not held fixed here: it
    is worked out anew for the stream of each layer. Probabilities are in [0, 1].

    Args:
        model, text, ablate, replacement: as in `attn_core.attribute`.
        target: the token whose probability is followed (see `attn_core.attribute`).

    Raises:
        PromptError, UnsupportedArchitecture, ValueError: as `attn_core.attribute`.
    """
    stream = stream_of(model, text, ablate, replacement)
    target_id = token_id(model, target, stream.token_ids)
    with forward_passes.take(), torch.inference_mode():
        logits = model.anatomy.logits(torch.from_numpy(stream.after_layers()))
        probabilities = logits.softmax(-1)  # (n_layers + 1, n_vocabulary)
    return LogitLens(
        predictions=tuple(prediction(model, row, N_TOKENS) for row in probabilities),
        target_probabilities=probabilities[:, target_id].numpy(),
    )
