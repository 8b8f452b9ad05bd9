"""Prompts of a file, recorded to be shown with no model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attn_core import AttentionTrace
from attn_core.__main__ import main
from attn_core.server.playlist import list_recordings
from attn_core.server.recording import read_prompts
from tests.support.serving import ROOT
from tests.support.settings import set_environment

pytestmark = pytest.mark.slow  # each loads a model anew

PROMPTS = "# my talk\n\nThe dog on the ship ran\n  \nSon of James\tJesse Vig is the son of James\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of two prompts in the current folder."""
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch, ATTN_PLAYLIST=tmp_path / "recordings")
    file = tmp_path / "prompts.txt"
    file.write_text(PROMPTS, encoding="utf-8")
    return file


def record(*options: str) -> int:
    return main(["record", "prompts.txt", "--model", "mini", *options])


def test_each_prompt_is_recorded_in_its_order_and_can_be_gone_through(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record() == 0
    names = ("01_the_dog_on_the_ship_ran.npz", "02_son_of_james.npz")
    listed = list_recordings(Path("recordings"))
    assert listed is not None
    assert (listed.names, listed.others) == (names, ())
    assert AttentionTrace.load(f"recordings/{names[1]}").text == "Jesse Vig is the son of James"
    first, second, done = capsys.readouterr().out.splitlines()
    assert first.startswith("1/2  ")
    assert second.startswith("2/2  ")
    assert done == (
        "Done. 2 of 2 prompts recorded in recordings. "
        "Start the dashboard and choose them under Playlist in the sidebar."
    )


def test_a_folder_that_the_dashboard_does_not_show_comes_with_how_to_show_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert record("--to", "deep/talk") == 0
    assert f"ATTN_PLAYLIST={file.parent / 'deep' / 'talk'}" in capsys.readouterr().out


def test_prompts_that_cannot_be_run_are_told_and_the_others_go_on(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("dog " * 300 + "\nThe dog ran\ntitle\t \n", encoding="utf-8")
    assert record() == 1
    said = capsys.readouterr()
    assert os.listdir("recordings") == ["02_the_dog_ran.npz"]
    long, blank = [line for line in said.err.splitlines() if line.startswith("Line")]
    assert long.startswith("Line 1 skipped. The prompt has ")
    assert blank == "Line 3 skipped. The prompt is empty. Type at least one word."
    assert "Done. 1 of 3 prompts" in said.out


def test_nothing_is_written_over_unless_that_is_asked_for(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record() == 0
    recorded = Path("recordings/02_son_of_james.npz")
    recorded.write_bytes(b"mine")
    capsys.readouterr()
    assert record() == 1
    assert capsys.readouterr().err == (
        f"{Path('recordings/01_the_dog_on_the_ship_ran.npz')} and 1 more already exist. Pass --replace to "
        "overwrite, or another folder with --to.\n"
    )
    assert recorded.read_bytes() == b"mine"
    assert record("--replace") == 0
    assert AttentionTrace.load(recorded).n_tokens > 1


def test_a_recording_that_another_process_has_just_saved_is_not_written_over(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attn_core.__main__.check_free", lambda prompts, folder: None)  # it was free when asked
    Path("recordings").mkdir()
    second = Path("recordings/02_son_of_james.npz")
    second.write_bytes(b"theirs")
    assert record() == 1
    assert capsys.readouterr().err.endswith(
        f"{second} already exists. Pass --replace to overwrite, or another folder with --to.\n"
    )
    assert second.read_bytes() == b"theirs"
    assert AttentionTrace.load("recordings/01_the_dog_on_the_ship_ran.npz").n_tokens > 1


def run_command(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    command = [sys.executable, "-m", "attn_core", "record", "prompts.txt", "--model", "mini", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes of Unix")
def test_whoever_has_read_enough_ends_it_without_a_word(file: Path) -> None:
    file.write_text("The dog ran\n" * 5, encoding="utf-8")
    with run_command(file.parent) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("1/5  ")
        running.stdout.close()
        assert running.stderr is not None
        assert [line for line in running.stderr if "Loading weights" not in line] == []
    assert running.returncode == 141
    assert all(AttentionTrace.load(name).n_tokens == 3 for name in Path("recordings").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes of Unix")
def test_a_command_that_is_ended_leaves_no_unfinished_files(file: Path) -> None:
    file.write_text(("The dog on the ship ran. " * 20 + "\n") * 20, encoding="utf-8")
    with run_command(file.parent) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("1/20  ")
        running.terminate()
        running.communicate()
    assert running.returncode == 143
    assert all(AttentionTrace.load(name).n_tokens > 100 for name in Path("recordings").iterdir())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "Can't read prompts.txt (No such file or directory). Give a text file."),
        (b"\xff\xfe\x00", "prompts.txt is not UTF-8. Save it as UTF-8 and try again."),
        (b"# nothing\n\n", "prompts.txt has no prompts. Write one per line."),
    ],
)
def test_a_file_that_holds_no_prompts_is_told(
    file: Path, content: bytes | None, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert record() == 1
    said = capsys.readouterr().err
    assert said == f"{sentence}\n"
    assert len(said.splitlines()) == 1
    assert not Path("recordings").exists()


def test_a_folder_that_cannot_be_written_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert record("--to", "prompts.txt/inside") == 1
    assert "Can't write prompts.txt" in capsys.readouterr().err


def test_a_model_that_cannot_be_had_is_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", "prompts.txt", "--model", "./nowhere"]) == 1
    assert "./nowhere does not exist." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("The dog on the ship ran", "the_dog_on_the_ship_ran"),
        ("Jesse Vig is the colleague of an evangelical preacher", "jesse_vig_is_the_colleague_of_an"),
        ("../../etc/passwd", "etc_passwd"),
        ("C:\\con.npz\tx", "c_con_npz"),
        ("Äpfel, Öl & Brot", "apfel_ol_brot"),
        ("x" * 300, "x" * 40),
        ("שלום 🙂", "prompt"),
    ],
)
def test_file_names_are_safe_whatever_the_prompt(tmp_path: Path, line: str, name: str) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text(line, encoding="utf-8-sig")
    (prompt,) = read_prompts(file)
    assert prompt.file_name == f"01_{name}.npz"


def test_a_hundred_recordings_still_stand_in_order(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("The dog ran\r\n" * 100, encoding="utf-8")
    names = [prompt.file_name for prompt in read_prompts(file)]
    assert names == sorted(names)
    assert len(set(names)) == 100
