"""What the documents say is there, and what they tell to do works."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from PIL import Image, ImageSequence
from PIL.WebPImagePlugin import WebPImageFile
from streamlit.testing.v1 import AppTest

from attn_core import AttentionTrace, head_scores
from attn_core.__main__ import _parser
from attn_core.patterns import LABEL_THRESHOLD, LABELS, NULL_THRESHOLD, SCORES, SHARES, SMALLEST_SCORE
from attn_core.ui.state import TOUR_STEPS
from tests.film import WIDTH
from tests.screenshots import FOLDER, MOVING, PICTURES
from tests.serving import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ON_THIS_MACHINE = "http://localhost:8501"
MAX_PICTURES = 1_500_000  # bytes of all still pictures together
MAX_MOVING = 2_000_000  # bytes


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def named(dotted: str) -> Any:
    """What a dotted name stands for, modules before functions of the same name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


def anchors(document: Path) -> set[str]:
    """The places of a document that a link can lead to, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(document: Path) -> list[str]:
    text = document.read_text(encoding="utf-8")
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|srcset)="([^"]+)"', text)


def test_every_test_that_a_promise_names_is_there() -> None:
    text = text_of("docs/reliability.md")
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob("*.py"))
    named = re.findall(r"::(\w+)", text)
    assert len(named) > 30
    missing = [name for name in named if f"def {name}(" not in tests and f"class {name}:" not in tests]
    assert missing == []


def test_every_limit_is_in_the_readme_and_every_variable_in_the_readme_is_read() -> None:
    read = set(re.findall(r'"(ATTN_\w+)"', text_of("attn_core/limits.py")))
    table = set(re.findall(r"^\| `(ATTN_\w+)`", text_of("README.md"), re.MULTILINE))
    assert read == table


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in targets(document):
        place = urlsplit(target)
        if target.startswith(ON_THIS_MACHINE):
            assert (ROOT / "pages" / f"{place.path.strip('/') or 'home'}.py").exists(), target
            steps = parse_qs(place.query).get("step", ["1"])
            assert 1 <= int(steps[0]) <= TOUR_STEPS, target
        elif not place.scheme:
            file = document.parent / place.path if place.path else document
            assert file.exists(), target
            assert not place.fragment or place.fragment in anchors(file), target


def test_the_pictures_are_those_that_the_script_takes_and_all_are_shown() -> None:
    stills = {picture.file(name, theme) for name, picture in PICTURES.items() for theme in picture.themes}
    sizes = {file.name: file.stat().st_size for file in FOLDER.iterdir()}
    assert sizes.keys() == {*stills, MOVING}
    shown = {Path(target).name for document in DOCUMENTS for target in targets(document)}
    assert sizes.keys() <= shown
    assert sum(sizes[name] for name in stills) < MAX_PICTURES
    assert sizes[MOVING] < MAX_MOVING


def test_the_moving_picture_is_short_and_plays_again_and_again() -> None:
    with Image.open(FOLDER / MOVING) as film:
        assert isinstance(film, WebPImageFile)
        durations = [frame.convert("RGB").info["duration"] for frame in ImageSequence.Iterator(film)]
        assert film.size == (WIDTH, WIDTH * 9 // 16)
        assert film.info["loop"] == 0
    assert 12_000 <= sum(durations) <= 18_000


def test_every_page_is_described() -> None:
    pages = re.findall(r'st\.Page\("[^"]+", title="([^"]+)"', text_of("dashboard.py"))
    described = re.findall(r"^## (.+)$", text_of("docs/features.md"), re.MULTILINE)
    assert len(pages) > 5
    assert set(pages) <= set(described)


def test_every_name_of_the_library_in_the_documents_is_one() -> None:
    for document in DOCUMENTS:
        for dotted in re.findall(r"`(attn_core(?:\.\w+)+)`", document.read_text(encoding="utf-8")):
            assert named(dotted) is not None


def test_every_score_and_label_is_defined() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", text_of("docs/method.md"), re.MULTILINE)
    assert rows == [(score, LABELS.get(score, "none")) for score in SCORES]
    text = text_of("docs/method.md")
    assert f"reaches {LABEL_THRESHOLD}, or {NULL_THRESHOLD} for `first_token`" in text
    assert f"if the score is {SMALLEST_SCORE} or more" in text
    assert f"{', '.join(f'`{name}`' for name in [*SHARES][:-1])} and `{[*SHARES][-1]}` have a share" in text


def test_the_numbers_about_gpt2s_resting_heads_are_those_of_the_recordings(
    recording: Callable[[str], Path],
) -> None:
    tables = [head_scores(AttentionTrace.load(path)) for path in sorted(recording("any").parent.glob("*.npz"))]

    def counted(number: Callable[[pd.DataFrame], int]) -> str:
        numbers = [number(table) for table in tables]
        return " to ".join(map(str, sorted({min(numbers), max(numbers)})))

    def resting(at_least: float) -> str:
        return counted(lambda table: int((table["first_token"] >= at_least).sum()))

    dog = head_scores(AttentionTrace.load(recording("dog_on_the_ship")))
    induction = (dog["label"] == "induction").sum()
    null = counted(lambda table: int((table["label"] == "null").sum()))
    told = " ".join(text_of("docs/method.md").split())
    for numbers in (
        f"{resting(0.1)} of 144 heads score at least 0.1, {resting(0.5)} reach 0.5, and {resting(0.7)} reach 0.7",
        f"reach 0.7; {null} are labeled",
        f'and {induction} heads are labeled "induction" there',
    ):
        assert numbers in told


def test_every_threshold_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| .+ \| ([\d.,]+) \| `(attn_core[\w.]+)` \|$", text_of("docs/method.md"), re.MULTILINE)
    assert len(rows) > 15
    for value, dotted in rows:
        assert float(value.replace(",", "")) == named(dotted), dotted


def test_every_command_is_in_the_readme_and_every_command_in_the_documents_is_one() -> None:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    told = {file.name: re.findall(r"python -m attn_core (\w+)", file.read_text("utf-8")) for file in DOCUMENTS}
    assert set(told["README.md"]) == set(commands.choices)
    assert set().union(*told.values()) == set(commands.choices)


def test_everything_that_make_is_told_to_do_it_knows() -> None:
    rules = re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE)
    for document in DOCUMENTS:
        told = re.findall(r"\bmake ([a-z]+)$|`make ([a-z]+)`", document.read_text(encoding="utf-8"), re.MULTILINE)
        assert {"".join(rule) for rule in told} <= set(rules), document.name


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the project in which somebody did what the recipes of the document say."""
    kept_out = shutil.ignore_patterns("__pycache__", "*.safetensors", "runs")
    for folder in ("attn_core", "pages", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=kept_out)
    for file in ("dashboard.py", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    told = re.findall(
        r"In (?:the new file )?`([^`]+)`(?:, below `([^`]+)`)?:\n\n {3}```(?:python)?\n(.*?) {3}```",
        text_of("docs/extending.md"),
        re.DOTALL,
    )
    assert len(told) == 8
    for name, line, block in told:
        added = "".join(part.removeprefix("   ") for part in block.splitlines(keepends=True))
        file = tmp_path / name
        if line:
            before, after = file.read_text(encoding="utf-8").split(f"\n{line}\n")
            added = f"{before}\n{line}\n{added}{after}"
        file.write_text(added, encoding="utf-8")
    return tmp_path


def test_the_recipe_for_a_score_makes_one(extended: Path) -> None:
    told = ["attn_core/patterns.py", "attn_core/charts/grid.py", "tests/test_patterns.py", "pages/in_words.py"]
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *told], cwd=extended, check=True)
    colors = (
        "from attn_core.charts.grid import LABEL_COLORS as colors; from attn_core.patterns import LABELS;"
        "assert colors.keys() >= set(LABELS.values()) and len({*colors.values()}) == len(colors)"
    )
    subprocess.run([sys.executable, "-c", colors], cwd=extended, check=True)
    tests = ["tests/test_patterns.py::test_a_head_that_does_one_thing_has_its_label"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *tests], cwd=extended, capture_output=True, text=True, check=False
    )
    assert f"{len(LABELS) + 1} passed" in done.stdout, done.stdout


def test_the_recipe_for_a_page_makes_one(extended: Path) -> None:
    app = AppTest.from_file(str(extended / "dashboard.py"), default_timeout=60)
    app.query_params["model"] = "mini"
    app.run()
    app.switch_page("pages/in_words.py").run()
    assert not app.exception
    assert [title.value for title in app.title] == ["What do the heads do, in words?"]
    assert "attend mostly to the first token" in app.markdown[-1].value
    app.number_input(key="layer_box").set_value(1).run()
    app.number_input(key="head_box").set_value(0).run()
    assert "attends to the previous token" in app.markdown[-2].value
