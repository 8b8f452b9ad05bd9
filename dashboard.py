"""Show how GPT-2 chooses its next word. Start with: streamlit run dashboard.py"""

import streamlit as st

from attn_core import ui


def show_page() -> None:
    """Draw the page that a visitor has opened."""
    # Before the pages: a browser that knows no icon yet asks the web for that of the page.
    st.set_page_config(page_icon=ui.load_page_icon(), layout="wide", initial_sidebar_state="collapsed")
    pages = [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/tour.py", title="Tour", icon=":material/route:"),
        st.Page("pages/generate.py", title="Generate", icon=":material/edit_note:"),
        st.Page("pages/head_grid.py", title="Head grid", icon=":material/grid_on:"),
        st.Page("pages/head_view.py", title="Head view", icon=":material/polyline:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare:"),
        st.Page("pages/names.py", title="Many names", icon=":material/groups:"),
    ]
    with ui.wait_for_slot():
        ui.restore_from_url()
        page = st.navigation(pages, position=ui.get_navigation_position())
        title = "How GPT-2 chooses its next word"
        st.set_page_config(f"{page.title}: {title}" if page.url_path else title)
        ui.set_opening_prompt(at_home=not page.url_path)
        ui.apply_style()
        ui.show_header(pages, page)
        with ui.show_errors():
            page.run()
    ui.start_upkeep()


if ui.is_running():  # as the script of a visitor's session
    show_page()
else:  # as the server, which `streamlit run` finds by this line
    app = st.App(__file__, middleware=ui.build_middleware(), lifespan=ui.manage_lifespan)
