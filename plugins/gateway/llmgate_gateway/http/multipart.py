"""Read a multipart form as it arrives, its files to the disk: form -> request body with `FilePart`s.

Never holds more than 1 MiB of a file in memory, never blocks the event loop with the disk, keeps only the last part of
a file's name, and never opens a path that a client names.

Source: RFC 7578 and RFC 2046, section 5.1.1, for the boundary; rows R21 and S7 of docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import re
import tempfile
import threading
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, BinaryIO, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from llmgate_core.serving import FilePart, content_type_of
from llmgate_gateway.http.body import too_large
from llmgate_gateway.http.disposition import part_names
from llmgate_gateway.http.request import ClientRequest
from llmgate_gateway.http.responses import RefusedError, refuse
from llmgate_gateway.http.shortages import StorageError

__all__ = ["Form", "boundary_of", "fields_as_body", "read_form"]

MEMORY_BYTES = 1024 * 1024  # of a file; the rest goes to the disk
MAX_PARTS = 200
MAX_PART_HEADERS = 8
MAX_PART_HEADER_BYTES = 4096
MAX_FIELD_BYTES = 1024 * 1024
MAX_FIELDS_BYTES = 8 * 1024 * 1024
MAX_NAME_CHARACTERS = 256
MAX_NESTING = 4
BOUNDARY = re.compile(rb"[0-9a-zA-Z'()+_,./:=? -]{0,69}[0-9a-zA-Z'()+_,./:=?-]")
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
IDENTITY = frozenset({b"", b"binary", b"8bit", b"7bit"})
FILE_TYPE = re.compile(r"[!#$&^_.+\-0-9A-Za-z]+/[\x20-\x7e]+")


class Form:
    """The content of a form. Close it when the request has ended, which removes its files.

    Attributes:
        fields: name and value in their order; a value is a string or a `FilePart`.

    Args:
        folder: where its files are kept; None: the system's folder for temporary files.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.fields: list[tuple[str, str | FilePart]] = []
        self._folder = folder
        self._spools: list[Spool] = []

    def body(self) -> dict[str, Any]:
        """Return the form as a request body; see `fields_as_body`."""
        return fields_as_body(self.fields)

    def spool(self) -> Spool:
        """Return a new file of this form."""
        spool = Spool(self._folder)
        self._spools.append(spool)
        return spool

    async def finish(self) -> None:
        """Make sure that every file is whole.

        Raises:
            StorageError: the disk is full.
        """
        for spool in self._spools:
            await spool.finish()

    async def aclose(self) -> None:
        """Remove the files."""
        for spool in self._spools:
            spool.close()
        self._spools.clear()


