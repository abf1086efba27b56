"""`llmgate plugins`: list what is installed, what it serves, and why a plugin failed."""

from __future__ import annotations

import argparse
import sys

from llmgate_core.client.sync_client import Client
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import PluginError
from llmgate_core.json_codec import encode
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.terminal import say, say_error

__all__ = ["run", "state_of"]


def run(given: argparse.Namespace) -> int:
    """Print one claim per line, including those of broken plugins."""
    registry = Client().preparer.plugins
    for claim in registry.installed():
        state = state_of(registry, claim)
        if given.json:
            row = {name: getattr(claim, name) for name in ("distribution", "version", "family", "prefix", "value")}
            say(encode({**row, "state": state}).decode())
        else:
            prefix = f"{claim.prefix}/" if claim.family in FAMILIES else claim.prefix
            say(f"{claim.distribution:<28} {claim.version:<9} {claim.family:<16} {prefix:<26} {state}")
    say_error(f"interpreter: {sys.executable}")
    return 0


def state_of(registry: PluginRegistry, claim: PluginEntryPoint) -> str:
    """Return `ready`, `switched off`, `loaded when named`, or why the plugin cannot be used; loads the plugin."""
    if not registry.is_allowed(claim):
        return "switched off"
    if claim.family not in FAMILIES:
        return "loaded when named"
    try:
        registry.get(claim.family, claim.prefix)
    except PluginError as error:
        return str(error)
    return "ready"
