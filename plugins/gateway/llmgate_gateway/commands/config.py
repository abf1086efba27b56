"""`llmgate config check FILE` and `llmgate config schema`. Opens no socket.

Exit status: 0 the config is valid, 2 it is not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from llmgate_core.serving import errors, say, say_error
from llmgate_gateway.config import ConfigProblems, GatewayConfig, check_routes, json_schema, load_config
from llmgate_gateway.config.routes import Served

__all__ = ["command"]


class ConfigCommand:
    """Check a config, or print the schema of all configs."""

    help = "check a gateway config, or print its JSON Schema for editors"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("action", choices=("check", "schema"), help="check a file, or print the JSON Schema")
        parser.add_argument("file", metavar="FILE", nargs="?", help="the config to check")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def run(self, given: argparse.Namespace) -> int:
        """Run the command, and return the exit status."""
        if given.action == "schema":
            say(json.dumps(json_schema(), indent=2))
            return 0
        if given.file is None:
            say_error("llmgate config check: FILE is missing")
            return 2
        return _check(given.file, as_json=given.json)


def _check(file: str, *, as_json: bool) -> int:
    try:
        config = load_config(file, plugins=True)
        served = check_routes(config)
    except ConfigProblems as error:
        for line in () if as_json else str(error).splitlines():
            say_error(line)
        for problem in error.problems if as_json else ():
            fields = {name: getattr(problem, name) for name in ("line", "column", "path", "message")}
            say(json.dumps({"file": file, **fields}))
        return 2
    except errors.ConfigError as error:
        say(json.dumps({"file": file, "message": str(error)})) if as_json else say_error(f"{file}: {error}")
        return 2
    if as_json:
        for entry in served:
            say(json.dumps(_row(entry)))
    else:
        for line in _summary(config, served):
            say(line)
    return 0


def _row(entry: Served) -> dict[str, Any]:
    deployment = entry.deployment
    return {
        "model_name": deployment.model_name,
        "model": deployment.params.model,
        "mode": deployment.model_info.mode,
        "plugins": dict(entry.families),
    }


def _summary(config: GatewayConfig, served: tuple[Served, ...]) -> Iterator[str]:
    yield f"{config.source}: OK, {len(served)} deployment{'' if len(served) == 1 else 's'}"
    for entry in served:
        deployment = entry.deployment
        mode = deployment.model_info.mode or "any mode"
        yield f"  {deployment.model_name} -> {deployment.params.model} ({mode}): {', '.join(entry.families)}"
    needed = sorted({plugin for entry in served for plugin in entry.families.values()})
    yield f"plugins: {', '.join(needed)}"
    keys = (config.general.master_key is not None) + len(config.general.keys)
    yield f"keys for clients: {keys or 'none, so anyone who reaches the gateway may use it'}"
    for warning in config.warnings:
        yield f"warning: {warning}"


command = ConfigCommand()
