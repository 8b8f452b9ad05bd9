"""Pages opened and read without a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import pandas as pd
import pyarrow as pa
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from attn_core import AttentionTrace
from attn_core.analysis.examples import DOG
from tests.support.serving import ROOT

PAGES = ("home", "tour", "generate", "head_grid", "head_view", "compare", "names")


WITHOUT_MODEL = ("home", "head_grid", "head_view", "compare")


def dashboard(page: str = "home", **query: str) -> AppTest:
    """Open a link to a page; where it holds no prompt, to the article's first one."""
    return visit(page, {"model": "mini", "prompt": DOG} | query)


def with_recording(page: str, trace: AttentionTrace) -> AppTest:
    recorded = {"recording": trace, "recording_name": "some.npz"}
    return visit(page, {"model": "no-such-model-is-ever-asked-for"}, recorded)


def visit(page: str, query: Mapping[str, str], state: Mapping[str, Any] | None = None) -> AppTest:
    """Open a link to a page in a new session.

    Args:
        page: a name in `PAGES`.
        query: what the link holds.
        state: that the session has already.
    """
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
    for name, value in (state or {}).items():
        app.session_state[name] = value
    app.query_params.update(query)
    if page != "home":
        app.switch_page(f"pages/{page}.py")
    return app.run()


def go_to(app: AppTest, page: str) -> AppTest:
    """Go on to another page in the same session."""
    return app.switch_page(f"pages/{page}.py").run()


def shown(app: AppTest) -> str:
    """All the words on the page."""
    elements = [*app.title, *app.header, *app.subheader, *app.markdown, *app.caption, *app.text, *app.info]
    return "\n".join(str(element.value) for element in elements)


def complaints(app: AppTest) -> list[str]:
    """Errors and warnings as they are read, without the marks that keep markdown from reading them."""
    return [re.sub(r"\\(.)", r"\1", str(element.value)) for element in [*app.error, *app.warning]]


def faults(app: AppTest) -> list[str]:
    """Complaints other than what Many names says of its numbers."""
    return [line for line in complaints(app) if not line.startswith("**Shows**")]


def charts_on(app: AppTest) -> int:
    return len(app.get("vega_lite_chart"))


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if label in button.label).click().run()


def chosen_head(app: AppTest) -> tuple[int, int]:
    return app.session_state["layer"], app.session_state["head"]


STEPS = range(1, 9)


class PagesByTheDashboard(PagesManager):
    """Runs every page by way of dashboard.py, as a server does from its second visit on.

    AppTest takes each run for a server's first, which would run a file of pages/ by itself.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        PagesManager.uses_pages_directory = False


def popovers(app: AppTest) -> dict[str, Any]:
    """The menus of a page by their keys."""
    return {str(block.key): block.proto.popover for block in app.get("popover")}


def label_of(app: AppTest, key: str) -> str:
    """The label of a menu, as it is read."""
    return re.sub(r"\\(.)", r"\1", popovers(app)[key].label)


def table_of(app: AppTest, panel: str, name: str = "links") -> pd.DataFrame:
    """A table that the figure in a panel draws."""
    (block,) = (block for block in app.get("flex_container") if block.key == f"panel_{panel}")
    (chart,) = block.get("vega_lite_chart")
    (table,) = (dataset.data.data for dataset in chart.proto.datasets if dataset.name == name)
    return cast(pd.DataFrame, pa.ipc.open_stream(table).read_pandas())


def marked(app: AppTest, panel: str) -> dict[str, str]:
    """The tokens that are marked in a figure of lines, and how."""
    words = table_of(app, panel, "words")
    return {word: mark for word, mark in zip(words["word"], words["mark"], strict=True) if mark}
