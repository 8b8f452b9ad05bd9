"""A link shows on another machine what the one who shares it sees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from attn_core.analysis.examples import DOG, SON
from attn_core.ui import links
from tests.support.pages import complaints, dashboard, press, shown


def link_of(app: AppTest) -> dict[str, str]:
    """The parameters of the link, which dashboard.py writes at the start of a run."""
    app.run()
    return {name: values[0] if isinstance(values, list) else values for name, values in app.query_params.items()}


def opened_elsewhere(app: AppTest, page: str) -> AppTest:
    """The page in another session that begins with this one's link."""
    return dashboard(page, **link_of(app))


def test_how_a_head_is_looked_at_is_in_the_link() -> None:
    app = dashboard("head_view", prompt="A cat sat on the mat", layer="2", head="7")
    app.toggle(key="merge_words").set_value(True)
    app.toggle(key="hide_first").set_value(True).run()
    app.multiselect(key="view_queries").set_value([1, 3])
    app.multiselect(key="more_heads").set_value([(0, 1), (5, 2)])
    app.run()
    other = opened_elsewhere(app, "head_view")
    assert not other.exception
    assert (other.toggle(key="merge_words").value, other.toggle(key="hide_first").value) == (True, True)
    assert other.multiselect(key="view_queries").value == [1, 3]
    assert other.multiselect(key="more_heads").value == [(0, 1), (5, 2)]
    assert not other.toggle(key="value_weighted").value
    other.segmented_control(key="view").set_value("Matrix").run()
    assert opened_elsewhere(other, "head_view").segmented_control(key="view").value == "Matrix"


def test_a_summary_and_its_heads_are_in_the_link() -> None:
    app = dashboard("head_view")
    app.selectbox(key="summary").set_value("mean of selected heads").run()
    app.multiselect(key="mean_of").set_value([(3, 4), (4, 8)]).run()
    other = opened_elsewhere(app, "head_view")
    assert other.multiselect(key="mean_of").value == [(3, 4), (4, 8)]


def test_what_heads_were_looked_for_is_in_the_link() -> None:
    app = dashboard("head_grid")
    app.pills(key="kinds").set_value(["null", "previous token"])
    app.selectbox(key="sort_by").set_value("entropy").run()
    other = opened_elsewhere(app, "head_grid")
    assert sorted(other.pills(key="kinds").value or []) == ["null", "previous token"]
    assert other.selectbox(key="sort_by").value == "entropy"
    other.segmented_control(key="find_by").set_value("by two tokens").run()
    other.selectbox(key="link_query").set_value(4).run()
    other.selectbox(key="link_key").set_value(3).run()
    third = opened_elsewhere(other, "head_grid")
    assert (third.selectbox(key="link_query").value, third.selectbox(key="link_key").value) == (4, 3)


def test_a_link_from_before_with_the_old_name_of_a_label_still_works() -> None:
    assert links.CHOICES["kinds"].kind.read("mixed,null,other") == ["other", "null"]


def test_heads_sorted_by_a_share_are_so_in_the_link() -> None:
    app = dashboard("head_grid", prompt="The dog ran and the dog slept")
    app.selectbox(key="sort_by").set_value("induction_share").run()
    assert opened_elsewhere(app, "head_grid").selectbox(key="sort_by").value == "induction_share"


def test_a_text_drawn_at_random_is_the_same_elsewhere() -> None:
    app = dashboard("generate", prompt=SON)
    app.segmented_control(key="way").set_value("sampling").run()
    app.number_input(key="new_tokens").set_value(6)
    app.number_input(key="temperature").set_value(1.7)
    app.number_input(key="seed").set_value(41)
    app = press(app, "Generate")
    app.session_state["chosen_step"] = 2
    other = opened_elsewhere(app, "generate")
    assert not other.exception
    assert other.session_state["generated"].text == app.session_state["generated"].text
    assert other.session_state["chosen_step"] == 2
    assert link_of(other) == link_of(app)


def test_the_scan_of_one_token_is_not_in_the_link_of_another() -> None:
    app = press(dashboard("generate", prompt=SON, new_tokens="3", question="lost"), "Test all")
    assert link_of(app)["scan"] == "1"
    app = press(app, "Next token")
    assert "scan" not in link_of(app)
    assert link_of(press(app, "Previous token"))["scan"] == "1"


def test_a_text_and_the_same_without_some_heads_come_back_together() -> None:
    app = dashboard("generate", prompt=SON, new_tokens="3", details="off")
    app = press(press(press(app, "Generate"), "Turn off the top"), "Regenerate")
    other = opened_elsewhere(app, "generate")
    for name in ("generated", "generated_again"):
        text = other.session_state[name]
        assert (text.text, text.ablated) == (app.session_state[name].text, app.session_state[name].ablated)


def test_the_text_that_generate_opens_with_is_in_the_link_once_it_is_another_elsewhere() -> None:
    app = dashboard("generate", prompt=SON, new_tokens="2")
    assert "written" not in link_of(app)
    app.session_state["heads_off"] = ((7, 11),)
    assert link_of(app.run())["written"] == "all-on"
    assert opened_elsewhere(app, "generate").session_state["generated"].ablated == frozenset()


@pytest.mark.parametrize(("written", "off"), [("99.9", set()), ("0.12,7.11", {(7, 11)})])
def test_a_text_by_a_model_with_other_heads_is_written_with_those_that_there_are(
    written: str, off: set[tuple[int, int]]
) -> None:
    app = dashboard("generate", prompt=SON, new_tokens="2", written=written)
    assert not app.exception
    assert (
        "Ignored heads in the link that this model does not have. It has layers 0 to 11 and heads 0 to 11."
        in shown(app)
    )
    assert app.session_state["generated"].ablated == off


