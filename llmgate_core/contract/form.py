"""A multipart form whose files are streamed in place.

Pure data; `llmgate_core/files/form_content.py` makes the bytes. A file is opened again for each attempt,
so that a retry sends the same bytes.

Source: RFC 7578.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

__all__ = ["FilePart", "FormBody", "Multipart"]


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a call, whatever form the caller passed it in.

    Attributes:
        filename: as the upstream should see it; upstreams may take the format from its extension.
        content_type: as the caller set it, or else by the extension.
        size: in bytes.
        open: returns the file, positioned at its start, each time it is called. The caller closes it.
    """

    filename: str
    content_type: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Multipart:
    """A form: first `fields`, then `files`, each as pairs of name and value. Names may repeat."""

    fields: Sequence[tuple[str, str]] = ()
    files: Sequence[tuple[str, FilePart]] = ()


class FormBody(Protocol):
    """The content of a form; see `StreamedContent` in `contract/transport.py`. Only core creates one."""

    @property
    def content_type(self) -> str:
        """The header's value with the boundary, which is the same for all attempts."""
        ...

    @property
    def length(self) -> int:
        """The total size in bytes."""
        ...

    def blocks(self) -> Iterator[bytes]:
        """Yield the body from its start."""
        ...

    def ablocks(self) -> AsyncIterator[bytes]:
        """Do the same as `blocks`, without blocking the event loop."""
        ...
