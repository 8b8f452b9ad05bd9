"""Read next-token predictions off the residual stream after each layer (logit lens)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from attn_core.analysis.notebook import html_table
from attn_core.heads import Head
from attn_core.models.encoding import Text
from attn_core.runs.ablation import Replacement
from attn_core.runs.residual import ResidualStream, resolve_stream
from attn_core.trace import Prediction

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel

N_TOKENS = 10


@dataclass(frozen=True, eq=False, repr=False)
class LogitLens:
    """The next-token predictions read off the residual stream before the first layer and after each layer.

    Attributes:
        predictions: n_layers + 1 predictions, each with the ten most probable tokens; the last is the model's own.
        target_probabilities: float32 (n_layers + 1,): the target's probability in each of them.

    >>> lens = logit_lens(load_model("mini"), "The dog on the ship", target=" ran")
    >>> len(lens.predictions), lens.target_probabilities.shape
    (13, (13,))
    """

    predictions: tuple[Prediction, ...]
    target_probabilities: NDArray[np.float32]

    def __repr__(self) -> str:
        last = self.predictions[-1]
        return (
            f"LogitLens({len(self.predictions) - 1} layers, top prediction {last.tokens[0]!r} "
            f"with probability {last.probabilities[0]:.3f}, target {self.target_probabilities[-1]:.3f})"
        )

    def _repr_html_(self) -> str:
        return html_table(repr(self), self.to_frame(), n_rows=len(self.predictions))

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row for each layer, from the input to the last layer.

        Columns: `layer` (-1 is the input, before the first layer), `token` (the top prediction), `probability` (its
        probability) and `target_probability`.
        """
        return pd.DataFrame(
            {
                "layer": range(-1, len(self.predictions) - 1),
                "token": [prediction.tokens[0] for prediction in self.predictions],
                "probability": [prediction.probabilities[0] for prediction in self.predictions],
                "target_probability": self.target_probabilities,
            }
        )


def logit_lens(
    model: LanguageModel,
    text: Text | ResidualStream,
    target: str | int,
    *,
    ablate: Collection[Head] = (),
    replacement: Replacement = "zero",
) -> LogitLens:
    """Return the next-token predictions after each layer (logit lens).

    The residual stream after each layer goes through the final norm and the unembedding. The scale of the norm is not
    fixed here: it is computed for the stream of each layer. Probabilities are in [0, 1]. Source: nostalgebraist 2020,
    "interpreting GPT: the logit lens".

    Args:
        model, text, ablate, replacement: as in `attn_core.attribute`.
        target: the token whose probability is followed (see `attn_core.attribute`).

    Raises:
        PromptError, UnsupportedArchitecture, ValueError: as in `attn_core.attribute`.

    >>> lens = logit_lens(load_model("mini"), "The dog on the ship", target=" ran")
    >>> lens.to_frame().columns.tolist()
    ['layer', 'token', 'probability', 'target_probability']
    """
    stream = resolve_stream(model, text, ablate, replacement)
    target_id = model.token_id(target, stream.token_ids)
    with model.slot(), torch.inference_mode():
        logits = model.components.logits(torch.from_numpy(stream.after_layers()))
        probabilities = logits.softmax(-1)  # (n_layers + 1, n_vocabulary)
    return LogitLens(
        predictions=tuple(model.rank_tokens(row, N_TOKENS) for row in probabilities),
        target_probabilities=probabilities[:, target_id].numpy(),
    )
