"""What every typed result has in common.

Pure. Results accept unknown fields (`extra="allow"`), so a new upstream field is there on its
first day, and they are read by attribute or by `["..."]`. Nothing here judges what an upstream sent.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from typing_extensions import Self


from llmgate_core.types.record import Recorded

PartT = TypeVar("PartT")

if TYPE_CHECKING:
    Count = int
    Number = float
    Document = dict[str, Any]
    Loose = Annotated[PartT, "what the reference says; at run time anything"]
else:
    # whatever the upstream counted or nested is kept as it came: judging it would cost and lose
    Count = Number = Document = Any
    # the typed shape where it fits, else as it came: a new shape of a part never fails the whole answer
    Loose = Annotated[PartT | Any, Field(union_mode="left_to_right")]

__all__ = [
    "Count",
    "Deleted",
    "Document",
    "InputOutputUsage",
    "Item",
    "Loose",
    "Number",
    "Page",
    "Response",
    "Result",
    "TokenUsage",
    "Usage",
]


class Result(BaseModel):
    """A part of an answer: attribute and item access, unknown fields kept, printed without what it lacks."""

    model_config = ConfigDict(extra="allow", defer_build=True, protected_namespaces=())

    encoded_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields of base64 text, which are printed by their length."""

    def __getitem__(self, name: str) -> Any:
        extra = self.__pydantic_extra__
        if extra and name in extra:  # it may be called like one of our methods
            return extra[name]
        try:
            return getattr(self, name)
        except AttributeError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and hasattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the field `name`, or `default` where the answer has none."""
        try:
            return self[name]
        except KeyError:
            return default

    def __copy__(self) -> Self:
        return self._told(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self._told(super().__deepcopy__(memo))

    def _told(self, made: Self) -> Self:
        """Return a copy that knows what this one knows beside its fields, which is all that pydantic copies."""
        for name, value in self._slots().items():
            object.__setattr__(made, name, value)
        return made

    def _slots(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _slots_of(type(self)) if hasattr(self, name)}

    def __getstate__(self) -> dict[Any, Any]:
        slots = self._slots().items()
        kept = {name: value for name, value in slots if not isinstance(value, type) or _is_importable(value)}
        return {**super().__getstate__(), "slots": kept}  # else lost: pydantic's holds fields only

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        for name, value in state.get("slots", {}).items():
            object.__setattr__(self, name, value)

    def _extension(self, name: str) -> Any:
        """Return a field that the wire does not have but some servers send; dumps lack it where they do not."""
        return (self.__pydantic_extra__ or {}).get(name)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        is_set = self.__pydantic_fields_set__
        known = {name: value for name, value in self.__dict__.items() if name in is_set}
        for name, value in {**known, **(self.__pydantic_extra__ or {})}.items():
            if name in self.encoded_fields and isinstance(value, str):
                yield name, f"<{len(value)} characters>"
            else:
                yield name, value


@cache
def _slots_of(kind: type[Result]) -> tuple[str, ...]:
    """Return the names of what the classes of an answer remember beside its fields."""
    own = (base for base in kind.__mro__ if issubclass(base, Result))
    return tuple(name for base in own for name in base.__dict__.get("__slots__", ()))


def _is_importable(kind: type) -> bool:
    """Return whether a pickle can name a class; without its class an answer is read by `content` or `output_text`."""
    try:
        return attrgetter(kind.__qualname__)(sys.modules[kind.__module__]) is kind
    except (AttributeError, KeyError):
        return False


class Item(Result):
    """An object of a kind that is not listed here: attribute and item access all the way down."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            return _as_items(super().__getattr__(name))

    def __getitem__(self, name: str) -> Any:
        return _as_items(super().__getitem__(name))


def _as_items(value: Any) -> Any:
    """Return objects as items, when they are read: what came is stored and dumped as it is."""
    if isinstance(value, dict):
        return Item.model_validate(value)
    return [_as_items(part) for part in value] if isinstance(value, list) else value


class Response(Recorded, Result):
    """A whole answer. Its record lives in a slot, so it is neither dumped nor compared."""

    __slots__ = ("_record",)

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()  # which would take the price along
        if (record := state["slots"].get("_record")) is not None:
            state["slots"]["_record"] = record.settled(self.cost)
        return state


class TokenUsage(Result):
    """Token counts; None: the upstream did not say."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None


class PromptTokensDetails(Result):
    """Where the prompt's tokens went."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None
    text_tokens: Count | None = None
    image_tokens: Count | None = None


class CompletionTokensDetails(Result):
    """Where the answer's tokens went."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    text_tokens: Count | None = None
    accepted_prediction_tokens: Count | None = None
    rejected_prediction_tokens: Count | None = None


class Usage(TokenUsage):
    """Token counts of a chat or text completion, with details where the upstream gave them."""

    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


class InputTokensDetails(Result):
    """Where the input's tokens went."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    text_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class OutputTokensDetails(Result):
    """Where the output's tokens went."""

    reasoning_tokens: Count | None = None
    text_tokens: Count | None = None
    image_tokens: Count | None = None


class InputOutputUsage(Result):
    """Token counts of every family but chat, text completion and embedding."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    input_tokens_details: Loose[InputTokensDetails] | None = None
    output_tokens_details: Loose[OutputTokensDetails] | None = None


class Deleted(Response):
    """What was deleted."""

    id: str | None = None
    object: str | None = None
    deleted: bool | None = None


class Page(Response):
    """One page of a list. Iterating it gives its items; `last_id` is the next call's `after`."""

    object: str | None = None
    data: list[Loose[Item]]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool | None = None

    def __iter__(self) -> Generator[Any, None, None]:
        yield from self.data

    def __len__(self) -> int:
        return len(self.data)
