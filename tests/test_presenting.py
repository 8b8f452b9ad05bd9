"""Shown to a room, and inside another page."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_pages import chosen_head, dashboard, press, shown

EXPLAINED = "Every attention head at once"


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.parametrize("page", ["home", "head_grid", "head_view", "compare"])
def test_keys_go_to_the_next_and_the_previous_head_and_layer_and_round(page: str) -> None:
    app = dashboard(page, present="1", layer="0", head="11")
    for label, head in (("Head +", (0, 0)), ("Head −", (0, 11)), ("Layer −", (11, 11)), ("Layer +", (0, 11))):
        app = press(app, label)
        assert not app.exception
        assert chosen_head(app) == head


def test_no_keys_but_while_somebody_presents() -> None:
    app = dashboard("head_grid")
    assert "Head +" not in labels(app)
    assert EXPLAINED in shown(app)
    presented = dashboard("head_grid", present="1")
    assert EXPLAINED not in shown(presented)
    app = press(presented, "Leave").run()
    assert "Head +" not in labels(app)
    assert EXPLAINED in shown(app)
