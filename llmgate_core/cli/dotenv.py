"""Read `.env`. Only the command line does, never the SDK. A variable that is already set wins.

Lines are `NAME=value` with optional `export`, quotes and comments. Variables are not expanded.

The `.env` of the working directory is read without being asked for, and whoever made the directory wrote it. So it
gives keys, and never says where a key from elsewhere goes or which code runs: `working_directory.py` has the rule. A
file that `--env-file` names gives every variable.
"""

from __future__ import annotations

import os
import re
import stat

from llmgate_core.errors import ConfigError
from llmgate_core.terminal import say_error

__all__ = ["load_dotenv", "parse_dotenv"]

DEFAULT = ".env"
MAX_BYTES = 64 * 1024
MAX_SHOWN_NAMES = 50
MAX_NAME_CHARACTERS = 60
LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*([^\0]*)")
QUOTED = re.compile(r"""(["'])(.*)\1\s*(?:\#.*)?""")


def load_dotenv(path: str | None, *, brings_key: bool = True) -> None:
    """Put variables of a file into the environment, and print the names of those that count and those that do not.

    Args:
        path: the file that was asked for, which gives every variable; None: `.env` of the working directory.
        brings_key: the command may send a key that is not in the environment.

    Raises:
        ConfigError: the named file does not exist, the file cannot be read, is not a regular file or has more than
            64 KiB, or a line is invalid. No value is shown.
    """
    text = _read(path or DEFAULT, must_exist=path is not None)
    if text is None:
        return
    variables = parse_dotenv(text, path or DEFAULT)
    if path is None:
        variables = {name: value for name, value in variables.items() if name not in os.environ}
        from llmgate_core.cli.working_directory import trusted_variables  # imports a client, which --help does not need

        trusted = trusted_variables(variables, brings_key=brings_key)
        _show(trusted, [name for name in variables if name not in trusted])
        variables = trusted
    for name, value in variables.items():
        os.environ.setdefault(name, value)


def parse_dotenv(text: str, source: str) -> dict[str, str]:
    """Return the variables in the `text` of a `.env` file named `source`.

    Raises:
        ConfigError: a line is invalid; the message has its number and not its content.
    """
    variables = {}
    for number, line in enumerate(map(str.strip, re.split(r"\r\n|\n|\r", text)), 1):
        if line and not line.startswith("#"):
            match = LINE.fullmatch(line)
            if match is None:
                raise ConfigError(f"{source}:{number}: expected a line like NAME=value")
            variables[match[1]] = _value(match[2])
    return variables


def _read(file: str, *, must_exist: bool) -> str | None:
    """Return the content of a file, without a byte order mark; None: there is no such file."""
    try:
        mode = os.stat(file).st_mode
        if not stat.S_ISDIR(mode):
            return _content(file, mode)
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}") from None
    if must_exist:
        raise ConfigError(f"--env-file: file {file!r} does not exist")
    return None


def _content(file: str, mode: int) -> str:
    if not stat.S_ISREG(mode):
        raise ConfigError(f"{file} is not a regular file, and was not opened")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file, flags), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # it was replaced in the meantime
            raise ConfigError(f"{file} is not a regular file, and was not read")
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{file} has more than {MAX_BYTES // 1024} KiB, and was not read")
    return content.decode("utf-8-sig")


def _value(text: str) -> str:
    quoted = QUOTED.fullmatch(text)
    return quoted[2] if quoted else text.split(" #", maxsplit=1)[0].strip()


def _show(trusted: dict[str, str], ignored: list[str]) -> None:
    parts = []
    if trusted:
        parts.append(f"took {_names(list(trusted))}")
    if ignored:
        parts.append(f"ignored {_names(ignored)} (--env-file {DEFAULT} reads every variable)")
    if parts:
        say_error(f"llmgate: {DEFAULT} of this directory: {'; '.join(parts)}")


def _names(names: list[str]) -> str:
    shown = [f"{name[:MAX_NAME_CHARACTERS]}{'...' * (len(name) > MAX_NAME_CHARACTERS)}" for name in names]
    more = f" and {len(names) - MAX_SHOWN_NAMES} more" if len(names) > MAX_SHOWN_NAMES else ""
    return ", ".join(shown[:MAX_SHOWN_NAMES]) + more
