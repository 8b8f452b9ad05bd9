from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import attn_core
from attn_core.analysis.examples import DOG, SON, article_head
from attn_core.analysis.scores import most_informative_head
from attn_core.analysis.tables import link_table
from tests.support.traces import random_trace


def test_importing_the_library_brings_no_torch_transformers_or_streamlit() -> None:
    code = (
        "import attn_core, sys;"
        "from attn_core import AttentionTrace;"
        "assert not {'torch', 'transformers', 'streamlit', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_can_be_had() -> None:
    for name in dir(attn_core):
        assert getattr(attn_core, name)
    with pytest.raises(AttributeError, match="attribute nothing"):
        getattr(attn_core, "nothing")  # noqa: B009


def test_the_articles_heads_belong_to_gpt2_and_its_prompts_alone() -> None:
    assert article_head("gpt2", DOG) == (4, 3)
    assert article_head("gpt2 (12 layers x 12 heads)", DOG + " off") == (4, 3)
    assert article_head("gpt2", SON) == (11, 10)
    assert article_head("gpt2", "Another text") is None
    assert article_head("mini", DOG) is None


def test_the_most_telling_head_is_the_one_with_the_strongest_far_link_to_a_content_word() -> None:
    tokens = ("The", " dog", " on", " the", " ship", " ran")
    rows = np.zeros((2, 4, 6))
    rows[..., 0] = 1.0  # all rest on the first word,
    rows[1, 2] = [0.4, 0.6, 0, 0, 0, 0]  # but one looks at the dog,
    rows[0, 1] = [0, 0, 0, 0, 1, 0]  # one at the previous word,
    rows[0, 2] = [0, 0, 0, 0, 0, 1]  # one at itself,
    rows[0, 3] = [0, 0, 0, 1, 0, 0]  # and one at an article
    assert most_informative_head(rows, tokens) == (1, 2)
    assert most_informative_head(rows[:, :, :2], tokens[:2]) == (0, 0)


def test_the_table_of_a_head_lists_the_strongest_links_first() -> None:
    trace = random_trace()
    table = link_table(trace, 1, 2)
    assert len(table) == 15
    assert table["attention"].is_monotonic_decreasing
    of_one_word = link_table(trace, 1, 2, query=3)
    assert sorted(of_one_word["key"]) == [0, 1, 2, 3]
    assert of_one_word["attention"].sum() == pytest.approx(1, abs=0.01)


def test_the_readmes_notebook_example_runs() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["effects"].total == pytest.approx(names["effects"].logit, abs=1e-3)
    assert names["effects"].target == " V"
