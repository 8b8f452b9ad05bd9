"""See how GPT-2 chooses its words: attention captured, generated with, compared and drawn.

Names are loaded when they are first used, so that importing the package brings neither torch nor
transformers: charts and saved traces work without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attn_core.capture import PromptError, capture
    from attn_core.generation import Step, generate
    from attn_core.model import LanguageModel, ModelUnavailable, load_model
    from attn_core.trace import AttentionTrace, InvalidTrace, Prediction

_HOME = {
    "AttentionTrace": "trace",
    "InvalidTrace": "trace",
    "LanguageModel": "model",
    "ModelUnavailable": "model",
    "Prediction": "trace",
    "PromptError": "capture",
    "Step": "generation",
    "capture": "capture",
    "generate": "generation",
    "load_model": "model",
}

__all__ = [
    "AttentionTrace",
    "InvalidTrace",
    "LanguageModel",
    "ModelUnavailable",
    "Prediction",
    "PromptError",
    "Step",
    "capture",
    "generate",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
