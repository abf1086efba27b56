"""Read `.env`: the command line only, never the SDK. A variable that exists already wins.

Lines are `NAME=value` with optional `export`, quotes and comments. Nothing is expanded.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from llmgate_core.errors import ConfigError

__all__ = ["load_dotenv", "parse_dotenv"]

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
QUOTED = re.compile(r"""(["'])(.*)\1\s*(?:\#.*)?""")


def load_dotenv(path: str | None) -> None:
    """Put the variables of `path`, by default `.env` of the working directory, into the environment.

    Raises:
        ConfigError: a file that was named is not there, or a line is none; the value is not shown.
    """
    file = Path(path or ".env")
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        if path is not None:
            raise ConfigError(f"--env-file: there is no file {path!r}") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {type(error).__name__}") from None
    for name, value in parse_dotenv(text, str(file)).items():
        os.environ.setdefault(name, value)


def parse_dotenv(text: str, source: str) -> dict[str, str]:
    """Return the variables of a `.env` text."""
    found = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            match = LINE.fullmatch(line)
            if match is None:
                raise ConfigError(f"{source}:{number}: not a line like NAME=value")
            found[match[1]] = _value(match[2])
    return found


def _value(text: str) -> str:
    quoted = QUOTED.fullmatch(text)
    return quoted[2] if quoted else text.split(" #", maxsplit=1)[0].strip()
