"""What a server does by itself, so that no visitor waits for it."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

VISIT_ALL_PAGES = """
    import gc, sys
    from streamlit.testing.v1 import AppTest, app_test
    from tests.conftest import PagesByTheDashboard
    from tests.serving import ROOT

    app_test.PagesManager = PagesByTheDashboard

    def visit(page):
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
        app.query_params["model"] = "mini"
        app.switch_page(f"pages/{page}.py").run()
        assert not app.exception

    visit("home")
    from attn_core.ui.upkeep import prepare

    prepare()
    imported = {name for name in sys.modules if name.startswith("attn_core")}
    for page in ("tour", "generate", "head_grid", "head_view", "compare", "names"):
        visit(page)
    print(len(gc.get_objects()), {name for name in sys.modules if name.startswith("attn_core")} - imported)
"""


def test_a_warm_server_imports_nothing_more_and_collects_little() -> None:
    done = subprocess.run(
        [sys.executable, "-c", dedent(VISIT_ALL_PAGES)], capture_output=True, text=True, check=True, timeout=300
    )
    n_objects, *later = done.stdout.split(maxsplit=1)
    assert later == ["set()\n"]
    assert int(n_objects) < 100_000  # of half a million: these are collected in 20 milliseconds
