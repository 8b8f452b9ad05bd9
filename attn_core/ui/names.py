"""Run one sentence with many names, and draw the results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attn_core import charts
from attn_core.analysis import examples
from attn_core.analysis.names import MIN_NAMES, NameProbe, check_name_probe, name_probe, parse_groups, parse_words
from attn_core.analysis.tables import csv_without_formulas, table_without_formulas
from attn_core.charts.style import colors
from attn_core.errors import AttnCoreError
from attn_core.server.cache import cache
from attn_core.ui.drawing import draw
from attn_core.ui.errors import describe_error
from attn_core.ui.figures import show_swatches
from attn_core.ui.layout import panel
from attn_core.ui.links import consume_action, list_probe_choices
from attn_core.ui.queue import lend_slot
from attn_core.ui.saving import describe_names_source, show_figure_download
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown, get_theme
from attn_core.ui.switches import describe_heads_off, get_heads_off, get_replacement
from attn_core.ui.traces import show_repeated_start_token

if TYPE_CHECKING:
    from attn_core.heads import Head
    from attn_core.models.model import LanguageModel
    from attn_core.runs.ablation import Replacement


def pick_name_probe(model: LanguageModel) -> NameProbe | None:
    """Draw boxes for the sentence, the names and the words, and a button that runs them; return the result.

    The page opens with the result for the default sentence, names and words.
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
        show_repeated_start_token(model, template)
        pressed = st.button("Run all names", type="primary", icon=":material/play_arrow:")
        container = st.container()
        try:
            groups = parse_groups(text)
            if pressed or consume_action("ask"):
                _run_probe(container, model, template, groups, words)
            inputs = (template, words, tuple((group, name) for group, names in groups.items() for name in names))
        except AttnCoreError as error:
            inputs = None
            container.error(escape_markdown(describe_error(error)), icon=":material/edit:")
        probe = _get_probe(model, container)
        if probe is not None:
            st.caption(escape_markdown(_describe_probe(probe, model, inputs)))
    return probe


def _get_probe(model: LanguageModel, container: DeltaGenerator) -> NameProbe | None:
    """Return the last result, or else the one that the page opens with; show the error if there is none."""
    probe = session.name_probe
    if probe is not None:
        return probe
    try:
        return compute_default_probe(model)
    except AttnCoreError as error:  # the tokenizer has no tokens for a name or a word
        container.error(escape_markdown(describe_error(error)), icon=":material/error:")
        return None


def _describe_probe(probe: NameProbe, model: LanguageModel, inputs: object) -> str:
    run_with = (model.name, get_heads_off(), get_replacement() if get_heads_off() else "zero")
    is_same = (probe.template, probe.words, tuple(zip(probe.groups, probe.names, strict=True))) == inputs
    heads = f" · {describe_heads_off(probe.ablated)}" if probe.ablated or get_heads_off() else ""
    note = f"“{probe.template}” · {len(probe.names)} names · {probe.model}{heads}."
    if not is_same or (probe.model, probe.ablated, probe.replacement) != run_with:
        note += " Inputs have changed. Press Run all names to update."
    return note


def _run_probe(
    container: DeltaGenerator,
    model: LanguageModel,
    template: str,
    groups: dict[str, tuple[str, ...]],
    words: tuple[str, ...],
) -> None:
    check_name_probe(template, groups, words)
    with container:
        cancel, bar = st.empty(), st.empty()
        cancel.button("Cancel", icon=":material/stop:", key="cancel_names")
        n_names = sum(map(len, groups.values()))

        def show_progress(part: float) -> None:
            bar.progress(part, text=f"Running {round(part * n_names)} of {n_names} names…")

        with lend_slot():
            probe = name_probe(
                model,
                template,
                groups,
                words,
                ablate=get_heads_off(),
                replacement=get_replacement(),
                on_progress=show_progress,
            )
        cancel.empty()
        bar.empty()
    session.name_probe, session.probed_with = probe, list_probe_choices()


