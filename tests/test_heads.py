from __future__ import annotations

import subprocess
import sys

from attn_core.heads import head_label


def test_a_head_is_named_as_papers_name_it() -> None:
    assert head_label((7, 11)) == "L7H11"
    assert head_label((0, 0)) == "L0H0"


def test_naming_heads_needs_no_numpy() -> None:
    code = "import attn_core.heads, sys; assert not {'numpy', 'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
