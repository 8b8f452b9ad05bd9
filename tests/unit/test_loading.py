from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2LMHeadModel,
)

from attn_core import capture, load_model
from attn_core.mini import FOLDER
from attn_core.models import hub
from attn_core.models.loading import BUNDLED
from tests.support.hub import COMMIT, FakeHub, point_client_at
from tests.support.serving import free_port
from tests.support.small_models import byte_tokenizer, refused, saved, tiny_gpt2, tiny_llama


@pytest.fixture(scope="module")
def gpt2_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return saved(tiny_gpt2(), tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def gpt2_folder(gpt2_original: Path, tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(gpt2_original, tmp_path / "tiny"))


# --- folders -------------------------------------------------------------------------------------------------


def test_a_gpt2_folder_loads(gpt2_original: Path) -> None:
    model = load_model(str(gpt2_original))
    assert (model.source, model.n_layers, model.n_heads, model.max_tokens) == ("folder", 2, 3, 64)
    assert not model.network.training
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.float32}
    assert capture(model, "a dog").attention.shape == (2, 3, 5, 5)


def test_a_llama_folder_with_grouped_queries_in_half_precision_and_shards_loads(tmp_path: Path) -> None:
    folder = saved(tiny_llama().half(), tmp_path / "llama", max_shard_size="20KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    model = load_model(str(folder))
    assert (model.n_layers, model.n_heads, model.max_tokens) == (3, 4, 64)
    assert {parameter.dtype for parameter in model.network.parameters()} == {torch.float32}
    trace = capture(model, "a dog")
    np.testing.assert_allclose(trace.attention.astype(np.float32).sum(-1), 1, atol=2e-3)

    next(folder.glob("model-*.safetensors")).unlink()
    error = refused(folder)
    assert "weights are incomplete" in error.what
    assert error.cause == "incomplete files"


def test_a_relative_path_is_a_folder(gpt2_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(gpt2_folder.parent)
    for name in ("tiny", "./tiny", f" {gpt2_folder} "):
        assert load_model(name).source == "folder"


def test_progress_is_told_on_the_callers_thread(gpt2_original: Path) -> None:
    heard: list[tuple[str, float | None, int]] = []
    load_model(str(gpt2_original), on_progress=lambda m, f: heard.append((m, f, threading.get_ident())))
    assert heard == [(f"Loading {gpt2_original}", None, threading.get_ident())]


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/no such folder", "C:\\models\\gpt2"])
def test_a_missing_folder_is_named(name: str) -> None:
    error = refused(name)
    assert (error.what, error.cause) == (f"{name} does not exist.", "no such folder")


@pytest.mark.parametrize("name", ["", "two words", "a/b/c", "x" * 5000, "gpt2\0", "--", "модель", "a..b", "\ud83d"])
def test_a_garbage_name_gets_one_clear_sentence(name: str) -> None:
    error = refused(name)
    assert error.what.endswith(" is neither a folder nor a valid Hub id.")
    assert error.cause == "unknown name"
    assert len(str(error)) < 400


def test_truncated_weights_are_refused(gpt2_folder: Path) -> None:
    weights = gpt2_folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    error = refused(gpt2_folder)
    assert error.what == f"{gpt2_folder} cannot be used because its model.safetensors is damaged or incomplete."
    assert error.cause == "damaged files"


@pytest.mark.parametrize(
    ("setting", "value", "why", "cause"),
    [
        ("n_embd", 48, r"do not fit its config\.json: [\w.]+ is \d.*, not \d", "weights don't fit"),
        ("n_layer", 3, "is missing", "weights don't fit"),
        ("n_layer", 1, "has no layer for", "weights don't fit"),
        ("n_layer", "two", "cannot be built from its config.json: .*n_layer", "unusable config"),
        ("model_type", "t5", "is of type 't5', not a causal language model", "not a causal model"),
        ("model_type", "no-such-type", "not a causal language model that transformers", "not a causal model"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(
    gpt2_folder: Path, setting: str, value: object, why: str, cause: str
) -> None:
    config = json.loads((gpt2_folder / "config.json").read_text())
    (gpt2_folder / "config.json").write_text(json.dumps({**config, setting: value}))
    error = refused(gpt2_folder)
    assert re.search(why, error.what)
    assert error.cause == cause


def test_a_broken_configuration_is_refused(gpt2_folder: Path) -> None:
    (gpt2_folder / "config.json").write_text("{")
    assert "its config.json is damaged" in refused(gpt2_folder).what


def test_a_model_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    config = BertConfig(
        vocab_size=256,
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=48,
        initializer_range=0.5,
    )
    folder = saved(BertLMHeadModel(config), tmp_path / "bert")
    error = refused(folder)
    assert error.what == f"{folder} is not a causal language model, because its predictions depend on later tokens."
    assert error.cause == "not a causal model"


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    network = tiny_gpt2()
    network.transformer.ln_f.weight.data.fill_(float("nan"))
    error = refused(saved(network, tmp_path / "nan"))
    assert "because its weights produce NaN or infinite values." in error.what
    assert str(error.remedy).startswith("Get a fresh copy")
    assert error.cause == "invalid weights"


@pytest.mark.parametrize("model_type", ["gpt2", "mine"])
def test_code_in_a_folder_is_not_run(gpt2_folder: Path, model_type: str) -> None:
    config = json.loads((gpt2_folder / "config.json").read_text())
    config |= {"model_type": model_type, "auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}}
    (gpt2_folder / "config.json").write_text(json.dumps(config))
    (gpt2_folder / "evil.py").write_text(f"open({str(gpt2_folder / 'ran')!r}, 'w')\nclass C: pass\nclass M: pass\n")
    if model_type == "mine":
        assert refused(gpt2_folder).cause == "needs custom code"
    else:
        load_model(str(gpt2_folder))
    assert not (gpt2_folder / "ran").exists()


def test_pickled_weights_are_refused(gpt2_folder: Path) -> None:
    (gpt2_folder / "model.safetensors").rename(gpt2_folder / "pytorch_model.bin")
    error = refused(gpt2_folder)
    assert "has no safetensors weights, only pickled ones" in error.what
    assert error.cause == "pickled weights"


def test_a_missing_tokenizer_is_named(gpt2_folder: Path) -> None:
    for file in gpt2_folder.glob("tokenizer*"):
        file.unlink()
    error = refused(gpt2_folder)
    assert (error.what, error.cause) == (f"{gpt2_folder} has no tokenizer.", "no tokenizer")


def test_a_broken_tokenizer_is_refused(gpt2_folder: Path) -> None:
    (gpt2_folder / "tokenizer.json").write_text("{}")
    error = refused(gpt2_folder)
    assert "its tokenizer could not be read" in error.what
    assert error.cause == "unreadable tokenizer"


@pytest.mark.parametrize("token", ["[PAD]", "dog"])
def test_a_tokenizer_with_a_token_more_than_the_network_knows_loads(gpt2_folder: Path, token: str) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens([token])
    tokenizer.save_pretrained(gpt2_folder)
    assert capture(load_model(str(gpt2_folder)), "a cat").n_tokens == 5


def test_a_tokenizer_of_another_model_is_refused(gpt2_folder: Path) -> None:
    load_model("mini").tokenizer.save_pretrained(gpt2_folder)
    error = refused(gpt2_folder)
    assert "its tokenizer belongs to another model: it has 3,904 tokens and its network 256." in error.what
    assert error.cause == "wrong tokenizer"
    assert "tokenizer.save_pretrained(folder)" in str(error.remedy)


def test_a_missing_bundled_model_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(BUNDLED, "mini", tmp_path / "none")
    error = refused("mini")
    assert (error.what, error.cause) == ("The bundled model mini does not exist.", "no such folder")
    assert str(error.remedy).startswith("Get a fresh copy of this project")


# --- the Hub, played by a small server on this machine ---------------------------------------------------------


@pytest.fixture
def fake_hub(gpt2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    # a bare name that has a folder in the working directory would be that folder
    monkeypatch.chdir(tmp_path.parent)
    fake = FakeHub(gpt2_folder)
    point_client_at(fake.url, tmp_path / "cache", monkeypatch)
    yield fake
    fake.stop()


def test_a_model_is_downloaded_once_and_then_loads_with_no_network(
    fake_hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, float | None, int]] = []
    model = load_model("tiny", on_progress=lambda m, f: heard.append((m, f, threading.get_ident())))
    assert (model.name, model.source, model.n_layers) == ("tiny", "hub", 2)
    assert {thread for _, _, thread in heard} == {threading.get_ident()}
    assert heard[0][0] == "Asking the Hugging Face Hub for tiny"
    assert heard[-1][0] == "Loading tiny"
    assert all(fraction is None or 0 <= fraction <= 1 for _, fraction, _ in heard)
    assert not any("pytorch_model" in path or "onnx" in path for path in fake_hub.requests)

    fake_hub.asked.clear()
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("the network was asked"))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: pytest.fail("a name was looked up"))
    start = time.monotonic()
    assert load_model("tiny").source == "cache"
    assert time.monotonic() - start < 5
    assert not fake_hub.requests


def test_a_cache_that_lost_a_file_is_completed(fake_hub: FakeHub, tmp_path: Path) -> None:
    load_model("tiny")
    snapshot = tmp_path / "cache" / "models--tiny" / "snapshots" / COMMIT
    (snapshot / "model.safetensors").resolve().unlink()
    (snapshot / "model.safetensors").unlink()
    assert load_model("tiny").source == "hub"


@pytest.mark.parametrize(
    ("mood", "what", "cause"),
    [
        (404, "tiny does not exist on the Hub (HTTP 404).", "unknown name"),
        (401, "tiny does not exist or is private (HTTP 401).", "unknown or private"),
        (403, "tiny is gated (HTTP 403).", "access restricted"),
        (429, "The Hub is rate-limiting this address (HTTP 429).", "Hub busy"),
        (503, "The Hub reports a server error (HTTP 503).", "Hub error"),
        ("login page", "perhaps a wifi login page.", "wifi login"),
    ],
)
def test_a_refusal_is_explained_at_once(fake_hub: FakeHub, mood: int | str, what: str, cause: str) -> None:
    fake_hub.mood = mood
    start = time.monotonic()
    error = refused("tiny")
    assert error.what.endswith(what)
    assert error.cause == cause
    assert time.monotonic() - start < 2
    assert fake_hub.requests.count("/api/models/tiny?blobs=true") == 1


@pytest.mark.slow
def test_a_hanging_hub_is_given_up_within_the_limit(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub.ANSWER_LIMIT <= 10
    monkeypatch.setattr(hub, "ANSWER_LIMIT", 0.5)
    fake_hub.mood = "hang"
    start = time.monotonic()
    error = refused("tiny")
    assert "did not answer in time" in error.what
    assert error.cause == "no answer"
    assert time.monotonic() - start < 1.5


@pytest.mark.slow
def test_a_download_that_stands_still_is_given_up(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "STANDSTILL_LIMIT", 0.5)
    fake_hub.mood = "hang in weights"
    assert "did not answer in time" in refused("tiny").what


def test_a_refused_connection_is_explained_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_client_at(f"http://127.0.0.1:{free_port()}", tmp_path, monkeypatch)
    start = time.monotonic()
    error = refused("gpt2")
    assert "refused or closed the connection" in error.what
    assert error.cause == "no connection"
    assert "Try again" in str(error.remedy)
    assert time.monotonic() - start < 2


def test_no_name_server_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_client_at("http://hub.invalid", tmp_path, monkeypatch)

    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    error = refused("gpt2")
    assert error.what == "Can't find http://hub.invalid: no network, or no DNS."
    assert error.cause == "no network"


@pytest.mark.slow
def test_a_name_server_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_client_at("http://hub.invalid", tmp_path, monkeypatch)
    monkeypatch.setattr(hub, "ANSWER_LIMIT", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(3))
    start = time.monotonic()
    assert "did not answer in time" in refused("gpt2").what
    assert time.monotonic() - start < 1.5


def test_a_full_disk_is_said_before_the_download(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    error = refused("tiny")
    assert error.what.startswith("Not enough disk space for tiny: it needs ")
    assert str(error.remedy) == "Free some space and try again."
    assert error.cause == "disk full"
    assert fake_hub.requests.count("/api/models/tiny?blobs=true") == 1


@pytest.mark.parametrize(
    ("missing", "what", "cause"),
    [
        ("model.safetensors", "tiny has no safetensors weights, only pickled ones", "pickled weights"),
        ("tokenizer.json", "tiny has no tokenizer.", "no tokenizer"),
    ],
)
def test_a_model_without_a_needed_part_is_refused(
    fake_hub: FakeHub, gpt2_folder: Path, missing: str, what: str, cause: str
) -> None:
    (gpt2_folder / missing).unlink()
    error = refused("tiny")
    assert error.what.startswith(what)
    assert error.cause == cause


ASK = """
import sys
import attn_core
try:
    attn_core.load_model("gpt2")
except attn_core.ModelUnavailable as error:
    print(error)
print("torch" in sys.modules)
"""


def ask_in_new_process(**variables: str) -> str:
    """What a fresh Python says of gpt2: the client reads its environment when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, **variables},
        cwd=Path(hub.__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.slow
def test_offline_mode_is_respected(fake_hub: FakeHub, tmp_path: Path) -> None:
    said = ask_in_new_process(HF_HUB_OFFLINE="1", HF_ENDPOINT=fake_hub.url, HF_HOME=str(tmp_path))
    assert "gpt2 is not in the local cache, and HF_HUB_OFFLINE blocks the Hub. Unset it and restart" in said
    assert not fake_hub.requests


@pytest.mark.slow
def test_the_endpoint_is_respected_and_failing_brings_no_torch(fake_hub: FakeHub, tmp_path: Path) -> None:
    fake_hub.mood = 404
    said = ask_in_new_process(HF_HUB_OFFLINE="0", HF_ENDPOINT=fake_hub.url, HF_HOME=str(tmp_path))
    assert "gpt2 does not exist on the Hub" in said
    assert said.endswith("False\n")
    assert "/api/models/gpt2?blobs=true" in fake_hub.requests


LOAD_AT_ONCE = """
from attn_core.server.model_loads import ModelLoad
from attn_core.mini import FOLDER
for load in [ModelLoad(name) for name in ("mini", str(FOLDER), str(FOLDER))]:
    assert load.result().n_layers == 12
"""


@pytest.mark.slow
def test_the_first_visitors_may_load_different_models_at_once() -> None:
    subprocess.run([sys.executable, "-c", LOAD_AT_ONCE], check=True)


CORES = """
import torch
from attn_core.server.model_loads import ModelLoad
ModelLoad("mini").result()
print(torch.get_num_threads())
"""


@pytest.mark.slow
def test_the_dashboard_computes_with_as_many_threads_as_it_may_use_cores() -> None:
    environment = os.environ | {"LOKY_MAX_CPU_COUNT": "1", "OMP_NUM_THREADS": "2"}
    assert subprocess.check_output([sys.executable, "-c", CORES], env=environment, text=True) == "1\n"


def test_the_fused_activation_is_the_networks_own_up_to_rounding() -> None:
    own = GPT2LMHeadModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    ids = torch.arange(1, 60)[None]
    with torch.inference_mode():
        expected, fused = own(ids).logits, load_model("mini").network(ids).logits
    torch.testing.assert_close(fused, expected, atol=1e-3, rtol=1e-4)
