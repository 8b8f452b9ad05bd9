"""Get a folder on this machine for a model on the Hugging Face Hub, with time limits and progress.

The Hub's own client retries silently, for 45 seconds if there is no network. Here the cache is read first without
any request, a single request with a time limit tells whether the Hub can be reached, and a stalled download is
abandoned.
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
from typing import TYPE_CHECKING, Literal, TypeVar

from attn_core.compat import DownloadBar, cached_blobs, hub_cache, hub_endpoint, set_download_chunk
from attn_core.errors import ModelUnavailable, Remedy, UnusableModel
from attn_core.models.folder import WEIGHTS, WEIGHTS_INDEX, Place, check_files, check_folder, is_tokenizer_file
from attn_core.models.memory import check_memory

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

ANSWER_LIMIT = 8.0
"""Seconds in which the Hub must answer the first request."""
STANDSTILL_LIMIT = 20.0
"""Seconds a download may go without a single byte."""
PIECE = 256 * 1024
"""Bytes that are written, and reported, at once."""
LEFT_BEHIND = 600.0
"""Seconds after which an incomplete file that does not grow counts as abandoned."""

Report = Callable[[str, float | None], None]
T = TypeVar("T")

_POLL = 0.1
_TRY_AGAIN = Remedy(can_retry=True, has_alternative=True)
_CHECK_CONNECTION = Remedy("Check the connection", can_retry=True)
_WAIT = Remedy("Try again in a few minutes", has_alternative=True)
_FREE_SPACE = Remedy("Free some space", can_retry=True)
_CHOOSE_ANOTHER = Remedy(has_alternative=True)
_CONFIG_FILES = ("config.json", "generation_config.json")


@dataclass(frozen=True)
class Snapshot:
    """A model's files on this machine, and whether they had to be downloaded."""

    folder: Path
    source: Literal["hub", "cache"]


def find_snapshot(name: str, on_progress: Report, *, free_memory: Callable[[], int] | None = None) -> Snapshot:
    """Return the files of a model on the Hub: from the local cache without network access, or else downloaded.

    Args:
        name: an id such as "gpt2" or "HuggingFaceTB/SmolLM2-135M".
        on_progress: called on the caller's thread with a message and a fraction in [0, 1], None if unknown.
        free_memory: returns the bytes that the model may take, so that one too large is not even downloaded; None
            if it will not run here.

    Raises:
        ModelUnavailable: the name is not a valid id, the Hub can't be reached or refuses, or the files are not
            usable.
    """
    _check_id(name)
    try:
        cached = _cached_folder(name)
        fault = None if cached is None else _find_fault(name, cached)
        if cached is not None and fault is None:
            on_progress(f"Checking the copy of {name} in the local cache", None)
            if not _delete_damaged(cached):
                return Snapshot(cached, "cache")
        _check_online(name, fault)
        on_progress(f"Asking the Hugging Face Hub for {name}", None)
        info = _run_watched(lambda _: _request_info(name), ANSWER_LIMIT, lambda _: None)
        return Snapshot(_download(name, info, on_progress, free_memory), "hub")
    except ModelUnavailable:
        raise
    except Exception as error:  # the client, its transports and the disk raise errors with no common base
        raise _unavailable(name, error) from error


def _check_id(name: str) -> None:
    """Raise `ModelUnavailable` if a name is not a valid id."""
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
    """Return the snapshot of a model in the local cache, complete or not; None if there is none."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    if not isinstance(config, str):
        return None
    return Path(config).parent


def _find_fault(name: str, folder: Path) -> UnusableModel | None:
    """Return the error in a model's files in the local cache, or None."""
    try:
        check_folder(folder, Place(name, on_hub=True))
    except UnusableModel as fault:
        return fault
    return None


def _check_online(name: str, fault: UnusableModel | None) -> None:
    """Raise `ModelUnavailable` in offline mode, with the error in the cached copy if there is one."""
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
            Remedy("Unset it and restart", has_alternative=True),
            cause="not downloaded",
        )


