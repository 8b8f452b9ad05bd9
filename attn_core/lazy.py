"""Packages whose names are loaded when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """A package whose public names are always those of `_HOME`.

    Importing the submodule `attn_core.capture` would otherwise put that module in the place of the function
    `attn_core.capture`.
    """

    _HOME: Mapping[str, str]

    def __getattribute__(self, name: str) -> Any:
        inherited = super().__getattribute__
        home = inherited("_HOME").get(name)
        return inherited(name) if home is None else getattr(import_module(f"{inherited('__name__')}.{home}"), name)


def load_when_used(package: str) -> None:
    """Make the names in a package's `_HOME`, a dictionary from names to submodules, attributes of it."""
    sys.modules[package].__class__ = _Package
