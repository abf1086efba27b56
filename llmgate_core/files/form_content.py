"""Convert parameters to a `Multipart`, and a `Multipart` to blocks of bytes, the same for each attempt.

Reads files; sends nothing.

Source: RFC 7578; the WHATWG HTML standard, "multipart form data", for names; the OpenAI SDK for the format of
fields.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import secrets
from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.errors import BadRequestError, bad_request
from llmgate_core.files.syntax import BINARY, CONTENT_TYPE, basename, reason_of
from llmgate_core.json_codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

__all__ = ["FormContent", "as_form"]

BLOCK_BYTES = 64 * 1024


ASYNC_BLOCK_BYTES = 256 * 1024  # larger, because every block costs a switch of threads


_ESCAPES = MappingProxyType({code: f"%{code:02X}" for code in (*range(32), ord('"'), 127)})


def as_form(fields: Mapping[str, Any]) -> Multipart:
    """Return a request's parameters as a form, in order; files must be `FilePart`s, None is omitted.

    Scalars are written as in JSON, lists as repeated `name[]`, objects as `name[key]`; a list
    with a single file is written as that file.

    Raises:
        BadRequestError: a value cannot be sent in a form; the message names the parameter.
    """
    strings: list[tuple[str, str]] = []
    files: list[tuple[str, FilePart]] = []
    for name, value in fields.items():
        for key, leaf in _leaves(name, value, param=name):
            files.append((key, leaf)) if isinstance(leaf, FilePart) else strings.append((key, leaf))
    return Multipart(strings, files)


def _leaves(key: str, value: Any, *, param: str) -> Iterator[tuple[str, str | FilePart]]:
    """Yield the form fields for `value`."""
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
    elif isinstance(value, BINARY):
        raise bad_request(param, f"{param} is not a file parameter: bytes cannot be sent in a field")
    else:
        yield from _leaves(key, decode(_json(value, param)), param=param)  # a pydantic model, a date, ...


def _json(value: Any, param: str) -> bytes:
    try:
        return encode(value)
    except ValueError as error:
        raise bad_request(param, f"{param} cannot be sent in a form: {error}") from None


class FormContent:
    """A form as `StreamedContent` of `contract/transport.py`. Its boundary, and so its bytes, are the same each time.

    Attributes:
        form: the form.
        content_type: the header's value, with the boundary. length: the total size in bytes.
    """

    def __init__(self, form: Multipart) -> None:
        self.form = form
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        start = b"--%b\r\n" % boundary.encode()
        self._segments: list[tuple[str, FilePart]] = []
        text = b"".join(
            b'%bContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (start, _escape(name), _utf8(name, value))
            for name, value in form.fields
        )
        for name, part in form.files:
            self._segments += [_text(text + start + _head_of(name, part)), (name, part)]
            text = b"\r\n"
        self._segments.append(_text(text + start[:-2] + b"--\r\n"))
        self.length = sum(part.size for _, part in self._segments)

    def blocks(self) -> Iterator[bytes]:
        """Yield the form in blocks of at most 64 KiB."""
        return self._read(BLOCK_BYTES)

    def ablocks(self) -> AsyncBlocks:
        """Yield the form; files are opened and read in the event loop's default executor."""
        return AsyncBlocks(self._read(ASYNC_BLOCK_BYTES))

    def _read(self, block_bytes: int) -> Generator[bytes, None, None]:
        pieces: list[bytes] = []  # collected up to one block, so that a small form is sent in one piece
        count = 0
        for name, part in self._segments:
            for piece in _pieces_of(name, part, offset=count, block_bytes=block_bytes):
                pieces.append(piece)
                count += len(piece)
                del piece
                if count >= block_bytes:
                    count = 0
                    yield _take_all(pieces)
        if pieces:
            yield _take_all(pieces)

    def __repr__(self) -> str:
        return f"FormContent({self.length} bytes)"


class AsyncBlocks:
    """Runs a blocking generator in threads, one step at a time.

    Not an async generator, because that would need its event loop to close the file.
    """

    def __init__(self, blocks: Generator[bytes, None, None]) -> None:
        self._blocks = blocks
        self._reading: asyncio.Future[bytes] | None = None

    def __aiter__(self) -> AsyncBlocks:
        return self

    async def __anext__(self) -> bytes:
        """Return the next block. After a cancellation a blocking read still finishes in its thread."""
        self._reading = asyncio.get_running_loop().run_in_executor(None, next, self._blocks, b"")
        block = await asyncio.shield(self._reading)
        self._reading = None  # it holds the block
        if block:
            return block
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the file, after a running read has ended. Idempotent."""
        if self._reading is None or self._reading.done():
            self._blocks.close()
        else:
            self._reading.add_done_callback(self._close_after)

    def _close_after(self, reading: asyncio.Future[bytes]) -> None:
        if not reading.cancelled():
            reading.exception()  # mark it as retrieved: no one awaits it any more
        self._blocks.close()


# A generator holds its variables for as long as the block that it has yielded is being sent, which may be long. So each
# gives away what it yields.


def _take_all(pieces: list[bytes]) -> bytes:
    """Return the pieces as one, and empty the list."""
    block = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    pieces.clear()
    return block


def _pieces_of(name: str, part: FilePart, *, offset: int, block_bytes: int) -> Iterator[bytes]:
    """Yield a file's content; no piece crosses the end of a block, the first of which already has `offset` bytes.

    Raises:
        BadRequestError: the file cannot be opened or read, or its size has changed.
    """
    left = part.size
    try:
        with contextlib.closing(part.open()) as file:
            while left > 0:
                piece = file.read(min(left, block_bytes - offset % block_bytes))
                if not piece:
                    raise _size_error(name, part, "shorter")
                left, offset = left - len(piece), offset + len(piece)
                given = [piece]
                del piece
                yield given.pop()
            if file.read(1):
                raise _size_error(name, part, "longer")
    except BadRequestError:
        raise
    except Exception as error:  # the caller's file object may raise anything
        message = f"{part.filename!r} can no longer be read: {reason_of(error)}; keep the file open and in place"
        raise BadRequestError(message, status_code=400, param=_param_of(name)) from error


def _text(content: bytes) -> tuple[str, FilePart]:
    return "", FilePart("", "", len(content), lambda: io.BytesIO(content))


def _head_of(name: str, part: FilePart) -> bytes:
    if not CONTENT_TYPE.fullmatch(part.content_type):  # it is the caller's, and part of a header
        raise bad_request(
            _param_of(name), f"{part.filename!r} has an invalid content type; it should look like 'audio/wav'"
        )
    return b'Content-Disposition: form-data; name="%b"; filename="%b"\r\nContent-Type: %b\r\n\r\n' % (
        _escape(name),
        _escape(basename(part.filename) or "upload.bin"),
        part.content_type.encode("ascii"),
    )


def _escape(name: str) -> bytes:
    """Return a name for use between quotes, in UTF-8: no character in it can end the header."""
    return name.translate(_ESCAPES).encode("utf-8", "replace")


def _utf8(name: str, value: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise bad_request(_param_of(name), f"{name} contains a character that cannot be encoded as UTF-8") from None


def _param_of(name: str) -> str:
    return name.split("[", maxsplit=1)[0]


def _size_error(name: str, part: FilePart, how: str) -> BadRequestError:
    message = f"{part.filename!r} is now {how} than the {part.size} bytes it had; send it while no program writes to it"
    return BadRequestError(message, status_code=400, param=_param_of(name))
