"""The result of one run of a model: its tokens and all of its attention."""

from __future__ import annotations

import errno
import io
import math
import os
import reprlib
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from attn_core.errors import InvalidTrace
from attn_core.heads import head_label

FORMAT_VERSION = 1
MAX_TOKENS = 4096
MAX_BYTES = 1 << 30  # of attention, once unpacked
MAX_TOKEN_CHARACTERS = 1_000  # of a token; those of known tokenizers have at most a few hundred
MAX_TEXT_CHARACTERS = 1_000_000
MAX_NAME_CHARACTERS = 1_000  # of the model's name
_MAX_CHARACTERS = {
    "tokens": MAX_TOKEN_CHARACTERS,
    "next_tokens": MAX_TOKEN_CHARACTERS,
    "text": MAX_TEXT_CHARACTERS,
    "model": MAX_NAME_CHARACTERS,
}
ROW_SUM_TOLERANCE = 0.01  # float16 rounds each weight by up to 1 part in 2048
MAX_REPR_CHARACTERS = 60
_DAMAGED = "This recording is damaged. Save or copy it again."
_AFTER_SOFTMAX = "Use the weights after the softmax."
MIN_REMAINING = 1e-4  # of a row without its first token; below this it is the rounding of float16, not attention


def short_repr(text: str) -> str:
    """Return the `repr` of a text, with its middle left out if the text is long."""
    shortener = reprlib.Repr()
    shortener.maxstring = MAX_REPR_CHARACTERS
    return shortener.repr(text)


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The most probable next tokens after a text, the most probable first.

    Attributes:
        tokens: their texts.
        probabilities: float32 (n,), descending, each in [0, 1].
        token_ids: their ids in the vocabulary, which distinguish tokens with the same text; empty in a recording.

    >>> trace = capture(load_model("mini"), "The dog on the ship ran")
    >>> trace.prediction.tokens[0]
    ' after'
    >>> prediction = Prediction((" ran", " off"), np.array([0.75, 0.25]))
    >>> prediction
    Prediction(' ran' 0.750, ' off' 0.250)
    >>> prediction.probability_of(" off")
    0.25
    """

    tokens: tuple[str, ...]
    probabilities: NDArray[np.float32]
    token_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_lengths(self.tokens)
        values = np.asarray(self.probabilities, dtype=np.float32)
        if values.shape != (len(self.tokens),):
            raise InvalidTrace(
                f"{len(self.tokens)} next tokens have probabilities of shape {values.shape}. Give one for each."
            )
        if not (np.isfinite(values).all() and (values >= 0).all() and (values <= 1.001).all()):
            raise InvalidTrace("A next-token probability is not between 0 and 1. Give probabilities, not logits.")
        if (np.diff(values) > 0).any():
            raise InvalidTrace("The next tokens are not sorted. Put the most probable first.")
        values.flags.writeable = False
        object.__setattr__(self, "probabilities", values)

    def __repr__(self) -> str:
        best = ", ".join(f"{token!r} {probability:.3f}" for token, probability in self.top(3))
        return f"Prediction({best}{', …' if len(self.tokens) > 3 else ''})"

    def probability_of(self, token: str) -> float:
        """Return the token's probability; 0.0 for one that is not among those kept."""
        return float(self.probabilities[self.tokens.index(token)]) if token in self.tokens else 0.0

    def top(self, n: int) -> list[tuple[str, float]]:
        """Return the `n` most probable tokens with their probabilities."""
        return list(zip(self.tokens[:n], self.probabilities[:n].tolist(), strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class AttentionTrace:
    """The attention of one forward pass.

    Attributes:
        tokens: the texts of the n tokens; joined they give the text as the model read it. This is `text`, except
            for what the tokenizer changes: a start token or a space that it adds in front, capital letters that are
            not in its vocabulary. A token that holds only part of a character is an empty string, and the whole
            character is in the token that completes it.
        attention: float16 or float32 (n_layers, n_heads, n, n); [layer, head, query, key] is how much
            `query` attended to `key`. Rows sum to 1 and no query attends to a later key.
        model: the model's name.
        text: the prompt as it was typed.
        prediction: the most probable next tokens, if they were recorded.
        value_norms: float32 (n_layers, n_heads, n), if they were recorded: the length of the vector that a key
            adds to the residual stream when the head attends to nothing else.
        ablated: the (layer, head) pairs that were turned off.
        derived: made from another trace by leaving out or weighting keys. A row may sum to less than 1 or be
            all zeros, and the trace cannot be saved.
        first_hidden: made by `without_first_token`, so `tokens[0]` is not the token that idle heads attend to.

    Raises:
        InvalidTrace: shape or dtype is wrong. Whether the weights are valid attention is checked when they come
            from outside (`load`), not on each copy: on a long text the check takes longer than the model.

    >>> trace = capture(load_model("mini"), "The dog on the ship ran")
    >>> trace
    AttentionTrace('The dog on the ship ran', 6 tokens, 12 layers x 12 heads, mini)
    >>> trace.head(4, 3).shape
    (6, 6)
    """

    tokens: tuple[str, ...]
    attention: NDArray[Any]
    model: str = ""
    text: str = ""
    prediction: Prediction | None = None
    value_norms: NDArray[np.float32] | None = None
    ablated: tuple[tuple[int, int], ...] = ()
    derived: bool = False
    first_hidden: bool = False

    def __post_init__(self) -> None:
        _check_lengths(self.tokens, self.text, self.model)
        _check_shape(self.tokens, self.attention)
        self.attention.flags.writeable = False
        if self.value_norms is not None:
            _check_value_norms(self.value_norms, self.attention)
            self.value_norms.flags.writeable = False
        if not all(0 <= layer < self.n_layers and 0 <= head < self.n_heads for layer, head in self.ablated):
            raise InvalidTrace("The recording lists ablated heads that do not exist. Save it again.")

    def __repr__(self) -> str:
        parts = [
            short_repr(self.text or "".join(self.tokens)),
            f"{self.n_tokens} token{'' if self.n_tokens == 1 else 's'}",
            f"{self.n_layers} layers x {self.n_heads} heads",
        ]
        if self.model:
            parts.append(self.model)
        if self.ablated:
            parts.append(f"{len(self.ablated)} ablated")
        if self.derived:
            parts.append("derived")
        return f"AttentionTrace({', '.join(parts)})"

    def _repr_mimebundle_(self, *args: object, **kwargs: object) -> Any:
        """Show the grid of all heads in a notebook."""
        from attn_core.charts.grid import head_grid

        return head_grid(self)._repr_mimebundle_(*args, **kwargs)

    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return int(self.attention.shape[0])

    @property
    def n_heads(self) -> int:
        """The number of heads in each layer."""
        return int(self.attention.shape[1])

    @property
    def n_tokens(self) -> int:
        """The number of tokens."""
        return len(self.tokens)

    def head(self, layer: int, head: int) -> NDArray[np.float32]:
        """Return one head's weights, float32 (n_tokens, n_tokens): [query, key]."""
        return self.attention[layer, head].astype(np.float32)

    def without_first_token(self, *, rescale: bool = True) -> Self:
        """Return the trace without its first token.

        Args:
            rescale: whether to scale the rest of each row to sum to 1, for drawing. A row whose attention went
                entirely (in float16) to the first token has nothing left and is all zeros. If False, the weights
                stay as they were, for measuring, and rows sum to less than 1.

        Raises:
            InvalidTrace: there is no second token.
        """
        if self.n_tokens < 2:
            raise InvalidTrace("There is only one token, so it cannot be hidden. Use a longer prompt.")
        norms = None if self.value_norms is None else self.value_norms[:, :, 1:]
        rest = self.attention[:, :, 1:, 1:]
        if rescale:
            rest = renormalize(rest.astype(np.float32))
        return replace(
            self, tokens=self.tokens[1:], attention=rest, value_norms=norms, derived=True, first_hidden=True
        )

    def value_weighted(self) -> Self:
        """Return the trace with each weight multiplied by its key's value norm, and each row scaled to sum to 1.

        Attention shows where a head looks; this shows where its output comes from. A head that attends to a token
        whose value is near zero adds almost nothing (Kobayashi et al. 2020, "Attention is Not Only a Weight").
        Scaling rows to sum to 1 is not part of the paper; it lets them be drawn like attention.

        Raises:
            InvalidTrace: the value norms were not recorded.
        """
        if self.value_norms is None:
            raise InvalidTrace("This trace does not include value norms. Capture the prompt again.")
        weighted = np.empty(self.attention.shape, dtype=np.float16)
        for layer, (weights, norms) in enumerate(zip(self.attention, self.value_norms, strict=True)):
            weighted[layer] = renormalize(weights.astype(np.float32) * norms[:, None], smallest=1e-12)
        return replace(self, attention=weighted, value_norms=None, derived=True)

    def save(self, file: str | Path | IO[bytes]) -> None:
        """Write the trace as a compressed `.npz`; a path is written atomically.

        Raises:
            ValueError: the trace is derived.
        """
        if self.derived:
            raise ValueError("This trace was computed from another one. Save that one.")
        arrays = self._to_arrays()
        if isinstance(file, str | Path):
            path = Path(file) if str(file).endswith(".npz") else Path(f"{file}.npz")  # as NumPy names it
            with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as unfinished:
                np.savez_compressed(Path(unfinished) / path.name, **arrays)
                os.replace(Path(unfinished) / path.name, path)
        else:
            np.savez_compressed(file, **arrays)

    def _to_arrays(self) -> dict[str, Any]:
        """Return the arrays of the trace file by name."""
        arrays: dict[str, Any] = {
            "tokens": np.array(self.tokens),
            "attention": self.attention,
            "model": np.array(self.model),
            "text": np.array(self.text),
            "version": np.array(FORMAT_VERSION),
        }
        if self.prediction is not None:
            arrays["next_tokens"] = np.array(self.prediction.tokens)
            arrays["next_probabilities"] = self.prediction.probabilities
        if self.value_norms is not None:
            arrays["value_norms"] = self.value_norms
        if self.ablated:
            arrays["ablated"] = np.array(self.ablated, dtype=np.int32)
        return arrays

    def to_bytes(self) -> bytes:
        """Return the file that `save` writes, as bytes."""
        buffer = io.BytesIO()
        self.save(buffer)
        return buffer.getvalue()

    @classmethod
    def load(cls, file: str | Path | IO[bytes], *, max_bytes: int = MAX_BYTES) -> Self:
        """Open a trace file.

        Args:
            file: a path, or a file opened for reading bytes.
            max_bytes: the most bytes that each of its arrays may take once it is unpacked.

        Raises:
            InvalidTrace: the file is not a complete and valid recording; the message says what is wrong.
            OSError: the file cannot be read at all.
        """
        try:
            with zipfile.ZipFile(file) as archive:
                arrays = {name: _read_array(archive, name, max_bytes) for name in ("tokens", "attention")}
                names = set(archive.namelist())
                for name in ("model", "text", "next_tokens", "next_probabilities", "value_norms", "ablated"):
                    if f"{name}.npy" in names:
                        arrays[name] = _read_array(archive, name, max_bytes)
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            NotImplementedError,
            RuntimeError,
            EOFError,
        ) as error:
            raise InvalidTrace("This is not a complete .npz archive. Save or copy it again.") from error
        except MemoryError as error:
            raise InvalidTrace(
                "There is not enough memory to unpack it. Try again later, or record a shorter prompt."
            ) from error
        except (ValueError, struct.error, SyntaxError) as error:
            if isinstance(error, InvalidTrace):
                raise
            raise InvalidTrace(_DAMAGED) from error
        except Exception as error:  # zlib.error and anything else that a hostile archive makes zipfile raise
            # For bad data bz2 raises an OSError without a number; seeking before the start of a file raises EINVAL.
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise InvalidTrace(_DAMAGED) from error
        return cls._from_arrays(arrays)

    @classmethod
    def from_attentions(
        cls, attentions: Any, tokens: Sequence[str], *, model: str = "", text: str | None = None
    ) -> Self:
        """Make a trace from attention that you computed yourself, for one text.

        Load the network with `attn_implementation="eager"` (sdpa returns no attention), leave it in eval mode,
        run it once over the whole text, and get the tokens' texts from `attn_core.token_texts`; joined they give
        the text, even if a character was split into several tokens:

            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            attentions = network(ids, output_attentions=True).attentions
            trace = AttentionTrace.from_attentions(attentions, token_texts(tokenizer, ids[0].tolist()))

        Args:
            attentions: one (1, n_heads, n, n) or (n_heads, n, n) for each layer, or all of them as one array
                (n_layers, n_heads, n, n): torch tensors on any device, or arrays, of any numeric dtype. They are
                copied as float16.
            tokens: the texts of the n tokens.
            model: the model's name.
            text: the prompt; by default the tokens joined.

        Raises:
            InvalidTrace: they are not the attention of a causal language model over one text, or the tokens don't
                fit; the message says what to do.
        """
        texts = _check_texts(tokens)
        attention = _stack_layers(attentions)
        if attention.shape[2] != len(texts):
            raise InvalidTrace(
                f"There are {len(texts)} tokens but attention for {attention.shape[2]}. Give the text of each "
                "input token, as token_texts does."
            )
        _check_weights(
            attention,
            "Give the weights after the softmax of a causal language model in eval mode (network.eval()).",
        )
        return cls(texts, attention, model, "".join(texts) if text is None else text)

    @classmethod
    def _from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Make a trace from the arrays of a trace file; raises `InvalidTrace` if they are not one."""
        tokens = _strings(arrays["tokens"], "tokens")
        prediction = None
        if "next_tokens" in arrays and "next_probabilities" in arrays:
            probabilities = arrays["next_probabilities"]
            if probabilities.dtype.kind != "f":
                raise InvalidTrace("The recording's next-token probabilities are not numbers. Save it again.")
            prediction = Prediction(_strings(arrays["next_tokens"], "next tokens"), probabilities)
        attention = arrays["attention"]
        _check_shape(tokens, attention)
        _check_weights(attention)
        return cls(
            tokens=tokens,
            attention=attention,
            model=_string(arrays.get("model")),
            text=_string(arrays.get("text")) or "".join(tokens),
            prediction=prediction,
            value_norms=_floats(arrays.get("value_norms")),
            ablated=_heads(arrays.get("ablated")),
        )


def _check_texts(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the tokens as a tuple; raises `InvalidTrace` if they are not a list of texts."""
    texts = () if isinstance(tokens, str) else tuple(tokens)
    if not texts or not all(isinstance(token, str) for token in texts):
        raise InvalidTrace("The tokens must be a list of texts. Make them from the token ids with token_texts.")
    return texts


def _stack_layers(attentions: Any) -> NDArray[np.float16]:
    """Return a network's attention, given layer by layer, as one float16 (n_layers, n_heads, n, n)."""
    layers = _check_layers(attentions)
    arrays = (_one_text(_to_array(layer), number) for number, layer in enumerate(layers))
    first = next(arrays)  # one at a time: no second copy of a large trace
    stacked = np.empty((len(layers), *first.shape), dtype=np.float16)
    stacked[0] = first
    for number, array in enumerate(arrays, 1):
        if array.shape != first.shape:
            raise InvalidTrace(
                f"Layer {number} has attention of shape {array.shape} and layer 0 of shape {first.shape}. Give "
                "layers with the same number of heads."
            )
        stacked[number] = array
    return stacked


def _check_layers(attentions: Any) -> list[Any]:
    """Return a network's attention as a list of layers; raises `InvalidTrace` if it is not one for each layer."""
    try:
        layers = [] if attentions is None else list(attentions)
    except TypeError:
        raise InvalidTrace(
            "Attention must be a tensor or an array for each layer. Give network(…).attentions."
        ) from None
    if not layers or any(layer is None for layer in layers):
        raise InvalidTrace(
            'There is no attention. Load the network with attn_implementation="eager" and call it with '
            "output_attentions=True."
        )
    if any(isinstance(layer, tuple | list) for layer in layers):
        raise InvalidTrace(
            "This is the attention of each step of generate(). Run the network once on the whole text and give its "
            ".attentions."
        )
    return layers


def _to_array(layer: Any) -> NDArray[np.float16]:
    """Return a torch tensor, or anything that NumPy reads, as a float16 array."""
    if hasattr(layer, "detach"):
        layer = layer.detach().cpu().float().numpy()  # NumPy has no bfloat16
    array = np.asarray(layer)
    if array.dtype.kind not in "fiu":
        raise InvalidTrace(
            f"Attention must be numbers, not {array.dtype}. Give the .attentions that the network returned."
        )
    with np.errstate(over="ignore"):  # values beyond float16's range are no weights; they are refused below
        return array.astype(np.float16)


def _one_text(layer: NDArray[np.float16], number: int) -> NDArray[np.float16]:
    """Return a layer's attention, (1, n_heads, n, n) or (n_heads, n, n), as (n_heads, n, n)."""
    if layer.ndim == 4 and len(layer) > 1:
        raise InvalidTrace(
            f"This is a batch of {len(layer)} texts. Give one of them, as [layer[:1] for layer in attentions]."
        )
    one = layer[0] if layer.ndim == 4 and len(layer) == 1 else layer
    if one.ndim != 3 or 0 in one.shape:
        raise InvalidTrace(
            f"Layer {number} has attention of shape {layer.shape}. Give one of shape (1, heads, tokens, tokens) "
            "for each layer."
        )
    if one.shape[1] != one.shape[2]:
        raise InvalidTrace(
            f"Layer {number} has {one.shape[1]} queries but {one.shape[2]} keys. Run the network on the whole text "
            "at once, without past_key_values."
        )
    return one


def _check_lengths(tokens: tuple[str, ...], text: str = "", model: str = "") -> None:
    """Raise `InvalidTrace` if a text has more characters than a page could show."""
    for what, longest, most in (
        ("A token", max(map(len, tokens), default=0), MAX_TOKEN_CHARACTERS),
        ("The text", max(len(text), sum(map(len, tokens))), MAX_TEXT_CHARACTERS),
        ("The name of the model", len(model), MAX_NAME_CHARACTERS),
    ):
        if longest > most:
            raise InvalidTrace(f"{what} has {longest:,} characters; the limit is {most:,}. Shorten it.")


def _check_shape(tokens: tuple[str, ...], attention: NDArray[Any]) -> None:
    """Check that attention is float16 or float32 of shape (n_layers, n_heads, n_tokens, n_tokens)."""
    if attention.dtype not in (np.float16, np.float32):
        raise InvalidTrace(f"Attention is {attention.dtype}. Convert it to float16 or float32.")
    if attention.ndim != 4 or attention.shape[2] != attention.shape[3] or 0 in attention.shape:
        raise InvalidTrace(
            f"Attention has the shape {attention.shape}. It must be (layers, heads, tokens, tokens)."
        )
    if len(tokens) != attention.shape[2]:
        raise InvalidTrace(
            f"There are {len(tokens)} tokens but attention for {attention.shape[2]}. Give one token for each row."
        )


def _check_value_norms(norms: NDArray[Any], attention: NDArray[Any]) -> None:
    """Check that value norms are numbers of 0 or more of shape (n_layers, n_heads, n_tokens)."""
    if norms.shape != attention.shape[:3]:
        raise InvalidTrace(
            f"The value norms have the shape {norms.shape}, not {attention.shape[:3]}. Save the recording again."
        )
    if not np.isfinite(norms).all() or norms.min() < 0:
        raise InvalidTrace("A value norm is not a number of 0 or more. Save the recording again.")


def renormalize(weights: NDArray[np.float32], *, smallest: float = MIN_REMAINING) -> NDArray[np.float16]:
    """Scale rows (…, n_tokens) to sum to 1; those that sum to `smallest` or less become zeros."""
    sums = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, sums, out=np.zeros_like(weights), where=sums > smallest).astype(np.float16)


