from attn_core import ui

ui.show_tour()
