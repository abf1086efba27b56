"""The gateway's reader of forms, and llmgate's writer of forms.

Input: the form, whose boundary is `b`. Any cut of the same bytes gives the same fields and files, or the same refusal.
A form that was read is written again by our own writer, which a second reading takes back to the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from functools import lru_cache
from typing import Any

from llmgate_gateway.http.multipart import Form, boundary_of, fields_as_body, read_form
from llmgate_gateway.http.responses import RefusedError

from fuzz.cuts import ways_to_cut
from llmgate_core.contract.form import FilePart, Multipart
from llmgate_core.errors import BadRequestError
from llmgate_core.files.form_content import FormContent, as_form

__all__ = ["INSTRUMENTED", "check"]

INSTRUMENTED = ("llmgate_gateway.http.multipart", "llmgate_gateway.http.disposition", "llmgate_core.files")
BOUNDARY = b"b"
LIMIT = 1 << 20
QUOTED = re.compile(r'[\x00-\x1f"\x7f\\]')
"""Characters of names that the writer escapes as browsers do, or that readers take for an escape."""
Field = tuple[str, str | tuple[str, str, bytes]]


class Body:
    """The body of a request, in blocks: what `read_form` needs of one."""

    def __init__(self, blocks: list[bytes]) -> None:
        self._blocks = [*blocks, b""]

    async def read(self) -> tuple[bytes, bool]:
        """Return the next block, and whether more follow."""
        return self._blocks.pop(0), bool(self._blocks)


def check(data: bytes) -> None:
    """Read the form whole and in pieces, then write and read it again."""
    check_content_type(data)
    whole = outcome([data], BOUNDARY)
    has_preamble = not data.lstrip(b"\r\n").startswith(b"--" + BOUNDARY)  # python_multipart skips one by blocks
    for blocks in ways_to_cut(data):
        assert outcome(blocks, BOUNDARY) == whole or has_preamble, "a cut changed the form"
    if isinstance(whole, list):
        check_writing(whole)


def check_content_type(data: bytes) -> None:
    """Assert that the bytes as a header are a form, something else, or refused."""
    try:
        boundary = boundary_of(b"multipart/form-data; boundary=" + data.partition(b"\r")[0])
    except RefusedError:
        return
    assert boundary is None or 0 < len(boundary) <= 70, "a boundary has a length that the standard forbids"


def outcome(blocks: list[bytes], boundary: bytes) -> list[Field] | tuple[int, str | None]:
    """Return the fields and files of a form in their order, or the status and code of its refusal."""
    return event_loop().run_until_complete(_outcome(blocks, boundary))


async def _outcome(blocks: list[bytes], boundary: bytes) -> list[Field] | tuple[int, str | None]:
    form = Form()
    try:
        body: Any = Body(blocks)
        await read_form(body, form, boundary, LIMIT)
        with contextlib.suppress(RefusedError):  # an odd name
            fields_as_body(form.fields)
        return [(name, value if isinstance(value, str) else read(value)) for name, value in form.fields]
    except RefusedError as refused:
        return refused.error.status, refused.error.code
    finally:
        await form.aclose()


def read(part: FilePart) -> tuple[str, str, bytes]:
    """Return what a file of a form has."""
    with part.open() as file:
        content = file.read()
    assert len(content) == part.size, "a file has another size than it says"
    return part.filename, part.content_type, content


def check_writing(fields: list[Field]) -> None:
    """Assert that our writer's form is read as what was written."""
    strings = [(name, value) for name, value in fields if isinstance(value, str)]
    files = [
        (name, FilePart(value[0], value[1], len(value[2]), lambda content=value[2]: io.BytesIO(content)))
        for name, value in fields
        if not isinstance(value, str)
    ]
    content = FormContent(Multipart(strings, files))
    blocks = list(content.blocks())
    assert sum(map(len, blocks)) == content.length, "a form has another length than its head says"
    boundary = content.content_type.partition("boundary=")[2].encode()
    if any(QUOTED.search(name) for name, _ in fields) or any(QUOTED.search(part.filename) for _, part in files):
        return
    again = outcome(blocks, boundary)
    written = [*strings, *((name, read(part)) for name, part in files)]
    assert again == written, "our own form is read as another one"
    try:
        as_form(fields_as_body([*strings, *files]))
    except (RefusedError, BadRequestError):
        return


@lru_cache(maxsize=1)
def event_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of this process."""
    return asyncio.new_event_loop()
