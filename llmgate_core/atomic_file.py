"""A file that is there only once it is whole: written beside its place, then moved into it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from types import TracebackType

__all__ = ["AtomicFile"]


class AtomicFile:
    """A context manager; leaving it without an error puts the file into its place, else nothing stays."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        descriptor, self._beside = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        self._file = os.fdopen(descriptor, "wb")

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
            if kind is None:
                os.replace(self._beside, self._path)
        finally:
            with contextlib.suppress(FileNotFoundError):  # moved into its place
                os.unlink(self._beside)
