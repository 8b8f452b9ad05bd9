"""Describe errors of the library to visitors, who have buttons to press and the bundled model."""

from __future__ import annotations

from attn_core.errors import ModelUnavailable, PromptTooLong, Remedy


def describe_error(error: Exception) -> str:
    """Return what failed, why, and what a visitor can do, in plain text."""
    if isinstance(error, PromptTooLong):
        return f"The prompt has {error.n_tokens:,} tokens; this dashboard allows {error.max_tokens:,}. Shorten it."
    if isinstance(error, ModelUnavailable):
        return " ".join(filter(None, (error.what, error.why, _describe_remedy(error.remedy))))
    return str(error)


def _describe_remedy(remedy: Remedy | str) -> str:
    if isinstance(remedy, str):
        return remedy
    sentence = remedy.action
    if remedy.can_retry:
        sentence = f"{sentence} and press Try again" if sentence else "Press Try again"
    if remedy.has_alternative:
        if not sentence:
            return "Choose another model or mini."
        sentence += ", or mini" if sentence.startswith("Choose") else ", or choose mini"
    return f"{sentence}."
