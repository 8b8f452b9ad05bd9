"""Hostile input, made at random: how many cases a run tries is set by ATTN_FUZZ_CASES."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

CASES = int(os.environ.get("ATTN_FUZZ_CASES", "100"))

fuzzed = settings(
    max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)

NASTY = (
    *("\x00", "\x07", "\x1b[31m", "\r\n", "\u2028", "\ufeff", "\ufffd", "\U0010ffff", "\ud83d", "\udc00"),
    *("\u202e", "\u2066", "\u200f", "\u200d", "\ufe0f", "\U0001f469\u200d\U0001f680", "שלום", "e\u0301" * 9),
    *("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</textarea>", "&lt;", "javascript:alert(1)"),
    *("![x](http://x/y.png)", "[x](http://x)", "http://x.example", "www.x.example", "a@b.example", "$x^2$"),
    *(":smile:", ":material/home:", ":red[x]", "`x`", "**b**", "# h", "=1+1", "+1", "-1", "@SUM(A1)", "|cmd"),
    *("%s", "{0}", "{name}", "%00", "../../etc/passwd", "NaN", "null", "1e999", "９", "٣", "0x10"),
    *("<|endoftext|>", " ", "\t", "\n", ",", ":"),
)
"""Pieces that have broken programs like this one."""

any_character = st.characters(codec=None)  # lone surrogates, too
hostile_text = st.lists(st.one_of(st.sampled_from(NASTY), st.text(any_character, max_size=12)), max_size=6).map(
    "".join
)
