"""`llmgate plugins`: list what is installed, what it serves, and why a plugin failed; lock it, and verify that."""

from __future__ import annotations

import argparse
import sys
import warnings

from llmgate_core.cli.plugins_lock import lock, verify
from llmgate_core.client.sync_client import Client
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import PluginError
from llmgate_core.json_codec import encode
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.terminal import say, say_error

__all__ = ["client_without_warnings", "run", "state_of"]

ACTIONS = {"lock": lock, "verify": verify}


def run(given: argparse.Namespace) -> int:
    """Print one claim per line, including those of broken plugins; or do what the action says."""
    if given.action is not None:
        return ACTIONS[given.action](given)
    preparer = client_without_warnings().preparer
    registry = preparer.plugins
    shown = set[str]()
    for claim in registry.installed():
        state = state_of(registry, claim)
        shown.add(state)
        if given.json:
            row = {name: getattr(claim, name) for name in ("distribution", "version", "family", "prefix", "value")}
            say(encode({**row, "state": state}).decode())
        else:
            prefix = f"{claim.prefix}/" if claim.family in FAMILIES else claim.prefix
            say(f"{claim.distribution:<28} {claim.version:<9} {claim.family:<16} {prefix:<26} {state}")
    for notice in preparer.notices():
        if notice.message not in shown:
            shown.add(notice.message)
            line = {"subject": notice.subject, "notice": notice.message}
            say(encode(line).decode() if given.json else f"{notice.subject}: {notice.message}")
    say_error(f"interpreter: {sys.executable}")
    return 0


def client_without_warnings() -> Client:
    """Return a client that is ready, whose warnings about plugins were not given: the command lists them."""
    client = Client()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.load()
    return client


def state_of(registry: PluginRegistry, claim: PluginEntryPoint) -> str:
    """Return `ready`, `switched off`, `loaded when named`, `read`, or why it cannot be used; loads the plugin."""
    if not registry.is_allowed(claim):
        return "switched off"
    if (problem := registry.problem(claim)) is not None:
        return problem
    for notice in registry.notices():
        if notice.claim == claim and not (notice.is_decided or notice.is_raised):
            return notice.message
    if claim.family not in FAMILIES:
        return "read" if claim.family == "models" else "loaded when named"
    try:
        registry.get(claim.family, claim.prefix)
    except PluginError as error:
        return str(error)
    return "ready"
