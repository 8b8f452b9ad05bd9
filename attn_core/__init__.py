"""See how GPT-2 chooses its words: attention captured, generated with, compared and drawn.

Names are loaded when they are first used, so that importing the package brings neither torch nor
transformers: charts and saved traces work without them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attn_core.capture import PromptError, capture
    from attn_core.generation import Step, generate
    from attn_core.model import LanguageModel, ModelUnavailable, load_model
    from attn_core.patterns import head_scores
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
    "head_scores": "patterns",
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
    "head_scores",
    "load_model",
]


class _Package(ModuleType):
    """The package as a module whose public names are always those of `_HOME`.

    Importing the submodule `attn_core.capture` would otherwise put that module in the place of the function
    `attn_core.capture`.
    """

    def __getattribute__(self, name: str) -> Any:
        home = _HOME.get(name)
        return ModuleType.__getattribute__(self, name) if home is None else _from(home, name)


def _from(module: str, name: str) -> Any:
    return getattr(import_module(f"{__name__}.{module}"), name)


sys.modules[__name__].__class__ = _Package
