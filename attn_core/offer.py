"""Which models visitors of a public dashboard may choose."""

from __future__ import annotations

import os
from collections.abc import Sequence

from attn_core.errors import ModelUnavailable


def check_offered(name: str, models: Sequence[str], root: str | None) -> None:
    """Raise `ModelUnavailable` for a model that a public dashboard does not offer.

    What is refused is not looked for: nobody learns which folders there are.

    Args:
        name: the model that was asked for.
        models: the ones on offer besides mini; if there are none, anything is.
        root: a folder whose folders are on offer, too.
    """
    if not models or name.strip() in ("mini", *models) or (root is not None and _lies_in(name.strip(), root)):
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


def _lies_in(name: str, root: str) -> bool:
    """Whether a name is a path to a folder inside another, wherever links in it lead."""
    path = os.path.expanduser(name)
    if not os.path.isabs(path):  # it might be an id of the Hub
        return False
    try:
        place, root = os.path.realpath(path), os.path.realpath(root)
        return place != root and os.path.commonpath([place, root]) == root
    except (OSError, ValueError):  # a NUL, a lone surrogate, another drive
        return False
