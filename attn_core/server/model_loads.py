"""Load models in the background, and report their progress."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attn_core.server.memory import free_memory
from attn_core.server.queue import forward_passes

if TYPE_CHECKING:
    from attn_core.errors import ModelUnavailable
    from attn_core.models.model import LanguageModel


@dataclass(frozen=True)
class Progress:
    """The current progress of a load; `fraction` is in [0, 1], or None if unknown."""

    message: str
    fraction: float | None


def _use_all_cores() -> None:
    """Set the number of torch's threads to the number of cores that the process may use.

    By default torch uses all cores of the machine. A container with half a core of 64 would spend its time switching
    between threads that wait for each other.
    """
    import torch
    from loky import cpu_count  # knows affinity and cgroups' quotas

    torch.set_num_threads(cpu_count())


class ModelLoad:
    """The loading of one model in its own thread, which any number of sessions can wait for."""

    def __init__(self, name: str) -> None:
        self.progress = Progress(f"Loading {name}", None)
        self.name = name
        self._result: LanguageModel | ModelUnavailable | None = None
        self._crash: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"load {name}", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for at most `seconds`, and return whether the load has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def failed(self) -> bool:
        """True if the load has ended without a model."""
        ended = self.wait(0)
        return ended and (self._crash is not None or isinstance(self._result, Exception))

    @property
    def failure(self) -> ModelUnavailable | None:
        """The reason why there is no model; None if there is one, or if the load crashed or is still running."""
        from attn_core.errors import ModelUnavailable

        return self._result if self.wait(0) and isinstance(self._result, ModelUnavailable) else None

    def result(self) -> LanguageModel | ModelUnavailable:
        """Wait for the load to end, and return the model, or the reason why there is none."""
        self._thread.join()
        if self._crash is not None:
            raise RuntimeError(f"loading {self.name} crashed") from self._crash
        assert self._result is not None
        return self._result

    def _run(self) -> None:
        """Load the model, and keep the result or the crash."""
        try:
            from attn_core.errors import ModelUnavailable
            from attn_core.models.loading import load_model

            try:
                self._result = load_model(
                    self.name, on_progress=self._report, slot=forward_passes.slot, free_memory=free_memory
                )
                _use_all_cores()
            except ModelUnavailable as unavailable:
                self._result = unavailable
        except BaseException as crash:
            self._crash = crash

    def _report(self, message: str, fraction: float | None) -> None:
        """Update the progress."""
        self.progress = Progress(message, fraction)


class ModelLoads:
    """The loads shared by all sessions: each model once, the least recently used ones dropped."""

    def __init__(self, most_models: int = 3, most_failures: int = 32) -> None:
        self._loads: OrderedDict[str, ModelLoad] = OrderedDict()
        self._most_models, self._most_failures = most_models, most_failures
        self._lock = threading.Lock()

    def start(self, name: str) -> ModelLoad:
        """Return the load of a model, and start it if there is none."""
        with self._lock:
            if name not in self._loads:
                self._loads[name] = ModelLoad(name)
            self._loads.move_to_end(name)
            self._drop(self._most_failures, failed=True)
            self._drop(self._most_models, failed=False)
            return self._loads[name]

    def failure_of(self, name: str) -> ModelUnavailable | None:
        """Return why a model could not be loaded; None if it is loaded, loading, or was not requested."""
        with self._lock:
            loading = self._loads.get(name)
        return loading.failure if loading is not None else None

    def forget(self, loading: ModelLoad) -> None:
        """Drop a load, so that the next request starts a new one; do nothing if there is a new one already."""
        with self._lock:
            if self._loads.get(loading.name) is loading:
                del self._loads[loading.name]

    def _drop(self, n_kept: int, *, failed: bool) -> None:
        """Drop the least recently used loads that failed, or that did not, beyond `n_kept`."""
        names = [name for name, loading in self._loads.items() if loading.failed == failed]
        for name in names[: max(0, len(names) - n_kept)]:
            del self._loads[name]
