"""What is worked out once for all sessions and pages, within a bounded memory."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from threading import Condition
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from attn_core.limits import TRACE_MEGABYTES

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")


class Memory:
    """Values of functions, the least recently used given up beyond a number of megabytes."""

    def __init__(self, megabytes: float) -> None:
        self._most = int(megabytes * 1e6)
        self._values: LRUCache[Any, Any] = LRUCache(self._most, getsizeof=self._size)
        self._changed = Condition()

    @property
    def megabytes(self) -> float:
        """What the values take now."""
        return float(self._values.currsize) / 1e6

    def keeps(self, make: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
        """Remember what a function made of its first argument, which itself is not kept alive by that.

        Sessions that ask for the same at the same time wait for one of them to make it. All arguments must be
        hashable.
        """

        def key(source: S, *args: Any, **kwargs: Any) -> Any:
            return hashkey(make, weakref.ref(source), *args, **kwargs)

        return cached(self._values, key, condition=self._changed)(make)

    def _size(self, value: Any) -> int:
        """Bytes; of what is larger than all memory so much that it is kept alone."""
        return min(_bytes(value), self._most)


def _bytes(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, list | tuple):
        plain = {*map(type, value)} <= {str, int, float}
        return sum(map(sys.getsizeof if plain else _bytes, value))
    if is_dataclass(value):
        return sum(_bytes(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return sum(map(_bytes, value.values()))
    return sys.getsizeof(value)


traces = Memory(TRACE_MEGABYTES)
made_of_traces = Memory(TRACE_MEGABYTES / 2)
