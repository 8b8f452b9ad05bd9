"""What works with no network is tried, not assumed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config

from attn_core import LanguageModel
from attn_core.__main__ import main
from tests.support.hub import FakeHub, point_client_at
from tests.support.settings import set_environment
from tests.support.traces import random_trace

pytestmark = pytest.mark.slow  # each loads models anew


@pytest.fixture
def hub(mini: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundled: Path) -> Iterator[FakeHub]:
    """A Hub that has mini's files for every name, an empty cache, and a folder of one's own."""
    fake = FakeHub(bundled)
    point_client_at(fake.url, tmp_path / "cache", monkeypatch)
    config.get_config_options()  # read once, from the current folder
    monkeypatch.chdir(tmp_path)
    set_environment(monkeypatch, ATTN_PLAYLIST=tmp_path / "recordings")
    yield fake
    fake.stop()


@pytest.fixture(scope="module")
def bundled(mini: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundled")
    mini.network.save_pretrained(folder)
    mini.tokenizer.save_pretrained(folder)
    return folder


def check(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, dict[str, tuple[str, str]], str]:
    """The exit status, what is said of each part, and the last sentence."""
    capsys.readouterr()
    status = main(list(command) or ["check"])
    *_, table, sentence = capsys.readouterr().out.strip().split("\n\n")
    rows = (re.split(r"  +", line, maxsplit=2) for line in table.splitlines())
    return status, {name: (answer, finding) for name, answer, finding in rows}, sentence


def test_where_the_default_model_was_never_fetched_that_is_told(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    status, parts, sentence = check(capsys)
    assert status == 1
    assert parts["gpt2"][0] == "no"
    assert parts["gpt2"][1] == "not downloaded. Run  python -m attn_core fetch gpt2"
    assert parts["mini"][0] == "yes"
    assert parts["models/smollm2"][0] == parts["the playlist"][0] == "no"
    assert sentence == "Offline, mini will work; gpt2 will not."
    assert hub.requests == []


def test_what_was_fetched_works_with_the_hub_out_of_reach(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, parts, sentence = check(capsys, "fetch", "gpt2")
    assert (status, parts["gpt2"][0], sentence) == (0, "yes", "Offline, gpt2 and mini will work.")
    asked = len(hub.requests)
    (tmp_path / "recordings").mkdir()
    random_trace().save(tmp_path / "recordings" / "1.npz")
    (tmp_path / "recordings" / "2.npz").write_bytes(b"")
    status, parts, sentence = check(capsys)
    assert status == 0
    assert parts["gpt2"] == ("yes", "in the local cache: 12 layers × 12 heads")
    assert parts["the playlist"][1].startswith("1 recording in ")
    assert parts["the playlist"][1].endswith("; skipped, not recordings: 2.npz")
    assert sentence == "Offline, gpt2, mini and the playlist will work."
    assert len(hub.requests) == asked


def test_a_copy_that_was_damaged_since_is_told(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(capsys, "fetch", "gpt2")
    (weights,) = (tmp_path / "cache").rglob("model.safetensors")
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    status, parts, _ = check(capsys)
    assert (status, parts["gpt2"][0]) == (1, "no")


def test_a_folder_that_is_no_model_says_what_it_lacks(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models" / "smollm2").mkdir(parents=True)
    _, parts, sentence = check(capsys)
    assert parts["models/smollm2"][0] == "no"
    assert parts["models/smollm2"][1] == "models/smollm2 is empty."
    assert sentence == "Offline, mini will work; gpt2 and models/smollm2 will not."


@pytest.mark.parametrize(
    ("setting", "value"),
    [("browser.gatherUsageStats", True), ("theme.font", "Inter:https://fonts.example/inter.css")],
)
def test_settings_of_streamlit_that_ask_elsewhere_are_named(
    hub: FakeHub, setting: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    _, parts, _ = check(capsys)
    assert parts["fonts and scripts"][0] == "yes"
    before = config.get_option(setting)
    config.set_option(setting, value)
    try:
        _, parts, _ = check(capsys)
    finally:
        config.set_option(setting, before)
    assert parts["fonts and scripts"][0] == "no"
    assert setting in parts["fonts and scripts"][1]
