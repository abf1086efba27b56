"""The syntax that files and forms share: names, content types, and errors about a file."""

from __future__ import annotations

import io
import re

from llmgate_core.errors import BadRequestError

__all__ = ["BINARY", "CONTENT_TYPE", "bad_file", "basename", "reason_of"]

CONTENT_TYPE = re.compile(r"[!#$&^_.+\-0-9A-Za-z]+/[\x20-\x7e]+")
BINARY = (bytes, bytearray, memoryview)


def basename(name: str | None) -> str:
    """Return the last part of a path of any operating system."""
    return re.split(r"[/\\]", name)[-1].strip() if name else ""


def reason_of(error: Exception) -> str:
    """Return in a few words why a file could not be read."""
    if isinstance(error, io.UnsupportedOperation):
        return "it is not open for this operation"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def bad_file(param: str, message: str) -> BadRequestError:
    """Return the error for a file or form that cannot be sent."""
    return BadRequestError(message, status_code=400, param=param, attempts=0)
