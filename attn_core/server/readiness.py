"""Check what works on this machine without a network, by trying it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from attn_core.compat import hub_out_of_reach
from attn_core.errors import ModelUnavailable
from attn_core.models.fetching import SMOLLM2_FOLDER
from attn_core.server.playlist import list_recordings
from attn_core.server.settings import get_settings


@dataclass(frozen=True)
class Part:
    """One of the things that a talk may need.

    Attributes:
        name: its name.
        ready: whether it works without a network.
        finding: the result of the check, as a phrase.
        wanted: whether it is reported as missing if it is not ready.
    """

    name: str
    ready: bool
    finding: str
    wanted: bool = True


@dataclass(frozen=True)
class Readiness:
    """A report of what works without a network.

    Attributes:
        models: the dashboard's default model, the requested models, mini and SmolLM2.
        playlist: the recordings.
        requests: what a page requests from other machines; ready if nothing.
    """

    models: tuple[Part, ...]
    playlist: Part
    requests: Part

    @property
    def has_default(self) -> bool:
        """True if the dashboard's default model is available."""
        return self.models[0].ready

    def lines(self) -> list[str]:
        """Return a line for each part, in columns, and a sentence that sums them up."""
        parts = (*self.models, self.playlist, self.requests)
        width = max(len(part.name) for part in parts)
        table = [f"{part.name:{width}}  {'yes' if part.ready else 'no':3}  {part.finding}" for part in parts]
        return [*table, "", self._sentence()]

    def _sentence(self) -> str:
        """Return a sentence that says which parts will work offline and which will not."""
        parts = [part for part in (*self.models, self.playlist) if part.wanted]
        ready, missing = (_join([part.name for part in parts if part.ready == state]) for state in (True, False))
        works = f"Offline, {ready or 'nothing'} will work"
        return f"{works}; {missing} will not." if missing else f"{works}."


def readiness(models: Sequence[str] = (), *, external_requests: Sequence[str] = ()) -> Readiness:
    """Load each model with the Hub out of reach, and check what else a talk needs.

    Args:
        models: models to try besides the dashboard's default, mini and SmolLM2.
        external_requests: the settings that make pages request something from other machines.
    """
    names = dict.fromkeys([get_settings().default_model, *models, "mini", str(SMOLLM2_FOLDER)])
    return Readiness(tuple(map(_try_model, names)), _check_playlist(), _check_requests(external_requests))


def _try_model(name: str) -> Part:
    """Load a model with the Hub out of reach."""
    from attn_core.models.loading import load_model

    is_folder = os.path.isdir(name)
    if name == str(SMOLLM2_FOLDER) and not is_folder:
        return Part(name, False, "not downloaded (needed only where the Hub is blocked)", wanted=False)
    try:
        with hub_out_of_reach():
            model = load_model(name)
    except ModelUnavailable as unavailable:
        if is_folder:
            return Part(name, False, f"{unavailable.what} {unavailable.why}".rstrip())
        what = "not downloaded." if unavailable.cause == "not downloaded" else unavailable.what
        return Part(name, False, f"{what} Run  python -m attn_core fetch {name}")
    where = {"bundled": "bundled", "folder": "a local folder"}
    size = f"{model.n_layers} layers × {model.n_heads} heads"
    return Part(name, True, f"{where.get(model.source, 'in the local cache')}: {size}")


def _check_playlist() -> Part:
    """Check that the playlist has recordings."""
    playlist = list_recordings(get_settings().playlist)
    if playlist is None:
        return Part("the playlist", False, f"no folder {get_settings().playlist}", wanted=False)
    n = len(playlist.names)
    finding = f"{n} recording{'s' * (n != 1)} in {playlist.folder}"
    if playlist.others:
        finding += f"; skipped, not recordings: {', '.join(playlist.others)}"
    return Part("the playlist", n > 0, finding, wanted=n > 0)


def _check_requests(settings: Sequence[str]) -> Part:
    """Check that pages request nothing from other machines."""
    if settings:
        return Part(
            "fonts and scripts", False, f"Streamlit is set to contact other machines: {', '.join(settings)}"
        )
    return Part("fonts and scripts", True, "served from this machine; pages load nothing from elsewhere")


def _join(names: Sequence[str]) -> str:
    """Join names with commas and "and"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
