"""Save a figure as a file, and show its numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from attn_core.analysis.tables import csv_without_formulas, table_without_formulas
from attn_core.trace import AttentionTrace
from attn_core.ui.session import session
from attn_core.ui.state import escape_markdown, get_theme
from attn_core.ui.switches import REPLACEMENTS, format_head_names, get_replacement
from attn_core.ui.views import ViewOptions

if TYPE_CHECKING:
    from attn_core.analysis.names import NameProbe
    from attn_core.charts.export import Caption, Drawing
    from attn_core.heads import Head
    from attn_core.runs.ablation import Replacement
    from attn_core.runs.generation import GeneratedText

DEFAULT_VIEW = ViewOptions()


@dataclass(frozen=True)
class Source:
    """Describe where a figure's numbers come from.

    Attributes:
        model: the name of the model; empty if it is not known.
        texts: the prompt, or both prompts of a comparison.
        notes: which heads were off, and which view options were on.
    """

    model: str
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()


def describe_source(*traces: AttentionTrace, view_options: ViewOptions = DEFAULT_VIEW) -> Source:
    """Return the source of a figure of one or more traces of a model.

    Args:
        traces: the original traces.
        view_options: the view options of the figure.
    """
    first = traces[0]
    replacement = get_replacement() if session.recording is None else None
    notes = (*_describe_ablation(first.ablated, replacement), *_list_view_options(view_options))
    return Source(first.model, tuple(trace.text for trace in traces), notes)


def describe_token_source(
    run: GeneratedText, index: int, *, value_weighted: bool = False, hide_first: bool = False
) -> Source:
    """Return the source of a figure of a generated token, which is the text before it."""
    text = "".join(run.tokens_before(index))
    notes = (
        *_describe_ablation(run.ablated, run.replacement),
        *_list_view_options(ViewOptions(value_weighted=value_weighted, hide_first=hide_first)),
    )
    return Source(run.model, (text,), notes)


def describe_names_source(probe: NameProbe) -> Source:
    """Return the source of a figure of one sentence with many names."""
    notes = (f"{len(probe.names)} names", *_describe_ablation(probe.ablated, probe.replacement))
    return Source(probe.model, (probe.template,), notes)


def _describe_ablation(heads: Collection[Head], replacement: Replacement | None) -> tuple[str, ...]:
    if not heads:
        return ()
    return (
        f"{format_head_names(heads)} off"
        + (f" (replaced with {REPLACEMENTS[replacement]})" if replacement else ""),
    )


def _list_view_options(view_options: ViewOptions) -> tuple[str, ...]:
    options = {
        "value-weighted": view_options.value_weighted,
        "tokens merged into words": view_options.merge_words,
        "first token hidden": view_options.hide_first,
    }
    return tuple(name for name, is_on in options.items() if is_on)


def show_figure_download(
    drawing: Drawing,
    what: str,
    source: Source,
    *,
    key: str,
    notes: tuple[str, ...] = (),
    table: Callable[[], pd.DataFrame] | None = None,
    table_note: str = "",
) -> None:
    """Draw an icon that opens a menu with a figure's files and data; nothing is computed before it is opened.

    Args:
        drawing: the figure on the page.
        what: what it shows, like "L4H3".
        source: where its numbers come from.
        key: the key of the figure on its page.
        notes: further notes for the caption, before those of the source.
        table: returns the figure's numbers; if None, the table holds the numbers of its tooltips.
        table_note: which numbers the table holds, if not all.
    """
    popover = st.popover(
        "Save or view data",
        icon=":material/download:",
        type="tertiary",
        key=f"save_{key}",
        on_change="rerun",
    )
    if popover.open:
        with popover:
            from attn_core.charts.export import Caption, to_frame

            caption = Caption(what, source.model, source.texts, (*notes, *source.notes))
            with st.spinner("Preparing data…"):
                rows = to_frame(drawing) if table is None else table()
            _show_files(drawing, caption, rows, key)
            st.markdown(f"**Data** {table_note}")
            st.dataframe(table_without_formulas(rows), hide_index=True, height=min(38 + 35 * len(rows), 320))


def _show_files(drawing: Drawing, caption: Caption, table: pd.DataFrame, key: str) -> None:
    from attn_core.charts import export

    background = get_theme()
    files: dict[str, tuple[str, str, Callable[[], bytes | str]]] = {
        "PNG": ("image/png", "Image for slides", lambda: export.to_png(drawing, caption, background)),
        "SVG": ("image/svg+xml", "Vector graphic for papers", lambda: export.to_svg(drawing, caption, background)),
        "HTML": (
            "text/html",
            "Interactive page, works offline",
            lambda: export.to_html(drawing, caption, background),
        ),
        "CSV": ("text/csv", "Data", lambda: csv_without_formulas(table)),
    }
    with st.container(horizontal=True):
        for name, (mime, use, make) in files.items():
            st.download_button(
                name,
                make,
                file_name=f"{caption.file_stem}.{name.lower()}",
                mime=mime,
                help=use,
                on_click="ignore",
                key=f"save_{key}_{name}",
            )
    st.caption(f"Caption: {escape_markdown(caption.line)}")
