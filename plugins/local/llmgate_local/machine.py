"""Settings of this machine: where files are kept, and whether to print progress.

The only place in this plugin that reads the environment, and only while a child starts (which
inherits all of it). Plugins leave the environment to core, since it belongs to a call (keys, base
URLs); these three variables do not: they are about the disk and the terminal of the machine that
the child runs on.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from llmgate_core.plugin import errors

__all__ = ["cache_directory", "say"]


def cache_directory() -> Path:
    """Return the directory for the weights, which need not exist: LLMGATE_LOCAL_DIR, else the user's cache.

    Raises:
        ConfigError: neither is known, for example for a user without a home directory.
    """
    named = os.environ.get("LLMGATE_LOCAL_DIR")
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        directory = Path(named).expanduser() if named else Path(base or Path.home() / ".cache") / "llmgate"
    except RuntimeError as error:
        raise errors.ConfigError(f"there is no directory for the weights: {error} Set LLMGATE_LOCAL_DIR.") from error
    return Path(os.path.abspath(directory))


def say(text: str) -> None:
    """Print progress on stderr; LLMGATE_LOCAL_QUIET=1 silences it."""
    if sys.stderr is not None and os.environ.get("LLMGATE_LOCAL_QUIET", "0") in ("", "0"):
        sys.stderr.write(f"llmgate local: {text}\n")
        sys.stderr.flush()
