"""What callers may pass as files and text, for type checkers; core checks the values themselves.

Source: `llmgate_core.files.uploads.file_part` for files, the OpenAI API reference for text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from llmgate_core.contract.form import FilePart

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter

__all__ = ["FileValue", "ImageValue", "MessageValue", "MessagesValue", "OutputValue", "TextValue"]


class BinaryReader(Protocol):
    """An open binary file."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes; all that is left where no size is given."""
        ...


FileContent: TypeAlias = "str | PathLike[str] | bytes | bytearray | memoryview | BinaryReader | FilePart"

FileValue: TypeAlias = "FileContent | tuple[str | None, FileContent] | tuple[str | None, FileContent, str | None]"
"""A path, an open binary file, bytes, or `(name, content)` or `(name, content, content_type)` of one of these."""

ImageValue: TypeAlias = "FileValue | Mapping[str, Any]"
"""A file, or a reference that the upstream fetches: `{"image_url": ...}` or `{"file_id": ...}`."""

MessageValue: TypeAlias = "Mapping[str, Any] | BaseModel"
"""A dict with `role` and `content`, the message of an earlier answer, or a message object of another library."""

MessagesValue: TypeAlias = "str | Sequence[MessageValue]"
"""A list of messages; a string is one message of the user."""

OutputValue: TypeAlias = "type[Any] | TypeAdapter[Any] | Mapping[str, Any]"
"""What an answer is to be read as: a class, a type such as `list[City]`, a `TypeAdapter`; or an object of the API."""

TextValue: TypeAlias = "str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]"
"""A string, several strings, the tokens of one, or the tokens of several."""
