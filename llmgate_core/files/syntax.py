"""The syntax that files and forms share: names, content types, and why a file cannot be read."""

from __future__ import annotations

import io
import re

__all__ = ["BINARY", "CONTENT_TYPE", "basename", "reason_of"]

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
