"""`llmgate provider`: declare providers as data, show what is known of one, and check one with real calls.

`declare.py` adds and removes, `gateway_config.py` writes into a gateway's config, `shown.py` lists and shows,
`check.py` runs the calls of `calls.py` and makes the report. What a declaration says is known to the source of plugins,
not here.
"""

from __future__ import annotations

import argparse
import importlib

from llmgate_core.endpoints.families import FAMILIES

__all__ = ["add_arguments", "run"]

ADD = "declare a provider that speaks the OpenAI API, in your file of providers or in a gateway's config"
REMOVE = "take a provider out of your file of providers"
LIST = "list the providers that you have declared, or every prefix that is served"
SHOW = "show where calls of a prefix go, and which variables hold its key"
CHECK = "make twelve cheap calls, and print a report that holds no key"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of the group."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_add(commands.add_parser("add", help=ADD, description=ADD))
    for name, help_text in (("remove", REMOVE), ("show", SHOW)):
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.add_argument("name", metavar="NAME", help="the prefix, such as acme")
        command.add_argument("--json", action="store_true", help="print one JSON object")
    listing = commands.add_parser("list", help=LIST, description=LIST)
    listing.add_argument("--all", action="store_true", help="every prefix of every installed plugin too")
    listing.add_argument("--json", action="store_true", help="print one JSON object per line")
    _add_check(commands.add_parser("check", help=CHECK, description=CHECK))


def _add_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the prefix of its models: small letters, digits, '.', '_', '-'")
    parser.add_argument("--base-url", required=True, metavar="URL", help="such as https://api.acme.example/v1")
    keys = parser.add_mutually_exclusive_group(required=True)
    keys.add_argument(
        "--key-env", action="append", default=[], metavar="VARIABLE", help="the variable with the key; can be repeated"
    )
    keys.add_argument("--no-key", action="store_true", help="it needs no key")
    parser.add_argument(
        "--family", action="append", default=[], choices=tuple(FAMILIES), help="what it serves (default: chat)"
    )
    parser.add_argument("--replace", action="store_true", help="take the prefix from an installed plugin")
    parser.add_argument("--config", metavar="FILE", help="a gateway's config to add it to, instead of your own file")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the prefix, such as acme")
    parser.add_argument("--model", metavar="MODEL", help="a cheap chat model, without the prefix")
    parser.add_argument("--embedding-model", metavar="MODEL", help="an embedding model; none: embeddings are skipped")
    parser.add_argument("--api-base", metavar="URL", help="base URL of the upstream")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="of each call (default: 60)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead of Markdown")


def run(given: argparse.Namespace) -> int:
    """Run the command of the group, and return its exit status."""
    module = {"add": "declare", "remove": "declare", "list": "shown", "show": "shown", "check": "check"}[given.action]
    command = getattr(importlib.import_module(f"llmgate_core.cli.provider.{module}"), f"run_{given.action}")
    status: int = command(given)
    return status
