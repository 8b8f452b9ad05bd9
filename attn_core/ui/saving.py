"""Below a figure: saving it as a file, and reading its numbers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from attn_core.tables import inert_csv, inert_on_screen
from attn_core.trace import AttentionTrace
from attn_core.ui.state import plain, theme
from attn_core.ui.switches import REPLACEMENTS, named_heads, replacement
from attn_core.ui.views import View

if TYPE_CHECKING:
    from attn_core.ablation import Replacement
    from attn_core.export import Caption, Drawing
    from attn_core.generation import GeneratedText
    from attn_core.heads import Head
    from attn_core.names import NameProbe

AS_SEEN = View()


@dataclass(frozen=True)
class Origin:
    """Where a figure's numbers come from.

    Attributes:
        model: its name; empty if nobody knows.
        texts: the prompt, or both that are compared.
        notes: which heads were off, and how the figure is looked at.
    """

    model: str
    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()


def origin(*traces: AttentionTrace, how: View = AS_SEEN) -> Origin:
    """That of traces of one model.

    Args:
        traces: as they were made.
        how: they are looked at.
    """
    first = traces[0]
    by = replacement() if st.session_state.recording is None else None
    return Origin(first.model, tuple(trace.text for trace in traces), (*_off(first.ablated, by), *_looked(how)))


def origin_of_token(run: GeneratedText, index: int, *, weighed: bool = False, hide_first: bool = False) -> Origin:
    """That of a generated token: the text before it, and how the attention to that is looked at."""
    text = "".join(run.tokens_before(index))
    notes = (*_off(run.ablated, run.replacement), *_looked(View(weighed=weighed, hide_first=hide_first)))
    return Origin(run.model, (text,), notes)


def origin_of_names(found: NameProbe) -> Origin:
    """That of a sentence with many names."""
    notes = (f"{len(found.names)} names", *_off(found.ablated, found.replacement))
    return Origin(found.model, (found.template,), notes)


def _off(heads: Collection[Head], by: Replacement | None) -> tuple[str, ...]:
    if not heads:
        return ()
    return (f"{named_heads(heads)} off" + (f" (replaced with {REPLACEMENTS[by]})" if by else ""),)


def _looked(how: View) -> tuple[str, ...]:
    ways = {
        "value-weighted": how.weighed,
        "tokens merged into words": how.words,
        "first token hidden": how.hide_first,
    }
    return tuple(way for way, chosen in ways.items() if chosen)


def offer_figure(
    drawing: Drawing,
    what: str,
    of: Origin,
    *,
    key: str,
    notes: tuple[str, ...] = (),
    table: Callable[[], pd.DataFrame] | None = None,
    table_note: str = "",
) -> None:
    """Draw an icon that opens files of a figure, and its numbers as a table; nothing is made before that.

    Args:
        drawing: the figure as it is on the page.
        what: it shows, "L4H3".
        of: where it comes from.
        key: what the figure is called on its page.
        notes: further ones for the caption, before those of its origin.
        table: makes its numbers; those of its tooltips if None.
        table_note: what of them is in the table, if it is not all.
    """
    opened = st.popover(
        "Save or view data",
        icon=":material/download:",
        type="tertiary",
        key=f"save_{key}",
        on_change="rerun",
    )
    if opened.open:
        with opened:
            from attn_core.export import Caption, numbers

            caption = Caption(what, of.model, of.texts, (*notes, *of.notes))
            with st.spinner("Preparing data…"):
                rows = numbers(drawing) if table is None else table()
            _files(drawing, caption, rows, key)
            st.markdown(f"**Data** {table_note}")
            st.dataframe(inert_on_screen(rows), hide_index=True, height=min(38 + 35 * len(rows), 320))


def _files(drawing: Drawing, caption: Caption, table: pd.DataFrame, key: str) -> None:
    from attn_core import export

    background = theme()
    files: dict[str, tuple[str, str, Callable[[], bytes | str]]] = {
        "PNG": ("image/png", "Image for slides", lambda: export.png(drawing, caption, background)),
        "SVG": ("image/svg+xml", "Vector graphic for papers", lambda: export.svg(drawing, caption, background)),
        "HTML": (
            "text/html",
            "Interactive page, works offline",
            lambda: export.html(drawing, caption, background),
        ),
        "CSV": ("text/csv", "Data", lambda: inert_csv(table)),
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
    st.caption(f"Caption: {plain(caption.line)}")
