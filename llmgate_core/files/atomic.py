"""Write a file atomically: write a temporary file next to the target, then replace the target with it.

Symbolic links are followed. A target that is not a regular file (a pipe, a device) is written directly.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

__all__ = ["AtomicFile"]


class AtomicFile:
    """A context manager: on success the temporary file replaces the target, on an error it is removed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(os.path.realpath(path))
        is_special = self._path.exists() and not self._path.is_file()
        self._temporary = (
            None if is_special else self._path.with_name(f".{self._path.name[:200]}.{os.urandom(6).hex()}")
        )
        self._file = open(self._path if self._temporary is None else self._temporary, "wb")  # noqa: SIM115 - closed on exit

    def write(self, block: bytes) -> None:
        """Append a block."""
        self._file.write(block)

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None and self._temporary is not None:
                os.replace(self._temporary, self._path)
        finally:
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)
