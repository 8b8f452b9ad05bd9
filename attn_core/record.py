"""Recordings of a list of prompts, made before a talk and shown in it with no model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attn_core import limits

if TYPE_CHECKING:
    from attn_core.model import LanguageModel

FOLDER = Path("recordings")
MAX_NAME = 40  # characters of a file's name, number and ending left out

Report = Callable[[str], None]


class RecordError(Exception):
    """Prompts could not be recorded; the message is one sentence that says why and what to do."""


@dataclass(frozen=True)
class Prompt:
    """A line of a list of prompts.

    Attributes:
        line: its number, from 1.
        text: what the model is given.
        file_name: of its recording.
    """

    line: int
    text: str
    file_name: str


def read_prompts(file: Path) -> list[Prompt]:
    """The prompts of a text file, one a line; a line may be a title, a tab and the prompt.

    Blank lines and lines that begin with # are skipped. Files are numbered, so that they stay in this order.

    Raises:
        RecordError: the file cannot be read, or has no prompts.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise RecordError(f"Can't read {file} ({error.strerror or error}). Give a text file.") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{file} is not UTF-8. Save it as UTF-8 and try again.") from error
    kept = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not kept:
        raise RecordError(f"{file} has no prompts. Write one per line.")
    digits = max(2, len(str(len(kept))))
    prompts = []
    for position, (number, line) in enumerate(kept, 1):
        title, _, text = line.rpartition("\t")
        text = text.strip()
        prompts.append(Prompt(number, text, f"{position:0{digits}}_{_name(title or text)}.npz"))
    return prompts


def check_free(prompts: Sequence[Prompt], folder: Path) -> None:
    """Raise `RecordError` if a recording would be overwritten."""
    taken = [prompt.file_name for prompt in prompts if (folder / prompt.file_name).exists()]
    if taken:
        exist = f" and {len(taken) - 1} more already exist" if len(taken) > 1 else " already exists"
        raise RecordError(f"{folder / taken[0]}{exist}. Pass --replace to overwrite, or another folder with --to.")


def record(model: LanguageModel, prompts: Sequence[Prompt], folder: Path, report: Report) -> list[str]:
    """Run each prompt and save its trace in a folder, which is made if need be.

    Args:
        model: what to run.
        prompts: from `read_prompts`.
        folder: where recordings go, over those of the same names.
        report: called with a line of text for each recording.

    Returns:
        A sentence for each prompt that cannot be run.

    Raises:
        RecordError: the folder cannot be written.
    """
    from attn_core.capture import capture
    from attn_core.errors import PromptError

    problems = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for position, prompt in enumerate(prompts, 1):
            try:
                trace = capture(model, prompt.text, max_tokens=limits.PROMPT_TOKENS)
            except PromptError as error:
                problems.append(f"Line {prompt.line} skipped. {error}")
                continue
            trace.save(folder / prompt.file_name)
            report(f"{position}/{len(prompts)}  {folder / prompt.file_name}  ({trace.n_tokens} tokens)")
    except OSError as error:
        raise RecordError(
            f"Can't write {folder} ({error.strerror or error}). Pass another folder with --to."
        ) from error
    return problems


def how_to_see(folder: Path) -> str:
    """What to do to see the recordings of a folder in the dashboard."""
    if folder.resolve() == limits.PLAYLIST.resolve():
        return "Start the dashboard and choose them under Playlist in the sidebar."
    return (
        f"Start the dashboard with ATTN_PLAYLIST={folder.resolve()} and choose them under Playlist in the sidebar."
    )


def _name(text: str) -> str:
    """A text as a part of a file's name: whole words of a to z and digits, joined by underscores."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = "_".join(re.findall(r"[a-z0-9]+", ascii_text.lower()))
    if len(name) > MAX_NAME:
        name = name[: MAX_NAME + 1].rpartition("_")[0] or name[:MAX_NAME]
    return name or "prompt"
