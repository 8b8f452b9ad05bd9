"""What Streamlit itself would ask of other machines."""

from __future__ import annotations

from streamlit import config


def asks_outside() -> list[str]:
    """The names of Streamlit's settings on this machine that make it ask others: statistics, and fonts by address.

    Fonts and scripts that no setting names come from the server itself.
    """
    options = config.get_config_options()
    addressed = [
        name for name, option in options.items() if name.startswith("theme.") and "//" in str(option.value)
    ]
    statistics = "browser.gatherUsageStats"
    return [*([statistics] if config.get_option(statistics) else []), *addressed]
