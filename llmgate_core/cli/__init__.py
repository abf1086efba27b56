"""The command `llmgate`: one module per command, imported when it runs, and the commands of other distributions.

Results go to stdout, everything else to stderr, both through `llmgate_core.terminal`. Exit status: 0 done, 1 failed,
2 usage error, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from llmgate_core.cli.dotenv import load_dotenv
from llmgate_core.cli.installed import add_installed_commands
from llmgate_core.errors import ConfigError, LLMGateError
from llmgate_core.terminal import OutputError, drop_output, flush_output, say, say_error

__all__ = ["main"]

SERVE = "serve"
SERVE_OPTIONS = ("--config", "--model")  # `llmgate --config FILE` means `llmgate serve --config FILE`

KEY_PARAMETERS = ("api_key", "extra_headers")
"""Parameters of a call that may hold a key."""

COMMANDS = {
    "chat": "send a prompt and stream the answer",
    "models": "list the models of the catalogue and of the plugins",
    "plugins": "list the installed plugins, what they serve, and why one failed",
    "explain": "show where a call would go and how each parameter is handled, without sending it",
    "doctor": "check this installation",
    "plugin": "begin a plugin, or check one",
    "provider": "declare providers, show them, and check one with real calls",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0].split("=")[0] in SERVE_OPTIONS:
        words.insert(0, SERVE)
    try:
        try:
            return _run(words)
        finally:
            flush_output()  # here, since a failure at the end of the interpreter would be a traceback
    except OutputError as error:
        drop_output()
        say_error(f"llmgate: standard output cannot be written: {error}")
    except BrokenPipeError:
        drop_output()  # as with `| head`: whoever wanted the output has what they wanted
    return 1


def _run(words: Sequence[str]) -> int:
    try:
        given = _parsed(words)
        if given.env_file is not None or _reads_dotenv(given):
            load_dotenv(given.env_file, brings_key=_brings_key(given))
        status: int = given.run(given)
    except LLMGateError as error:
        say_error(f"llmgate: {error}")
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    return status


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return what was given. A prompt may stand behind the options, where argparse before Python 3.13 finds none."""
    parser = _parser(words)
    given, rest = parser.parse_known_args(words)
    if rest and getattr(given, "prompt", rest) is None and not rest[0].startswith("--"):
        given.prompt = rest.pop(0)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return given


def _reads_dotenv(given: argparse.Namespace) -> bool:
    """Return whether a command may need a key. To find out which variables are keys, plugins are imported."""
    if given.command in ("plugin", "provider"):
        return bool(given.action == "check" and given.command == "provider")
    return not (given.command == "plugins" and given.action is not None)


def _brings_key(given: argparse.Namespace) -> bool:
    """Return whether the command may send a key that is not in the environment: a parameter's, or a config's."""
    names = [item.partition("=")[0] for item in getattr(given, "param", None) or ()]
    return given.command not in COMMANDS or any(name in KEY_PARAMETERS for name in names)


class _Parser(argparse.ArgumentParser):
    """Prints help and usage errors as every command prints."""

    def __init__(self, **options: Any) -> None:
        if sys.version_info >= (3, 14):
            options["color"] = False  # its escapes would be shown as such
        super().__init__(**options)

    def _print_message(self, message: str, file: Any = None) -> None:
        if file is sys.stdout:
            say(message, end="")
            return
        for line in message.splitlines():
            say_error(line)


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser with all commands; those of other distributions only if one of them may be meant."""
    parser = _Parser(prog="llmgate", description="Call language models through installable plugins.")
    parser.add_argument("--version", action="version", version=f"llmgate-core {_version()}")
    env_help = "read every variable of this file, instead of the keys in .env of this directory"
    parser.add_argument("--env-file", metavar="PATH", help=env_help)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    called = _command_of(words)
    for name, help_text in COMMANDS.items():
        command = commands.add_parser(name, help=help_text, description=help_text)
        command.set_defaults(run=_runner(name))
        if name in _ADD:
            _ADD[name](command)
            command.add_argument("--json", action="store_true", help="print one JSON object per line")
        elif name == called:
            importlib.import_module(f"llmgate_core.cli.{name}").add_arguments(command)
    if called not in COMMANDS:
        add_installed_commands(commands, called)
    return parser


def _command_of(words: Sequence[str]) -> str | None:
    """Return the command: the first word that is neither an option nor an option's value."""
    rest = iter(words)
    for word in rest:
        if word == "--env-file":
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _runner(name: str) -> Callable[[argparse.Namespace], int]:
    def run(given: argparse.Namespace) -> int:
        status: int = importlib.import_module(f"llmgate_core.cli.{name}").run(given)
        return status

    return run


def _add_chat(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model string such as openai/gpt-4o")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="the prompt; - or none: read it from stdin")
    parser.add_argument("--system", metavar="TEXT", help="a system message to put before the prompt")
    parser.add_argument("--no-stream", action="store_true", help="wait for the complete answer")
    _add_call(parser)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model string such as openai/gpt-4o")
    parser.add_argument("--family", default="chat", help="the endpoint family (default: chat)")
    parser.add_argument("--message", default="Hello", metavar="TEXT", help="the prompt of the example call")
    parser.add_argument("--stream", action="store_true", help="explain a streamed call")
    _add_call(parser)


def _add_call(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=JSON", help="a parameter; can be repeated"
    )
    parser.add_argument("--api-base", metavar="URL", help="base URL of the upstream")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="timeout of the whole call")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=("update",),
        help="update: take facts and prices from a list that you have downloaded, LiteLLM's or that of models.dev",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the list, a JSON file")
    parser.add_argument("--prefix", default="", help="list only models whose name starts with this")
    parser.add_argument(
        "--provider", action="append", default=[], metavar="NAME", help="update only this provider; can be repeated"
    )
    parser.add_argument("--output", metavar="PATH", help="the catalogue file to write (default: catalogue.json)")
    parser.add_argument("--split", metavar="FOLDER", help="write one file a provider, for a plugin, into this folder")
    parser.add_argument("--as-of", metavar="DATE", help="the date of the list (default: when the file was changed)")


def _add_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        metavar="ACTION",
        nargs="?",
        choices=("lock", "verify"),
        help="lock: write down what may run; verify: compare what is installed with it, importing nothing",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="the lock; none: LLMGATE_PLUGINS_LOCK or plugins.lock")


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no arguments."""


_ADD = {
    "chat": _add_chat,
    "models": _add_models,
    "plugins": _add_plugins,
    "explain": _add_explain,
    "doctor": _add_nothing,
}


def _version() -> str:
    return str(importlib.import_module("llmgate_core").__version__)
