"""A multipart form whose files are streamed from where they lie.

Pure data here; the bytes are made in `uploads.py`. A file is opened anew for each try, so that
a retry sends the same bytes.

Source: RFC 7578.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

__all__ = ["FilePart", "Multipart"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a call, in whatever form the caller gave it.

    Attributes:
        filename: as the upstream shall see it; its extension may say the format.
        content_type: by the extension unless the caller named one.
        size: bytes.
        open: returns the file at its start, each time it is called. Whoever called closes it.
    """

    filename: str
    content_type: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Multipart:
    """A form: `fields` first, then `files`, each a name and a value; names may repeat."""

    fields: Sequence[tuple[str, str]] = ()
    files: Sequence[tuple[str, FilePart]] = ()
