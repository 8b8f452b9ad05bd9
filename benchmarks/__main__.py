"""Runs benchmarks and writes what they found: `python -m benchmarks [NAME …]`, all of them if none is named.

Each runs in a process of its own. Its part of `results.json` and `results.md` is written anew; the others' stay.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.needs import NEEDS, missing_for
from benchmarks.processes import in_fresh_process
from benchmarks.report import Section, as_json, as_markdown, commit, machine, versions

NAMES = tuple(NEEDS)
RUNS = 5
FOLDER = Path(__file__).parent
LIMIT = 3600  # seconds for one benchmark


def main() -> int:
    """Returns 1 if a budget is not met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(NAMES)}")
    chosen = parser.parse_args().names or NAMES
    for name in chosen:
        if name not in NAMES:
            parser.error(f"there is no benchmark {name!r}: choose from {', '.join(NAMES)}")
    lacking = {name: missing for name in chosen if (missing := missing_for(name))}
    if lacking:
        needs = "; ".join(f"{name} needs {', '.join(missing)}" for name, missing in lacking.items())
        able = ", ".join(name for name in NAMES if name not in lacking and not missing_for(name))
        parser.error(f"{needs}. Run `make bench` once, which brings what it can, or choose from: {able}.")
    sections = _known()
    for name in chosen:
        print(f"{name} …", file=sys.stderr, flush=True)
        sections[name] = Section.from_json(in_fresh_process("benchmarks.__main__:measure", name, limit=LIMIT))
        ordered = [sections[known] for known in NAMES if known in sections]
        (FOLDER / "results.json").write_text(json.dumps(as_json(ordered), indent=1) + "\n", encoding="utf-8")
        (FOLDER / "results.md").write_text(as_markdown(ordered), encoding="utf-8")
    print(as_markdown([sections[name] for name in chosen]))
    return int(not all(budget.met for name in chosen for budget in sections[name].result.budgets))


def measure(name: str) -> dict[str, Any]:
    """Run one benchmark; its section as JSON can hold it."""
    start = time.perf_counter()
    result = import_module(f"benchmarks.{name}").run(RUNS)
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    where = {"commit": commit()} | machine() | versions()
    return asdict(Section(name, result, date, time.perf_counter() - start, where))


def _known() -> dict[str, Section]:
    file = FOLDER / "results.json"
    if not file.exists():
        return {}
    return {section["name"]: Section.from_json(section) for section in json.loads(file.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    sys.exit(main())
