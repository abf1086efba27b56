"""`llmgate plugin new` and `llmgate plugin check`: begin a plugin, and check one that is installed."""

from __future__ import annotations

import argparse
import importlib
import importlib.util

from llmgate_core.cli import plugin_new

__all__ = ["add_arguments", "run"]

CHECK = "llmgate_core.cli.plugin_check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of the group."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = commands.add_parser("new", help=plugin_new.HELP, description=plugin_new.HELP)
    plugin_new.add_arguments(new)
    new.set_defaults(run_action=plugin_new.run)
    if importlib.util.find_spec(CHECK) is not None:
        module = importlib.import_module(CHECK)
        help_text = "check an installed plugin without sending a request to its provider"
        check = commands.add_parser("check", help=help_text, description=help_text)
        module.add_arguments(check)
        check.set_defaults(run_action=module.run)


def run(given: argparse.Namespace) -> int:
    """Run the command of the group, and return its exit status."""
    status: int = given.run_action(given)
    return status
