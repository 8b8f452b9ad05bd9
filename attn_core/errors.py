"""The errors that the library raises on purpose, all with one base class.

They carry what failed and why; the dashboard adds what its visitors can press (`attn_core.ui.errors`).
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass

_OUT_OF_MEMORY = re.compile(
    r"(can't|cannot) allocate memory|not enough memory|bad_alloc|can't start new thread", re.I
)
"""What torch and Python say in place of a `MemoryError`."""


class AttnCoreError(Exception):
    """Base class of all errors of this library; the text is a sentence that tells a person what to do."""


class UnsupportedArchitecture(AttnCoreError, ValueError):
    """Raised when this type of model can't do what was asked; the message says which part is missing.

    Attributes:
        cause: two or three words that say why, for a small label.
    """

    def __init__(self, message: str, *, cause: str = "cannot be used") -> None:
        super().__init__(message)
        self.cause = cause


class PromptError(AttnCoreError, ValueError):
    """Raised when a prompt cannot be run; the message says why and what to do."""


class InvalidTrace(AttnCoreError, ValueError):
    """Raised when tokens and attention do not make a trace; the message says why."""


class NameProbeError(AttnCoreError, ValueError):
    """Raised when a template, names or words cannot be used; the message says why and what to do."""


class PromptTooLong(PromptError):
    """Raised when a prompt has more tokens than the caller allows.

    Attributes:
        n_tokens: the number of tokens in the prompt.
        max_tokens: the number of tokens allowed.
    """

    def __init__(self, n_tokens: int, max_tokens: int) -> None:
        super().__init__(f"The prompt has {n_tokens:,} tokens; at most {max_tokens:,} are allowed. Shorten it.")
        self.n_tokens = n_tokens
        self.max_tokens = max_tokens


def is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether an error, or what caused it, is that memory or a thread could not be had."""
    while error is not None:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


@dataclass(frozen=True)
class Remedy:
    """A remedy for a model that is not available.

    Attributes:
        action: a sentence without its period; empty if there is nothing to do but what follows.
        can_retry: whether loading the model again may then work.
        has_alternative: whether another model would do as well.
    """

    action: str = ""
    can_retry: bool = False
    has_alternative: bool = False

    def __str__(self) -> str:
        sentence = self.action
        if self.can_retry:
            sentence = f"{sentence} and try again" if sentence else "Try again"
        if self.has_alternative:
            sentence = f"{sentence}, or choose another model" if sentence else "Choose another model"
        return f"{sentence}." if sentence else ""


class ModelUnavailable(AttnCoreError):
    """Raised when a model cannot be loaded.

    Attributes:
        name: the requested name.
        what: what failed, as a sentence.
        why: the cause, as a sentence; empty if `what` gives it.
        remedy: what to do next; a string is a whole sentence.
        cause: two or three words that say why, for a small label, such as "no network".
        lasting: whether the cause is permanent, so that trying again cannot help.
    """

    def __init__(
        self,
        name: str,
        what: str,
        why: str,
        remedy: Remedy | str,
        *,
        cause: str = "unavailable",
        lasting: bool = False,
    ) -> None:
        super().__init__(name, what, why, remedy)
        self.name = name
        self.what = what
        self.why = why
        self.remedy = remedy
        self.cause = cause
        self.lasting = lasting

    def __str__(self) -> str:
        return " ".join(filter(None, (self.what, self.why, str(self.remedy))))


class UnusableModel(AttnCoreError):
    """Raised when files are not a usable model.

    Attributes:
        why: the cause, as a sentence; about the model if it begins with "It".
        remedy: what to do, or None if that depends only on where the files are.
        cause: two or three words that say why, for a small label.
    """

    def __init__(self, why: str, remedy: Remedy | str | None = None, *, cause: str = "cannot be used") -> None:
        super().__init__(why, remedy)
        self.why = why
        self.remedy = remedy
        self.cause = cause

    def sentence(self, subject: str) -> str:
        """Return the cause as a sentence about a named model, such as "gpt2 has no tokenizer."."""
        if self.why.startswith("It "):
            return f"{subject}{self.why[2:]}"
        first_word, _, rest = self.why.partition(" ")
        if first_word in ("Its", "The", "A"):
            first_word = first_word.lower()
        return f"{subject} cannot be used because {first_word} {rest}"


class MisleadingWeights(UnsupportedArchitecture):
    """Raised when a network's attention weights don't cover all that its heads attend to."""


class FetchError(AttnCoreError):
    """Raised when a model could not be fetched; the message is one sentence that says why and what to do."""


class RecordingError(AttnCoreError):
    """Raised when prompts could not be recorded; the message is one sentence that says why and what to do."""


class RenderingFailed(AttnCoreError, RuntimeError):
    """Raised when a file could not be made; the message is one sentence that says what to do."""
