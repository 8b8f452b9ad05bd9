"""What the redesign of the pages must keep: every control, every link from before, and words that read well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pyarrow as pa
import pytest
from google.protobuf.message import Message  # type: ignore[import-untyped]
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element

from attn_core import AttentionTrace
from attn_core.analysis.examples import COLLEAGUE, DOG, OPENING, SON
from attn_core.tokens import token_label
from attn_core.ui import links
from tests.support.pages import (
    PAGES,
    STEPS,
    WITHOUT_MODEL,
    charts_on,
    complaints,
    dashboard,
    faults,
    go_to,
    label_of,
    press,
    shown,
    visit,
    with_recording,
)
from tests.support.settings import set_environment
from tests.support.traces import random_trace

# --- where each control is -------------------------------------------------------------------------------------


def elements(block: Block, menu: str | None = None) -> Iterator[tuple[Element, str | None]]:
    """The elements of a page, each with the key of the menu that it is in."""
    for child in block.children.values():
        if isinstance(child, Block):
            yield from elements(child, child.key if child.type == "popover" else menu)
        else:
            assert isinstance(child, Element)
            yield child, menu


def places(app: AppTest) -> dict[str, str | None]:
    """The menu of each control, by its kind and its key or else its label; None if it is on the page itself."""
    found = {}
    for element, menu in elements(app._tree):
        name = element.key or getattr(element.proto, "label", None)
        if name:
            found[f"{element.type} {name}"] = menu
    return found


BAR: dict[str, str | None] = {
    "selectbox model": "model_menu",
    "bidi_component copy_link": "session_menu",
    "file_uploader upload_0": "session_menu",
    "button Present": None,
    "bidi_component keyboard": None,
}
"""Controls of the old sidebar that every page has."""
PROMPT: dict[str, str | None] = {
    "text_area prompt_box": None,
    "menu_button example": None,
    "download_button Save recording (.npz)": "session_menu",
}
HEAD: dict[str, str | None] = {"number_input layer_box": None, "number_input head_box": None}
OPTIONS: dict[str, str | None] = {
    f"toggle {name}": "view_menu" for name in ("value_weighted", "merge_words", "hide_first", "switch_box")
}
STEP: dict[str, str | None] = {
    "button key_PageUp": None,
    "button_group step_box": None,
    "button key_PageDown": None,
}

NOTHING: dict[str, str | None] = {}


def own(name: str, *controls: str) -> dict[str, str | None]:
    """Controls in the menu where a prompt of one's own is typed."""
    return dict.fromkeys((f"text_area {name}_box", *controls), f"own_{name}")


def step_with_a_grid(name: str) -> dict[str, str | None]:
    boxes = ("number_input tour_layer_box", "number_input tour_head_box", "selectbox tour_all", "toggle hide_first")
    return STEP | own(name, *boxes) | {"button Open in Head grid": None}


