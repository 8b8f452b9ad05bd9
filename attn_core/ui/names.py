"""One sentence with many names, asked of the model in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core import charts, examples
from attn_core.charts.style import colors
from attn_core.errors import AttnCoreError
from attn_core.names import FEWEST_NAMES, NameProbe, check_probe, parse_groups, parse_words, probe
from attn_core.tables import inert_csv, inert_on_screen
from attn_core.ui.drawing import draw
from attn_core.ui.figures import show_swatches
from attn_core.ui.layout import panel
from attn_core.ui.links import asking_choices, to_do
from attn_core.ui.queue import let_others_run
from attn_core.ui.saving import offer_figure, origin_of_names
from attn_core.ui.state import plain, theme
from attn_core.ui.switches import heads_off, heads_phrase, replacement
from attn_core.ui.traces import start_note

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.heads import Head
    from attn_core.model import LanguageModel


def pick_names(model: LanguageModel) -> NameProbe | None:
    """Draw the sentence, the names, the words and a button that runs them, and return what was measured.

    The page opens with the answer for the sentence, names and words that it begins with.
    """
    with panel("form", "**One sentence, many names**"):
        template = st.text_input(
            "Sentence",
            key="name_template",
            persist_state="session",
            help="Put {name} where the name goes. The words below are measured right after the sentence.",
        )
        text = st.text_area(
            "Names, one group per line",
            key="name_groups",
            persist_state="session",
            height=140,
            help="Group: name, name, … Two groups or more, up to 200 names.",
        )
        words = parse_words(
            st.text_input(
                "Words to measure", key="name_words", persist_state="session", help="Separated by commas, up to 20."
            )
        )
        start_note(model, template)
        pressed = st.button("Run all names", type="primary", icon=":material/play_arrow:")
        place = st.container()
        try:
            groups = parse_groups(text)
            if pressed or to_do("ask"):
                _run(place, model, template, groups, words)
            asked = (template, words, tuple((group, name) for group, names in groups.items() for name in names))
        except AttnCoreError as error:
            asked = None
            place.error(plain(str(error)), icon=":material/edit:")
        found = _measured(model, place)
        if found is not None:
            st.caption(plain(_note(found, model, asked)))
    return found


def _measured(model: LanguageModel, place: DeltaGenerator) -> NameProbe | None:
    """What was measured last, or else the answer that the page opens with."""
    found = cast("NameProbe | None", st.session_state.get("name_probe"))
    if found is not None:
        return found
    try:
        return usual_probe(model)
    except AttnCoreError as error:  # a tokenizer that knows nothing of a name or of a word
        place.error(plain(str(error)), icon=":material/error:")
        return None


def _note(found: NameProbe, model: LanguageModel, asked: object) -> str:
    now = (model.name, heads_off(), replacement() if heads_off() else "zero")
    same = (found.template, found.words, tuple(zip(found.groups, found.names, strict=True))) == asked
    heads = f" · {heads_phrase(found.ablated)}" if found.ablated or heads_off() else ""
    note = f"“{found.template}” · {len(found.names)} names · {found.model}{heads}."
    if not same or (found.model, found.ablated, found.replacement) != now:
        note += " Inputs have changed. Press Run all names to update."
    return note


def _run(
    place: DeltaGenerator,
    model: LanguageModel,
    template: str,
    groups: dict[str, tuple[str, ...]],
    words: tuple[str, ...],
) -> None:
    check_probe(template, groups, words)
    with place:
        cancel, bar = st.empty(), st.empty()
        cancel.button("Cancel", icon=":material/stop:", key="cancel_names")
        number = sum(map(len, groups.values()))

        def progress(part: float) -> None:
            bar.progress(part, text=f"Running {round(part * number)} of {number} names…")

        off, by = heads_off(), replacement()
        with let_others_run():
            found = probe(model, template, groups, words, ablate=off, replacement=by, on_progress=progress)
        cancel.empty()
        bar.empty()
    st.session_state.name_probe, st.session_state.asked_with = found, asking_choices()


@st.cache_resource(max_entries=4, show_spinner="Running all names…")
def _usual_probe(name: str, off: frozenset[Head], by: Replacement, _model: LanguageModel) -> NameProbe:
    groups, words = parse_groups(examples.NAME_GROUPS), parse_words(examples.NAME_WORDS)
    return probe(_model, examples.NAME_TEMPLATE, groups, words, ablate=off, replacement=by)


def usual_probe(model: LanguageModel) -> NameProbe:
    """Return what is measured for the sentence, names and words that the page begins with."""
    return _usual_probe(model.name, heads_off(), replacement(), model)


def show_names(found: NameProbe, *, title: str = "") -> None:
    """Draw each name as a dot, with the means of groups and their intervals."""
    figure = charts.names_figure(found, theme=theme())
    reading = "Dots are names, ticks group means, bars 95% intervals over names." + (
        f" Groups under {FEWEST_NAMES} names get no interval." if _has_small_group(found) else ""
    )
    with panel("names", title or f"**How probable is each word?** {reading}") as icons:
        _show_groups(found)
        draw(figure, key="names", min_height=figure.least_height)
    with icons:
        offer_figure(figure, "next words after names", origin_of_names(found), key="names")


def _has_small_group(found: NameProbe) -> bool:
    return min(map(list(found.groups).count, found.groups)) < FEWEST_NAMES


def _show_groups(found: NameProbe) -> None:
    """List the colors of the groups."""
    groups = list(dict.fromkeys(found.groups))
    marks = colors(theme()).categories[: len(groups)]
    show_swatches(dict(zip(groups, marks, strict=False)))


def show_name_tables(found: NameProbe) -> None:
    """Draw tables of means, differences and every name's numbers, to sort and to save."""
    percents = st.column_config.NumberColumn(format="percent")
    low, high = "95% low", "95% high"
    st.header("By group")
    means = found.means().rename(columns={"low": low, "high": high})
    _table(means, dict.fromkeys(["mean", low, high], percents))
    first, *_ = found.groups
    st.markdown(
        f"How much more probable each word is after **{plain(first)}**, in percentage points. If an interval includes "
        "0, the difference may be chance. Intervals are adjusted so that all hold together 95% of the time."
    )
    numbers = {"difference": "difference", "low": low, "high": high}
    differences = found.differences().rename(columns=numbers | {"group": "versus"})
    differences[[*numbers.values()]] *= 100
    _table(differences, dict.fromkeys(numbers.values(), st.column_config.NumberColumn(format="%+.2f")))
    st.header("By name")
    table = found.table().rename(columns={"pieces": "tokens"})
    _table(table, {name: percents for name in table.columns if name.startswith("P(")})
    with st.container(horizontal=True):
        _download("Save names (CSV)", found.table, "names.csv")
        _download("Save groups (CSV)", found.means, "groups.csv")


def _table(table: pd.DataFrame, columns: dict[str, Any]) -> None:
    st.dataframe(
        inert_on_screen(table), hide_index=True, height=min(38 + 35 * len(table), 460), column_config=columns
    )


def _download(label: str, table: Callable[[], pd.DataFrame], file_name: str) -> None:
    st.download_button(
        label,
        lambda: inert_csv(table()),
        file_name=file_name,
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def caution(found: NameProbe) -> str:
    """Return in markdown what such a measurement can and cannot show."""
    tokens = found.table().groupby("group", sort=False)["pieces"].mean()
    counts = ", ".join(f"{plain(str(group))} {number:.1f}" for group, number in tokens.items())
    mini = (
        " mini was trained on made-up sentences with jobs assigned to names at random, so differences here are chance."
        if found.model == "mini"
        else ""
    )
    return (
        "**Shows** how this model continues this one sentence. **Does not show** why: names also differ in frequency "
        f"and in tokens ({counts}). Another sentence may reverse a difference; no difference here does not mean none "
        f"elsewhere.{mini}"
    )
