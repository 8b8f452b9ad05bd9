"""Which browser the tests drive: one that is installed, or else the one that Playwright brings."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

INSTALLED_AS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def find_browser() -> str | None:
    """Path of an installed Chromium or Chrome; None leaves the choice to Playwright."""
    found = next(filter(None, map(shutil.which, INSTALLED_AS)), None)
    return found or (str(MAC) if MAC.exists() else None)


def main() -> int:
    if find_browser():
        return 0
    print("No Chromium found: Playwright fetches its own.")
    fetched = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    if fetched.returncode:
        print("There is no browser for the tests. On Debian: apt-get install chromium")
    return fetched.returncode


if __name__ == "__main__":
    sys.exit(main())
