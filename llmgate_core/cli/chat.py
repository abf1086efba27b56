"""`llmgate chat MODEL [PROMPT]`: one prompt, the answer as it comes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import Any

from llmgate_core.cli.arguments import add_call_arguments, call_arguments
from llmgate_core.client import Client
from llmgate_core.errors import BadRequestError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_call_arguments(parser)
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="absent or -: stdin; else before what is piped in")
    parser.add_argument("--system", metavar="TEXT", help="a system message before the prompt")
    parser.add_argument("--no-stream", action="store_true", help="wait for the whole answer")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(given: argparse.Namespace) -> int:
    """Send the prompt and print the answer."""
    messages = [{"role": "user", "content": _prompt(given.prompt)}]
    if given.system is not None:
        messages.insert(0, {"role": "system", "content": given.system})
    arguments = call_arguments(given)
    with Client() as client:
        if given.no_stream:
            _print_all([client.completion(given.model, messages, **arguments)], as_json=given.json)
        else:
            with client.completion(given.model, messages, stream=True, **arguments) as stream:
                _print_all(stream, as_json=given.json)
    return 0


def _print_all(answers: Iterable[Any], *, as_json: bool) -> None:
    """Print each chunk, or the whole answer, as it comes; the line is ended whatever happens."""
    if as_json:
        for answer in answers:
            print(answer.model_dump_json(exclude_unset=True), flush=True)
        return
    try:
        for answer in answers:
            for choice in answer.choices or ():
                _print_choice(choice)
    finally:
        print(flush=True)


def _print_choice(choice: Any) -> None:
    """Print the text of the first choice; a refusal is no answer, so it goes to stderr."""
    said = choice.delta if hasattr(choice, "delta") else choice.message
    if choice.index == 0 and said is not None:
        print(said.content or "", end="", flush=True)
        print(getattr(said, "refusal", None) or "", end="", file=sys.stderr, flush=True)


def _prompt(given: str | None) -> str:
    """Return the prompt, with what is piped in after it.

    Raises:
        BadRequestError: there is none, or what is piped in is no UTF-8.
    """
    parts = [] if given in (None, "-") else [str(given)]
    if not parts or not sys.stdin.isatty():
        parts.append(_piped())
    prompt = "\n\n".join(filter(None, parts))
    if not prompt:
        raise BadRequestError("there is no prompt: give one, or pipe it in")
    return prompt


def _piped() -> str:
    try:
        return sys.stdin.read().strip()
    except UnicodeDecodeError:
        raise BadRequestError("what was piped in is not text in the encoding of this terminal") from None
