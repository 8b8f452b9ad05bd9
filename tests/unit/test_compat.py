"""Names that other packages do not document are still where this project uses them.

A test that fails here says which function of `attn_core.compat` an upgrade has broken, and what it was for.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartParser
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.media_file_manager import DeferredCallableEntry, MediaFileManager, MediaFileMetadata
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from transformers import GPT2Config, LlamaConfig

from attn_core import compat

NAMES = [
    ("transformers.masking_utils", "AttentionMaskInterface", "register_attention: masks for recorded attention"),
    ("transformers.masking_utils", "sdpa_mask", "register_attention: masks for recorded attention"),
    (
        "transformers.integrations.sdpa_attention",
        "sdpa_attention_forward",
        "sdpa_attention: attention that is not recorded",
    ),
    ("transformers.pytorch_utils", "Conv1D", "matrix_types: GPT-2's output matrices"),
    (
        "transformers.models.auto.modeling_auto",
        "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
        "causal_types: whether a model predicts the next token",
    ),
    (
        "transformers.models.auto.modeling_auto",
        "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
        "masked_types: why a model is refused",
    ),
    (
        "transformers.models.auto.modeling_auto",
        "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
        "multimodal_types: the text part of a model",
    ),
    (
        "transformers.models.auto.modeling_auto",
        "MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES",
        "multimodal_types: the text part of a model",
    ),
    (
        "transformers.models.auto.modeling_auto",
        "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
        "encoder_decoder_types: why a model is refused",
    ),
    (
        "transformers.models.auto.modeling_auto",
        "MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES",
        "encoder_decoder_types: why a model is refused",
    ),
    (
        "transformers.models.auto.configuration_auto",
        "CONFIG_MAPPING_NAMES",
        "is_known_type: whether an upgrade would help",
    ),
    ("transformers.models.auto.configuration_auto", "CONFIG_MAPPING", "config_class: reading a config.json"),
    ("huggingface_hub.constants", "HF_HUB_CACHE", "hub_cache: the folder of downloaded models"),
    ("huggingface_hub.constants", "ENDPOINT", "hub_endpoint: the address in messages"),
    ("huggingface_hub.constants", "HF_HUB_OFFLINE", "hub_out_of_reach: `attn-core check`"),
    ("huggingface_hub.constants", "DOWNLOAD_CHUNK_SIZE", "set_download_chunk: progress on slow links"),
    ("huggingface_hub.file_download", "repo_folder_name", "cached_blobs: sweeping away unfinished downloads"),
    ("streamlit.runtime", "Runtime", "is_server: whether the upkeep starts"),
    ("streamlit.navigation.page", "StreamlitPage", "StreamlitPage: the type of the pages in the bar"),
    ("streamlit.config", "get_config_options", "streamlit_settings: `attn-core check`"),
    ("streamlit.net_util", "get_external_ip", "disable_external_ip_lookup: web sockets of other sites"),
    ("streamlit.runtime.uploaded_file_manager", "DeletedFile", "is_deleted_upload: recordings that were opened"),
]


@pytest.mark.parametrize(("module", "name", "use"), NAMES, ids=[name for _, name, _ in NAMES])
def test_a_name_is_where_it_was(module: str, name: str, use: str) -> None:
    try:
        found = hasattr(importlib.import_module(module), name)
    except ImportError:
        found = False
    assert found, f"{module} no longer has {name}. It serves attn_core.compat.{use}."


def test_the_parts_of_streamlits_server_that_are_used_are_there() -> None:
    from streamlit.runtime import Runtime
    from streamlit.runtime.session_manager import SessionManager

    sentence = "Streamlit's server has changed: see expire_sessions and count_sessions in attn_core.compat."
    assert hasattr(Runtime, "_get_async_objs"), sentence
    assert hasattr(SessionManager, "list_active_sessions"), sentence
    storage = MemorySessionStorage()
    assert storage.list() == []
    cache: Any = storage._cache
    cache.expire()


def test_nobody_outside_is_asked_for_the_address_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit import net_util
    from streamlit.web.server import server_util

    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    asked: list[str] = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda url, timeout: asked.append(url))
    compat.disable_external_ip_lookup()
    assert not server_util.is_url_from_allowed_origins("http://elsewhere.example")
    assert server_util.is_url_from_allowed_origins("http://localhost:8501")
    assert not asked, "Streamlit asks in another way: see disable_external_ip_lookup in attn_core.compat."


def test_an_upload_arrives_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultiPartParser, "spool_max_size", MultiPartParser.spool_max_size)
    body = b'--edge\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"x" * 2**21
    body += b"\r\n--edge--\r\n"

    async def is_in_memory() -> bool:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield body

        form = await MultiPartParser(
            Headers({"content-type": "multipart/form-data; boundary=edge"}), chunks()
        ).parse()
        upload = form["f"]
        assert isinstance(upload, UploadFile)
        return not upload.file._rolled  # type: ignore[attr-defined]

    assert not asyncio.run(is_in_memory())
    compat.keep_arriving_uploads_in_memory(2**22)
    sentence = "Starlette keeps uploads in another way: see keep_arriving_uploads_in_memory in attn_core.compat."
    assert asyncio.run(is_in_memory()), sentence


def test_uploads_are_announced_counted_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "Streamlit keeps uploads in another way: see the functions for uploads in attn_core.compat."
    monkeypatch.setattr(MemoryUploadedFileManager, "get_upload_urls", MemoryUploadedFileManager.get_upload_urls)
    announced: list[tuple[str, str]] = []
    compat.on_upload_announced(lambda session, file: announced.append((session, file)))
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    monkeypatch.setattr(compat, "_streamlit_server", lambda: SimpleNamespace(uploaded_file_mgr=manager))
    (address,) = manager.get_upload_urls("visitor", ["a.npz"])
    assert announced == [("visitor", address.file_id)], sentence
    assert address.upload_url.startswith(compat.UPLOAD_PATH), sentence
    record = UploadedFileRec(address.file_id, "a.npz", "", b"12345")
    manager.add_file("visitor", record)
    assert compat.stored_uploads() == {"visitor": 5}, sentence
    monkeypatch.setattr(compat, "is_server", lambda: True)
    context = SimpleNamespace(session_id="visitor")
    monkeypatch.setattr("streamlit.runtime.scriptrunner.get_script_run_ctx", lambda: context)
    compat.delete_upload(UploadedFile(record, FileURLs(file_id=address.file_id)))
    assert compat.stored_uploads() == {"visitor": 0}, sentence
    assert not compat.is_deleted_upload(UploadedFile(record, FileURLs(file_id=address.file_id)))


def test_a_file_made_at_a_click_is_deleted_only_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "Streamlit deletes files in another way: see keep_downloads in attn_core.compat."
    monkeypatch.setattr(MediaFileMetadata, "mark_for_delete", MediaFileMetadata.mark_for_delete)
    manager = MediaFileManager(MemoryMediaFileStorage("/media"))
    manager._deferred_callables["made"] = DeferredCallableEntry(
        callable=lambda: b"1", mimetype="text/csv", filename="a.csv", coordinates="", session_id="", element_id=""
    )
    compat.keep_downloads(60)
    file = manager.execute_deferred("made").removeprefix("/media/").removesuffix(".csv")
    # Streamlit deletes what was marked when it looked before.
    for seconds, is_kept in ((0.0, True), (59.0, True), (60.0, True), (60.0, False)):
        monkeypatch.setattr(time, "monotonic", partial(float, seconds))
        manager.remove_orphaned_files()
        assert (manager.read_file(file) is not None) == is_kept, sentence


def test_a_configuration_tells_its_attention() -> None:
    config = LlamaConfig(attn_implementation="eager")
    assert compat.attention_name(config) == "eager", (
        "transformers keeps the name of a network's attention elsewhere: see attention_name in attn_core.compat."
    )


def test_unrecorded_attention_is_computed_as_torch_does() -> None:
    query, key, value = torch.randn(3, 1, 2, 5, 4)
    module = torch.nn.Module()
    module.is_causal = True  # type: ignore[assignment]
    output, _ = compat.sdpa_attention(module, query, key, value, None, is_causal=True)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    torch.testing.assert_close(output.transpose(1, 2), expected)


def test_types_of_models_are_told_apart() -> None:
    assert compat.causal_types()["gpt2"] == "GPT2LMHeadModel"
    assert "bert" in compat.masked_types()
    assert "llava" in compat.multimodal_types()
    assert any("t5" in mapping for mapping in compat.encoder_decoder_types())
    assert compat.is_known_type("gpt2")
    assert not compat.is_known_type("gpt2000")
    assert compat.config_class("gpt2") is GPT2Config


def test_the_hubs_client_calls_the_bar_as_it_expects() -> None:
    class Bar(compat.DownloadBar):
        n_bytes = 0

        def advance(self, n_bytes: int) -> None:
            Bar.n_bytes += n_bytes

    with Bar(total=10, unit="B") as bar:
        bar.update(3)
        bar.update_transfer(9)
        bar.update(None)
        bar.set_postfix_str("1 MB/s")
        bar.set_description("model")
        bar.refresh()
    assert Bar.n_bytes == 3


@pytest.fixture
def constants() -> Iterator[Any]:
    from huggingface_hub import constants

    before = constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_OFFLINE
    yield constants
    constants.DOWNLOAD_CHUNK_SIZE, constants.HF_HUB_OFFLINE = before


def test_the_hubs_client_is_set(constants: Any) -> None:
    compat.set_download_chunk(1234)
    assert constants.DOWNLOAD_CHUNK_SIZE == 1234
    before = constants.HF_HUB_OFFLINE
    with compat.hub_out_of_reach():
        assert constants.HF_HUB_OFFLINE is True
    assert before == constants.HF_HUB_OFFLINE
    assert compat.cached_blobs("some/one") == Path(compat.hub_cache()) / "models--some--one" / "blobs"
    assert compat.hub_endpoint().startswith("http")


def test_streamlits_settings_are_read_by_name() -> None:
    assert compat.streamlit_settings()["browser.gatherUsageStats"] in (True, False)
    assert not compat.is_server()
