"""In which shapes an operation takes its files: one or several, or references to files that the upstream has.

Pure: the files stay where they are. Core has made a `FilePart` of every file that a caller gave.

Source: OpenAI API reference, POST /audio/transcriptions, /images/edits, /images/variations and /videos.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmgate_core.contract.call import Call, JsonObject, Route
from llmgate_core.contract.form import FilePart
from llmgate_core.contract.ledger import Ledger, LedgerEntry

__all__ = ["FileInput", "arrange_files"]

A_FILE = "an open binary file, a path, bytes, or (name, content, content_type)"
A_REFERENCE = "{'image_url': ...} or {'file_id': ...}"


@dataclass(frozen=True, slots=True)
class FileInput:
    """How an operation takes one of its files.

    Attributes:
        many: a list may have several.
        sent_as: the field in which references to files are sent instead, as JSON; None: no references are taken.
        required: the operation needs it.
    """

    many: bool = False
    sent_as: str | None = None
    required: bool = False

    def __str__(self) -> str:
        files = f"one file, or a list of files: {A_FILE}" if self.many else f"one file: {A_FILE}"
        return files if self.sent_as is None else f"{files}; or references: {A_REFERENCE}"

    def items(self, route: Route, name: str, value: Any) -> list[Any]:
        """Return the files or the references that `value` holds.

        Raises:
            BadRequestError: there is none, there are too many, or `value` mixes files and references.
        """
        items = value if isinstance(value, list) else [] if value is None else [value]
        is_missing = not items and (self.required or value is not None)
        is_one_kind = _are_files(items) or (self.sent_as is not None and _are_references(items))
        if is_missing or not is_one_kind or (len(items) > 1 and not self.many):
            raise route.bad_request(name, f"{name} must be {self}")
        return items


def arrange_files(
    call: Call, route: Route, shapes: Mapping[str, FileInput], source: str
) -> tuple[JsonObject, tuple[LedgerEntry, ...]]:
    """Check the files of a call, and rename those that go as references.

    Returns:
        The body, which is `call.body` itself where nothing changed, and entries for what was renamed.

    Raises:
        BadRequestError: a file is missing or malformed, or some are files and others references.
    """
    body, ledger = call.body, Ledger(route, source)
    are_references: bool | None = None
    for name, shape in shapes.items():
        if name not in body and shape.sent_as in body:
            continue  # in the form of the API already
        items = shape.items(route, name, body.get(name))
        if not items:
            continue
        if are_references is None:
            are_references = _are_references(items)
        elif are_references != _are_references(items):
            kind = "references" if are_references else "files"
            raise route.bad_request(name, f"the other inputs are {kind}, so {name} must be too: {shape}")
        if are_references and shape.sent_as not in (name, None):
            ledger.bridged(name, f"references are sent as {shape.sent_as!r}, in JSON")
            body = {**({"model": route.model} if body is call.body else {}), shape.sent_as: items, **body}
            del body[name]
    return body, ledger.entries


def _are_references(items: list[Any]) -> bool:
    return all(isinstance(item, Mapping) for item in items)


def _are_files(items: list[Any]) -> bool:
    return all(isinstance(item, FilePart) for item in items)
