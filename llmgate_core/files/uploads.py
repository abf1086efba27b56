"""Files and forms: whatever a caller may call a file -> `FilePart`; a form -> blocks of bytes.

Reads files; knows nothing of the network. Never holds a file in memory that the caller did not
hold there, never closes a file of the caller's, and never sends more of a path than its last part.

Source: RFC 7578; the WHATWG HTML standard, "multipart form data", for names; section "Multipart
rules" of docs/architecture.md for the fields, as the OpenAI SDK writes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import mimetypes
import os
import re
import secrets
import stat
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.errors import BadRequestError
from llmgate_core.json_codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["FormContent", "as_form", "file_part"]

SPOOLED_BYTES = 1024 * 1024  # of a stream that cannot seek; more of it lies on the disk
BLOCK_BYTES = 64 * 1024
ASYNC_BLOCK_BYTES = 256 * 1024  # larger, as every block costs a change of threads
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
_CONTENT_TYPE = re.compile(r"[!#$&^_.+\-0-9A-Za-z]+/[\x20-\x7e]+")
_ESCAPES = MappingProxyType({code: f"%{code:02X}" for code in (*range(32), ord('"'), 127)})
_BINARY = (bytes, bytearray, memoryview)


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
        raise _bad(param, "a tuple must be (name, content) or (name, content, content_type)")
    name, content, content_type = (*value, None)[:3]
    if content_type is not None and not (isinstance(content_type, str) and _CONTENT_TYPE.fullmatch(content_type)):
        raise _bad(param, "the third item of a tuple must be a content type like 'audio/wav'")
    return _part_of(content, name, content_type, param=param)


def _part_of(value: Any, name: str | None, content_type: str | None, *, param: str) -> FilePart:
    if isinstance(value, FilePart):
        return replace(
            value,
            filename=_basename(name) or value.filename,
            content_type=content_type or (_type_of(name) if _basename(name) else None) or value.content_type,
        )
    if isinstance(value, _BINARY):
        content = bytes(value)  # of bytes themselves no copy
        return _part(name, content_type, len(content), lambda: io.BytesIO(content), param=param)
    if isinstance(value, (str, os.PathLike)):
        return _part_of_path(value, name, content_type, param=param)
    if callable(getattr(value, "read", None)):
        return _part_of_file(value, name, content_type, param=param)
    raise _bad(param, f"a file is an open binary file, a path, bytes or (name, content), not {type(value).__name__}")


def _part_of_path(path: str | os.PathLike[str], name: str | None, content_type: str | None, *, param: str) -> FilePart:
    shown = repr(os.fspath(path))[:SHOWN_CHARACTERS]
    try:
        path = os.path.abspath(os.fsdecode(path))  # another try must find it, wherever we are by then
        status = os.stat(path)
    except FileNotFoundError:
        raise _bad(param, f"there is no file {shown}; pass the path of one, an open file or its bytes") from None
    except (OSError, ValueError) as error:
        raise _bad(param, f"{shown} cannot be opened: {_reason(error)}; pass an open file or its bytes") from None
    if stat.S_ISDIR(status.st_mode):
        raise _bad(param, f"{shown} is a directory; pass the path of a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise _bad(param, f"{shown} is no regular file; open it yourself and pass the open file, which is then copied")
    try:
        return _part(name or path, content_type, status.st_size, lambda: _opened(path), param=param)
    except OSError as error:
        raise _bad(param, f"{shown} cannot be read: {_reason(error)}; pass an open file or its bytes") from None


def _opened(path: str) -> BinaryIO:
    return open(path, "rb", buffering=0)  # the blocks that we read are large


def _part_of_file(file: Any, name: str | None, content_type: str | None, *, param: str) -> FilePart:
    """Return an open file from where it stands; it stays the caller's, and open."""
    own_name = getattr(file, "name", None)
    if name is None and isinstance(own_name, str) and not own_name.startswith("<"):  # such as <stdin>
        name = own_name
    shown = repr(name or type(file).__name__)[:SHOWN_CHARACTERS]
    if inspect.iscoroutinefunction(file.read):
        raise _bad(param, f"{shown} is read with await; pass the file inside it, or its bytes")
    try:
        if isinstance(file, io.TextIOBase) or isinstance(file.read(0), str):
            raise _bad(param, f"{shown} is open as text; open it with mode 'rb'")
        window = _window_of(file)
        return _part(name, content_type, window.size, window.open, param=param)
    except (OSError, ValueError) as error:  # ValueError: closed
        raise _bad(param, f"{shown} cannot be read: {_reason(error)}; open it with mode 'rb'") from None


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
    filename = _basename(name)
    if not size or not magic:
        what = repr(filename)[:SHOWN_CHARACTERS] if filename else "the file"
        raise _bad(param, f"{what} is empty; if it was read to its end before, call seek(0) on it first")
    extension = _extension_of(magic)
    filename = filename or f"upload{extension or '.bin'}"
    return FilePart(filename, content_type or _type_of(filename) or _type_of(extension) or _UNKNOWN_TYPE, size, opens)


