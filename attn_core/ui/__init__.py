"""Build the pages with Streamlit: loading with progress, state in the URL, controls and figures.

Names are loaded when they are first used, so that a page's title is on the screen before charts and tables, which
take a second to import. `__init__.pyi` lists the names.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
