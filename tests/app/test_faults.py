"""Whatever happens on the way from the Hub: one clear message, and all is well once the fault is gone.

The real client of the Hub talks to a small server on this machine that serves `mini` under another name.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
import transformers

from attn_core import ModelUnavailable, load_model
from attn_core.mini import FOLDER
from attn_core.models import hub, memory
from attn_core.models.memory import ROOM_TO_RUN
from attn_core.server import memory as server_memory
from attn_core.server.allowed_models import check_allowed
from attn_core.server.model_loads import ModelLoad, ModelLoads
from tests.support.hub import COMMIT, FakeHub, point_client_at
from tests.support.pages import complaints, dashboard
from tests.support.settings import set_environment
from tests.support.small_models import save_endless_gpt2

NAME = "someone/other"
WEIGHTS_BYTES = (FOLDER / "model.safetensors").stat().st_size


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A copy of mini's files that a test may break."""
    return Path(shutil.copytree(FOLDER, tmp_path / "files"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def fake_hub(files: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    fake = FakeHub(files)
    point_client_at(fake.url, cache, monkeypatch)
    monkeypatch.setattr(hub, "ANSWER_LIMIT", 0.5)
    monkeypatch.setattr(hub, "STANDSTILL_LIMIT", 2.0)
    yield fake
    fake.stop()


def refused(name: str = NAME) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        load_model(name)
    error = caught.value
    for sentence in (error.what, str(error.remedy)):
        assert sentence.strip()
        assert sentence.endswith(".")
        assert "Traceback" not in sentence
    assert "  " not in f"{error.what} {error.why}"
    assert str(error) == " ".join(filter(None, (error.what, error.why, str(error.remedy))))
    assert error.cause != "unavailable"
    assert len(error.cause.split()) <= 4
    assert len(str(error)) < 600
    return error


def weights_asked_for(fake: FakeHub) -> list[int]:
    """Where each request for the weights began that was not only for their name."""
    return [request.first_byte for request in fake.asked if request.path.endswith(".safetensors")]


def blobs(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.parent.name == "blobs"]


@pytest.mark.parametrize(
    ("mood", "what", "cause"),
    [
        (401, "does not exist or is private", "unknown or private"),
        (404, "does not exist on the Hub", "unknown name"),
        (500, "server error", "Hub error"),
        (503, "server error", "Hub error"),
        ("hang", "did not answer in time", "no answer"),
        ("login page", "a wifi login page", "wifi login"),
        ("stop in weights", "did not answer in time", "no answer"),
        ("flip", f"The download of {NAME} was damaged; model.safetensors was deleted.", "damaged download"),
        ("short", f"The download of {NAME} failed", "download failed"),
    ],
)
def test_a_fault_is_told_in_one_message_and_trying_again_works_once_it_is_gone(
    fake_hub: FakeHub, mood: int | str, what: str, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub.mood = mood
    start = time.monotonic()
    error = refused()
    assert what in error.what
    assert error.cause == cause
    assert time.monotonic() - start < 10
    assert load_model("mini").n_layers == 12  # the dashboard goes on with what it has
    fake_hub.mood = "well"
    monkeypatch.setattr(hub, "STANDSTILL_LIMIT", 20.0)  # the client keeps its lock until the hanging answer ends
    assert load_model(NAME).source == "hub"
    assert load_model(NAME).source == "cache"


def test_a_download_that_is_cut_in_the_middle_goes_on_where_it_was(fake_hub: FakeHub) -> None:
    fake_hub.mood = "cut"
    assert load_model(NAME).source == "hub"
    *_, last = weights_asked_for(fake_hub)
    assert last >= WEIGHTS_BYTES // 4


def test_a_connection_that_is_torn_off_is_told_and_can_be_tried_again(fake_hub: FakeHub) -> None:
    fake_hub.mood = "reset"
    assert "closed the connection" in refused().what
    assert load_model(NAME).source == "hub"


def test_a_slow_link_shows_progress_and_is_not_given_up(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "STANDSTILL_LIMIT", 1.0)
    fake_hub.mood = "slow"
    told: list[float] = []
    start = time.monotonic()
    model = load_model(NAME, on_progress=lambda _, fraction: told.append(fraction or 0.0))
    assert model.source == "hub"
    assert time.monotonic() - start > hub.STANDSTILL_LIMIT
    middle = [fraction for fraction in told if 0 < fraction < 1]
    assert len(set(middle)) >= 3
    assert middle == sorted(middle)


def test_weights_that_do_not_fit_their_configuration_are_refused_and_mended(
    fake_hub: FakeHub, files: Path, cache: Path
) -> None:
    config = files / "config.json"
    right = config.read_text()
    config.write_text(json.dumps(json.loads(right) | {"n_layer": 11}))
    assert "has no layer for" in refused().what
    config.write_text(right)
    shutil.rmtree(cache)  # as the message says
    assert load_model(NAME).n_layers == 12


def test_a_missing_tokenizer_is_named(fake_hub: FakeHub, files: Path) -> None:
    (files / "tokenizer.json").rename(files / "elsewhere.txt")
    assert "no tokenizer" in refused().what
    (files / "elsewhere.txt").rename(files / "tokenizer.json")
    assert load_model(NAME).source == "hub"


@pytest.mark.parametrize(
    ("file", "why", "remedy", "cause"),
    [
        (
            "model.safetensors",
            "only pickled ones",
            f"from_pretrained('{NAME}').save_pretrained('converted')",
            "pickled weights",
        ),
        (
            "+adapter_config.json",
            "both a model and a PEFT adapter",
            f"from_pretrained('{NAME}')",
            "model and adapter",
        ),
        ("+modules.json", "sentence-transformers", "made from", "not a causal model"),
        ("config.json", "no config.json", "save_pretrained", "no config.json"),
    ],
)
def test_what_a_listing_lacks_is_told_with_what_helps_and_nothing_is_downloaded(
    fake_hub: FakeHub, files: Path, file: str, why: str, remedy: str, cause: str
) -> None:
    if file.startswith("+"):
        (files / file[1:]).write_text("{}")
    else:
        (files / file).unlink()
    error = refused()
    assert error.what.startswith(NAME)
    assert why in error.what
    assert remedy in str(error.remedy)
    assert error.cause == cause
    assert not weights_asked_for(fake_hub)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"model_type": "gpt2", "architectures": ["GPT2ForSequenceClassification"]}, "labels or scores"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "encoder-decoder"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "another task"),
    ],
)
def test_a_model_for_another_task_is_refused_before_it_is_downloaded(
    fake_hub: FakeHub, config: dict[str, object], why: str
) -> None:
    fake_hub.config = config
    error = refused()
    assert why in error.what
    assert error.cause == "not a causal model"
    assert not weights_asked_for(fake_hub)
    fake_hub.config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    assert load_model(NAME).source == "hub"


