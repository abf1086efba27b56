"""Settings of this machine: where files are kept, whether to print progress, and what a child process inherits.

The only place in this plugin that reads the environment, and only while a child starts. Plugins leave the
environment to core, since it belongs to a call (keys, base URLs); what is read here does not: it is about the disk,
the terminal and the libraries of the machine that the child runs on.

A child inherits the variables that are listed here and no others: keys of upstreams are none of its business, and
a variable such as LD_PRELOAD or PYTHONPATH decides what code it runs.

Source: ld.so(8) and dyld(1) for the search paths of libraries; the OpenMP API, "Environment Variables".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llmgate_core.plugin import errors, say_error

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["cache_directory", "child_environment", "fetch_environment", "import_path", "say"]

CHILD_VARIABLES = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "TZ", "LANG", "LANGUAGE",
        "SYSTEMROOT", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
        "LLMGATE_LOCAL_DIR", "LLMGATE_LOCAL_QUIET",
    }
)  # fmt: skip
CHILD_PREFIXES = ("LC_", "OMP_")
LOADS_LIBRARIES = "OMP_TOOL"  # the beginning of OMP_TOOL and OMP_TOOL_LIBRARIES
SEARCH_PATHS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
"""Only their absolute folders are passed on: a relative or empty one means the working directory."""

FETCH_VARIABLES = frozenset(
    {
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE", "NETRC", "VIRTUAL_ENV", "PYTHONUSERBASE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS", "XDG_DATA_HOME",
    }
)  # fmt: skip
FETCH_PREFIXES = ("PIP_", "UV_")


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


def child_environment() -> dict[str, str]:
    """Return the environment of a model's server: the listed variables, and absolute search paths of libraries."""
    environment = _listed(CHILD_VARIABLES, CHILD_PREFIXES)
    for name in SEARCH_PATHS:
        folders = [folder for folder in os.environ.get(name, "").split(os.pathsep) if os.path.isabs(folder)]
        if folders:
            environment[name] = os.pathsep.join(folders)
    return {**environment, "OMP_NUM_THREADS": "1"}


def fetch_environment() -> dict[str, str]:
    """Return the environment of pip or uv: that of a child, the settings of both, proxies and certificates."""
    return {**child_environment(), **_listed(FETCH_VARIABLES, FETCH_PREFIXES)}


def import_path() -> list[str]:
    """Return the folders that a child imports from: ours, but for those that depend on the working directory.

    An entry that is empty or relative means whatever directory the program is in when the child starts.
    """
    own = str(Path(__file__).resolve().parents[1])
    folders = [folder for folder in sys.path if os.path.isabs(folder)]
    return folders if own in folders else [*folders, own]


def _listed(names: frozenset[str], prefixes: Iterable[str]) -> dict[str, str]:
    beginnings = tuple(prefixes)
    return {
        name: value
        for name, value in os.environ.items()
        if (name.upper() in names or name.startswith(beginnings)) and not name.startswith(LOADS_LIBRARIES)
    }


def say(text: str) -> None:
    """Print progress on stderr; LLMGATE_LOCAL_QUIET=1 silences it."""
    if os.environ.get("LLMGATE_LOCAL_QUIET", "0") in ("", "0"):
        say_error(f"llmgate local: {text}")
