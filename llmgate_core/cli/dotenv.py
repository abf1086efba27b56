"""Read `.env`. Only the command line does, never the SDK. A variable that is already set wins.

Lines are `NAME=value` with optional `export`, quotes and comments. Variables are not expanded.
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
        ConfigError: the named file does not exist or cannot be read, or a line is invalid. No value is shown.
    """
    file = Path(path or ".env")
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        if path is not None:
            raise ConfigError(f"--env-file: file {path!r} does not exist") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}") from None
    for name, value in parse_dotenv(text, str(file)).items():
        os.environ.setdefault(name, value)


def parse_dotenv(text: str, source: str) -> dict[str, str]:
    """Return the variables in the `text` of a `.env` file named `source`.

    Raises:
        ConfigError: a line is invalid; the message has its number and not its content.
    """
    variables = {}
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and not line.startswith("#"):
            match = LINE.fullmatch(line)
            if match is None:
                raise ConfigError(f"{source}:{number}: expected a line like NAME=value")
            variables[match[1]] = _value(match[2])
    return variables


def _value(text: str) -> str:
    quoted = QUOTED.fullmatch(text)
    return quoted[2] if quoted else text.split(" #", maxsplit=1)[0].strip()
