"""A binary response: speech, or the content of a video.

Holds the bytes in memory as received; decodes nothing. A failed write leaves no partial file behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from llmgate_core.files.atomic import AtomicFile
from llmgate_core.types.record import CallRecord, Recorded

__all__ = ["BinaryResponse"]


class BinaryResponse(Recorded):
    """Bytes and their content type.

    Attributes:
        content: the complete body. content_type: as the upstream sent it; None if it sent none.
    """

    __slots__ = ("_record", "content", "content_type")

    def __init__(self, content: bytes, content_type: str | None = None, record: CallRecord | None = None) -> None:
        self.content = content
        self.content_type = content_type
        if record is not None:
            self.attach(record)

    def read(self) -> bytes:
        """Return the complete body, each time it is called."""
        return self.content

    def iter_bytes(self, chunk_size: int = 65_536) -> Iterator[bytes]:
        """Yield the body in pieces of `chunk_size` bytes."""
        for start in range(0, len(self.content), chunk_size):
            yield self.content[start : start + chunk_size]

    def write_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the bytes to `path` atomically: the file appears when it is complete.

        Raises:
            OSError: the file cannot be written; an existing file is unchanged.
        """
        with AtomicFile(path) as file:
            file.write(self.content)

    def stream_to_file(self, path: str | os.PathLike[str]) -> None:
        """Do the same as `write_to_file`; the name that the OpenAI SDK also has."""
        self.write_to_file(path)

    def __len__(self) -> int:
        return len(self.content)

    def __bool__(self) -> bool:
        return True  # a response, even if it is empty

    def __repr__(self) -> str:
        return f"BinaryResponse({len(self.content)} bytes, content_type={self.content_type!r})"
