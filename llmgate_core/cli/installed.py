"""The commands of other distributions: entry-point group `llmgate.commands`, name = subcommand.

The value is an object with `help` (a string), `add_arguments(parser)` and `run(given) -> exit status`. It is
imported only if its command is called; `llmgate --help` lists the names without importing anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from llmgate_core.errors import ConfigError, PluginConflictError, PluginError
from llmgate_core.registry.entry_points import PluginEntryPoint, installed_claims
from llmgate_core.registry.install_hints import install_command

__all__ = ["add_installed_commands"]

FIRST_PARTY_COMMANDS = {
    "serve": ("llmgate-gateway", "serve the models of a config file as an OpenAI-compatible gateway"),
    "config": ("llmgate-gateway", "check a gateway's config file, or print its JSON Schema"),
    "migrate": ("llmgate-gateway", "convert a LiteLLM config to a gateway config, line by line"),
}
"""The help of first-party commands, so that `--help` does not need to import them."""


def add_installed_commands(commands: Any, called: str | None) -> None:
    """Add the commands of installed distributions, with arguments only for the command that is `called`.

    Raises:
        ConfigError: the distribution of the called command is not installed.
        PluginConflictError: two distributions claim the called command.
        PluginLoadError: the called command cannot be imported.
    """
    claims: dict[str, list[PluginEntryPoint]] = {}
    for claim in installed_claims():
        if claim.family == "commands" and claim.prefix not in commands.choices:  # core's own command wins
            claims.setdefault(claim.prefix, []).append(claim)
    for name, rivals in claims.items():
        is_called = name == called
        _add(commands, name, _served(name, rivals) if is_called else rivals[0], is_called=is_called)
    for name, (distribution, _) in FIRST_PARTY_COMMANDS.items():
        if name not in claims and name == called:
            raise ConfigError(f"the command {name!r} comes with {distribution}: {install_command(distribution)}")


def _served(name: str, rivals: Sequence[PluginEntryPoint]) -> PluginEntryPoint:
    """Return the claim that has a command: of its first-party owner, or the only one that may run."""
    from llmgate_core.registry.plugin_lock import without_refused  # as below

    owner, _ = FIRST_PARTY_COMMANDS.get(name, ("", ""))
    found = [claim for claim in rivals if claim.distribution == owner] or without_refused(rivals)
    if len(found) > 1:
        raise PluginConflictError(
            f"the command {name!r} is claimed by {found[0].distribution} and {found[1].distribution}: "
            f"uninstall one of them",
            plugin=found[1].value,
            distribution=found[1].distribution,
            version=found[1].version,
        )
    return found[0]


def _add(commands: Any, name: str, claim: PluginEntryPoint, *, is_called: bool) -> None:
    if not is_called:
        owner, help_text = FIRST_PARTY_COMMANDS.get(name, ("", ""))
        commands.add_parser(name, help=help_text if owner == claim.distribution else f"from {claim.distribution}")
        return
    from llmgate_core.registry.loading import load_claim  # imports pluggy, which --help does not need

    command = load_claim(claim)
    if not all(hasattr(command, needed) for needed in ("help", "add_arguments", "run")):
        raise PluginError(
            f"the command {name!r} of {claim.distribution} lacks help, add_arguments or run",
            plugin=claim.value,
            distribution=claim.distribution,
            version=claim.version,
        )
    parser: argparse.ArgumentParser = commands.add_parser(name, help=command.help, description=command.help)
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)
