"""Loading a model in the background, while somebody watches."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attn_core.model import LanguageModel, ModelUnavailable


@dataclass(frozen=True)
class Progress:
    """What a load is doing now; `fraction` is in [0, 1], or None where it is not known."""

    message: str
    fraction: float | None


def _use_all_cores() -> None:
    """Let torch run as many threads as the process may use cores: it sees those of the machine.

    A container with half a core of 64 would spend its time in switching between threads that wait for each other.
    """
    import torch
    from loky import cpu_count  # knows affinity and cgroups' quotas

    torch.set_num_threads(cpu_count())


class Loading:
    """One load of one model, in a thread of its own; any number of watchers share it."""

    def __init__(self, name: str) -> None:
        self.progress = Progress(f"Loading {name}", None)
        self._name = name
        self._result: LanguageModel | ModelUnavailable | None = None
        self._crash: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"load {name}", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether the load has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> LanguageModel | ModelUnavailable:
        """The model, or why there is none; waits for the load to end."""
        self._thread.join()
        if self._crash is not None:
            raise RuntimeError(f"loading {self._name} crashed") from self._crash
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            from attn_core.model import ModelUnavailable, load_model  # brings torch, so not earlier

            try:
                self._result = load_model(self._name, on_progress=self._report)
                _use_all_cores()
            except ModelUnavailable as unavailable:
                self._result = unavailable
        except BaseException as crash:
            self._crash = crash

    def _report(self, message: str, fraction: float | None) -> None:
        self.progress = Progress(message, fraction)