def test_what_is_wrong_with_a_cached_copy_is_told_where_the_hub_may_not_be_asked(
    fake_hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model(NAME)
    weights = cache / "models--someone--other" / "snapshots" / COMMIT / "model.safetensors"
    weights.rename(weights.with_name("pytorch_model.bin"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    error = refused()
    assert error.what.startswith(f"{NAME} in the local cache has no safetensors weights, only pickled ones")
    assert error.why == "HF_HUB_OFFLINE blocks the Hub."
    assert error.cause == "pickled weights"
    assert f"from_pretrained('{NAME}')" in str(error.remedy)


def test_a_cached_copy_that_decayed_is_fetched_again(fake_hub: FakeHub, cache: Path) -> None:
    load_model(NAME)
    blob = (cache / "models--someone--other" / "snapshots" / COMMIT / "model.safetensors").resolve()
    with blob.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    fake_hub.mood = 503
    assert "server error" in refused().what
    fake_hub.mood = "well"
    assert load_model(NAME).source == "hub"


def test_what_killed_downloads_left_is_cleared_away_but_not_what_still_grows(
    fake_hub: FakeHub, cache: Path
) -> None:
    place = cache / "models--someone--other" / "blobs"
    place.mkdir(parents=True)
    old, fresh = place / "aa.11.incomplete", place / "bb.22.incomplete"
    old.write_bytes(b"half")
    os.utime(old, (time.time() - 3600,) * 2)
    fresh.write_bytes(b"half")
    load_model(NAME)
    assert not old.exists()
    assert fresh.exists()


# --- disks, told by the operating system itself ----------------------------------------------------------------

FETCH = """
import shutil, sys
from attn_core import ModelUnavailable, load_model
if sys.argv[1] == "fills":  # while it is downloaded: there was room when it was asked
    shutil.disk_usage = lambda place: shutil._ntuple_diskusage(10**12, 0, 10**12)
try:
    print("loaded from", load_model("someone/other").source)
except ModelUnavailable as error:
    print(error)
"""


def on_a_disk(options: str, fake: FakeHub, home: Path, how: str = "") -> str:
    """What loading says when the Hub's cache lies on a disk of its own, mounted with these options."""
    home.mkdir()
    mount = f"mount -t tmpfs -o {options} none {home}"
    script = f"{mount} && exec {sys.executable} -c '{FETCH}' '{how}'"
    environment = {**os.environ, "HF_ENDPOINT": fake.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        env=environment,
        cwd=Path(hub.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this system lets users mount no disks")
    return done.stdout


@pytest.mark.skipif(shutil.which("unshare") is None, reason="only Linux mounts disks for one process")
class TestDisks:
    def test_a_disk_with_too_little_room_is_told_before_the_download(
        self, fake_hub: FakeHub, tmp_path: Path
    ) -> None:
        assert "Not enough disk space for someone/other" in on_a_disk("size=2m", fake_hub, tmp_path / "home")
        assert not weights_asked_for(fake_hub)

    def test_a_disk_that_fills_up_meanwhile_is_told(self, fake_hub: FakeHub, tmp_path: Path) -> None:
        assert "The disk is full" in on_a_disk("size=2m", fake_hub, tmp_path / "home", "fills")

    def test_a_cache_that_cannot_be_written_is_told(self, fake_hub: FakeHub, tmp_path: Path) -> None:
        assert "Can't write to the Hub cache" in on_a_disk("ro,size=20m", fake_hub, tmp_path / "home")

    def test_a_disk_with_room_is_used(self, fake_hub: FakeHub, tmp_path: Path) -> None:
        assert on_a_disk("size=20m", fake_hub, tmp_path / "home") == "loaded from hub\n"


# --- memory ----------------------------------------------------------------------------------------------------


def test_a_model_too_large_for_the_memory_is_refused_before_it_is_downloaded(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = WEIGHTS_BYTES + ROOM_TO_RUN
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=needed - 1))
    error = refused()
    assert error.what.startswith(f"{NAME} needs about {needed / 1e6:,.0f} MB of memory; ")
    assert str(error.remedy) == "Choose a smaller model, or choose another model."
    assert error.cause == "too large"
    assert not weights_asked_for(fake_hub)
    assert hub.find_snapshot(NAME, lambda *_: None).source == "hub"  # to be carried elsewhere


def test_a_model_is_loaded_if_its_memory_is_there_to_the_byte_and_refused_with_one_less(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = sum(parameter.numel() for parameter in load_model(str(files)).network.parameters())
    needed = 4 * numbers + ROOM_TO_RUN
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=needed - 1))
    assert f"{4 * numbers / 1e6:,.0f} MB" in refused(str(files)).what
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=needed))
    assert load_model(str(files)).n_layers == 12


def test_the_bundled_model_is_left_when_there_is_memory_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=0))
    assert load_model("mini").n_layers == 12


