from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attn_core import AttentionTrace, LanguageModel, ResidualStream, capture, residual_stream
from attn_core.analysis.examples import COLLEAGUE, SON
from attn_core.ui.why_this_token import TokenContext, compute_row
from tests.support import networks
from tests.support.pages import (
    PAGES,
    STEPS,
    WITHOUT_MODEL,
    charts_on,
    chosen_head,
    complaints,
    dashboard,
    faults,
    go_to,
    label_of,
    marked,
    popovers,
    press,
    shown,
    table_of,
    with_recording,
)
from tests.support.traces import random_trace

ROOT = Path(__file__).parents[2]
WITH_PROMPT = tuple(page for page in PAGES if page != "names")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_works_on_mini(page: str) -> None:
    app = dashboard(page)
    assert not app.exception
    assert not faults(app)
    assert charts_on(app) >= 1


def test_a_prompt_is_run_once_for_all_pages_and_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[str] = []

    def counting(model: LanguageModel, text: str, **options: Any) -> AttentionTrace:
        run.append(text)
        return capture(model, text, **options)

    monkeypatch.setattr(import_module("attn_core.runs.capturing"), "capture", counting)
    prompt = "Nobody has typed this prompt before."
    for page in ("home", "head_grid", "head_view"):
        assert not dashboard(page, prompt=prompt).exception
    assert run == [prompt]


@pytest.mark.parametrize("page", WITHOUT_MODEL)
def test_with_a_recording_open_pages_show_it_and_load_no_model(page: str) -> None:
    app = with_recording(page, random_trace(n_layers=3, n_heads=7, n_tokens=6))
    assert not app.exception
    assert not complaints(app)
    assert "3 × 7 heads" in shown(app)
    assert charts_on(app) >= 1
    assert app.number_input(key="layer_box").max == 2
    assert app.number_input(key="head_box").max == 6


