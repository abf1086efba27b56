"""The base classes of all typed results.

Pure. Results accept unknown fields (`extra="allow"`), so a new upstream field can be read on its
first day, and they are read by attribute or by `["..."]`. What has another type than documented is read by `loose.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from llmgate_core.types.loose import Loosely
from llmgate_core.types.record import Recorded

if TYPE_CHECKING:
    from typing_extensions import Self

PartT = TypeVar("PartT")

if TYPE_CHECKING:
    Count = int
    Number = float
    Document = dict[str, Any]
    Loose = Annotated[PartT, "the documented type; at run time any value"]
    Promised = Annotated[PartT, "the documented type; at run time possibly None"]
else:
    # the upstream's counts and nested objects are kept unchanged: validation would cost time and could lose data
    Count = Number = Document = Any
    # the documented shape as far as it fits, else the raw value: a part in a new shape never fails the whole response
    Loose = Annotated[PartT, Loosely()]
    # the API promises it; some servers leave it out or send null
    Promised = Annotated[PartT | None, Field(default=None)]

__all__ = [
    "Count",
    "Deleted",
    "Document",
    "InputOutputUsage",
    "Item",
    "Loose",
    "Number",
    "Page",
    "Promised",
    "Response",
    "Result",
    "TokenUsage",
    "Usage",
]


class Result(BaseModel):
    """A response or a part of one: attribute and item access, unknown fields kept, unset fields not printed."""

    model_config = ConfigDict(extra="allow", defer_build=True, protected_namespaces=())

    encoded_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields with base64, of which only the length is printed."""
    essential_fields: ClassVar[frozenset[str]] = frozenset()
    """Optional fields that must have their documented type, like the required ones: the rest depends on them."""

    def __getitem__(self, name: str) -> Any:
        extra = self.__pydantic_extra__
        if extra and name in extra:  # it may have the name of one of our methods
            return extra[name]
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and hasattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field `name`, or `default` if there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    if not TYPE_CHECKING:

        def model_dump(self, **options: Any) -> dict[str, Any]:
            """Do as pydantic, without its warnings: a field may hold what the upstream sent instead of its type."""
            return super().model_dump(**{"warnings": False, **options})

        def model_dump_json(self, **options: Any) -> str:
            """Do as `model_dump`, and return JSON."""
            return super().model_dump_json(**{"warnings": False, **options})

    def __copy__(self) -> Self:
        return self._with_slots_of_self(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._with_slots_of_self(super().__deepcopy__(memo))

    def _with_slots_of_self(self, copy: Self) -> Self:
        """Add our slots to a copy: pydantic copies fields only."""
        for name, value in self._slots().items():
            object.__setattr__(copy, name, value)
        return copy

    def _slots(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _slots_of(type(self)) if hasattr(self, name)}

    def __getstate__(self) -> dict[Any, Any]:
        slots = {
            name: value for name, value in self._slots().items() if name != "_output_type" or _is_importable(value)
        }
        return {**super().__getstate__(), "slots": slots}  # pydantic's state has the fields only

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        for name, value in state.get("slots", {}).items():
            object.__setattr__(self, name, value)

    def _extension(self, name: str) -> Any:
        """Return a field that the API does not document but some servers send; dumps have it only if it was sent."""
        return (self.__pydantic_extra__ or {}).get(name)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        fields = {name: self.__dict__[name] for name in self.__dict__ if name in self.__pydantic_fields_set__}
        for name, value in {**fields, **(self.__pydantic_extra__ or {})}.items():
            if name in self.encoded_fields and isinstance(value, str):
                yield name, f"<{len(value)} characters>"
            else:
                yield name, value


@cache
def _slots_of(kind: type[Result]) -> tuple[str, ...]:
    """Return the names of the slots of a class and its bases: what a result holds besides its fields."""
    bases = (base for base in kind.__mro__ if issubclass(base, Result))
    return tuple(name for base in bases for name in base.__dict__.get("__slots__", ()))


def _is_importable(kind: Any) -> bool:
    """Return whether pickle can find a type by name; a result that loses its type has no `parsed` value."""
    arguments = get_args(kind)
    if arguments:
        return all(_is_importable(argument) for argument in arguments)
    try:
        return attrgetter(kind.__qualname__)(sys.modules[kind.__module__]) is kind
    except (AttributeError, KeyError):
        return False


class Item(Result):
    """An object without a class of its own: attribute and item access at every level."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            return _as_items(super().__getattr__(name))

    def __getitem__(self, name: str) -> Any:
        return _as_items(super().__getitem__(name))


def _as_items(value: Any) -> Any:
    """Return objects as items. Done on access, so that the raw value is stored and dumped unchanged."""
    if isinstance(value, dict):
        return Item.model_validate(value)
    return [_as_items(part) for part in value] if isinstance(value, list) else value


class Response(Recorded, Result):
    """A complete response. Its record is in a slot, so it is neither dumped nor compared."""

    __slots__ = ("_record",)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        if (record := state["slots"].get("_record")) is not None:
            state["slots"]["_record"] = record.settled(self.cost)  # the function that computes it cannot be pickled
        return state


class TokenUsage(Result):
    """Token counts; None: the upstream did not send it."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None


class PromptTokensDetails(Result):
    """The prompt's tokens by kind."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None
    text_tokens: Count | None = None
    image_tokens: Count | None = None


class CompletionTokensDetails(Result):
    """The completion's tokens by kind."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    text_tokens: Count | None = None
    accepted_prediction_tokens: Count | None = None
    rejected_prediction_tokens: Count | None = None


class Usage(TokenUsage):
    """Token counts of a chat or text completion, with details if the upstream sent them."""

    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


class InputTokensDetails(Result):
    """The input's tokens by kind."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    text_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class OutputTokensDetails(Result):
    """The output's tokens by kind."""

    reasoning_tokens: Count | None = None
    text_tokens: Count | None = None
    image_tokens: Count | None = None


class InputOutputUsage(Result):
    """Token counts of every family except chat, text completion and embedding."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    input_tokens_details: Loose[InputTokensDetails] | None = None
    output_tokens_details: Loose[OutputTokensDetails] | None = None


class Deleted(Response):
    """The confirmation of a deletion."""

    id: str | None = None
    object: str | None = None
    deleted: bool | None = None


class Page(Response):
    """One page of a list. Iterating it gives its items; pass `last_id` as the next call's `after`."""

    object: str | None = None
    data: list[Loose[Item]]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool | None = None

    def __iter__(self) -> Generator[Any, None, None]:
        yield from self.data

    def __len__(self) -> int:
        return len(self.data)