def _basename(name: str | None) -> str:
    """Return the last part of a path of any system."""
    return re.split(r"[/\\]", name)[-1].strip() if name else ""


def _type_of(name: str | None) -> str | None:
    """Return the content type that the extension of `name` means."""
    extension = os.path.splitext(f"x{_basename(name)}")[1].lower()
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


def as_form(fields: Mapping[str, Any]) -> Multipart:
    """Return a request's parameters as a form, in their order; files are `FilePart`s, None is left out.

    Scalars are written as JSON writes them, lists as repeated `name[]`, objects as `name[key]`; a list
    with one file is that file.

    Raises:
        BadRequestError: a value that has no form; the message names it.
    """
    texts: list[tuple[str, str]] = []
    files: list[tuple[str, FilePart]] = []
    for name, value in fields.items():
        for key, leaf in _leaves(name, value, param=name):
            files.append((key, leaf)) if isinstance(leaf, FilePart) else texts.append((key, leaf))
    return Multipart(texts, files)


def _leaves(key: str, value: Any, *, param: str) -> Iterator[tuple[str, str | FilePart]]:
    """Yield the fields that `value` makes."""
    if value is None:
        return
    if isinstance(value, FilePart):
        yield key, value
    elif isinstance(value, Enum):
        yield from _leaves(key, value.value, param=param)
    elif isinstance(value, str):
        yield key, value
    elif isinstance(value, (bool, int, float)):
        yield key, _json(value, param).decode()
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(f"{key}[{name}]", item, param=param)
    elif isinstance(value, (list, tuple)):
        is_one_file = len(value) == 1 and isinstance(value[0], FilePart)
        for item in value:
            yield from _leaves(key if is_one_file else f"{key}[]", item, param=param)
    elif isinstance(value, _BINARY):
        raise _bad(param, f"{param} takes no file; bytes cannot stand in a field")
    else:
        yield from _leaves(key, decode(_json(value, param)), param=param)  # a pydantic model, a date, ...


def _json(value: Any, param: str) -> bytes:
    try:
        return encode(value)
    except ValueError as error:
        raise _bad(param, f"{param} cannot be sent in a form: {error}") from None


class FormContent:
    """`transport_contract.StreamedContent` of a form. Its boundary, and so its bytes, are the same for each try.

    Attributes:
        form: what it is made of.
        content_type: value of the header, with the boundary. length: bytes in all.
    """

    def __init__(self, form: Multipart) -> None:
        self.form = form
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        start = b"--%b\r\n" % boundary.encode()
        self._segments: list[tuple[str, FilePart]] = []
        text = b"".join(
            b'%bContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (start, _escaped(name), _utf8(name, value))
            for name, value in form.fields
        )
        for name, part in form.files:
            self._segments += [_text(text + start + _head_of(name, part)), (name, part)]
            text = b"\r\n"
        self._segments.append(_text(text + start[:-2] + b"--\r\n"))
        self.length = sum(part.size for _, part in self._segments)

    def blocks(self) -> Iterator[bytes]:
        """Yield the form in blocks of 64 KiB at most; see `transport_contract.StreamedContent.blocks`."""
        return self._read(BLOCK_BYTES)

    def ablocks(self) -> AsyncBlocks:
        """Yield the form; files are opened and read in threads of the event loop's own."""
        return AsyncBlocks(self._read(ASYNC_BLOCK_BYTES))

    def _read(self, block_bytes: int) -> Generator[bytes, None, None]:
        pieces: list[bytes] = []  # wait until they are a block: a small form is a single one
        count = 0
        for name, part in self._segments:
            for piece in _pieces_of(name, part, offset=count, block_bytes=block_bytes):
                pieces.append(piece)
                count += len(piece)
                if count >= block_bytes:
                    yield piece if len(pieces) == 1 else b"".join(pieces)
                    pieces, count = [], 0
        if pieces:
            yield b"".join(pieces)

    def __repr__(self) -> str:
        return f"FormContent({self.length} bytes)"


