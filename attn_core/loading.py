"""Loading a model in the background, while somebody watches."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attn_core.errors import ModelUnavailable
    from attn_core.model import LanguageModel


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
        self.name = name
        self._result: LanguageModel | ModelUnavailable | None = None
        self._crash: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"load {name}", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether the load has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def failed(self) -> bool:
        """Whether it has ended without a model."""
        ended = self.wait(0)
        return ended and (self._crash is not None or isinstance(self._result, Exception))

    @property
    def failure(self) -> ModelUnavailable | None:
        """Why it has ended without a model; None if it has one, crashed, or goes on."""
        from attn_core.errors import ModelUnavailable

        return self._result if self.wait(0) and isinstance(self._result, ModelUnavailable) else None

    def result(self) -> LanguageModel | ModelUnavailable:
        """The model, or why there is none; waits for the load to end."""
        self._thread.join()
        if self._crash is not None:
            raise RuntimeError(f"loading {self.name} crashed") from self._crash
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        try:
            from attn_core.errors import ModelUnavailable
            from attn_core.model import load_model  # brings torch, so not earlier

            try:
                self._result = load_model(self.name, on_progress=self._report)
                _use_all_cores()
            except ModelUnavailable as unavailable:
                self._result = unavailable
        except BaseException as crash:
            self._crash = crash

    def _report(self, message: str, fraction: float | None) -> None:
        self.progress = Progress(message, fraction)


class Loadings:
    """The loads that all sessions share: each model once, the least recently used ones given up."""

    def __init__(self, most_models: int = 3, most_failures: int = 32) -> None:
        self._loads: OrderedDict[str, Loading] = OrderedDict()
        self._most_models, self._most_failures = most_models, most_failures
        self._lock = threading.Lock()

    def of(self, name: str) -> Loading:
        """The load of a model, begun if nobody has asked for it yet."""
        with self._lock:
            if name not in self._loads:
                self._loads[name] = Loading(name)
            self._loads.move_to_end(name)
            self._give_up(self._most_failures, failed=True)
            self._give_up(self._most_models, failed=False)
            return self._loads[name]

    def failure_of(self, name: str) -> ModelUnavailable | None:
        """Return why a model could not be loaded; None if it was, is not yet, or nobody has asked for it."""
        with self._lock:
            loading = self._loads.get(name)
        return loading.failure if loading is not None else None

    def forget(self, loading: Loading) -> None:
        """Let the next one who asks load anew; does nothing if somebody has already."""
        with self._lock:
            if self._loads.get(loading.name) is loading:
                del self._loads[loading.name]

    def _give_up(self, most: int, *, failed: bool) -> None:
        names = [name for name, loading in self._loads.items() if loading.failed == failed]
        for name in names[: max(0, len(names) - most)]:
            del self._loads[name]
