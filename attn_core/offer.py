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
        models: the ones on offer beside mini; if there are none, anything is.
        root: a folder whose folders are on offer, too.
    """
    if not models or name.strip() in ("mini", *models) or (root is not None and _lies_in(name.strip(), root)):
        return
    offered = ", ".join(dict.fromkeys([*models, "mini"]))
    raise ModelUnavailable(
        name,
        f"{name[:80]!r} is not offered here.",
        f"This dashboard is public and offers {offered}.",
        "Choose one of these, or run the dashboard on your own machine.",
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
