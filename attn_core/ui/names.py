"""One sentence with many names, asked of the model in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import streamlit as st

from attn_core import charts, examples
from attn_core.errors import AttnCoreError
from attn_core.names import FEWEST_NAMES, NameProbe, check_probe, parse_groups, parse_words, probe
from attn_core.tables import inert_csv, inert_on_screen
from attn_core.ui.figures import draw_chart
from attn_core.ui.links import asking_choices, to_do
from attn_core.ui.saving import offer_figure, origin_of_names
from attn_core.ui.state import plain
from attn_core.ui.switches import heads_off, heads_phrase, replacement
from attn_core.ui.traces import start_note

if TYPE_CHECKING:
    from attn_core.ablation import Head, Replacement
    from attn_core.model import LanguageModel


def name_probe(model: LanguageModel) -> NameProbe | None:
    """The sentence, the names and the words, a button that asks, and what was found when it was last pressed."""

    template = st.text_input(
        "Sentence",
        key="name_template",
        persist_state="session",
        help="Write {name} where a name goes. The words below are looked for after its end.",
    )
    text = st.text_area(
        "Names, a line for each group",
        key="name_groups",
        persist_state="session",
        height=140,
        help="Two groups or more, up to 200 names: a group's name, a colon, and names with commas between them.",
    )
    words = parse_words(
        st.text_input("Words to look for", key="name_words", persist_state="session", help="With commas, up to 20.")
    )
    start_note(model, template)
    pressed = st.button("Ask with every name", type="primary", icon=":material/play_arrow:")
    place = st.container()
    try:
        groups = parse_groups(text)
        if pressed or to_do("ask"):
            _ask(place, model, template, groups, words)
        asked = (template, words, tuple((group, name) for group, names in groups.items() for name in names))
    except AttnCoreError as error:
        asked = None
        place.error(plain(str(error)), icon=":material/edit:")
    found = cast("NameProbe | None", st.session_state.get("name_probe"))
    if found is None:
        place.info(
            "Press **Ask with every name** to see how probable each word is after each name.",
            icon=":material/groups:",
        )
        return None
    now = (model.name, heads_off(), replacement() if heads_off() else "zero")
    same = (found.template, found.words, tuple(zip(found.groups, found.names, strict=True))) == asked
    heads = f" with {heads_phrase(found.ablated)}" if found.ablated or heads_off() else ""
    note = f"“{found.template}”, {len(found.names)} names, asked of {found.model}{heads}."
    if not same or (found.model, found.ablated, found.replacement) != now:
        note += " Something has changed since: press the button to ask again."
    st.caption(plain(note))
    return found


def _ask(
    place: st.delta_generator.DeltaGenerator,
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
            bar.progress(part, text=f"{round(part * number)} of {number} names")

        found = probe(
            model,
            template,
            groups,
            words,
            ablate=heads_off(),
            replacement=replacement(),
            on_progress=progress,
        )
        cancel.empty()
        bar.empty()
    st.session_state.name_probe, st.session_state.asked_with = found, asking_choices()


@st.cache_resource(max_entries=4, show_spinner="Asking with every name…")
def _usual_probe(name: str, off: frozenset[Head], by: Replacement, _model: LanguageModel) -> NameProbe:
    groups, words = parse_groups(examples.NAME_GROUPS), parse_words(examples.NAME_WORDS)
    return probe(_model, examples.NAME_TEMPLATE, groups, words, ablate=off, replacement=by)


def usual_probe(model: LanguageModel) -> NameProbe:
    """What the sentence, names and words come to that the page begins with."""
    return _usual_probe(model.name, heads_off(), replacement(), model)


def name_chart(found: NameProbe) -> None:
    """Each name as a dot, means and intervals."""
    chart = charts.name_probabilities(found)
    draw_chart(chart, own_width=True)
    st.caption(
        "A dot is a name, the upright mark the mean of a group, the line its 95 % interval over the choice of "
        f"names. A group of fewer than {FEWEST_NAMES} names has no interval: too few to tell."
    )
    offer_figure(chart, "next words after names", origin_of_names(found), key="names")


def name_tables(found: NameProbe) -> None:
    """Means and differences of the groups, and every name's numbers, to sort and to download."""
    percent = st.column_config.NumberColumn(format="percent")
    low, high = "95 % from", "to"
    st.header("Group by group")
    means = found.means().rename(columns={"low": low, "high": high})
    _table(means, dict.fromkeys(["mean", low, high], percent))
    first, *_ = found.groups
    st.markdown(
        f"How much more probable a word is after **{plain(first)}**, in percentage points. An interval that holds "
        "0 says that other names of the same kind might turn it round. These are wider, so that all of them are "
        "right together 95 times of 100."
    )
    numbers = {"difference": "more by", "low": low, "high": high}
    differences = found.differences().rename(columns=numbers | {"group": "than after"})
    differences[[*numbers.values()]] *= 100
    _table(differences, dict.fromkeys(numbers.values(), st.column_config.NumberColumn(format="%+.2f")))
    st.header("Name by name")
    table = found.table()
    _table(table, {name: percent for name in table.columns if name.startswith("P(")})
    with st.container(horizontal=True):
        _download("Download the names (CSV)", found.table, "names.csv")
        _download("Download the groups (CSV)", found.means, "groups.csv")


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


def name_caution(found: NameProbe) -> None:
    """What such a probe can and cannot show."""
    pieces = found.table().groupby("group", sort=False)["pieces"].mean()
    told = ", ".join(f"{plain(str(group))} {number:.1f}" for group, number in pieces.items())
    mini = (
        " The bundled model learned from made-up sentences in which jobs were dealt to names at random: what "
        "differs here is chance."
        if found.model == "mini"
        else ""
    )
    st.warning(
        "**What this can show:** how this model goes on after these names in this one sentence. **What it "
        f"cannot:** why. Names also differ in how common they are and in how many pieces they are read ({told}). "
        "Another sentence may turn a difference round, and no difference here does not mean none elsewhere."
        f"{mini}",
        icon=":material/balance:",
    )
