"""Typed results of the embedding family.

Pure. `embedding` is a list of numbers, or a base64 string of little-endian float32 numbers if the caller asked for
that. Where core asked for base64 by itself, the list is made when it is first read.

Source: OpenAI API reference, `CreateEmbeddingResponse`.
"""

from __future__ import annotations

import binascii
import builtins
import sys
from array import array
from base64 import b64decode
from collections.abc import Generator, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import model_serializer

from llmgate_core.errors import APIResponseValidationError
from llmgate_core.types.base import Response, Result, TokenUsage

__all__ = ["Embedding", "EmbeddingResponse"]

FLOAT_BYTES = 4


class Embedding(Result):
    """The vector of one input."""

    __slots__ = ("_packed",)

    object: str | None = None
    index: int = 0
    embedding: list[float] | str

    def pack(self) -> None:
        """Keep a base64 vector as bytes, out of which `embedding` becomes a list once it is read; called by core."""
        if isinstance(self.__dict__.get("embedding"), str):
            builtins.object.__setattr__(self, "_packed", self.float32())
            vars(self).pop("embedding")

    def float32(self) -> bytes:
        """Return the vector as little-endian float32 numbers.

        Raises:
            APIResponseValidationError: it is a string, but not base64 of such numbers.
        """
        value = self.__dict__.get("embedding")
        if value is None:
            kept: bytes = builtins.object.__getattribute__(self, "_packed")
            return kept
        if not isinstance(value, str):
            return _little_endian(array("f", value)).tobytes()
        try:
            packed = b64decode(value, validate=True)
        except binascii.Error:
            packed = b""
        if not packed or len(packed) % FLOAT_BYTES:
            raise _invalid(f"the vector of input {self.index} is not base64 of float32 numbers")
        return packed

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Make the list of numbers when it is first read."""
            if name != "embedding":
                return super().__getattr__(name)
            try:
                packed = builtins.object.__getattribute__(self, "_packed")
            except AttributeError:
                return super().__getattr__(name)
            self.__dict__[name] = numbers = _array_of(packed).tolist()
            return numbers

    @model_serializer(mode="wrap")
    def _dump_read(self, dump: Any) -> Any:
        self.get("embedding")
        return dump(self)

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:
        self.get("embedding")
        yield from super().__iter__()

    def __eq__(self, other: builtins.object) -> bool:
        for row in (self, other):
            if isinstance(row, Embedding):
                row.get("embedding")
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # as every result: it can be changed

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        self.get("embedding")
        return super().__repr_args__()


class EmbeddingResponse(Response):
    """The vectors of all inputs, in order."""

    object: str | None = None
    model: str | None = None
    data: list[Embedding]
    usage: TokenUsage | None = None

    @property
    def vectors(self) -> Any:
        """The vectors without a Python number for each of theirs.

        A float32 array of numpy's with the shape (inputs, dimensions) where numpy is installed; else a list with an
        `array.array` of floats for each input.

        Raises:
            APIResponseValidationError: a vector is a string, but not base64 of float32 numbers.
        """
        packed = [row.float32() for row in self.data]
        try:
            numpy = import_module("numpy")
        except ImportError:
            return [_array_of(row) for row in packed]
        if len({len(row) for row in packed}) > 1:  # of several lengths: not one array
            return [numpy.frombuffer(bytearray(row), dtype="<f4") for row in packed]
        dimensions = len(packed[0]) // FLOAT_BYTES if packed else 0
        return numpy.frombuffer(bytearray(b"".join(packed)), dtype="<f4").reshape(len(packed), dimensions)

    def expect_vectors(self, count: int, *, is_packed: bool) -> None:
        """Check that there is a vector for each input, and put them in the order of the inputs; called by core.

        Args:
            count: of the inputs.
            is_packed: core asked for base64 by itself, and the caller expects numbers.

        Raises:
            APIResponseValidationError: a vector is missing; the message has the index of its input.
        """
        rows = self.data
        indexes = [row.index if type(row.index) is int else 0 for row in rows]  # of another type: as if there were none
        if indexes != list(range(len(rows))) and len(set(indexes)) > 1:  # some servers send no index
            rows.sort(key=lambda row: row.index if type(row.index) is int else 0)
            indexes.sort()
        else:
            indexes = list(range(len(rows)))
        missing = set(range(count)).difference(indexes)
        missing.update(index for index, row in zip(indexes, rows, strict=True) if not row.__dict__.get("embedding"))
        if missing:
            error = _invalid(f"there is no vector for input {min(missing)}: {len(rows)} vectors for {count} inputs")
            error.partial = self
            raise error
        if is_packed:
            for row in rows:
                row.pack()


def _array_of(packed: bytes) -> array[float]:
    numbers = array("f")
    numbers.frombytes(packed)
    return _little_endian(numbers)


def _little_endian(numbers: array[float]) -> array[float]:
    """Swap the bytes where this machine has the other order; the same function for both directions."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _invalid(reason: str) -> APIResponseValidationError:
    return APIResponseValidationError(reason, status_code=200, param="input")
