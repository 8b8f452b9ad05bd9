"""The one part of the library that knows Streamlit: cached loading, state in the URL, shared controls."""

from attn_core.ui.figures import (
    chosen_query,
    grid,
    lines,
    matrix,
    more_heads,
    nothing_left_note,
    query_picker,
    strongest_link,
    tall,
    view_of,
    weights_table,
    word_piece_note,
)
from attn_core.ui.frame import title
from attn_core.ui.heads import head_counts, head_deed, head_picker, suggested_head, suggested_head_for_two
from attn_core.ui.models import language_model
from attn_core.ui.sidebar import offer_text, sidebar
from attn_core.ui.state import begin, theme
from attn_core.ui.traces import prompt_box, trace_in_view, two_traces
from attn_core.ui.writing import chosen_step, generation, generation_note, generation_settings, token_row

__all__ = [
    "begin",
    "chosen_query",
    "chosen_step",
    "generation",
    "generation_note",
    "generation_settings",
    "grid",
    "head_counts",
    "head_deed",
    "head_picker",
    "language_model",
    "lines",
    "matrix",
    "more_heads",
    "nothing_left_note",
    "offer_text",
    "prompt_box",
    "query_picker",
    "sidebar",
    "strongest_link",
    "suggested_head",
    "suggested_head_for_two",
    "tall",
    "theme",
    "title",
    "token_row",
    "trace_in_view",
    "two_traces",
    "view_of",
    "weights_table",
    "word_piece_note",
]
