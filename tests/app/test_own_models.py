"""Models of one's own, given as a folder: those that can be shown, on every page, and those that are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from streamlit.testing.v1 import AppTest
from transformers import PreTrainedModel

from attn_core import LanguageModel
from tests.support import networks
from tests.support.pages import PAGES, STEPS, charts_on, complaints, dashboard, faults, press, shown
from tests.support.tokenizers import tokenizer_of

SHOWN = (networks.llama, networks.qwen2, networks.qwen3, networks.gpt_neox, networks.opt)


def mamba() -> PreTrainedModel:
    config = transformers.MambaConfig(vocab_size=4096, hidden_size=32, num_hidden_layers=2)
    return transformers.MambaForCausalLM(config)


def bloom() -> PreTrainedModel:
    config = transformers.BloomConfig(vocab_size=4096, hidden_size=64, n_layer=2, n_head=8)
    return transformers.BloomForCausalLM(config)


def jamba() -> PreTrainedModel:
    config = transformers.JambaConfig(
        **networks.GROUPED | {"num_hidden_layers": 4},
        attn_layer_period=2,
        attn_layer_offset=1,
        use_mamba_kernels=False,
        num_experts=2,
    )
    return transformers.JambaForCausalLM(config)


def gpt_oss() -> PreTrainedModel:
    config = transformers.GptOssConfig(head_dim=8, num_local_experts=2, num_experts_per_tok=1, **networks.GROUPED)
    return transformers.GptOssForCausalLM(config)


def t5() -> PreTrainedModel:
    config = transformers.T5Config(vocab_size=4096, d_model=32, d_ff=32, num_layers=1, num_heads=2)
    return transformers.T5ForConditionalGeneration(config)


PARTLY_SHOWN = {
    networks.gpt_neo: "computes its attention outside transformers' attention registry.",
    networks.bitnet: "changes its heads' outputs before the output matrix.",
    networks.capped_logits: "changes its logits after the unembedding",
    networks.gemma2: "do not sum to its logits, so per-head effects are hidden.",
}
"""Models that do not tell which heads made a word, with the reason."""

REFUSED = {
    mamba: "cannot be used because a model of type 'mamba' has no attention heads.",
    jamba: "because a model of type 'jamba' shows the attention of only 2 of its 4 layers.",
    gpt_oss: "because its heads also attend to a sink that is not a token, so their weights show only a part.",
    t5: " is an encoder-decoder (T5ForConditionalGeneration), which reads one text and writes another.",
}


def saved(network: PreTrainedModel, mini: LanguageModel, folder: Path) -> str:
    network.save_pretrained(folder)
    mini.tokenizer.save_pretrained(folder)
    return str(folder)


def check(app: AppTest, n_charts: int) -> None:
    assert not app.exception
    assert not faults(app)
    assert "is unavailable" not in shown(app)
    assert charts_on(app) >= n_charts


@pytest.mark.parametrize("make", SHOWN, ids=lambda make: make.__name__)
def test_every_page_shows_it(make: Callable[[], PreTrainedModel], mini: LanguageModel, tmp_path: Path) -> None:
    app = dashboard(model=saved(make(), mini, tmp_path))
    for page in PAGES:
        app.switch_page(f"pages/{page}.py").run()
        if page == "generate":
            app.number_input(key="new_tokens").set_value(2)
            press(app, "Generate")
        check(app, {"generate": 4, "compare": 4}.get(page, 1))
        assert "3 × 8 heads" in shown(app)
    app.switch_page("pages/head_view.py").run()
    assert (app.number_input(key="layer_box").max, app.number_input(key="head_box").max) == (2, 7)


@pytest.mark.parametrize("make", PARTLY_SHOWN, ids=lambda make: make.__name__)
def test_every_page_shows_what_a_model_has_and_says_what_it_lacks(
    make: Callable[[], PreTrainedModel], mini: LanguageModel, tmp_path: Path
) -> None:
    app = dashboard(model=saved(make(), mini, tmp_path))
    for page in PAGES:
        app.switch_page(f"pages/{page}.py").run()
        if page == "generate":
            app.number_input(key="new_tokens").set_value(2)
            press(app, "Generate")
            assert PARTLY_SHOWN[make] in shown(app).replace("\\", "")
            assert re.search(r"\*\*What L\dH\d attended to\.\*\*", shown(app))
        assert not app.exception
        assert "is unavailable" not in shown(app)
        assert charts_on(app) >= {"generate": 2, "compare": 4}.get(page, 1)


def test_a_link_cannot_turn_heads_off_that_can_only_be_seen(mini: LanguageModel, tmp_path: Path) -> None:
    app = dashboard(model=saved(networks.gpt_neo(), mini, tmp_path), off="1.2")
    assert "No head is off." in shown(app)
    app.switch_page("pages/head_grid.py").run()
    assert not app.exception
    assert app.toggle(key="switch_box").disabled
    assert charts_on(app) == 2


def test_a_linked_text_is_written_with_all_heads_where_they_can_only_be_seen(
    mini: LanguageModel, tmp_path: Path
) -> None:
    app = dashboard("generate", model=saved(networks.gpt_neo(), mini, tmp_path), written="1.2", new_tokens="2")
    assert not app.exception
    assert "No head is off." in shown(app)
    assert app.session_state["generated"].ablated == frozenset()
    assert len(app.session_state["generated"].steps) == 2


@pytest.mark.parametrize("link", [{"details": "heads"}, {"details": "off"}, {"present": "1"}])
def test_where_no_head_raises_the_token_none_is_offered(
    link: dict[str, str], mini: LanguageModel, tmp_path: Path
) -> None:
    network = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=4096, n_embd=32, n_layer=2, n_head=2))
    for block in network.transformer.h:
        torch.nn.init.zeros_(block.attn.c_proj.weight)
    app = dashboard("generate", model=saved(network, mini, tmp_path), new_tokens="2", **link)
    assert not app.exception
    assert ("No head raises this logit." in shown(app)) == (link.get("details") == "heads")
    assert not [button for button in app.button if button.label.startswith(("Turn off the top", "Stronger head"))]


def test_the_tour_looks_for_what_the_article_shows_in_it(mini: LanguageModel, tmp_path: Path) -> None:
    app = dashboard("tour", model=saved(networks.llama(), mini, tmp_path))
    for step in STEPS:
        assert app.title[0].value.startswith(f"{step}. ")
        assert not app.exception
        assert "hold" in shown(app) or step == 8
        if step < STEPS.stop - 1:
            press(app, "Next")


def with_start_token(kind: str, folder: Path) -> str:
    """A folder with a model whose tokenizer adds a start and an end token."""
    networks.llama().save_pretrained(folder)
    tokenizer_of(kind, start=True, end=True).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "badges"),
    [
        ("byte fallback", ["Jesse", "C", "+h", "+r", "+is", "+t", "+o", "+p", "+her"]),
        ("word pieces", ["jesse", "c", "+h", "+r", "+i", "+s", "+t", "+o", "+p", "+h", "+e", "+r"]),
        ("words", ["Jesse", "<unk>"]),
    ],
)
def test_the_tour_reads_a_name_behind_a_start_token(kind: str, badges: list[str], tmp_path: Path) -> None:
    app = dashboard("tour", model=with_start_token(kind, tmp_path), step="6", tour_name="Jesse Christopher")
    assert not app.exception
    assert complaints(app) == []
    told = shown(app).replace("\\", "")
    read = " ".join(f":blue-badge[{badge}]" for badge in badges)
    assert f"The model reads the name as {read}." in told
    assert "twice" not in told


@pytest.mark.parametrize("kind", ["byte fallback", "word pieces"])
def test_the_tour_finds_the_articles_words_behind_a_start_token(kind: str, tmp_path: Path) -> None:
    app = dashboard("tour", model=with_start_token(kind, tmp_path))
    assert re.search(r"From \*\*ran\*\*, .* on \*\*dog\*\*", shown(app))
    for step in STEPS:
        assert not app.exception, step
        if step < STEPS.stop - 1:
            press(app, "Next")


def test_a_start_token_that_is_typed_and_added_is_told_on_each_page_of_the_prompt(tmp_path: Path) -> None:
    folder = with_start_token("byte fallback", tmp_path)
    typed = dict.fromkeys(("prompt", "prompt_a"), "<s>The dog ran") | {"name_template": "<s>{name} works as a"}
    for app, times in ((dashboard(model=folder, **typed), 1), (dashboard(model=folder), 0)):
        for page in PAGES:
            app.switch_page(f"pages/{page}.py").run()
            told = [box.value.replace("\\", "") for box in app.info]
            notes = [line for line in told if line.startswith("<s> is in the prompt twice")]
            assert len(notes) == (0 if page == "tour" else times)


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_one_that_cannot_be_shown_gives_way_to_mini_and_says_why(
    make: Callable[[], PreTrainedModel], mini: LanguageModel, tmp_path: Path
) -> None:
    app = dashboard("head_grid", model=saved(make(), mini, tmp_path))
    assert not app.exception
    words = shown(app).replace("\\", "")
    assert "is unavailable, so you see mini" in words
    assert REFUSED[make] in words
    assert "mini · 12 × 12 heads · bundled" in words
    assert charts_on(app) == 2
