"""Put together the middleware of the server, and check the server when it starts."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from starlette.middleware import Middleware

from attn_core.compat import disable_external_ip_lookup, keep_arriving_uploads_in_memory, streamlit_settings
from attn_core.server.middleware import MEGABYTE, HealthAndMetrics, SecurityHeaders, SessionLimit, UploadLimit
from attn_core.server.startup import find_problems, max_sessions, quiet_logs, raise_file_limit

UPLOADS_AT_ONCE = 4  # as large as allowed


def build_middleware() -> list[Middleware]:
    """Return the middleware of the server, outermost first.

    The settings are read later: Streamlit has not put its secrets into the environment yet.
    """
    disable_external_ip_lookup()
    n_files = raise_file_limit()
    largest = streamlit_settings()["server.maxUploadSize"] * MEGABYTE
    keep_arriving_uploads_in_memory(largest)
    return [
        Middleware(SecurityHeaders),
        Middleware(HealthAndMetrics, find_problems=find_problems),
        Middleware(SessionLimit, max_sessions=partial(max_sessions, n_files)),
        Middleware(UploadLimit, per_session=largest, in_all=UPLOADS_AT_ONCE * largest),
    ]


@asynccontextmanager
async def manage_lifespan(app: object) -> AsyncIterator[None]:
    """Write what is wrong to the log when the server starts."""
    del app
    quiet_logs()
    for problem in find_problems():
        logging.getLogger("uvicorn.error").error("%s Fix it and restart.", problem)
    yield
