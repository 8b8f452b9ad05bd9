"""The example notebook runs from a clone, and was saved as it runs."""

from __future__ import annotations

import copy
import re

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.serving import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
MOST_BYTES = 400_000


@pytest.fixture(scope="module")
def saved() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def run(saved: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook after all of its cells ran; an error in one of them is raised."""
    notebook = copy.deepcopy(saved)
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    return client.execute(env={"HF_HUB_OFFLINE": "1"})


def pictures(notebook: nbformat.NotebookNode) -> list[int]:
    """The numbers of the cells that show a picture."""
    return [
        number
        for number, cell in enumerate(notebook.cells)
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
    ]


def told(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell says and returns as text, without warnings; numbers may round differently elsewhere."""
    texts = []
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        said = "".join(output.text for output in outputs if output.get("name") == "stdout")
        returned = "".join(output.data["text/plain"] for output in outputs if "data" in output)
        texts.append(" ".join(re.sub(r"\d+(\.\d+)?", "#", said + returned).split()))
    return texts


def test_it_shows_the_same_when_it_is_run_again(run: nbformat.NotebookNode, saved: nbformat.NotebookNode) -> None:
    assert len(pictures(saved)) == 7
    assert pictures(run) == pictures(saved)
    assert told(run) == told(saved)


def test_it_is_small_and_opens_with_no_network(saved: nbformat.NotebookNode) -> None:
    assert NOTEBOOK.stat().st_size < MOST_BYTES
    shown = [output.data for cell in saved.cells for output in cell.get("outputs", []) if "data" in output]
    assert {kind for data in shown for kind in data} == {"image/png", "text/plain", "text/html"}
    assert not [data for data in shown if re.search("<script|://", data.get("text/html", ""))]
