from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attn_core import AttentionTrace
from tests.conftest import random_trace

ROOT = Path(__file__).parent.parent
PAGES = ("home", "generate", "head_grid", "head_view", "compare")
WITHOUT_MODEL = ("home", "head_grid", "head_view", "compare")
SON = "Jesse Vig is the son of an evangelical preacher named James"


def dashboard(page: str = "home", **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
    app.query_params.update({"model": "mini"} | query)
    app.run()
    return app if page == "home" else app.switch_page(f"pages/{page}.py").run()


def with_recording(page: str, trace: AttentionTrace) -> AppTest:
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
    app.session_state["recording"] = trace
    app.session_state["recording_name"] = "some.npz"
    app.query_params["model"] = "no-such-model-is-ever-asked-for"
    app.run()
    return app if page == "home" else app.switch_page(f"pages/{page}.py").run()


def shown(app: AppTest) -> str:
    """All the words on the page."""
    elements = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.text, *app.info]
    return "\n".join(str(element.value) for element in elements)


def complaints(app: AppTest) -> list[str]:
    return [str(element.value) for element in [*app.error, *app.warning]]


def charts_on(app: AppTest) -> int:
    return len(app.get("vega_lite_chart"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_works_on_mini(page: str) -> None:
    app = dashboard(page)
    assert not app.exception
    assert not complaints(app)
    if page != "generate":
        assert charts_on(app) >= 1


@pytest.mark.parametrize("page", WITHOUT_MODEL)
def test_with_a_recording_open_pages_show_it_and_load_no_model(page: str) -> None:
    app = with_recording(page, random_trace(n_layers=3, n_heads=7, n_tokens=6))
    assert not app.exception
    assert not complaints(app)
    assert "3 layers × 7 heads" in shown(app)
    assert charts_on(app) >= 1
    assert app.number_input(key="layer_box").max == 2
    assert app.number_input(key="head_box").max == 6


def test_the_recorded_gpt2_opens_at_the_articles_head(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_view", AttentionTrace.load(recording("dog_on_the_ship")))
    assert (app.number_input(key="layer_box").value, app.number_input(key="head_box").value) == (4, 3)


def test_the_grid_says_how_many_heads_do_what_and_where_to_look(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_grid", AttentionTrace.load(recording("dog_on_the_ship")))
    assert "Of 144 heads on this text" in shown(app)
    assert "**59** rest on the first token" in shown(app)
    assert "**2** look at the token before (clearest: layer 4 head 11)" in shown(app)


def test_a_head_is_shown_with_what_it_does(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_view", AttentionTrace.load(recording("dog_on_the_ship")))
    assert "has no single pattern" in shown(app)
    app.number_input(key="head_box").set_value(11).run()
    assert "looks at the token before (:blue-badge[previous token 1.00])" in shown(app)


def test_one_word_alone_is_shown_with_no_pattern() -> None:
    app = dashboard("head_grid", prompt="The")
    assert not app.exception
    assert "**144** have no single pattern" in shown(app)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("prompt", ["", "  \n ", "\u200b" * 3])
def test_a_blank_prompt_gets_one_sentence(page: str, prompt: str) -> None:
    app = dashboard()
    for key in ("prompt", "prompt_a"):
        app.session_state[key] = prompt
    app = (app if page == "home" else app.switch_page(f"pages/{page}.py")).run()
    if page == "generate":
        next(button for button in app.button if button.label == "Generate").click().run()
    assert not app.exception
    if not prompt.strip():
        assert complaints(app) == ["The prompt is empty: type at least one word."]


@pytest.mark.parametrize(
    "prompt",
    [
        "🙂 and 👩‍🚀 ran",
        "שלום עולם, مرحبا",
        "\x00\x07 bell \x1b[31m",
        "<script>alert(1)</script> <b>bold</b>",
        "$x^2$ :smile: **bold** `code` [link](http://x)",
        "one",
    ],
)
@pytest.mark.parametrize("page", PAGES)
def test_unusual_prompts_are_shown(page: str, prompt: str) -> None:
    app = dashboard()
    for key in ("prompt", "prompt_a"):
        app.session_state[key] = prompt
    app = (app if page == "home" else app.switch_page(f"pages/{page}.py")).run()
    assert not app.exception
    assert not complaints(app)


def test_ten_thousand_words_are_refused_and_kept() -> None:
    prompt = "dog " * 10_000
    app = dashboard()
    app.text_area(key="prompt_box").set_value(prompt).run()
    assert len(complaints(app)) == 1
    assert "mini reads at most 256: shorten the text" in complaints(app)[0]
    assert app.text_area(key="prompt_box").value == prompt


def test_the_link_brings_prompt_layer_and_head_and_the_pages_keep_them() -> None:
    app = dashboard(prompt="A cat sat on the mat", layer="2", head="7")
    for page in ("head_grid", "head_view", "home"):
        app.switch_page(f"pages/{page}.py").run()
        assert app.text_area(key="prompt_box").value == "A cat sat on the mat"
        assert (app.number_input(key="layer_box").value, app.number_input(key="head_box").value) == (2, 7)
    assert app.query_params["prompt"] == "A cat sat on the mat"
    assert app.query_params["layer"] == "2"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"layer": "99"}, "There is no layer 99 here: they go from 0 to 11"),
        ({"head": "-1"}, "There is no head -1 here: they go from 0 to 11"),
        ({"layer": "four"}, "layer “four”, which is not a whole number"),
    ],
)
def test_a_link_with_a_wrong_number_gets_one_sentence(query: dict[str, str], sentence: str) -> None:
    app = dashboard(**query)
    assert not app.exception
    said = [line for line in complaints(app) + shown(app).splitlines() if sentence in line]
    assert len(said) == 1


def test_a_model_that_cannot_be_had_gives_way_to_mini_with_the_reason() -> None:
    app = dashboard(model="./no/such/folder")
    assert not app.exception
    assert "is not available" in shown(app)
    assert "mini" in shown(app)
    assert charts_on(app) == 1
    assert any(button.label == "Try again" for button in app.button)


def test_generating_shows_tokens_alternatives_and_lines() -> None:
    app = dashboard("generate", prompt=SON)
    app.number_input(key="new_tokens").set_value(3)
    next(button for button in app.button if button.label == "Generate").click().run()
    assert not app.exception
    assert len(app.session_state["generated"].steps) == 3
    assert charts_on(app) == 2


@pytest.mark.parametrize("page", PAGES)
def test_every_page_offers_its_trace(page: str) -> None:
    labels = [element.proto.label for element in dashboard(page).get("download_button")]
    assert labels == (
        ["Save trace A (.npz)", "Save trace B (.npz)"] if page == "compare" else ["Save this trace (.npz)"]
    )


def test_what_was_generated_stays_over_other_pages() -> None:
    app = dashboard("generate", prompt=SON)
    app.number_input(key="new_tokens").set_value(2)
    next(button for button in app.button if button.label == "Generate").click().run()
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/generate.py").run()
    assert charts_on(app) == 2


@pytest.mark.parametrize("view", ["Lines", "Matrix", "Table"])
def test_head_view_joins_pieces_and_hides_the_first_word(view: str) -> None:
    app = dashboard("head_view", prompt=SON)
    app.session_state["view"] = view
    app.toggle(key="words").set_value(True)
    app.toggle(key="hide_first").set_value(True).run()
    assert not app.exception
    assert not complaints(app)


def test_compare_shows_both_prompts_and_what_comes_next() -> None:
    app = dashboard("compare")
    assert app.text_area(key="prompt_a_box").value == SON
    assert "colleague" in str(app.text_area(key="prompt_b_box").value)
    assert charts_on(app) == 3
