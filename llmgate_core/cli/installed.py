"""The commands of other distributions: entry-point group `llmgate.commands`, name = subcommand.

The value is an object with `help` (a string), `add_arguments(parser)` and `run(given) -> exit status`. It is
imported only if its command is called; `llmgate --help` lists the names without importing anything.
"""

from __future__ import annotations

import argparse
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
    claims: dict[str, PluginEntryPoint] = {}
    for claim in installed_claims():
        if claim.family == "commands":
            first = claims.setdefault(claim.prefix, claim)
            if first is not claim and claim.prefix == called:
                raise PluginConflictError(
                    f"the command {claim.prefix!r} is claimed by {first.distribution} and {claim.distribution}: "
                    f"uninstall one of them",
                    plugin=claim.value,
                    distribution=claim.distribution,
                    version=claim.version,
                )
    for name, claim in claims.items():
        if name in commands.choices:
            continue  # core's own command wins
        _add(commands, name, claim, is_called=name == called)
    for name, (distribution, _) in FIRST_PARTY_COMMANDS.items():
        if name not in claims and name == called:
            raise ConfigError(f"the command {name!r} comes with {distribution}: {install_command(distribution)}")


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
