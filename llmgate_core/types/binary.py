"""The answer that is bytes: speech, the content of a video.

Holds them in memory as they came; decodes nothing. Writing to a file never leaves half a file behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from llmgate_core.files.atomic import AtomicFile
from llmgate_core.types.record import CallRecord, Recorded

__all__ = ["BinaryResponse"]


class BinaryResponse(Recorded):
    """Bytes and what they are.

    Attributes:
        content: the whole body. content_type: as the upstream said, None where it did not.
    """

    __slots__ = ("_record", "content", "content_type")

    def __init__(self, content: bytes, content_type: str | None = None, record: CallRecord | None = None) -> None:
        self.content = content
        self.content_type = content_type
        if record is not None:
            self.attach(record)

    def read(self) -> bytes:
        """Return the whole body, each time."""
        return self.content

    def iter_bytes(self, chunk_size: int = 65_536) -> Iterator[bytes]:
        """Yield the body in pieces of `chunk_size` bytes."""
        for start in range(0, len(self.content), chunk_size):
            yield self.content[start : start + chunk_size]

    def write_to_file(self, path: str | os.PathLike[str]) -> None:
        """Write the bytes to `path`, which is there only once it is whole.

        Raises:
            OSError: the file cannot be written; what stood there before stays.
        """
        with AtomicFile(path) as file:
            file.write(self.content)

    def stream_to_file(self, path: str | os.PathLike[str]) -> None:
        """As `write_to_file`."""
        self.write_to_file(path)

    def __len__(self) -> int:
        return len(self.content)

    def __bool__(self) -> bool:
        return True  # an answer, even where it is empty

    def __repr__(self) -> str:
        return f"BinaryResponse({len(self.content)} bytes, content_type={self.content_type!r})"