def test_a_text_that_no_longer_belongs_to_the_prompt_is_not_written_elsewhere() -> None:
    app = press(dashboard("generate", prompt=SON, new_tokens="2"), "Generate")
    assert link_of(app)["written"] == "all-on"
    app.text_area(key="prompt_box").set_value(DOG).run()
    assert "written" not in link_of(app)


def test_what_is_lost_without_each_head_comes_back() -> None:
    app = press(dashboard("generate", prompt=SON, new_tokens="1", question="lost"), "Generate")
    app = press(app, "Test all")
    other = opened_elsewhere(app, "generate")
    assert "Purple: less probable with this head off" in shown(other)


def test_names_that_were_asked_come_back_with_the_answer() -> None:
    app = dashboard("names")
    app.text_area(key="name_groups").set_value("one: Ann, Bob\nother: Cid, Dan")
    app = press(app, "Run all names")
    other = opened_elsewhere(app, "names")
    assert other.text_area(key="name_groups").value == "one: Ann, Bob\nother: Cid, Dan"
    assert other.session_state["name_probe"].names == ("Ann", "Bob", "Cid", "Dan")
    assert "Inputs have changed" not in shown(other)


def test_the_tours_step_sentence_and_word_are_in_the_link() -> None:
    app = dashboard("tour", step="1")
    app.text_area(key="tour_subject_box").set_value("A cat in the garden slept and ran").run()
    app.selectbox(key="tour_subject_query").set_value(5).run()
    app.selectbox(key="tour_subject_key").set_value(1).run()
    other = opened_elsewhere(app, "tour")
    assert other.text_area(key="tour_subject_box").value == "A cat in the garden slept and ran"
    chosen = other.selectbox(key="tour_subject_query").value, other.selectbox(key="tour_subject_key").value
    assert chosen == (5, 1)


def test_what_stands_as_it_began_is_not_in_the_link() -> None:
    app = dashboard()
    for page in ("head_grid", "head_view", "compare", "names", "tour", "generate"):
        app.switch_page(f"pages/{page}.py").run()
    assert link_of(app) == {"model": "mini"}


@pytest.mark.parametrize(
    ("page", "query", "sentence"),
    [
        (
            "generate",
            {"new_tokens": "9999"},
            "Ignored new_tokens=9999 in the link. Expected a whole number from 1 to 256.",
        ),
        (
            "generate",
            {"temperature": "nan"},
            "Ignored temperature=nan in the link. Expected a number from 0.05 to 5.",
        ),
        ("generate", {"seed": "１"}, "Ignored seed=１ in the link. Expected a whole number from 0 to"),
        (
            "generate",
            {"written": "some"},
            "Ignored written=some in the link. Expected heads written like 7.11,5.7.",
        ),
        ("head_view", {"view": "pie"}, "Ignored view=pie in the link. Expected one of lines, matrix, table."),
        (
            "head_view",
            {"more_heads": "99.1"},
            "Ignored heads to overlay in the link that this model does not have.",
        ),
        ("head_view", {"view_queries": "3,77"}, "The link points to token 77, but this prompt has tokens 0 to 5."),
        ("head_grid", {"query": "77"}, "The link points to token 77, but this prompt has tokens 0 to 5."),
        ("head_grid", {"kinds": "<b>"}, "Ignored kinds=<b> in the link. Expected labels of heads"),
        ("home", {"home_query": "77"}, "The link points to token 77, but this prompt has tokens 0 to 5."),
        ("compare", {"compare_query": "77"}, "Ignored a word in the link that is not in both prompts."),
        ("compare", {"rank_by": "77"}, "Ignored a word in the link that is not in both prompts."),
        ("tour", {"step": "9"}, "Ignored step=9 in the link. Expected a whole number from 1 to 8."),
    ],
)
def test_a_link_with_a_bad_value_gets_one_sentence(page: str, query: dict[str, str], sentence: str) -> None:
    app = dashboard(page, **query)
    assert not app.exception
    assert not complaints(app)
    assert shown(app).count(sentence) == 1
    assert sentence not in shown(app.run())


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "heads_off": st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, unique=True).map(
        lambda heads: tuple(sorted(heads))
    ),
    "view_queries": st.lists(st.integers(0, 999), min_size=1, unique=True).map(sorted),
    "home_query": st.integers(-1, 999),
    "temperature": st.integers(1, 100).map(lambda n: n / 20),
    "top_p": st.integers(1, 100).map(lambda n: n / 100),
    "seed": st.integers(0, 2**31 - 1),
    "way": st.sampled_from(list(links.SAMPLING.values())),
    "kinds": st.lists(st.sampled_from(["null", "induction", "other"]), min_size=1, unique=True),
    "tour_head": st.tuples(st.integers(0, 99), st.integers(0, 99)),
    "presenting": st.booleans(),
}


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name])))
def test_a_choice_is_the_same_after_it_stood_in_a_link(case: tuple[str, Any]) -> None:
    name, value = case
    kind = links.CHOICES[name].kind
    assert kind.read(kind.write(value)) == value


@given(st.sampled_from(sorted(links.CHOICES)), st.text(max_size=20))
def test_any_text_of_a_link_is_read_or_refused(name: str, text: str) -> None:
    kind = links.CHOICES[name].kind
    try:
        value = kind.read(text)
    except ValueError:
        return
    assert kind.read(kind.write(value)) == value
