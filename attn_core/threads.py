"""How many threads compute a forward pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from attn_core.turns import forward_passes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FEW_PARAMETERS = 20_000_000
"""Networks of no more than these are computed as fast by one thread as by two that wait for each other."""

_sizes: WeakKeyDictionary[PreTrainedModel, int] = WeakKeyDictionary()
_lock = threading.Lock()
_n_alone = 0  # passes that now run on one thread each
_n_usually = 1


@contextmanager
def threads_for(network: PreTrainedModel) -> Iterator[None]:
    """Compute on one thread while the block runs, if the network is small or another pass runs, too.

    In a hall of visitors threads of several passes would wait for each other's cores. Afterwards torch has as many
    threads again as before.
    """
    if _n_parameters(network) > FEW_PARAMETERS and forward_passes.n_running < 2:
        yield
        return
    _begin()
    try:
        yield
    finally:
        _end()


def _begin() -> None:
    global _n_alone, _n_usually
    with _lock:
        if _n_alone == 0:
            _n_usually = torch.get_num_threads()
        _n_alone += 1
        torch.set_num_threads(1)


def _end() -> None:
    global _n_alone
    with _lock:
        _n_alone -= 1
        if _n_alone == 0:
            torch.set_num_threads(_n_usually)


def _n_parameters(network: PreTrainedModel) -> int:
    if network not in _sizes:
        _sizes[network] = network.num_parameters()
    return _sizes[network]
