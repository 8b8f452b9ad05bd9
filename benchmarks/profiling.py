"""Whose code a server runs while visitors are there, seen from outside by py-spy."""

from __future__ import annotations

import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

RATE = 100  # samples a second
MODEL, OWN, STREAMLIT, REST = (
    "forward passes",
    "this dashboard's own code",
    "Streamlit and its web server",
    "the rest",
)
KINDS = (MODEL, OWN, STREAMLIT, REST)

_PASS = "run_network ("
_FILES = {
    "/torch/": MODEL,
    "/transformers/": MODEL,
    "/attn_core/": OWN,
    "/pages/": OWN,
    "/dashboard.py": OWN,
    "/streamlit/": STREAMLIT,
    "/uvicorn/": STREAMLIT,
    "/starlette/": STREAMLIT,
    "/websockets/": STREAMLIT,
    "/asyncio/": STREAMLIT,
}


@contextmanager
def sampling(pid: int, seconds: float) -> Iterator[Counter[str]]:
    """Sample a process for so many seconds; once the block has ended, the counter holds the samples of each kind."""
    found = Counter[str]()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "samples"
        command = [
            str(Path(sysconfig.get_path("scripts")) / "py-spy"),
            "record",
            "--nonblocking",
            "--full-filenames",
        ]
        command += [
            f"--pid={pid}",
            f"--duration={round(seconds)}",
            f"--rate={RATE}",
            "--format=raw",
            f"--output={file}",
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sampler:
            yield found
            sampler.wait(seconds + 60)
        for line in file.read_text(encoding="utf-8").splitlines():
            stack, _, n_samples = line.rpartition(" ")
            found[kind_of(stack.split(";"))] += int(n_samples)


def kind_of(stack: list[str]) -> str:
    """Tell whose code the innermost known frame of a stack is, outermost first, each "function (file:line)"."""
    if any(frame.startswith(_PASS) for frame in stack):
        return MODEL
    for frame in reversed(stack):
        for part, kind in _FILES.items():
            if part in frame:
                return kind
    return REST
