"""Cache results for all sessions and pages, within a bounded memory."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from threading import Condition
from typing import Any, ParamSpec, TypeVar

import numpy as np
from cachetools import LRUCache, cached
from cachetools.keys import hashkey

from attn_core.server.settings import get_settings

T = TypeVar("T")
P = ParamSpec("P")


class BoundedCache:
    """A cache of function results that drops the least recently used beyond a number of megabytes."""

    def __init__(self, megabytes: float) -> None:
        self._max_bytes = int(megabytes * 1e6)
        self._values: LRUCache[Any, Any] = LRUCache(self._max_bytes, getsizeof=self._size)
        self._changed = Condition()

    @property
    def megabytes(self) -> float:
        """The current size of the values."""
        return float(self._values.currsize) / 1e6

    def memoize(self, make: Callable[P, T]) -> Callable[P, T]:
        """Return a function that caches the results of `make`, without keeping models and traces alive.

        Sessions that need the same result at the same time wait for one of them to compute it. All arguments must be
        hashable; those that are named `on_...` are callbacks and not part of the key.
        """

        def key(*args: Any, **kwargs: Any) -> Any:
            named = {name: _by_identity(value) for name, value in kwargs.items() if not name.startswith("on_")}
            return hashkey(make, *map(_by_identity, args), **named)

        return cached(self._values, key, condition=self._changed)(make)

    def _size(self, value: Any) -> int:
        """Return a value's size in bytes, at most that of the cache, so that a larger value is kept alone."""
        return min(_bytes(value), self._max_bytes)


def _by_identity(value: Any) -> Any:
    """Return a weak reference to a dataclass instance that is compared by identity; else the value."""
    return weakref.ref(value) if is_dataclass(value) and type(value).__hash__ is object.__hash__ else value


def _bytes(value: Any) -> int:
    """Return the approximate size of a value in bytes."""
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


cache = BoundedCache(1.5 * get_settings().trace_megabytes)
"""The shared cache, for traces, and half as much for results computed from them."""
