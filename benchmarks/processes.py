"""Work in processes of its own: memory that nobody used before, and a limit after which it is ended."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent


class TookTooLong(Exception):
    """The work was ended at its limit."""


def in_fresh_process(function: str, *arguments: Any, limit: float = 600) -> Any:
    """Call a function in a new Python process and return what it returned.

    Args:
        function: "module:name", importable from the project's folder.
        arguments: what it takes, as JSON can hold it; so can what it returns.
        limit: seconds after which the process is ended.

    Raises:
        TookTooLong: it did not end within the limit.
        RuntimeError: it ended with an error, which it wrote to standard error.
    """
    module, name = function.split(":")
    code = (
        "import importlib, json, sys; "
        f"function = getattr(importlib.import_module({module!r}), {name!r}); "
        "result = function(*json.loads(sys.argv[1])); "
        "print('\\n' + json.dumps(result))"
    )
    command = [sys.executable, "-c", code, json.dumps(arguments)]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise TookTooLong(f"{function} did not end within {limit:g} s") from error
    if done.returncode:
        raise RuntimeError(f"{function} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def in_fork(function: Callable[..., float], *arguments: Any) -> float:
    """Call a function in a copy of this process, which has what was made so far but a memory of its own.

    Nothing may have been computed in parallel before: threads are not copied, and the copy would wait for them.
    """
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    child = fork.Process(target=lambda: answers.put(function(*arguments)))
    child.start()
    child.join()
    if child.exitcode:
        raise RuntimeError(f"{function.__name__} ended with {child.exitcode}")
    return float(answers.get())


def memory_now() -> dict[str, float]:
    """Resident memory of this process in MB: `now`, and `peak` since it started."""
    return memory_of("self")


def reset_peak() -> None:
    """Let the `peak` of this process begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def memory_of(process: int | str) -> dict[str, float]:
    """Resident memory of a process in MB, read from Linux's /proc: `now`, and `peak` since it started."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return {
        "now": int(fields["VmRSS"].split()[0]) * 1024 / 1e6,
        "peak": int(fields["VmHWM"].split()[0]) * 1024 / 1e6,
    }


def cpu_seconds_of(process: int) -> float:
    """Seconds that all threads of a process have computed so far."""
    times = psutil.Process(process).cpu_times()
    return times.user + times.system