CONTROLS: dict[tuple[str, str], dict[str, str | None]] = {
    ("home", ""): PROMPT | HEAD | OPTIONS | {"selectbox home_query": None},
    ("head_grid", ""): PROMPT
    | HEAD
    | OPTIONS
    | {"selectbox query": None, "button_group find_by": "finder", "button_group kinds": "finder"}
    | {"selectbox sort_by": "finder", "arrow_data_frame": None},
    ("head_grid", "find_by=words"): {"selectbox link_query": "finder", "selectbox link_key": "finder"},
    ("head_view", ""): PROMPT
    | HEAD
    | OPTIONS
    | {"selectbox summary": None, "button_group view": None, "multiselect view_queries": None}
    | {"multiselect more_heads": "view_menu"},
    ("head_view", "summary=heads"): {"multiselect mean_of": "view_menu"},
    ("compare", ""): HEAD
    | OPTIONS
    | {f"text_area prompt_{letter}_box": None for letter in "ab"}
    | {f"download_button Save recording {letter} (.npz)": "session_menu" for letter in "AB"}
    | {f"menu_button example_{letter}": "prompts_menu" for letter in "AB"}
    | {"button Swap A and B": "prompts_menu", "button Copy A to B": "prompts_menu"}
    | {"selectbox compare_query": None, "selectbox rank_by": None, "radio strongest_box": None},
    ("generate", ""): PROMPT
    | HEAD
    | {"button Generate": None, "button_group way": "generation_settings"}
    | {"number_input new_tokens": "generation_settings", "bidi_component token_row": None}
    | {"button_group question": "effect_menu", "selectbox foil": "effect_menu", "button_group details": None}
    | {"toggle value_weighted": "view_menu", "toggle hide_first": "view_menu"},
    ("generate", "way=sampled"): {
        f"number_input {name}": "generation_settings" for name in ("temperature", "top_k", "top_p", "seed")
    },
    ("generate", "details=heads"): {"radio strongest_box": None},
    ("generate", "details=off"): NOTHING
    | {"multiselect heads_off_box": None, "button_group replacement_box": None}
    | {"button Regenerate": None, "button Turn off the top 5": None},
    ("generate", "question=lost"): {"button Test all 144 heads": None},
    ("names", ""): NOTHING
    | {"text_input name_template": None, "text_area name_groups": None, "text_input name_words": None}
    | {"button Run all names": None}
    | {f"download_button Save {what} (CSV)": None for what in ("names", "groups")},
    ("tour", "step=1"): STEP
    | own("tour_subject", "toggle hide_first", "selectbox tour_subject_query", "selectbox tour_subject_key")
    | {"button Open in Head view": None, "download_button Save recording (.npz)": "session_menu"},
    ("tour", "step=1&tour_subject=A+cat+ran"): {"button restore_tour_subject": "own_tour_subject"},
    ("tour", "step=2"): step_with_a_grid("tour_grid"),
    ("tour", "step=3"): step_with_a_grid("tour_previous"),
    ("tour", "step=4"): step_with_a_grid("tour_nothing"),
    ("tour", "step=5"): STEP
    | own("tour_list", "toggle hide_first", "selectbox tour_list_query")
    | {"button Continue in Generate": None},
    ("tour", "step=6"): STEP | own("tour_name") | {"button Explain it in Generate": None},
    ("tour", "step=7"): STEP
    | own("tour_a", "text_area tour_b_box", "toggle hide_first", "selectbox tour_a_query", "selectbox tour_b_query")
    | {"button Open in Compare": None}
    | {f"download_button Save recording {letter} (.npz)": "session_menu" for letter in "AB"},
    ("tour", "step=8"): STEP | {"button Open in Many names": None},
}
"""What the pages had before they were redesigned, and where it is now."""


def query_of(link: str) -> dict[str, str]:
    """The parameters of a link like "a=1&b=2"."""
    return dict(part.replace("+", " ").split("=") for part in link.split("&") if part)


@pytest.mark.parametrize(("page", "link"), CONTROLS)
def test_every_control_that_a_page_had_is_there(page: str, link: str) -> None:
    app = dashboard(page, **query_of(link))
    assert not app.exception
    found = places(app)
    wanted = BAR | CONTROLS[page, link]
    tables = {name for name in wanted if name == "arrow_data_frame"}
    assert {name: found.get(name, "is missing") for name in wanted if name not in tables} == {
        name: menu for name, menu in wanted.items() if name not in tables
    }
    assert not tables or app.dataframe


def test_the_playlist_is_in_the_menu_of_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, ATTN_PLAYLIST=tmp_path)
    random_trace().save(tmp_path / "1.npz")
    controls = ("selectbox playlist_box", "button playlist_previous", "button playlist_next")
    for page in PAGES:
        found = places(dashboard(page))
        assert [found[name] for name in controls] == ["session_menu"] * 3


@pytest.mark.parametrize("page", WITHOUT_MODEL)
def test_an_open_recording_takes_the_prompts_place_and_can_be_closed(page: str) -> None:
    app = with_recording(page, random_trace(n_tokens=6))
    found = places(app)
    assert found["button Close recording"] is None
    assert "text_area prompt_box" not in found
    assert "text_area prompt_a_box" not in found
    assert "toggle switch_box" not in found
    if page == "compare":
        assert found["file_uploader second_upload"] == "second_menu"
        assert found["selectbox query"] is None
    assert "button Close recording" not in places(press(app, "Close recording"))


