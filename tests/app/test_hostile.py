"""Nothing that a visitor types, links to or uploads ends in a traceback, and none of it is ever run or rendered."""

from __future__ import annotations

import csv
import io
import json
import pickle
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from typing import Any

import huggingface_hub.constants
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest
from transformers import GPT2Config, GPT2LMHeadModel

from attn_core import (
    AttentionTrace,
    InvalidTrace,
    LanguageModel,
    NameProbeError,
    PromptError,
    capture,
    charts,
    head_scores,
    load_model,
    name_probe,
)
from attn_core.analysis.names import check_name_probe, parse_groups, parse_words
from attn_core.analysis.tables import csv_without_formulas, link_table, table_without_formulas
from attn_core.tokens import merge_tokens, token_labels
from attn_core.ui import links
from attn_core.ui.state import escape_markdown
from tests.support.fuzzing import NASTY, fuzzed, hostile_text
from tests.support.pages import PAGES, complaints, dashboard, press
from tests.support.serving import ROOT
from tests.support.traces import npz, random_trace, valid_arrays

LONGEST_CASE = 60.0  # seconds; one that takes longer, however busy the machine is, hangs


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that reads as mini does and computes little, so that many cases can be tried."""
    folder = str(tmp_path_factory.mktemp("small"))
    tokenizer = load_model("mini").tokenizer
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=1024)
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def small(small_folder: str) -> LanguageModel:
    return load_model(small_folder)


@contextmanager
def no_hang() -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < LONGEST_CASE


def sent_by_a_browser(text: str) -> str:
    """Text as it arrives from a browser, which has no lone surrogates to send."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def check_sentence(error: Exception) -> None:
    """A person can read what went wrong."""
    said = str(error)
    assert said.endswith(".")
    assert len(said) < 500
    assert "Traceback" not in said


def check_trace(trace: AttentionTrace) -> None:
    """Draw, score, save and open a trace; its texts stay what they are."""
    head_scores(trace)
    assert charts.head_grid(trace, selected=(0, 0), theme="light").to_dict()["datasets"]
    for drawn in (trace, merge_tokens(trace)):
        assert charts.attention_lines(drawn, 0, 0, query=drawn.n_tokens - 1).to_dict()["datasets"]
        check_table(link_table(drawn, 0, 0))
    opened = AttentionTrace.load(io.BytesIO(trace.to_bytes()))
    assert opened.attention.shape == trace.attention.shape
    assert [token.rstrip("\0") for token in opened.tokens] == [token.rstrip("\0") for token in trace.tokens]


def check_table(table: pd.DataFrame) -> None:
    """No cell of the table, as it is saved in either way, can run in a spreadsheet."""
    saved = csv_without_formulas(table).encode("utf-8", "replace").decode()
    cells = [cell for row in csv.reader(io.StringIO(saved, newline="")) for cell in row]
    shown = table_without_formulas(table)
    for cell in {*cells, *map(str, shown.columns), *map(str, shown.to_numpy().ravel())}:
        assert not re.match(r"[=+@\t\r＝＋－＠]|-(?![\d.])", cell)


# --- prompts ---------------------------------------------------------------------------------------------------


@fuzzed
@given(hostile_text)
def test_any_prompt_is_run_and_shown_or_refused_in_one_sentence(small: LanguageModel, prompt: str) -> None:
    with no_hang():
        try:
            trace = capture(small, prompt)
        except PromptError as error:
            check_sentence(error)
            return
        assert "".join(trace.tokens).encode() == prompt.encode()
        assert len(token_labels(trace.tokens)) == trace.n_tokens
        check_trace(trace)


@fuzzed
@given(hostile_text)
def test_text_in_markdown_stays_text(text: str) -> None:
    escaped = escape_markdown(text)
    assert re.sub(r"\\(.)", r"\1", escaped.replace("\N{ZERO WIDTH SPACE}", "")) == text.replace(
        "\N{ZERO WIDTH SPACE}", ""
    )
    assert not re.search(r"(?<!\\)[`*_{}\[\]()#!$:~<>|^]", re.sub(r"\\\\", "", escaped))
    assert not re.search(r"//\w|@\w|www\.?\w", escaped)


PAGE_OF_PROMPTS = ("home", "head_grid", "head_view", "compare", "generate")
BOXES = ("prompt_box", "prompt_a_box")
STEPS_WITH_A_PROMPT = tuple(range(1, 8))


