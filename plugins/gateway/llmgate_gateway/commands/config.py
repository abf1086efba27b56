"""`llmgate config check FILE` and `llmgate config schema`. Opens no socket.

Exit status: 0 the config is valid, 2 it is not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from llmgate_core.serving import errors, say, say_error
from llmgate_gateway.config import ConfigProblems, GatewayConfig, Problem, check_routes, json_schema, load_config
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
        parser.add_argument(
            "--no-env",
            action="store_true",
            help="check without the environment's variables: values of os.environ/NAME are taken to be right",
        )

    def run(self, given: argparse.Namespace) -> int:
        """Run the command, and return the exit status."""
        if given.action == "schema":
            say(json.dumps(json_schema(), indent=2))
            return 0
        if given.file is None:
            say_error("llmgate config check: FILE is missing")
            return 2
        return _check(given.file, as_json=given.json, has_variables=not given.no_env)


def _check(file: str, *, as_json: bool, has_variables: bool) -> int:
    try:
        config = load_config(file, plugins=True, has_variables=has_variables)
        served = check_routes(config) if has_variables else ()
    except ConfigProblems as error:
        _say_problems(error, file, as_json=as_json)
        return 2
    except errors.ConfigError as error:
        say(json.dumps({"file": file, "message": str(error)})) if as_json else say_error(f"{file}: {error}")
        return 2
    if as_json:
        for entry in served:
            say(json.dumps(_row(entry)))
        for warning in config.warned:
            say(json.dumps(_problem(warning, file, "warning")))
    else:
        for line in _summary(config, served):
            say(line)
    return 0


def _say_problems(error: ConfigProblems, file: str, *, as_json: bool) -> None:
    """Print every mistake, and the warnings after them."""
    if as_json:
        for problem in error.problems:
            say(json.dumps(_problem(problem, file, "error")))
        for problem in error.warnings:
            say(json.dumps(_problem(problem, file, "warning")))
        return
    for line in str(error).splitlines():
        say_error(line)
    for problem in error.warnings:
        say_error(f"warning: {problem.show(error.source)}")


def _problem(problem: Problem, file: str, severity: str) -> dict[str, Any]:
    fields = {name: getattr(problem, name) for name in ("line", "column", "path", "message")}
    return {"file": file, "severity": severity, **fields}


def _row(entry: Served) -> dict[str, Any]:
    deployment = entry.deployment
    return {
        "model_name": deployment.model_name,
        "model": deployment.params.model,
        "mode": deployment.model_info.mode,
        "plugins": dict(entry.families),
    }


def _summary(config: GatewayConfig, served: tuple[Served, ...]) -> Iterator[str]:
    number = len(config.deployments)
    yield f"{config.source}: OK, {number} deployment{'' if number == 1 else 's'}"
    for entry in served:
        deployment = entry.deployment
        mode = deployment.model_info.mode or "any mode"
        families = ", ".join(entry.families) or "not served"
        yield f"  {deployment.model_name} -> {deployment.params.model} ({mode}): {families}"
    needed = sorted({plugin for entry in served for plugin in entry.families.values()})
    if needed:
        yield f"plugins: {', '.join(needed)}"
    if config.settings.extensions:
        yield f"extensions: {', '.join(entry.name for entry in config.settings.extensions)}"
    keys = (config.general.master_key is not None) + len(config.general.keys)
    yield f"keys for clients: {keys or 'none, so anyone who reaches the gateway may use it'}"
    for warning in config.warnings:
        yield f"warning: {warning}"


command = ConfigCommand()