def test_the_tour_lets_the_articles_head_be_chosen_where_another_was_found(mini: Any) -> None:
    words = ("The", " dog", " on", " the", " ship", " ran")
    trace = AttentionTrace(words, random_trace(5, 4, 6).attention, model="gpt2", text=DOG)
    app = with_recording("tour", trace)
    (choice,) = (group for group in app.segmented_control if group.label == "Head")
    assert [option.split(": ")[0] for option in choice.options] == ["found here", "in the article"]
    app = choice.set_value("in the article: L4H3").run()
    assert any(header.value.startswith("**L4H3** · ") for header in app.header)


@pytest.mark.parametrize("page", PAGES)
def test_while_somebody_presents_keys_leave_and_go_to_pages(page: str) -> None:
    app = dashboard(page, present="1")
    keys = {str(button.key): button.proto.shortcut for button in app.button if button.proto.shortcut}
    assert [keys[f"page_{number}"] for number in range(1, 8)] == list("1234567")
    assert {button.label: button.proto.shortcut for button in app.button}["Exit"].lower() in ("esc", "escape")
    assert "button Present" not in places(app)


# --- links from before -----------------------------------------------------------------------------------------

Check = Callable[[AppTest], bool]


def has(key: str, value: Any) -> Check:
    """Return a check that a control has a value."""

    def check(app: AppTest) -> bool:
        (element,) = (element for element, _ in elements(app._tree) if element.key == key)
        return bool(element.value == value)

    return check


def says(words: str) -> Check:
    """Return a check that the page says something."""
    return lambda app: words in shown(app)


def holds(name: str, value: Any) -> Check:
    """Return a check that the session has a value."""
    return lambda app: bool(app.session_state[name] == value)


