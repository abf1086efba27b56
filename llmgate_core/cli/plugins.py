"""`llmgate plugins`: list what is installed, what it serves, and why a plugin failed; lock it, and verify that."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Mapping

from llmgate_core.cli.plugins_lock import lock, verify
from llmgate_core.client.sync_client import Client
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.errors import PluginError
from llmgate_core.json_codec import encode
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.terminal import say, say_error

__all__ = ["client_without_warnings", "run", "state_of"]

MAX_NAMED_PREFIXES = 12
ACTIONS = {"lock": lock, "verify": verify}


def run(given: argparse.Namespace) -> int:
    """Print what is installed, broken plugins included; or do what the action says.

    Many prefixes of one distribution with the same state are one line for each family; in JSON each is a line.
    """
    if given.action is not None:
        return ACTIONS[given.action](given)
    preparer = client_without_warnings().preparer
    registry = preparer.plugins
    states = {claim: state_of(registry, claim) for claim in registry.installed()}
    for text in _json_lines(states) if given.json else _lines(states):
        say(text)
    shown = set(states.values())
    for notice in preparer.notices():
        if notice.message not in shown:
            shown.add(notice.message)
            line = {"subject": notice.subject, "notice": notice.message}
            say(encode(line).decode() if given.json else f"{notice.subject}: {notice.message}")
    say_error(f"interpreter: {sys.executable}")
    return 0


def _json_lines(states: Mapping[PluginEntryPoint, str]) -> Iterator[str]:
    for claim, state in states.items():
        row = {name: getattr(claim, name) for name in ("distribution", "version", "family", "prefix", "value")}
        yield encode({**row, "state": state}).decode()


def _lines(states: Mapping[PluginEntryPoint, str]) -> Iterator[str]:
    alike: dict[tuple[str, str, str], list[str]] = {}
    for claim, state in states.items():
        prefix = f"{claim.prefix}/" if claim.family in FAMILIES else claim.prefix
        alike.setdefault((f"{claim.distribution:<28} {claim.version:<9}", claim.family, state), []).append(prefix)
    for (distribution, family, state), prefixes in alike.items():
        if len(prefixes) > MAX_NAMED_PREFIXES:
            yield f"{distribution} {family:<16} {f'{len(prefixes)} prefixes':<26} {state}; --json lists each"
            continue
        for prefix in prefixes:
            yield f"{distribution} {family:<16} {prefix:<26} {state}"


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
