"""What the documents say is there, and what they tell to do works."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from PIL import Image, ImageSequence
from PIL.WebPImagePlugin import WebPImageFile
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from attn_core import AttentionTrace, head_scores
from attn_core.__main__ import _parser
from attn_core.analysis.scores import LABEL_THRESHOLD, LABELS, MIN_SCORE, NULL_THRESHOLD, SCORES, SHARES
from attn_core.ui.state import TOUR_STEPS
from tests.support.film import WIDTH
from tests.support.pages import dashboard
from tests.support.screenshots import FOLDER, MOVING, PICTURES
from tests.support.serving import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
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
    promises = re.findall(r"`(?:(test_\w+\.py)|…)(?:::(\w+)|\[)?", text_of("docs/reliability.md"))
    assert len(promises) > 50
    file = ""
    missing = []
    for named_file, test in promises:
        file = named_file or file  # "…" is the file named before
        tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob(file))
        if not tests or (test and f"def {test}(" not in tests and f"class {test}:" not in tests):
            missing.append(f"{file}::{test}")
    assert missing == []


def test_every_file_that_a_document_names_is_there() -> None:
    written_by_readers = {"prompts.txt", "pages/in_words.py", "packages.txt", "config.json", "results.json"}
    roots = ("attn_core", "tests", "benchmarks")  # a name alone is somewhere below them
    pattern = r"`([\w./-]+\.(?:py|pyi|md|toml|txt|css|js|json|ipynb))(?:::\w+)?`"
    for document in [*DOCUMENTS, ROOT / "attn_core" / "mini" / "README.md"]:
        for name in re.findall(pattern, document.read_text(encoding="utf-8")):
            found = (document.parent / name).exists() or (ROOT / name).exists()
            found = found or any(any((ROOT / root).rglob(name)) for root in roots)
            assert found or name in written_by_readers, f"{document.name}: {name}"


def test_every_limit_is_in_the_readme_and_every_variable_in_the_readme_is_read() -> None:
    read = set(re.findall(r'"(ATTN_\w+)"', text_of("attn_core/server/settings.py")))
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
    assert f"if the score is {MIN_SCORE} or more" in text
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
    for written in (r"python -m attn_core (\w+)", r"`attn-core (\w+)"):
        told = {file.name: re.findall(written, file.read_text("utf-8")) for file in DOCUMENTS}
        assert set(told["README.md"]) == set(commands.choices)
        assert set().union(*told.values()) == set(commands.choices)


def test_every_module_that_python_is_told_to_run_is_there() -> None:
    documents = [document for document in DOCUMENTS if document.name != "models.md"]  # which its own script writes
    for document in [*documents, ROOT / "attn_core" / "mini" / "README.md"]:
        text = document.read_text(encoding="utf-8")
        for name in re.findall(r"python -m ((?:attn_core|benchmarks|tests)[\w.]*)", text):
            place = ROOT / name.replace(".", "/")
            assert place.with_suffix(".py").exists() or (place / "__main__.py").exists(), f"{document.name}: {name}"


def test_the_extras_in_the_readme_are_those_of_the_package() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert set(re.findall(r'"\.\[(\w+)\]"', text_of("README.md"))) == set(project["optional-dependencies"])
    assert set(project["scripts"]) == {"attn-core"}


def test_the_rooms_are_listed_in_the_order_that_lint_checks() -> None:
    linted = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in linted if contract["type"] == "layers")
    rooms = [room for layer in layers for room in layer.split(" | ") if (ROOT / "attn_core" / room).is_dir()]
    assert re.findall(r"^\| `attn_core/(\w+)/`", text_of("docs/extending.md"), re.MULTILINE) == rooms


def test_everything_that_make_is_told_to_do_it_knows() -> None:
    rules = re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)
    for document in DOCUMENTS:
        told = re.findall(r"^make ([a-z-]+)$|`make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
        assert {"".join(rule) for rule in told} <= set(rules), document.name


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A copy of the project in which somebody did what the recipes of the document say."""
    patterns = shutil.ignore_patterns("__pycache__", "*.safetensors")

    def kept_out(folder: str, names: list[str]) -> set[str]:
        of_training = {"runs"} if Path(folder) == ROOT / "attn_core" / "mini" else set()
        return patterns(folder, names) | of_training

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
    told = [
        "attn_core/analysis/scores.py",
        "attn_core/ui/heads.py",
        "attn_core/charts/grid.py",
        "tests/unit/test_scores.py",
        "pages/in_words.py",
    ]
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *told], cwd=extended, check=True)
    colors = (
        "from attn_core.charts.grid import label_colors; colors = label_colors('light');"
        "from attn_core.analysis.scores import LABELS;"
        "assert colors.keys() >= set(LABELS.values()) and len({*colors.values()}) == len(colors)"
    )
    subprocess.run([sys.executable, "-c", colors], cwd=extended, check=True)
    tests = ["tests/unit/test_scores.py::test_a_head_that_does_one_thing_has_its_label"]
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


