"""Read the settings of the dashboard from environment variables; each has a default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
RECORDINGS = (_CHECKOUT if (_CHECKOUT / "dashboard.py").is_file() else Path.cwd()) / "recordings"


@dataclass(frozen=True)
class Settings:
    """The limits and choices of one server.

    Attributes:
        max_prompt_tokens: tokens of a prompt; for GPT-2 small, its attention takes 288 bytes times their square.
        max_new_tokens: tokens that one press of Generate can add.
        max_runs: forward passes at the same time; others wait for a slot.
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
            value = read(variable)
            if value and not (value.isascii() and value.isdigit() and int(value) > 0):
                problems.append(f'{variable}="{value[:40]}" is not a positive whole number.')
                return default
            return int(value) if value else default

        playlist = read("ATTN_PLAYLIST")
        settings = cls(
            max_prompt_tokens=number("ATTN_MAX_PROMPT_TOKENS", cls.max_prompt_tokens),
            max_new_tokens=number("ATTN_MAX_NEW_TOKENS", cls.max_new_tokens),
            max_runs=number("ATTN_MAX_RUNS", cls.max_runs),
            trace_megabytes=number("ATTN_TRACE_MEGABYTES", cls.trace_megabytes),
            memory_megabytes=number("ATTN_MEMORY_MEGABYTES", 0) or None,
            models=tuple(filter(None, map(str.strip, read("ATTN_MODELS").split(",")))),
            model_root=read("ATTN_MODEL_ROOT") or None,
            playlist=Path(playlist) if playlist else RECORDINGS,
        )
        if playlist and not os.path.isdir(playlist):
            problems.append(f'ATTN_PLAYLIST="{playlist[:200]}" is not a folder.')
        return replace(settings, problems=tuple(problems))


@cache
def get_settings() -> Settings:
    """Return the settings of this process, read from its environment once."""
    return Settings.from_environment(os.environ)
