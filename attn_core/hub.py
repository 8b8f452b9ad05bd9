"""From the name of a model on the Hugging Face Hub to a folder on this machine, with limits and progress.

The Hub's own client retries in silence, for three quarters of a minute where there is no network. Here the
cache is read first without asking anybody, one request with a limit tells whether the Hub can be reached,
and a stalled download is given up.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from attn_core.errors import ModelUnavailable
from attn_core.memory import free_memory
from attn_core.model_folder import (
    WEIGHTS,
    WEIGHTS_INDEX,
    Place,
    Unusable,
    check_files,
    check_folder,
    is_tokenizer_file,
)

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

ANSWER_LIMIT = 8.0
"""Seconds in which the Hub must have answered the first question."""
STANDSTILL_LIMIT = 20.0
"""Seconds a download may go without a single byte."""
PIECE = 256 * 1024
"""Bytes that are written, and reported, at once."""
LEFT_BEHIND = 600.0
"""Seconds after which nobody can still be writing to a file that does not grow."""
ROOM_TO_RUN = 200_000_000
"""Bytes that a model of GPT-2 small's size takes besides its weights for a prompt of some hundred tokens."""

Report = Callable[[str, float | None], None]
T = TypeVar("T")

_POLL = 0.1
_TRY_AGAIN = "Press Try again, or choose mini."
_CHECK_CONNECTION = "Check the connection and press Try again."
_WAIT = "Try again in a few minutes, or choose mini."
_FREE_SPACE = "Free some space and press Try again."
_CHOOSE_ANOTHER = "Choose another model or mini."
_CONFIG_FILES = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class Snapshot:
    """A model's files on this machine, and whether they had to be downloaded."""

    folder: Path
    source: Literal["hub", "cache"]


def find_snapshot(name: str, on_progress: Report, *, to_run: bool = True) -> Snapshot:
    """The files of a model on the Hub: from the local cache without asking the network, else downloaded.

    Args:
        name: an id such as "gpt2" or "HuggingFaceTB/SmolLM2-135M".
        on_progress: called on the caller's thread with a message and a fraction in [0, 1], None if unknown.
        to_run: it is to be run here, so that one too large for the memory is not even downloaded.

    Raises:
        ModelUnavailable: the name is no id, the Hub can't be reached or refuses, or its files won't do.
    """
    _check_id(name)
    try:
        cached = _cached_folder(name)
        fault = None if cached is None else _fault_of(name, cached)
        if cached is not None and fault is None:
            on_progress(f"Checking the copy of {name} in the local cache", None)
            if not _drop_damaged(cached):
                return Snapshot(cached, "cache")
        _check_online(name, fault)
        on_progress(f"Asking the Hugging Face Hub for {name}", None)
        info = _watched(lambda _: _ask(name), ANSWER_LIMIT, lambda _: None)
        return Snapshot(_download(name, info, on_progress, to_run), "hub")
    except ModelUnavailable:
        raise
    except Exception as error:  # the client, its transports and the disk raise types with no common base
        raise _unavailable(name, error) from error