def walk_in_document(title: str) -> list[str]:
    """The functions that a walk of the document passes, each as "ui/state.py choose_head"."""
    _, after = text_of("docs/extending.md").split(f"### {title}\n")
    steps = re.split(r"^##", after, maxsplit=1, flags=re.MULTILINE)[0]
    passed = [" ".join(step) for step in re.findall(r"`(\w+/\w+\.py)`\s+`([\w.]+)`", steps)]
    assert len(passed) > 5
    return passed


@contextmanager
def calls_heard() -> Iterator[list[str]]:
    """Every function of the package that threads call which begin meanwhile, as in `walk_in_document`."""
    folder = ROOT / "attn_core"
    files: dict[str, str] = {}
    calls: list[str] = []

    def hear(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            if code.co_filename not in files:
                path = Path(code.co_filename)
                files[code.co_filename] = path.relative_to(folder).as_posix() if folder in path.parents else ""
            if files[code.co_filename]:
                calls.append(f"{files[code.co_filename]} {code.co_qualname}")

    threading.setprofile(hear)
    try:
        yield calls
    finally:
        threading.setprofile(None)


def not_passed_in_order(walk: list[str], calls: list[str]) -> list[str]:
    """The rest of a walk from the first step that does not come after the ones before it."""
    heard = iter(calls)
    for number, step in enumerate(walk):
        if step not in heard:
            return walk[number:]
    return []


def test_a_prompt_goes_to_the_painted_grid_as_the_document_says() -> None:
    app = dashboard("head_grid")
    with calls_heard() as calls:
        app.text_area(key="prompt_box").set_value("A walk from a prompt to a grid").run()
    assert not app.exception
    assert not_passed_in_order(walk_in_document("From a prompt to the painted grid"), calls) == []


def test_a_click_goes_to_the_lines_as_the_document_says() -> None:
    app = dashboard("head_grid", prompt="A walk from a click to the lines")
    (grid,) = (chart for chart in app.get("vega_lite_chart") if "grid" in chart.proto.id)
    widgets = app._tree.get_widget_states()
    clicked = '{"selection": {"head": [{"layer": 3, "head": 2, "turn": 0}]}}'
    widgets.widgets.append(WidgetState(id=grid.proto.id, string_value=clicked))
    with calls_heard() as calls:
        app._run(widgets)
    assert not app.exception
    assert (app.session_state["layer"], app.session_state["head"]) == (3, 2)
    assert not_passed_in_order(walk_in_document("From a click to the lines"), calls) == []
    assert "runs/capturing.py capture" not in calls


def test_a_generated_token_goes_to_its_heads_as_the_document_says() -> None:
    app = dashboard("home")
    with calls_heard() as calls:
        app.switch_page("pages/generate.py")
        app.session_state["prompt"] = "A walk from a token to its heads"
        app.run()
        app.session_state["chosen_step"] = 2
        app.run()
    assert not app.exception
    assert not_passed_in_order(walk_in_document("From a generated token to its heads"), calls) == []