def _check_weights(attention: NDArray[Any], remedy: str | None = None) -> None:
    """Raise `InvalidTrace` if weights (n_layers, n_heads, n_tokens, n_tokens) are not causal attention."""
    n = attention.shape[-1]
    future = np.triu(np.ones((n, n), dtype=bool), 1)
    for layer, weights in enumerate(attention):  # a layer at a time: no second copy of a large trace
        sums = weights.sum(axis=-1, dtype=np.float32)
        if not np.isfinite(sums).all():
            raise InvalidTrace(f"Layer {layer}: some weights are NaN or infinite. {remedy or _AFTER_SOFTMAX}")
        if weights.min() < 0:
            raise InvalidTrace(f"Layer {layer}: some weights are negative. {remedy or _AFTER_SOFTMAX}")
        if weights[:, future].any():
            raise InvalidTrace(
                f"Layer {layer}: a token attends to a later one. {remedy or 'Only causal attention can be opened.'}"
            )
        wrong = np.abs(sums - 1) > ROW_SUM_TOLERANCE
        if wrong.any():
            head, query = (int(i) for i in np.argwhere(wrong)[0])
            raise InvalidTrace(
                f"{head_label((layer, head))}, token {query}: the weights sum to {sums[head, query]:.3g}, not 1. "
                f"{remedy or _AFTER_SOFTMAX}"
            )