class Tags(HTMLParser):
    """The tags and attributes of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {(tag, "")} | {(tag, name) for name, _ in attrs}


OUR_TAGS = {(tag, name) for tag in ("div", "span", "p", "i") for name in ("", "style", "class")} | {("style", "")}


def check_page(app: AppTest) -> None:
    """The page has no traceback, and no tags but its own."""
    assert not app.exception, app.exception[0].value
    for element in app.get("html"):
        tags = Tags()
        tags.feed(element.proto.body)
        assert tags.found <= OUR_TAGS
    json.dumps([element.proto.spec for element in app.get("vega_lite_chart")])


@pytest.fixture(scope="module")
def apps(small_folder: str) -> dict[str, AppTest]:
    return {page: dashboard(page, model=small_folder) for page in PAGE_OF_PROMPTS}


@fuzzed
@given(st.sampled_from(PAGE_OF_PROMPTS), hostile_text.map(sent_by_a_browser))
def test_any_prompt_on_any_page(apps: dict[str, AppTest], page: str, prompt: str) -> None:
    app = apps[page]
    box = next(box for box in app.text_area if box.key in BOXES)
    with no_hang():
        box.set_value(prompt).run()
    check_page(app)
    assert next(box for box in app.text_area if box.key in BOXES).value == prompt


@pytest.fixture(scope="module")
def steps(small_folder: str) -> dict[int, AppTest]:
    return {step: dashboard("tour", step=str(step), model=small_folder) for step in STEPS_WITH_A_PROMPT}


@fuzzed
@given(st.sampled_from(STEPS_WITH_A_PROMPT), hostile_text.map(sent_by_a_browser))
def test_any_prompt_on_any_step_of_the_tour(steps: dict[int, AppTest], step: int, prompt: str) -> None:
    app = steps[step]
    with no_hang():
        app.text_area[0].set_value(prompt).run()
    check_page(app)
    assert app.text_area[0].value == prompt


@pytest.mark.parametrize("character", ["a", " ", "🙂", "\x00", "\u202e", "=", "a "])
@pytest.mark.parametrize("page", ["home", "generate"])
def test_a_megabyte_is_refused_in_one_sentence_and_kept(page: str, character: str) -> None:
    text = character * (1_000_000 // len(character.encode()))
    app = dashboard(page)
    with no_hang():
        app.text_area(key="prompt_box").set_value(text).run()
        if page == "generate":
            next(button for button in app.button if button.label == "Generate").click().run()
    assert not app.exception
    assert [line for line in complaints(app) if "Shorten it" in line or "empty" in line]
    assert app.text_area(key="prompt_box").value == text
    assert "prompt" not in app.query_params


# --- links -----------------------------------------------------------------------------------------------------

PARAMETERS = (
    *links.CHOICES,
    "off",
    "present",
    "token",
    "written",
    "write_again",
    "ask",
    "scan",
    "recording",
    "embed",
)


LIKELY = (
    "0",
    "1",
    "5",
    "77",
    "-1",
    "all",
    "1,3",
    "4.8",
    "0.0,11.11,99.9",
    "all-on",
    "matrix",
    "sampled",
    "words",
    "null",
)


hostile_links = st.dictionaries(
    st.sampled_from(PARAMETERS) | st.text(max_size=5), st.sampled_from(LIKELY) | hostile_text, max_size=8
).map(lambda query: {name: sent_by_a_browser(value) for name, value in query.items() if name})


@pytest.fixture(scope="module")
def linked() -> AppTest:
    return dashboard()


@fuzzed
@given(hostile_links)
def test_any_link_opens_the_dashboard(linked: AppTest, small_folder: str, query: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        for key in ("begun", "layer", "head"):  # so that this is a first visit
            if key in linked.session_state:
                del linked.session_state[key]
        linked.query_params.clear()
        linked.query_params.update({"model": small_folder} | query)
        with no_hang():
            linked.run()
        check_page(linked)
        assert len(linked.title) == 1


@fuzzed
@given(hostile_links, st.sampled_from(PAGES))
def test_any_link_opens_any_page(small_folder: str, query: dict[str, str], page: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=LONGEST_CASE)
        app.query_params.update({"model": small_folder} | query)
        if page != "home":
            app.switch_page(f"pages/{page}.py")
        with no_hang():
            app.run()
        check_page(app)


# --- recordings ------------------------------------------------------------------------------------------------

DTYPES = ("float16", "float32", "float64", "int8", "uint64", "bool", "complex64", "U3", "S3", "datetime64[s]")
MEMBERS = ("tokens", "attention", "text", "model", "next_tokens", "next_probabilities", "value_norms", "ablated")


@st.composite
def strange_arrays(draw: st.DrawFn) -> dict[str, Any]:
    """Arrays of a recording, some of them others than they should be."""
    arrays = valid_arrays()
    for name in draw(st.lists(st.sampled_from(MEMBERS), max_size=3)):
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=5)))
        kind = draw(st.sampled_from(["dtype", "text", "nan", "negative", "huge", "missing"]))
        if kind == "missing":
            arrays.pop(name, None)
        elif kind == "text":
            arrays[name] = np.array(draw(st.lists(hostile_text, min_size=1, max_size=5)))
        elif kind == "nan":
            arrays[name] = np.full(shape, draw(st.sampled_from([np.nan, np.inf, -np.inf])), dtype=np.float32)
        elif kind == "negative":
            arrays[name] = np.full(shape, -1, dtype=draw(st.sampled_from(["int32", "float16"])))
        elif kind == "huge":
            arrays[name] = np.full(shape, 6e4, dtype=np.float16)
        else:
            arrays[name] = np.zeros(shape, dtype=draw(st.sampled_from(DTYPES)))
    return arrays


@st.composite
def strange_files(draw: st.DrawFn) -> bytes:
    """Bytes that look more or less like a recording."""
    content = bytearray(npz(**draw(strange_arrays())).getvalue())
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(content) - 1))
        content[place] ^= 1 << draw(st.integers(0, 7))
    if draw(st.booleans()):
        content = content[: draw(st.integers(0, len(content)))]
    return bytes(content)


class Bomb:
    """Unpickled, it would tell."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("a pickle was opened",))


