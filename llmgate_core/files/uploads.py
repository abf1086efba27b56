"""Whatever a caller may call a file -> `FilePart`.

Reads files; knows nothing of the network. Never holds a file in memory that the caller did not
hold there, never closes a file of the caller's, and never sends more of a path than its last part.
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
from llmgate_core.files.syntax import BINARY, CONTENT_TYPE, bad_file, basename, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["file_part"]

BLOCK_BYTES = 64 * 1024
SPOOLED_BYTES = 1024 * 1024  # of a stream that cannot seek; more of it lies on the disk
MAGIC_BYTES = 64
SHOWN_CHARACTERS = 200  # of a path in a message

_CONTENT_TYPES = MappingProxyType(
    {
        # what the standard library does not know, or calls by an old name or that of a video
        ".flac": "audio/flac",
        ".jsonl": "application/jsonl",
        ".m4a": "audio/mp4",
        ".mp3": "audio/mpeg",
        ".mpga": "audio/mpeg",
        ".oga": "audio/ogg",
        ".ogg": "audio/ogg",
        ".opus": "audio/ogg",
        ".wav": "audio/wav",
        ".webm": "video/webm",
        ".webp": "image/webp",
    }
)
_UNKNOWN_TYPE = "application/octet-stream"


def file_part(value: Any, *, param: str) -> FilePart:
    """Return `value` as a file: what the parameter `param` was given.

    It may be an open binary file, from where it stands now; a path, as text or `os.PathLike`; bytes,
    bytearray or memoryview; `(name, content)` or `(name, content, content_type)` with content any of
    these; or a `FilePart`. A file that can seek is read in place, one that cannot is copied once, now.
    Content without a name gets one whose extension is told by its first bytes, and `upload.bin` where
    they tell nothing: a wrong extension would be worse, as the upstream takes the format from it and
    would then blame the content.

    Raises:
        BadRequestError: none of these, text instead of bytes, not there, not to be read, or empty.
    """
    if not isinstance(value, tuple):
        return _part_of(value, None, None, param=param)
    if len(value) not in (2, 3) or not (value[0] is None or isinstance(value[0], str)):
        raise bad_file(param, "a tuple must be (name, content) or (name, content, content_type)")
    name, content, content_type = (*value, None)[:3]
    if content_type is not None and not (isinstance(content_type, str) and CONTENT_TYPE.fullmatch(content_type)):
        raise bad_file(param, "the third item of a tuple must be a content type like 'audio/wav'")
    return _part_of(content, name, content_type, param=param)


def _part_of(value: Any, name: str | None, content_type: str | None, *, param: str) -> FilePart:
    if isinstance(value, FilePart):
        return replace(
            value,
            filename=basename(name) or value.filename,
            content_type=content_type or (_type_of(name) if basename(name) else None) or value.content_type,
        )
    if isinstance(value, BINARY):
        content = bytes(value)  # of bytes themselves no copy
        return _part(name, content_type, len(content), lambda: io.BytesIO(content), param=param)
    if isinstance(value, (str, os.PathLike)):
        return _part_of_path(value, name, content_type, param=param)
    if callable(getattr(value, "read", None)):
        return _part_of_file(value, name, content_type, param=param)
    raise bad_file(param, f"a file is an open file, a path, bytes or (name, content), not {type(value).__name__}")


def _part_of_path(path: str | os.PathLike[str], name: str | None, content_type: str | None, *, param: str) -> FilePart:
    shown = repr(os.fspath(path))[:SHOWN_CHARACTERS]
    try:
        path = os.path.abspath(os.fsdecode(path))  # another try must find it, wherever we are by then
        status = os.stat(path)
    except FileNotFoundError:
        raise bad_file(param, f"there is no file {shown}; pass the path of one, an open file or its bytes") from None
    except (OSError, ValueError) as error:
        raise bad_file(param, f"{shown} cannot be opened: {reason_of(error)}; pass an open file or its bytes") from None
    if stat.S_ISDIR(status.st_mode):
        raise bad_file(param, f"{shown} is a directory; pass the path of a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise bad_file(param, f"{shown} is not a regular file; open it and pass the open file, which is then copied")
    try:
        return _part(name or path, content_type, status.st_size, lambda: _opened(path), param=param)
    except OSError as error:
        raise bad_file(param, f"{shown} cannot be read: {reason_of(error)}; pass an open file or its bytes") from None


def _opened(path: str) -> BinaryIO:
    return open(path, "rb", buffering=0)  # the blocks that we read are large


def _part_of_file(file: Any, name: str | None, content_type: str | None, *, param: str) -> FilePart:
    """Return an open file from where it stands; it stays the caller's, and open."""
    own_name = getattr(file, "name", None)
    if name is None and isinstance(own_name, str) and not own_name.startswith("<"):  # such as <stdin>
        name = own_name
    shown = repr(name or type(file).__name__)[:SHOWN_CHARACTERS]
    if inspect.iscoroutinefunction(file.read):
        raise bad_file(param, f"{shown} is read with await; pass the file inside it, or its bytes")
    try:
        if isinstance(file, io.TextIOBase) or isinstance(file.read(0), str):
            raise bad_file(param, f"{shown} is open as text; open it with mode 'rb'")
        window = _window_of(file)
        return _part(name, content_type, window.size, window.open, param=param)
    except (OSError, ValueError) as error:  # ValueError: closed
        raise bad_file(param, f"{shown} cannot be read: {reason_of(error)}; open it with mode 'rb'") from None


