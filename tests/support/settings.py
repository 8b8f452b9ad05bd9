"""Settings of a server, for one test."""

from __future__ import annotations

import pytest

from attn_core.server.settings import get_settings


def set_environment(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    """Set environment variables, from which the settings are read again; they are forgotten after the test."""
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    get_settings.cache_clear()
