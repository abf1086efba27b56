r"""What the command line prints: results on standard output, each error as one line on standard error.

Answers, error messages and files of plugins come from outside. A control character in them could move the cursor, set
the window's title, write to the clipboard or reorder the line, so a terminal shows its JSON escape instead, such as
`\u001b`. A pipe or a file gets results as they are.

Source: ECMA-48 (C0, C1); Unicode Standard Annex 9 (controls of bidirectional text).
"""

from __future__ import annotations

import contextlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["OutputError", "drop_output", "flush_output", "one_line", "printable", "say", "say_error"]

LINE_SEPARATOR = " | "
CONTROLS = (
    *(code for code in range(0x20) if chr(code) not in "\n\t"),
    *range(0x7F, 0xA0),
    0x061C,
    *range(0x200E, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
)


class OutputError(Exception):
    """Standard output cannot be written: it is closed, or the device is full."""


def say(text: object = "", *, end: str = "\n", flush: bool = False) -> None:
    """Print a result on standard output.

    Args:
        text: what to print.
        end: what follows it.
        flush: do not wait for a full buffer or the end of the program.

    Raises:
        OutputError: it cannot be written. BrokenPipeError: its reader is gone.
    """
    stream = sys.stdout
    if stream is None:
        raise OutputError("it is closed")
    try:
        _write(stream, printable(f"{text}{end}") if stream.isatty() else f"{text}{end}")
        if flush:
            stream.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _output_error(error) from error


def say_error(text: object) -> None:
    """Print one line on standard error, which may be closed. Never raises."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        _write(sys.stderr, f"{one_line(str(text))}\n")
        sys.stderr.flush()


def flush_output() -> None:
    """Write what is still in the buffer of standard output.

    Raises:
        OutputError: it cannot be written. BrokenPipeError: its reader is gone.
    """
    if sys.stdout is None or sys.stdout.closed:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _output_error(error) from error


def drop_output() -> None:
    """Close standard output with what is still in its buffer, so that the interpreter does not write it at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.close()


def printable(text: str) -> str:
    """Return `text` with its control characters, but for line feeds and tabs, as JSON escapes."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate({code: f"\\u{code:04x}" for code in CONTROLS})


def one_line(text: str) -> str:
    """Return `text` as one printable line; ` | ` stands for its line breaks."""
    lines = text.splitlines()
    if len(lines) > 1:
        text = LINE_SEPARATOR.join(filter(None, map(str.strip, lines)))
    return printable(text.replace("\t", " ").rstrip("\n"))


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # the terminal's encoding lacks a character, or there is half of a surrogate pair
        encoding = stream.encoding or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _output_error(error: Exception) -> OutputError:
    return OutputError(getattr(error, "strerror", None) or str(error))
