"""Show results in notebooks."""

from __future__ import annotations

from html import escape

import pandas as pd

MAX_ROWS = 10


def html_table(summary: str, table: pd.DataFrame, n_rows: int = MAX_ROWS) -> str:
    """Return HTML with a summary and the first rows of a table.

    Args:
        summary: one line of plain text.
        table: the rows, the most important first.
        n_rows: how many rows to show at most.
    """
    html = f"<p>{escape(summary)}</p>\n{table.head(n_rows).to_html(index=False)}"
    n_hidden = len(table) - n_rows
    return html if n_hidden <= 0 else f"{html}\n<p>{n_hidden:,} more rows</p>"
