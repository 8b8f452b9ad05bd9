"""Undocumented names of other packages, all in one place.

Each is used by one function here and nowhere else, and has a test that shows what breaks if an upgrade moves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage as StreamlitPage
    from torch import Tensor, nn
    from transformers import PreTrainedConfig

# --- transformers ---------------------------------------------------------------------------------------------


def register_attention(name: str, function: Callable[..., Any]) -> None:
    """Register an attention function with transformers, with the masks used for scaled dot-product attention."""
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

    AttentionInterface.register(name, function)
    AttentionMaskInterface.register(name, sdpa_mask)


def sdpa_attention(*args: Any, **kwargs: Any) -> tuple[Tensor, None]:
    """Compute attention with transformers' own scaled dot-product function."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    return cast("tuple[Tensor, None]", sdpa_attention_forward(*args, **kwargs))


def attention_name(config: PreTrainedConfig) -> str | None:
    """Return the name of the registered attention function that a network of this configuration uses."""
    return cast("str | None", config._attn_implementation)


def matrix_types() -> tuple[type[nn.Module], ...]:
    """Return the modules that multiply by a matrix: torch's, and GPT-2's own, which stores it transposed."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    return nn.Linear, Conv1D


def causal_types() -> Mapping[str, str]:
    """Return the types for which transformers has a causal language model, each with its class name."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return cast("Mapping[str, str]", MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def masked_types() -> Mapping[str, str]:
    """Return the types for which transformers has a masked language model, each with its class name."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return cast("Mapping[str, str]", MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def multimodal_types() -> Mapping[str, str]:
    """Return the types for which transformers has a model of text with images or sound, with class names."""
    from transformers.models.auto import modeling_auto as auto

    return {**auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES, **auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES}


def encoder_decoder_types() -> tuple[Mapping[str, str], ...]:
    """Return the types that turn one text, or speech, into another text, with class names."""
    from transformers.models.auto import modeling_auto as auto

    return auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES, auto.MODEL_FOR_SPEECH_SEQ_2_SEQ_MAPPING_NAMES


def is_known_type(model_type: str) -> bool:
    """Return whether transformers has a configuration of this type."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return model_type in CONFIG_MAPPING_NAMES


def config_class(model_type: str) -> Any:
    """Return the configuration class of a type."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return CONFIG_MAPPING[model_type]


# --- the client of the Hugging Face Hub -----------------------------------------------------------------------


def hub_cache() -> Path:
    """Return the folder of the Hub's local cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE).expanduser()


def hub_endpoint() -> str:
    """Return the address of the Hub."""
    from huggingface_hub.constants import ENDPOINT

    return ENDPOINT


def cached_blobs(name: str) -> Path:
    """Return the folder in which the cache keeps the files of a model, each named by its hash."""
    from huggingface_hub.file_download import repo_folder_name

    return hub_cache() / repo_folder_name(repo_id=name, repo_type="model") / "blobs"


def set_download_chunk(n_bytes: int) -> None:
    """Set the number of bytes in which downloads are written and reported."""
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = n_bytes


