"""A Streamlit server of its own, started as a user starts it, that cannot reach the Hub."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
START_LIMIT = 60  # seconds


@dataclass(frozen=True)
class Server:
    """A running server: its address, and its process's number."""

    address: str
    pid: int


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(
    script: str | Path = "dashboard.py",
    *,
    folder: Path = ROOT,
    port: int | None = None,
    log: Path | None = None,
    healthy: bool = True,
    **environment: str,
) -> Iterator[Server]:
    """Serve a script until the block ends.

    Args:
        script: its path, from the folder.
        folder: where the server is started.
        port: where; a free one if none is given.
        log: a file for what the server writes to standard error.
        healthy: whether the server is to say that it is well.
        environment: further variables of the server.

    Raises:
        RuntimeError: the server ended, or did not answer in time.
    """
    port = free_port() if port is None else port
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1"]
    with TemporaryDirectory() as no_models, ExitStack() as files:
        own = {"HF_HUB_OFFLINE": "1", "HF_HOME": no_models, **environment}
        errors = None if log is None else files.enter_context(log.open("ab"))
        process = subprocess.Popen(command, cwd=folder, env=os.environ | own, stderr=errors)
        try:
            address = f"http://127.0.0.1:{port}/{environment.get('STREAMLIT_SERVER_BASE_URL_PATH', '')}".rstrip("/")
            _wait_for_answer(process, f"{address}/_stcore/health", healthy)
            yield Server(address, process.pid)
        finally:
            process.terminate()
            process.wait(10)


def _wait_for_answer(process: subprocess.Popen[bytes], url: str, healthy: bool) -> None:
    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("the server ended while it started")
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError) as error:
            if isinstance(error, HTTPError) and not healthy:
                return
            time.sleep(0.05)
    raise RuntimeError(f"the server did not answer within {START_LIMIT} s")
