"""See how GPT-2 chooses its words: attention captured, generated with, compared and drawn.

Names are loaded when they are first used, so that importing the package brings neither torch nor
transformers: charts and saved traces work without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attn_core.lazy import load_when_used

if TYPE_CHECKING:
    from attn_core.attribution import Attribution, ablation_scan, attribute, log_probability
    from attn_core.capture import capture
    from attn_core.comparison import Comparison, compare
    from attn_core.errors import (
        AttnCoreError,
        InvalidTrace,
        ModelUnavailable,
        NameProbeError,
        PromptError,
        UnsupportedArchitecture,
    )
    from attn_core.generation import Step, generate
    from attn_core.lens import LogitLens, logit_lens
    from attn_core.model import LanguageModel, load_model
    from attn_core.names import NameProbe, probe
    from attn_core.patterns import head_scores, link_strengths
    from attn_core.residual import ResidualStream, residual_stream
    from attn_core.summaries import mean_attention, rollout
    from attn_core.tokens import token_texts
    from attn_core.trace import AttentionTrace, Prediction

_HOME = {
    "AttnCoreError": "errors",
    "AttentionTrace": "trace",
    "Attribution": "attribution",
    "Comparison": "comparison",
    "InvalidTrace": "errors",
    "LanguageModel": "model",
    "LogitLens": "lens",
    "ModelUnavailable": "errors",
    "Prediction": "trace",
    "NameProbe": "names",
    "NameProbeError": "errors",
    "PromptError": "errors",
    "ResidualStream": "residual",
    "Step": "generation",
    "UnsupportedArchitecture": "errors",
    "ablation_scan": "attribution",
    "attribute": "attribution",
    "capture": "capture",
    "compare": "comparison",
    "generate": "generation",
    "head_scores": "patterns",
    "link_strengths": "patterns",
    "load_model": "model",
    "log_probability": "attribution",
    "logit_lens": "lens",
    "mean_attention": "summaries",
    "probe": "names",
    "residual_stream": "residual",
    "rollout": "summaries",
    "token_texts": "tokens",
}

__all__ = [
    "AttentionTrace",
    "AttnCoreError",
    "Attribution",
    "Comparison",
    "InvalidTrace",
    "LanguageModel",
    "LogitLens",
    "ModelUnavailable",
    "NameProbe",
    "NameProbeError",
    "Prediction",
    "PromptError",
    "ResidualStream",
    "Step",
    "UnsupportedArchitecture",
    "ablation_scan",
    "attribute",
    "capture",
    "compare",
    "generate",
    "head_scores",
    "link_strengths",
    "load_model",
    "log_probability",
    "logit_lens",
    "mean_attention",
    "probe",
    "residual_stream",
    "rollout",
    "token_texts",
]


load_when_used(__name__)