def _check_id(name: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, not re-exported

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ModelUnavailable(
            name,
            f"{name[:80]!r} is neither a folder nor a valid Hub id.",
            "",
            "Try gpt2, distilgpt2, mini, a folder, or an id such as HuggingFaceTB/SmolLM2-135M.",
            cause="unknown name",
        ) from error


def _cached_folder(name: str) -> Path | None:
    """The snapshot of a model in the local cache, whole or not."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    if not isinstance(config, str):
        return None
    return Path(config).parent


def _fault_of(name: str, folder: Path) -> Unusable | None:
    """What is wrong with a model's files in the local cache, or None."""
    try:
        check_folder(folder, Place(name, on_hub=True))
    except Unusable as fault:
        return fault
    return None


def _check_online(name: str, fault: Unusable | None) -> None:
    """Refuse to ask the Hub where that is forbidden, and say what is wrong with a copy in the cache."""
    from huggingface_hub import is_offline_mode

    if is_offline_mode() and fault is not None:
        raise ModelUnavailable(
            name,
            fault.sentence(f"{name} in the local cache"),
            "HF_HUB_OFFLINE blocks the Hub.",
            fault.remedy or _CHOOSE_ANOTHER,
            cause=fault.cause,
        )
    if is_offline_mode():
        raise ModelUnavailable(
            name,
            f"{name} is not in the local cache, and HF_HUB_OFFLINE blocks the Hub.",
            "",
            "Unset it and restart, or choose mini.",
            cause="not downloaded",
        )


def _ask(name: str) -> ModelInfo:
    """One request, no retries: the model's commit and its files with their sizes."""
    from huggingface_hub import HfApi

    return HfApi().model_info(name, files_metadata=True, timeout=ANSWER_LIMIT)


def _download(name: str, info: ModelInfo, on_progress: Report, to_run: bool) -> Path:
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    files = _needed(name, set(sizes))
    _check_kind(name, info)
    if to_run:
        check_memory(name, sum(sizes[file] for file in files if file.endswith(".safetensors")))
    to_come = _to_come(name, info.sha, files, sizes)
    _check_disk(name, to_come)
    message = f"Downloading {name} ({to_come / 1e6:,.0f} MB)"

    def tell(transfer: _Transfer) -> None:
        on_progress(message, min(transfer.n_bytes / to_come, 1.0) if to_come else None)

    folder = _watched(lambda transfer: _fetch(name, files, transfer), STANDSTILL_LIMIT, tell)
    fault = _fault_of(name, folder)
    if fault is not None:
        raise _unsuitable(name, fault)
    on_progress(f"Checking the download of {name}", None)
    damaged = _drop_damaged(folder)
    if damaged:
        raise ModelUnavailable(
            name,
            f"The download of {name} was damaged; {damaged[0]} was deleted.",
            "",
            "Press Try again.",
            cause="damaged download",
        )
    return folder


def _needed(name: str, files: set[str]) -> list[str]:
    """The files to download, small ones first: configuration, tokenizer, weights as safetensors only."""
    try:
        check_files(files, Place(name, on_hub=True))
    except Unusable as fault:
        raise _unsuitable(name, fault) from fault
    if WEIGHTS in files:
        weights = [WEIGHTS]
    else:
        shards = (file for file in files if file.startswith("model-") and file.endswith(".safetensors"))
        weights = [WEIGHTS_INDEX, *sorted(shards)]
    settings = [file for file in _CONFIG_FILES if file in files]
    return settings + sorted(file for file in files if "/" not in file and is_tokenizer_file(file)) + weights


def _check_kind(name: str, info: ModelInfo) -> None:
    """Refuse a model for another task before its weights are downloaded, by what the Hub says about it."""
    from attn_core.model_config import check_kind

    config = info.config
    if isinstance(config, dict) and isinstance(config.get("model_type"), str):
        try:
            check_kind(config)
        except Unusable as fault:
            raise _unsuitable(name, fault) from fault


def _to_come(name: str, commit: str | None, files: list[str], sizes: dict[str, int]) -> int:
    """Bytes of the files that are not in the cache yet."""
    from huggingface_hub import try_to_load_from_cache

    return sum(
        sizes[file] for file in files if not isinstance(try_to_load_from_cache(name, file, revision=commit), str)
    )


def _check_disk(name: str, n_bytes: int) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE).expanduser()
    free = shutil.disk_usage(next(place for place in (cache, *cache.parents) if place.exists())).free
    if free < n_bytes:
        raise ModelUnavailable(
            name,
            f"Not enough disk space for {name}: it needs {n_bytes / 1e6:,.0f} MB, "
            f"{cache} has {free / 1e6:,.0f} MB.",
            "",
            _FREE_SPACE,
            cause="disk full",
        )


def check_memory(name: str, n_bytes: int) -> None:
    """Raise `ModelUnavailable` if weights of so many bytes would leave too little memory to run them."""
    needed, free = n_bytes + ROOM_TO_RUN, free_memory()
    if needed > free:
        raise ModelUnavailable(
            name,
            f"{name} needs about {needed / 1e6:,.0f} MB of memory; {free / 1e6:,.0f} MB are free.",
            "",
            "Choose a smaller model or mini.",
            cause="too large",
        )


def _drop_damaged(folder: Path) -> list[str]:
    """The names of weights whose bytes are not those that the Hub named them by; they are deleted.

    The cache keeps a file under its SHA-256, so that asks nobody. Where it could keep no links it can't be told.
    """
    damaged = []
    for weights in sorted(folder.glob("*.safetensors")):
        blob = weights.resolve()
        if re.fullmatch(r"[0-9a-f]{64}", blob.name) and _sha256(blob) != blob.name:
            blob.unlink()
            weights.unlink(missing_ok=True)
            damaged.append(weights.name)
    return damaged


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sweep(name: str) -> None:
    """Delete what downloads left behind that were killed: the client never takes them up again."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    blobs = Path(HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=name, repo_type="model") / "blobs"
    for left in blobs.glob("*.incomplete"):
        with suppress(OSError):  # another process may be faster
            if time.time() - left.stat().st_mtime > LEFT_BEHIND:
                left.unlink()


def _fetch(name: str, files: list[str], transfer: _Transfer) -> Path:
    """Bring the files into the cache one after the other; returns the snapshot's folder."""
    from huggingface_hub import constants, hf_hub_download

    constants.DOWNLOAD_CHUNK_SIZE = PIECE  # 10 MB as the client has it: a slow link gave no sign for minutes

    class Bar(_Bar):
        watched = transfer

    _sweep(name)
    for file in files:
        path = hf_hub_download(name, file, tqdm_class=Bar)
        transfer.advance(0)
    return Path(path).parent


# --- work in another thread, watched from the caller's -------------------------------------------------------


