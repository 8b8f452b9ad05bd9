"""What the documents say is there."""

from __future__ import annotations

import re

from tests.serving import ROOT


def test_every_test_that_a_promise_names_is_there() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    tests = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob("*.py"))
    named = re.findall(r"::(\w+)", text)
    assert len(named) > 30
    missing = [name for name in named if f"def {name}(" not in tests and f"class {name}:" not in tests]
    assert missing == []


def test_every_limit_is_in_the_readme_and_every_variable_in_the_readme_is_read() -> None:
    read = set(re.findall(r'"(ATTN_\w+)"', (ROOT / "attn_core" / "limits.py").read_text(encoding="utf-8")))
    table = set(re.findall(r"^\| `(ATTN_\w+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert read == table