OLD_LINKS: dict[str, tuple[str, Check]] = {
    "home?prompt=A cat sat": ("prompt", has("prompt_box", "A cat sat")),
    "home?layer=2&head=7": ("layer head", has("layer_box", 2)),
    "home?layer=2&head=07": ("head", has("head_box", 7)),
    "home?off=5.7,7.11": ("heads_off", says("**2 heads off**] L5H7, L7H11.")),
    "home?off=7.11&replacement=mean": ("replacement", says("Output replaced with its mean over the prompt.")),
    "home?present=1": ("presenting", lambda app: "button Exit" in places(app)),
    "home?home_query=3": ("home_query", has("home_query", 3)),
    "home?weighed=1": ("value_weighted", has("value_weighted", True)),
    "home?words=1": ("merge_words", has("merge_words", True)),
    "home?hide_first=1": ("hide_first", has("hide_first", True)),
    "head_view?view=matrix": ("view", has("view", "Matrix")),
    "head_view?view=table": ("view", lambda app: len(app.dataframe) == 1),
    "head_view?summary=layer&layer=3&head=2": ("summary", says("Mean of the 12 heads in **layer 3**.")),
    "head_view?summary=rollout": ("summary", says("**Attention rollout** multiplies")),
    "head_view?summary=heads&mean_of=3.4,4.8": ("mean_of", says("Mean of **2 heads**.")),
    "head_view?more_heads=0.1,5.2": ("more_heads", has("more_heads", [(0, 1), (5, 2)])),
    "head_view?view_queries=1,3": ("view_queries", has("view_queries", [1, 3])),
    "head_grid?query=4": ("query", has("query", 4)),
    "head_grid?find_by=deeds&kinds=null": ("find_by", lambda app: set(app.dataframe[0].value["label"]) == {"null"}),
    "head_grid?kinds=mixed": ("kinds", has("kinds", ["other"])),
    "head_grid?find_by=words&link_query=4&link_key=1": ("link_query link_key", says("**ship** → **dog**: ")),
    "head_grid?sort_by=previous_token": (
        "sort_by",
        lambda app: bool(app.dataframe[0].value["previous_token"].is_monotonic_decreasing),
    ),
    "compare?prompt_a=A cat sat&prompt_b=A dog sat": ("prompt_a prompt_b", has("prompt_b_box", "A dog sat")),
    "compare?compare_query=8": ("compare_query", says("**A** · From **preacher**, ")),
    "compare?rank_by=4": ("rank_by", says("Green: more on son → colleague in B.")),
    "generate?new_tokens=2": ("new_tokens", lambda app: len(app.session_state["generated"].steps) == 2),
    "generate?new_tokens=2&written=all-on&token=1": ("chosen_step", holds("chosen_step", 1)),
    "generate?new_tokens=2&off=7.11&written=5.7": (
        "",
        lambda app: app.session_state["generated"].ablated == {(5, 7)},
    ),
    "generate?new_tokens=2&off=7.11&written=all-on&write_again=1&details=off": ("", says("**All heads on**")),
    "generate?new_tokens=2&way=sampled&temperature=1.7&top_k=3&top_p=0.5&seed=41&written=all-on": (
        "way temperature top_k top_p seed",
        lambda app: all(
            has(key, value)(app)
            for key, value in {"way": "sampling", "temperature": 1.7, "top_k": 3, "top_p": 0.5, "seed": 41}.items()
        ),
    ),
    "generate?new_tokens=1&question=lost&written=all-on&scan=1": ("question", says("Purple: less probable with")),
    "generate?new_tokens=1&question=added&details=heads": ("details", says(" = **")),
    "names?name_template={name} is a&name_groups=one: Ann, Bob|other: Cid, Dan&name_words=cook, poet&ask=1": (
        "name_template name_groups name_words",
        says("4 names · mini"),
    ),
    "tour?step=4": ("step", lambda app: app.title[0].value.startswith("4. ")),
    "tour?step=1&tour_subject=A cat ran&tour_subject_query=2&tour_subject_key=1": (
        "tour_subject tour_subject_query tour_subject_key",
        says("From **ran**, "),
    ),
    "tour?step=2&tour_grid=A cat ran": ("tour_grid", has("tour_grid_box", "A cat ran")),
    "tour?step=2&tour_head=2.3": ("tour_head", has("tour_head_box", 3)),
    "tour?step=3&tour_previous=A cat ran off&tour_all=2": ("tour_previous tour_all", has("tour_all", 2)),
    "tour?step=4&tour_nothing=A cat ran off": ("tour_nothing", has("tour_nothing_box", "A cat ran off")),
    "tour?step=5&tour_list=We ate apples, pears and&tour_list_query=3": (
        "tour_list tour_list_query",
        has("tour_list_query", 3),
    ),
    "tour?step=6&tour_name=Mary Best": ("tour_name", says("**Best**")),
    "tour?step=7&tour_a=A cat ran off&tour_b=A dog ran off": ("tour_a tour_b", has("tour_b_box", "A dog ran off")),
    "tour?step=7&tour_a_query=5&tour_b_query=4": ("tour_a_query tour_b_query", says("**A** · From **son**, ")),
}
"""Links that people may have kept, with the choices that each is about, and what must be on the page."""


@pytest.mark.parametrize("link", OLD_LINKS)
def test_a_link_from_before_opens_what_it_showed(link: str) -> None:
    page, _, query = link.partition("?")
    app = dashboard(page, **{name: value.replace("|", "\n") for name, value in query_of(query).items()})
    assert not app.exception
    assert not faults(app)
    assert "Ignored" not in shown(app)
    assert OLD_LINKS[link][1](app)


def test_there_is_a_link_from_before_for_each_choice() -> None:
    covered = {name for names, _ in OLD_LINKS.values() for name in names.split()}
    assert covered | {"model", "foil"} == {*links.CHOICES}


def test_a_link_to_another_contrast_token_opens_with_it() -> None:
    app = dashboard("generate", new_tokens="1")
    token = next(iter(app.session_state["generated"].steps[0].alternatives.token_ids[1:]))
    assert dashboard("generate", new_tokens="1", foil=str(token)).selectbox(key="foil").value == token


