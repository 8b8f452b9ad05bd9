"""Read the settings of the dashboard from environment variables; each has a default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
RECORDINGS = (_CHECKOUT if (_CHECKOUT / "dashboard.py").is_file() else Path.cwd()) / "recordings"

RANGES = {
    "ATTN_MAX_PROMPT_TOKENS": (1, 100_000),
    "ATTN_MAX_NEW_TOKENS": (1, 100_000),
    "ATTN_MAX_RUNS": (1, 1_000),
    "ATTN_MAX_SESSIONS": (1, 100_000),
    "ATTN_TRACE_MEGABYTES": (1, 1_000_000),
    "ATTN_MEMORY_MEGABYTES": (400, 10_000_000),  # the server with mini takes more
}
"""The least and the most that each variable with a number may say."""


@dataclass(frozen=True)
class Settings:
    """The limits and choices of one server.

    Attributes:
        max_prompt_tokens: tokens of a prompt; for GPT-2 small, its attention takes 288 bytes times their square.
        max_new_tokens: tokens that one press of Generate can add.
        max_runs: forward passes at the same time; others wait for a slot.
        max_sessions: open tabs; whoever comes beyond reads that the dashboard is full. Fewer, if the system lets the
            server open too few files.
        trace_megabytes: for the traces of all sessions together (two of 1,024 tokens of GPT-2 small), and for one
            recording once it is unpacked; results computed from traces may take half as much.
        memory_megabytes: for the whole server; None is the memory of the container or the machine.
        models: the only models that visitors can choose, besides mini; if empty, they can choose any model.
        model_root: a folder whose subfolders visitors can also choose if `models` is set.
        playlist: the folder of the recordings.
        problems: a sentence for each variable with an unusable value; its default is used instead.
    """

    max_prompt_tokens: int = 1024
    max_new_tokens: int = 256
    max_runs: int = 2
    max_sessions: int = 500
    trace_megabytes: int = 640
    memory_megabytes: int | None = None
    models: tuple[str, ...] = ()
    model_root: str | None = None
    playlist: Path = RECORDINGS
    problems: tuple[str, ...] = ()

    @property
    def default_model(self) -> str:
        """The model that is shown first."""
        return self.models[0] if self.models else "gpt2"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables; an unusable value is listed in `problems`, not raised.

        >>> Settings.from_environment({"ATTN_MAX_PROMPT_TOKENS": "50"}).max_prompt_tokens
        50
        """
        problems: list[str] = []

        def read(variable: str) -> str:
            return environment.get(variable, "").strip()

        def number(variable: str, default: int) -> int:
            value, (least, most) = read(variable), RANGES[variable]
            if not value:
                return default
            if value.isascii() and value.isdigit() and len(value) <= len(str(most)) and least <= int(value) <= most:
                return int(value)
            problems.append(f'{variable}="{value[:40]}" is not a whole number from {least:,} to {most:,}.')
            return default

        def folder(variable: str) -> str | None:
            value = read(variable)
            if value and not os.path.isdir(os.path.expanduser(value)):
                problems.append(f'{variable}="{value[:200]}" is not a folder.')
            return value or None

        models = tuple(filter(None, map(str.strip, read("ATTN_MODELS").split(","))))
        if "ATTN_MODELS" in environment and not models:  # unset, it would let visitors choose any
            problems.append(f'ATTN_MODELS="{environment["ATTN_MODELS"][:40]}" names no model.')
        settings = cls(
            max_prompt_tokens=number("ATTN_MAX_PROMPT_TOKENS", cls.max_prompt_tokens),
            max_new_tokens=number("ATTN_MAX_NEW_TOKENS", cls.max_new_tokens),
            max_runs=number("ATTN_MAX_RUNS", cls.max_runs),
            max_sessions=number("ATTN_MAX_SESSIONS", cls.max_sessions),
            trace_megabytes=number("ATTN_TRACE_MEGABYTES", cls.trace_megabytes),
            memory_megabytes=number("ATTN_MEMORY_MEGABYTES", 0) or None,
            models=models,
            model_root=folder("ATTN_MODEL_ROOT"),
            playlist=Path(folder("ATTN_PLAYLIST") or RECORDINGS),
        )
        return replace(settings, problems=tuple(problems))


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read from its environment once."""
    return Settings.from_environment(os.environ)