def _request_info(name: str) -> ModelInfo:
    """Request the model's commit and its files with their sizes, without retries."""
    from huggingface_hub import HfApi

    return HfApi().model_info(name, files_metadata=True, timeout=ANSWER_LIMIT)


def _download(name: str, info: ModelInfo, on_progress: Report, free_memory: Callable[[], int] | None) -> Path:
    """Check a model's files before and after downloading them, and return their folder."""
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    files = _needed_files(name, set(sizes))
    _check_kind(name, info)
    if free_memory is not None:
        n_bytes = sum(sizes[file] for file in files if file.endswith(".safetensors"))
        check_memory(name, n_bytes, free_memory())
    n_missing = _missing_bytes(name, info.sha, files, sizes)
    _check_disk(name, n_missing)
    message = f"Downloading {name} ({n_missing / 1e6:,.0f} MB)"

    def report(transfer: _Transfer) -> None:
        on_progress(message, min(transfer.n_bytes / n_missing, 1.0) if n_missing else None)

    folder = _run_watched(lambda transfer: _fetch(name, files, transfer), STANDSTILL_LIMIT, report)
    fault = _find_fault(name, folder)
    if fault is not None:
        raise _unsuitable(name, fault)
    on_progress(f"Checking the download of {name}", None)
    damaged = _delete_damaged(folder)
    if damaged:
        raise ModelUnavailable(
            name,
            f"The download of {name} was damaged; {damaged[0]} was deleted.",
            "",
            Remedy(can_retry=True),
            cause="damaged download",
        )
    return folder


def _needed_files(name: str, files: set[str]) -> list[str]:
    """Return the files to download, small ones first: configuration, tokenizer, weights as safetensors only."""
    try:
        check_files(files, Place(name, on_hub=True))
    except UnusableModel as fault:
        raise _unsuitable(name, fault) from fault
    if WEIGHTS in files:
        weights = [WEIGHTS]
    else:
        shards = (file for file in files if file.startswith("model-") and file.endswith(".safetensors"))
        weights = [WEIGHTS_INDEX, *sorted(shards)]
    settings = [file for file in _CONFIG_FILES if file in files]
    return settings + sorted(file for file in files if "/" not in file and is_tokenizer_file(file)) + weights


def _check_kind(name: str, info: ModelInfo) -> None:
    """Raise `ModelUnavailable` for a model of another task, before its weights are downloaded."""
    from attn_core.models.config import check_kind

    config = info.config
    if isinstance(config, dict) and isinstance(config.get("model_type"), str):
        try:
            check_kind(config)
        except UnusableModel as fault:
            raise _unsuitable(name, fault) from fault


def _missing_bytes(name: str, commit: str | None, files: list[str], sizes: dict[str, int]) -> int:
    """Return the bytes of the files that are not in the cache yet."""
    from huggingface_hub import try_to_load_from_cache

    return sum(
        sizes[file] for file in files if not isinstance(try_to_load_from_cache(name, file, revision=commit), str)
    )


def _check_disk(name: str, n_bytes: int) -> None:
    """Raise `ModelUnavailable` if the disk of the cache has less space than `n_bytes`."""
    cache = hub_cache()
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


def _delete_damaged(folder: Path) -> list[str]:
    """Delete weights that don't match the hash they are stored under, and return their names.

    The cache names a file by its SHA-256, so no request is needed. A cache without symbolic links can't be checked.
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
    """Return the SHA-256 of a file as hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _delete_incomplete(name: str) -> None:
    """Delete files left behind by downloads that were killed: the client never resumes them."""
    for file in cached_blobs(name).glob("*.incomplete"):
        with suppress(OSError):  # another process may be faster
            if time.time() - file.stat().st_mtime > LEFT_BEHIND:
                file.unlink()