@cache.memoize
def _compute_default_probe(model: LanguageModel, ablate: frozenset[Head], replacement: Replacement) -> NameProbe:
    groups, words = parse_groups(examples.NAME_GROUPS), parse_words(examples.NAME_WORDS)
    return name_probe(model, examples.NAME_TEMPLATE, groups, words, ablate=ablate, replacement=replacement)


def compute_default_probe(model: LanguageModel) -> NameProbe:
    """Return the result for the default sentence, names and words."""
    with st.spinner("Running all names…"):
        return _compute_default_probe(model, get_heads_off(), get_replacement())


def show_names(probe: NameProbe, *, title: str = "") -> None:
    """Draw each name as a dot, with the group means and their intervals."""
    figure = charts.name_probabilities(probe, theme=get_theme())
    reading = "Dots are names, ticks group means, bars 95% intervals over names." + (
        f" Groups under {MIN_NAMES} names get no interval." if _has_small_group(probe) else ""
    )
    with panel("names", title or f"**How probable is each word?** {reading}") as icons:
        _show_group_colors(probe)
        draw(figure, key="names", min_height=figure.min_height)
    with icons:
        show_figure_download(figure, "next words after names", describe_names_source(probe), key="names")


def _has_small_group(probe: NameProbe) -> bool:
    return min(map(list(probe.groups).count, probe.groups)) < MIN_NAMES


def _show_group_colors(probe: NameProbe) -> None:
    """Draw a legend of the groups' colors."""
    groups = list(dict.fromkeys(probe.groups))
    group_colors = colors(get_theme()).categories[: len(groups)]
    show_swatches(dict(zip(groups, group_colors, strict=False)))


def show_name_tables(probe: NameProbe) -> None:
    """Draw tables of the group means, the differences and every name's numbers, to sort and to save."""
    percents = st.column_config.NumberColumn(format="percent")
    low, high = "95% low", "95% high"
    st.header("By group")
    means = probe.means().rename(columns={"low": low, "high": high})
    _show_table(means, dict.fromkeys(["mean", low, high], percents))
    first, *_ = probe.groups
    st.markdown(
        f"How much more probable each word is after **{escape_markdown(first)}**, in percentage points. If an "
        "interval includes 0, the difference may be chance. Intervals are adjusted so that all hold together 95% "
        "of the time."
    )
    numbers = {"difference": "difference", "low": low, "high": high}
    differences = probe.differences().rename(columns=numbers | {"group": "versus"})
    differences[[*numbers.values()]] *= 100
    _show_table(differences, dict.fromkeys(numbers.values(), st.column_config.NumberColumn(format="%+.2f")))
    st.header("By name")
    table = probe.table().rename(columns={"pieces": "tokens"})
    _show_table(table, {name: percents for name in table.columns if name.startswith("P(")})
    with st.container(horizontal=True):
        _show_download("Save names (CSV)", probe.table, "names.csv")
        _show_download("Save groups (CSV)", probe.means, "groups.csv")


def _show_table(table: pd.DataFrame, columns: dict[str, Any]) -> None:
    st.dataframe(
        table_without_formulas(table), hide_index=True, height=min(38 + 35 * len(table), 460), column_config=columns
    )


def _show_download(label: str, table: Callable[[], pd.DataFrame], file_name: str) -> None:
    st.download_button(
        label,
        lambda: csv_without_formulas(table()),
        file_name=file_name,
        mime="text/csv",
        on_click="ignore",
        icon=":material/download:",
    )


def describe_limits(probe: NameProbe) -> str:
    """Return sentences in markdown: what such a measurement can and cannot show."""
    tokens = probe.table().groupby("group", sort=False)["pieces"].mean()
    counts = ", ".join(f"{escape_markdown(str(group))} {number:.1f}" for group, number in tokens.items())
    mini = (
        " mini was trained on made-up sentences with jobs assigned to names at random, so differences here are "
        "chance."
        if probe.model == "mini"
        else ""
    )
    return (
        "**Shows** how this model continues this one sentence. **Does not show** why: names also differ in "
        f"frequency and in tokens ({counts}). Another sentence may reverse a difference; no difference here does "
        f"not mean none elsewhere.{mini}"
    )
