"""A folder of recordings, to go through one by one."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from weakref import WeakValueDictionary

from attn_core.errors import InvalidTrace
from attn_core.trace import AttentionTrace

_open_now: WeakValueDictionary[tuple[str, int, int], AttentionTrace] = WeakValueDictionary()
"""Recordings that somebody looks at, so that a whole audience looks at one copy."""


@dataclass(frozen=True)
class Playlist:
    """What lies directly in a folder, in natural order: 2 before 10.

    Attributes:
        folder: where the recordings are.
        names: the file names of its recordings.
        others: the names, fit to be shown, of `.npz` files that are no recordings, or links.
    """

    folder: Path
    names: tuple[str, ...]
    others: tuple[str, ...]

    def before(self, name: str | None) -> str | None:
        """The recording before this one, or None."""
        at = self.names.index(name) if name in self.names else 0
        return self.names[at - 1] if at > 0 else None

    def after(self, name: str | None) -> str | None:
        """The recording after this one, or None; the first one after none."""
        at = self.names.index(name) + 1 if name in self.names else 0
        return self.names[at] if at < len(self.names) else None


def list_recordings(folder: Path) -> Playlist | None:
    """The recordings of a folder; None where there is no such folder, or it can't be read.

    Links are left out, whatever they lead to. Of each file only the table of contents is read, once.
    """
    try:
        with os.scandir(folder) as entries:
            found = [
                (
                    entry.name,
                    entry.is_file(follow_symlinks=False) and _is_recording(entry.path, *_state(entry.stat())),
                )
                for entry in entries
                if entry.name.lower().endswith(".npz") and not entry.name.startswith(".")
            ]
    except OSError:
        return None
    found.sort(key=lambda named: _natural(named[0]))
    names = tuple(name for name, is_recording in found if is_recording and _is_text(name))
    return Playlist(folder, names, tuple(_shown(name) for name, _ in found if name not in names))


def open_recording(folder: Path, name: str, *, max_bytes: int) -> AttentionTrace:
    """Open one of a folder's recordings.

    Args:
        folder: of the playlist.
        name: one of its `names`; nothing else is opened, so that no name leads out of the folder.
        max_bytes: what each of its arrays may take once it is unpacked.

    Raises:
        InvalidTrace: there is no such recording in the folder, or it is not a valid one.
        OSError: the file cannot be read.
    """
    listed = list_recordings(folder)
    if listed is None or name not in listed.names:
        raise InvalidTrace("This recording is not in the playlist. Choose another one.")
    file = folder / name
    key = (str(file.absolute()), *_state(file.lstat()))
    recording = _open_now.get(key)
    if recording is None:
        recording = _open_now[key] = AttentionTrace.load(file, max_bytes=max_bytes)
    return recording


def _state(file: os.stat_result) -> tuple[int, int]:
    """What changes when a file does."""
    return file.st_mtime_ns, file.st_size


@lru_cache(maxsize=4096)
def _is_recording(path: str, modified: int, n_bytes: int) -> bool:
    """Whether a file in this state has the two arrays that every recording has."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"tokens.npy", "attention.npy"} <= set(archive.namelist())
    except Exception:  # what zipfile raises for a file that is none has no common base
        return False


def _natural(name: str) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _is_text(name: str) -> bool:
    """Whether a file's name can be sent to a browser: on Linux it may hold any bytes."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _shown(name: str) -> str:
    return name.encode(errors="replace").decode()