def take_more_than_there_is(*_: object, **__: object) -> None:
    """Fail as torch does where it asks for little, and there is less."""
    try:
        torch.empty(2**50)
    except RuntimeError as error:
        raise RuntimeError(str(error).replace(str(4 * 2**50), "1000")) from None


def test_a_model_for_which_there_is_no_memory_after_all_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_endless_gpt2(tmp_path, width=24)
    with monkeypatch.context() as full:
        full.setattr(transformers.AutoModelForCausalLM, "from_pretrained", take_more_than_there_is)
        error = refused(str(folder))
    assert str(error) == (
        f"There is not enough memory to load {folder}. Choose a smaller model and try again, or choose another model."
    )
    assert error.cause == "too large"
    assert load_model(str(folder)).n_layers == 12


def test_a_page_for_which_there_is_no_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attn_core.runs.capturing.capture", take_more_than_there_is)
    app = dashboard("head_view", prompt="Words that nobody has typed before")
    assert not app.exception
    assert complaints(app) == ["There is not enough memory for this. Shorten the prompt, or try again later."]


def test_a_prompt_whose_attention_does_not_fit_is_refused_before_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "ran ran ran ran the dog"
    app = dashboard("head_view")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10_000))
    app.text_area[0].set_value(words).run()
    (told,) = complaints(app)
    assert told.endswith("MB are free. Shorten the prompt, or try again later.")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**10))
    app.run()
    assert not complaints(app)


