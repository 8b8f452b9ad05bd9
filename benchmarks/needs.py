"""What each benchmark needs beside the dashboard itself, asked before anything is measured."""

from __future__ import annotations

import shutil
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from benchmarks.painting import FOLDER as LIBRARIES
from tests.support.chromium import find_browser

BERTVIZ, PLAYWRIGHT, BROWSER, NPM, PROC = "bertviz", "playwright", "a Chromium", "npm", "Linux's /proc"
PY_SPY = "py-spy"

NEEDS = {
    "overview": (BERTVIZ, PLAYWRIGHT, BROWSER, NPM),
    "capturing": (PROC,),
    "writing": (),
    "app": (PLAYWRIGHT, BROWSER),
    "visitors": (PROC, PY_SPY),
    "memory": (PLAYWRIGHT, BROWSER, PROC),
    "growth": (PROC,),
    "ablation": (),
    "mini": (),
}
"""The benchmarks, in the order in which they run."""


def missing_for(name: str) -> list[str]:
    """Return what a benchmark needs and this machine does not have."""
    return [need for need in NEEDS[name] if not _is_here(need)]


def _is_here(need: str) -> bool:
    if need in (BERTVIZ, PLAYWRIGHT):
        return find_spec(need) is not None
    if need == PY_SPY:
        return (Path(sysconfig.get_path("scripts")) / PY_SPY).exists()
    if need == BROWSER:
        return find_browser() is not None or _playwright_has_one()
    if need == NPM:
        return (LIBRARIES / "node_modules").exists() or shutil.which("npm") is not None
    return Path("/proc/self/clear_refs").exists()


def _playwright_has_one() -> bool:
    if find_spec(PLAYWRIGHT) is None:
        return False
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()
