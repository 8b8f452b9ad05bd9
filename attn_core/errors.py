"""The errors that the library raises on purpose, all of one base class."""

from __future__ import annotations


class AttnCoreError(Exception):
    """Any error of this library; its text is a sentence for a person that says what to do."""


class UnsupportedArchitecture(AttnCoreError, ValueError):
    """Raised when this type of model can't do what was asked of it; the message says which part is missing.

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


class ModelUnavailable(AttnCoreError):
    """Raised when a model cannot be loaded.

    Attributes:
        name: the name that was asked for.
        what: a sentence, what failed.
        why: a sentence, the cause; empty where `what` says it.
        remedy: a sentence, what to do next.
        cause: two or three words that say why, for a small label, such as "no network".
        lasting: trying again cannot help.
    """

    def __init__(
        self, name: str, what: str, why: str, remedy: str, *, cause: str = "unavailable", lasting: bool = False
    ) -> None:
        super().__init__(name, what, why, remedy)
        self.name = name
        self.what = what
        self.why = why
        self.remedy = remedy
        self.cause = cause
        self.lasting = lasting

    def __str__(self) -> str:
        return " ".join(filter(None, (self.what, self.why, self.remedy)))
