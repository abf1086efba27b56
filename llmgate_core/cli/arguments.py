"""What the commands that make a call share: their arguments, and what these say."""

from __future__ import annotations

import argparse
from typing import Any

from llmgate_core.json_codec import decode

__all__ = ["add_call_arguments", "call_arguments"]

NOT_FOR_PARAM = {
    "model": "MODEL stands before it",
    "messages": "the prompt makes them",
    "prompt": "the prompt has an argument of its own",
    "input": "the prompt has an argument of its own",
    "stream": "see --stream and --no-stream",
    "api_key": "set the provider's variable, so that the key stays out of the process list",
    "client_session": "it is an object",
    "aclient_session": "it is an object",
}
"""Names that `--param` does not take, and why."""


def add_call_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare MODEL and what else a call takes."""
    parser.add_argument("model", metavar="MODEL", help="a model string such as openai/gpt-4o")
    parser.add_argument(
        "--param",
        action="append",
        default=[],
        type=_param,
        metavar="NAME=JSON",
        help="a parameter, its value JSON or else text; repeatable",
    )
    parser.add_argument("--api-base", metavar="URL", help="another base URL")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for the whole call")


def call_arguments(given: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of the call."""
    arguments: dict[str, Any] = dict(given.param)
    if given.api_base is not None:
        arguments["api_base"] = given.api_base
    if given.timeout is not None:
        arguments["timeout"] = given.timeout
    return arguments


def _param(text: str) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"write NAME=JSON, not {name[:40]!r}")
    if name in NOT_FOR_PARAM:
        raise argparse.ArgumentTypeError(f"not for {name}: {NOT_FOR_PARAM[name]}")
    try:
        return name, decode(value)
    except ValueError:
        return name, value
