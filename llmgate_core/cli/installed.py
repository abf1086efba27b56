"""Commands that other distributions bring: entry-point group `llmgate.commands`, name = subcommand.

The value is an object with `help` (text), `add_arguments(parser)` and `run(given) -> exit status`. It is
imported only when its command is the one that was called; the help of `llmgate` lists the names alone.
"""

from __future__ import annotations

import argparse
from typing import Any

from llmgate_core.errors import ConfigError, PluginConflictError, PluginError
from llmgate_core.registry.entry_points import PluginEntryPoint, installed_claims

__all__ = ["add_installed_commands"]

KNOWN_ELSEWHERE = {
    "serve": ("llmgate-gateway", "serve the models of a config as an OpenAI-compatible gateway"),
    "config": ("llmgate-gateway", "check a gateway's config, or print its JSON Schema"),
    "migrate": ("llmgate-gateway", "turn a LiteLLM config into one of ours, line by line"),
}
"""Commands of our own distributions, so that a help text needs to import none of them."""


def add_installed_commands(commands: Any, called: str | None) -> None:
    """Add the commands of installed distributions; the one that is called with its arguments.

    Raises:
        ConfigError: a command was called whose distribution is not installed. PluginLoadError: it does not import.
    """
    claims: dict[str, PluginEntryPoint] = {}
    for claim in installed_claims():
        if claim.family == "commands":
            known = claims.setdefault(claim.prefix, claim)
            if known is not claim and claim.prefix == called:
                raise PluginConflictError(
                    f"the command {claim.prefix!r} is claimed by {known.distribution} and {claim.distribution}: "
                    f"uninstall one of them",
                    plugin=claim.value,
                    distribution=claim.distribution,
                    version=claim.version,
                )
    for name, claim in claims.items():
        if name in commands.choices:
            continue  # core's own command of that name is the one that is meant
        _add(commands, name, claim, is_called=name == called)
    for name, (distribution, _) in KNOWN_ELSEWHERE.items():
        if name not in claims and name == called:
            raise ConfigError(f"the command {name!r} comes with {distribution}: pip install {distribution}")


def _add(commands: Any, name: str, claim: PluginEntryPoint, *, is_called: bool) -> None:
    if not is_called:
        owner, words = KNOWN_ELSEWHERE.get(name, ("", ""))
        commands.add_parser(name, help=words if owner == claim.distribution else f"from {claim.distribution}")
        return
    from llmgate_core.registry.registry import load_claim  # brings pluggy, which a help text does not need

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