def test_the_recorded_gpt2_opens_at_the_articles_head(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_view", AttentionTrace.load(recording("dog_on_the_ship")))
    assert (app.number_input(key="layer_box").value, app.number_input(key="head_box").value) == (4, 3)


def test_the_grid_says_how_many_heads_do_what_and_where_to_look(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_grid", AttentionTrace.load(recording("dog_on_the_ship")))
    assert "**48 of 144 heads** attend mostly to the first token" in shown(app)
    assert "**10** attend to the token that followed an earlier copy (induction) (clearest: L5H5)" in shown(app)
    assert "**2** attend to the previous token (clearest: L4H11)" in shown(app)


def test_a_head_is_shown_with_what_it_does(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_view", AttentionTrace.load(recording("dog_on_the_ship")))
    assert "it shows none of the known patterns" in shown(app)
    app.number_input(key="head_box").set_value(11).run()
    assert "it attends to the previous token. :blue-badge[previous token 1.00] :gray-badge[15 queries]" in shown(
        app
    )
    app.number_input(key="layer_box").set_value(5).run()
    app.number_input(key="head_box").set_value(5).run()
    assert ":blue-badge[induction 0.85] :gray-badge[share 0.95, 1 query]" in shown(app)


def test_one_word_alone_is_shown_with_no_pattern() -> None:
    app = dashboard("head_grid", prompt="The")
    assert not app.exception
    assert "**144** show none of the known patterns" in shown(app)


@pytest.mark.parametrize("page", WITH_PROMPT)
@pytest.mark.parametrize("prompt", ["", "  \n ", "\u200b" * 3])
def test_a_blank_prompt_gets_one_sentence(page: str, prompt: str) -> None:
    app = dashboard(page)
    for key in ("prompt", "prompt_a", "tour_subject"):
        app.session_state[key] = prompt
    app.run()
    if page == "generate":
        app = press(app, "Generate")
    assert not app.exception
    if not prompt.strip():
        assert complaints(app) == ["The prompt is empty. Type at least one word."]


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
@pytest.mark.parametrize("page", WITH_PROMPT)
def test_unusual_prompts_are_shown(page: str, prompt: str) -> None:
    app = dashboard(page)
    for key in ("prompt", "prompt_a", "tour_subject"):
        app.session_state[key] = prompt
    app.run()
    assert not app.exception
    assert not complaints(app)


def test_ten_thousand_words_are_refused_and_kept() -> None:
    prompt = "dog " * 10_000
    app = dashboard()
    app.text_area(key="prompt_box").set_value(prompt).run()
    assert len(complaints(app)) == 1
    assert "mini reads at most 256. Shorten it." in complaints(app)[0]
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
        ({"layer": "99"}, "This model has no layer 99 (0 to 11). Showing layer 0."),
        ({"head": "-1"}, "This model has no head -1 (0 to 11). Showing head 0."),
        ({"layer": "four"}, "Ignored layer=four in the link. Expected a whole number."),
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
    assert "is unavailable, so you see mini" in shown(app)
    assert charts_on(app) == 3
    assert any(button.label == "Try again" for button in app.button)


def generated(prompt: str = SON, **query: str) -> AppTest:
    """The Generate page after three tokens."""
    return press(dashboard("generate", **{"prompt": prompt, "new_tokens": "3"} | query), "Generate")


def with_details(app: AppTest, name: str) -> AppTest:
    """Choose what Generate shows below its figures."""
    return app.segmented_control(key="details").set_value(name).run()


def test_generating_shows_alternatives_layers_heads_and_lines() -> None:
    app = generated()
    assert not app.exception
    assert len(app.session_state["generated"].steps) == 3
    assert charts_on(app) == 4
    assert "Which heads raised “V”?" in shown(app)
    app = with_details(app, "Strongest heads")
    assert ", the logit of “V”." in shown(app)


def test_the_strongest_heads_are_told_in_words_and_open_with_a_click() -> None:
    app = generated(details="heads")
    strongest = app.radio(key="strongest_box")
    assert len(strongest.options) == 10
    for told in strongest.options:
        assert re.fullmatch(r"\*\*L\d+H\d+\*\* adds \*\*[+−][\d.]+\*\* to “V” · attends to “.*” \(.*\)", told)
    assert chosen_head(app) == strongest.value
    second = strongest.options[1]
    app = strongest.set_value(second).run()
    assert not app.exception
    assert second.startswith("**L{}H{}** ".format(*chosen_head(app)))


def test_the_model_runs_once_for_a_token_however_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = 0

    def counted(*args: Any, **options: Any) -> ResidualStream:
        nonlocal runs
        runs += 1
        return residual_stream(*args, **options)

    monkeypatch.setattr("attn_core.runs.residual.residual_stream", counted)
    app = generated("A text that no other test writes on from", details="heads")
    app.selectbox(key="foil").select_index(1).run()
    app.radio(key="strongest_box").set_value(app.radio(key="strongest_box").options[1]).run()
    app.toggle(key="value_weighted").set_value(True).run()
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/generate.py").run()
    assert not app.exception
    assert runs == 1


def test_another_word_can_be_asked_about_rather_than_the_logit_alone() -> None:
    app = generated(details="heads")
    foil = app.selectbox(key="foil")
    assert foil.options[0] == "none (logit of “V” alone)"
    foil.select_index(1).run()
    assert not app.exception
    assert "the logit of “V” minus that of “" in shown(app)


def test_without_its_strongest_heads_the_word_goes_and_the_text_is_another() -> None:
    app = press(generated(details="off"), "Turn off the top 5")
    assert "**5 heads off**]" in shown(app)
    assert "Output replaced with zero." in shown(app)
    assert re.search(r"With 5 heads off, “V” goes from \*\*>?99.*%\*\* to", shown(app))
    app = press(app, "Regenerate")
    assert not app.exception
    first, second = app.session_state["generated"], app.session_state["generated_again"]
    assert first.ablated == frozenset()
    assert len(second.ablated) == 5
    assert first.steps[0].token == " V" != second.steps[0].token
    assert "First difference, at token 1: **“V”** became **“" in shown(app)
    app = press(app, "Explain the new text")
    assert app.session_state["generated"] == second
    assert "tokens by mini, 5 heads off" in shown(app)


def test_heads_that_are_off_are_off_on_every_page_and_in_the_link() -> None:
    app = dashboard(prompt=SON, off="7.11,5.7", replacement="mean")
    for page in PAGES:
        app = go_to(app, page)
        assert not app.exception
        assert "**2 heads off**] L5H7, L7H11. Output replaced with its mean over the prompt." in shown(app)
        assert label_of(app, "model_menu") == "mini · 2 heads off"
    assert app.query_params["off"] == "5.7,7.11"
    app = press(app, "Turn all heads on")
    assert label_of(app, "model_menu") == "mini"
    assert "heads off" not in shown(go_to(app, "home"))


def test_a_head_is_switched_off_where_it_is_looked_at() -> None:
    app = dashboard("head_view", prompt=SON, layer="7", head="11")
    app.toggle(key="switch_box").set_value(True).run()
    assert app.session_state["heads_off"] == ((7, 11),)
    assert "**L7H11 off**] Output replaced with zero." in shown(app)
    assert label_of(app, "view_menu") == "View: head off"
    app.number_input(key="head_box").set_value(3).run()
    assert not app.toggle(key="switch_box").value


@pytest.mark.parametrize(
    ("off", "sentence"),
    [
        ("seven", "Ignored off=seven in the link. Expected heads written like 7.11"),
        ("7.11,,", "Expected heads written like"),
        ("99.0", "Ignored heads in the link that this model does not have"),
    ],
)
def test_a_link_that_switches_off_what_is_not_there_gets_one_sentence(off: str, sentence: str) -> None:
    app = dashboard(off=off)
    assert not app.exception
    assert len([line for line in complaints(app) + shown(app).splitlines() if sentence in line]) == 1
    assert app.session_state["heads_off"] == ()


def test_another_model_has_all_its_heads_on() -> None:
    app = dashboard(off="7.11")
    app.selectbox(key="model").set_value("gpt2").run()
    assert app.session_state["heads_off"] == ()


def test_each_head_is_switched_off_in_turn_when_asked_for() -> None:
    app = generated(question="lost")
    assert charts_on(app) == 3
    app = press(app, "Test all 144 heads")
    assert not app.exception
    assert charts_on(app) == 4
    assert len(app.session_state["scans_run"]) == 1
    app.run()
    assert not any("Test all" in button.label for button in app.button)


def test_a_text_of_another_model_is_shown_and_says_how_to_look_into_it() -> None:
    app = generated()
    app.session_state["generated"] = replace(app.session_state["generated"], model="gpt2")
    app.run()
    assert not app.exception
    assert charts_on(app) == 1
    assert "This text is by gpt2. Choose that model to explain it" in shown(app)


def test_a_model_that_cannot_be_taken_apart_says_so_and_shows_the_rest(mini: LanguageModel, tmp_path: Path) -> None:
    networks.olmo2().save_pretrained(tmp_path)
    mini.tokenizer.save_pretrained(tmp_path)
    app = generated(model=str(tmp_path))
    assert not app.exception
    assert charts_on(app) == 2  # the alternatives, and what a head attended to
    assert shown(app).replace("\\", "").count("do not sum to its logits, so per-head effects are hidden") == 2
    app = with_details(app, "Turn heads off")
    assert not app.exception
    assert [box.label for box in app.multiselect] == ["Heads off"]


def test_a_recording_made_with_heads_off_says_so_and_has_no_switch(mini: LanguageModel) -> None:
    app = with_recording("head_grid", capture(mini, SON, ablate={(7, 11)}))
    assert "tokens · **L7H11 off**" in shown(app)
    assert not [toggle for toggle in app.toggle if toggle.key == "switch_box"]
    assert not app.toggle(key="value_weighted").disabled


@pytest.mark.parametrize("page", ["head_grid", "head_view"])
def test_attention_is_weighed_by_what_is_moved_where_that_was_recorded(page: str) -> None:
    app = dashboard(page, prompt=SON)
    before = figure(app)
    app.toggle(key="value_weighted").set_value(True).run()
    assert not app.exception
    assert figure(app) != before
    assert with_recording(page, random_trace(n_tokens=6)).toggle(key="value_weighted").disabled


def figure(app: AppTest) -> str:
    return str(app.get("vega_lite_chart")[0].proto)


@pytest.mark.parametrize("page", WITH_PROMPT)
def test_every_page_offers_its_recording(page: str) -> None:
    labels = [element.proto.label for element in dashboard(page).get("download_button")]
    assert labels == (
        ["Save recording A (.npz)", "Save recording B (.npz)"] if page == "compare" else ["Save recording (.npz)"]
    )


def test_what_was_generated_stays_over_other_pages() -> None:
    app = generated()
    app.switch_page("pages/home.py").run()
    app.switch_page("pages/generate.py").run()
    assert charts_on(app) == 4


@pytest.mark.parametrize("view", ["Lines", "Matrix", "Table"])
def test_head_view_joins_pieces_and_hides_the_first_word(view: str) -> None:
    app = dashboard("head_view", prompt=SON)
    app.session_state["view"] = view
    app.toggle(key="merge_words").set_value(True)
    app.toggle(key="hide_first").set_value(True).run()
    assert not app.exception
    assert not complaints(app)
    assert label_of(app, "view_menu") == "View: words merged, first token hidden"


def test_compare_shows_both_prompts_and_what_comes_next() -> None:
    app = dashboard("compare")
    assert app.text_area(key="prompt_a_box").value == SON
    assert "colleague" in str(app.text_area(key="prompt_b_box").value)
    assert charts_on(app) == 4


def test_compare_ranks_the_heads_and_opens_at_the_one_that_changed_most() -> None:
    app = dashboard("compare")
    heads = app.radio(key="strongest_box")
    assert len(heads.options) == 10
    assert heads.options[0].startswith("**L7H11** **1.00**: “Vig” 1.00 → ")
    assert chosen_head(app) == heads.value == (7, 11)
    app = heads.set_value(heads.options[3]).run()
    assert not app.exception
    assert heads.options[3].startswith("**L{}H{}** ".format(*chosen_head(app)))
    layer, head = chosen_head(app)
    assert f"**A** · From **James**, L{layer}H{head} attends" in shown(app)
    assert f"L{layer}H{head} in numbers" in shown(app)


def test_compare_ranks_by_one_word_and_looks_from_another() -> None:
    app = dashboard("compare")
    app.selectbox(key="rank_by").set_value(4).run()
    assert not app.exception
    assert all(": “son → colleague” " in told for told in app.radio(key="strongest_box").options)
    app.selectbox(key="compare_query").set_value(8).run()
    assert not app.exception
    assert "From **preacher**" in shown(app)


def test_compare_counts_the_first_tokens_as_one_place() -> None:
    app = dashboard("compare", prompt_a="John Smith is the son of", prompt_b="Once John Smith is the son of")
    assert not marked(app, "A")  # the prompts differ in one word, which is in B
    assert marked(app, "B") == {"Once": "only here"}
    assert "John → Once (first token)  (0)" in app.selectbox(key="rank_by").options
    heads = next(radio for radio in app.radio if radio.label == "Heads that shifted most")
    assert not any("** **1.00**" in option for option in heads.options)
    assert any("“John → Once \\(first token\\)” " in option for option in heads.options)
    table = app.dataframe[0].value
    assert "John → Once (first token)" in table["word"].tolist()


def test_compare_marks_what_differs() -> None:
    app = dashboard("compare")
    assert marked(app, "A") == {"son": "changed"}
    assert marked(app, "B") == {"colleague": "changed"}


def app_html(app: AppTest) -> list[str]:
    return [str(element.proto.body) for element in app.get("html")]


def test_compare_swaps_and_edits_b_from_a() -> None:
    app = press(dashboard("compare"), "Swap")
    assert app.text_area(key="prompt_b_box").value == SON
    assert "colleague" in str(app.text_area(key="prompt_a_box").value)
    app = press(app, "Copy A to B")
    assert not app.exception
    assert app.text_area(key="prompt_b_box").value == app.text_area(key="prompt_a_box").value
    assert "The prompts are the same" in shown(app)
    assert "No head shifts by 0.005 or more" in shown(app)


def test_compare_says_when_nothing_lines_up() -> None:
    app = dashboard("compare", prompt_a="Maria ran", prompt_b="His dogs slept on ships")
    assert not app.exception
    assert not complaints(app)
    assert "The prompts share no words" in shown(app)
    assert charts_on(app) == 4


@pytest.mark.parametrize("switch", ["value_weighted", "merge_words", "hide_first"])
@pytest.mark.parametrize("page", ["home", "head_grid", "head_view", "compare"])
def test_every_page_weighs_joins_and_hides(page: str, switch: str) -> None:
    app = dashboard(page, prompt=SON)
    before = [str(chart.proto) for chart in app.get("vega_lite_chart")]
    app.toggle(key=switch).set_value(True).run()
    assert not app.exception
    assert not complaints(app)
    assert [str(chart.proto) for chart in app.get("vega_lite_chart")] != before


def test_the_first_word_is_hidden_where_a_generated_word_is_looked_at() -> None:
    app = generated(layer="0", head="0")
    links = table_of(app, "row")
    assert 0 in set(links["key"])
    app.toggle(key="hide_first").set_value(True).run()
    assert not app.exception
    hidden = table_of(app, "row")
    assert 0 not in set(hidden["key"])
    assert hidden["weight"].sum() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("weighed", [False, True])
def test_what_rounding_leaves_beside_the_hidden_first_word_is_nothing(weighed: bool) -> None:
    row = np.array([0.99995, 5e-5, 0], dtype=np.float16)
    step = SimpleNamespace(attention={(0, 0): row})
    at = cast(TokenContext, SimpleNamespace(step=step, value_norms={(0, 0): np.ones(3)}))
    assert not compute_row(at, (0, 0), value_weighted=weighed, hide_first=True).any()
    assert compute_row(at, (0, 0), value_weighted=weighed).sum() == pytest.approx(1, abs=1e-3)


def test_a_chosen_word_is_kept_while_it_stands_there_and_forgotten_with_it() -> None:
    app = dashboard("head_grid")
    app.selectbox(key="query").set_value(5).run()
    app.text_area(key="prompt_box").set_value("The cat on the ship ran").run()
    assert app.selectbox(key="query").value == 5
    app.text_area(key="prompt_box").set_value("The cat on the ship slept").run()
    assert app.selectbox(key="query").value == -1


def test_heads_are_ranked_again_by_all_words_once_the_word_is_another() -> None:
    app = dashboard("compare")
    app.selectbox(key="rank_by").set_value(1).run()
    assert app.selectbox(key="rank_by").value == 1
    app.text_area(key="prompt_a_box").set_value("Jesse Best is the son of a preacher named James").run()
    assert not app.exception
    assert app.selectbox(key="rank_by").value == -1


def test_hiding_the_first_word_does_not_rank_heads_by_what_it_scales_up() -> None:
    app = dashboard("compare")
    before = app.radio(key="strongest_box").options
    app.toggle(key="hide_first").set_value(True).run()
    assert not app.exception
    after = app.radio(key="strongest_box").options
    assert [line.split(":")[0] for line in before] == [line.split(":")[0] for line in after]
    assert "The figure is rescaled without the first token. Numbers in the text are not." in shown(app)


def test_prompts_that_differ_in_spaces_are_not_called_the_same() -> None:
    app = dashboard("compare", prompt_a="The dog ran", prompt_b=" The dog ran")
    assert not app.exception
    assert "Same words; only spaces or tokens differ." in shown(app)


def test_recordings_of_two_models_are_compared_with_a_warning() -> None:
    first, second = (replace(random_trace(2, 3, 6, seed), model=name) for seed, name in ((0, "one"), (1, "other")))
    app = with_recording("compare", first)
    app.file_uploader(key="second_upload").set_value(("b.npz", second.to_bytes(), "application/zip")).run()
    assert not app.exception
    assert "The recordings are of one and other." in shown(app)
    assert "Which heads shifted?" in shown(app)


def test_a_second_recording_goes_with_its_uploader_and_one_of_another_size_is_told_in_every_run() -> None:
    app = with_recording("compare", random_trace(2, 3, 6))
    for n_heads, is_compared in ((3, True), (4, False)):
        content = random_trace(2, n_heads, 6, seed=1).to_bytes()
        app.file_uploader(key="second_upload").set_value(("b.npz", content, "application/zip")).run()
        for _ in range(2):
            assert ("Which heads shifted?" in shown(app)) == is_compared
            assert ["differ in size" in told for told in complaints(app)] == [True] * (not is_compared)
            app.run()
    app.file_uploader(key="second_upload").set_value(("b.npz", b"none", "application/zip")).run()
    assert ["Can't open b.npz" in told for told in complaints(app)] == [True]
    app.switch_page("pages/head_view.py").run()
    app.switch_page("pages/compare.py").run()
    assert complaints(app) == []


def test_heads_are_filtered_by_what_they_do() -> None:
    app = dashboard("head_grid")
    assert len(app.dataframe[0].value) == 144
    app.session_state["kinds"] = ["null"]
    app.run()
    table = app.dataframe[0].value
    assert set(table["label"]) == {"null"}
    assert f"**{len(table)} of 144 heads** attend mostly to the first token" in shown(app)
    assert label_of(app, "finder") == "Find heads: null"


def test_heads_are_sorted_by_a_score() -> None:
    app = dashboard("head_grid")
    app.selectbox(key="sort_by").set_value("previous_token").run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["previous_token"].is_monotonic_decreasing
    assert (table["layer"].iloc[0], table["head"].iloc[0]) == (1, 0)


def test_a_score_has_its_share_and_the_number_of_its_queries_beside_it() -> None:
    app = dashboard("head_grid", prompt="We saw the dog on the ship, and then the dog ran")
    table = app.dataframe[0].value
    assert set(table["induction_queries"]) == {1}
    assert set(table["previous_token_queries"]) == {11}
    assert table["induction_share"].between(0, 1).all()
    columns = list(table.columns)
    assert columns[:6] == ["layer", "head", "label", "score", "share", "queries"]
    assert (table["score"].isna() == (table["label"] == "other")).all()
    assert columns[columns.index("induction") + 1] == "induction_share"
    headings = json.loads(app.dataframe[0].proto.columns)
    assert headings["induction"]["label"] == "induction (1)"
    assert headings["induction_share"]["label"] == "induction share"
    app.selectbox(key="sort_by").set_value("induction_share").run()
    table = app.dataframe[0].value
    assert table["induction_share"].is_monotonic_decreasing
    layer, head = int(table["layer"].iloc[0]), int(table["head"].iloc[0])
    assert table["label"].iloc[0] == "induction"
    app.number_input(key="layer_box").set_value(layer).run()
    app.number_input(key="head_box").set_value(head).run()
    score, share = table["induction"].iloc[0], table["induction_share"].iloc[0]
    assert f":blue-badge[induction {score:.2f}] :gray-badge[share {share:.2f}, 1 query]" in shown(app)


def test_a_score_that_no_word_qualifies_for_is_not_offered() -> None:
    assert "induction" not in dashboard("head_grid").selectbox(key="sort_by").options
    repeated = dashboard("head_grid", prompt="The dog ran and the dog slept")
    assert "induction" in repeated.selectbox(key="sort_by").options


def test_heads_that_look_from_one_word_to_another_are_ranked(recording: Callable[[str], Path]) -> None:
    app = with_recording("head_grid", AttentionTrace.load(recording("dog_on_the_ship")))
    app.session_state["find_by"] = "by two tokens"
    app.run()
    app.selectbox(key="link_query").set_value(5).run()
    app.selectbox(key="link_key").set_value(1).run()
    assert not app.exception
    assert "**ran** → **dog**: L4H3 (**0.74**)" in shown(app)
    assert label_of(app, "finder") == "Find heads: ran → dog"
    table = app.dataframe[0].value
    assert table["attention"].is_monotonic_decreasing
    assert (table["layer"].iloc[0], table["head"].iloc[0]) == (4, 3)
    assert len(app.selectbox(key="link_key").options) == 6


@pytest.mark.parametrize("prompt", ["The", "The dog", "The dog ran"])
def test_short_prompts_have_links_too(prompt: str) -> None:
    app = dashboard("head_grid", prompt=prompt)
    app.session_state["find_by"] = "by two tokens"
    app.run()
    assert not app.exception
    assert not complaints(app)


@pytest.mark.parametrize("view", ["Lines", "Matrix", "Table"])
@pytest.mark.parametrize("kind", ["layer mean", "mean of selected heads", "attention rollout"])
def test_many_heads_are_shown_as_one(kind: str, view: str) -> None:
    app = dashboard("head_view", prompt=SON)
    before = figure(app)
    app.selectbox(key="summary").set_value(kind)
    app.session_state["view"] = view
    app.toggle(key="hide_first").set_value(True)
    app.toggle(key="merge_words").set_value(True).run()
    assert not app.exception
    assert not complaints(app)
    if view == "Table":
        assert app.dataframe[0].value["attention"].max() <= 1
    else:
        assert figure(app) != before


def test_the_attention_of_several_words_is_summed() -> None:
    app = dashboard("head_view", prompt=SON)
    app.session_state["view"] = "Table"
    app.session_state["view_queries"] = [5, 11]
    app.run()
    table = app.dataframe[0].value
    assert list(table.columns) == ["to", "key", "sum", "from son (5)", "from James (11)"]
    assert table["sum"].to_numpy() == pytest.approx((table["from son (5)"] + table["from James (11)"]).to_numpy())


@pytest.mark.parametrize("step", STEPS)
def test_every_step_of_the_tour_has_a_figure_and_a_number(step: int) -> None:
    app = dashboard("tour", step=str(step))
    assert not app.exception
    assert not faults(app)
    assert app.title[0].value.startswith(f"{step}. ")
    assert charts_on(app) >= 1 or any("background:color-mix" in html for html in app_html(app))
    if step != 8:
        assert "Holds for this prompt" in shown(app)


def test_the_tour_goes_on_and_back() -> None:
    app = dashboard("tour")
    assert any(button.label == "Back" and button.disabled for button in app.button)
    for step in range(2, 9):
        app = press(app, "Next")
        assert app.title[0].value.startswith(f"{step}. ")
    assert any(button.label == "Next" and button.disabled for button in app.button)
    app = press(app, "Back")
    assert app.title[0].value.startswith("7. ")


@pytest.mark.parametrize("step", ["9", "0", "two", "1.5"])
def test_a_link_to_a_step_that_is_not_there_begins_at_the_first(step: str) -> None:
    app = dashboard(step=step)
    assert sum("Expected a whole number from 1 to 8" in line for line in shown(app).splitlines()) == 1
    app = go_to(app, "tour")
    assert app.title[0].value.startswith("1. ")


@pytest.mark.parametrize(
    ("step", "name", "text", "sentence"),
    [
        (1, "tour_subject", "Cup door ring tree hill", "attends most to"),
        (1, "tour_subject", "The", "The first token can only attend to itself. Choose a later query token."),
        (3, "tour_previous", "The dog", "Too short to tell the previous token from the first."),
        (4, "tour_nothing", "The dog", "Too short to tell. Type three words or more."),
        (5, "tour_list", "The dog on the ship ran", "No list found. End the prompt like"),
        (5, "tour_list", "John, Mary and", "Type a word or two before it."),
        (6, "tour_name", "xq", "The model reads the name as"),
        (7, "tour_b", SON, "The prompts are the same"),
        (7, "tour_b", "Other words alone", "The prompts share no words"),
    ],
)
def test_ones_own_sentence_in_the_tour(step: int, name: str, text: str, sentence: str) -> None:
    app = dashboard("tour", step=str(step))
    app.text_area(key=f"{name}_box").set_value(text).run()
    assert not app.exception
    assert not complaints(app)
    assert sentence in shown(app)
    app = press(app, "Restore the article's prompt")
    assert app.text_area(key=f"{name}_box").value != text


def test_a_pair_that_shares_the_first_word_of_one_alone_is_told_what_is_missing() -> None:
    app = dashboard("tour", step="7")
    app.text_area(key="tour_a_box").set_value("John sat")
    app.text_area(key="tour_b_box").set_value("Once John fell").run()
    assert not app.exception
    assert "Only the first word is shared, where heads rest." in shown(app)


def test_a_claim_that_does_not_hold_says_so_with_its_number() -> None:
    told = shown(with_recording("tour", random_trace(3, 4, 8)))
    assert "Does not hold for this prompt" in told
    assert re.search(
        r"the most any head puts on \*\*w\d\*\* is \*\*0\.\d\d\*\* \(L\dH\d\)\. The threshold is 0\.50", told
    )


def test_ones_own_pair_is_measured_but_neither_proves_nor_breaks_the_claim() -> None:
    app = dashboard("tour", step="7")
    assert "Holds for this prompt" in shown(app)
    assert "of its attention on **Vig** in A" in shown(app)
    app.text_area(key="tour_a_box").set_value(COLLEAGUE)
    app.text_area(key="tour_b_box").set_value(SON).run()
    assert "Measured on your prompts" in shown(app)
    assert "olds for this prompt" not in shown(app)
    assert "not hold" not in shown(app)
    app.text_area(key="tour_a_box").set_value(SON).run()
    assert "No head attends less to a shared word in B." in shown(app)


def test_a_pair_that_shares_its_last_word_alone_is_told_what_is_missing() -> None:
    app = dashboard("tour", step="7")
    app.text_area(key="tour_a_box").set_value("Some dogs bark")
    app.text_area(key="tour_b_box").set_value("The old trees bark").run()
    assert not app.exception
    assert "Only the last word is shared." in shown(app)


def test_a_link_is_measured_with_the_hidden_word_counted() -> None:
    app = dashboard("tour")
    before = re.search(
        r"From \*\*ran\*\*, L\d+H\d+ puts \*\*\d\.\d\d\*\* of its attention on \*\*dog\*\*", shown(app)
    )
    assert before
    app.toggle(key="hide_first").set_value(True).run()
    assert before.group() in shown(app)
    assert "The figure is rescaled without the first token. Numbers in the text are not." in shown(app)


def test_a_name_too_long_to_write_about_gets_one_sentence() -> None:
    app = dashboard("tour", step="6")
    app.text_area(key="tour_name_box").set_value("Ann " * 235).run()
    assert not app.exception
    assert len(complaints(app)) == 1
    assert "or shorten it." in complaints(app)[0]


def test_a_head_clicked_in_the_tour_is_forgotten_with_its_sentence() -> None:
    app = dashboard("tour", step="3")
    found = app.number_input(key="tour_layer_box").value, app.number_input(key="tour_head_box").value
    app.session_state["tour_head"] = (2, 3)
    app.run()
    assert any(header.value.startswith("**L2H3** · ") for header in app.header)
    app.text_area(key="tour_previous_box").set_value("A cat sat on the mat").run()
    assert (app.number_input(key="tour_layer_box").value, app.number_input(key="tour_head_box").value) == found


def test_a_word_clicked_in_the_tour_keeps_its_lines() -> None:
    app = dashboard("tour", step="3")
    app.session_state["tour_all"] = 2
    app.run()
    assert not app.exception
    links = table_of(app, "lines")
    assert set(links["query"][links["chosen"]]) == {2}


def test_the_tour_shows_the_recorded_gpt2_with_the_articles_head(recording: Callable[[str], Path]) -> None:
    app = with_recording("tour", AttentionTrace.load(recording("dog_on_the_ship")))
    assert not app.exception
    assert "From **ran**, L4H3 puts **0.74** of its attention on **dog**." in shown(app)
    for _ in range(3):
        app = press(app, "Next")
        assert not app.exception
        assert "Holds for this prompt" in shown(app)
    assert "**48 of 144 heads** are labeled *null*" in shown(app)


def test_the_tour_leads_on_to_the_page_with_its_head_and_sentence() -> None:
    app = dashboard("tour", step="7")
    app = press(app, "Open in Compare")
    assert not app.exception
    assert app.title[0].value == "What changes when the prompt changes?"
    assert chosen_head(app) == (7, 11)


def test_further_reading_is_listed() -> None:
    told = shown(dashboard("tour", step="8"))
    for address in ("jessevig/bertviz", "illustrated-transformer", "tensor2tensor", "deconstructing-bert"):
        assert address in told


FIGURES = {"home": "grid home_query next_words", "head_grid": "query grid", "head_view": "view_queries"}
FIGURES |= {"compare": "moved compare_A compare_B next_words", "names": "names"}
FIGURES |= {"generate": "next_words lens contributions row"}
FIGURES_OF_STEPS = {1: "tour_subject_query", 5: "tour_list_query next_words", 6: "", 8: "names"}
FIGURES_OF_STEPS |= {7: "tour_a_query tour_b_query"} | dict.fromkeys((2, 3, 4), "grid tour_all")


def with_figures(page: str, step: int = 1) -> AppTest:
    """A page with all that it can draw."""
    if page == "generate":
        return generated()
    return dashboard(page, **({"step": str(step)} if page == "tour" else {}))


def downloads(app: AppTest) -> list[str]:
    return [str(cast(Any, button).label) for button in app.get("download_button")]


def offers(app: AppTest) -> list[str]:
    """The keys of the icons over the figures."""
    return [str(key).removeprefix("save_") for key in popovers(app) if key.startswith("save_")]


@pytest.mark.parametrize(
    ("page", "step", "keys"),
    [(page, 1, keys.split()) for page, keys in FIGURES.items()]
    + [("tour", step, keys.split()) for step, keys in FIGURES_OF_STEPS.items()],
)
def test_every_figure_can_be_saved_and_read_as_a_table(page: str, step: int, keys: list[str]) -> None:
    app = with_figures(page, step)
    assert sorted(offers(app)) == sorted(keys)
    assert charts_on(app) == len(keys)
    assert "PNG" not in downloads(app)
    tables = len(app.dataframe)
    for key in keys:
        app.session_state[f"save_{key}"] = True
    app.run()
    assert not app.exception
    labels = downloads(app)
    assert [labels.count(name) for name in ("PNG", "SVG", "HTML", "CSV")] == [len(keys)] * 4
    assert len(app.dataframe) == tables + len(keys)
    assert all(len(table.value) for table in app.dataframe)
    assert shown(app).count("**Data**") == len(keys)


def test_the_other_figures_can_be_saved_too() -> None:
    app = dashboard("head_view")
    app.session_state["view"] = "Matrix"
    assert offers(app.run()) == ["matrix"]
    app = dashboard("compare")
    app.session_state["rank_by"] = 0
    assert "moved_on_word" in offers(app.run())
    app = generated()
    app.session_state["question"] = "effect of turning each head off"
    assert "scan" in offers(press(app.run(), "Test all"))


def test_the_caption_says_what_is_seen(recording: Callable[[str], Path]) -> None:
    app = dashboard("head_grid", prompt="Jesse **Vig** ran", off="7.11", layer="2", head="3")
    for key in ("merge_words", "hide_first", "value_weighted", "save_query"):
        app.session_state[key] = True
    app.run()
    app.session_state["query"] = 1
    app.run()
    (caption,) = [text for text in shown(app).splitlines() if text.startswith("Caption: ")]
    assert "“Jesse \\*\\*Vig\\*\\* ran”" in caption
    caption = re.sub(r"\\(.)", r"\1", caption)
    assert caption.startswith("Caption: L2H3 · mini · “Jesse **Vig** ran” · from “*” · L7H11 off ")
    assert caption.endswith(
        "L7H11 off (replaced with zero) · value-weighted · tokens merged into words · first token hidden"
    )
    app = with_recording("home", AttentionTrace.load(recording("dog_on_the_ship")))
    app.session_state["save_home_query"] = True
    assert "Caption: L4H3 · gpt2" in re.sub(r"\\(.)", r"\1", shown(app.run()))
