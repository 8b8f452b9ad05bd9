"""How many threads compute a forward pass."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from attn_core import LanguageModel, capture
from attn_core.models.attention import replacing
from attn_core.models.threads import NARROW, fitting_threads


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Torch with as many threads as no pass asks for by itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_a_small_model_runs_on_one_thread_and_leaves_torch_as_it_was(
    mini: LanguageModel, three_threads: None
) -> None:
    seen = set[int]()

    def look(_: int, output: torch.Tensor) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return output

    with replacing(look):
        capture(mini, "The dog ran")
    assert (seen, torch.get_num_threads()) == ({1}, 3)


def test_a_large_model_shares_the_cores_only_with_other_passes(three_threads: None) -> None:
    with fitting_threads(NARROW):
        assert torch.get_num_threads() == 3
        with fitting_threads(NARROW):
            assert torch.get_num_threads() == 1
            with fitting_threads(NARROW):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3


def test_a_pass_that_fails_gives_the_threads_back(three_threads: None) -> None:
    with pytest.raises(ZeroDivisionError), fitting_threads(NARROW - 1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3
