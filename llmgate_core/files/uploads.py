"""Convert whatever a caller passes as a file to a `FilePart`.

Reads files; sends nothing. Never loads a file into memory that was not there before, never closes the
caller's file, and never sends more of a path than its last part.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import mimetypes
import os
import stat
import tempfile
import threading
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from llmgate_core.contract.form import FilePart
from llmgate_core.files.syntax import BINARY, CONTENT_TYPE, basename, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable
from llmgate_core.errors import bad_request

__all__ = ["content_type_of", "file_part"]

BLOCK_BYTES = 64 * 1024
SPOOLED_BYTES = 1024 * 1024  # of a stream that cannot seek; anything longer is copied to disk
MAGIC_BYTES = 64
SHOWN_CHARACTERS = 200  # of a path in a message

_CONTENT_TYPES = MappingProxyType(
    {
        # types that the standard library does not know, gives an old name, or takes for video
        ".flac": "audio/flac",
        ".jsonl": "application/jsonl",
        ".m4a": "audio/mp4",
        ".mp3": "audio/mpeg",
        ".mpga": "audio/mpeg",
        ".oga": "audio/ogg",
        ".ogg": "audio/ogg",
        ".opus": "audio/ogg",
        ".wav": "audio/wav",
        ".webm": "audio/webm",
        ".webp": "image/webp",
    }
)
_UNKNOWN_TYPE = "application/octet-stream"


def file_part(value: Any, *, param: str) -> FilePart:
    """Return the `value` of the parameter `param` as a file.

    It may be an open binary file, read from its current position; a path, as a string or `os.PathLike`; bytes,
    bytearray or memoryview; `(name, content)` or `(name, content, content_type)` with any of these as content;
    or a `FilePart`. A seekable file is read in place; one that cannot seek is copied once, now.
    Content without a name gets an extension by its first bytes, or the name `upload.bin` if they are unknown:
    the upstream takes the format from the extension, and a wrong one would make it blame the content.

    Raises:
        BadRequestError: `value` is none of these, is text instead of bytes, is empty, or cannot be found or read.
    """
    if not isinstance(value, tuple):
        return _part_of(value, None, None, param=param)
    if len(value) not in (2, 3) or not (value[0] is None or isinstance(value[0], str)):
        raise bad_request(param, "a tuple must be (name, content) or (name, content, content_type)")
    name, content, content_type = (*value, None)[:3]
    if content_type is not None and not (isinstance(content_type, str) and CONTENT_TYPE.fullmatch(content_type)):
        raise bad_request(param, "the third item of a tuple must be a content type like 'audio/wav'")
    return _part_of(content, name, content_type, param=param)


def _part_of(value: Any, name: str | None, content_type: str | None, *, param: str) -> FilePart:
    if isinstance(value, FilePart):
        return replace(
            value,
            filename=basename(name) or value.filename,
            content_type=content_type or (content_type_of(name) if basename(name) else None) or value.content_type,
        )
    if isinstance(value, BINARY):
        content = bytes(value)  # no copy if it is bytes already
        return _part(name, content_type, len(content), lambda: io.BytesIO(content), param=param)
    if isinstance(value, (str, os.PathLike)):
        return _part_of_path(value, name, content_type, param=param)
    if callable(getattr(value, "read", None)):
        return _part_of_file(value, name, content_type, param=param)
    raise bad_request(
        param, f"a file must be an open file, a path, bytes or (name, content), not {type(value).__name__}"
    )


def _part_of_path(path: str | os.PathLike[str], name: str | None, content_type: str | None, *, param: str) -> FilePart:
    shown = repr(os.fspath(path))[:SHOWN_CHARACTERS]
    try:
        path = os.path.abspath(os.fsdecode(path))  # a retry must find it even after a change of the working directory
        status = os.stat(path)
    except FileNotFoundError:
        raise bad_request(
            param, f"there is no file {shown}; pass the path of a file, an open file or its bytes"
        ) from None
    except (OSError, ValueError) as error:
        raise bad_request(
            param, f"{shown} cannot be opened: {reason_of(error)}; pass an open file or its bytes"
        ) from None
    if stat.S_ISDIR(status.st_mode):
        raise bad_request(param, f"{shown} is a directory; pass the path of a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise bad_request(param, f"{shown} is not a regular file; open it and pass the open file, which will be copied")
    try:
        return _part(name or path, content_type, status.st_size, lambda: _open_file(path), param=param)
    except OSError as error:
        raise bad_request(
            param, f"{shown} cannot be read: {reason_of(error)}; pass an open file or its bytes"
        ) from None


def _open_file(path: str) -> BinaryIO:
    return open(path, "rb", buffering=0)  # we read large blocks


def _part_of_file(file: Any, name: str | None, content_type: str | None, *, param: str) -> FilePart:
    """Return an open file, from its current position; the caller keeps it, and it stays open."""
    file_name = getattr(file, "name", None)
    if name is None and isinstance(file_name, str) and not file_name.startswith("<"):  # such as <stdin>
        name = file_name
    shown = repr(name or type(file).__name__)[:SHOWN_CHARACTERS]
    if inspect.iscoroutinefunction(file.read):
        raise bad_request(param, f"{shown} has an async read(); pass the synchronous file that it wraps, or its bytes")
    try:
        if isinstance(file, io.TextIOBase) or isinstance(file.read(0), str):
            raise bad_request(param, f"{shown} is open as text; open it with mode 'rb'")
        window = _window_of(file)
        return _part(name, content_type, window.size, window.open, param=param)
    except (OSError, ValueError) as error:  # ValueError: closed
        raise bad_request(param, f"{shown} cannot be read: {reason_of(error)}; open it with mode 'rb'") from None


def _window_of(file: Any) -> _Window:
    seekable = getattr(file, "seekable", None)
    if seekable() if callable(seekable) else hasattr(file, "seek") and hasattr(file, "tell"):
        return _Window(file)
    copy = tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES)  # noqa: SIM115  # its window closes it
    with contextlib.ExitStack() as on_error:
        on_error.callback(copy.close)
        while block := file.read(BLOCK_BYTES):
            copy.write(block)
        on_error.pop_all()
    copy.seek(0)
    return _Window(copy, owned_copy=copy)


def _part(
    name: str | None, content_type: str | None, size: int, open_file: Callable[[], BinaryIO], *, param: str
) -> FilePart:
    """Return the part, with a name and a type taken from the content if the caller gave none."""
    with open_file() as file:
        magic = file.read(MAGIC_BYTES)
    filename = basename(name)
    if not size or not magic:
        shown = repr(filename)[:SHOWN_CHARACTERS] if filename else "the file"
        raise bad_request(param, f"{shown} is empty; if it was already read to its end, call seek(0) on it first")
    extension = _extension_of(magic)
    filename = filename or f"upload{extension or '.bin'}"
    return FilePart(
        filename,
        content_type or content_type_of(filename) or content_type_of(extension) or _UNKNOWN_TYPE,
        size,
        open_file,
    )


def content_type_of(name: str | None) -> str | None:
    """Return the content type for the extension of `name`, or None if it is unknown."""
    extension = os.path.splitext(f"x{basename(name)}")[1].lower()
    return _CONTENT_TYPES.get(extension) or mimetypes.guess_type(f"x{extension}")[0]


_MAGIC = (
    # offset, signature, extension
    (0, b"fLaC", ".flac"),
    (0, b"OggS", ".ogg"),
    (0, b"ID3", ".mp3"),
    (0, b"\x1aE\xdf\xa3", ".webm"),
    (0, b"\x89PNG\r\n\x1a\n", ".png"),
    (0, b"\xff\xd8\xff", ".jpeg"),
    (8, b"WAVE", ".wav"),
    (8, b"WEBP", ".webp"),
    (4, b"ftypM4A", ".m4a"),
    (4, b"ftyp", ".mp4"),
    (0, b"%PDF-", ".pdf"),
)


def _extension_of(magic: bytes) -> str:
    """Return the extension for the first bytes of a file; empty if they are unknown."""
    for start, signature, extension in _MAGIC:
        if magic.startswith(signature, start) and (start != 8 or magic.startswith(b"RIFF")):
            return extension
    # MPEG audio of layer III without a tag
    is_frame = len(magic) > 2 and magic[0] == 0xFF and magic[1] & 0xE6 == 0xE2 and magic[2] & 0xF0 != 0xF0
    return ".mp3" if is_frame else ""


class _Window:
    """A file from its current position to its end, which can be read many times, and concurrently.

    `owned_copy` is a copy that no one else uses; it is closed together with the window.
    """

    def __init__(self, file: Any, *, owned_copy: Any = None) -> None:
        self._file = file
        self._owned_copy = owned_copy
        self._lock = threading.Lock()
        self._start: int = file.tell()
        file.seek(0, os.SEEK_END)
        self.size: int = max(file.tell() - self._start, 0)
        file.seek(self._start)

    def open(self) -> BinaryIO:
        """Return a view with its own position; closing it does not close the file."""
        return cast("BinaryIO", _View(self, self._start))

    def read_at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes at `position`."""
        with self._lock:
            self._file.seek(position)
            return cast("bytes", self._file.read(size))

    def __del__(self) -> None:
        if getattr(self, "_owned_copy", None) is not None:
            self._owned_copy.close()


class _View(io.RawIOBase):
    """One reader of a `_Window`."""

    def __init__(self, window: _Window, start: int) -> None:
        self._window = window
        self._at = start

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._window.read_at(self._at, size)
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
