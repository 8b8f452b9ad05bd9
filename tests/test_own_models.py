"""Models of one's own, given as a folder: those that can be shown, on every page, and those that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import transformers
from streamlit.testing.v1 import AppTest
from transformers import PreTrainedModel

from attn_core import LanguageModel
from tests import models
from tests.test_pages import PAGES, STEPS, charts_on, complaints, dashboard, press, shown

SHOWN = (models.llama, models.qwen2, models.qwen3, models.gpt_neox, models.opt)


def mamba() -> PreTrainedModel:
    config = transformers.MambaConfig(vocab_size=4096, hidden_size=32, num_hidden_layers=2)
    return transformers.MambaForCausalLM(config)


def bloom() -> PreTrainedModel:
    config = transformers.BloomConfig(vocab_size=4096, hidden_size=64, n_layer=2, n_head=8)
    return transformers.BloomForCausalLM(config)


def jamba() -> PreTrainedModel:
    config = transformers.JambaConfig(
        **models.GROUPED | {"num_hidden_layers": 4},
        attn_layer_period=2,
        attn_layer_offset=1,
        use_mamba_kernels=False,
        num_experts=2,
    )
    return transformers.JambaForCausalLM(config)


def gemma2() -> PreTrainedModel:
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(head_dim=8, **models.GROUPED))


def gpt_oss() -> PreTrainedModel:
    config = transformers.GptOssConfig(head_dim=8, num_local_experts=2, num_experts_per_tok=1, **models.GROUPED)
    return transformers.GptOssForCausalLM(config)


def t5() -> PreTrainedModel:
    config = transformers.T5Config(vocab_size=4096, d_model=32, d_ff=32, num_layers=1, num_heads=2)
    return transformers.T5ForConditionalGeneration(config)


REFUSED = {
    mamba: "A model of type 'mamba' has no attention heads.",
    bloom: "a model of type 'bloom' sent 0 of 2 layers through transformers' attention registry.",
    jamba: "a model of type 'jamba' sent 2 of 4 layers through transformers' attention registry.",
    gemma2: "it caps its scores, which would be left out.",
    gpt_oss: "it lets its heads look at something that is no word, which would be left out.",
    t5: "It is an encoder-decoder (T5ForConditionalGeneration), which reads one text and writes another.",
}


def saved(network: PreTrainedModel, mini: LanguageModel, folder: Path) -> str:
    network.save_pretrained(folder)
    mini.tokenizer.save_pretrained(folder)
    return str(folder)


def check(app: AppTest, n_charts: int) -> None:
    assert not app.exception
    assert [line for line in complaints(app) if "can show" not in line] == []
    assert "is not available" not in shown(app)
    assert charts_on(app) >= n_charts


@pytest.mark.parametrize("make", SHOWN, ids=lambda make: make.__name__)
def test_every_page_shows_it(make: Callable[[], PreTrainedModel], mini: LanguageModel, tmp_path: Path) -> None:
    app = dashboard(model=saved(make(), mini, tmp_path))
    for page in PAGES:
        app.switch_page(f"pages/{page}.py").run()
        if page == "generate":
            app.number_input(key="new_tokens").set_value(2)
            press(app, "Generate")
        if page == "names":
            press(app, "Ask with every name")
        check(app, {"generate": 4, "compare": 4}.get(page, 1))
        assert "3 layers × 8 heads" in shown(app)
    app.switch_page("pages/head_view.py").run()
    assert (app.number_input(key="layer_box").max, app.number_input(key="head_box").max) == (2, 7)


def test_the_tour_looks_for_what_the_article_shows_in_it(mini: LanguageModel, tmp_path: Path) -> None:
    app = dashboard("tour", model=saved(models.llama(), mini, tmp_path))
    for step in STEPS:
        assert app.header[0].value.startswith(f"{step}. ")
        assert not app.exception
        assert "hold" in shown(app) or step == 8
        if step < STEPS.stop - 1:
            press(app, "Next")


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_one_that_cannot_be_shown_gives_way_to_mini_and_says_why(
    make: Callable[[], PreTrainedModel], mini: LanguageModel, tmp_path: Path
) -> None:
    app = dashboard("head_grid", model=saved(make(), mini, tmp_path))
    assert not app.exception
    words = shown(app).replace("\\", "")
    assert "is not available" in words
    assert REFUSED[make] in words
    assert "mini: bundled with the dashboard" in words
    assert charts_on(app) == 2
