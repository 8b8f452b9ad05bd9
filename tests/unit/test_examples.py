from __future__ import annotations

import doctest
import inspect
from functools import cache

import numpy as np
import pytest

import attn_core
from attn_core import charts

PUBLIC = [(module, name) for module in (attn_core, charts) for name in module.__all__ if name != "__version__"]
WITHOUT_EXAMPLE = {
    "AttnCoreError",
    "InvalidTrace",
    "ModelUnavailable",
    "NameProbeError",
    "PromptError",
    "PromptTooLong",
    "UnsupportedArchitecture",
    "Head",
    "Figure",
    "Scale",
}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

load_mini_once = cache(attn_core.load_model)


def public_names() -> dict[str, object]:
    names = {name: getattr(module, name) for module, name in PUBLIC}
    return names | {"np": np, "charts": charts, "load_model": load_mini_once}


def find_example(name: str, documented: object) -> doctest.DocTest:
    text = inspect.getdoc(documented) or ""
    return doctest.DocTestParser().get_doctest(text, public_names(), name, None, None)


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=[f"{module.__name__}.{name}" for module, name in PUBLIC])
def test_each_public_name_has_an_example_that_runs(module: object, name: str) -> None:
    example = find_example(name, getattr(module, name))
    assert example.examples or name in WITHOUT_EXAMPLE, f"{name} has no example in its docstring"
    failures: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=failures.append)
    assert not failures, "".join(failures)


def test_only_public_names_are_excused_from_an_example() -> None:
    assert {name for _, name in PUBLIC} >= WITHOUT_EXAMPLE
