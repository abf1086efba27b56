"""A multipart form whose files are streamed from where they lie.

Pure data here; the bytes are made in `uploads.py`. A file is opened anew for each try, so that
a retry sends the same bytes.

Source: RFC 7578.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

__all__ = ["FilePart", "FormBody", "Multipart"]


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


class FormBody(Protocol):
    """A form as it goes on the wire: see `transport_contract.StreamedContent`. Only core makes one."""

    @property
    def content_type(self) -> str:
        """With the boundary, which stays the same over all tries."""
        ...

    @property
    def length(self) -> int:
        """Bytes in all."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """Yield the body from its start."""
        ...

    def ablocks(self) -> AsyncIterator[bytes]:
        """As `blocks`, without blocking the event loop."""
        ...
