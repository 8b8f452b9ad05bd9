"""Limits that whoever runs the dashboard sets, as environment variables; each has a default."""

from __future__ import annotations

import os
from pathlib import Path

PROBLEMS: list[str] = []
"""A sentence for each variable with an unusable value, whose default is used instead."""


def _number(variable: str, default: int) -> int:
    """A whole number of 1 or more."""
    value = os.environ.get(variable, "").strip()
    if not value:
        return default
    if value.isascii() and value.isdigit() and int(value) > 0:
        return int(value)
    PROBLEMS.append(f'{variable}="{value[:40]}" is not a positive whole number.')
    return default


def _folder(variable: str, default: Path) -> Path:
    """A folder that is there; the default may not be."""
    value = os.environ.get(variable, "").strip()
    if value and not os.path.isdir(value):
        PROBLEMS.append(f'{variable}="{value[:200]}" is not a folder.')
    return Path(value) if value else default


PROMPT_TOKENS = _number("ATTN_MAX_PROMPT_TOKENS", 1024)
"""Tokens of a prompt: its attention takes 288 bytes times their square for GPT-2 small."""
NEW_TOKENS = _number("ATTN_MAX_NEW_TOKENS", 256)
"""Tokens that one press of Generate can make."""
RUNS_AT_ONCE = _number("ATTN_MAX_RUNS", 2)
"""Forward passes at the same time; further ones wait for their turn."""
TRACE_MEGABYTES = _number("ATTN_TRACE_MEGABYTES", 640)
"""For the traces of all sessions together (two of 1,024 tokens of GPT-2 small), and for one recording once it is
unpacked; what is made of traces may take half as much."""
MEMORY_MEGABYTES = _number("ATTN_MEMORY_MEGABYTES", 0) or None
"""For the whole server; None stands for what the container or the machine has."""
MODELS = tuple(filter(None, map(str.strip, os.environ.get("ATTN_MODELS", "").split(","))))
"""The only models that visitors can choose, beside mini; none stands for any model."""
DEFAULT_MODEL = MODELS[0] if MODELS else "gpt2"
"""The model that is shown first."""
MODEL_ROOT = os.environ.get("ATTN_MODEL_ROOT", "").strip() or None
"""The folder whose folders visitors can also choose where `MODELS` is set."""
PLAYLIST = _folder("ATTN_PLAYLIST", Path(__file__).parent.parent / "recordings")
"""The folder whose recordings can be gone through in the sidebar."""