@contextmanager
def hub_out_of_reach() -> Iterator[None]:
    """Keep the client offline while the block runs."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


class DownloadBar:
    """A stand-in for the tqdm progress bar of `hf_hub_download`; a subclass overrides `advance`."""

    def __init__(self, **kwargs: Any) -> None:
        pass

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def advance(self, n_bytes: int) -> None:
        """Handle a sign of progress: `n_bytes` more are on disk."""

    def update(self, n: float | None = 1) -> None:
        """Count bytes that are on disk."""
        self.advance(int(n or 0))

    def update_transfer(self, n: float | None = 1) -> None:
        """Handle bytes that came over the network and may not be written yet."""
        self.advance(0)

    def set_postfix_str(self, *args: Any, **kwargs: Any) -> None:
        """Ignore the rate, which is not shown."""

    set_transfer_postfix_str = set_description_str = set_description = set_postfix_str

    def refresh(self) -> None:
        """Draw nothing."""

    close = refresh


# --- Streamlit ------------------------------------------------------------------------------------------------

# The ends of its addresses, after the path under which the dashboard is served.
STREAM_PATH = "/_stcore/stream"
HEALTH_PATH = "/_stcore/health"
METRICS_PATH = "/_stcore/metrics"
UPLOAD_PATH = "/_stcore/upload_file/"  # then the session and the file


def is_running() -> bool:
    """Return whether Streamlit runs, as a server or inside its test framework."""
    from streamlit import runtime

    return runtime.exists()


def is_server() -> bool:
    """Return whether Streamlit runs as a server, rather than inside its test framework."""
    from streamlit import runtime

    return runtime.exists() and type(runtime.get_instance()) is runtime.Runtime


def expire_sessions() -> None:
    """Drop sessions that can no longer reconnect; Streamlit does so itself only when another one disconnects."""
    server = _streamlit_server()
    loop = server._get_async_objs().eventloop
    if not loop.is_closed():
        loop.call_soon_threadsafe(server._session_mgr._session_storage._cache.expire)


def count_sessions() -> tuple[int, int]:
    """Return the number of connected sessions, and of those that may still reconnect."""
    manager = _streamlit_server()._session_mgr
    return len(manager.list_active_sessions()), len(manager._session_storage.list())


def keep_downloads(seconds: float) -> None:
    """Make Streamlit keep a file made at a click for at least so many seconds.

    It deletes such a file once two more runs of anybody's page have ended, which with many visitors happens before a
    slow link has asked for the file.
    """
    from streamlit.runtime.media_file_manager import MediaFileMetadata

    first_marked: WeakKeyDictionary[MediaFileMetadata, float] = WeakKeyDictionary()
    mark_for_delete = MediaFileMetadata.mark_for_delete

    def mark_if_old(file: MediaFileMetadata) -> None:
        now = time.monotonic()
        if now - first_marked.setdefault(file, now) >= seconds:
            mark_for_delete(file)

    MediaFileMetadata.mark_for_delete = mark_if_old  # type: ignore[assignment, method-assign]


def disable_external_ip_lookup() -> None:
    """Keep Streamlit from asking a service on the web for the address of this machine.

    It does so for each web socket from another site, and everybody waits meanwhile.
    """
    from streamlit import net_util

    def get_no_address() -> None:
        return None

    net_util.get_external_ip = get_no_address


def on_upload_announced(callback: Callable[[str, str], None]) -> None:
    """Call a function with the session and the file of each upload for which a page gets an address."""
    from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager

    get_upload_urls = MemoryUploadedFileManager.get_upload_urls

    def announce(manager: MemoryUploadedFileManager, session_id: str, file_names: Sequence[str]) -> Any:
        addresses = get_upload_urls(manager, session_id, file_names)
        for address in addresses:
            callback(session_id, address.file_id)
        return addresses

    MemoryUploadedFileManager.get_upload_urls = announce  # type: ignore[assignment, method-assign]


def keep_arriving_uploads_in_memory(n_bytes: int) -> None:
    """Let uploads of up to so many bytes arrive in memory rather than in a temporary file: a disk may be full."""
    from starlette.formparsers import MultiPartParser

    MultiPartParser.spool_max_size = n_bytes


def stored_uploads() -> dict[str, int]:
    """Return the bytes of uploads that Streamlit keeps for each session."""
    manager = _streamlit_server().uploaded_file_mgr
    with manager._lock:
        return {
            session: sum(len(file.data) for file in files.values())
            for session, files in manager.file_storage.items()
        }


def is_deleted_upload(file: Any) -> bool:
    """Return whether a file uploader holds a file whose bytes were given up."""
    from streamlit.runtime.uploaded_file_manager import DeletedFile

    return isinstance(file, DeletedFile)


def delete_upload(file: Any) -> None:
    """Give up the bytes of an uploaded file, which Streamlit would keep as long as the session."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    context = get_script_run_ctx()
    if context is not None and is_server():
        _streamlit_server().uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def streamlit_settings() -> dict[str, Any]:
    """Return Streamlit's settings on this machine, by name."""
    from streamlit import config

    return {name: option.value for name, option in config.get_config_options().items()}


def _streamlit_server() -> Any:  # its private parts are not typed
    """Return the running Streamlit server."""
    from streamlit import runtime

    return runtime.get_instance()