def test_a_new_visitor_gets_a_sentence_that_shows_something_and_links_keep_theirs() -> None:
    assert visit("home", {"model": "mini"}).text_area(key="prompt_box").value == OPENING
    assert visit("home", {"model": "mini", "present": "1"}).text_area(key="prompt_box").value == OPENING
    for page, query in (("home", {"layer": "4"}), ("head_view", {}), ("home", {"prompt": DOG})):
        app = visit(page, {"model": "mini"} | query)
        assert app.text_area(key="prompt_box").value == DOG
    assert go_to(visit("head_view", {"model": "mini"}), "home").text_area(key="prompt_box").value == DOG


def test_a_new_visitors_sentence_is_in_the_link_that_is_shared() -> None:
    app = visit("home", {"model": "mini"}).run()
    assert app.query_params["prompt"] == OPENING


# --- the model and its state -----------------------------------------------------------------------------------


def test_the_models_menu_says_which_model_is_seen() -> None:
    assert label_of(dashboard(), "model_menu") == "mini"
    app = dashboard(off="0.1,2.3,4.5")
    assert label_of(app, "model_menu") == "mini · 3 heads off"
    assert label_of(dashboard(off="7.11"), "model_menu") == "mini · L7H11 off"
    assert "L0H1, L2H3, L4H5. Output replaced with zero." in shown(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_model_that_cannot_be_had_is_named_with_the_cause_on_every_page(page: str) -> None:
    app = dashboard(page, model="./no/such/folder", off="7.11")
    assert not app.exception
    label = label_of(app, "model_menu")
    assert re.fullmatch(r"mini, not \./no/such/folder: .+ · L7H11 off", label)
    assert "**./no/such/folder is unavailable, so you see mini**" in re.sub(r"\\(.)", r"\1", shown(app))
    assert places(app)["button try_again"] == "model_menu"
    assert "/no/such/folder" in " ".join(caption.value.replace("\\", "") for caption in app.caption)


def test_a_long_name_leaves_room_for_the_rest_of_the_bar() -> None:
    app = dashboard(model="./no/such/folder" * 20)
    assert label_of(app, "model_menu").startswith("mini, not ./no/such/folder")
    assert len(label_of(app, "model_menu")) <= 44


def test_who_presents_sees_which_model_and_which_heads_are_off() -> None:
    app = dashboard("head_grid", model="./no/such/folder", off="7.11", present="1")
    told = re.sub(r"\\(.)", r"\1", shown(app))
    assert "mini, not ./no/such/folder" in told
    assert "L7H11 off" in told


# --- a page is never empty -------------------------------------------------------------------------------------

FIRST_VISITS: list[tuple[str, dict[str, str]]] = [(page, {}) for page in PAGES if page != "tour"] + [
    ("tour", {"step": str(step)}) for step in STEPS
]


def assert_shows_something(app: AppTest) -> None:
    """The page has a figure or a text of a model's, and nothing failed."""
    assert not app.exception
    assert not faults(app)
    assert len(app.title) == 1
    shaded = [html for html in app.get("html") if "background:color-mix" in html.proto.body]
    assert charts_on(app) or shaded


@pytest.mark.parametrize(("page", "query"), FIRST_VISITS)
def test_a_page_shows_something_at_the_first_visit(page: str, query: dict[str, str]) -> None:
    assert_shows_something(visit(page, {"model": "mini"} | query))


@pytest.mark.parametrize(("page", "query"), FIRST_VISITS)
def test_a_page_shows_something_with_a_recording(
    page: str, query: dict[str, str], recording: Callable[[str], Path]
) -> None:
    trace = AttentionTrace.load(recording("dog_on_the_ship"))
    state = {"recording": trace, "recording_name": "dog_on_the_ship.npz"}
    assert_shows_something(visit(page, {"model": "mini"} | query, state))


@pytest.mark.parametrize(("page", "query"), FIRST_VISITS)
def test_a_page_shows_something_without_gpt2(
    page: str, query: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    app = visit(page, {"model": "gpt2"} | query)
    assert_shows_something(app)
    assert label_of(app, "model_menu").startswith("mini, not gpt2: ")
    assert complaints(app) == [] or page == "names"


# --- what pages say --------------------------------------------------------------------------------------------

GLOSS = re.compile(r"L\d+H\d+ (is|means) layer \d+, head \d+, counted from 0")
NOT_READ = {"id", "key", "form_id", "icon", "url", "spec", "style", "css", "js", "mixins", "args", "language"}
"""Fields that nobody reads, and the specifications of figures."""
HABITS = {
    "a head that is not L7H11": r"\b[Ll]ayer \d+,? head \d+|\bL\d+h\d+",
    "a sign of the model's": r"<\|endoftext\|>",
    "looks at": r"\blook(s|ed|ing)? (at|from)\b",
    "stands": r"\b(stands|standing) (on|at|there|for)\b",
    "told": r"\b(told|tells)\b",
    "comes to": r"\bcomes to\b",
    "that there are": r"\bthat there (are|is)\b",
    "left out": r"\bleft out\b",
    "hardly": r"\bhardly\b|\bthe surer\b|\bwherever\b|\bturn it round\b",
    "write on": r"\b(write|writes) on\b",
    "what is moved": r"\bwhat is (moved|lost|missed|added|left)\b",
    "switch off": r"(?i)\bswitch(es|ed|ing)? (\w+ )?off\b",
    "pushed": r"\bpushed\b|\brather than\b",
    "word piece": r"(?i)\bword pieces?\b",
    "trace": r"(?i)\b(this|save|the) trace\b",
    "British English": r"(?i)\bcolour|\bnormalis",
    "a space before %": r"\d %",
    "please": r"(?i)\b(please|sorry|oops)\b",
}


def texts_of(message: Message) -> Iterator[str]:
    """Every text in what is sent to a browser, but for names that nobody reads."""
    for field, value in message.ListFields():
        if field.name in NOT_READ:
            continue
        for item in value if field.is_repeated else [value]:
            if isinstance(item, Message):
                yield from texts_of(item)
            elif isinstance(item, str):
                yield item


def words_of(app: AppTest) -> list[str]:
    """All that a visitor can read on a page: labels, help, notes, tables' headings, and words in figures."""
    found: list[str] = [block.proto.popover.label for block in app.get("popover")]
    for element, _ in elements(app._tree):
        if element.type == "html":
            body = re.sub(
                r'<style>.*?</style>|<p class="figure-description[^"]*">.*?</p>', "", element.proto.body, flags=re.S
            )
            found.append(re.sub(r"<[^>]*>", " ", body))
        elif element.type == "vega_lite_chart":
            found += re.findall(r'"(?:title|text)": ?"([^"]*)"', element.proto.spec)
            for dataset in element.proto.datasets:
                table = pa.ipc.open_stream(dataset.data.data).read_pandas()
                found += [cell for name in table for cell in table[name] if isinstance(cell, str)]
        elif element.type == "bidi_component":
            found.append(element.proto.json.encode().decode("unicode_escape") if element.proto.json else "")
        else:
            found += texts_of(element.proto)
    return [GLOSS.sub("", re.sub(r"\\(.)", r"\1", text)) for text in found if not text.startswith("data:")]


SEEN = [
    *FIRST_VISITS,
    ("head_grid", {"find_by": "words"}),
    ("head_view", {"view": "matrix", "off": "7.11"}),
    ("head_view", {"summary": "rollout", "hide_first": "1", "weighed": "1", "words": "1"}),
    ("head_view", {"more_heads": "0.1", "view_queries": "1,2"}),
    ("compare", {"rank_by": "4", "hide_first": "1"}),
    ("compare", {"prompt_a": DOG, "prompt_b": DOG}),
    ("generate", {"details": "heads", "way": "sampled"}),
    ("generate", {"details": "off", "off": "7.11,5.7"}),
    ("generate", {"question": "lost", "scan": "1", "new_tokens": "1", "written": "all-on", "details": "heads"}),
    ("home", {"model": "./no/such/folder", "layer": "99", "view": "pie", "off": "99.9"}),
    ("home", {"present": "1"}),
    ("tour", {"step": "1", "tour_subject": "The"}),
    ("tour", {"step": "5", "tour_list": "The dog ran"}),
    ("tour", {"step": "7", "tour_a": COLLEAGUE, "tour_b": SON}),
]


@pytest.mark.parametrize(("page", "query"), SEEN)
def test_a_page_speaks_as_the_product_does(page: str, query: dict[str, str]) -> None:
    app = visit(page, {"model": "mini", "prompt": SON} | query)
    assert not app.exception
    words = words_of(app)
    assert len(words) > 20
    spoken = [f"{habit}: {text}" for habit, rule in HABITS.items() for text in words if re.search(rule, text)]
    assert not spoken, "\n".join(spoken)


def test_the_sign_for_the_end_of_a_text_is_read_as_words() -> None:
    app = dashboard("generate", prompt=DOG, new_tokens="20")
    last = app.session_state["generated"].steps[-1]
    if last.token == "<|endoftext|>":
        assert "⟨end of text⟩" in " ".join(words_of(app))
    prompt = dashboard("head_view", prompt="The dog<|endoftext|>ran")
    assert not prompt.exception
    assert "⟨end of text⟩" in " ".join(words_of(prompt))


# --- going through a text --------------------------------------------------------------------------------------


def disabled(app: AppTest) -> dict[str, bool]:
    return {str(button.label): button.disabled for button in app.button if str(button.key).startswith("text_key_")}


def test_buttons_go_from_token_to_token_and_not_beyond_the_ends() -> None:
    app = dashboard("generate", prompt=SON, new_tokens="3")
    assert disabled(app) == {"Previous token": True, "Next token": False, "Play": False}
    for step in (1, 2):
        tokens = [made.token for made in app.session_state["generated"].steps]
        app = press(app, "Next token")
        assert app.session_state["chosen_step"] == step
        assert f"**Alternatives** to “{token_label(tokens[step])}”" in re.sub(r"\\(.)", r"\1", shown(app))
    assert disabled(app) == {"Previous token": False, "Next token": True, "Play": False}
    app = press(app, "Previous token")
    assert app.session_state["chosen_step"] == 1
    assert disabled(app) == {"Previous token": False, "Next token": False, "Play": False}


def playing(app: AppTest) -> bool:
    """Whether the browser is asked to go on by itself."""
    (row,) = (element for element, _ in elements(app._tree) if element.key == "token_row")
    return '"playing":true' in re.sub(r"\s", "", str(row.proto.json))


def test_a_text_is_played_and_paused_and_stops_at_its_end() -> None:
    app = dashboard("generate", prompt=SON, new_tokens="3")
    assert not playing(app)
    app = press(app, "Play")
    assert app.session_state["playing"]
    assert playing(app)
    assert "Pause" in disabled(app)
    app = press(app, "Pause")
    assert not playing(app)
    app = press(app, "Play")
    app = press(app, "Next token")  # whoever steps wants to look
    assert not playing(app)
    app = press(app, "Play")
    app.session_state["chosen_step"] = 2  # as the browser does
    app.run()
    assert not playing(app)
    assert not app.session_state["playing"]
    assert disabled(app) == {"Previous token": False, "Next token": True, "Play": False}
    app = press(app, "Play")  # from the start again
    assert app.session_state["chosen_step"] == 0
    assert playing(app)


@pytest.mark.parametrize(("label", "step"), [("Next token", 1), ("Play", 0)])
def test_while_somebody_presents_keys_step_and_play(label: str, step: int) -> None:
    app = dashboard("generate", prompt=SON, new_tokens="3", present="1")
    keys = {button.label: button.proto.shortcut for button in app.button}
    assert [bool(keys[name]) for name in ("Previous token", "Next token", "Play")] == [True] * 3
    assert press(app, label).session_state["chosen_step"] == step


def test_a_text_of_one_token_has_nothing_to_step_to() -> None:
    app = dashboard("generate", prompt=SON, new_tokens="1")
    assert disabled(app) == {"Previous token": True, "Next token": True, "Play": False}
    app = press(app, "Play")
    assert not app.exception
    assert not playing(app)


def test_the_strongest_heads_are_reached_with_up_and_down() -> None:
    app = dashboard("generate", prompt=SON, new_tokens="1", present="1")
    first = app.session_state["layer"], app.session_state["head"]
    app = press(app, "Weaker head")
    second = app.session_state["layer"], app.session_state["head"]
    assert second != first
    app = press(app, "Stronger head")
    assert (app.session_state["layer"], app.session_state["head"]) == first
