"""`llmgate models`: list the models of the catalogue and of the plugins, or update a catalogue file from a list."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from llmgate_core.calls.prepare import CallPreparer
from llmgate_core.client.sync_client import Client
from llmgate_core.errors import LLMGateError
from llmgate_core.json_codec import encode
from llmgate_core.registry.listing import listed_models
from llmgate_core.terminal import say

__all__ = ["run"]


def run(given: argparse.Namespace) -> int:
    """Print one model a line, or update a catalogue file."""
    if given.action == "update":
        from llmgate_core.cli.models_update import update

        return update(given)
    preparer = Client().preparer
    rows = [row for row in (*_of_catalogue(preparer), *_of_plugins(preparer)) if row["name"].startswith(given.prefix)]
    for row in rows:
        if given.json:
            say(encode(row).decode())
        else:
            window = row["context_window"]
            shown = "" if window is None else f"{window:,} tokens"
            say(f"{row['name']:<44} {row['mode']:<20} {row['prefix']:<26} {shown:>18}  {row['status']}")
    return 0


def _of_catalogue(preparer: CallPreparer) -> Iterator[dict[str, Any]]:
    for name in preparer.catalogue.names():
        row = preparer.catalogue.find(name)
        if row is not None:
            yield {
                "name": name,
                "mode": row.mode,
                "prefix": f"{row.prefix}/" if row.prefix else "-",
                "context_window": row.facts.get("limits", {}).get("context_window"),
                "status": row.facts.get("status", ""),
            }


def _of_plugins(preparer: CallPreparer) -> Iterator[dict[str, Any]]:
    """Yield what plugins list without asking anyone; one that fails is for `llmgate plugins`."""
    for family, prefix in sorted(preparer.plugins.claims()):
        try:
            plugin = preparer.plugins.get(family, prefix)
        except LLMGateError:
            continue
        for name in listed_models(plugin, family, prefix):
            yield {
                "name": name,
                "mode": family,
                "prefix": f"{prefix}/",
                "context_window": None,
                "status": "",
            }
