"""Restrict the models that visitors of a public dashboard may choose."""

from __future__ import annotations

import os
from collections.abc import Sequence

from attn_core.errors import ModelUnavailable


def check_allowed(name: str, models: Sequence[str], root: str | None) -> None:
    """Raise `ModelUnavailable` for a model that a public dashboard does not offer.

    A refused name is not looked up on disk, so nobody learns which folders exist.

    Args:
        name: the requested model.
        models: the models on offer besides mini; if there are none, every model is on offer.
        root: a folder whose subfolders are on offer, too.
    """
    if not models or name.strip() in ("mini", *models) or (root is not None and _is_inside(name.strip(), root)):
        return
    *others, last = dict.fromkeys([*models, "mini"])
    offered = f"{', '.join(others)} or {last}" if others else last
    raise ModelUnavailable(
        name,
        f"{name[:80]!r} is not available on this public dashboard.",
        "",
        f"Choose {offered}, or run the dashboard yourself.",
        cause="not offered",
        lasting=True,
    )


def _is_inside(name: str, root: str) -> bool:
    """Return whether a name is a path inside the folder `root`, with links resolved."""
    path = os.path.expanduser(name)
    if not os.path.isabs(path):  # it might be an id of the Hub
        return False
    try:
        resolved, root = os.path.realpath(path), os.path.realpath(root)
        return resolved != root and os.path.commonpath([resolved, root]) == root
    except (OSError, ValueError):  # a NUL, a lone surrogate, another drive
        return False