class Spool:
    """A file that is written once, and then read many times, also concurrently."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._file = tempfile.SpooledTemporaryFile(max_size=MEMORY_BYTES, dir=folder)  # noqa: SIM115  # closed by its form
        self._lock = threading.Lock()
        self._written = 0
        self.size = 0  # complete once everything is written

    async def write(self, block: bytes) -> None:
        """Append a block; in a thread if it goes to the disk.

        Raises:
            StorageError: the disk is full, or the folder cannot be used.
        """
        self._written += len(block)
        if self._written <= MEMORY_BYTES:
            self._file.write(block)
        else:
            await self._on_disk(self._file.write, block)

    async def finish(self) -> None:
        """Write what Python has buffered, while an error can still be answered."""
        if self._written > MEMORY_BYTES:
            await self._on_disk(self._file.flush)

    async def _on_disk(self, act: Callable[..., object], *arguments: bytes) -> None:
        try:
            await asyncio.to_thread(act, *arguments)
        except OSError as error:
            raise StorageError(error, self._folder or tempfile.gettempdir()) from error

    def open(self) -> BinaryIO:
        """Return a reader from the start; closing it does not close the file."""
        return cast("BinaryIO", _Reader(self))

    def read_at(self, position: int, size: int) -> bytes:
        """Return the bytes at `position`."""
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)

    def close(self) -> None:
        """Remove the file; a reader that is still in use gets an error."""
        with self._lock, contextlib.suppress(OSError):  # no space for what is thrown away
            self._file.close()


class _Reader(io.RawIOBase):
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._at = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._spool.read_at(self._at, size)
        self._at += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Parts:
    """Receives the parser's callbacks. They only collect, since they cannot wait; `write_files` does the rest."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._field = ""
        self._file: tuple[str, str, Spool] | None = None
        self._text = bytearray()
        self._text_bytes = 0
        self._parts = 0
        self._pending: list[tuple[Spool, bytes]] = []
        self.is_complete = False

    def callbacks(self) -> Any:
        """Return the callbacks as the parser needs them."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    async def write_files(self) -> None:
        """Write what the last block had for files."""
        for spool, block in self._pending:
            await spool.write(block)
        self._pending.clear()

    def _complete(self) -> None:
        self.is_complete = True

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise refuse(413, f"The form has more than {MAX_PARTS} parts.", code="request_too_large", close=True)
        self._headers.clear()

    def _header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value).strip(b" \t")
        self._name.clear()
        self._value.clear()

    def _open(self) -> None:
        name, filename = part_names(self._headers.get(b"content-disposition"))
        if name is None:
            raise _invalid_form("A part of the form has no name.")
        if self._headers.get(b"content-transfer-encoding", b"").lower() not in IDENTITY:
            raise _invalid_form("A part of the form has a content-transfer-encoding; send its bytes as they are.")
        self._field = _text(name, "name")
        if len(self._field) > MAX_NAME_CHARACTERS:
            raise _invalid_form(f"The form has a field with a name of more than {MAX_NAME_CHARACTERS} characters.")
        self._text.clear()
        self._file = None
        if filename is not None:
            last = re.split(r"[/\\]", _text(filename, "file name"))[-1].strip()
            media = self._headers.get(b"content-type", b"").decode("latin-1")
            self._file = (last or "upload.bin", media, self._form.spool())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file[2].size += end - start
            self._pending.append((self._file[2], data[start:end]))
            return
        self._text += data[start:end]
        self._text_bytes += end - start
        if len(self._text) > MAX_FIELD_BYTES or self._text_bytes > MAX_FIELDS_BYTES:
            raise too_large(MAX_FIELD_BYTES, None)

    def _end(self) -> None:
        if self._file is None:
            self._form.fields.append((self._field, _text(bytes(self._text), "value")))
            return
        filename, media, spool = self._file
        if not FILE_TYPE.fullmatch(media):
            media = content_type_of(filename) or "application/octet-stream"
        self._form.fields.append((self._field, FilePart(filename, media, spool.size, spool.open)))


def fields_as_body(fields: Iterable[tuple[str, str | FilePart]]) -> dict[str, Any]:
    """Return fields as a request body: `name[]` and repeated names as lists, `name[key]` as objects.

    Raises:
        RefusedError: 400: a name is not of this form.
    """
    body: dict[str, Any] = {}
    for name, value in fields:
        parsed = NAME.fullmatch(name)
        keys = [] if parsed is None else re.findall(r"\[([^\[\]]*)\]", parsed[2])
        if parsed is None or len(keys) > MAX_NESTING:
            raise _invalid_form(f"The form has a field with an invalid name: {name[:80]!r}.")
        _put(body, [parsed[1], *keys], value, name)
    return body


def boundary_of(content_type: bytes) -> bytes | None:
    """Return the boundary of a form, or None if the content type is not that of a form.

    Raises:
        RefusedError: 400: the form has no valid boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        return None
    boundary = options.get(b"boundary", b"")
    if not BOUNDARY.fullmatch(boundary):
        raise refuse(400, "The form has no valid boundary.", code="invalid_form", close=True)
    return boundary


async def read_form(request: ClientRequest, form: Form, boundary: bytes, limit: int) -> None:
    """Read the client's form into `form`, block by block.

    Raises:
        RefusedError: 413 or 400. StorageError: no space for a file. ClientGoneError: the client disconnected.
    """
    parts = _Parts(form)
    parser = MultipartParser(
        boundary,
        parts.callbacks(),
        max_header_count=MAX_PART_HEADERS,
        max_header_size=MAX_PART_HEADER_BYTES,
    )
    parser.logger = logging.Logger("no one's", logging.CRITICAL)  # a mistake in a form concerns the client, not the log
    size, more = 0, True
    while more:
        block, more = await request.read()
        size += len(block)
        if size > limit:
            raise too_large(limit)
        try:
            parser.write(block)
        except FormParserError:
            raise refuse(400, "The form is not valid.", code="invalid_form", close=True) from None
        await parts.write_files()
    if not parts.is_complete:
        raise _invalid_form("The form ends before its last boundary.")
    await form.finish()


def _put(target: dict[str, Any], keys: list[str], value: str | FilePart, name: str) -> None:
    """Put a field where its name says."""
    for key, inner in pairwise(keys):
        holder = target.setdefault(key, {} if inner else [])
        if isinstance(holder, list) and inner == keys[-1] == "":
            holder.append(value)
            return
        if not isinstance(holder, dict) or not inner:
            raise _invalid_form(f"The form has conflicting values for {name[:80]!r}.")
        target = holder
    earlier = target.get(keys[-1])
    if isinstance(earlier, dict):
        raise _invalid_form(f"The form has conflicting values for {name[:80]!r}.")
    if earlier is None:
        target[keys[-1]] = value
    else:
        target[keys[-1]] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]


def _text(content: bytes, what: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid_form(f"The form has a {what} that is not UTF-8.") from None


def _invalid_form(message: str) -> RefusedError:
    return refuse(400, message, code="invalid_form", close=True)
