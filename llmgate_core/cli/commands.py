"""Commands that plugins bring along: entry points of the group `llmgate.commands`.

An entry point's name is the command; its value is a function `run(arguments: list[str]) -> int`.
Nothing is imported before the command runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmgate_core.discovery import Claim, installed_claims
from llmgate_core.errors import PluginConflictError

__all__ = ["FAMILY", "find_command", "installed_commands"]

FAMILY = "commands"


def installed_commands() -> tuple[Claim, ...]:
    """Return the claims of every command that the plugin policy lets through, importing none."""
    claims = [claim for claim in installed_claims() if claim.family == FAMILY]
    if not claims:
        return ()
    from llmgate_core.plugins import PluginTable  # what follows costs 40 ms, which --help seldom needs
    from llmgate_core.settings import PluginPolicy

    return tuple(filter(PluginTable(PluginPolicy()).is_allowed, claims))


def find_command(name: str) -> Callable[[list[str]], int] | None:
    """Return the function behind a command, importing it; None: there is no such command.

    Raises:
        PluginConflictError: two distributions bring it. PluginLoadError: it does not import.
    """
    found = [claim for claim in installed_commands() if claim.prefix == name]
    if not found:
        return None
    if len(found) > 1:
        names = " and ".join(claim.distribution for claim in found)
        raise PluginConflictError(f"the command {name!r} is brought by {names}; switch one off with LLMGATE_PLUGINS")
    return _checked(found[0])


def _checked(claim: Claim) -> Callable[[list[str]], int]:
    from llmgate_core.binding import load_error
    from llmgate_core.plugins import import_claim

    function = import_claim(claim)

    def refuse(why: str) -> Exception:
        return load_error(why, name=claim.value, distribution=claim.distribution, version=claim.version)

    if not callable(function):
        raise refuse("a command must be a function run(arguments)")

    def run(arguments: list[str]) -> int:
        status: Any = function(arguments)
        if not isinstance(status, int):
            raise refuse(f"the command gave {type(status).__name__}, not an exit status")
        return status

    return run
