"""Load the tokenizer of a model's folder, and check that it belongs to the network."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, cast

from attn_core.errors import Remedy, UnusableModel
from attn_core.models.config import reason
from attn_core.models.folder import SENTENCEPIECE_FILES, python_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PLAIN_ENGLISH = "The dog on the ship ran off, and nobody found it."


def load_tokenizer(folder: Path, network: PreTrainedModel) -> PreTrainedTokenizerBase:
    """Return a folder's tokenizer; raises `UnusableModel` if it can't be read or belongs to another network."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, config=network.config, local_files_only=True, trust_remote_code=False
        )
        ids = tokenizer(PLAIN_ENGLISH)["input_ids"]
    except Exception as error:  # foreign files make transformers raise almost anything
        raise _unreadable_tokenizer(folder, error) from error
    if not ids or len(tokenizer) <= len(tokenizer.all_special_ids):
        raise UnusableModel("Its tokenizer has no vocabulary.", _SAVE_TOKENIZER, cause="no vocabulary")
    n_embeddings = network.get_input_embeddings().num_embeddings
    n_unknown = sum(token_id >= n_embeddings for token_id in ids)
    # a few extra tokens, such as one for padding, are harmless unless somebody types them
    if n_unknown > len(ids) / 5 or len(tokenizer) > 1.25 * n_embeddings:
        raise UnusableModel(
            f"Its tokenizer belongs to another model: it has {len(tokenizer):,} tokens and its network "
            f"{n_embeddings:,}.",
            _SAVE_TOKENIZER,
            cause="wrong tokenizer",
        )
    return cast("PreTrainedTokenizerBase", tokenizer)


_SAVE_TOKENIZER = Remedy(
    "Save the tokenizer it was trained with in its folder, with  tokenizer.save_pretrained(folder),",
    has_alternative=True,
)


def _unreadable_tokenizer(folder: Path, error: Exception) -> UnusableModel:
    """Return the error for a tokenizer that can't be read, with the package that it needs if one is missing."""
    file = next((file for file in SENTENCEPIECE_FILES if (folder / file).is_file()), None)
    if file is None:
        file = next((path.name for path in sorted(folder.glob("*tiktoken*"))), None)
    if file is None or (folder / "tokenizer.json").is_file():
        return UnusableModel(
            f"Its tokenizer could not be read: {reason(error)}", _SAVE_TOKENIZER, cause="unreadable tokenizer"
        )
    is_sentencepiece = (folder / file).read_bytes()[:1] == b"\n"  # as protobuf messages start
    packages = "sentencepiece protobuf" if is_sentencepiece else "tiktoken"
    package = packages.split()[0]
    if importlib.util.find_spec(package) is not None:
        return UnusableModel(
            f"Its {file} could not be read: {reason(error)}", _SAVE_TOKENIZER, cause="unreadable tokenizer"
        )
    place = str(folder)
    code = "from transformers import AutoTokenizer as T; "
    code += f"T.from_pretrained({place!r}).save_pretrained({place!r})"
    return UnusableModel(
        f"Its tokenizer is a {file}, which needs the package {package}.",
        f"Run  pip install {packages}  and restart, or write a tokenizer.json where it is installed with  "
        f"{python_line(code)}.",
        cause="missing package",
    )
