"""Command-line arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import Any

from llmgate_core.errors import BadRequestError
from llmgate_core.json_codec import decode

__all__ = ["call_arguments"]

OWN_ARGUMENTS = frozenset({"messages", "model"})


def call_arguments(given: argparse.Namespace) -> dict[str, Any]:
    """Return the keyword arguments of a call: `--param NAME=JSON`, `--api-base`, `--timeout`.

    Raises:
        BadRequestError: a `--param` has no `=`, or gives what the command takes in another way.
    """
    arguments: dict[str, Any] = {}
    for item in given.param:
        name, separator, text = item.partition("=")
        if not separator or not name:
            raise BadRequestError(f"--param takes NAME=JSON, not {item!r}")
        if name in OWN_ARGUMENTS:
            raise BadRequestError(f"--param cannot give {name!r}: the command has an argument for it")
        arguments[name] = _json_or_string(text)
    if given.api_base is not None:
        arguments["api_base"] = given.api_base
    if given.timeout is not None:
        arguments["timeout"] = given.timeout
    return arguments


def _json_or_string(text: str) -> Any:
    try:
        return decode(text)
    except ValueError:
        return text
