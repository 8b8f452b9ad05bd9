"""What of the dashboard works on this machine with no network, found out by trying it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from attn_core import limits
from attn_core.errors import ModelUnavailable
from attn_core.fetch import SMOLLM2_FOLDER
from attn_core.playlist import list_recordings


@dataclass(frozen=True)
class Part:
    """One of the things that a talk may need.

    Attributes:
        name: what it is called.
        ready: whether it works with no network.
        finding: what was found, as a phrase.
        wanted: whether it is missed where it is not ready.
    """

    name: str
    ready: bool
    finding: str
    wanted: bool = True


@dataclass(frozen=True)
class Readiness:
    """What works with no network.

    Attributes:
        models: the one that the dashboard shows first, those that were asked about, mini and SmolLM2.
        playlist: the recordings.
        requests: what a page asks of other machines, ready if that is nothing.
    """

    models: tuple[Part, ...]
    playlist: Part
    requests: Part

    @property
    def has_default(self) -> bool:
        """Whether the model that the dashboard shows first is there."""
        return self.models[0].ready

    def lines(self) -> list[str]:
        """A line for each part, in columns, and a sentence that sums them up."""
        parts = (*self.models, self.playlist, self.requests)
        width = max(len(part.name) for part in parts)
        table = [f"{part.name:{width}}  {'yes' if part.ready else 'no':3}  {part.finding}" for part in parts]
        return [*table, "", self._sentence()]

    def _sentence(self) -> str:
        parts = [part for part in (*self.models, self.playlist) if part.wanted]
        ready, missing = (_listed([part.name for part in parts if part.ready == state]) for state in (True, False))
        works = f"Offline, {ready or 'nothing'} will work"
        return f"{works}; {missing} will not." if missing else f"{works}."


def readiness(models: Sequence[str] = (), *, asked_outside: Sequence[str] = ()) -> Readiness:
    """Load each model with the Hub out of reach, and look what else a talk needs.

    Args:
        models: more to try, besides the one that the dashboard shows first, mini and SmolLM2.
        asked_outside: the settings by which pages ask other machines for something.
    """
    names = dict.fromkeys([limits.DEFAULT_MODEL, *models, "mini", str(SMOLLM2_FOLDER)])
    return Readiness(tuple(map(_try, names)), _playlist(), _requests(asked_outside))


def _try(name: str) -> Part:
    from attn_core.model import load_model

    folder = os.path.isdir(name)
    if name == str(SMOLLM2_FOLDER) and not folder:
        return Part(name, False, "not downloaded (needed only where the Hub is blocked)", wanted=False)
    try:
        with _hub_out_of_reach():
            model = load_model(name)
    except ModelUnavailable as unavailable:
        if folder:
            return Part(name, False, f"{unavailable.what} {unavailable.why}".rstrip())
        what = "not downloaded." if unavailable.cause == "not downloaded" else unavailable.what
        return Part(name, False, f"{what} Run  python -m attn_core fetch {name}")
    where = {"bundled": "bundled", "folder": "a local folder"}
    size = f"{model.n_layers} layers × {model.n_heads} heads"
    return Part(name, True, f"{where.get(model.source, 'in the local cache')}: {size}")


@contextmanager
def _hub_out_of_reach() -> Iterator[None]:
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _playlist() -> Part:
    listed = list_recordings(limits.PLAYLIST)
    if listed is None:
        return Part("the playlist", False, f"no folder {limits.PLAYLIST}", wanted=False)
    n = len(listed.names)
    finding = f"{n} recording{'s' * (n != 1)} in {listed.folder}"
    if listed.others:
        finding += f"; skipped, not recordings: {', '.join(listed.others)}"
    return Part("the playlist", n > 0, finding, wanted=n > 0)


def _requests(settings: Sequence[str]) -> Part:
    if settings:
        return Part(
            "fonts and scripts", False, f"Streamlit is set to contact other machines: {', '.join(settings)}"
        )
    return Part("fonts and scripts", True, "served from this machine; pages load nothing from elsewhere")


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