def _fetch(name: str, files: list[str], transfer: _Transfer) -> Path:
    """Download the files into the cache one after the other, and return the snapshot's folder."""
    from huggingface_hub import hf_hub_download

    set_download_chunk(PIECE)  # the client's 10 MB would give no sign for minutes on a slow link

    class Bar(DownloadBar):
        def advance(self, n_bytes: int) -> None:
            transfer.advance(n_bytes)

    _delete_incomplete(name)
    for file in files:
        path = hf_hub_download(name, file, tqdm_class=Bar)
        transfer.advance(0)
    return Path(path).parent


# --- work in another thread, watched from the caller's --------------------------------------------------------


class _Transfer:
    """The progress of a download, and whether its caller has abandoned it."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self.last_sign = time.monotonic()
        self.abandoned = False

    def advance(self, n_bytes: int) -> None:
        """Add bytes; raises `InterruptedError` if the download was abandoned."""
        if self.abandoned:
            raise InterruptedError("nobody waits for this download any more")
        self.n_bytes += n_bytes
        self.last_sign = time.monotonic()


def _run_watched(work: Callable[[_Transfer], T], limit: float, tick: Callable[[_Transfer], None]) -> T:
    """Run work in another thread and return its result; abandon it after `limit` seconds without progress.

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


def _unsuitable(name: str, fault: UnusableModel) -> ModelUnavailable:
    """Return the error for a model on the Hub whose files are not usable."""
    return ModelUnavailable(name, fault.sentence(name), "", fault.remedy or _CHOOSE_ANOTHER, cause=fault.cause)


def _unavailable(name: str, error: Exception) -> ModelUnavailable:
    """Return an error of the client, the network or the disk in words for people."""
    causes = _chain(error)
    status = next((code for code in map(_status, causes) if code is not None), None)
    if status is not None:
        is_gated = any(type(cause).__name__ == "GatedRepoError" for cause in causes)
        what, remedy, label = _refusal(name, status, is_gated)
    else:
        what, remedy, label = _fault(name, causes)
    return ModelUnavailable(name, what, "", remedy, cause=label)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, the latest first."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of the Hub's answer, or None for another error."""
    from huggingface_hub.errors import HfHubHTTPError

    return error.response.status_code if isinstance(error, HfHubHTTPError) else None


def _refusal(name: str, status: int, gated: bool) -> tuple[str, Remedy | str, str]:
    """Return what failed, remedy and label, for a Hub that answered with an HTTP error."""
    if gated or status == 403:
        return (
            f"{name} is gated (HTTP {status}).",
            Remedy("Request access on its Hub page, run `hf auth login`,", can_retry=True),
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
            Remedy("Check the spelling", has_alternative=True),
            "unknown name",
        )
    if status == 429:
        return (
            "The Hub is rate-limiting this address (HTTP 429).",
            Remedy("Wait a few minutes", can_retry=True),
            "Hub busy",
        )
    if status >= 500:
        return f"The Hub reports a server error (HTTP {status}).", _WAIT, "Hub error"
    return f"The Hub refused the request for {name} (HTTP {status}).", _TRY_AGAIN, "refused by Hub"


def _fault(name: str, causes: list[BaseException]) -> tuple[str, Remedy | str, str]:
    """Return what failed, remedy and label, for a Hub out of reach or a disk that can't be written to."""
    endpoint = hub_endpoint()

    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f"Can't find {endpoint}: no network, or no DNS.", _CHECK_CONNECTION, "no network"
        if isinstance(cause, ssl.SSLError):
            return (
                f"The secure connection to {endpoint} failed ({_line(cause)}).",
                "Check the network or its proxy.",
                "no secure connection",
            )
        if isinstance(cause, TimeoutError):
            return f"{endpoint} did not answer in time.", _CHECK_CONNECTION, "no answer"
        if isinstance(cause, ConnectionError):
            return f"{endpoint} refused or closed the connection.", _TRY_AGAIN, "no connection"
        if isinstance(cause, ValueError):
            return (
                f"Something other than the Hub answered at {endpoint}, perhaps a wifi login page.",
                Remedy("Sign in to the network", can_retry=True),
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
    """Return the first line of an error's message, without its period."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