def unpacked_size(file: str | Path | IO[bytes]) -> int:
    """Return the bytes that a trace file says it takes once it is unpacked; 0 if it is no archive."""
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(info.file_size for info in archive.infolist())
    except Exception:  # whatever a hostile archive makes zipfile raise, `load` explains
        return 0


def _read_array(archive: zipfile.ZipFile, name: str, max_bytes: int) -> NDArray[Any]:
    """Read one array without pickle; sizes beyond the limits are refused before anything is unpacked."""
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise InvalidTrace(f"The recording has no array named {name!r}. Save it again with this array.") from None
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise InvalidTrace(f"The array {name!r} has an unknown format version. Save it again with NumPy.")
        shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        raise InvalidTrace(
            f"The array {name!r} contains Python objects, which are never loaded. Save plain arrays."
        )
    if math.prod(shape) * dtype.itemsize > max_bytes or info.file_size > max_bytes + 4096:
        raise InvalidTrace(f"The array {name!r} is larger than {max_bytes / 1e6:,.0f} MB. Record a shorter prompt.")
    if dtype.kind == "U" and dtype.itemsize // 4 > (most := _MAX_CHARACTERS.get(name, MAX_TEXT_CHARACTERS)):
        raise InvalidTrace(
            f"The array {name!r} has texts of {dtype.itemsize // 4:,} characters; the limit is {most:,}. Shorten them."
        )
    if name == "tokens" and math.prod(shape) > MAX_TOKENS:
        raise InvalidTrace(
            f"The recording has {math.prod(shape):,} tokens; the limit is {MAX_TOKENS:,}. Record a shorter prompt."
        )
    with archive.open(info) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _strings(array: NDArray[Any], what: str) -> tuple[str, ...]:
    """Return an array of a trace file as texts."""
    if array.ndim != 1 or array.dtype.kind != "U":
        raise InvalidTrace(f"The recording's {what} are not a list of texts. Save it again.")
    return tuple(str(token) for token in array)


def _floats(array: NDArray[Any] | None) -> NDArray[np.float32] | None:
    """Return the value norms of a trace file as float32."""
    if array is not None and array.dtype.kind != "f":
        raise InvalidTrace("The recording's value norms are not numbers. Save it again.")
    return None if array is None else array.astype(np.float32)


def _heads(array: NDArray[Any] | None) -> tuple[tuple[int, int], ...]:
    """Return the ablated heads of a trace file as pairs."""
    if array is None:
        return ()
    if array.dtype.kind not in "iu" or array.ndim != 2 or array.shape[1] != 2:
        raise InvalidTrace("The recording's list of ablated heads is not pairs of numbers. Save it again.")
    return tuple((int(layer), int(head)) for layer, head in array)


def _string(array: NDArray[Any] | None) -> str:
    """Return a text of a trace file; empty if it is not there."""
    return str(array) if array is not None and array.ndim == 0 and array.dtype.kind == "U" else ""
