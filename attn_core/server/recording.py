"""Record a list of prompts before a talk, to show them without a model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attn_core.errors import RecordingError
from attn_core.server.settings import get_settings

if TYPE_CHECKING:
    from attn_core.models.model import LanguageModel
    from attn_core.trace import AttentionTrace

FOLDER = Path("recordings")
MAX_NAME = 40  # characters of a file's name, without its number and extension

Report = Callable[[str], None]


@dataclass(frozen=True)
class Prompt:
    """A prompt of a list.

    Attributes:
        line: its line number in the file, from 1.
        text: the prompt.
        file_name: the file name of its recording.
    """

    line: int
    text: str
    file_name: str


def read_prompts(file: Path) -> list[Prompt]:
    """Read the prompts of a text file, one per line; a line may be a title, a tab and the prompt.

    Blank lines and lines that begin with # are skipped. The names of recordings are numbered, to keep this order.

    Raises:
        RecordingError: the file cannot be read, or has no prompts.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise RecordingError(f"Can't read {file} ({error.strerror or error}). Give a text file.") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"{file} is not UTF-8. Save it as UTF-8 and try again.") from error
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    if not numbered:
        raise RecordingError(f"{file} has no prompts. Write one per line.")
    digits = max(2, len(str(len(numbered))))
    prompts = []
    for position, (number, line) in enumerate(numbered, 1):
        title, _, text = line.rpartition("\t")
        text = text.strip()
        prompts.append(Prompt(number, text, f"{position:0{digits}}_{_stem(title or text)}.npz"))
    return prompts


def check_free(prompts: Sequence[Prompt], folder: Path) -> None:
    """Raise `RecordingError` if a recording would be overwritten."""
    taken = [prompt.file_name for prompt in prompts if (folder / prompt.file_name).exists()]
    if taken:
        raise _already_there(folder / taken[0], len(taken) - 1)


def _already_there(file: Path, n_others: int = 0) -> RecordingError:
    already_exist = f" and {n_others} more already exist" if n_others else " already exists"
    return RecordingError(f"{file}{already_exist}. Pass --replace to overwrite, or another folder with --to.")


def record(
    model: LanguageModel, prompts: Sequence[Prompt], folder: Path, report: Report, *, replace: bool = False
) -> list[str]:
    """Run each prompt and save its trace in a folder, which is created if needed.

    Args:
        model: the model to run.
        prompts: the prompts of `read_prompts`.
        folder: the folder of the recordings.
        report: called with a line of text for each recording.
        replace: whether recordings with the same names are overwritten.

    Returns:
        A sentence for each prompt that cannot be run.

    Raises:
        RecordingError: the folder cannot be written to, or there is a recording of the same name.
    """
    from attn_core.errors import PromptError
    from attn_core.runs.capturing import capture

    problems = []
    for position, prompt in enumerate(prompts, 1):
        try:
            trace = capture(model, prompt.text, max_tokens=get_settings().max_prompt_tokens)
        except PromptError as error:
            problems.append(f"Line {prompt.line} skipped. {error}")
            continue
        _save(trace, folder / prompt.file_name, replace)
        report(f"{position}/{len(prompts)}  {folder / prompt.file_name}  ({trace.n_tokens} tokens)")
    return problems


def _save(trace: AttentionTrace, file: Path, replace: bool) -> None:
    """Save a recording; without `replace`, also another process that saves it now is not written over."""
    claimed = False
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not replace:
            file.touch(exist_ok=False)
            claimed = True
        trace.save(file)
        claimed = False
    except FileExistsError as error:
        if error.filename != str(file):
            raise _cannot_write(file, error) from error
        raise _already_there(file) from error
    except OSError as error:
        raise _cannot_write(file, error) from error
    finally:
        if claimed:
            file.unlink()


def _cannot_write(file: Path, error: OSError) -> RecordingError:
    return RecordingError(f"Can't write {file.parent} ({error.strerror or error}). Pass another folder with --to.")


def describe_viewing(folder: Path) -> str:
    """Return a sentence on how to see the recordings of a folder in the dashboard."""
    if folder.resolve() == get_settings().playlist.resolve():
        return "Start the dashboard and choose them under Playlist in the sidebar."
    return (
        f"Start the dashboard with ATTN_PLAYLIST={folder.resolve()} and choose them under Playlist in the sidebar."
    )


def _stem(text: str) -> str:
    """Return a text as part of a file's name: whole words of a to z and digits, joined by underscores."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = "_".join(re.findall(r"[a-z0-9]+", ascii_text.lower()))
    if len(name) > MAX_NAME:
        name = name[: MAX_NAME + 1].rpartition("_")[0] or name[:MAX_NAME]
    return name or "prompt"