def test_the_memory_that_a_deployer_allows_is_that_of_the_whole_server(monkeypatch: pytest.MonkeyPatch) -> None:
    used = psutil.Process().memory_info().rss
    set_environment(monkeypatch, ATTN_MEMORY_MEGABYTES=used // 10**6 + 100)
    assert 50e6 < server_memory.free_memory() < 150e6
    monkeypatch.setattr(psutil.Process, "memory_info", lambda process: SimpleNamespace(rss=used + 200 * 10**6))
    assert server_memory.free_memory() == 0


@pytest.mark.parametrize(
    ("limit", "used", "reclaimable"),
    [
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, limit: str, used: str, reclaimable: str) -> None:
    for file, text in ((limit, "1000\n"), (used, "700\n")):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    ((tmp_path / limit).parent / "memory.stat").write_text(f"anon 1\n{reclaimable} 50\n")
    assert memory._left_in_container(tmp_path) == [350]
    (tmp_path / limit).write_text("max\n")
    assert memory._left_in_container(tmp_path) == []
    assert memory._left_in_container(tmp_path / "nowhere") == []


# --- many visitors at once -------------------------------------------------------------------------------------


def test_a_hundred_first_visitors_load_one_copy(fake_hub: FakeHub) -> None:
    loads, together = ModelLoads(), threading.Barrier(100)

    def visit(_: int) -> int:
        together.wait()
        return id(loads.start(NAME).result())

    with ThreadPoolExecutor(100) as visitors:
        assert len(set(visitors.map(visit, range(100)))) == 1
    assert len([request for request in fake_hub.requests if "/api/models/someone" in request]) == 1
    assert len(weights_asked_for(fake_hub)) <= 2  # one for the name of the weights, one for them


def test_visitors_who_try_again_at_once_begin_one_load(fake_hub: FakeHub) -> None:
    loads = ModelLoads()
    fake_hub.mood = 503
    failed = loads.start(NAME)
    assert isinstance(failed.result(), ModelUnavailable)
    assert failed.failed
    fake_hub.mood = "well"
    again: list[ModelLoad] = []
    for _ in range(5):
        loads.forget(failed)
        again.append(loads.start(NAME))
    assert len(set(map(id, again))) == 1
    assert not isinstance(again[0].result(), ModelUnavailable)


def test_models_that_nobody_could_have_do_not_push_out_one_that_is_in_use(tmp_path: Path) -> None:
    loads = ModelLoads(most_models=2, most_failures=3)
    kept = loads.start("mini")
    kept.result()
    for number in range(10):
        loads.start(str(tmp_path / f"nowhere {number}")).result()
    assert loads.start("mini") is kept


def test_the_model_used_least_recently_is_given_up(files: Path, tmp_path: Path) -> None:
    loads = ModelLoads(most_models=2)
    names = ["mini", str(files), str(shutil.copytree(files, tmp_path / "third"))]
    first, second = (loads.start(name) for name in names[:2])
    first.result(), second.result()
    assert loads.start("mini") is first
    loads.start(names[2]).result()
    assert loads.start("mini") is first
    again = loads.start(names[1])
    assert again is not second
    again.result()  # a load that goes on while Python ends would abort it


# --- what a public dashboard offers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpt2", "mini", " gpt2 "])
def test_listed_models_are_offered(name: str) -> None:
    check_allowed(name, ["gpt2"], None)


def test_where_no_list_is_set_any_model_is_offered() -> None:
    check_allowed("anything/at-all", [], None)
    check_allowed("/any/folder", [], None)


@pytest.mark.parametrize(
    "name",
    ["distilgpt2", "../offered/model", "/etc", "/etc/..", "~", "a\0b", "\ud83d", "", "offered/model", "gpt2/../x"],
)
def test_what_is_not_listed_is_refused_without_a_look(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "offered" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelUnavailable) as caught:
        check_allowed(name, ["gpt2"], str(tmp_path / "offered"))
    assert caught.value.lasting
    assert caught.value.cause == "not offered"
    assert "is not available on this public dashboard. Choose gpt2 or mini, or run" in str(caught.value)


def test_folders_of_the_root_are_offered_and_those_outside_are_not_wherever_links_lead(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "model").mkdir(parents=True)
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (tmp_path / "root2").mkdir()
    check_allowed(str(root / "model"), ["gpt2"], str(root))
    for refused_name in (root, root / "link", root / ".." / "outside", tmp_path / "root2", outside):
        with pytest.raises(ModelUnavailable):
            check_allowed(str(refused_name), ["gpt2"], str(root))
