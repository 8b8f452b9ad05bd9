"""What a server does by itself, so that no visitor waits for it."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

VISIT_ALL_PAGES = """
    import gc, sys
    from streamlit.testing.v1 import AppTest, app_test
    from tests.support.pages import PagesByTheDashboard
    from tests.support.serving import ROOT

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


SESSIONS_COME_AND_GO = """
    import asyncio, os, sys, threading, weakref
    from streamlit.runtime import get_instance
    from streamlit.web import bootstrap
    from attn_core.ui import upkeep
    from benchmarks.hall import Visit
    from tests.support.serving import ROOT, free_port

    port = free_port()
    options = {"server_port": port, "server_headless": True, "server_disconnectedSessionTTL": 1}
    upkeep.SECONDS_BETWEEN = 0.2
    sessions, staying = set(), set()

    def visiting(page):
        return Visit(f"http://127.0.0.1:{port}", page, {"model": "mini"})

    async def come_and_go():
        for page in ("head_grid", "head_view", ""):
            async with visiting(page) as visit:
                await visit.run()
                there = get_instance()._session_mgr.list_active_sessions()
                sessions.update(weakref.ref(each.session) for each in there if each.session.id not in staying)
        while sum(session() is not None for session in sessions) > 1:  # the last one is a variable of Streamlit's loop
            await asyncio.sleep(0.1)
        print("gone of", len(sessions), flush=True)
        os._exit(0)

    async def stay_meanwhile():
        async with visiting("") as visit:
            await visit.run()
            staying.update(each.session.id for each in get_instance()._session_mgr.list_active_sessions())
            await come_and_go()

    def visit():
        while True:
            try:
                asyncio.run(stay_meanwhile() if sys.argv[1:] else come_and_go())
            except OSError:
                pass  # not started yet

    threading.Thread(target=visit).start()
    bootstrap.load_config_options(options)
    bootstrap.run(str(ROOT / "dashboard.py"), False, [], options)
"""


@pytest.mark.parametrize("stays", [[], ["one"]], ids=["nobody is there", "one who does nothing stays"])
def test_sessions_that_left_give_back_what_they_held_though_nobody_else_comes(stays: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", dedent(SESSIONS_COME_AND_GO), *stays],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.splitlines()[-1] == "gone of 3"
