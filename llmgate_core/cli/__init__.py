"""The command `llmgate`: one module a command, imported when it runs.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 failed, 2 usage, 130 interrupted.
No traceback for what is no bug of ours; `llmgate --help` imports no HTTP client and no plugin.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import warnings

from llmgate_core.cli.dotenv import load_dotenv
from llmgate_core.errors import LLMGateError

__all__ = ["main"]

COMMANDS = {
    "chat": "send one prompt and stream the answer",
    "models": "list the models that the catalogue and the plugins know",
    "plugins": "list the installed plugins, what they serve, and what failed",
    "explain": "say where a call would go and what becomes of each parameter; sends nothing",
    "doctor": "check this installation",
}
SERVE_OPTIONS = frozenset({"--config", "--model"})
"""`llmgate --config FILE` is short for `llmgate serve --config FILE`."""

NOT_INSTALLED = {"serve": "it comes with the gateway: pip install 'llmgate-core[gateway]'"}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # half a surrogate pair must not end a stream
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        return _status(given)


def _status(given: list[str]) -> int:
    try:
        status = _run(given)
        print(end="", flush=True)  # a reader that has gone shows here, not while Python shuts down
    except LLMGateError as error:
        _complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _let_go_of_stdout()
        return 1
    return status


def _run(given: list[str]) -> int:
    try:
        return _dispatch(given)
    except SystemExit as stop:  # how argparse ends, with 0 after --help and 2 for bad usage
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        _complain(stop.code)
        return 1


def _dispatch(given: list[str]) -> int:
    if given and given[0].partition("=")[0] in SERVE_OPTIONS:
        given = ["serve", *given]
    root = _Root(prog="llmgate", description="Call language models through installable plugins.", allow_abbrev=False)
    root.add_argument("--version", action=_Version, help="show the version and end")
    root.add_argument("--env-file", metavar="PATH", help="variables to read instead of .env in this directory")
    root.add_argument("command", metavar="COMMAND", nargs=argparse.PARSER, help="and its arguments")
    options = root.parse_args(given)
    name, *rest = options.command
    if name in COMMANDS:
        return _run_own(name, rest, options.env_file)
    load_dotenv(options.env_file)
    from llmgate_core.cli.commands import find_command

    command = find_command(name)
    if command is None:
        root.error(f"there is no command {name!r}; {NOT_INSTALLED.get(name, 'llmgate --help lists them')}")
    return command(rest)


def _run_own(name: str, rest: list[str], env_file: str | None) -> int:
    module = importlib.import_module(f"llmgate_core.cli.{name}")
    parser = argparse.ArgumentParser(prog=f"llmgate {name}", description=COMMANDS[name], allow_abbrev=False)
    module.add_arguments(parser)
    parser.add_argument("--env-file", metavar="PATH", default=env_file, help="variables to read instead of .env")
    given = parser.parse_args(rest)
    load_dotenv(given.env_file)
    status: int = module.run(given)
    return status


class _Root(argparse.ArgumentParser):
    """Lists the commands below its help; those of plugins by name, without importing them."""

    def format_help(self) -> str:
        from llmgate_core.cli.commands import installed_commands  # reads the disk, so only for --help

        lines = [f"  {name:<10} {words}" for name, words in COMMANDS.items()]
        lines += [f"  {claim.prefix:<10} from {claim.distribution}" for claim in installed_commands()]
        return super().format_help() + "\ncommands:\n" + "\n".join(lines) + "\n"


class _Version(argparse.Action):
    def __init__(self, option_strings: list[str], dest: str, **options: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=options.get("help"))

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"llmgate-core {importlib.import_module('llmgate_core').__version__}")
        parser.exit()


def _complain(message: str) -> None:
    """Write one line to stderr; what came from afar may hold line ends and terminal codes."""
    line = "".join(character if character.isprintable() else " " for character in message)
    print(f"llmgate: {line}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _complain(f"warning: {message}")


def _let_go_of_stdout() -> None:
    """Point stdout nowhere, so that nobody writes to the closed pipe again while Python shuts down."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
