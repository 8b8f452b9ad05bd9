"""Whatever is chosen by a click can be chosen without one."""

from __future__ import annotations

import re

from streamlit.testing.v1 import AppTest

from attn_core.analysis.examples import DOG
from tests.support.pages import dashboard

SON = "Jesse Vig is the son of an evangelical preacher named James"


def test_what_a_click_in_the_tour_chooses_can_be_typed() -> None:
    app = dashboard("tour", step="3")
    app.number_input(key="tour_layer_box").set_value(7).run()
    app.number_input(key="tour_head_box").set_value(11).run()
    assert any(header.value.startswith("**L7H11** · ") for header in app.header)
    app.selectbox(key="tour_all").set_value(2).run()
    assert "from “on” to" in descriptions(app)[-1]


def test_the_token_on_the_first_page_is_the_last_one_until_another_is_chosen() -> None:
    app = dashboard("home", prompt="A cat on the ship ran")
    assert app.selectbox(key="home_query").value == 5
    app.text_area(key="prompt_box").set_value("A cat on the ship ran away").run()
    assert app.selectbox(key="home_query").value == 6
    app.selectbox(key="home_query").set_value(4).run()
    assert "from “ship” to" in descriptions(app)[0]
    app.text_area(key="prompt_box").set_value("A cat on the ship ran").run()
    assert app.selectbox(key="home_query").value == 4


def test_the_articles_prompt_is_looked_at_from_where_the_article_looks() -> None:
    app = dashboard("home", prompt=f"{DOG} away")
    assert app.selectbox(key="home_query").value == 5


def descriptions(app: AppTest) -> list[str]:
    """What the figures of a page say to those who don't see them."""
    pattern = r'<p class="figure-description[^"]*">(.*?)</p>'
    return [said for html in app.get("html") for said in re.findall(pattern, html.proto.body)]