class _Transfer:
    """What a download reports, and the sign that nobody waits for it any more."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self.last_sign = time.monotonic()
        self.abandoned = False

    def advance(self, n_bytes: int) -> None:
        if self.abandoned:
            raise InterruptedError("nobody waits for this download any more")
        self.n_bytes += n_bytes
        self.last_sign = time.monotonic()


class _Bar:
    """What `hf_hub_download` takes for a tqdm progress bar; bytes go to `watched`."""

    watched: _Transfer

    def __init__(self, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def update(self, n: float | None = 1) -> None:
        """Bytes that are on the disk."""
        self.watched.advance(int(n or 0))

    def update_transfer(self, n: float | None = 1) -> None:
        """Bytes that came over the network, some of which wait to be written."""
        self.watched.advance(0)

    def set_postfix_str(self, *args: Any, **kwargs: Any) -> None:
        """The rate, which is not shown."""

    set_transfer_postfix_str = set_description_str = set_description = set_postfix_str

    def refresh(self) -> None:
        """Nothing is drawn."""

    close = refresh


def _watched(work: Callable[[_Transfer], T], limit: float, tick: Callable[[_Transfer], None]) -> T:
    """The result of work done in another thread, which is abandoned after `limit` seconds without a sign.

    `tick` is called on this thread while it waits.
    """
    transfer = _Transfer()
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(transfer))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="hub", daemon=True).start()
    try:
        while not wait([future], timeout=_POLL).done:
            tick(transfer)
            if time.monotonic() - transfer.last_sign > limit:
                raise TimeoutError
    finally:
        transfer.abandoned = True
    return future.result()


# --- what went wrong, in words --------------------------------------------------------------------------------


def _unsuitable(name: str, fault: Unusable) -> ModelUnavailable:
    return ModelUnavailable(name, fault.sentence(name), "", fault.remedy or _CHOOSE_ANOTHER, cause=fault.cause)


def _unavailable(name: str, error: Exception) -> ModelUnavailable:
    """The same error in words for a person."""
    causes = _chain(error)
    status = next((code for code in map(_status, causes) if code is not None), None)
    if status is not None:
        is_gated = any(type(cause).__name__ == "GatedRepoError" for cause in causes)
        what, remedy, label = _refusal(name, status, is_gated)
    else:
        what, remedy, label = _fault(name, causes)
    return ModelUnavailable(name, what, "", remedy, cause=label)


def _chain(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes


def _status(error: BaseException) -> int | None:
    from huggingface_hub.errors import HfHubHTTPError

    return error.response.status_code if isinstance(error, HfHubHTTPError) else None


def _refusal(name: str, status: int, gated: bool) -> tuple[str, str, str]:
    """What failed, remedy and label, for a Hub that answered with an HTTP error."""
    if gated or status == 403:
        return (
            f"{name} is gated (HTTP {status}).",
            "Request access on its Hub page, run `hf auth login`, and press Try again.",
            "access restricted",
        )
    if status == 401:
        return (
            f"{name} does not exist or is private (HTTP 401).",
            "Check the spelling, or run `hf auth login`.",
            "unknown or private",
        )
    if status == 404:
        return (
            f"{name} does not exist on the Hub (HTTP 404).",
            "Check the spelling, or choose mini.",
            "unknown name",
        )
    if status == 429:
        return (
            "The Hub is rate-limiting this address (HTTP 429).",
            "Wait a few minutes and press Try again.",
            "Hub busy",
        )
    if status >= 500:
        return f"The Hub reports a server error (HTTP {status}).", _WAIT, "Hub error"
    return f"The Hub refused the request for {name} (HTTP {status}).", _TRY_AGAIN, "refused by Hub"


def _fault(name: str, causes: list[BaseException]) -> tuple[str, str, str]:
    """What failed, remedy and label, for a Hub that could not be reached, or a disk that could not be written."""
    from huggingface_hub.constants import ENDPOINT

    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"Can't find {ENDPOINT}: no network, or no DNS.", _CHECK_CONNECTION, "no network"
        if isinstance(cause, ssl.SSLError):
            return (
                f"The secure connection to {ENDPOINT} failed ({_line(cause)}).",
                "Check the network or its proxy.",
                "no secure connection",
            )
        if isinstance(cause, TimeoutError):
            return f"{ENDPOINT} did not answer in time.", _CHECK_CONNECTION, "no answer"
        if isinstance(cause, ConnectionError):
            return f"{ENDPOINT} refused or closed the connection.", _TRY_AGAIN, "no connection"
        if isinstance(cause, ValueError):
            return (
                f"Something other than the Hub answered at {ENDPOINT}, perhaps a wifi login page.",
                "Sign in to the network and press Try again.",
                "wifi login",
            )
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"The disk is full, so {name} was not downloaded.", _FREE_SPACE, "disk full"
        if isinstance(cause, PermissionError) or (isinstance(cause, OSError) and cause.errno == errno.EROFS):
            return (
                f"Can't write to the Hub cache ({_line(cause)}).",
                "Set HF_HOME to a folder you can write to.",
                "cache not writable",
            )
    return f"The download of {name} failed ({_line(causes[0])}).", _CHECK_CONNECTION, "download failed"


def _line(error: BaseException) -> str:
    """The first line of an error's message, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
