"""List the requests that Streamlit itself would make to other machines."""

from __future__ import annotations

from attn_core.compat import streamlit_settings


def list_external_requests() -> list[str]:
    """Return the Streamlit settings of this machine that cause external requests: statistics, and fonts with a URL.

    Fonts and scripts that no setting names come from the server itself.
    """
    settings = streamlit_settings()
    statistics = "browser.gatherUsageStats"
    with_url = [name for name, value in settings.items() if name.startswith("theme.") and "//" in str(value)]
    return [*([statistics] if settings[statistics] else []), *with_url]
