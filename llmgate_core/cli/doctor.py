"""`llmgate doctor`: show what is installed and configured, and what is wrong with it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping

from llmgate_core.cli.plugins import client_without_warnings, state_of
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.json_codec import encode
from llmgate_core.registry.entry_points import PluginEntryPoint
from llmgate_core.registry.install_hints import install_command
from llmgate_core.registry.registry import PluginRegistry
from llmgate_core.settings.environment import first_set
from llmgate_core.terminal import say

__all__ = ["run"]

PACKAGES = ("pluggy", "httpx", "pydantic", "importlib-metadata", "pyyaml", "httptools")
VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "OPENAI_API_BASE",
    "OPENAI_ORGANIZATION",
    "OPENAI_PROJECT_ID",
    "LLMGATE_PLUGINS",
    "LLMGATE_PLUGINS_LOCK",
    "LLMGATE_PLUGINS_LOCKED",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)
FINE_STATES = ("ready", "switched off")
MAX_NAMED_PREFIXES = 8

Finding = tuple[str, str, bool]
"""What was checked, the result, and whether it is fine."""


def run(given: argparse.Namespace) -> int:
    """Print the findings; the exit status is 1 if anything is broken."""
    findings = [*_program(), *_environment(), *_plugins()]
    for what, result, fine in findings:
        if given.json:
            say(encode({"what": what, "found": result, "fine": fine}).decode())
        else:
            say(f"{'ok  ' if fine else 'FAIL'} {what}: {result}")
    return 0 if all(fine for _, _, fine in findings) else 1


def _program() -> Iterator[Finding]:
    from importlib_metadata import PackageNotFoundError, version

    yield "python", f"{platform.python_version()} at {sys.executable}", sys.version_info >= (3, 10)
    yield "llmgate-core", version("llmgate-core"), True
    for name in PACKAGES:
        try:
            yield name, version(name), True
        except PackageNotFoundError:
            yield name, "not installed", name == "httptools"
    fast = importlib.util.find_spec("httptools") is not None
    yield "HTTP parser", "httptools" if fast else f"h11; faster: {install_command('llmgate-core', 'fast')}", True


def _environment() -> Iterator[Finding]:
    present = [name for name in VARIABLES if name in os.environ]
    yield "variables set", ", ".join(present) or "none", True
    proxied = first_set(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")) is not None
    yield "proxy", "in use" if proxied else "none", True


def _plugins() -> Iterator[Finding]:
    preparer = client_without_warnings().preparer
    yield "models in the catalogue", str(len(preparer.catalogue.names())), True
    claims = [claim for claim in preparer.plugins.installed() if claim.family in FAMILIES]
    if not claims:
        yield "plugins", f"none installed; {install_command('llmgate-openai-chat')}", False
    states = {claim: state_of(preparer.plugins, claim) for claim in claims}
    yield from _distributions(states)
    yield _keys(preparer.plugins, [claim for claim in claims if states[claim] == "ready"])
    shown = set(states.values())
    for notice in preparer.notices():
        if notice.message not in shown:
            shown.add(notice.message)
            yield f"plugins, {notice.subject}", notice.message, notice.is_decided


def _distributions(states: Mapping[PluginEntryPoint, str]) -> Iterator[Finding]:
    """Yield a finding for each distribution and state, and one for each claim that cannot be used."""
    fine: dict[tuple[str, str, str], list[PluginEntryPoint]] = {}
    for claim, state in states.items():
        if state in FINE_STATES:
            fine.setdefault((claim.distribution, claim.version, state), []).append(claim)
        else:
            yield f"plugin {claim.family} {claim.prefix}/", state, False
    for (distribution, version, state), claims in fine.items():
        prefixes = list(dict.fromkeys(f"{claim.prefix}/" for claim in claims))
        families = ", ".join(family for family in FAMILIES if any(claim.family == family for claim in claims))
        named = ", ".join(prefixes) if len(prefixes) <= MAX_NAMED_PREFIXES else f"{len(prefixes)} prefixes"
        yield f"plugin {distribution} {version}", f"{state}: {named} for {families}", True


def _keys(plugins: PluginRegistry, claims: Iterable[PluginEntryPoint]) -> Finding:
    """Return which providers have a key in the environment; no key is shown."""
    variables: dict[str, set[str]] = {}
    for claim in claims:
        for name in plugins.get(claim.family, claim.prefix).info.key_variables:
            if first_set((name,)) is not None:
                variables.setdefault(name, set()).add(f"{claim.prefix}/")
    found = [f"{name} ({', '.join(sorted(prefixes))})" for name, prefixes in sorted(variables.items())]
    way_out = "none; `llmgate provider show PREFIX` names a provider's variable, and servers of your own may need none"
    return "keys set", "; ".join(found) or way_out, True