def _window_of(file: Any) -> _Window:
    seekable = getattr(file, "seekable", None)
    if seekable() if callable(seekable) else hasattr(file, "seek") and hasattr(file, "tell"):
        return _Window(file)
    copy = tempfile.SpooledTemporaryFile(max_size=SPOOLED_BYTES)  # noqa: SIM115  # closed by its window
    with contextlib.ExitStack() as undo:
        undo.callback(copy.close)
        while block := file.read(BLOCK_BYTES):
            copy.write(block)
        undo.pop_all()
    copy.seek(0)
    return _Window(copy, owned=copy)


def _part(
    name: str | None, content_type: str | None, size: int, opens: Callable[[], BinaryIO], *, param: str
) -> FilePart:
    """Return the part, with a name and a type told by the content where the caller gave none."""
    with opens() as file:
        magic = file.read(MAGIC_BYTES)
    filename = basename(name)
    if not size or not magic:
        what = repr(filename)[:SHOWN_CHARACTERS] if filename else "the file"
        raise bad_file(param, f"{what} is empty; if it was read to its end before, call seek(0) on it first")
    extension = _extension_of(magic)
    filename = filename or f"upload{extension or '.bin'}"
    return FilePart(filename, content_type or _type_of(filename) or _type_of(extension) or _UNKNOWN_TYPE, size, opens)


def _type_of(name: str | None) -> str | None:
    """Return the content type that the extension of `name` means."""
    extension = os.path.splitext(f"x{basename(name)}")[1].lower()
    return _CONTENT_TYPES.get(extension) or mimetypes.guess_type(f"x{extension}")[0]


_MAGIC = (
    # where, what, extension
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
    """Return the extension that the first bytes of a file mean; empty: none that we know."""
    for start, sign, extension in _MAGIC:
        if magic.startswith(sign, start) and (start != 8 or magic.startswith(b"RIFF")):
            return extension
    # MPEG audio of layer III without a tag
    is_frame = len(magic) > 2 and magic[0] == 0xFF and magic[1] & 0xE6 == 0xE2 and magic[2] & 0xF0 != 0xF0
    return ".mp3" if is_frame else ""


class _Window:
    """A file from where it stands now to its end, to be read many times over, at once if need be.

    `owned` is a copy that nobody else knows, and that is closed with us.
    """

    def __init__(self, file: Any, *, owned: Any = None) -> None:
        self._file = file
        self._owned = owned
        self._lock = threading.Lock()
        self._start: int = file.tell()
        file.seek(0, os.SEEK_END)
        self.size: int = max(file.tell() - self._start, 0)
        file.seek(self._start)

    def open(self) -> BinaryIO:
        """Return a view with a position of its own; closing it closes nothing."""
        return cast("BinaryIO", _View(self, self._start))

    def read_at(self, position: int, size: int) -> bytes:
        """Return what lies at `position`."""
        with self._lock:
            self._file.seek(position)
            return cast("bytes", self._file.read(size))

    def __del__(self) -> None:
        if getattr(self, "_owned", None) is not None:
            self._owned.close()


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
