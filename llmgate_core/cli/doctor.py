"""`llmgate doctor`: show what is installed and configured, and what is wrong with it."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator

from llmgate_core.cli.plugins import client_without_warnings, state_of
from llmgate_core.endpoints.families import FAMILIES
from llmgate_core.json_codec import encode
from llmgate_core.registry.install_hints import install_command
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
    shown = set[str]()
    for claim in claims:
        state = state_of(preparer.plugins, claim)
        shown.add(state)
        yield f"plugin {claim.family} {claim.prefix}/", state, state in ("ready", "switched off")
    for notice in preparer.notices():
        if notice.message not in shown:
            shown.add(notice.message)
            yield f"plugins, {notice.subject}", notice.message, notice.is_decided
