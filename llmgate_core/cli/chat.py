"""`llmgate chat MODEL [PROMPT]`: send a prompt and print the answer as it arrives."""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING, TextIO

from llmgate_core.cli.arguments import call_arguments
from llmgate_core.client.sync_client import Client
from llmgate_core.errors import BadRequestError
from llmgate_core.terminal import say

if TYPE_CHECKING:
    from llmgate_core.types.chat import ChatCompletion

__all__ = ["run"]


def run(given: argparse.Namespace) -> int:
    """Send the prompt and print the answer."""
    messages = [{"role": "user", "content": _prompt(given.prompt)}]
    if given.system is not None:
        messages.insert(0, {"role": "system", "content": given.system})
    arguments = {**call_arguments(given), "stream": not given.no_stream}
    with Client() as client:
        if given.no_stream:
            answer = client.completion(given.model, messages, **arguments)
            say(answer.model_dump_json(exclude_unset=True) if given.json else _text_of(answer))
            return 0
        with client.completion(given.model, messages, **arguments) as stream:
            for chunk in stream:
                if given.json:
                    say(chunk.model_dump_json(exclude_unset=True), flush=True)
                else:
                    _print_text(chunk)
    if not given.json:
        say()
    return 0


def _text_of(answer: ChatCompletion) -> str:
    return (answer.choices[0].message.text or "") if answer.choices else ""


def _print_text(chunk: object) -> None:
    for choice in getattr(chunk, "choices", None) or ():
        if choice.delta is not None and choice.delta.text:
            say(choice.delta.text, end="", flush=True)


def _prompt(given: str | None) -> str:
    """Return the prompt, followed by any piped input."""
    parts = [] if given in (None, "-") else [str(given)]
    stdin = sys.stdin  # None if the shell has closed it
    if stdin is not None and not stdin.closed and not (parts and stdin.isatty()):
        piped = _input(stdin).strip()
        parts += [piped] if piped else []
    if not parts:
        raise BadRequestError("there is no prompt: pass one as an argument, or pipe it in")
    return "\n\n".join(parts)


def _input(stdin: TextIO) -> str:
    """Return all of the piped input.

    Raises:
        BadRequestError: it cannot be read, or is not text.
    """
    if isinstance(stdin, io.TextIOWrapper):
        stdin.reconfigure(errors="strict")  # some locales let any byte pass
    try:
        return stdin.read()
    except UnicodeDecodeError as error:
        raise BadRequestError(f"standard input is not {error.encoding} text: see byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadRequestError(f"standard input cannot be read: {reason}") from None