class AsyncBlocks:
    """Runs a blocking generator in threads, one step at a time.

    No asynchronous generator: those need their event loop to close the file.
    """

    def __init__(self, blocks: Generator[bytes, None, None]) -> None:
        self._blocks = blocks
        self._reading: asyncio.Future[bytes] | None = None

    def __aiter__(self) -> AsyncBlocks:
        return self

    async def __anext__(self) -> bytes:
        """Return the next block. A read cannot be stopped: who is cancelled here, leaves it to itself."""
        self._reading = asyncio.get_running_loop().run_in_executor(None, next, self._blocks, b"")
        if block := await asyncio.shield(self._reading):
            return block
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the file, once a read that goes on has ended. Idempotent."""
        if self._reading is None or self._reading.done():
            self._blocks.close()
        else:
            self._reading.add_done_callback(self._close_after)

    def _close_after(self, reading: asyncio.Future[bytes]) -> None:
        if not reading.cancelled():
            reading.exception()  # nobody waits for it any more
        self._blocks.close()


def _pieces_of(name: str, part: FilePart, *, offset: int, block_bytes: int) -> Iterator[bytes]:
    """Yield a file of a form; no piece goes past the end of a block, the first of which has `offset` bytes already.

    Raises:
        BadRequestError: it cannot be opened or read, or is shorter or longer than it was.
    """
    left = part.size
    try:
        with contextlib.closing(part.open()) as file:
            while left > 0:
                piece = file.read(min(left, block_bytes - offset % block_bytes))
                if not piece:
                    raise _changed(name, part, "shorter")
                left, offset = left - len(piece), offset + len(piece)
                yield piece
            if file.read(1):
                raise _changed(name, part, "longer")
    except BadRequestError:
        raise
    except Exception as error:  # a file of the caller's may raise anything
        message = f"{part.filename!r} cannot be read any more: {_reason(error)}; leave it open and in its place"
        raise BadRequestError(message, status_code=400, param=_param_of(name)) from error


def _text(content: bytes) -> tuple[str, FilePart]:
    return "", FilePart("", "", len(content), lambda: io.BytesIO(content))


def _head_of(name: str, part: FilePart) -> bytes:
    if not _CONTENT_TYPE.fullmatch(part.content_type):  # it may come from anywhere, and stands in a header
        raise _bad(
            _param_of(name), f"{part.filename!r} has a content type that cannot be sent; write it like 'audio/wav'"
        )
    return b'Content-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: %b\r\n\r\n' % (
        _escaped(name),
        _escaped(_basename(part.filename) or "upload.bin"),
        part.content_type.encode("ascii"),
    )


def _escaped(name: str) -> bytes:
    """Return a name as it may stand between quotes: in UTF-8, nothing in it ends the header."""
    return name.translate(_ESCAPES).encode("utf-8", "replace")


def _utf8(name: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise _bad(_param_of(name), f"{name} has a character that UTF-8 cannot write") from None


def _param_of(name: str) -> str:
    return name.split("[", maxsplit=1)[0]


def _changed(name: str, part: FilePart, how: str) -> BadRequestError:
    message = f"{part.filename!r} is {how} now than the {part.size} bytes it had; send it when nobody writes to it"
    return BadRequestError(message, status_code=400, param=_param_of(name))


def _reason(error: Exception) -> str:
    if isinstance(error, io.UnsupportedOperation):
        return "it is not open for that"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _bad(param: str, message: str) -> BadRequestError:
    return BadRequestError(message, status_code=400, param=param, attempts=0)
