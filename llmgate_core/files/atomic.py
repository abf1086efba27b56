"""A file that is there only once it is whole: written beside its place, then moved into it.

A link is followed, so that it stays one; what is no regular file (a pipe, a device) is written to directly.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType

__all__ = ["AtomicFile"]


class AtomicFile:
    """A context manager; leaving it without an error puts the file into its place, else nothing stays."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(os.path.realpath(path))
        is_special = self._path.exists() and not self._path.is_file()
        self._beside = None if is_special else self._path.with_name(f".{self._path.name[:200]}.{secrets.token_hex(6)}")
        self._file = open(self._path if self._beside is None else self._beside, "wb")  # noqa: SIM115 - closed on exit

    def write(self, block: bytes) -> None:
        """Add a block."""
        self._file.write(block)

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None and self._beside is not None:
                os.replace(self._beside, self._path)
        finally:
            if self._beside is not None:
                self._beside.unlink(missing_ok=True)
