"""What a user should know about the installed plugins: what was refused, and how to decide. Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmgate_core.registry.entry_points import PluginEntryPoint

__all__ = ["PluginNotice"]

MAX_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class PluginNotice:
    """One thing about the installed plugins that a user should know or decide.

    Attributes:
        subject: `prefix`, `key`, `models`, `claim`, `name`, `provider` or `distribution`.
        message: what it is, with the distributions concerned and the way to decide.
        claim: the entry point that it is about; None: it is about no single one.
        is_decided: the user's settings ask for it, so nothing is left to do.
        is_raised: no warning is needed, as a call that it affects raises an error with the same text, or none does.
    """

    subject: str
    message: str
    claim: PluginEntryPoint | None = None
    is_decided: bool = False
    is_raised: bool = False

    def __post_init__(self) -> None:
        """Keep the message to one printable line: parts of it come from files of other people."""
        line = "".join(character if character.isprintable() else "?" for character in self.message[:MAX_CHARACTERS])
        object.__setattr__(self, "message", line)
