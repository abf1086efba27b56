"""Read `.env`: the command line only, never the SDK. A variable that exists already wins.

Lines are `NAME=value`, with `export`, quotes and comments where wanted. Nothing is expanded, and
no message repeats a value, which may be a key.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from llmgate_core.errors import ConfigError

__all__ = ["load_dotenv", "parse_dotenv"]

LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*
    (?:"(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<plain>[^"'\s#].*?)? )
    (?:(?:^|\s+)\#.*|(?<==)\#.*)?""",
    re.VERBOSE | re.ASCII,
)


def load_dotenv(path: str | None) -> None:
    """Put the variables of `path`, by default `.env` of the working directory, into the environment.

    Raises:
        ConfigError: a file that was named is not there, or a line is none.
    """
    file = Path(".env" if path is None else path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        if path is not None:
            raise ConfigError(f"--env-file: there is no file {path!r}") from None
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {type(error).__name__}") from None
    for name, value in parse_dotenv(text, str(file)).items():
        os.environ.setdefault(name, value)


def parse_dotenv(text: str, source: str) -> dict[str, str]:
    """Return the variables of a `.env` text; of two lines for one name the later counts.

    Raises:
        ConfigError: a line is neither empty, nor a comment, nor `NAME=value`.
    """
    found = {}
    for number, line in enumerate((line.strip() for line in text.split("\n")), 1):
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match is None or "\0" in line:
            raise ConfigError(f"{source}:{number}: not a line like NAME=value (it is not shown)")
        found[match["name"]] = match["double"] or match["single"] or match["plain"] or ""
    return found