@st.composite
def strange_archives(draw: st.DrawFn) -> bytes:
    """Zip archives with members of strange names, headers and contents."""
    file = io.BytesIO()
    names = st.sampled_from(
        [f"{name}.npy" for name in MEMBERS] + ["../x.npy", "/etc/passwd", "tokens.npy/", "C:\\x"]
    )
    with zipfile.ZipFile(file, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))) as archive:
        for name in draw(st.lists(names | hostile_text.filter(lambda name: name.split("\0")[0]), max_size=5)):
            header = draw(
                st.sampled_from(
                    [
                        "{'descr': '<f2', 'fortran_order': False, 'shape': (99999, 99999, 99999, 99999), }",
                        "{'descr': '<f2', 'fortran_order': False, 'shape': (-1, 2), }",
                        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
                        "{'descr': '<U2000000000', 'fortran_order': False, 'shape': (9,), }",
                        "{'descr': [('![x](http://x)', '<f2')], 'fortran_order': False, 'shape': (1, 1, 1, 1), }",
                        "__import__('os').system('touch /tmp/ran')",
                        "(" * 3000,
                    ]
                )
            ).encode()
            body = draw(
                st.one_of(
                    st.just(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header),
                    st.just(b"\x93NUMPY\x03\x00" + len(header).to_bytes(4, "little") + header),
                    st.just(pickle.dumps(Bomb())),
                    st.just(b"\0" * 1_000_000),
                    st.binary(max_size=40),
                )
            )
            with suppress(UnicodeEncodeError):
                archive.writestr(name, body)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore")
@fuzzed
@given(st.one_of(strange_files(), strange_archives(), st.binary(max_size=200)))
def test_any_recording_is_opened_whole_or_refused_in_one_sentence(content: bytes) -> None:
    with no_hang():
        try:
            trace = AttentionTrace.load(io.BytesIO(content))
        except InvalidTrace as error:
            check_sentence(error)
            return
        check_trace(trace)


RECORDING_PAGES = ("home", "head_grid", "head_view", "compare")


@pytest.fixture(scope="module")
def with_recordings(small_folder: str) -> dict[str, AppTest]:
    return {page: dashboard(page, model=small_folder) for page in RECORDING_PAGES}


@fuzzed
@given(
    st.sampled_from(RECORDING_PAGES),
    st.lists(hostile_text.map(sent_by_a_browser), min_size=1, max_size=6),
    hostile_text.map(sent_by_a_browser),
)
def test_a_recording_of_any_texts_on_any_page(
    with_recordings: dict[str, AppTest], page: str, tokens: list[str], name: str
) -> None:
    made = random_trace(n_tokens=len(tokens))
    app = with_recordings[page]
    app.session_state["recording"] = AttentionTrace(tuple(tokens), made.attention, model=name, text="".join(tokens))
    app.session_state["recording_name"] = name
    with no_hang():
        app.run()
    check_page(app)


# --- lists of names --------------------------------------------------------------------------------------------


@fuzzed
@given(hostile_text, hostile_text, hostile_text, st.integers(0, 19))
def test_any_list_of_names_is_asked_or_refused_in_one_sentence(
    small: LanguageModel, template: str, groups: str, words: str, one_in_twenty: int
) -> None:
    with no_hang():
        try:
            asked = (
                f"{{name}} {template}",
                parse_groups(f"A: Ann, {groups}\nB: Bob"),
                parse_words(words) or ("a",),
            )
            check_name_probe(*asked)
            if one_in_twenty:
                return
            found = name_probe(small, *asked)
        except (NameProbeError, PromptError) as error:
            check_sentence(error)
            return
        json.dumps(charts.name_probabilities(found).to_dict())
        for table in (found.table(), found.means(), found.differences()):
            check_table(table)


@pytest.fixture(scope="module")
def names_page(small_folder: str) -> AppTest:
    return dashboard("names", model=small_folder)


@fuzzed
@given(*[hostile_text.map(sent_by_a_browser)] * 4, st.integers(0, 3))
def test_any_list_of_names_on_its_page(
    names_page: AppTest, template: str, group: str, name: str, words: str, one_in_four: int
) -> None:
    names_page.text_input(key="name_template").set_value(f"{{name}} {template}")
    names_page.text_area(key="name_groups").set_value(f"A: Ann, {name}\n{group}: Bob")
    names_page.text_input(key="name_words").set_value(f"nurse, {words}")
    with no_hang():
        if one_in_four:
            names_page.run()
        else:
            press(names_page, "Run all names")
    check_page(names_page)


def test_every_nasty_piece_alone_is_a_prompt_or_refused(mini: LanguageModel) -> None:
    for piece in NASTY:
        with suppress(PromptError):
            check_trace(capture(mini, piece))
