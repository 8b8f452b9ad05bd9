"""List and open the recordings of a folder."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO
from weakref import WeakValueDictionary

from attn_core.errors import InvalidTrace
from attn_core.server.memory import reserve_for_recording
from attn_core.trace import AttentionTrace, unpacked_size

_open_now: WeakValueDictionary[tuple[str, int, int], AttentionTrace] = WeakValueDictionary()
"""Recordings in use, so that all sessions share one copy."""


@dataclass(frozen=True)
class Playlist:
    """The recordings directly in a folder, in natural order: 2 before 10.

    Attributes:
        folder: the folder of the recordings.
        names: the file names of its recordings.
        others: the displayable names of `.npz` files that are not recordings, or are links.
    """

    folder: Path
    names: tuple[str, ...]
    others: tuple[str, ...]

    def before(self, name: str | None) -> str | None:
        """Return the recording before this one, or None."""
        index = self.names.index(name) if name in self.names else 0
        return self.names[index - 1] if index > 0 else None

    def after(self, name: str | None) -> str | None:
        """Return the recording after this one, or None; the first recording if `name` is not one."""
        index = self.names.index(name) + 1 if name in self.names else 0
        return self.names[index] if index < len(self.names) else None


def list_recordings(folder: Path) -> Playlist | None:
    """List the recordings of a folder; None if there is no such folder, or it can't be read.

    Links are never recordings. Only the table of contents of each file is read, once.
    """
    try:
        with os.scandir(folder) as entries:
            files = [
                (
                    entry.name,
                    entry.is_file(follow_symlinks=False) and _is_recording(entry.path, *_state(entry.stat())),
                )
                for entry in entries
                if entry.name.lower().endswith(".npz") and not entry.name.startswith(".")
            ]
    except OSError:
        return None
    files.sort(key=lambda file: _natural_key(file[0]))
    names = tuple(name for name, is_recording in files if is_recording and _is_text(name))
    return Playlist(folder, names, tuple(_displayable(name) for name, _ in files if name not in names))


def load_recording(file: Path | IO[bytes]) -> AttentionTrace:
    """Open a recording if the server has room for it.

    Raises:
        InvalidTrace: it is not a valid recording, or there is not enough memory.
        OSError: the file cannot be read.
    """
    n_bytes = unpacked_size(file)
    with reserve_for_recording(n_bytes) as limit:
        if n_bytes > limit:
            raise InvalidTrace(
                f"It takes {n_bytes / 1e6:,.0f} MB once it is unpacked; at most {limit / 1e6:,.0f} MB are free for it. "
                "Try again later, or record a shorter prompt."
            )
        return AttentionTrace.load(file, max_bytes=limit)


def open_recording(folder: Path, name: str) -> AttentionTrace:
    """Open one of a folder's recordings.

    Args:
        folder: the folder of the playlist.
        name: one of the playlist's `names`; other names are refused, so that none leads out of the folder.

    Raises:
        InvalidTrace: there is no such recording in the folder, it is not a valid one, or there is not enough memory.
        OSError: the file cannot be read.
    """
    listed = list_recordings(folder)
    if listed is None or name not in listed.names:
        raise InvalidTrace("This recording is not in the playlist. Choose another one.")
    file = folder / name
    key = (str(file.absolute()), *_state(file.lstat()))
    recording = _open_now.get(key)
    if recording is None:
        recording = _open_now[key] = load_recording(file)
    return recording


def _state(file: os.stat_result) -> tuple[int, int]:
    """Return the modification time and size, which change when a file does."""
    return file.st_mtime_ns, file.st_size


@lru_cache(maxsize=4096)
def _is_recording(path: str, modified: int, n_bytes: int) -> bool:
    """Return whether a file has the two arrays of every recording; its state is part of the cache key."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"tokens.npy", "attention.npy"} <= set(archive.namelist())
    except Exception:  # zipfile's errors for an invalid file have no common base
        return False


def _natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a sort key that puts 2 before 10."""
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _is_text(name: str) -> bool:
    """Return whether a file's name can be sent to a browser; on Linux it may hold any bytes."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _displayable(name: str) -> str:
    """Return a file's name without characters that cannot be encoded."""
    return name.encode(errors="replace").decode()
